#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public function that may change a stack tells its recorder when it begins and when it is over, and
# has its place in WEIR_CALLS: else a recording would not replay.
#     recorded.sh SOURCE-DIRECTORY
set -eu
cd "$1"
# Those that take a stack which is not const, joined to one line each.
changing=$(cat include/weir/stack.h include/weir/net.h include/weir/udp.h include/weir/tcp.h |
    tr '\n' ' ' | tr ';' '\n' |
    sed -n 's/.*WEIR_API [^(]*[ *]\(weir_[a-z0-9_]*\)(weir_stack \*stack.*/\1/p' | sort -u)
n=0 fail=0
[ -n "$changing" ] || { echo "Bail out! no functions found in include/weir"; exit 1; }
for function in weir_stack_init $changing; do
    n=$((n + 1))
    call=$(echo "${function#weir_}" | tr '[:lower:]' '[:upper:]')
    body=$(awk -v name="$function(" '/^[a-z]/ { inside = index($0, name) > 0 } inside' src/core/*.c)
    missing=
    grep -q "X($call, ${function#weir_})" include/weir/record.h || missing="$missing WEIR_CALLS"
    case $body in *"RECORD(stack, $call"*) ;; *) missing="$missing beginning" ;; esac
    case $body in
    *"RECORD_DONE(stack, $call"* | *"recorded(stack, WEIR_CALL_$call"* | *"recorded_handle(stack, WEIR_CALL_$call"*) ;;
    *) missing="$missing end" ;;
    esac
    if [ -z "$missing" ]; then echo "ok $n - $function"; else
        echo "not ok $n - $function: missing:$missing"
        fail=1
    fi
done
echo "1..$n"
exit $fail
