/* SPDX-License-Identifier: MIT
 * Data that comes with a SYN (ATK-SYN-11): kept until the handshake is complete, or left to come
 * again. */
#include "listener.h"

static void test_ATK_SYN_11_data_with_a_SYN_is_kept_and_given_when_established(void **state)
{
    (void)state;
    static const uint16_t lens[] = {1, 2, 535, 1459, 1460};
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    for (uint16_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint32_t len = lens[i];
        struct seg syn = peer_seg((uint16_t)(i + 1), TCP_SYN, irs, 0);
        syn.data = pattern();
        syn.len = len;
        assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
        struct seg a = take_syn_ack(h, (uint16_t)(i + 1), irs + 1 + len);
        assert_int_equal(a.len, 0); /* no answer data */
        assert_int_equal(a.window, 65535 - len);
        assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
        struct seg ack = peer_seg((uint16_t)(i + 1), TCP_ACK, irs + 1 + len, a.seq + 1);
        ack.data = "more";
        ack.len = 4;
        assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
        struct tcp_conn *c = accepts(h, l);
        uint8_t data[2000];
        assert_int_equal(tcp_receive(&h->tcp, c, data, sizeof data, 0), len + 4);
        assert_memory_equal(data, pattern(), len);
        assert_memory_equal(data + len, "more", 4);
        struct weir_event event;
        uint32_t bits = 0;
        while (host_event(h, &event))
            bits |= event.bits;
        assert_true((bits & WEIR_EVENT_READABLE) != 0);
        while (host_output(h)) /* acknowledgments */
            ;
    }
    assert_int_equal(h->tcp.count.syn_data_held, 5);
    host_close(h);
}

/* One that is not kept has to come again: the SYN alone is acknowledged. */
static void refuses_data(struct host *h, uint16_t port, uint16_t flags, size_t len)
{
    uint64_t ignored = h->tcp.count.syn_data_ignored;
    struct seg syn = peer_seg(port, flags, irs, 0);
    syn.data = pattern();
    syn.len = len;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    uint32_t iss = take_syn_ack(h, port, irs + 1).seq;
    assert_int_equal(h->tcp.count.syn_data_ignored, ignored + 1);
    struct seg ack = peer_seg(port, TCP_ACK, irs + 1, iss + 1);
    ack.data = "ab";
    ack.len = 2;
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    while (host_output(h))
        ;
}

static void test_ATK_SYN_11_data_is_not_kept_when_memory_is_short_or_it_is_off(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_syn_data = 0;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listen_on(h, NULL, 80, 4);
    refuses_data(h, 1, TCP_SYN, 100);
    char data[8];
    assert_int_equal(tcp_receive(&h->tcp, accepts(h, l), data, sizeof data, 0), 2);
    assert_memory_equal(data, "ab", 2);
    host_close(h);

    h = host_open();
    listen_on(h, NULL, 80, 4);
    uint32_t taken[32];
    unsigned n = 0;
    while (blocks_free_bytes(&h->blocks) > 2048 * 1024 / 2)
        taken[n++] = blocks_take(&h->blocks, BLOCKS_64K, BLOCKS_NORMAL);
    refuses_data(h, 1, TCP_SYN, 100);
    while (n > 0)
        blocks_give(&h->blocks, taken[--n]);
    struct seg syn = peer_seg(2, TCP_SYN, irs, 0);
    syn.data = pattern();
    syn.len = 100;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    take_syn_ack(h, 2, irs + 101);
    host_close(h);
}

static void test_ATK_SYN_11_data_longer_than_a_block_or_the_window_is_not_kept(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4), small = open_on(h, NULL, 81);
    h->net.iface[IP_IFACE].config.mtu_bytes = 9000;
    refuses_data(h, 1, TCP_SYN, 4097);
    struct seg syn = peer_seg(2, TCP_SYN, irs, 0);
    syn.data = pattern();
    syn.len = 4096;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    take_syn_ack(h, 2, irs + 4097);
    tcp_close(&h->tcp, host_get(h, l), true);
    while (host_output(h))
        ;

    struct tcp_conn *c = host_get(h, small);
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_RECEIVE_BYTES_MAX, 2048), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, c, 4), WEIR_OK);
    for (uint16_t i = 0; i < 2; i++) {
        syn = peer_seg((uint16_t)(3 + i), TCP_SYN, irs, 0);
        syn.to_port = 81;
        syn.data = pattern();
        syn.len = 2047U + i;
        assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
        struct seg a = must_take(h);
        assert_int_equal(a.ack, i == 0 ? irs + 2048 : irs + 1);
        assert_int_equal(a.window, i == 0 ? 1 : 2048);
    }
    host_close(h);
}

static void test_ATK_SYN_11_what_cannot_be_kept_any_more_is_not_lost(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct seg syn = peer_seg(1, TCP_SYN, irs, 0);
    syn.data = pattern();
    syn.len = 1000;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    uint32_t iss = take_syn_ack(h, 1, irs + 1001).seq;
    uint32_t taken[512];
    unsigned n = 0;
    while (n < 512 && (taken[n] = blocks_take(&h->blocks, BLOCKS_4K, BLOCKS_URGENT)) != BLOCKS_NONE)
        n++;
    struct seg ack = peer_seg(1, TCP_ACK, irs + 1001, iss + 1);
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_BACKLOG); /* not now: the record has the data */
    assert_int_equal(h->tcp.conns.in_use, 1);
    while (n > 0)
        blocks_give(&h->blocks, taken[--n]);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    uint8_t data[2000];
    assert_int_equal(tcp_receive(&h->tcp, accepts(h, l), data, sizeof data, 0), 1000);
    assert_memory_equal(data, pattern(), 1000);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_SYN_11_data_with_a_SYN_is_kept_and_given_when_established),
        cmocka_unit_test(test_ATK_SYN_11_data_is_not_kept_when_memory_is_short_or_it_is_off),
        cmocka_unit_test(test_ATK_SYN_11_data_longer_than_a_block_or_the_window_is_not_kept),
        cmocka_unit_test(test_ATK_SYN_11_what_cannot_be_kept_any_more_is_not_lost),
    };
    return cmocka_run_group_tests_name("syndata", tests, NULL, NULL);
}
