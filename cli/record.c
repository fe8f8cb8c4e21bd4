/* SPDX-License-Identifier: MIT */
#include "record.h"

#include "driver/clock.h"
#include "weir/drop.h"

bool record_open(struct record *record, const char *path, bool lines)
{
    static const struct capture_options options = {.format = CAPTURE_PCAPNG, .application = "weir"};
    *record = (struct record){.start = clock_monotonic()};
    record->since_1970 = clock_date() - record->start;
    if (!cli_output_open(&record->output, path))
        return false;
    if (path != NULL)
        (void)capture_open(&record->capture, cli_output_sink(&record->output), &options);
    if (!lines)
        return true;
    record->lines = cli_lines_new(stdout, false, (struct capture_sink){0});
    if (record->lines == NULL) {
        cli_error("no memory");
        (void)cli_output_close(&record->output);
        return false;
    }
    (void)capture_open(&record->shown, cli_lines_sink(record->lines), &options);
    return true;
}

void record_interface(struct record *record, enum weir_link link, const char *name)
{
    enum capture_link type = link == WEIR_LINK_ETHERNET ? CAPTURE_LINK_ETHERNET : CAPTURE_LINK_RAW;
    if (record->output.file != NULL)
        (void)capture_interface(&record->capture, type, name);
    if (record->lines != NULL)
        (void)capture_interface(&record->shown, type, name);
    record->fresh = true;
}

/* Errors stay in the writers, where record_flush() finds them. */
static void tap(void *ctx, const struct weir_tap_packet *packet)
{
    struct record *record = ctx;
    char comment[160];
    struct weir_ref part[1 + WEIR_FRAGS_MAX];
    struct capture_packet out = {.interface = packet->ifindex, .part = part, .part_count = 1};
    const struct weir_ref *frag;
    if (packet->rx != NULL) {
        out.direction = CAPTURE_INBOUND;
        part[0] = (struct weir_ref){packet->rx->head, packet->rx->head_len};
        frag = packet->rx->frag;
        out.part_count += packet->rx->frag_count;
    } else {
        const struct weir_tx *tx = packet->tx;
        out.direction = CAPTURE_OUTBOUND;
        part[0] = (struct weir_ref){tx->headers + tx->header_start, tx->header_len};
        frag = tx->frag;
        out.part_count += tx->frag_count;
    }
    for (unsigned i = 1; i < out.part_count; i++)
        part[i] = frag[i - 1];
    if (packet->drop != WEIR_DROP_NONE) {
        (void)snprintf(comment, sizeof comment, "drop: %s (%s)", weir_drop_name(packet->drop),
                       weir_drop_text(packet->drop));
        out.comment = comment;
    }
    out.time = packet->time + record->since_1970;
    if (record->output.file != NULL)
        (void)capture_packet(&record->capture, &out);
    out.time = packet->time > record->start ? packet->time - record->start : 0;
    if (record->lines != NULL)
        (void)capture_packet(&record->shown, &out);
    record->fresh = true;
}

struct weir_tap record_tap(struct record *record)
{
    bool needed = record->output.file != NULL || record->lines != NULL;
    return (struct weir_tap){.fn = needed ? tap : NULL, .ctx = record};
}

bool record_flush(struct record *record)
{
    if (!record->fresh)
        return true;
    record->fresh = false;
    bool good = record->output.file == NULL || capture_flush(&record->capture) == 0;
    if (record->lines != NULL) /* what was printed is checked when the program ends */
        good &= capture_flush(&record->shown) == 0 && fflush(stdout) == 0;
    return good;
}

bool record_close(struct record *record)
{
    bool good = record_flush(record);
    cli_lines_free(record->lines);
    record->lines = NULL;
    if (!good && record->output.file != NULL && record->output.error == 0)
        cli_error("%s: %s", record->output.path, weir_strerror(record->capture.error));
    return cli_output_close(&record->output) && good;
}
