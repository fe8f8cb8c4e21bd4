/* SPDX-License-Identifier: MIT
 * The verdict on a received packet: is it well-formed, and is it ours? */
#ifndef WEIR_CORE_VERDICT_H
#define WEIR_CORE_VERDICT_H

#include "weir/drop.h"
#include "weir/iface.h"
#include "weir/packet.h"

/* Answers WEIR_DROP_NONE or the one reason to drop the packet. Reads the headers, never the
 * payload.
 * Bound: constant. */
enum weir_drop verdict(const struct weir_iface_config *iface, const struct weir_rx *packet);

#endif
