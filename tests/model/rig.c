/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/build.h"

enum {
    LISTEN_PORT = 80,
    CLOSED_PORT = 81,
    ACKED_BYTES = 2 * RIG_WINDOW, /* sent and acknowledged before: more than MAX.SND.WND */
    OUTSTANDING_BYTES = 20,
    READ_BYTES = 100, /* received and read before */
    MTU = 1500,
    PACKET_MAX = 1600
};

/* ---- names ---- */

const char *rig_setup_name(unsigned setup)
{
    static const char *const names[RIG_SETUP_COUNT] = {
#define X(name, state, text) #name,
        RIG_SETUPS(X)
#undef X
    };
    return setup < RIG_SETUP_COUNT ? names[setup] : "?";
}

const char *rig_setup_text(unsigned setup)
{
    static const char *const texts[RIG_SETUP_COUNT] = {
#define X(name, state, text) text,
        RIG_SETUPS(X)
#undef X
    };
    return setup < RIG_SETUP_COUNT ? texts[setup] : "?";
}

static enum model_state setup_state(unsigned setup)
{
    static const uint8_t states[RIG_SETUP_COUNT] = {
#define X(name, state, text) MODEL_##state,
        RIG_SETUPS(X)
#undef X
    };
    return (enum model_state)states[setup];
}

/* ---- the stack ---- */

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "matrix: %s\n", what);
    exit(2);
}

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    fprintf(stderr, "%s:%u: assertion failed: %s\n", file, line, expression);
    fflush(NULL);
    abort();
}

static struct weir_config small_config(bool cookies)
{
    struct weir_config config;
    weir_config_default(&config);
    config.interfaces_max = 1;
    config.addresses_max = 4;
    config.routes_max = 4;
    config.neighbours_max = 8;
    config.neighbours_incomplete_max = 8;
    config.path_mtus_max = 8;
    config.reassemblies_max = 1;
    config.reassembly_fragments_max = 2;
    config.replies_max = 4;
    config.icmp_errors_per_s_max = 100000;
    config.packet_memory_kb = 1024;
    config.packet_memory_reserve_kb = 64;
    config.udp_endpoints_max = 1;
    config.tcp_endpoints_max = 8;
    config.tcp_flights_max = 8;
    config.tcp_syn_received_max = 8;
    config.tcp_syn_cookies = cookies ? 2 : 1;
    config.tcp_fast_open_pending_max = 65536; /* RSTs keep their places for a while */
    config.tcp_fast_open_paths_max = 65536;
    config.tcp_time_wait_max = 8;
    config.tcp_time_wait_ms = RIG_TIME_WAIT_MS;
    config.tcp_window_floor_bytes = RIG_BUFFER;
    config.tcp_reassembly_ranges_max = 16;
    config.tcp_sack_ranges_max = 16;
    config.ranges_max = 64;
    config.on_assert.fn = on_assert;
    config.seed = 1;
    memset(config.secret, 7, sizeof config.secret);
    return config;
}

static void settle(weir_stack *stack, weir_handle handle, enum weir_tcp_setting setting,
                   uint32_t value)
{
    if (weir_tcp_set(stack, handle, setting, value) != WEIR_OK)
        die("a setting is refused");
}

static void settle_all(weir_stack *stack, weir_handle handle)
{
    settle(stack, handle, WEIR_TCP_NODELAY, 1);
    settle(stack, handle, WEIR_TCP_QUICK_ACK, 1);
    settle(stack, handle, WEIR_TCP_DELAYED_ACK_MS, 0);
    settle(stack, handle, WEIR_TCP_WINDOW_SCALE, 0);
    settle(stack, handle, WEIR_TCP_RECEIVE_BYTES_MAX, RIG_BUFFER);
}

static void listen_again(struct rig *r)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = LISTEN_PORT};
    if (weir_tcp_open(r->stack, &config, &r->listener) != WEIR_OK)
        die("no listener");
    settle_all(r->stack, r->listener);
    settle(r->stack, r->listener, WEIR_TCP_FAST_OPEN, 1);
    if (weir_tcp_listen(r->stack, r->listener, 4) != WEIR_OK)
        die("it does not listen");
}

