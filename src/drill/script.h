/* SPDX-License-Identifier: MIT
 * A script as data: what parsing makes of the text, and running reads. */
#ifndef WEIR_DRILL_SCRIPT_H
#define WEIR_DRILL_SCRIPT_H

#include "drill/drill.h"
#include "wire/tcp.h"

enum {
    SCRIPT_BYTES_MAX = 1 << 20, /* of a script, definitions replaced */
    SCRIPT_FLOWS_MAX = 64,
    SCRIPT_DEPTH_MAX = 16, /* of values within values */
    SCRIPT_PAYLOAD_MAX = 65535 - 40,
    SCRIPT_COOKIES_MAX = 4,
    SCRIPT_COOKIE_BYTES = 8 /* of a fast open cookie of weir's */
};

/* ---- when ---- */

enum script_time_kind {
    SCRIPT_TIME_RELATIVE, /* +0.1: after the event before */
    SCRIPT_TIME_ABSOLUTE, /* 0.1: after the beginning */
    SCRIPT_TIME_ANY       /* * */
};

struct script_time {
    enum script_time_kind kind;
    weir_time from, to; /* to > from: anywhere between */
    bool blocks;        /* a call that blocks ... */
    bool end_relative;  /* ... and ends `end` after the event before (or after the beginning) */
    weir_time end;
};

/* ---- packets ---- */

enum script_protocol {
    SCRIPT_TCP,
    SCRIPT_UDP,
    SCRIPT_ICMP
};

enum script_ecn {
    SCRIPT_ECN_UNSAID, /* in: not capable; out: not looked at */
    SCRIPT_ECN_NONE,
    SCRIPT_ECN_ECT0,
    SCRIPT_ECN_ECT1,
    SCRIPT_ECN_ECT01, /* either */
    SCRIPT_ECN_CE
};

/* A packet in the numbers of the script. Values of -1 are not said. */
struct script_packet {
    bool out; /* the stack sends it */
    enum script_protocol protocol;
    unsigned flow; /* 1 ... SCRIPT_FLOWS_MAX: which connection */
    enum script_ecn ecn;
    int tos, ttl;
    int dont_fragment; /* out: DF of IPv4 */
    bool any_seq;      /* out */
    int32_t source_port, destination_port;
    bool has_source, has_destination;
    struct weir_addr source, destination;
    bool bad_checksum;
    bool more;  /* in: handed in together with the next one */
    int fill;   /* in: every byte of the payload is this; else a pattern of its place */
    uint32_t len; /* of the payload */

    uint16_t flags; /* TCP_FIN ..., reserved bits too */
    uint32_t seq, ack;
    bool has_ack;
    int32_t window, urgent;
    int header_len;   /* what the data offset says, in bytes */
    int cut;          /* in: so many bytes of the segment are sent */
    bool any_options; /* <...> */
    uint8_t options_len;
    uint8_t options[TCP_OPTION_BYTES_MAX]; /* as on the wire, but for the numbers */
    uint8_t cookie;    /* of options: 1 ... SCRIPT_COOKIES_MAX: a cookie that the stack chooses ... */
    uint8_t cookie_at; /* ... stands here; 0: none does */

    uint8_t icmp_type, icmp_code;
    uint32_t icmp_mtu;
    bool quotes; /* the ICMP message quotes ... */
    enum script_protocol quoted;
    bool quote_swapped; /* ... with the two ends changed over (ATK-ICM-15) */
    uint32_t quoted_seq, quoted_len;
};

/* ---- calls ---- */

enum script_value_kind {
    SCRIPT_NUMBER,
    SCRIPT_TEXT,
    SCRIPT_ELLIPSIS, /* ... */
    SCRIPT_LIST,     /* [ ... ] */
    SCRIPT_STRUCT    /* { ... } */
};

struct script_value {
    enum script_value_kind kind;
    int64_t number;
    const char *text; /* of a SCRIPT_TEXT, terminated; it may hold zeros: ... */
    size_t text_len;
    const char *name;           /* of a member, or NULL */
    struct script_value *first; /* of what is inside */
    struct script_value *next;
};

struct script_call {
    const char *name;
    struct script_value *args;
    bool any_result; /* not said, or "?" */
    int64_t result;
    int error; /* errno with a result of -1; 0: not said */
};

/* ---- the whole ---- */

enum script_event_kind {
    SCRIPT_PACKET,
    SCRIPT_CALL,
    SCRIPT_CODE
};

struct script_event {
    struct script_event *next;
    unsigned line;
    struct script_time when;
    enum script_event_kind kind;
    struct script_packet *packet;
    struct script_call *call;
    const char *code; /* between %{ and }% */
};

/* A setting of the first lines, --name=value. */
struct script_setting {
    struct script_setting *next;
    unsigned line;
    const char *name, *value;
};

struct script_block;

struct script {
    const char *name;
    char *text; /* with definitions replaced */
    size_t len;
    struct script_setting *settings;
    struct script_event *events;
    unsigned event_count;
    bool ip6; /* what ICMP names mean */
    unsigned error_line; /* 0: it is a script */
    char error[200];
    struct script_block *blocks; /* all memory */
};

/* Parse `text` to *script, which is the caller's and freed with script_free() in any case.
 * False: it is no script; error_line and error say why. Bound: linear. */
bool script_parse(struct script *script, const char *name, const char *text, size_t len,
                  const struct drill_options *options);
void script_free(struct script *script);

/* Zeroed memory that lives as long as the script; NULL: there is none. */
void *script_alloc(struct script *script, size_t size);

/* Line `line` of the script, without the spaces around it. */
struct weir_ref script_line(const struct script *script, unsigned line);

#endif
