/* SPDX-License-Identifier: MIT
 * The path MTU of connections: RFC 1191, RFC 8201, RFC 4821, RFC 5927 7.2, RFC 2923, on a path that a
 * test makes narrower and wider. */
#include "icmp_error.h"

enum {
    WINDOW = 16384, /* of the receiver: a round trip of 2 * DELAY moves no more */
    CHUNK = 16384,
    FORGED = 9,
    ATTACKS = 300 /* one a millisecond */
};

/* A path: a router before side 1, and whoever else sends errors to side 0. */
struct path {
    struct pair *p;
    struct pair_conn c;
    uint32_t mtu;       /* from side 0 to side 1 */
    bool silent;        /* the router says nothing */
    bool down;          /* nothing passes, either way */
    unsigned told;      /* what the router says; 0: the truth */
    unsigned lose_nth;  /* of the full segments that would pass, this one, counted down, is lost */
    bool lose_next;     /* so is the one after each that is too large; ... */
    bool lose_rest;     /* ... or all after it, until the test ends that */
    unsigned dropped;   /* packets too large for it */
    unsigned longest;   /* of those that passed since it was set to 0 */
    unsigned cut;       /* packets with DF clear that it had to cut */
    weir_time dropped_at; /* the first since it was set to 0 */
    uint32_t hop;       /* a router before it takes no more than this, and tells so; 0: there is none */
    uint64_t written, read;
    uint8_t lost[PAIR_PACKET_MAX]; /* by lose_nth */
    size_t lost_len;
};

static bool may_cut(const uint8_t *packet)
{
    return packet[0] >> 4 == 4 && (packet[6] & 0x40) == 0;
}

static bool on_path(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    struct path *path = p->ctx;
    if (path->down)
        return true;
    if (from != 0)
        return false;
    if (len > path->mtu && !may_cut(packet)) {
        uint8_t error[PAIR_PACKET_MAX];
        unsigned told = path->told != 0                         ? path->told
                        : path->hop != 0 && len > path->hop ? path->hop
                                                                : path->mtu;
        path->dropped++;
        if (path->lose_next)
            path->lose_nth = 1;
        path->down |= path->lose_rest;
        if (path->dropped_at == 0)
            path->dropped_at = p->now;
        if (!path->silent) {
            size_t n = make_too_big(error, (uint16_t)told, packet, len);
            pair_put(p, 0, error, n, p->now + DELAY);
        }
        return true;
    }
    if (len > path->mtu)
        path->cut++;
    else if (len > path->longest)
        path->longest = (unsigned)len;
    if (path->lose_nth == 0 || len <= 1000 || --path->lose_nth > 0)
        return false;
    memcpy(path->lost, packet, len);
    path->lost_len = len;
    return true;
}

static uint8_t byte_at(uint64_t n)
{
    return (uint8_t)(n ^ n >> 8 ^ n >> 16);
}

/* The application of side 0 writes all it may, that of side 1 reads and compares, for `ns`; `stop` ends
 * it sooner. */
static bool pump(struct path *path, weir_time ns, bool (*stop)(struct path *))
{
    static uint8_t bytes[CHUNK];
    struct pair *p = path->p;
    for (weir_time end = p->now + ns; p->now < end;) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = byte_at(path->written + i);
        int n = weir_tcp_send(p->side[0].stack, path->c.h[0], bytes, sizeof bytes, 0);
        assert_true(n > 0 || n == WEIR_E_WOULD_BLOCK || n == WEIR_E_EXHAUSTED);
        path->written += n > 0 ? (unsigned)n : 0;
        pair_run(p, MS);
        while ((n = weir_tcp_receive(p->side[1].stack, path->c.h[1], bytes, sizeof bytes, 0)) > 0) {
            for (int i = 0; i < n; i++)
                if (bytes[i] != byte_at(path->read + (unsigned)i))
                    fail_msg("byte %llu is wrong", (unsigned long long)path->read + (unsigned)i);
            path->read += (unsigned)n;
        }
        if (stop != NULL && stop(path))
            return true;
    }
    return false;
}

static struct weir_tcp_info info_of(const struct path *path)
{
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(path->p->side[0].stack, path->c.h[0], &info), WEIR_OK);
    return info;
}

