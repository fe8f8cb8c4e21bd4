/* SPDX-License-Identifier: MIT
 * TUN and TAP against the kernel's own sockets, in a network namespace of this program's own. */
#include "driver/tun.h"

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

#define UDP_OFFLOAD (WEIR_CAP_TX_UDP)

static struct device *open_one(const struct tun_config *config)
{
    struct device *device;
    struct device_error why;
    int error = tun_open(&device, config, &why);
    if (error == WEIR_E_UNSUPPORTED || (error == WEIR_E_IO && why.number == EACCES)) {
        print_message("skipped: %s\n", why.text);
        skip();
    }
    if (error != WEIR_OK)
        fail_msg("%s", why.text);
    return device;
}

static uint32_t capabilities_of(struct device *device)
{
    struct weir_iface_config iface;
    device_iface(device, &iface);
    return iface.capabilities;
}

/* A device with kernel addresses 10.N.0.1/24 and fdN::1/64, up. */
static struct device *open_net(const struct tun_config *config, unsigned net)
{
    struct device *device = open_one(config);
    char text[32];
    netns_up(device_name(device));
    (void)snprintf(text, sizeof text, "10.%u.0.1", net);
    netns_address(device_name(device), text, 24);
    (void)snprintf(text, sizeof text, "fd%02u::1", net);
    netns_address(device_name(device), text, 64);
    return device;
}

/* From the stack's end of that net to the kernel's. */
static struct flow flow_in(unsigned net, bool ip4)
{
    char from[32], to[32];
    (void)snprintf(from, sizeof from, ip4 ? "10.%u.0.2" : "fd%02u::2", net);
    (void)snprintf(to, sizeof to, ip4 ? "10.%u.0.1" : "fd%02u::1", net);
    return (struct flow){.source = craft_addr(from),
                         .destination = craft_addr(to),
                         .source_port = 7777,
                         .destination_port = 5555,
                         .protocol = IP_PROTOCOL_UDP};
}

static void test_udp_echo_with_and_without_offloads(void **state)
{
    (void)state;
    netns_need();
    for (unsigned offload = 0; offload < 2; offload++) {
        struct device *device =
            open_net(&(struct tun_config){.without = offload ? 0 : WEIR_CAP_ALL}, 10);
        for (unsigned ip4 = 0; ip4 < 2; ip4++) {
            struct flow flow = flow_in(10, ip4 != 0);
            check_udp_echo(device, &flow, offload != 0);
        }
        device_close(device);
    }
}

static void test_capabilities_are_those_asked_for(void **state)
{
    (void)state;
    netns_need();
    static const struct {
        uint32_t without, offered;
    } cases[] = {
        {0, WEIR_CAP_ALL},
        {WEIR_CAP_ALL, WEIR_CAP_TX_GATHER},
        {WEIR_CAP_RX_COALESCE, WEIR_CAP_ALL & ~WEIR_CAP_RX_COALESCE},
        {WEIR_CAP_TX_CHECKSUM,
         WEIR_CAP_TX_GATHER | WEIR_CAP_RX_CHECKSUM | WEIR_CAP_RX_COALESCE | WEIR_CAP_TRUSTED},
        {WEIR_CAP_TRUSTED, WEIR_CAP_TX_GATHER | WEIR_CAP_TX_CHECKSUM | WEIR_CAP_TX_TCP4 |
                               WEIR_CAP_TX_TCP6 | WEIR_CAP_TX_UDP},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct device *device = open_one(&(struct tun_config){.without = cases[i].without});
        /* UDP segmentation is Linux 6.2's. */
        assert_int_equal(capabilities_of(device) | UDP_OFFLOAD, cases[i].offered | UDP_OFFLOAD);
        device_close(device);
    }
}

/* One TUN sends, the kernel forwards to another, whose user takes no offloads: so the kernel cuts
 * and sums, as hardware would. */
