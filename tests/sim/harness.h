/* SPDX-License-Identifier: MIT
 * A node for the tests of the simulator: it sends numbered UDP datagrams on a schedule and
 * remembers what arrives. Checksums are computed here the plain way, apart from the code under
 * test. */
#ifndef WEIR_TESTS_SIM_HARNESS_H
#define WEIR_TESTS_SIM_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "sim/fault.h"
#include "sim/link.h"
#include "sim/node.h"
#include "sim/sim.h"

enum {
    DATAGRAM_HEADERS = 28,
    DATAGRAM_MIN = DATAGRAM_HEADERS + 8, /* with its number */
    DATAGRAM_MAX = 2000,
    END_BATCH_MAX = 16
};

struct arrived {
    weir_time at;
    uint64_t number;
    uint32_t len;
    uint32_t batch;  /* packets of the call it came with */
    unsigned port;
    uint8_t ecn;
    bool intact;     /* both checksums are right */
};

struct end {
    struct sim_node *node;
    /* What to send: `to_send` more datagrams, the next at next_at, then every `gap`. */
    uint64_t to_send, sent;
    weir_time next_at, gap;
    uint32_t len_min, len_max; /* drawn evenly from rng */
    uint8_t ecn;
    struct rng rng;
    /* What came. */
    struct arrived *arrived;
    size_t arrived_count, arrived_capacity;
    unsigned inputs, advances;
    uint8_t buf[END_BATCH_MAX][DATAGRAM_MAX];
};

/* RFC 1071 section 1, a byte pair at a time. */
static inline uint16_t plain_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The sum of pseudo-header and datagram or segment at transport: 0xffff when its checksum is
 * right. */
static inline uint16_t plain_transport_sum(const uint8_t *ip, uint32_t header_len, uint32_t len)
{
    uint32_t pseudo = ip[0] >> 4 == 4 ? plain_sum(0, ip + 12, 8) : plain_sum(0, ip + 8, 32);
    uint8_t protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];
    return plain_sum(pseudo + protocol + len, ip + header_len, len);
}

static inline void datagram_make(uint8_t *p, uint32_t len, uint64_t number, uint8_t ecn)
{
    static const uint8_t addresses[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    memset(p, 0, len);
    p[0] = 0x45;
    p[1] = ecn;
    store16(p + 2, (uint16_t)len);
    p[8] = 64;
    p[9] = 17;
    memcpy(p + 12, addresses, 8);
    store16(p + 10, (uint16_t)~plain_sum(0, p, 20));
    store16(p + 20, 7);
    store16(p + 22, 9);
    store16(p + 24, (uint16_t)(len - 20));
    store64(p + DATAGRAM_HEADERS, number);
    for (uint32_t i = DATAGRAM_MIN; i < len; i++)
        p[i] = (uint8_t)(number * 31 + i);
    store16(p + 26, (uint16_t)~plain_transport_sum(p, 20, len - 20));
}

static inline void end_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n,
                             weir_time now)
{
    struct end *end = ctx;
    end->inputs++;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *p = rx[i].head;
        if (end->arrived_count == end->arrived_capacity) {
            end->arrived_capacity = end->arrived_capacity * 2 + 64;
            end->arrived = realloc(end->arrived, end->arrived_capacity * sizeof *end->arrived);
            assert_non_null(end->arrived);
        }
        assert_true(rx[i].len == rx[i].head_len && rx[i].frag_count == 0);
        struct arrived *a = &end->arrived[end->arrived_count++];
        *a = (struct arrived){.at = now, .len = rx[i].len, .batch = n, .port = port};
        if (rx[i].len < DATAGRAM_MIN)
            continue;
        a->number = load64(p + DATAGRAM_HEADERS);
        a->ecn = p[1] & 3;
        a->intact = load16(p + 2) == rx[i].len && plain_sum(0, p, 20) == 0xffff &&
                    plain_transport_sum(p, 20, rx[i].len - 20) == 0xffff;
    }
}

