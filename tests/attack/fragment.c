/* SPDX-License-Identifier: MIT
 * The rows of the attack catalogue about fragments, through a whole stack. */
#include "harness.h"

enum { FAMILIES = 2, BODY = 104 /* bytes of a whole echo message */ };

/* An echo request of peer `host` in a packet that was never cut. */
static size_t put_whole(uint8_t *p, const struct attack *a, unsigned family, unsigned host)
{
    return family == 0 ? put_echo(p, peer4(a->ifindex, host), own4(a->ifindex), BODY - 8)
                       : put_echo(p, peer6(a->ifindex, host), own6(a->ifindex), BODY - 8);
}

/* One fragment of what put_whole() makes. */
static unsigned send(struct attack *a, unsigned family, struct cut cut)
{
    uint8_t p[256], f[256];
    put_whole(p, a, family, 2);
    return attack_ip(a, f, put_fragment(f, p, &cut));
}

static unsigned no_good(unsigned family)
{
    return family == 0 ? WEIR_DROP_IP4_FRAGMENT : WEIR_DROP_IP6_FRAGMENT;
}

/* A pair of fragments of a host that means no harm: is it answered? */
static bool legitimate(struct attack *a, unsigned family, unsigned host, uint32_t id)
{
    uint8_t p[256], f[256];
    put_whole(p, a, family, host);
    attack_ip(a, f, put_fragment(f, p, &(struct cut){.id = id, .to = 48, .more = true}));
    attack_ip(a, f, put_fragment(f, p, &(struct cut){.id = id, .from = 48, .to = BODY}));
    return a->out_count == 1 && out_icmp(a, 0).icmp.kind == ICMP_ECHO_REPLY;
}

static struct attack *begin(void)
{
    struct attack *a = attack_begin(NULL, 0xa5);
    a->ifindex = TUN;
    return a;
}

static void ATK_FRG_01_teardrop_leaves_nothing(void **state)
{
    (void)state;
    struct attack *a = begin();
    assert_int_equal(send(a, 0, (struct cut){.id = 1, .to = 36, .more = true}), no_good(0));
    for (unsigned family = 0; family < FAMILIES; family++) {
        /* The same, aligned: then the second lies inside the first. */
        assert_int_equal(send(a, family, (struct cut){.id = 2, .to = 40, .more = true}), 0);
        assert_int_equal(send(a, family, (struct cut){.id = 2, .from = 24, .to = 28}),
                         WEIR_DROP_REASSEMBLY_OVERLAP);
        assert_int_equal(send(a, family, (struct cut){.id = 2, .from = 40, .to = BODY}),
                         no_good(family));
        assert_int_equal(a->out_count, 0);
    }
    attack_end(a);
}

static void ATK_FRG_02_12_no_fragment_ends_behind_the_longest_datagram(void **state)
{
    (void)state;
    struct attack *a = begin();
    static uint8_t p[70000], f[2048];
    memset(p, 0, sizeof p);
    for (unsigned family = 0; family < FAMILIES; family++) {
        put_whole(p, a, family, 2);
        const struct cut cut[] = {{.id = 1, .from = 65528, .to = 65628},
                                  {.id = 2, .from = 65528, .to = 65536},
                                  {.id = 3, .from = 65528, .to = 65536, .more = true},
                                  {.id = 4, .from = 65000, .to = 66000, .more = true},
                                  {.id = 5, .from = 64536, .to = 65536, .more = true}};
        for (unsigned i = 0; i < sizeof cut / sizeof cut[0]; i++) {
            unsigned drop = attack_ip(a, f, put_fragment(f, p, &cut[i]));
            assert_int_equal(drop, no_good(family));
            assert_true(family == 1 || a->out_count == 0); /* RFC 8200 4.5 tells the source */
            assert_int_equal(a->stack->net.reassemblies.in_use, 0);
        }
    }
    attack_end(a);
}