static void test_packets_are_cut_and_summed_by_the_kernel(void **state)
{
    (void)state;
    netns_need();
    struct device *from = open_net(&(struct tun_config){0}, 11);
    struct device *to = open_net(&(struct tun_config){.without = WEIR_CAP_ALL}, 12);
    netns_set("ipv4/ip_forward", "1");
    netns_set("ipv6/conf/all/forwarding", "1");
    bool udp_cut = (capabilities_of(from) & WEIR_CAP_TX_UDP) != 0;
    for (unsigned i = 0; i < 4; i++) {
        bool ip4 = (i & 1) != 0, tcp = (i & 2) != 0;
        struct flow flow = flow_in(11, ip4);
        flow.destination = flow_in(12, ip4).source;
        flow.protocol = tcp ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP;
        check_cut(from, to, &flow, 0);
        if (tcp || udp_cut) {
            check_cut(from, to, &flow, 1000);
            check_cut(from, to, &flow, 777);
        }
    }
    netns_set("ipv4/ip_forward", "0");
    netns_set("ipv6/conf/all/forwarding", "0");
    device_close(from);
    device_close(to);
}

static void test_a_kernel_socket_receives_cut_datagrams(void **state)
{
    (void)state;
    netns_need();
    static uint8_t payload[32000], got[2000];
    struct device *device = open_net(&(struct tun_config){0}, 13);
    if ((capabilities_of(device) & WEIR_CAP_TX_UDP) == 0) {
        device_close(device);
        print_message("skipped: this kernel does not cut UDP\n");
        skip();
    }
    for (unsigned ip4 = 0; ip4 < 2; ip4++) {
        struct flow flow = flow_in(13, ip4 != 0);
        int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
        struct weir_tx tx;
        craft_pattern(payload, sizeof payload, 1);
        craft(&tx, &flow,
              &(struct speech){.part = {{payload, sizeof payload}}, .segment_size = 1000});
        send_all(device, &tx, 1);
        for (unsigned i = 0; i < 32; i++) {
            assert_int_equal(netns_receive(fd, got, sizeof got), 1000);
            assert_memory_equal(got, payload + i * 1000, 1000);
        }
        close(fd);
    }
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_segmented), 2);
    device_close(device);
}

static void test_coalesced_packets_come_in(void **state)
{
    (void)state;
    netns_need();
    for (unsigned offload = 0; offload < 2; offload++) {
        struct device *device =
            open_net(&(struct tun_config){.without = offload ? 0 : WEIR_CAP_ALL}, 14);
        bool udp = (capabilities_of(device) & WEIR_CAP_TX_UDP) != 0;
        for (unsigned ip4 = 0; ip4 < 2; ip4++) {
            struct flow flow = flow_in(14, ip4 != 0);
            check_udp_segments_in(device, &flow, udp);
            if (offload != 0)
                check_tcp_coalesced(device, &flow);
        }
        device_close(device);
    }
}

static void test_a_burst_arrives_in_order_and_whole(void **state)
{
    (void)state;
    netns_need();
    struct device *device = open_net(&(struct tun_config){0}, 15);
    struct flow flow = flow_in(15, true);
    int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
    struct ear ear = {.device = device};
    struct seen seen;
    uint8_t payload[1000];
    for (unsigned i = 0; i < 3 * DEVICE_BATCH; i++) {
        craft_pattern(payload, i * 5, i);
        netns_send_to(fd, payload, i * 5, flow.source, flow.source_port);
    }
    for (unsigned i = 0; i < 3 * DEVICE_BATCH; i++) {
        ear_next(&ear, &seen, IP_PROTOCOL_UDP, flow.source_port);
        assert_int_equal(seen.payload_len, i * 5);
        assert_true(craft_pattern_is(seen.payload, seen.payload_len, i, 0));
    }
    assert_true(ear_is_silent(&ear, IP_PROTOCOL_UDP, flow.source_port));
    close(fd);
    device_close(device);
}

