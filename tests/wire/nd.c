/* SPDX-License-Identifier: MIT */
#include "wire/nd.h"

#include "packets.h"

static const struct ip6_addr router = {{0xfe, 0x80, [15] = 1}};
static const struct ip6_addr host = {{0xfe, 0x80, [15] = 2}};
static const struct ip6_addr global = {{0x20, 0x01, 0x0d, 0xb8, [15] = 9}};
static const struct ip6_addr nobody;
static const struct ip6_addr all_nodes = {{0xff, 0x02, [15] = 1}};
static const struct ip6_addr solicited = {{0xff, 0x02, [11] = 1, 0xff, 0, 0, 2}};

/* What the IP header around a valid message says. */
static struct ip6 from_to(struct ip6_addr source, struct ip6_addr destination)
{
    return (struct ip6){.source = source, .destination = destination, .hop_limit = 255};
}

static enum weir_drop parse(struct nd *m, const uint8_t *p, size_t n, const struct ip6 *ip)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = nd_parse(m, exact, n, n, ip);
    if (reason == WEIR_DROP_NONE && m->redirected.len > 0)
        m->redirected.data = p + (m->redirected.data - exact); /* the copy is gone */
    free(exact);
    return reason;
}

/* RFC 4861 4.2 with the options of 4.6.1, 4.6.2, 4.6.4 and RFC 8106 5.1, filled in by hand. */
static const uint8_t advertisement[16 + 8 + 8 + 32 + 40] = {
    134, 0, 0, 0, 64, 0xc0, 0x07, 0x08, 0, 0, 0x75, 0x30, 0, 0, 0x03, 0xe8,
    /* source link-layer address */
    1, 1, 2, 0, 0, 0, 0, 1,
    /* MTU 1480 */
    5, 1, 0, 0, 0, 0, 0x05, 0xc8,
    /* prefix 2001:db8::/64, on-link and autonomous, valid 86400 s, preferred 14400 s */
    3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0,
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* two name servers, 600 s */
    25, 5, 0, 0, 0, 0, 0x02, 0x58,
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x35,
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x36};

static void test_router_advertisement_has_its_fields(void **state)
{
    (void)state;
    struct nd m;
    struct ip6 ip = from_to(router, all_nodes);
    assert_int_equal(parse(&m, advertisement, sizeof advertisement, &ip), WEIR_DROP_NONE);
    assert_int_equal(m.type, ICMP6_ROUTER_ADVERTISEMENT);
    assert_int_equal(m.hop_limit, 64);
    assert_true(m.managed && m.other);
    assert_int_equal(m.lifetime_s, 1800);
    assert_int_equal(m.reachable_ms, 30000);
    assert_int_equal(m.retrans_ms, 1000);
    assert_true(m.has_source_mac && !m.has_target_mac);
    assert_memory_equal(m.source_mac.b, ((uint8_t[]){2, 0, 0, 0, 0, 1}), 6);
    assert_int_equal(m.mtu, 1480);
    assert_int_equal(m.prefix_count, 1);
    assert_int_equal(m.prefix[0].len, 64);
    assert_true(m.prefix[0].on_link && m.prefix[0].autonomous);
    assert_int_equal(m.prefix[0].valid_s, 86400);
    assert_int_equal(m.prefix[0].preferred_s, 14400);
    assert_memory_equal(m.prefix[0].prefix.b, advertisement + 48, 16);
    assert_int_equal(m.rdnss_count, 2);
    assert_int_equal(m.rdnss[0].lifetime_s, 600);
    assert_int_equal(m.rdnss[1].lifetime_s, 600);
    assert_int_equal(m.rdnss[0].server.b[15], 0x35);
    assert_int_equal(m.rdnss[1].server.b[15], 0x36);
}