static void ATK_FRG_03_an_overlap_discards_all_in_either_order(void **state)
{
    (void)state;
    struct attack *a = begin();
    static const uint16_t second[][2] = {{32, 56}, {24, 56}, {0, 40}, {8, 16}, {0, 56}, {32, 40}};
    uint32_t id = 1;
    for (unsigned family = 0; family < FAMILIES; family++)
        for (unsigned i = 0; i < sizeof second / sizeof second[0]; i++)
            for (unsigned order = 0; order < 2; order++, id++) {
                uint8_t p[256], f[256];
                struct cut cut[2] = {
                    {.id = id, .to = 40, .more = true},
                    {.id = id, .from = second[i][0], .to = second[i][1], .more = true}};
                put_whole(p, a, family, 2);
                assert_int_equal(attack_ip(a, f, put_fragment(f, p, &cut[order])), 0);
                size_t n = put_fragment(f, p, &cut[!order]);
                f[n - 1] ^= 0xff; /* differing data, so no duplicate */
                assert_dropped(a, WEIR_DROP_REASSEMBLY_OVERLAP, f, n);
                assert_int_equal(send(a, family, (struct cut){.id = id, .from = 56, .to = BODY}),
                                 no_good(family));
                assert_int_equal(send(a, family, cut[0]), no_good(family));
                assert_int_equal(a->out_count, 0);
            }
    assert_int_equal(a->stack->blocks.bytes_in_use, a->baseline.block_bytes);
    attack_end(a);
}

static void ATK_FRG_04_duplicates_do_not_hinder(void **state)
{
    (void)state;
    struct attack *a = begin();
    for (unsigned family = 0; family < FAMILIES; family++) {
        for (uint32_t from = 0; from < 96; from += 24) {
            struct cut cut = {.id = 9, .from = from, .to = from + 24, .more = true};
            assert_int_equal(send(a, family, cut), WEIR_DROP_NONE);
            assert_int_equal(send(a, family, cut), WEIR_DROP_REASSEMBLY_DUPLICATE);
            assert_int_equal(a->out_count, 0);
        }
        assert_int_equal(send(a, family, (struct cut){.id = 9, .from = 96, .to = BODY}), 0);
        assert_int_equal(a->out_count, 1);
        assert_int_equal(out_icmp(a, 0).data.len, BODY - 8);
    }
    attack_end(a);
}

static void ATK_FRG_05_tiny_first_fragments_of_tcp_are_dropped(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[256] = {0}, f[256];
    for (unsigned family = 0; family < FAMILIES; family++) {
        if (family == 0)
            put_tcp(p, peer4(TUN, 2), own4(TUN), TCP_SYN);
        else
            put_tcp(p, peer6(TUN, 2), own6(TUN), TCP_SYN);
        struct cut cut[] = {{.id = 1, .to = 8, .more = true},
                            {.id = 2, .to = 16, .more = true},
                            {.id = 3, .from = 8, .to = 20}, /* offset 1: would write the flags */
                            {.id = 4, .from = 16, .to = 24, .more = true}};
        for (unsigned i = 0; i < sizeof cut / sizeof cut[0]; i++) {
            size_t n = put_fragment(f, p, &cut[i]);
            assert_int_equal(attack_ip(a, f, n), no_good(family));
            assert_true(a->out_count == 0 || family == 1);
            if (a->out_count == 1) /* RFC 7112 */
                assert_int_equal(out_icmp(a, 0).icmp.code, 3);
        }
        assert_int_equal(a->stack->net.reassemblies.live, 0);
    }
    attack_end(a);
}

/* ---- floods, in virtual time ---- */

enum { FLOOD = 20000, LEGITIMATE_EVERY = 20 };

/* A flood at 100,000 packets a second, with pairs of a legitimate host in between, its second half
 * a hundred packets later. Answers how many of a hundred were answered. */
struct flood {
    size_t (*put)(uint8_t *f, const uint8_t *whole, struct rng *rng, unsigned i);
    unsigned family;
};

static unsigned run_flood(struct attack *a, const struct flood *flood)
{
    uint8_t p[256], f[2048], whole[256], body[2048] = {0};
    struct rng rng = rng_make(flood->family + 1);
    unsigned sent = 0, answered = 0;
    size_t len = put_whole(whole, a, flood->family, 77);
    memcpy(body, whole, len);
    for (unsigned i = 0; i < FLOOD; i++) {
        a->now += 10 * WEIR_NS_PER_US;
        attack_ip(a, f, flood->put(f, body, &rng, i));
        assert_true(a->stack->net.reassemblies.in_use <= a->config.reassemblies_max);
        assert_true(a->stack->blocks.bytes_in_use <=
                    (uint64_t)a->config.packet_memory_kb * 1024 / 4);
        struct cut half = {.id = i / LEGITIMATE_EVERY, .to = 48, .more = true};
        put_whole(p, a, flood->family, 2);
        if (i % LEGITIMATE_EVERY == 0)
            attack_ip(a, f, put_fragment(f, p, &half));
        if (i % LEGITIMATE_EVERY == LEGITIMATE_EVERY / 2) {
            half = (struct cut){.id = half.id, .from = 48, .to = BODY};
            attack_ip(a, f, put_fragment(f, p, &half));
            sent++;
            answered += a->out_count == 1;
        }
    }
    assert_true(reassemblies_invariants(&a->stack->net.reassemblies));
    return answered * 100 / sent;
}

