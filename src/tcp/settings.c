/* SPDX-License-Identifier: MIT
 * The settings of an endpoint (WEIR_TCP_SETTINGS). */
#include "tcp/tcp.h"

struct bounds {
    uint32_t value, low, high;
};

static const struct bounds bounds[WEIR_TCP_SETTING_COUNT] = {
#define X(name, value, low, high, meaning) [WEIR_TCP_##name] = {value, low, high},
    WEIR_TCP_SETTINGS(X)
#undef X
};

#define X(name, value, low, high, meaning)                                                         \
    _Static_assert((low) <= (value) && (value) <= (high), "default of " #name " is in range");
WEIR_TCP_SETTINGS(X)
#undef X

/* Store a value that is in range. */
static void store(struct tcp_settings *set, enum weir_tcp_setting setting, uint32_t v)
{
    switch (setting) {
    case WEIR_TCP_NODELAY: set->nodelay = v != 0; break;
    case WEIR_TCP_CORK: set->cork = v != 0; break;
    case WEIR_TCP_MINSHALL: set->minshall = v != 0; break;
    case WEIR_TCP_URGENT_INLINE: set->urgent_inline = v != 0; break;
    case WEIR_TCP_KEEPALIVE: set->keepalive = v != 0; break;
    case WEIR_TCP_KEEPALIVE_IDLE_S: set->keepalive_idle_s = (uint16_t)v; break;
    case WEIR_TCP_KEEPALIVE_INTERVAL_S: set->keepalive_interval_s = (uint16_t)v; break;
    case WEIR_TCP_KEEPALIVE_PROBES: set->keepalive_probes = (uint8_t)v; break;
    case WEIR_TCP_KEEPALIVE_OCTET: set->keepalive_octet = v != 0; break;
    case WEIR_TCP_USER_TIMEOUT_MS: set->user_timeout_ms = v; break;
    case WEIR_TCP_DELAYED_ACK_MS: set->delayed_ack_ms = (uint16_t)v; break;
    case WEIR_TCP_QUICK_ACK: set->quick_ack = v != 0; break;
    case WEIR_TCP_TTL: set->ttl = (uint8_t)v; break;
    case WEIR_TCP_TRAFFIC_CLASS: set->traffic_class = (uint8_t)v; break;
    case WEIR_TCP_SOFT_ERRORS: set->soft_errors = v != 0; break;
    case WEIR_TCP_SEND_BYTES_MAX: set->send_bytes_max = v; break;
    case WEIR_TCP_RECEIVE_BYTES_MAX: set->receive_bytes_max = v; break;
    case WEIR_TCP_MSS_MAX: set->mss_max = (uint16_t)v; break;
    case WEIR_TCP_WINDOW_SCALE: set->window_scale = v != 0; break;
    case WEIR_TCP_TIMESTAMPS: set->timestamps = v != 0; break;
    case WEIR_TCP_SACK: set->sack = v != 0; break;
    case WEIR_TCP_INITIAL_WINDOW: set->initial_window = (uint8_t)v; break;
    case WEIR_TCP_RTO_MIN_MS: set->rto_min_ms = (uint16_t)v; break;
    case WEIR_TCP_TUNE: set->tune = v != 0; break;
    case WEIR_TCP_USER_TIMEOUT_OPTION: set->user_timeout_option = v != 0; break;
    case WEIR_TCP_PATH_PROBE: set->path_probe = v != 0; break;
    case WEIR_TCP_FAST_OPEN: set->fast_open = v != 0; break;
    case WEIR_TCP_ASK: set->ask = v != 0; break;
    case WEIR_TCP_SETTING_COUNT: break;
    }
}

static uint32_t load(const struct tcp_settings *set, enum weir_tcp_setting setting)
{
    switch (setting) {
    case WEIR_TCP_NODELAY: return set->nodelay;
    case WEIR_TCP_CORK: return set->cork;
    case WEIR_TCP_MINSHALL: return set->minshall;
    case WEIR_TCP_URGENT_INLINE: return set->urgent_inline;
    case WEIR_TCP_KEEPALIVE: return set->keepalive;
    case WEIR_TCP_KEEPALIVE_IDLE_S: return set->keepalive_idle_s;
    case WEIR_TCP_KEEPALIVE_INTERVAL_S: return set->keepalive_interval_s;
    case WEIR_TCP_KEEPALIVE_PROBES: return set->keepalive_probes;
    case WEIR_TCP_KEEPALIVE_OCTET: return set->keepalive_octet;
    case WEIR_TCP_USER_TIMEOUT_MS: return set->user_timeout_ms;
    case WEIR_TCP_DELAYED_ACK_MS: return set->delayed_ack_ms;
    case WEIR_TCP_QUICK_ACK: return set->quick_ack;
    case WEIR_TCP_TTL: return set->ttl;
    case WEIR_TCP_TRAFFIC_CLASS: return set->traffic_class;
    case WEIR_TCP_SOFT_ERRORS: return set->soft_errors;
    case WEIR_TCP_SEND_BYTES_MAX: return set->send_bytes_max;
    case WEIR_TCP_RECEIVE_BYTES_MAX: return set->receive_bytes_max;
    case WEIR_TCP_MSS_MAX: return set->mss_max;
    case WEIR_TCP_WINDOW_SCALE: return set->window_scale;
    case WEIR_TCP_TIMESTAMPS: return set->timestamps;
    case WEIR_TCP_SACK: return set->sack;
    case WEIR_TCP_INITIAL_WINDOW: return set->initial_window;
    case WEIR_TCP_RTO_MIN_MS: return set->rto_min_ms;
    case WEIR_TCP_TUNE: return set->tune;
    case WEIR_TCP_USER_TIMEOUT_OPTION: return set->user_timeout_option;
    case WEIR_TCP_PATH_PROBE: return set->path_probe;
    case WEIR_TCP_FAST_OPEN: return set->fast_open;
    case WEIR_TCP_ASK: return set->ask;
    case WEIR_TCP_SETTING_COUNT: break;
    }
    return 0;
}

void tcp_settings_default(struct tcp_settings *set)
{
    *set = (struct tcp_settings){0};
    for (unsigned i = 0; i < WEIR_TCP_SETTING_COUNT; i++)
        store(set, (enum weir_tcp_setting)i, bounds[i].value);
}

/* Those that are agreed on, or used up, when the connection begins. */
static bool counts_at_beginning(enum weir_tcp_setting setting)
{
    return setting == WEIR_TCP_MSS_MAX || setting == WEIR_TCP_WINDOW_SCALE ||
           setting == WEIR_TCP_TIMESTAMPS || setting == WEIR_TCP_SACK ||
           setting == WEIR_TCP_INITIAL_WINDOW || setting == WEIR_TCP_TUNE ||
           setting == WEIR_TCP_USER_TIMEOUT_OPTION || setting == WEIR_TCP_FAST_OPEN ||
           setting == WEIR_TCP_ASK;
}

/* A buffer that holds something keeps its blocks, and they bound it. */
static bool may_resize(struct tcp_room *tcp, struct tcp_conn *c, enum weir_tcp_setting setting,
                       uint32_t value)
{
    if (setting == WEIR_TCP_SEND_BYTES_MAX)
        return tcp_send_resize(tcp, c, value);
    if (setting == WEIR_TCP_RECEIVE_BYTES_MAX && c->state != WEIR_TCP_LISTEN)
        return tcp_receive_resize(c, value);
    return true;
}

/* What was decided by the old value is decided anew. */
static void apply(struct tcp_room *tcp, struct tcp_conn *c, enum weir_tcp_setting setting)
{
    if (c->state < WEIR_TCP_ESTABLISHED)
        return;
    switch (setting) {
    case WEIR_TCP_NODELAY:
    case WEIR_TCP_CORK:
    case WEIR_TCP_MINSHALL:
        if (c->snd_una == c->snd_max)
            tcp_repair_update(tcp, c, false, tcp->now);
        tcp_ready(tcp, c);
        break;
    case WEIR_TCP_KEEPALIVE:
    case WEIR_TCP_KEEPALIVE_IDLE_S:
    case WEIR_TCP_KEEPALIVE_INTERVAL_S:
    case WEIR_TCP_KEEPALIVE_PROBES:
        tcp_idle_update(tcp, c, tcp->now);
        tcp_timer_update(tcp, c);
        break;
    case WEIR_TCP_USER_TIMEOUT_MS:
        c->user_timeout_due = c->set.user_timeout_option; /* with what is sent next */
        tcp_user_timeout_update(tcp, c, tcp->now);
        tcp_idle_update(tcp, c, tcp->now);
        break;
    case WEIR_TCP_SEND_BYTES_MAX:
        tcp_writable_update(tcp, c);
        break;
    case WEIR_TCP_RECEIVE_BYTES_MAX: /* a larger window may be due */
        tcp_rcv_read(tcp, c);
        break;
    case WEIR_TCP_DELAYED_ACK_MS:
    case WEIR_TCP_QUICK_ACK: /* what is owed is owed at once, or waits as it began */
        if (c->bytes_unacked > 0 && (c->set.quick_ack || c->set.delayed_ack_ms == 0))
            tcp_ack_now(tcp, c, false);
        break;
    default: /* counts from the next use on */
        break;
    }
}

int tcp_set(struct tcp_room *tcp, struct tcp_conn *c, enum weir_tcp_setting setting, uint32_t value)
{
    if ((unsigned)setting >= WEIR_TCP_SETTING_COUNT)
        return WEIR_E_INVALID;
    const struct bounds *b = &bounds[setting];
    if (value < b->low || value > b->high)
        return WEIR_E_RANGE;
    bool begun = c->state != WEIR_TCP_CLOSED || c->closed_told;
    if (counts_at_beginning(setting) && begun && c->state != WEIR_TCP_LISTEN)
        return WEIR_E_INVALID;
    if (!may_resize(tcp, c, setting, value))
        return WEIR_E_RANGE;
    store(&c->set, setting, value);
    if (setting == WEIR_TCP_RECEIVE_BYTES_MAX || setting == WEIR_TCP_TUNE)
        tcp_tune_begin(c);
    CHECK(tcp->handler, load(&c->set, setting) == value);
    apply(tcp, c, setting);
    return WEIR_OK;
}

int tcp_get_setting(const struct tcp_conn *c, enum weir_tcp_setting setting, uint32_t *value)
{
    if ((unsigned)setting >= WEIR_TCP_SETTING_COUNT || value == NULL)
        return WEIR_E_INVALID;
    *value = load(&c->set, setting);
    return WEIR_OK;
}
