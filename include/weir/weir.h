/* SPDX-License-Identifier: MIT
 * All of weir's public interface. */
#ifndef WEIR_H
#define WEIR_H

#include "weir/assert.h"
#include "weir/config.h"
#include "weir/drop.h"
#include "weir/error.h"
#include "weir/event.h"
#include "weir/iface.h"
#include "weir/memwire.h"
#include "weir/net.h"
#include "weir/packet.h"
#include "weir/record.h"
#include "weir/stack.h"
#include "weir/stats.h"
#include "weir/tcp.h"
#include "weir/types.h"
#include "weir/udp.h"
#include "weir/version.h"

#endif
