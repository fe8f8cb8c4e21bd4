#!/bin/sh
# SPDX-License-Identifier: MIT
# Run every benchmark of a build, then count the instructions of each row by callgrind, which a noisy
# machine does not disturb (some minutes; --quick leaves it out):
#     tools/bench.sh BUILDDIR [--json|--quick]
set -eu
build=$1
shift
for program in "$build"/bench/bench_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    "$program" "$@"
    echo
done
# Instructions an operation: the difference of two runs, so that the start of the program does not count.
instructions() { # instructions PROGRAM ROW N
    for n in "$3" $(($3 * 2)); do
        # callgrind counts each byte of `rep movsb` as an instruction: copy with vectors instead.
        GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824 \
            valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" --once "$2" "$n" 2>&1 |
            awk '/Collected/ {print $NF}'
    done | awk -v n="$3" -v row="$2" 'NR == 1 {first = $1} NR == 2 {
        printf "%-40s %12.1f instructions/op\n", row, ($1 - first) / n}'
}
if [ "${1:-}" != --quick ] && command -v valgrind >/dev/null; then
    echo "instructions (callgrind)"
    for program in "$build"/bench/bench_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        "$program" --list | while read -r row; do
            instructions "$program" "$row" 200
        done
    done
fi
