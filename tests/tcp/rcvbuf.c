/* SPDX-License-Identifier: MIT */
#include "receiver.h"

enum { MSS = 1460 };

static uint64_t window(const struct receiver *r)
{
    return r->c->rcv_edge - r->c->rcv_nxt;
}

/* Open the window as far as it goes. */
static void open_window(struct receiver *r)
{
    tcp_ack_now(&r->tcp, r->c, false);
    send_ack(r);
}

/* ---- the handshake ---- */

static void test_the_first_window_is_not_scaled(void **state)
{
    (void)state;
    struct tcp_settings set;
    static const uint32_t bytes[][2] = {
        {2048, 2048}, {65534, 65534}, {65535, 65535}, {65536, 65535}, {1073676288, 65535}};
    tcp_settings_default(&set);
    for (unsigned i = 0; i < 5; i++) {
        set.receive_bytes_max = bytes[i][0];
        assert_int_equal(tcp_rcv_window_first(NULL, &set), bytes[i][1]);
    }
}

static void test_the_scale_is_the_least_that_tells_all_of_the_buffer(void **state)
{
    (void)state;
    struct tcp_settings set;
    tcp_settings_default(&set);
    for (unsigned scale = 0; scale <= 14; scale++) {
        set.receive_bytes_max = 65535U << scale;
        assert_int_equal(tcp_rcv_scale(&set), scale);
        set.receive_bytes_max = (65535U << scale) + (1U << scale);
        assert_int_equal(tcp_rcv_scale(&set), scale < 14 ? scale + 1 : 14); /* never more */
    }
    set.window_scale = false;
    assert_int_equal(tcp_rcv_scale(&set), 0);
}

/* ---- the edge ---- */

static void test_an_empty_buffer_is_offered_whole(void **state)
{
    (void)state;
    static const uint32_t bytes[] = {2048, 10000, 65535, 262144, 8 << 20, 1073676288};
    for (unsigned i = 0; i < 6; i++) {
        struct receiver *r = receiver_new(
            (struct receiver_config){.receive_bytes_max = bytes[i], .overcommit_percent = 100000});
        open_window(r);
        assert_in_range(window(r), bytes[i] - bytes[i] / 8 - (1U << r->c->rcv_scale), bytes[i]);
        if (bytes[i] <= 65535) /* nothing to round, nothing kept back */
            assert_int_equal(window(r), bytes[i]);
        receiver_free(r);
    }
}

/* Without scaling, a window is at most 65,535, however large the buffer. */
static void test_without_scaling_the_field_is_the_limit(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.no_scale = true});
    for (unsigned i = 0; i < 100; i++) {
        arrive(r, 1000 * i, 1000);
        send_acks(r);
        read_bytes(r, 1000);
    }
    open_window(r);
    assert_in_range(window(r), 65535 - 2 * MSS, 65535);
    assert_int_equal(r->went_left, 0);
    receiver_free(r);
}

/* MUST-39: the edge moves by min(half the buffer, a segment) or more; here by two segments, so that
 * an ACK for every second one moves it. */
static void test_MUST_39_the_edge_moves_by_two_segments(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 60000});
    arrive(r, 0, 10000);
    send_acks(r);
    uint64_t edge = r->c->rcv_edge;
    read_bytes(r, 2 * MSS - 1);
    open_window(r);
    assert_int_equal(r->c->rcv_edge, edge);
    read_bytes(r, 1);
    open_window(r);
    assert_int_equal(r->c->rcv_edge, edge + 2 * MSS);
    receiver_free(r);
}

static void test_MUST_39_a_small_buffer_opens_by_halves(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 2048});
    open_window(r);
    assert_int_equal(window(r), 2048);
    arrive(r, 0, 2048);
    send_acks(r);
    assert_int_equal(window(r), 0);
    read_bytes(r, 1023);
    open_window(r);
    assert_int_equal(window(r), 0);
    read_bytes(r, 1);
    open_window(r);
    assert_int_equal(window(r), 1024);
    receiver_free(r);
}

