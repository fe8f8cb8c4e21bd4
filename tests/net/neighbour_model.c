/* SPDX-License-Identifier: MIT
 * The neighbour cache against a model that is an array searched from end to end: random events, and
 * after each everything that can be seen must agree. */
#include "link_world.h"

enum {
    KEYS = 12,
    MACS = 4,
    HANDLES = 10,
    WAITERS = 16,
    ENTRIES_MAX = 8,
    INCOMPLETE_MAX = 4,
    PACKETS_MAX = 2,
    STEPS = 6000
};

struct entry {
    bool exists, is_static, router, used, challenged, fresh;
    enum neighbour_state state;
    uint32_t mac, pins, tries;
    uint64_t serial;    /* of its making */
    uint64_t last;      /* when it changed or was used, in events */
    uint64_t armed;     /* when its timer was armed, in events */
    uint64_t due;       /* since when a solicitation is due, in events; 0: none is */
    weir_time deadline; /* WEIR_TIME_NEVER: none */
    weir_time confirmed, asked, reachable_ns;
};

struct waiting {
    int key; /* -1: for none */
    bool packet;
    uint64_t since;
};

struct handle {
    int key; /* -1: none */
    uint64_t serial;
    struct pool_handle real;
};

struct model {
    struct world *w;
    struct rng rng;
    struct entry entry[KEYS];
    struct waiting waiting[WAITERS];
    struct neighbour_waiter real[WAITERS];
    int woken[NEIGHBOUR_VERDICTS][WAITERS];
    unsigned woken_count[NEIGHBOUR_VERDICTS];
    struct handle handle[HANDLES];
    weir_time now, refused;
    uint64_t events; /* counts everything that has an order */
    uint64_t evicted, failed, lost, challenged, displaced;
};

static struct neighbour_key key_of(int k)
{
    struct neighbour_key key = k % 2 == 0 ? key4((uint32_t)k + 1) : key6((uint32_t)k + 1);
    key.ifindex = (uint32_t)k / 2 % 2;
    return key;
}

static bool is_ip4(int k)
{
    return k % 2 == 0;
}

/* ---- the model ---- */

static void m_arm(struct model *m, struct entry *e, weir_time at)
{
    e->deadline = at;
    e->armed = ++m->events;
}

static void m_set(struct model *m, struct entry *e, enum neighbour_state state)
{
    e->state = state;
    e->deadline = WEIR_TIME_NEVER;
    e->due = 0;
    e->last = ++m->events;
}

static void m_wake_one(struct model *m, int waiter, enum neighbour_answer verdict)
{
    m->waiting[waiter].key = -1;
    m->woken[verdict][m->woken_count[verdict]++] = waiter;
}

static int m_oldest_waiter(const struct model *m, int k, bool packet)
{
    int oldest = -1;
    for (int i = 0; i < WAITERS; i++)
        if (m->waiting[i].key == k && m->waiting[i].packet == packet &&
            (oldest < 0 || m->waiting[i].since < m->waiting[oldest].since))
            oldest = i;
    return oldest;
}

static void m_wake(struct model *m, int k, enum neighbour_answer verdict)
{
    int waiter;
    while ((waiter = m_oldest_waiter(m, k, true)) >= 0 ||
           (waiter = m_oldest_waiter(m, k, false)) >= 0)
        m_wake_one(m, waiter, verdict);
}

static void m_remove(struct model *m, int k)
{
    m_wake(m, k, NEIGHBOUR_BUSY);
    m->entry[k].exists = false;
}

static unsigned m_count(const struct model *m, enum neighbour_state state)
{
    unsigned count = 0;
    for (int k = 0; k < KEYS; k++)
        count += m->entry[k].exists && m->entry[k].state == state;
    return count;
}

