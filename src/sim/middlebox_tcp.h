/* SPDX-License-Identifier: MIT
 * Middleboxes that meddle with TCP, over IPv4 and IPv6 (NF-53). What is no whole TCP segment passes
 * unchanged. */
#ifndef WEIR_SIM_MIDDLEBOX_TCP_H
#define WEIR_SIM_MIDDLEBOX_TCP_H

#include "sim/middlebox.h"

/* Bits: which segments. */
enum middlebox_segments {
    MIDDLEBOX_SYN = 1U << 0, /* SYN without ACK */
    MIDDLEBOX_SYN_ACK = 1U << 1,
    MIDDLEBOX_NO_SYN = 1U << 2, /* all others */
    MIDDLEBOX_SYNS = MIDDLEBOX_SYN | MIDDLEBOX_SYN_ACK,
    MIDDLEBOX_SEGMENTS = MIDDLEBOX_SYNS | MIDDLEBOX_NO_SYN
};

/* ---- MSS clamp: what access routers do before a tunnel whose MTU ICMP would not report ---- */

struct mss_clamp_config {
    struct middlebox_common common;
    uint8_t from;      /* enum middlebox_from; 0: both */
    uint16_t mss4_max; /* larger MSS options in SYNs become this, over IPv4; 0: no limit */
    uint16_t mss6_max; /* over IPv6 */
};

struct mss_clamp_stats {
    uint64_t syns; /* seen */
    uint64_t clamped;
};

struct middlebox *middlebox_add_mss_clamp(struct sim *sim, const char *name,
                                          const struct mss_clamp_config *config);
struct mss_clamp_stats middlebox_mss_clamp_stats(const struct middlebox *box);

/* ---- option stripper: firewalls that let only options through that they know ---- */

enum { OPTION_STRIPPER_KINDS_MAX = 16 };

struct option_stripper_config {
    struct middlebox_common common;
    uint8_t from;     /* enum middlebox_from; 0: both */
    uint8_t segments; /* enum middlebox_segments; 0: all */
    uint8_t kind_count;
    uint8_t kinds[OPTION_STRIPPER_KINDS_MAX]; /* TCP_OPT_...; never EOL or NOP */
    bool unknown; /* also all but EOL, NOP, MSS, window scale, SACK and timestamps */
    bool shorten; /* the header really gets shorter; else NOPs take the place */
};

struct option_stripper_stats {
    uint64_t segments; /* changed */
    uint64_t options;  /* taken out of them */
};

struct middlebox *middlebox_add_option_stripper(struct sim *sim, const char *name,
                                                const struct option_stripper_config *config);
struct option_stripper_stats middlebox_option_stripper_stats(const struct middlebox *box);

/* ---- window-scale eraser: the firewall of the early 2000s. It takes the option out of one half of
 * the handshake only, so that the ends disagree about the windows of the whole connection ---- */

struct scale_eraser_config {
    struct middlebox_common common;
    uint8_t from;     /* enum middlebox_from; 0: both */
    uint8_t segments; /* MIDDLEBOX_SYN, MIDDLEBOX_SYN_ACK; 0: MIDDLEBOX_SYN_ACK */
};

/* Its counters are those of an option stripper. */
struct middlebox *middlebox_add_scale_eraser(struct sim *sim, const char *name,
                                             const struct scale_eraser_config *config);

/* ---- RST injector: connection killers (censors, intrusion prevention; RFC 3360) ---- */

struct rst_injector_config {
    struct middlebox_common common;
    uint8_t from;         /* enum middlebox_from: segments that come in there; 0: both */
    uint32_t payload_min; /* segments with at least so much payload */
    /* Asked last; NULL: yes. */
    bool (*match)(void *ctx, const struct sim_parsed *segment);
    void *ctx;                   /* the caller's */
    uint64_t nth;                /* the first to be answered, from 1; 0: 1 */
    uint64_t count;              /* how many from there on; 0: 1 */
    bool to_sender, to_receiver; /* neither: both */
    bool swallow;                /* the segment itself goes no further */
    int32_t seq_offset;          /* added to the correct sequence number */
    uint8_t ttl;                 /* or hop limit; 0: 64 */
};

struct rst_injector_stats {
    uint64_t matched;
    uint64_t injected; /* RSTs */
};

/* The RSTs go out behind the segment. The one to the receiver has the sequence number that follows
 * the segment (its own, if it is swallowed); the one to the sender has what the segment
 * acknowledges and, if that says nothing, is an RST, ACK of the segment, as from a closed port (RFC
 * 9293 section 3.5.2). */
struct middlebox *middlebox_add_rst_injector(struct sim *sim, const char *name,
                                             const struct rst_injector_config *config);
struct rst_injector_stats middlebox_rst_injector_stats(const struct middlebox *box);

/* ---- ACK thinner: cable modems and radio links that save the way back (RFC 3449 section 5.2.1)
 * ---- */

struct ack_thinner_config {
    struct middlebox_common common;
    uint8_t from;    /* enum middlebox_from; 0: both */
    uint32_t every;  /* of so many pure ACKs of a connection in a row one goes on, the last; 0: 2 */
    weir_time delay; /* it is held no longer than this; 0: 10 ms */
};

struct ack_thinner_stats {
    uint64_t acks;    /* pure ACKs seen */
    uint64_t thinned; /* of them dropped for a later one */
};

/* An ACK is dropped for a later one only if that acknowledges more: duplicate ACKs and window
 * updates pass, and so do segments with SACK blocks, with whatever was held before them. */
struct middlebox *middlebox_add_ack_thinner(struct sim *sim, const char *name,
                                            const struct ack_thinner_config *config);
struct ack_thinner_stats middlebox_ack_thinner_stats(const struct middlebox *box);

/* ---- segment filter: firewalls that drop what they do not expect (SYNs with data, options they do
 * not know), and paths that break ---- */

struct segment_filter_config {
    struct middlebox_common common;
    uint8_t from;         /* enum middlebox_from; 0: both */
    uint8_t segments;     /* enum middlebox_segments; 0: all */
    uint32_t payload_min; /* with at least so much payload */
    bool unknown; /* with an option that middlebox_knows_option() does not know */
    uint64_t nth;   /* of these, the first to be dropped, from 1; 0: 1 */
    uint64_t count; /* how many from there on; 0: all */
};

struct segment_filter_stats {
    uint64_t matched;
    uint64_t dropped; /* of them */
};

struct middlebox *middlebox_add_segment_filter(struct sim *sim, const char *name,
                                               const struct segment_filter_config *config);
struct segment_filter_stats middlebox_segment_filter_stats(const struct middlebox *box);

/* ---- sequence randomiser: firewalls that trust no initial sequence number. Sequence and
 * acknowledgment numbers are moved by an offset of the connection and the direction; SACK blocks
 * are forgotten by some, and what ICMP quotes by all ---- */

struct seq_randomiser_config {
    struct middlebox_common common;
    bool sack; /* SACK blocks are moved, too */
    uint64_t secret;
};

struct middlebox *middlebox_add_seq_randomiser(struct sim *sim, const char *name,
                                               const struct seq_randomiser_config *config);
uint64_t middlebox_seq_randomiser_renumbered(const struct middlebox *box);

/* ---- for boxes ---- */

/* Is it a whole TCP segment of these kinds, from there? */
bool middlebox_is_segment(const struct middlebox_packet *packet, unsigned from, unsigned segments);

/* Is an option one of those that are known everywhere: MSS, window scale, SACK, timestamps? */
bool middlebox_knows_option(uint8_t kind);

#endif
