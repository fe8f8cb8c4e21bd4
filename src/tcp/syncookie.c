/* SPDX-License-Identifier: MIT
 * SYN cookies: SYN-RECEIVED without a record (RFC 4987 3.6). What a record would hold goes out
 * with the SYN,ACK, and comes back with the ACK:
 *
 *     ISN        mask ^ | 5 bits: when, in 64 s | 3 bits: step of the MSS | 2 bits: 0 | 22 bits: MAC |
 *     timestamp  clock  | 4 bits: window scale of the peer, 15: none | 1 bit: SACK |
 *
 * The mask is a keyed hash of the tuple and of what is agreed on and not in the ISN: the low bits of
 * the timestamp, and whether there are timestamps. So nothing of the rest shows, and a handshake
 * whose two ends would not agree, because something between them has changed an option, does not
 * succeed (ATK-SYN-05). The MAC covers all of that, the rest of the ISN, and the peer's ISN. A cookie
 * is good for 64 to 128 seconds; of the 2^32 acknowledgments 16 would be good at any time: 2 times,
 * 8 steps.
 *
 * Only the first segment behind the SYN brings a cookie back, for only there the peer's ISN is
 * known. When it is lost, or late, what follows it must not be taken for a stranger's and reset.
 * It is known by its acknowledgment: the mask takes off all but the MAC. */
#include "base/layout.h"
#include "tcp/tcp.h"

enum {
    COOKIE_KEY = 100, /* of sip_derive() */
    COOKIE_SLOT_S = 64,
    COOKIE_LIFE_S = 2 * COOKIE_SLOT_S, /* at most */
    COOKIE_SLOT_BITS = 5,
    COOKIE_STEP_BITS = 3,
    COOKIE_STEPS = 1 << COOKIE_STEP_BITS,
    COOKIE_STEP_SHIFT = 32 - COOKIE_SLOT_BITS - COOKIE_STEP_BITS,
    COOKIE_ZERO_BITS = 2,
    COOKIE_MAC_BITS = COOKIE_STEP_SHIFT - COOKIE_ZERO_BITS,
    COOKIE_RCV_SCALE = 8, /* ours, whatever the buffer: it may be set anew meanwhile. 16 MB */
    STAMP_BITS = 5,
    STAMP_SACK = 1,       /* the lowest bit; the scale above */
    STAMP_NO_SCALE = 15,
    USED_WAYS = 4,
    USED_MAX = 65536
};

/* What hashes are of, so that none is taken for another. */
enum { COOKIE_MASK, COOKIE_MAC, COOKIE_USED };

/* The largest step that is no more than the peer's MSS is used (RFC 9293 MUST-16). Above the
 * defaults they are what tunnels and PPP leave of Ethernet, Ethernet, and jumbo frames. */
static const uint16_t steps_ip4[COOKIE_STEPS] = {TCP_MSS_MIN, 536, 1220, 1360, 1412, 1440, 1460, 8940};
static const uint16_t steps_ip6[COOKIE_STEPS] = {TCP_MSS_MIN, 536, 1220, 1340, 1380, 1420, 1440, 8940};

static const uint16_t *steps_of(struct weir_addr peer)
{
    return addr_is_ip4(peer) ? steps_ip4 : steps_ip6;
}

static uint32_t step_below(struct weir_addr peer, uint16_t mss)
{
    const uint16_t *steps = steps_of(peer);
    uint32_t i = COOKIE_STEPS - 1;
    while (i > 0 && steps[i] > mss)
        i--;
    return i;
}

/* ---- the number ---- */

/* What a cookie is made of, but for the time. */
struct cookie_of {
    struct tcp_tuple tuple;
    struct tcp_seq irs;
    uint8_t stamp_bits; /* the low bits of the timestamp */
    bool timestamps;
};

static uint64_t keyed(const struct tcp_room *tcp, const struct cookie_of *of, uint8_t what,
                      uint32_t number)
{
    uint8_t bytes[TCP_TUPLE_BYTES_MAX + 11];
    size_t n = tcp_tuple_bytes(&of->tuple, bytes);
    store32(bytes + n, of->irs.v);
    store32(bytes + n + 4, number);
    bytes[n + 8] = what;
    bytes[n + 9] = of->stamp_bits;
    bytes[n + 10] = of->timestamps;
    return siphash24(&tcp->cookies.key, bytes, n + 11);
}

