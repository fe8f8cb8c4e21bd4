/* SPDX-License-Identifier: MIT
 * Packets as a script says them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "drill/packet.h"
#include "drill/parse.h"
#include "wire/tcp_options.h"

struct line {
    char *text;
    size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(o->text + o->len, o->size - o->len, format, args);
    va_end(args);
    if (n > 0)
        o->len = (size_t)n < o->size - o->len ? o->len + (size_t)n : o->size - 1;
}

static void put_hex(struct line *o, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        put(o, "%02x", p[i]);
}

static void put_sack(struct line *o, const struct tcp_option *option)
{
    put(o, "sack");
    for (unsigned at = 0; at + 8 <= option->len - 2U; at += 8)
        put(o, " %u:%u", load32(option->data + at), load32(option->data + at + 4));
}

static void put_cookie(struct line *o, const struct script_packet *p,
                       const struct tcp_option *option)
{
    put(o, option->kind == TCP_OPT_FAST_OPEN ? "FO TFO_COOKIE" : "FOEXP TFO_COOKIE");
    if (p->cookie > 1)
        put(o, "%u", p->cookie);
}

/* One option by its name, or raw, with its kind and length, if it is not quite what its name says. */
static void put_option(struct line *o, const struct script_packet *p,
                       const struct tcp_option *option)
{
    unsigned key = (unsigned)option->kind << 8 | option->len;
    if (option->kind == TCP_OPT_EOL)
        put(o, "eol");
    else if (option->kind == TCP_OPT_NOP)
        put(o, "nop");
    else if (key == (TCP_OPT_MSS << 8 | 4))
        put(o, "mss %u", load16(option->data));
    else if (key == (TCP_OPT_WINDOW_SCALE << 8 | 3))
        put(o, "wscale %u", option->data[0]);
    else if (key == (TCP_OPT_SACK_PERMITTED << 8 | 2))
        put(o, "sackOK");
    else if (key == (TCP_OPT_TIMESTAMPS << 8 | 10))
        put(o, "TS val %u ecr %u", load32(option->data), load32(option->data + 4));
    else if (key == (TCP_OPT_USER_TIMEOUT << 8 | 4))
        put(o, (load16(option->data) & 0x8000) != 0 ? "uto %u min" : "uto %u",
            load16(option->data) & 0x7fff);
    else if (p->cookie != 0 && p->cookie_at > option->offset &&
             p->cookie_at < option->offset + option->len)
        put_cookie(o, p, option);
    else if (option->kind == TCP_OPT_SACK && option->len > 2 && option->len % 8 == 2)
        put_sack(o, option);
    else if (option->kind == TCP_OPT_FAST_OPEN) {
        put(o, option->len > 2 ? "FO " : "FO");
        put_hex(o, option->data, option->len - 2U);
    } else {
        put(o, "raw ");
        put_hex(o, p->options + option->offset, option->len);
    }
}

static void put_options(struct line *o, const struct script_packet *p)
{
    struct tcp_option_iter it = tcp_option_begin(p->options, p->options_len);
    struct tcp_option option;
    const char *before = "";
    unsigned end = 0;
    put(o, " <");
    while (tcp_option_next(&it, &option)) {
        put(o, "%s", before);
        put_option(o, p, &option);
        end = option.offset + option.len;
        before = ",";
    }
    if (end < p->options_len) { /* behind the end of the list, or malformed */
        put(o, "%sraw ", before);
        put_hex(o, p->options + end, p->options_len - end);
    }
    put(o, ">");
}

static void put_flags(struct line *o, uint16_t flags)
{
    static const char letters[] = "SFRP.UEWA";
    static const uint16_t bits[] = {TCP_SYN, TCP_FIN, TCP_RST, TCP_PSH, TCP_ACK,
                                    TCP_URG, TCP_ECE, TCP_CWR, TCP_AE};
    size_t before = o->len;
    for (unsigned i = 0; letters[i] != '\0'; i++)
        if ((flags & bits[i]) != 0)
            put(o, "%c", letters[i]);
    if (o->len == before)
        put(o, "-");
}

static void put_before(struct line *o, const struct script_packet *p,
                       const struct script_packet *like)
{
    static const char *const ecn[] = {NULL, "noecn", "ect0", "ect1", "ect01", "ce"};
    put(o, "%c ", p->out ? '>' : '<');
    if (p->flow != 1 || (like != NULL && like->flow != 1))
        put(o, "{%u} ", p->flow);
    if (ecn[p->ecn] != NULL && (like == NULL ? p->ecn != SCRIPT_ECN_NONE
                                             : like->ecn != SCRIPT_ECN_UNSAID))
        put(o, "[%s] ", ecn[p->ecn]);
    if (p->tos >= 0 && like != NULL && like->tos >= 0)
        put(o, "[tos %d] ", p->tos);
    if (p->ttl >= 0 && like != NULL && like->ttl >= 0)
        put(o, "[ttl %d] ", p->ttl);
    if (p->dont_fragment >= 0 && like != NULL && like->dont_fragment >= 0)
        put(o, p->dont_fragment != 0 ? "[df] " : "[nodf] ");
    if ((p->flags & TCP_RESERVED) != 0)
        put(o, "[reserved %u] ", p->flags >> 9);
    if (like != NULL && (like->source_port >= 0 || like->destination_port >= 0))
        put(o, "[sport %d, dport %d] ", p->source_port, p->destination_port);
}

static void put_tcp(struct line *o, const struct script_packet *p, const struct script_packet *like)
{
    put_flags(o, p->flags);
    put(o, " %u:%u(%u)", p->seq, p->seq + p->len, p->len);
    if (p->has_ack)
        put(o, " ack %u", p->ack);
    if (p->window >= 0 && (like == NULL || like->window >= 0))
        put(o, " win %d", p->window);
    if (p->urgent >= 0)
        put(o, " urg %d", p->urgent);
    if (p->any_options || (like != NULL && like->any_options))
        put(o, " <...>");
    else if (p->options_len > 0)
        put_options(o, p);
}

void packet_text(const struct script_packet *p, const struct script_packet *like, bool ip6,
                 char *text, size_t size)
{
    struct line o = {text, size, 0};
    char name[80];
    if (like != NULL && like->protocol != p->protocol)
        like = NULL;
    put_before(&o, p, like);
    if (p->protocol == SCRIPT_TCP) {
        put_tcp(&o, p, like);
    } else if (p->protocol == SCRIPT_UDP) {
        put(&o, "udp (%u)", p->len);
    } else {
        icmp_text(p, ip6, name, sizeof name);
        put(&o, "icmp %s", name);
        if (p->icmp_mtu != 0)
            put(&o, " mtu %u", p->icmp_mtu);
        if (p->quotes && p->quoted == SCRIPT_TCP)
            put(&o, " [%u:%u(%u)]", p->quoted_seq, p->quoted_seq + p->quoted_len, p->quoted_len);
        else if (p->quotes)
            put(&o, p->quoted == SCRIPT_UDP ? " [udp (%u)]" : " [icmp]", p->quoted_len);
    }
}

void packet_fields_text(unsigned fields, char *text, size_t size)
{
    static const char *const names[] = {
        "protocol", "flow", "flags",      "sequence number", "length",   "ack",
        "window",   "urg",  "options",    "ECN",             "tos",      "ttl",
        "ports",    "ICMP", "ICMP's mtu", "what is quoted", "DF",
    };
    struct line o = {text, size, 0};
    text[0] = '\0';
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((fields & 1U << i) != 0)
            put(&o, "%s%s", o.len > 0 ? ", " : "", names[i]);
}
