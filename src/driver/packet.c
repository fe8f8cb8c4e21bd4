/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* recvmmsg(), sendmmsg() */
#include "driver/packet.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdalign.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "driver/frames.h"

enum {
    /* Since Linux 6.5, and newer than the headers that weir is built with. A kernel that has it
     * also has UDP segmentation of packet sockets (6.2), which cannot be asked for by itself. */
    OPTION_VNET_HDR_SZ = 24,

    VLAN_AT = 12, /* of the tag in a frame: behind the addresses */
    VLAN_BYTES = 4,
    FRAME_AT =
        18 + VLAN_BYTES, /* in a slot; with or without a tag IP begins on a multiple of two */
    SOCKET_BUFFER_BYTES = 4 << 20
};

struct packet {
    struct frames frames;
    int ifindex;
    bool sees_outgoing; /* the kernel cannot leave out what this host sends */
    /* Of a batch in or out: */
    struct mmsghdr message[DEVICE_BATCH];
    struct frame_out out[DEVICE_BATCH];
    struct iovec in[DEVICE_BATCH][2];
    uint8_t vnet[DEVICE_BATCH][VNET_BYTES_MAX];
    struct sockaddr_ll from[DEVICE_BATCH];
    struct {
        alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control[DEVICE_BATCH];
};

/* ---- in ---- */

static unsigned read_batch(struct packet *p, unsigned max)
{
    struct frames *f = &p->frames;
    for (unsigned i = 0; i < max; i++) {
        uint8_t *slot = f->inbox + (size_t)i * FRAME_SLOT_BYTES;
        unsigned parts = 0;
        if (f->config.vnet_len > 0)
            p->in[i][parts++] = (struct iovec){p->vnet[i], f->config.vnet_len};
        p->in[i][parts++] = (struct iovec){slot + FRAME_AT, FRAME_BYTES_MAX + 1};
        p->message[i].msg_hdr = (struct msghdr){
            .msg_name = p->sees_outgoing ? &p->from[i] : NULL,
            .msg_namelen = p->sees_outgoing ? sizeof p->from[i] : 0,
            .msg_iov = p->in[i],
            .msg_iovlen = parts,
            .msg_control = p->control[i].bytes,
            .msg_controllen = sizeof p->control[i].bytes,
        };
    }
    int n = recvmmsg(f->base.fd, p->message, max, MSG_DONTWAIT, NULL);
    if (n >= 0)
        return (unsigned)n;
    int number = errno;
    char name[IF_NAMESIZE];
    if (number == ENETDOWN && if_indextoname((unsigned)p->ifindex, name) == NULL)
        device_fail(&f->base, ENODEV, "is gone");
    else
        frames_read_failed(f, number);
    return 0;
}

/* What the kernel says beside the frame; zeros if nothing. */
static struct tpacket_auxdata read_auxdata(struct msghdr *message)
{
    struct tpacket_auxdata aux = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA &&
            c->cmsg_len >= CMSG_LEN(sizeof aux))
            memcpy(&aux, CMSG_DATA(c), sizeof aux);
    return aux;
}

/* Put the VLAN tag that the kernel took out of the frame back; answers where the frame begins now.
 */
