/* SPDX-License-Identifier: MIT
 * TCP Fast Open (RFC 7413): data in the SYN, from who has shown before that he is where he says.
 *
 * A server's cookie is a keyed hash of the two addresses, under a key that changes with every epoch;
 * that of the last epoch is good, too. Nothing is kept for it. What a SYN carries may reach the
 * application more than once when the network repeats it (6.1): that is for the application to know
 * that sets FAST_OPEN. A connection that is open fast is in SYN-RECEIVED and in the accept queue, and is
 * counted until its handshake is over.
 *
 * A client keeps, for a pair of addresses, the cookie and the MSS (4.1.3), and for a port behind it the
 * time until which it sends nothing but plain SYNs, as fast open came to nothing there (4.1.3.1). */
#include "tcp/tcp.h"

#include "base/layout.h"

enum {
    COOKIE_BYTES = 8,
    EPOCH_S = 6 * 3600,
    HOLD_S = 30,          /* a RST gives a place free after one to two of these */
    UNANSWERED_S = 600,   /* plain SYNs for so long: the option, or the data, came to nothing ... */
    VANISHED_S = 3600,    /* ... or the SYN did, and a plain one did not ... */
    FAILED_S_MAX = 86400, /* ... doubled each time, to a day */
    FAILURES_MAX = 8,     /* doublings that count */
    EVICT_LOOKS = 4       /* places looked at for one that is of no use any more */
};
#define PATH_KEY UINT64_MAX /* of sip_derive(), and the next: no epoch comes so far */
#define RNG_KEY  (UINT64_MAX - 1)

/* What is known of a path, with `port` 0, or of a port behind it. */
struct tcp_fast_path {
    struct weir_addr local, remote;
    uint16_t port;
    uint16_t mss;       /* of a path */
    uint8_t cookie_len; /* the same */
    uint8_t failures;   /* of a port, in a row */
    uint8_t cookie[TCP_FAST_OPEN_COOKIE_MAX];
    uint32_t hash;
    weir_time until; /* of a port: plain SYNs */
};

/* ---- memory ---- */

static uint32_t paths_max(const struct weir_config *config)
{
    return config->tcp_fast_open_paths_max > 0 ? config->tcp_fast_open_paths_max : 1;
}

size_t tcp_fast_open_size(const struct weir_config *config)
{
    uint32_t max = paths_max(config);
    size_t map = map_size(max);
    return map == 0 ? 0
                    : layout_size(layout_bytes(max, sizeof(struct tcp_fast_path),
                                               _Alignof(struct tcp_fast_path)) +
                                  map);
}

void tcp_fast_open_init(struct tcp_room *tcp, const struct sip_key *key, void *mem)
{
    struct tcp_fast_open *f = &tcp->fast_open;
    f->key = sip_derive(key, 101);
    f->paths_max = paths_max(tcp->config);
    f->rng = rng_make(sip_derive(&f->key, RNG_KEY).k0);
    map_init(&f->map, f->paths_max, tcp->handler, mem);
    f->paths = layout_align((uint8_t *)mem + map_size(f->paths_max), _Alignof(struct tcp_fast_path));
}

/* ---- server: cookies ---- */

static void cookie_of(const struct tcp_room *tcp, struct weir_addr client, struct weir_addr server,
                      uint64_t epoch, uint8_t cookie[COOKIE_BYTES])
{
    uint8_t bytes[2 * sizeof client.bytes];
    struct sip_key key = sip_derive(&tcp->fast_open.key, epoch);
    memcpy(bytes, client.bytes, sizeof client.bytes);
    memcpy(bytes + sizeof client.bytes, server.bytes, sizeof server.bytes);
    store64(cookie, siphash24(&key, bytes, sizeof bytes));
}

static uint64_t epoch_at(weir_time now)
{
    return (uint64_t)now / ((uint64_t)EPOCH_S * (uint64_t)WEIR_NS_PER_S);
}

void tcp_fast_open_cookie(const struct tcp_room *tcp, struct weir_addr client,
                          struct weir_addr server, uint8_t cookie[8], weir_time now)
{
    cookie_of(tcp, client, server, epoch_at(now), cookie);
}

/* In a time that tells nothing of where they differ (ATK-INF-08). */
static bool cookies_equal(const uint8_t a[COOKIE_BYTES], const uint8_t b[COOKIE_BYTES])
{
    unsigned different = 0;
    for (unsigned i = 0; i < COOKIE_BYTES; i++)
        different |= (unsigned)(a[i] ^ b[i]);
    return different == 0;
}

enum cookie_age { COOKIE_NEW, COOKIE_OLD, COOKIE_BAD };

