/* SPDX-License-Identifier: MIT */
#include "weir/config.h"

#include "base/mem.h"
#include "base/text.h"
#include "weir/error.h"

struct limit {
    const char *name;
    size_t offset; /* of its uint32_t in struct weir_config */
    uint32_t value, low, high;
};

static const struct limit limits[] = {
#define X(name, value, low, high, meaning)                                                         \
    {#name, offsetof(struct weir_config, name), value, low, high},
    WEIR_LIMITS(X)
#undef X
};

#define X(name, value, low, high, meaning)                                                         \
    _Static_assert((low) <= (value) && (value) <= (high), "default of " #name " is in range");
WEIR_LIMITS(X)
#undef X

static uint32_t limit_get(const struct weir_config *config, const struct limit *limit)
{
    uint32_t value;
    memcpy(&value, (const char *)config + limit->offset, sizeof value);
    return value;
}

void weir_config_default(struct weir_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        memcpy((char *)config + limits[i].offset, &limits[i].value, sizeof limits[i].value);
}

/* Two limits of which the first must not exceed the second. */
static bool check_order(struct text *t, const char *less, uint32_t less_value, const char *more,
                        uint32_t more_value)
{
    if (less_value <= more_value)
        return true;
    text_str(t, less);
    text_str(t, " is ");
    text_u64(t, less_value);
    text_str(t, ", more than ");
    text_str(t, more);
    text_str(t, " (");
    text_u64(t, more_value);
    text_str(t, ")");
    return false;
}

static bool check_range(struct text *t, const struct limit *limit, uint32_t value)
{
    if (value >= limit->low && value <= limit->high)
        return true;
    text_str(t, limit->name);
    text_str(t, " is ");
    text_u64(t, value);
    text_str(t, "; it must be from ");
    text_u64(t, limit->low);
    text_str(t, " to ");
    text_u64(t, limit->high);
    return false;
}

int weir_config_check(const struct weir_config *config, char *why, size_t size)
{
    char none[1];
    struct text t = why != NULL && size > 0 ? text_begin(why, size) : text_begin(none, sizeof none);
    if (config == NULL || config->size != sizeof *config) {
        text_str(&t, "config is NULL or its size field is not sizeof(struct weir_config)");
        return WEIR_E_INVALID;
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (!check_range(&t, &limits[i], limit_get(config, &limits[i])))
            return WEIR_E_CONFIG;
    if (!check_order(&t, "neighbours_incomplete_max", config->neighbours_incomplete_max,
                     "neighbours_max", config->neighbours_max) ||
        !check_order(&t, "packet_memory_reserve_kb", config->packet_memory_reserve_kb,
                     "packet_memory_kb", config->packet_memory_kb) ||
        !check_order(&t, "tcp_flights_max", config->tcp_flights_max, "tcp_endpoints_max",
                     config->tcp_endpoints_max) ||
        !check_order(&t, "tcp_reassembly_ranges_max", config->tcp_reassembly_ranges_max,
                     "ranges_max", config->ranges_max))
        return WEIR_E_CONFIG;
    return WEIR_OK;
}