static const struct weir_tcp_stats *count_of(const struct path *path)
{
    return &path->p->side[0].stack->tcp.count;
}

/* With a setting of the listener's. */
static struct path *path_open_set(const char *to, enum weir_tcp_setting setting, uint32_t value)
{
    struct weir_config config = pair_config();
    struct path *path = calloc(1, sizeof *path);
    assert_non_null(path);
    path->p = pair_open_with(&config);
    path->p->ctx = path;
    path->p->lose = on_path;
    path->mtu = PAIR_MTU;
    struct pair *p = path->p;
    path->c.listener = pair_endpoint(p, 1, 80);
    weir_stack *b = p->side[1].stack;
    assert_int_equal(weir_tcp_set(b, path->c.listener, WEIR_TCP_RECEIVE_BYTES_MAX, WINDOW), WEIR_OK);
    assert_int_equal(weir_tcp_set(b, path->c.listener, WEIR_TCP_TUNE, 0), WEIR_OK);
    assert_int_equal(weir_tcp_set(b, path->c.listener, setting, value), WEIR_OK);
    assert_int_equal(weir_tcp_listen(b, path->c.listener, 8), WEIR_OK);
    path->c.h[0] = pair_endpoint(p, 0, 0);
    pair_begin(p, path->c.h[0], to, 80);
    pair_run(p, 100 * MS);
    assert_int_equal(weir_tcp_accept(b, path->c.listener, 7, &path->c.h[1]), WEIR_OK);
    return path;
}

static struct path *path_open(const char *to)
{
    return path_open_set(to, WEIR_TCP_TTL, 64); /* as it is anyway */
}

static void path_close(struct path *path)
{
    path->p->lose = NULL;
    pair_abort_all(path->p, &path->c);
    pair_close(path->p);
    free(path);
}

/* Nothing happens for so long: the connection sleeps. */
static void sleep_for(struct path *path, weir_time ns)
{
    while (path->read < path->written) { /* what is on its way */
        static uint8_t bytes[CHUNK];
        pair_run(path->p, MS);
        int n = weir_tcp_receive(path->p->side[1].stack, path->c.h[1], bytes, sizeof bytes, 0);
        path->read += n > 0 ? (unsigned)n : 0;
    }
    pair_run(path->p, ns);
}

static bool is_lower(struct path *path)
{
    return info_of(path).path_mtu_bytes <= path->mtu;
}

/* ---- reports ---- */

static void narrows(const char *to, const uint16_t *mtus, unsigned count)
{
    struct path *path = path_open(to);
    pump(path, 200 * MS, NULL);
    for (unsigned i = 0; i < count; i++) {
        struct weir_tcp_info before = info_of(path), after;
        uint64_t read = path->read;
        path->mtu = mtus[i];
        path->dropped_at = 0;
        assert_true(pump(path, S, is_lower));
        /* The report took half a round trip, what proves it one more. */
        assert_true(path->p->now - path->dropped_at <= 3 * DELAY + 2 * MS);
        after = info_of(path);
        assert_int_equal(after.path_mtu_bytes, mtus[i]);
        assert_int_equal(after.timeouts, before.timeouts);
        assert_true(after.cwnd_bytes >= before.cwnd_bytes);
        assert_int_equal(after.ssthresh_bytes, before.ssthresh_bytes);
        pump(path, 300 * MS, NULL);
        after = info_of(path);
        assert_int_equal(after.path_mtu_bytes, mtus[i]);
        assert_int_equal(after.timeouts, before.timeouts);
        assert_true(after.cwnd_bytes >= before.cwnd_bytes);
        assert_int_equal(path->longest <= PAIR_MTU, true);
        assert_true(path->read - read > 15 * WINDOW); /* of 30 */
        assert_int_equal(count_of(path)->path_reports_refuted, 0);
    }
    assert_int_equal(count_of(path)->path_reports_pending, count);
    path_close(path);
}

static void NF_20_a_path_that_narrows_is_proved_within_a_round_trip(void **state)
{
    (void)state;
    narrows("10.0.0.2", (const uint16_t[]){1400, 1280, 576}, 3);
    narrows("2001:db8::2", (const uint16_t[]){1400, 1280}, 2);
}

