#!/bin/bash
# SPDX-License-Identifier: MIT
# A SYN flood by a raw socket against `weir host` (ATK-SYN-01): an established download goes on, honest
# clients connect, memory is at its cap, and afterwards it is as it was.
#     synflood.sh WEIR FLOODER tun|tap [RATE]
. "$(dirname "$0")/lib.sh"
need curl python3
flooder=$1
device=$2
rate=${3:-30000}
here=$(dirname "$0")
device_args "$device"
records=4096 # tcp_syn_received_max of weir host
calm_s=4 flood_s=30 # at most
limit=20000000 # bytes a second of the download
network=() gateway=
if [ "$device" = tap ]; then # some in the name of neighbours that do not exist
    network=(10.9.0.0)
    gateway=,10.9.0.1
fi
www=$scratch/www
control=$scratch/control
mkdir -p "$www"
head -c 1000 /dev/urandom >"$www/1000"
truncate -s 4G "$www/large"

# One number about the host: how many are in a state; or a counter.
ask() { # ask STATE|COUNTER
    local what=$1 option=-a
    case $what in
    cookies_*) option=-s ;;
    esac
    "$weir" netstat --control "$control" --json $option | python3 -c '
import json, sys
what = sys.argv[1]
said = json.load(sys.stdin)
print(said["tcp"][what] if "tcp" in said else sum(c["state"] == what for c in said))' "$what"
}

resident_kb() {
    awk '$1 == "VmRSS:" { print $2 }' "/proc/$host/status"
}

written() {
    awk '$1 == "wchar:" { print $2 }' "/proc/$download/io"
}

# Bytes a second of the download over some seconds.
goodput() { # goodput SECONDS
    local from to begin end
    from=$(written)
    begin=$(date +%s%N)
    sleep "$1"
    to=$(written)
    end=$(date +%s%N)
    echo $(((to - from) * 1000 / ((end - begin) / 1000000)))
}

# A thousand connections, 20 at a time, each for one small file: how many were served.
thousand() {
    timeout 40 python3 "$here/clients.py" $ip4 /1000 1000 20 15
}

is_flooding() { [ "$(ask cookies_out)" -gt 0 ]; }
is_alone() { [ "$(ask ESTABLISHED)" = 0 ]; }

host_start "${args[@]}" "${args4[@]}" --route "0.0.0.0/0$gateway" --stats --http "$www" --control "$control"
ip link set $link txqueuelen 10000 # what is lost there never reaches weir
check "a thousand connections without a flood" test "$(thousand)" = 1000
curl -sS --max-time 38 --limit-rate $limit -o /dev/null "http://$ip4/large" 2>/dev/null &
download=$!
sleep 3 # until both buffers are full, and the limit is what limits
calm=$(goodput $calm_s)
[ "$calm" -le $limit ] || calm=$limit # on a busy machine curl makes up for what it has missed
before_kb=$(resident_kb)

"$flooder" $ip4 80 "$rate" $flood_s "${network[@]}" >"$scratch/flooded" 2>"$scratch/flood.err" &
flood=$!
check "a flood uses up the records" try is_flooding
stormy=$(goodput $calm_s)
if [ $((stormy * 10)) -lt $((calm * 9)) ]; then # curl reads by bursts, and others work here: look again
    again=$(goodput $calm_s)
    [ "$again" -le "$stormy" ] || stormy=$again
fi
begin=$SECONDS
served=$(thousand)
took=$((SECONDS - begin))
flooded_kb=$(resident_kb)
waiting=$(ask SYN-RECEIVED) # which takes memory of its own
still=$(kill -TERM $flood 2>/dev/null && echo yes)
wait $flood
status=$?
[ $status != 77 ] || skip_all "no right to open a raw socket: $(cat "$scratch/flood.err")"
read -r sent seconds <"$scratch/flooded"
echo "# $sent SYNs in $seconds s; goodput $calm before, $stormy bytes/s in the flood;" \
    "$served of 1000 connections in $took s; resident $before_kb, then $flooded_kb KB;" \
    "$waiting records; cookies: $(ask cookies_out) out, $(ask cookies_good) good, $(ask cookies_bad) bad"
check "the flood was one" test "$sent" -ge $((rate * ${seconds%.*} / 2))
check "it went on all the time" test "$still" = yes
check "the download keeps 90 % of its goodput" test $((stormy * 10)) -ge $((calm * 9))
check "999 of 1000 honest clients connect" test "$served" -ge 999
check "records are at their cap" test "$waiting" -le $records
cap_kb=4096
grep -q __asan_init "$weir" && cap_kb=16384 # shadow, and what it does not give back at once
check "and memory at its own" test $((flooded_kb - before_kb)) -le $cap_kb
kill $download
wait $download 2>/dev/null
check "afterwards nobody is connected" try is_alone
check "and one more is served" test "$(curl -sS --max-time 10 "http://$ip4/1000" | cmp - "$www/1000" && echo same)" = same
check "it ends when told to" host_end
for reason in IP4_CHECKSUM TCP_CHECKSUM TCP_SHORT TCP_MEMORY; do
    check "no packet under $reason" test "$(counter $reason)" = 0
done
finish
