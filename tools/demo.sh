#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make demo` shows, in virtual time, without network or privileges:
#     tools/demo.sh WEIR [DIRECTORY]
# The captures stay in DIRECTORY (demo/ beside WEIR) for Wireshark or tcpdump.
set -eu
weir=$1
directory=${2:-$(dirname "$weir")/demo}
mkdir -p "$directory"

say() {
    printf '\n=== %s\n' "$*"
}

# Run a scenario; show the first packets of its capture, then its report.
show() { # show SCENARIO SEED PACKETS
    echo "\$ weir sim $1 --seed $2 --print"
    # Packets begin with their time, the report does not.
    "$weir" sim "$1" --seed "$2" --print --pcap "$directory/$1.pcapng" >"$directory/$1.txt" || {
        tail -n 60 "$directory/$1.txt"
        exit 1
    }
    grep '^[0-9]' "$directory/$1.txt" | head -n "$3"
    echo "... $(grep -c '^[0-9]' "$directory/$1.txt") packets in $directory/$1.pcapng"
    echo
    grep -v '^[0-9]' "$directory/$1.txt"
}

say "A path on which everything goes wrong, and where every packet went"
show lossy 7 12

say "TCP through four middleboxes, and what each end saw of the other"
show middleboxes 7 12

say "More: weir sim --list; weir help sim; open $directory/*.pcapng in Wireshark"
