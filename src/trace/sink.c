/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "trace/writer.h"

enum {
    SINK_PARTS_MAX = 16,
    MEMORY_FIRST_BYTES = 4096
};

static int file_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    FILE *file = ctx;
    for (unsigned i = 0; i < count; i++)
        if (part[i].len > 0 && fwrite(part[i].data, 1, part[i].len, file) != part[i].len)
            return WEIR_E_IO;
    return 0;
}

static int file_flush(void *ctx)
{
    return fflush(ctx) == 0 ? 0 : WEIR_E_IO;
}

struct capture_sink capture_sink_file(FILE *file)
{
    return (struct capture_sink){.write = file_write, .flush = file_flush, .ctx = file};
}

/* Step over `done` bytes of the vector; returns where the rest begins. */
static unsigned iovec_advance(struct iovec *iov, unsigned first, unsigned count, size_t done)
{
    while (first < count && done >= iov[first].iov_len)
        done -= iov[first++].iov_len;
    if (first < count) {
        iov[first].iov_base = (char *)iov[first].iov_base + done;
        iov[first].iov_len -= done;
    }
    return first;
}

static int fd_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    struct iovec iov[SINK_PARTS_MAX];
    if (count > SINK_PARTS_MAX)
        return WEIR_E_INVALID;
    for (unsigned i = 0; i < count; i++) {
        /* writev() only reads, but its vector has no const. */
        memcpy(&iov[i].iov_base, &part[i].data, sizeof(void *));
        iov[i].iov_len = part[i].len;
    }
    unsigned first = iovec_advance(iov, 0, count, 0);
    while (first < count) {
        ssize_t n = writev((int)(intptr_t)ctx, iov + first, (int)(count - first));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return WEIR_E_IO;
        first = iovec_advance(iov, first, count, (size_t)n);
    }
    return 0;
}

struct capture_sink capture_sink_fd(int fd)
{
    return (struct capture_sink){.write = fd_write, .ctx = (void *)(intptr_t)fd};
}

static int memory_reserve(struct capture_memory *m, size_t more)
{
    size_t limit = m->len_max != 0 ? m->len_max : SIZE_MAX / 2;
    if (m->len > limit || more > limit - m->len)
        return WEIR_E_EXHAUSTED;
    if (more <= m->capacity - m->len)
        return 0;
    size_t capacity = m->capacity > 0 ? m->capacity : MEMORY_FIRST_BYTES;
    while (capacity < m->len + more)
        capacity *= 2;
    uint8_t *bytes = realloc(m->bytes, capacity);
    if (bytes == NULL)
        return WEIR_E_EXHAUSTED;
    m->bytes = bytes;
    m->capacity = capacity;
    return 0;
}

static int memory_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    struct capture_memory *m = ctx;
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += part[i].len;
    int error = memory_reserve(m, total);
    if (error != 0)
        return error;
    for (unsigned i = 0; i < count; i++) {
        if (part[i].len > 0)
            memcpy(m->bytes + m->len, part[i].data, part[i].len);
        m->len += part[i].len;
    }
    return 0;
}

struct capture_sink capture_sink_memory(struct capture_memory *memory)
{
    return (struct capture_sink){.write = memory_write, .ctx = memory};
}

void capture_memory_free(struct capture_memory *memory)
{
    free(memory->bytes);
    *memory = (struct capture_memory){.len_max = memory->len_max};
}
