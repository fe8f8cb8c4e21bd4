/* SPDX-License-Identifier: MIT
 * Packet sockets on a veth pair, in a network namespace of this program's own: k is the kernel's
 * end with its addresses, w is ours and has none. */
#include "driver/packet.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/host.h"
#include "netns.h"

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 0x77};

static void make_veth(void)
{
    netns_need();
    struct eth_addr mac;
    memcpy(mac.b, own_mac, sizeof mac.b);
    netns_add_veth("k", "w");
    netns_up("w");
    netns_up("k");
    netns_address("k", "10.20.0.1", 24);
    netns_address("k", "fd20::1", 64);
    netns_neighbour("k", "10.20.0.2", mac);
    netns_neighbour("k", "fd20::2", mac);
}

static int open_error_of(struct device **out, const struct packet_config *config,
                         struct device_error *why)
{
    struct packet_config c = *config;
    memcpy(c.mac, own_mac, sizeof c.mac);
    return packet_open(out, &c, why);
}

static struct device *open_on(const char *ifname, uint32_t without)
{
    struct device *device;
    struct device_error why;
    if (open_error_of(&device, &(struct packet_config){.ifname = ifname, .without = without},
                      &why) != WEIR_OK)
        fail_msg("%s", why.text);
    return device;
}

static struct flow flow_in(bool ip4)
{
    struct flow flow = {.source = craft_addr(ip4 ? "10.20.0.2" : "fd20::2"),
                        .destination = craft_addr(ip4 ? "10.20.0.1" : "fd20::1"),
                        .source_port = 7777,
                        .destination_port = 5555,
                        .protocol = IP_PROTOCOL_UDP,
                        .ethernet = true,
                        .destination_mac = netns_mac("k")};
    memcpy(flow.source_mac.b, own_mac, sizeof own_mac);
    return flow;
}

static bool cuts_udp(struct device *device)
{
    struct weir_iface_config iface;
    device_iface(device, &iface);
    return (iface.capabilities & WEIR_CAP_TX_UDP) != 0;
}

static void test_udp_echo_with_and_without_offloads(void **state)
{
    (void)state;
    make_veth();
    for (unsigned offload = 0; offload < 2; offload++) {
        struct device *device = open_on("w", offload ? 0 : WEIR_CAP_ALL);
        for (unsigned ip4 = 0; ip4 < 2; ip4++) {
            struct flow flow = flow_in(ip4 != 0);
            check_udp_echo(device, &flow, offload != 0);
        }
        device_close(device);
    }
    netns_delete("k");
}

static void test_the_interface_states_what_was_negotiated(void **state)
{
    (void)state;
    make_veth();
    struct weir_iface_config iface;
    struct device_error why;
    struct device *device = open_on("w", 0);
    device_iface(device, &iface);
    assert_int_equal(iface.capabilities | WEIR_CAP_TX_UDP, WEIR_CAP_ALL);
    assert_int_equal(iface.link, WEIR_LINK_ETHERNET);
    assert_int_equal(iface.mtu_bytes, 1500);
    assert_memory_equal(iface.mac, own_mac, 6);
    assert_int_equal(host_set_mtu("w", 2000, &why), WEIR_OK);
    device_iface(device, &iface);
    assert_int_equal(iface.mtu_bytes, 2000);
    device_close(device);
    device = open_on("w", WEIR_CAP_ALL);
    device_iface(device, &iface);
    assert_int_equal(iface.capabilities, WEIR_CAP_TX_GATHER);
    device_close(device);
    struct eth_addr mac = netns_mac("w");
    struct packet_config config = {.ifname = "w", .promiscuous = true};
    assert_int_equal(packet_open(&device, &config, &why), WEIR_OK);
    device_iface(device, &iface);
    assert_memory_equal(iface.mac, mac.b, 6);
    device_close(device);
    netns_delete("k");
}

/* The kernel of the sending end does the cutting when the interface may not pass it on: what the
 * other end's observer sees is on the wire. */
static void test_packets_are_cut_and_summed_by_the_kernel(void **state)
{
    (void)state;
    make_veth();
    struct device_error why;
    assert_int_equal(host_set_offloads("w", false, &why), WEIR_OK);
    struct device *from = open_on("w", 0), *to = open_on("k", WEIR_CAP_ALL);
    for (unsigned i = 0; i < 4; i++) {
        struct flow flow = flow_in((i & 1) != 0);
        bool tcp = (i & 2) != 0;
        flow.protocol = tcp ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP;
        check_cut(from, to, &flow, 0);
        if (tcp || cuts_udp(from)) {
            check_cut(from, to, &flow, 1000);
            check_cut(from, to, &flow, 777);
        }
    }
    device_close(from);
    device_close(to);
    netns_delete("k");
}

