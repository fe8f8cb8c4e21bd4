/* SPDX-License-Identifier: MIT
 * Linux counts the window and what is in flight in segments where weir counts bytes: these are
 * divided by the segment size, rounded up for what is in flight and down for windows. */
#include "drill/info.h"

#include <string.h>

#include "drill/symbols.h"

/* X(member): those that scripts may name as they are. */
#define MEMBERS(X)                                                                                 \
    X(state) X(recovery) X(options) X(timer) X(active) X(orphan) X(snd_scale) X(rcv_scale)         \
    X(snd_wnd_bytes) X(snd_wnd_bytes_max) X(rcv_wnd_bytes) X(snd_mss_bytes) X(rcv_mss_bytes)       \
    X(peer_mss_bytes) X(path_mtu_bytes) X(send_queue_bytes) X(unsent_bytes)                        \
    X(receive_queue_bytes) X(reassembly_bytes) X(reassembly_ranges) X(backlog) X(accept_queue)     \
    X(accept_queue_max) X(cwnd_bytes) X(ssthresh_bytes) X(in_flight_bytes) X(srtt_us)              \
    X(rttvar_us) X(rtt_us_min) X(rto_us) X(backoff) X(dupacks) X(probes) X(bytes_acked)            \
    X(bytes_received) X(bytes_retransmitted) X(segments_in) X(segments_out) X(retransmits)         \
    X(timeouts) X(fast_retransmits) X(age) X(idle) X(iss) X(irs) X(accounts) X(limit)              \
    X(data_segments_in) X(data_segments_out) X(dupacks_in) X(dupacks_out) X(zero_windows_in)       \
    X(zero_windows_out) X(congestion_signals) X(cwnd_bytes_max) X(send_buffer_bytes)               \
    X(receive_buffer_bytes) X(user_timeout_ms) X(peer_user_timeout_ms) X(stuck_ms)                 \
    X(path_mtu_bytes_max) X(path_mtu_probing)

/* X(name, index): what limits a sender, as limited_us_NAME and limited_count_NAME. */
#define LIMITS(X)                                                                                  \
    X(application, WEIR_TCP_LIMIT_APPLICATION) X(window, WEIR_TCP_LIMIT_WINDOW)                     \
    X(cwnd, WEIR_TCP_LIMIT_CWND) X(buffer, WEIR_TCP_LIMIT_BUFFER) X(pacing, WEIR_TCP_LIMIT_PACING)

static uint32_t segments(uint64_t bytes, const struct weir_tcp_info *info, bool up)
{
    uint32_t mss = info->snd_mss_bytes != 0 ? info->snd_mss_bytes : 1;
    return (uint32_t)((bytes + (up ? mss - 1 : 0)) / mss);
}

static int64_t linux_state(uint8_t state)
{
    static const uint8_t states[] = {
        [WEIR_TCP_CLOSED] = SYMBOL_TCP_CLOSE,
        [WEIR_TCP_LISTEN] = SYMBOL_TCP_LISTEN,
        [WEIR_TCP_SYN_SENT] = SYMBOL_TCP_SYN_SENT,
        [WEIR_TCP_SYN_RECEIVED] = SYMBOL_TCP_SYN_RECV,
        [WEIR_TCP_ESTABLISHED] = SYMBOL_TCP_ESTABLISHED,
        [WEIR_TCP_FIN_WAIT_1] = SYMBOL_TCP_FIN_WAIT1,
        [WEIR_TCP_FIN_WAIT_2] = SYMBOL_TCP_FIN_WAIT2,
        [WEIR_TCP_CLOSE_WAIT] = SYMBOL_TCP_CLOSE_WAIT,
        [WEIR_TCP_LAST_ACK] = SYMBOL_TCP_LAST_ACK,
        [WEIR_TCP_CLOSING] = SYMBOL_TCP_CLOSING,
        [WEIR_TCP_TIME_WAIT] = SYMBOL_TCP_TIME_WAIT,
    };
    return state < sizeof states ? states[state] : 0;
}

