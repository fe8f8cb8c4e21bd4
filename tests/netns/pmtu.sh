#!/bin/bash
# SPDX-License-Identifier: MIT
# The path between the stack and the kernel's TCP changes its MTU during transfers, both ways, in both
# families. Two kernels route, and the link between them narrows and widens:
#     weir -- this namespace -- m0 m1 -- second router -- n0 n1 -- peer (curl)
# With reports (RFC 1191, RFC 8201), and without: a black hole (RFC 2923 2.1, RFC 4821).
#     pmtu.sh WEIR tun|tap [--no-offload]
. "$(dirname "$0")/lib.sh"
need curl nsenter cmp
device=$1
shift
device_args "$device"
args+=("$@")

# Namespaces that last as long as a process in them.
enter() { # enter router|peer COMMAND...
    local pid=$1
    shift
    nsenter -t "${!pid}" -n -- "$@"
}
unshare -n sleep 300 &
router=$!
unshare -n sleep 300 &
peer=$!
trap 'kill $router $peer 2>/dev/null' EXIT
elsewhere() { [ "$(readlink /proc/$1/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; }
try elsewhere $router && try elsewhere $peer || skip_all "no namespace within a namespace"

ip link add m0 type veth peer name m1 2>/dev/null || skip_all "this kernel has no veth"
ip link add n0 type veth peer name n1
ip link set m1 netns $router && ip link set n0 netns $router && ip link set n1 netns $peer ||
    skip_all "no right to give a device away"
set_up() { # set_up router|peer|"" DEVICE ADDRESS4 ADDRESS6
    ${1:+enter "$1"} ip link set "$2" up
    ${1:+enter "$1"} ip addr add "$3" dev "$2"
    ${1:+enter "$1"} ip addr add "$4" dev "$2" nodad
}
enter router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
set_up "" m0 10.8.0.1/24 fd00:8::1/64
set_up router m1 10.8.0.2/24 fd00:8::2/64
set_up router n0 10.7.0.1/24 fd00:7::1/64
set_up peer n1 10.7.0.2/24 fd00:7::2/64
ip route add 10.7.0.0/24 via 10.8.0.2
ip -6 route add fd00:7::/64 via fd00:8::2
enter router ip route add 10.9.0.0/24 via 10.8.0.1
enter router ip -6 route add fd00:9::/64 via fd00:8::1
enter peer ip route add default via 10.7.0.1
enter peer ip -6 route add default via fd00:7::1

www=$scratch/www
mkdir "$www"
head -c 24000000 /dev/urandom >"$www/file"

start() { # a host with fresh counters, and nothing known of any path
    host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --route 0.0.0.0/0,10.9.0.1 \
        --route ::/0,fd00:9::1 --http "$www" --http-put --stats
    enter peer ip route flush cache
    enter peer ip -6 route flush cache
}

narrow() { # narrow MTU: both ways
    ip link set m0 mtu "$1"
    enter router ip link set m1 mtu "$1"
}

# Four transfers at once, each of a few seconds. Downloads come from weir, uploads go to it.
declare -A running
transfers() { # transfers FAMILY...
    local family address
    for family in "$@"; do
        [ "$family" = 4 ] && address=$ip4 || address="[$ip6]"
        rm -f "$scratch/down$family" "$www/up$family"
        enter peer curl -sS -g -f --max-time 60 --limit-rate 6M -o "$scratch/down$family" \
            "http://$address/file" 2>"$scratch/curl.down$family" &
        running[down$family]=$!
        enter peer curl -sS -g -f --max-time 60 --limit-rate 6M -o /dev/null -T "$www/file" \
            "http://$address/up$family" 2>"$scratch/curl.up$family" &
        running[up$family]=$!
    done
}

have() { # have BYTES FILE...: of each
    local bytes=$1 file
    shift
    for file in "$@"; do
        [ "$(stat -c %s "$file" 2>/dev/null || echo 0)" -ge "$bytes" ] || return 1
    done
}

arrived() { # arrived down4|...: whole
    local which=$1 file
    wait "${running[$which]}" || { cat "$scratch/curl.$which"; return 1; }
    case $which in
    down*) file=$scratch/$which ;;
    up*) file=$www/$which ;;
    esac
    cmp "$www/file" "$file"
}

all_arrive() { # all_arrive NAME FAMILY...
    local name=$1 family
    shift
    for family in "$@"; do
        check "$name: from weir to the kernel, IPv$family" arrived down$family
        check "$name: from the kernel to weir, IPv$family" arrived up$family
    done
}

counted() { # counted NAME OPERATOR NUMBER
    local value
    value=$(counter "$1")
    echo "$1 is $value"
    [ "$value" "$2" "$3" ]
}

# With reports.
start
transfers 4 6
try have 4000000 "$scratch"/down4 "$scratch"/down6
narrow 1400
try have 10000000 "$scratch"/down4 "$scratch"/down6
narrow 1280
all_arrive "1500, 1400, 1280" 4 6
check "it ends when told to" host_end
check "reports that waited for evidence" counted path_reports_pending -ge 2
check "and were not refuted" counted path_reports_refuted -eq 0
check "no black hole is seen" counted path_blackholes -eq 0

narrow 1500

# Without: nothing that this kernel makes itself goes to the stack.
start
for family in 4 6; do
    [ $family = 4 ] && address=$ip4 || address=$ip6
    ip -$family rule add iif lo to "$address" blackhole pref 1 ||
        pass_over "a black hole, IPv$family" "no policy routing"
done
ip link set m0 mtu 1400
transfers 4 6
try have 1 "$scratch"/down4 "$scratch"/down6 # nothing arrives before it is left
ip link set m0 mtu 1500
all_arrive "a black hole" 4 6
for family in 4 6; do
    ip -$family rule del pref 1
done
check "it ends when told to" host_end
check "the black hole was seen" counted path_blackholes -ge 2
check "and left again" counted path_raised -ge 2

# What IPv4 alone takes; the devices lose their IPv6 addresses by it.
start
transfers 4
try have 4000000 "$scratch"/down4
narrow 576
all_arrive "576" 4
check "it ends when told to" host_end
check "a report that waited for evidence" counted path_reports_pending -ge 1
finish
