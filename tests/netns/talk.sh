#!/bin/bash
# SPDX-License-Identifier: MIT
# The kernel talks to a stack through a device: ping of all sizes both ways, UDP, traceroute.
#     talk.sh WEIR tun|tap|packet [--no-offload]
. "$(dirname "$0")/lib.sh"
need ping
device=$1
shift
[ "$device" != packet ] || add_veth
device_args "$device"
args+=("$@")

# RFC 868: seconds since 1900.
time_agrees() {
    local there=$(($(echo | udp_ask $ip6 37 | od -An -t u4 --endian=big) - 2208988800)) here
    here=$(date +%s)
    [ $((here - there)) -ge 0 ] && [ $((here - there)) -le 10 ]
}

chargen_prints() {
    local bytes=0
    for _ in 1 2 3 4 5; do
        echo | udp_ask $ip4 19 >"$scratch/got"
        bytes=$((bytes + $(wc -c <"$scratch/got")))
        [ "$(wc -c <"$scratch/got")" -le 512 ] || return 1
        [ -z "$(LC_ALL=C tr -d ' -~\r\n' <"$scratch/got")" ] || return 1
    done
    [ $bytes -gt 0 ]
}

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --stats
# From cold: nobody knows anybody's link address yet.
check "the first ping is answered, IPv4" ping_all 1 56 $ip4
check "the first ping is answered, IPv6" ping_all 1 56 $ip6
if [ "$device" != tun ]; then
    check "ARP has found the stack" grep -q lladdr <(ip -4 neigh show to $ip4)
    check "neighbour discovery has found the stack" grep -q lladdr <(ip -6 neigh show to $ip6)
fi
for size in 1 56 1472 1473 5000 65000; do
    check "ping with $size bytes, IPv4" ping_all 20 $size $ip4
    check "ping with $size bytes, IPv6" ping_all 20 $size $ip6
done
if command -v nc >/dev/null; then
    check "UDP echo, IPv4" udp_echo $ip4 1 100 1472 1473 9000
    check "UDP echo, IPv6" udp_echo $ip6 1 100 1452 1453 9000
    check "daytime" grep -Eq '^[A-Z][a-z]+day, [A-Z][a-z]+ [0-9]+, 20[0-9]+ [0-9:]+-UTC' \
        <(echo | udp_ask $ip4 13)
    check "time is that of here" time_agrees
    check "chargen is printing characters" chargen_prints
else
    pass_over "UDP" "nc is not here"
fi
if command -v traceroute >/dev/null; then
    check "traceroute, IPv4" grep -Eq "^ *1 +$ip4( +[0-9.]+ ms){3}" <(traceroute -n -w 5 $ip4)
    check "traceroute, IPv6" grep -Eq "^ *1 +$ip6( +[0-9.]+ ms){3}" <(traceroute -6 -n -w 5 $ip6)
else
    pass_over "traceroute" "traceroute is not here"
fi
check "it ends when told to" host_end
for reason in IP4_CHECKSUM ICMP_CHECKSUM UDP_CHECKSUM DEVICE_OFFLOAD REASSEMBLY_LIMIT \
    REASSEMBLY_MEMORY REASSEMBLY_OVERLAP tx_refused tx_lost; do
    check "no packet under $reason" test "$(counter $reason)" = 0
done

# The other way round: the stack pings the kernel.
for size in 0 1 56 1472 1473 5000 65000; do
    check "weir ping with $size bytes" \
        weir_ping_all 20 $size 10.9.0.1 "${args[@]}" "${args4[@]}"
done
check "weir ping, IPv6" weir_ping_all 20 5000 fd00:9::1 "${args[@]}" "${args6[@]}"
finish
