/* SPDX-License-Identifier: MIT
 * Packets: what stands in brackets, TCP, UDP and ICMP. */
#include <string.h>

#include "drill/parse.h"
#include "weir/net.h"

/* Letters of flags, in the order in which they are printed elsewhere. */
static uint16_t flag_of(char c)
{
    static const char letters[] = "FSRP.UEWCAN";
    static const uint16_t flags[] = {TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK, TCP_URG,
                                     TCP_ECE, TCP_CWR, TCP_CWR, TCP_AE,  TCP_AE};
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    return found != NULL ? flags[found - letters] : 0;
}

static bool number_to_i32(struct lex *l, const char *what, int64_t high, int32_t *out)
{
    int64_t number;
    if (!lex_needs_number(l, what, 0, high, &number))
        return false;
    *out = (int32_t)number;
    return true;
}

bool parse_sequence(struct lex *l, uint32_t *seq, uint32_t *len)
{
    int64_t from, to, n = 0;
    if (!lex_needs_number(l, "a sequence number", 0, UINT32_MAX, &from))
        return false;
    bool has_end = lex_takes(l, ":");
    if (has_end && !lex_needs_number(l, "the end of a sequence", 0, UINT32_MAX, &to))
        return false;
    if (!lex_needs(l, "(") || !lex_needs_number(l, "a length", 0, SCRIPT_PAYLOAD_MAX, &n) ||
        !lex_needs(l, ")"))
        return false;
    *seq = (uint32_t)from;
    *len = (uint32_t)n;
    if (has_end && (uint32_t)to != *seq + *len)
        return lex_fail(l, "%lld:%lld is not a length of %lld", (long long)from, (long long)to,
                        (long long)n);
    return true;
}

/* ---- in brackets, behind the direction ---- */

static bool parse_ecn(const char *word, enum script_ecn *ecn)
{
    static const char *const names[] = {"", "noecn", "ect0", "ect1", "ect01", "ce"};
    for (unsigned i = 1; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(word, names[i]) == 0) {
            *ecn = (enum script_ecn)i;
            return true;
        }
    return false;
}

static bool parse_address(struct lex *l, bool *has, struct weir_addr *address)
{
    const char *text;
    size_t len;
    *has = true;
    if (!lex_needs_text(l, &text, &len))
        return false;
    return weir_addr_parse(text, address) == WEIR_OK || lex_fail(l, "'%s' is no address", text);
}

/* Oddities, for packets to hand in. */
static bool parse_oddity(struct lex *l, const char *word, struct script_packet *p)
{
    int32_t number = 0;
    bool good = true;
    if (strcmp(word, "bad_checksum") == 0) {
        p->bad_checksum = true;
    } else if (strcmp(word, "more") == 0) {
        p->more = true;
    } else if (strcmp(word, "fill") == 0) {
        good = number_to_i32(l, "the byte", 255, &number);
        p->fill = number;
    } else if (strcmp(word, "header") == 0) {
        good = number_to_i32(l, "the length of the header", 60, &number);
        p->header_len = number;
        if (good && number % 4 != 0)
            return lex_fail(l, "the length of a header is a multiple of 4");
    } else if (strcmp(word, "cut") == 0) {
        good = number_to_i32(l, "the length of the segment", SCRIPT_PAYLOAD_MAX, &number);
        p->cut = number;
    } else if (strcmp(word, "reserved") == 0) {
        good = number_to_i32(l, "the reserved bits", 7, &number);
        p->flags |= (uint16_t)(number << 9);
    } else if (strcmp(word, "src") == 0) {
        good = parse_address(l, &p->has_source, &p->source);
    } else if (strcmp(word, "dst") == 0) {
        good = parse_address(l, &p->has_destination, &p->destination);
    } else {
        return lex_fail(l, "'%s' is not known in brackets", word);
    }
    return good && (!p->out || lex_fail(l, "'%s' is for packets that come in", word));
}

static bool parse_bracket(struct lex *l, struct script_packet *p)
{
    char word[LEX_WORD_MAX];
    int32_t number;
    if (!lex_word(l, word))
        return lex_fail(l, "a word should be in the brackets");
    if (parse_ecn(word, &p->ecn))
        return true;
    if (strcmp(word, "tos") == 0 || strcmp(word, "ttl") == 0) {
        if (!number_to_i32(l, word, 255, &number))
            return false;
        *(word[1] == 'o' ? &p->tos : &p->ttl) = number;
        return true;
    }
    if (strcmp(word, "df") == 0 || strcmp(word, "nodf") == 0) {
        p->dont_fragment = word[0] == 'd';
        return p->out || lex_fail(l, "'%s' is for packets of the stack", word);
    }
    if (strcmp(word, "anyseq") == 0) {
        p->any_seq = true;
        return p->out || lex_fail(l, "'%s' is for packets of the stack", word);
    }
    if (strcmp(word, "sport") == 0)
        return number_to_i32(l, "a port", 65535, &p->source_port);
    if (strcmp(word, "dport") == 0)
        return number_to_i32(l, "a port", 65535, &p->destination_port);
    return parse_oddity(l, word, p);
}

