/* SPDX-License-Identifier: MIT
 * Random choices: what is lost, and what a corrupted packet looks like. */
#include "base/bytes.h"
#include "sim/internal.h"

enum {
    CORRUPT_ZERO_BYTES_MAX = 64
};

bool sim_happens(struct rng *rng, struct ratio chance)
{
    return chance.denominator != 0 && rng_chance(rng, chance);
}

static bool gilbert_decide(struct sim_dir_state *dir)
{
    const struct sim_loss_config *c = &dir->config.loss;
    struct rng *rng = &dir->rng[SIM_STREAM_LOSS];
    if (sim_happens(rng, dir->gilbert_bad ? c->gilbert.to_good : c->gilbert.to_bad))
        dir->gilbert_bad = !dir->gilbert_bad;
    return sim_happens(rng, dir->gilbert_bad ? c->gilbert.lost_bad : c->gilbert.lost_good);
}

static bool list_has(const uint64_t *list, size_t len, uint64_t number)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < len && list[low] == number;
}

bool sim_loss_decide(struct sim_dir_state *dir, uint64_t number)
{
    const struct sim_loss_config *c = &dir->config.loss;
    switch (c->kind) {
    case SIM_LOSS_BERNOULLI:
        return sim_happens(&dir->rng[SIM_STREAM_LOSS], c->chance);
    case SIM_LOSS_GILBERT:
        return gilbert_decide(dir);
    case SIM_LOSS_EVERY:
        return number % c->every == 0;
    case SIM_LOSS_LIST:
        return list_has(c->list, c->list_len, number);
    default:
        return false;
    }
}

/* Flip `count` different bits, or all there are. */
static void flip_bits(struct rng *rng, uint8_t *bytes, uint32_t len, unsigned count)
{
    uint64_t flipped[64];
    CHECK(NULL, count <= sizeof flipped / sizeof flipped[0]);
    for (unsigned n = 0; n < count && n < (uint64_t)len * 8;) {
        uint64_t bit = rng_below(rng, (uint64_t)len * 8);
        unsigned i = 0;
        while (i < n && flipped[i] != bit)
            i++;
        if (i < n)
            continue; /* twice would undo it */
        flipped[n++] = bit;
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void swap_words(struct rng *rng, uint8_t *bytes, uint32_t len)
{
    if (len < 4)
        return;
    uint8_t *a = bytes + 2 * rng_below(rng, len / 2), *b = bytes + 2 * rng_below(rng, len / 2);
    uint16_t word = load16(a);
    store16(a, load16(b));
    store16(b, word);
}

static void zero_run(struct rng *rng, uint8_t *bytes, uint32_t len)
{
    uint64_t from = rng_below(rng, len);
    uint64_t run = rng_between(rng, 1, CORRUPT_ZERO_BYTES_MAX);
    for (uint64_t i = from; i < len && i < from + run; i++)
        bytes[i] = 0;
}

void sim_corrupt(struct sim_dir_state *dir, struct sim_packet *packet)
{
    const struct sim_corrupt_config *c = &dir->config.corrupt;
    struct rng *rng = &dir->rng[SIM_STREAM_CORRUPT];
    uint8_t kinds = c->kinds != 0 ? c->kinds : SIM_CORRUPT_FLIP;
    uint8_t kind[3];
    unsigned count = 0;
    for (unsigned bit = 1; bit <= SIM_CORRUPT_ZERO; bit <<= 1)
        if ((kinds & bit) != 0)
            kind[count++] = (uint8_t)bit;
    dir->stats.corrupted++;
    switch (kind[rng_below(rng, count)]) {
    case SIM_CORRUPT_FLIP:
        flip_bits(rng, packet->bytes, packet->len,
                  (unsigned)rng_between(rng, 1, c->bits_max > 0 ? c->bits_max : 1));
        break;
    case SIM_CORRUPT_SWAP:
        swap_words(rng, packet->bytes, packet->len);
        break;
    default:
        zero_run(rng, packet->bytes, packet->len);
    }
}
