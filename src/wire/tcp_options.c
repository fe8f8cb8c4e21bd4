/* SPDX-License-Identifier: MIT */
#include "wire/tcp_options.h"

#include "base/check.h"
#include "base/mem.h"

/* ---- walking ---- */

bool tcp_option_next(struct tcp_option_iter *it, struct tcp_option *out)
{
    CHECK(NULL, it->len <= TCP_OPTION_BYTES_MAX && it->at <= it->len);
    if (it->at == it->len || it->stopped)
        return false;
    const uint8_t *p = it->p + it->at;
    uint8_t left = (uint8_t)(it->len - it->at);
    out->kind = p[0];
    out->len = 1;
    out->offset = it->at;
    out->data = p + 1;
    if (p[0] == TCP_OPT_EOL) {
        it->len = it->at; /* what follows is padding, whatever it is (RFC 9293 section 3.2) */
        return true;
    }
    if (p[0] != TCP_OPT_NOP) {
        if (left < 2 || p[1] < 2 || p[1] > left) {
            it->stopped = true;
            return false;
        }
        out->len = p[1];
        out->data = p + 2;
    }
    it->at = (uint8_t)(it->at + out->len);
    return true;
}

/* ---- parsing ---- */

/* What is known of a kind: its bit, and the lengths it may have, kind and length included. A length
 * of 0 means that the kind is not known. */
struct rule {
    uint32_t bit;
    uint8_t len_min, len_max, len_step;
};

enum { LEN_ANY = TCP_OPTION_BYTES_MAX };

static struct rule rule_of(const struct tcp_option *opt)
{
    static const struct rule rules[] = {
        [TCP_OPT_MSS] = {TCP_HAS_MSS, 4, 4, 1},
        [TCP_OPT_WINDOW_SCALE] = {TCP_HAS_WINDOW_SCALE, 3, 3, 1},
        [TCP_OPT_SACK_PERMITTED] = {TCP_HAS_SACK_PERMITTED, 2, 2, 1},
        [TCP_OPT_SACK] = {TCP_HAS_SACK, 10, 34, 8},
        [TCP_OPT_ECHO] = {TCP_HAS_ECHO, 6, 6, 1},
        [TCP_OPT_ECHO_REPLY] = {TCP_HAS_ECHO_REPLY, 6, 6, 1},
        [TCP_OPT_TIMESTAMPS] = {TCP_HAS_TIMESTAMPS, 10, 10, 1},
        [TCP_OPT_CC] = {TCP_HAS_CC, 6, 6, 1},
        [TCP_OPT_CC_NEW] = {TCP_HAS_CC_NEW, 6, 6, 1},
        [TCP_OPT_CC_ECHO] = {TCP_HAS_CC_ECHO, 6, 6, 1},
        [TCP_OPT_ALT_CHECKSUM] = {TCP_HAS_ALT_CHECKSUM, 3, 3, 1},
        [TCP_OPT_ALT_CHECKSUM_DATA] = {TCP_HAS_ALT_CHECKSUM_DATA, 3, LEN_ANY, 1},
        [TCP_OPT_MD5] = {TCP_HAS_MD5, 2 + TCP_MD5_BYTES, 2 + TCP_MD5_BYTES, 1},
        [TCP_OPT_USER_TIMEOUT] = {TCP_HAS_USER_TIMEOUT, 4, 4, 1},
        [TCP_OPT_AO] = {TCP_HAS_AO, 4, LEN_ANY, 1},
        [TCP_OPT_MPTCP] = {TCP_HAS_MPTCP, 3, LEN_ANY, 1},
        [TCP_OPT_FAST_OPEN] = {TCP_HAS_FAST_OPEN, 2, 18, 2},
    };
    if (opt->kind < sizeof rules / sizeof rules[0])
        return rules[opt->kind];
    /* Any length: the whole fields in it count, the rest is padding (RFC 9768 section 3.2.3). */
    if (opt->kind == TCP_OPT_ACCECN0 || opt->kind == TCP_OPT_ACCECN1)
        return (struct rule){TCP_HAS_ACCECN, 2, LEN_ANY, 1};
    if (opt->kind == TCP_OPT_EXPERIMENT_2 && opt->len >= 4 &&
        load16(opt->data) == TCP_FAST_OPEN_MAGIC)
        return (struct rule){TCP_HAS_FAST_OPEN, 4, 20, 2};
    return (struct rule){0, 0, 0, 1};
}