static void open_stack(struct rig *r, unsigned family, bool cookies)
{
    char why[200];
    struct weir_config config = small_config(cookies);
    if (weir_config_check(&config, why, sizeof why) != WEIR_OK)
        die(why);
    *r = (struct rig){.family = family, .cookies = cookies, .now = 1000 * WEIR_NS_PER_S};
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    r->memory = size > 0 ? aligned_alloc(64, size) : NULL;
    r->stack = r->memory != NULL ? weir_stack_init(r->memory, size, &config, r->now) : NULL;
    if (r->stack == NULL)
        die("no stack");
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = MTU};
    for (unsigned i = 0; i < RIG_PAYLOAD_MAX; i++)
        r->payload[i] = (uint8_t)(i * 37 + (i >> 8));
    r->local = build_addr(family == 4 ? "10.0.0.1" : "2001:db8::1");
    r->remote = build_addr(family == 4 ? "10.0.0.2" : "2001:db8::2");
    if (weir_stack_add_iface(r->stack, &iface) != 0 ||
        weir_stack_add_address(r->stack, 0, &r->local, family == 4 ? 24 : 64) != WEIR_OK)
        die("no interface");
    for (unsigned i = 0; i < 20; i++) { /* duplicate address detection */
        r->now += 200 * WEIR_NS_PER_MS;
        weir_stack_advance(r->stack, r->now);
        rig_poll(r);
    }
    listen_again(r);
}

void rig_open(struct rig *r, unsigned family)
{
    open_stack(r, family, false);
}

void rig_close(struct rig *r)
{
    free(r->memory);
    r->memory = NULL;
    r->stack = NULL;
}

/* ---- packets ---- */

uint32_t rig_mss(const struct rig *r)
{
    uint32_t ip = r->family == 4 ? 20 : 40;
    return MTU - ip - TCP_HEADER_BYTES - (r->timestamps ? 12 : 0);
}

/* Keep what a packet of weir says, if it is of this connection and good. */
static void take_out(struct rig *r, const struct weir_tx *tx)
{
    uint8_t packet[PACKET_MAX];
    uint32_t len = tx->header_len;
    if (tx->len > sizeof packet)
        die("a packet above the MTU");
    memcpy(packet, tx->headers + tx->header_start, tx->header_len);
    for (unsigned i = 0; i < tx->frag_count; i++) {
        memcpy(packet + len, tx->frag[i].data, tx->frag[i].len);
        len += (uint32_t)tx->frag[i].len;
    }
    struct sim_parsed p = sim_parse(packet, len, WEIR_LINK_IP);
    if (p.protocol != 6 || p.transport_len == 0)
        return;
    if (len != tx->len || !build_is_sound(packet, len, WEIR_LINK_IP))
        r->trouble = "a packet that is not sound";
    if (p.destination_port != r->remote_port ||
        (r->local_port != 0 && p.source_port != r->local_port))
        r->trouble = "a packet for somebody else";
    if (r->out_count == RIG_OUT_MAX) {
        r->trouble = "too many packets";
        return;
    }
    struct rig_out *out = &r->out[r->out_count++];
    struct tcp_options options;
    const uint8_t *tcp = packet + p.transport_offset;
    tcp_parse(&out->header, tcp, p.transport_len, p.transport_len);
    tcp_options_parse(&options, tcp + TCP_HEADER_BYTES, out->header.header_len - TCP_HEADER_BYTES);
    out->len = p.payload_len;
    out->timestamps = (options.present & TCP_HAS_TIMESTAMPS) != 0;
    out->ts_val = out->timestamps ? options.ts_val : 0;
    if ((options.present & TCP_HAS_FAST_OPEN) != 0 && options.fast_open.len == sizeof r->cookie &&
        (out->header.flags & TCP_ACK) != 0) {
        memcpy(r->cookie, options.fast_open.data, sizeof r->cookie);
        r->has_cookie = true;
    }
}

void rig_poll(struct rig *r)
{
    struct weir_tx tx;
    struct weir_event events[4];
    unsigned n;
    r->out_count = 0;
    r->event_bits = 0;
    r->event_error = 0;
    r->accepted = false;
    while (weir_stack_output(r->stack, 0, &tx, 1, r->now) == 1)
        take_out(r, &tx);
    while ((n = weir_stack_events(r->stack, events, 4)) > 0) {
        for (unsigned i = 0; i < n; i++) {
            if (events[i].handle.index == r->listener.index &&
                events[i].handle.generation == r->listener.generation) {
                r->accepted = r->accepted || (events[i].bits & WEIR_EVENT_ACCEPTED) != 0;
            } else {
                r->event_bits |= events[i].bits;
                if ((events[i].bits & WEIR_EVENT_CLOSED) != 0)
                    r->event_error = events[i].error;
            }
        }
    }
}

