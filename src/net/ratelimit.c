/* SPDX-License-Identifier: MIT */
#include "net/ratelimit.h"

enum {
    /* Budgets smaller than this begin at 0, not at half: enough of them to hide in. */
    SMALL_BUDGET = 18
};

void ratelimit_init(struct ratelimit *t, const struct ratelimit_config *config)
{
    CHECK(config->handler, config->per_s_max >= 1 && config->per_s_max <= RATELIMIT_PER_S_MAX);
    *t = (struct ratelimit){
        .key = config->key,
        .rng = config->rng,
        .window_end = INT64_MIN,
        .high = config->per_s_max > 1 ? config->per_s_max / 2 : 1,
    };
}

/* A budget of at most `high`, each from half of it on (from 0, if small) as likely as another. */
static uint32_t draw(struct rng *rng, uint32_t high)
{
    return (uint32_t)rng_between(rng, high < SMALL_BUDGET ? 0 : high / 2, high);
}

static struct ratelimit_slot *slot_of(struct ratelimit *t, struct weir_addr peer)
{
    uint8_t bytes[16 + 4] = {0};
    bool ip4 = addr_is_ip4(peer);
    memcpy(bytes, peer.bytes, ip4 ? 15 : 8); /* the /24, or the /64 */
    store32(bytes + 16, t->window);
    struct ratelimit_slot *slot =
        &t->slot[siphash13(&t->key, bytes, sizeof bytes) % RATELIMIT_SLOTS];
    if (slot->window != t->window) {
        uint32_t high = t->high / RATELIMIT_PEER_SHARE;
        *slot = (struct ratelimit_slot){.window = t->window,
                                        .left = draw(&t->rng, high > 0 ? high : 1)};
    }
    return slot;
}

bool ratelimit_allow(struct ratelimit *t, struct weir_addr peer, weir_time now)
{
    if (now >= t->window_end) {
        t->window_end =
            now > WEIR_TIME_NEVER - RATELIMIT_WINDOW ? WEIR_TIME_NEVER : now + RATELIMIT_WINDOW;
        t->window++;
        t->left = draw(&t->rng, t->high);
    }
    struct ratelimit_slot *slot = slot_of(t, peer);
    if (t->left == 0) {
        t->refused++;
        return false;
    }
    if (slot->left == 0) {
        t->refused_peer++;
        return false;
    }
    t->left--;
    slot->left--;
    t->allowed++;
    return true;
}