static enum cookie_age judge(const struct tcp_room *tcp, const struct tcp_segment *s)
{
    struct weir_ref cookie = s->options->fast_open;
    uint64_t epoch = epoch_at(s->now);
    uint8_t right[COOKIE_BYTES];
    if (cookie.len != COOKIE_BYTES)
        return COOKIE_BAD;
    cookie_of(tcp, s->rx->source, s->rx->destination, epoch, right);
    if (cookies_equal(cookie.data, right))
        return COOKIE_NEW;
    cookie_of(tcp, s->rx->source, s->rx->destination, epoch - 1, right);
    return cookies_equal(cookie.data, right) ? COOKIE_OLD : COOKIE_BAD;
}

/* ---- server: connections whose handshake is not complete ---- */

/* What RST has ended keeps its place for a while, or it would cost an attacker nothing to go on (5.1).
 * Two counts, of this while and of the last. */
static uint32_t held(struct tcp_fast_open *f, weir_time now)
{
    weir_time hold = HOLD_S * WEIR_NS_PER_S;
    if (f->held_until <= now) {
        f->held_before = now - f->held_until < hold ? f->held : 0;
        f->held = 0;
        f->held_until = now + hold;
    }
    return f->held + f->held_before;
}

enum tcp_fast_verdict tcp_fast_open_syn(struct tcp_room *tcp, const struct tcp_conn *listener,
                                        const struct tcp_segment *s)
{
    struct tcp_fast_open *f = &tcp->fast_open;
    if (!listener->set.fast_open || (s->options->present & TCP_HAS_FAST_OPEN) == 0)
        return TCP_FAST_NO;
    if (s->options->fast_open.len == 0)
        return TCP_FAST_COOKIE;
    enum cookie_age age = judge(tcp, s);
    if (age == COOKIE_BAD) {
        tcp->count.fast_open_bad++;
        return TCP_FAST_COOKIE;
    }
    enum tcp_fast_verdict ordinary = age == COOKIE_OLD ? TCP_FAST_COOKIE : TCP_FAST_NO;
    if (listener->set.ask)
        return ordinary;
    if (f->pending + held(f, s->now) >= tcp->config->tcp_fast_open_pending_max) {
        tcp->count.fast_open_limited++;
        return ordinary;
    }
    return TCP_FAST_DATA;
}

/* The data of the SYN, as much of it as the window takes that is told to everybody. False: there is no
 * memory for any of it. */
static bool take_data(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    uint64_t window = c->rcv_edge - c->rcv_nxt;
    uint32_t len = s->len < window ? s->len : (uint32_t)window;
    if (len == 0)
        return true;
    uint32_t taken = tcp_copy_in(tcp, s, 0, len, &c->receive, c->rcv_nxt, BLOCKS_NORMAL);
    if (taken == 0) {
        ring_reset(&c->receive, c->rcv_nxt);
        return false;
    }
    c->rcv_nxt += taken;
    tcp_note_size(c, taken);
    return true;
}

enum weir_drop tcp_fast_open_accept(struct tcp_room *tcp, struct tcp_conn *listener,
                                    struct tcp_segment *s, struct tcp_seq iss)
{
    struct tcp_syn syn;
    tcp_listen_record(tcp, listener, s, iss, &syn);
    struct tcp_conn *c = tcp_listen_make(tcp, &syn, s);
    if (c == NULL)
        return WEIR_DROP_TCP_MEMORY;
    if (!take_data(tcp, c, s)) {
        c->released = c->closed_told = c->closed_read = true;
        tcp_conn_free_if_done(tcp, c);
        return WEIR_DROP_TCP_MEMORY;
    }
    c->snd_una = c->snd_nxt = c->snd_max = tcp_iss(c);
    c->snd_wnd = c->snd_wnd_max = syn.window;
    c->rcv_acked = tcp_wrap(c->rcv_nxt);
    c->state = WEIR_TCP_SYN_RECEIVED;
    c->fast_open = c->fast_pending = true;
    c->oob = TCP_FAST_REPLY_NONE;
    if (judge(tcp, s) == COOKIE_OLD)
        c->oob = s->options->fast_open_experimental ? TCP_FAST_REPLY_EXPERIMENTAL
                                                    : TCP_FAST_REPLY_COOKIE;
    cc_init(&c->cc, tcp_send_mss(c), c->set.initial_window, false);
    struct tcp_tuple tuple = tcp_conn_tuple(c);
    tcp_listen_enqueue(tcp, listener, c, tcp_tuple_hash(tcp, &tuple));
    tcp->fast_open.pending++;
    tcp->count.passive_opens++;
    tcp->count.fast_open_in++;
    c->work |= TCP_WORK_SYN;
    tcp_ready(tcp, c);
    return WEIR_DROP_NONE;
}

