/* SPDX-License-Identifier: MIT
 * Random operations against a naive model: lists that are searched from end to end. */
#include "host.h"

enum { SLOTS = 12, QUEUE = 200, STEPS = 8000, LEN_MAX = 1400, LIMIT = 5000 };

/* A datagram is its number and its length: the bytes follow from both. */
struct item {
    uint32_t number;
    size_t len;
    bool station; /* sending: to a neighbour who never answers */
};

struct fifo {
    struct item item[QUEUE];
    unsigned count;
    size_t bytes; /* descriptions included */
};

struct model {
    bool open, connected;
    weir_handle handle;
    int local; /* index in own[], or -1: any */
    uint16_t port, remote_port;
    int remote; /* index in peers[] */
    struct fifo receive, send;
};

static const char *own[] = {"10.0.0.1", "2001:db8::1"};
static const char *peers[2][3] = {{"10.0.0.7", "10.0.0.8", "10.0.0.9"},
                                  {"2001:db8::7", "2001:db8::8", "2001:db8::9"}};

static struct model models[SLOTS];
static uint8_t bytes[LEN_MAX], got[LEN_MAX];
static struct packet out;
static uint32_t numbers;

static const uint8_t *content(uint32_t number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((number + i * 7) * UINT32_C(2654435761) >> 24);
    return bytes;
}

static void push(struct fifo *f, struct item item, size_t record)
{
    assert_true(f->count < QUEUE);
    f->item[f->count++] = item;
    f->bytes += record + item.len;
}

static struct item shift(struct fifo *f, size_t record)
{
    assert_true(f->count > 0);
    struct item item = f->item[0];
    memmove(f->item, f->item + 1, --f->count * sizeof item);
    f->bytes -= record + item.len;
    return item;
}

/* Who gets it, by the words of weir/udp.h; NULL: nobody. */
static struct model *winner(int family, int peer, uint16_t from, uint16_t port)
{
    struct model *best = NULL;
    int best_rank = -1;
    for (unsigned i = 0; i < SLOTS; i++) {
        struct model *m = &models[i];
        if (!m->open || m->port != port || (m->local >= 0 && m->local != family))
            continue;
        if (m->connected && (m->remote != family * 3 + peer || m->remote_port != from))
            continue;
        int rank = (m->connected ? 2 : 0) + (m->local >= 0 ? 1 : 0);
        if (rank > best_rank) {
            best = m;
            best_rank = rank;
        }
    }
    return best;
}

/* Has it sent all and been read of as closed? */
static bool is_gone(struct host *h, const struct model *m)
{
    struct pool_handle handle = {m->handle.index & ~UDP_HANDLE_BIT, m->handle.generation};
    return pool_get(&h->udp.pool, handle) == NULL;
}

static void step_open(struct host *h, struct rng *rng, struct model *m)
{
    struct weir_udp_config config = {.size = sizeof config,
                                     .port = (uint16_t)rng_between(rng, 7000, 7003),
                                     .receive_bytes_max = LIMIT,
                                     .send_bytes_max = LIMIT};
    int local = (int)rng_below(rng, 3) - 1;
    bool taken = false;
    if (local >= 0)
        config.address = addr(own[local]);
    for (unsigned i = 0; i < SLOTS; i++)
        taken |= models[i].open && models[i].port == config.port && models[i].local == local;
    *m = (struct model){.local = local, .port = config.port};
    int answer = udp_open(&h->udp, &config, &m->handle);
    if (answer == WEIR_E_EXHAUSTED) { /* all slots, or those that still send */
        assert_int_equal(h->udp.pool.in_use, h->config.udp_endpoints_max);
        return;
    }
    assert_int_equal(answer, taken ? WEIR_E_EXISTS : WEIR_OK);
    m->open = answer == WEIR_OK;
}

static void step_connect(struct host *h, struct rng *rng, struct model *m)
{
    int family = m->local >= 0 ? m->local : (int)rng_below(rng, 2), peer = (int)rng_below(rng, 3);
    struct weir_addr remote = addr(peers[family][peer]);
    m->connected = rng_below(rng, 2) == 0;
    m->remote = family * 3 + peer;
    m->remote_port = (uint16_t)rng_between(rng, 1, 2);
    assert_int_equal(udp_connect(&h->udp, host_get(h, m->handle), m->connected ? &remote : NULL,
                                 m->remote_port),
                     WEIR_OK);
}

static void step_input(struct host *h, struct rng *rng)
{
    int family = (int)rng_below(rng, 2), peer = (int)rng_below(rng, 3);
    uint16_t from = (uint16_t)rng_between(rng, 1, 2), port = (uint16_t)rng_between(rng, 7000, 7004);
    struct item item = {.number = numbers++, .len = rng_below(rng, LEN_MAX + 1)};
    struct packet *p = udp_packet(peers[family][peer], from, own[family], port,
                                  content(item.number, item.len), item.len);
    bool damaged = rng_below(rng, 5) == 0;
    if (damaged) /* in the payload or the checksum; the rest would be another datagram */
        p->data[rng_between(rng, ip_len(addr(own[family])) + 6, p->len - 1)] ^=
            (uint8_t)(1 << rng_below(rng, 8));
    struct model *m = winner(family, peer, from, port);
    enum weir_drop drop = give(h, IP_IFACE, p);
    bool full = m != NULL && m->receive.bytes + WEIR_UDP_RECORD_BYTES + item.len > LIMIT;
    if (full)
        assert_int_equal(drop, WEIR_DROP_UDP_QUEUE);
    else if (damaged)
        assert_int_equal(drop, WEIR_DROP_UDP_CHECKSUM);
    else
        assert_int_equal(drop, m != NULL ? WEIR_DROP_NONE : WEIR_DROP_UDP_PORT);
    if (drop == WEIR_DROP_NONE)
        push(&m->receive, item, WEIR_UDP_RECORD_BYTES);
}

