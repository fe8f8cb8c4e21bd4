/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "weir/config.h"
#include "weir/drop.h"
#include "weir/error.h"
#include "weir/stats.h"

static void test_the_default_is_accepted(void **state)
{
    (void)state;
    struct weir_config config;
    memset(&config, 0xa5, sizeof config);
    weir_config_default(&config);
    char why[200] = "unset";
    assert_int_equal(weir_config_check(&config, why, sizeof why), WEIR_OK);
    assert_string_equal(why, "");
    assert_null(config.tap.fn);
    assert_null(config.on_assert.fn);
}

static void test_each_limit_is_refused_outside_its_range_by_name(void **state)
{
    (void)state;
    struct weir_config config;
    char why[200];
#define X(name, value, low, high, meaning)                                                         \
    weir_config_default(&config);                                                                  \
    config.name = (uint32_t)(high) + 1U;                                                           \
    assert_int_equal(weir_config_check(&config, why, sizeof why), WEIR_E_CONFIG);                  \
    assert_non_null(strstr(why, #name " is "));                                                    \
    if ((uint32_t)(low) > 0) {                                                                     \
        config.name = (uint32_t)(low) - 1U;                                                        \
        assert_int_equal(weir_config_check(&config, why, sizeof why), WEIR_E_CONFIG);              \
        assert_non_null(strstr(why, #name " is "));                                                \
    }
    WEIR_LIMITS(X)
#undef X
}

static void test_a_refusal_says_value_and_range(void **state)
{
    (void)state;
    struct weir_config config;
    char why[200];
    weir_config_default(&config);
    config.interfaces_max = 0;
    assert_int_equal(weir_config_check(&config, why, sizeof why), WEIR_E_CONFIG);
    assert_string_equal(why, "interfaces_max is 0; it must be from 1 to 64");
}

static void test_limits_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    struct weir_config config;
    char why[200];
    weir_config_default(&config);
    config.packet_memory_reserve_kb = config.packet_memory_kb;
    assert_int_equal(weir_config_check(&config, why, sizeof why), WEIR_OK);
    config.packet_memory_reserve_kb = config.packet_memory_kb + 1;
    assert_int_equal(weir_config_check(&config, why, sizeof why), WEIR_E_CONFIG);
    assert_string_equal(why, "packet_memory_reserve_kb is 65537, more than packet_memory_kb (65536)");
}

static void test_a_config_of_another_size_is_refused(void **state)
{
    (void)state;
    struct weir_config config;
    weir_config_default(&config);
    config.size--;
    assert_int_equal(weir_config_check(&config, NULL, 0), WEIR_E_INVALID);
    assert_int_equal(weir_config_check(NULL, NULL, 0), WEIR_E_INVALID);
}

static void test_a_short_buffer_gets_the_start_of_the_reason(void **state)
{
    (void)state;
    struct weir_config config;
    char why[11];
    weir_config_default(&config);
    config.interfaces_max = 0;
    assert_int_equal(weir_config_check(&config, why, sizeof why), WEIR_E_CONFIG);
    assert_string_equal(why, "interfaces");
}

static void test_names_exist_for_every_number_and_no_other(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++) {
        assert_non_null(weir_drop_name(i));
        assert_non_null(weir_drop_text(i));
    }
    assert_null(weir_drop_name(WEIR_DROP_COUNT));
    assert_null(weir_drop_text(WEIR_DROP_COUNT));
    assert_string_equal(weir_drop_name(WEIR_DROP_IP4_CHECKSUM), "IP4_CHECKSUM");
    for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++) {
        assert_non_null(weir_counter_name(i));
        assert_non_null(weir_counter_text(i));
    }
    assert_null(weir_counter_name(WEIR_COUNTER_COUNT));
    assert_null(weir_counter_text(WEIR_COUNTER_COUNT));
    assert_string_equal(weir_counter_name(WEIR_COUNTER_rx_packets), "rx_packets");
}

static void test_errors_have_texts(void **state)
{
    (void)state;
    assert_string_equal(weir_strerror(WEIR_OK), "success");
    assert_int_equal(WEIR_E_INVALID, -1); /* codes keep their number */
    assert_string_equal(weir_strerror(WEIR_E_INVALID), "invalid argument");
    assert_string_equal(weir_strerror(WEIR_E_REFUSED), "refused by the peer");
    assert_string_equal(weir_strerror(-(int)WEIR_ERROR_END), "unknown error");
    assert_string_equal(weir_strerror(1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_default_is_accepted),
        cmocka_unit_test(test_each_limit_is_refused_outside_its_range_by_name),
        cmocka_unit_test(test_a_refusal_says_value_and_range),
        cmocka_unit_test(test_limits_that_contradict_each_other_are_refused),
        cmocka_unit_test(test_a_config_of_another_size_is_refused),
        cmocka_unit_test(test_a_short_buffer_gets_the_start_of_the_reason),
        cmocka_unit_test(test_names_exist_for_every_number_and_no_other),
        cmocka_unit_test(test_errors_have_texts),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