static void test_coalesced_packets_come_in(void **state)
{
    (void)state;
    make_veth();
    struct device *device = open_on("w", 0);
    for (unsigned ip4 = 0; ip4 < 2; ip4++) {
        struct flow flow = flow_in(ip4 != 0);
        check_tcp_coalesced(device, &flow);
        if (cuts_udp(device))
            check_udp_segments_in(device, &flow, true);
    }
    device_close(device);
    /* A host that is told not to sends what the wire takes. */
    struct device_error why;
    assert_int_equal(host_set_offloads("k", false, &why), WEIR_OK);
    device = open_on("w", WEIR_CAP_ALL);
    for (unsigned ip4 = 0; ip4 < 2; ip4++) {
        struct flow flow = flow_in(ip4 != 0);
        check_udp_segments_in(device, &flow, false);
    }
    device_close(device);
    netns_delete("k");
}

/* A raw frame from the kernel's end, as a card would receive it. */
static void send_tagged(struct device *from, const struct flow *flow, bool offload)
{
    static const uint8_t payload[5] = "hello";
    struct weir_tx tx;
    craft(&tx, flow, &(struct speech){.part = {{payload, 5}}, .checksum_wanted = offload});
    /* A tag of VLAN 5, priority 3, behind the addresses. */
    uint8_t *headers = tx.headers + tx.header_start;
    memmove(headers + 16, headers + 12, tx.header_len - 12U);
    store16(headers + 12, ETH_TYPE_VLAN);
    store16(headers + 14, 3 << 13 | 5);
    tx.header_len = (uint16_t)(tx.header_len + 4);
    tx.len += 4;
    if (offload)
        tx.checksum_start = (uint16_t)(tx.checksum_start + 4);
    send_all(from, &tx, 1);
}

static void test_a_vlan_tag_stands_where_it_stood(void **state)
{
    (void)state;
    make_veth();
    struct device *from = open_on("k", 0);
    for (unsigned offload = 0; offload < 2; offload++) {
        struct device *device = open_on("w", offload ? 0 : WEIR_CAP_ALL);
        struct ear ear = {.device = device, .ethernet = true};
        for (unsigned ip4 = 0; ip4 < 2; ip4++) {
            struct flow in = flow_in(ip4 != 0), flow = flow_back(&in);
            send_tagged(from, &flow, offload != 0);
            struct seen seen;
            const struct weir_rx *rx = ear_next(&ear, &seen, IP_PROTOCOL_UDP, flow.source_port);
            struct eth eth;
            assert_int_equal(eth_parse(&eth, rx->head, rx->head_len), WEIR_DROP_NONE);
            assert_int_equal(eth.vlan_count, 1);
            assert_int_equal(eth.vlan[0].vid, 5);
            assert_int_equal(eth.vlan[0].pcp, 3);
            assert_int_equal(eth.vlan[0].tpid, ETH_TYPE_VLAN);
            assert_true(eth_addr_eq(eth.source, flow.source_mac));
            assert_true(eth_addr_eq(eth.destination, flow.destination_mac));
            assert_int_equal(seen.payload_len, 5);
            assert_memory_equal(seen.payload, "hello", 5);
            assert_true(offload != 0 ? seen.sum_partial : seen.sum_good);
        }
        device_close(device);
    }
    device_close(from);
    netns_delete("k");
}

static void test_what_is_sent_is_not_heard(void **state)
{
    (void)state;
    make_veth();
    struct device *device = open_on("w", 0);
    struct ear ear = {.device = device, .ethernet = true};
    struct flow flow = flow_in(true);
    int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
    struct weir_tx tx;
    uint8_t byte;
    craft(&tx, &flow, &(struct speech){0});
    send_all(device, &tx, 1);
    assert_int_equal(netns_receive(fd, &byte, 1), 0);
    assert_true(ear_is_silent(&ear, IP_PROTOCOL_UDP, flow.source_port));
    close(fd);
    device_close(device);
    netns_delete("k");
}

static void test_a_batch_goes_in_order_around_what_is_refused(void **state)
{
    (void)state;
    make_veth();
    struct device *device = open_on("w", 0);
    struct flow flow = flow_in(true);
    int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
    static uint8_t payload[DEVICE_BATCH], big[1473];
    struct weir_tx tx[DEVICE_BATCH];
    for (unsigned i = 0; i < DEVICE_BATCH; i++) {
        payload[i] = (uint8_t)i;
        struct weir_ref part = {&payload[i], 1};
        if (i % 20 == 7) /* a few are longer than the MTU, and the kernel does not take them */
            part = (struct weir_ref){big, sizeof big};
        craft(&tx[i], &flow, &(struct speech){.part = {part}, .checksum_wanted = true});
    }
    struct device_error why;
    assert_int_equal(host_set_mtu("w", 1400, &why), WEIR_OK);
    assert_int_equal(device_send(device, tx, DEVICE_BATCH, 0), DEVICE_BATCH);
    uint8_t got;
    for (unsigned i = 0; i < DEVICE_BATCH; i++) {
        if (i % 20 == 7)
            continue;
        assert_int_equal(netns_receive(fd, &got, 1), 1);
        assert_int_equal(got, i);
    }
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_refused), 3);
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_packets), DEVICE_BATCH - 3);
    assert_int_equal(device_kept(device), 0);
    close(fd);
    device_close(device);
    netns_delete("k");
}

