/* SPDX-License-Identifier: MIT */
#include "drill/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "weir/tcp.h"

struct symbol {
    const char *name;
    int64_t number;
};

#define S(name) {#name, name}

static const struct symbol symbols[] = {
    S(AF_INET), S(AF_INET6), S(PF_INET), S(PF_INET6), S(SOCK_STREAM), S(SOCK_DGRAM),
    S(SOCK_NONBLOCK), S(SOCK_CLOEXEC), S(IPPROTO_IP), S(IPPROTO_IPV6), S(IPPROTO_TCP),
    S(IPPROTO_UDP), S(SOL_SOCKET), S(SOL_TCP), S(SOL_IP), S(SOL_IPV6), S(INADDR_ANY),
    S(SOMAXCONN),
    {"SOL_WEIR", SYMBOL_SOL_WEIR},
    S(SO_RCVBUF), S(SO_SNDBUF), S(SO_LINGER), S(SO_REUSEADDR), S(SO_KEEPALIVE), S(SO_ERROR),
    S(SO_OOBINLINE), S(SO_TYPE), S(SO_PROTOCOL), S(SO_DOMAIN), S(SO_ACCEPTCONN), S(SO_BROADCAST),
    S(SO_PRIORITY), S(SO_RCVLOWAT), S(SO_RCVTIMEO), S(SO_SNDTIMEO), S(SO_MARK), S(SO_ZEROCOPY),
    S(SO_TIMESTAMPING), S(SO_MAX_PACING_RATE), S(SO_REUSEPORT),
    S(TCP_NODELAY), S(TCP_CORK), S(TCP_MAXSEG), S(TCP_KEEPIDLE), S(TCP_KEEPINTVL), S(TCP_KEEPCNT),
    S(TCP_QUICKACK), S(TCP_USER_TIMEOUT), S(TCP_INFO), S(TCP_LINGER2), S(TCP_SYNCNT),
    S(TCP_DEFER_ACCEPT), S(TCP_WINDOW_CLAMP), S(TCP_CONGESTION), S(TCP_FASTOPEN),
    S(TCP_FASTOPEN_CONNECT), S(TCP_NOTSENT_LOWAT), S(TCP_TIMESTAMP), S(TCP_INQ), S(TCP_MD5SIG),
    S(IP_TOS), S(IP_TTL), S(IP_RECVERR), S(IP_MTU), S(IP_MTU_DISCOVER), S(IPV6_UNICAST_HOPS),
    S(IPV6_TCLASS), S(IPV6_V6ONLY), S(IPV6_RECVERR),
    S(MSG_OOB), S(MSG_PEEK), S(MSG_DONTWAIT), S(MSG_MORE), S(MSG_NOSIGNAL), S(MSG_EOR),
    S(MSG_WAITALL), S(MSG_TRUNC), S(MSG_ZEROCOPY), S(MSG_ERRQUEUE), S(MSG_FASTOPEN),
    S(SHUT_RD), S(SHUT_WR), S(SHUT_RDWR),
    S(F_GETFL), S(F_SETFL), S(F_GETFD), S(F_SETFD), S(FD_CLOEXEC), S(O_RDWR), S(O_RDONLY),
    S(O_NONBLOCK),
    S(SIOCINQ), S(SIOCOUTQ), S(SIOCOUTQNSD), S(SIOCATMARK), S(FIONREAD), S(TIOCINQ), S(TIOCOUTQ),
    S(FIONBIO),
    S(POLLIN), S(POLLOUT), S(POLLERR), S(POLLHUP), S(POLLPRI), S(POLLNVAL), S(POLLRDHUP),
    S(POLLRDNORM), S(POLLWRNORM),
    {"TCP_ESTABLISHED", SYMBOL_TCP_ESTABLISHED},
    {"TCP_SYN_SENT", SYMBOL_TCP_SYN_SENT},
    {"TCP_SYN_RECV", SYMBOL_TCP_SYN_RECV},
    {"TCP_FIN_WAIT1", SYMBOL_TCP_FIN_WAIT1},
    {"TCP_FIN_WAIT2", SYMBOL_TCP_FIN_WAIT2},
    {"TCP_TIME_WAIT", SYMBOL_TCP_TIME_WAIT},
    {"TCP_CLOSE", SYMBOL_TCP_CLOSE},
    {"TCP_CLOSE_WAIT", SYMBOL_TCP_CLOSE_WAIT},
    {"TCP_LAST_ACK", SYMBOL_TCP_LAST_ACK},
    {"TCP_LISTEN", SYMBOL_TCP_LISTEN},
    {"TCP_CLOSING", SYMBOL_TCP_CLOSING},
    {"TCP_CA_Open", 0},
    {"TCP_CA_Disorder", 1},
    {"TCP_CA_CWR", 2},
    {"TCP_CA_Recovery", 3},
    {"TCP_CA_Loss", 4},
    {"TCPI_OPT_TIMESTAMPS", 1},
    {"TCPI_OPT_SACK", 2},
    {"TCPI_OPT_WSCALE", 4},
    {"TCPI_OPT_SYN_DATA", SYMBOL_TCPI_OPT_SYN_DATA},
    {"TCP_INFINITE_SSTHRESH", 0x7fffffff},
    S(WEIR_TCP_ADMIT), S(WEIR_TCP_REFUSE), S(WEIR_TCP_IGNORE),
    S(WEIR_TCP_HAS_TIMESTAMPS), S(WEIR_TCP_HAS_SACK), S(WEIR_TCP_HAS_WINDOW_SCALE),
    S(WEIR_TCP_HAS_USER_TIMEOUT), S(WEIR_TCP_HAS_FAST_OPEN), S(WEIR_TCP_HAS_COOKIE),
    S(WEIR_TCP_LIMIT_APPLICATION), S(WEIR_TCP_LIMIT_WINDOW), S(WEIR_TCP_LIMIT_CWND),
    S(WEIR_TCP_LIMIT_BUFFER), S(WEIR_TCP_LIMIT_PACING),
    {"NULL", 0},
    {"true", 1},
    {"false", 0},
    {"True", 1},
    {"False", 0},
};

