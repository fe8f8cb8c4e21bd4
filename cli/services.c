/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* gmtime_r() */
#include "services.h"

#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "cli.h"
#include "driver/clock.h"
#include "station.h"

enum {
    DATAGRAM_MAX = 65527,
    CHARGEN_MAX = 512, /* RFC 864: 0 to 512 characters */
    CHARGEN_LINE = 72, /* of the 95 printing characters, one further each line */
    CHARGEN_PRINTING = 95,
    CHARGEN_PERIOD = CHARGEN_PRINTING * (CHARGEN_LINE + 2),
    FIRST_PRINTING = 32,
    PORT_QUOTE = 17 /* quote of the day, RFC 865: not one of ours, but it answers */
};

#define SECONDS_1900_TO_1970 UINT64_C(2208988800) /* RFC 868 */

/* Answer the length of the answer in `data`, where the request of `len` bytes stands; -1: none. */
typedef int answer_fn(struct services *services, uint8_t *data, int len);

static int answer_echo(struct services *services, uint8_t *data, int len)
{
    (void)services;
    (void)data;
    return len;
}

static int answer_discard(struct services *services, uint8_t *data, int len)
{
    (void)services;
    (void)data;
    (void)len;
    return -1;
}

size_t services_daytime(char *text, size_t size)
{
    struct tm tm;
    time_t now = (time_t)(clock_date() / WEIR_NS_PER_S);
    gmtime_r(&now, &tm);
    /* The first of the syntaxes that RFC 867 mentions, in the C locale: nobody sets another. */
    return strftime(text, size, "%A, %B %d, %Y %H:%M:%S-UTC\r\n", &tm);
}

static int answer_daytime(struct services *services, uint8_t *data, int len)
{
    char text[64];
    (void)services;
    (void)len;
    size_t n = services_daytime(text, sizeof text);
    memcpy(data, text, n);
    return (int)n;
}

uint32_t services_time(void)
{
    uint64_t seconds = (uint64_t)(clock_date() / WEIR_NS_PER_S) + SECONDS_1900_TO_1970;
    return (uint32_t)seconds; /* it wraps in 2036 */
}

static int answer_time(struct services *services, uint8_t *data, int len)
{
    (void)services;
    (void)len;
    store32(data, services_time());
    return 4;
}

void services_pattern(uint8_t *data, size_t len, uint32_t at)
{
    unsigned line = at / (CHARGEN_LINE + 2) % CHARGEN_PRINTING, column = at % (CHARGEN_LINE + 2);
    for (size_t i = 0; i < len; i++) {
        if (column < CHARGEN_LINE)
            data[i] = (uint8_t)(FIRST_PRINTING + (line + column) % CHARGEN_PRINTING);
        else
            data[i] = column == CHARGEN_LINE ? '\r' : '\n';
        if (++column < CHARGEN_LINE + 2)
            continue;
        column = 0;
        line = (line + 1) % CHARGEN_PRINTING;
    }
}

uint32_t services_pattern_after(uint32_t at, size_t len)
{
    return (uint32_t)((at + len) % CHARGEN_PERIOD);
}

static int answer_chargen(struct services *services, uint8_t *data, int len)
{
    (void)len;
    unsigned n = (unsigned)rng_between(&services->rng, 0, CHARGEN_MAX);
    services_pattern(data, n, 0);
    return (int)n;
}

static const struct kind {
    const char *name;
    uint16_t port;
    answer_fn *answer;
} kinds[SERVICES_MAX] = {{"echo", 7, answer_echo},
                         {"discard", 9, answer_discard},
                         {"daytime", 13, answer_daytime},
                         {"chargen", 19, answer_chargen},
                         {"time", 37, answer_time}};

uint16_t services_port(unsigned service)
{
    return kinds[service].port;
}

/* The bits of a name such as "echo" or "echo/udp". False: it is none. */
static bool parse_one(const char *name, size_t len, struct service_set *set)
{
    size_t plain = strcspn(name, ",/");
    bool both = plain == len, udp = len - plain == 4 && strncmp(name + plain, "/udp", 4) == 0,
         tcp = len - plain == 4 && strncmp(name + plain, "/tcp", 4) == 0;
    unsigned i = 0;
    while (i < SERVICES_MAX &&
           (strlen(kinds[i].name) != plain || strncmp(kinds[i].name, name, plain) != 0))
        i++;
    if (i == SERVICES_MAX || !(both || udp || tcp))
        return false;
    set->udp |= both || udp ? 1U << i : 0;
    set->tcp |= both || tcp ? 1U << i : 0;
    return true;
}