static inline unsigned end_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                                  weir_time now)
{
    struct end *end = ctx;
    unsigned n = 0;
    (void)port;
    assert_true(max > 0);
    for (; n < max && n < END_BATCH_MAX && end->to_send > 0 && end->next_at <= now; n++) {
        uint32_t len = (uint32_t)rng_between(&end->rng, end->len_min, end->len_max);
        datagram_make(end->buf[n], len, end->sent, end->ecn);
        /* Half in the head, the rest in two references, of which one may be empty. */
        uint32_t head = DATAGRAM_HEADERS, middle = (len - head) / 3;
        tx[n].len = len;
        tx[n].header_start = 5;
        tx[n].header_len = (uint16_t)head;
        memcpy(tx[n].headers + 5, end->buf[n], head);
        tx[n].frag_count = 2;
        tx[n].frag[0] = (struct weir_ref){end->buf[n] + head, middle};
        tx[n].frag[1] = (struct weir_ref){end->buf[n] + head + middle, len - head - middle};
        end->to_send--;
        end->sent++;
        end->next_at += end->gap;
    }
    return n;
}

static inline void end_advance(void *ctx, weir_time now)
{
    struct end *end = ctx;
    (void)now;
    end->advances++;
}

static inline weir_time end_deadline(void *ctx)
{
    struct end *end = ctx;
    return end->to_send > 0 ? end->next_at : WEIR_TIME_NEVER;
}

static inline void end_destroy(void *ctx)
{
    struct end *end = ctx;
    free(end->arrived);
    free(end);
}

/* A new node of this kind, freed with the simulation. */
static inline struct end *end_add(struct sim *sim, const char *name)
{
    static const struct sim_node_ops ops = {
        .input = end_input,
        .output = end_output,
        .advance = end_advance,
        .deadline = end_deadline,
        .destroy = end_destroy,
    };
    struct end *end = calloc(1, sizeof *end);
    assert_non_null(end);
    end->len_min = end->len_max = 1000;
    end->rng = sim_rng(sim, name);
    end->node = sim_node_add(sim, name, &ops, end);
    assert_non_null(end->node);
    return end;
}

/* Send `count` datagrams of `len` bytes from now on, one every `gap`. */
static inline void end_send(struct end *end, uint64_t count, uint32_t len, weir_time gap)
{
    end->to_send = count;
    end->len_min = end->len_max = len;
    end->next_at = sim_now(sim_node_sim(end->node));
    end->gap = gap;
    sim_node_wake(end->node);
}

/* A link from a to b, with one setting for the way there and a perfect way back. */
struct pair {
    struct sim *sim;
    struct end *a, *b;
    struct sim_link *link;
};

/* A simulation error or a broken invariant ends the test where it arises. */
static inline void check_event(struct sim *sim, void *ctx)
{
    char text[128] = "";
    (void)ctx;
    if (!sim_invariants(sim, text, sizeof text))
        fail_msg("seed %llu: %s", (unsigned long long)sim_seed(sim), text);
}

static inline struct pair pair_make(uint64_t seed, const struct sim_dir_config *config)
{
    struct pair p;
    struct sim_link_config link = {0};
    if (config != NULL)
        link.dir[SIM_A_TO_B] = *config;
    p.sim = sim_create(&(struct sim_config){.seed = seed});
    assert_non_null(p.sim);
    p.a = end_add(p.sim, "a");
    p.b = end_add(p.sim, "b");
    p.link = sim_link_add(p.sim, "ab", p.a->node, 0, p.b->node, 0, &link);
    assert_non_null(p.link);
    return p;
}

static inline void pair_run(struct pair *p)
{
    assert_int_equal(sim_run_until_idle(p->sim, UINT64_MAX), SIM_STOP_IDLE);
    check_event(p->sim, NULL);
}

#endif
