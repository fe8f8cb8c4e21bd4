#!/bin/sh
# SPDX-License-Identifier: MIT
# Build for another architecture and run the tests under qemu-user:
#     tools/cross.sh arm64|s390x BUILDDIR [meson test arguments]
set -eu
arch=$1 build=$2
shift 2
top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$build"
build=$(cd "$build" && pwd)
"$top/tools/foreign-cmocka.sh" "$arch" "$build/sysroot"
sed "s|@SYSROOT@|$build/sysroot|g" "$top/cross/$arch.ini" >"$build/cross.ini"
[ -e "$build/b/build.ninja" ] ||
    meson setup "$build/b" "$top" --cross-file "$build/cross.ini" --werror -Dpcap=disabled -Dtests=enabled
ninja -C "$build/b"
meson test -C "$build/b" --no-rebuild --timeout-multiplier 10 "$@"