/* I-26: what is unread and what is offered are never more than the buffer. */
static void test_I_26_window_and_unread_data_fit_the_buffer(void **state)
{
    (void)state;
    struct rng rng = rng_make(5);
    static const uint32_t sizes[] = {2048, 9000, 65535, 65536, 300000, 3000000};
    for (unsigned i = 0; i < 6; i++) {
        struct receiver *r = receiver_new((struct receiver_config){
            .receive_bytes_max = sizes[i], .superblocks = 128, .overcommit_percent = 1000});
        uint64_t at = 0;
        open_window(r);
        for (unsigned step = 0; step < 2000; step++) {
            uint32_t len = 1 + (uint32_t)rng_below(&rng, 3000);
            if (len > window(r))
                len = (uint32_t)window(r);
            if (len > 0)
                arrive(r, at, len);
            at += len;
            send_acks(r);
            assert_true(unread(r) + window(r) <= sizes[i]);
            if (rng_chance(&rng, (struct ratio){1, 2}))
                read_bytes(r, rng_below(&rng, unread(r) + 1));
            assert_true(unread(r) + window(r) <= sizes[i]);
        }
        receiver_free(r);
    }
}

/* ---- I-25: the edge on the wire never moves left ---- */

/* A sender of segments of one size, on a reader that stops for as long as the buffer lasts. */
static void fill_and_read(uint32_t bytes, uint32_t len)
{
    struct receiver *r = receiver_new((struct receiver_config){
        .receive_bytes_max = bytes, .superblocks = 600, .overcommit_percent = 1000});
    uint64_t at = 0;
    open_window(r);
    for (unsigned round = 0; round < 2; round++) {
        while (window(r) > 0) {
            uint32_t n = len < window(r) ? len : (uint32_t)window(r);
            arrive(r, at, n);
            at += n;
            if (n < len)
                tcp_ack_now(&r->tcp, r->c, false);
            send_acks(r);
        }
        read_bytes(r, unread(r));
        send_acks(r);
        assert_true(window(r) > bytes / 2);
    }
    assert_int_equal(r->went_left, 0);
    receiver_free(r);
}

static void test_I_25_the_edge_never_moves_left(void **state)
{
    (void)state;
    fill_and_read(2048, 100);
    fill_and_read(60000, 7);
    fill_and_read(65536, MSS);
    fill_and_read(262144, MSS);
    fill_and_read(262144, 1448);
    fill_and_read(262144, 1447);
    fill_and_read(1 << 20, 1459);
    fill_and_read(4 << 20, MSS - 1);
    fill_and_read(16 << 20, 1428); /* an ACK moves by 296 over a multiple of 512 */
}

/* Smaller steps than any slack lasts for: the edge may go back by less than a unit of the field
 * (RFC
 * 7323 2.4), and what it said before is taken all the same. */
static void test_I_25_what_was_told_is_taken_though_rounding_went_back(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){
        .receive_bytes_max = 16 << 20, .superblocks = 600, .overcommit_percent = 1000});
    uint64_t at = 0, unit = UINT64_C(1) << r->c->rcv_scale;
    assert_int_equal(unit, 512); /* (16 << 20) >> 8 is one more than the field holds */
    open_window(r);
    while (r->wire_edge > r->c->rcv_nxt + 65000) {
        arrive(r, at, 60001);
        at += 60001;
        send_acks(r);
    }
    for (unsigned i = 0; i < 20000 && r->wire_edge - r->c->rcv_nxt > unit; i++) {
        arrive(r, at, (uint32_t)unit - 1);
        at += unit - 1;
        assert_int_equal(r->c->rcv_nxt - r->first, at); /* taken */
        tcp_ack_now(&r->tcp, r->c, false);
        send_acks(r);
        assert_true(r->went_left < unit);
        assert_true(unread(r) + window(r) <= 16 << 20);
    }
    assert_true(r->went_left > 0); /* the slack was spent */
    receiver_free(r);
}

