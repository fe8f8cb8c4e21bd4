#!/bin/sh
# SPDX-License-Identifier: MIT
# The command weir drill from outside: exit codes, and what it prints where. TAP.
#     cli.sh WEIR
set -u
weir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

# Run weir drill, with $input as standard input, keeping $out, $err and $code.
input=
run() {
    code=0
    printf '%s' "$input" | "$weir" drill "$@" >"$work/out" 2>"$work/err" || code=$?
    out=$(tr -d '\000' <"$work/out") err=$(cat "$work/err")
    input=
}
is() { # is NAME STATUS
    number=$((number + 1))
    if [ "$2" = 0 ]; then
        echo "ok $number - $1"
    else
        failed=1
        echo "not ok $number - $1"
        printf '# code %s\n' "$code"
        printf '%s\n' "$out" "$err" | head -n 20 | sed 's/^/# /'
    fi
}
has() { case $1 in *"$2"*) return 0 ;; *) return 1 ;; esac; }

good='0 < S 5:5(0) win 1000
+0 > R. 0:0(0) ack 6
'
bad='0 < S 5:5(0) win 1000
+0 > R. 0:0(0) ack 7
'
mkdir "$work/set" "$work/set/b"
printf '%s' "$good" >"$work/set/z.pkt"
printf '%s' "$good" >"$work/set/b/a.pkt"
printf 'none\n' >"$work/set/notes.txt"

run "$work/set/z.pkt"
[ "$code" = 0 ] && has "$out" 'ok ' && has "$out" '2 events, 2 packets' && [ -z "$err" ]
is 'a script that passes' $?

input=$bad
run -
[ "$code" = 1 ] && has "$out" 'FAILED -' && has "$out" '-:2: the packet differs in: ack' &&
    has "$out" 'expected  0.000000  > R. 0:0(0) ack 7' && has "$out" 'actual    0.000000  > R. 0:0(0) ack 6'
is 'a script that fails, from standard input' $?

input='0 nothing() = 0'
run -
[ "$code" = 2 ] && has "$out" 'BROKEN -' && has "$out" "-:1: there is no call 'nothing'"
is 'a script that is wrong' $?

run "$work/none.pkt"
[ "$code" = 2 ] && has "$err" 'No such file'
is 'a script that is not there' $?

run "$work/set"
[ "$code" = 0 ] && has "$out" 'b/a.pkt' && has "$out" 'z.pkt' && ! has "$out" notes &&
    has "$out" '2 passed, 0 failed, 0 broken'
is 'a directory of scripts' $?

input=$bad
run "$work/set/z.pkt" - "$work/set/b/a.pkt"
[ "$code" = 1 ] && has "$out" '2 passed, 1 failed, 0 broken'
is 'several scripts, one of which fails' $?

input=$bad
run -D 7=6 -
[ "$code" = 0 ]
is 'a definition' $?

run --json "$work/set"
[ "$code" = 0 ] && has "$out" '"verdict": "passed"' && has "$out" '"packets": 2'
is 'a report as JSON' $?

run -v "$work/set/z.pkt"
[ "$code" = 0 ] && has "$out" '0.000000     < S 5:5(0) win 1000'
is 'every event' $?

run --ip6 -w "$work/out.pcapng" "$work/set"
[ "$code" = 0 ] && [ "$(head -c 4 "$work/out.pcapng" | od -An -tx1 | tr -d ' ')" = 0a0d0d0a ]
is 'a capture' $?

input=$good
run --check -
[ "$code" = 0 ] && has "$out" '2 events' && ! has "$out" packets
is 'a check' $?

run
[ "$code" = 2 ] && has "$err" 'a script is missing'
is 'no script' $?

run -D x "$work/set"
[ "$code" = 2 ] && has "$err" 'NAME=VALUE'
is 'a definition that is none' $?

echo "1..$number"
exit $failed
