/* SPDX-License-Identifier: MIT */
#include "driver/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver/entropy.h"
#include "driver/frames.h"
#include "driver/host.h"

enum {
    /* Since Linux 6.2, and newer than the headers that weir is built with. */
    OFFLOAD_USO4 = 0x20,
    OFFLOAD_USO6 = 0x40,

    TUN_SLOTS = 16, /* 1 MB a queue: 64 frames of an Ethernet, or 15 of 64 KB, at a time */
    MTU_DEFAULT = 1500
};

static const char path[] = "/dev/net/tun";

#define TX_CUTS (WEIR_CAP_TX_TCP4 | WEIR_CAP_TX_TCP6 | WEIR_CAP_TX_UDP)

/* What the device can do, of what is wanted; each thing with what it needs. */
static uint32_t capabilities_wanted(uint32_t without)
{
    uint32_t wanted = (uint32_t)WEIR_CAP_ALL & ~without;
    if ((wanted & WEIR_CAP_TX_CHECKSUM) == 0)
        wanted &= ~(uint32_t)TX_CUTS;
    /* An unfinished checksum is of use only to a stack that believes the device. */
    if ((wanted & WEIR_CAP_TRUSTED) == 0)
        wanted &= ~(uint32_t)WEIR_CAP_RX_CHECKSUM;
    if ((wanted & WEIR_CAP_RX_CHECKSUM) == 0)
        wanted &= ~(uint32_t)(WEIR_CAP_RX_COALESCE | WEIR_CAP_TRUSTED);
    return wanted | WEIR_CAP_TX_GATHER;
}

/* What to call it in a message: a name that the kernel has not filled in yet is none. */
static const char *shown(const char *name)
{
    return strchr(name, '%') != NULL ? "tun" : name;
}

static int open_error(struct device_error *why, const char *name, int number)
{
    name = shown(name);
    if (number == ENOENT || number == ENODEV || number == ENXIO)
        return device_error_set(why, WEIR_E_UNSUPPORTED, number,
                                "%s: %s is missing (is the kernel's tun module there?)", name,
                                path);
    if (number == EACCES || number == EPERM)
        return device_error_set(why, WEIR_E_IO, number, "%s: no right to open %s", name, path);
    return device_error_set(why, WEIR_E_IO, number, "%s: cannot open %s", name, path);
}

static int attach_error(struct device_error *why, const char *name, int number, bool ethernet)
{
    const char *kind = ethernet ? "TAP" : "TUN";
    name = shown(name);
    switch (number) {
    case EBUSY:
        return device_error_set(why, WEIR_E_EXISTS, number, "%s: in use by another program", name);
    case EPERM:
    case EACCES:
        return device_error_set(why, WEIR_E_IO, number,
                                "%s: no right to make a %s here (it takes CAP_NET_ADMIN, or a "
                                "network namespace of one's own)",
                                name, kind);
    case EINVAL:
    case EEXIST:
        return device_error_set(why, WEIR_E_EXISTS, number,
                                "%s: exists, and is no %s with as many queues", name, kind);
    default:
        return device_error_set(why, WEIR_E_IO, number, "%s: cannot make the %s", name, kind);
    }
}

/* Ask the kernel for what it may leave undone in packets to us; answers the capabilities that
 * remain. All of it is set each time: an interface that persists remembers the last user's wishes.
 */
static uint32_t negotiate(int fd, uint32_t capabilities)
{
    unsigned checksum = TUN_F_CSUM;
    unsigned tcp = checksum | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    unsigned udp = tcp | OFFLOAD_USO4 | OFFLOAD_USO6;
    uint32_t without_udp = capabilities & ~(uint32_t)WEIR_CAP_TX_UDP;
    /* A kernel that knows UDP segmentation takes its flags, whether they are wanted or not. */
    bool knows_udp = ioctl(fd, TUNSETOFFLOAD, (unsigned long)udp) == 0;
    if ((capabilities & WEIR_CAP_RX_COALESCE) != 0) {
        if (knows_udp)
            return capabilities;
        if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)tcp) == 0)
            return without_udp;
        capabilities &= ~(uint32_t)WEIR_CAP_RX_COALESCE;
    }
    if (!knows_udp)
        capabilities &= ~(uint32_t)WEIR_CAP_TX_UDP;
    if ((capabilities & WEIR_CAP_RX_CHECKSUM) != 0 &&
        ioctl(fd, TUNSETOFFLOAD, (unsigned long)checksum) == 0)
        return capabilities;
    (void)ioctl(fd, TUNSETOFFLOAD, 0UL);
    return capabilities & ~(uint32_t)(WEIR_CAP_RX_CHECKSUM | WEIR_CAP_TRUSTED);
}