bool services_parse(const char *list, struct service_set *set, const char **unknown)
{
    *set = (struct service_set){0};
    *unknown = list;
    if (strcmp(list, "none") == 0)
        return true;
    for (const char *p = list;; p++) {
        size_t len = strcspn(p, ",");
        *unknown = p;
        if (!parse_one(p, len, set))
            return false;
        p += len;
        if (*p == '\0')
            return true;
    }
}

bool services_open(struct services *services, weir_stack *stack, unsigned set, uint64_t seed)
{
    *services = (struct services){.stack = stack, .rng = rng_make(seed)};
    for (unsigned i = 0; i < SERVICES_MAX; i++) {
        struct service *s = &services->service[i];
        struct weir_udp_config config = {.size = sizeof config, .port = kinds[i].port, .user = i};
        if ((set & 1U << i) == 0)
            continue;
        int error = weir_udp_open(stack, &config, &s->handle);
        if (error != WEIR_OK) {
            cli_error("service %s: %s", kinds[i].name, weir_strerror(error));
            return false;
        }
        s->open = s->more = true; /* something may have come before anybody read events */
    }
    return true;
}

/* May whoever sent from this port answer an answer? */
static bool answers_itself(uint16_t port)
{
    for (unsigned i = 0; i < SERVICES_MAX; i++)
        if (port == kinds[i].port)
            return true;
    return port == PORT_QUOTE || port == 0;
}

/* Take one datagram. False: there is none. */
static bool serve_one(struct services *services, unsigned index)
{
    static uint8_t data[DATAGRAM_MAX];
    struct service *s = &services->service[index];
    struct weir_datagram d;
    int len = weir_udp_receive(services->stack, s->handle, &d, data, sizeof data);
    if (len < 0)
        return len != WEIR_E_WOULD_BLOCK &&
               len != WEIR_E_STALE; /* an error of the past, told once */
    s->received++;
    if (answers_itself(d.remote_port)) {
        s->refused++;
        return true;
    }
    len = kinds[index].answer(services, data, len);
    if (len < 0)
        return true;
    d.hop_limit = 0;
    d.traffic_class = 0;
    /* From the address that was asked, which is refused when it is a group's or a broadcast. */
    if (weir_udp_send(services->stack, s->handle, &d, data, (size_t)len) == WEIR_OK)
        s->answered++;
    else
        s->refused++;
    return true;
}

bool services_event(struct services *services, const struct weir_event *event)
{
    if (event->user >= SERVICES_MAX || !services->service[event->user].open)
        return false;
    if ((event->bits & WEIR_EVENT_READABLE) != 0)
        services->service[event->user].more = true;
    return true;
}

bool services_serve(struct services *services)
{
    bool more = false;
    for (unsigned i = 0; i < SERVICES_MAX; i++) {
        struct service *s = &services->service[i];
        for (unsigned k = 0; s->more && k < SERVICES_BATCH; k++)
            s->more = serve_one(services, i);
        more |= s->more;
    }
    return more;
}

void services_print(const struct services *services, FILE *out)
{
    bool begun = false;
    for (unsigned i = 0; i < SERVICES_MAX; i++) {
        const struct service *s = &services->service[i];
        char name[64];
        if (s->received == 0)
            continue;
        if (!begun)
            fprintf(out, "services over UDP\n");
        begun = true;
        (void)snprintf(name, sizeof name, "%s_received", kinds[i].name);
        station_counter(out, name, s->received, "datagrams received");
        (void)snprintf(name, sizeof name, "%s_answered", kinds[i].name);
        station_counter(out, name, s->answered, "datagrams answered");
        (void)snprintf(name, sizeof name, "%s_refused", kinds[i].name);
        station_counter(out, name, s->refused,
                        "not answered: from a service's port, to a group, or no room");
    }
}