/* Two routers: the piece that suits the first does not suit the second. */
static void NF_20_two_narrow_links_are_found_in_turn(void **state)
{
    (void)state;
    struct path *path = path_open("2001:db8::2");
    pump(path, 200 * MS, NULL);
    struct weir_tcp_info before = info_of(path), after;
    path->hop = 1400;
    path->mtu = 1300;
    pump(path, 200 * MS, NULL);
    after = info_of(path);
    assert_int_equal(after.path_mtu_bytes, 1300);
    assert_int_equal(after.timeouts, before.timeouts);
    assert_true(after.cwnd_bytes >= before.cwnd_bytes);
    path_close(path);
}

/* Small segments pass, and their duplicate ACKs are no sign of congestion. */
static void NF_20_small_segments_that_arrive_are_no_sign_of_congestion(void **state)
{
    (void)state;
    static uint8_t bytes[3000];
    struct path *path = path_open("10.0.0.2");
    weir_stack *a = path->p->side[0].stack;
    assert_int_equal(weir_tcp_set(a, path->c.h[0], WEIR_TCP_NODELAY, 1), WEIR_OK);
    pump(path, 200 * MS, NULL);
    sleep_for(path, 100 * MS);
    struct weir_tcp_info before = info_of(path), after;
    path->mtu = 1300;
    for (unsigned i = 0; i < 4; i++) { /* two full ones and a small one, each time */
        assert_int_equal(weir_tcp_send(a, path->c.h[0], bytes, sizeof bytes, 0), sizeof bytes);
        pair_output(path->p, 0);
    }
    path->written += 4 * sizeof bytes;
    sleep_for(path, 100 * MS);
    after = info_of(path);
    assert_int_equal(after.path_mtu_bytes, 1300);
    assert_int_equal(after.timeouts, before.timeouts);
    assert_int_equal(after.fast_retransmits, before.fast_retransmits);
    assert_true(after.cwnd_bytes >= before.cwnd_bytes);
    path_close(path);
}

/* Others to the same destination learn of it, RFC 1191 5, and new ones begin with it. */
static void test_what_is_proved_is_known_of_the_destination(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    pump(path, 200 * MS, NULL);
    path->mtu = 1400;
    pump(path, 200 * MS, NULL);
    weir_handle h = pair_endpoint(path->p, 0, 0);
    pair_begin(path->p, h, "10.0.0.2", 80);
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(path->p->side[0].stack, h, &info), WEIR_OK);
    assert_int_equal(info.path_mtu_bytes, 1400);
    weir_tcp_abort(path->p->side[0].stack, h);
    path_close(path);
}

static void forge(struct path *path, uint16_t mtu)
{
    uint8_t error[PAIR_PACKET_MAX];
    struct pair_side *side = &path->p->side[0];
    size_t n = make_too_big(error, mtu, side->packet, side->packet_len);
    pair_input(path->p, 0, error, n);
}

static uint64_t attacked(const char *to, int mtu, uint64_t *refuted)
{
    struct path *path = path_open(to);
    pump(path, 200 * MS, NULL);
    uint64_t before = path->read, sent = count_of(path)->segments_retransmitted;
    struct weir_tcp_info was = info_of(path), is;
    for (unsigned i = 0; i < ATTACKS; i++) {
        if (mtu >= 0 && path->p->side[0].last_len > 0)
            forge(path, (uint16_t)mtu); /* quotes what was sent last */
        pump(path, MS, NULL);
    }
    is = info_of(path);
    assert_int_equal(is.path_mtu_bytes, PAIR_MTU);
    assert_int_equal(is.timeouts, was.timeouts);
    assert_int_equal(is.fast_retransmits, was.fast_retransmits);
    assert_true(is.cwnd_bytes >= was.cwnd_bytes);
    uint64_t done = path->read - before;
    /* A piece a round trip, and an octet, at most; a claim of 0 becomes less from quote to quote. */
    uint64_t again = count_of(path)->segments_retransmitted - sent;
    assert_true(again <= 2 * ATTACKS * MS / (2 * DELAY) * (mtu == 0 ? 3 : 1) + 2);
    *refuted = count_of(path)->path_reports_refuted;
    path_close(path);
    return done;
}

