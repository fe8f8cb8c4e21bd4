/* SPDX-License-Identifier: MIT
 * Calls at random, in any order and state, on a lossy wire: no assertion fails, the invariants hold
 * after each, the level query says what the calls then do, no edge is missed, events are about what
 * the application holds and end with CLOSED, every byte read is the one written there, and in the end
 * nothing is left. The same, but for the bytes, with somebody on the wire who changes segments. */
#include "base/rng.h"
#include "pair.h"

enum { SLOTS = 10, LISTENERS = 2, PORTS = 3, STEPS = 4000, KNOWN_MAX = 64 };

/* What the application knows of a handle whose CLOSED it has not read. */
struct known {
    weir_handle handle;
    uint32_t awaited; /* events that a call said were to be waited for */
};

struct walk {
    struct pair *p;
    struct rng rng;
    weir_handle h[2][SLOTS];
    struct known known[2][KNOWN_MAX];
    unsigned known_count[2];
    unsigned loss, changed; /* in 100 */
};

static uint32_t below(struct walk *w, uint32_t n)
{
    return (uint32_t)rng_below(&w->rng, n);
}

/* RFC 1071 over 16-bit words. */
static uint32_t sum_words(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += (uint32_t)p[i] << ((i & 1) != 0 ? 0 : 8);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* A number near another, as often as not. */
static uint32_t near_to(struct walk *w, uint32_t x)
{
    static const uint32_t steps[] = {0, 1, 1000, 1448, 65535, 100000, 0x7fffffff, 0x80000000};
    uint32_t step = steps[below(w, 8)];
    step = step > 1 && below(w, 2) != 0 ? below(w, step) : step;
    return below(w, 2) != 0 ? x + step : x - step;
}

/* Change some of a segment of `n` bytes at t; answers how long it is then. */
static size_t change(struct walk *w, uint8_t *t, size_t n)
{
    for (unsigned changes = 1 + below(w, 3); changes > 0; changes--)
        switch (below(w, 8)) {
        case 0:
        case 1:
            store32(t + 4, near_to(w, load32(t + 4)));
            break;
        case 2:
        case 3:
            store32(t + 8, near_to(w, load32(t + 8)));
            break;
        case 4:
            t[13] = (uint8_t)(below(w, 2) != 0 ? below(w, 256) : t[13] ^ 1U << below(w, 8));
            break;
        case 5:
            store16(t + 14, (uint16_t)(below(w, 3) == 0 ? 0 : below(w, 65536)));
            break;
        case 6:
            store16(t + 18, (uint16_t)below(w, 3000));
            t[13] |= TCP_URG;
            break;
        default: {
            size_t header = (size_t)(t[12] >> 4) * 4;
            if (header > 20 && below(w, 2) != 0)
                t[20 + below(w, (uint32_t)(header - 20))] = (uint8_t)below(w, 256);
            else if (n > header)
                n = header + below(w, (uint32_t)(n - header));
            break;
        }
        }
    return n;
}

/* Send a segment that was just sent once more, changed. IPv4 on bare IP. */
static void send_changed(struct walk *w, unsigned from, const uint8_t *packet, size_t len)
{
    uint8_t p[PAIR_PACKET_MAX];
    if (packet[0] != 0x45 || packet[9] != 6)
        return;
    memcpy(p, packet, len);
    size_t n = change(w, p + 20, len - 20);
    uint8_t tail[4] = {0, 6, (uint8_t)(n >> 8), (uint8_t)n};
    store16(p + 2, (uint16_t)(20 + n));
    store16(p + 10, 0);
    store16(p + 10, (uint16_t)~sum_words(0, p, 20));
    store16(p + 36, 0);
    uint32_t sum = sum_words(sum_words(0, p + 12, 8), tail, 4);
    store16(p + 36, (uint16_t)~sum_words(sum, p + 20, n));
    pair_put(w->p, 1 - from, p, 20 + n, w->p->now + DELAY);
}

static bool lose_some(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    struct walk *w = p->ctx;
    if (below(w, 100) < w->changed)
        send_changed(w, from, packet, len);
    return below(w, 100) < w->loss;
}

static weir_stack *stack_of(struct walk *w, unsigned k)
{
    return w->p->side[k].stack;
}

/* ---- what the application knows ---- */

static struct known *known_of(struct walk *w, unsigned k, weir_handle h)
{
    for (unsigned i = 0; i < w->known_count[k]; i++)
        if (memcmp(&w->known[k][i].handle, &h, sizeof h) == 0)
            return &w->known[k][i];
    return NULL;
}

static void now_known(struct walk *w, unsigned k, weir_handle h)
{
    assert_null(known_of(w, k, h));
    assert_true(w->known_count[k] < KNOWN_MAX);
    w->known[k][w->known_count[k]++] = (struct known){.handle = h};
}

/* A call has answered: is something to be waited for now? */
static void answered(struct walk *w, unsigned k, weir_handle h, uint32_t event, int answer)
{
    struct known *known = known_of(w, k, h);
    if (known != NULL && answer == WEIR_E_WOULD_BLOCK)
        known->awaited |= event;
    else if (known != NULL)
        known->awaited &= ~event;
}

/* Read all events; then nothing that was waited for may be there without one. */
static void read_events(struct walk *w, unsigned k)
{
    struct weir_event event;
    while (weir_stack_events(stack_of(w, k), &event, 1) == 1) {
        struct known *known = known_of(w, k, event.handle);
        assert_non_null(known); /* of what is held, and before CLOSED */
        known->awaited &= ~event.bits;
        if ((event.bits & WEIR_EVENT_CLOSED) != 0)
            *known = w->known[k][--w->known_count[k]];
    }
    for (unsigned i = 0; i < w->known_count[k]; i++) {
        const struct known *known = &w->known[k][i];
        uint32_t awaited = known->awaited, level = weir_tcp_ready(stack_of(w, k), known->handle);
        struct weir_tcp_info info;
        /* It waits for a third, or, when the buffer has grown since, for the next ACK. */
        if ((awaited & level & WEIR_EVENT_WRITABLE) != 0 &&
            weir_tcp_info(stack_of(w, k), known->handle, &info) == WEIR_OK &&
            info.send_queue_bytes > 0)
            awaited &= ~(uint32_t)WEIR_EVENT_WRITABLE;
        assert_int_equal(awaited & level, 0);
    }
}

/* The byte that stands at a sequence number. */
static uint8_t byte_at(uint64_t seq)
{
    return (uint8_t)((uint32_t)seq * 2654435761U >> 24);
}

static void open_some(struct walk *w, unsigned k, unsigned slot)
{
    struct weir_tcp_config config = {.size = sizeof config,
                                     .reuse = below(w, 2) != 0,
                                     .ifindex = below(w, 2)};
    static const char *const local[2][3] = {{"::", "10.0.0.1", "2001:db8::1"},
                                            {"::", "10.0.0.2", "2001:db8::2"}};
    bool listens = slot < LISTENERS;
    if (listens || below(w, 3) == 0)
        config.port = (uint16_t)(80 + below(w, PORTS));
    config.address = pair_addr(local[k][listens ? 0 : below(w, 3)]);
    weir_handle handle;
    int error = weir_tcp_open(stack_of(w, k), &config, &handle);
    if (error != WEIR_OK) {
        assert_true(error == WEIR_E_EXHAUSTED || error == WEIR_E_EXISTS);
        return;
    }
    w->h[k][slot] = handle;
    now_known(w, k, handle);
    if (listens && below(w, 8) != 0)
        (void)weir_tcp_listen(stack_of(w, k), handle, 1 + below(w, 3));
}

/* Any but the one that takes octets out of the stream. */
static void set_some(struct walk *w, unsigned k, weir_handle h)
{
    static const struct {
        uint32_t low, high;
    } rows[] = {
#define X(name, value, low, high, meaning) {low, high},
        WEIR_TCP_SETTINGS(X)
#undef X
    };
    unsigned setting = below(w, WEIR_TCP_SETTING_COUNT);
    if (setting == WEIR_TCP_URGENT_INLINE)
        return;
    uint32_t value = rows[setting].low, span = rows[setting].high - value;
    value += below(w, 4) == 0 ? span : below(w, span < 20000 ? span + 1 : 20000);
    (void)weir_tcp_set(stack_of(w, k), h, (enum weir_tcp_setting)setting, value);
}

static void connect_some(struct walk *w, unsigned k, weir_handle h)
{
    static const char *const remote[2][2] = {{"10.0.0.2", "2001:db8::2"},
                                             {"10.0.0.1", "2001:db8::1"}};
    struct weir_addr to = pair_addr(remote[k][below(w, 2)]);
    (void)weir_tcp_connect(stack_of(w, k), h, &to, (uint16_t)(80 + below(w, PORTS)));
}

static void accept_some(struct walk *w, unsigned k, weir_handle h)
{
    weir_handle accepted;
    uint32_t level = weir_tcp_ready(stack_of(w, k), h);
    int error = weir_tcp_accept(stack_of(w, k), h, 1, &accepted);
    assert_true((error == WEIR_OK) == ((level & WEIR_EVENT_ACCEPTED) != 0));
    answered(w, k, h, WEIR_EVENT_ACCEPTED, error);
    if (error != WEIR_OK)
        return;
    now_known(w, k, accepted);
    for (unsigned i = 0; i < SLOTS; i++)
        if (i >= LISTENERS && weir_tcp_ready(stack_of(w, k), w->h[k][i]) == 0) {
            (void)weir_tcp_close(stack_of(w, k), w->h[k][i]);
            w->h[k][i] = accepted;
            return;
        }
    assert_int_equal(weir_tcp_abort(stack_of(w, k), accepted), WEIR_OK);
}

static void send_some(struct walk *w, unsigned k, weir_handle h)
{
    static uint8_t bytes[100000];
    struct weir_tcp_info info;
    if (weir_tcp_info(stack_of(w, k), h, &info) != WEIR_OK)
        return;
    uint64_t seq = info.iss + UINT64_C(1) + info.bytes_acked + info.send_queue_bytes;
    size_t len = below(w, 3) == 0 ? below(w, sizeof bytes) : below(w, 3000);
    unsigned flags = below(w, 8) == 0 ? below(w, 8) : below(w, 2);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(seq + i);
    uint32_t level = weir_tcp_ready(stack_of(w, k), h);
    int n = weir_tcp_send(stack_of(w, k), h, bytes, len, flags);
    answered(w, k, h, WEIR_EVENT_WRITABLE, n);
    assert_true(n <= (int)len);
    if (len > 0)
        assert_true((n != WEIR_E_WOULD_BLOCK) == ((level & WEIR_EVENT_WRITABLE) != 0) ||
                    n == WEIR_E_CLOSED || n == WEIR_E_NOT_CONNECTED);
}

static void receive_some(struct walk *w, unsigned k, weir_handle h)
{
    static uint8_t bytes[100000];
    struct weir_tcp_info info;
    if (weir_tcp_info(stack_of(w, k), h, &info) != WEIR_OK)
        return;
    size_t size = 1 + below(w, sizeof bytes - 1);
    unsigned flags = below(w, 4) == 0 ? WEIR_TCP_PEEK : 0;
    uint32_t level = weir_tcp_ready(stack_of(w, k), h);
    if (below(w, 10) == 0)
        flags |= WEIR_TCP_URGENT;
    int n = weir_tcp_receive(stack_of(w, k), h, bytes, size, flags), mark;
    assert_true(n <= (int)size);
    if ((flags & WEIR_TCP_URGENT) != 0)
        return;
    answered(w, k, h, WEIR_EVENT_READABLE, n);
    uint64_t seq = info.irs + UINT64_C(1) + info.bytes_received - info.receive_queue_bytes;
    for (int i = 0; i < n && w->changed == 0; i++)
        assert_int_equal(bytes[i], byte_at(seq + (unsigned)i));
    bool silent = n == WEIR_E_WOULD_BLOCK || n == WEIR_E_CLOSED || n == WEIR_E_NOT_CONNECTED;
    assert_true(silent == ((level & WEIR_EVENT_READABLE) == 0));
    mark = weir_tcp_at_mark(stack_of(w, k), h);
    assert_true(mark == 0 || mark == 1 || mark == WEIR_E_NOT_CONNECTED);
}

static void look(struct walk *w, unsigned k)
{
    struct weir_tcp_info info;
    uint64_t cursor = 0;
    while (weir_tcp_next(stack_of(w, k), &cursor, &info)) {
        assert_true(info.state >= WEIR_TCP_CLOSED && info.state <= WEIR_TCP_TIME_WAIT);
        assert_true(info.unsent_bytes <= info.send_queue_bytes);
        assert_true(info.timer_in >= 0);
        assert_true((info.timer == WEIR_TCP_TIMER_NONE) == (info.timer_in == WEIR_TIME_NEVER));
    }
}

/* Calls that begin or end something; listeners live longer. */
static void step_of_life(struct walk *w, unsigned k, unsigned slot)
{
    weir_handle h = w->h[k][slot];
    switch (below(w, slot < LISTENERS ? 60 : 20)) {
    case 0:
        (void)weir_tcp_close(stack_of(w, k), h);
        break;
    case 1:
        (void)weir_tcp_abort(stack_of(w, k), h);
        break;
    case 2:
        (void)weir_tcp_shutdown(stack_of(w, k), h, (enum weir_tcp_how)below(w, 5));
        break;
    case 3:
        (void)weir_tcp_listen(stack_of(w, k), h, below(w, 4));
        break;
    case 4:
        set_some(w, k, h);
        break;
    case 5:
        look(w, k);
        break;
    default:
        if (weir_tcp_ready(stack_of(w, k), h) == 0) { /* stale, new, or a listener */
            if (weir_tcp_error(stack_of(w, k), h) == WEIR_OK)
                accept_some(w, k, h);
            connect_some(w, k, h);
            struct weir_tcp_info info;
            if (weir_tcp_info(stack_of(w, k), h, &info) == WEIR_E_STALE)
                open_some(w, k, slot);
        } else {
            accept_some(w, k, h);
        }
        break;
    }
}

static void step(struct walk *w)
{
    unsigned k = below(w, 2), slot = below(w, SLOTS), what = below(w, 20);
    if (what < 6)
        step_of_life(w, k, slot);
    else if (what < 11)
        send_some(w, k, w->h[k][slot]);
    else if (what < 16)
        receive_some(w, k, w->h[k][slot]);
    else
        pair_run(w->p, (weir_time)below(w, below(w, 50) == 0 ? 5000 : 20) * MS);
    pair_check(w->p);
    for (k = 0; k < 2; k++)
        read_events(w, k);
}

struct way {
    enum weir_link link;
    unsigned loss, changed;
};

static void walk(uint64_t seed, const struct weir_config *config, struct way way)
{
    struct walk w = {
        .p = pair_open_on(way.link, config), .loss = way.loss, .changed = way.changed};
    w.rng = rng_make(seed);
    w.p->ctx = &w;
    w.p->events_left = true;
    w.p->lose = lose_some;
    pair_run(w.p, 5 * S); /* addresses are checked for duplicates */
    for (unsigned i = 0; i < STEPS; i++)
        step(&w);
    w.loss = w.changed = 0;
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < SLOTS; i++)
            (void)weir_tcp_abort(stack_of(&w, k), w.h[k][i]);
    pair_run(w.p, 1200 * S); /* orphans that wait for a peer that is gone */
    for (unsigned k = 0; k < 2; k++) {
        read_events(&w, k);
        assert_int_equal(w.known_count[k], 0); /* each was told its CLOSED */
    }
    pair_close(w.p);
}