static uint8_t *insert_vlan(uint8_t *frame, const struct tpacket_auxdata *aux)
{
    memmove(frame - VLAN_BYTES, frame, VLAN_AT);
    bool named = (aux->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    store16(frame - VLAN_BYTES + VLAN_AT, named ? aux->tp_vlan_tpid : ETH_P_8021Q);
    store16(frame - VLAN_BYTES + VLAN_AT + 2, aux->tp_vlan_tci);
    return frame - VLAN_BYTES;
}

/* Without an offload header the kernel still tells of checksums: make the header of that. */
static struct vnet vnet_from_auxdata(const struct tpacket_auxdata *aux, const uint8_t *frame,
                                     size_t len)
{
    struct vnet_transport t;
    if ((aux->tp_status & TP_STATUS_CSUMNOTREADY) != 0 &&
        vnet_find_transport(&t, frame, len, WEIR_LINK_ETHERNET))
        return (struct vnet){.flags = VNET_NEEDS_CHECKSUM,
                             .checksum_start = (uint16_t)t.at,
                             .checksum_offset = t.checksum_offset};
    bool valid = (aux->tp_status & TP_STATUS_CSUM_VALID) != 0;
    return (struct vnet){.flags = valid ? VNET_CHECKSUM_VALID : 0};
}

/* The i-th message of a batch as a packet. False: it is not for the stack. */
static bool accept_message(struct packet *p, unsigned i, struct weir_rx *packet)
{
    struct frames *f = &p->frames;
    size_t vnet_len = f->config.vnet_len, len = p->message[i].msg_len;
    if (p->sees_outgoing && p->from[i].sll_pkttype == PACKET_OUTGOING)
        return false;
    if (len < vnet_len + ETH_HLEN) {
        device_count(&f->base, DEVICE_COUNTER_rx_truncated, 1);
        return false;
    }
    len -= vnet_len;
    struct tpacket_auxdata aux = read_auxdata(&p->message[i].msg_hdr);
    uint8_t *frame = f->inbox + (size_t)i * FRAME_SLOT_BYTES + FRAME_AT;
    struct vnet header = {0};
    if (vnet_len > 0)
        vnet_load(&header, p->vnet[i], f->config.vnet_big_endian);
    if ((aux.tp_status & TP_STATUS_VLAN_VALID) != 0) {
        frame = insert_vlan(frame, &aux);
        len += VLAN_BYTES;
        if ((header.flags & VNET_NEEDS_CHECKSUM) != 0)
            header.checksum_start = (uint16_t)(header.checksum_start + VLAN_BYTES);
    }
    if (vnet_len == 0)
        header = vnet_from_auxdata(&aux, frame, len);
    *packet = (struct weir_rx){.head = frame, .head_len = (uint32_t)len, .len = (uint32_t)len};
    return frames_accept(f, packet, frame, &header);
}

static unsigned packet_receive(struct device *device, struct weir_rx *packets, unsigned max,
                               weir_time now)
{
    struct packet *p = (struct packet *)device;
    unsigned n = 0, got = read_batch(p, max);
    (void)now;
    for (unsigned i = 0; i < got; i++)
        n += accept_message(p, i, &packets[n]);
    return n;
}

/* ---- out ---- */

/* Offer frames[from ... count) to the device; answers the first that it would not take for now, or
 * `count`. */
static unsigned write_batch(struct packet *p, unsigned count)
{
    struct frames *f = &p->frames;
    for (unsigned at = 0; at < count;) {
        int sent = sendmmsg(f->base.fd, p->message + at, count - at, MSG_DONTWAIT);
        for (int i = 0; i < sent; i++, at++)
            frames_count_sent(f, p->out[at].len, p->out[at].cut);
        if (sent > 0)
            continue;
        enum frame_fate fate = frames_write_failed(f, errno);
        if (fate == FRAME_KEEP)
            return at;
        at += fate == FRAME_GONE;
    }
    return count;
}

static void packet_send(struct device *device, const struct weir_tx *packets, unsigned n,
                        weir_time now)
{
    struct packet *p = (struct packet *)device;
    unsigned count = 0;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        struct frame_out *out = &p->out[count];
        if (!frames_prepare(&p->frames, out, &packets[i]))
            continue;
        p->message[count++].msg_hdr =
            (struct msghdr){.msg_iov = out->part, .msg_iovlen = out->part_count};
    }
    for (unsigned i = write_batch(p, count); i < count; i++)
        frames_keep(&p->frames, &p->out[i]);
}