/* RFC 4861 4.3 and 4.4. */
static void test_neighbour_messages_have_their_fields(void **state)
{
    (void)state;
    uint8_t p[32] = {135, [8] = 0xfe, 0x80, [23] = 2, 1, 1, 2, 0, 0, 0, 0, 1};
    struct nd m;
    struct ip6 ip = from_to(router, solicited);
    assert_int_equal(parse(&m, p, 32, &ip), WEIR_DROP_NONE);
    assert_true(ip6_eq(m.target, host));
    assert_true(m.has_source_mac);
    p[0] = 136;
    p[24] = 2;
    ip = from_to(host, router);
    static const uint8_t flags[3] = {0x80, 0x40, 0x20};
    for (unsigned i = 0; i < 3; i++) {
        p[4] = flags[i];
        assert_int_equal(parse(&m, p, 32, &ip), WEIR_DROP_NONE);
        assert_int_equal(m.router, i == 0);
        assert_int_equal(m.solicited, i == 1);
        assert_int_equal(m.override, i == 2);
        assert_true(m.has_target_mac && !m.has_source_mac);
        assert_memory_equal(m.target_mac.b, ((uint8_t[]){2, 0, 0, 0, 0, 1}), 6);
    }
}

/* RFC 4861 4.5 and 4.6.3. */
static void test_redirect_has_its_fields(void **state)
{
    (void)state;
    uint8_t p[40 + 8 + 8 + 16] = {137, [8] = 0xfe, 0x80, [23] = 2};
    memcpy(p + 24, global.b, 16);
    memcpy(p + 40, ((uint8_t[]){2, 1, 2, 0, 0, 0, 0, 2}), 8);
    p[48] = 4;
    p[49] = 3;
    memset(p + 56, 0x77, 16);
    struct nd m;
    struct ip6 ip = from_to(router, host);
    assert_int_equal(parse(&m, p, sizeof p, &ip), WEIR_DROP_NONE);
    assert_true(ip6_eq(m.target, host));
    assert_true(ip6_eq(m.destination, global));
    assert_true(m.has_target_mac);
    assert_int_equal(m.redirected.len, 16);
    assert_ptr_equal(m.redirected.data, p + 56);
}

static void test_every_truncation_is_dropped(void **state)
{
    (void)state;
    struct nd m;
    struct ip6 ip = from_to(router, all_nodes);
    static const size_t whole[] = {16, 24, 32, 64, 104}; /* where an option ends */
    for (size_t n = 0; n < sizeof advertisement; n++) {
        enum weir_drop want = n < 16 ? WEIR_DROP_ND_SHORT : WEIR_DROP_ND_OPTION;
        for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
            if (n == whole[i])
                want = WEIR_DROP_NONE;
        assert_int_equal(parse(&m, advertisement, n, &ip), want);
        uint8_t *exact = exact_copy(advertisement, n);
        assert_int_equal(nd_parse(&m, exact, n, sizeof advertisement, &ip),
                         WEIR_DROP_DEVICE_HEADERS);
        free(exact);
    }
}

static void test_each_type_has_its_least_length(void **state)
{
    (void)state;
    static const uint8_t least[5] = {8, 16, 24, 24, 40}; /* 133 to 137 */
    for (unsigned type = 0; type < 256; type++) {
        uint8_t p[48] = {0};
        struct nd m;
        struct ip6 ip = from_to(router, host);
        p[0] = (uint8_t)type;
        if (type < 133 || type > 137) {
            assert_int_equal(parse(&m, p, 40, &ip), WEIR_DROP_ICMP_TYPE);
            continue;
        }
        assert_int_equal(parse(&m, p, least[type - 133], &ip), WEIR_DROP_NONE);
        assert_int_equal(parse(&m, p, least[type - 133] - 1U, &ip), WEIR_DROP_ND_SHORT);
        p[1] = 1;
        assert_int_equal(parse(&m, p, least[type - 133], &ip), WEIR_DROP_ND_CODE);
        p[1] = 0;
        ip.hop_limit = 254;
        assert_int_equal(parse(&m, p, least[type - 133], &ip), WEIR_DROP_ND_HOP_LIMIT);
    }
}

