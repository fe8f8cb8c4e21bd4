#!/bin/bash
# SPDX-License-Identifier: MIT
# Two stacks with the kernel as the router between them, and the commands as clients.
#     forward.sh WEIR
. "$(dirname "$0")/lib.sh"
need_tun
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
host_start --name far0 --stats --address 10.8.0.2/24 --address fd00:8::2/64 \
    --host-address 10.8.0.1/24 --host-address fd00:8::1/64 \
    --route 0.0.0.0/0,10.8.0.1 --route ::/0,fd00:8::1
device_args tun
args4+=(--route 0.0.0.0/0,10.9.0.1)
args6+=(--route ::/0,fd00:9::1)

ask() { # ask LINES ADDRESS PORT ARG...
    local lines=$1
    shift
    seq "$lines" | timeout 20 "$weir" udp "$@" -n "$lines" -w 5s "${args[@]}" >"$scratch/got" &&
        seq "$lines" | cmp - "$scratch/got"
}

fails_with() { # fails_with STATUS TEXT COMMAND...
    local wanted=$1 text=$2 status
    shift 2
    timeout 20 "$@" </dev/null >"$scratch/said.out" 2>&1
    status=$?
    echo "exit status $status"
    cat "$scratch/said.out"
    [ $status = "$wanted" ] && grep -Eq "$text" "$scratch/said.out"
}

check "weir udp, IPv4" ask 100 10.8.0.2 7 "${args4[@]}"
check "weir udp, IPv6" ask 100 fd00:8::2 7 "${args6[@]}"
# More than the queue of the stack holds, so that standard input has to wait.
send_much() {
    local line
    printf -v line '%01000d' 7
    for _ in {1..1000}; do echo "$line"; done >"$scratch/much"
    timeout 20 "$weir" udp "$@" --stats -w 10ms 10.8.0.2 9 <"$scratch/much" >"$scratch/host.udp" &&
        grep -E '^ +tx_packets +1000 ' "$scratch/host.udp"
}
check "weir udp takes no more than there is room for" send_much "${args[@]}" "${args4[@]}"
check "weir ping, IPv4" weir_ping_all 20 3000 10.8.0.2 "${args[@]}" "${args4[@]}"
check "weir ping, IPv6" weir_ping_all 20 3000 fd00:8::2 "${args[@]}" "${args6[@]}"
hops=$("$weir" ping "${args[@]}" "${args4[@]}" -c 1 10.8.0.2)
check "the router took a hop away" grep -q "ttl=63" <(echo "$hops")
check "a port where nobody listens" fails_with 1 'weir: 10.8.0.2 port 4242: refused' \
    sh -c "echo | \"$weir\" udp ${args[*]} ${args4[*]} -n 1 10.8.0.2 4242"
check "a host that is not there" fails_with 1 '1 packets transmitted, 0 received' \
    "$weir" ping "${args[@]}" "${args4[@]}" -c 1 10.7.0.2
check "no route" fails_with 1 'unreachable' \
    "$weir" ping "${args[@]}" --address $ip4/24 -c 1 10.7.0.2
check "JSON" grep -q '"sent":3,"received":3,"lost":0,' \
    <("$weir" ping "${args[@]}" "${args4[@]}" -c 3 -i 10ms --json 10.8.0.2)
check "it ends when told to" host_end
check "the echo service answered" test "$(counter echo_answered)" = 200
finish
