/* SPDX-License-Identifier: MIT
 * A network namespace of our own, for whoever has no rights in that of the machine. */
#ifndef WEIR_CLI_NAMESPACE_H
#define WEIR_CLI_NAMESPACE_H

#include <stdbool.h>

/* May this process make devices where it is: has it CAP_NET_ADMIN? */
bool namespace_has_rights(void);

/* Move this process, which has one thread, into a new network namespace, in a new user namespace
 * too (where it is root) when it may not do it otherwise. lo is up there. False: it may not, and a
 * line was printed. */
bool namespace_enter(void);

#endif