/* The rules about addresses, each by a message that breaks only it. */
static void test_addresses_follow_rfc_4861(void **state)
{
    (void)state;
    const struct {
        uint8_t type, flags;
        bool source_option;
        struct ip6_addr source, destination, target;
        enum weir_drop want;
    } rows[] = {
        /* 6.1.1 */
        {133, 0, false, nobody, all_nodes, nobody, WEIR_DROP_NONE},
        {133, 0, true, nobody, all_nodes, nobody, WEIR_DROP_ND_TARGET},
        {133, 0, true, host, all_nodes, nobody, WEIR_DROP_NONE},
        /* 6.1.2 */
        {134, 0, true, global, all_nodes, nobody, WEIR_DROP_ND_TARGET},
        {134, 0, true, nobody, all_nodes, nobody, WEIR_DROP_ND_TARGET},
        {134, 0, true, router, all_nodes, nobody, WEIR_DROP_NONE},
        /* 7.1.1 */
        {135, 0, true, router, solicited, host, WEIR_DROP_NONE},
        {135, 0, true, router, solicited, all_nodes, WEIR_DROP_ND_TARGET},
        {135, 0, true, nobody, solicited, host, WEIR_DROP_ND_TARGET},
        {135, 0, false, nobody, solicited, host, WEIR_DROP_NONE},
        {135, 0, false, nobody, host, host, WEIR_DROP_ND_TARGET},
        {135, 0, false, nobody, all_nodes, host, WEIR_DROP_ND_TARGET},
        {135, 0, true, router, host, host, WEIR_DROP_NONE},
        /* 7.1.2 */
        {136, 0x40, false, host, router, host, WEIR_DROP_NONE},
        {136, 0x40, false, host, all_nodes, host, WEIR_DROP_ND_TARGET},
        {136, 0x20, false, host, all_nodes, host, WEIR_DROP_NONE},
        {136, 0x40, false, host, router, all_nodes, WEIR_DROP_ND_TARGET},
        /* 8.1; the destination of the redirect is `global` */
        {137, 0, false, router, host, router, WEIR_DROP_NONE},
        {137, 0, false, router, host, global, WEIR_DROP_NONE},
        {137, 0, false, global, host, router, WEIR_DROP_ND_TARGET},
        {137, 0, false, router, host, {{0x20, 0x01, [15] = 5}}, WEIR_DROP_ND_TARGET},
        {137, 0, false, router, host, all_nodes, WEIR_DROP_ND_TARGET},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static const uint8_t least[5] = {8, 16, 24, 24, 40};
        uint8_t p[48] = {0};
        size_t n = least[rows[i].type - 133];
        struct nd m;
        struct ip6 ip = from_to(rows[i].source, rows[i].destination);
        p[0] = rows[i].type;
        p[4] = rows[i].flags;
        if (rows[i].type >= 135)
            memcpy(p + 8, rows[i].target.b, 16);
        if (rows[i].type == 137)
            memcpy(p + 24, global.b, 16);
        if (rows[i].source_option)
            memcpy(p + n, ((uint8_t[]){1, 1, 2, 0, 0, 0, 0, 7}), 8);
        assert_int_equal(parse(&m, p, n + (rows[i].source_option ? 8 : 0), &ip), rows[i].want);
    }
    uint8_t p[40] = {137}; /* a redirect of a group */
    struct nd m;
    struct ip6 ip = from_to(router, host);
    memcpy(p + 8, router.b, 16);
    memcpy(p + 24, all_nodes.b, 16);
    assert_int_equal(parse(&m, p, 40, &ip), WEIR_DROP_ND_TARGET);
}

static void test_options_out_of_place_and_unknown_ones_are_ignored(void **state)
{
    (void)state;
    uint8_t p[8 + 8 + 8 + 16] = {133};
    struct nd m;
    struct ip6 ip = from_to(host, all_nodes);
    memcpy(p + 8, ((uint8_t[]){5, 1, 0, 0, 0, 0, 5, 0xdc}), 8); /* MTU in a solicitation */
    memcpy(p + 16, ((uint8_t[]){2, 1, 2, 0, 0, 0, 0, 1}), 8);   /* a target's address there */
    p[24] = 222;
    p[25] = 2;
    assert_int_equal(parse(&m, p, sizeof p, &ip), WEIR_DROP_NONE);
    assert_int_equal(m.mtu, 0);
    assert_false(m.has_target_mac);
}

static void test_the_first_of_two_options_counts(void **state)
{
    (void)state;
    uint8_t p[24] = {133, [8] = 1, 1, 2, 0, 0, 0, 0, 1, 1, 1, 2, 0, 0, 0, 0, 9};
    struct nd m;
    struct ip6 ip = from_to(host, all_nodes);
    assert_int_equal(parse(&m, p, 24, &ip), WEIR_DROP_NONE);
    assert_int_equal(m.source_mac.b[5], 1);
}

