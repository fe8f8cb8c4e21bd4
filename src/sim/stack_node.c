/* SPDX-License-Identifier: MIT */
#include "sim/stack_node.h"

#include <stdlib.h>

enum { STACK_ALIGNMENT = 64 };

struct stack_node {
    struct sim_node *node;
    weir_stack *stack;
    void *memory;
};

static void stack_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n,
                        weir_time now)
{
    struct stack_node *node = ctx;
    weir_stack_input(node->stack, port, rx, n, now);
}

static unsigned stack_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                             weir_time now)
{
    struct stack_node *node = ctx;
    return weir_stack_output(node->stack, port, tx, max, now);
}

static void stack_advance(void *ctx, weir_time now)
{
    struct stack_node *node = ctx;
    weir_stack_advance(node->stack, now);
}

static weir_time stack_deadline(void *ctx)
{
    struct stack_node *node = ctx;
    return weir_stack_deadline(node->stack);
}

static void stack_destroy(void *ctx)
{
    struct stack_node *node = ctx;
    free(node->memory);
    free(node);
}

/* Make the stack with its interfaces; false: it could not be. */
static bool stack_make(struct stack_node *node, const struct stack_node_config *config,
                       struct weir_recorder recorder, weir_time now)
{
    struct weir_config stack = *config->stack;
    if (recorder.fn != NULL)
        stack.recorder = recorder;
    size_t size = weir_stack_size(&stack);
    if (size == 0)
        return false;
    size = (size + STACK_ALIGNMENT - 1) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    node->memory = aligned_alloc(STACK_ALIGNMENT, size);
    if (node->memory == NULL)
        return false;
    node->stack = weir_stack_init(node->memory, size, &stack, now);
    if (node->stack == NULL)
        return false;
    for (unsigned i = 0; i < config->iface_count; i++)
        if (weir_stack_add_iface(node->stack, &config->iface[i]) != (int)i)
            return false;
    return true;
}

struct stack_node *stack_node_add(struct sim *sim, const char *name,
                                  const struct stack_node_config *config)
{
    static const struct sim_node_ops ops = {.input = stack_input,
                                            .output = stack_output,
                                            .advance = stack_advance,
                                            .deadline = stack_deadline,
                                            .destroy = stack_destroy};
    struct stack_node *node = calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    if (config->iface_count > 0 && config->iface_count <= SIM_PORTS_MAX &&
        stack_make(node, config, sim_recorder(sim, name), sim_now(sim)))
        node->node = sim_node_add(sim, name, &ops, node);
    if (node->node == NULL) {
        stack_destroy(node);
        return NULL;
    }
    return node;
}

struct sim_node *stack_node_node(const struct stack_node *node)
{
    return node->node;
}

weir_stack *stack_node_stack(const struct stack_node *node)
{
    return node->stack;
}
