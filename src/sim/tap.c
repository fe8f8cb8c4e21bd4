/* SPDX-License-Identifier: MIT
 * Captures of a link. */
#include "sim/internal.h"
#include "trace/writer.h"

/* "LINK.NODE", "LINK lost" */
static int tap_interface(struct sim_link *link, const char *join, const char *name)
{
    char buf[2 * SIM_NAME_MAX + 8];
    struct text text = text_begin(buf, sizeof buf);
    text_str(&text, link->name);
    text_str(&text, join);
    text_str(&text, name);
    return capture_interface(link->tap.writer,
                             link->type == WEIR_LINK_ETHERNET ? CAPTURE_LINK_ETHERNET
                                                              : CAPTURE_LINK_RAW,
                             buf);
}

int sim_link_capture(struct sim_link *link, struct capture_writer *writer, unsigned ends)
{
    struct sim_tap *tap = &link->tap;
    CHECK(NULL, ends != 0 && ends <= SIM_CAPTURE_BOTH);
    if (tap->writer != NULL)
        return WEIR_E_EXISTS;
    if (writer->format == CAPTURE_PCAP && (ends == SIM_CAPTURE_BOTH || writer->interfaces > 0))
        return WEIR_E_UNSUPPORTED;
    *tap = (struct sim_tap){.writer = writer, .has_lost = writer->format == CAPTURE_PCAPNG};
    int index = 0;
    for (unsigned i = 0; i < SIM_DIRS && index >= 0; i++) {
        if ((ends & 1U << i) == 0)
            continue;
        index = tap_interface(link, ".", link->dir[i].from->name);
        tap->interface[i] = (uint32_t)index;
    }
    if (index >= 0 && tap->has_lost) {
        index = tap_interface(link, " ", "lost");
        tap->interface_lost = (uint32_t)index;
    }
    if (index < 0) {
        *tap = (struct sim_tap){0};
        return index;
    }
    tap->ends = ends;
    return 0;
}

static void tap_write(struct sim_link *link, uint32_t interface, enum capture_direction direction,
                      struct weir_ref bytes, const char *comment)
{
    struct sim *sim = link->sim;
    struct capture_packet packet = {.interface = interface,
                                    .direction = (uint8_t)direction,
                                    .time = sim->now,
                                    .comment = comment,
                                    .part = &bytes,
                                    .part_count = 1};
    int error = capture_packet(link->tap.writer, &packet);
    if (error != 0)
        sim_fail(sim, error);
}

bool sim_tap_wants_sender(const struct sim_dir_state *dir)
{
    return (dir->link->tap.ends & 1U << dir->which) != 0;
}

void sim_tap_sent(struct sim_dir_state *dir, const uint8_t *bytes, uint32_t len, const char *note)
{
    tap_write(dir->link, dir->link->tap.interface[dir->which], CAPTURE_OUTBOUND,
              (struct weir_ref){bytes, len}, note);
}

void sim_tap_lost(struct sim_dir_state *dir, const struct sim_packet *packet, enum sim_lost cause)
{
    char buf[64];
    if (!dir->link->tap.has_lost)
        return;
    struct text text = text_begin(buf, sizeof buf);
    text_str(&text, "lost: ");
    text_str(&text, sim_lost_text(cause));
    tap_write(dir->link, dir->link->tap.interface_lost, CAPTURE_OUTBOUND,
              (struct weir_ref){packet->bytes, packet->len}, buf);
}

void sim_tap_delivered(struct sim_dir_state *dir, const struct sim_packet *packet)
{
    unsigned end = 1U - (unsigned)dir->which;
    if ((dir->link->tap.ends & 1U << end) != 0)
        tap_write(dir->link, dir->link->tap.interface[end], CAPTURE_INBOUND,
                  (struct weir_ref){packet->bytes, packet->len}, NULL);
}