static size_t put_random(uint8_t *f, const uint8_t *whole, struct rng *rng, unsigned i)
{
    struct cut cut = {.id = i, .more = true};
    uint32_t offset = 8 + (uint32_t)rng_below(rng, 8000) * 8;
    uint8_t last = (uint8_t)rng_below(rng, 200);
    size_t n;
    cut.to = 8;
    n = put_fragment(f, whole, &cut);
    if (whole[0] >> 4 == 4) {
        f[15] = last; /* of the source */
        store16(f + 6, (uint16_t)(IP4_FLAG_MORE_FRAGMENTS | offset / 8));
        sum_ip4(f);
    } else {
        f[11] = last; /* in another /64 */
        store16(f + 42, (uint16_t)(offset | 1));
    }
    return n;
}

static void ATK_FRG_06_a_flood_of_random_fragments_leaves_room_for_others(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct attack *a = begin();
        assert_true(run_flood(a, &(struct flood){put_random, family}) >= 90);
        attack_end(a);
    }
}

/* First and last fragments of datagrams whose middle never comes. */
static size_t put_rose(uint8_t *f, const uint8_t *whole, struct rng *rng, unsigned i)
{
    (void)rng;
    struct cut cut = {.id = i / 2, .to = 16, .more = true};
    if (i % 2 == 1)
        cut = (struct cut){.id = i / 2, .from = 88, .to = BODY};
    return put_fragment(f, whole, &cut);
}

static void ATK_FRG_07_roses_leave_room_for_others_and_are_reclaimed(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct attack *a = begin();
        assert_true(run_flood(a, &(struct flood){put_rose, family}) >= 90);
        assert_true(a->stack->net.reassemblies.in_use > 0);
        attack_pass(a, 61 * S);
        attack_assert_idle(a);
        attack_end(a);
    }
}

static void ATK_FRG_08_identical_fragments_cost_one_entry(void **state)
{
    (void)state;
    struct attack *a = begin();
    for (unsigned family = 0; family < FAMILIES; family++) {
        uint8_t p[256], f[256];
        put_whole(p, a, family, 2);
        size_t n = put_fragment(f, p, &(struct cut){.id = 5, .to = 8, .more = true});
        uint32_t before = a->stack->net.reassemblies.in_use;
        if (family == 0) {
            store16(f + 6, 65520 / 8); /* with its header longer than a datagram can be */
            sum_ip4(f);
            assert_dropped(a, WEIR_DROP_IP4_FRAGMENT, f, n);
            assert_int_equal(a->stack->net.reassemblies.in_use, before);
            store16(f + 6, 65504 / 8);
            sum_ip4(f);
        } else {
            store16(f + 42, 65520);
        }
        for (unsigned i = 0; i < 50000; i++, a->now += 10 * WEIR_NS_PER_US)
            assert_dropped(a, i == 0 ? WEIR_DROP_NONE : WEIR_DROP_REASSEMBLY_DUPLICATE, f, n);
        assert_int_equal(a->stack->net.reassemblies.in_use, before + 1);
    }
    attack_end(a);
}

/* ---- one by one ---- */

