/* SPDX-License-Identifier: MIT
 * The four memory functions the core may call. Declared here, not taken from <string.h>, because a
 * freestanding compiler brings no such header; a board's port provides the four. */
#ifndef WEIR_BASE_MEM_H
#define WEIR_BASE_MEM_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
