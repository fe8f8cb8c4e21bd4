/* SPDX-License-Identifier: MIT
 * The rows of the attack catalogue about ARP, through a whole stack. */
#include "harness.h"

static struct arp message(uint16_t operation, unsigned sender, unsigned target)
{
    return (struct arp){.operation = operation,
                        .sender_mac = peer_mac(sender),
                        .sender = ip4_from_addr(peer4(ETHER, sender)),
                        .target = ip4_from_addr(peer4(ETHER, target))};
}

static unsigned send_arp(struct attack *a, const struct arp *m)
{
    uint8_t frame[64];
    return attack_frame(a, ETHER, frame, put_arp(frame, eth_broadcast(), m));
}

/* The entry of a neighbour, or NULL. */
static const struct neighbour *entry(const struct attack *a, unsigned host)
{
    struct neighbour_key key = {.addr = peer4(ETHER, host), .ifindex = ETHER};
    return neighbour_find(&a->stack->net.neighbours, &key);
}

/* A peer that we have sent something to, and that has answered: REACHABLE. */
static void make_reachable(struct attack *a, unsigned host)
{
    uint8_t p[128];
    assert_int_equal(attack_ip(a, p, put_echo(p, peer4(ETHER, host), own4(ETHER), 8)),
                     WEIR_DROP_NONE);
    assert_int_equal(a->out_count, 1); /* the question */
    struct arp reply = message(ARP_REPLY, host, 1);
    reply.target_mac = own_mac();
    assert_int_equal(send_arp(a, &reply), WEIR_DROP_NONE);
    assert_int_equal(a->out_count, 1); /* the echo reply that waited */
    assert_int_equal(entry(a, host)->state, NEIGHBOUR_REACHABLE);
}

