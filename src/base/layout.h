/* SPDX-License-Identifier: MIT
 * Laying out arrays in memory that a caller gave, of any alignment and without a heap. A
 * container's xxx_size() adds layout_bytes() for each of its arrays; its xxx_init() then places
 * each array at layout_align() of the place where the one before it ended. */
#ifndef WEIR_BASE_LAYOUT_H
#define WEIR_BASE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* What `count` objects of `each` bytes take at `align` (a power of two), wherever the memory
 * begins. No overflow while count < 2^32 and each, align < 2^31. */
static inline uint64_t layout_bytes(uint64_t count, uint64_t each, uint64_t align)
{
    return count * each + align - 1;
}

/* A sum of such as a size; 0 when no object of this machine can be so large. */
static inline size_t layout_size(uint64_t total)
{
    return total <= PTRDIFF_MAX ? (size_t)total : 0;
}

/* The first address at or above `mem` that is a multiple of `align`, a power of two. */
static inline void *layout_align(void *mem, size_t align)
{
    return (uint8_t *)mem + ((0 - (uintptr_t)mem) & (align - 1));
}

#endif
