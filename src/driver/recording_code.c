/* SPDX-License-Identifier: MIT
 * Records as bytes. One description serves both directions: what code_...() is given is written, or
 * read into the same place. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "driver/recording.h"

/* What a record has, in front of it: the rest is zero. */
enum {
    HAS_NOW = 1 << 0,
    HAS_HANDLE = 1 << 1,
    HAS_IFINDEX = 1 << 2,
    HAS_NUMBER0 = 1 << 3,
    HAS_NUMBER1 = 1 << 4,
    HAS_SIZE = 1 << 5,
    HAS_RESULT = 1 << 6,
    HAS_RX = 1 << 7,
    HAS_TX = 1 << 8,
    HAS_EVENTS = 1 << 9,
    HAS_DATA = 1 << 10,
    HAS_ADDR = 1 << 11,
    HAS_GATEWAY = 1 << 12,
    HAS_CONFIG = 1 << 13,
    HAS_IFACE = 1 << 14,
    HAS_UDP = 1 << 15,
    HAS_TCP = 1 << 16,
    HAS_DATAGRAM = 1 << 17,
    HAS_REQUEST = 1 << 18,
    HAS_ALL = (1 << 19) - 1
};

/* Bits in front of a received packet. */
enum {
    RX_PLAIN = 1,  /* a head and nothing else */
    RX_ABSENT = 2, /* a head that is NULL */
    RX_BITS = 3
};

enum {
    NAME_BYTES_MAX = 64,
    GROUPS_MAX = 10, /* of seven bits in 64 */
    LANES = 4
};

struct coder {
    struct recording_bytes *out; /* writing; NULL: reading */
    const uint8_t *at, *end;
    bool bad;
    bool whole;
};

/* ---- bytes ---- */

static uint8_t *append(struct recording_bytes *b, size_t len)
{
    if (len > b->capacity - b->len) {
        size_t capacity = 2 * b->capacity + len;
        uint8_t *p = realloc(b->p, capacity);
        if (p == NULL) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->capacity = capacity;
    }
    uint8_t *at = b->p + b->len;
    b->len += len;
    return at;
}

/* Bytes as they are; reading, *data refers to them where they stand. */
static void code_ref(struct coder *c, const uint8_t **data, size_t len)
{
    if (c->out != NULL) {
        uint8_t *at = append(c->out, len);
        if (at != NULL && len > 0)
            memcpy(at, *data, len);
    } else if (len > (size_t)(c->end - c->at)) {
        c->bad = true;
    } else {
        *data = c->at;
        c->at += len;
    }
}

static void code_bytes(struct coder *c, void *bytes, size_t len)
{
    const uint8_t *data = bytes;
    code_ref(c, &data, len);
    if (c->out == NULL && !c->bad)
        memcpy(bytes, data, len);
}

/* ---- numbers ---- */

static void write_u64(struct coder *c, uint64_t v)
{
    uint8_t *at = append(c->out, GROUPS_MAX);
    size_t n = 0;
    if (at == NULL)
        return;
    for (; v >= 0x80; v >>= 7)
        at[n++] = (uint8_t)(v | 0x80);
    at[n++] = (uint8_t)v;
    c->out->len -= GROUPS_MAX - n;
}

static uint64_t read_u64(struct coder *c)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < GROUPS_MAX && c->at < c->end; i++) {
        uint8_t b = *c->at++;
        v |= (uint64_t)(b & 0x7f) << 7 * i;
        if ((b & 0x80) == 0 && (i < GROUPS_MAX - 1 || b <= 1))
            return v;
        if ((b & 0x80) == 0)
            break;
    }
    c->bad = true;
    return 0;
}

static void code_u64(struct coder *c, uint64_t *v)
{
    if (c->out != NULL)
        write_u64(c, *v);
    else
        *v = read_u64(c);
}

/* A number of `bits` bits. */
static uint64_t code_bits(struct coder *c, uint64_t v, unsigned bits)
{
    code_u64(c, &v);
    if (v >> bits != 0)
        c->bad = true;
    return c->bad ? 0 : v;
}

