/* SPDX-License-Identifier: MIT */
#include "driver/host.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/device_impl.h"
#include "driver/netlink.h"
#include "wire/addr.h"

enum { ADDRESS_WAIT_MS = 1000 /* it takes microseconds */ };

static bool set_ifname(struct ifreq *request, const char *ifname)
{
    memset(request, 0, sizeof *request);
    size_t len = strlen(ifname);
    if (len == 0 || len >= sizeof request->ifr_name)
        return false;
    memcpy(request->ifr_name, ifname, len);
    return true;
}

/* An ioctl about an interface: 0, or an errno. */
static int iface_ioctl(unsigned long what, struct ifreq *request)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int error = ioctl(fd, what, request) < 0 ? errno : 0;
    (void)close(fd);
    return error;
}

/* The answer for an errno, and its text. */
static int host_error(struct device_error *why, const char *ifname, int number, const char *what)
{
    int error = WEIR_E_IO;
    if (number == ENODEV || number == ENXIO)
        error = WEIR_E_NOT_FOUND;
    else if (number == EEXIST)
        error = WEIR_E_EXISTS;
    return device_error_set(why, error, number, "%s: cannot %s", ifname, what);
}

uint32_t host_mtu(const char *ifname)
{
    struct ifreq request;
    if (!set_ifname(&request, ifname) || iface_ioctl(SIOCGIFMTU, &request) != 0 ||
        request.ifr_mtu < 0)
        return 0;
    return (uint32_t)request.ifr_mtu;
}

int host_set_mtu(const char *ifname, uint32_t mtu_bytes, struct device_error *why)
{
    struct ifreq request;
    int number = ENODEV;
    if (set_ifname(&request, ifname)) {
        request.ifr_mtu = mtu_bytes <= INT32_MAX ? (int)mtu_bytes : INT32_MAX;
        number = iface_ioctl(SIOCSIFMTU, &request);
    }
    return number == 0 ? WEIR_OK : host_error(why, ifname, number, "set its MTU");
}

int host_set_up(const char *ifname, bool up, struct device_error *why)
{
    struct ifreq request;
    int number = ENODEV;
    if (set_ifname(&request, ifname))
        number = iface_ioctl(SIOCGIFFLAGS, &request);
    if (number == 0) {
        int flags = request.ifr_flags;
        flags = up ? flags | IFF_UP : flags & ~IFF_UP;
        request.ifr_flags = (short)flags;
        number = iface_ioctl(SIOCSIFFLAGS, &request);
    }
    return number == 0 ? WEIR_OK
                       : host_error(why, ifname, number, up ? "bring it up" : "take it down");
}

static bool is_running(const char *ifname)
{
    struct ifreq request;
    return set_ifname(&request, ifname) && iface_ioctl(SIOCGIFFLAGS, &request) == 0 &&
           (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

/* An address as rtnetlink takes it: of its own family. */
static void add_addr(struct netlink_request *request, unsigned type, struct weir_addr address)
{
    bool ip4 = addr_is_ip4(address);
    netlink_attribute(request, type, address.bytes + (ip4 ? 12 : 0), ip4 ? 4 : 16);
}

int host_add_address(const char *ifname, struct weir_addr address, unsigned prefix_len,
                     const struct weir_addr *peer, struct device_error *why)
{
    bool ip4 = addr_is_ip4(address);
    if (prefix_len > (ip4 ? 32U : 128U))
        return device_error_set(why, WEIR_E_RANGE, 0, "%s: prefix length %u is too long", ifname,
                                prefix_len);
    if (peer != NULL && addr_is_ip4(*peer) != ip4)
        return device_error_set(why, WEIR_E_INVALID, 0,
                                "%s: address and peer are of different families", ifname);
    unsigned index = if_nametoindex(ifname);
    if (index == 0)
        return host_error(why, ifname, ENODEV, "add an address");
    struct ifaddrmsg header = {.ifa_family = ip4 ? AF_INET : AF_INET6,
                               .ifa_prefixlen = (uint8_t)prefix_len,
                               .ifa_flags = ip4 ? 0 : IFA_F_NODAD,
                               .ifa_index = index};
    int ear = !ip4 && is_running(ifname) ? netlink_hear_ip6_routes() : -1;
    struct netlink_request request;
    netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    add_addr(&request, IFA_LOCAL, address);
    add_addr(&request, IFA_ADDRESS, peer != NULL ? *peer : address);
    int number = netlink_do(&request);
    /* The kernel takes an IPv6 address into use a moment after it has answered. */
    if (ear >= 0 && number == 0)
        netlink_wait_local_ip6(ear, address.bytes, ADDRESS_WAIT_MS);
    if (ear >= 0)
        (void)close(ear);
    return number == 0 ? WEIR_OK : host_error(why, ifname, number, "add an address");
}

int host_set_offloads(const char *ifname, bool on, struct device_error *why)
{
    /* Switched off from the top down, on from the bottom up: each needs the one before it. */
    static const uint32_t settings[] = {ETHTOOL_STXCSUM, ETHTOOL_SGSO, ETHTOOL_STSO};
    enum { COUNT = sizeof settings / sizeof settings[0] };
    for (unsigned i = 0; i < COUNT; i++) {
        struct ethtool_value value = {.cmd = settings[on ? i : COUNT - 1 - i], .data = on};
        struct ifreq request;
        int number = ENODEV;
        if (set_ifname(&request, ifname)) {
            request.ifr_data = (char *)&value;
            number = iface_ioctl(SIOCETHTOOL, &request);
        }
        if (number != 0)
            return host_error(why, ifname, number, "change its offloads");
    }
    return WEIR_OK;
}