static bool length_is_right(const struct rule *rule, const struct tcp_option *opt)
{
    if (opt->len < rule->len_min || opt->len > rule->len_max ||
        (opt->len - rule->len_min) % rule->len_step != 0)
        return false;
    /* A cookie has 4 to 16 bytes; none at all asks for one (RFC 7413 section 4.1.1). */
    return rule->bit != TCP_HAS_FAST_OPEN || opt->len != rule->len_min + 2;
}

static void take_sack(struct tcp_options *o, const uint8_t *data, size_t n)
{
    o->sack_count = (uint8_t)(n / 8);
    for (size_t i = 0; i < o->sack_count; i++)
        o->sack[i] = (struct tcp_sack_block){seq_make(load32(data + 8 * i)),
                                             seq_make(load32(data + 8 * i + 4))};
}

static uint32_t load24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static void take_accecn(struct tcp_options *o, uint8_t kind, const uint8_t *data, size_t n)
{
    size_t count = n / 3 < 3 ? n / 3 : 3;
    uint32_t field[3] = {0, 0, 0};
    for (size_t i = 0; i < count; i++)
        field[i] = load24(data + 3 * i);
    o->accecn_order1 = kind == TCP_OPT_ACCECN1;
    o->accecn_count = (uint8_t)count;
    o->accecn_ee0b = field[o->accecn_order1 ? 2 : 0];
    o->accecn_eceb = field[1];
    o->accecn_ee1b = field[o->accecn_order1 ? 0 : 2];
}

static void take_fast_open(struct tcp_options *o, const struct tcp_option *opt)
{
    size_t skip = opt->kind == TCP_OPT_FAST_OPEN ? 0 : 2; /* the magic */
    o->fast_open_experimental = skip != 0;
    o->fast_open = (struct weir_ref){opt->data + skip, opt->len - 2 - skip};
}

/* Store what a rare option of a right length says. */
static void take_rare(struct tcp_options *o, const struct tcp_option *opt, uint32_t bit)
{
    const uint8_t *data = opt->data;
    size_t n = opt->len - 2U;
    switch (bit) {
    case TCP_HAS_AO:
        o->ao_key_id = data[0];
        o->ao_rnext_key_id = data[1];
        o->ao_mac = (struct weir_ref){data + 2, n - 2};
        break;
    case TCP_HAS_MD5:
        o->md5 = data;
        break;
    case TCP_HAS_MPTCP:
        o->mptcp_subtype = data[0] >> 4;
        o->mptcp = (struct weir_ref){data, n};
        break;
    case TCP_HAS_FAST_OPEN:
        take_fast_open(o, opt);
        break;
    case TCP_HAS_USER_TIMEOUT:
        o->user_timeout = load16(data);
        break;
    case TCP_HAS_ACCECN:
        take_accecn(o, opt->kind, data, n);
        break;
    case TCP_HAS_ECHO:
        o->echo = load32(data);
        break;
    case TCP_HAS_ECHO_REPLY:
        o->echo_reply = load32(data);
        break;
    case TCP_HAS_CC:
        o->cc = load32(data);
        break;
    case TCP_HAS_CC_NEW:
        o->cc_new = load32(data);
        break;
    case TCP_HAS_CC_ECHO:
        o->cc_echo = load32(data);
        break;
    case TCP_HAS_ALT_CHECKSUM:
        o->alt_checksum = data[0];
        break;
    case TCP_HAS_ALT_CHECKSUM_DATA:
        o->alt_checksum_data = (struct weir_ref){data, n};
        break;
    default:
        CHECK(NULL, bit == TCP_HAS_SACK_PERMITTED);
        break;
    }
}

static void take(struct tcp_options *o, const struct tcp_option *opt, uint32_t bit)
{
    const uint8_t *data = opt->data;
    switch (bit) {
    case TCP_HAS_TIMESTAMPS:
        o->ts_val = load32(data);
        o->ts_ecr = load32(data + 4);
        break;
    case TCP_HAS_SACK:
        take_sack(o, data, opt->len - 2U);
        break;
    case TCP_HAS_MSS:
        o->mss = load16(data);
        break;
    case TCP_HAS_WINDOW_SCALE:
        o->window_scale_clamped = data[0] > TCP_WINDOW_SCALE_MAX;
        o->window_scale = o->window_scale_clamped ? TCP_WINDOW_SCALE_MAX : data[0];
        break;
    default:
        take_rare(o, opt, bit);
        break;
    }
    o->present |= bit;
}

static void take_other(struct tcp_options *o, const struct tcp_option *opt)
{
    if ((o->present & TCP_HAS_OTHER) == 0)
        o->other_count = 0;
    CHECK(NULL, o->other_count < TCP_OTHER_OPTIONS_MAX); /* 40 bytes hold no more */
    o->other[o->other_count++] = (struct tcp_other_option){opt->kind, opt->len, opt->offset};
    o->present |= TCP_HAS_OTHER;
}

