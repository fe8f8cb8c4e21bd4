/* SPDX-License-Identifier: MIT
 * The exhaustive segment matrix: every state, every flag byte, nine classes of sequence numbers,
 * six of acknowledgments, three of lengths, both families. Each cell is a fresh connection in that
 * state and one segment; what weir then is and answers is compared with the reference model.
 *
 *     matrix [--family 4|6] [--setup NAME] [--stride N] [--shown N] [--brief] [--first]
 *     matrix --cell SETUP/FAMILY/FLAGS/SEQ/ACK/LEN      one cell, explained
 *
 * The answer is TAP: one test for each setup and family. With --stride N each cell of N is run, all
 * flag bytes among them; with --first the first difference ends it. */
#include "compare.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAG_BYTES = 256, SEQ_CLASSES = 9, ACK_CLASSES = 6, LEN_CLASSES = 3 };

/* What nearly acknowledges a SYN cookie is one by a chance of 2^-16: so often, in a setup. */
enum { LUCKY_MAX = 6 };

static const char *const seq_texts[SEQ_CLASSES] = {
    "far left of the window",
    "one short of RCV.NXT",
    "ending at RCV.NXT",
    "across RCV.NXT",
    "RCV.NXT",
    "inside the window",
    "last octet of the window",
    "ending at the right edge",
    "right of the window",
};

static const char *const ack_texts[ACK_CLASSES] = {
    "below SND.UNA-MAX.SND.WND", "SND.UNA-1", "SND.UNA", "SND.NXT-1", "SND.NXT", "SND.NXT+1",
};

struct cell {
    enum rig_setup setup;
    unsigned family, flags, seq, ack, len;
};

struct options {
    unsigned family; /* 0: both */
    int setup;       /* -1: all */
    unsigned stride, shown;
    bool brief, first, single;
    struct cell cell;
};

/* What is found in one setup and family. */
struct tally {
    uint64_t cells, wrong, lucky;
};

/* ---- the segment of a cell ---- */

static struct tcp_seq seq_of(const struct model_conn *c, unsigned class, uint32_t seg_len)
{
    struct tcp_seq edge = seq_add(c->rcv_nxt, c->rcv_wnd);
    switch (class) {
    case 0:
        return seq_sub(c->rcv_nxt, 1000000);
    case 1:
        return seq_sub(c->rcv_nxt, seg_len + 1);
    case 2:
        return seq_sub(c->rcv_nxt, seg_len > 0 ? seg_len : 2);
    case 3:
        return seq_sub(c->rcv_nxt, seg_len > 2 ? seg_len / 2 : 1);
    case 4:
        return c->rcv_nxt;
    case 5:
        return seq_add(c->rcv_nxt, 1000);
    case 6:
        return seq_sub(edge, 1);
    case 7:
        return seq_sub(edge, seg_len);
    default:
        return seq_add(edge, 1);
    }
}

static struct tcp_seq ack_of(const struct model_conn *c, unsigned class)
{
    switch (class) {
    case 0:
        return seq_sub(c->snd_una, c->snd_wnd_max + 1);
    case 1:
        return seq_sub(c->snd_una, 1);
    case 2:
        return c->snd_una;
    case 3:
        return seq_sub(c->snd_nxt, 1);
    case 4:
        return c->snd_nxt;
    default:
        return seq_add(c->snd_nxt, 1);
    }
}

static struct model_segment segment_of(const struct rig *r, const struct cell *cell)
{
    static const uint16_t windows[] = {RIG_WINDOW + 1, 0, UINT16_MAX};
    uint32_t syn_options = (cell->flags & TCP_SYN) != 0 ? 4 : 0;
    const uint32_t lens[LEN_CLASSES] = {0, 1, rig_mss(r) - syn_options};
    struct model_segment s = {.flags = cell->flags,
                              .len = lens[cell->len],
                              .ack = ack_of(&r->conn, cell->ack),
                              .window = windows[(cell->seq + cell->ack + cell->len) % 3],
                              .urgent = 2,
                              .timestamps = r->timestamps && r->setup != RIG_ESTABLISHED_NO_TS,
                              .timestamps_old = r->setup == RIG_ESTABLISHED_OLD_TS};
    s.seq = seq_of(&r->conn, cell->seq, model_seg_len(&s));
    return s;
}