static void test_a_burst_arrives_in_order_and_whole(void **state)
{
    (void)state;
    make_veth();
    struct device *device = open_on("w", 0);
    struct ear ear = {.device = device, .ethernet = true};
    struct flow flow = flow_in(true);
    int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
    uint8_t payload[1000];
    struct seen seen;
    for (unsigned i = 0; i < 3 * DEVICE_BATCH; i++) {
        craft_pattern(payload, i * 5, i);
        netns_send_to(fd, payload, i * 5, flow.source, flow.source_port);
    }
    for (unsigned i = 0; i < 3 * DEVICE_BATCH; i++) {
        ear_next(&ear, &seen, IP_PROTOCOL_UDP, flow.source_port);
        assert_int_equal(seen.payload_len, i * 5);
        assert_true(craft_pattern_is(seen.payload, seen.payload_len, i, 0));
    }
    assert_int_equal(counter_of(device, DEVICE_COUNTER_rx_missed), 0);
    close(fd);
    device_close(device);
    netns_delete("k");
}

static void test_an_interface_goes_down_comes_up_and_goes(void **state)
{
    (void)state;
    make_veth();
    struct device *device = open_on("w", 0);
    struct flow flow = flow_in(true);
    struct device_error why;
    struct weir_tx tx;
    struct weir_rx rx[DEVICE_BATCH];
    craft(&tx, &flow, &(struct speech){0});
    assert_int_equal(host_set_up("w", false, &why), WEIR_OK);
    struct pollfd poll_fd = {.fd = device_fd(device), .events = 0};
    assert_int_equal(poll(&poll_fd, 1, 0), 1);
    while (device_receive(device, rx, DEVICE_BATCH, 0) > 0)
        continue;
    assert_int_equal(poll(&poll_fd, 1, 0), 0); /* it was told once; a loop does not spin on it */
    assert_int_equal(device_send(device, &tx, 1, 0), 1);
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_lost), 1);
    assert_int_equal(device_failure(device, &why), 0);

    netns_up("w");
    int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
    uint8_t byte;
    send_all(device, &tx, 1);
    assert_int_equal(netns_receive(fd, &byte, 1), 0);
    close(fd);

    netns_delete("k"); /* and w with it */
    while (device_receive(device, rx, DEVICE_BATCH, 0) > 0)
        continue;
    assert_int_equal(device_failure(device, &why), ENODEV);
    assert_string_equal(why.text, "w: is gone: No such device");
    device_close(device);
}

/* What the child process finds when it has no rights: 0, or what was wrong. */
static int without_rights(void)
{
    struct device *device;
    struct device_error why;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 0; /* a user namespace of one user: cannot be tried */
    if (open_error_of(&device, &(struct packet_config){.ifname = "lo"}, &why) != WEIR_E_IO)
        return 1;
    return strstr(why.text, "lo: no right to ") == why.text ? 0 : 2;
}

static void test_errors_are_one_clear_line(void **state)
{
    (void)state;
    netns_need();
    struct device *device = NULL;
    struct device_error why;
    assert_int_equal(open_error_of(&device, &(struct packet_config){.ifname = "absent0"}, &why),
                     WEIR_E_NOT_FOUND);
    assert_string_equal(why.text, "absent0: no such interface: No such device");
    assert_int_equal(open_error_of(&device, &(struct packet_config){.ifname = "lo"}, &why),
                     WEIR_E_UNSUPPORTED);
    assert_string_equal(why.text, "lo: is no Ethernet interface");
    assert_int_equal(
        open_error_of(&device, &(struct packet_config){.ifname = "sixteen-letters."}, &why),
        WEIR_E_INVALID);
    assert_int_equal(open_error_of(&device, &(struct packet_config){0}, &why), WEIR_E_INVALID);
    assert_null(device);
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(without_rights());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    (void)netns_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp_echo_with_and_without_offloads),
        cmocka_unit_test(test_the_interface_states_what_was_negotiated),
        cmocka_unit_test(test_packets_are_cut_and_summed_by_the_kernel),
        cmocka_unit_test(test_coalesced_packets_come_in),
        cmocka_unit_test(test_a_vlan_tag_stands_where_it_stood),
        cmocka_unit_test(test_what_is_sent_is_not_heard),
        cmocka_unit_test(test_a_batch_goes_in_order_around_what_is_refused),
        cmocka_unit_test(test_a_burst_arrives_in_order_and_whole),
        cmocka_unit_test(test_an_interface_goes_down_comes_up_and_goes),
        cmocka_unit_test(test_errors_are_one_clear_line),
    };
    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
