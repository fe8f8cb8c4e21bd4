#!/bin/sh
# SPDX-License-Identifier: MIT
# The command weir from outside: what it prints, where, and how it ends. TAP.
#     sim.sh WEIR SOURCE-DIRECTORY
set -u
weir=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0
unset NO_COLOR

# Run weir, keeping $out, $err and $code.
run() {
    code=0
    "$weir" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    out=$(cat "$work/out" 2>/dev/null | tr -d '\000') err=$(cat "$work/err")
}

# One test: the commands after the name all succeed.
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
skip() { # skip NAME WHY
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}
has() { case $1 in *"$2"*) return 0 ;; *) return 1 ;; esac; }
# tcpdump on a capture, into $work/out. Libpcap up to 1.10 cannot read two interfaces of bare IP.
can_dump() {
    command -v tcpdump >/dev/null || return 1
    tcpdump -n -r "$1" >"$work/out" 2>"$work/err"
    ! grep -q 'different from the type of the first interface' "$work/err"
}
lines() { printf '%s' "$1" | grep -c ''; }

# ---- help and version

run --help
is "--help: usage and commands on stdout" "$( [ $code = 0 ] && has "$out" 'Usage: weir' && has "$out" 'sim ' && [ -z "$err" ]; echo $?)"
run help
is "help is --help" "$( [ $code = 0 ] && has "$out" 'Usage: weir [OPTION...] COMMAND'; echo $?)"
run help sim
is "help sim: the options of sim" "$( [ $code = 0 ] && has "$out" 'Usage: weir sim' && has "$out" '--seed=N'; echo $?)"
run sim --help
is "sim --help: the same" "$( [ $code = 0 ] && has "$out" '--pcap=FILE' && has "$out" '--until=TIME'; echo $?)"
run --version
is "--version" "$( [ $code = 0 ] && printf '%s\n' "$out" | grep -qx 'weir [0-9.]*'; echo $?)"

# ---- wrong usage: code 2, one line that says what, nothing on stdout

wrong() { # wrong NAME NEEDLE ARGUMENT...
    name=$1 needle=$2
    shift 2
    run "$@"
    is "$name" "$( [ $code = 2 ] && has "$err" "$needle" && [ -z "$out" ] &&
        has "$err" 'weir: ' && [ "$(lines "$err")" -le 2 ]; echo $?)"
}
wrong "no command" 'a command is missing'
wrong "an unknown command is named, with a hint" "no command 'simm'; 'weir --help'" simm
wrong "help about an unknown command" "no command 'x'" help x
wrong "an unknown option before the command" '--frob' --frob
wrong "an unknown option of sim" '--frob' sim ping --frob
wrong "no scenario" 'a scenario is missing' sim
wrong "an unknown scenario is named, with a hint" "no scenario 'pong'; 'weir sim --list'" sim pong
wrong "two scenarios" "'lossy' is one too many" sim ping lossy
wrong "a bad seed" "bad seed '-1'" sim ping --seed=-1
wrong "a seed that is too large" 'bad seed' sim ping --seed 18446744073709551616
wrong "a bad time" "bad time '5x'" sim ping --until 5x
wrong "--list with a scenario" '--list' sim --list ping
wrong "--classic alone" '--classic' sim ping --classic
wrong "--json with --print" '--json' sim ping --json --print
wrong "--json with the capture on stdout" '--json' sim ping --json --pcap -
wrong "--runs with a capture" '--runs' sim ping --runs 2 --pcap x
wrong "no runs" "bad number of runs '0'" sim ping --runs 0
wrong "--print with the capture on stdout" 'standard output' sim ping --print --pcap -

# ---- scenarios

run sim --list
list=$out
is "--list names the scenarios" "$( [ $code = 0 ] && has "$out" 'ping ' && has "$out" 'blackhole '; echo $?)"
for name in $(printf '%s\n' "$list" | awk '{print $1}'); do
    said='all [0-9]* expectations met'
    case $name in # what takes long: one cell, or the beginning
    middlebox-matrix)
        run sim "$name" --only 0x1627000 ;;
    long-path)
        run sim "$name" --until 100ms
        said='stopped at 100 ms, not judged' ;;
    *)
        run sim "$name" ;;
    esac
    is "$name: $said" "$( [ $code = 0 ] && [ -z "$err" ] &&
        printf '%s\n' "$out" | tail -n 1 | grep -q "^$name: $said$"; echo $?)"
    grep -q "Cm $name\$" "$source/docs/man/weir-sim.1"
    is "$name: the manual page has it" $?