static void test_flows_are_spread_over_queues(void **state)
{
    (void)state;
    netns_need();
    enum { QUEUES = 4, FLOWS = 64 };
    struct device *queue[QUEUES];
    struct device_error why;
    struct tun_config config = {.queues = QUEUES};
    device_close(open_one(&(struct tun_config){0})); /* skips where there is no TUN */
    assert_int_equal(tun_open(queue, &config, &why), WEIR_OK);
    const char *name = device_name(queue[0]);
    netns_up(name);
    netns_address(name, "10.16.0.1", 24);
    unsigned got[QUEUES] = {0}, used = 0, total = 0;
    struct flow flow = flow_in(16, true);
    int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
    for (unsigned i = 0; i < FLOWS; i++)
        netns_send_to(fd, &i, sizeof i, flow.source, (uint16_t)(7000 + i));
    while (total < FLOWS) {
        struct pollfd polls[QUEUES];
        struct weir_rx rx[DEVICE_BATCH];
        for (unsigned i = 0; i < QUEUES; i++)
            polls[i] = (struct pollfd){.fd = device_fd(queue[i]), .events = POLLIN};
        assert_true(poll(polls, QUEUES, WAIT_MS) > 0);
        for (unsigned i = 0; i < QUEUES; i++) {
            unsigned n = device_receive(queue[i], rx, DEVICE_BATCH, 0);
            for (unsigned k = 0; k < n; k++) {
                struct seen seen;
                assert_int_equal(rx[k].queue, i);
                if (craft_read(&seen, &rx[k], false) && seen.source_port == flow.destination_port) {
                    got[i]++;
                    total++;
                }
            }
        }
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        used += got[i] > 0;
        assert_string_equal(device_name(queue[i]), name);
        struct weir_tx tx;
        uint8_t byte = (uint8_t)i, back;
        craft(&tx, &flow, &(struct speech){.part = {{&byte, 1}}});
        send_all(queue[i], &tx, 1);
        assert_int_equal(netns_receive(fd, &back, 1), 1);
        assert_int_equal(back, i);
    }
    assert_true(used >= 2);
    close(fd);
    for (unsigned i = 0; i < QUEUES; i++)
        device_close(queue[i]);
}

static void test_tap_speaks_ethernet(void **state)
{
    (void)state;
    netns_need();
    for (unsigned offload = 0; offload < 2; offload++) {
        struct device *device = open_net(
            &(struct tun_config){.ethernet = true, .without = offload ? 0 : WEIR_CAP_ALL}, 17);
        struct weir_iface_config iface;
        device_iface(device, &iface);
        assert_int_equal(iface.link, WEIR_LINK_ETHERNET);
        struct eth_addr own, theirs = netns_mac(device_name(device));
        memcpy(own.b, iface.mac, sizeof own.b);
        assert_true(eth_addr_is_station(own) && !eth_addr_eq(own, theirs));
        assert_int_equal(own.b[0] & 3, 2); /* of local scope */
        netns_neighbour(device_name(device), "10.17.0.2", own);
        netns_neighbour(device_name(device), "fd17::2", own);
        for (unsigned ip4 = 0; ip4 < 2; ip4++) {
            struct flow flow = flow_in(17, ip4 != 0);
            flow.ethernet = true;
            flow.source_mac = own;
            flow.destination_mac = theirs;
            check_udp_echo(device, &flow, offload != 0);
            if (offload != 0)
                check_tcp_coalesced(device, &flow);
        }
        device_close(device);
    }
    static const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
    struct tun_config config = {.ethernet = true};
    memcpy(config.mac, mac, sizeof mac);
    struct device *device = open_one(&config);
    struct weir_iface_config iface;
    device_iface(device, &iface);
    assert_memory_equal(iface.mac, mac, sizeof mac);
    device_close(device);
}

static void test_names_mtu_and_persistence(void **state)
{
    (void)state;
    netns_need();
    struct device *a = open_one(&(struct tun_config){0}), *b = open_one(&(struct tun_config){0});
    assert_string_equal(device_name(a), "weir0");
    assert_string_equal(device_name(b), "weir1");
    device_close(a);
    device_close(b);
    assert_int_equal(host_mtu("weir0"), 0); /* it went with its descriptor */

    a = open_one(&(struct tun_config){.name = "stays", .persist = true, .mtu_bytes = 1300});
    struct weir_iface_config iface;
    struct device_error why;
    device_iface(a, &iface);
    assert_int_equal(iface.mtu_bytes, 1300);
    assert_int_equal(host_set_mtu("stays", 9000, &why), WEIR_OK);
    device_iface(a, &iface);
    assert_int_equal(iface.mtu_bytes, 9000); /* it follows the kernel's */
    device_close(a);
    assert_int_equal(host_mtu("stays"), 9000);
    a = open_one(&(struct tun_config){.name = "stays", .without = WEIR_CAP_ALL});
    assert_int_equal(capabilities_of(a), WEIR_CAP_TX_GATHER); /* not the last user's */
    device_close(a);
    assert_int_equal(host_mtu("stays"), 0);
}

