#define _GNU_SOURCE
/* The table of bindings, the tags that lead to them, and what is sealed over them. */
#include "lib/net/net.h"
#include "lib/secure/binding.h"
#include "tests/support/child.h"
#include "tests/support/test.h"

#define NOW  (1000 * BL_SECOND)
#define MANY 5000

static struct bl_memory memory;
static struct bl_timer_wheel wheel;
static struct bl_random random_source;
static struct bl_bindings table;
static struct bl_address address;

static void start_as(bool server) {
    bl_memory_init(&memory, NULL, 0);
    bl_timer_wheel_init(&wheel, NOW);
    bl_random_init_seeded(&random_source, 7);
    bl_bindings_init(&table, &memory, &wheel, &random_source, server);
    ck_assert_int_eq(bl_address_parse(&address, "10.0.0.9:9", true), BELAY_OK);
}

static void start(void) {
    start_as(true);
}

static void start_as_client(void) {
    start_as(false);
}

static void finish(void) {
    bl_bindings_finish(&table);
    ck_assert_uint_eq(memory.used, 0);
    ck_assert_uint_eq(wheel.count, 0);
}

static const uint8_t *nonce_of(uint32_t number) {
    static uint8_t nonce[BL_NONCE_SIZE];
    memset(nonce, 0, sizeof nonce);
    memcpy(nonce, &number, sizeof number);
    return nonce;
}

static struct bl_binding *try_make(uint32_t number, uint32_t tag, uint32_t spare_tag) {
    const struct bl_binding_terms terms = {
        .nonce = nonce_of(number),
        .pair = {.remote = address},
        .keys = {.up = {{1}}, .down = {{2}}},
        .params = {.tag = tag, .spare_tag = spare_tag},
    };
    return bl_binding_create(&table, &terms, NOW);
}

/** A server's; the tags of the terms mean nothing to it. */
static struct bl_binding *make(uint32_t number) {
    struct bl_binding *binding = try_make(number, 1, 1);
    ck_assert_ptr_nonnull(binding);
    return binding;
}

static void must_lead_to(uint32_t tag, const struct bl_binding *binding) {
    ck_assert_ptr_eq(bl_bindings_by_tag(&table, tag), binding);
}

static void must_lead_nowhere(uint32_t tag) {
    ck_assert_ptr_null(bl_bindings_by_tag(&table, tag));
}

START_TEST(bindings_are_found_by_tag_and_by_nonce) {
    static struct bl_binding *bindings[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        bindings[i] = make(i);
        ck_assert_uint_ne(bindings[i]->tag, 0);
        ck_assert_uint_ne(bindings[i]->spare_tag, 0);
    }
    for (uint32_t i = 0; i < MANY; i++) { /* so no two have the same tag either */
        must_lead_to(bindings[i]->tag, bindings[i]);
        must_lead_to(bindings[i]->spare_tag, bindings[i]);
        ck_assert_ptr_eq(bl_bindings_by_nonce(&table, nonce_of(i)), bindings[i]);
    }
    must_lead_nowhere(0);
    ck_assert_ptr_null(bl_bindings_by_nonce(&table, nonce_of(MANY)));
    ck_assert_uint_eq(table.pending_count, MANY);
}
END_TEST

/* A server's tags. */

START_TEST(a_server_follows_to_the_spare_and_takes_the_old_tag_until_the_next_time) {
    struct bl_binding *binding = make(1);
    uint32_t first = binding->tag, second = binding->spare_tag;
    bl_binding_follow(binding);
    uint32_t third = binding->spare_tag;
    ck_assert_uint_eq(binding->tag, second);
    must_lead_to(first, binding);
    must_lead_to(second, binding);
    must_lead_to(third, binding);
    bl_binding_follow(binding);
    ck_assert_uint_eq(binding->tag, third);
    must_lead_nowhere(first);
    must_lead_to(second, binding);
    must_lead_to(third, binding);
    must_lead_to(binding->spare_tag, binding);
    ck_assert_uint_eq(table.by_tag.count, 3);
}
END_TEST

