/* SPDX-License-Identifier: MIT */
#include "wire/eth.h"

#include "packets.h"

/* Destination 02:00:00:00:00:02, source 02:00:00:00:00:01, a service tag (PCP 5, DEI, VID 0xabc), a
 * customer tag (PCP 1, VID 7), IPv4. */
static const uint8_t tagged[22] = {0x02, 0,    0,    0,    0,    2,    0x02, 0,    0,    0,   0, 1,
                                   0x88, 0xa8, 0xba, 0xbc, 0x81, 0x00, 0x20, 0x07, 0x08, 0x00};

static enum weir_drop parse(struct eth *h, const uint8_t *p, size_t n)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = eth_parse(h, exact, n);
    free(exact);
    return reason;
}

static void test_untagged_header_has_its_fields(void **state)
{
    (void)state;
    static const uint8_t frame[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
                                      3,    4,    5,    6,    7,    0x86, 0xdd};
    struct eth h;
    assert_int_equal(parse(&h, frame, 14), WEIR_DROP_NONE);
    assert_true(eth_addr_is_broadcast(h.destination));
    assert_memory_equal(h.source.b, ((uint8_t[]){2, 3, 4, 5, 6, 7}), 6);
    assert_int_equal(h.type, ETH_TYPE_IP6);
    assert_int_equal(h.vlan_count, 0);
    assert_int_equal(eth_header_len(&h), 14);
}

static void test_both_tags_have_their_fields(void **state)
{
    (void)state;
    struct eth h;
    assert_int_equal(parse(&h, tagged, 22), WEIR_DROP_NONE);
    assert_int_equal(h.type, ETH_TYPE_IP4);
    assert_int_equal(h.vlan_count, 2);
    assert_int_equal(eth_header_len(&h), 22);
    assert_int_equal(h.vlan[0].tpid, ETH_TYPE_QINQ);
    assert_int_equal(h.vlan[0].pcp, 5);
    assert_true(h.vlan[0].dei);
    assert_int_equal(h.vlan[0].vid, 0xabc);
    assert_int_equal(h.vlan[1].tpid, ETH_TYPE_VLAN);
    assert_int_equal(h.vlan[1].pcp, 1);
    assert_false(h.vlan[1].dei);
    assert_int_equal(h.vlan[1].vid, 7);
}

static void test_every_truncation_is_dropped(void **state)
{
    (void)state;
    struct eth h;
    for (size_t n = 0; n < sizeof tagged; n++)
        assert_int_equal(parse(&h, tagged, n), WEIR_DROP_ETH_SHORT);
}

static void test_type_decides_from_0x600_on(void **state)
{
    (void)state;
    uint8_t frame[14] = {0};
    struct eth h;
    for (unsigned type = 0; type <= 0xffff; type++) {
        store16(frame + 12, (uint16_t)type);
        enum weir_drop want = WEIR_DROP_NONE;
        if (type < 0x600)
            want = WEIR_DROP_ETH_TYPE;
        else if (type == 0x8100 || type == 0x88a8)
            want = WEIR_DROP_ETH_SHORT; /* the tag is missing */
        assert_int_equal(eth_parse(&h, frame, 14), want);
    }
}

static void test_a_length_behind_a_tag_is_dropped_too(void **state)
{
    (void)state;
    static const uint8_t frame[18] = {2, 0, 0, 0,    0, 2, 2, 0,    0,
                                      0, 0, 1, 0x81, 0, 0, 5, 0x05, 0xff};
    struct eth h;
    assert_int_equal(parse(&h, frame, 18), WEIR_DROP_ETH_TYPE);
}

static void test_emit_gives_back_what_was_parsed(void **state)
{
    (void)state;
    struct rng r = rng_make(1);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t frame[22], out[22];
        struct eth h, again;
        rng_bytes(&r, frame, sizeof frame);
        unsigned tags = (unsigned)rng_below(&r, 3);
        if (tags > 0)
            store16(frame + 12, rng_chance(&r, (struct ratio){1, 2}) ? 0x8100 : 0x88a8);
        if (tags > 1)
            store16(frame + 16, rng_chance(&r, (struct ratio){1, 2}) ? 0x8100 : 0x88a8);
        store16(frame + 12 + 4 * tags, (uint16_t)rng_between(&r, 0x600, 0x80ff));
        assert_int_equal(parse(&h, frame, 14 + 4 * tags), WEIR_DROP_NONE);
        assert_int_equal(h.vlan_count, tags);
        assert_int_equal(eth_emit(out, sizeof out, &h), 14 + 4 * tags);
        assert_memory_equal(out, frame, 14 + 4 * tags);
        assert_int_equal(parse(&again, out, 14 + 4 * tags), WEIR_DROP_NONE);
        assert_int_equal(again.type, h.type);
    }
}

static void test_emit_writes_all_or_nothing(void **state)
{
    (void)state;
    struct eth h;
    uint8_t out[22];
    assert_int_equal(parse(&h, tagged, 22), WEIR_DROP_NONE);
    for (size_t size = 0; size < 22; size++) {
        memset(out, 0xa5, sizeof out);
        assert_int_equal(eth_emit(out, size, &h), 0);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0xa5);
    }
    h.vlan_count = ETH_VLANS_MAX + 1;
    assert_int_equal(eth_emit(out, sizeof out, &h), 0);
}

static void test_padding_reaches_the_minimum_and_no_further(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 64; len++) {
        uint8_t frame[80];
        size_t want = len < 60 ? 60 : len;
        memset(frame, 0xa5, sizeof frame);
        assert_int_equal(eth_padding_len(len), want - len);
        if (want > len)
            assert_int_equal(eth_pad(frame, want - 1, len), 0);
        assert_int_equal(eth_pad(frame, want, len), want);
        for (size_t i = 0; i < sizeof frame; i++)
            assert_int_equal(frame[i], i >= len && i < want ? 0 : 0xa5);
    }
    uint8_t frame[8];
    assert_int_equal(eth_pad(frame, 8, 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_untagged_header_has_its_fields),
        cmocka_unit_test(test_both_tags_have_their_fields),
        cmocka_unit_test(test_every_truncation_is_dropped),
        cmocka_unit_test(test_type_decides_from_0x600_on),
        cmocka_unit_test(test_a_length_behind_a_tag_is_dropped_too),
        cmocka_unit_test(test_emit_gives_back_what_was_parsed),
        cmocka_unit_test(test_emit_writes_all_or_nothing),
        cmocka_unit_test(test_padding_reaches_the_minimum_and_no_further),
    };
    return cmocka_run_group_tests_name("eth", tests, NULL, NULL);
}
