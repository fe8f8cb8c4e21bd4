/* SPDX-License-Identifier: MIT
 * Any bytes as an option area: the walk ends and stays inside, and what is emitted of the parsed
 * options fits its room and says the same when it is parsed again. */
#include <stdint.h>
#include <stdlib.h>

#include "../tests/wire/tcp_options_equal.h"
#include "wire/tcp_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_walk(const struct tcp_options *o, const uint8_t *area, size_t len)
{
    struct tcp_option_iter it = tcp_option_begin(area, len);
    struct tcp_option opt;
    unsigned steps = 0;
    size_t at = 0;
    while (tcp_option_next(&it, &opt)) {
        require(++steps <= TCP_OPTION_BYTES_MAX && opt.offset == at && opt.kind == area[at]);
        at += opt.len;
        require(at <= len && at <= TCP_OPTION_BYTES_MAX);
    }
    require(it.stopped == o->stopped);
}

static bool within(const uint8_t *p, size_t n, const uint8_t *area, size_t len)
{
    return p >= area && n <= len && p + n <= area + len;
}

static void check_references(const struct tcp_options *o, const uint8_t *area, size_t len)
{
    if ((o->present & TCP_HAS_AO) != 0)
        require(within(o->ao_mac.data, o->ao_mac.len, area, len));
    if ((o->present & TCP_HAS_MD5) != 0)
        require(within(o->md5, TCP_MD5_BYTES, area, len));
    if ((o->present & TCP_HAS_MPTCP) != 0)
        require(within(o->mptcp.data, o->mptcp.len, area, len));
    if ((o->present & TCP_HAS_FAST_OPEN) != 0)
        require(within(o->fast_open.data, o->fast_open.len, area, len));
    if ((o->present & TCP_HAS_ALT_CHECKSUM_DATA) != 0)
        require(within(o->alt_checksum_data.data, o->alt_checksum_data.len, area, len));
    for (unsigned i = 0; (o->present & TCP_HAS_OTHER) != 0 && i < o->other_count; i++)
        require(within(area + o->other[i].offset, o->other[i].len, area, len) &&
                area[o->other[i].offset] == o->other[i].kind);
}

/* Emission into `room`: whole options only; all of them, unchanged, but for the lists that may be
 * cut. */
static void check_emission(const struct tcp_options *o, size_t room)
{
    uint8_t *p = malloc(room);
    struct tcp_options back;
    size_t len = tcp_options_emit(p, room, o);
    require(len <= room && len <= TCP_OPTION_BYTES_MAX && len % 4 == 0);
    require(len == tcp_options_len(o, room));
    tcp_options_parse(&back, p, len);
    require(!back.stopped && back.malformed == 0 && back.repeated == 0);
    require((back.present & ~o->present) == 0);
    uint32_t cut = 0;
    if ((back.present & TCP_HAS_SACK) != 0 && back.sack_count < o->sack_count)
        cut |= TCP_HAS_SACK;
    if ((back.present & TCP_HAS_OTHER) != 0 && back.other_count < o->other_count)
        cut |= TCP_HAS_OTHER;
    require(options_equal(o, &back, back.present & ~cut));
    free(p);
}

/* The first byte: the room for emission. The rest: the area. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcp_options o;
    if (size == 0)
        return 0;
    const uint8_t *area = data + 1;
    size_t len = size - 1;
    memset(&o, 0xa5, sizeof o);
    tcp_options_parse(&o, area, len);
    check_walk(&o, area, len);
    check_references(&o, area, len);
    check_emission(&o, data[0] % 48);
    check_emission(&o, TCP_OPTION_BYTES_MAX);
    return 0;
}
