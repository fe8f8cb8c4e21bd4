/* SPDX-License-Identifier: MIT
 * The parts of the parser, one file each. Each answers false, with the error noted in the lexer's
 * script, when what is next is not what it reads. */
#ifndef WEIR_DRILL_PARSE_H
#define WEIR_DRILL_PARSE_H

#include "drill/lex.h"

/* A packet, behind its < or >. */
bool parse_packet(struct lex *l, bool out, struct script_packet **packet);

/* "<mss 1460,nop,...>", its < included, to the options of *packet. */
bool parse_options(struct lex *l, struct script_packet *packet);

/* "unreachable port_unreachable [1:1001(1000)]", behind the word icmp. */
bool parse_icmp(struct lex *l, struct script_packet *packet);

/* The name of an ICMP message for people ("unreachable port_unreachable"), into text. */
void icmp_text(const struct script_packet *packet, bool ip6, char *text, size_t size);

/* "1:1001(1000)", of which end and length must agree. */
bool parse_sequence(struct lex *l, uint32_t *seq, uint32_t *len);

/* "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)". */
bool parse_call(struct lex *l, struct script_call **call);

#endif