static uint32_t mask_of(const struct tcp_room *tcp, const struct cookie_of *of)
{
    struct cookie_of plain = *of;
    plain.irs = seq_make(0);
    return (uint32_t)keyed(tcp, &plain, COOKIE_MASK, 0);
}

static uint32_t slot_at(weir_time now)
{
    return tcp_s(now) / COOKIE_SLOT_S;
}

static uint32_t mac_of(const struct tcp_room *tcp, const struct cookie_of *of, uint32_t slot,
                       uint32_t step)
{
    /* The slots of 2^29 x 64 s are told apart: a thousand years. */
    uint64_t mac = keyed(tcp, of, COOKIE_MAC, slot * COOKIE_STEPS + step);
    return (uint32_t)mac & ((UINT32_C(1) << COOKIE_MAC_BITS) - 1);
}

static uint32_t cookie_make(const struct tcp_room *tcp, const struct cookie_of *of, uint32_t step,
                            weir_time now)
{
    uint32_t slot = slot_at(now);
    CHECK(tcp->handler, step < COOKIE_STEPS);
    return mask_of(tcp, of) ^ (slot << (32 - COOKIE_SLOT_BITS) | step << COOKIE_STEP_SHIFT |
                               mac_of(tcp, of, slot, step));
}

/* A cookie without its mask: how many slots ago it was made; and what is 0 if that is so. */
static uint32_t age_of(uint32_t plain, uint32_t slot)
{
    return (slot - (plain >> (32 - COOKIE_SLOT_BITS))) & ((1U << COOKIE_SLOT_BITS) - 1);
}

static uint32_t strange(uint32_t plain, uint32_t slot)
{
    uint32_t zeros = plain >> COOKIE_MAC_BITS & ((1U << COOKIE_ZERO_BITS) - 1);
    return zeros | age_of(plain, slot) >> 1; /* of age 0 or 1 */
}

/* Is it one of ours, and not too old? The work is the same whatever is wrong with it, and how much
 * of it is right (ATK-INF-08): no branch but on the verdict. */
static bool cookie_check(const struct tcp_room *tcp, const struct cookie_of *of, uint32_t cookie,
                         weir_time now, uint32_t *step)
{
    uint32_t plain = cookie ^ mask_of(tcp, of), slot = slot_at(now);
    *step = plain >> COOKIE_STEP_SHIFT & (COOKIE_STEPS - 1);
    uint32_t wrong = (plain ^ mac_of(tcp, of, slot - age_of(plain, slot), *step))
                     << (32 - COOKIE_MAC_BITS);
    return (wrong | strange(plain, slot)) == 0;
}

/* Does a segment that is not the first acknowledge a cookie? It seems so of one in 64 strangers, until
 * that time is past. */
static bool cookie_before(const struct tcp_room *tcp, const struct cookie_of *of, uint32_t cookie,
                          weir_time now)
{
    return strange(cookie ^ mask_of(tcp, of), slot_at(now)) == 0;
}

/* ---- what rides in the timestamp ---- */

static uint8_t stamp_bits(const struct tcp_syn *syn)
{
    unsigned scale = syn->scaling ? syn->snd_scale : STAMP_NO_SCALE;
    return (uint8_t)(scale << 1 | (syn->sack ? STAMP_SACK : 0));
}

/* The clock with its low bits replaced; never ahead of it, so that the timestamps that follow do
 * not go back (ATK-SYN-02). */
static uint32_t stamp_with(uint32_t clock, uint8_t bits)
{
    enum { UNIT = 1 << STAMP_BITS };
    uint32_t stamp = (clock & ~(uint32_t)(UNIT - 1)) | bits;
    return (int32_t)(clock - stamp) < 0 ? stamp - UNIT : stamp;
}

/* ---- those that were used ---- */

/* A number near `endpoints` that is a power of two and no fewer than one set. */
static uint32_t used_count(const struct weir_config *config)
{
    uint32_t n = USED_WAYS;
    while (n < USED_MAX && n < config->tcp_endpoints_max)
        n *= 2;
    return n;
}

size_t tcp_cookies_size(const struct weir_config *config)
{
    return layout_size(layout_bytes(used_count(config), sizeof(uint32_t), _Alignof(uint32_t)));
}

void tcp_cookies_init(struct tcp_room *tcp, const struct sip_key *key, void *mem)
{
    uint32_t count = used_count(tcp->config);
    tcp->cookies.key = sip_derive(key, COOKIE_KEY);
    tcp->cookies.used = layout_align(mem, _Alignof(uint32_t));
    tcp->cookies.used_mask = count - 1;
    memset(tcp->cookies.used, 0, count * sizeof(uint32_t));
}