void rig_send(struct rig *r, const struct model_segment *s)
{
    uint8_t packet[PACKET_MAX];
    struct tcp_options options = {.present = 0, .mss = RIG_PAYLOAD_MAX};
    if ((s->flags & TCP_SYN) != 0)
        options.present |= r->timestamps ? TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED : TCP_HAS_MSS;
    if ((s->flags & TCP_SYN) != 0 && r->scale > 0) {
        options.present |= TCP_HAS_WINDOW_SCALE;
        options.window_scale = r->scale;
    }
    if ((s->flags & TCP_SYN) != 0 && r->fast) {
        bool gives = (s->flags & TCP_ACK) != 0; /* what it gives weir is as good as any */
        options.present |= TCP_HAS_FAST_OPEN;
        options.fast_open = (struct weir_ref){
            gives ? r->payload : r->cookie, gives || r->has_cookie ? sizeof r->cookie : 0};
        r->gave_cookie |= gives;
    }
    if (s->timestamps) {
        options.present |= TCP_HAS_TIMESTAMPS;
        options.ts_val = r->ts_val - (s->timestamps_old ? 1 : 0);
        options.ts_ecr = (s->flags & TCP_ACK) != 0 ? r->ts_ecr : 0;
    }
    struct build_tcp b = {.ip = {.source = r->remote, .destination = r->local},
                          .source_port = r->remote_port,
                          .destination_port = r->local_port,
                          .seq = s->seq,
                          .ack = s->ack,
                          .flags = (uint16_t)s->flags,
                          .window = (uint16_t)s->window,
                          .urgent = s->urgent,
                          .options = &options,
                          .payload = {r->payload, s->len}};
    uint32_t len = build_tcp(packet, sizeof packet, &b);
    if (len == 0)
        die("a packet that cannot be built");
    struct weir_rx rx = {.head = packet, .head_len = len, .len = len};
    weir_stack_input(r->stack, 0, &rx, 1, r->now);
    rig_poll(r);
}

/* ---- the peer ---- */

static bool fails(struct rig *r, const char *trouble)
{
    if (r->trouble == NULL)
        r->trouble = trouble;
    return false;
}

/* The next segment of the peer, in order; the connection is as it will be once weir has it. */
static void say(struct rig *r, unsigned flags, uint32_t len)
{
    struct model_conn *c = &r->conn;
    struct model_segment s = {.flags = flags,
                              .seq = c->rcv_nxt,
                              .ack = c->snd_una,
                              .len = len,
                              .window = RIG_WINDOW,
                              .timestamps = r->timestamps};
    struct tcp_seq edge = seq_add(c->rcv_nxt, c->rcv_wnd);
    rig_send(r, &s);
    c->rcv_nxt = seq_add(c->rcv_nxt, tcp_segment_seq_len(flags, len));
    c->snd_wl1 = s.seq;
    c->snd_wl2 = s.ack;
    c->snd_wnd = c->snd_wnd_max = RIG_WINDOW;
    for (unsigned i = 0; i < r->out_count; i++)
        if ((r->out[i].header.flags & TCP_ACK) != 0)
            edge = seq_max(edge, seq_add(r->out[i].header.ack, r->out[i].header.window));
    c->rcv_wnd = (uint32_t)seq_diff(edge, c->rcv_nxt);
}

