#!/bin/sh
# SPDX-License-Identifier: MIT
# Run every fuzz target of a build for a bounded time; new inputs are kept in BUILDDIR/corpus, a crash
# leaves its input in BUILDDIR/crashes and prints the command that replays it. Without -entropic=0 the
# fuzzer's own accounts of what an input reaches cost ten times what the target does.
#     tools/fuzz.sh BUILDDIR SECONDS
set -eu
build=$(cd "$1" && pwd) seconds=$2
top=$(cd "$(dirname "$0")/.." && pwd)
fail=0
for target in "$build"/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target")
    mkdir -p "$build/corpus/$name" "$build/crashes"
    seeds=$top/fuzz/corpus/${name#fuzz_}
    [ -d "$seeds" ] || seeds=
    if "$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
        -entropic=0 -print_final_stats=1 -artifact_prefix="$build/crashes/$name-" "$build/corpus/$name" $seeds \
        >"$build/$name.log" 2>&1; then
        echo "ok - $name: $(awk '/number_of_executed_units/ {print $2}' "$build/$name.log") executions"
    else
        fail=1
        tail -n 30 "$build/$name.log"
        echo "not ok - $name; replay: $target $(ls -t "$build/crashes/$name-"* 2>/dev/null | head -n 1)"
    fi
done
exit $fail