static void ATK_FRG_09_unaligned_fragments_are_dropped_and_ip6_tells(void **state)
{
    (void)state;
    struct attack *a = begin();
    for (uint32_t extra = 1; extra < 8; extra++) {
        assert_int_equal(
            send(a, 0, (struct cut){.id = 1, .from = 16, .to = 32 + extra, .more = true}),
            WEIR_DROP_IP4_FRAGMENT);
        assert_int_equal(a->out_count, 0);
        /* Over IPv6 a whole first fragment is wanted, for the answer to be allowed. */
        assert_int_equal(send(a, 1, (struct cut){.id = 1, .to = 32 + extra, .more = true}),
                         WEIR_DROP_IP6_FRAGMENT);
        assert_int_equal(a->out_count, 1);
        struct out_icmp told = out_icmp(a, 0);
        assert_int_equal(told.icmp.type, ICMP6_PARAMETER_PROBLEM);
        assert_int_equal(told.icmp.code, 0);
        assert_int_equal(told.icmp.pointer, 4); /* the payload length */
    }
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_FRG_10_empty_fragments_are_dropped(void **state)
{
    (void)state;
    struct attack *a = begin();
    for (unsigned family = 0; family < FAMILIES; family++)
        for (uint32_t from = 0; from <= 96; from += 24) {
            unsigned drop =
                send(a, family, (struct cut){.id = 1, .from = from, .to = from, .more = true});
            assert_int_not_equal(drop, WEIR_DROP_NONE);
            assert_int_equal(drop, no_good(family));
        }
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_FRG_11_two_ends_discard_the_datagram(void **state)
{
    (void)state;
    struct attack *a = begin();
    for (unsigned family = 0; family < FAMILIES; family++) {
        assert_int_equal(send(a, family, (struct cut){.id = 1, .from = 48, .to = 64}), 0);
        assert_int_equal(send(a, family, (struct cut){.id = 1, .from = 80, .to = BODY}),
                         no_good(family));
        assert_int_equal(send(a, family, (struct cut){.id = 1, .to = 48, .more = true}),
                         no_good(family));
        assert_int_equal(a->out_count, 0);
    }
    attack_end(a);
}

static void ATK_FRG_13_fragments_of_different_datagrams_are_not_joined(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[256], f[256];
    const struct cut first = {.id = 1, .to = 48, .more = true},
                     last = {.id = 1, .from = 48, .to = BODY};
    for (unsigned family = 0; family < FAMILIES; family++) {
        assert_int_equal(send(a, family, first), WEIR_DROP_NONE);
        put_whole(p, a, family, 3); /* another source */
        assert_int_equal(attack_ip(a, f, put_fragment(f, p, &last)), WEIR_DROP_NONE);
        assert_int_equal(a->out_count, 0);
    }
    put_whole(p, a, 0, 2); /* another protocol */
    size_t n = put_fragment(f, p, &last);
    f[9] = IP_PROTOCOL_UDP;
    sum_ip4(f);
    assert_dropped(a, WEIR_DROP_NONE, f, n);
    /* Ends of different datagrams of one name: only the checksum can tell. */
    assert_int_equal(send(a, 0, (struct cut){.id = 2, .to = 48, .more = true}), WEIR_DROP_NONE);
    put_whole(p, a, 0, 2);
    n = put_fragment(f, p, &(struct cut){.id = 2, .from = 48, .to = BODY});
    f[n - 1] ^= 1;
    assert_dropped(a, WEIR_DROP_ICMP_CHECKSUM, f, n);
    attack_end(a);
}

static void ATK_FRG_13_an_identification_is_free_again_after_the_life(void **state)
{
    (void)state;
    static const weir_time life[FAMILIES] = {30 * S, 60 * S};
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct attack *a = begin();
        const struct cut first = {.id = 1, .to = 48, .more = true},
                         last = {.id = 1, .from = 48, .to = BODY};
        send(a, family, first);
        attack_pass(a, life[family] - 1 * S);
        assert_int_equal(send(a, family, last), WEIR_DROP_NONE);
        assert_int_equal(a->out_count, 1); /* within the life they are one */
        send(a, family, (struct cut){.id = 2, .to = 48, .more = true});
        attack_pass(a, life[family] + 1 * S);
        assert_int_equal(send(a, family, (struct cut){.id = 2, .from = 48, .to = BODY}), 0);
        assert_int_equal(a->out_count, 0); /* behind it they are not */
        attack_end(a);
    }
}

static void ATK_FRG_14_a_full_table_lets_legitimate_pairs_through(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct attack *a = begin();
        uint8_t p[256], f[256];
        unsigned answered = 0;
        for (uint32_t i = 0; i < 4 * a->config.reassemblies_max; i++) { /* the pool is full */
            put_whole(p, a, family, 3 + i);
            attack_ip(a, f, put_fragment(f, p, &(struct cut){.id = i, .to = 24, .more = true}));
        }
        assert_int_equal(a->stack->net.reassemblies.in_use, a->config.reassemblies_max);
        for (uint32_t i = 0; i < 100; i++)
            answered += legitimate(a, family, 2, i);
        assert_true(answered >= 90);
        attack_end(a);
    }
}

