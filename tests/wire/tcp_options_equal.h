/* SPDX-License-Identifier: MIT
 * Do two sets of options say the same about some of the options? For tests and fuzzing. */
#ifndef WEIR_TESTS_WIRE_TCP_OPTIONS_EQUAL_H
#define WEIR_TESTS_WIRE_TCP_OPTIONS_EQUAL_H

#include <string.h>

#include "wire/tcp_options.h"

static inline bool ref_equal(struct weir_ref a, struct weir_ref b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool sack_equal(const struct tcp_options *a, const struct tcp_options *b)
{
    if (a->sack_count != b->sack_count)
        return false;
    for (unsigned i = 0; i < a->sack_count; i++)
        if (!seq_eq(a->sack[i].start, b->sack[i].start) || !seq_eq(a->sack[i].end, b->sack[i].end))
            return false;
    return true;
}

static inline bool accecn_equal(const struct tcp_options *a, const struct tcp_options *b)
{
    return a->accecn_order1 == b->accecn_order1 && a->accecn_count == b->accecn_count &&
           a->accecn_ee0b == b->accecn_ee0b && a->accecn_eceb == b->accecn_eceb &&
           a->accecn_ee1b == b->accecn_ee1b;
}

static inline bool other_equal(const struct tcp_options *a, const struct tcp_options *b)
{
    if (a->other_count != b->other_count)
        return false;
    for (unsigned i = 0; i < a->other_count; i++)
        if (!ref_equal((struct weir_ref){a->area + a->other[i].offset, a->other[i].len},
                       (struct weir_ref){b->area + b->other[i].offset, b->other[i].len}))
            return false;
    return true;
}

static inline bool option_equal(const struct tcp_options *a, const struct tcp_options *b,
                                uint32_t bit)
{
    switch (bit) {
    case TCP_HAS_AO:
        return a->ao_key_id == b->ao_key_id && a->ao_rnext_key_id == b->ao_rnext_key_id &&
               ref_equal(a->ao_mac, b->ao_mac);
    case TCP_HAS_MD5:
        return memcmp(a->md5, b->md5, TCP_MD5_BYTES) == 0;
    case TCP_HAS_MSS:
        return a->mss == b->mss;
    case TCP_HAS_WINDOW_SCALE:
        return a->window_scale == b->window_scale;
    case TCP_HAS_TIMESTAMPS:
        return a->ts_val == b->ts_val && a->ts_ecr == b->ts_ecr;
    case TCP_HAS_SACK_PERMITTED:
        return true;
    case TCP_HAS_SACK:
        return sack_equal(a, b);
    case TCP_HAS_MPTCP:
        return a->mptcp_subtype == b->mptcp_subtype && ref_equal(a->mptcp, b->mptcp);
    case TCP_HAS_FAST_OPEN:
        return a->fast_open_experimental == b->fast_open_experimental &&
               ref_equal(a->fast_open, b->fast_open);
    case TCP_HAS_USER_TIMEOUT:
        return a->user_timeout == b->user_timeout;
    case TCP_HAS_ACCECN:
        return accecn_equal(a, b);
    case TCP_HAS_ECHO:
        return a->echo == b->echo;
    case TCP_HAS_ECHO_REPLY:
        return a->echo_reply == b->echo_reply;
    case TCP_HAS_CC:
        return a->cc == b->cc;
    case TCP_HAS_CC_NEW:
        return a->cc_new == b->cc_new;
    case TCP_HAS_CC_ECHO:
        return a->cc_echo == b->cc_echo;
    case TCP_HAS_ALT_CHECKSUM:
        return a->alt_checksum == b->alt_checksum;
    case TCP_HAS_ALT_CHECKSUM_DATA:
        return ref_equal(a->alt_checksum_data, b->alt_checksum_data);
    case TCP_HAS_OTHER:
        return other_equal(a, b);
    default:
        return false;
    }
}

/* Equal in every option of the mask `bits`, all of which both have. */
static inline bool options_equal(const struct tcp_options *a, const struct tcp_options *b,
                                 uint32_t bits)
{
    if ((a->present & b->present & bits) != bits)
        return false;
    for (; bits != 0; bits &= bits - 1)
        if (!option_equal(a, b, bits & (0U - bits)))
            return false;
    return true;
}

#endif