static void test_errors_are_one_clear_line(void **state)
{
    (void)state;
    netns_need();
    struct device *a = open_one(&(struct tun_config){.name = "taken"}), *b = NULL;
    struct device_error why;
    assert_int_equal(tun_open(&b, &(struct tun_config){.name = "taken"}, &why), WEIR_E_EXISTS);
    assert_int_equal(why.number, EBUSY);
    assert_string_equal(why.text, "taken: in use by another program: Device or resource busy");
    assert_int_equal(tun_open(&b, &(struct tun_config){.name = "taken", .ethernet = true}, &why),
                     WEIR_E_EXISTS);
    assert_non_null(strstr(why.text, "taken: exists, and is no TAP"));
    device_close(a);
    assert_int_equal(tun_open(&b, &(struct tun_config){.name = "sixteen-letters."}, &why),
                     WEIR_E_INVALID);
    assert_int_equal(tun_open(&b, &(struct tun_config){.name = ""}, &why), WEIR_E_INVALID);
    assert_int_equal(tun_open(&b, &(struct tun_config){.queues = TUN_QUEUES_MAX + 1}, &why),
                     WEIR_E_INVALID);
    assert_int_equal(tun_open(&b, &(struct tun_config){.mtu_bytes = 1}, &why), WEIR_E_IO);
    assert_non_null(strstr(why.text, "weir0: cannot set its MTU: "));
    assert_int_equal(host_mtu("weir0"), 0); /* nothing stays open */
    assert_null(b);
}

static void test_host_errors_are_one_clear_line(void **state)
{
    (void)state;
    netns_need();
    struct device_error why;
    struct weir_addr four = craft_addr("10.0.0.1"), six = craft_addr("fd00::1");
    assert_int_equal(host_set_up("absent0", true, &why), WEIR_E_NOT_FOUND);
    assert_string_equal(why.text, "absent0: cannot bring it up: No such device");
    assert_int_equal(host_add_address("absent0", four, 24, NULL, &why), WEIR_E_NOT_FOUND);
    assert_int_equal(host_set_mtu("a-name-that-is-too-long", 1500, &why), WEIR_E_NOT_FOUND);
    assert_int_equal(host_add_address("lo", four, 33, NULL, &why), WEIR_E_RANGE);
    assert_int_equal(host_add_address("lo", six, 129, NULL, &why), WEIR_E_RANGE);
    assert_int_equal(host_add_address("lo", four, 24, &six, &why), WEIR_E_INVALID);
    assert_int_equal(host_add_address("lo", four, 32, NULL, &why), WEIR_OK);
    assert_int_equal(host_add_address("lo", four, 32, NULL, &why), WEIR_E_EXISTS);
    assert_int_equal(host_add_address("lo", six, 128, NULL, &why), WEIR_OK);
}

static void test_point_to_point_reaches_the_peer(void **state)
{
    (void)state;
    netns_need();
    struct device *device = open_one(&(struct tun_config){0});
    struct device_error why;
    struct ear ear = {.device = device};
    struct seen seen;
    netns_up(device_name(device));
    for (unsigned i = 0; i < 2; i++) {
        struct weir_addr own = craft_addr(i == 0 ? "192.0.2.1" : "2001:db8::1");
        struct weir_addr peer = craft_addr(i == 0 ? "198.51.100.7" : "2001:db8:5::7");
        assert_int_equal(host_add_address(device_name(device), own, i == 0 ? 32 : 128, &peer, &why),
                         WEIR_OK);
        int fd = netns_socket(SOCK_DGRAM, own, 4000);
        netns_send_to(fd, "x", 1, peer, 4001);
        ear_next(&ear, &seen, IP_PROTOCOL_UDP, 4001);
        assert_int_equal(seen.payload_len, 1);
        close(fd);
    }
    device_close(device);
}

