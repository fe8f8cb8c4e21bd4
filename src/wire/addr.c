/* SPDX-License-Identifier: MIT */
#include "wire/addr.h"

enum {
    IP6_GROUPS = 8,
    IP6_GROUP_DIGITS_MAX = 4
};

struct eth_addr ip4_multicast_mac(struct ip4_addr group)
{
    return (struct eth_addr){{0x01, 0x00, 0x5e, group.b[1] & 0x7f, group.b[2], group.b[3]}};
}

struct eth_addr ip6_multicast_mac(struct ip6_addr group)
{
    return (struct eth_addr){{0x33, 0x33, group.b[12], group.b[13], group.b[14], group.b[15]}};
}

bool ip6_prefix_match(struct ip6_addr a, struct ip6_addr b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(a.b, b.b, whole) != 0)
        return false;
    return rest == 0 || (a.b[whole] ^ b.b[whole]) >> (8 - rest) == 0;
}

struct ip6_addr ip6_solicited_node(struct ip6_addr a)
{
    return (struct ip6_addr){
        {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a.b[13], a.b[14], a.b[15]}};
}

void ip4_text(struct text *t, struct ip4_addr a)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            text_char(t, '.');
        text_u64(t, a.b[i]);
    }
}

void eth_text(struct text *t, struct eth_addr a)
{
    for (unsigned i = 0; i < 6; i++) {
        if (i > 0)
            text_char(t, ':');
        text_hex(t, a.b[i], 2);
    }
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952 4.2); len 0: none. */
struct zero_run {
    unsigned start, len;
};

static struct zero_run longest_zero_run(struct ip6_addr a, unsigned groups)
{
    struct zero_run best = {0, 0};
    struct zero_run run = {0, 0};
    for (unsigned i = 0; i < groups; i++) {
        if (load16(a.b + 2 * i) != 0) {
            run.len = 0;
            continue;
        }
        if (run.len == 0)
            run.start = i;
        run.len++;
        if (run.len > best.len)
            best = run;
    }
    return best.len >= 2 ? best : (struct zero_run){0, 0};
}

void ip6_text(struct text *t, struct ip6_addr a)
{
    bool mapped = ip6_is_mapped(a);
    unsigned groups = mapped ? IP6_GROUPS - 2 : IP6_GROUPS;
    struct zero_run zeros = longest_zero_run(a, groups);
    bool colon = false; /* does the next group need one in front? */
    for (unsigned i = 0; i < groups; i++) {
        if (zeros.len > 0 && i == zeros.start) {
            text_str(t, "::");
            i += zeros.len - 1;
            colon = false;
            continue;
        }
        if (colon)
            text_char(t, ':');
        text_hex(t, load16(a.b + 2 * i), 1);
        colon = true;
    }
    if (mapped) {
        text_char(t, ':');
        ip4_text(t, (struct ip4_addr){{a.b[12], a.b[13], a.b[14], a.b[15]}});
    }
}

void addr_text(struct text *t, struct weir_addr a)
{
    if (addr_is_ip4(a))
        ip4_text(t, ip4_from_addr(a));
    else
        ip6_text(t, ip6_from_addr(a));
}

/* The value of a hexadecimal digit, or 16. */
static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

bool ip4_from_text(struct ip4_addr *out, const char *s, size_t n)
{
    struct ip4_addr a;
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0 && (at == n || s[at++] != '.'))
            return false;
        size_t start = at;
        unsigned v = 0;
        while (at < n && s[at] >= '0' && s[at] <= '9' && at - start < 3)
            v = v * 10 + (unsigned)(s[at++] - '0');
        /* A leading zero would be octal to some readers: refused. */
        if (at == start || v > 255 || (at - start > 1 && s[start] == '0'))
            return false;
        a.b[i] = (uint8_t)v;
    }
    if (at != n)
        return false;
    *out = a;
    return true;
}

bool eth_from_text(struct eth_addr *out, const char *s, size_t n)
{
    struct eth_addr a;
    if (n != ETH_TEXT_MAX - 1)
        return false;
    for (size_t i = 0; i < 6; i++) {
        unsigned high = hex_digit(s[3 * i]);
        unsigned low = hex_digit(s[3 * i + 1]);
        if (high > 15 || low > 15 || (i < 5 && s[3 * i + 2] != ':'))
            return false;
        a.b[i] = (uint8_t)(high << 4 | low);
    }
    *out = a;
    return true;
}

/* The groups on one side of a "::", or all of them. */
struct groups {
    uint8_t b[16];
    unsigned len; /* bytes, even */
};

/* Read groups with ':' between; the last may be a dotted quad (RFC 4291 2.2). False: malformed. */
static bool groups_from_text(struct groups *g, const char *s, size_t n)
{
    size_t at = 0;
    g->len = 0;
    while (at < n) {
        size_t start = at;
        unsigned v = 0;
        while (at < n && hex_digit(s[at]) < 16 && at - start < IP6_GROUP_DIGITS_MAX)
            v = v << 4 | hex_digit(s[at++]);
        if (at < n && s[at] == '.') {
            struct ip4_addr quad;
            if (g->len > 12 || !ip4_from_text(&quad, s + start, n - start))
                return false;
            memcpy(g->b + g->len, quad.b, 4);
            g->len += 4;
            return true;
        }
        if (at == start || g->len == 16)
            return false;
        store16(g->b + g->len, (uint16_t)v);
        g->len += 2;
        if (at == n)
            return true;
        if (s[at++] != ':' || at == n) /* a colon stands between two groups, not at the end */
            return false;
    }
    return true; /* nothing at all: beside a "::" */
}

bool ip6_from_text(struct ip6_addr *out, const char *s, size_t n)
{
    struct groups head, tail;
    size_t gap = 0;
    if (n >= IP6_TEXT_MAX)
        return false;
    while (gap + 1 < n && !(s[gap] == ':' && s[gap + 1] == ':'))
        gap++;
    if (gap + 1 >= n) { /* no "::" */
        if (!groups_from_text(&head, s, n) || head.len != 16)
            return false;
        memcpy(out->b, head.b, 16);
        return true;
    }
    if (!groups_from_text(&head, s, gap) || !groups_from_text(&tail, s + gap + 2, n - gap - 2))
        return false;
    /* A dotted quad can only end the address; "::" stands for one group or more (RFC 4291 2.2). */
    for (size_t i = 0; i < gap; i++)
        if (s[i] == '.')
            return false;
    if (head.len + tail.len > 14)
        return false;
    struct ip6_addr a = {{0}};
    memcpy(a.b, head.b, head.len);
    memcpy(a.b + 16 - tail.len, tail.b, tail.len);
    *out = a;
    return true;
}

bool addr_from_text(struct weir_addr *out, const char *s, size_t n)
{
    struct ip4_addr v4;
    struct ip6_addr v6;
    if (ip4_from_text(&v4, s, n)) {
        *out = addr_from_ip4(v4);
        return true;
    }
    if (!ip6_from_text(&v6, s, n))
        return false;
    *out = addr_from_ip6(v6);
    return true;
}