/* ---- the run ---- */

static void cell_name(char *text, size_t size, const struct cell *c)
{
    snprintf(text, size, "%s/%u/0x%02x/%u/%u/%u", rig_setup_name(c->setup), c->family, c->flags,
             c->seq, c->ack, c->len);
}

static void show(const struct rig *r, const struct cell *cell, const struct model_segment *s,
                 const struct model_result *m, const struct rig_view *view, const char *what)
{
    char name[80];
    cell_name(name, sizeof name, cell);
    printf("# %s: %s (seq %s, ack %s)\n", what, name, seq_texts[cell->seq], ack_texts[cell->ack]);
    compare_show(r, view, s, m);
    printf("#   again: test_model_matrix --cell %s\n", name);
}

static const char *compare_text(struct rig *r, const struct rig_view *view,
                                const struct model_result *m)
{
    uint8_t data[RIG_PAYLOAD_MAX + 1];
    bool shut = r->setup == RIG_ESTABLISHED_SHUT || r->setup == RIG_FIN_WAIT_2_SHUT;
    if (view->present && !compare_is_record(view) && view->info.reassembly_bytes != m->held)
        return "text kept above a hole";
    if (shut)
        return NULL;
    uint32_t taken = m->conn.state == MODEL_CLOSED ? 0 : rig_read(r, data, sizeof data);
    if (taken != m->taken)
        return "text received";
    return memcmp(data, r->payload + m->skipped, taken) == 0 ? NULL : "octets received";
}

/* One cell; false when it went otherwise than the model says. */
static bool run_cell(struct rig *r, const struct cell *cell, const struct options *o,
                     struct tally *tally)
{
    const char *what = NULL;
    struct model_segment s = {0};
    struct model_result m = {0};
    struct rig_view view = {0};
    if (!rig_begin(r, cell->setup)) {
        what = r->trouble;
    } else {
        s = segment_of(r, cell);
        m = model_segment_arrives(&r->conn, &s);
        rig_send(r, &s);
        view = rig_look(r);
        what = compare(r, &view, &m);
        what = what != NULL ? what : compare_text(r, &view, &m);
    }
    tally->cells++;
    if (what != NULL && m.reply.kind == MODEL_RST_OPTIONAL && view.present &&
        tally->lucky < LUCKY_MAX) {
        tally->lucky++;
        rig_close(r);
        rig_open(r, cell->family);
        return true;
    }
    tally->wrong += what != NULL;
    if (what != NULL && o->brief) {
        char name[80];
        cell_name(name, sizeof name, cell);
        printf("# %s: %s\n", what, name);
    } else if ((what != NULL && tally->wrong <= o->shown) || o->single) {
        show(r, cell, &s, &m, &view, what != NULL ? what : "as it should be");
    }
    bool ended = rig_end(r);
    if (!ended && what == NULL) {
        tally->wrong++;
        if (tally->wrong <= o->shown)
            show(r, cell, &s, &m, &view, "something is left of it");
    }
    if (!ended || what != NULL) {
        rig_close(r);
        rig_open(r, cell->family);
    }
    return what == NULL && ended;
}

static void run_setup(const struct options *o, enum rig_setup setup, unsigned family,
                      struct tally *tally)
{
    struct rig r;
    struct cell c = {.setup = setup, .family = family};
    unsigned n = 0;
    rig_open(&r, family);
    for (c.len = 0; c.len < LEN_CLASSES; c.len++)
        for (c.ack = 0; c.ack < ACK_CLASSES; c.ack++)
            for (c.seq = 0; c.seq < SEQ_CLASSES; c.seq++, n++)
                for (c.flags = n % o->stride; c.flags < FLAG_BYTES; c.flags += o->stride)
                    if (!o->first || tally->wrong == 0)
                        run_cell(&r, &c, o, tally);
    rig_close(&r);
}

