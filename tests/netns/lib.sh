# SPDX-License-Identifier: MIT
# For the tests of weir against the kernel: each runs in a network namespace of its own, which ends with
# it, and prints TAP. Nothing sleeps: a host says when it is ready, and all else is tried until a limit.
#     . lib.sh WEIR [ARG...]
set -u
weir=$1
shift
ip4=10.9.0.2 ip6=fd00:9::2 # the stack's addresses; the kernel's end in ...1
count=0 failures=0
host= # process of `weir host`

skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}

need() { # need COMMAND...
    for command in "$@"; do
        command -v "$command" >/dev/null || skip_all "$command is not here"
    done
}

# Start again in a namespace: of the network alone, or with one of users where that is forbidden.
if [ -z "${WEIR_NETNS:-}" ]; then
    need unshare ip
    export WEIR_NETNS=1
    scratch=$(mktemp -d)
    export scratch
    flags=-n
    unshare -n true 2>/dev/null || flags=-rn
    unshare $flags true 2>/dev/null || skip_all "no right to make a network namespace"
    unshare $flags bash "$0" "$weir" "$@"
    status=$?
    rm -rf "$scratch"
    exit $status
fi
ip link set lo up
# Addresses are usable at once, and stay when an interface is taken down.
for setting in accept_dad=0 router_solicitations=0 keep_addr_on_down=1; do
    for where in all default; do
        echo "${setting#*=}" >"/proc/sys/net/ipv6/conf/$where/${setting%=*}" 2>/dev/null || :
    done
done
need "$weir"

result() { # result STATUS NAME: one test
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        failures=$((failures + 1))
        echo "not ok $count - $2"
        sed 's/^/# /' "$scratch/out" 2>/dev/null
    fi
}

check() { # check NAME COMMAND...: it succeeds
    local name=$1
    shift
    "$@" >"$scratch/out" 2>&1
    result $? "$name"
}

pass_over() { # pass_over NAME REASON
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

finish() {
    [ -z "$host" ] || host_end
    echo "1..$count"
    [ "$failures" = 0 ]
    exit
}

need_tun() {
    [ -r /dev/net/tun ] && [ -w /dev/net/tun ] || skip_all "no right to open /dev/net/tun"
}

# A pair of interfaces, of which the kernel has one and the stack the other.
add_veth() {
    ip link add v0 type veth peer name v1 2>/dev/null || skip_all "this kernel has no veth"
    ip link set v0 up
    ip link set v1 up
    ip addr add 10.9.0.1/24 dev v0
    ip addr add fd00:9::1/64 dev v0 nodad
}

# What `weir host`, `weir ping` and `weir udp` need for a device: args, with args4 or args6 or both; `link`
# is the kernel's end.
device_args() { # device_args tun|tap|packet
    args4=(--address $ip4/24)
    args6=(--address $ip6/64)
    case $1 in
    packet)
        link=v0
        args=(--device packet:v1 --mac 02:00:00:00:00:09)
        ;;
    *)
        need_tun
        link=weir0
        args=(--device "$1" --name weir0)
        args4+=(--host-address 10.9.0.1/24)
        args6+=(--host-address fd00:9::1/64)
        ;;
    esac
}

# Start a host and wait until it is ready. What it says is in $scratch/host.
host_start() { # host_start ARG...
    local line
    rm -f "$scratch/said"
    mkfifo "$scratch/said"
    "$weir" host "$@" >"$scratch/said" 2>"$scratch/errors" &
    host=$!
    exec 3<"$scratch/said"
    : >"$scratch/host"
    if ! IFS= read -r -t 20 line <&3 || [[ $line != *" is ready: "* ]]; then
        echo "Bail out! weir host is not ready: ${line:-} $(cat "$scratch/errors")"
        kill "$host" 2>/dev/null
        exit 1
    fi
    cat <&3 >"$scratch/host" &
    reader=$!
    exec 3<&-
}

# End it as a person would; answers its exit status.
host_end() {
    local status
    kill -TERM "$host" 2>/dev/null
    wait "$host"
    status=$?
    wait "$reader"
    host=
    return $status
}

# Try until it succeeds, for at most 20 seconds.
try() { # try COMMAND...
    local end=$((SECONDS + 20))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
    done
}

# All requests are answered. -W is for one reply, so that an answer that takes its time is no loss.
ping_all() { # ping_all COUNT SIZE ADDRESS [ARG...]
    local n=$1 size=$2 address=$3 out
    shift 3
    out=$(timeout 60 ping -n -q -c "$n" -i 0.002 -W 5 -s "$size" "$@" "$address" 2>&1)
    echo "$out"
    [[ $out == *" $n received"* || $out == *" $n packets received"* ]]
}

# Send standard input as a datagram and print the answer, for which it waits at most 5 seconds.
udp_ask() { # udp_ask ADDRESS PORT
    timeout 10 nc -u -w 5 -W 1 "$1" "$2"
}

# The same the other way round. The stack has addresses of one family, so it need not wait for the other's
# duplicate detection.
weir_ping_all() { # weir_ping_all COUNT SIZE ADDRESS ARG...
    local n=$1 size=$2 address=$3 out
    shift 3
    out=$(timeout 60 "$weir" ping "$@" -c "$n" -i 2ms -W 5 -s "$size" "$address" 2>&1)
    echo "$out"
    [[ $out == *"$n packets transmitted, $n received, 0% packet loss"* ]]
}

# A datagram of each of these sizes comes back from the echo service.
udp_echo() { # udp_echo ADDRESS SIZE...
    local address=$1 size
    shift
    for size in "$@"; do
        head -c "$size" /dev/urandom >"$scratch/sent"
        udp_ask "$address" 7 <"$scratch/sent" >"$scratch/got"
        cmp "$scratch/sent" "$scratch/got" || return 1
    done
}

# The counter in what the host printed at its end; 0 when it is not there.
counter() { # counter NAME
    awk -v name="$1" '$1 == name { sum += $2 } END { print sum + 0 }' "$scratch/host"
}
