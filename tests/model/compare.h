/* SPDX-License-Identifier: MIT
 * weir and the reference model, after one segment. */
#ifndef WEIR_TESTS_MODEL_COMPARE_H
#define WEIR_TESTS_MODEL_COMPARE_H

#include "rig.h"

/* What differs: the state, its variables, the answer, the events; NULL: nothing. `m` is what the
 * model makes of the segment that rig_send() sent in r->conn. Text is not looked at. */
const char *compare(const struct rig *r, const struct rig_view *view, const struct model_result *m);

/* Is it a compact record (SYN-RECEIVED, TIME-WAIT), of which little can be seen? */
bool compare_is_record(const struct rig_view *view);

/* Print, as comments of TAP, what the model says and by which rules, and what weir did. */
void compare_show(const struct rig *r, const struct rig_view *view, const struct model_segment *s,
                  const struct model_result *m);

#endif