#define CODE_U32(c, v) ((v) = (uint32_t)code_bits((c), (v), 32))
#define CODE_U16(c, v) ((v) = (uint16_t)code_bits((c), (v), 16))
#define CODE_U8(c, v)  ((v) = (uint8_t)code_bits((c), (v), 8))
#define CODE_BOOL(c, v) ((v) = code_bits((c), (v), 1) != 0)

/* Small ones of either sign take few bytes. */
static void code_i64(struct coder *c, int64_t *v)
{
    uint64_t u = (uint64_t)*v << 1 ^ (*v < 0 ? UINT64_MAX : 0);
    code_u64(c, &u);
    *v = (int64_t)(u >> 1 ^ (0 - (u & 1)));
}

static size_t code_len(struct coder *c, size_t len)
{
    uint64_t v = len;
    code_u64(c, &v);
    if (c->out == NULL && v > RECORDING_FRAME_BYTES_MAX)
        c->bad = true;
    return c->bad ? 0 : (size_t)v;
}

/* ---- hashes ---- */

/* A hash of bytes in as many pieces as they come in, four words at a time. It finds differences; it
 * does not stand up to somebody who looks for two texts of the same hash. */
struct hash {
    uint64_t lane[LANES];
    uint8_t part[8 * LANES];
    size_t fill;
    uint64_t len;
};

#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static uint64_t hash_mix(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * HASH_FACTOR;
    return lane ^ lane >> 32;
}

static void hash_block(struct hash *h, const uint8_t *p)
{
    for (unsigned i = 0; i < LANES; i++)
        h->lane[i] = hash_mix(h->lane[i], load64(p + 8 * i));
}

static void hash_add(struct hash *h, const uint8_t *p, size_t len)
{
    h->len += len;
    if (h->fill > 0) {
        size_t n = sizeof h->part - h->fill;
        n = n < len ? n : len;
        memcpy(h->part + h->fill, p, n);
        h->fill += n;
        p += n;
        len -= n;
        if (h->fill < sizeof h->part)
            return;
        hash_block(h, h->part);
    }
    for (; len >= sizeof h->part; p += sizeof h->part, len -= sizeof h->part)
        hash_block(h, p);
    h->fill = len;
    if (len > 0)
        memcpy(h->part, p, len);
}

static uint64_t hash_end(struct hash *h)
{
    memset(h->part + h->fill, 0, sizeof h->part - h->fill);
    hash_block(h, h->part);
    uint64_t v = h->len;
    for (unsigned i = 0; i < LANES; i++)
        v = hash_mix(v, h->lane[i] + i);
    return v;
}

/* ---- structs ---- */

static bool grow(void **array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity)
        return true;
    void *p = realloc(*array, count * size);
    if (p == NULL)
        return false;
    *array = p;
    *capacity = count;
    return true;
}

/* How many follow, and room for them: each takes at least a byte. */
static unsigned code_count(struct coder *c, unsigned count, void **array, size_t *capacity,
                           size_t size)
{
    count = (unsigned)code_bits(c, count, 31);
    if (c->out == NULL && (count > (size_t)(c->end - c->at) || !grow(array, capacity, count, size)))
        c->bad = true;
    return c->bad ? 0 : count;
}

static void code_handle(struct coder *c, weir_handle *handle)
{
    CODE_U32(c, handle->index);
    CODE_U32(c, handle->generation);
}

static void code_addr(struct coder *c, struct weir_addr *addr)
{
    code_bytes(c, addr->bytes, sizeof addr->bytes);
}

/* The size field of a struct: 0 stands for what is right, here or there. */
static void code_size(struct coder *c, uint32_t *size, size_t right)
{
    uint32_t told = *size == right ? 0 : *size == 0 ? UINT32_MAX : *size;
    CODE_U32(c, told);
    *size = told == 0 ? (uint32_t)right : told == UINT32_MAX ? 0 : told;
}