void tcp_fast_open_reply(const struct tcp_room *tcp, const struct tcp_conn *c,
                         struct tcp_options *o, uint8_t cookie[8], weir_time now)
{
    if (c->oob == TCP_FAST_REPLY_NONE)
        return;
    tcp_fast_open_cookie(tcp, c->remote, c->local, cookie, now);
    o->present |= TCP_HAS_FAST_OPEN;
    o->fast_open = (struct weir_ref){cookie, COOKIE_BYTES};
    o->fast_open_experimental = c->oob == TCP_FAST_REPLY_EXPERIMENTAL;
}

/* ---- client: what is known of paths ---- */

struct path_key {
    const struct tcp_fast_open *f;
    const struct tcp_conn *c;
    uint16_t port;
};

static bool is_path(const void *ctx, uint32_t value)
{
    const struct path_key *key = ctx;
    const struct tcp_fast_path *path = &key->f->paths[value];
    return path->port == key->port && addr_eq(path->local, key->c->local) &&
           addr_eq(path->remote, key->c->remote);
}

static uint32_t path_hash(const struct tcp_fast_open *f, const struct weir_addr *local,
                          const struct weir_addr *remote, uint16_t port)
{
    uint8_t bytes[2 * sizeof local->bytes + 2];
    struct sip_key key = sip_derive(&f->key, PATH_KEY);
    memcpy(bytes, local->bytes, sizeof local->bytes);
    memcpy(bytes + sizeof local->bytes, remote->bytes, sizeof remote->bytes);
    store16(bytes + 2 * sizeof local->bytes, port);
    return (uint32_t)siphash13(&key, bytes, sizeof bytes);
}

/* What is known of a connection's path, or of a port of it; or NULL. */
static struct tcp_fast_path *path_find(const struct tcp_room *tcp, const struct tcp_conn *c,
                                       uint16_t port)
{
    const struct tcp_fast_open *f = &tcp->fast_open;
    struct path_key key = {f, c, port};
    uint32_t i = map_find(&f->map, path_hash(f, &c->local, &c->remote, port), is_path, &key);
    return i != MAP_NONE ? &f->paths[i] : NULL;
}

/* The place for one more; when there is none, of a few taken at random one that says nothing any more,
 * or else the last of them. */
static uint32_t path_place(struct tcp_fast_open *f, weir_time now)
{
    if (f->paths_count < f->paths_max)
        return f->paths_count++;
    uint32_t i = 0;
    for (unsigned look = 0; look < EVICT_LOOKS; look++) {
        i = (uint32_t)rng_below(&f->rng, f->paths_count);
        if (f->paths[i].port != 0 && f->paths[i].until <= now)
            break;
    }
    (void)map_remove(&f->map, f->paths[i].hash, i);
    return i;
}

static struct tcp_fast_path *path_make(struct tcp_room *tcp, const struct tcp_conn *c,
                                       uint16_t port, weir_time now)
{
    struct tcp_fast_open *f = &tcp->fast_open;
    struct tcp_fast_path *path = path_find(tcp, c, port);
    if (path != NULL)
        return path;
    uint32_t i = path_place(f, now);
    path = &f->paths[i];
    *path = (struct tcp_fast_path){
        .local = c->local,
        .remote = c->remote,
        .port = port,
        .hash = path_hash(f, &c->local, &c->remote, port),
        .until = now,
    };
    bool put = map_insert(&f->map, path->hash, i);
    CHECK(tcp->handler, put);
    return path;
}

/* It came to nothing: plain SYNs to this port for a while (4.1.3.1). */
static void remember_failure(struct tcp_room *tcp, const struct tcp_conn *c, weir_time now)
{
    struct tcp_fast_path *path = path_make(tcp, c, c->remote_port, now);
    weir_time s = (weir_time)(c->syn_lost ? VANISHED_S : UNANSWERED_S) << path->failures;
    if (path->failures < FAILURES_MAX)
        path->failures++;
    path->until = now + (s < FAILED_S_MAX ? s : FAILED_S_MAX) * WEIR_NS_PER_S;
}

static void remember_success(struct tcp_room *tcp, const struct tcp_conn *c, weir_time now)
{
    struct tcp_fast_path *path = path_find(tcp, c, c->remote_port);
    if (path == NULL)
        return;
    path->failures = 0;
    path->until = now;
}

static void remember_cookie(struct tcp_room *tcp, const struct tcp_conn *c, struct weir_ref cookie,
                            weir_time now)
{
    struct tcp_fast_path *path = path_make(tcp, c, 0, now);
    CHECK(tcp->handler, cookie.len > 0 && cookie.len <= sizeof path->cookie);
    memcpy(path->cookie, cookie.data, cookie.len);
    path->cookie_len = (uint8_t)cookie.len;
}