done
run sim swarm --seed 7 --runs 5
is "--runs runs as many seeds" "$( [ $code = 0 ] && [ -z "$err" ] && has "$out" 'swarm: 5 runs, seeds from 7 on' && has "$out" ' 0 failed'; echo $?)"
run sim lossy --seed 7
first=$out
run sim lossy --seed 7
is "a seed gives one report" "$( [ "$out" = "$first" ]; echo $?)"
run sim lossy --seed 8
is "another seed gives another" "$( [ "$out" != "$first" ]; echo $?)"
run sim ping --until 50ms
is "a run that is cut short is not judged" "$( [ $code = 0 ] && has "$out" 'ping: stopped at 50 ms, not judged' && ! has "$out" ' ok '; echo $?)"
run sim ping -v
is "-v shows the hash of the history" "$( printf '%s\n' "$out" | grep -Eq 'history \(hash\) +[0-9a-f]{16}$'; echo $?)"
is "no colour but on a terminal" "$( ! grep -q "$(printf '\033')" "$work/out"; echo $?)"
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    TERM=xterm script -qec "'$weir' sim ping" /dev/null >"$work/out" </dev/null
    TERM=xterm NO_COLOR=1 script -qec "'$weir' sim ping" /dev/null >"$work/b" </dev/null
    TERM=dumb script -qec "'$weir' sim ping" /dev/null >"$work/c" </dev/null
    is "colour on a terminal" "$(grep -q "$(printf '\033')" "$work/out"; echo $?)"
    is "no colour with NO_COLOR, or where TERM is dumb" "$( ! grep -q "$(printf '\033')" "$work/b" "$work/c"; echo $?)"
    code=0
    script -qec "'$weir' sim ping --pcap -" /dev/null >"$work/out" </dev/null || code=$?
    is "a capture does not go to a terminal" "$( [ $code = 2 ] && grep -q 'not for a terminal' "$work/out"; echo $?)"
else
    skip "colour on a terminal" "no script(1), or no terminals for it"
fi

# ---- packets as lines

run sim ping --print
is "--print: virtual time, interface, direction, packet" "$( printf '%s\n' "$out" |
    grep -Eq '^00:00:00\.000000 path\.left  Out IP 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request, id [0-9]+, seq 0, length 64$' &&
    printf '%s\n' "$out" | grep -Eq '^00:00:00\.020067 path\.right In  IP 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request'; echo $?)"
run sim middleboxes --print
modern=$out
is "--print: numbers relative to the handshake" "$( has "$out" 'Flags [P.], seq 601:901, ack 1, win 65535, length 300'; echo $?)"
run sim middleboxes --print --classic
is "--classic: the old style" "$( has "$out" ': P 601:901(300) ack 1 win 65535' && [ "$out" != "$modern" ]; echo $?)"
run sim lossy --print
is "--print: why a packet got lost" "$( has "$out" '[lost: loss model]'; echo $?)"

# ---- JSON

if command -v python3 >/dev/null && "$weir" sim --list --json >/dev/null 2>&1; then
    for args in "--list --json" "ping --json" "lossy --seed 18446744073709551615 --json" \
        "queue --json" "middleboxes --json --until 10ms"; do
        # shellcheck disable=SC2086
        run sim $args
        python3 -m json.tool <"$work/out" >/dev/null 2>"$work/err"
        is "$args is JSON" "$( [ $? = 0 ] && [ $code = 0 ]; echo $?)"
    done
    run sim lossy --seed 18446744073709551615 --json
    python3 - "$work/out" >"$work/err" 2>&1 <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
assert run['scenario'] == 'lossy' and run['seed'] == '18446744073709551615', run
assert run['failed'] == 0 and run['expectations'] == len(run['checks']) > 0
assert all(check['ok'] for check in run['checks'])
client = next(s for s in run['sections'] if s['title'] == 'client')
assert client['figures']['requests'] == {'value': 500, 'unit': 'packets'}
assert run['complete'] and run['error'] is None and len(run['history']) == 16
PY
    is "the JSON of a run holds what the report says" $?
else
    skip "JSON" "no python3, or built without JSON"
fi

# ---- captures

