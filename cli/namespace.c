/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare() */
#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli.h"
#include "driver/host.h"

bool namespace_has_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[0].effective & (1U << CAP_NET_ADMIN)) != 0;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    (void)close(fd);
    errno = error;
    return n == (ssize_t)strlen(text);
}

/* user_namespaces(7): who has no rights may map itself alone, and must give up setgroups() for it.
 */
static bool enter_as_user(void)
{
    char user[32], group[32];
    (void)snprintf(user, sizeof user, "0 %u 1", (unsigned)geteuid());
    (void)snprintf(group, sizeof group, "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
           write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", user) &&
           write_file("/proc/self/gid_map", group);
}

bool namespace_enter(void)
{
    struct device_error why;
    if (unshare(CLONE_NEWNET) != 0 && !enter_as_user()) {
        cli_error("cannot make a network namespace: %m; user namespaces may be restricted here");
        return false;
    }
    if (host_set_up("lo", true, &why) != WEIR_OK) {
        cli_error("%s", why.text);
        return false;
    }
    return true;
}