static bool m_room(struct model *m, bool heard)
{
    unsigned count = 0;
    int victim = -1, victim_rank = 3;
    for (int k = 0; k < KEYS; k++) {
        const struct entry *e = &m->entry[k];
        count += e->exists;
        if (!e->exists || e->pins > 0 || e->is_static || e->state == NEIGHBOUR_INCOMPLETE ||
            e->state == NEIGHBOUR_PROBE)
            continue;
        int rank = e->state == NEIGHBOUR_FAILED ? 0 : !e->used ? 1 : 2;
        if (rank < victim_rank || (rank == victim_rank && e->last < m->entry[victim].last)) {
            victim = k;
            victim_rank = rank;
        }
    }
    if (count < ENTRIES_MAX)
        return true;
    if (victim < 0 || (heard && victim_rank == 2))
        return false;
    m->evicted++;
    m_remove(m, victim);
    return true;
}

static bool m_create(struct model *m, int k, bool heard)
{
    if (!m_room(m, heard))
        return false;
    m->entry[k] = (struct entry){
        .exists = true, .asked = INT64_MIN, .deadline = WEIR_TIME_NEVER, .serial = ++m->events};
    return true;
}

static bool m_may_resolve(struct model *m, bool connection)
{
    if (m_count(m, NEIGHBOUR_INCOMPLETE) < (connection ? 4U : 3U))
        return true;
    m->refused = m->now;
    return false;
}

static void m_become_due(struct model *m, struct entry *e)
{
    if (e->due == 0)
        e->due = ++m->events;
    m_arm(m, e, m->now + 1 * S);
}

static void m_ask(struct model *m, struct entry *e, enum neighbour_state state)
{
    m_set(m, e, state);
    e->tries = 0;
    if (e->asked != INT64_MIN && e->asked + 1 * S > m->now)
        m_arm(m, e, e->asked + 1 * S);
    else
        m_become_due(m, e);
}

static void m_reachable(struct model *m, int k)
{
    struct entry *e = &m->entry[k];
    m_set(m, e, NEIGHBOUR_REACHABLE);
    e->confirmed = m->now;
    e->challenged = false;
    e->fresh = true; /* the table drew a time: see adopt_times() */
    m_arm(m, e, m->now);
    m_wake(m, k, NEIGHBOUR_READY);
}

static void m_stale(struct model *m, int k)
{
    struct entry *e = &m->entry[k];
    m_set(m, e, NEIGHBOUR_STALE);
    e->challenged = false;
    if (e->pins == 0)
        m_arm(m, e, m->now + 60 * S);
    m_wake(m, k, NEIGHBOUR_READY);
}

static void m_discard(struct model *m, int k)
{
    struct entry *e = &m->entry[k];
    if (e->pins == 0) {
        m_remove(m, k);
        return;
    }
    m_set(m, e, NEIGHBOUR_NONE);
    e->router = e->challenged = false;
}

static void m_expire_asking(struct model *m, int k)
{
    struct entry *e = &m->entry[k];
    bool incomplete = e->state == NEIGHBOUR_INCOMPLETE;
    e->tries += e->due != 0;
    if (e->tries >= 3 && incomplete) {
        m->failed++;
        m_set(m, e, NEIGHBOUR_FAILED);
        m_wake(m, k, NEIGHBOUR_UNREACHABLE);
        m_arm(m, e, m->now + 3 * S);
    } else if (e->tries >= 3) {
        m->lost++;
        m_discard(m, k);
    } else if (incomplete && e->tries > 0 && e->pins == 0 && m->refused != INT64_MIN &&
               m->now - m->refused <= 1 * S) {
        m_remove(m, k);
    } else {
        m_become_due(m, e);
    }
}

static void m_expire(struct model *m, int k)
{
    struct entry *e = &m->entry[k];
    weir_time stale_at = e->confirmed + e->reachable_ns;
    switch (e->state) {
    case NEIGHBOUR_INCOMPLETE:
    case NEIGHBOUR_PROBE:
        m_expire_asking(m, k);
        break;
    case NEIGHBOUR_DELAY:
        m_ask(m, e, NEIGHBOUR_PROBE);
        break;
    case NEIGHBOUR_STALE:
        m_remove(m, k);
        break;
    case NEIGHBOUR_FAILED:
        m_discard(m, k);
        break;
    default:
        assert_int_equal(e->state, NEIGHBOUR_REACHABLE);
        if (e->challenged)
            m_ask(m, e, NEIGHBOUR_PROBE);
        else if (stale_at > m->now)
            m_arm(m, e, stale_at);
        else
            m_stale(m, k);
        break;
    }
}

