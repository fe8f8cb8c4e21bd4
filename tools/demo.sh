#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make demo` shows: curl, over the Linux kernel's own TCP, downloads from and uploads to a weir stack on
# a TUN device, in a network namespace of their own; ping and UDP; and a scenario of the simulator.
#     tools/demo.sh WEIR [DIRECTORY]
# The captures stay in DIRECTORY (demo/ beside WEIR) for Wireshark or tcpdump. DEMO_MB is the size of the large
# file, 1024 by default; it is less where there is little space.
set -eu
weir=$1
directory=${2:-$(dirname "$weir")/demo}
mkdir -p "$directory"

say() {
    printf '\n=== %s\n' "$*"
}

has() {
    command -v "$1" >/dev/null
}

sum() { # the hash of standard input
    sha256sum | cut -d ' ' -f 1
}

same() { # same WHAT HASH HASH
    if [ "$2" = "$3" ]; then
        echo "    $1: sha256 is the same, $(echo "$2" | cut -c 1-16)..."
    else
        echo "    $1: sha256 DIFFERS: $2 and $3"
        failed=1
    fi
}

note() { # note RATE WHAT: for the summary, in bytes a second
    awk -v rate="$1" -v what="$2" 'BEGIN { printf "    %-52s %8.0f MB/s\n", what, rate / 1e6 }' >>"$work/summary"
}

run() { # run LINES COMMAND: the last lines of what it says
    echo "\$ $2"
    sh -c "$2" >"$work/said" 2>&1 || failed=1
    grep . "$work/said" | tail -n "$1" | sed 's/^/    /'
}

# Where two copies of the large file and some more find room: `space` is the directory, `megabytes` the size.
find_space() {
    for megabytes in ${DEMO_MB:-1024} 256 32; do
        for space in /dev/shm "${TMPDIR:-/tmp}" "$directory"; do
            free=$(df -Pm "$space" 2>/dev/null | awk 'NR == 2 { print $4 }')
            # What is in /dev/shm is in memory.
            if [ "$space" = /dev/shm ]; then
                memory=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
                [ "${free:-0}" -le "$memory" ] || free=$memory
            fi
            if [ -w "$space" ] && [ "${free:-0}" -gt $((megabytes * 2 + 512)) ]; then
                return 0
            fi
        done
        echo "(not enough space for a file of $megabytes MB)"
    done
    echo "no space for the demo's files" >&2
    exit 1
}

# ---- in the namespace, beside the host ----

talk_small() {
    if has ping; then
        run 2 "ping -q -n -c 3 -i 0.01 10.9.0.2"
        run 2 "ping -q -n -c 3 -i 0.01 -s 65000 fd00:9::2"
        run 2 "ping -q -n -f -c 20000 10.9.0.2"
    else
        echo "(no ping here: Debian package iputils-ping)"
    fi
    if has nc; then
        run 1 "echo 'over UDP and back' | nc -u -w 5 -W 1 10.9.0.2 7"
        run 1 "echo 'over TCP and back' | nc -N fd00:9::2 7"
        run 1 "nc fd00:9::2 13 </dev/null"
    else
        echo "(no nc here: Debian package netcat-openbsd)"
    fi
    for how in "" "--no-progress-meter --parallel --parallel-max 100 "; do
        rm -rf "$work/got"
        run 1 "curl -sS -f $how--create-dirs -o '$work/got/#1' 'http://10.9.0.2/small/[1-100]'"
        cat $(seq -f "$work/www/small/%.0f" 100) | sum >"$work/hash"
        same "100 small requests${how:+ at the same time}" "$(cat "$work/hash")" \
            "$(cat $(seq -f "$work/got/%.0f" 100) 2>/dev/null | sum)"
    done
}