run sim middleboxes --pcap "$work/a.pcapng"
is "--pcap writes a pcapng" "$( [ $code = 0 ] && [ "$(od -An -tx1 -N4 "$work/a.pcapng" | tr -d ' ')" = 0a0d0d0a ]; echo $?)"
"$weir" sim middleboxes --pcap - >"$work/b.pcapng" 2>"$work/err"
is "--pcap - writes the same to stdout" "$(cmp -s "$work/a.pcapng" "$work/b.pcapng"; echo $?)"
is "--pcap - reports to stderr" "$(grep -q 'all [0-9]* expectations met' "$work/err"; echo $?)"
run sim middleboxes --print --pcap "$work/c.pcapng"
is "--print does not change the capture" "$(cmp -s "$work/a.pcapng" "$work/c.pcapng"; echo $?)"
run sim lossy --seed 3 --pcap "$work/a.pcapng"
run sim lossy --seed 3 --pcap "$work/b.pcapng"
is "a seed gives one capture" "$(cmp -s "$work/a.pcapng" "$work/b.pcapng"; echo $?)"
run sim middleboxes --pcap "$work/a.pcapng"
if can_dump "$work/a.pcapng"; then
    is "tcpdump reads it: 18 packets" "$( [ "$(grep -c ' > ' "$work/out")" = 18 ]; echo $?)"
else
    skip "tcpdump reads it: 18 packets" "no tcpdump that can"
fi
run sim ping --pcap "$work/no/such/file"
is "a path that is not there: one line, code 1" "$( [ $code = 1 ] && [ -z "$out" ] && [ "$err" = "weir: $work/no/such/file: No such file or directory" ]; echo $?)"
run sim ping --pcap "$work"
is "a directory: one line, code 1" "$( [ $code = 1 ] && [ "$err" = "weir: $work: Is a directory" ]; echo $?)"
if [ -c /dev/full ]; then
    run sim queue --pcap /dev/full
    is "a full device: code 1, said once, and the device stays" "$( [ $code = 1 ] && [ -c /dev/full ] && [ "$err" = 'weir: /dev/full: No space left on device' ]; echo $?)"
    code=0
    "$weir" sim --list >/dev/full 2>"$work/err" || code=$?
    is "stdout that is full is an error" "$( [ $code = 1 ] && grep -q 'standard output: No space left' "$work/err"; echo $?)"
else
    skip "a full device" "no /dev/full"
fi
# A file that cannot grow: what was begun is removed again.
code=0
(ulimit -f 8; trap '' XFSZ; exec "$weir" sim queue --pcap "$work/small.pcapng") >"$work/out" 2>"$work/err" || code=$?
out=$(cat "$work/out") err=$(cat "$work/err")
is "a capture that is not whole is removed" "$( [ $code = 1 ] && [ ! -e "$work/small.pcapng" ] && has "$err" 'small.pcapng: File too large'; echo $?)"

# ---- interrupts

# The packets go into a pipe that is read only after the interrupt, so that the run cannot be over before.
if command -v mkfifo >/dev/null && env --default-signal=INT true 2>/dev/null; then
    mkfifo "$work/pipe"
    env --default-signal=INT "$weir" sim queue --print --pcap "$work/cut.pcapng" \
        >"$work/pipe" 2>"$work/err" &
    pid=$!
    exec 3<"$work/pipe"
    read -r _ <&3
    kill -INT "$pid"
    cat <&3 >"$work/out"
    code=0
    wait "$pid" || code=$?
    out= err=$(cat "$work/err")
    is "an interrupt ends the run with code 130" "$( [ $code = 130 ] && [ "$err" = 'weir: interrupted' ]; echo $?)"
    run sim queue --print --pcap "$work/whole.pcapng"
    size=$(wc -c <"$work/cut.pcapng")
    is "the capture is whole as far as it goes" "$( [ "$size" -gt 0 ] && [ "$size" -lt "$(wc -c <"$work/whole.pcapng")" ] &&
        cmp -s -n "$size" "$work/cut.pcapng" "$work/whole.pcapng"; echo $?)"
    if can_dump "$work/cut.pcapng"; then
        is "tcpdump reads what there is" "$( ! grep -q truncated "$work/err"; echo $?)"
    else
        skip "tcpdump reads what there is" "no tcpdump that can"
    fi
else
    skip "an interrupt" "no mkfifo or env --default-signal"
fi

# ---- the demo

code=0
sh "$source/tools/demo.sh" "$weir" "$work/demo" >"$work/out" 2>"$work/err" || code=$?
out=$(cat "$work/out") err=$(cat "$work/err")
is "the demo runs and leaves its captures" "$( [ $code = 0 ] && [ -z "$err" ] && [ -s "$work/demo/lossy.pcapng" ] && has "$out" 'expectations met'; echo $?)"

echo "1..$number"
exit $failed
