#!/bin/bash
# SPDX-License-Identifier: MIT
# The link changes under a stack: its MTU, the peer that goes away and comes back, as itself and as another,
# and the device that is removed.
#     change.sh WEIR tun|tap|packet
. "$(dirname "$0")/lib.sh"
need ping
device=$1
[ "$device" != packet ] || add_veth
device_args "$device"
host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --stats

# Packets that the kernel's end has received.
received() {
    ip -s link show dev $link | awk 'take { print $2; exit } /RX:/ { take = 1 }'
}

# How many packets an answer of 65,000 bytes takes, at this MTU.
answer_packets() { # answer_packets ADDRESS
    local before
    before=$(received)
    ping_all 1 65000 "$1" >/dev/null || echo "no answer"
    echo $(($(received) - before))
}

answers_in() { # answers_in PACKETS ADDRESS
    local n
    n=$(answer_packets "$2")
    echo "$n packets, not $1"
    [ "$n" = "$1" ]
}

# Payload bytes of a fragment are a multiple of 8: 1480 and 1448 at MTU 1500, 1376 and 1352 at 1400.
check "an answer in fragments for MTU 1500, IPv4" try answers_in 44 $ip4
check "an answer in fragments for MTU 1500, IPv6" try answers_in 45 $ip6
ip link set $link mtu 1400
[ "$device" != packet ] || ip link set v1 mtu 1400
check "an answer in fragments for MTU 1400, IPv4" try answers_in 48 $ip4
check "an answer in fragments for MTU 1400, IPv6" try answers_in 49 $ip6
ip link set $link mtu 1500
[ "$device" != packet ] || ip link set v1 mtu 1500
check "MTU 1500 again" try answers_in 44 $ip4

# The kernel may send what is larger than the stack's idea of the MTU while the change is under way.
for address in $ip4 $ip6; do
    ip link set $link down
    check "nobody is there while the link is down, $address" \
        eval "! timeout 5 ping -n -q -c 1 -W 1 $address"
    ip link set $link up
    check "answers after the link was down, $address" try ping_all 1 56 $address
    check "and all of them, $address" ping_all 50 1000 $address
done
if [ "$device" != tun ]; then
    for address in $ip4 $ip6; do
        ip neigh flush dev $link
        check "answers after the kernel forgot its neighbours, $address" try ping_all 20 56 $address
    done
    ip link set $link down
    ip link set $link address 02:00:00:00:00:77
    ip link set $link up
    for address in $ip4 $ip6; do
        check "answers a peer that came back with another MAC address, $address" try ping_all 20 56 $address
    done
fi
case $device in
packet) ip link del v0 ;;
*) ip link del weir0 ;;
esac
wait "$host"
check "it ends with an error when its device is removed" test $? = 1
host=
check "which it names" grep -Eq '^weir: (weir0|v1): ' "$scratch/errors"
finish
