/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare() */
#include "netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/host.h"
#include "driver/netlink.h"

enum {
    OPTION_UDP_SEGMENT = 103, /* <linux/udp.h> and <netinet/udp.h> do not go together */
    CUT_BYTES = 40000
};

static const char *missing = "netns_enter() was not called";

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text);
}

const char *netns_enter(void)
{
    char map[64];
    (void)snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());
    if (unshare(CLONE_NEWNET) == 0) {
        missing = NULL;
    } else if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        missing = write_file("/proc/self/uid_map", map) ? NULL : "user namespaces are restricted";
    } else {
        missing = "no right to make a network namespace";
    }
    if (missing != NULL)
        return missing;
    struct device_error why;
    assert_int_equal(host_set_up("lo", true, &why), WEIR_OK);
    /* Addresses are usable at once, and the kernel says little of its own accord. */
    (void)write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
    (void)write_file("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
    return NULL;
}

void netns_need(void)
{
    if (missing != NULL) {
        print_message("skipped: %s\n", missing);
        skip();
    }
}

void netns_set(const char *path, const char *value)
{
    char name[128];
    (void)snprintf(name, sizeof name, "/proc/sys/net/%s", path);
    assert_true(write_file(name, value));
}

void netns_add_veth(const char *a, const char *b)
{
    struct netlink_request request;
    struct ifinfomsg header = {0};
    netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    netlink_attribute(&request, IFLA_IFNAME, a, strlen(a) + 1);
    size_t info = netlink_nest(&request, IFLA_LINKINFO, NULL, 0);
    netlink_attribute(&request, IFLA_INFO_KIND, "veth", 4);
    size_t data = netlink_nest(&request, IFLA_INFO_DATA, NULL, 0);
    size_t peer = netlink_nest(&request, VETH_INFO_PEER, &header, sizeof header);
    netlink_attribute(&request, IFLA_IFNAME, b, strlen(b) + 1);
    netlink_nest_end(&request, peer);
    netlink_nest_end(&request, data);
    netlink_nest_end(&request, info);
    int error = netlink_do(&request);
    if (error == EOPNOTSUPP) {
        print_message("skipped: this kernel has no veth\n");
        skip();
    }
    assert_int_equal(error, 0);
}

void netns_delete(const char *ifname)
{
    struct netlink_request request;
    struct ifinfomsg header = {.ifi_index = (int)if_nametoindex(ifname)};
    assert_true(header.ifi_index > 0);
    netlink_begin(&request, RTM_DELLINK, 0, &header, sizeof header);
    assert_int_equal(netlink_do(&request), 0);
}

void netns_up(const char *ifname)
{
    struct device_error why;
    assert_int_equal(host_set_up(ifname, true, &why), WEIR_OK);
}

void netns_address(const char *ifname, const char *address, unsigned prefix_len)
{
    struct device_error why;
    if (host_add_address(ifname, craft_addr(address), prefix_len, NULL, &why) != WEIR_OK)
        fail_msg("%s", why.text);
}

void netns_neighbour(const char *ifname, const char *text, struct eth_addr mac)
{
    struct weir_addr address = craft_addr(text);
    bool ip4 = addr_is_ip4(address);
    struct netlink_request request;
    struct ndmsg header = {.ndm_family = ip4 ? AF_INET : AF_INET6,
                           .ndm_ifindex = (int)if_nametoindex(ifname),
                           .ndm_state = NUD_PERMANENT};
    netlink_begin(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
    netlink_attribute(&request, NDA_DST, address.bytes + (ip4 ? 12 : 0), ip4 ? 4 : 16);
    netlink_attribute(&request, NDA_LLADDR, mac.b, sizeof mac.b);
    assert_int_equal(netlink_do(&request), 0);
}

struct eth_addr netns_mac(const char *ifname)
{
    struct ifreq request = {0};
    struct eth_addr mac;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", ifname);
    assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
    close(fd);
    memcpy(mac.b, request.ifr_hwaddr.sa_data, sizeof mac.b);
    return mac;
}

/* ---- sockets ---- */

static socklen_t sockaddr_of(struct sockaddr_storage *out, struct weir_addr address, uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (addr_is_ip4(address)) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, address.bytes + 12, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)out;
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    memcpy(&in->sin6_addr, address.bytes, 16);
    return sizeof *in;
}

