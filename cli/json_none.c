/* SPDX-License-Identifier: MIT
 * In place of json.c where jansson is not there. */
#include "cli.h"

struct cli_json *cli_json_begin(const struct scenario *scenario, uint64_t seed)
{
    (void)scenario;
    (void)seed;
    cli_error("this weir was built without JSON");
    return NULL;
}

void cli_json_item(struct cli_json *json, const struct scenario_item *item)
{
    (void)json;
    (void)item;
}

bool cli_json_end(struct cli_json *json, const struct scenario_run *run, FILE *out)
{
    (void)json;
    (void)run;
    (void)out;
    return false;
}

bool cli_json_list(FILE *out)
{
    (void)out;
    cli_error("this weir was built without JSON");
    return false;
}

bool cli_json_replay(const struct cli_replay_report *report, FILE *out)
{
    (void)report;
    (void)out;
    cli_error("this weir was built without JSON");
    return false;
}