static void code_iface(struct coder *c, struct weir_iface_config *iface)
{
    code_size(c, &iface->size, sizeof *iface);
    CODE_U32(c, iface->capabilities);
    CODE_U8(c, iface->link);
    code_bytes(c, iface->mac, sizeof iface->mac);
    CODE_U8(c, iface->reserved);
    CODE_U32(c, iface->mtu_bytes);
    CODE_U32(c, iface->segmented_bytes_max);
}

static void code_udp(struct coder *c, struct weir_udp_config *udp)
{
    code_size(c, &udp->size, sizeof *udp);
    CODE_U8(c, udp->kind);
    CODE_BOOL(c, udp->checksum_off);
    CODE_U16(c, udp->port);
    code_addr(c, &udp->address);
    CODE_U32(c, udp->receive_bytes_max);
    CODE_U32(c, udp->send_bytes_max);
    code_u64(c, &udp->user);
}

static void code_tcp(struct coder *c, struct weir_tcp_config *tcp)
{
    code_size(c, &tcp->size, sizeof *tcp);
    CODE_U32(c, tcp->ifindex);
    code_addr(c, &tcp->address);
    CODE_U16(c, tcp->port);
    CODE_BOOL(c, tcp->reuse);
    code_u64(c, &tcp->user);
}

static void code_datagram(struct coder *c, struct weir_datagram *d)
{
    code_addr(c, &d->remote);
    code_addr(c, &d->local);
    CODE_U16(c, d->remote_port);
    CODE_U16(c, d->local_port);
    CODE_U32(c, d->ifindex);
    CODE_U8(c, d->hop_limit);
    CODE_U8(c, d->traffic_class);
    CODE_BOOL(c, d->dont_fragment);
    code_i64(c, &d->time);
}

static void code_request(struct coder *c, struct weir_tcp_request *r)
{
    code_handle(c, &r->handle);
    code_addr(c, &r->local);
    code_addr(c, &r->remote);
    CODE_U16(c, r->local_port);
    CODE_U16(c, r->remote_port);
    CODE_U32(c, r->ifindex);
    CODE_U16(c, r->peer_mss_bytes);
    CODE_BOOL(c, r->timestamps);
    CODE_BOOL(c, r->sack);
    CODE_BOOL(c, r->window_scale);
    code_i64(c, &r->left);
}

/* ---- the configuration: limits by name ---- */

struct limit {
    const char *name;
    size_t offset; /* of its uint32_t */
};

static const struct limit limits[] = {
#define X(name, value, low, high, meaning) {#name, offsetof(struct weir_config, name)},
    WEIR_LIMITS(X)
#undef X
};

enum { LIMITS = sizeof limits / sizeof limits[0] };

/* A name as its length and its letters; reading, into name[NAME_BYTES_MAX + 1]. */
static void write_name(struct coder *c, const char *name)
{
    size_t len = strlen(name);
    write_u64(c, len);
    const uint8_t *letters = (const uint8_t *)name;
    code_ref(c, &letters, len);
}

static void read_name(struct coder *c, char *name)
{
    uint64_t len = read_u64(c);
    const uint8_t *letters = NULL;
    name[0] = '\0';
    if (c->bad || len > NAME_BYTES_MAX) {
        c->bad = true;
        return;
    }
    code_ref(c, &letters, (size_t)len);
    for (size_t i = 0; i < len && !c->bad; i++) /* it may be printed */
        name[i] = letters[i] > ' ' && letters[i] < 0x7f ? (char)letters[i] : '?';
    name[c->bad ? 0 : len] = '\0';
}

static void note_limit(struct text *note, const char *what, const char *name)
{
    text_str(note, note->len > 0 ? ", " : "");
    text_str(note, what);
    text_str(note, name);
}

static void write_limits(struct coder *c, const struct weir_config *config)
{
    write_u64(c, LIMITS);
    for (unsigned i = 0; i < LIMITS; i++) {
        uint32_t value;
        memcpy(&value, (const char *)config + limits[i].offset, sizeof value);
        write_name(c, limits[i].name);
        write_u64(c, value);
    }
}