int netns_socket(int type, struct weir_addr address, uint16_t port)
{
    struct sockaddr_storage to;
    socklen_t len = sockaddr_of(&to, address, port);
    int fd = socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int bytes = 4 << 20;
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, len), 0);
    return fd;
}

void netns_connect(int fd, struct weir_addr address, uint16_t port)
{
    struct sockaddr_storage to;
    socklen_t len = sockaddr_of(&to, address, port);
    if (connect(fd, (struct sockaddr *)&to, len) != 0)
        assert_int_equal(errno, EINPROGRESS);
}

void netns_send_to(int fd, const void *bytes, size_t n, struct weir_addr address, uint16_t port)
{
    struct sockaddr_storage to;
    socklen_t len = sockaddr_of(&to, address, port);
    assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&to, len), n);
}

void netns_wait(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int n;
    do
        n = poll(&poll_fd, 1, WAIT_MS);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        fail_msg("nothing arrived in %d ms", WAIT_MS);
}

size_t netns_receive(int fd, void *bytes, size_t size)
{
    netns_wait(fd);
    ssize_t n = recv(fd, bytes, size, 0);
    assert_true(n >= 0);
    return (size_t)n;
}

/* ---- devices ---- */

/* The next packet that is meant, of those at hand; NULL: none. */
static const struct weir_rx *ear_look(struct ear *ear, struct seen *seen, uint8_t protocol,
                                      uint16_t port)
{
    while (ear->at < ear->n) {
        const struct weir_rx *rx = &ear->rx[ear->at++];
        if (craft_read(seen, rx, ear->ethernet) && seen->protocol == protocol &&
            (seen->destination_port == port || seen->source_port == port))
            return rx;
    }
    return NULL;
}

const struct weir_rx *ear_next(struct ear *ear, struct seen *seen, uint8_t protocol, uint16_t port)
{
    for (unsigned turn = 0; turn < 1000; turn++) {
        const struct weir_rx *rx = ear_look(ear, seen, protocol, port);
        if (rx != NULL)
            return rx;
        ear->at = 0;
        ear->n = device_receive(ear->device, ear->rx, DEVICE_BATCH, 0);
        if (ear->n == 0)
            netns_wait(device_fd(ear->device));
    }
    fail_msg("the packet is not among many others");
    return NULL;
}

bool ear_is_silent(struct ear *ear, uint8_t protocol, uint16_t port)
{
    struct seen seen;
    do {
        if (ear_look(ear, &seen, protocol, port) != NULL)
            return false;
        ear->at = 0;
        ear->n = device_receive(ear->device, ear->rx, DEVICE_BATCH, 0);
    } while (ear->n > 0);
    return true;
}

void send_all(struct device *device, const struct weir_tx *packets, unsigned n)
{
    for (unsigned sent = 0; sent < n;) {
        unsigned now = device_send(device, packets + sent, n - sent, 0);
        sent += now;
        struct pollfd poll_fd = {.fd = device_fd(device), .events = POLLOUT};
        if (now == 0)
            assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
    }
    while (device_room(device) == 0) {
        struct pollfd poll_fd = {.fd = device_fd(device), .events = POLLOUT};
        assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
    }
}

uint64_t counter_of(struct device *device, enum device_counter counter)
{
    struct device_stats stats;
    device_stats(device, &stats);
    return stats.counter[counter];
}

