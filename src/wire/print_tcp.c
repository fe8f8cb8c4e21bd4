/* SPDX-License-Identifier: MIT
 * The TCP part of a line, as tcpdump 4.99 writes it (modern), or as tcpdump 3 did and as the traces
 * in books and RFCs stand (classic). Where tcpdump reads past an option of a wrong length, ends the
 * line at a bad one, or takes the wrong bit of the user timeout for its unit, this goes by the RFC
 * and goes on. */
#include "base/check.h"
#include "wire/addr.h"
#include "wire/print.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

static void number(struct text *t, const char *before, uint32_t v)
{
    text_str(t, before);
    text_u64(t, v);
}

static void number_from(struct text *t, const char *before, struct tcp_seq v, struct tcp_seq base)
{
    number(t, before, v.v - base.v);
}

static void hex(struct text *t, const char *before, const uint8_t *p, size_t n)
{
    if (n == 0)
        return;
    text_str(t, before);
    text_hex_bytes(t, p, n);
}

/* ---- options ---- */

static void print_sack(struct text *t, const struct tcp_option *opt, struct tcp_seq base)
{
    size_t n = opt->len - 2U;
    if (n % 8 != 0) {
        text_str(t, "sack invalid sack");
        return;
    }
    number(t, "sack ", (uint32_t)(n / 8));
    text_char(t, ' ');
    for (const uint8_t *p = opt->data; n > 0; n -= 8, p += 8) {
        number_from(t, "{", seq_make(load32(p)), base);
        number_from(t, ":", seq_make(load32(p + 4)), base);
        text_char(t, '}');
    }
}

static void print_fast_open(struct text *t, const uint8_t *cookie, size_t n)
{
    if (n == 0)
        text_str(t, " cookiereq");
    else if (n % 2 != 0 || n < 4 || n > 16)
        text_str(t, " (invalid)");
    else
        hex(t, " cookie ", cookie, n);
}

static void print_experiment(struct text *t, const struct tcp_option *opt)
{
    size_t n = opt->len - 2U;
    text_str(t, "exp");
    if (n < 2)
        return;
    if (load16(opt->data) == TCP_FAST_OPEN_MAGIC) {
        text_str(t, "-tfo");
        print_fast_open(t, opt->data + 2, n - 2);
    } else {
        hex(t, "-", opt->data, 2);
    }
}

static void print_ao(struct text *t, const struct tcp_option *opt)
{
    if (opt->len < 4) {
        text_str(t, "tcp-ao (invalid)");
        return;
    }
    number(t, "tcp-ao keyid ", opt->data[0]);
    number(t, " rnextkeyid ", opt->data[1]);
    hex(t, " mac 0x", opt->data + 2, opt->len - 4U);
}

static void print_user_timeout(struct text *t, uint16_t v)
{
    text_str(t, "uto 0x");
    text_hex(t, v, 1);
    number(t, " ", tcp_user_timeout_s(v));
}

static void print_mptcp(struct text *t, const struct tcp_option *opt)
{
    static const char *const subtypes[] = {"capable",  "join", "dss",  "add-addr",
                                           "rem-addr", "prio", "fail", "fast-close"};
    unsigned subtype = opt->len > 2 ? opt->data[0] >> 4 : 15;
    number(t, "mptcp ", opt->len);
    text_char(t, ' ');
    text_str(t, subtype < sizeof subtypes / sizeof subtypes[0] ? subtypes[subtype] : "unknown");
}

static void print_unknown(struct text *t, const struct tcp_option *opt)
{
    number(t, "unknown-", opt->kind);
    hex(t, " 0x", opt->data, opt->len - 2U);
}

/* Options that are a name and nothing, or one number: the name, and the bytes of the number. */
struct simple {
    const char *name;
    uint8_t bytes;
};

static struct simple simple_of(uint8_t kind)
{
    static const struct simple simple[] = {
        [TCP_OPT_MSS] = {"mss", 2},
        [TCP_OPT_WINDOW_SCALE] = {"wscale", 1},
        [TCP_OPT_SACK_PERMITTED] = {"sackOK", 0},
        [TCP_OPT_ECHO] = {"echo", 4},
        [TCP_OPT_ECHO_REPLY] = {"echoreply", 4},
        [TCP_OPT_CC] = {"cc", 4},
        [TCP_OPT_CC_NEW] = {"ccnew", 4},
        [TCP_OPT_CC_ECHO] = {"ccecho", 4},
    };
    if (kind < sizeof simple / sizeof simple[0] && simple[kind].name != NULL)
        return simple[kind];
    return (struct simple){NULL, 0};
}

