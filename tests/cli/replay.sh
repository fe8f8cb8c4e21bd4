#!/bin/sh
# SPDX-License-Identifier: MIT
# `weir sim --record` and `weir replay` from outside: what they print, where, and how they end. TAP.
#     replay.sh WEIR
set -u
weir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0

run() { # run ARGUMENT...: keeps $out, $err and $code
    code=0
    "$weir" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    out=$(tr -d '\000' <"$work/out") err=$(cat "$work/err")
}

is() { # is NAME STATUS
    number=$((number + 1))
    if [ "$2" = 0 ]; then
        echo "ok $number - $1"
    else
        failed=1
        echo "not ok $number - $1"
        printf '# code %s\n' "$code"
        printf '%s\n' "$out" | head -n 20 | sed 's/^/# out: /'
        printf '%s\n' "$err" | head -n 20 | sed 's/^/# err: /'
    fi
}
has() { case $1 in *"$2"*) return 0 ;; *) return 1 ;; esac; }
lines() { printf '%s\n' "$1" | grep -c ''; }

wrong() { # wrong NAME NEEDLE ARGUMENT...: code 2, one line that says what
    name=$1 needle=$2
    shift 2
    run "$@"
    is "$name" "$([ $code = 2 ] && [ -z "$out" ] && has "$err" "$needle" && [ "$(lines "$err")" = 1 ]; echo $?)"
}

# ---- recording

run sim bulk --seed 5
plain=$out
run sim bulk --seed 5 --record "$work/bulk"
is "a scenario that is recorded is the same scenario" "$([ $code = 0 ] && [ "$out" = "$plain" ]; echo $?)"
recording=$(echo "$work"/bulk/1-*.rec)
is "there is a file for each stack, and its owner's alone" \
    "$([ "$(find "$work/bulk" -name '*.rec' -perm 600 | grep -c '')" = 8 ]; echo $?)"
run sim ping --record "$work/none"
is "a scenario without stacks says that it has none" "$([ $code = 0 ] && has "$err" 'no stack'; echo $?)"
run sim bulk --record "$work/out/beneath"
is "a directory that cannot be made is an error" "$([ $code = 1 ] && has "$err" 'beneath: '; echo $?)"
wrong "--record is for one run" "--runs is" sim bulk --runs 2 --record "$work/bulk"

# ---- replaying

good=0
for file in "$work"/bulk/*.rec; do
    run replay "$file"
    [ $code = 0 ] && has "$out" ', identical' && [ "$(lines "$out")" = 1 ] && [ -z "$err" ] || good=1
done
is "each of them is replayed, and said to be identical in one line" $good
code=0
out=$("$weir" replay - <"$recording" 2>"$work/err") || code=$?
is "- is standard input" "$([ $code = 0 ] && has "$out" '-: ' && has "$out" ', identical'; echo $?)"
run replay --json "$recording"
is "--json" "$([ $code = 0 ] && has "$out" '"identical": true' && has "$out" '"problem": null'; echo $?)"
run replay -v "$recording"
is "-v: every call and packet" \
    "$([ $code = 0 ] && has "$out" '#1 stack_init = 1' && has "$out" 'Flags [S]' && has "$out" '#2 stack_add_iface IP, mtu 1500 = 0'; echo $?)"
calls=$(printf '%s\n' "$out" | grep -c ' #[0-9]* ')
run replay "$recording"
is "-v leaves none out" "$(has "$out" ": $calls records, "; echo $?)"
run replay -p "$recording"
is "-p: packets, and no calls" "$(has "$out" 'Flags [S]' && ! has "$out" '#1 '; echo $?)"
packets=$(printf '%s\n' "$out" | grep -c ' IP ')
run replay -w "$work/again.pcapng" "$recording"
is "-w: as many packets in a capture" \
    "$([ $code = 0 ] && { ! command -v tcpdump >/dev/null || [ "$(tcpdump -n -r "$work/again.pcapng" 2>/dev/null | grep -c '')" = "$packets" ]; }; echo $?)"
run replay --until '#10' "$recording"
is "--until #10: nine records" "$([ $code = 0 ] && has "$out" ': 9 records, ' && has "$out" 'identical so far'; echo $?)"
run replay --until 100ms --step "$recording"
is "--step: each call, without waiting where there is no terminal" \
    "$([ $code = 0 ] && has "$out" '#1 stack_init' && has "$out" 'identical so far'; echo $?)"
run replay -c '10.0.0.1-10.0.0.2' "$recording"
is "--connection: its calls and packets" "$([ $code = 0 ] && has "$out" 'tcp_connect ' && has "$out" ' > 10.0.0.2.' && ! has "$out" 'stack_advance'; echo $?)"
run replay -c '10.0.0.1:*-10.0.0.2:x' "$recording"
is "--connection with a port that is none" "$([ $code = 2 ] && has "$err" 'bad port'; echo $?)"
run replay -c '*:9-*' "$recording"
is "--connection that is not there: the summary alone" "$([ $code = 0 ] && [ "$(lines "$out")" = 1 ]; echo $?)"

"$weir" sim swarm --seed 3 --record "$work/swarm" >/dev/null
good=0
for file in "$recording" "$work"/swarm/*.rec; do
    run replay --scrub "$work/scrubbed" "$file"
    [ $code = 0 ] && has "$out" 'the same but for payload' || good=1
    run replay "$work/scrubbed"
    [ $code = 0 ] && has "$out" ', identical' || good=1
done
is "--scrub: a recording without payload, which is replayed" $good
is "... and is its owner's alone" "$([ -n "$(find "$work/scrubbed" -perm 600)" ]; echo $?)"
wrong "--scrub does not write what it reads" "cannot write it" replay --scrub "$recording" "$recording"

# ---- what is wrong

wrong "a recording is needed" "a recording is missing" replay
wrong "one at a time" "one too many" replay a b
wrong "a connection has two ends" "bad connection" replay -c 10.0.0.1 "$recording"
wrong "--json and lines" "--json takes standard output" replay --json -v "$recording"
wrong "--until wants a time" "bad time" replay --until soon "$recording"
run replay "$work/there-is-none"
is "a file that is not there" "$([ $code = 1 ] && has "$err" 'there-is-none: No such file'; echo $?)"
echo 'no recording at all' >"$work/text"
run replay "$work/text"
is "a file that is no recording" "$([ $code = 1 ] && has "$err" 'this is no recording' && [ -z "$out" ]; echo $?)"
head -c 20000 "$recording" >"$work/cut"
run replay "$work/cut"
is "a recording that is cut short" "$([ $code = 0 ] && has "$out" 'identical; it'; echo $?)"
# One bit of a packet or of data, in the middle.
python3 - "$recording" "$work/other" <<'END' 2>"$work/err" || code=3
import sys
data = bytearray(open(sys.argv[1], 'rb').read())
data[len(data) // 2] ^= 1
open(sys.argv[2], 'wb').write(data)
END
run replay "$work/other"
is "one bit that is another is a difference" \
    "$([ $code = 1 ] && [ -z "$out" ] && { has "$err" 'differs: ' || has "$err" 'malformed'; }; echo $?)"
echo "1..$number"
exit $failed