static void ATK_ARP_01_malformed_messages_get_no_answer(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t frame[64];
    struct arp request = message(ARP_REQUEST, 9, 1);
    size_t len = put_arp(frame, own_mac(), &request);
    for (size_t n = 14; n < 14 + 28; n++)
        assert_frame_dropped(a, WEIR_DROP_ARP_SHORT, frame, n);
    static const struct {
        uint8_t at, value;
    } bad[] = {{15, 0}, {15, 6}, {16, 0x86}, {18, 0}, {18, 255}, {19, 0}, {19, 16}};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t good = frame[bad[i].at];
        frame[bad[i].at] = bad[i].value;
        assert_frame_dropped(a, WEIR_DROP_ARP_FORMAT, frame, len);
        frame[bad[i].at] = good;
    }
    static const uint16_t operation[] = {0, 3, 4, 9, 65535};
    for (unsigned i = 0; i < sizeof operation / sizeof operation[0]; i++) {
        store16(frame + 20, operation[i]);
        assert_frame_dropped(a, WEIR_DROP_ARP_OPERATION, frame, len);
    }
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_ARP_02_what_nobody_asked_for_makes_no_entry(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    struct arp reply = message(ARP_REPLY, 9, 1), gratuitous = message(ARP_REQUEST, 9, 9);
    assert_int_equal(send_arp(a, &reply), WEIR_DROP_ARP_UNSOLICITED);
    assert_int_equal(a->out_count, 0);
    assert_int_equal(send_arp(a, &gratuitous), WEIR_DROP_ARP_NOT_FOR_US);
    assert_int_equal(a->out_count, 0);
    gratuitous.operation = ARP_REPLY;
    assert_int_equal(send_arp(a, &gratuitous), WEIR_DROP_ARP_NOT_FOR_US);
    assert_null(entry(a, 9));
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_ARP_03_a_live_entry_keeps_its_station_which_is_asked_first(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    make_reachable(a, 9);
    attack_pass(a, 2 * S); /* past the lock time */
    struct arp claim = message(ARP_REPLY, 9, 1);
    claim.sender_mac = peer_mac(66);
    assert_int_equal(send_arp(a, &claim), WEIR_DROP_ARP_CONFLICT);
    assert_true(eth_addr_eq(entry(a, 9)->mac, peer_mac(9)));
    /* The question goes to the station that we know, now or when its time has come. */
    if (a->out_count == 0)
        attack_pass(a, 1 * S);
    assert_int_equal(a->out_count, 1);
    assert_memory_equal(a->out[0].bytes, peer_mac(9).b, 6);
    assert_int_equal(load16(a->out[0].bytes + 12), ETH_TYPE_ARP);
    struct arp answer = message(ARP_REPLY, 9, 1);
    assert_int_equal(send_arp(a, &answer), WEIR_DROP_NONE);
    for (unsigned i = 0; i < 100; i++) { /* a storm does not change it either */
        attack_pass(a, 10 * MS);
        assert_int_equal(send_arp(a, &claim), WEIR_DROP_ARP_CONFLICT);
    }
    attack_ip(a, p, put_echo(p, peer4(ETHER, 9), own4(ETHER), 8));
    assert_int_equal(a->out_count, 1);
    assert_memory_equal(a->out[0].bytes, peer_mac(9).b, 6);
    attack_end(a);
}

static void ATK_ARP_03_a_static_entry_is_never_changed(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    struct arp claim = message(ARP_REPLY, 2, 1);
    claim.sender_mac = peer_mac(66);
    for (unsigned i = 0; i < 100; i++, attack_pass(a, 100 * MS)) {
        claim.operation = i % 2 == 0 ? ARP_REPLY : ARP_REQUEST;
        claim.target = ip4_from_addr(i % 4 < 2 ? peer4(ETHER, 3) : peer4(ETHER, 2));
        assert_int_equal(send_arp(a, &claim), WEIR_DROP_ARP_CONFLICT);
        assert_int_equal(a->out_count, 0);
        assert_true(eth_addr_eq(entry(a, 2)->mac, peer_mac(2)));
    }
    assert_answered(a, p, put_echo(p, peer4(ETHER, 2), own4(ETHER), 8));
    assert_memory_equal(a->out[0].bytes, peer_mac(2).b, 6);
    attack_end(a);
}

/* 60,000 senders in six seconds, on a table of 64. */
static void ATK_ARP_04_a_flood_of_requests_is_capped_and_its_answers_limited(void **state)
{
    (void)state;
    struct weir_config config = attack_config();
    config.neighbours_max = 64;
    config.neighbours_incomplete_max = 16;
    struct attack *a = attack_begin(&config, 0xa5);
    uint8_t p[128];
    make_reachable(a, 9);
    uint64_t before = a->out_total;
    for (unsigned i = 0; i < 60000; i++) {
        struct arp m = message(ARP_REQUEST, 1000 + i % 60000, 1);
        assert_int_equal(send_arp(a, &m), WEIR_DROP_NONE);
        a->now += 100 * WEIR_NS_PER_US;
        assert_true(a->stack->net.neighbours.pool.in_use <= 64);
    }
    uint64_t most = ARP_REPLIES_BURST + (uint64_t)ARP_REPLIES_PER_S_MAX * 6 + 6;
    assert_in_range(a->out_total - before, 1, most);
    assert_true(neighbours_invariants(&a->stack->net.neighbours));
    assert_non_null(entry(a, 9)); /* the one in use is still there */
    assert_answered(a, p, put_echo(p, peer4(ETHER, 9), own4(ETHER), 8));
    assert_memory_equal(a->out[0].bytes, peer_mac(9).b, 6);
    attack_end(a);
}

static void ATK_ARP_05_impossible_senders_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    const struct eth_addr bad[] = {
        eth_broadcast(), {{1, 0, 0x5e, 0, 0, 1}}, {{0x33, 0x33, 0, 0, 0, 1}}, {{0}}, own_mac()};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (uint16_t operation = ARP_REQUEST; operation <= ARP_REPLY; operation++) {
            struct arp m = message(operation, 9, 1);
            m.sender_mac = bad[i];
            assert_int_equal(send_arp(a, &m), WEIR_DROP_ARP_SENDER);
            assert_int_equal(a->out_count, 0);
        }
    attack_assert_idle(a);
    attack_end(a);
}

/* A thousand a second for 31 seconds of virtual time. */
static void ATK_ARP_06_a_storm_of_conflicts_gets_one_defence_in_ten_seconds(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    weir_time last = a->now - 100 * S;
    unsigned defences = 0;
    for (unsigned i = 0; i < 31000; i++) {
        struct arp m = message(i % 2 == 0 ? ARP_REQUEST : ARP_REPLY, 1, i % 3);
        m.sender_mac = peer_mac(66);
        assert_int_equal(send_arp(a, &m), WEIR_DROP_ARP_CONFLICT);
        if (a->out_count > 0) {
            assert_true(a->now - last >= 10 * S);
            last = a->now;
            defences++;
        }
        a->now += 1 * MS;
    }
    assert_int_equal(defences, 4); /* at 0, 10, 20 and 30 seconds */
    assert_answered(a, p, put_echo(p, peer4(ETHER, 2), own4(ETHER), 8)); /* the address is kept */
    attack_end(a);
}

