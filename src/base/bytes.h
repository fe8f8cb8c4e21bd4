/* SPDX-License-Identifier: MIT
 * Big-endian integers as types of their own. They are arrays of bytes, so they have no alignment
 * and no host order, and they may alias anything: a wire header can be laid over any bytes, and
 * `hdr->length + 4` does not compile. */
#ifndef WEIR_BASE_BYTES_H
#define WEIR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct { uint8_t b[2]; } __attribute__((may_alias)) be16;
typedef struct { uint8_t b[4]; } __attribute__((may_alias)) be32;
typedef struct { uint8_t b[8]; } __attribute__((may_alias)) be64;

_Static_assert(sizeof(be16) == 2 && _Alignof(be16) == 1, "be16 overlays the wire");
_Static_assert(sizeof(be32) == 4 && _Alignof(be32) == 1, "be32 overlays the wire");
_Static_assert(sizeof(be64) == 8 && _Alignof(be64) == 1, "be64 overlays the wire");

/* The value of a big-endian integer. Compilers turn each into one load and one byte swap. */
static inline uint16_t be16_get(be16 x)
{
    return (uint16_t)((uint16_t)(x.b[0] << 8) | x.b[1]);
}

static inline uint32_t be32_get(be32 x)
{
    return (uint32_t)x.b[0] << 24 | (uint32_t)x.b[1] << 16 | (uint32_t)x.b[2] << 8 | x.b[3];
}

static inline uint64_t be64_get(be64 x)
{
    return (uint64_t)x.b[0] << 56 | (uint64_t)x.b[1] << 48 | (uint64_t)x.b[2] << 40 |
           (uint64_t)x.b[3] << 32 | (uint64_t)x.b[4] << 24 | (uint64_t)x.b[5] << 16 |
           (uint64_t)x.b[6] << 8 | x.b[7];
}

/* The host's number with its bytes in network order. A condition, not an #if: both sides compile.
 * */
static inline uint16_t to_network16(uint16_t v)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap16(v);
}

static inline uint32_t to_network32(uint32_t v)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap32(v);
}

static inline uint64_t to_network64(uint64_t v)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap64(v);
}

/* Through a union: made byte by byte, gcc would store them byte by byte. */
static inline be16 be16_make(uint16_t v)
{
    union {
        uint16_t v;
        be16 x;
    } u = {to_network16(v)};
    return u.x;
}

static inline be32 be32_make(uint32_t v)
{
    union {
        uint32_t v;
        be32 x;
    } u = {to_network32(v)};
    return u.x;
}

static inline be64 be64_make(uint64_t v)
{
    union {
        uint64_t v;
        be64 x;
    } u = {to_network64(v)};
    return u.x;
}

/* The same at an address of any alignment: for parsers and for option lists. A copy of known length is
 * a load. */
static inline uint16_t load16(const uint8_t *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return to_network16(v);
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return to_network32(v);
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return to_network64(v);
}

static inline void store16(uint8_t *p, uint16_t v)
{
    *(be16 *)p = be16_make(v);
}

static inline void store32(uint8_t *p, uint32_t v)
{
    *(be32 *)p = be32_make(v);
}

static inline void store64(uint8_t *p, uint64_t v)
{
    *(be64 *)p = be64_make(v);
}

#endif