static void m_run(struct model *m, weir_time until)
{
    for (;;) {
        int first = -1;
        for (int k = 0; k < KEYS; k++) {
            const struct entry *e = &m->entry[k], *best = &m->entry[first < 0 ? 0 : first];
            if (!e->exists || e->deadline > until)
                continue;
            if (first < 0 || e->deadline < best->deadline ||
                (e->deadline == best->deadline && e->armed < best->armed))
                first = k;
        }
        if (first < 0)
            break;
        m->now = m->entry[first].deadline;
        m_expire(m, first);
    }
    m->now = until;
}

static enum neighbour_answer m_answer(struct model *m, int k)
{
    struct entry *e = &m->entry[k];
    switch (e->state) {
    case NEIGHBOUR_NONE:
        if (!m_may_resolve(m, e->pins > 0))
            return NEIGHBOUR_BUSY;
        m_ask(m, e, NEIGHBOUR_INCOMPLETE);
        return NEIGHBOUR_WAIT;
    case NEIGHBOUR_INCOMPLETE:
        return NEIGHBOUR_WAIT;
    case NEIGHBOUR_FAILED:
        return NEIGHBOUR_UNREACHABLE;
    case NEIGHBOUR_STALE:
        m_set(m, e, NEIGHBOUR_DELAY);
        m_arm(m, e, m->now + 5 * S);
        return NEIGHBOUR_READY;
    default:
        return NEIGHBOUR_READY;
    }
}

static enum neighbour_answer m_resolve(struct model *m, int k, bool pin)
{
    struct entry *e = &m->entry[k];
    if (!e->exists && (!m_may_resolve(m, pin) || !m_create(m, k, false)))
        return NEIGHBOUR_BUSY;
    e->used = true;
    e->pins += pin;
    enum neighbour_answer answer = m_answer(m, k);
    if (answer == NEIGHBOUR_BUSY)
        e->pins -= pin;
    else if (answer == NEIGHBOUR_READY || pin)
        e->last = ++m->events;
    return answer;
}

static unsigned m_first_word(struct model *m, int k, uint32_t mac, bool reachable)
{
    m->entry[k].mac = mac;
    if (reachable)
        m_reachable(m, k);
    else
        m_stale(m, k);
    return NEIGHBOUR_HEARD_KNOWN;
}

static unsigned m_hear_absent(struct model *m, int k, uint32_t mac, bool router)
{
    if (!m->entry[k].exists && !m_create(m, k, true))
        return 0;
    m->entry[k].router = router;
    return m_first_word(m, k, mac, false);
}

static unsigned m_hear_arp(struct model *m, int k, const struct neighbour_event *event,
                           uint32_t mac)
{
    struct entry *e = &m->entry[k];
    bool reply = event->message == NEIGHBOUR_ARP_REPLY;
    if (!e->exists || e->state == NEIGHBOUR_NONE || e->state == NEIGHBOUR_FAILED)
        return !reply && event->to_us ? m_hear_absent(m, k, mac, false) : 0;
    bool asked = (e->state == NEIGHBOUR_INCOMPLETE || e->state == NEIGHBOUR_PROBE) && e->tries > 0;
    bool answers = reply && event->to_us && asked;
    if (e->state == NEIGHBOUR_INCOMPLETE)
        return m_first_word(m, k, mac, answers);
    if (e->mac == mac) {
        if (answers)
            m_reachable(m, k);
        return NEIGHBOUR_HEARD_KNOWN;
    }
    if (e->state == NEIGHBOUR_STALE && e->pins == 0) {
        m_first_word(m, k, mac, false);
        return NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_MOVED;
    }
    m->challenged++;
    bool idle = e->state != NEIGHBOUR_PROBE && !(e->state == NEIGHBOUR_REACHABLE && e->challenged);
    if (idle) {
        e->challenged = true;
        if (e->state == NEIGHBOUR_REACHABLE && e->confirmed + 1 * S > m->now)
            m_arm(m, e, e->confirmed + 1 * S);
        else
            m_ask(m, e, NEIGHBOUR_PROBE);
    }
    return NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED;
}

