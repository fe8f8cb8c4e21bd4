/* SPDX-License-Identifier: MIT */
#include "drill/settings.h"

#include <stdio.h>
#include <string.h>

#include "weir/net.h"

static bool fail(struct script *script, const struct script_setting *s, const char *what)
{
    script->error_line = s->line;
    snprintf(script->error, sizeof script->error, "--%s=%.60s: %s", s->name, s->value, what);
    return false;
}

static bool parse_number(const char *text, uint64_t high, uint64_t *number)
{
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9' && value <= high; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    *number = value;
    return *text == '\0' && value <= high;
}

/* An address to the place for its family. */
static bool take_address(const char *text, struct weir_addr *ip4, struct weir_addr *ip6)
{
    struct weir_addr address;
    if (weir_addr_parse(text, &address) != WEIR_OK)
        return false;
    *(weir_addr_is_ip4(&address) ? ip4 : ip6) = address;
    return true;
}

/* One whose value is a number; *found: there is one of this name. */
static bool take_number(struct settings *out, const char *name, uint64_t n, bool *found)
{
    *found = true;
    if (strcmp(name, "tolerance_usecs") == 0) {
        out->tolerance = (weir_time)n * WEIR_NS_PER_US;
        return n <= 1000000000;
    }
    if (strcmp(name, "mtu") == 0) {
        out->mtu_bytes = (uint32_t)n;
        return n >= 68 && n <= 65535;
    }
    if (strcmp(name, "bind_port") == 0 || strcmp(name, "connect_port") == 0) {
        *(name[0] == 'b' ? &out->bind_port : &out->connect_port) = (uint16_t)n;
        return n >= 1 && n <= 65535;
    }
    if (strcmp(name, "tcp_ts_tick_usecs") == 0) {
        out->stamp_ticks = n > 0;
        return n == 0 || n == 1000; /* weir's clock of RFC 7323 ticks once in a millisecond */
    }
    if (strcmp(name, "seed") == 0) {
        out->stack.seed = n;
        return true;
    }
#define X(limit, value, low, high, meaning)                                                        \
    if (strcmp(name, #limit) == 0) {                                                               \
        out->stack.limit = (uint32_t)n;                                                            \
        return n <= UINT32_MAX;                                                                    \
    }
    WEIR_LIMITS(X)
#undef X
    *found = false;
    return false;
}

/* Those that mean something to packetdrill and nothing here. */
static bool means_nothing(const char *name)
{
    static const char *const names[] = {"gateway_ip", "netmask_ip",   "speed",      "dry_run",
                                        "verbose",    "send_omit_free", "wire_server_at"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool take(struct settings *out, struct script *script, const struct script_setting *s)
{
    uint64_t n;
    bool found = false;
    if (strcmp(s->name, "ip_version") == 0) {
        out->ip6 |= strcmp(s->value, "ipv6") == 0;
        return strcmp(s->value, "ipv6") == 0 || strcmp(s->value, "ipv4") == 0 ||
               fail(script, s, "it is ipv4 or ipv6");
    }
    if (strcmp(s->name, "non_fatal") == 0) {
        out->goes_on = true; /* whatever it names: packet, syscall */
        return true;
    }
    if (strcmp(s->name, "local_ip") == 0)
        return take_address(s->value, &out->local4, &out->local6) ||
               fail(script, s, "it is no address");
    if (strcmp(s->name, "remote_ip") == 0)
        return take_address(s->value, &out->remote4, &out->remote6) ||
               fail(script, s, "it is no address");
    if (means_nothing(s->name))
        return true;
    bool is_number = parse_number(s->value, UINT64_MAX / 16, &n);
    if (!is_number)
        n = 0;
    bool good = take_number(out, s->name, n, &found);
    if (!found)
        return fail(script, s, "there is no such setting");
    return (is_number && good) || fail(script, s, "the value is impossible");
}

bool settings_read(struct settings *out, struct script *script, const struct drill_options *options)
{
    *out = (struct settings){.tolerance = WEIR_NS_PER_MS,
                             .ip6 = options->ip6,
                             .mtu_bytes = 1500,
                             .bind_port = 8080,
                             .connect_port = 8080};
    (void)weir_addr_parse("192.168.0.1", &out->local4);
    (void)weir_addr_parse("192.0.2.1", &out->remote4);
    (void)weir_addr_parse("fd3d:fa7b:d17d::1", &out->local6);
    (void)weir_addr_parse("fd3d:a0b:17d6::1", &out->remote6);
    weir_config_default(&out->stack);
    out->stack.seed = options->seed;
    for (const struct script_setting *s = script->settings; s != NULL; s = s->next)
        if (!take(out, script, s))
            return false;
    for (unsigned i = 0; i < sizeof out->stack.secret; i++)
        out->stack.secret[i] = (uint8_t)(out->stack.seed >> (i % 8 * 8)) ^ (uint8_t)(i * 37 + 1);
    return true;
}