/* What weir has just sent counts as sent: SND.NXT from the wire. */
static bool heard(struct rig *r, unsigned flags, uint32_t len)
{
    if (r->out_count != 1)
        return fails(r, "not one segment was sent");
    const struct rig_out *out = &r->out[0];
    if ((out->header.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != flags || out->len != len)
        return fails(r, "another segment was sent");
    r->conn.snd_nxt = seq_add(out->header.seq, tcp_segment_seq_len(flags, len));
    if (out->timestamps)
        r->ts_ecr = out->ts_val;
    return true;
}

static bool write_bytes(struct rig *r, uint32_t len)
{
    if (weir_tcp_send(r->stack, r->handle, r->payload, len, 0) != (int)len)
        return fails(r, "sending was refused");
    rig_poll(r);
    return heard(r, TCP_ACK, len);
}

static bool open_active(struct rig *r, uint32_t data)
{
    struct weir_tcp_config config = {.size = sizeof config};
    if (weir_tcp_open(r->stack, &config, &r->handle) != WEIR_OK)
        return fails(r, "no endpoint");
    settle_all(r->stack, r->handle);
    settle(r->stack, r->handle, WEIR_TCP_TIMESTAMPS, 0);
    settle(r->stack, r->handle, WEIR_TCP_FAST_OPEN, r->setup == RIG_SYN_SENT_FAST);
    if (weir_tcp_connect(r->stack, r->handle, &r->remote, r->remote_port) != WEIR_OK)
        return fails(r, "connecting was refused");
    if (data > 0 && weir_tcp_send(r->stack, r->handle, r->payload, data, 0) != (int)data)
        return fails(r, "sending was refused");
    r->local_port = 0;
    rig_poll(r);
    if (!heard(r, TCP_SYN, data))
        return false;
    r->local_port = r->out[0].header.source_port;
    r->conn.iss = r->conn.snd_una = r->out[0].header.seq;
    r->conn.rcv_wnd = r->out[0].header.window;
    r->conn.passive = false;
    r->conn.listener = false;
    return true;
}

/* The peer's SYN: to a listener, or one that crosses weir's. */
static bool open_by_peer(struct rig *r)
{
    struct model_conn *c = &r->conn;
    c->rcv_nxt = c->irs;
    say(r, TCP_SYN, 0);
    if (!heard(r, TCP_SYN | TCP_ACK, 0))
        return false;
    c->iss = r->out[0].header.seq;
    c->snd_una = c->iss;
    c->rcv_wnd = r->out[0].header.window;
    return true;
}

static bool accept_one(struct rig *r)
{
    return weir_tcp_accept(r->stack, r->listener, 0, &r->handle) == WEIR_OK ||
           fails(r, "nothing to accept");
}

static bool establish(struct rig *r, bool active)
{
    if (active) {
        struct model_conn *c = &r->conn;
        if (!open_active(r, 0))
            return false;
        c->rcv_nxt = c->irs;
        c->snd_una = c->snd_nxt;
        say(r, TCP_SYN | TCP_ACK, 0);
        return heard(r, TCP_ACK, 0);
    }
    if (!open_by_peer(r))
        return false;
    r->conn.snd_una = r->conn.snd_nxt;
    say(r, TCP_ACK, 0);
    return accept_one(r);
}

/* Data both ways, acknowledged and read, so that there is something old. */
static bool talk(struct rig *r)
{
    for (unsigned i = 0; i < ACKED_BYTES / RIG_WINDOW; i++) {
        uint8_t data[READ_BYTES];
        if (!write_bytes(r, RIG_WINDOW))
            return false;
        r->conn.snd_una = r->conn.snd_nxt;
        if (i > 0) {
            say(r, TCP_ACK, 0);
            continue;
        }
        say(r, TCP_ACK, READ_BYTES);
        if (weir_tcp_receive(r->stack, r->handle, data, sizeof data, 0) != READ_BYTES)
            return fails(r, "data was not received");
        r->conn.consumed = r->conn.rcv_nxt;
    }
    return true;
}

/* The peer sends until weir's window is shut. */
static bool shut_window(struct rig *r)
{
    for (unsigned i = 0; i < 10 && r->conn.rcv_wnd > 0; i++) {
        uint32_t mss = rig_mss(r);
        say(r, TCP_ACK, r->conn.rcv_wnd < mss ? r->conn.rcv_wnd : mss);
    }
    return r->conn.rcv_wnd == 0 || fails(r, "the window does not close");
}

static bool shut_send(struct rig *r, bool leave)
{
    int answer = leave ? weir_tcp_close(r->stack, r->handle)
                       : weir_tcp_shutdown(r->stack, r->handle, WEIR_TCP_SHUT_SEND);
    if (answer != WEIR_OK)
        return fails(r, "closing was refused");
    if (leave) {
        r->handle = (weir_handle){0};
        r->conn.held = false;
    }
    rig_poll(r);
    r->conn.fin_sent = true;
    return heard(r, TCP_FIN | TCP_ACK, 0);
}

/* From ESTABLISHED on, with data outstanding but where our FIN is acknowledged. */
static bool go_on(struct rig *r)
{
    enum model_state state = setup_state(r->setup);
    bool leave = r->setup == RIG_FIN_WAIT_1_LEFT || r->setup == RIG_FIN_WAIT_2_LEFT;
    bool all_acked = state == MODEL_FIN_WAIT_2 || state == MODEL_TIME_WAIT;
    if ((r->setup == RIG_ESTABLISHED_SHUT || r->setup == RIG_FIN_WAIT_2_SHUT) && !shut_window(r))
        return false;
    if (!all_acked && !write_bytes(r, OUTSTANDING_BYTES))
        return false;
    if (state == MODEL_ESTABLISHED)
        return true;
    if (state == MODEL_CLOSE_WAIT || state == MODEL_LAST_ACK) {
        say(r, TCP_FIN | TCP_ACK, 0);
        return state == MODEL_CLOSE_WAIT || shut_send(r, false);
    }
    if (!shut_send(r, leave))
        return false;
    if (all_acked) {
        r->conn.snd_una = r->conn.snd_nxt;
        say(r, TCP_ACK, 0);
    }
    if (state == MODEL_CLOSING || state == MODEL_TIME_WAIT)
        say(r, TCP_FIN | TCP_ACK, 0);
    return true;
}

/* The peer's SYN with data and a cookie, which it has asked for before. */
static bool open_fast(struct rig *r)
{
    struct model_conn *c = &r->conn;
    uint8_t data[READ_BYTES];
    r->fast = true;
    if (!r->has_cookie) {
        if (!open_by_peer(r))
            return false;
        rig_send(r, &(struct model_segment){.flags = TCP_RST, .seq = c->rcv_nxt});
        if (!r->has_cookie)
            return fails(r, "no cookie was given");
    }
    c->rcv_nxt = c->irs;
    c->rcv_wnd = 0;
    say(r, TCP_SYN, READ_BYTES);
    r->fast = false;
    if (!heard(r, TCP_SYN | TCP_ACK, 0))
        return false;
    if (!seq_eq(r->out[0].header.ack, c->rcv_nxt))
        return fails(r, "the data of the SYN was not taken");
    c->iss = c->snd_una = r->out[0].header.seq;
    c->fast = true;
    if (!accept_one(r) ||
        weir_tcp_receive(r->stack, r->handle, data, sizeof data, 0) != READ_BYTES)
        return fails(r, "the data of the SYN is not there");
    c->consumed = c->rcv_nxt;
    rig_poll(r);
    return r->out_count == 0 || fails(r, "something was sent before the handshake was complete");
}

/* Weir's SYN with data and a cookie, which the peer has given it before. */
static bool connect_fast(struct rig *r)
{
    struct model_conn *c = &r->conn;
    if (!r->gave_cookie) {
        r->fast = true;
        if (!establish(r, true))
            return false;
        r->fast = false;
        weir_tcp_abort(r->stack, r->handle);
        rig_poll(r);
        c->rcv_wnd = 0;
        c->snd_una = c->snd_nxt = seq_make(0);
    }
    c->rcv_nxt = c->irs;
    return open_active(r, OUTSTANDING_BYTES);
}

static bool arrange(struct rig *r)
{
    struct model_conn *c = &r->conn;
    switch (r->setup) {
    case RIG_CLOSED:
    case RIG_LISTEN: /* no connection: numbers to be wrong about */
        c->rcv_nxt = seq_add(c->irs, 1);
        c->rcv_wnd = RIG_BUFFER;
        c->snd_una = seq_make(~c->irs.v);
        c->snd_nxt = seq_add(c->snd_una, OUTSTANDING_BYTES);
        return true;
    case RIG_SYN_SENT:
        c->rcv_nxt = c->irs; /* as classes of sequence numbers go */
        return open_active(r, 0);
    case RIG_SYN_SENT_FAST:
        return connect_fast(r);
    case RIG_SYN_RECEIVED_FAST:
        return open_fast(r);
    case RIG_LISTEN_COOKIE:
        c->cookies = true;
        return open_by_peer(r);
    case RIG_SYN_RECEIVED:
        return open_by_peer(r);
    case RIG_SYN_RECEIVED_ACTIVE:
        return open_active(r, 0) && open_by_peer(r);
    case RIG_ESTABLISHED_FRESH:
        return establish(r, false) && go_on(r);
    default:
        return establish(r, r->setup == RIG_TIME_WAIT_ACTIVE) && talk(r) && go_on(r);
    }
}

bool rig_shut_send(struct rig *r)
{
    struct model_conn *c = &r->conn;
    c->state = c->state == MODEL_CLOSE_WAIT ? MODEL_LAST_ACK : MODEL_FIN_WAIT_1;
    return shut_send(r, false);
}

bool rig_begin(struct rig *r, enum rig_setup setup)
{
    if ((setup == RIG_LISTEN_COOKIE) != r->cookies) {
        rig_close(r);
        open_stack(r, r->family, !r->cookies);
    }
    uint32_t n = r->cells++;
    r->now += WEIR_NS_PER_MS;
    r->setup = setup;
    r->handle = (weir_handle){0};
    r->trouble = NULL;
    r->local_port = setup == RIG_CLOSED ? CLOSED_PORT : LISTEN_PORT;
    r->remote_port = (uint16_t)(1024 + n % 60000);
    r->timestamps = setup == RIG_ESTABLISHED_TS || setup == RIG_ESTABLISHED_NO_TS ||
                    setup == RIG_ESTABLISHED_OLD_TS;
    r->ts_val = n;
    r->ts_ecr = 0;
    r->conn = (struct model_conn){
        .state = setup_state(setup),
        .passive = true,
        .listener = setup != RIG_CLOSED,
        .held = true,
        .consumed = seq_make(n * 2654435761U + 1),
        .irs = seq_make(n * 2654435761U),
        .timestamps = r->timestamps,
    };
    weir_stack_advance(r->stack, r->now);
    if (!arrange(r))
        return false;
    struct rig_view view = rig_look(r);
    unsigned state = view.present ? view.info.state : MODEL_CLOSED;
    if (r->conn.state == MODEL_LISTEN)
        state = view.present ? state : MODEL_LISTEN;
    if (state != r->conn.state)
        return fails(r, "it is in another state");
    if (r->conn.state == MODEL_TIME_WAIT)
        r->now += 100 * WEIR_NS_PER_MS; /* so that a restart can be seen */
    return r->trouble == NULL;
}

struct rig_view rig_look(const struct rig *r)
{
    struct rig_view view = {0};
    uint64_t cursor = 0;
    while (weir_tcp_next(r->stack, &cursor, &view.info))
        if (view.info.state != WEIR_TCP_CLOSED && view.info.remote_port == r->remote_port &&
            view.info.local_port == r->local_port &&
            memcmp(&view.info.remote, &r->remote, sizeof r->remote) == 0) {
            view.present = true;
            return view;
        }
    return view;
}

static bool no_handle(weir_handle handle)
{
    return handle.index == 0 && handle.generation == 0;
}

uint32_t rig_read(struct rig *r, uint8_t *data, uint32_t size)
{
    if (no_handle(r->handle) && weir_tcp_accept(r->stack, r->listener, 0, &r->handle) != WEIR_OK)
        return 0;
    int n = weir_tcp_receive(r->stack, r->handle, data, size, 0);
    return n > 0 ? (uint32_t)n : 0;
}

bool rig_end(struct rig *r)
{
    for (unsigned round = 0; round < 4; round++) {
        if (no_handle(r->handle))
            weir_tcp_accept(r->stack, r->listener, 0, &r->handle);
        if (!no_handle(r->handle))
            weir_tcp_abort(r->stack, r->handle);
        r->handle = (weir_handle){0};
        rig_poll(r);
        struct rig_view view = rig_look(r);
        if (!view.present)
            return true;
        if (view.info.state == WEIR_TCP_TIME_WAIT) {
            r->now += (RIG_TIME_WAIT_MS + 10) * WEIR_NS_PER_MS;
            weir_stack_advance(r->stack, r->now);
            rig_poll(r);
        } else {
            struct model_segment reset = {.flags = TCP_RST, .seq = seq_make(view.info.rcv_nxt)};
            rig_send(r, &reset);
        }
    }
    return !rig_look(r).present;
}
