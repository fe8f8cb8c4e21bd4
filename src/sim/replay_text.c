/* SPDX-License-Identifier: MIT
 * Calls and differences as words. */
#include "sim/replay.h"

#include <string.h>

#include "base/text.h"
#include "wire/addr.h"
#include "wire/print.h"

enum { LINE_BYTES = 512 };

/* ---- parts ---- */

static void named(struct text *t, const char *name, uint64_t value)
{
    text_str(t, t->len > 0 && t->buf[t->len - 1] != ' ' ? ", " : "");
    text_str(t, name);
    text_char(t, ' ');
    text_u64(t, value);
}

/* A handle as its place; zero is none. */
static void handle_text(struct text *t, weir_handle handle)
{
    const uint32_t udp = UINT32_C(1) << 31; /* what tells handles of UDP from those of TCP */
    named(t, (handle.index & udp) != 0 ? "UDP handle" : "handle", handle.index & ~udp);
    text_char(t, '/');
    text_u64(t, handle.generation);
}

static void ends_text(struct text *t, const struct weir_addr *addr, uint64_t port)
{
    text_str(t, t->len > 0 && t->buf[t->len - 1] != ' ' ? ", " : "");
    addr_text(t, *addr);
    text_char(t, '.');
    text_u64(t, port);
}

static void event_text(struct text *t, const struct weir_event *event)
{
    static const char *const bits[] = {"ACCEPTED", "CONNECTED", "READABLE",    "WRITABLE", "URGENT",
                                       "ADVICE",   "PEER_CLOSED", "CLOSED", "ASKED"};
    handle_text(t, event->handle);
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if ((event->bits >> i & 1) != 0) {
            text_char(t, ' ');
            text_str(t, bits[i]);
        }
    if (event->error != WEIR_OK) {
        text_str(t, " (");
        text_str(t, weir_strerror(event->error));
        text_char(t, ')');
    }
}

static bool is_stack_call(unsigned call)
{
    return call < WEIR_CALL_UDP_OPEN;
}

/* Below zero there are errors, but for calls that only count. */
static void result_text(struct text *t, int64_t result)
{
    text_str(t, t->len > 0 && t->buf[t->len - 1] == ' ' ? "= " : " = ");
    text_i64(t, result);
    if (result < 0) {
        text_str(t, " (");
        text_str(t, weir_strerror((int)result));
        text_char(t, ')');
    }
}

/* What the numbers of a call are. */
static void number_text(struct text *t, const struct weir_record *r)
{
    const char *name;
    switch (r->call) {
    case WEIR_CALL_STACK_OUTPUT:
    case WEIR_CALL_STACK_EVENTS:
        named(t, "max", r->number[0]);
        break;
    case WEIR_CALL_STACK_SET_MTU:
        named(t, "mtu", r->number[0]);
        break;
    case WEIR_CALL_TCP_SET:
        name = weir_tcp_setting_name(r->number[0]);
        named(t, name != NULL ? name : "setting ?", r->number[1]);
        break;
    case WEIR_CALL_TCP_LISTEN:
        named(t, "backlog", r->number[0]);
        break;
    case WEIR_CALL_TCP_DECIDE:
        named(t, "verdict", r->number[0]);
        break;
    case WEIR_CALL_TCP_SHUTDOWN:
        named(t, "how", r->number[0]);
        break;
    case WEIR_CALL_TCP_SEND:
    case WEIR_CALL_TCP_RECEIVE:
        if (r->number[0] != 0)
            named(t, "flags", r->number[0]);
        break;
    default:
        break;
    }
}

static void address_text(struct text *t, const struct weir_record *r)
{
    if (r->addr != NULL && is_stack_call(r->call)) {
        text_str(t, t->buf[t->len - 1] != ' ' ? ", " : "");
        addr_text(t, *r->addr);
        if (r->call != WEIR_CALL_STACK_REMOVE_ADDRESS) {
            text_char(t, '/');
            text_u64(t, r->number[0]);
        }
    } else if (r->addr != NULL) {
        ends_text(t, r->addr, r->number[0]);
    }
    if (r->gateway != NULL) {
        text_str(t, " through ");
        addr_text(t, *r->gateway);
    }
    if (r->udp != NULL)
        ends_text(t, &r->udp->address, r->udp->port);
    if (r->tcp != NULL)
        ends_text(t, &r->tcp->address, r->tcp->port);
    if (r->datagram != NULL)
        ends_text(t, &r->datagram->remote, r->datagram->remote_port);
    if (r->iface != NULL)
        named(t, r->iface->link == WEIR_LINK_ETHERNET ? "Ethernet, mtu" : "IP, mtu",
              r->iface->mtu_bytes);
}

void replay_call_text(const struct replay *replay, char *text, size_t size)
{
    const struct weir_record *r = &replay->call, *end = &replay->expected;
    struct text t = text_begin(text, size);
    text_str(&t, weir_call_name(r->call));
    text_char(&t, ' ');
    if (is_stack_call(r->call) && r->call >= WEIR_CALL_STACK_INPUT &&
        r->call != WEIR_CALL_STACK_ADVANCE && r->call != WEIR_CALL_STACK_EVENTS)
        named(&t, "interface", r->ifindex);
    if (r->call == WEIR_CALL_STACK_INPUT)
        named(&t, "packets", r->count);
    if (r->handle.generation != 0 || r->handle.index != 0)
        handle_text(&t, r->handle);
    address_text(&t, r);
    number_text(&t, r);
    if (r->size > 0 && r->call != WEIR_CALL_TCP_ACCEPT)
        named(&t, "bytes", r->size);
    if (!replay->has_end)
        text_str(&t, " (its end is not recorded)");
    else if (r->call != WEIR_CALL_STACK_INPUT && r->call != WEIR_CALL_STACK_ADVANCE)
        result_text(&t, end->result);
    if (end->handle.generation != 0 || end->handle.index != 0)
        handle_text(&t, end->handle);
    for (unsigned i = 0; i < end->count && end->events != NULL; i++) {
        text_str(&t, i == 0 ? ": " : "");
        event_text(&t, &end->events[i]);
    }
}