/* Where a cookie is noted, and as what: 0 is nobody's. A cookie is never forgotten for its age:
 * when it is too old to be good, nobody asks. */
static uint32_t *used_place(const struct tcp_room *tcp, const struct cookie_of *of, uint32_t cookie,
                            uint32_t *mark)
{
    uint64_t hash = keyed(tcp, of, COOKIE_USED, cookie);
    uint32_t set = (uint32_t)(hash >> 32) & tcp->cookies.used_mask & ~(uint32_t)(USED_WAYS - 1);
    *mark = (uint32_t)hash != 0 ? (uint32_t)hash : 1;
    return tcp->cookies.used + set;
}

static bool was_used(const struct tcp_room *tcp, const struct cookie_of *of, uint32_t cookie)
{
    uint32_t mark;
    const uint32_t *place = used_place(tcp, of, cookie, &mark);
    bool found = false;
    for (unsigned i = 0; i < USED_WAYS; i++)
        found |= place[i] == mark;
    return found;
}

/* The oldest of its set gives way. */
static void note_used(struct tcp_room *tcp, const struct cookie_of *of, uint32_t cookie)
{
    uint32_t mark, *place = used_place(tcp, of, cookie, &mark);
    memmove(place + 1, place, (USED_WAYS - 1) * sizeof *place);
    place[0] = mark;
}

/* ---- out ---- */

void tcp_cookie_answer(struct tcp_room *tcp, struct tcp_conn *listener, struct tcp_syn *syn,
                       weir_time now)
{
    struct net_path path, wanted = {.source = syn->local,
                                    .destination = syn->remote,
                                    .ifindex = tcp_syn_interface(tcp, syn)};
    if (net_path(tcp->net, &wanted, &path) != WEIR_OK)
        return;
    if (!syn->timestamps) /* nowhere to keep it */
        syn->scaling = syn->sack = false;
    syn->rcv_scale = syn->scaling ? COOKIE_RCV_SCALE : 0;
    struct cookie_of of = {
        .tuple = {syn->local, syn->remote, syn->local_port, syn->remote_port},
        .irs = syn->irs,
        .stamp_bits = syn->timestamps ? stamp_bits(syn) : 0,
        .timestamps = syn->timestamps,
    };
    uint8_t cookie[8];
    struct tcp_options o;
    tcp_syn_ack_options(tcp, syn, now, cookie, &o);
    if (!syn->user_timeout_told) /* something may drop SYNs and SYN,ACKs for it, and did */
        o.present &= ~(uint32_t)TCP_HAS_USER_TIMEOUT;
    o.mss = tcp_announced_mss(&listener->set, path.mtu, addr_is_ip4(syn->remote));
    if (syn->timestamps)
        o.ts_val = stamp_with(tcp_ms(now), of.stamp_bits) + tcp_stamp_offset(tcp, &of.tuple);
    listener->listening.cookies_out = true;
    listener->listening.cookie_s = tcp_s(now);
    tcp->count.cookies_out++;
    tcp_reply(tcp, &(struct tcp_reply){
                       .local = syn->local,
                       .remote = syn->remote,
                       .local_port = syn->local_port,
                       .remote_port = syn->remote_port,
                       .ifindex = wanted.ifindex,
                       .seq = seq_make(cookie_make(tcp, &of, step_below(syn->remote, syn->mss), now)),
                       .ack = seq_add(syn->irs, 1),
                       .flags = TCP_SYN | TCP_ACK,
                       .window = syn->rcv_window,
                       .ttl = listener->set.ttl,
                       .traffic_class = listener->set.traffic_class & 0xfc,
                       .syn = &o,
                   });
}

/* ---- in ---- */

/* Is one that this listener has sent still good? */
static bool are_out(const struct tcp_conn *listener, weir_time now)
{
    const struct tcp_listening *l = &listener->listening;
    return l->cookies_out && tcp_s(now) - l->cookie_s <= COOKIE_LIFE_S;
}

/* A connection that could not be made now. */
static bool no_place(const struct tcp_room *tcp, const struct tcp_conn *listener)
{
    return listener->listening.waiting >= listener->listening.backlog ||
           tcp->conns.in_use >= tcp->config->tcp_endpoints_max;
}

/* What an ACK says of the cookie that it brings back: the SYN before it, and what the timestamp
 * that it echoes holds. */
