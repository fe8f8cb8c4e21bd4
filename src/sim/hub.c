/* SPDX-License-Identifier: MIT */
#include "sim/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/build.h"
#include "sim/outbox.h"

struct hub {
    struct sim_node *node;
    unsigned world;
    struct {
        struct weir_addr address[2];
        unsigned addresses;
        struct sim_outbox out;
    } port[HUB_PORTS_MAX];
};

static unsigned port_of(const struct hub *hub, const struct weir_addr *to)
{
    for (unsigned port = 0; port < HUB_PORTS_MAX; port++)
        for (unsigned i = 0; i < hub->port[port].addresses; i++)
            if (memcmp(&hub->port[port].address[i], to, sizeof *to) == 0)
                return port;
    return hub->world;
}

static void hub_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n, weir_time now)
{
    struct hub *hub = ctx;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        struct sim_parsed p = sim_parse(rx[i].head, rx[i].len, WEIR_LINK_IP);
        if (p.ip_version == 0)
            continue;
        struct build_ip path = build_path(&p, false);
        unsigned to = port_of(hub, &path.destination);
        if (to != port) /* nobody there: the world does not answer itself */
            (void)sim_outbox_put(&hub->port[to].out, rx[i].head, rx[i].len);
    }
}

static unsigned hub_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max, weir_time now)
{
    struct hub *hub = ctx;
    (void)now;
    return sim_outbox_take(&hub->port[port].out, tx, max);
}

static void hub_destroy(void *ctx)
{
    struct hub *hub = ctx;
    for (unsigned port = 0; port < HUB_PORTS_MAX; port++)
        sim_outbox_free(&hub->port[port].out);
    free(hub);
}

struct hub *hub_add(struct sim *sim, const char *name, unsigned world)
{
    static const struct sim_node_ops ops = {
        .input = hub_input, .output = hub_output, .destroy = hub_destroy};
    CHECK(NULL, world < HUB_PORTS_MAX);
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return NULL;
    hub->world = world;
    for (unsigned port = 0; port < HUB_PORTS_MAX; port++)
        sim_outbox_init(&hub->port[port].out, sim, HUB_QUEUE_PACKETS);
    hub->node = sim_node_add(sim, name, &ops, hub);
    if (hub->node == NULL) {
        free(hub);
        return NULL;
    }
    return hub;
}

struct sim_node *hub_node(const struct hub *hub)
{
    return hub->node;
}

void hub_address(struct hub *hub, unsigned port, const struct weir_addr *address)
{
    CHECK(NULL, port < HUB_PORTS_MAX && hub->port[port].addresses < 2);
    hub->port[port].address[hub->port[port].addresses++] = *address;
}
