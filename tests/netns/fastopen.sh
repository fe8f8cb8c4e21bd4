#!/bin/bash
# SPDX-License-Identifier: MIT
# TCP Fast Open (RFC 7413) with the kernel, both ways: a client of the kernel's and the services of a host,
# `weir get` and `weir put` and a server of the kernel's. The first connection gets the cookie, the second
# carries data in its SYN, which both sides count.
#     fastopen.sh WEIR tun|tap|packet [--no-offload]
. "$(dirname "$0")/lib.sh"
need python3
device=$1
shift
[ "$device" != packet ] || add_veth
device_args "$device"
args+=("$@")
switch=/proc/sys/net/ipv4/tcp_fastopen
grep -q TCPFastOpenActive /proc/net/netstat && echo 3 2>/dev/null >$switch && [ "$(cat $switch)" = 3 ] ||
    skip_all "this kernel has no fast open"

cat >"$scratch/client.py" <<'PY'
# client.py ADDRESS PORT SIZE [no-cookie]: echo a message that is sent with the SYN, and say whether it was
import socket, struct, sys

TCP_INFO, TCP_FASTOPEN_NO_COOKIE, TCPI_OPT_SYN_DATA = 11, 34, 32
address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
message = bytes(i * 7 % 251 for i in range(size))
with socket.socket(family, socket.SOCK_STREAM) as s:
    if sys.argv[4:] == ['no-cookie']:
        s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    sent = s.sendto(message, socket.MSG_FASTOPEN, (address, port))
    s.sendall(message[sent:])
    answer = b''
    while len(answer) < size:
        part = s.recv(65536)
        if not part:
            break
        answer += part
    options = s.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 8)[5]
    s.shutdown(socket.SHUT_WR)
    rest = s.recv(1)
if answer != message or rest:
    sys.exit('the answer is another')
print('fast' if options & TCPI_OPT_SYN_DATA else 'slow')
PY

cat >"$scratch/server.py" <<'PY'
# server.py PORT DIRECTORY [fast]: HTTP
import http.server, os, socket, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_PUT(self):
        with open('uploaded', 'wb') as out:
            left = int(self.headers['Content-Length'])
            while left > 0:
                left -= out.write(self.rfile.read(min(left, 1 << 20)))
        self.send_response(201)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_activate(self):
        if sys.argv[3:] == ['fast']:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
        super().server_activate()

    def handle_error(self, request, address):
        pass

os.chdir(sys.argv[2])
server = Server(('::', int(sys.argv[1])), Handler)
print('ready', flush=True)
server.serve_forever()
PY

kernel() { # kernel NAME: a counter of the kernel's
    awk -v name="$1" '$1 == "TcpExt:" && !seen { split($0, names); seen = 1; next }
        $1 == "TcpExt:" { for (i = 2; i <= NF; i++) if (names[i] == name) print $i }' /proc/net/netstat
}

# Whether data of the SYN was acknowledged by the SYN,ACK, as the kernel sees it: a stack that has no fast
# open may keep the data of a SYN, too, until the handshake is complete.
echoes() { # echoes fast|slow|any ADDRESS SIZE [no-cookie]
    local how=$1 got
    shift
    got=$(timeout 30 python3 "$scratch/client.py" "$1" 7 "${@:2}" 2>&1)
    echo "$got"
    [ "$got" = "$how" ] || [[ $how = any && ($got = fast || $got = slow) ]]
}

counts() { # counts NAME WANTED: the counter of the host is that
    echo "$1 is $(counter "$1")"
    [ "$(counter "$1")" = "$2" ]
}

syns_with() { # syns_with FILE LENGTH: how many SYNs of the capture carry so many bytes
    tcpdump -n -r "$1" 2>/dev/null | grep -c "Flags \[S\].*length $2\$"
}

# ---- a client of the kernel's ----

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --services echo/tcp --fast-open --stats \
    --pcap "$scratch/host.pcapng"