static void ATK_FRG_15_an_atomic_fragment_is_processed_alone(void **state)
{
    (void)state;
    struct attack *a = begin();
    assert_int_equal(send(a, 1, (struct cut){.id = 7, .to = 48, .more = true}), WEIR_DROP_NONE);
    assert_int_equal(send(a, 1, (struct cut){.id = 7, .to = BODY}), WEIR_DROP_NONE);
    assert_int_equal(a->out_count, 1);
    assert_int_equal(out_icmp(a, 0).data.len, BODY - 8);
    assert_int_equal(a->stack->net.reassemblies.in_use, 1); /* untouched: */
    assert_int_equal(send(a, 1, (struct cut){.id = 7, .from = 48, .to = BODY}), WEIR_DROP_NONE);
    assert_int_equal(a->out_count, 1);
    attack_end(a);
}

/* Destination options of `len` bytes before an echo request. */
static size_t put_options_echo(uint8_t *p, const struct attack *a, size_t len)
{
    uint8_t body[600] = {IP_PROTOCOL_ICMP6, (uint8_t)(len / 8 - 1), IP6_OPTION_PADN,
                         (uint8_t)(len - 4)};
    size_t n = put_echo(p, peer6(a->ifindex, 2), own6(a->ifindex), 40) - 40;
    memcpy(body + len, p + 40, n);
    return put_ip6(p, peer6(a->ifindex, 2), own6(a->ifindex), IP6_NEXT_DESTINATION, body, len + n);
}

static void ATK_FRG_16_a_chain_that_is_split_is_told_with_code_3(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[700], f[700];
    put_options_echo(p, a, 64);
    for (uint32_t to = 8; to <= 64; to += 8) { /* inside the chain, and at its very end */
        size_t n = put_fragment(f, p, &(struct cut){.id = to, .to = to, .more = true});
        if (to < 64)
            assert_told(a, WEIR_DROP_IP6_FRAGMENT, ICMP6_PARAMETER_PROBLEM, 3, f, n);
        else /* it might be an ICMP error that lacks its type, which is never answered */
            assert_dropped(a, WEIR_DROP_IP6_FRAGMENT, f, n);
        attack_assert_idle(a);
    }
    attack_end(a);
}

static void ATK_FRG_17_nested_fragments_end_at_the_first_level(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[256], inner[256], f[512];
    put_whole(p, a, 1, 2);
    size_t n = put_fragment(inner, p, &(struct cut){.id = 2, .to = 48, .more = true});
    for (unsigned atomic = 0; atomic < 2;
         atomic++) { /* a fragment within a fragment, or in a first one */
        struct cut cut = {.id = 1, .to = (uint32_t)(n - 40), .more = atomic == 0};
        size_t len = put_fragment(f, inner, &cut);
        assert_int_not_equal(attack_ip(a, f, len), WEIR_DROP_NONE);
        assert_int_equal(a->stack->net.reassemblies.in_use, 0);
    }
    /* 64 KB of destination options, in fragments. */
    static uint8_t big[70000];
    memset(big, 0, sizeof big);
    put_whole(big, a, 1, 2);
    big[6] = IP6_NEXT_DESTINATION;
    for (size_t at = 40; at + 2048 < sizeof big; at += 2048) {
        big[at] = IP6_NEXT_DESTINATION;
        big[at + 1] = 255;
    }
    for (uint32_t from = 0; from + 1024 <= 65535; from += 1024) {
        struct cut cut = {.id = 3, .from = from, .to = from + 1024, .more = true};
        uint8_t piece[1200];
        size_t len = put_fragment(piece, big, &cut);
        unsigned drop = attack_ip(a, piece, len);
        assert_true(from != 0 || drop != WEIR_DROP_NONE); /* the chain is not whole in the first */
        assert_true(from == 0 || a->out_count == 0);
    }
    attack_assert_serving(a);
    attack_end(a);
}

static void ATK_FRG_18_a_fragment_of_a_jumbogram_is_told(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[256], f[512];
    put_whole(p, a, 1, 2);
    size_t n = put_fragment(f, p, &(struct cut){.id = 1, .to = 48, .more = true});
    uint8_t body[512] = {IP6_NEXT_FRAGMENT, 0, IP6_OPTION_JUMBO, 4, 0, 1, 0, 0};
    memcpy(body + 8, f + 40, n - 40);
    size_t len = put_ip6(p, peer6(TUN, 2), own6(TUN), IP6_NEXT_HOP_BY_HOP, body, n - 40 + 8);
    assert_told(a, WEIR_DROP_IP6_JUMBO, ICMP6_PARAMETER_PROBLEM, 0, p, len);
    attack_assert_idle(a);
    attack_end(a);
}