static void test_lists_keep_what_fits_and_ignore_the_rest(void **state)
{
    (void)state;
    uint8_t p[16 + 9 * 32 + 88] = {134};
    size_t n = 16;
    struct nd m;
    struct ip6 ip = from_to(router, all_nodes);
    for (unsigned i = 0; i < ND_PREFIXES_MAX + 1; i++, n += 32) {
        p[n] = 3;
        p[n + 1] = 4;
        p[n + 2] = (uint8_t)i;
    }
    p[n] = 25;
    p[n + 1] = 11; /* five servers */
    assert_int_equal(parse(&m, p, sizeof p, &ip), WEIR_DROP_NONE);
    assert_int_equal(m.prefix_count, ND_PREFIXES_MAX);
    assert_int_equal(m.prefix[ND_PREFIXES_MAX - 1].len, ND_PREFIXES_MAX - 1);
    assert_int_equal(m.rdnss_count, ND_RDNSS_MAX);
}

static void test_options_are_limited_in_number(void **state)
{
    (void)state;
    for (unsigned count = ND_OPTIONS_MAX - 1; count <= ND_OPTIONS_MAX + 1; count++) {
        uint8_t p[8 + 8 * (ND_OPTIONS_MAX + 1)] = {133};
        struct nd m;
        struct ip6 ip = from_to(host, all_nodes);
        for (unsigned i = 0; i < count; i++) {
            p[8 + 8 * i] = 200;
            p[9 + 8 * i] = 1;
        }
        assert_int_equal(parse(&m, p, 8 + 8 * count, &ip),
                         count <= ND_OPTIONS_MAX ? WEIR_DROP_NONE : WEIR_DROP_ND_OPTION);
    }
}

static void random_options(struct rng *r, struct nd *m)
{
    if (m->type == ICMP6_NEIGHBOUR_ADVERTISEMENT || m->type == ICMP6_REDIRECT) {
        m->has_target_mac = rng_below(r, 2) != 0;
        if (m->has_target_mac)
            rng_bytes(r, m->target_mac.b, 6);
    } else {
        m->has_source_mac = rng_below(r, 2) != 0;
        if (m->has_source_mac)
            rng_bytes(r, m->source_mac.b, 6);
    }
    if (m->type != ICMP6_ROUTER_ADVERTISEMENT)
        return;
    m->mtu = rng_below(r, 4) == 0 ? 0 : rng_u32(r) >> rng_below(r, 32);
    m->prefix_count = (uint8_t)rng_below(r, ND_PREFIXES_MAX + 1);
    for (unsigned i = 0; i < m->prefix_count; i++) {
        rng_bytes(r, m->prefix[i].prefix.b, 16);
        m->prefix[i].len = (uint8_t)rng_below(r, 129);
        m->prefix[i].valid_s = rng_u32(r);
        m->prefix[i].preferred_s = rng_u32(r);
        m->prefix[i].on_link = rng_below(r, 2) != 0;
        m->prefix[i].autonomous = rng_below(r, 2) != 0;
    }
    m->rdnss_count = (uint8_t)rng_below(r, ND_RDNSS_MAX + 1);
    for (unsigned i = 0; i < m->rdnss_count; i++) {
        rng_bytes(r, m->rdnss[i].server.b, 16);
        m->rdnss[i].lifetime_s = rng_u32(r);
    }
}

static void random_message(struct rng *r, struct nd *m, const uint8_t *packet)
{
    *m = (struct nd){.type = (uint8_t)rng_between(r, 133, 137)};
    if (m->type >= 135) {
        m->target = host;
        m->target.b[15] = (uint8_t)rng_u64(r);
    }
    switch (m->type) {
    case ICMP6_ROUTER_ADVERTISEMENT:
        m->hop_limit = (uint8_t)rng_u64(r);
        m->managed = rng_below(r, 2) != 0;
        m->other = rng_below(r, 2) != 0;
        m->lifetime_s = (uint16_t)rng_u64(r);
        m->reachable_ms = rng_u32(r);
        m->retrans_ms = rng_u32(r);
        break;
    case ICMP6_NEIGHBOUR_ADVERTISEMENT:
        m->router = rng_below(r, 2) != 0;
        m->solicited = rng_below(r, 2) != 0;
        m->override = rng_below(r, 2) != 0;
        break;
    case ICMP6_REDIRECT:
        m->destination = global;
        m->redirected = (struct weir_ref){packet, 8 * (size_t)rng_below(r, 100)};
        break;
    default:
        break;
    }
    random_options(r, m);
}

