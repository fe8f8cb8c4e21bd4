/* SPDX-License-Identifier: MIT
 * Handshakes that wait for the application: a record of SYN-RECEIVED without a SYN,ACK yet. Those that
 * it was not told of stand in a list of their listener, linked by what links the records that have
 * something to send, which these have not. */
#include "tcp/tcp.h"

/* Marks the handles of requests: beyond the index of any endpoint, and none of UDP's. */
#define REQUEST_TAG UINT32_C(0x40000000)

static struct tcp_listening *listening_of(const struct tcp_room *tcp, const struct tcp_syn *syn)
{
    struct tcp_conn *listener = tcp_at(tcp, syn->listener);
    CHECK(tcp->handler, listener->state == WEIR_TCP_LISTEN);
    return &listener->listening;
}

void tcp_ask(struct tcp_room *tcp, struct tcp_syn *syn, uint32_t len, weir_time now)
{
    CHECK(tcp->handler, !syn->asked && !syn->on_ready && !syn->parked && !syn->answered);
    syn->asked = true;
    syn->told = false;
    syn->asked_len = len;
    tcp_syn_join(tcp, &listening_of(tcp, syn)->asked, syn);
    wheel_arm(tcp->wheel, &syn->timer.node,
              now + tcp->config->tcp_verdict_ms * WEIR_NS_PER_MS);
    tcp->count.asked++;
    tcp_raise(tcp, tcp_at(tcp, syn->listener), WEIR_EVENT_ASKED, WEIR_OK);
}

void tcp_ask_end(struct tcp_room *tcp, struct tcp_syn *syn)
{
    CHECK(tcp->handler, syn->asked && !syn->on_ready);
    if (!syn->told)
        tcp_syn_leave(tcp, &listening_of(tcp, syn)->asked, syn);
    syn->asked = false;
}

int tcp_asked(struct tcp_room *tcp, struct tcp_conn *listener, struct weir_tcp_request *request)
{
    if (listener->state != WEIR_TCP_LISTEN || request == NULL)
        return WEIR_E_INVALID;
    uint32_t index = listener->listening.asked.first;
    if (index == TCP_NONE)
        return WEIR_E_WOULD_BLOCK;
    struct tcp_syn *syn = pool_at(&tcp->syns, index);
    CHECK(tcp->handler, syn->asked && !syn->told && wheel_is_armed(&syn->timer.node));
    tcp_syn_leave(tcp, &listener->listening.asked, syn);
    syn->told = true;
    weir_time left = syn->timer.node.deadline - tcp->now;
    *request = (struct weir_tcp_request){
        .handle = {.index = index | REQUEST_TAG,
                   .generation = pool_handle_of(&tcp->syns, index).generation},
        .local = syn->local,
        .remote = syn->remote,
        .local_port = syn->local_port,
        .remote_port = syn->remote_port,
        .ifindex = syn->ifindex + 1U,
        .peer_mss_bytes = syn->mss,
        .timestamps = syn->timestamps,
        .sack = syn->sack,
        .window_scale = syn->scaling,
        .left = left > 0 ? left : 0,
    };
    return WEIR_OK;
}

/* As if nobody listened, and by the same budget (RFC 9293 3.10.7.1). */
static void refuse(struct tcp_room *tcp, const struct tcp_syn *syn)
{
    if (!ratelimit_allow(&tcp->net->errors, syn->remote, tcp->now)) {
        tcp->count.resets_limited++;
        return;
    }
    tcp_reply(tcp, &(struct tcp_reply){
                       .local = syn->local,
                       .remote = syn->remote,
                       .local_port = syn->local_port,
                       .remote_port = syn->remote_port,
                       .ifindex = tcp_syn_interface(tcp, syn),
                       .ack = seq_add(syn->irs, 1 + syn->asked_len),
                       .flags = TCP_RST | TCP_ACK,
                   });
}

int tcp_decide(struct tcp_room *tcp, weir_handle request, enum weir_tcp_verdict verdict)
{
    if (verdict != WEIR_TCP_ADMIT && verdict != WEIR_TCP_REFUSE && verdict != WEIR_TCP_IGNORE)
        return WEIR_E_INVALID;
    if ((request.index & ~(REQUEST_TAG - 1)) != REQUEST_TAG)
        return WEIR_E_STALE;
    struct tcp_syn *syn =
        pool_get(&tcp->syns, (struct pool_handle){.index = request.index & (REQUEST_TAG - 1),
                                                  .generation = request.generation});
    if (syn == NULL || !syn->asked)
        return WEIR_E_STALE;
    switch (verdict) {
    case WEIR_TCP_ADMIT:
        tcp_ask_end(tcp, syn);
        wheel_cancel(tcp->wheel, &syn->timer.node);
        tcp_syn_ready(tcp, syn);
        break;
    case WEIR_TCP_REFUSE:
        tcp->count.ask_refused++;
        refuse(tcp, syn);
        tcp_syn_fail(tcp, syn);
        break;
    case WEIR_TCP_IGNORE:
        tcp->count.ask_silent++;
        tcp_syn_fail(tcp, syn);
        break;
    }
    return WEIR_OK;
}