static void ATK_ICM_04_forged_reports_cost_nothing_while_data_flows(void **state)
{
    (void)state;
    static const int forged[FORGED] = {0, 68, 296, 552, 576, 1006, 1280, 1400, 1499};
    uint64_t refuted, whole = attacked("10.0.0.2", -1, &refuted);
    assert_int_equal(refuted, 0);
    for (unsigned i = 0; i < FORGED; i++) {
        assert_true(attacked("10.0.0.2", forged[i], &refuted) * 10 >= whole * 9);
        assert_true(refuted > 15);
    }
    assert_true(attacked("10.0.0.2", 1500, &refuted) * 10 >= whole * 9);
    assert_int_equal(refuted, 0);
    whole = attacked("2001:db8::2", -1, &refuted);
    static const int forged6[] = {0, 1279, 1400};
    for (unsigned i = 0; i < 3; i++)
        assert_true(attacked("2001:db8::2", forged6[i], &refuted) * 10 >= whole * 9);
}

/* The segment quoted is lost by congestion: what follows it arrives, so it is not the size. */
static void ATK_ICM_04_a_segment_that_is_lost_alone_proves_no_report(void **state)
{
    (void)state;
    for (unsigned sack = 0; sack < 2; sack++) {
        struct path *path = path_open_set("10.0.0.2", WEIR_TCP_SACK, sack);
        pump(path, 200 * MS, NULL);
        struct weir_tcp_info before = info_of(path), after;
        path->lose_nth = 3;
        while (path->lose_nth > 0)
            pump(path, MS, NULL);
        uint8_t error[PAIR_PACKET_MAX];
        size_t n = make_too_big(error, 576, path->lost, path->lost_len);
        pair_input(path->p, 0, error, n);
        pump(path, 200 * MS, NULL);
        after = info_of(path);
        assert_int_equal(after.path_mtu_bytes, PAIR_MTU);
        assert_int_equal(after.fast_retransmits, before.fast_retransmits + 1);
        assert_int_equal(after.timeouts, before.timeouts);
        assert_int_equal(count_of(path)->path_reports_pending, 1);
        assert_int_equal(count_of(path)->path_reports_refuted, 1);
        path_close(path);
    }
}

/* Each claims less than the one before. They count only when what they quote is no larger than that, and
 * then their pieces' duplicate ACKs are no loss. */
static void ATK_ICM_04_a_chain_of_reports_is_no_loss(void **state)
{
    (void)state;
    static const uint16_t claims[] = {1450, 1400, 1300, 1100, 1000, 560};
    for (unsigned quoted = 0; quoted < 2; quoted++) {
        struct path *path = path_open("10.0.0.2");
        pump(path, 200 * MS, NULL);
        struct weir_tcp_info before = info_of(path), after;
        uint8_t packet[PAIR_PACKET_MAX], error[PAIR_PACKET_MAX];
        size_t len = path->p->side[0].packet_len;
        uint64_t again = count_of(path)->segments_retransmitted;
        assert_true(len > 1400);
        memcpy(packet, path->p->side[0].packet, len);
        for (unsigned i = 0; i < sizeof claims / sizeof claims[0]; i++) {
            if (quoted != 0 && i > 0)
                store16(packet + 2, claims[i - 1]);
            size_t n = make_too_big(error, claims[i], packet, len);
            pair_input(path->p, 0, error, n);
            pair_output(path->p, 0);
        }
        again = count_of(path)->segments_retransmitted - again;
        assert_int_equal(again, quoted != 0 ? 12 : 2); /* a piece and an octet each */
        pump(path, 200 * MS, NULL);
        after = info_of(path);
        assert_int_equal(after.path_mtu_bytes, PAIR_MTU);
        assert_int_equal(after.fast_retransmits, before.fast_retransmits);
        assert_true(after.cwnd_bytes >= before.cwnd_bytes);
        path_close(path);
    }
}

static bool believes_1400(struct path *path)
{
    return info_of(path).path_mtu_bytes == 1400;
}

