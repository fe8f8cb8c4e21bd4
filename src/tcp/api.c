/* SPDX-License-Identifier: MIT
 * What the application asks for (weir/tcp.h): opening, connecting, listening, accepting, closing. The
 * stream itself is in stream.c. */
#include "tcp/tcp.h"

struct tcp_conn *tcp_get(const struct tcp_room *tcp, weir_handle handle)
{
    if (!tcp_owns(handle))
        return NULL;
    struct tcp_conn *c = pool_get(&tcp->conns, (struct pool_handle){.index = handle.index,
                                                                   .generation = handle.generation});
    /* One that waits to be accepted is nobody's yet. */
    return c != NULL && !c->released && c->listener == TCP_NONE ? c : NULL;
}

/* Was it opened, and neither connected nor listened since? */
static bool is_new(const struct tcp_conn *c)
{
    return c->state == WEIR_TCP_CLOSED && !c->closed_told;
}

/* ---- opening ---- */

static bool is_any(struct weir_addr addr)
{
    return ip6_is_unspecified(ip6_from_addr(addr));
}

/* The interface that has this own, usable address, or -1; on `ifindex` if that is one. */
static int own_iface(struct tcp_room *tcp, struct weir_addr addr, uint32_t ifindex)
{
    for (unsigned i = 0; i < tcp->net->iface_count; i++) {
        if (ifindex != ROUTE_ANY_INTERFACE && i != ifindex)
            continue;
        struct address_verdict verdict = address_lookup(&tcp->net->addresses, addr, i);
        if (verdict.kind == ADDRESS_OWN)
            return verdict.own->ifindex;
    }
    return -1;
}

int tcp_open(struct tcp_room *tcp, const struct weir_tcp_config *config, weir_handle *handle)
{
    if (config == NULL || handle == NULL || config->size != sizeof *config ||
        config->ifindex > tcp->net->iface_count)
        return WEIR_E_INVALID;
    bool fixed = config->ifindex != 0;
    uint32_t ifindex = fixed ? config->ifindex - 1 : ROUTE_ANY_INTERFACE;
    if (!is_any(config->address)) {
        int own = own_iface(tcp, config->address, ifindex);
        if (own < 0)
            return WEIR_E_NOT_FOUND;
        if (!fixed && addr_is_link_scope(config->address)) {
            fixed = true; /* it means something there only */
            ifindex = (uint32_t)own;
        }
    }
    struct tcp_conn *c = tcp_conn_new(tcp, NULL);
    if (c == NULL)
        return WEIR_E_EXHAUSTED;
    c->source.user = config->user;
    c->local = config->address;
    c->local_port = config->port;
    c->reuse = config->reuse;
    c->fixed_ifindex = fixed;
    c->ifindex = (uint8_t)(fixed ? ifindex : 0);
    if (c->local_port != 0) {
        if (!tcp_port_free(tcp, c, false)) {
            tcp_account_close(tcp, c);
            pool_give(&tcp->conns, tcp_index(c));
            return WEIR_E_EXISTS;
        }
        tcp_port_add(tcp, c);
        CHECK(tcp->handler, c->on_port);
    }
    *handle = c->source.handle;
    return WEIR_OK;
}

/* ---- connecting ---- */

/* Can it be the address of one host that a connection may go to (MUST-46)? */
static int check_remote(struct tcp_room *tcp, const struct tcp_conn *c, struct weir_addr remote)
{
    if (is_any(remote) || (!is_any(c->local) && addr_is_ip4(c->local) != addr_is_ip4(remote)))
        return WEIR_E_INVALID;
    if (addr_is_ip4(remote)) {
        struct ip4_addr ip = ip4_from_addr(remote);
        if (ip4_is_loopback(ip))
            return WEIR_E_UNREACHABLE; /* no wire leads there (RFC 1122 3.2.1.3 (g)) */
        if (ip4_is_martian(ip))
            return WEIR_E_INVALID;
    } else if (ip6_is_loopback(ip6_from_addr(remote))) {
        return WEIR_E_UNREACHABLE;
    } else if (ip6_is_martian(ip6_from_addr(remote))) {
        return WEIR_E_INVALID;
    }
    for (unsigned i = 0; i < tcp->net->iface_count; i++)
        if (address_lookup(&tcp->net->addresses, remote, i).kind == ADDRESS_BROADCAST)
            return WEIR_E_INVALID;
    return WEIR_OK;
}

static int find_path(struct tcp_room *tcp, const struct tcp_conn *c, struct weir_addr remote,
                     struct net_path *path)
{
    uint32_t ifindex = c->fixed_ifindex ? c->ifindex : (uint32_t)ROUTE_ANY_INTERFACE;
    struct net_path wanted = {.source = c->local, .destination = remote, .ifindex = ifindex};
    if (!is_any(c->local) && own_iface(tcp, c->local, ROUTE_ANY_INTERFACE) < 0)
        return WEIR_E_UNREACHABLE; /* the address was taken away since it was opened */
    return net_path(tcp->net, &wanted, path);
}