/* A UDP datagram in two: with the first half, time exceeded comes at the end of its life. */
static void ATK_FRG_19_a_timeout_is_told_only_with_the_first_fragment(void **state)
{
    (void)state;
    uint8_t p[256], f[256];
    for (unsigned family = 0; family < FAMILIES; family++)
        for (unsigned with_first = 0; with_first < 2; with_first++) {
            struct attack *a = begin();
            if (family == 0)
                put_udp(p, peer4(TUN, 2), own4(TUN), 96);
            else
                put_udp(p, peer6(TUN, 2), own6(TUN), 96);
            struct cut cut = {.id = 1, .to = 48, .more = true};
            if (with_first == 0)
                cut = (struct cut){.id = 1, .from = 48, .to = 104};
            size_t n = put_fragment(f, p, &cut);
            assert_dropped(a, WEIR_DROP_NONE, f, n);
            attack_pass(a, 61 * S);
            assert_int_equal(a->out_count, with_first);
            if (with_first == 1) {
                struct out_icmp told = out_icmp(a, 0);
                assert_int_equal(told.icmp.kind, ICMP_TIME_EXCEEDED);
                assert_int_equal(told.icmp.code, ICMP_REASSEMBLY_EXCEEDED);
                assert_int_equal(told.data.len, n);
                assert_memory_equal(told.data.data, f, n);
            }
            attack_end(a);
        }
}

static void ATK_FRG_19_timeouts_of_pings_are_told_too_and_never_of_errors(void **state)
{
    (void)state;
    for (unsigned family = 0; family < FAMILIES; family++) {
        struct attack *a = begin();
        uint8_t p[256], q[256], f[256];
        assert_int_equal(send(a, family, (struct cut){.id = 1, .to = 48, .more = true}), 0);
        attack_pass(a, 61 * S);
        assert_int_equal(a->out_count, 1);
        assert_int_equal(out_icmp(a, 0).icmp.kind, ICMP_TIME_EXCEEDED);
        put_whole(q, a, family, 2);
        put_error(p, a, family == 0 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, 1, 0, q, 100);
        size_t n = put_fragment(f, p, &(struct cut){.id = 2, .to = 80, .more = true});
        assert_dropped(a, WEIR_DROP_NONE, f, n);
        attack_pass(a, 61 * S);
        assert_int_equal(a->out_count, 0);
        attack_end(a);
    }
}

static void ATK_FRG_19_timeouts_are_told_at_the_limited_rate(void **state)
{
    (void)state;
    struct weir_config config = attack_config();
    config.reassemblies_max = 512;
    config.packet_memory_kb = 256 * 1024;
    config.icmp_errors_per_s_max = 20;
    struct attack *a = attack_begin(&config, 0xa5);
    uint8_t p[256], f[256];
    a->ifindex = TUN;
    for (uint32_t i = 0; i < 500; i++) {
        put_udp(p, peer4(TUN, 3 + i), own4(TUN), 96);
        attack_ip(a, f, put_fragment(f, p, &(struct cut){.id = i, .to = 48, .more = true}));
    }
    uint64_t before = a->out_total;
    attack_pass(a, 40 * S);
    assert_in_range(a->out_total - before, 1, 20);
    attack_end(a);
}

