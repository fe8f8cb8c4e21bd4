/* SPDX-License-Identifier: MIT
 * Cutting IPv4 packets into fragments, as routers do (RFC 791 section 3.2). */
#ifndef WEIR_SIM_FRAGMENT_H
#define WEIR_SIM_FRAGMENT_H

#include "weir/types.h"

/* How many fragments of at most `mtu` bytes the IPv4 packet at `ip`, of `len` bytes by its total
 * length, makes; 1: it fits. 0: it must not be cut, or the MTU has no room for its header and 8
 * bytes. */
unsigned sim_fragment_count(const uint8_t *ip, uint32_t len, uint32_t mtu);

/* Write fragment `index` (< sim_fragment_count()) to `out`, which has room for `mtu` bytes; returns
 * its length. All but the first carry only those options that have the copied flag. A packet that
 * is a fragment already is cut further. */
uint32_t sim_fragment_make(const uint8_t *ip, uint32_t len, uint32_t mtu, unsigned index,
                           uint8_t *out);

#endif