/* RFC 5927 7.2: when nothing moves, the report explains it. */
static void test_a_report_is_believed_when_the_timer_expires(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    pump(path, 200 * MS, NULL);
    struct weir_tcp_info before = info_of(path), after;
    path->mtu = 1300;
    path->told = 1400; /* the piece does not pass either */
    assert_true(pump(path, 2 * S, believes_1400));
    after = info_of(path);
    assert_true(after.timeouts == before.timeouts + 1);
    assert_true(after.ssthresh_bytes >= before.cwnd_bytes); /* it was not congestion */
    path_close(path);
}

/* ATK-ICM-04: a path narrower than the floor: DF is cleared when that is proved, not before. */
static void ATK_ICM_04_df_is_cleared_on_evidence_only(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    pump(path, 200 * MS, NULL);
    forge(path, 296);
    pump(path, 200 * MS, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, PAIR_MTU);
    assert_int_equal(path->cut, 0);
    path->mtu = 296;
    pump(path, 4 * S, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, 552);
    assert_true(path->cut > 100); /* the path has to */
    uint64_t read = path->read;
    pump(path, S, NULL);
    assert_true(path->read > read + 20 * WINDOW);
    path_close(path);
}

/* RFC 1191 6.3, RFC 8201 4. */
static void ATK_ICM_17_reports_that_go_up_and_down_change_nothing(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    pump(path, 200 * MS, NULL);
    path->mtu = 1400;
    pump(path, 200 * MS, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, 1400);
    uint64_t sent = count_of(path)->segments_retransmitted;
    path->mtu = 1500;
    for (unsigned i = 0; i < 40; i++) {
        forge(path, i % 2 != 0 ? 1400 : 1500);
        pump(path, 2 * DELAY, NULL);
        assert_int_equal(info_of(path).path_mtu_bytes, 1400);
    }
    assert_int_equal(count_of(path)->segments_retransmitted, sent);
    assert_int_equal(count_of(path)->path_probes, 0);
    path_close(path);
}

/* ---- black holes ---- */

static bool small_passes(struct path *path)
{
    return info_of(path).path_mtu_bytes <= 1280 && path->longest > 1000;
}

static void black_hole(const char *to, uint32_t mtu)
{
    struct path *path = path_open(to);
    path->mtu = mtu;
    path->silent = true;
    assert_true(pump(path, 3 * S, small_passes));
    assert_true(info_of(path).timeouts <= 2); /* by the third */
    assert_int_equal(count_of(path)->path_blackholes, 1);
    pump(path, 11 * S, NULL);
    sleep_for(path, 3 * S);
    pump(path, 200 * MS, NULL); /* now it knows that nothing is left to try */
    assert_int_equal(info_of(path).path_mtu_bytes, mtu);
    assert_true(info_of(path).timeouts <= 2);
    assert_true(count_of(path)->path_probes <= 7); /* log2 of the table, and the top */
    unsigned probes = (unsigned)count_of(path)->path_probes;
    sleep_for(path, 30 * S); /* then it rests */
    pump(path, S, NULL);
    assert_int_equal(count_of(path)->path_probes, probes);
    assert_int_equal(count_of(path)->path_blackholes, 1);
    /* New connections there begin with what was found. */
    weir_handle h = pair_endpoint(path->p, 0, 0);
    struct weir_tcp_info info;
    pair_begin(path->p, h, to, 80);
    assert_int_equal(weir_tcp_info(path->p->side[0].stack, h, &info), WEIR_OK);
    assert_int_equal(info.path_mtu_bytes, mtu);
    weir_tcp_abort(path->p->side[0].stack, h);
    path_close(path);
}

static void NF_21_a_black_hole_is_left_by_the_third_timeout_and_measured(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {1280, 1400, 1492};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        black_hole("10.0.0.2", sizes[i]);
    black_hole("2001:db8::2", 1400);
}