static void test_I_25_a_buffer_made_smaller_takes_nothing_back(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    open_window(r);
    uint64_t edge = r->c->rcv_edge;
    r->c->set.receive_bytes_max = 2048;
    tcp_tune_begin(r->c);
    for (uint64_t at = 0; r->c->rcv_nxt < edge;) {
        uint32_t n = edge - r->c->rcv_nxt < 8000 ? (uint32_t)(edge - r->c->rcv_nxt) : 8000;
        arrive(r, at, n);
        at += n;
        assert_int_equal(r->c->rcv_nxt - r->first, at);
        open_window(r);
        assert_int_equal(r->c->rcv_edge, edge);
    }
    assert_int_equal(window(r), 0);
    read_bytes(r, unread(r));
    send_acks(r);
    assert_in_range(window(r), 1024, 2048);
    receiver_free(r);
}

/* A unit of the field may be larger than the buffer has become: some window can be told all the
 * same. */
static void test_a_buffer_smaller_than_a_unit_still_opens(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 1073676288});
    r->c->set.receive_bytes_max = 2048;
    tcp_tune_begin(r->c);
    assert_int_equal(r->c->rcv_scale, 14);
    for (uint64_t at = 0, n = 0; n < 100; n++) {
        uint32_t len = window(r) < 10000 ? (uint32_t)window(r) : 10000;
        arrive(r, at, len);
        at += len;
        open_window(r);
        read_bytes(r, unread(r));
        send_acks(r);
        assert_true(r->wire_edge > r->c->rcv_nxt);
    }
    receiver_free(r);
}

/* RFC 2525 2.12: data beyond the edge never makes the window negative. */
static void test_I_26_no_window_is_negative(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 4096});
    arrive(r, 0, 4096);
    send_acks(r);
    for (unsigned i = 0; i < 50; i++) { /* ATK-RES-11: probes are answered, and not taken */
        arrive(r, 4096, 1);
        assert_int_equal(r->c->rcv_nxt - r->first, 4096);
        assert_int_equal(send_acks(r), 1);
        assert_int_equal(window(r), 0);
    }
    r->c->rcv_nxt++; /* a FIN in the place of the edge */
    r->c->fin_received = true;
    assert_int_equal(tcp_rcv_edge(&r->tcp, r->c), r->c->rcv_nxt);
    r->c->rcv_edge = r->c->rcv_nxt;
    receiver_free(r);
}

/* The window of a large buffer stands, though nothing is in it when it is made small. */
static void test_I_25_a_small_buffer_still_takes_what_a_large_one_offered(void **state)
{
    (void)state;
    struct receiver *r = receiver_new(
        (struct receiver_config){.receive_bytes_max = 1073676288, .overcommit_percent = 100000});
    open_window(r);
    uint64_t far = window(r) - 1000;
    assert_int_equal(tcp_set(&r->tcp, r->c, WEIR_TCP_RECEIVE_BYTES_MAX, 65536), WEIR_OK);
    assert_int_equal(arrive(r, far, 1000), WEIR_DROP_NONE);
    arrive(r, 0, 1000);
    read_bytes(r, 1000);
    receiver_free(r);
}

/* A buffer of any size becomes one of any other, at any time, while segments come from anywhere in
 * the window: no promise is broken, and no segment trips an assertion. */
static void test_I_25_a_buffer_that_changes_its_size_at_random(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2048, 65535, 65536, 262144, 1 << 24, 1073676288};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rng rng = rng_make(seed);
        struct receiver *r = receiver_new((struct receiver_config){
            .receive_bytes_max = sizes[rng_below(&rng, 6)], .overcommit_percent = 100000});
        for (unsigned step = 0; step < 400; step++) {
            uint64_t next = r->c->rcv_nxt - r->first, edge = r->c->rcv_edge;
            uint64_t near = window(r) < 20000 ? window(r) : 20000;
            uint64_t start = rng_chance(&rng, (struct ratio){1, 3}) ? 0 : rng_below(&rng, near + 1);
            if (rng_chance(&rng, (struct ratio){1, 8}))
                start = window(r) > 2000 ? window(r) - 1000 : 0; /* the other end */
            arrive(r, next + start, 1 + (uint32_t)rng_below(&rng, 3000));
            if (rng_chance(&rng, (struct ratio){1, 2}))
                read_bytes(r, unread(r));
            if (rng_chance(&rng, (struct ratio){1, 5}))
                (void)tcp_set(&r->tcp, r->c, WEIR_TCP_RECEIVE_BYTES_MAX, sizes[rng_below(&rng, 6)]);
            send_acks(r);
            assert_true(r->c->rcv_edge >= edge);
        }
        receiver_free(r);
    }
}