/* Is there room for a new connection of this tuple? One in TIME-WAIT makes room, if it may (RFC 6191),
 * and says what the new one's numbers must be above (RFC 9293 MAY-2). */
static int take_tuple(struct tcp_room *tcp, const struct tcp_conn *c, const struct tcp_tuple *tuple,
                      struct tcp_seq *iss)
{
    struct tcp_found found = tcp_find(tcp, tuple);
    if (found.kind == TCP_KIND_NONE)
        return WEIR_OK;
    if (found.kind != TCP_KIND_WAIT)
        return WEIR_E_EXISTS;
    struct tcp_wait *w = pool_at(&tcp->waits, found.index);
    if (!c->set.timestamps || !tcp_time_wait_reusable(tcp, w, tcp->now))
        return WEIR_E_EXISTS;
    struct tcp_seq above = seq_make(w->snd_nxt + 65536);
    if (seq_lt(*iss, above))
        *iss = above;
    tcp_time_wait_end(tcp, w);
    tcp->count.time_wait_reused++;
    return WEIR_OK;
}

/* Everything that the beginning of an active open decides. */
static void begin(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_tuple *tuple,
                  const struct net_path *path, struct tcp_seq iss)
{
    bool ip4 = addr_is_ip4(tuple->remote);
    uint32_t mtu = pmtu_lookup(&tcp->net->pmtus, tuple->remote, path->mtu, tcp->now).mtu;
    c->local = tuple->local;
    c->remote = tuple->remote;
    c->local_port = tuple->local_port;
    c->remote_port = tuple->remote_port;
    c->ifindex = (uint8_t)path->ifindex;
    c->mtu = (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
    c->path_generation = path->generation + tcp->net->pmtus.generation;
    c->mss_peer = ip4 ? TCP_MSS_DEFAULT_IP4 : TCP_MSS_DEFAULT_IP6;
    c->ts_offset = tcp_stamp_offset(tcp, tuple);
    c->iss = iss;
    c->snd_una = c->snd_nxt = c->snd_max = tcp_iss(c);
    tcp_conn_rings(tcp, c, tcp_iss(c) + 1, TCP_OFFSET_BASE);
    c->active = true;
    c->heard_at = tcp->now;
    c->state = WEIR_TCP_SYN_SENT;
    c->work |= TCP_WORK_SYN;
    tcp_table_add(tcp, tcp_tuple_hash(tcp, tuple),
                  (struct tcp_found){.kind = TCP_KIND_CONN, .index = tcp_index(c)});
    c->in_table = true;
    tcp->count.active_opens++;
    tcp_ready(tcp, c);
}

int tcp_connect(struct tcp_room *tcp, struct tcp_conn *c, const struct weir_addr *remote,
                uint16_t port)
{
    if (!is_new(c) || remote == NULL || port == 0)
        return WEIR_E_INVALID;
    int error = check_remote(tcp, c, *remote);
    if (error != WEIR_OK)
        return error;
    struct net_path path;
    error = find_path(tcp, c, *remote, &path);
    if (error != WEIR_OK)
        return error;
    struct tcp_tuple tuple = {.local = path.source,
                              .remote = *remote,
                              .local_port = c->local_port,
                              .remote_port = port};
    if (tuple.local_port == 0)
        tuple.local_port = tcp_port_choose(tcp, &tuple, tcp->now);
    if (tuple.local_port == 0) {
        tcp->count.ports_exhausted++;
        return WEIR_E_EXHAUSTED;
    }
    if (tuple.local_port == port && addr_eq(tuple.local, tuple.remote))
        return WEIR_E_INVALID; /* a connection has two ends (ATK-SYN-18) */
    struct tcp_seq iss = tcp_isn(tcp, &tuple, tcp->now);
    error = take_tuple(tcp, c, &tuple, &iss);
    if (error != WEIR_OK)
        return error;
    begin(tcp, c, &tuple, &path, iss);
    return WEIR_OK;
}

/* ---- listening ---- */

int tcp_listen(struct tcp_room *tcp, struct tcp_conn *c, unsigned backlog)
{
    if (backlog == 0)
        backlog = 1;
    if (c->state == WEIR_TCP_LISTEN) {
        c->listening.backlog = backlog;
        return WEIR_OK;
    }
    if (!is_new(c) || c->local_port == 0)
        return WEIR_E_INVALID;
    if (!tcp_port_free(tcp, c, true))
        return WEIR_E_EXISTS;
    CHECK(tcp->handler, c->on_port && ring_is_empty(&c->receive));
    tcp_account_close(tcp, c); /* it has nothing to count */
    c->state = WEIR_TCP_LISTEN;
    c->listening = (struct tcp_listening){
        .backlog = backlog,
        .own_first = TCP_NONE,
        .accept_first = TCP_NONE,
        .accept_last = TCP_NONE,
        .asked = {.first = TCP_NONE, .last = TCP_NONE},
    };
    return WEIR_OK;
}

/* What happened to a connection before it was accepted. */
static void tell_past(struct tcp_room *tcp, struct tcp_conn *c)
{
    uint32_t bits = tcp_level(tcp, c) & (WEIR_EVENT_CONNECTED | WEIR_EVENT_READABLE |
                                    WEIR_EVENT_URGENT | WEIR_EVENT_PEER_CLOSED);
    if (c->state == WEIR_TCP_CLOSED)
        bits |= WEIR_EVENT_CLOSED;
    if (bits != 0)
        tcp_raise(tcp, c, bits, c->reason);
}

int tcp_accept(struct tcp_room *tcp, struct tcp_conn *listener, uint64_t user,
               weir_handle *connection)
{
    if (listener->state != WEIR_TCP_LISTEN || connection == NULL)
        return WEIR_E_INVALID;
    struct tcp_listening *l = &listener->listening;
    if (l->waiting == 0)
        return WEIR_E_WOULD_BLOCK;
    struct tcp_conn *c = tcp_at(tcp, l->accept_first);
    CHECK(tcp->handler, c->listener == tcp_index(listener) && !c->on_port && !c->released);
    l->waiting--;
    l->accept_first = c->accept_next;
    if (l->accept_first == TCP_NONE)
        l->accept_last = TCP_NONE;
    CHECK(tcp->handler, (l->waiting == 0) == (l->accept_first == TCP_NONE));
    c->accept_next = c->listener = TCP_NONE;
    c->source.user = user;
    *connection = c->source.handle;
    tell_past(tcp, c);
    return WEIR_OK;
}

/* ---- closing ---- */

/* Throw away what is unread; what comes is thrown away, too. */
static void shut_receive(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->receive_shut)
        return;
    c->receive_shut = true;
    c->urgent_in = c->oob_held = c->oob_gone = false;
    if (c->state == WEIR_TCP_SYN_SENT)
        return;
    ring_release(&c->receive, tcp_rcv_data_end(c));
    tcp_rcv_read(tcp, c);
}