START_TEST(a_server_without_memory_for_a_new_spare_has_none) {
    for (uint32_t i = 0; i < 6; i++) {
        make(i); /* twelve tags: the table is full, and must grow */
    }
    struct bl_binding *binding = bl_bindings_by_nonce(&table, nonce_of(3));
    uint32_t first = binding->tag, second = binding->spare_tag;
    memory.used_max = memory.used;
    bl_binding_follow(binding);
    ck_assert_uint_eq(binding->tag, second);
    ck_assert_uint_eq(binding->spare_tag, 0);
    must_lead_to(first, binding);
    must_lead_to(second, binding);
}
END_TEST

START_TEST(a_binding_that_goes_takes_all_its_tags_with_it) {
    struct bl_binding *binding = make(1);
    bl_binding_follow(binding);
    uint32_t tags[] = {binding->tag, binding->spare_tag, binding->former_tag};
    bl_binding_destroy(binding);
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        must_lead_nowhere(tags[i]);
    }
    ck_assert_uint_eq(table.by_tag.count, 0);
}
END_TEST

START_TEST(a_tombstone_is_found_by_each_of_its_tags) {
    struct bl_binding *binding = make(1);
    bl_binding_follow(binding);
    bl_binding_bind(binding, &address);
    bl_binding_end(binding, NOW + BL_SECOND);
    must_lead_to(binding->tag, binding);
    must_lead_to(binding->spare_tag, binding);
    must_lead_to(binding->former_tag, binding);
}
END_TEST

/* A client's tags. */

static struct bl_binding *take(uint32_t number, uint32_t tag, uint32_t spare_tag) {
    struct bl_binding *binding = try_make(number, tag, spare_tag);
    ck_assert_ptr_nonnull(binding);
    return binding;
}

START_TEST(a_client_takes_the_tags_that_the_server_chose) {
    struct bl_binding *binding = take(1, 0xcafe, 0xbeef);
    ck_assert_uint_eq(binding->tag, 0xcafe);
    ck_assert_uint_eq(binding->spare_tag, 0xbeef);
    must_lead_to(0xcafe, binding);
    must_lead_to(0xbeef, binding);
}
END_TEST

START_TEST(a_client_takes_no_tag_that_is_in_use) {
    static const uint32_t taken[][2] = {{1, 3}, {3, 1}, {2, 3}, {3, 2}, {3, 3}, {1, 2}};
    struct bl_binding *first = take(1, 1, 2);
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        ck_assert_ptr_null(try_make(2, taken[i][0], taken[i][1]));
        ck_assert_ptr_null(bl_bindings_by_nonce(&table, nonce_of(2)));
        must_lead_nowhere(3);
        must_lead_to(1, first);
        must_lead_to(2, first);
    }
    ck_assert_uint_eq(table.pending_count, 1);
}
END_TEST

START_TEST(a_client_uses_its_spare_once) {
    struct bl_binding *binding = take(1, 1, 2);
    bl_binding_use_spare(binding);
    ck_assert_uint_eq(binding->tag, 2);
    ck_assert_uint_eq(binding->spare_tag, 0);
    bl_binding_use_spare(binding); /* there is none: better the same tag than no word */
    ck_assert_uint_eq(binding->tag, 2);
    must_lead_to(1, binding); /* what the server sent before it followed */
    must_lead_to(2, binding);
}
END_TEST

START_TEST(a_client_takes_a_new_spare_in_place_of_the_old) {
    struct bl_binding *binding = take(1, 1, 2);
    bl_binding_take_spare(binding, 3);
    ck_assert_uint_eq(binding->spare_tag, 3);
    must_lead_to(3, binding);
    must_lead_nowhere(2);
    bl_binding_use_spare(binding);
    bl_binding_take_spare(binding, 4);
    bl_binding_use_spare(binding);
    ck_assert_uint_eq(binding->tag, 4);
    must_lead_nowhere(1); /* two changes ago */
    must_lead_to(3, binding);
}
END_TEST