for address in $ip4 $ip6; do
    active=$(kernel TCPFastOpenActive)
    check "the kernel's first connection to $address gets a cookie" echoes slow "$address" 700
    check "... and its second sends data with the SYN, which is taken" echoes fast "$address" 700
    check "... as it counts itself" [ "$(kernel TCPFastOpenActive)" = $((active + 1)) ]
    check "... more than a SYN holds" echoes fast "$address" 100000
    check "... data without a cookie, which is no fast open" echoes any "$address" 701 no-cookie
    for i in 1 2 3 4 5 6 7 8; do
        echoes fast "$address" 64
    done >"$scratch/out"
    check "... eight more" test "$(grep -c fast "$scratch/out")" = 8
done
check "the host ends well" host_end
check "the host took data of twenty SYNs" counts fast_open_in 20
check "no cookie was a bad one" counts fast_open_bad 0
if command -v tcpdump >/dev/null; then
    check "the capture has the SYNs with data" [ "$(syns_with "$scratch/host.pcapng" 700)" = 2 ]
else
    pass_over "the capture has the SYNs with data" "tcpdump is not here"
fi

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --services echo/tcp --stats
check "a host without --fast-open takes the data after the handshake, IPv4" echoes any $ip4 700
check "... IPv6" echoes any $ip6 700
check "... which ends well" host_end
check "... and took none at once" counts fast_open_in 0

# ---- a server of the kernel's ----

www=$scratch/www
mkdir -p "$www"
for size in 1000 1048576; do
    head -c $size /dev/urandom >"$www/$size"
done
exec 4< <(exec python3 "$scratch/server.py" 8000 "$www" fast)
fast=$!
read -r -t 20 <&4 || skip_all "no server in Python"
exec 5< <(exec python3 "$scratch/server.py" 8001 "$www")
slow=$!
read -r -t 20 <&5 || skip_all "no server in Python"

from() { # from 4|6: the arguments of a stack with an address of this family
    [ "$1" = 4 ] && echo "${args[@]} ${args4[@]}" || echo "${args[@]} ${args6[@]}"
}

gets() { # gets 4|6 true|false URL NAME: was it fast?
    rm -f "$scratch/got"
    timeout 90 "$weir" get $(from "$1") --fast-open --json --pcap "$scratch/get.pcapng" \
        -o "$scratch/got" "$3/$4" >"$scratch/report" && cat "$scratch/report" &&
        cmp "$www/$4" "$scratch/got" && grep -q "\"fast_open\":$2" "$scratch/report"
}

puts() { # puts 4|6 true|false URL NAME
    rm -f "$www/uploaded"
    timeout 90 "$weir" put $(from "$1") --fast-open --json "$www/$4" "$3/uploaded" \
        >"$scratch/report" && cat "$scratch/report" && cmp "$www/$4" "$www/uploaded" &&
        grep -q "\"fast_open\":$2" "$scratch/report"
}

for family in 4 6; do
    [ $family = 4 ] && server=http://10.9.0.1 || server='http://[fd00:9::1]'
    passive=$(kernel TCPFastOpenPassive) asked=$(kernel TCPFastOpenCookieReqd)
    check "weir get sends the request with the SYN, IPv$family" gets $family true $server:8000 1000
    check "... the kernel gave it a cookie" [ "$(kernel TCPFastOpenCookieReqd)" = $((asked + 1)) ]
    check "... and took the data" [ "$(kernel TCPFastOpenPassive)" = $((passive + 1)) ]
    if command -v tcpdump >/dev/null; then
        check "... as the capture shows" \
            [ "$(tcpdump -n -r "$scratch/get.pcapng" 2>/dev/null | grep "Flags \[S\]" |
                grep -cv 'length 0$')" = 1 ]
    else
        pass_over "... as the capture shows" "tcpdump is not here"
    fi
    check "... and a large file" gets $family true $server:8000 1048576
    check "weir put sends data with the SYN, IPv$family" puts $family true $server:8000 1048576
    check "... and a small file" puts $family true $server:8000 1000
    check "a server without fast open gets the request after the handshake, IPv$family" \
        gets $family false $server:8001 1048576
done
kill "$fast" "$slow" 2>/dev/null
finish