static unsigned m_hear_na(struct model *m, int k, const struct neighbour_event *event, uint32_t mac)
{
    struct entry *e = &m->entry[k];
    unsigned result = NEIGHBOUR_HEARD_KNOWN;
    if (!e->exists || e->state == NEIGHBOUR_NONE || e->state == NEIGHBOUR_FAILED)
        return 0;
    if (e->state == NEIGHBOUR_INCOMPLETE) {
        if (!event->has_mac)
            return 0;
        e->router = event->router;
        return m_first_word(m, k, mac, event->solicited);
    }
    bool differs = event->has_mac && mac != e->mac;
    if (differs && !event->override) {
        if (e->state == NEIGHBOUR_REACHABLE)
            m_stale(m, k);
        return result;
    }
    if (differs)
        result |= NEIGHBOUR_HEARD_MOVED;
    if (e->router && !event->router)
        result |= NEIGHBOUR_HEARD_ROUTER_LOST;
    e->router = event->router;
    if (differs)
        e->mac = mac;
    if (event->solicited)
        m_reachable(m, k);
    else if (differs)
        m_stale(m, k);
    return result;
}

static unsigned m_hear_source(struct model *m, int k, const struct neighbour_event *event,
                              uint32_t mac)
{
    struct entry *e = &m->entry[k];
    bool router = event->message == NEIGHBOUR_ROUTER_ADVERTISEMENT;
    if (!e->exists || e->state == NEIGHBOUR_NONE || e->state == NEIGHBOUR_FAILED)
        return event->has_mac ? m_hear_absent(m, k, mac, router) : 0;
    e->router = e->router || router;
    if (!event->has_mac || (e->state != NEIGHBOUR_INCOMPLETE && e->mac == mac))
        return NEIGHBOUR_HEARD_KNOWN;
    bool moved = e->state != NEIGHBOUR_INCOMPLETE;
    m_first_word(m, k, mac, false);
    return NEIGHBOUR_HEARD_KNOWN | (moved ? NEIGHBOUR_HEARD_MOVED : 0);
}

static unsigned m_hear(struct model *m, int k, const struct neighbour_event *event, uint32_t mac)
{
    struct entry *e = &m->entry[k];
    if (e->exists && e->is_static) {
        unsigned result = NEIGHBOUR_HEARD_KNOWN;
        if (event->has_mac && mac != e->mac)
            return result | NEIGHBOUR_HEARD_CHALLENGED;
        if (event->message == NEIGHBOUR_ADVERTISEMENT) {
            result |= e->router && !event->router ? NEIGHBOUR_HEARD_ROUTER_LOST : 0;
            e->router = event->router;
        }
        e->router = e->router || event->message == NEIGHBOUR_ROUTER_ADVERTISEMENT;
        return result;
    }
    if (is_ip4(k))
        return m_hear_arp(m, k, event, mac);
    return event->message == NEIGHBOUR_ADVERTISEMENT ? m_hear_na(m, k, event, mac)
                                                     : m_hear_source(m, k, event, mac);
}

/* ---- the table beside it ---- */

static int pick(struct model *m, int n)
{
    return (int)rng_below(&m->rng, (uint64_t)n);
}

/* How long an entry stays REACHABLE is drawn at random by the table; the model sees that it is
 * between half and one and a half of REACHABLE_TIME, and goes by it. */