START_TEST(a_client_takes_no_spare_that_is_none) {
    static const uint32_t none[] = {0, 1, 2, 5, 6};
    struct bl_binding *binding = take(1, 1, 2);
    struct bl_binding *other = take(2, 5, 6);
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        bl_binding_take_spare(binding, none[i]);
        ck_assert_uint_eq(binding->tag, 1);
        ck_assert_uint_eq(binding->spare_tag, 2);
    }
    must_lead_to(2, binding);
    must_lead_to(5, other);
    must_lead_to(6, other);
    ck_assert_uint_eq(table.by_tag.count, 4);
}
END_TEST

/* Life. */

START_TEST(counts_follow_a_binding_through_its_life) {
    struct bl_binding *binding = make(1);
    int peer;
    ck_assert_uint_eq(table.pending_count, 1);
    bl_binding_bind(binding, &peer);
    ck_assert_uint_eq(table.pending_count, 0);
    ck_assert_uint_eq(table.bound_count, 1);
    ck_assert_ptr_eq(binding->peer, &peer);
    bl_binding_end(binding, NOW + BL_SECOND);
    ck_assert_uint_eq(table.bound_count, 0);
    ck_assert_ptr_null(binding->peer);
    bl_binding_destroy(binding);
    bl_binding_destroy(make(2));
    ck_assert_uint_eq(table.pending_count, 0);
}
END_TEST

START_TEST(a_pending_binding_is_forgotten_at_its_deadline) {
    bl_binding_expire_at(make(1), NOW + 5 * BL_SECOND);
    bl_timer_wheel_advance(&wheel, NOW + 5 * BL_SECOND - BL_MILLISECOND);
    ck_assert_ptr_nonnull(bl_bindings_by_nonce(&table, nonce_of(1)));
    bl_timer_wheel_advance(&wheel, NOW + 5 * BL_SECOND);
    ck_assert_ptr_null(bl_bindings_by_nonce(&table, nonce_of(1)));
    ck_assert_uint_eq(table.pending_count, 0);
}
END_TEST

START_TEST(a_bound_binding_has_no_deadline_and_a_tombstone_has) {
    struct bl_binding *binding = make(1);
    uint32_t tag = binding->tag;
    bl_binding_expire_at(binding, NOW + 5 * BL_SECOND);
    bl_binding_bind(binding, &address);
    bl_timer_wheel_advance(&wheel, NOW + 3600 * BL_SECOND);
    ck_assert_ptr_eq(bl_bindings_by_tag(&table, tag), binding);
    bl_binding_end(binding, NOW + 3605 * BL_SECOND);
    bl_timer_wheel_advance(&wheel, NOW + 3605 * BL_SECOND - BL_MILLISECOND);
    ck_assert_ptr_eq(bl_bindings_by_tag(&table, tag), binding);
    bl_timer_wheel_advance(&wheel, NOW + 3605 * BL_SECOND);
    ck_assert_ptr_null(bl_bindings_by_tag(&table, tag));
}
END_TEST

/** Whether a binding that ends now leaves a tombstone. */
static bool is_buried(uint32_t number) {
    struct bl_binding *binding = make(number);
    bl_binding_bind(binding, &address);
    bl_binding_end(binding, NOW + BL_SECOND);
    return bl_bindings_by_nonce(&table, nonce_of(number)) != NULL;
}

START_TEST(tombstones_have_a_limit) {
    for (uint32_t i = 0; i < BL_TOMBSTONES_MAX; i++) {
        ck_assert(is_buried(i));
    }
    size_t used = memory.used;
    ck_assert(!is_buried(BL_TOMBSTONES_MAX));
    ck_assert_uint_eq(memory.used, used);
    ck_assert_uint_eq(table.bound_count, 0);
    bl_timer_wheel_advance(&wheel, NOW + BL_SECOND);
    ck_assert(is_buried(0)); /* the old ones have fallen */
}
END_TEST