static void read_limits(struct coder *c, struct weir_config *config, struct text *note)
{
    char name[NAME_BYTES_MAX + 1];
    bool seen[LIMITS] = {false};
    uint64_t count = code_bits(c, 0, 16);
    for (uint64_t n = 0; n < count && !c->bad; n++) {
        unsigned i = 0;
        read_name(c, name);
        uint32_t value = (uint32_t)code_bits(c, 0, 32);
        while (i < LIMITS && strcmp(limits[i].name, name) != 0)
            i++;
        if (i == LIMITS) {
            note_limit(note, "unknown here: ", name);
        } else {
            seen[i] = true;
            memcpy((char *)config + limits[i].offset, &value, sizeof value);
        }
    }
    for (unsigned i = 0; i < LIMITS; i++)
        if (!seen[i])
            note_limit(note, "new since then: ", limits[i].name);
}

static void code_config(struct coder *c, struct weir_config *config, struct recording_store *store)
{
    if (c->out != NULL) {
        write_limits(c, config);
    } else {
        struct text note = text_begin(store->note, sizeof store->note);
        weir_config_default(config);
        read_limits(c, config, &note);
    }
    code_u64(c, &config->seed);
    code_bytes(c, config->secret, sizeof config->secret);
}

/* ---- packets ---- */

static bool rx_is_plain(const struct weir_rx *rx)
{
    return rx->head != NULL && rx->frag_count == 0 && rx->len == rx->head_len &&
           rx->checksum == 0 && rx->segmentation == 0 && rx->reserved == 0 &&
           rx->segment_size == 0 && rx->segment_count == 0 && rx->queue == 0 &&
           rx->checksum_start == 0 && rx->checksum_offset == 0 && rx->reserved2 == 0;
}

static void code_rx(struct coder *c, struct weir_rx *rx)
{
    uint8_t bits = rx_is_plain(rx) ? RX_PLAIN : rx->head == NULL ? RX_ABSENT : 0;
    CODE_U8(c, bits);
    rx->head_len = (uint32_t)code_len(c, rx->head_len);
    if ((bits & RX_PLAIN) != 0) {
        rx->len = rx->head_len;
        code_ref(c, &rx->head, rx->head_len);
        return;
    }
    CODE_U32(c, rx->len);
    CODE_U8(c, rx->frag_count);
    CODE_U8(c, rx->checksum);
    CODE_U8(c, rx->segmentation);
    CODE_U8(c, rx->reserved);
    CODE_U16(c, rx->segment_size);
    CODE_U16(c, rx->segment_count);
    CODE_U16(c, rx->queue);
    CODE_U16(c, rx->checksum_start);
    CODE_U16(c, rx->checksum_offset);
    CODE_U16(c, rx->reserved2);
    if ((bits & RX_ABSENT) == 0)
        code_ref(c, &rx->head, rx->head_len);
    for (unsigned i = 0; i < rx->frag_count && i < WEIR_FRAGS_MAX && !c->bad; i++) {
        rx->frag[i].len = code_len(c, rx->frag[i].len);
        code_ref(c, &rx->frag[i].data, rx->frag[i].len);
    }
    if (bits > RX_BITS)
        c->bad = true;
}

static void write_payload(struct coder *c, const struct weir_tx *tx)
{
    struct hash h = {{1, 2, 3, 4}, {0}, 0, 0};
    for (unsigned i = 0; i < tx->frag_count; i++) {
        const uint8_t *data = tx->frag[i].data;
        if (c->whole)
            code_ref(c, &data, tx->frag[i].len);
        else
            hash_add(&h, data, tx->frag[i].len);
    }
    if (!c->whole)
        write_u64(c, hash_end(&h));
}

static void read_payload(struct coder *c, struct weir_tx *tx, uint64_t *hash)
{
    if (!c->whole) {
        *hash = read_u64(c);
        return;
    }
    tx->frag_count = 1;
    tx->frag[0].len = tx->len - tx->header_len;
    code_ref(c, &tx->frag[0].data, tx->frag[0].len);
}