/* Echo requests that claim to come from 65,000 hosts on the link, whom the stack then has to find.
 */
static void ATK_ARP_07_dead_next_hops_are_capped_and_asked_once_a_second(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static weir_time asked[65536];
    uint8_t p[128];
    for (unsigned i = 0; i < 65536; i++)
        asked[i] = INT64_MIN / 2;
    uint64_t blocks_max = 0;
    for (unsigned i = 0; i < 65000; i++) {
        unsigned host = 300 + i;
        attack_ip(a, p, put_echo(p, peer4(ETHER, host), own4(ETHER), 8));
        if (i % 16 == 0) /* 16,000 packets a second */
            attack_pass(a, 1 * MS);
        for (unsigned k = 0; k < a->out_count; k++) {
            struct arp question;
            assert_int_equal(load16(a->out[k].bytes + 12), ETH_TYPE_ARP);
            assert_int_equal(arp_parse(&question, a->out[k].bytes + 14, 28), WEIR_DROP_NONE);
            unsigned target = load16(question.target.b + 2);
            assert_true(a->now - asked[target] >= 1 * S);
            asked[target] = a->now;
        }
        assert_true(a->stack->net.neighbours.incomplete <= a->config.neighbours_incomplete_max);
        assert_true(a->stack->net.replies.in_use <= a->config.replies_max);
        if (a->stack->blocks.bytes_in_use > blocks_max)
            blocks_max = a->stack->blocks.bytes_in_use;
    }
    assert_true(blocks_max <= (uint64_t)a->config.replies_max * 4096);
    attack_assert_serving(a);
    attack_end(a);
}

static void ATK_ARP_07_packets_for_one_dead_host_are_capped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    uint64_t before = a->out_total;
    for (unsigned i = 0; i < 10000; i++) {
        attack_ip(a, p, put_echo(p, peer4(ETHER, 9), own4(ETHER), 8));
        /* One that gave way is let go of with the next packet. */
        assert_true(a->stack->net.replies.in_use <= a->config.neighbour_queue_packets_max + 1);
        attack_pass(a, 1 * MS);
    }
    assert_in_range(a->out_total - before, 1, 10); /* ten seconds */
    attack_end(a);
}

static void ATK_ARP_08_an_unsolicited_rarp_reply_is_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t frame[64];
    for (uint16_t operation = 1; operation <= 4; operation++) {
        struct arp m = message(ARP_REPLY, 9, 77);
        m.target_mac = own_mac();
        size_t len = put_arp(frame, own_mac(), &m);
        store16(frame + 20, operation);
        store16(frame + 12, 0x8035);
        assert_frame_dropped(a, WEIR_DROP_ETH_TYPE, frame, len);
        store16(frame + 12, ETH_TYPE_ARP); /* and not by the operation of RARP either */
        if (operation >= 3)
            assert_frame_dropped(a, WEIR_DROP_ARP_OPERATION, frame, len);
    }
    attack_assert_idle(a);
    attack_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_ARP_01_malformed_messages_get_no_answer),
        cmocka_unit_test(ATK_ARP_02_what_nobody_asked_for_makes_no_entry),
        cmocka_unit_test(ATK_ARP_03_a_live_entry_keeps_its_station_which_is_asked_first),
        cmocka_unit_test(ATK_ARP_03_a_static_entry_is_never_changed),
        cmocka_unit_test(ATK_ARP_04_a_flood_of_requests_is_capped_and_its_answers_limited),
        cmocka_unit_test(ATK_ARP_05_impossible_senders_are_dropped),
        cmocka_unit_test(ATK_ARP_06_a_storm_of_conflicts_gets_one_defence_in_ten_seconds),
        cmocka_unit_test(ATK_ARP_07_dead_next_hops_are_capped_and_asked_once_a_second),
        cmocka_unit_test(ATK_ARP_07_packets_for_one_dead_host_are_capped),
        cmocka_unit_test(ATK_ARP_08_an_unsolicited_rarp_reply_is_dropped),
    };
    return cmocka_run_group_tests_name("attack_arp", tests, NULL, NULL);
}