static void packet_read_stats(struct device *device)
{
    struct tpacket_stats stats; /* since the last time they were asked for */
    socklen_t len = sizeof stats;
    if (getsockopt(device->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
        device_count(device, DEVICE_COUNTER_rx_missed, stats.tp_drops);
}

static const struct device_ops packet_ops = {
    .receive = packet_receive,
    .send = packet_send,
    .room = frames_room,
    .kept = frames_kept,
    .iface = frames_iface,
    .read_stats = packet_read_stats,
    .close = frames_close,
};

/* ---- opening ---- */

static bool set_option(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value) == 0;
}

/* What the socket does, of what is wanted; sets up the offload header. */
static uint32_t negotiate(int fd, uint32_t without, uint8_t *vnet_len)
{
    const uint32_t tx =
        WEIR_CAP_TX_CHECKSUM | WEIR_CAP_TX_TCP4 | WEIR_CAP_TX_TCP6 | WEIR_CAP_TX_UDP;
    const uint32_t rx = WEIR_CAP_RX_CHECKSUM | WEIR_CAP_RX_COALESCE | WEIR_CAP_TRUSTED;
    uint32_t wanted = (uint32_t)WEIR_CAP_ALL & ~without;
    /* Even without any offload of ours the header is of use: only it says what the other end left
     * undone. */
    *vnet_len = set_option(fd, PACKET_VNET_HDR, 1) ? VNET_BYTES : 0;
    if (*vnet_len == 0)
        wanted &= ~(tx | (uint32_t)WEIR_CAP_RX_COALESCE);
    else if (!set_option(fd, OPTION_VNET_HDR_SZ, VNET_BYTES))
        wanted &= ~(uint32_t)WEIR_CAP_TX_UDP;
    if ((wanted & WEIR_CAP_TX_CHECKSUM) == 0)
        wanted &= ~tx;
    if ((wanted & WEIR_CAP_RX_CHECKSUM) == 0 || (wanted & WEIR_CAP_TRUSTED) == 0)
        wanted &= ~rx;
    return wanted | WEIR_CAP_TX_GATHER;
}

/* Index, kind and address of the interface: 0, or an errno; EPROTONOSUPPORT: it is no Ethernet. */
static int find_interface(int fd, const struct packet_config *config, int *ifindex, uint8_t *mac)
{
    static const uint8_t zero[6];
    struct ifreq request = {0};
    memcpy(request.ifr_name, config->ifname, strlen(config->ifname));
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
        return errno;
    *ifindex = request.ifr_ifindex;
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return errno;
    if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return EPROTONOSUPPORT;
    bool own = memcmp(config->mac, zero, sizeof zero) == 0;
    memcpy(mac, own ? (const void *)request.ifr_hwaddr.sa_data : config->mac, 6);
    return 0;
}

/* Bind to the interface and choose what arrives: 0, or an errno. */
static int attach(int fd, int ifindex, bool promiscuous)
{
    struct packet_mreq membership = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_ALLMULTI};
    /* Groups of IPv6 neighbours come and go with addresses; what is not ours, the stack drops. */
    (void)setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership);
    membership.mr_type = PACKET_MR_PROMISC;
    if (promiscuous &&
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) < 0)
        return errno;
    int bytes = SOCKET_BUFFER_BYTES; /* as much of it as the system allows */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
    be16 all = be16_make(ETH_P_ALL);
    memcpy(&address.sll_protocol, &all, sizeof all);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return errno;
    int pending = 0; /* "it is down" is no error: it may come up */
    socklen_t len = sizeof pending;
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &len);
    return 0;
}

static int open_error(struct device_error *why, const char *ifname, int number)
{
    switch (number) {
    case EPERM:
    case EACCES:
        return device_error_set(why, WEIR_E_IO, number,
                                "%s: no right to open a packet socket (it takes CAP_NET_RAW)",
                                ifname);
    case ENODEV:
    case ENXIO:
        return device_error_set(why, WEIR_E_NOT_FOUND, number, "%s: no such interface", ifname);
    case EPROTONOSUPPORT:
        return device_error_set(why, WEIR_E_UNSUPPORTED, 0, "%s: is no Ethernet interface", ifname);
    default:
        return device_error_set(why, WEIR_E_IO, number, "%s: cannot open a packet socket", ifname);
    }
}

int packet_open(struct device **out, const struct packet_config *config, struct device_error *why)
{
    *why = (struct device_error){0};
    size_t len = config->ifname != NULL ? strlen(config->ifname) : 0;
    if (len == 0 || len >= IFNAMSIZ)
        return device_error_set(why, WEIR_E_INVALID, 0, "%s: a name has 1 to %d characters",
                                len == 0 ? "interface" : config->ifname, IFNAMSIZ - 1);
    /* With protocol 0 nothing arrives before bind() has chosen the interface. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return open_error(why, config->ifname, errno);
    struct frames_config frames = {
        .fd = fd,
        .name = config->ifname,
        .link = WEIR_LINK_ETHERNET,
        .vnet_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
        .mtu_bytes = ETH_DATA_LEN,
        .slots = DEVICE_BATCH,
    };
    int ifindex = 0;
    int number = find_interface(fd, config, &ifindex, frames.mac);
    if (number == 0 && !set_option(fd, PACKET_AUXDATA, 1))
        number = errno;
    frames.capabilities = negotiate(fd, config->without, &frames.vnet_len);
    bool sees_outgoing = !set_option(fd, PACKET_IGNORE_OUTGOING, 1);
    if (number == 0)
        number = attach(fd, ifindex, config->promiscuous);
    if (number != 0) {
        (void)close(fd);
        return open_error(why, config->ifname, number);
    }
    int error = frames_open(out, sizeof(struct packet), &frames, why);
    if (error == WEIR_OK) {
        struct packet *p = (struct packet *)*out;
        p->frames.base.ops = &packet_ops;
        p->ifindex = ifindex;
        p->sees_outgoing = sees_outgoing;
    }
    return error;
}
