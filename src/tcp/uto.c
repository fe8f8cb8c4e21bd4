/* SPDX-License-Identifier: MIT
 * The user timeout option (RFC 5482): each side tells how long what it sends may stay unacknowledged,
 * and heeds the other's word within limits.
 *
 * ENABLED is the setting USER_TIMEOUT_OPTION; CHANGEABLE is that the application has not set
 * USER_TIMEOUT_MS itself. ADV_UTO is what is in effect without the peer's word. The limits: L_LIMIT is
 * the 100 s of RFC 1122 4.2.3.5, which is more than any RTO; U_LIMIT is an hour, so that nobody can have
 * us keep a dead connection much longer than without the option (RFC 5482 6). The peer's word counts
 * for what is unacknowledged, not for a handshake, and not for a peer that answers our probes. */
#include "tcp/tcp.h"

enum {
    DEFAULT_S = TCP_R2_DATA_MS / 1000,
    LOW_S = 100,
    HIGH_S = 3600,
    SECONDS_MAX = 0x7fff, /* of the option; more is told in minutes */
    IN_MINUTES = 0x8000
};

_Static_assert(LOW_S * 1000 > TCP_RTO_MAX_MS, "RFC 5482 3.1: longer than the RTO");
_Static_assert(LOW_S <= DEFAULT_S && DEFAULT_S <= HIGH_S, "the default is within the limits");

/* What we tell: never less than is so, never 0. */
static uint32_t advertised_s(const struct tcp_conn *c)
{
    uint32_t ms = c->set.user_timeout_ms;
    return ms != 0 ? (ms + 999) / 1000 : (uint32_t)DEFAULT_S;
}

static uint16_t as_option(uint32_t s)
{
    if (s <= SECONDS_MAX)
        return (uint16_t)s;
    uint32_t minutes = (s + 59) / 60;
    return (uint16_t)(IN_MINUTES | (minutes < SECONDS_MAX ? minutes : (uint32_t)SECONDS_MAX));
}

uint16_t tcp_user_timeout_option(const struct tcp_conn *c)
{
    return c->set.user_timeout_option ? as_option(advertised_s(c)) : 0;
}

void tcp_user_timeout_arrives(struct tcp_room *tcp, struct tcp_conn *c, uint16_t option,
                              weir_time now)
{
    if (!c->set.user_timeout_option || tcp_user_timeout_s(option) == 0 || /* reserved: 3.2 */
        (c->user_timeout_told && c->peer_user_timeout == option))
        return;
    c->peer_user_timeout = option;
    c->user_timeout_told = true;
    tcp_user_timeout_update(tcp, c, now);
}

uint32_t tcp_user_timeout_ms(const struct tcp_conn *c)
{
    if (c->set.user_timeout_ms != 0 || !c->user_timeout_told)
        return c->set.user_timeout_ms;
    uint32_t s = tcp_user_timeout_s(c->peer_user_timeout); /* min(U, max(ADV, REMOTE, L)): 3.1 */
    s = s > DEFAULT_S ? s : (uint32_t)DEFAULT_S;
    return (s < HIGH_S ? s : (uint32_t)HIGH_S) * 1000;
}
