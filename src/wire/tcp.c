/* SPDX-License-Identifier: MIT */
#include "wire/tcp.h"

#include "base/check.h"

enum { CHECKSUM_AT = offsetof(struct tcp_wire, checksum) };

/* In words of 32 bits, as the checksum reads them back: a load that spans two stores has to wait.
 */
void tcp_emit(uint8_t *p, const struct tcp_header *h)
{
    CHECK(NULL, h->header_len <= TCP_HEADER_BYTES_MAX && h->header_len % 4 == 0);
    CHECK(NULL, (h->flags & ~(TCP_FLAGS | TCP_RESERVED)) == 0);
    store32(p, (uint32_t)h->source_port << 16 | h->destination_port);
    store32(p + 4, h->seq.v);
    store32(p + 8, h->ack.v);
    store32(p + 12, (uint32_t)h->header_len << 26 | (uint32_t)h->flags << 16 | h->window);
    store32(p + 16, (uint32_t)be16_get(h->checksum) << 16 | h->urgent);
}

/* The payload begins at an even offset, so the parts simply add (RFC 1071 section 2). */
static struct csum sum_all(const uint8_t *header, size_t header_len, struct csum pseudo,
                           struct csum payload)
{
    CHECK(NULL, header_len >= TCP_HEADER_BYTES && header_len <= TCP_HEADER_BYTES_MAX);
    CHECK(NULL, header_len % 4 == 0);
    return csum_header(csum_add(pseudo, payload), header, header_len);
}

be16 tcp_checksum(const uint8_t *header, size_t header_len, struct csum pseudo, struct csum payload)
{
    struct csum c = sum_all(header, header_len, pseudo, payload);
    uint16_t field = load16(header + CHECKSUM_AT);
    return csum_finish(
        csum_u16(c, (uint16_t)~field)); /* what the field put in is taken out again */
}

bool tcp_checksum_is_good(const uint8_t *header, size_t header_len, struct csum pseudo,
                          struct csum payload)
{
    return csum_is_good(sum_all(header, header_len, pseudo, payload));
}