/* ---- client: SYN and SYN,ACK ---- */

/* Payload of a packet to a peer of this MSS, without options. */
static uint32_t payload_max(const struct tcp_conn *c, uint32_t mss)
{
    uint32_t path = tcp_announced_mss(&c->set, c->mtu, addr_is_ip4(c->remote));
    return mss < path ? mss : path;
}

uint32_t tcp_fast_open_offer(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_options *o,
                             weir_time now)
{
    CHECK(tcp->handler, c->state == WEIR_TCP_SYN_SENT && c->snd_max == tcp_iss(c));
    if (!c->set.fast_open)
        return 0;
    const struct tcp_fast_path *port = path_find(tcp, c, c->remote_port);
    if (port != NULL && port->until > now)
        return 0;
    const struct tcp_fast_path *path = path_find(tcp, c, 0);
    uint64_t queued = tcp_snd_tail(c) - c->send.head;
    if (path != NULL && (queued == 0 || c->urgent_out)) /* a SYN says nothing of urgent data */
        return 0;
    o->present |= TCP_HAS_FAST_OPEN;
    o->fast_open = (struct weir_ref){NULL, 0};
    o->fast_open_experimental = false;
    c->fast_pending = true;
    if (path == NULL)
        return 0;
    o->fast_open = (struct weir_ref){path->cookie, path->cookie_len};
    uint32_t max = payload_max(c, path->mss);
    uint32_t options = (uint32_t)tcp_options_len(o, TCP_OPTION_BYTES_MAX);
    max = max > options ? max - options : 0;
    return queued < max ? (uint32_t)queued : max;
}

void tcp_fast_open_learn(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    const struct tcp_options *o = s->options;
    CHECK(tcp->handler, c->state == WEIR_TCP_SYN_SENT && s->ack > tcp_iss(c));
    if (!c->fast_pending)
        return;
    bool data = c->snd_max > tcp_iss(c) + 1, taken = s->ack > tcp_iss(c) + 1;
    bool cookie = (o->present & TCP_HAS_FAST_OPEN) != 0 && o->fast_open.len > 0;
    c->fast_pending = false;
    c->fast_open = taken;
    if (cookie)
        remember_cookie(tcp, c, o->fast_open, s->now);
    struct tcp_fast_path *path = path_find(tcp, c, 0);
    if (path != NULL)
        path->mss = c->mss_peer;
    if (taken || cookie)
        remember_success(tcp, c, s->now);
    else
        remember_failure(tcp, c, s->now);
    tcp->count.fast_open_taken += taken;
    tcp->count.fast_open_fallback += data ? !taken : !cookie;
}

void tcp_fast_open_done(struct tcp_room *tcp, struct tcp_conn *c, int reason, weir_time now)
{
    struct tcp_fast_open *f = &tcp->fast_open;
    if (!c->fast_pending)
        return;
    c->fast_pending = false;
    if (c->active) {
        tcp->count.fast_open_fallback += c->syn_lost;
        if (reason == WEIR_E_REFUSED || reason == WEIR_E_TIMED_OUT)
            remember_failure(tcp, c, now);
        return;
    }
    CHECK(tcp->handler, f->pending > 0);
    f->pending--;
    c->oob = 0;
    if (reason == WEIR_E_RESET) {
        (void)held(f, now);
        f->held++;
    }
}

/* ---- for tests ---- */

static bool paths_hold(const struct tcp_room *tcp)
{
    const struct tcp_fast_open *f = &tcp->fast_open;
    if (!map_invariants(&f->map) || f->map.count != f->paths_count || f->paths_count > f->paths_max)
        return false;
    for (uint32_t i = 0; i < f->paths_count; i++) {
        const struct tcp_fast_path *path = &f->paths[i];
        const struct tcp_conn c = {.local = path->local, .remote = path->remote};
        if (path_find(tcp, &c, path->port) != path || path->failures > FAILURES_MAX ||
            (path->port == 0) != (path->cookie_len != 0))
            return false;
    }
    return true;
}

bool tcp_fast_open_invariants(const struct tcp_room *tcp)
{
    uint32_t pending = 0;
    for (uint32_t i = 0; i < tcp->conns.fresh; i++) {
        if (!pool_in_use(&tcp->conns, i))
            continue;
        const struct tcp_conn *c = pool_at(&tcp->conns, i);
        bool handshake = c->state == WEIR_TCP_SYN_SENT || c->state == WEIR_TCP_SYN_RECEIVED;
        if (c->fast_pending && !handshake)
            return false;
        pending += tcp_is_fast(c);
    }
    return pending == tcp->fast_open.pending && paths_hold(tcp);
}