static void assert_same(const struct nd *a, const struct nd *b)
{
    assert_int_equal(a->type, b->type);
    assert_true(ip6_eq(a->target, b->target) && ip6_eq(a->destination, b->destination));
    assert_int_equal(a->router, b->router);
    assert_int_equal(a->solicited, b->solicited);
    assert_int_equal(a->override, b->override);
    assert_int_equal(a->hop_limit, b->hop_limit);
    assert_int_equal(a->managed, b->managed);
    assert_int_equal(a->other, b->other);
    assert_int_equal(a->lifetime_s, b->lifetime_s);
    assert_int_equal(a->reachable_ms, b->reachable_ms);
    assert_int_equal(a->retrans_ms, b->retrans_ms);
    assert_int_equal(a->has_source_mac, b->has_source_mac);
    assert_int_equal(a->has_target_mac, b->has_target_mac);
    assert_true(eth_addr_eq(a->source_mac, b->source_mac));
    assert_true(eth_addr_eq(a->target_mac, b->target_mac));
    assert_int_equal(a->mtu, b->mtu);
    assert_int_equal(a->prefix_count, b->prefix_count);
    for (unsigned i = 0; i < a->prefix_count; i++) {
        assert_true(ip6_eq(a->prefix[i].prefix, b->prefix[i].prefix));
        assert_int_equal(a->prefix[i].len, b->prefix[i].len);
        assert_int_equal(a->prefix[i].valid_s, b->prefix[i].valid_s);
        assert_int_equal(a->prefix[i].preferred_s, b->prefix[i].preferred_s);
        assert_int_equal(a->prefix[i].on_link, b->prefix[i].on_link);
        assert_int_equal(a->prefix[i].autonomous, b->prefix[i].autonomous);
    }
    assert_int_equal(a->rdnss_count, b->rdnss_count);
    for (unsigned i = 0; i < a->rdnss_count; i++) {
        assert_true(ip6_eq(a->rdnss[i].server, b->rdnss[i].server));
        assert_int_equal(a->rdnss[i].lifetime_s, b->rdnss[i].lifetime_s);
    }
    assert_int_equal(a->redirected.len, b->redirected.len);
    if (a->redirected.len > 0)
        assert_memory_equal(a->redirected.data, b->redirected.data, a->redirected.len);
}

static void test_parse_gives_back_what_was_emitted(void **state)
{
    (void)state;
    struct rng r = rng_make(18);
    uint8_t packet[800];
    rng_bytes(&r, packet, sizeof packet);
    for (unsigned i = 0; i < 10000; i++) {
        uint8_t out[1280], again[1280];
        struct nd m, back;
        struct ip6 ip = from_to(router, host);
        random_message(&r, &m, packet);
        memset(out, 0xa5, sizeof out);
        size_t n = nd_emit(out, sizeof out, &m, &ip);
        assert_true(n > 0 && n % 8 == 0);
        assert_true(m.redirected.len > 0 || n <= ND_MESSAGE_MAX);
        assert_int_equal(out[n], 0xa5);
        assert_int_equal(naive_transport_sum(router.b, host.b, 16, 58, out, n), 0xffff);
        assert_int_equal(parse(&back, out, n, &ip), WEIR_DROP_NONE);
        assert_same(&m, &back);
        memset(again, 0x5a, sizeof again); /* no byte is left as it was */
        assert_int_equal(nd_emit(again, n, &back, &ip), n);
        assert_memory_equal(again, out, n);
        assert_int_equal(nd_emit(again, n - 1, &m, &ip), 0);
    }
}

