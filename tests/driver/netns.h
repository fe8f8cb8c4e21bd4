/* SPDX-License-Identifier: MIT
 * A network namespace for a test program, which ends with it, and the kernel's side of a
 * conversation. No test sleeps: all waiting is poll() with a limit that only a fault reaches. */
#ifndef WEIR_TESTS_DRIVER_NETNS_H
#define WEIR_TESTS_DRIVER_NETNS_H

#include "craft.h"
#include "driver/device.h"

enum { WAIT_MS = 5000 };

/* Move this process into a namespace of its own, where it may make devices. NULL, or why it may
 * not. */
const char *netns_enter(void);

/* Skip the present test unless the process is in a namespace of its own. */
void netns_need(void);

/* Settings and interfaces of the namespace; each fails the test when it cannot. */
void netns_set(const char *path, const char *value); /* below /proc/sys/net */
void netns_add_veth(const char *a, const char *b);
void netns_delete(const char *ifname);
void netns_up(const char *ifname);
void netns_address(const char *ifname, const char *address, unsigned prefix_len);
void netns_neighbour(const char *ifname, const char *address, struct eth_addr mac);
struct eth_addr netns_mac(const char *ifname);

/* A socket of the kernel's, bound to an address and port, non-blocking. */
int netns_socket(int type, struct weir_addr address, uint16_t port);
void netns_connect(int fd, struct weir_addr address, uint16_t port);
void netns_send_to(int fd, const void *bytes, size_t len, struct weir_addr address, uint16_t port);
size_t netns_receive(int fd, void *bytes, size_t size); /* waits */

/* Wait until a descriptor is readable; fails the test when it does not become so. */
void netns_wait(int fd);

/* What a device receives, packet by packet. */
struct ear {
    struct device *device;
    bool ethernet;
    struct weir_rx rx[DEVICE_BATCH];
    unsigned n, at;
};

/* Wait for the next packet of that protocol to or from that port, passing over what the kernel says
 * of its own accord. The packet is valid until the next call. */
const struct weir_rx *ear_next(struct ear *ear, struct seen *seen, uint8_t protocol, uint16_t port);

/* Is there nothing of the kind to be received now? */
bool ear_is_silent(struct ear *ear, uint8_t protocol, uint16_t port);

/* Send all of them, waiting for room as needed. */
void send_all(struct device *device, const struct weir_tx *packets, unsigned n);

uint64_t counter_of(struct device *device, enum device_counter counter);

/* The stack's end of a conversation (source) with a kernel's socket, and the other way round. */
struct flow flow_back(const struct flow *flow);

/* A datagram to the kernel's socket and its answer, `checksums` finished by the device and by the
 * kernel or not. `flow` is from the stack's end to the kernel's. */
void check_udp_echo(struct device *device, const struct flow *flow, bool offload);

/* The kernel's TCP connects to the flow's source and sends; what comes is put together from
 * segments. */
void check_tcp_coalesced(struct device *device, const struct flow *flow);

/* The kernel's UDP sends with UDP_SEGMENT. `coalesced`: it arrives as one packet, else in pieces.
 */
void check_udp_segments_in(struct device *device, const struct flow *flow, bool coalesced);

/* A packet to be cut is sent on one device, and its segments arrive on another, whole and right.
 * segment_size 0: it is one packet. */
void check_cut(struct device *from, struct device *to, const struct flow *flow,
               uint16_t segment_size);

#endif