static void print_simple(struct text *t, const struct tcp_option *opt, struct simple s)
{
    uint32_t v = 0;
    text_str(t, s.name);
    if (s.bytes != 0 && opt->len >= 2 + s.bytes) {
        for (size_t i = 0; i < s.bytes; i++)
            v = v << 8 | opt->data[i];
        number(t, " ", v);
    }
    if (opt->len != 2 + s.bytes) {
        number(t, "[len ", opt->len);
        text_char(t, ']');
    }
}

static void print_timestamps(struct text *t, const struct tcp_option *opt, enum print_style style)
{
    text_str(t, style == PRINT_CLASSIC ? "timestamp" : "TS");
    if (opt->len >= 10) {
        number(t, style == PRINT_CLASSIC ? " " : " val ", load32(opt->data));
        number(t, style == PRINT_CLASSIC ? " " : " ecr ", load32(opt->data + 4));
    }
    if (opt->len != 10) {
        number(t, "[len ", opt->len);
        text_char(t, ']');
    }
}

static void print_option(struct text *t, const struct tcp_option *opt, enum print_style style,
                         struct tcp_seq sack_base)
{
    struct simple simple = simple_of(opt->kind);
    if (opt->kind == TCP_OPT_EOL || opt->kind == TCP_OPT_NOP)
        text_str(t, opt->kind == TCP_OPT_EOL ? "eol" : "nop");
    else if (simple.name != NULL)
        print_simple(t, opt, simple);
    else if (opt->kind == TCP_OPT_TIMESTAMPS)
        print_timestamps(t, opt, style);
    else if (opt->kind == TCP_OPT_SACK)
        print_sack(t, opt, sack_base);
    else if (opt->kind == TCP_OPT_MD5 && opt->len == 2 + TCP_MD5_BYTES)
        hex(t, "md5 ", opt->data, TCP_MD5_BYTES);
    else if (opt->kind == TCP_OPT_USER_TIMEOUT && opt->len == 4)
        print_user_timeout(t, load16(opt->data));
    else if (opt->kind == TCP_OPT_AO)
        print_ao(t, opt);
    else if (opt->kind == TCP_OPT_MPTCP)
        print_mptcp(t, opt);
    else if (opt->kind == TCP_OPT_FAST_OPEN) {
        text_str(t, "tfo "); /* and a second space, as tcpdump has it */
        print_fast_open(t, opt->data, opt->len - 2U);
    } else if (opt->kind == TCP_OPT_EXPERIMENT_2)
        print_experiment(t, opt);
    else
        print_unknown(t, opt);
}

/* The options: `len` bytes by the data offset, of which `captured` are at p. */
static void print_tcp_options(struct text *t, const uint8_t *p, size_t captured, size_t len,
                              enum print_style style, struct tcp_seq sack_base)
{
    struct tcp_option_iter it = tcp_option_begin(p, captured);
    struct tcp_option opt = {.kind = TCP_OPT_NOP};
    const char *before = "";
    text_str(t, style == PRINT_CLASSIC ? " <" : ", options [");
    while (tcp_option_next(&it, &opt)) {
        text_str(t, before);
        print_option(t, &opt, style, sack_base);
        before = ",";
    }
    if (it.stopped || (captured < len && opt.kind != TCP_OPT_EOL)) {
        size_t left = captured - it.at; /* of which the capture, not the peer, may be to blame */
        bool cut =
            captured < len && (left < 2 || (p[it.at + 1] >= 2 && p[it.at + 1] <= len - it.at));
        text_str(t, before);
        text_str(t, cut ? "[|tcp]" : "[bad opt]");
    }
    text_char(t, style == PRINT_CLASSIC ? '>' : ']');
}

/* ---- header ---- */

static const struct {
    uint16_t bit;
    char letter;
} flag_letters[] = {
    {TCP_FIN, 'F'}, {TCP_SYN, 'S'}, {TCP_RST, 'R'}, {TCP_PSH, 'P'}, {TCP_ACK, '.'},
    {TCP_URG, 'U'}, {TCP_ECE, 'E'}, {TCP_CWR, 'W'}, {TCP_AE, 'e'},
};