static void test_any_calls_in_any_order(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    for (uint64_t seed = 1; seed <= 8; seed++)
        walk(seed, &config, (struct way){WEIR_LINK_IP, (unsigned)(seed % 3) * 10, 0});
}

static void test_any_calls_when_everything_is_scarce(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    config.tcp_flights_max = 2;
    config.tcp_syn_received_max = 1;
    config.tcp_time_wait_max = 1;
    config.tcp_reassembly_ranges_max = 4;
    config.ranges_max = 64;
    config.replies_max = 1;
    config.packet_memory_kb = 256;
    config.packet_memory_reserve_kb = 64;
    config.packet_memory_overcommit_percent = 100;
    for (uint64_t seed = 101; seed <= 108; seed++)
        walk(seed, &config, (struct way){WEIR_LINK_IP, (unsigned)(seed % 3) * 10, 0});
}

static void test_any_calls_where_neighbours_are_to_be_found(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    for (uint64_t seed = 201; seed <= 208; seed++)
        walk(seed, &config, (struct way){WEIR_LINK_ETHERNET, (unsigned)(seed % 4) * 15, 0});
}

static void test_any_calls_with_somebody_on_the_wire(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    for (uint64_t seed = 301; seed <= 308; seed++)
        walk(seed, &config, (struct way){WEIR_LINK_IP, (unsigned)(seed % 2) * 10, 20});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_calls_in_any_order),
        cmocka_unit_test(test_any_calls_when_everything_is_scarce),
        cmocka_unit_test(test_any_calls_where_neighbours_are_to_be_found),
        cmocka_unit_test(test_any_calls_with_somebody_on_the_wire),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