struct flow flow_back(const struct flow *flow)
{
    struct flow back = *flow;
    back.source = flow->destination;
    back.destination = flow->source;
    back.source_port = flow->destination_port;
    back.destination_port = flow->source_port;
    back.source_mac = flow->destination_mac;
    back.destination_mac = flow->source_mac;
    return back;
}

/* ---- conversations ---- */

void check_udp_echo(struct device *device, const struct flow *flow, bool offload)
{
    struct ear ear = {.device = device, .ethernet = flow->ethernet};
    int fd = netns_socket(SOCK_DGRAM, flow->destination, flow->destination_port);
    uint8_t payload[1400], got[2000];
    static const size_t lens[] = {0, 1, 100, 1400};
    for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        craft_pattern(payload, lens[i], i);
        struct weir_tx tx;
        craft(&tx, flow,
              &(struct speech){
                  .part = {{payload, lens[i] / 3}, {payload + lens[i] / 3, lens[i] - lens[i] / 3}},
                  .checksum_wanted = offload});
        send_all(device, &tx, 1);
        assert_int_equal(netns_receive(fd, got, sizeof got), lens[i]);
        assert_memory_equal(got, payload, lens[i]);
        netns_send_to(fd, got, lens[i], flow->source, flow->source_port);
        struct seen seen;
        ear_next(&ear, &seen, IP_PROTOCOL_UDP, flow->source_port);
        assert_int_equal(seen.source_port, flow->destination_port);
        assert_int_equal(seen.payload_len, lens[i]);
        assert_memory_equal(seen.payload, payload, lens[i]);
        if (offload)
            assert_true(seen.sum_partial);
        else
            assert_true(seen.sum_good);
    }
    close(fd);
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_lost), 0);
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_refused), 0);
    assert_int_equal(counter_of(device, DEVICE_COUNTER_rx_offload), 0);
}

void check_tcp_coalesced(struct device *device, const struct flow *flow)
{
    static uint8_t payload[4000];
    struct ear ear = {.device = device, .ethernet = flow->ethernet};
    struct weir_tx tx;
    struct seen seen;
    struct flow udp = *flow;
    udp.protocol = IP_PROTOCOL_TCP;
    uint16_t mss = addr_is_ip4(flow->source) ? 536 : 1220; /* RFC 9293 3.7.1: none was announced */
    craft_pattern(payload, sizeof payload, 9);
    int fd = netns_socket(SOCK_STREAM, flow->destination, flow->destination_port);
    netns_connect(fd, flow->source, flow->source_port);
    ear_next(&ear, &seen, IP_PROTOCOL_TCP, flow->source_port);
    assert_int_equal(seen.tcp.flags, TCP_SYN | (seen.tcp.flags & (TCP_ECE | TCP_CWR)));
    uint32_t theirs = seen.tcp.seq.v + 1, ours = 5001;
    craft(&tx, &udp,
          &(struct speech){
              .seq = ours - 1, .ack = theirs, .flags = TCP_SYN | TCP_ACK, .checksum_wanted = true});
    send_all(device, &tx, 1);
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    assert_int_equal(poll(&writable, 1, WAIT_MS), 1);
    assert_int_equal(send(fd, payload, sizeof payload, MSG_NOSIGNAL), sizeof payload);
    size_t got = 0;
    unsigned coalesced = 0;
    while (got < sizeof payload) {
        const struct weir_rx *rx = ear_next(&ear, &seen, IP_PROTOCOL_TCP, flow->source_port);
        if (seen.payload_len == 0)
            continue;
        assert_int_equal(seen.tcp.seq.v, theirs + got);
        assert_true(craft_pattern_is(seen.payload, seen.payload_len, 9, got));
        assert_true(seen.sum_partial);
        if (rx->segmentation != WEIR_SEGMENT_NONE) {
            coalesced++;
            assert_int_equal(rx->segmentation, mss == 536 ? WEIR_SEGMENT_TCP4 : WEIR_SEGMENT_TCP6);
            assert_int_equal(rx->segment_size, mss);
            assert_int_equal(rx->segment_count, (seen.payload_len + mss - 1U) / mss);
        }
        got += seen.payload_len;
    }
    assert_true(coalesced > 0);
    assert_true(counter_of(device, DEVICE_COUNTER_rx_coalesced) >= coalesced);
    craft(&tx, &udp,
          &(struct speech){
              .seq = ours, .ack = theirs, .flags = TCP_RST | TCP_ACK, .checksum_wanted = true});
    send_all(device, &tx, 1);
    close(fd);
}