static void adopt_times(struct model *m)
{
    for (int k = 0; k < KEYS; k++) {
        struct entry *e = &m->entry[k];
        if (!e->exists || !e->fresh)
            continue;
        struct neighbour_key key = key_of(k);
        const struct neighbour *n = neighbour_find(&m->w->neighbours, &key);
        assert_non_null(n);
        assert_in_range(n->reachable_ms, 15000, 45000);
        e->reachable_ns = n->reachable_ms * MS;
        e->fresh = false;
        if (e->state == NEIGHBOUR_REACHABLE && !e->is_static && !e->challenged)
            e->deadline = e->confirmed + e->reachable_ns;
    }
}

static void compare(struct model *m)
{
    const struct neighbours *t = &m->w->neighbours;
    unsigned count = 0;
    for (int k = 0; k < KEYS; k++) {
        const struct entry *e = &m->entry[k];
        struct neighbour_key key = key_of(k);
        const struct neighbour *n = neighbour_find(&m->w->neighbours, &key);
        assert_int_equal(n != NULL, e->exists);
        if (n == NULL)
            continue;
        count++;
        assert_int_equal(n->state, e->state);
        assert_int_equal(n->pins, e->pins);
        assert_int_equal(n->is_static, e->is_static);
        if (e->state == NEIGHBOUR_INCOMPLETE || e->state == NEIGHBOUR_PROBE)
            assert_int_equal(n->tries, e->tries);
        if (e->state == NEIGHBOUR_NONE || e->state == NEIGHBOUR_INCOMPLETE ||
            e->state == NEIGHBOUR_FAILED)
            continue;
        assert_true(eth_addr_eq(n->mac, mac_of(e->mac)));
        assert_int_equal(n->router, e->router);
    }
    assert_int_equal(t->pool.in_use, count);
    assert_int_equal(t->count.evicted, m->evicted);
    assert_int_equal(t->count.failed, m->failed);
    assert_int_equal(t->count.lost, m->lost);
    assert_int_equal(t->count.challenged, m->challenged);
    assert_int_equal(t->count.displaced, m->displaced);
    assert_true(neighbours_invariants(t));
}

static void do_resolve(struct model *m, int k)
{
    struct neighbour_key key = key_of(k);
    struct eth_addr mac;
    enum neighbour_answer answer = neighbour_resolve(&m->w->neighbours, &key, m->now, &mac);
    assert_int_equal(answer, m_resolve(m, k, false));
    if (answer == NEIGHBOUR_READY)
        assert_true(eth_addr_eq(mac, mac_of(m->entry[k].mac)));
}

static void do_pin(struct model *m, int k)
{
    struct handle *handle = &m->handle[pick(m, HANDLES)];
    struct neighbour_key key = key_of(k);
    if (handle->key >= 0)
        return;
    enum neighbour_answer answer = neighbour_pin(&m->w->neighbours, &key, m->now, &handle->real);
    assert_int_equal(answer, m_resolve(m, k, true));
    if (answer == NEIGHBOUR_BUSY)
        return;
    handle->key = k;
    handle->serial = m->entry[k].serial;
}

static void do_handle(struct model *m, int what)
{
    struct handle *handle = &m->handle[pick(m, HANDLES)];
    if (handle->key < 0)
        return;
    struct neighbours *t = &m->w->neighbours;
    struct entry *e = &m->entry[handle->key];
    bool gone = !e->exists || e->serial != handle->serial;
    struct eth_addr mac;
    if (what == 0) {
        enum neighbour_answer answer = neighbour_pinned(t, handle->real, m->now, &mac);
        assert_int_equal(answer, gone ? NEIGHBOUR_GONE : m_answer(m, handle->key));
        if (answer == NEIGHBOUR_READY)
            assert_true(eth_addr_eq(mac, mac_of(e->mac)));
    } else if (what == 1) {
        neighbour_confirm(t, handle->real, m->now);
        if (gone || e->is_static)
            return;
        if (e->state == NEIGHBOUR_REACHABLE) {
            e->confirmed = m->now;
            e->challenged = false;
        } else if (e->state == NEIGHBOUR_STALE || e->state == NEIGHBOUR_DELAY ||
                   e->state == NEIGHBOUR_PROBE) {
            m_reachable(m, handle->key);
        }
    } else {
        neighbour_unpin(t, handle->real, m->now);
        int k = handle->key;
        handle->key = -1;
        if (gone || --e->pins > 0)
            return;
        e->last = ++m->events;
        if (e->state == NEIGHBOUR_NONE)
            m_remove(m, k);
        else if (e->state == NEIGHBOUR_STALE)
            m_arm(m, e, m->now + 60 * S);
    }
}

