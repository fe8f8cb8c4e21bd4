#!/bin/bash
# SPDX-License-Identifier: MIT
# The kernel's TCP against weir's: curl and nc as clients of `weir host`, both families, and `weir netstat`.
#     web.sh WEIR tun|tap|packet [--no-offload]
. "$(dirname "$0")/lib.sh"
need curl
device=$1
shift
[ "$device" != packet ] || add_veth
device_args "$device"
args+=("$@")
www=$scratch/www
control=$scratch/control
mkdir -p "$www/small" "$www/sub" "$scratch/got"
for size in 0 1 1000 65537 1048576; do
    head -c $size /dev/urandom >"$www/$size"
done
head -c 67108864 /dev/urandom >"$www/67108864"
for i in $(seq 100); do
    head -c $((i * 37)) /dev/urandom >"$www/small/$i"
done
echo SECRET >"$scratch/outside"
ln -s ../outside "$www/link"

web() { # web CURL-ARG...: quietly, with an end to it
    timeout 60 curl -sS --globoff --max-time 50 "$@"
}

fetches() { # fetches ADDRESS NAME: the file comes as it is
    web -f -o "$scratch/got/file" "http://$1/$2" && cmp "$www/$2" "$scratch/got/file"
}

puts() { # puts ADDRESS NAME CURL-ARG...: the file arrives as it is
    local address=$1 name=$2
    shift 2
    rm -f "$www/uploaded"
    web -f -o /dev/null "$@" -T "$www/$name" "http://$address/uploaded" &&
        cmp "$www/$name" "$www/uploaded"
}

puts_in_chunks() { # puts_in_chunks ADDRESS NAME
    rm -f "$www/uploaded"
    web -f -o /dev/null -T - "http://$1/uploaded" <"$www/$2" && cmp "$www/$2" "$www/uploaded"
}

status_is() { # status_is STATUS CURL-ARG...
    local wanted=$1 status
    shift
    status=$(web -o "$scratch/got/answer" -w '%{http_code}' "$@")
    echo "$status"
    [ "$status" = "$wanted" ] && ! grep -q SECRET "$scratch/got/answer"
}

