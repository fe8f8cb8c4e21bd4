#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the core for a bare Cortex-M4, prove that it needs nothing but the four memory functions and the
# compiler's own runtime, and print its size:
#     tools/freestanding.sh BUILDDIR
set -eu
build=$1
top=$(cd "$(dirname "$0")/.." && pwd)
[ -e "$build/build.ninja" ] ||
    meson setup "$build" "$top" --cross-file "$top/cross/cortex-m4.ini" --werror -Dcore_only=true \
        -Ddefault_library=static -Db_staticpic=false -Doptimization=s -Ddebug=false
ninja -C "$build"
arm-none-eabi-ld -r --whole-archive "$build/libweircore.a" -o "$build/core.o"
runtime=$(arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -print-libgcc-file-name)
{
    printf '%s\n' memcpy memmove memset memcmp
    arm-none-eabi-nm --defined-only "$runtime" 2>/dev/null | awk 'NF == 3 {print $3}'
} | sort -u >"$build/allowed"
needed=$(arm-none-eabi-nm --undefined-only "$build/core.o" | awk '{print $2}' | sort -u |
    comm -23 - "$build/allowed")
if [ -n "$needed" ]; then
    echo "freestanding: the core needs more than it may:" $needed >&2
    exit 1
fi
mutable=$(arm-none-eabi-size -A "$build/core.o" | awk '/^\.(data|bss)/ && $2 > 0 {print $1 "=" $2}')
if [ -n "$mutable" ]; then
    echo "freestanding: mutable variables at file scope: $mutable" >&2
    exit 1
fi
echo "freestanding core on Cortex-M4 (-Os), bytes:"
arm-none-eabi-size "$build/core.o"