/* A packet that was sent: its bytes, and what was asked of the device. */
static void code_tx(struct coder *c, struct weir_tx *tx, uint64_t *hash)
{
    CODE_U32(c, tx->len);
    CODE_U16(c, tx->header_len);
    CODE_BOOL(c, tx->checksum_wanted);
    CODE_U8(c, tx->segmentation);
    CODE_U16(c, tx->segment_size);
    CODE_U16(c, tx->segment_count);
    CODE_U16(c, tx->checksum_start);
    CODE_U16(c, tx->checksum_offset);
    CODE_U16(c, tx->queue);
    if (tx->header_start + tx->header_len > WEIR_TX_HEADERS_MAX || tx->header_len > tx->len)
        c->bad = true;
    if (c->bad)
        return;
    code_bytes(c, tx->headers + tx->header_start, tx->header_len);
    if (tx->len == tx->header_len)
        return;
    if (c->out != NULL)
        write_payload(c, tx);
    else
        read_payload(c, tx, hash);
}

static void code_all_rx(struct coder *c, struct weir_record *r, struct recording_store *s)
{
    r->count = code_count(c, r->count, (void **)&s->rx, &s->rx_capacity, sizeof s->rx[0]);
    for (unsigned i = 0; i < r->count && !c->bad; i++) {
        struct weir_rx rx = c->out != NULL ? r->rx[i] : (struct weir_rx){0};
        code_rx(c, &rx);
        if (c->out == NULL)
            s->rx[i] = rx;
    }
    if (c->out == NULL)
        r->rx = s->rx;
}

static void code_all_tx(struct coder *c, struct weir_record *r, struct recording_store *s)
{
    uint64_t hash;
    r->count = code_count(c, r->count, (void **)&s->tx, &s->tx_capacity, sizeof s->tx[0]);
    if (c->out == NULL && !grow((void **)&s->hash, &s->hash_capacity, r->count, sizeof s->hash[0]))
        c->bad = true;
    for (unsigned i = 0; i < r->count && !c->bad; i++) {
        struct weir_tx tx;
        if (c->out != NULL)
            memcpy(&tx, &r->tx[i], sizeof tx);
        else
            memset(&tx, 0, sizeof tx);
        hash = 0;
        code_tx(c, &tx, &hash);
        if (c->out == NULL) {
            s->tx[i] = tx;
            s->hash[i] = hash;
        }
    }
    if (c->out == NULL)
        r->tx = s->tx;
}

static void code_events(struct coder *c, struct weir_record *r, struct recording_store *s)
{
    r->count = code_count(c, r->count, (void **)&s->events, &s->events_capacity,
                          sizeof s->events[0]);
    for (unsigned i = 0; i < r->count && !c->bad; i++) {
        struct weir_event event = c->out != NULL ? r->events[i] : (struct weir_event){.error = 0};
        int64_t error = event.error;
        code_handle(c, &event.handle);
        CODE_U32(c, event.bits);
        code_i64(c, &error);
        code_u64(c, &event.user);
        event.error = (int32_t)error;
        if (c->out == NULL)
            s->events[i] = event;
    }
    if (c->out == NULL)
        r->events = s->events;
}

/* What was sent in full, for it is an input; what was received came in packets. */
static void code_data(struct coder *c, struct weir_record *r, struct recording_store *s)
{
    bool received = r->call == WEIR_CALL_TCP_RECEIVE || r->call == WEIR_CALL_UDP_RECEIVE;
    struct hash h = {{1, 2, 3, 4}, {0}, 0, 0};
    r->data.len = code_len(c, r->data.len);
    if (!received || c->whole) {
        code_ref(c, &r->data.data, r->data.len);
        return;
    }
    if (c->out != NULL) {
        hash_add(&h, r->data.data, r->data.len);
        write_u64(c, hash_end(&h));
    } else {
        s->data_len = r->data.len;
        s->data_hash = read_u64(c);
        r->data = (struct weir_ref){NULL, 0};
    }
}

/* ---- records ---- */

