/* SPDX-License-Identifier: MIT */
#include "drill/options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "drill/symbols.h"

struct option {
    int level, name;
    enum weir_tcp_setting setting;
};

/* SO_RCVBUF and SO_SNDBUF are exactly what they say; Linux doubles them. */
static const struct option options[] = {
    {SOL_SOCKET, SO_RCVBUF, WEIR_TCP_RECEIVE_BYTES_MAX},
    {SOL_SOCKET, SO_SNDBUF, WEIR_TCP_SEND_BYTES_MAX},
    {SOL_SOCKET, SO_KEEPALIVE, WEIR_TCP_KEEPALIVE},
    {SOL_SOCKET, SO_OOBINLINE, WEIR_TCP_URGENT_INLINE},
    {IPPROTO_TCP, TCP_NODELAY, WEIR_TCP_NODELAY},
    {IPPROTO_TCP, TCP_CORK, WEIR_TCP_CORK},
    {IPPROTO_TCP, TCP_MAXSEG, WEIR_TCP_MSS_MAX},
    {IPPROTO_TCP, TCP_KEEPIDLE, WEIR_TCP_KEEPALIVE_IDLE_S},
    {IPPROTO_TCP, TCP_KEEPINTVL, WEIR_TCP_KEEPALIVE_INTERVAL_S},
    {IPPROTO_TCP, TCP_KEEPCNT, WEIR_TCP_KEEPALIVE_PROBES},
    {IPPROTO_TCP, TCP_QUICKACK, WEIR_TCP_QUICK_ACK},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, WEIR_TCP_USER_TIMEOUT_MS},
    {IPPROTO_TCP, TCP_FASTOPEN, WEIR_TCP_FAST_OPEN},
    {IPPROTO_IP, IP_TOS, WEIR_TCP_TRAFFIC_CLASS},
    {IPPROTO_IP, IP_TTL, WEIR_TCP_TTL},
    {IPPROTO_IPV6, IPV6_TCLASS, WEIR_TCP_TRAFFIC_CLASS},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, WEIR_TCP_TTL},
};

struct range {
    uint32_t value, low, high;
};

static const struct range ranges[] = {
#define X(name, value, low, high, meaning) {value, low, high},
    WEIR_TCP_SETTINGS(X)
#undef X
};

bool option_setting(int level, int name, enum weir_tcp_setting *setting)
{
    if (level == SYMBOL_SOL_WEIR) {
        *setting = (enum weir_tcp_setting)name;
        return name >= 0 && name < WEIR_TCP_SETTING_COUNT;
    }
    for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].level == level && options[i].name == name) {
            *setting = options[i].setting;
            return true;
        }
    return false;
}

bool option_is_switch(enum weir_tcp_setting setting)
{
    return ranges[setting].low == 0 && ranges[setting].high == 1;
}

bool option_in_range(enum weir_tcp_setting setting, uint32_t value)
{
    return value >= ranges[setting].low && value <= ranges[setting].high;
}

uint32_t option_default(enum weir_tcp_setting setting)
{
    return ranges[setting].value;
}
