#!/bin/sh
# SPDX-License-Identifier: MIT
# Only weir_* is visible from outside, in the shared library and in the archive, and every function
# declared in the public headers is there.
#     exports.sh NM SHARED ARCHIVE
set -eu
nm=$1 shared=$2 archive=$3
include=$(cd "$(dirname "$0")/../../include/weir" && pwd)
# The last word of a declaration's first line before "(" is the function's name.
declared=$(sed -n 's/^WEIR_API .*[ *]\(weir_[a-z0-9_]*\)(.*/\1/p' "$include"/*.h | sort -u)
fail=0
report() { # report NUMBER NAME PROBLEM
    if [ -z "$3" ]; then echo "ok $1 - $2"; else
        echo "not ok $1 - $2:" $3
        fail=1
    fi
}
[ -n "$declared" ] || { echo "Bail out! no declarations found in $include"; exit 1; }
echo 1..4
# Names that every object made with coverage or sanitizers carries are the tools' own.
tools='^(__asan_|__odr_asan|__ubsan_|__gcov|mangle_path$|__llvm_|_init$|_fini$|_edata$|_end$|__bss_start$)'
names=$("$nm" -D --defined-only "$shared" | awk '{print $NF}' | sed 's/@.*//' | grep -Ev "$tools" | sort -u)
report 1 "the shared library exports only weir_*" "$(echo "$names" | grep -v '^weir_' || true)"
report 2 "the shared library has every declared function" \
    "$(echo "$declared" | while read -r f; do echo "$names" | grep -qx "$f" || echo "$f"; done)"
names=$("$nm" -g --defined-only "$archive" | awk 'NF == 3 {print $NF}' | grep -Ev "$tools" | sort -u)
report 3 "the archive exports only weir_*" "$(echo "$names" | grep -v '^weir_' || true)"
report 4 "the archive has every declared function" \
    "$(echo "$declared" | while read -r f; do echo "$names" | grep -qx "$f" || echo "$f"; done)"
exit $fail
