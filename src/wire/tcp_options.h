/* SPDX-License-Identifier: MIT
 * TCP options (RFC 9293 section 3.2): every option in use or once in use, parsed at any alignment,
 * and emitted in the order and alignment that Linux has made customary.
 *
 * Rules of parsing: unknown options are skipped by their length (MUST-6) and recorded; an illegal
 * length ends the parsing and is flagged (MUST-7), what stood before it counts; a known option of a
 * wrong length is ignored and counted; of an option that is repeated the first counts, whatever its
 * kind; nothing behind End of Option List is looked at. Whether an option has a meaning in this
 * segment (MSS outside a SYN, say) is for TCP to judge (MUST-5, MUST-65). */
#ifndef WEIR_WIRE_TCP_OPTIONS_H
#define WEIR_WIRE_TCP_OPTIONS_H

#include "base/bytes.h"
#include "base/seq.h"
#include "weir/types.h"
#include "wire/tcp.h"

/* Kinds, as registered with IANA. */
enum {
    TCP_OPT_EOL = 0,
    TCP_OPT_NOP = 1,
    TCP_OPT_MSS = 2,               /* RFC 9293 section 3.7.1 */
    TCP_OPT_WINDOW_SCALE = 3,      /* RFC 7323 section 2 */
    TCP_OPT_SACK_PERMITTED = 4,    /* RFC 2018 section 2 */
    TCP_OPT_SACK = 5,              /* RFC 2018 section 3 */
    TCP_OPT_ECHO = 6,              /* RFC 1072, obsolete */
    TCP_OPT_ECHO_REPLY = 7,        /* RFC 1072, obsolete */
    TCP_OPT_TIMESTAMPS = 8,        /* RFC 7323 section 3 */
    TCP_OPT_CC = 11,               /* RFC 1644, historic, as the next two */
    TCP_OPT_CC_NEW = 12,
    TCP_OPT_CC_ECHO = 13,
    TCP_OPT_ALT_CHECKSUM = 14,     /* RFC 1146, historic, as the next */
    TCP_OPT_ALT_CHECKSUM_DATA = 15,
    TCP_OPT_MD5 = 19,              /* RFC 2385, obsolete */
    TCP_OPT_USER_TIMEOUT = 28,     /* RFC 5482 */
    TCP_OPT_AO = 29,               /* RFC 5925 */
    TCP_OPT_MPTCP = 30,            /* RFC 8684 */
    TCP_OPT_FAST_OPEN = 34,        /* RFC 7413 */
    TCP_OPT_ACCECN0 = 172,         /* RFC 9768 section 3.2.3 */
    TCP_OPT_ACCECN1 = 174,
    TCP_OPT_EXPERIMENT_1 = 253,    /* RFC 6994: two bytes of magic follow the length */
    TCP_OPT_EXPERIMENT_2 = 254
};

/* Bits of tcp_options.present, in the order of what they are worth when room is short: what a lower
 * bit stands for is emitted before a higher one may take room. */
enum {
    TCP_HAS_AO = 1U << 0, /* without it, or MD5, the peer refuses the segment */
    TCP_HAS_MD5 = 1U << 1,
    TCP_HAS_MSS = 1U << 2,
    TCP_HAS_WINDOW_SCALE = 1U << 3,
    TCP_HAS_TIMESTAMPS = 1U << 4,
    TCP_HAS_SACK_PERMITTED = 1U << 5,
    TCP_HAS_SACK = 1U << 6,
    TCP_HAS_MPTCP = 1U << 7,
    TCP_HAS_FAST_OPEN = 1U << 8,
    TCP_HAS_USER_TIMEOUT = 1U << 9,
    TCP_HAS_ACCECN = 1U << 10,
    TCP_HAS_ECHO = 1U << 11,
    TCP_HAS_ECHO_REPLY = 1U << 12,
    TCP_HAS_CC = 1U << 13,
    TCP_HAS_CC_NEW = 1U << 14,
    TCP_HAS_CC_ECHO = 1U << 15,
    TCP_HAS_ALT_CHECKSUM = 1U << 16,
    TCP_HAS_ALT_CHECKSUM_DATA = 1U << 17,
    TCP_HAS_OTHER = 1U << 18 /* the highest */
};

