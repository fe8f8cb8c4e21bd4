#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make demo` shows: the Linux kernel talks to a weir stack on a TUN device, in a network namespace
# of their own, and a scenario of the simulator.
#     tools/demo.sh WEIR [DIRECTORY]
# The captures stay in DIRECTORY (demo/ beside WEIR) for Wireshark or tcpdump.
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

# In the namespace, beside the host: the kernel's own tools. What they say in full stays in a file.
if [ "$weir" = --talk ]; then
    failed=0
    run() { # run LINES COMMAND: the last lines of what it says
        echo "\$ $2"
        sh -c "$2" >"$directory/said" 2>&1 || failed=1
        grep . "$directory/said" | tail -n "$1" | sed 's/^/    /'
    }
    if has ping; then
        run 2 "ping -q -n -c 3 -i 0.01 10.9.0.2"
        run 2 "ping -q -n -c 3 -i 0.01 -s 65000 10.9.0.2"
        run 2 "ping -q -n -c 3 -i 0.01 -s 65000 fd00:9::2"
        run 2 "ping -q -n -f -c 20000 10.9.0.2"
    else
        echo "(no ping here: Debian package iputils-ping)"
    fi
    if has nc; then
        run 1 "echo 'over UDP and back' | nc -u -w 5 -W 1 10.9.0.2 7"
        run 1 "echo | nc -u -w 5 -W 1 fd00:9::2 13"
    else
        echo "(no nc here: Debian package netcat-openbsd)"
    fi
    ! has traceroute || run 1 "traceroute -n 10.9.0.2"
    rm -f "$directory/said"
    exit $failed
fi

network() {
    capture=$directory/host.pcapng
    say "The Linux kernel, and a weir stack on a TUN device, in a namespace of their own"
    echo "\$ weir host --namespace --address 10.9.0.2/24 --address fd00:9::2/64 \\"
    echo "      --host-address 10.9.0.1/24 --host-address fd00:9::1/64 --stats --pcap $capture -- ..."
    "$weir" host --namespace --address 10.9.0.2/24 --address fd00:9::2/64 \
        --host-address 10.9.0.1/24 --host-address fd00:9::1/64 --stats --pcap "$capture" \
        -- sh "$0" --talk "$directory"
    echo
    echo "The stack pings the kernel:"
    echo "\$ weir ping --namespace --address 10.9.0.2/24 --host-address 10.9.0.1/24 -c 3 -i 10ms 10.9.0.1"
    "$weir" ping --namespace --address 10.9.0.2/24 --host-address 10.9.0.1/24 -c 3 -i 10ms 10.9.0.1
    echo
    if has tshark; then
        echo "tshark on $capture:"
        tshark -n -r "$capture" -o ip.check_checksum:TRUE -T fields -e _ws.malformed \
            -e ip.checksum.status -e icmp.checksum.status -e icmpv6.checksum.status 2>/dev/null |
            awk -F '\t' '{ packets++; malformed += $1 != ""; for (i = 2; i <= 4; i++) wrong += $i ~ /(^|,)0/ }
                END { printf "    %d packets, %d malformed, %d with wrong checksums\n", packets, malformed, wrong
                      exit malformed + wrong > 0 }'
    else
        echo "The packets are in $capture, for Wireshark or tcpdump."
    fi
}

simulator() { # simulator SCENARIO SEED
    say "The simulator: the same code in virtual time, on a path where everything goes wrong"
    echo "\$ weir sim $1 --seed $2 --pcap $directory/$1.pcapng"
    "$weir" sim "$1" --seed "$2" --pcap "$directory/$1.pcapng"
}

if "$weir" host --namespace --address 10.9.0.2/24 --host-address fd00:9::1/64 --seconds 1ms \
    >"$directory/said" 2>&1; then
    network
else
    say "Without a network, for this machine does not allow it: $(cat "$directory/said")"
fi
rm -f "$directory/said"
simulator lossy 7
say "More: weir help host; weir sim --list; captures in $directory"
