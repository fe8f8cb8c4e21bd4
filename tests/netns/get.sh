#!/bin/bash
# SPDX-License-Identifier: MIT
# weir's TCP as a client of the kernel's: `weir get` from nginx, where that is installed, and `weir get` and
# `weir put` with a server in Python.
#     get.sh WEIR tun|tap|packet [--no-offload]
. "$(dirname "$0")/lib.sh"
need python3
device=$1
shift
[ "$device" != packet ] || add_veth
device_args "$device"
args+=("$@")
www=$scratch/www
mkdir -p "$www" "$scratch/nginx"
for size in 0 1 1000 65537 1048576; do
    head -c $size /dev/urandom >"$www/$size"
done
head -c 67108864 /dev/urandom >"$www/67108864"

cat >"$scratch/server.py" <<'PY'
import http.server, os, socket, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_PUT(self):
        with open(os.path.join(sys.argv[2], 'uploaded'), 'wb') as out:
            if self.headers.get('Transfer-Encoding') == 'chunked':
                while size := int(self.rfile.readline(), 16):
                    out.write(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
            else:
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

    def handle_error(self, request, address):
        pass

os.chdir(sys.argv[2])
server = Server(('::', int(sys.argv[1])), Handler)
print('ready', flush=True)
server.serve_forever()
PY
exec 4< <(exec python3 "$scratch/server.py" 8000 "$www")
python=$!
read -r -t 20 <&4 || skip_all "no server in Python"

nginx=$(PATH=$PATH:/usr/sbin command -v nginx || :)
if [ -n "$nginx" ]; then
    cat >"$scratch/nginx/conf" <<CONF
daemon off;
worker_processes 1;
pid $scratch/nginx/pid;
error_log $scratch/nginx/log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $scratch/nginx/body;
    proxy_temp_path $scratch/nginx/proxy;
    fastcgi_temp_path $scratch/nginx/fastcgi;
    uwsgi_temp_path $scratch/nginx/uwsgi;
    scgi_temp_path $scratch/nginx/scgi;
    server { listen 8080; listen [::]:8080; root $www; }
}
CONF
    chmod 755 "$scratch" "$www"
    "$nginx" -p "$scratch/nginx" -c "$scratch/nginx/conf" 2>"$scratch/nginx/errors" &
    web=$!
    try eval "exec 5<>/dev/tcp/127.0.0.1/8080" 2>/dev/null || nginx=
fi

from() { # from 4|6: the arguments of a stack with an address of this family
    [ "$1" = 4 ] && echo "${args[@]} ${args4[@]}" || echo "${args[@]} ${args6[@]}"
}

gets() { # gets 4|6 URL NAME ARG...
    local family=$1 url=$2 name=$3
    shift 3
    rm -f "$scratch/got"
    timeout 90 "$weir" get $(from "$family") -o "$scratch/got" "$@" "$url/$name" &&
        cmp "$www/$name" "$scratch/got"
}

puts() { # puts 4|6 URL NAME
    rm -f "$www/uploaded"
    timeout 90 "$weir" put $(from "$1") "$www/$3" "$2/uploaded" && cmp "$www/$3" "$www/uploaded"
}

puts_pipe() { # puts_pipe 4|6 URL NAME: in chunks
    rm -f "$www/uploaded"
    timeout 90 "$weir" put $(from "$1") - "$2/uploaded" < <(cat "$www/$3") &&
        cmp "$www/$3" "$www/uploaded"
}

goes_on() { # goes_on URL
    head -c 300000 "$www/1048576" >"$scratch/got"
    timeout 60 "$weir" get $(from 4) -C -o "$scratch/got" "$1/1048576" &&
        cmp "$www/1048576" "$scratch/got" &&
        timeout 60 "$weir" get $(from 4) -C -o "$scratch/got" "$1/1048576" | grep "complete already"
}

part() { # part URL
    timeout 60 "$weir" get $(from 4) -R 1000-70999 -o "$scratch/got" "$1/1048576" &&
        cmp "$scratch/got" <(tail -c +1001 "$www/1048576" | head -c 70000)
}

fails() { # fails STATUS TEXT COMMAND...
    local wanted=$1 text=$2 status
    shift 2
    timeout 60 "$@" >"$scratch/said" 2>&1
    status=$?
    echo "exit status $status: $(cat "$scratch/said")"
    [ $status = "$wanted" ] && grep -qF -- "$text" "$scratch/said"
}

python4=http://10.9.0.1:8000 python6='http://[fd00:9::1]:8000'
for size in 0 1 1000 65537 1048576 67108864; do
    check "weir get of $size bytes from Python, IPv4" gets 4 $python4 $size
    check "weir put of $size bytes to Python, IPv4" puts 4 $python4 $size
done
check "weir get from Python, IPv6" gets 6 "$python6" 1048576
check "weir put to Python, IPv6" puts 6 "$python6" 1048576
check "weir put of a pipe" puts_pipe 4 $python4 1048576
check "weir get of what is not there" fails 1 "404 Not Found" \
    "$weir" get $(from 4) -o "$scratch/got" $python4/nothing
check "weir get from a port where nobody listens" fails 1 "refused" \
    "$weir" get $(from 4) -o "$scratch/got" http://10.9.0.1:4242/x
check "weir get of a name of /etc/hosts that has no such address" fails 1 "no address of a family" \
    "$weir" get $(from 4) -o "$scratch/got" 'http://[fd00:9::1]/x'
check "weir get from nobody" fails 1 "no answer in time" \
    "$weir" get $(from 4) --timeout 300ms -o "$scratch/got" http://10.9.0.77/x
check "weir get --json" grep -Eq '"ok":true,"status":200,"bytes":1000,' \
    <(timeout 60 "$weir" get $(from 4) --json -o "$scratch/got" $python4/1000)
if [ -n "$nginx" ]; then
    nginx4=http://10.9.0.1:8080 nginx6='http://[fd00:9::1]:8080'
    for size in 0 1 1000 65537 1048576 67108864; do
        check "weir get of $size bytes from nginx, IPv4" gets 4 $nginx4 $size
    done
    check "weir get from nginx, IPv6" gets 6 "$nginx6" 67108864
    check "weir get goes on, from nginx" goes_on $nginx4
    check "weir get of a part, from nginx" part $nginx4
    kill "$web"
    wait "$web" 2>/dev/null
else
    pass_over "weir get from nginx" "nginx is not here"
fi
kill "$python" 2>/dev/null
finish
