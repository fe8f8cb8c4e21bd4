/* SPDX-License-Identifier: MIT
 * Two stacks in this process and a wire in memory between them: one runs a web server for a
 * directory, the other is for a client. For machines without TUN, and for tests. */
#ifndef WEIR_CLI_MEMORY_H
#define WEIR_CLI_MEMORY_H

#include "weir/tcp.h"

struct memory_args {
    const char *directory;   /* what the server gives out, and takes in */
    struct weir_addr server; /* the address of its stack; the client's is a neighbour of it */
    uint16_t port;
    uint32_t mtu_bytes; /* 0: 1500 */
    bool fast_open;     /* the server takes data that comes with a SYN */
    bool no_offload;    /* compute checksums, and keep every packet to the MTU */
};

struct memory;

/* Make it. NULL: it cannot be, and a line was printed. */
struct memory *memory_open(const struct memory_args *args, weir_time now);
void memory_close(struct memory *memory);

/* The client's stack. */
weir_stack *memory_stack(struct memory *memory);

/* Carry what both have to send, let the server work, and call `serve` for the client, which
 * answers when it wants to be called again. Answers when to call this again; 0: at once. */
weir_time memory_turn(struct memory *memory, weir_time (*serve)(void *ctx, weir_time now),
                      void *ctx, weir_time now);

#endif
