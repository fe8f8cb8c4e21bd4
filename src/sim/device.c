/* SPDX-License-Identifier: MIT
 * What the device of a sender does: gather, finish checksums, cut. */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "sim/internal.h"

static bool tx_is_sound(const struct weir_tx *tx)
{
    if (tx->frag_count > WEIR_FRAGS_MAX || tx->len == 0 || tx->len > WEIR_PACKET_BYTES_MAX ||
        tx->header_start > WEIR_TX_HEADERS_MAX ||
        tx->header_len > WEIR_TX_HEADERS_MAX - tx->header_start)
        return false;
    size_t len = tx->header_len;
    for (unsigned i = 0; i < tx->frag_count; i++) {
        if (tx->frag[i].len > WEIR_PACKET_BYTES_MAX)
            return false;
        len += tx->frag[i].len;
    }
    return len == tx->len &&
           (tx->checksum_wanted == 0 ||
            (uint32_t)tx->checksum_start + tx->checksum_offset + 2 <= tx->len) &&
           (tx->segmentation == WEIR_SEGMENT_NONE ||
            (tx->segmentation <= WEIR_SEGMENT_UDP && tx->segment_size > 0));
}

static void tx_gather(uint8_t *out, const struct weir_tx *tx)
{
    memcpy(out, tx->headers + tx->header_start, tx->header_len);
    out += tx->header_len;
    for (unsigned i = 0; i < tx->frag_count; i++) {
        if (tx->frag[i].len > 0)
            memcpy(out, tx->frag[i].data, tx->frag[i].len);
        out += tx->frag[i].len;
    }
}

/* The field holds the sum of the pseudo-header, so that the sum from checksum_start on is right. */
static void tx_finish_checksum(uint8_t *bytes, const struct weir_tx *tx)
{
    struct csum sum = csum_portable.sum(bytes + tx->checksum_start, tx->len - tx->checksum_start);
    be16 field = csum_finish(sum);
    if (tx->checksum_offset == 6 && be16_get(field) == 0)
        field = be16_make(0xffff); /* of UDP, where 0 means none (RFC 768) */
    memcpy(bytes + tx->checksum_start + tx->checksum_offset, &field, sizeof field);
}

/* Cut the packet and let its segments enter one by one; false: it cannot be cut. */
static bool dir_send_segments(struct sim_dir_state *dir, const struct sim_cut *cut)
{
    unsigned count = sim_segment_count(cut);
    for (unsigned i = 0; i < count; i++) {
        uint32_t size = (uint32_t)cut->segment_size + SIM_CUT_HEADERS_MAX;
        struct sim_packet *segment = sim_packet_new(dir, size);
        if (segment == NULL)
            return true;
        segment->len = sim_segment_make(cut, i, segment->bytes, size);
        CHECK(NULL, segment->len > 0);
        sim_dir_enter(segment);
    }
    return count > 0;
}

void sim_dir_send(struct sim_dir_state *dir, const struct weir_tx *tx)
{
    struct sim *sim = dir->link->sim;
    if (!tx_is_sound(tx)) {
        sim->stats.malformed++;
        return;
    }
    if (tx->segmentation == WEIR_SEGMENT_NONE) {
        struct sim_packet *packet = sim_packet_new(dir, tx->len);
        if (packet == NULL)
            return;
        tx_gather(packet->bytes, tx);
        if (tx->checksum_wanted != 0)
            tx_finish_checksum(packet->bytes, tx);
        sim_dir_enter(packet);
        return;
    }
    uint8_t *whole = malloc(tx->len);
    if (whole == NULL) {
        sim_fail(sim, WEIR_E_EXHAUSTED);
        return;
    }
    tx_gather(whole, tx);
    if (!dir_send_segments(dir, &(struct sim_cut){.bytes = whole,
                                                  .len = tx->len,
                                                  .link = (uint8_t)dir->link->type,
                                                  .segmentation = tx->segmentation,
                                                  .segment_size = tx->segment_size}))
        sim->stats.malformed++;
    free(whole);
}
