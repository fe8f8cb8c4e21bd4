/* SPDX-License-Identifier: MIT
 * ICMP errors about segments of ours. Anybody can send one, so it counts only when it quotes a
 * sequence number that is outstanding (RFC 5927 4), and even then it ends no connection that was
 * established: that is left to timeouts (RFC 5461 4.1; SHLD-26 is waived). */
#include "tcp/tcp.h"

enum effect {
    EFFECT_NONE,
    EFFECT_ADVICE,      /* a soft error (MUST-56) */
    EFFECT_REFUSED,     /* nobody is there: hard */
    EFFECT_UNREACHABLE, /* nobody may get there: hard */
    EFFECT_TOO_BIG
};

/* RFC 1122 4.2.3.9; codes 9, 10, 13: RFC 1122 3.2.2.1, RFC 1812 5.2.7.1. */
static enum effect effect4(uint8_t code)
{
    switch (code) {
    case ICMP4_PROTOCOL_UNREACHABLE:
    case ICMP4_PORT_UNREACHABLE:
        return EFFECT_REFUSED;
    case 9:
    case 10:
    case 13:
        return EFFECT_UNREACHABLE;
    default:
        return EFFECT_ADVICE;
    }
}

/* RFC 4443 3.1; codes 5 and 6 are kinds of code 1. */
static enum effect effect6(uint8_t code)
{
    switch (code) {
    case ICMP6_PORT_UNREACHABLE:
        return EFFECT_REFUSED;
    case ICMP6_PROHIBITED:
    case 5:
    case 6:
        return EFFECT_UNREACHABLE;
    default:
        return EFFECT_ADVICE;
    }
}

static enum effect effect_of(const struct net_error *error)
{
    switch (error->icmp.kind) {
    case ICMP_UNREACHABLE:
        return addr_is_ip4(error->quote.destination) ? effect4(error->icmp.code)
                                                     : effect6(error->icmp.code);
    case ICMP_TOO_BIG:
        return EFFECT_TOO_BIG;
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
        return EFFECT_ADVICE;
    default: /* source quench (MUST-55) */
        return EFFECT_NONE;
    }
}

static void hard(struct tcp_room *tcp, struct tcp_conn *c, int error)
{
    if (c->state == WEIR_TCP_SYN_SENT)
        tcp_conn_end(tcp, c, error);
    else if (c->set.soft_errors)
        tcp_raise(tcp, c, WEIR_EVENT_ADVICE, error);
}

static void about_connection(struct tcp_room *tcp, struct tcp_conn *c,
                             const struct net_error *error, weir_time now)
{
    switch (effect_of(error)) {
    case EFFECT_NONE:
        break;
    case EFFECT_ADVICE: /* MUST-54, SHLD-25 */
        if (c->set.soft_errors)
            tcp_raise(tcp, c, WEIR_EVENT_ADVICE, WEIR_E_UNREACHABLE);
        break;
    case EFFECT_REFUSED:
        hard(tcp, c, WEIR_E_REFUSED);
        break;
    case EFFECT_UNREACHABLE:
        hard(tcp, c, WEIR_E_UNREACHABLE);
        break;
    case EFFECT_TOO_BIG:
        tcp_pmtud_report(tcp, c, error, now);
        break;
    }
}

enum weir_drop tcp_error(struct tcp_room *tcp, const struct net_error *error, weir_time now)
{
    const struct icmp_quote *quote = &error->quote;
    CHECK(tcp->handler, error->quoted.len >= ICMP_QUOTED_TRANSPORT_MIN);
    struct tcp_tuple tuple = {.local = quote->source,
                              .remote = quote->destination,
                              .local_port = quote->source_port,
                              .remote_port = quote->destination_port};
    struct tcp_found found = tcp_find(tcp, &tuple);
    if (found.kind == TCP_KIND_SYN) { /* a handshake that nobody waits for ends by its own timer */
        const struct tcp_syn *syn = pool_at(&tcp->syns, found.index);
        return quote->sequence == syn->iss.v ? WEIR_DROP_NONE : WEIR_DROP_ICMP_QUOTE;
    }
    if (found.kind != TCP_KIND_CONN)
        return WEIR_DROP_ICMP_QUOTE; /* of one in TIME-WAIT nothing is outstanding */
    struct tcp_conn *c = tcp_at(tcp, found.index);
    uint64_t seq = tcp_unwrap(seq_make(quote->sequence), c->snd_una);
    if (seq < c->snd_una || seq >= tcp_snd_acked_max(c))
        return WEIR_DROP_ICMP_QUOTE; /* ATK-ICM-01, ATK-ICM-02, ATK-ICM-15 */
    about_connection(tcp, c, error, now);
    return WEIR_DROP_NONE;
}
