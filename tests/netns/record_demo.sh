#!/bin/bash
# SPDX-License-Identifier: MIT
# `make demo` with every host of it recorded: each of them is replayed to the same bytes.
#     record_demo.sh WEIR DEMO
. "$(dirname "$0")/lib.sh"
need curl
need_tun
demo=$1
cat >"$scratch/weir" <<END
#!/bin/bash
[ "\$1" != host ] || set -- host --record "$scratch/\$\$.rec" "\${@:2}"
exec "$weir" "\$@"
END
chmod +x "$scratch/weir"
replays() { # replays RECORDING: all of it
    local out
    out=$(timeout 200 "$weir" replay "$1" 2>&1)
    echo "$out"
    [[ $out == *", identical" ]]
}

check "the demo, recorded" env DEMO_MB=32 timeout 200 sh "$demo" "$scratch/weir" "$scratch/demo"
check "there are recordings" test "$(find "$scratch" -name '*.rec' | grep -c '')" -ge 2
for recording in "$scratch"/*.rec; do
    size=$(stat -c %s "$recording")
    check "a host of it is replayed, $size bytes of recording" replays "$recording"
done
finish
