#!/bin/bash
# SPDX-License-Identifier: MIT
# The commands themselves: wrong arguments, devices that are not to be had, commands run beside a host,
# services that do not answer each other.
#     command.sh WEIR
. "$(dirname "$0")/lib.sh"
need_tun

# It ends with this status, and says this in one line that begins with "weir: ".
fails() { # fails STATUS TEXT ARG...
    local wanted=$1 text=$2 status
    shift 2
    timeout 20 "$weir" "$@" </dev/null >"$scratch/said.out" 2>"$scratch/said.err"
    status=$?
    echo "exit status $status: $(cat "$scratch/said.err")"
    [ $status = "$wanted" ] && [ "$(wc -l <"$scratch/said.err")" = 1 ] &&
        grep -q "^weir: " "$scratch/said.err" && grep -qF -- "$text" "$scratch/said.err"
}

a=(--address 10.9.0.2/24)
check "no address" fails 2 "an address is missing" host
check "a bad address" fails 2 "bad address '10.9.0.256/24'" host -a 10.9.0.256/24
check "a bad prefix" fails 2 "bad address '10.9.0.2/33'" host -a 10.9.0.2/33
check "a bad device" fails 2 "no device 'tum'" host "${a[@]}" -d tum
check "a device without its interface" fails 2 "packet:INTERFACE" host "${a[@]}" -d packet
check "a bad MAC address" fails 2 "bad MAC address '01:00:00:00:00:00'" host "${a[@]}" -d tap \
    --mac 01:00:00:00:00:00
check "a MAC address without Ethernet" fails 2 "--mac" host "${a[@]}" --mac 02:00:00:00:00:01
check "a bad MTU" fails 2 "bad MTU '67'" host "${a[@]}" --mtu 67
check "a bad route" fails 2 "bad address 'gateway'" host "${a[@]}" -r 0.0.0.0/0,gateway
check "a route of two families" fails 2 "different families" host "${a[@]}" -r 0.0.0.0/0,fd00::1
check "an unknown service" fails 2 "no service 'finger'" host "${a[@]}" --services echo,finger
check "a bad time" fails 2 "bad time 'soon'" host "${a[@]}" --seconds soon
check "a bad quiet time" fails 2 "bad quiet time '-1'" host "${a[@]}" --quiet-time=-1
check "a quiet time that is too long" fails 2 "4 minutes" host "${a[@]}" --quiet-time 241
check "nobody to ping" fails 2 "an address to ping is missing" ping "${a[@]}"
check "a bad count" fails 2 "bad count '0'" ping "${a[@]}" -c 0 10.9.0.1
check "too many bytes" fails 2 "at most 65507" ping "${a[@]}" -s 65508 10.9.0.1
check "no port" fails 2 "a port is missing" udp "${a[@]}" 10.9.0.1
check "a bad port" fails 2 "bad port '65536'" udp "${a[@]}" 10.9.0.1 65536
check "an address that no host has" fails 1 "10.9.0.255/24: no host can have this address" \
    host -a 10.9.0.255/24
check "an address twice" fails 1 "already exists" host "${a[@]}" "${a[@]}"
check "an interface that is not there" fails 1 "nothere" host "${a[@]}" -d packet:nothere
check "a capture that cannot be" fails 1 "/nowhere/file: No such file" host "${a[@]}" --pcap /nowhere/file
check "a full disk" fails 1 "/dev/full: No space left" host "${a[@]}" --pcap /dev/full --seconds 5
check "a command that is not there" fails 127 "/nowhere/command" host "${a[@]}" -- /nowhere/command
# As a user without rights, and without a namespace of one's own.
cp "$weir" "$scratch/weir" && chmod 755 "$scratch" "$scratch/weir"
as_nobody() {
    setpriv --reuid 65534 --regid 65534 --clear-groups "$@" 2>&1
}
no_rights() {
    local said
    said=$(as_nobody "$scratch/weir" host "${a[@]}" --seconds 1s) && return 1
    echo "$said"
    [[ $said == weir:*"no right"* ]] && [ "$(wc -l <<<"$said")" = 1 ]
}
check "no rights" no_rights

host_start "${a[@]}" --name weir0 --host-address 10.9.0.1/24
check "a name that is in use" fails 1 "weir0" host -a 10.10.0.2/24 --name weir0
check "it ends when told to" host_end

check "the exit status is the command's" eval '"$weir" host "${a[@]}" -- sh -c "exit 7"; [ $? = 7 ]'
check "a signal too" eval '"$weir" host "${a[@]}" -- sh -c "kill -KILL \$\$"; [ $? = 137 ]'
check "the end of time" "$weir" host "${a[@]}" --seconds 10ms
check "the ready line" grep -qx "weir: weir0 is ready: 10.9.0.2/24 (tun, MTU 1400, no offloads)" \
    <("$weir" host "${a[@]}" --mtu 1400 --no-offload --seconds 10ms)

# As nobody: a namespace of users is needed, where the kernel allows that.
if as_nobody unshare -rn true >/dev/null && as_nobody test -w /dev/net/tun; then
    check "without rights" grep -q "10.9.0.2 dev weir" \
        <(as_nobody "$scratch/weir" host "${a[@]}" --host-address 10.9.0.1/24 -- ip route get 10.9.0.2)
else
    pass_over "without rights" "user namespaces or /dev/net/tun are restricted"
fi
# Quiet time: ping is answered, SYNs are not, and come again; one at 1 s is too early, one at 3 s is not.
host_start "${a[@]}" --host-address 10.9.0.1/24 --quiet-time 1.5s --services echo --stats
begun=$(date +%s%N)
check "quiet time is for TCP only" ping_all 3 56 10.9.0.2
quiet() {
    local answer
    exec 5<>/dev/tcp/10.9.0.2/7 && echo hello >&5 && IFS= read -r -t 10 answer <&5 && exec 5>&-
    [ "$answer" = hello ] && [ $((($(date +%s%N) - begun) / 1000000)) -ge 1400 ]
}
check "a connection is made when it is over" quiet
host_end
check "and SYNs were dropped" test "$(counter quiet_held)" -ge 1
# Two names for one thing: all packets on standard output, and nothing else.
"$weir" host "${a[@]}" --host-address 10.9.0.1/24 --pcap - -- sh -c "echo 1 >/dev/udp/10.9.0.2/4242; true" \
    2>"$scratch/errors" >"$scratch/capture"
check "a capture on standard output" test "$(head -c 4 "$scratch/capture" | od -An -t x1 | tr -d ' ')" = 0a0d0d0a

# A datagram from the port of a service is not answered: they would talk for ever.
host_start "${a[@]}" --host-address 10.9.0.1/24 --stats
if command -v nc >/dev/null; then
    check "a service does not answer a service" eval 'for port in 7 13 17 19 37; do
        echo hello | timeout 5 nc -u -w 1 -W 1 -p $port 10.9.0.2 7 || :; done >"$scratch/got";
        [ ! -s "$scratch/got" ]'
    check "it ends when told to" host_end
    check "and counts that" test "$(counter echo_refused)" = 5
fi
finish
