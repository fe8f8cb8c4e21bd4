/* SPDX-License-Identifier: MIT */
#include "driver/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void append(struct netlink_request *request, const void *data, size_t len)
{
    size_t padded = NLMSG_ALIGN(len);
    if (request->full || padded > sizeof request->bytes - request->used) {
        request->full = true;
        return;
    }
    memset(request->bytes + request->used, 0, padded);
    if (len > 0)
        memcpy(request->bytes + request->used, data, len);
    request->used += padded;
}

void netlink_begin(struct netlink_request *request, unsigned type, unsigned flags,
                   const void *header, size_t len)
{
    struct nlmsghdr nl = {.nlmsg_type = (uint16_t)type,
                          .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST | NLM_F_ACK),
                          .nlmsg_seq = 1};
    request->used = 0;
    request->full = false;
    append(request, &nl, sizeof nl);
    append(request, header, len);
}

size_t netlink_nest(struct netlink_request *request, unsigned type, const void *header, size_t len)
{
    size_t at = request->used;
    struct rtattr attribute = {.rta_type = (uint16_t)type};
    append(request, &attribute, sizeof attribute);
    append(request, header, len);
    return at;
}

static void set_length(struct netlink_request *request, size_t at, size_t len)
{
    uint16_t value = (uint16_t)len;
    if (!request->full)
        memcpy(request->bytes + at + offsetof(struct rtattr, rta_len), &value, sizeof value);
}

void netlink_nest_end(struct netlink_request *request, size_t at)
{
    set_length(request, at, request->used - at);
}

void netlink_attribute(struct netlink_request *request, unsigned type, const void *data, size_t len)
{
    size_t at = netlink_nest(request, type, data, len);
    set_length(request, at, RTA_LENGTH(0) + len); /* without the padding */
}

/* The errno in the kernel's answer to our one request. */
static int read_answer(int fd)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[1024]; /* the request, quoted */
    } answer;
    ssize_t n;
    do
        n = recv(fd, &answer, sizeof answer, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno;
    if ((size_t)n < sizeof answer.header + sizeof answer.error ||
        answer.header.nlmsg_type != NLMSG_ERROR)
        return EPROTO;
    return -answer.error.error;
}

int netlink_do(struct netlink_request *request)
{
    if (request->full)
        return EMSGSIZE;
    uint32_t len = (uint32_t)request->used;
    memcpy(request->bytes + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof len);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return errno;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int error = 0;
    if (sendto(fd, request->bytes, request->used, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        error = errno;
    else
        error = read_answer(fd);
    (void)close(fd);
    return error;
}

int netlink_hear_ip6_routes(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = 1U << (RTNLGRP_IPV6_ROUTE - 1)};
    if (fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof own) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Is the message of n bytes at p about a new route to this address of the host itself? */
static bool is_local_route(const uint8_t *p, size_t n, const uint8_t address[16])
{
    struct nlmsghdr header;
    struct rtmsg route;
    size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof route);
    if (n < at)
        return false;
    memcpy(&header, p, sizeof header);
    memcpy(&route, p + NLMSG_HDRLEN, sizeof route);
    if (header.nlmsg_type != RTM_NEWROUTE || route.rtm_type != RTN_LOCAL ||
        route.rtm_dst_len != 128)
        return false;
    struct rtattr attribute;
    while (n - at >= sizeof attribute) {
        memcpy(&attribute, p + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || attribute.rta_len > n - at)
            return false;
        if (attribute.rta_type == RTA_DST && attribute.rta_len == RTA_LENGTH(16))
            return memcmp(p + at + RTA_LENGTH(0), address, 16) == 0;
        size_t step = RTA_ALIGN(attribute.rta_len);
        at += step < n - at ? step : n - at;
    }
    return false;
}

void netlink_wait_local_ip6(int fd, const uint8_t address[16], int ms)
{
    uint8_t message[2048];
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    for (unsigned i = 0; i < 64 && poll(&readable, 1, ms) > 0; i++) {
        ssize_t n = recv(fd, message, sizeof message, 0);
        if (n > 0 && is_local_route(message, (size_t)n, address))
            return;
    }
}