static const struct symbol errnos[] = {
    S(EACCES), S(EADDRINUSE), S(EADDRNOTAVAIL), S(EAFNOSUPPORT), S(EAGAIN), S(EALREADY), S(EBADF),
    S(ECONNABORTED), S(ECONNREFUSED), S(ECONNRESET), S(EDESTADDRREQ), S(EFAULT), S(EHOSTUNREACH),
    S(EINPROGRESS), S(EINTR), S(EINVAL), S(EIO), S(EISCONN), S(EMFILE), S(EMSGSIZE), S(ENETUNREACH),
    S(ENOBUFS), S(ENOMEM), S(ENOPROTOOPT), S(ENOSYS), S(ENOTCONN), S(ENOTSOCK), S(EOPNOTSUPP),
    S(EPERM), S(EPIPE), S(EPROTO), S(EPROTONOSUPPORT), S(ETIMEDOUT), S(EPROTOTYPE), S(EDOM),
    S(ERANGE), S(EHOSTDOWN), S(ENOENT),
};

#undef S

bool symbol_number(const char *name, int64_t *number)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        if (strcmp(symbols[i].name, name) == 0) {
            *number = symbols[i].number;
            return true;
        }
    for (unsigned i = 0; i < WEIR_TCP_SETTING_COUNT; i++)
        if (strcmp(weir_tcp_setting_name(i), name) == 0) {
            *number = i;
            return true;
        }
    return false;
}

int symbol_errno(const char *name)
{
    if (strcmp(name, "EWOULDBLOCK") == 0)
        return EAGAIN;
    for (size_t i = 0; i < sizeof errnos / sizeof errnos[0]; i++)
        if (strcmp(errnos[i].name, name) == 0)
            return (int)errnos[i].number;
    return 0;
}

const char *symbol_errno_name(int number)
{
    for (size_t i = 0; i < sizeof errnos / sizeof errnos[0]; i++)
        if (errnos[i].number == number)
            return errnos[i].name;
    return "?";
}
