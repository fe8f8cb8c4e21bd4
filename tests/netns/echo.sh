#!/bin/bash
# SPDX-License-Identifier: MIT
# Messages of random sizes from the kernel's TCP to the echo service and back, interleaved, compared.
#     echo.sh WEIR ECHO_PEER tun|tap|packet MESSAGES [--no-offload]
. "$(dirname "$0")/lib.sh"
peer=$1
device=$2
messages=$3
shift 3
[ "$device" != packet ] || add_veth
device_args "$device"
host_start "${args[@]}" "${args4[@]}" "${args6[@]}" --services echo/tcp --stats "$@"
check "$messages messages on one connection, IPv4" timeout 100 "$peer" $ip4 7 "$messages" 1 1
check "$messages messages on eight connections, IPv6" timeout 100 "$peer" $ip6 7 "$messages" 8 2
check "$messages messages on 64 connections, IPv4" timeout 100 "$peer" $ip4 7 "$messages" 64 3
host_end
check "the host ends well, and no segment was malformed" \
    [ "$(($(counter TCP_CHECKSUM) + $(counter TCP_SHORT) + $(counter TCP_DATA_OFFSET)))" = 0 ]
finish