static void do_hear(struct model *m, int k)
{
    uint32_t mac = 1 + (uint32_t)pick(m, pick(m, 4) == 0 ? MACS : 1);
    struct neighbour_event event = {.key = key_of(k),
                                    .has_mac = is_ip4(k) || pick(m, 8) > 0,
                                    .mac = mac_of(mac),
                                    .to_us = pick(m, 4) > 0,
                                    .solicited = pick(m, 2) == 0,
                                    .override = pick(m, 2) == 0,
                                    .router = pick(m, 2) == 0};
    if (is_ip4(k))
        event.message = pick(m, 2) == 0 ? NEIGHBOUR_ARP_REQUEST : NEIGHBOUR_ARP_REPLY;
    else
        event.message = (enum neighbour_message)(NEIGHBOUR_SOLICITATION + pick(m, 3));
    assert_int_equal(neighbour_heard(&m->w->neighbours, &event, m->now), m_hear(m, k, &event, mac));
}

static void do_output(struct model *m, unsigned ifindex)
{
    struct neighbour_probe probe;
    int first = -1;
    for (int k = 0; k < KEYS; k++)
        if (m->entry[k].exists && m->entry[k].due > 0 && key_of(k).ifindex == ifindex &&
            (first < 0 || m->entry[k].due < m->entry[first].due))
            first = k;
    bool found = neighbour_output(&m->w->neighbours, ifindex, m->now, &probe);
    assert_int_equal(found, first >= 0);
    if (!found)
        return;
    struct entry *e = &m->entry[first];
    assert_true(addr_eq(probe.key.addr, key_of(first).addr));
    assert_int_equal(probe.unicast, e->state == NEIGHBOUR_PROBE);
    assert_true(e->asked == INT64_MIN || m->now - e->asked >= 1 * S);
    e->due = 0;
    e->tries++;
    e->asked = m->now;
    m_arm(m, e, m->now + 1 * S);
}

static void do_wait(struct model *m, int k, int i)
{
    struct neighbour_key key = key_of(k);
    bool packet = pick(m, 4) > 0,
         incomplete = m->entry[k].exists && m->entry[k].state == NEIGHBOUR_INCOMPLETE;
    assert_int_equal(neighbour_wait(&m->w->neighbours, &key, &m->real[i],
                                    packet ? NEIGHBOUR_WAITS_PACKET : NEIGHBOUR_WAITS_CONNECTION),
                     incomplete);
    if (!incomplete || m->waiting[i].key >= 0)
        return;
    unsigned packets = 0;
    for (int j = 0; j < WAITERS; j++)
        packets += m->waiting[j].key == k && m->waiting[j].packet;
    if (packet && packets == PACKETS_MAX) {
        m->displaced++;
        m_wake_one(m, m_oldest_waiter(m, k, true), NEIGHBOUR_BUSY);
    }
    m->waiting[i] = (struct waiting){.key = k, .packet = packet, .since = ++m->events};
}

static void drain(struct model *m)
{
    for (unsigned verdict = 0; verdict < NEIGHBOUR_VERDICTS; verdict++) {
        for (unsigned i = 0; i < m->woken_count[verdict]; i++) {
            enum neighbour_answer real;
            struct neighbour_waiter *waiter = neighbour_woken(&m->w->neighbours, &real);
            assert_ptr_equal(waiter, &m->real[m->woken[verdict][i]]);
            assert_int_equal(real, verdict);
        }
        m->woken_count[verdict] = 0;
    }
    assert_false(neighbour_has_woken(&m->w->neighbours));
}