/* Settings of the descriptor of an attached interface: 0, or an errno. */
static int set_up(int fd, const struct tun_config *config, struct frames_config *frames)
{
    if (frames->vnet_len > 0) {
        int len = VNET_BYTES, little_endian = 1;
        if (ioctl(fd, TUNSETVNETHDRSZ, &len) < 0)
            return errno;
        /* One order on every machine; a kernel that does not know the request has its own. */
        frames->vnet_big_endian =
            ioctl(fd, TUNSETVNETLE, &little_endian) < 0 && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    }
    frames->capabilities = negotiate(fd, frames->capabilities);
    if (ioctl(fd, TUNSETPERSIST, config->persist ? 1UL : 0UL) < 0)
        return errno;
    return 0;
}

/* Open one queue. The first gives `name`, IFNAMSIZ bytes, its final form. */
static int open_queue(struct device **out, const struct tun_config *config, char *name,
                      struct frames_config *frames, struct device_error *why)
{
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return open_error(why, name, errno);
    struct ifreq request = {0};
    unsigned flags = (unsigned)(config->ethernet ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
                     (frames->vnet_len > 0 ? IFF_VNET_HDR : 0U) |
                     (config->queues > 1 ? IFF_MULTI_QUEUE : 0U);
    memcpy(&request.ifr_flags, &(uint16_t){(uint16_t)flags}, sizeof request.ifr_flags);
    memcpy(request.ifr_name, name, IFNAMSIZ);
    int error;
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        error = attach_error(why, name, errno, config->ethernet);
    } else {
        memcpy(name, request.ifr_name, IFNAMSIZ);
        int number = set_up(fd, config, frames);
        frames->fd = fd;
        if (number == 0)
            return frames_open(out, sizeof(struct frames), frames, why);
        error = device_error_set(why, WEIR_E_IO, number, "%s: cannot be set up", name);
    }
    (void)close(fd);
    return error;
}

/* The stack's own address: a random one with the local bit, so that it meets no other. */
static int choose_mac(uint8_t *mac, const struct tun_config *config)
{
    static const uint8_t zero[6];
    memcpy(mac, config->mac, 6);
    if (!config->ethernet || memcmp(mac, zero, 6) != 0)
        return WEIR_OK;
    int error = entropy_bytes(mac, 6);
    mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
    return error;
}

int tun_open(struct device **out, const struct tun_config *config, struct device_error *why)
{
    struct tun_config c = *config;
    char name[IFNAMSIZ] = "";
    if (c.name == NULL)
        c.name = "weir%d";
    if (c.queues == 0)
        c.queues = 1;
    *why = (struct device_error){0};
    size_t len = strlen(c.name);
    if (len == 0 || len >= IFNAMSIZ)
        return device_error_set(why, WEIR_E_INVALID, 0, "%s: a name has 1 to %d characters", c.name,
                                IFNAMSIZ - 1);
    if (c.queues > TUN_QUEUES_MAX)
        return device_error_set(why, WEIR_E_INVALID, 0, "%s: at most %d queues", c.name,
                                TUN_QUEUES_MAX);
    memcpy(name, c.name, len);

    uint32_t capabilities = capabilities_wanted(c.without);
    struct frames_config frames = {
        .name = name,
        .capabilities = capabilities,
        .link = c.ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP,
        .vnet_len =
            (capabilities & (WEIR_CAP_TX_CHECKSUM | WEIR_CAP_RX_CHECKSUM)) != 0 ? VNET_BYTES : 0,
        .mtu_bytes = MTU_DEFAULT,
        .slots = TUN_SLOTS,
    };
    int error = choose_mac(frames.mac, &c);
    if (error != WEIR_OK)
        return device_error_set(why, error, 0, "%s: no random MAC address to be had", name);
    unsigned opened = 0;
    while (error == WEIR_OK && opened < c.queues) {
        frames.queue = (uint16_t)opened;
        error = open_queue(&out[opened], &c, name, &frames, why);
        opened += error == WEIR_OK;
    }
    if (error == WEIR_OK && c.mtu_bytes != 0)
        error = host_set_mtu(name, c.mtu_bytes, why);
    while (error != WEIR_OK && opened > 0) {
        device_close(out[--opened]);
        out[opened] = NULL;
    }
    return error;
}