static int64_t linux_recovery(uint8_t recovery)
{
    static const uint8_t states[] = {[WEIR_TCP_OPEN] = 0,
                                     [WEIR_TCP_DISORDER] = 1,
                                     [WEIR_TCP_RECOVERY] = 3,
                                     [WEIR_TCP_LOSS] = 4};
    return recovery < sizeof states ? states[recovery] : 0;
}

static int64_t linux_ssthresh(const struct weir_tcp_info *info)
{
    return info->ssthresh_bytes == UINT32_MAX ? 0x7fffffff
                                              : segments(info->ssthresh_bytes, info, false);
}

/* A name behind "tcpi_". */
static bool linux_value(const struct weir_tcp_info *i, const char *name, int64_t *value)
{
    const struct {
        const char *name;
        int64_t value;
    } table[] = {
        {"state", linux_state(i->state)},
        {"ca_state", linux_recovery(i->recovery)},
        {"retransmits", i->backoff},
        {"probes", i->probes},
        {"backoff", i->backoff},
        {"options", (i->options & 7) | ((i->options & WEIR_TCP_HAS_FAST_OPEN) != 0
                                            ? SYMBOL_TCPI_OPT_SYN_DATA
                                            : 0)},
        {"snd_wscale", i->snd_scale},
        {"rcv_wscale", i->rcv_scale},
        {"rto", i->rto_us},
        {"snd_mss", i->snd_mss_bytes},
        {"rcv_mss", i->rcv_mss_bytes},
        {"unacked", i->state == WEIR_TCP_LISTEN ? i->accept_queue
                                                : segments(i->in_flight_bytes, i, true)},
        {"sacked", i->state == WEIR_TCP_LISTEN ? i->accept_queue_max : 0},
        {"last_data_recv", i->idle / WEIR_NS_PER_MS},
        {"pmtu", i->path_mtu_bytes},
        {"rtt", i->srtt_us},
        {"rttvar", i->rttvar_us},
        {"min_rtt", i->rtt_us_min},
        {"snd_ssthresh", linux_ssthresh(i)},
        {"snd_cwnd", segments(i->cwnd_bytes, i, false)},
        {"total_retrans", i->retransmits},
        {"bytes_acked", (int64_t)i->bytes_acked},
        {"bytes_received", (int64_t)i->bytes_received},
        {"bytes_retrans", (int64_t)i->bytes_retransmitted},
        {"segs_in", i->segments_in},
        {"segs_out", i->segments_out},
        {"notsent_bytes", (int64_t)i->unsent_bytes},
        {"snd_wnd", i->snd_wnd_bytes},
        {"rcv_wnd", i->rcv_wnd_bytes},
    };
    for (size_t at = 0; at < sizeof table / sizeof table[0]; at++)
        if (strcmp(table[at].name, name) == 0) {
            *value = table[at].value;
            return true;
        }
    return false;
}

bool info_value(const struct weir_tcp_info *info, const char *name, int64_t *value)
{
    static const struct weir_tcp_info none = {.state = WEIR_TCP_CLOSED};
    if (info == NULL)
        info = &none;
    if (strncmp(name, "tcpi_", 5) == 0)
        return linux_value(info, name + 5, value);
#define X(member)                                                                                  \
    if (strcmp(name, #member) == 0) {                                                              \
        *value = (int64_t)info->member;                                                            \
        return true;                                                                               \
    }
    MEMBERS(X)
#undef X
#define X(limit, at)                                                                               \
    if (strcmp(name, "limited_us_" #limit) == 0 || strcmp(name, "limited_count_" #limit) == 0) {   \
        *value = name[8] == 'u' ? (int64_t)info->limited_us[at] : info->limited_count[at];         \
        return true;                                                                               \
    }
    LIMITS(X)
#undef X
    return false;
}