enum {
    TCP_FAST_OPEN_MAGIC = 0xf989, /* of TCP_OPT_EXPERIMENT_2, RFC 7413 section 4.1.1 */
    TCP_WINDOW_SCALE_MAX = 14,    /* RFC 7323 section 2.3 */
    TCP_SACK_BLOCKS_MAX = 4,      /* 2 + 8 x 4 bytes; five do not fit 40 */
    TCP_MD5_BYTES = 16,
    TCP_OTHER_OPTIONS_MAX = TCP_OPTION_BYTES_MAX / 2 /* none is shorter than two bytes */
};

/* Received data [start, end) (RFC 2018 section 3). */
struct tcp_sack_block {
    struct tcp_seq start, end;
};

/* An option that none of the fields is for: `len` bytes, kind and length included, at `offset` of
 * the option area. */
struct tcp_other_option {
    uint8_t kind, len, offset;
};

/* Options as numbers. A field may be read only when its bit is in `present`, and only then need it
 * be set for emission: nothing else is ever initialised. What parsing found wrong is beside
 * `present`. Owner: references and `area` point into the parsed packet (or, for emission, where the
 * caller has them); the struct owns nothing. */
struct tcp_options {
    uint32_t present;          /* TCP_HAS_... */
    bool stopped;              /* an illegal length ended the parsing (MUST-7) */
    bool window_scale_clamped; /* the peer sent more than 14 */
    uint8_t malformed;         /* known options ignored for their length */
    uint8_t repeated;          /* known options ignored because another stood before them */

    uint32_t ts_val, ts_ecr;
    uint16_t mss;         /* as sent, 0 too */
    uint8_t window_scale; /* 0 to 14 */
    uint8_t sack_count;   /* 1 to 4 */
    struct tcp_sack_block sack[TCP_SACK_BLOCKS_MAX];

    uint16_t user_timeout; /* as sent; tcp_user_timeout_s() */
    uint8_t other_count;   /* 1 to TCP_OTHER_OPTIONS_MAX */
    uint8_t mptcp_subtype; /* the upper half of the first byte of `mptcp` */
    bool fast_open_experimental; /* sent as kind 254; the answer takes the same kind */
    uint8_t ao_key_id, ao_rnext_key_id;
    uint8_t alt_checksum;
    bool accecn_order1;       /* kind 174: ee1b, eceb, ee0b; kind 172: ee0b, eceb, ee1b */
    uint8_t accecn_count;     /* 0 to 3: how many of the three, in that order */
    uint32_t accecn_ee0b, accecn_eceb, accecn_ee1b; /* 24 bits each; those not sent are 0 */
    uint32_t echo, echo_reply;
    uint32_t cc, cc_new, cc_echo;
    struct weir_ref fast_open; /* the cookie: 0 (a request) or 4 to 16 bytes, even */
    struct weir_ref ao_mac;
    struct weir_ref mptcp; /* all bytes behind kind and length, at least one */
    struct weir_ref alt_checksum_data;
    const uint8_t *md5;  /* TCP_MD5_BYTES */
    const uint8_t *area; /* what the offsets of `other` count from */
    struct tcp_other_option other[TCP_OTHER_OPTIONS_MAX];
};

/* Parse `len` bytes of options at p, any alignment; bytes past 40 are not looked at. Nothing is an
 * error: see the rules above. Bound: 40 steps. */
void tcp_options_parse_any(struct tcp_options *o, const uint8_t *p, size_t len);

/* The same, with the usual option area of a data segment (NOP NOP timestamps) recognised by a
 * single comparison (RFC 7323 appendix A). */
static inline void tcp_options_parse(struct tcp_options *o, const uint8_t *p, size_t len)
{
    if (__builtin_expect(len == 12 && load32(p) == 0x0101080aU, 1)) {
        o->present = TCP_HAS_TIMESTAMPS;
        o->stopped = false;
        o->window_scale_clamped = false;
        o->malformed = 0;
        o->repeated = 0;
        o->ts_val = load32(p + 4);
        o->ts_ecr = load32(p + 8);
        return;
    }
    tcp_options_parse_any(o, p, len);
}