static void step_receive(struct host *h, struct rng *rng, struct model *m)
{
    size_t size = rng_below(rng, 3) == 0 ? rng_below(rng, LEN_MAX) : LEN_MAX;
    int n = receive(h, m->handle, NULL, got, size);
    if (n < 0 && n != WEIR_E_WOULD_BLOCK) { /* of a neighbour who did not answer; once */
        assert_int_equal(n, WEIR_E_UNREACHABLE);
        n = receive(h, m->handle, NULL, got, size);
    }
    if (n < 0) {
        assert_int_equal(n, WEIR_E_WOULD_BLOCK);
        assert_int_equal(m->receive.count, 0);
        return;
    }
    struct item item = shift(&m->receive, WEIR_UDP_RECORD_BYTES);
    assert_int_equal(n, item.len);
    assert_memory_equal(got, content(item.number, item.len), item.len < size ? item.len : size);
}

static void step_send(struct host *h, struct rng *rng, struct model *m)
{
    int family = m->local >= 0 ? m->local : (int)rng_below(rng, 2), peer = (int)rng_below(rng, 3);
    struct item item = {.number = numbers++, .len = rng_below(rng, LEN_MAX + 1)};
    item.station = m->local < 0 && rng_below(rng, 10) == 0;
    int answer = send_to(h, m->handle, item.station ? "192.168.0.9" : peers[family][peer], 9,
                         content(item.number, item.len), item.len);
    if (answer == WEIR_E_UNREACHABLE) /* as above */
        return;
    if (answer == WEIR_E_WOULD_BLOCK) {
        assert_int_equal(udp_ready(host_get(h, m->handle)) & WEIR_EVENT_WRITABLE, 0);
        return; /* by how much the model does not know: what was sent may not be released */
    }
    assert_int_equal(answer, WEIR_OK);
    push(&m->send, item, WEIR_UDP_SEND_RECORD_BYTES);
}

/* What leaves is, for each endpoint, in order; datagrams to the station that never answers are lost, and
 * hold up those behind them for a while. */
static void step_output(struct host *h, struct rng *rng)
{
    for (uint64_t n = rng_below(rng, 20); n > 0; n--) {
        while (host_output(h, ETH_IFACE, &out))
            assert_int_equal(out.data[12] << 8 | out.data[13], 0x0806);
        if (!host_output(h, IP_IFACE, &out))
            return;
        const uint8_t *d = out.data + ((out.data[0] >> 4) == 4 ? 20 : 40);
        size_t len = out.len - (size_t)(d - out.data) - 8;
        struct model *m = NULL;
        for (unsigned i = 0; i < SLOTS && m == NULL; i++) {
            struct fifo *f = &models[i].send;
            unsigned first = 0;
            while (first < f->count && f->item[first].station)
                first++;
            if (models[i].port == (d[0] << 8 | d[1]) && first < f->count &&
                f->item[first].len == len &&
                memcmp(content(f->item[first].number, len), d + 8, len) == 0)
                m = &models[i];
        }
        assert_non_null(m);
        while (shift(&m->send, WEIR_UDP_SEND_RECORD_BYTES).station)
            ;
    }
}

static void test_random_operations_agree_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct rng rng = rng_make(seed);
        struct weir_config config = host_config();
        config.udp_endpoints_max = 9;
        struct host *h = host_open_with(&config, seed);
        memset(models, 0, sizeof models);
        for (unsigned i = 0; i < STEPS; i++) {
            struct model *m = &models[rng_below(&rng, SLOTS)];
            struct weir_event event;
            switch (rng_below(&rng, 16)) {
            case 0:
                if (m->open && rng_below(&rng, 8) == 0) {
                    udp_close(&h->udp, host_get(h, m->handle));
                    m->open = false;
                }
                break;
            case 1:
                if (m->open)
                    step_connect(h, &rng, m);
                break;
            case 2:
                while (rng_below(&rng, 2) == 0 && host_event(h, &event))
                    ;
                break;
            case 3:
                host_pass(h, (weir_time)rng_below(&rng, 900) * MS);
                break;
            case 4:
            case 5:
                step_output(h, &rng);
                break;
            case 6:
            case 7:
            case 8:
            case 9:
                if (m->open)
                    step_send(h, &rng, m);
                break;
            case 10:
            case 11:
            case 12:
                if (m->open)
                    step_receive(h, &rng, m);
                break;
            default:
                if (!m->open && is_gone(h, m))
                    step_open(h, &rng, m);
                step_input(h, &rng);
                break;
            }
            if (!m->open && udp_get(&h->udp, m->handle) != NULL)
                fail_msg("a closed handle is still good");
            assert_true(udp_invariants(&h->udp));
        }
        assert_true(h->udp.count.received > 500 && h->udp.count.sent > 500);
        assert_true(h->udp.count.send_unreachable > 5 && h->udp.count.received_refused > 20);
        host_close(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_agree_with_a_naive_model),
    };
    return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}