static uint32_t mask_of(const struct weir_record *r)
{
    uint32_t mask = 0;
    mask |= r->now != 0 ? HAS_NOW : 0;
    mask |= r->handle.index != 0 || r->handle.generation != 0 ? HAS_HANDLE : 0;
    mask |= r->ifindex != 0 ? HAS_IFINDEX : 0;
    mask |= r->number[0] != 0 ? HAS_NUMBER0 : 0;
    mask |= r->number[1] != 0 ? HAS_NUMBER1 : 0;
    mask |= r->size != 0 ? HAS_SIZE : 0;
    mask |= r->result != 0 ? HAS_RESULT : 0;
    mask |= r->rx != NULL && r->count > 0 ? HAS_RX : 0;
    mask |= r->tx != NULL && r->count > 0 ? HAS_TX : 0;
    mask |= r->events != NULL && r->count > 0 ? HAS_EVENTS : 0;
    mask |= r->data.len > 0 ? HAS_DATA : 0;
    mask |= r->addr != NULL ? HAS_ADDR : 0;
    mask |= r->gateway != NULL ? HAS_GATEWAY : 0;
    mask |= r->config != NULL ? HAS_CONFIG : 0;
    mask |= r->iface != NULL ? HAS_IFACE : 0;
    mask |= r->udp != NULL ? HAS_UDP : 0;
    mask |= r->tcp != NULL ? HAS_TCP : 0;
    mask |= r->datagram != NULL ? HAS_DATAGRAM : 0;
    mask |= r->request != NULL ? HAS_REQUEST : 0;
    return mask;
}

static void code_numbers(struct coder *c, struct recording_state *state, uint32_t mask,
                         struct weir_record *r)
{
    if ((mask & HAS_NOW) != 0) {
        int64_t distance = (int64_t)((uint64_t)r->now - (uint64_t)state->last);
        code_i64(c, &distance);
        r->now = (weir_time)((uint64_t)state->last + (uint64_t)distance);
        state->last = r->now;
    }
    if ((mask & HAS_HANDLE) != 0)
        code_handle(c, &r->handle);
    if ((mask & HAS_IFINDEX) != 0)
        CODE_U32(c, r->ifindex);
    if ((mask & HAS_NUMBER0) != 0)
        CODE_U32(c, r->number[0]);
    if ((mask & HAS_NUMBER1) != 0)
        CODE_U32(c, r->number[1]);
    if ((mask & HAS_SIZE) != 0)
        code_u64(c, &r->size);
    if ((mask & HAS_RESULT) != 0)
        code_i64(c, &r->result);
}

/* A struct that a record points to: it is copied to the store, and coded there. Only writing looks at
 * the pointer before. */
#define CODE_POINTED(c, mask, bit, pointer, place, code)                                           \
    do {                                                                                           \
        if (((mask) & (bit)) == 0)                                                                 \
            break;                                                                                 \
        if ((c)->out != NULL)                                                                      \
            (place) = *(pointer);                                                                  \
        else                                                                                       \
            memset(&(place), 0, sizeof(place));                                                    \
        code;                                                                                      \
        (pointer) = &(place);                                                                      \
    } while (0)

static void code_structs(struct coder *c, uint32_t mask, struct weir_record *r,
                         struct recording_store *s)
{
    CODE_POINTED(c, mask, HAS_ADDR, r->addr, s->addr, code_addr(c, &s->addr));
    CODE_POINTED(c, mask, HAS_GATEWAY, r->gateway, s->gateway, code_addr(c, &s->gateway));
    CODE_POINTED(c, mask, HAS_CONFIG, r->config, s->config, code_config(c, &s->config, s));
    CODE_POINTED(c, mask, HAS_IFACE, r->iface, s->iface, code_iface(c, &s->iface));
    CODE_POINTED(c, mask, HAS_UDP, r->udp, s->udp, code_udp(c, &s->udp));
    CODE_POINTED(c, mask, HAS_TCP, r->tcp, s->tcp, code_tcp(c, &s->tcp));
    CODE_POINTED(c, mask, HAS_DATAGRAM, r->datagram, s->datagram, code_datagram(c, &s->datagram));
    CODE_POINTED(c, mask, HAS_REQUEST, r->request, s->request, code_request(c, &s->request));
}

