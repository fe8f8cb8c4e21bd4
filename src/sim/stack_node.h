/* SPDX-License-Identifier: MIT
 * A stack as a node: port i of the node is interface i of the stack. */
#ifndef WEIR_SIM_STACK_NODE_H
#define WEIR_SIM_STACK_NODE_H

#include "sim/node.h"
#include "weir/stack.h"

struct stack_node;

/* Both are copied. What the stack config points to (tap, assertion handler) outlives the
 * simulation. */
struct stack_node_config {
    const struct weir_config *stack;
    const struct weir_iface_config *iface; /* iface_count of them, 1 to SIM_PORTS_MAX */
    unsigned iface_count;
};

/* Make a stack and add it; link no port to it that is no interface. Owner: the simulation owns the
 * stack and its memory. NULL: no memory, a bad name, or a config that the stack refuses. */
struct stack_node *stack_node_add(struct sim *sim, const char *name,
                                  const struct stack_node_config *config);

struct sim_node *stack_node_node(const struct stack_node *node);

/* The stack, for application calls between runs or from sim_at(), followed by sim_node_wake(), and
 * for its counters. */
weir_stack *stack_node_stack(const struct stack_node *node);

#endif
