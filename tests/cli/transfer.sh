#!/bin/bash
# SPDX-License-Identifier: MIT
# weir get, put, netstat and host from outside, without any device: their arguments, and transfers over the
# wire in memory. TAP.
#     transfer.sh WEIR
set -u
weir=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_RUNTIME_DIR=$work/run
mkdir -m 700 run www
count=0 failures=0

check() { # check NAME COMMAND...: it succeeds
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >out 2>&1; then
        echo "ok $count - $name"
    else
        failures=$((failures + 1))
        echo "not ok $count - $name"
        sed 's/^/# /' out
    fi
}

# It ends with this status, and says this in one line that begins with "weir: ".
fails() { # fails STATUS TEXT ARG...
    local wanted=$1 text=$2 status
    shift 2
    timeout 20 "$weir" "$@" </dev/null >said.out 2>said.err
    status=$?
    echo "exit status $status: $(cat said.err)"
    [ $status = "$wanted" ] && [ "$(wc -l <said.err)" = 1 ] && grep -q "^weir: " said.err &&
        grep -qF -- "$text" said.err
}

url=http://10.9.0.2/file
a=(--address 10.9.0.1/24)
check "get: no URL" fails 2 "an URL is missing" get "${a[@]}"
check "get: two URLs" fails 2 "one too many" get "${a[@]}" $url $url
check "get: no address" fails 2 "an address is missing" get $url
check "get: https" fails 2 "no TLS" get "${a[@]}" https://10.9.0.2/file
check "get: no URL at all" fails 2 "not an URL" get "${a[@]}" file
check "get: no name for the file" fails 2 "--output" get "${a[@]}" http://10.9.0.2/
check "get: a bad range" fails 2 "bad range '5-2'" get "${a[@]}" -R 5-2 $url
check "get: several ranges" fails 2 "bad range" get "${a[@]}" -R 0-1,3-4 $url
check "get: a part of a download that goes on" fails 2 "without --range" get "${a[@]}" -C -R 0-1 $url
check "get: going on with standard output" fails 2 "--continue" get "${a[@]}" -C -o - $url
check "get: JSON into the file" fails 2 "standard output is for the file" get "${a[@]}" --json -o - $url
check "get: a capture into the file" fails 2 "standard output is for what is said" get "${a[@]}" -o - --pcap - $url
check "get: a bad timeout" fails 2 "bad time '0'" get "${a[@]}" --timeout 0 $url
check "get: a capture without a device" fails 2 "--memory" get --memory . --pcap x $url
check "get: a host that nobody knows" fails 1 "nobody.invalid" get "${a[@]}" http://nobody.invalid/file
check "get: a host of the other family" fails 1 "no address of a family" get "${a[@]}" 'http://[::1]/file'
check "put: no file" fails 2 "a file and an URL are missing" put "${a[@]}"
check "put: no URL" fails 2 "an URL is missing" put "${a[@]}" file
check "put: a file that is not there" fails 1 "nothere: No such file" put "${a[@]}" nothere $url
check "put: a directory" fails 1 "it is a directory" put "${a[@]}" www $url
check "host: no directory" fails 2 "a directory is missing" host "${a[@]}" --http 80:
check "host: a bad port" fails 2 "bad port '65536'" host "${a[@]}" --http 65536:www
check "host: a directory that is not there" fails 1 "nothere: No such file" host "${a[@]}" --http nothere
check "host: uploads to nowhere" fails 2 "--http-put" host "${a[@]}" --http-put
check "host: no connections" fails 2 "bad number '0'" host "${a[@]}" --connections 0
check "host: a service over nothing" fails 2 "no service 'echo/sctp'" host "${a[@]}" --services echo/sctp
check "netstat: nobody to ask" fails 1 "no 'weir host' of yours runs" netstat
check "netstat: a socket that is not there" fails 1 "/nowhere/socket: No such file" \
    netstat --control /nowhere/socket
