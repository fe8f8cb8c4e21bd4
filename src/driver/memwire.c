/* SPDX-License-Identifier: MIT */
#include "weir/memwire.h"

#include "base/mem.h"
#include "weir/error.h"

int weir_memwire_init(struct weir_memwire *wire, const struct weir_memwire_config *config,
                      const struct weir_port *a, const struct weir_port *b)
{
    if (config->size != sizeof *config || config->mtu_bytes < 68 || config->mtu_bytes > 65535 ||
        a->input == NULL || a->output == NULL || b->input == NULL || b->output == NULL)
        return WEIR_E_INVALID;
    memset(wire, 0, sizeof *wire);
    wire->port[0] = *a;
    wire->port[1] = *b;
    wire->config = *config;
    return WEIR_OK;
}

void weir_memwire_iface(const struct weir_memwire_config *config, struct weir_iface_config *iface)
{
    uint32_t capabilities = WEIR_CAP_TX_GATHER;
    if (!config->checksums)
        capabilities |= WEIR_CAP_TX_CHECKSUM | WEIR_CAP_RX_CHECKSUM | WEIR_CAP_TRUSTED;
    if (config->super_packets)
        capabilities |= WEIR_CAP_TX_TCP4 | WEIR_CAP_TX_TCP6 | WEIR_CAP_TX_UDP | WEIR_CAP_RX_COALESCE;
    *iface = (struct weir_iface_config){
        .size = sizeof *iface,
        .capabilities = capabilities,
        .link = WEIR_LINK_IP,
        .mtu_bytes = config->mtu_bytes,
        .segmented_bytes_max = config->super_packets ? 65535 : 0,
    };
}

/* Can the wire carry it? What no capability of the interface allows, the sender may not ask for. */
static bool carries(const struct weir_memwire_config *config, const struct weir_tx *tx)
{
    if (tx->len > config->mtu_bytes && (!config->super_packets || tx->segment_count == 0))
        return false;
    return tx->checksum_wanted == 0 || !config->checksums;
}

/* The received form of a packet to send: the same bytes, by reference. */
static void receive(struct weir_rx *rx, const struct weir_tx *tx)
{
    *rx = (struct weir_rx){
        .head = tx->headers + tx->header_start,
        .head_len = tx->header_len,
        .len = tx->len,
        .frag = {tx->frag[0], tx->frag[1]},
        .frag_count = tx->frag_count,
        .checksum = tx->checksum_wanted != 0 ? WEIR_RX_CHECKSUM_ABSENT : WEIR_RX_CHECKSUM_UNKNOWN,
        .segmentation = tx->segmentation,
        .segment_size = tx->segment_size,
        .segment_count = tx->segment_count,
        .queue = tx->queue,
        .checksum_start = tx->checksum_start,
        .checksum_offset = tx->checksum_offset,
    };
}

static unsigned carry(struct weir_memwire *wire, unsigned from, weir_time now)
{
    const struct weir_port *sender = &wire->port[from], *receiver = &wire->port[1 - from];
    unsigned n = sender->output(sender->ctx, wire->tx, WEIR_MEMWIRE_BATCH, now);
    unsigned carried = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!carries(&wire->config, &wire->tx[i])) {
            wire->refused[from]++;
            continue;
        }
        receive(&wire->rx[carried++], &wire->tx[i]);
        wire->bytes[from] += wire->tx[i].len;
    }
    wire->packets[from] += carried;
    if (carried > 0)
        receiver->input(receiver->ctx, wire->rx, carried, now);
    return carried;
}

unsigned weir_memwire_step(struct weir_memwire *wire, weir_time now)
{
    unsigned n = carry(wire, 0, now);
    return n + carry(wire, 1, now);
}
