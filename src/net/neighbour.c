/* SPDX-License-Identifier: MIT */
#include "net/neighbour.h"

#include "base/layout.h"
#include "net/pace.h"

enum {
    NEIGHBOURS_MIN = 8,
    NEIGHBOURS_MAX = 65536,
    INCOMPLETE_MAX = 4096,
    QUEUE_PACKETS_MAX = 16,
    INTERFACES_MAX = 64,
    REACHABLE_MS_MIN = 1000
};

/* ---- lists ---- */

static void list_init(struct neighbour_link *head)
{
    *head = (struct neighbour_link){.next = head, .prev = head};
}

static bool list_is_empty(const struct neighbour_link *head)
{
    return head->next == head;
}

static void list_append(struct neighbour_link *head, struct neighbour_link *link)
{
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

static void list_remove(struct neighbour_link *link)
{
    if (link->next == NULL)
        return;
    link->next->prev = link->prev;
    link->prev->next = link->next;
    *link = (struct neighbour_link){.next = NULL};
}

/* Move all of a list behind the end of another, whatever its length. */
static void list_splice(struct neighbour_link *to, struct neighbour_link *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

static void *container(struct neighbour_link *link, size_t offset)
{
    return (uint8_t *)link - offset;
}

static struct neighbour *by_place(struct neighbour_link *link)
{
    return container(link, offsetof(struct neighbour, place));
}

static struct neighbour *by_due(struct neighbour_link *link)
{
    return container(link, offsetof(struct neighbour, due));
}

/* ---- the table ---- */

static struct pool_config pool_config(const struct neighbours_config *config)
{
    return (struct pool_config){
        .handler = config->handler,
        .capacity = config->neighbours_max,
        .block_bytes = sizeof(struct neighbour),
        .block_align = _Alignof(struct neighbour),
    };
}

static bool config_is_valid(const struct neighbours_config *config)
{
    return config->neighbours_max >= NEIGHBOURS_MIN && config->neighbours_max <= NEIGHBOURS_MAX &&
           config->neighbours_incomplete_max >= 1 &&
           config->neighbours_incomplete_max <= INCOMPLETE_MAX &&
           config->neighbour_queue_packets_max >= 1 &&
           config->neighbour_queue_packets_max <= QUEUE_PACKETS_MAX &&
           config->interfaces_max >= 1 && config->interfaces_max <= INTERFACES_MAX;
}

size_t neighbours_size(const struct neighbours_config *config)
{
    if (!config_is_valid(config))
        return 0;
    struct pool_config pool = pool_config(config);
    size_t entries = pool_size(&pool), map = map_size(config->neighbours_max);
    if (entries == 0 || map == 0)
        return 0;
    return layout_size(layout_bytes(config->interfaces_max, sizeof(struct neighbour_iface),
                                    _Alignof(struct neighbour_iface)) +
                       entries + map);
}

void neighbours_init(struct neighbours *t, const struct neighbours_config *config, void *mem)
{
    CHECK(config->handler, config_is_valid(config));
    CHECK(config->handler, mem != NULL && config->wheel != NULL);
    *t = (struct neighbours){
        .handler = config->handler,
        .wheel = config->wheel,
        .key = config->key,
        .rng = config->rng,
        .incomplete_max = config->neighbours_incomplete_max,
        .interfaces_max = config->interfaces_max,
        .queue_packets_max = config->neighbour_queue_packets_max,
        .refused = INT64_MIN,
        .iface = layout_align(mem, _Alignof(struct neighbour_iface)),
    };
    for (uint32_t i = 0; i < t->interfaces_max; i++) {
        list_init(&t->iface[i].due);
        t->iface[i].reachable_ms = NEIGHBOUR_REACHABLE_MS;
        t->iface[i].retrans_ms = NEIGHBOUR_RETRANS_MS;
    }
    for (unsigned i = 0; i < NEIGHBOUR_CLASSES; i++)
        list_init(&t->classes[i]);
    for (unsigned i = 0; i < NEIGHBOUR_VERDICTS; i++)
        list_init(&t->woken[i]);
    struct pool_config pool = pool_config(config);
    uint8_t *place = (uint8_t *)(t->iface + t->interfaces_max);
    pool_init(&t->pool, &pool, place);
    map_init(&t->map, config->neighbours_max, config->handler, place + pool_size(&pool));
}

static bool key_eq(const struct neighbour_key *a, const struct neighbour_key *b)
{
    return a->ifindex == b->ifindex && addr_eq(a->addr, b->addr);
}

static uint32_t key_hash(const struct neighbours *t, const struct neighbour_key *key)
{
    uint8_t bytes[20];
    memcpy(bytes, key->addr.bytes, 16);
    store32(bytes + 16, key->ifindex);
    return (uint32_t)siphash13(&t->key, bytes, sizeof bytes);
}

struct lookup {
    const struct neighbours *t;
    const struct neighbour_key *key;
};

static bool same_key(const void *ctx, uint32_t value)
{
    const struct lookup *lookup = ctx;
    const struct neighbour *n = pool_at(&lookup->t->pool, value);
    return key_eq(&n->key, lookup->key);
}

static struct neighbour *find(struct neighbours *t, const struct neighbour_key *key)
{
    CHECK(t->handler, key->ifindex < t->interfaces_max);
    if (t->recent != NULL && key_eq(&t->recent->key, key))
        return t->recent;
    struct lookup lookup = {.t = t, .key = key};
    uint32_t index = map_find(&t->map, key_hash(t, key), same_key, &lookup);
    if (index == MAP_NONE)
        return NULL;
    t->recent = pool_at(&t->pool, index);
    return t->recent;
}

static int64_t retrans_ns(const struct neighbours *t, const struct neighbour *n)
{
    uint32_t ms =
        addr_is_ip4(n->key.addr) ? NEIGHBOUR_RETRANS_MS : t->iface[n->key.ifindex].retrans_ms;
    return ms * WEIR_NS_PER_MS;
}

static void arm(struct neighbours *t, struct neighbour *n, weir_time at)
{
    wheel_arm(t->wheel, &n->timer.node, at);
}

static bool is_asking(const struct neighbour *n)
{
    return n->state == NEIGHBOUR_INCOMPLETE || n->state == NEIGHBOUR_PROBE;
}

/* Put an entry last in the list of those that may give way when it may: not when pinned, nor before
 * a question was answered. */
static void place(struct neighbours *t, struct neighbour *n)
{
    list_remove(&n->place);
    if (n->pins > 0 || n->is_static || is_asking(n))
        return;
    unsigned kind = n->state == NEIGHBOUR_FAILED ? NEIGHBOUR_CLASS_FAILED
                    : n->used                    ? NEIGHBOUR_CLASS_USED
                                                 : NEIGHBOUR_CLASS_HEARD;
    list_append(&t->classes[kind], &n->place);
}

/* Wake all who wait. Connections are spliced, so that one answer costs the same for any number of
 * them. */
static void wake(struct neighbours *t, struct neighbour *n, enum neighbour_answer verdict)
{
    for (struct neighbour_link *link = n->packets.next; link != &n->packets; link = link->next) {
        struct neighbour_waiter *waiter = container(link, offsetof(struct neighbour_waiter, link));
        waiter->holder = NULL;
    }
    n->packet_count = 0;
    list_splice(&t->woken[verdict], &n->packets);
    list_splice(&t->woken[verdict], &n->connections);
}

static void set_state(struct neighbours *t, struct neighbour *n, enum neighbour_state state)
{
    if (n->state == NEIGHBOUR_INCOMPLETE)
        t->incomplete--;
    if (state == NEIGHBOUR_INCOMPLETE)
        t->incomplete++;
    CHECK(t->handler, t->incomplete <= t->incomplete_max);
    n->state = (uint8_t)state;
    list_remove(&n->due);
    wheel_cancel(t->wheel, &n->timer.node);
    place(t, n);
}

static void release(struct neighbours *t, struct neighbour *n)
{
    uint32_t index = pool_index(&t->pool, n);
    set_state(t, n, NEIGHBOUR_NONE);
    wake(t, n, NEIGHBOUR_BUSY);
    list_remove(&n->place);
    bool removed = map_remove(&t->map, n->hash, index);
    CHECK(t->handler, removed);
    if (t->recent == n)
        t->recent = NULL;
    pool_give(&t->pool, index);
}

/* Is there a place for one more entry, if need be that of another? */
static bool make_room(struct neighbours *t, bool only_heard)
{
    if (t->pool.in_use < t->pool.capacity)
        return true;
    for (unsigned kind = NEIGHBOUR_CLASS_FAILED; kind < NEIGHBOUR_CLASSES; kind++) {
        if (list_is_empty(&t->classes[kind]) || (only_heard && kind == NEIGHBOUR_CLASS_USED))
            continue;
        t->count.evicted++;
        release(t, by_place(t->classes[kind].next));
        return true;
    }
    if (only_heard)
        t->count.refused_heard++;
    else
        t->count.refused_full++;
    return false;
}

/* An entry in state NONE, in no class yet; NULL when there is no place. */
static struct neighbour *create(struct neighbours *t, const struct neighbour_key *key,
                                bool only_heard)
{
    if (!make_room(t, only_heard))
        return NULL;
    uint32_t index = pool_take(&t->pool);
    struct neighbour *n = pool_at(&t->pool, index);
    *n = (struct neighbour){
        .timer.kind = NET_TIMER_NEIGHBOUR,
        .key = *key,
        .hash = key_hash(t, key),
        .asked = INT64_MIN,
    };
    list_init(&n->packets);
    list_init(&n->connections);
    bool inserted = map_insert(&t->map, n->hash, index);
    CHECK(t->handler, inserted);
    t->count.created++;
    t->recent = n;
    return n;
}

/* ---- states ---- */

static void become_due(struct neighbours *t, struct neighbour *n, weir_time now)
{
    if (n->due.next == NULL)
        list_append(&t->iface[n->key.ifindex].due, &n->due);
    /* By then it must have been sent, or it counts as a try: a device that takes nothing keeps
     * nobody waiting for ever. */
    arm(t, n, pace_after(now, retrans_ns(t, n)));
}

/* INCOMPLETE or PROBE: the first solicitation now, or RETRANS_TIMER after one of an earlier state.
 */
static void start_asking(struct neighbours *t, struct neighbour *n, enum neighbour_state state,
                         weir_time now)
{
    set_state(t, n, state);
    n->tries = 0;
    weir_time from = n->asked == INT64_MIN ? now : pace_after(n->asked, retrans_ns(t, n));
    if (from <= now)
        become_due(t, n, now);
    else
        arm(t, n, from);
}

static weir_time stale_at(const struct neighbour *n)
{
    return pace_after(n->confirmed, n->reachable_ms * WEIR_NS_PER_MS);
}

static void become_reachable(struct neighbours *t, struct neighbour *n, weir_time now)
{
    uint32_t base =
        addr_is_ip4(n->key.addr) ? NEIGHBOUR_REACHABLE_MS : t->iface[n->key.ifindex].reachable_ms;
    set_state(t, n, NEIGHBOUR_REACHABLE);
    /* MIN_RANDOM_FACTOR and MAX_RANDOM_FACTOR (RFC 4861 6.3.2), drawn anew each time. */
    n->reachable_ms = (uint32_t)rng_between(&t->rng, base / 2, base + base / 2);
    n->confirmed = now;
    n->challenged = false;
    arm(t, n, stale_at(n));
    wake(t, n, NEIGHBOUR_READY);
}

static void become_stale(struct neighbours *t, struct neighbour *n, weir_time now)
{
    set_state(t, n, NEIGHBOUR_STALE);
    n->challenged = false;
    if (n->pins == 0)
        arm(t, n, pace_after(now, NEIGHBOUR_STALE_MS * WEIR_NS_PER_MS));
    wake(t, n, NEIGHBOUR_READY);
}

/* The entry is no more, as RFC 4861 has it; while pinned its shell stays. */
static void discard(struct neighbours *t, struct neighbour *n)
{
    if (n->pins == 0) {
        release(t, n);
        return;
    }
    set_state(t, n, NEIGHBOUR_NONE);
    n->router = false;
    n->challenged = false;
}

static void give_up(struct neighbours *t, struct neighbour *n, weir_time now)
{
    if (n->state == NEIGHBOUR_PROBE) {
        t->count.lost++;
        discard(t, n);
        return;
    }
    t->count.failed++;
    set_state(t, n, NEIGHBOUR_FAILED);
    wake(t, n, NEIGHBOUR_UNREACHABLE);
    arm(t, n, pace_after(now, NEIGHBOUR_FAILED_MS * WEIR_NS_PER_MS));
}

/* Were resolutions refused within the time that one request gets? */
static bool is_pressed(const struct neighbours *t, weir_time now)
{
    return t->refused != INT64_MIN &&
           pace_after(t->refused, NEIGHBOUR_RETRANS_MS * WEIR_NS_PER_MS) >= now;
}

static void expire_asking(struct neighbours *t, struct neighbour *n, weir_time now)
{
    unsigned tries_max =
        n->state == NEIGHBOUR_PROBE ? NEIGHBOUR_UNICAST_TRIES : NEIGHBOUR_MULTICAST_TRIES;
    if (n->due.next != NULL)
        n->tries++; /* nobody took it */
    if (n->tries >= tries_max)
        give_up(t, n, now);
    else if (n->state == NEIGHBOUR_INCOMPLETE && n->tries > 0 && n->pins == 0 && is_pressed(t, now))
        release(t, n);
    else
        become_due(t, n, now);
}

void neighbour_expire(struct neighbours *t, struct net_timer *timer, weir_time now)
{
    struct neighbour *n = (void *)timer;
    _Static_assert(offsetof(struct neighbour, timer) == 0, "a timer is its entry");
    CHECK(t->handler, timer->kind == NET_TIMER_NEIGHBOUR && !n->is_static);
    switch (n->state) {
    case NEIGHBOUR_INCOMPLETE:
    case NEIGHBOUR_PROBE:
        expire_asking(t, n, now);
        break;
    case NEIGHBOUR_REACHABLE:
        if (n->challenged)
            start_asking(t, n, NEIGHBOUR_PROBE, now);
        else if (stale_at(n) > now)
            arm(t, n, stale_at(n)); /* confirmed since it was armed */
        else
            become_stale(t, n, now);
        break;
    case NEIGHBOUR_DELAY:
        start_asking(t, n, NEIGHBOUR_PROBE, now);
        break;
    case NEIGHBOUR_STALE:
        CHECK(t->handler, n->pins == 0);
        release(t, n);
        break;
    default:
        CHECK(t->handler, n->state == NEIGHBOUR_FAILED);
        discard(t, n);
        break;
    }
}

/* ---- asking ---- */

/* May one more resolution begin? */
static bool incomplete_room(struct neighbours *t, bool connection, weir_time now)
{
    uint32_t kept = connection ? 0 : t->incomplete_max / 4;
    if (t->incomplete < t->incomplete_max - kept)
        return true;
    t->count.refused_incomplete++;
    t->refused = now;
    return false;
}

/* What an entry answers that somebody wants to send to. */
static enum neighbour_answer answer(struct neighbours *t, struct neighbour *n, weir_time now,
                                    struct eth_addr *mac)
{
    switch (n->state) {
    case NEIGHBOUR_NONE:
        if (!incomplete_room(t, n->pins > 0, now))
            return NEIGHBOUR_BUSY;
        start_asking(t, n, NEIGHBOUR_INCOMPLETE, now);
        return NEIGHBOUR_WAIT;
    case NEIGHBOUR_INCOMPLETE:
        return NEIGHBOUR_WAIT;
    case NEIGHBOUR_FAILED:
        return NEIGHBOUR_UNREACHABLE;
    case NEIGHBOUR_STALE:
        set_state(t, n, NEIGHBOUR_DELAY);
        arm(t, n, pace_after(now, NEIGHBOUR_DELAY_MS * WEIR_NS_PER_MS));
        break;
    default:
        break;
    }
    *mac = n->mac;
    return NEIGHBOUR_READY;
}

enum neighbour_answer neighbour_resolve(struct neighbours *t, const struct neighbour_key *key,
                                        weir_time now, struct eth_addr *mac)
{
    struct neighbour *n = find(t, key);
    if (n == NULL) {
        if (!incomplete_room(t, false, now))
            return NEIGHBOUR_BUSY;
        n = create(t, key, false);
        if (n == NULL)
            return NEIGHBOUR_BUSY;
    }
    n->used = true;
    enum neighbour_answer result = answer(t, n, now, mac);
    if (result == NEIGHBOUR_READY)
        place(t, n);
    return result;
}

enum neighbour_answer neighbour_pin(struct neighbours *t, const struct neighbour_key *key,
                                    weir_time now, struct pool_handle *pin)
{
    struct neighbour *n = find(t, key);
    struct eth_addr mac;
    *pin = (struct pool_handle){.index = 0};
    if (n == NULL) {
        if (!incomplete_room(t, true, now))
            return NEIGHBOUR_BUSY;
        n = create(t, key, false);
        if (n == NULL)
            return NEIGHBOUR_BUSY;
    }
    n->used = true;
    n->pins++;
    enum neighbour_answer result = answer(t, n, now, &mac);
    CHECK(t->handler, result != NEIGHBOUR_BUSY || n->pins > 1);
    if (result == NEIGHBOUR_BUSY) {
        n->pins--;
        return NEIGHBOUR_BUSY;
    }
    place(t, n);
    *pin = pool_handle_of(&t->pool, pool_index(&t->pool, n));
    return result;
}

enum neighbour_answer neighbour_pinned(struct neighbours *t, struct pool_handle pin, weir_time now,
                                       struct eth_addr *mac)
{
    struct neighbour *n = pool_get(&t->pool, pin);
    if (n == NULL)
        return NEIGHBOUR_GONE;
    CHECK(t->handler, n->pins > 0);
    return answer(t, n, now, mac);
}

void neighbour_unpin(struct neighbours *t, struct pool_handle pin, weir_time now)
{
    struct neighbour *n = pool_get(&t->pool, pin);
    if (n == NULL)
        return;
    CHECK(t->handler, n->pins > 0);
    if (--n->pins > 0)
        return;
    if (n->state == NEIGHBOUR_NONE) {
        release(t, n);
        return;
    }
    if (n->state == NEIGHBOUR_STALE)
        arm(t, n, pace_after(now, NEIGHBOUR_STALE_MS * WEIR_NS_PER_MS));
    place(t, n);
}

void neighbour_confirm(struct neighbours *t, struct pool_handle pin, weir_time now)
{
    struct neighbour *n = pool_get(&t->pool, pin);
    if (n == NULL || n->is_static)
        return;
    switch (n->state) {
    case NEIGHBOUR_REACHABLE:
        n->confirmed = now;
        n->challenged = false;
        break;
    case NEIGHBOUR_STALE:
    case NEIGHBOUR_DELAY:
    case NEIGHBOUR_PROBE:
        become_reachable(t, n, now);
        break;
    default:
        break;
    }
}

/* ---- waiting ---- */

bool neighbour_wait(struct neighbours *t, const struct neighbour_key *key,
                    struct neighbour_waiter *waiter, enum neighbour_waits what)
{
    struct neighbour *n = find(t, key);
    if (n == NULL || n->state != NEIGHBOUR_INCOMPLETE)
        return false;
    if (waiter->link.next != NULL)
        return true;
    if (what == NEIGHBOUR_WAITS_CONNECTION) {
        list_append(&n->connections, &waiter->link);
        return true;
    }
    if (n->packet_count == t->queue_packets_max) {
        struct neighbour_waiter *oldest =
            container(n->packets.next, offsetof(struct neighbour_waiter, link));
        neighbour_withdraw(oldest);
        list_append(&t->woken[NEIGHBOUR_BUSY], &oldest->link);
        t->count.displaced++;
    }
    list_append(&n->packets, &waiter->link);
    waiter->holder = n;
    n->packet_count++;
    return true;
}

void neighbour_withdraw(struct neighbour_waiter *waiter)
{
    list_remove(&waiter->link);
    if (waiter->holder != NULL)
        waiter->holder->packet_count--;
    waiter->holder = NULL;
}

bool neighbour_has_woken(const struct neighbours *t)
{
    for (unsigned i = 0; i < NEIGHBOUR_VERDICTS; i++)
        if (!list_is_empty(&t->woken[i]))
            return true;
    return false;
}

struct neighbour_waiter *neighbour_woken(struct neighbours *t, enum neighbour_answer *verdict)
{
    for (unsigned i = 0; i < NEIGHBOUR_VERDICTS; i++) {
        if (list_is_empty(&t->woken[i]))
            continue;
        struct neighbour_link *link = t->woken[i].next;
        list_remove(link);
        *verdict = (enum neighbour_answer)i;
        return container(link, offsetof(struct neighbour_waiter, link));
    }
    return NULL;
}

/* ---- hearing ---- */

/* Take over the station of a message. */
static unsigned set_mac(struct neighbours *t, struct neighbour *n, struct eth_addr mac)
{
    bool moved = !eth_addr_eq(n->mac, mac);
    n->mac = mac;
    t->count.moved += moved;
    return NEIGHBOUR_HEARD_KNOWN | (moved ? NEIGHBOUR_HEARD_MOVED : 0);
}

/* The first word of a neighbour that we have no station of. */
static unsigned learn(struct neighbours *t, struct neighbour *n, struct eth_addr mac,
                      bool reachable, weir_time now)
{
    n->mac = mac;
    if (reachable)
        become_reachable(t, n, now);
    else
        become_stale(t, n, now);
    return NEIGHBOUR_HEARD_KNOWN;
}

/* Is nothing known or asked, as far as RFC 4861 is concerned? */
static bool is_absent(const struct neighbour *n)
{
    return n == NULL || n->state == NEIGHBOUR_NONE || n->state == NEIGHBOUR_FAILED;
}

/* An absent neighbour asks us: make an entry, STALE, as we are about to answer. */
static unsigned learn_absent(struct neighbours *t, struct neighbour *n,
                             const struct neighbour_event *event, weir_time now)
{
    if (n == NULL)
        n = create(t, &event->key, true);
    if (n == NULL)
        return 0;
    n->router = event->message == NEIGHBOUR_ROUTER_ADVERTISEMENT;
    return learn(t, n, event->mac, false, now);
}

/* Somebody else claims the address of an entry in use: ask the station that we know, and believe
 * nobody else as long as it answers. In the lock time after a confirmation even that waits. */
static unsigned challenge(struct neighbours *t, struct neighbour *n, weir_time now)
{
    t->count.challenged++;
    if (n->state == NEIGHBOUR_PROBE || (n->state == NEIGHBOUR_REACHABLE && n->challenged))
        return NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED;
    n->challenged = true;
    weir_time unlocked = pace_after(n->confirmed, NEIGHBOUR_LOCK_MS * WEIR_NS_PER_MS);
    if (n->state == NEIGHBOUR_REACHABLE && unlocked > now)
        arm(t, n, unlocked);
    else
        start_asking(t, n, NEIGHBOUR_PROBE, now);
    return NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED;
}

/* RFC 826, "packet reception", and the caution of ATK-ARP-03. */
static unsigned heard_arp(struct neighbours *t, struct neighbour *n,
                          const struct neighbour_event *event, weir_time now)
{
    bool reply = event->message == NEIGHBOUR_ARP_REPLY;
    if (is_absent(n))
        return !reply && event->to_us ? learn_absent(t, n, event, now) : 0;
    /* ARP has no flag that says so: a reply answers us if we asked and it is for us. */
    bool answers = reply && event->to_us && is_asking(n) && n->tries > 0;
    if (n->state == NEIGHBOUR_INCOMPLETE)
        return learn(t, n, event->mac, answers, now);
    if (!eth_addr_eq(n->mac, event->mac)) {
        if (n->state != NEIGHBOUR_STALE || n->pins > 0)
            return challenge(t, n, now);
        unsigned result = set_mac(t, n, event->mac);
        become_stale(t, n, now);
        return result;
    }
    if (answers)
        become_reachable(t, n, now);
    return NEIGHBOUR_HEARD_KNOWN;
}

/* A solicitation, or a router's advertisement: the sender tells its own station. */
static unsigned heard_source(struct neighbours *t, struct neighbour *n,
                             const struct neighbour_event *event, weir_time now)
{
    if (is_absent(n))
        return event->has_mac ? learn_absent(t, n, event, now) : 0;
    if (event->message == NEIGHBOUR_ROUTER_ADVERTISEMENT)
        n->router = true;
    if (!event->has_mac)
        return NEIGHBOUR_HEARD_KNOWN;
    if (n->state == NEIGHBOUR_INCOMPLETE)
        return learn(t, n, event->mac, false, now);
    if (eth_addr_eq(n->mac, event->mac))
        return NEIGHBOUR_HEARD_KNOWN;
    unsigned result = set_mac(t, n, event->mac);
    become_stale(t, n, now);
    return result;
}

/* RFC 4861 7.2.5. */
static unsigned heard_advertisement(struct neighbours *t, struct neighbour *n,
                                    const struct neighbour_event *event, weir_time now)
{
    if (is_absent(n) || (n->state == NEIGHBOUR_INCOMPLETE && !event->has_mac))
        return 0;
    unsigned result = NEIGHBOUR_HEARD_KNOWN;
    if (n->state == NEIGHBOUR_INCOMPLETE) {
        n->router = event->router;
        return learn(t, n, event->mac, event->solicited, now);
    }
    bool differs = event->has_mac && !eth_addr_eq(n->mac, event->mac);
    if (differs && !event->override) { /* rule I */
        if (n->state == NEIGHBOUR_REACHABLE)
            become_stale(t, n, now);
        return result;
    }
    if (n->router && !event->router) /* rule II */
        result |= NEIGHBOUR_HEARD_ROUTER_LOST;
    n->router = event->router;
    if (differs)
        result |= set_mac(t, n, event->mac);
    if (event->solicited)
        become_reachable(t, n, now);
    else if (differs)
        become_stale(t, n, now);
    return result;
}

/* A static entry says what it says; being a router or not is all it learns. */
static unsigned heard_static(struct neighbours *t, struct neighbour *n,
                             const struct neighbour_event *event)
{
    unsigned result = NEIGHBOUR_HEARD_KNOWN;
    bool arp = event->message == NEIGHBOUR_ARP_REQUEST || event->message == NEIGHBOUR_ARP_REPLY;
    if ((arp || event->has_mac) && !eth_addr_eq(n->mac, event->mac)) {
        t->count.static_challenged++;
        return result | NEIGHBOUR_HEARD_CHALLENGED;
    }
    if (event->message == NEIGHBOUR_ROUTER_ADVERTISEMENT)
        n->router = true;
    if (event->message == NEIGHBOUR_ADVERTISEMENT) {
        if (n->router && !event->router)
            result |= NEIGHBOUR_HEARD_ROUTER_LOST;
        n->router = event->router;
    }
    return result;
}

unsigned neighbour_heard(struct neighbours *t, const struct neighbour_event *event, weir_time now)
{
    struct neighbour *n = find(t, &event->key);
    if (n != NULL && n->is_static)
        return heard_static(t, n, event);
    switch (event->message) {
    case NEIGHBOUR_ARP_REQUEST:
    case NEIGHBOUR_ARP_REPLY:
        return heard_arp(t, n, event, now);
    case NEIGHBOUR_ADVERTISEMENT:
        return heard_advertisement(t, n, event, now);
    default:
        return heard_source(t, n, event, now);
    }
}

/* ---- soliciting ---- */

bool neighbour_has_output(const struct neighbours *t, uint32_t ifindex)
{
    CHECK(t->handler, ifindex < t->interfaces_max);
    return !list_is_empty(&t->iface[ifindex].due);
}

bool neighbour_output(struct neighbours *t, uint32_t ifindex, weir_time now,
                      struct neighbour_probe *out)
{
    if (!neighbour_has_output(t, ifindex))
        return false;
    struct neighbour *n = by_due(t->iface[ifindex].due.next);
    CHECK(t->handler, is_asking(n) && n->key.ifindex == ifindex);
    list_remove(&n->due);
    n->tries++;
    n->asked = now;
    t->count.solicited++;
    arm(t, n, pace_after(now, retrans_ns(t, n)));
    *out = (struct neighbour_probe){.key = n->key, .unicast = n->state == NEIGHBOUR_PROBE};
    if (out->unicast)
        out->mac = n->mac;
    return true;
}

static uint32_t clamp(uint32_t x, uint32_t low, uint32_t high)
{
    return x < low ? low : x > high ? high : x;
}

void neighbour_set_times(struct neighbours *t, uint32_t ifindex, uint32_t reachable_ms,
                         uint32_t retrans_ms)
{
    CHECK(t->handler, ifindex < t->interfaces_max);
    struct neighbour_iface *iface = &t->iface[ifindex];
    if (reachable_ms != 0)
        iface->reachable_ms = clamp(reachable_ms, REACHABLE_MS_MIN, NEIGHBOUR_REACHABLE_MS_MAX);
    if (retrans_ms != 0)
        iface->retrans_ms = clamp(retrans_ms, NEIGHBOUR_RETRANS_MS, NEIGHBOUR_RETRANS_MS_MAX);
}

/* ---- managing ---- */

int neighbour_add_static(struct neighbours *t, const struct neighbour_key *key, struct eth_addr mac)
{
    if (!eth_addr_is_station(mac))
        return WEIR_E_INVALID;
    struct neighbour *n = find(t, key);
    if (n == NULL)
        n = create(t, key, false);
    if (n == NULL)
        return WEIR_E_EXHAUSTED;
    n->is_static = true;
    n->challenged = false;
    n->mac = mac;
    set_state(t, n, NEIGHBOUR_REACHABLE);
    wake(t, n, NEIGHBOUR_READY);
    return WEIR_OK;
}

int neighbour_remove(struct neighbours *t, const struct neighbour_key *key)
{
    struct neighbour *n = find(t, key);
    if (n == NULL)
        return WEIR_E_NOT_FOUND;
    release(t, n);
    return WEIR_OK;
}

void neighbour_flush(struct neighbours *t, uint32_t ifindex, bool also_static)
{
    for (uint32_t i = 0; i < t->pool.fresh; i++) {
        struct neighbour *n = pool_at(&t->pool, i);
        if (pool_in_use(&t->pool, i) && n->key.ifindex == ifindex && (also_static || !n->is_static))
            release(t, n);
    }
}

const struct neighbour *neighbour_find(struct neighbours *t, const struct neighbour_key *key)
{
    return find(t, key);
}

const struct neighbour *neighbour_next(const struct neighbours *t, uint32_t *cursor)
{
    while (*cursor < t->pool.fresh) {
        uint32_t index = (*cursor)++;
        if (pool_in_use(&t->pool, index))
            return pool_at(&t->pool, index);
    }
    return NULL;
}

/* ---- invariants ---- */

static size_t list_count(const struct neighbour_link *head, size_t max)
{
    size_t count = 0;
    for (const struct neighbour_link *link = head->next; link != head; link = link->next)
        if (link->next->prev != link || ++count > max)
            return SIZE_MAX;
    return count;
}

/* Is a timer running exactly when the state has one? */
static bool timer_invariant(const struct neighbour *n)
{
    bool timed = n->state != NEIGHBOUR_NONE && !n->is_static &&
                 !(n->state == NEIGHBOUR_STALE && n->pins > 0);
    return wheel_is_armed(&n->timer.node) == timed && n->timer.kind == NET_TIMER_NEIGHBOUR;
}

static bool entry_invariants(const struct neighbours *t, const struct neighbour *n)
{
    bool waited_for = !list_is_empty(&n->packets) || !list_is_empty(&n->connections);
    bool may_give_way = n->pins == 0 && !n->is_static && !is_asking(n);
    return timer_invariant(n) && (!waited_for || n->state == NEIGHBOUR_INCOMPLETE) &&
           n->packet_count <= t->queue_packets_max &&
           list_count(&n->packets, t->queue_packets_max) == n->packet_count &&
           (n->due.next == NULL || is_asking(n)) && (n->place.next != NULL) == may_give_way &&
           (n->state != NEIGHBOUR_NONE || n->pins > 0) &&
           (!n->is_static || n->state == NEIGHBOUR_REACHABLE);
}

bool neighbours_invariants(const struct neighbours *t)
{
    uint32_t cursor = 0, incomplete = 0;
    size_t due = 0, evictable = 0, placed = 0, listed = 0;
    const struct neighbour *n;
    while ((n = neighbour_next(t, &cursor)) != NULL) {
        struct lookup lookup = {.t = t, .key = &n->key};
        if (!entry_invariants(t, n) ||
            map_find(&t->map, key_hash(t, &n->key), same_key, &lookup) != pool_index(&t->pool, n))
            return false;
        incomplete += n->state == NEIGHBOUR_INCOMPLETE;
        due += n->due.next != NULL;
        evictable += n->place.next != NULL;
    }
    for (uint32_t i = 0; i < t->interfaces_max; i++)
        listed += list_count(&t->iface[i].due, t->pool.in_use);
    for (unsigned i = 0; i < NEIGHBOUR_CLASSES; i++)
        placed += list_count(&t->classes[i], t->pool.in_use);
    return incomplete == t->incomplete && incomplete <= t->incomplete_max && due == listed &&
           evictable == placed && t->map.count == t->pool.in_use && map_invariants(&t->map) &&
           pool_invariants(&t->pool);
}