talk_large() {
    hash=$(cat "$work/hash.large")
    for address in 10.9.0.2 "[fd00:9::2]"; do
        echo "\$ curl http://$address/large | sha256sum"
        rate=$(curl -sSg -f -o /dev/null -w '%{speed_download}' "http://$address/large") || failed=1
        got=$(curl -sSg -f "http://$address/large" | sum)
        same "a download" "$hash" "$got"
        note "$rate" "curl from weir, $address"
    done
    echo "\$ curl -T large http://10.9.0.2/upload"
    rate=$(curl -sS -f -o /dev/null -T "$work/www/large" -w '%{speed_upload}' http://10.9.0.2/upload) || failed=1
    note "$rate" "curl to weir, which writes a file"
    same "an upload" "$hash" "$(sum <"$work/www/upload" || :)"
    echo "\$ weir netstat -n -a        (during four downloads)"
    for i in 1 2 3 4; do
        curl -sS -o /dev/null --limit-rate 20M http://10.9.0.2/large &
        pids="${pids:-} $!"
    done
    sleep 1
    "$weir" netstat -n -a --control "$work/control" | sed 's/^/    /' || failed=1
    kill $pids
    wait $pids 2>/dev/null || :
}

if [ "$weir" = --talk ]; then
    weir=$3 work=$4 failed=0
    "talk_$2"
    exit $failed
fi

# ---- outside ----

host() { # host ARG... -- COMMAND...
    "$weir" host --namespace --address 10.9.0.2/24 --address fd00:9::2/64 --host-address 10.9.0.1/24 \
        --host-address fd00:9::1/64 "$@" || failed=1
}

make_files() {
    find_space
    work=$(mktemp -d "$space/weir-demo-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    mkdir -p "$work/www/small"
    for i in $(seq 100); do
        head -c $((i * 41)) /dev/urandom >"$work/www/small/$i"
    done
    echo "making a file of $megabytes MB in $space"
    head -c "$((megabytes * 1048576))" /dev/urandom >"$work/www/large"
    sum <"$work/www/large" >"$work/hash.large"
    : >"$work/summary"
}

network() {
    capture=$directory/host.pcapng
    say "The Linux kernel, and a weir stack on a TUN device, in a namespace of their own"
    echo "\$ weir host --namespace --address 10.9.0.2/24 --address fd00:9::2/64 \\"
    echo "      --host-address 10.9.0.1/24 --host-address fd00:9::1/64 --http www --pcap $capture -- ..."
    host --http "$work/www" --pcap "$capture" -- sh "$0" --talk small "$weir" "$work"
    if has tshark && tshark -n -r "$capture" -o ip.check_checksum:TRUE -T fields -e _ws.malformed \
        -e ip.checksum.status -e icmp.checksum.status -e icmpv6.checksum.status \
        -e tcp.analysis.lost_segment -e tcp.analysis.retransmission >"$work/fields" 2>/dev/null; then
        echo "tshark on $capture:"
        awk -F '\t' '{ packets++; malformed += $1 != ""; for (i = 2; i <= 4; i++) wrong += $i ~ /(^|,)0/
                lost += $5 != ""; again += $6 != "" }
            END { printf "    %d packets, %d malformed, %d with wrong checksums; %d lost, %d retransmitted\n",
                      packets, malformed, wrong, lost, again
                  exit malformed + wrong > 0 }' "$work/fields" || failed=1
    else
        echo "The packets are in $capture, for Wireshark or tcpdump."
    fi
    say "curl, over the kernel's TCP, against weir's: $megabytes MB each way"
    host --http "$work/www" --http-put --control "$work/control" --stats \
        -- sh "$0" --talk large "$weir" "$work" >"$work/large" 2>&1
    grep -Ev '^(  (rx|tx)_|[a-z0-9]+$|services )' "$work/large" || :
}

memory() {
    say "The same transfer over a wire in memory: two weir stacks in one process"
    rm -f "$work/www/upload"
    hash=$(cat "$work/hash.large")
    echo "\$ weir get --memory www -o - http://10.9.0.2/large | sha256sum"
    got=$("$weir" get --memory "$work/www" -q -o - http://10.9.0.2/large | sum)
    same "a download" "$hash" "$got"
    for how in "" "--no-offload "; do
        echo "\$ weir get --memory www ${how}-o /dev/null http://10.9.0.2/large"
        rate=$("$weir" get --memory "$work/www" $how --json -o /dev/null http://10.9.0.2/large |
            sed 's/.*"bytes_per_s":\([0-9]*\).*/\1/')
        note "$rate" "weir to weir, in memory, $([ -z "$how" ] && echo 64 KB packets || echo MTU 1500 and checksums)"
    done
    echo "\$ weir put --memory www large http://10.9.0.2/upload"
    "$weir" put --memory "$work/www" -q "$work/www/large" http://10.9.0.2/upload || failed=1
    same "an upload" "$hash" "$(sum <"$work/www/upload")"
}

simulator() { # simulator SCENARIO SEED
    say "The simulator: the same code in virtual time, on a path where everything goes wrong"
    echo "\$ weir sim $1 --seed $2 --pcap $directory/$1.pcapng"
    "$weir" sim "$1" --seed "$2" --pcap "$directory/$1.pcapng" || failed=1
}

failed=0
began=$(date +%s)
make_files
if "$weir" host --namespace --address 10.9.0.2/24 --host-address fd00:9::1/64 --seconds 1ms --control none \
    >"$work/said" 2>&1; then
    network
else
    say "Without TUN, for this machine does not allow it: $(cat "$work/said")"
fi
memory
simulator lossy 7
say "Summary, $megabytes MB each, $(nproc) processors"
cat "$work/summary"
[ $failed = 0 ] && how="all as it should be" || how="SOMETHING FAILED, see above"
say "$how, in $(($(date +%s) - began)) s. More: weir help host; weir sim --list; captures in $directory"
exit $failed