/* What the child process finds when it has no rights: 0, or what was wrong. */
static int without_rights(void)
{
    struct device *device;
    struct device_error why;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 0; /* a user namespace of one user: cannot be tried */
    int error = tun_open(&device, &(struct tun_config){.name = "mine"}, &why);
    if (error != WEIR_E_IO)
        return 1;
    return strstr(why.text, "mine: no right to ") == why.text ? 0 : 2;
}

static void test_missing_rights_are_said(void **state)
{
    (void)state;
    netns_need();
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(without_rights());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_an_interface_that_is_down_loses_and_counts(void **state)
{
    (void)state;
    netns_need();
    struct device *device = open_net(&(struct tun_config){0}, 18);
    struct flow flow = flow_in(18, true);
    struct device_error why;
    struct weir_tx tx;
    craft(&tx, &flow, &(struct speech){0});
    assert_int_equal(host_set_up(device_name(device), false, &why), WEIR_OK);
    assert_int_equal(device_send(device, &tx, 1, 0), 1);
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_lost), 1);
    struct weir_rx rx[DEVICE_BATCH];
    while (device_receive(device, rx, DEVICE_BATCH, 0) > 0)
        continue;
    assert_int_equal(device_failure(device, &why), 0);
    netns_up(device_name(device));
    int fd = netns_socket(SOCK_DGRAM, flow.destination, flow.destination_port);
    uint8_t byte;
    send_all(device, &tx, 1);
    assert_int_equal(netns_receive(fd, &byte, 1), 0);
    assert_int_equal(counter_of(device, DEVICE_COUNTER_tx_packets), 1);
    close(fd);
    device_close(device);
}

static void test_an_interface_that_is_removed_is_a_failure(void **state)
{
    (void)state;
    netns_need();
    for (unsigned sends = 0; sends < 2; sends++) {
        struct device *device = open_net(&(struct tun_config){.name = "fleeting"}, 19);
        struct flow flow = flow_in(19, true);
        struct weir_tx tx;
        struct weir_rx rx[DEVICE_BATCH];
        struct device_error why;
        craft(&tx, &flow, &(struct speech){0});
        netns_delete("fleeting");
        if (sends != 0)
            assert_int_equal(device_send(device, &tx, 1, 0), 1);
        else
            while (device_receive(device, rx, DEVICE_BATCH, 0) > 0)
                continue;
        assert_int_not_equal(device_failure(device, &why), 0);
        assert_non_null(strstr(why.text, "fleeting: cannot be "));
        assert_int_equal(device_room(device), 0);
        device_close(device);
    }
}

int main(void)
{
    (void)netns_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities_are_those_asked_for),
        cmocka_unit_test(test_udp_echo_with_and_without_offloads),
        cmocka_unit_test(test_packets_are_cut_and_summed_by_the_kernel),
        cmocka_unit_test(test_a_kernel_socket_receives_cut_datagrams),
        cmocka_unit_test(test_coalesced_packets_come_in),
        cmocka_unit_test(test_a_burst_arrives_in_order_and_whole),
        cmocka_unit_test(test_flows_are_spread_over_queues),
        cmocka_unit_test(test_tap_speaks_ethernet),
        cmocka_unit_test(test_names_mtu_and_persistence),
        cmocka_unit_test(test_errors_are_one_clear_line),
        cmocka_unit_test(test_host_errors_are_one_clear_line),
        cmocka_unit_test(test_point_to_point_reaches_the_peer),
        cmocka_unit_test(test_missing_rights_are_said),
        cmocka_unit_test(test_an_interface_that_is_down_loses_and_counts),
        cmocka_unit_test(test_an_interface_that_is_removed_is_a_failure),
    };
    return cmocka_run_group_tests_name("tun", tests, NULL, NULL);
}