static int run_all(const struct options *o)
{
    unsigned tests = 0, failed = 0;
    for (unsigned setup = 0; setup < RIG_SETUP_COUNT; setup++) {
        for (unsigned family = 4; family <= 6; family += 2) {
            struct tally tally = {0};
            if ((o->setup >= 0 && (unsigned)o->setup != setup) ||
                (o->family != 0 && o->family != family))
                continue;
            run_setup(o, (enum rig_setup)setup, family, &tally);
            printf("%sok %u - %s IPv%u: %" PRIu64 " cells, %" PRIu64 " wrong\n",
                   tally.wrong != 0 ? "not " : "", ++tests, rig_setup_name(setup), family,
                   tally.cells, tally.wrong);
            fflush(stdout);
            failed += tally.wrong != 0;
            if (o->first && failed != 0)
                return 1;
        }
    }
    printf("1..%u\n", tests);
    return failed != 0;
}

static int run_single(const struct options *o)
{
    struct rig r;
    struct tally tally = {0};
    rig_open(&r, o->cell.family);
    bool good = run_cell(&r, &o->cell, o, &tally);
    rig_close(&r);
    return !good;
}

/* ---- arguments ---- */

_Noreturn static void usage(const char *what)
{
    fprintf(stderr, "matrix: %s; the head of tests/model/matrix.c says how\n", what);
    exit(2);
}

static int setup_number(const char *name)
{
    for (unsigned i = 0; i < RIG_SETUP_COUNT; i++)
        if (strcmp(name, rig_setup_name(i)) == 0)
            return (int)i;
    usage("no such setup");
}

static unsigned number(const char *text, unsigned max)
{
    char *end;
    unsigned long n = strtoul(text, &end, 0);
    if (end == text || *end != '\0' || n > max)
        usage("not a number of that kind");
    return (unsigned)n;
}

static struct cell cell_of(char *text)
{
    static const unsigned limits[] = {6, FLAG_BYTES - 1, SEQ_CLASSES - 1, ACK_CLASSES - 1,
                                      LEN_CLASSES - 1};
    unsigned n[5] = {0};
    char *part = strtok(text, "/");
    struct cell cell = {.setup = (enum rig_setup)setup_number(part != NULL ? part : "")};
    for (unsigned i = 0; i < 5; i++) {
        part = strtok(NULL, "/");
        n[i] = number(part != NULL ? part : "", limits[i]);
    }
    cell.family = n[0] == 4 ? 4 : 6;
    cell.flags = n[1];
    cell.seq = n[2];
    cell.ack = n[3];
    cell.len = n[4];
    return cell;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"family", required_argument, NULL, 'f'}, {"setup", required_argument, NULL, 's'},
        {"stride", required_argument, NULL, 'n'}, {"shown", required_argument, NULL, 'm'},
        {"cell", required_argument, NULL, 'c'},   {"brief", no_argument, NULL, 'b'},
        {"first", no_argument, NULL, '1'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.setup = -1, .stride = 1, .shown = 3};
    int got;
    while ((got = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (got) {
        case 'f':
            o.family = number(optarg, 6);
            break;
        case 's':
            o.setup = setup_number(optarg);
            break;
        case 'n':
            o.stride = number(optarg, FLAG_BYTES);
            break;
        case 'm':
            o.shown = number(optarg, 1000000);
            break;
        case 'b':
            o.brief = true;
            break;
        case '1':
            o.first = true;
            break;
        case 'c':
            o.single = true;
            o.cell = cell_of(optarg);
            break;
        default:
            usage("no such argument");
        }
    }
    if (o.stride == 0 || (o.family != 0 && o.family != 4 && o.family != 6))
        usage("an argument makes no sense");
    return o.single ? run_single(&o) : run_all(&o);
}