/* Emit the options in o->present into p, of which `size` bytes may be used (above 40 means 40).
 * Returns the length, a multiple of 4 and never above `size`; padding is NOP. Each option but those
 * of `other` begins or ends on a multiple of 4, and they stand in this order:
 *     AO; nop,nop,MD5; MSS;
 *     SACK-permitted,timestamps or nop,nop,timestamps or nop,nop,SACK-permitted;
 *     nop,window scale; nop,nop,SACK; MPTCP; fast open; user timeout; AccECN; historic; other.
 *
 * When they do not all fit, room is given in the order of the bits of `present` (SACK counting as
 * one block, each of `other` for itself), and one that does not fit what is left is dropped. The
 * further SACK blocks take what then remains, so blocks give way first (ATK-OPT-20, ATK-OPT-21). No
 * SACK block at all, or a reference too long for any option, is dropped likewise.
 * o's references must not overlap p. Bound: constant. */
size_t tcp_options_emit_any(uint8_t *p, size_t size, const struct tcp_options *o);

/* What tcp_options_emit() would return: to know the room for payload before anything is written. */
size_t tcp_options_len(const struct tcp_options *o, size_t size);

/* Twelve bytes: NOP NOP timestamps. */
static inline void tcp_options_emit_timestamps(uint8_t *p, uint32_t ts_val, uint32_t ts_ecr)
{
    store32(p, 0x0101080aU);
    store32(p + 4, ts_val);
    store32(p + 8, ts_ecr);
}

/* tcp_options_emit_any() with the usual case first. */
static inline size_t tcp_options_emit(uint8_t *p, size_t size, const struct tcp_options *o)
{
    if (__builtin_expect(o->present == TCP_HAS_TIMESTAMPS && size >= 12, 1)) {
        tcp_options_emit_timestamps(p, o->ts_val, o->ts_ecr);
        return 12;
    }
    return tcp_options_emit_any(p, size, o);
}

/* The user timeout in seconds: 15 bits of seconds or, with the top bit set, of minutes (RFC 5482
 * section 3). */
static inline uint32_t tcp_user_timeout_s(uint16_t user_timeout)
{
    uint32_t v = user_timeout & 0x7fffU;
    return (user_timeout & 0x8000U) != 0 ? v * 60 : v;
}

/* One option of an area, whatever it is. */
struct tcp_option {
    uint8_t kind;
    uint8_t len;         /* of all of it: 1 for EOL and NOP, else 2 or more */
    uint8_t offset;      /* from the beginning of the area */
    const uint8_t *data; /* the len - 2 bytes behind kind and length; empty for EOL and NOP */
};

/* A walk over an option area, for what rewrites, prints or judges options. */
struct tcp_option_iter {
    const uint8_t *p;
    uint8_t len;
    uint8_t at;   /* the offset of the next option; of the offending one when stopped */
    bool stopped; /* an illegal length ended the walk */
};

/* Begin a walk over `len` bytes at p, borrowed for the walk; bytes past 40 are not looked at. */
static inline struct tcp_option_iter tcp_option_begin(const uint8_t *p, size_t len)
{
    return (struct tcp_option_iter){
        .p = p, .len = (uint8_t)(len < TCP_OPTION_BYTES_MAX ? len : TCP_OPTION_BYTES_MAX)};
}

/* The next option; EOL is yielded and is the last. False at the end, or with it->stopped when the
 * length is illegal: below 2, or past the area, or missing (MUST-7). Bound: at most 40 times true.
 */
bool tcp_option_next(struct tcp_option_iter *it, struct tcp_option *out);

/* Append one option to the `len` bytes in p, of which `size` may be used: the kind alone for EOL
 * and NOP, else kind, length and data, with no opinion about what is right. Returns the new length;
 * `len` when it does not fit. data_len at most 253. For tests and packet scripts. */
size_t tcp_option_append(uint8_t *p, size_t size, size_t len, uint8_t kind, const void *data,
                         size_t data_len);

/* Pad to a multiple of 4 with zeros: End of Option List, then nothing (MUST-69). Returns the new
 * length; `len` when it does not fit. */
size_t tcp_options_pad(uint8_t *p, size_t size, size_t len);

#endif
