/* SPDX-License-Identifier: MIT
 * ICMP messages by name, of both families. */
#include <stdio.h>
#include <string.h>

#include "drill/parse.h"
#include "wire/icmp.h"

struct message {
    const char *type, *code; /* code NULL: any number */
    uint8_t number, code_number;
};

static const struct message messages4[] = {
    {"unreachable", "net_unreachable", 3, 0},
    {"unreachable", "host_unreachable", 3, 1},
    {"unreachable", "protocol_unreachable", 3, 2},
    {"unreachable", "port_unreachable", 3, 3},
    {"unreachable", "frag_needed", 3, 4},
    {"unreachable", "source_route_failed", 3, 5},
    {"unreachable", "net_unknown", 3, 6},
    {"unreachable", "host_unknown", 3, 7},
    {"unreachable", "source_host_isolated", 3, 8},
    {"unreachable", "net_prohibited", 3, 9},
    {"unreachable", "host_prohibited", 3, 10},
    {"unreachable", "net_unreachable_for_tos", 3, 11},
    {"unreachable", "host_unreachable_for_tos", 3, 12},
    {"unreachable", "admin_prohibited", 3, 13},
    {"unreachable", "precedence_violation", 3, 14},
    {"unreachable", "precedence_cutoff", 3, 15},
    {"source_quench", NULL, 4, 0},
    {"redirect", NULL, 5, 0},
    {"time_exceeded", "ttl", 11, 0},
    {"time_exceeded", "reassembly", 11, 1},
    {"parameter_problem", NULL, 12, 0},
};

static const struct message messages6[] = {
    {"unreachable", "no_route", 1, 0},
    {"unreachable", "adm_prohibited", 1, 1},
    {"unreachable", "not_neighbour", 1, 2},
    {"unreachable", "addr_unreachable", 1, 3},
    {"unreachable", "port_unreachable", 1, 4},
    {"packet_too_big", NULL, 2, 0},
    {"time_exceeded", "ttl", 3, 0},
    {"time_exceeded", "reassembly", 3, 1},
    {"parameter_problem", NULL, 4, 0},
};

static const struct message *messages(bool ip6, size_t *count)
{
    *count = ip6 ? sizeof messages6 / sizeof messages6[0] : sizeof messages4 / sizeof messages4[0];
    return ip6 ? messages6 : messages4;
}

/* The code behind the type, which is that of `message` and perhaps of others: a name, a number, or
 * nothing for 0. */
static bool parse_code(struct lex *l, const struct message *message, struct script_packet *p)
{
    size_t count;
    int64_t number;
    const struct message *m = messages(l->script->ip6, &count);
    p->icmp_type = message->number;
    for (size_t i = 0; i < count; i++)
        if (m[i].number == message->number && m[i].code != NULL &&
            lex_takes_word(l, m[i].code)) {
            p->icmp_code = m[i].code_number;
            return true;
        }
    if (!lex_number(l, &number))
        return true;
    p->icmp_code = (uint8_t)number;
    return (number >= 0 && number <= 255) || lex_fail(l, "a code is 0 to 255");
}

static bool parse_type(struct lex *l, struct script_packet *p)
{
    size_t count;
    char word[LEX_WORD_MAX];
    const struct message *m = messages(l->script->ip6, &count);
    if (!lex_word(l, word))
        return lex_fail(l, "the name of an ICMP message should be here");
    for (size_t i = 0; i < count; i++)
        if (strcmp(m[i].type, word) == 0)
            return parse_code(l, &m[i], p);
    return lex_fail(l, "'%s' is no ICMP message of IPv%d that is known", word,
                    l->script->ip6 ? 6 : 4);
}

/* "[1:1001(1000)]", "[udp (100)]", "[icmp]", "[swapped 1:1(0)]". */
static bool parse_quote(struct lex *l, struct script_packet *p)
{
    p->quotes = true;
    p->quote_swapped = lex_takes_word(l, "swapped");
    if (lex_takes_word(l, "icmp")) {
        p->quoted = SCRIPT_ICMP;
    } else if (lex_takes_word(l, "udp")) {
        int64_t number;
        p->quoted = SCRIPT_UDP;
        if (!lex_needs(l, "(") || !lex_needs_number(l, "a length", 0, SCRIPT_PAYLOAD_MAX, &number) ||
            !lex_needs(l, ")"))
            return false;
        p->quoted_len = (uint32_t)number;
    } else {
        p->quoted = SCRIPT_TCP;
        if (!parse_sequence(l, &p->quoted_seq, &p->quoted_len))
            return false;
    }
    return lex_needs(l, "]");
}

bool parse_icmp(struct lex *l, struct script_packet *p)
{
    int64_t number;
    p->protocol = SCRIPT_ICMP;
    if (!parse_type(l, p))
        return false;
    if (lex_takes_word(l, "mtu")) {
        if (!lex_needs_number(l, "mtu", 0, UINT32_MAX, &number))
            return false;
        p->icmp_mtu = (uint32_t)number;
    }
    return !lex_takes(l, "[") || parse_quote(l, p);
}

void icmp_text(const struct script_packet *p, bool ip6, char *text, size_t size)
{
    size_t count;
    const struct message *m = messages(ip6, &count);
    for (size_t i = 0; i < count; i++)
        if (m[i].number == p->icmp_type && m[i].code != NULL && m[i].code_number == p->icmp_code) {
            snprintf(text, size, "%s %s", m[i].type, m[i].code);
            return;
        }
    for (size_t i = 0; i < count; i++)
        if (m[i].number == p->icmp_type) {
            snprintf(text, size, "%s %u", m[i].type, p->icmp_code);
            return;
        }
    snprintf(text, size, "type %u code %u", p->icmp_type, p->icmp_code);
}