hundred() { # hundred ADDRESS CURL-ARG...: all small files, compared
    local address=$1 i
    shift
    rm -f "$scratch"/got/*
    timeout 60 curl -sS --max-time 50 -f "$@" -o "$scratch/got/#1" "http://$address/small/[1-100]" ||
        return 1
    for i in $(seq 100); do
        cmp "$www/small/$i" "$scratch/got/$i" || return 1
    done
}

kept_alive() { # kept_alive ADDRESS: three requests, one connection
    local n
    n=$(timeout 20 curl -sS -f -o /dev/null -w '%{num_connects}\n' "http://$1/{1,1000,65537}" |
        awk '{ n += $1 } END { print n }')
    echo "$n connections"
    [ "$n" = 1 ]
}

echoes() { # echoes ADDRESS NAME: the TCP echo service gives it back, and then the FIN
    timeout 60 nc -N "$1" 7 <"$www/$2" | cmp - "$www/$2"
}

range() { # range ADDRESS RANGE FIRST COUNT
    web -f -r "$2" -o "$scratch/got/part" "http://$1/1048576" &&
        cmp "$scratch/got/part" <(tail -c +$(($3 + 1)) "$www/1048576" | head -c "$4")
}

resumes() { # resumes ADDRESS: a download that was broken off goes on
    head -c 300000 "$www/1048576" >"$scratch/got/file"
    web -f -C - -o "$scratch/got/file" "http://$1/1048576" && cmp "$www/1048576" "$scratch/got/file"
}

netstat_shows() { # netstat_shows PATTERN ARG...
    local pattern=$1
    shift
    "$weir" netstat --control "$control" -n "$@" >"$scratch/got/netstat"
    cat "$scratch/got/netstat"
    grep -Eq "$pattern" "$scratch/got/netstat"
}

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --stats --http "$www" --http-put --control "$control"
for address in $ip4 "[$ip6]"; do
    for size in 0 1 1000 65537 1048576 67108864; do
        check "a download of $size bytes, $address" fetches "$address" $size
    done
    for size in 0 1 65537 1048576 67108864; do
        check "an upload of $size bytes, $address" puts "$address" $size
    done
    check "an upload in chunks, $address" puts_in_chunks "$address" 1048576
    check "an upload after 100 Continue, $address" puts "$address" 1048576 -H "Expect: 100-continue"
    check "100 requests one after the other, $address" hundred "$address"
    check "100 requests at the same time, $address" hundred "$address" --parallel --parallel-max 100
    check "requests on one connection, $address" kept_alive "$address"
    check "a part, $address" range "$address" 1000-70999 1000 70000
    check "the end, $address" range "$address" -70000 978576 70000
    check "a download goes on, $address" resumes "$address"
done
check "the head alone" status_is 200 -I "http://$ip4/67108864"
check "no part" status_is 416 -r 99999999- "http://$ip4/1000"
check "nothing there" status_is 404 "http://$ip4/nothing"
check "no way out" status_is 404 --path-as-is "http://$ip4/sub/../../outside"
check "no way out in disguise" status_is 404 "http://$ip4/sub/%2e%2e/%2e%2e/outside"
check "no way out by a link" status_is 403 "http://$ip4/link"
check "no upload by a link" status_is 409 -T "$www/1000" "http://$ip4/link"
check "the list" grep -q 'href="./sub/"' <(web "http://$ip4/")
check "a refused upload" status_is 404 -T "$www/1048576" "http://$ip4/none/file"
if command -v nc >/dev/null; then
    for address in $ip4 $ip6; do
        for size in 1 1000 1048576 67108864; do
            check "TCP echo of $size bytes, $address" echoes $address $size
        done
    done
    check "daytime over TCP" grep -Eq '^[A-Z][a-z]+day, [A-Z][a-z]+ [0-9]+, 20[0-9]+ [0-9:]+-UTC' \
        <(timeout 20 nc $ip4 13 </dev/null)
    check "time over TCP is four bytes" test "$(timeout 20 nc $ip6 37 </dev/null | wc -c)" = 4
    check "chargen over TCP" test "$(timeout 20 nc -d $ip4 19 | head -c 1000000 | tr -d ' -~\r\n' | wc -c)" = 0
    check "a port where nobody listens" eval "! timeout 20 nc -z $ip4 4242"
else
    pass_over "nc" "nc is not here"
fi

check "netstat shows who listens" netstat_shows ':80 +\*:\* +LISTEN +http ' -a
check "netstat shows listeners with -a only" eval '! netstat_shows LISTEN'
timeout 60 curl -sS --limit-rate 1000000 -o /dev/null "http://$ip4/67108864" 2>/dev/null &
slow=$!
check "netstat shows a connection" try netstat_shows \
    "$ip4:80 +10.9.0.1:[0-9]+ +ESTABLISHED +http +[0-9]+ +[0-9.]+[um]?s +[0-9]+ "
check "netstat explains what limits it" try netstat_shows \
    "limited by .*(application|peer window|cwnd).* [0-9.]+ % .*of [0-9.]+" -v
check "and what its buffers are" netstat_shows "buffers +send [0-9,]+ of [0-9,]+, receive 0 of 131,072" -v
check "of one family" try netstat_shows "ESTABLISHED" -f inet
check "and not of the other" eval '! netstat_shows ESTABLISHED -f inet6'
check "netstat counts" netstat_shows 'passive_opens +[0-9]' -s
check "and speaks JSON" netstat_shows '"cwnd_bytes":[0-9]+.*"owner":"http"|"owner":"http".*"cwnd_bytes":[0-9]+' --json
check "the socket is its user's alone" test "$(stat -c %a "$control")" = 600
check "it ends when told to" host_end
wait $slow
check "and resets who is connected" test $? = 56
check "and takes its socket along" test ! -e "$control"
check "nothing of uploads is left over" eval '! ls -A "$www" | grep -q "^\\.weir"'
for reason in IP4_CHECKSUM TCP_CHECKSUM TCP_DATA_OFFSET TCP_SHORT TCP_MEMORY DEVICE_OFFLOAD \
    tx_refused tx_lost; do
    check "no packet under $reason" test "$(counter $reason)" = 0
done
finish
