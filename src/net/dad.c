/* SPDX-License-Identifier: MIT */
#include "net/dad.h"

#include "net/pace.h"

void dad_init(struct dad *d, const struct dad_config *config)
{
    CHECK(config->handler, config->wheel != NULL && config->addresses != NULL);
    CHECK(config->handler, config->transmits <= DAD_TRANSMITS_MAX);
    CHECK(config->handler, config->delay_ms_max <= DAD_DELAY_MS_MAX);
    *d = (struct dad){
        .handler = config->handler,
        .wheel = config->wheel,
        .addresses = config->addresses,
        .rng = config->rng,
        .transmits = config->transmits,
        .delay_ms_max = config->delay_ms_max,
    };
}

static void arm(struct dad *d, struct address *address, weir_time now, uint64_t ms)
{
    address->dad.timer.kind = NET_TIMER_ADDRESS;
    wheel_arm(d->wheel, &address->dad.timer.node, pace_after(now, (int64_t)ms * WEIR_NS_PER_MS));
}

static void become_due(struct dad *d, struct address *address)
{
    address->dad.due = true;
    d->due |= UINT64_C(1) << address->ifindex;
}

static void announce(struct dad *d, struct address *address)
{
    address->dad.sent = 0;
    become_due(d, address);
}

static void pass(struct dad *d, struct address *address)
{
    d->unique++;
    address_set_state(d->addresses, address, ADDRESS_PREFERRED);
    announce(d, address);
}

void dad_start(struct dad *d, struct address *address, weir_time now)
{
    CHECK(d->handler, address->ifindex < ADDRESS_INTERFACES_MAX);
    address->dad.sent = 0;
    if (address->state != ADDRESS_TENTATIVE)
        announce(d, address);
    else if (d->transmits == 0)
        pass(d, address);
    else
        arm(d, address, now, rng_between(&d->rng, 0, d->delay_ms_max));
}

void dad_conflict(struct dad *d, struct address *address)
{
    CHECK(d->handler, address->state == ADDRESS_TENTATIVE);
    d->duplicates++;
    address_set_state(d->addresses, address, ADDRESS_DUPLICATED);
}

/* The first address of an interface that has something to send. */
static struct address *next_due(struct dad *d, unsigned ifindex)
{
    uint32_t cursor = 0;
    struct address *address;
    while ((address = address_next(d->addresses, &cursor)) != NULL)
        if (address->dad.due && address->ifindex == ifindex)
            return address;
    return NULL;
}

bool dad_output(struct dad *d, unsigned ifindex, weir_time now, struct dad_message *out)
{
    CHECK(d->handler, ifindex < ADDRESS_INTERFACES_MAX);
    if (!dad_has_output(d, ifindex))
        return false;
    struct address *address = next_due(d, ifindex);
    if (address == NULL) {
        d->due &= ~(UINT64_C(1) << ifindex); /* sent, or removed before it was */
        return false;
    }
    struct address_dad *own = &address->dad;
    *out =
        (struct dad_message){.addr = address->addr, .probe = address->state == ADDRESS_TENTATIVE};
    own->due = false;
    own->sent++;
    if (out->probe)
        arm(d, address, now, DAD_RETRANS_MS);
    else if (addr_is_ip4(address->addr) && own->sent < DAD_ARP_ANNOUNCEMENTS)
        arm(d, address, now, DAD_ARP_ANNOUNCE_MS);
    return true;
}

void dad_expire(struct dad *d, struct net_timer *timer, weir_time now)
{
    struct address *address = (void *)timer;
    _Static_assert(offsetof(struct address, dad) == 0 && offsetof(struct address_dad, timer) == 0,
                   "a timer is its address");
    (void)now;
    CHECK(d->handler, timer->kind == NET_TIMER_ADDRESS && address->state != ADDRESS_DUPLICATED);
    if (address->state == ADDRESS_TENTATIVE && address->dad.sent >= d->transmits)
        pass(d, address);
    else
        become_due(d, address);
}
