/* SPDX-License-Identifier: MIT */
#include "wire/arp.h"

#include "packets.h"

/* RFC 826, filled in by hand: request, 02:00:00:00:00:01 10.0.0.1 asks for 10.0.0.2. */
static const uint8_t request[28] = {0, 1, 0x08, 0x00, 6,  4, 0, 1, 0x02, 0, 0,  0, 0, 1,
                                    10, 0, 0,    1,    0, 0, 0, 0, 0,    0, 10, 0, 0, 2};

static enum weir_drop parse(struct arp *m, const uint8_t *p, size_t n)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = arp_parse(m, exact, n);
    free(exact);
    return reason;
}

static void test_fields_stand_where_the_rfc_has_them(void **state)
{
    (void)state;
    struct arp m;
    assert_int_equal(parse(&m, request, 28), WEIR_DROP_NONE);
    assert_int_equal(m.operation, ARP_REQUEST);
    assert_memory_equal(m.sender_mac.b, ((uint8_t[]){2, 0, 0, 0, 0, 1}), 6);
    assert_memory_equal(m.sender.b, ((uint8_t[]){10, 0, 0, 1}), 4);
    assert_true(eth_addr_is_zero(m.target_mac));
    assert_memory_equal(m.target.b, ((uint8_t[]){10, 0, 0, 2}), 4);
}

static void test_padding_behind_the_message_is_ignored(void **state)
{
    (void)state;
    uint8_t padded[46] = {0};
    struct arp m;
    memcpy(padded, request, 28);
    assert_int_equal(parse(&m, padded, 46), WEIR_DROP_NONE);
}

static void test_every_truncation_is_dropped(void **state)
{
    (void)state;
    struct arp m;
    for (size_t n = 0; n < 28; n++)
        assert_int_equal(parse(&m, request, n), WEIR_DROP_ARP_SHORT);
}

static void test_emit_gives_back_what_was_parsed(void **state)
{
    (void)state;
    struct rng r = rng_make(2);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t message[28], out[28];
        struct arp m;
        rng_bytes(&r, message, sizeof message);
        memcpy(message, request, 7);
        message[7] = (uint8_t)rng_between(&r, 1, 2);
        assert_int_equal(parse(&m, message, 28), WEIR_DROP_NONE);
        assert_int_equal(arp_emit(out, 28, &m), 28);
        assert_memory_equal(out, message, 28);
    }
}

static void test_emit_writes_all_or_nothing(void **state)
{
    (void)state;
    struct arp m;
    uint8_t out[28];
    assert_int_equal(parse(&m, request, 28), WEIR_DROP_NONE);
    for (size_t size = 0; size < 28; size++) {
        memset(out, 0xa5, sizeof out);
        assert_int_equal(arp_emit(out, size, &m), 0);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0xa5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_stand_where_the_rfc_has_them),
        cmocka_unit_test(test_padding_behind_the_message_is_ignored),
        cmocka_unit_test(test_every_truncation_is_dropped),
        cmocka_unit_test(test_emit_gives_back_what_was_parsed),
        cmocka_unit_test(test_emit_writes_all_or_nothing),
    };
    return cmocka_run_group_tests_name("arp", tests, NULL, NULL);
}