/* ---- I-35: window updates ---- */

static void test_I_35_a_closed_window_that_reopens_is_told(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2048, 4096, 60000, 262144};
    for (unsigned i = 0; i < 4; i++) {
        struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = sizes[i]});
        open_window(r);
        for (uint64_t at = 0; window(r) > 0;) {
            uint32_t n = window(r) < 1024 ? (uint32_t)window(r) : 1024;
            arrive(r, at, n);
            at += n;
            open_window(r);
        }
        uint64_t step = sizes[i] / 2 < MSS ? sizes[i] / 2 : MSS, slack = sizes[i] - unread(r);
        uint64_t read = 0;
        while (!ack_is_due(r)) {
            assert_true(read < step + slack + 1024); /* the slack and the unit of the field */
            read_bytes(r, 1);
            read++;
        }
        assert_true(read >= step); /* and not before: no silly windows */
        assert_true(send_ack(r).window >= step);
        receiver_free(r);
    }
}

/* While the window is large, the ACKs of the data tell soon enough. */
static void test_a_reader_of_a_large_window_causes_no_updates(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    open_window(r);
    for (unsigned i = 0; i < 100; i++) {
        arrive(r, 3000 * i, 3000);
        assert_int_equal(send_acks(r), 1);
        read_bytes(r, 3000);
        assert_false(ack_is_due(r));
    }
    receiver_free(r);
}

/* A reader that takes small pieces of a full buffer causes few updates: each doubles the window. */
static void test_a_reader_of_small_pieces_causes_few_updates(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 60000});
    arrive(r, 0, 60000);
    send_acks(r);
    unsigned updates = 0;
    for (unsigned i = 0; i < 600; i++) {
        read_bytes(r, 100);
        updates += send_acks(r);
    }
    assert_in_range(updates, 3, 7);
    assert_in_range(window(r), 30000, 60000);
    receiver_free(r);
}

static void test_after_fin_the_reader_causes_no_updates(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 60000});
    open_window(r);
    assert_int_not_equal(r->c->promised_kb, 0);
    arrive_version(r, 0, 59999, TCP_FIN, 0);
    send_acks(r);
    assert_int_equal(r->c->promised_kb, 0); /* nothing else will come */
    read_bytes(r, 59999);
    assert_false(ack_is_due(r));
    receiver_free(r);
}

/* ---- promises ---- */

/* Of whole blocks, above the floor that everybody has. */
static void test_the_promise_is_of_whole_blocks_above_the_floor(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 8192});
    open_window(r);
    assert_int_equal(window(r), 8192);
    assert_int_equal(r->c->promised_kb, 0);
    receiver_free(r);
    r = receiver_new((struct receiver_config){.receive_bytes_max = 8193});
    open_window(r);
    assert_int_equal(window(r), 8193);
    assert_int_equal(r->c->promised_kb, 4);
    receiver_free(r);
    r = receiver_new((struct receiver_config){0});
    open_window(r);
    uint64_t bytes = window(r) - 8192;
    assert_in_range(r->c->promised_kb * UINT64_C(1024), bytes, bytes + 2 * 16384);
    receiver_free(r);
}

/* With everything promised elsewhere, a connection gets the floor, and not less than it was told.
 * */