static void ATK_FRG_20_memory_missing_at_any_fragment_does_no_harm(void **state)
{
    (void)state;
    struct weir_config config = attack_config();
    config.packet_memory_kb = 1024;
    config.packet_memory_reserve_kb = 64;
    enum { N = 5, LEN = BODY / N / 8 * 8 };
    for (unsigned family = 0; family < FAMILIES; family++)
        for (unsigned k = 0; k < N; k++) {
            struct attack *a = attack_begin(&config, 0xa5);
            struct blocks *blocks = &a->stack->blocks;
            uint32_t taken[64], count = 0;
            a->ifindex = TUN;
            for (uint32_t i = 0; i < N; i++) {
                bool last = i == N - 1;
                struct cut cut = {
                    .id = 1, .from = i * LEN, .to = last ? BODY : (i + 1) * LEN, .more = !last};
                while (i == k && count < 64 &&
                       (taken[count] = blocks_take(blocks, BLOCKS_64K, BLOCKS_URGENT)) !=
                           BLOCKS_NONE)
                    count++;
                unsigned drop = send(a, family, cut);
                assert_int_equal(drop,
                                 i == 0 && k == 0 ? WEIR_DROP_REASSEMBLY_MEMORY : WEIR_DROP_NONE);
                /* The reply is small: it needs none. */
                assert_int_equal(a->out_count, last && k != 0);
                while (i == k && count > 0)
                    blocks_give(blocks, taken[--count]);
            }
            assert_true(blocks_invariants(blocks));
            assert_true(legitimate(a, family, 2, 99));
            attack_end(a);
        }
}

/* What is told of a datagram that came in fragments quotes its transport too (RFC 1122 3.2.2). */
static void test_errors_about_reassembled_datagrams_quote_their_ports(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[256], f[256];
    for (unsigned family = 0; family < FAMILIES; family++) {
        size_t header = family == 0 ? 20 : 48;
        size_t len = family == 0 ? put_udp(p, peer4(TUN, 2), own4(TUN), 96)
                                 : put_udp(p, peer6(TUN, 2), own6(TUN), 96);
        attack_ip(a, f, put_fragment(f, p, &(struct cut){.id = 1, .to = 48, .more = true}));
        size_t n = put_fragment(f, p, &(struct cut){.id = 1, .from = 48, .to = 104});
        assert_told(a, WEIR_DROP_UDP_PORT, family == 0 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE,
                    family == 0 ? ICMP4_PORT_UNREACHABLE : ICMP6_PORT_UNREACHABLE, f, n);
        struct out_icmp told = out_icmp(a, 0);
        assert_true(told.data.len >= header + 8);
        assert_memory_equal(told.data.data + header, p + len - 104, 8);
    }
    attack_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_FRG_01_teardrop_leaves_nothing),
        cmocka_unit_test(ATK_FRG_02_12_no_fragment_ends_behind_the_longest_datagram),
        cmocka_unit_test(ATK_FRG_03_an_overlap_discards_all_in_either_order),
        cmocka_unit_test(ATK_FRG_04_duplicates_do_not_hinder),
        cmocka_unit_test(ATK_FRG_05_tiny_first_fragments_of_tcp_are_dropped),
        cmocka_unit_test(ATK_FRG_06_a_flood_of_random_fragments_leaves_room_for_others),
        cmocka_unit_test(ATK_FRG_07_roses_leave_room_for_others_and_are_reclaimed),
        cmocka_unit_test(ATK_FRG_08_identical_fragments_cost_one_entry),
        cmocka_unit_test(ATK_FRG_09_unaligned_fragments_are_dropped_and_ip6_tells),
        cmocka_unit_test(ATK_FRG_10_empty_fragments_are_dropped),
        cmocka_unit_test(ATK_FRG_11_two_ends_discard_the_datagram),
        cmocka_unit_test(ATK_FRG_13_fragments_of_different_datagrams_are_not_joined),
        cmocka_unit_test(ATK_FRG_13_an_identification_is_free_again_after_the_life),
        cmocka_unit_test(ATK_FRG_14_a_full_table_lets_legitimate_pairs_through),
        cmocka_unit_test(ATK_FRG_15_an_atomic_fragment_is_processed_alone),
        cmocka_unit_test(ATK_FRG_16_a_chain_that_is_split_is_told_with_code_3),
        cmocka_unit_test(ATK_FRG_17_nested_fragments_end_at_the_first_level),
        cmocka_unit_test(ATK_FRG_18_a_fragment_of_a_jumbogram_is_told),
        cmocka_unit_test(ATK_FRG_19_a_timeout_is_told_only_with_the_first_fragment),
        cmocka_unit_test(ATK_FRG_19_timeouts_of_pings_are_told_too_and_never_of_errors),
        cmocka_unit_test(ATK_FRG_19_timeouts_are_told_at_the_limited_rate),
        cmocka_unit_test(ATK_FRG_20_memory_missing_at_any_fragment_does_no_harm),
        cmocka_unit_test(test_errors_about_reassembled_datagrams_quote_their_ports),
    };
    return cmocka_run_group_tests_name("attack_fragment", tests, NULL, NULL);
}
