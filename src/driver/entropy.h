/* SPDX-License-Identifier: MIT
 * Secret random bytes from the operating system. Nothing else in weir asks for them. */
#ifndef WEIR_DRIVER_ENTROPY_H
#define WEIR_DRIVER_ENTROPY_H

#include "weir/error.h"
#include "weir/types.h"

/* Fill `len` bytes at p; waits, at the first boot of a machine, until the kernel has enough of
 * them. Errors: WEIR_E_IO; the bytes are not to be used then. */
int entropy_bytes(void *p, size_t len);

#endif