void check_udp_segments_in(struct device *device, const struct flow *flow, bool coalesced)
{
    struct ear ear = {.device = device, .ethernet = flow->ethernet};
    uint8_t payload[4750];
    int size = 500;
    int fd = netns_socket(SOCK_DGRAM, flow->destination, flow->destination_port);
    if (setsockopt(fd, IPPROTO_UDP, OPTION_UDP_SEGMENT, &size, sizeof size) != 0) {
        close(fd);
        return; /* before Linux 4.18 */
    }
    craft_pattern(payload, sizeof payload, 3);
    netns_send_to(fd, payload, sizeof payload, flow->source, flow->source_port);
    size_t got = 0;
    unsigned packets = 0;
    for (; got < sizeof payload; packets++) {
        struct seen seen;
        const struct weir_rx *rx = ear_next(&ear, &seen, IP_PROTOCOL_UDP, flow->source_port);
        assert_true(craft_pattern_is(seen.payload, seen.payload_len, 3, got));
        got += seen.payload_len;
        if (coalesced) {
            assert_true(seen.sum_partial);
            assert_int_equal(rx->segmentation, WEIR_SEGMENT_UDP);
            assert_int_equal(rx->segment_size, 500);
            assert_int_equal(rx->segment_count, 10);
        } else {
            assert_true(seen.sum_good);
            assert_int_equal(rx->segmentation, WEIR_SEGMENT_NONE);
        }
    }
    assert_int_equal(packets, coalesced ? 1 : 10);
    close(fd);
}

void check_cut(struct device *from, struct device *to, const struct flow *flow,
               uint16_t segment_size)
{
    static uint8_t payload[CUT_BYTES];
    struct ear ear = {.device = to, .ethernet = flow->ethernet};
    size_t len = segment_size != 0 ? CUT_BYTES : 1000, got = 0;
    bool tcp = flow->protocol == IP_PROTOCOL_TCP;
    craft_pattern(payload, len, 77);
    struct weir_tx tx;
    craft(&tx, flow,
          &(struct speech){.part = {{payload, len / 2 + 1}, {payload + len / 2 + 1, len / 2 - 1}},
                           .seq = 0xffffff00,
                           .ack = 1,
                           .flags = TCP_ACK | TCP_PSH | TCP_FIN,
                           .checksum_wanted = true,
                           .segment_size = segment_size});
    send_all(from, &tx, 1);
    while (got < len) {
        struct seen seen;
        const struct weir_rx *rx = ear_next(&ear, &seen, flow->protocol, flow->destination_port);
        size_t expected = len - got < segment_size || segment_size == 0 ? len - got : segment_size;
        assert_int_equal(rx->segmentation, WEIR_SEGMENT_NONE);
        assert_true(seen.sum_good);
        assert_int_equal(seen.payload_len, expected);
        assert_true(craft_pattern_is(seen.payload, expected, 77, got));
        if (tcp) {
            bool last = got + expected == len;
            assert_int_equal(seen.tcp.seq.v, (uint32_t)(0xffffff00 + got));
            assert_int_equal(seen.tcp.flags, last ? TCP_ACK | TCP_PSH | TCP_FIN : TCP_ACK);
        }
        got += expected;
    }
    assert_int_equal(counter_of(from, DEVICE_COUNTER_tx_refused), 0);
    assert_int_equal(counter_of(from, DEVICE_COUNTER_tx_lost), 0);
}
