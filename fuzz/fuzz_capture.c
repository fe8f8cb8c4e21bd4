/* SPDX-License-Identifier: MIT
 * Any bytes are read as a capture file. What was read is written again, and must read the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace/reader.h"
#include "trace/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static int open_bytes(struct capture_reader *r, const uint8_t *bytes, size_t len)
{
    void *copy;
    memcpy(&copy, &bytes, sizeof copy); /* opened for reading, but fmemopen() has no const */
    FILE *file = fmemopen(copy, len, "rb");
    require(file != NULL);
    return capture_reader_open_file(r, file, "fuzz");
}

static void record_write(struct capture_writer *w, const struct capture_record *record)
{
    struct weir_ref part = {record->bytes, record->captured};
    struct capture_packet packet = {
        .time = record->time, .part = &part, .part_count = 1, .len = record->len};
    require(record->captured <= record->len);
    require(capture_packet(w, &packet) == 0);
}

/* Both captures hold the same packets. */
static void compare(const uint8_t *data, size_t size, const struct capture_memory *copy)
{
    struct capture_reader a, b;
    struct capture_record from, to;
    int more;
    require(open_bytes(&a, data, size) == 0 && open_bytes(&b, copy->bytes, copy->len) == 0);
    while ((more = capture_reader_next(&a, &from)) == 1) {
        require(capture_reader_next(&b, &to) == 1);
        require(from.time == to.time && from.len == to.len && from.number == to.number);
        /* The writer cuts at its snap length, which is shorter than the longest a reader takes. */
        require(to.captured == (from.captured < CAPTURE_SNAP_BYTES_MAX ? from.captured
                                                                       : CAPTURE_SNAP_BYTES_MAX));
        require(memcmp(from.bytes, to.bytes, to.captured) == 0);
    }
    require(more == 0 || a.message[0] != '\0');
    require(capture_reader_next(&b, &to) == 0);
    capture_reader_close(&a);
    capture_reader_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capture_reader r;
    struct capture_record record;
    struct capture_writer w;
    struct capture_memory copy = {0};
    int result;
    if (size == 0)
        return 0;
    result = open_bytes(&r, data, size);
    if (result != 0) {
        require(result == WEIR_E_FORMAT && r.message[0] != '\0');
        return 0;
    }
    require(capture_open(&w, capture_sink_memory(&copy), &(struct capture_options){0}) == 0);
    require(capture_interface(&w, CAPTURE_LINK_RAW, NULL) == 0);
    while ((result = capture_reader_next(&r, &record)) == 1)
        record_write(&w, &record);
    require(result == 0 || (result == WEIR_E_FORMAT && r.message[0] != '\0'));
    capture_reader_close(&r);
    compare(data, size, &copy);
    capture_memory_free(&copy);
    return 0;
}
