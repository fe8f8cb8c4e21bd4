/* SPDX-License-Identifier: MIT
 * The public calls on addresses and routes. */
#include "weir/net.h"

#include "core/stack.h"

int weir_addr_parse(const char *text, struct weir_addr *addr)
{
    size_t len = 0;
    while (text[len] != '\0')
        len++;
    return addr_from_text(addr, text, len) ? WEIR_OK : WEIR_E_FORMAT;
}

int weir_prefix_parse(const char *text, struct weir_addr *addr, unsigned *prefix_len)
{
    struct weir_addr parsed;
    size_t slash = 0;
    while (text[slash] != '\0' && text[slash] != '/')
        slash++;
    if (!addr_from_text(&parsed, text, slash))
        return WEIR_E_FORMAT;
    unsigned bits = addr_is_ip4(parsed) ? 32 : 128, len = bits;
    if (text[slash] == '/') {
        const char *digit = text + slash + 1;
        len = 0;
        do {
            if (*digit < '0' || *digit > '9' || len > bits)
                return WEIR_E_FORMAT;
            len = len * 10 + (unsigned)(*digit++ - '0');
        } while (*digit != '\0');
        if (len > bits)
            return WEIR_E_FORMAT;
    }
    *addr = parsed;
    *prefix_len = len;
    return WEIR_OK;
}

const char *weir_addr_text(const struct weir_addr *addr, char *text, size_t size)
{
    struct text t = text_begin(text, size);
    addr_text(&t, *addr);
    return text;
}

bool weir_addr_is_ip4(const struct weir_addr *addr)
{
    return addr_is_ip4(*addr);
}

int weir_stack_add_address(weir_stack *stack, unsigned ifindex, const struct weir_addr *addr,
                           unsigned prefix_len)
{
    RECORD(stack, STACK_ADD_ADDRESS, .ifindex = ifindex, .addr = addr, .number = {prefix_len});
    int result = WEIR_E_NOT_FOUND;
    if (ifindex < stack->net.iface_count)
        result = net_add_address(&stack->net, ifindex, *addr, prefix_len, stack->now);
    return recorded(stack, WEIR_CALL_STACK_ADD_ADDRESS, result);
}

int weir_stack_remove_address(weir_stack *stack, unsigned ifindex, const struct weir_addr *addr)
{
    RECORD(stack, STACK_REMOVE_ADDRESS, .ifindex = ifindex, .addr = addr);
    int result = WEIR_E_NOT_FOUND;
    if (ifindex < stack->net.iface_count)
        result = net_remove_address(&stack->net, ifindex, *addr);
    return recorded(stack, WEIR_CALL_STACK_REMOVE_ADDRESS, result);
}

static struct route_new route_of(unsigned ifindex, const struct weir_addr *prefix,
                                 unsigned prefix_len, const struct weir_addr *gateway)
{
    struct route_new route = {.prefix = *prefix,
                              .ifindex = (uint8_t)ifindex,
                              .prefix_len = (uint8_t)(prefix_len <= 128 ? prefix_len : 255)};
    if (gateway != NULL)
        route.gateway = *gateway;
    return route;
}

int weir_stack_add_route(weir_stack *stack, unsigned ifindex, const struct weir_addr *prefix,
                         unsigned prefix_len, const struct weir_addr *gateway)
{
    RECORD(stack, STACK_ADD_ROUTE, .ifindex = ifindex, .addr = prefix, .gateway = gateway,
           .number = {prefix_len});
    struct route_new route = route_of(ifindex, prefix, prefix_len, gateway);
    int result = WEIR_E_NOT_FOUND;
    if (ifindex < stack->net.iface_count)
        result = route_add(&stack->net.routes, &route);
    return recorded(stack, WEIR_CALL_STACK_ADD_ROUTE, result);
}

int weir_stack_remove_route(weir_stack *stack, unsigned ifindex, const struct weir_addr *prefix,
                            unsigned prefix_len, const struct weir_addr *gateway)
{
    RECORD(stack, STACK_REMOVE_ROUTE, .ifindex = ifindex, .addr = prefix, .gateway = gateway,
           .number = {prefix_len});
    struct route_new route = route_of(ifindex, prefix, prefix_len, gateway);
    int result = WEIR_E_NOT_FOUND;
    if (ifindex < stack->net.iface_count)
        result = route_remove(&stack->net.routes, &route);
    return recorded(stack, WEIR_CALL_STACK_REMOVE_ROUTE, result);
}

static int set_mtu(weir_stack *stack, unsigned ifindex, uint32_t mtu_bytes)
{
    if (ifindex >= stack->net.iface_count)
        return WEIR_E_NOT_FOUND;
    if (mtu_bytes < 68 || mtu_bytes > 65535)
        return WEIR_E_RANGE;
    stack->net.iface[ifindex].config.mtu_bytes = mtu_bytes;
    stack->net.routes.generation++; /* who keeps a path looks it up again */
    return WEIR_OK;
}

int weir_stack_set_mtu(weir_stack *stack, unsigned ifindex, uint32_t mtu_bytes)
{
    RECORD(stack, STACK_SET_MTU, .ifindex = ifindex, .number = {mtu_bytes});
    return recorded(stack, WEIR_CALL_STACK_SET_MTU, set_mtu(stack, ifindex, mtu_bytes));
}