check "netstat: a bad family" fails 2 "no family 'unix'" netstat -f unix
check "netstat: too many arguments" fails 2 "one argument too many" netstat x
check "netstat: a bad interval" fails 2 "bad interval" netstat -c soon

head -c 3000000 /dev/urandom >www/file
m=(--memory www)
check "get in memory, and how much came" eval '"$weir" get "${m[@]}" $url && cmp file www/file &&
    grep -Eq "^file: 3000000 bytes \(3\.00 MB\) in .*/s$" out'
check "without offloads" eval '"$weir" get "${m[@]}" --no-offload -o file $url && cmp file www/file'
check "with another MTU" eval '"$weir" get "${m[@]}" --no-offload --mtu 600 -o file $url && cmp file www/file'
check "over IPv6, on another port" \
    eval '"$weir" get "${m[@]}" -o file "http://[fd00::7]:8080/file" && cmp file www/file'
check "to standard output" eval '"$weir" get "${m[@]}" -q -o - $url | cmp - www/file'
head -c 1000000 www/file >file
check "going on" eval '"$weir" get "${m[@]}" -C $url && cmp file www/file && grep -q "2000000 bytes" out'
check "when there is nothing more" \
    eval '"$weir" get "${m[@]}" -C $url && cmp file www/file && grep -q "complete already" out'
check "a part" eval '"$weir" get "${m[@]}" -q -R 10-99 -o - $url | cmp - <(tail -c +11 www/file | head -c 90)'
check "the end" eval '"$weir" get "${m[@]}" -q -R -90 -o - $url | cmp - <(tail -c 90 www/file)'
check "a part that is not there" fails 1 "416 Range Not Satisfiable" get "${m[@]}" -R 3000000- -o x $url
check "a file that is not there" fails 1 "404 Not Found" get "${m[@]}" http://10.9.0.2/nothing
check "and leaves none here" test ! -e nothing
check "a full disk" fails 1 "/dev/full: No space left" get "${m[@]}" -q -o /dev/full $url
check "JSON" grep -Eq '^\{"url":"http://10.9.0.2/file","file":"x","ok":true,"status":200,"bytes":3000000,"connect_ns":[0-9]+,"transfer_ns":[0-9]+,"bytes_per_s":[0-9]+,"fast_open":false\}$' \
    <("$weir" get "${m[@]}" --json -o x $url)
check "fast open" grep -q '"ok":true,"status":200,"bytes":3000000,.*"fast_open":true}$' \
    <("$weir" get "${m[@]}" --fast-open --json -o x $url)
check "fast open, the file" cmp x file
check "put with fast open" grep -q '"ok":true,"status":201,.*"fast_open":true}$' \
    <("$weir" put "${m[@]}" --fast-open --json file http://10.9.0.2/fast)
check "put with fast open, the file" cmp file www/fast
check "fast open, and a file that is not there" fails 1 "404 Not Found" \
    get "${m[@]}" --fast-open http://10.9.0.2/nothing
check "put in memory" eval '"$weir" put "${m[@]}" file http://10.9.0.2/up && cmp file www/up'
check "put of a pipe" eval 'cat file | "$weir" put "${m[@]}" - http://10.9.0.2/pipe && cmp file www/pipe'
check "put of what a file has left" \
    eval '(dd bs=1 count=10 of=/dev/null; "$weir" put "${m[@]}" - http://10.9.0.2/rest) <file &&
        cmp <(tail -c +11 file) www/rest'
check "put where nothing can be" fails 1 "404 Not Found" put "${m[@]}" file http://10.9.0.2/none/file
check "put onto a directory" fails 1 "409 Conflict" put "${m[@]}" file http://10.9.0.2/
check "nothing else is left there" test "$(ls -A www | tr '\n' ' ')" = "fast file pipe rest up "
echo "1..$count"
[ $failures = 0 ]