static void test_redirected_packet_is_cut_to_the_minimum_mtu(void **state)
{
    (void)state;
    static const uint8_t packet[1500] = {0x60};
    struct nd m = {.type = ICMP6_REDIRECT, .target = host, .destination = global,
                   .redirected = {packet, sizeof packet}};
    struct ip6 ip = from_to(router, host);
    uint8_t out[1500];
    struct nd back;
    size_t n = nd_emit(out, sizeof out, &m, &ip);
    assert_int_equal(n, 1240);
    assert_int_equal(parse(&back, out, n, &ip), WEIR_DROP_NONE);
    assert_int_equal(back.redirected.len, 1240 - 48);
    m.redirected.len = 47; /* whole units only */
    assert_int_equal(nd_emit(out, sizeof out, &m, &ip), 48 + 40);
    m.redirected.len = 7;
    assert_int_equal(nd_emit(out, sizeof out, &m, &ip), 40);
}

static void test_emit_refuses_what_is_no_message(void **state)
{
    (void)state;
    struct nd m = {.type = ICMP6_ROUTER_ADVERTISEMENT, .prefix_count = ND_PREFIXES_MAX + 1};
    struct ip6 ip = from_to(router, host);
    uint8_t out[1024];
    memset(out, 0xa5, sizeof out);
    assert_int_equal(nd_emit(out, sizeof out, &m, &ip), 0);
    m.prefix_count = 0;
    m.rdnss_count = ND_RDNSS_MAX + 1;
    assert_int_equal(nd_emit(out, sizeof out, &m, &ip), 0);
    m = (struct nd){.type = ICMP6_ECHO_REQUEST};
    assert_int_equal(nd_emit(out, sizeof out, &m, &ip), 0);
    assert_int_equal(out[0], 0xa5);
}

static void test_damaged_messages_are_judged_within_their_bounds(void **state)
{
    (void)state;
    struct rng r = rng_make(19);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 30000; i++) {
        uint8_t p[200];
        struct nd m;
        struct ip6 ip = from_to(router, host);
        size_t n = (size_t)rng_below(&r, sizeof p + 1);
        rng_bytes(&r, p, sizeof p);
        p[0] = (uint8_t)rng_between(&r, 133, 137);
        p[1] = 0;
        memcpy(p + 8, host.b, 16);
        if (rng_below(&r, 2) == 0)
            n &= ~(size_t)7;
        for (size_t at = 8; at < sizeof p; at += 8) {
            static const uint8_t likely[] = {1, 2, 3, 4, 5, 25, 99};
            if ((p[0] >= 135 && at < 24) || (p[0] == 137 && at < 40))
                continue;
            p[at] = likely[rng_below(&r, sizeof likely)];
            p[at + 1] = (uint8_t)rng_between(&r, rng_below(&r, 16) == 0 ? 0 : 1, 5);
        }
        if (parse(&m, p, n, &ip) == WEIR_DROP_NONE) {
            accepted++;
            assert_true(m.prefix_count <= ND_PREFIXES_MAX && m.rdnss_count <= ND_RDNSS_MAX);
            for (unsigned k = 0; k < m.prefix_count; k++)
                assert_true(m.prefix[k].len <= 128);
            if (m.redirected.len > 0)
                assert_true(m.redirected.data + m.redirected.len <= p + n);
        }
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router_advertisement_has_its_fields),
        cmocka_unit_test(test_neighbour_messages_have_their_fields),
        cmocka_unit_test(test_redirect_has_its_fields),
        cmocka_unit_test(test_every_truncation_is_dropped),
        cmocka_unit_test(test_each_type_has_its_least_length),
        cmocka_unit_test(test_addresses_follow_rfc_4861),
        cmocka_unit_test(test_options_out_of_place_and_unknown_ones_are_ignored),
        cmocka_unit_test(test_the_first_of_two_options_counts),
        cmocka_unit_test(test_lists_keep_what_fits_and_ignore_the_rest),
        cmocka_unit_test(test_options_are_limited_in_number),
        cmocka_unit_test(test_parse_gives_back_what_was_emitted),
        cmocka_unit_test(test_redirected_packet_is_cut_to_the_minimum_mtu),
        cmocka_unit_test(test_emit_refuses_what_is_no_message),
        cmocka_unit_test(test_damaged_messages_are_judged_within_their_bounds),
    };
    return cmocka_run_group_tests_name("nd", tests, NULL, NULL);
}
