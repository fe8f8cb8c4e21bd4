#!/bin/sh
# SPDX-License-Identifier: MIT
# Make sure that Debian packages are installed: names the missing ones, installs them as root or through
# sudo, and otherwise says what to install and stops:
#     tools/need.sh PURPOSE PACKAGE...
set -eu
purpose=$1
shift
missing=
for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "weir: $purpose needs these Debian packages, and there is no apt-get here:$missing" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
    as_root=sudo
else
    echo "weir: $purpose needs these packages; install them as root:" >&2
    echo "    apt-get install$missing" >&2
    exit 1
fi
echo "weir: $purpose needs and now installs:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
$as_root env DEBIAN_FRONTEND=noninteractive sh -c "
    apt-get install -y -q --no-install-recommends $missing ||
    { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; }" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "weir: could not install:$missing" >&2
    exit 1
}
