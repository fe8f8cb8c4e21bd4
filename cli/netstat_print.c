/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* getservbyport_r() */
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "netstat.h"
#include "progress.h"
#include "weir/error.h"
#include "weir/net.h"
#include "weir/tcp.h"

enum { END_TEXT_MAX = WEIR_ADDR_TEXT_MAX + 24 };

struct end {
    struct weir_addr address;
    uint16_t port;
    bool known;
};

/* A connection, as far as it is sorted and chosen by. */
struct row {
    const json_t *json;
    const char *state;
    struct end local, remote;
    bool listens;
};

static uint64_t number(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static const char *string(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : otherwise;
}

static struct end read_end(const json_t *object)
{
    struct end end = {.port = (uint16_t)number(object, "port")};
    end.known = weir_addr_parse(string(object, "address", ""), &end.address) == WEIR_OK;
    return end;
}

static int compare_ends(const struct end *a, const struct end *b)
{
    return memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
}

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->listens != y->listens)
        return x->listens ? -1 : 1;
    if (x->local.port != y->local.port)
        return x->local.port < y->local.port ? -1 : 1;
    int order = compare_ends(&x->local, &y->local);
    order = order != 0 ? order : compare_ends(&x->remote, &y->remote);
    if (order == 0 && x->remote.port != y->remote.port)
        order = x->remote.port < y->remote.port ? -1 : 1;
    return order != 0 ? order : strcmp(x->state, y->state);
}

static bool is_any(const struct end *end)
{
    static const struct weir_addr zeros, zeros4 = {{[10] = 0xff, [11] = 0xff}};
    return !end->known || memcmp(&end->address, &zeros, sizeof zeros) == 0 ||
           memcmp(&end->address, &zeros4, sizeof zeros4) == 0;
}

static bool wanted(const struct netstat_args *args, const struct row *row)
{
    bool ip4 = weir_addr_is_ip4(&row->local.address), both = row->listens && is_any(&row->local);
    if (!args->all && (row->listens || strcmp(row->state, "CLOSED") == 0 ||
                       strcmp(row->state, weir_tcp_state_name(WEIR_TCP_SYN_RECEIVED)) == 0 ||
                       strcmp(row->state, weir_tcp_state_name(WEIR_TCP_TIME_WAIT)) == 0))
        return false;
    return both || (!(args->ip4_only && !ip4) && !(args->ip6_only && ip4));
}

/* Address and port: "10.9.0.2:80", "[fd00:9::2]:http", and stars for what is open. */
static void end_text(char *text, const struct end *end, bool numeric)
{
    char address[WEIR_ADDR_TEXT_MAX] = "*", port[16] = "*";
    struct servent entry, *service = NULL;
    char names[256];
    if (!is_any(end))
        weir_addr_text(&end->address, address, sizeof address);
    if (!numeric && end->port != 0)
        (void)getservbyport_r(htons(end->port), "tcp", &entry, names, sizeof names, &service);
    if (service != NULL && strlen(service->s_name) < sizeof port)
        strcpy(port, service->s_name);
    else if (end->port != 0)
        (void)snprintf(port, sizeof port, "%u", end->port);
    bool brackets = strchr(address, ':') != NULL;
    (void)snprintf(text, END_TEXT_MAX, "%s%s%s:%s", brackets ? "[" : "", address,
                   brackets ? "]" : "", port);
}

void netstat_time(char *text, size_t size, uint64_t us)
{
    if (us < 1000)
        (void)snprintf(text, size, "%uus", (unsigned)us);
    else if (us < 100000)
        (void)snprintf(text, size, "%.1fms", (double)us / 1e3);
    else if (us < 1000000)
        (void)snprintf(text, size, "%ums", (unsigned)(us / 1000));
    else if (us < 100000000)
        (void)snprintf(text, size, "%.1fs", (double)us / 1e6);
    else if (us < UINT64_C(6000000000))
        (void)snprintf(text, size, "%umin", (unsigned)(us / 60000000));
    else
        (void)snprintf(text, size, "%" PRIu64 "h", us / UINT64_C(3600000000));
}

static void print_row(const struct netstat_args *args, const struct row *row, FILE *out)
{
    char local[END_TEXT_MAX], remote[END_TEXT_MAX], srtt[24] = "-", age[24] = "-", cwnd[24] = "-";
    uint64_t srtt_us = number(row->json, "srtt_us");
    bool has_age = json_object_get(row->json, "age_ns") != NULL;
    end_text(local, &row->local, args->numeric);
    end_text(remote, &row->remote, args->numeric);
    if (srtt_us > 0)
        netstat_time(srtt, sizeof srtt, srtt_us);
    if (has_age)
        netstat_time(age, sizeof age, number(row->json, "age_ns") / 1000);
    if (number(row->json, "cwnd_bytes") > 0)
        (void)snprintf(cwnd, sizeof cwnd, "%" PRIu64, number(row->json, "cwnd_bytes"));
    fprintf(out, "%8" PRIu64 " %8" PRIu64 "  %-22s %-22s %-12s %-9s %9s %7s %8" PRIu64 " %6s\n",
            number(row->json, "receive_queue"), number(row->json, "send_queue"), local, remote,
            row->state, string(row->json, "owner", "-"), cwnd, srtt,
            number(row->json, "retransmits"), age);
    if (args->verbose)
        netstat_verbose(row->json, out);
}

bool netstat_connections(const struct netstat_args *args, const json_t *list, FILE *out)
{
    size_t size = json_array_size(list), count = 0;
    struct row *rows = calloc(size > 0 ? size : 1, sizeof rows[0]);
    json_t *chosen = json_array();
    bool good = rows != NULL && chosen != NULL;
    if (!good)
        cli_error("no memory");
    for (size_t i = 0; good && i < size; i++) {
        struct row *row = &rows[count];
        *row = (struct row){.json = json_array_get(list, i)};
        row->state = string(row->json, "state", "?");
        row->listens = strcmp(row->state, weir_tcp_state_name(WEIR_TCP_LISTEN)) == 0;
        row->local = read_end(json_object_get(row->json, "local"));
        row->remote = read_end(json_object_get(row->json, "remote"));
        count += wanted(args, row);
    }
    if (good) {
        qsort(rows, count, sizeof rows[0], compare);
        if (!args->json)
            fprintf(out, "%8s %8s  %-22s %-22s %-12s %-9s %9s %7s %8s %6s\n", "Recv-Q", "Send-Q",
                    "Local", "Remote", "State", "Owner", "Cwnd", "SRTT", "Retrans", "Age");
        for (size_t i = 0; i < count; i++) {
            if (args->json)
                good &= json_array_append(chosen, (json_t *)(uintptr_t)rows[i].json) == 0;
            else
                print_row(args, &rows[i], out);
        }
        if (args->json) {
            good &= json_dumpf(chosen, out, JSON_COMPACT) == 0;
            fputc('\n', out);
        }
    }
    json_decref(chosen);
    free(rows);
    return good;
}

bool netstat_counters(const struct netstat_args *args, const json_t *counters, FILE *out)
{
    const char *section, *name;
    json_t *object, *value;
    if (args->json) {
        bool good = json_dumpf(counters, out, JSON_COMPACT) == 0;
        fputc('\n', out);
        return good;
    }
    json_object_foreach((json_t *)(uintptr_t)counters, section, object)
    {
        fprintf(out, "%s\n", section);
        json_object_foreach(object, name, value)
        {
            if (json_integer_value(value) != 0)
                fprintf(out, "  %-24s %14" JSON_INTEGER_FORMAT "\n", name,
                        json_integer_value(value));
        }
    }
    return true;
}
