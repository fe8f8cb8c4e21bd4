#!/bin/sh
# SPDX-License-Identifier: MIT
# Join static libraries into one archive whose only global symbols are the exported ones:
#     tools/static-library.sh LD OBJCOPY AR OUTPUT WORKDIR INPUT...
set -eu
ld=$1 objcopy=$2 ar=$3 output=$4 work=$5
shift 5
mkdir -p "$work"
rm -f "$output"
"$ld" -r --whole-archive "$@" -o "$work/weir.o"
"$objcopy" --localize-hidden "$work/weir.o"
"$ar" rcsD "$output" "$work/weir.o"
