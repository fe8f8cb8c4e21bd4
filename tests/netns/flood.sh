#!/bin/bash
# SPDX-License-Identifier: MIT
# 100,000 echo requests as fast as they are answered, without a loss; and what weir records of them is in
# order by tshark's eyes.
#     flood.sh WEIR tun|tap|packet [--no-offload]
. "$(dirname "$0")/lib.sh"
need ping
device=$1
shift
[ "$device" != packet ] || add_veth
device_args "$device"
args+=("$@")

flood() { # flood COUNT SIZE ADDRESS
    local out
    out=$(timeout 100 ping -n -q -f -c "$1" -s "$2" -W 5 "$3" 2>&1)
    echo "$out"
    [[ $out == *" $1 "*"received, 0% packet loss"* ]]
}

# Packets of the capture that a display filter finds; UDP and TCP checksums are only there when no device
# is to finish them.
seen() { # seen FILTER
    tshark -n -r "$scratch/capture" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -Y "$1" \
        2>"$scratch/seen.err" >"$scratch/seen" || { cat "$scratch/seen.err"; return 1; }
    head -n 3 "$scratch/seen"
    [ ! -s "$scratch/seen" ]
}

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --stats
check "flood of 100,000, IPv4" flood 100000 56 $ip4
check "flood of 10,000, IPv6" flood 10000 56 $ip6
check "flood of 2,000 in fragments, IPv4" flood 2000 5000 $ip4
check "flood of 2,000 in fragments, IPv6" flood 2000 5000 $ip6
check "it ends when told to" host_end
check "the device lost nothing" test "$(counter rx_missed)" = 0
if ! command -v tshark >/dev/null; then
    pass_over "capture" "tshark is not here"
    finish
fi

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --pcap "$scratch/capture"
check "flood while it is recorded, IPv4" flood 40000 56 $ip4
check "flood while it is recorded, IPv6" flood 10000 56 $ip6
check "fragments while it is recorded, IPv4" flood 100 3000 $ip4
check "fragments while it is recorded, IPv6" flood 100 3000 $ip6
command -v nc >/dev/null && check "UDP while it is recorded" udp_echo $ip4 1 1000
check "the recording ends whole" host_end
bad='_ws.malformed or ip.checksum.status==0 or icmp.checksum.status==0 or icmpv6.checksum.status==0'
[ "${1:-}" != --no-offload ] || bad="$bad or udp.checksum.status==0"
check "tshark finds 100,000 packets or more" \
    test "$(tshark -n -r "$scratch/capture" 2>/dev/null | wc -l)" -ge 100000
# As many as there are for certain: the filters do find checksums.
good='icmp.checksum.status==1 and ip.checksum.status==1'
check "tshark finds right checksums" eval '! seen "$good" && [ $(wc -l <"$scratch/seen") -ge 80000 ]'
check "tshark finds nothing malformed and no wrong checksum" seen "$bad"
check "no packet to ours was dropped" seen "frame.comment contains \"drop:\" and (ip.dst==$ip4 or ipv6.dst==$ip6)"
finish