static bool parse_before(struct lex *l, struct script_packet *p)
{
    for (;;) {
        if (lex_takes(l, "{")) {
            int64_t number;
            if (!lex_needs_number(l, "a flow", 1, SCRIPT_FLOWS_MAX, &number) || !lex_needs(l, "}"))
                return false;
            p->flow = (unsigned)number;
        } else if (lex_takes(l, "[")) {
            do {
                if (!parse_bracket(l, p))
                    return false;
            } while (lex_takes(l, ","));
            if (!lex_needs(l, "]"))
                return false;
        } else {
            return true;
        }
    }
}

/* ---- the protocols ---- */

static bool parse_flags(struct lex *l, struct script_packet *p)
{
    lex_space(l);
    const char *from = l->p;
    if (l->p < l->end && *l->p == '-') {
        l->p++;
        return true;
    }
    for (; l->p < l->end && flag_of(*l->p) != 0; l->p++)
        p->flags |= flag_of(*l->p);
    if (l->p == from)
        return lex_fail(l, "TCP flags, udp or icmp should be here");
    return true;
}

static bool parse_tcp(struct lex *l, struct script_packet *p)
{
    int64_t number;
    if (!parse_flags(l, p) || !parse_sequence(l, &p->seq, &p->len))
        return false;
    for (;;) {
        if (lex_takes_word(l, "ack")) {
            if (!lex_needs_number(l, "ack", 0, UINT32_MAX, &number))
                return false;
            p->ack = (uint32_t)number;
            p->has_ack = true;
        } else if (lex_takes_word(l, "win")) {
            if (!number_to_i32(l, "win", 65535, &p->window))
                return false;
        } else if (lex_takes_word(l, "urg")) {
            if (!number_to_i32(l, "urg", 65535, &p->urgent))
                return false;
        } else if (lex_sees(l, "<")) {
            return parse_options(l, p);
        } else {
            break;
        }
    }
    return true;
}

static bool parse_udp(struct lex *l, struct script_packet *p)
{
    int64_t number;
    p->protocol = SCRIPT_UDP;
    if (!lex_needs(l, "(") || !lex_needs_number(l, "a length", 0, SCRIPT_PAYLOAD_MAX, &number))
        return false;
    p->len = (uint32_t)number;
    return lex_needs(l, ")");
}

/* "8080 > 40000" before the flags. */
static bool parse_ports(struct lex *l, struct script_packet *p)
{
    int64_t source, destination;
    if (!lex_number(l, &source))
        return true;
    if (!lex_needs(l, ">") || !lex_needs_number(l, "a port", 0, 65535, &destination))
        return false;
    if (source < 0 || source > 65535)
        return lex_fail(l, "a port is 0 to 65535");
    p->source_port = (int32_t)source;
    p->destination_port = (int32_t)destination;
    return true;
}

bool parse_packet(struct lex *l, bool out, struct script_packet **packet)
{
    static const char *const strange[] = {"ipv4", "ipv6", "gre", "mpls", "udplite", "sctp"};
    struct script_packet *p = *packet = lex_alloc(l, sizeof *p);
    if (p == NULL)
        return false;
    *p = (struct script_packet){.out = out,
                                .flow = 1,
                                .tos = -1,
                                .ttl = -1,
                                .dont_fragment = -1,
                                .source_port = -1,
                                .destination_port = -1,
                                .fill = -1,
                                .window = -1,
                                .urgent = -1,
                                .header_len = -1,
                                .cut = -1};
    if (!parse_before(l, p))
        return false;
    for (unsigned i = 0; i < sizeof strange / sizeof strange[0]; i++)
        if (lex_takes_word(l, strange[i]))
            return lex_fail(l, "packets of '%s' are not supported", strange[i]);
    if (lex_takes_word(l, "udp"))
        return parse_udp(l, p);
    if (lex_takes_word(l, "icmp") || lex_takes_word(l, "icmpv4") || lex_takes_word(l, "icmpv6"))
        return parse_icmp(l, p);
    return parse_ports(l, p) && parse_tcp(l, p);
}
