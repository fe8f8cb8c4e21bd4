#!/bin/bash
# SPDX-License-Identifier: MIT
# 10,000 peers of the kernel's stuck at the echo service (RFC 6429): they send and read nothing. When memory
# is short those stuck longest are reset, counted, and who reads what he asked for is served.
#     stuck.sh WEIR STUCK_PEERS ECHO_PEER tun|tap|packet
. "$(dirname "$0")/lib.sh"
stuck=$1 echo=$2 device=$3
peers=10000
[ "$device" != packet ] || add_veth
device_args "$device"
echo "1024 65000" >/proc/sys/net/ipv4/ip_local_port_range

# An honest client: what it sends comes back. Answers in how many milliseconds.
honest() {
    local begun answer
    begun=$(date +%s%N)
    exec 5<>"/dev/tcp/$ip4/7" || return 1
    echo "hello, $1" >&5
    IFS= read -r -t 40 answer <&5
    exec 5>&-
    took=$((($(date +%s%N) - begun) / 1000000))
    [ "$answer" = "hello, $1" ]
}

served=0 slowest=0
many_honest() { # many_honest COUNT
    local i
    for ((i = 0; i < $1; i++)); do
        honest $i 2>/dev/null && served=$((served + 1))
        [ "$took" -le "$slowest" ] || slowest=$took
    done
}

host_start "${args[@]}" "${args4[@]}" --services echo/tcp --connections 12000 --stats
mkfifo "$scratch/ask" "$scratch/tell"
"$stuck" $ip4 7 $peers 40000 <"$scratch/ask" >"$scratch/tell" 2>"$scratch/stuck.err" &
peers_pid=$!
exec 6>"$scratch/ask" 7<"$scratch/tell"
many_honest 20 # while they come
IFS= read -r -t 90 line <&7
if [ -z "$line" ]; then
    wait $peers_pid
    [ $? != 77 ] || skip_all "too few descriptors"
fi
check "$peers are connected and stuck ($line)" test "$line" = "stuck $peers"
check "those who are honest are served while they come: $served of 20, the slowest in $slowest ms" \
    test $served = 20
served=0 slowest=0
many_honest 50
check "... and when they are stuck: $served of 50, the slowest in $slowest ms" test $served = 50
reset=0
some_reset() {
    echo "?" >&6
    IFS= read -r -t 20 line <&7
    reset=${line#reset }
    [ "${reset:-0}" -ge 1000 ]
}
check "those stuck longest are reset" try some_reset
check "20,000 messages of others come back meanwhile" timeout 60 "$echo" $ip4 7 20000 8 1
kill $peers_pid
wait $peers_pid 2>/dev/null
check "the host ends well" host_end
# Data that found no memory leaves a hole before what comes after it: those go for that reason.
given_up=$(($(counter stuck_given_up) + $(counter holes_given_up)))
check "each has its reason: $given_up given up, $reset reset" test "$given_up" -ge "$reset"
sed -n '/_given_up\|memory_refused\|passive_opens/s/^ */# /p' "$scratch/host"
finish