/* What is sealed. */

/** The other end's keys: what seals here opens there. */
static struct bl_protection other_end(bool server) {
    struct bl_secret keys[2] = {{{1}}, {{2}}};
    struct bl_protection protection;
    if (server) {
        keys[0].bytes[0] = 2;
        keys[1].bytes[0] = 1;
    }
    bl_protection_init(&protection, BL_SUITE_CHACHA20, keys, NOW);
    return protection;
}

static void must_open_what_it_seals(struct bl_binding *binding, uint32_t first_number) {
    struct bl_protection other = other_end(!table.server);
    for (uint32_t size = 0; size <= BL_DATA_PAYLOAD_MAX; size += 53) {
        uint8_t datagram[BL_DATAGRAM_SIZE_MAX];
        struct bl_protected in = {.datagram = datagram, .payload_size = size};
        memset(datagram, 0x5a, sizeof datagram);
        size_t whole = bl_binding_seal(binding, BL_DATAGRAM_DATA, datagram, size, NOW);
        ck_assert_uint_eq(whole, BL_DATA_HEADER_SIZE + size + BL_DATA_TAG_SIZE);
        ck_assert(bl_data_header_read(&in.header, datagram, whole));
        ck_assert_uint_eq(in.header.tag, binding->tag);
        ck_assert_uint_eq(in.header.number, first_number + size / 53);
        ck_assert_uint_eq(datagram[1], table.server ? 0 : binding->tag >> 24);
        ck_assert(bl_protection_open(&other, &in, NOW));
        for (size_t i = 0; i < size; i++) {
            ck_assert(datagram[BL_DATA_HEADER_SIZE + i] == 0x5a);
        }
    }
}

START_TEST(what_a_server_seals_a_client_opens_from_number_1_on) {
    must_open_what_it_seals(make(1), 1); /* its 0 was the ACCEPT */
}
END_TEST

START_TEST(what_a_client_seals_a_server_opens_and_the_tag_steers_it) {
    must_open_what_it_seals(take(1, 0xab000001, 2), 0);
}
END_TEST

static bool arrives(struct bl_protection *from, struct bl_protection *at, bl_time now) {
    uint8_t datagram[64];
    struct bl_protected out = {.header = {.kind = BL_DATAGRAM_DATA, .tag = 7},
                               .datagram = datagram};
    struct bl_protected in = {.datagram = datagram};
    size_t size = bl_protection_seal(from, &out, now);
    return bl_data_header_read(&in.header, datagram, size) && bl_protection_open(at, &in, now);
}

/** Its next datagram would be of two phases on, which the other side takes for one of the phase
 * before. */
START_TEST(a_side_that_follows_and_is_then_silent_leaves_no_phase_in_which_it_said_nothing) {
    struct bl_protection talker = other_end(false), listener = other_end(true);
    ck_assert(arrives(&listener, &talker, NOW));
    ck_assert(arrives(&talker, &listener, NOW));
    ck_assert(arrives(&talker, &listener, NOW + BL_PHASE_TIME));
    ck_assert(talker.phase && listener.phase);
    ck_assert(arrives(&listener, &talker, NOW + 3 * BL_PHASE_TIME));
    ck_assert(arrives(&listener, &talker, NOW + 3 * BL_PHASE_TIME));
    ck_assert(arrives(&talker, &listener, NOW + 3 * BL_PHASE_TIME));
}
END_TEST

START_TEST(after_a_change_of_network_the_spare_is_the_tag_that_leaves) {
    struct bl_binding *binding = take(1, 0xab000001, 0xcd000001);
    uint8_t datagram[64];
    struct bl_data_header header;
    bl_binding_use_spare(binding);
    size_t size = bl_binding_seal(binding, BL_DATAGRAM_GONE, datagram, 0, NOW);
    ck_assert(bl_data_header_read(&header, datagram, size));
    ck_assert_uint_eq(header.tag, 0xcd000001);
    ck_assert_uint_eq(datagram[1], 0xcd);
}
END_TEST