int tcp_shutdown(struct tcp_room *tcp, struct tcp_conn *c, enum weir_tcp_how how)
{
    if (how < WEIR_TCP_SHUT_SEND || how > WEIR_TCP_SHUT_BOTH)
        return WEIR_E_INVALID;
    if (c->state == WEIR_TCP_CLOSED || c->state == WEIR_TCP_LISTEN)
        return WEIR_E_NOT_CONNECTED;
    if ((how & WEIR_TCP_SHUT_RECEIVE) != 0)
        shut_receive(tcp, c);
    if ((how & WEIR_TCP_SHUT_SEND) != 0)
        tcp_conn_shut_send(tcp, c);
    return WEIR_OK;
}

/* A listener has nothing of what a connection has but its name. */
static void close_listener(struct tcp_room *tcp, struct tcp_conn *c)
{
    tcp_listener_end(tcp, c);
    CHECK(tcp->handler, c->listening.waiting == 0 && c->listening.handshakes == 0);
    c->state = WEIR_TCP_CLOSED;
    tcp_conn_rings(tcp, c, TCP_OFFSET_BASE, TCP_OFFSET_BASE);
    tcp_conn_end(tcp, c, WEIR_OK);
}

/* CLOSE of a connection (RFC 9293 3.10.4) that nobody holds from here on. */
static void close_connection(struct tcp_room *tcp, struct tcp_conn *c)
{
    uint64_t start;
    if (c->state == WEIR_TCP_SYN_SENT) {
        tcp_conn_end(tcp, c, WEIR_OK);
    } else if (tcp_unread(c, &start) > 0) { /* the peer must know (SHLD-3, RFC 2525 2.16) */
        tcp->count.closed_with_data++;
        tcp_conn_abort(tcp, c, WEIR_E_ABORTED);
    } else {
        c->write_refused = false;
        tcp_conn_shut_send(tcp, c);
        tcp_idle_update(tcp, c, tcp->now); /* FIN-WAIT-2 lasts a minute from now on */
        tcp_timer_update(tcp, c);
    }
}

void tcp_close(struct tcp_room *tcp, struct tcp_conn *c, bool abort)
{
    CHECK(tcp->handler, !c->released && c->listener == TCP_NONE);
    c->released = true;
    if (c->state == WEIR_TCP_LISTEN)
        close_listener(tcp, c);
    else if (is_new(c))
        tcp_conn_end(tcp, c, WEIR_OK);
    else if (c->state == WEIR_TCP_CLOSED) /* told already */
        tcp_conn_free_if_done(tcp, c);
    else if (abort)
        tcp_conn_abort(tcp, c, WEIR_E_ABORTED);
    else
        close_connection(tcp, c);
}