static void do_manage(struct model *m, int k)
{
    struct neighbour_key key = key_of(k);
    struct entry *e = &m->entry[k];
    switch (pick(m, 4)) {
    case 0:
        if (!e->exists && !m_create(m, k, false)) {
            assert_int_equal(neighbour_add_static(&m->w->neighbours, &key, mac_of(9)),
                             WEIR_E_EXHAUSTED);
            break;
        }
        assert_int_equal(neighbour_add_static(&m->w->neighbours, &key, mac_of(9)), WEIR_OK);
        e->is_static = true;
        e->challenged = false;
        e->mac = 9;
        m_set(m, e, NEIGHBOUR_REACHABLE);
        m_wake(m, k, NEIGHBOUR_READY);
        break;
    case 1:
    case 2:
        assert_int_equal(neighbour_remove(&m->w->neighbours, &key),
                         e->exists ? WEIR_OK : WEIR_E_NOT_FOUND);
        if (e->exists)
            m_remove(m, k);
        break;
    default: {
        /* The order in which a flush wakes is not promised: nobody waits. */
        for (int i = 0; i < WAITERS; i++) {
            neighbour_withdraw(&m->real[i]);
            m->waiting[i].key = -1;
        }
        neighbour_flush(&m->w->neighbours, key.ifindex, true);
        for (int i = 0; i < KEYS; i++)
            if (m->entry[i].exists && key_of(i).ifindex == key.ifindex)
                m_remove(m, i);
        break;
    }
    }
}

static void step(struct model *m)
{
    static const weir_time waits[] = {1 * MS, 10 * MS, 300 * MS, 999 * MS,
                                      1 * S,  3 * S,   20 * S,   60 * S};
    int k = pick(m, KEYS), op = pick(m, 100);
    if (op < 20)
        do_resolve(m, k);
    else if (op < 26)
        do_pin(m, k);
    else if (op < 34)
        do_handle(m, op % 2);
    else if (op < 37)
        do_handle(m, 2);
    else if (op < 57)
        do_hear(m, k);
    else if (op < 70)
        do_output(m, (unsigned)pick(m, 2));
    else if (op < 80) {
        for (int i = pick(m, WAITERS); i < WAITERS; i += 5) {
            do_wait(m, k, i);
            drain(m);
        }
    } else if (op < 82) {
        neighbour_withdraw(&m->real[k]);
        m->waiting[k].key = -1;
    } else if (op == 82)
        do_manage(m, k);
    else {
        weir_time until = m->now + waits[pick(m, op < 98 ? 5 : 8)];
        m_run(m, until);
        world_run(m->w, until);
    }
    adopt_times(m);
    compare(m);
    drain(m);
}

static void random_history(uint64_t seed)
{
    struct world_config config = world_default;
    config.neighbours_max = ENTRIES_MAX;
    config.incomplete_max = INCOMPLETE_MAX;
    config.queue_packets_max = PACKETS_MAX;
    config.seed = seed;
    struct model m = {.w = world_open(&config), .rng = rng_make(seed), .refused = INT64_MIN};
    m.now = m.w->now;
    for (int i = 0; i < WAITERS; i++)
        m.waiting[i].key = -1;
    for (int i = 0; i < HANDLES; i++)
        m.handle[i].key = -1;
    for (unsigned i = 0; i < STEPS; i++)
        step(&m);
    /* The history was worth it. */
    assert_true(m.evicted > 20 && m.failed > 5 && m.lost > 5 && m.challenged > 20 &&
                m.displaced > 5);
    world_close(m.w);
}

static void test_random_histories_agree_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        random_history(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories_agree_with_the_model),
    };
    return cmocka_run_group_tests_name("neighbour_model", tests, NULL, NULL);
}
