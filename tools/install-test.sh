#!/bin/sh
# SPDX-License-Identifier: MIT
# Install into a scratch place and build the examples against what was installed, through pkg-config,
# with the shared library and with the archive:
#     tools/install-test.sh DIR
set -eu
rm -rf "$1"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
meson setup "$dir/build" "$top" --prefix=/usr -Dlibdir=lib -Dtests=disabled >/dev/null
ninja -C "$dir/build" >/dev/null
DESTDIR=$dir/root meson install -C "$dir/build" --no-rebuild >/dev/null
for file in usr/bin/weir usr/lib/libweir.a usr/lib/libweir.so.0 usr/include/weir/weir.h \
    usr/lib/pkgconfig/weir.pc usr/share/man/man1/weir.1; do
    [ -e "$dir/root/$file" ] || { echo "not installed: $file" >&2; exit 1; }
done
export PKG_CONFIG_LIBDIR=$dir/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir/root
for example in "$top"/examples/*.c; do
    name=$(basename "$example" .c)
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags weir) "$example" -o "$dir/$name-shared" \
        $(pkg-config --libs weir)
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags weir) "$example" -o "$dir/$name-static" \
        "$dir/root/usr/lib/libweir.a"
    LD_LIBRARY_PATH=$dir/root/usr/lib "$dir/$name-shared"
    "$dir/$name-static"
done
LD_LIBRARY_PATH=$dir/root/usr/lib "$dir/root/usr/bin/weir" --version