START_TEST(without_memory_no_binding_is_made_and_none_is_lost) {
    struct bl_binding *first = try_make(1, 75, 76);
    uint32_t failed_count = 0;
    for (size_t limit = memory.used + 1;; limit += 16) {
        memory.used_max = limit;
        if (try_make(2, 77, 78) != NULL) {
            break;
        }
        failed_count++;
        ck_assert_ptr_null(bl_bindings_by_nonce(&table, nonce_of(2)));
        ck_assert_uint_eq(table.by_tag.count, table.by_nonce.count * 2);
        ck_assert_uint_eq(table.pending_count, 1);
    }
    ck_assert_uint_gt(failed_count, 1);
    must_lead_to(first->tag, first);
}
END_TEST

START_TEST(a_table_ends_with_bindings_of_every_kind) {
    bl_binding_expire_at(make(1), NOW + BL_SECOND);
    bl_binding_bind(make(2), &address);
    struct bl_binding *ended = make(3);
    bl_binding_bind(ended, &address);
    bl_binding_end(ended, NOW + BL_SECOND);
} /* finish() finds out */
END_TEST

static void bind_twice(void) {
    start();
    struct bl_binding *binding = make(1);
    bl_binding_bind(binding, &address);
    bl_binding_bind(binding, &address);
}

static void seal_too_much(void) {
    static uint8_t datagram[2000];
    start();
    bl_binding_seal(make(1), BL_DATAGRAM_DATA, datagram, BL_DATA_PAYLOAD_MAX + 1, NOW);
}

static void (*const mistakes[])(void) = {bind_twice, seal_too_much};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void add_servers(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, bindings_are_found_by_tag_and_by_nonce);
    tcase_add_test(tests, a_server_follows_to_the_spare_and_takes_the_old_tag_until_the_next_time);
    tcase_add_test(tests, a_server_without_memory_for_a_new_spare_has_none);
    tcase_add_test(tests, a_binding_that_goes_takes_all_its_tags_with_it);
    tcase_add_test(tests, a_tombstone_is_found_by_each_of_its_tags);
    tcase_add_test(tests, counts_follow_a_binding_through_its_life);
    tcase_add_test(tests, a_pending_binding_is_forgotten_at_its_deadline);
    tcase_add_test(tests, a_bound_binding_has_no_deadline_and_a_tombstone_has);
    tcase_add_test(tests, tombstones_have_a_limit);
    tcase_add_test(tests, what_a_server_seals_a_client_opens_from_number_1_on);
    tcase_add_test(tests,
                   a_side_that_follows_and_is_then_silent_leaves_no_phase_in_which_it_said_nothing);
    tcase_add_test(tests, without_memory_no_binding_is_made_and_none_is_lost);
    tcase_add_test(tests, a_table_ends_with_bindings_of_every_kind);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

static void add_clients(TCase *tests) {
    tcase_add_checked_fixture(tests, start_as_client, finish);
    tcase_add_test(tests, a_client_takes_the_tags_that_the_server_chose);
    tcase_add_test(tests, a_client_takes_no_tag_that_is_in_use);
    tcase_add_test(tests, a_client_uses_its_spare_once);
    tcase_add_test(tests, a_client_takes_a_new_spare_in_place_of_the_old);
    tcase_add_test(tests, a_client_takes_no_spare_that_is_none);
    tcase_add_test(tests, what_a_client_seals_a_server_opens_and_the_tag_steers_it);
    tcase_add_test(tests, after_a_change_of_network_the_spare_is_the_tag_that_leaves);
    tcase_add_test(tests, without_memory_no_binding_is_made_and_none_is_lost);
}

int main(void) {
    Suite *suite = suite_create("secure/binding");
    TCase *servers = tcase_create("a server's"), *clients = tcase_create("a client's");
    tcase_set_timeout(servers, 300);
    add_servers(servers);
    add_clients(clients);
    suite_add_tcase(suite, servers);
    suite_add_tcase(suite, clients);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
