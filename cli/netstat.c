/* SPDX-License-Identifier: MIT
 * `weir netstat`: the TCP connections of a running `weir host`, by its control socket. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "control.h"
#include "device_args.h"
#include "netstat.h"

enum { KEY_JSON = 256, KEY_CONTROL, ANSWER_MAX = 1 << 30, HOSTS_MAX = 64 };

#define ANSWER_WAIT_MS 10000

struct arguments {
    struct netstat_args show;
    const char *control;
    weir_time interval; /* 0: once */
    bool counters;
    char name[32];
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'a':
        a->show.all = true;
        return 0;
    case 'n':
        a->show.numeric = true;
        return 0;
    case 'f':
        a->show.ip4_only = strcmp(arg, "inet") == 0;
        a->show.ip6_only = strcmp(arg, "inet6") == 0;
        if (!a->show.ip4_only && !a->show.ip6_only)
            cli_usage("no family '%s': inet or inet6", arg);
        return 0;
    case 'c':
        a->interval = arg != NULL ? cli_span(arg, "interval") : WEIR_NS_PER_S;
        return 0;
    case 'v':
        a->show.verbose = true;
        return 0;
    case 's':
        a->counters = true;
        return 0;
    case KEY_JSON:
        a->show.json = true;
        return 0;
    case KEY_CONTROL:
        a->control = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->interval != 0 && state->arg_num == 0) { /* -c 2, where one may say -c2 */
            a->interval = cli_span(arg, "interval");
            return 0;
        }
        cli_usage("'%s' is one argument too many", arg);
    default:
        return cli_help_key(key, state, a->name);
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"all", 'a', 0, 0, "Listeners, SYN-RECEIVED and TIME-WAIT too", 0},
        {"numeric", 'n', 0, 0, "Ports as numbers", 0},
        {"family", 'f', "FAMILY", 0, "Only inet or inet6", 0},
        {"continuous", 'c', "TIME", OPTION_ARG_OPTIONAL, "Again and again (every 1s)", 0},
        {"statistics", 's', 0, 0, "Counters instead of connections", 0},
        {"verbose", 'v', 0, 0, "Each connection with its accounts", 0},
        {"json", KEY_JSON, 0, 0, "Print JSON", 0},
        {"control", KEY_CONTROL, "PATH", 0, "The control socket of the host", 0},
        CLI_HELP_OPTIONS,
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .doc = "Show the TCP connections of a running 'weir host'."
               "\vExit status: 0, or 1 when there is no host to ask or something failed; 2 for "
               "wrong usage."};
    cli_parse(&argp, argc, argv, a->name, a);
}

/* ---- finding and asking ---- */

/* Does a host answer there? What one has left that is gone is removed. */
static bool is_alive(const char *path)
{
    int fd = control_connect(path);
    if (fd >= 0)
        (void)close(fd);
    else if (errno == ECONNREFUSED)
        (void)unlink(path);
    return fd >= 0;
}

/* The one host of this user that runs. False: there is none, or there are several, and a line was
 * printed. */
static bool find_host(char path[CONTROL_PATH_MAX])
{
    char directory[CONTROL_PATH_MAX], found[CONTROL_PATH_MAX], list[512] = "";
    unsigned count = 0;
    DIR *dir = control_directory(directory, false) ? opendir(directory) : NULL;
    const struct dirent *entry;
    while (dir != NULL && count < HOSTS_MAX && (entry = readdir(dir)) != NULL) {
        int n = snprintf(found, sizeof found, "%s/%s", directory, entry->d_name);
        if (strncmp(entry->d_name, "host-", 5) != 0 || n >= (int)sizeof found || !is_alive(found))
            continue;
        strcpy(path, found);
        count++;
        size_t len = strlen(list);
        (void)snprintf(list + len, sizeof list - len, " %s", found);
    }
    if (dir != NULL)
        (void)closedir(dir);
    if (count == 0)
        cli_error("no 'weir host' of yours runs");
    else if (count > 1)
        cli_error("several hosts run; choose one with --control:%s", list);
    return count == 1;
}

/* Read all that comes until the other side ends it; to be freed. NULL: it did not come. */
static char *read_all(int fd, size_t *len)
{
    size_t size = 1 << 16;
    char *text = malloc(size);
    *len = 0;
    while (text != NULL) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        ssize_t n = -1;
        if (poll(&ready, 1, ANSWER_WAIT_MS) > 0)
            n = recv(fd, text + *len, size - *len, 0);
        else
            errno = ETIMEDOUT;
        if (n == 0)
            return text;
        if (n < 0)
            break;
        *len += (size_t)n;
        if (*len < size)
            continue;
        char *more = size < ANSWER_MAX ? realloc(text, size *= 2) : NULL;
        if (more == NULL)
            break;
        text = more;
    }
    free(text);
    return NULL;
}

/* Ask; the answer's member of the same name, to be given back. NULL: a line was printed. */
static json_t *ask(const char *path, const char *what)
{
    char line[64];
    size_t len;
    json_error_t why;
    int fd = control_connect(path);
    int n = snprintf(line, sizeof line, "{\"request\":\"%s\"}\n", what);
    char *text = NULL;
    if (fd >= 0 && send(fd, line, (size_t)n, MSG_NOSIGNAL) == n)
        text = read_all(fd, &len);
    if (text == NULL)
        cli_error("%s: %m", path);
    if (fd >= 0)
        (void)close(fd);
    if (text == NULL)
        return NULL;
    json_t *answer = json_loadb(text, len, 0, &why);
    json_t *part = json_incref(json_object_get(answer, what));
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (part == NULL)
        cli_error("%s: %s", path, error != NULL ? error : "that is no answer of a 'weir host'");
    json_decref(answer);
    free(text);
    return part;
}

int cli_netstat(int argc, char **argv)
{
    struct arguments a = {.name = "weir netstat"};
    char path[CONTROL_PATH_MAX];
    parse(argc, argv, &a);
    const char *what = a.counters ? "counters" : "connections";
    if (a.control == NULL && !find_host(path))
        return CLI_FAILED;
    for (;;) {
        json_t *answer = ask(a.control != NULL ? a.control : path, what);
        if (answer == NULL)
            return CLI_FAILED;
        bool good = a.counters ? netstat_counters(&a.show, answer, stdout)
                               : netstat_connections(&a.show, answer, stdout);
        json_decref(answer);
        if (!good || a.interval == 0 || fflush(stdout) != 0)
            return good ? CLI_OK : CLI_FAILED;
        (void)poll(NULL, 0, (int)(a.interval / WEIR_NS_PER_MS));
        if (!a.show.json)
            fputc('\n', stdout);
    }
}
