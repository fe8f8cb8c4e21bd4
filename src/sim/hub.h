/* SPDX-License-Identifier: MIT
 * A hub of bare IP links: every packet that comes in goes out where its destination is, at once and
 * unchanged. What has no place of its own goes to one port: the rest of the world. */
#ifndef WEIR_SIM_HUB_H
#define WEIR_SIM_HUB_H

#include "sim/node.h"
#include "weir/types.h"

struct hub;

enum { HUB_PORTS_MAX = 8, HUB_QUEUE_PACKETS = 65536 };

/* Add one. `world` is the port for addresses that have none. Owner: the simulation. NULL: no memory
 * or a bad name. */
struct hub *hub_add(struct sim *sim, const char *name, unsigned world);
struct sim_node *hub_node(const struct hub *hub);

/* Packets to this address go out through that port: one address of each family a port. */
void hub_address(struct hub *hub, unsigned port, const struct weir_addr *address);

#endif