static void print_flags(struct text *t, unsigned flags)
{
    for (size_t i = 0; i < sizeof flag_letters / sizeof flag_letters[0]; i++)
        if ((flags & flag_letters[i].bit) != 0)
            text_char(t, flag_letters[i].letter);
}

/* "Flags [P.]"; classic "P", where ACK and URG show only in what follows and a dot means none. */
static void print_flag_field(struct text *t, unsigned flags, enum print_style style)
{
    if (style == PRINT_CLASSIC) {
        unsigned shown = flags & TCP_FLAGS & ~((unsigned)TCP_ACK | TCP_URG);
        print_flags(t, shown != 0 ? shown : TCP_ACK);
        return;
    }
    text_str(t, "Flags [");
    print_flags(t, flags);
    text_str(t, (flags & TCP_FLAGS) == 0 ? "none]" : "]");
}

static void print_numbers(struct text *t, const struct tcp_header *h, size_t payload_len,
                          enum print_style style, struct tcp_seq seq_base, struct tcp_seq ack_base)
{
    bool classic = style == PRINT_CLASSIC;
    if (payload_len > 0 || (h->flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0) {
        number_from(t, classic ? " " : ", seq ", h->seq, seq_base);
        if (classic || payload_len > 0)
            number_from(t, ":", seq_add(h->seq, (uint32_t)payload_len), seq_base);
        if (classic) {
            number(t, "(", (uint32_t)payload_len);
            text_char(t, ')');
        }
    }
    if ((h->flags & TCP_ACK) != 0)
        number_from(t, classic ? " ack " : ", ack ", h->ack, ack_base);
    number(t, classic ? " win " : ", win ", h->window);
    if ((h->flags & TCP_URG) != 0)
        number(t, classic ? " urg " : ", urg ", h->urgent);
}

/* A segment whose data offset is impossible. */
static void print_bad_offset(struct text *t, const struct tcp_header *h, size_t segment_len,
                             enum print_style style)
{
    if (h->header_len < TCP_HEADER_BYTES) {
        number(t, "tcp ", (uint32_t)(segment_len - h->header_len));
        number(t, " [bad hdr length ", h->header_len);
        text_str(t, " - too short, < 20]");
        return;
    }
    print_flag_field(t, h->flags, style);
    number(t, " [bad hdr length ", h->header_len);
    number(t, " - too long, > ", (uint32_t)segment_len);
    text_char(t, ']');
}

static void print_cut_endpoints(struct text *t, const struct print_flow *flow)
{
    addr_text(t, flow->source);
    text_str(t, " > ");
    addr_text(t, flow->destination);
    text_str(t, ": ");
}

void print_tcp(struct text *t, const struct print_options *o, const uint8_t *segment,
               size_t captured_len, size_t segment_len, const struct print_flow *flow)
{
    struct tcp_header h;
    if (captured_len > segment_len)
        captured_len = segment_len; /* padding of the link */
    if (captured_len < 4)
        print_cut_endpoints(t, flow);
    else
        print_endpoints(t, flow, load16(segment), load16(segment + 2));
    if (captured_len < TCP_HEADER_BYTES) {
        text_str(t, "[|tcp]");
        return;
    }
    /* The header is whole or not: what is missing of the options shows where they are printed. */
    enum weir_drop drop = tcp_parse(&h, segment, captured_len, segment_len);
    CHECK(NULL, drop != WEIR_DROP_TCP_SHORT);
    if (drop == WEIR_DROP_TCP_DATA_OFFSET) {
        print_bad_offset(t, &h, segment_len, o->style);
        return;
    }
    bool relative = o->relative && (h.flags & TCP_SYN) == 0;
    struct tcp_seq seq_base = relative ? o->seq_base : seq_make(0);
    struct tcp_seq ack_base = relative ? o->ack_base : seq_make(0);
    size_t payload_len = segment_len - h.header_len;
    print_flag_field(t, h.flags, o->style);
    print_numbers(t, &h, payload_len, o->style, seq_base, ack_base);
    if (h.header_len > TCP_HEADER_BYTES) {
        size_t len = h.header_len - (size_t)TCP_HEADER_BYTES;
        size_t captured = captured_len - TCP_HEADER_BYTES;
        print_tcp_options(t, segment + TCP_HEADER_BYTES, captured < len ? captured : len, len,
                          o->style, ack_base);
    }
    if (o->style == PRINT_MODERN)
        number(t, ", length ", (uint32_t)payload_len);
}