/* The search's loss is no congestion: RFC 4821 7.6.2. */
static void NF_21_probes_that_are_lost_reduce_no_window(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    path->mtu = 1400;
    path->silent = true;
    assert_true(pump(path, 3 * S, small_passes));
    struct weir_tcp_info was = info_of(path), is;
    for (unsigned i = 0; i < 200; i++) {
        pump(path, 50 * MS, NULL);
        is = info_of(path);
        assert_true(is.ssthresh_bytes >= was.ssthresh_bytes);
        if (is.recovery == WEIR_TCP_OPEN && was.recovery == WEIR_TCP_OPEN)
            assert_true(is.cwnd_bytes >= was.cwnd_bytes);
        if (is.recovery == WEIR_TCP_OPEN)
            was = is;
    }
    assert_true(count_of(path)->path_probes_lost >= 2);
    assert_int_equal(is.timeouts, 2);
    path_close(path);
}

/* More is missing than the probe: that is congestion after all (RFC 4821 7.6.2). */
static void NF_21_a_loss_beside_that_of_a_probe_counts(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    path->mtu = 1400;
    path->silent = true;
    assert_true(pump(path, 3 * S, small_passes));
    pump(path, 900 * MS, NULL);
    assert_int_equal(count_of(path)->path_probes, 0);
    struct weir_tcp_info was = info_of(path);
    path->lose_next = true;
    while (count_of(path)->path_probes_lost == 0)
        pump(path, MS, NULL);
    path->lose_next = false;
    pump(path, 200 * MS, NULL);
    assert_true(info_of(path).ssthresh_bytes < was.cwnd_bytes);
    assert_int_equal(info_of(path).timeouts, was.timeouts);
    path_close(path);
}

/* Nothing comes after the probe: the timer finds it lost, and the window is soon what it was. */
static void NF_21_a_probe_found_lost_by_the_timer_costs_no_window(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    path->mtu = 1400;
    path->silent = true;
    assert_true(pump(path, 3 * S, small_passes));
    pump(path, 900 * MS, NULL);
    assert_int_equal(count_of(path)->path_probes, 0);
    struct weir_tcp_info was = info_of(path);
    path->lose_rest = true;
    while (!path->down)
        pump(path, MS, NULL);
    path->lose_rest = false;
    while (count_of(path)->path_probes_lost == 0)
        pump(path, MS, NULL);
    path->down = false;
    assert_true(info_of(path).ssthresh_bytes >= was.cwnd_bytes);
    assert_true(info_of(path).cwnd_bytes <= 2 * was.snd_mss_bytes);
    pump(path, 900 * MS, NULL);
    assert_true(info_of(path).cwnd_bytes >= was.cwnd_bytes / 2);
    assert_int_equal(count_of(path)->path_blackholes, 1);
    path_close(path);
}

/* The search ends where the peer's MSS does. */
static void test_no_more_is_searched_than_the_peer_takes(void **state)
{
    (void)state;
    struct path *path = path_open_set("10.0.0.2", WEIR_TCP_MSS_MAX, 1300);
    path->down = true;
    pump(path, 2 * S, NULL);
    path->down = false;
    pump(path, 5 * S, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, 1340);
    assert_int_equal(count_of(path)->path_probes, 1);
    assert_int_equal(path->longest, 1340);
    path_close(path);
}

/* IPv4: a path of less than 1280. */
static void NF_21_a_narrow_black_hole_is_left_too(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    path->mtu = 1006;
    path->silent = true;
    pump(path, 16 * S, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, 1006);
    assert_int_equal(count_of(path)->path_blackholes, 2);
    assert_true(info_of(path).timeouts <= 4);
    path_close(path);
}

/* An outage looks like a black hole, and must not leave the MTU low. */
static void NF_21_after_an_outage_the_search_brings_the_mtu_back(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    pump(path, 200 * MS, NULL);
    path->down = true;
    pump(path, 5 * S, NULL);
    assert_true(info_of(path).path_mtu_bytes < PAIR_MTU);
    path->down = false;
    pump(path, 6 * S, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, PAIR_MTU);
    assert_int_equal(count_of(path)->path_probes, 1);
    assert_int_equal(count_of(path)->path_raised, 1);
    path_close(path);
}

static void test_without_path_probe_nothing_is_searched(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    assert_int_equal(weir_tcp_set(path->p->side[0].stack, path->c.h[0], WEIR_TCP_PATH_PROBE, 0),
                     WEIR_OK);
    path->mtu = 1400;
    path->silent = true;
    pump(path, 5 * S, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, PAIR_MTU);
    assert_int_equal(count_of(path)->path_blackholes, 0);
    assert_int_equal(count_of(path)->path_probes, 0);
    path_close(path);
}