static struct cookie_of cookie_of(const struct tcp_room *tcp, const struct tcp_conn *listener,
                                  const struct tcp_segment *s)
{
    struct cookie_of of = {
        .tuple = {s->rx->destination, s->rx->source, s->header->destination_port,
                  s->header->source_port},
        .irs = seq_sub(s->header->seq, 1),
        .timestamps =
            listener->set.timestamps && (s->options->present & TCP_HAS_TIMESTAMPS) != 0,
    };
    if (of.timestamps) {
        uint32_t clock = s->options->ts_ecr - tcp_stamp_offset(tcp, &of.tuple);
        of.stamp_bits = clock & ((1U << STAMP_BITS) - 1);
    }
    return of;
}

/* The record that the cookie stands for. */
static struct tcp_syn record_of(const struct tcp_room *tcp, const struct tcp_conn *listener,
                                const struct tcp_segment *s, const struct cookie_of *of,
                                uint32_t step)
{
    unsigned scale = of->stamp_bits >> 1;
    bool scaling = of->timestamps && scale != STAMP_NO_SCALE;
    return (struct tcp_syn){
        .local = of->tuple.local,
        .remote = of->tuple.remote,
        .local_port = of->tuple.local_port,
        .remote_port = of->tuple.remote_port,
        .iss = seq_sub(s->header->ack, 1),
        .irs = of->irs,
        .listener = tcp_index(listener),
        .data_block = BLOCKS_NONE,
        .mss = steps_of(of->tuple.remote)[step],
        .rcv_window = tcp_rcv_window_first(tcp, &listener->set),
        .ifindex = (uint8_t)s->rx->ifindex,
        .timestamps = of->timestamps,
        .ts_recent = of->timestamps ? s->options->ts_val : 0,
        .sack = (of->stamp_bits & STAMP_SACK) != 0,
        .scaling = scaling,
        .snd_scale = (uint8_t)(scaling ? scale : 0),
        .rcv_scale = (uint8_t)(scaling ? COOKIE_RCV_SCALE : 0),
    };
}

enum tcp_cookie tcp_cookie_judge(const struct tcp_room *tcp, const struct tcp_conn *listener,
                                 const struct tcp_segment *s, struct tcp_syn *syn)
{
    uint32_t step, cookie = s->header->ack.v - 1;
    if (!are_out(listener, s->now))
        return TCP_COOKIE_NONE;
    struct cookie_of of = cookie_of(tcp, listener, s);
    if (!cookie_check(tcp, &of, cookie, s->now, &step))
        return (enum tcp_cookie)(TCP_COOKIE_BAD + cookie_before(tcp, &of, cookie, s->now));
    if (was_used(tcp, &of, cookie))
        return TCP_COOKIE_USED;
    *syn = record_of(tcp, listener, s, &of, step);
    return TCP_COOKIE_GOOD;
}

enum weir_drop tcp_cookie_accept(struct tcp_room *tcp, const struct tcp_syn *syn,
                                 struct tcp_segment *s)
{
    struct tcp_conn *c = tcp_listen_establish(tcp, syn, s, 0);
    if (c != NULL) {
        struct cookie_of of = cookie_of(tcp, tcp_at(tcp, syn->listener), s);
        note_used(tcp, &of, syn->iss.v);
        c->cookie = true;
        tcp->count.cookies_good++;
        tcp->count.passive_opens++;
    }
    return tcp_listen_continue(tcp, c, s);
}

bool tcp_cookie_segment(struct tcp_room *tcp, struct tcp_conn *listener, struct tcp_segment *s,
                        enum weir_drop *drop)
{
    struct tcp_syn syn;
    if (are_out(listener, s->now) && no_place(tcp, listener)) { /* cookie or not */
        *drop = tcp_listen_continue(tcp, NULL, s);
        return true;
    }
    switch (tcp_cookie_judge(tcp, listener, s, &syn)) {
    case TCP_COOKIE_GOOD:
        *drop = tcp_cookie_accept(tcp, &syn, s);
        return true;
    case TCP_COOKIE_EARLY: /* as if it were reset (ATK-INF-11): see input.c */
        tcp->count.cookies_bad++;
        (void)ratelimit_allow(&tcp->net->errors, s->rx->source, s->now);
        return true;
    case TCP_COOKIE_BAD:
        tcp->count.cookies_bad++;
        break;
    case TCP_COOKIE_USED:
        tcp->count.cookies_replayed++;
        break;
    case TCP_COOKIE_NONE:
        break;
    }
    return false;
}
