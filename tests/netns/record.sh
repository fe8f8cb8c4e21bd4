#!/bin/bash
# SPDX-License-Identifier: MIT
# A host that talks with the kernel is recorded, and `weir replay` does all of it again to the same bytes:
# after an end in order, and after it was killed.
#     record.sh WEIR tun|tap|packet [--no-offload]
. "$(dirname "$0")/lib.sh"
need curl
device=$1
shift
[ "$device" != packet ] || add_veth
device_args "$device"
args+=("$@")
www=$scratch/www
recording=$scratch/host.rec
mkdir -p "$www" "$scratch/files"
head -c 16777216 /dev/urandom >"$www/large"
for i in $(seq 50); do
    head -c $((i * 997)) /dev/urandom >"$www/$i"
done

web() {
    timeout 60 curl -sS --globoff --max-time 50 "$@"
}

fetches() { # fetches ADDRESS NAME
    web -f -o "$scratch/files/file" "http://$1/$2" && cmp "$www/$2" "$scratch/files/file"
}

puts() { # puts ADDRESS NAME
    web -f -o /dev/null -T "$www/$2" "http://$1/uploaded" && cmp "$www/$2" "$www/uploaded"
}

fifty() { # fifty ADDRESS: many connections at one time
    local files=()
    rm -f "$scratch"/got/*
    for i in $(seq 50); do
        files+=(-o "$scratch/files/$i" "http://$1/$i")
    done
    web -Z -f "${files[@]}" || return 1
    for i in $(seq 50); do
        cmp "$www/$i" "$scratch/files/$i" || return 1
    done
}

gives_up() { # gives_up ADDRESS: a client that goes in the middle of a file
    timeout 0.2 curl -s --limit-rate 1M -o /dev/null "http://$1/large"
    [ $? = 124 ]
}

talk() { # everything that a host is asked
    fetches $ip4 large && fetches "[$ip6]" large && puts $ip4 large && fifty "[$ip6]" &&
        gives_up $ip4 && ping_all 20 1000 $ip4 && ping_all 5 40000 $ip6 &&
        { ! command -v nc >/dev/null || udp_echo $ip4 1 1400 9000; }
}

replays() { # replays WORDS [ARG...]: identical, with these words in what is said
    local words=$1 out
    shift
    out=$(timeout 120 "$weir" replay "$@" "$recording" 2>&1) || { echo "$out"; return 1; }
    echo "$out" | tail -n 3
    [[ $out == *identical* && $out == *"$words"* ]]
}

scrubs() { # the same without payload: it replays, too, and is small when packed
    timeout 120 "$weir" replay --scrub "$scratch/scrubbed" "$recording" || return 1
    timeout 120 "$weir" replay "$scratch/scrubbed" || return 1
    [ "$(gzip -c "$scratch/scrubbed" | wc -c)" -lt 4000000 ]
}

same_packets() { # the capture of then and that of the replay: every packet, byte for byte
    timeout 120 "$weir" replay -w "$scratch/again.pcapng" "$recording" || return 1
    for file in host again; do
        tcpdump -n -t -xx -r "$scratch/$file.pcapng" 2>"$scratch/$file.said" | sha256sum >"$scratch/$file.sum"
        grep -q 'reading from file' "$scratch/$file.said" || return 1
    done
    cat "$scratch/host.sum" "$scratch/again.sum"
    cmp "$scratch/host.sum" "$scratch/again.sum"
}

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --http "$www" --http-put --control none \
    --pcap "$scratch/host.pcapng" --record "$recording"
check "$device $*: a recorded host serves" talk
check "$device $*: it ends in order" host_end
check "$device $*: only its owner may read the recording" test "$(stat -c %a "$recording")" = 600
check "$device $*: the replay is identical" replays " out, identical"
check "$device $*: and so is its beginning" replays "identical so far" --until 50ms
check "$device $*: the calls and packets of connections are shown" replays ": Flags [S.]" -c "$ip4:80-*"
check "$device $*: it can be had without the payload" scrubs
if command -v tcpdump >/dev/null; then
    check "$device $*: the packets are those of the capture, byte for byte" same_packets
else
    pass_over "$device $*: the packets are those of the capture, byte for byte" "no tcpdump"
fi

host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --http "$www" --http-put --control none \
    --record "$recording"
check "$device $*: a host that will be killed serves" fetches $ip4 large
kill -KILL "$host"
wait "$host" 2>/dev/null
wait "$reader"
host=
check "$device $*: what led to its end is replayed" replays "identical; it is cut short"

head -c 100 "$recording" >"$scratch/cut"
check "$device $*: half a beginning is refused, and said to be" \
    sh -c "! '$weir' replay '$scratch/cut' 2>'$scratch/words' && grep -q 'the first frame is not whole' '$scratch/words'"
finish