/* ---- up ---- */

static void NF_22_a_path_that_grows_is_probed_after_ten_minutes(void **state)
{
    (void)state;
    for (unsigned grown = 0; grown < 2; grown++) {
        struct path *path = path_open("10.0.0.2");
        pump(path, 200 * MS, NULL);
        path->mtu = 1400;
        pump(path, 200 * MS, NULL);
        assert_int_equal(info_of(path).path_mtu_bytes, 1400);
        weir_time lowered = path->p->now - 200 * MS;
        path->mtu = grown != 0 ? 1500 : 1400;
        path->silent = true;
        sleep_for(path, 597 * S);
        pump(path, lowered + 599 * S - path->p->now, NULL);
        assert_int_equal(count_of(path)->path_probes, 0);
        struct weir_tcp_info before = info_of(path), after;
        pump(path, (grown != 0 ? 3 : 8) * S, NULL);
        after = info_of(path);
        assert_int_equal(after.path_mtu_bytes, path->mtu);
        assert_int_equal(after.timeouts, before.timeouts);
        assert_true(after.cwnd_bytes >= before.cwnd_bytes);
        assert_true(after.ssthresh_bytes >= before.ssthresh_bytes);
        assert_int_equal(count_of(path)->path_raised, grown);
        if (grown != 0)
            assert_int_equal(count_of(path)->path_probes, 1);
        path_close(path);
    }
}

/* A probe is answered with a report: that is where the search goes on (RFC 4821 7.6.2). */
static void NF_22_a_report_about_a_probe_is_where_the_search_goes_on(void **state)
{
    (void)state;
    struct path *path = path_open("2001:db8::2");
    path->mtu = 1300;
    path->silent = true;
    assert_true(pump(path, 3 * S, small_passes));
    path->silent = false;
    path->mtu = 1433; /* no size of the table */
    pump(path, 6 * S, NULL);
    assert_int_equal(info_of(path).path_mtu_bytes, 1433);
    assert_int_equal(count_of(path)->path_probes, 2);
    path_close(path);
}

static void test_a_probe_waits_for_data_behind_it(void **state)
{
    (void)state;
    static uint8_t bytes[4000];
    struct path *path = path_open("10.0.0.2");
    path->mtu = 1400;
    path->silent = true;
    assert_true(pump(path, 3 * S, small_passes));
    sleep_for(path, 20 * S);
    uint64_t probes = count_of(path)->path_probes;
    for (unsigned i = 0; i < 50; i++) { /* a little at a time */
        assert_int_equal(weir_tcp_send(path->p->side[0].stack, path->c.h[0], bytes, sizeof bytes, 0),
                         sizeof bytes);
        path->written += sizeof bytes;
        sleep_for(path, S);
    }
    assert_int_equal(count_of(path)->path_probes, probes);
    path_close(path);
}

/* The link's own MTU is obeyed at once when it falls; when it rises, what lies behind it may be less. */
static void test_the_mtu_of_the_link_comes_down_at_once_and_goes_up_by_a_probe(void **state)
{
    (void)state;
    struct path *path = path_open("10.0.0.2");
    weir_stack *a = path->p->side[0].stack;
    pump(path, 200 * MS, NULL);
    assert_int_equal(weir_stack_set_mtu(a, 0, 1400), WEIR_OK);
    pump(path, 100 * MS, NULL);
    path->longest = 0;
    pump(path, 100 * MS, NULL);
    assert_int_equal(path->longest, 1400);
    assert_int_equal(weir_stack_set_mtu(a, 0, 1500), WEIR_OK);
    pump(path, 3 * S, NULL);
    assert_int_equal(path->longest, 1400);
    sleep_for(path, 600 * S);
    pump(path, 3 * S, NULL);
    assert_int_equal(path->longest, 1500);
    assert_int_equal(count_of(path)->path_probes, 1);
    path_close(path);
}

static bool probing(struct path *path)
{
    const struct tcp_room *tcp = &path->p->side[0].stack->tcp;
    const struct tcp_flight *f = tcp_flight(tcp, tcp_get(tcp, path->c.h[0]));
    return f != NULL && f->probe_start != f->probe_end;
}