void tcp_options_parse_any(struct tcp_options *o, const uint8_t *p, size_t len)
{
    o->present = 0;
    o->window_scale_clamped = false;
    o->malformed = 0;
    o->repeated = 0;
    o->area = p;
    struct tcp_option_iter it = tcp_option_begin(p, len);
    struct tcp_option opt;
    while (tcp_option_next(&it, &opt)) {
        if (opt.kind <= TCP_OPT_NOP)
            continue;
        struct rule rule = rule_of(&opt);
        if (rule.len_min == 0)
            take_other(o, &opt);
        else if (!length_is_right(&rule, &opt))
            o->malformed++;
        else if ((o->present & rule.bit) != 0)
            o->repeated++;
        else
            take(o, &opt, rule.bit);
    }
    o->stopped = it.stopped;
}

/* ---- emission ---- */

/* What will be emitted of a set of options. */
struct layout {
    uint32_t chosen;
    uint32_t other; /* bit i: o->other[i] */
    uint8_t sack_count;
    uint8_t len;
};

enum { NEVER = TCP_OPTION_BYTES_MAX + 1 }; /* a cost that nothing can pay */

static size_t round_up_4(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* The cost of an option of `fixed` bytes and a reference, padded; NEVER when it is too long. */
static size_t cost_of_ref(size_t fixed, size_t ref_len, size_t ref_len_min)
{
    if (ref_len < ref_len_min || ref_len > TCP_OPTION_BYTES_MAX - fixed)
        return NEVER;
    return round_up_4(fixed + ref_len);
}

static size_t cost_of_fast_open(const struct tcp_options *o)
{
    size_t n = o->fast_open.len;
    if (n != 0 && (n < 4 || n > 16 || n % 2 != 0))
        return NEVER;
    return cost_of_ref(o->fast_open_experimental ? 4 : 2, n, 0);
}

/* How many bytes an option takes with its padding, given those chosen before it. */
static size_t cost_of(const struct tcp_options *o, uint32_t bit, uint32_t chosen)
{
    switch (bit) {
    case TCP_HAS_AO:
        return cost_of_ref(4, o->ao_mac.len, 0);
    case TCP_HAS_MD5:
        return 2 + 2 + TCP_MD5_BYTES;
    case TCP_HAS_TIMESTAMPS:
        return 2 + 10;
    case TCP_HAS_SACK_PERMITTED: /* stands in the padding of the timestamps */
        return (chosen & TCP_HAS_TIMESTAMPS) != 0 ? 0 : 4;
    case TCP_HAS_SACK:
        return o->sack_count == 0 || o->sack_count > TCP_SACK_BLOCKS_MAX ? NEVER : 2 + 10;
    case TCP_HAS_MPTCP:
        return cost_of_ref(2, o->mptcp.len, 1);
    case TCP_HAS_FAST_OPEN:
        return cost_of_fast_open(o);
    case TCP_HAS_ACCECN:
        return o->accecn_count > 3 ? NEVER : round_up_4(2 + 3U * o->accecn_count);
    case TCP_HAS_ALT_CHECKSUM_DATA:
        return cost_of_ref(2, o->alt_checksum_data.len, 1);
    case TCP_HAS_ECHO:
    case TCP_HAS_ECHO_REPLY:
    case TCP_HAS_CC:
    case TCP_HAS_CC_NEW:
    case TCP_HAS_CC_ECHO:
        return 2 + 6;
    default: /* MSS, window scale, user timeout, alternate checksum */
        return 4;
    }
}

/* Those of `other` that fit `room`: they stand without gaps. Returns the bytes they take. */
static size_t choose_other(struct layout *l, const struct tcp_options *o, size_t room)
{
    size_t used = 0;
    for (unsigned i = 0; i < o->other_count && i < TCP_OTHER_OPTIONS_MAX; i++)
        if (o->other[i].len >= 2 && o->other[i].len <= room - used) {
            l->other |= 1U << i;
            used += o->other[i].len;
        }
    return round_up_4(used);
}

static struct layout choose(const struct tcp_options *o, size_t size)
{
    struct layout l = {.chosen = 0};
    size_t room = size < TCP_OPTION_BYTES_MAX ? size & ~(size_t)3 : TCP_OPTION_BYTES_MAX;
    size_t used = 0;
    uint32_t todo = o->present & (TCP_HAS_OTHER - 1U); /* `other` is the highest bit, and a list */
    for (; todo != 0; todo &= todo - 1) {
        uint32_t bit = todo & (0U - todo);
        size_t cost = cost_of(o, bit, l.chosen);
        if (cost > room - used)
            continue;
        l.chosen |= bit;
        used += cost;
    }
    if ((o->present & TCP_HAS_OTHER) != 0)
        used += choose_other(&l, o, room - used);
    if ((l.chosen & TCP_HAS_SACK) != 0) {
        size_t more = (room - used) / 8, wanted = o->sack_count - 1U;
        more = more < wanted ? more : wanted;
        l.sack_count = (uint8_t)(1 + more);
        used += 8 * more;
    }
    CHECK(NULL, used <= room && used % 4 == 0);
    l.len = (uint8_t)used;
    return l;
}

size_t tcp_options_len(const struct tcp_options *o, size_t size)
{
    return choose(o, size).len;
}

static uint8_t *put_head(uint8_t *p, uint8_t kind, size_t len)
{
    p[0] = kind;
    p[1] = (uint8_t)len;
    return p + 2;
}

static uint8_t *put_nops(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = TCP_OPT_NOP;
    return p + n;
}

/* `fixed` bytes of an option stand before p; add the bytes of a reference and pad. */
static uint8_t *put_ref(uint8_t *p, size_t fixed, struct weir_ref ref)
{
    if (ref.len > 0)
        memcpy(p, ref.data, ref.len);
    return put_nops(p + ref.len, round_up_4(fixed + ref.len) - fixed - ref.len);
}

static uint8_t *put_u32(uint8_t *p, uint8_t kind, uint32_t v)
{
    p = put_head(put_nops(p, 2), kind, 6);
    store32(p, v);
    return p + 4;
}

static uint8_t *put_authentication(uint8_t *p, const struct tcp_options *o, uint32_t chosen)
{
    if ((chosen & TCP_HAS_AO) != 0) {
        p = put_head(p, TCP_OPT_AO, 4 + o->ao_mac.len);
        p[0] = o->ao_key_id;
        p[1] = o->ao_rnext_key_id;
        p = put_ref(p + 2, 4, o->ao_mac);
    }
    if ((chosen & TCP_HAS_MD5) != 0) {
        p = put_head(put_nops(p, 2), TCP_OPT_MD5, 2 + TCP_MD5_BYTES);
        memcpy(p, o->md5, TCP_MD5_BYTES);
        p += TCP_MD5_BYTES;
    }
    return p;
}

static uint8_t *put_usual(uint8_t *p, const struct tcp_options *o, const struct layout *l)
{
    if ((l->chosen & TCP_HAS_MSS) != 0) {
        store16(put_head(p, TCP_OPT_MSS, 4), o->mss);
        p += 4;
    }
    if ((l->chosen & (TCP_HAS_SACK_PERMITTED | TCP_HAS_TIMESTAMPS)) != 0) {
        if ((l->chosen & TCP_HAS_SACK_PERMITTED) == 0)
            p = put_nops(p, 2);
        else if ((l->chosen & TCP_HAS_TIMESTAMPS) == 0)
            p = put_head(put_nops(p, 2), TCP_OPT_SACK_PERMITTED, 2);
        else
            p = put_head(p, TCP_OPT_SACK_PERMITTED, 2);
    }
    if ((l->chosen & TCP_HAS_TIMESTAMPS) != 0) {
        p = put_head(p, TCP_OPT_TIMESTAMPS, 10);
        store32(p, o->ts_val);
        store32(p + 4, o->ts_ecr);
        p += 8;
    }
    if ((l->chosen & TCP_HAS_WINDOW_SCALE) != 0) {
        p = put_head(put_nops(p, 1), TCP_OPT_WINDOW_SCALE, 3);
        *p++ = o->window_scale;
    }
    if ((l->chosen & TCP_HAS_SACK) != 0) {
        p = put_head(put_nops(p, 2), TCP_OPT_SACK, 2 + 8U * l->sack_count);
        for (size_t i = 0; i < l->sack_count; i++, p += 8) {
            store32(p, o->sack[i].start.v);
            store32(p + 4, o->sack[i].end.v);
        }
    }
    return p;
}

static uint8_t *put_accecn(uint8_t *p, const struct tcp_options *o)
{
    uint32_t first = o->accecn_order1 ? o->accecn_ee1b : o->accecn_ee0b;
    uint32_t last = o->accecn_order1 ? o->accecn_ee0b : o->accecn_ee1b;
    const uint32_t field[3] = {first, o->accecn_eceb, last};
    size_t len = 2 + 3U * o->accecn_count;
    p = put_head(p, o->accecn_order1 ? TCP_OPT_ACCECN1 : TCP_OPT_ACCECN0, len);
    for (size_t i = 0; i < o->accecn_count; i++, p += 3) {
        p[0] = (uint8_t)(field[i] >> 16);
        store16(p + 1, (uint16_t)field[i]);
    }
    return put_nops(p, round_up_4(len) - len);
}

static uint8_t *put_extensions(uint8_t *p, const struct tcp_options *o, uint32_t chosen)
{
    if ((chosen & TCP_HAS_MPTCP) != 0)
        p = put_ref(put_head(p, TCP_OPT_MPTCP, 2 + o->mptcp.len), 2, o->mptcp);
    if ((chosen & TCP_HAS_FAST_OPEN) != 0 && o->fast_open_experimental) {
        p = put_head(p, TCP_OPT_EXPERIMENT_2, 4 + o->fast_open.len);
        store16(p, TCP_FAST_OPEN_MAGIC);
        p = put_ref(p + 2, 4, o->fast_open);
    } else if ((chosen & TCP_HAS_FAST_OPEN) != 0) {
        p = put_ref(put_head(p, TCP_OPT_FAST_OPEN, 2 + o->fast_open.len), 2, o->fast_open);
    }
    if ((chosen & TCP_HAS_USER_TIMEOUT) != 0) {
        store16(put_head(p, TCP_OPT_USER_TIMEOUT, 4), o->user_timeout);
        p += 4;
    }
    if ((chosen & TCP_HAS_ACCECN) != 0)
        p = put_accecn(p, o);
    return p;
}

static uint8_t *put_historic(uint8_t *p, const struct tcp_options *o, uint32_t chosen)
{
    if ((chosen & TCP_HAS_ECHO) != 0)
        p = put_u32(p, TCP_OPT_ECHO, o->echo);
    if ((chosen & TCP_HAS_ECHO_REPLY) != 0)
        p = put_u32(p, TCP_OPT_ECHO_REPLY, o->echo_reply);
    if ((chosen & TCP_HAS_CC) != 0)
        p = put_u32(p, TCP_OPT_CC, o->cc);
    if ((chosen & TCP_HAS_CC_NEW) != 0)
        p = put_u32(p, TCP_OPT_CC_NEW, o->cc_new);
    if ((chosen & TCP_HAS_CC_ECHO) != 0)
        p = put_u32(p, TCP_OPT_CC_ECHO, o->cc_echo);
    if ((chosen & TCP_HAS_ALT_CHECKSUM) != 0) {
        p = put_head(put_nops(p, 1), TCP_OPT_ALT_CHECKSUM, 3);
        *p++ = o->alt_checksum;
    }
    if ((chosen & TCP_HAS_ALT_CHECKSUM_DATA) != 0) {
        p = put_head(p, TCP_OPT_ALT_CHECKSUM_DATA, 2 + o->alt_checksum_data.len);
        p = put_ref(p, 2, o->alt_checksum_data);
    }
    return p;
}

size_t tcp_options_emit_any(uint8_t *p, size_t size, const struct tcp_options *o)
{
    struct layout l = choose(o, size);
    uint8_t *end = put_authentication(p, o, l.chosen);
    end = put_usual(end, o, &l);
    end = put_extensions(end, o, l.chosen);
    end = put_historic(end, o, l.chosen);
    for (unsigned i = 0; l.other >> i != 0; i++)
        if ((l.other >> i & 1) != 0) {
            memcpy(end, o->area + o->other[i].offset, o->other[i].len);
            end += o->other[i].len;
        }
    size_t len = (size_t)(end - p);
    end = put_nops(end, round_up_4(len) - len);
    CHECK(NULL, (size_t)(end - p) == l.len);
    return l.len;
}

/* ---- building by hand ---- */

size_t tcp_option_append(uint8_t *p, size_t size, size_t len, uint8_t kind, const void *data,
                         size_t data_len)
{
    CHECK(NULL, len <= size && data_len <= 253);
    bool single = kind == TCP_OPT_EOL || kind == TCP_OPT_NOP;
    size_t need = single ? 1 : 2 + data_len;
    if (need > size - len)
        return len;
    p[len] = kind;
    if (single)
        return len + 1;
    p[len + 1] = (uint8_t)need;
    if (data_len > 0)
        memcpy(p + len + 2, data, data_len);
    return len + need;
}

size_t tcp_options_pad(uint8_t *p, size_t size, size_t len)
{
    CHECK(NULL, len <= size);
    size_t padded = round_up_4(len);
    if (padded > size)
        return len;
    memset(p + len, 0, padded - len);
    return padded;
}
