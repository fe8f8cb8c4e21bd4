/* SPDX-License-Identifier: MIT
 * Addresses, routes and neighbours of a stack. Calls take no time: what they set in motion
 * (duplicate address detection, say) begins with the next call that brings it. */
#ifndef WEIR_NET_H
#define WEIR_NET_H

#include "weir/stack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Text of an address: "10.0.0.1", "fe80::1". Parsing is strict (RFC 4291 2.2, dotted quads of four
 * decimal numbers without leading zeros). Errors: WEIR_E_FORMAT, *addr unchanged. */
WEIR_API int weir_addr_parse(const char *text, struct weir_addr *addr);

/* The same with a prefix length behind a slash, "10.0.0.1/24"; without one, the whole address. */
WEIR_API int weir_prefix_parse(const char *text, struct weir_addr *addr, unsigned *prefix_len);

enum { WEIR_ADDR_TEXT_MAX = 46 /* any address and NUL */ };

/* Write an address as RFC 5952 says, at most size - 1 characters and NUL; answers text. */
WEIR_API const char *weir_addr_text(const struct weir_addr *addr, char *text, size_t size);

/* Is it an IPv4 address (in mapped form)? */
WEIR_API bool weir_addr_is_ip4(const struct weir_addr *addr);

/* Give an interface an address. prefix_len counts in bits of its family; its subnet becomes
 * reachable. An IPv6 address is checked for duplicates first (RFC 4862 5.4) and used after about a
 * second.
 * Errors: WEIR_E_NOT_FOUND (interface), WEIR_E_INVALID (no host can have it), WEIR_E_EXISTS,
 * WEIR_E_EXHAUSTED (addresses_max, routes_max); nothing is changed then. Bound: linear in the
 * addresses. */
WEIR_API int weir_stack_add_address(weir_stack *stack, unsigned ifindex,
                                    const struct weir_addr *addr, unsigned prefix_len);

/* Take it away again. Errors: WEIR_E_NOT_FOUND. */
WEIR_API int weir_stack_remove_address(weir_stack *stack, unsigned ifindex,
                                       const struct weir_addr *addr);

/* Send what is for prefix/prefix_len by an interface, through a gateway (NULL: the destinations are
 * on the link). The longest prefix wins. Errors: WEIR_E_NOT_FOUND (interface), WEIR_E_INVALID,
 * WEIR_E_EXISTS, WEIR_E_EXHAUSTED (routes_max). */
WEIR_API int weir_stack_add_route(weir_stack *stack, unsigned ifindex, const struct weir_addr *prefix,
                                  unsigned prefix_len, const struct weir_addr *gateway);

/* Remove that route. Errors: WEIR_E_NOT_FOUND. */
WEIR_API int weir_stack_remove_route(weir_stack *stack, unsigned ifindex,
                                     const struct weir_addr *prefix, unsigned prefix_len,
                                     const struct weir_addr *gateway);

/* The interface's MTU has changed. Errors: WEIR_E_NOT_FOUND, WEIR_E_RANGE (68 to 65535). */
WEIR_API int weir_stack_set_mtu(weir_stack *stack, unsigned ifindex, uint32_t mtu_bytes);

#ifdef __cplusplus
}
#endif

#endif
