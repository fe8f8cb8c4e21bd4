/* SPDX-License-Identifier: MIT
 * Reports as JSON, through jansson. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "cli.h"
#include "weir/error.h"

struct cli_json {
    json_t *root, *sections, *checks;
    json_t *figures, *notes; /* of the last section; borrowed */
    bool failed;             /* a value could not be made or added: no memory */
};

/* Take a new value over into an object or array. */
static void set(struct cli_json *json, json_t *object, const char *key, json_t *value)
{
    json->failed |= json_object_set_new(object, key, value) != 0;
}

static void append(struct cli_json *json, json_t *array, json_t *value)
{
    json->failed |= json_array_append_new(array, value) != 0;
}

/* A new value in `object`, borrowed. */
static json_t *member(struct cli_json *json, json_t *object, const char *key, json_t *value)
{
    set(json, object, key, value);
    return json->failed ? NULL : value;
}

static void section(struct cli_json *json, const char *title)
{
    json_t *object = json_object();
    append(json, json->sections, object);
    if (json->failed)
        return;
    set(json, object, "title", json_string(title));
    json->figures = member(json, object, "figures", json_object());
    json->notes = member(json, object, "notes", json_array());
}

struct cli_json *cli_json_begin(const struct scenario *scenario, uint64_t seed)
{
    char number[24];
    struct cli_json *json = calloc(1, sizeof *json);
    if (json == NULL || (json->root = json_object()) == NULL) {
        cli_error("no memory");
        free(json);
        return NULL;
    }
    /* As text: readers that know numbers as floating point only would change it. */
    snprintf(number, sizeof number, "%" PRIu64, seed);
    set(json, json->root, "scenario", json_string(scenario->name));
    set(json, json->root, "seed", json_string(number));
    json->sections = member(json, json->root, "sections", json_array());
    json->checks = member(json, json->root, "checks", json_array());
    return json;
}

void cli_json_item(struct cli_json *json, const struct scenario_item *item)
{
    if (json->failed)
        return;
    if (item->kind == SCENARIO_SECTION) {
        section(json, item->text);
        return;
    }
    if (item->kind == SCENARIO_CHECK) {
        append(json, json->checks, json_pack("{s:s,s:b}", "text", item->text, "ok", item->ok));
        return;
    }
    if (json->figures == NULL)
        section(json, "");
    if (json->failed)
        return;
    if (item->kind == SCENARIO_FIGURE)
        set(json, json->figures, item->text,
            json_pack("{s:I,s:s}", "value", (json_int_t)item->value, "unit", item->unit));
    else
        append(json, json->notes, json_string(item->text));
}

static bool print(json_t *value, FILE *out)
{
    bool done = value != NULL && json_dumpf(value, out, JSON_INDENT(2)) == 0;
    json_decref(value);
    fputc('\n', out);
    return done;
}

bool cli_json_end(struct cli_json *json, const struct scenario_run *run, FILE *out)
{
    char hash[24];
    snprintf(hash, sizeof hash, "%016" PRIx64, run->trace_hash);
    set(json, json->root, "history", json_string(hash));
    set(json, json->root, "virtual_ns", json_integer(run->ended));
    set(json, json->root, "complete", json_boolean(!run->cut));
    set(json, json->root, "expectations", json_integer(run->checks));
    set(json, json->root, "failed", json_integer(run->failed));
    set(json, json->root, "error",
        run->error != 0 ? json_string(weir_strerror(run->error)) : json_null());
    json_t *root = json->root;
    bool failed = json->failed;
    free(json);
    if (failed) {
        cli_error("no memory");
        json_decref(root);
        return false;
    }
    return print(root, out);
}

bool cli_json_list(FILE *out)
{
    const struct scenario *s;
    json_t *list = json_array();
    bool done = list != NULL;
    for (unsigned i = 0; done && (s = scenario_at(i)) != NULL; i++)
        done = json_array_append_new(
                   list, json_pack("{s:s,s:s}", "name", s->name, "summary", s->summary)) == 0;
    if (!done) {
        cli_error("no memory");
        json_decref(list);
        return false;
    }
    return print(list, out);
}

bool cli_json_replay(const struct cli_replay_report *report, FILE *out)
{
    json_t *root = json_pack(
        "{s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:s?}", "recording", report->path, "identical",
        report->identical, "complete", report->complete, "virtual_ns",
        (json_int_t)report->virtual_ns, "records", (json_int_t)report->records, "packets_in",
        (json_int_t)report->packets_in, "bytes_in", (json_int_t)report->bytes_in, "packets_out",
        (json_int_t)report->packets_out, "bytes_out", (json_int_t)report->bytes_out, "problem",
        report->message);
    if (root == NULL)
        cli_error("no memory");
    return print(root, out);
}
