#!/bin/bash
# SPDX-License-Identifier: MIT
# What tshark's experts say about conversations of weir's TCP with the kernel's: nothing malformed, no wrong
# checksum, no error of the protocol, and on a path without loss nothing lost.
#     expert.sh WEIR tun|tap
. "$(dirname "$0")/lib.sh"
need curl nc tshark
device=$1
device_args "$device"
args+=(--no-offload)
www=$scratch/www
mkdir -p "$www"
head -c 3000000 /dev/urandom >"$www/file"
for i in $(seq 50); do
    head -c $((i * 997)) /dev/urandom >"$www/$i"
done

# Frames of the capture that a filter finds; segments of TCP are checked from their first byte on.
found() { # found FILTER
    tshark -n -r "$scratch/capture" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y "$1" 2>"$scratch/errors"
}

none() { # none FILTER
    found "$1" >"$scratch/found"
    head -n 20 "$scratch/found"
    [ ! -s "$scratch/found" ]
}

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --http "$www" --http-put --pcap "$scratch/capture"
for address in $ip4 "[$ip6]"; do
    check "a download, $address" cmp "$www/file" <(curl -gsS --max-time 50 "http://$address/file")
    check "an upload, $address" eval 'curl -gsS --max-time 50 -T "$www/file" "http://$address/up" &&
        cmp "$www/file" "$www/up"'
    check "requests at the same time, $address" curl -sS --max-time 50 -f -o /dev/null --parallel \
        --parallel-max 50 "http://$address/[1-50]"
done
check "echo" cmp "$www/file" <(timeout 50 nc -N $ip6 7 <"$www/file")
check "a client that goes away" eval 'timeout 20 nc -d $ip4 19 | head -c 100000 >/dev/null'
check "a port where nobody listens" eval '! timeout 20 nc -z $ip4 4242'
check "it ends when told to" host_end
check "there is TCP in the capture" test "$(found tcp | wc -l)" -gt 1000
check "nothing is malformed" none '_ws.malformed'
# The kernel sends 0xffff where others send 0: the same sum in ones' complement.
check "no checksum is wrong" none \
    'ip.checksum.status == 0 || (tcp.checksum.status == 0 && tcp.checksum != 0xffff)'
check "no expert sees an error" none '_ws.expert.severity == "Error"'
check "nothing was lost before the capture" none 'tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment'
# The kernel may be late with an acknowledgment, when the machine has other things to do.
check "hardly anything is sent again" test "$(found tcp.analysis.retransmission | wc -l)" -lt 100
finish