static void test_a_promise_that_is_refused_holds_the_window_back(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 60000});
    uint64_t elsewhere = r->blocks.promised_bytes_max;
    uint64_t edge = r->c->rcv_edge, at = 0;
    assert_true(blocks_reserve(&r->blocks, elsewhere));
    for (; at < 60000; at += 3000) {
        r->blocks.promised_bytes -= elsewhere; /* what the others have is not ours to check */
        arrive(r, at, 3000);
        r->blocks.promised_bytes += elsewhere;
        uint64_t told = tcp_rcv_edge(&r->tcp, r->c);
        assert_int_equal(told, edge);
        tcp_ack_sent(&r->tcp, r->c, told, true);
    }
    assert_int_equal(r->c->promised_kb, 0);
    assert_int_equal(window(r), 0);
    ring_release(&r->c->receive, r->first + 3000); /* read, but there is nothing to be told */
    r->c->work = 0;
    tcp_rcv_read(&r->tcp, r->c);
    assert_int_equal(r->c->work & TCP_WORK_ACK, 0);
    uint64_t held_back = r->tcp.count.window_held_back;
    ring_release(&r->c->receive, r->first + 60000);
    tcp_rcv_read(&r->tcp, r->c);
    assert_true((r->c->work & TCP_WORK_ACK) != 0);
    uint64_t told = tcp_rcv_edge(&r->tcp, r->c);
    assert_int_equal(told - r->c->rcv_nxt, 8192); /* the floor */
    assert_true(r->tcp.count.window_held_back > held_back);
    tcp_ack_sent(&r->tcp, r->c, told, true);
    blocks_unreserve(&r->blocks, elsewhere);
    open_window(r);
    assert_int_equal(window(r), 60000);
    receiver_free(r);
}

/* Whatever happens, what is promised in all is what the connection notes (receiver_check()
 * compares), and it is never less than what the window can still cost above the floor. */
static void test_promises_are_conserved(void **state)
{
    (void)state;
    struct rng rng = rng_make(77);
    struct receiver *r = receiver_new((struct receiver_config){
        .receive_bytes_max = 200000, .superblocks = 8, .overcommit_percent = 100});
    uint64_t at = 0;
    open_window(r);
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t len = 1 + (uint32_t)rng_below(&rng, 5000);
        if (len > window(r))
            len = (uint32_t)window(r);
        if (len > 0) {
            arrive(r, at, len);
            at = r->c->rcv_nxt - r->first;
        }
        send_acks(r);
        if (rng_chance(&rng, (struct ratio){1, 3}))
            read_bytes(r, rng_below(&rng, unread(r) + 1));
        uint64_t cost = r->c->rcv_edge - r->c->receive.head;
        if (r->c->promised_kb != 0)
            assert_true(r->c->promised_kb * UINT64_C(1024) + 8192 >= cost);
        assert_int_equal(r->tcp.count.memory_refused, 0);
    }
    assert_int_equal(r->went_left, 0);
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_window_is_not_scaled),
        cmocka_unit_test(test_the_scale_is_the_least_that_tells_all_of_the_buffer),
        cmocka_unit_test(test_an_empty_buffer_is_offered_whole),
        cmocka_unit_test(test_without_scaling_the_field_is_the_limit),
        cmocka_unit_test(test_MUST_39_the_edge_moves_by_two_segments),
        cmocka_unit_test(test_MUST_39_a_small_buffer_opens_by_halves),
        cmocka_unit_test(test_I_26_window_and_unread_data_fit_the_buffer),
        cmocka_unit_test(test_I_25_the_edge_never_moves_left),
        cmocka_unit_test(test_I_25_what_was_told_is_taken_though_rounding_went_back),
        cmocka_unit_test(test_I_25_a_buffer_made_smaller_takes_nothing_back),
        cmocka_unit_test(test_I_25_a_small_buffer_still_takes_what_a_large_one_offered),
        cmocka_unit_test(test_I_25_a_buffer_that_changes_its_size_at_random),
        cmocka_unit_test(test_a_buffer_smaller_than_a_unit_still_opens),
        cmocka_unit_test(test_I_26_no_window_is_negative),
        cmocka_unit_test(test_I_35_a_closed_window_that_reopens_is_told),
        cmocka_unit_test(test_a_reader_of_a_large_window_causes_no_updates),
        cmocka_unit_test(test_a_reader_of_small_pieces_causes_few_updates),
        cmocka_unit_test(test_after_fin_the_reader_causes_no_updates),
        cmocka_unit_test(test_the_promise_is_of_whole_blocks_above_the_floor),
        cmocka_unit_test(test_a_promise_that_is_refused_holds_the_window_back),
        cmocka_unit_test(test_promises_are_conserved),
    };
    return cmocka_run_group_tests_name("rcvbuf", tests, NULL, NULL);
}