static void code_record(struct coder *c, struct recording_state *state, struct weir_record *r,
                        struct recording_store *s)
{
    uint32_t mask = c->out != NULL ? mask_of(r) : 0;
    CODE_U32(c, mask);
    if ((mask & ~(uint32_t)HAS_ALL) != 0)
        c->bad = true;
    if (!c->bad)
        code_numbers(c, state, mask, r);
    if (!c->bad)
        code_structs(c, mask, r, s);
    if (!c->bad && (mask & HAS_RX) != 0)
        code_all_rx(c, r, s);
    if (!c->bad && (mask & HAS_TX) != 0)
        code_all_tx(c, r, s);
    if (!c->bad && (mask & HAS_EVENTS) != 0)
        code_events(c, r, s);
    if (!c->bad && (mask & HAS_DATA) != 0)
        code_data(c, r, s);
}

bool recording_encode(struct recording_bytes *out, struct recording_state *state,
                      const struct weir_record *record)
{
    struct coder c = {.out = out, .whole = state->whole};
    struct weir_record r = *record;
    struct recording_store store; /* written before it is read */
    code_record(&c, state, &r, &store);
    return !out->failed && !c.bad;
}

bool recording_decode(struct weir_ref body, struct recording_state *state,
                      struct weir_record *record, struct recording_store *store)
{
    static const uint8_t none[1];
    const uint8_t *data = body.len > 0 ? body.data : none; /* which has no address */
    struct coder c = {.at = data, .end = data + body.len, .whole = state->whole};
    store->data_hash = store->data_len = 0;
    code_record(&c, state, record, store);
    if (c.bad || c.at != c.end)
        return false;
    if (record->call != WEIR_CALL_TCP_SET || record->done || state->names == NULL)
        return true;
    uint32_t setting = record->number[0];
    record->number[0] = setting < state->names->settings ? state->names->setting[setting] : setting;
    return record->number[0] != UINT16_MAX;
}

void recording_store_free(struct recording_store *store)
{
    free(store->rx);
    free(store->tx);
    free(store->events);
    free(store->hash);
    *store = (struct recording_store){.rx = NULL};
}

/* ---- the first frame ---- */

bool recording_encode_head(struct recording_bytes *out, const struct recording_state *state)
{
    struct coder c = {.out = out};
    write_u64(&c, state->whole);
    write_u64(&c, WEIR_CALL_COUNT);
    for (unsigned i = 0; i < WEIR_CALL_COUNT; i++)
        write_name(&c, weir_call_name(i));
    write_u64(&c, WEIR_TCP_SETTING_COUNT);
    for (unsigned i = 0; i < WEIR_TCP_SETTING_COUNT; i++)
        write_name(&c, weir_tcp_setting_name(i));
    return !out->failed;
}

/* Read names, and find the number that each has among ours. */
static unsigned read_names(struct coder *c, uint16_t *number, size_t size,
                           const char *(*ours)(unsigned), unsigned ours_count)
{
    char name[NAME_BYTES_MAX + 1];
    uint64_t count = code_bits(c, 0, 16);
    if (count > size)
        c->bad = true;
    for (unsigned n = 0; n < count && !c->bad; n++) {
        unsigned i = 0;
        read_name(c, name);
        while (i < ours_count && strcmp(ours(i), name) != 0)
            i++;
        number[n] = i < ours_count ? (uint16_t)i : UINT16_MAX;
    }
    return c->bad ? 0 : (unsigned)count;
}

bool recording_decode_head(struct weir_ref body, struct recording_state *state,
                           struct recording_names *names)
{
    struct coder c = {.at = body.data, .end = body.data + body.len};
    CODE_BOOL(&c, state->whole);
    names->calls = read_names(&c, names->call, sizeof names->call / sizeof names->call[0],
                              weir_call_name, WEIR_CALL_COUNT);
    names->settings =
        read_names(&c, names->setting, sizeof names->setting / sizeof names->setting[0],
                   weir_tcp_setting_name, WEIR_TCP_SETTING_COUNT);
    state->names = names;
    return !c.bad && c.at == c.end;
}
