#!/bin/bash
# SPDX-License-Identifier: MIT
# curl and nc against `weir host` on a path that loses, doubles, damages, delays and reorders frames both ways:
# every byte arrives as it was sent.
#     lossy.sh WEIR
. "$(dirname "$0")/lib.sh"
need curl nc python3 ethtool
www=$scratch/www
mkdir -p "$www"
head -c 500000 /dev/urandom >"$www/file"
for i in $(seq 30); do
    head -c $((i * 997)) /dev/urandom >"$www/$i"
done

# kernel - v0 - v1 - relay - v2 - v3 - stack. The relay cuts no packets and finishes no checksums.
ip link add v0 type veth peer name v1 2>/dev/null || skip_all "this kernel has no veth"
ip link add v2 type veth peer name v3
echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore # of the kernel's ends only v0 answers for its address
for link in v0 v1 v2 v3; do
    ethtool -K $link tx off tso off gso off gro off >/dev/null 2>&1 || skip_all "no way to switch offloads off"
    [ $link = v0 ] || echo 1 >/proc/sys/net/ipv6/conf/$link/disable_ipv6
    ip link set $link up
done
ip addr add 10.9.0.1/24 dev v0
ip addr add fd00:9::1/64 dev v0 nodad
relay=
host_start --device packet:v3 --no-offload --address $ip4/24 --address $ip6/64 --http "$www" --http-put --stats

relay() { # relay LOSS DOUBLE DAMAGE DELAY JITTER
    [ -z "$relay" ] || { kill $relay && wait $relay 2>/dev/null; }
    exec 5< <(exec python3 "$(dirname "$0")/relay.py" v1 v2 "$@" 2>&1)
    relay=$!
    read -r -t 20 said <&5 && [ "$said" = ready ] || skip_all "no relay: $said"
}

fetches() { # fetches ADDRESS
    timeout 60 curl -gsS --max-time 50 -o "$scratch/got" "http://$1/file" && cmp "$www/file" "$scratch/got"
}

puts() { # puts ADDRESS
    rm -f "$www/up"
    timeout 60 curl -gsS --max-time 50 -f -o /dev/null -T "$www/file" "http://$1/up" &&
        cmp "$www/file" "$www/up"
}

echoes() { # echoes ADDRESS
    timeout 60 nc -N "$1" 7 <"$www/file" | cmp - "$www/file"
}

thirty() { # thirty ADDRESS: at the same time
    local i
    timeout 60 curl -sS --no-progress-meter --max-time 50 -f --parallel --parallel-max 30 -o "$scratch/got#1" \
        "http://$1/[1-30]" || return 1
    for i in $(seq 30); do
        cmp "$www/$i" "$scratch/got$i" || return 1
    done
}

for path in "0 0 0 0.01 0" "0.02 0 0 0.001 0" "0 0 0 0.001 0.003" "0.03 0.05 0.01 0.001 0.002"; do
    relay $path
    for address in $ip4 "[$ip6]"; do
        check "a download, $path, $address" fetches $address
        check "an upload, $path, $address" puts $address
        check "requests at the same time, $path, $address" thirty $address
    done
    check "echo, $path" echoes $ip4
done
check "it ends when told to" host_end
kill $relay
check "there were losses" test "$(counter segments_retransmitted)" -gt 50
check "and damage" test "$(counter TCP_CHECKSUM)" -gt 10
check "fast retransmission mended some" test "$(counter fast_retransmits)" -gt 10
finish