/* A sleeping connection has no timer for it, and 16 bits of seconds go round. */
static void test_the_search_wakes_with_the_connection(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct path *path = path_open("10.0.0.2");
        pump(path, 200 * MS, NULL);
        path->mtu = 1400;
        pump(path, 200 * MS, NULL);
        path->mtu = 1500;
        sleep_for(path, (i == 0 ? 7 * 3600 : i == 1 ? 11 * 3600 : 40 * 3600) * S);
        assert_true(pump(path, S, probing));
        pump(path, 200 * MS, NULL);
        assert_int_equal(info_of(path).path_mtu_bytes, 1500);
        path_close(path);
    }
}

/* ---- the MSS of SYNs ---- */

static void test_syns_that_vanish_ask_for_less(void **state)
{
    (void)state;
    static const char *const to[] = {"10.0.0.2", "2001:db8::2"};
    for (unsigned k = 0; k < 2; k++) {
        struct weir_config config = pair_config();
        struct path path = {.mtu = PAIR_MTU, .down = true};
        struct pair *p = path.p = pair_open_with(&config);
        p->ctx = &path;
        p->lose = on_path;
        weir_handle h = pair_endpoint(p, 0, 0);
        pair_begin(p, h, to[k], 80);
        unsigned full = k == 0 ? 1460 : 1440, least = k == 0 ? 536 : 1220;
        for (unsigned sent = 1; sent <= 5; sent++) {
            while (p->side[0].sent < sent)
                pair_run(p, MS);
            const uint8_t *options = p->side[0].packet + (k == 0 ? 40 : 60);
            assert_int_equal(options[0], 2); /* MSS comes first */
            assert_int_equal(load16(options + 2), sent > 3 ? least : full);
        }
        weir_tcp_abort(p->side[0].stack, h);
        pair_close(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(NF_20_a_path_that_narrows_is_proved_within_a_round_trip),
        cmocka_unit_test(NF_20_two_narrow_links_are_found_in_turn),
        cmocka_unit_test(NF_20_small_segments_that_arrive_are_no_sign_of_congestion),
        cmocka_unit_test(test_what_is_proved_is_known_of_the_destination),
        cmocka_unit_test(ATK_ICM_04_forged_reports_cost_nothing_while_data_flows),
        cmocka_unit_test(ATK_ICM_04_a_segment_that_is_lost_alone_proves_no_report),
        cmocka_unit_test(ATK_ICM_04_a_chain_of_reports_is_no_loss),
        cmocka_unit_test(test_a_report_is_believed_when_the_timer_expires),
        cmocka_unit_test(ATK_ICM_04_df_is_cleared_on_evidence_only),
        cmocka_unit_test(ATK_ICM_17_reports_that_go_up_and_down_change_nothing),
        cmocka_unit_test(NF_21_a_black_hole_is_left_by_the_third_timeout_and_measured),
        cmocka_unit_test(NF_21_probes_that_are_lost_reduce_no_window),
        cmocka_unit_test(NF_21_a_loss_beside_that_of_a_probe_counts),
        cmocka_unit_test(NF_21_a_probe_found_lost_by_the_timer_costs_no_window),
        cmocka_unit_test(test_no_more_is_searched_than_the_peer_takes),
        cmocka_unit_test(NF_21_a_narrow_black_hole_is_left_too),
        cmocka_unit_test(NF_21_after_an_outage_the_search_brings_the_mtu_back),
        cmocka_unit_test(test_without_path_probe_nothing_is_searched),
        cmocka_unit_test(NF_22_a_path_that_grows_is_probed_after_ten_minutes),
        cmocka_unit_test(NF_22_a_report_about_a_probe_is_where_the_search_goes_on),
        cmocka_unit_test(test_a_probe_waits_for_data_behind_it),
        cmocka_unit_test(test_the_mtu_of_the_link_comes_down_at_once_and_goes_up_by_a_probe),
        cmocka_unit_test(test_the_search_wakes_with_the_connection),
        cmocka_unit_test(test_syns_that_vanish_ask_for_less),
    };
    return cmocka_run_group_tests_name("pmtud", tests, NULL, NULL);
}
