#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles by itself, with warnings as errors, in C and in C++.
#     headers.sh c|c++ INCLUDEDIR
set -eu
language=$1 include=$2
case $language in
c) compiler=${CC:-cc} standard=c11 ;;
c++) compiler=${CXX:-c++} standard=c++17 ;;
esac
if ! command -v "${compiler%% *}" >/dev/null; then
    echo "1..0 # SKIP no $language compiler"
    exit 0
fi
n=0 fail=0
for header in "$include"/weir/*.h; do
    n=$((n + 1))
    if $compiler -x "$language" -std=$standard -Wall -Wextra -Werror -pedantic -fsyntax-only \
        -I"$include" -include "$header" /dev/null; then
        echo "ok $n - weir/$(basename "$header")"
    else
        echo "not ok $n - weir/$(basename "$header")"
        fail=1
    fi
done
echo "1..$n"
exit $fail
