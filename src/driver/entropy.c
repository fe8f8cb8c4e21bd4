/* SPDX-License-Identifier: MIT */
#include "driver/entropy.h"

#include <errno.h>
#include <sys/random.h>

int entropy_bytes(void *p, size_t len)
{
    unsigned char *at = p;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return WEIR_E_IO;
        at += n;
        len -= (size_t)n;
    }
    return WEIR_OK;
}
