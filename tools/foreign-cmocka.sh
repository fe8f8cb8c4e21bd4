#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpack Debian's cmocka for another architecture into DIR, without touching the system:
#     tools/foreign-cmocka.sh arm64 DIR
set -eu
arch=$1 dir=$2
[ -e "$dir/usr/include/cmocka.h" ] && exit 0
mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
dir=$(cd "$dir" && pwd)
apt_get() {
    apt-get -q -o Dir::State="$dir/state" -o Dir::State::Status=/dev/null -o Dir::Cache="$dir/cache" \
        -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root "$@"
}
apt_get update
(cd "$dir/cache/archives" && apt_get download libcmocka0 libcmocka-dev)
for deb in "$dir"/cache/archives/*.deb; do
    dpkg-deb -x "$deb" "$dir"
done
rm -rf "$dir/state" "$dir/cache"
