/* SPDX-License-Identifier: MIT */
#include "sim_record.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

/* DIRECTORY/NUMBER-NODE.rec, for nodes of one name may follow each other. */
static bool path_of(const struct sim_record *record, const char *node, char *path)
{
    int len = snprintf(path, SIM_RECORD_PATH_MAX, "%s/%" PRIu64 "-%s.rec", record->directory,
                       record->count, node);
    if (len < 0 || len >= SIM_RECORD_PATH_MAX)
        return false;
    for (char *c = path + len - (int)strlen(".rec") - (int)strlen(node); c < path + len; c++)
        if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
            *c = '_';
    return true;
}

static struct weir_recorder record_node(void *ctx, const char *node)
{
    struct sim_record *record = ctx;
    unsigned place = (unsigned)(record->count++ % SIM_RECORD_OPEN_MAX);
    struct recorder *recorder = &record->recorder[place];
    record->failed |= !recorder_close(recorder);
    if (!path_of(record, node, record->path[place])) {
        cli_error("%s: %s", record->directory, strerror(ENAMETOOLONG));
        record->failed = true;
    }
    if (record->failed || !recorder_open(recorder, record->path[place])) {
        record->failed = true;
        return (struct weir_recorder){.fn = NULL};
    }
    return recording_recorder(&recorder->writer);
}

struct sim_recorders sim_record_begin(struct sim_record *record)
{
    if (record->directory == NULL)
        return (struct sim_recorders){.fn = NULL};
    if (mkdir(record->directory, S_IRWXU | S_IRWXG | S_IRWXO) != 0 && errno != EEXIST) {
        cli_error("%s: %m", record->directory);
        record->failed = true;
    }
    return (struct sim_recorders){.fn = record_node, .ctx = record};
}

bool sim_record_end(struct sim_record *record)
{
    if (record->directory == NULL)
        return true;
    for (unsigned i = 0; i < SIM_RECORD_OPEN_MAX; i++)
        record->failed |= !recorder_close(&record->recorder[i]);
    if (record->count == 0 && !record->failed)
        cli_error("there is no stack in this scenario, hence no recording");
    return !record->failed;
}