/* ---- differences ---- */

static void line(struct replay *r, const char *name, const char *expected, const char *got)
{
    size_t len = strlen(r->message);
    (void)snprintf(r->message + len, sizeof r->message - len, "\n  %s then %s\n  %*s now  %s", name,
                   expected, (int)strlen(name), "", got);
}

static void packet_text(const struct replay *r, const struct weir_tx *tx, char *text)
{
    struct text t = text_begin(text, LINE_BYTES);
    struct print_options options = {0};
    unsigned link = r->call.ifindex < r->interfaces ? r->link[r->call.ifindex] : WEIR_LINK_IP;
    print_packet(&t, &options, tx->headers, tx->header_len, tx->len, (enum weir_link)link);
}

/* What is asked of the device, where that is all that differs. */
static void request_text(const struct weir_tx *tx, char *text)
{
    struct text t = text_begin(text, LINE_BYTES);
    named(&t, "checksum", tx->checksum_wanted);
    named(&t, "from", tx->checksum_start);
    named(&t, "at", tx->checksum_offset);
    named(&t, "segmentation", tx->segmentation);
    named(&t, "size", tx->segment_size);
    named(&t, "count", tx->segment_count);
    named(&t, "queue", tx->queue);
    text_str(&t, " headers ");
    text_hex_bytes(&t, tx->headers, tx->header_len);
}

static bool packet_is_same(const struct replay *r, unsigned i)
{
    const struct weir_tx *a = &r->expected.tx[i], *b = &r->got.tx[i];
    if (a->len != b->len || a->header_len != b->header_len ||
        memcmp(a->headers, b->headers, a->header_len) != 0 || r->out.hash[i] != r->again.hash[i])
        return false;
    if (a->frag_count > 0 && memcmp(a->frag[0].data, b->frag[0].data, a->frag[0].len) != 0)
        return false;
    return a->checksum_wanted == b->checksum_wanted && a->segmentation == b->segmentation &&
           a->segment_size == b->segment_size && a->segment_count == b->segment_count &&
           a->checksum_start == b->checksum_start && a->checksum_offset == b->checksum_offset &&
           a->queue == b->queue;
}

static void explain_packets(struct replay *r)
{
    char then[LINE_BYTES] = "none", now[LINE_BYTES] = "none";
    const struct weir_record *a = &r->expected, *b = &r->got;
    unsigned i = 0;
    while (i < a->count && i < b->count && packet_is_same(r, i))
        i++;
    if (i == a->count && i == b->count)
        return;
    if (i < a->count)
        packet_text(r, &a->tx[i], then);
    if (i < b->count)
        packet_text(r, &b->tx[i], now);
    if (strcmp(then, now) == 0 && i < a->count && i < b->count) {
        request_text(&a->tx[i], then);
        request_text(&b->tx[i], now);
        if (strcmp(then, now) == 0) {
            (void)snprintf(then, sizeof then, "other bytes behind its headers");
            (void)snprintf(now, sizeof now, "these");
        }
    }
    char name[32];
    (void)snprintf(name, sizeof name, "packet %u", i + 1);
    line(r, name, then, now);
}

static void explain_events(struct replay *r)
{
    char then[LINE_BYTES] = "none", now[LINE_BYTES] = "none";
    const struct weir_record *a = &r->expected, *b = &r->got;
    for (unsigned i = 0; i < a->count || i < b->count; i++) {
        struct text t = text_begin(then, sizeof then);
        if (i < a->count)
            event_text(&t, &a->events[i]);
        t = text_begin(now, sizeof now);
        if (i < b->count)
            event_text(&t, &b->events[i]);
        if (strcmp(then, now) == 0)
            continue;
        line(r, "event", then, now);
        return;
    }
}

static void explain_handles(struct replay *r)
{
    char then[LINE_BYTES], now[LINE_BYTES];
    if (memcmp(&r->expected.handle, &r->got.handle, sizeof r->got.handle) == 0)
        return;
    struct text t = text_begin(then, sizeof then);
    handle_text(&t, r->expected.handle);
    t = text_begin(now, sizeof now);
    handle_text(&t, r->got.handle);
    line(r, "gave", then, now);
}

void replay_explain(struct replay *replay)
{
    struct replay *r = replay;
    char call[LINE_BYTES], then[LINE_BYTES], now[LINE_BYTES];
    weir_time at = r->now - r->started;
    replay_call_text(r, call, sizeof call);
    (void)snprintf(r->message, sizeof r->message, "record %llu, at %lld.%09lld s, differs: %s",
                   (unsigned long long)r->number, (long long)(at / WEIR_NS_PER_S),
                   (long long)(at % WEIR_NS_PER_S), call);
    size_t len = strlen(r->message);
    if (r->expected.result != r->got.result) {
        struct text t = text_begin(then, sizeof then);
        result_text(&t, r->expected.result);
        t = text_begin(now, sizeof now);
        result_text(&t, r->got.result);
        line(r, "result", then, now);
    }
    explain_handles(r);
    if (r->call.call == WEIR_CALL_STACK_OUTPUT)
        explain_packets(r);
    if (r->call.call == WEIR_CALL_STACK_EVENTS)
        explain_events(r);
    if (strlen(r->message) == len)
        line(r, "data", "other bytes, or from elsewhere", "these");
}
