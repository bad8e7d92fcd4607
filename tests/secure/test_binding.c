#define _GNU_SOURCE
/* The table of bindings, and what is sealed over them. */
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

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_timer_wheel_init(&wheel, NOW);
    bl_random_init_seeded(&random_source, 7);
    bl_bindings_init(&table, &memory, &wheel, &random_source);
    ck_assert_int_eq(bl_address_parse(&address, "10.0.0.9:9", true), BELAY_OK);
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

static struct bl_binding *make(uint32_t number) {
    struct bl_binding *binding = bl_binding_create(&table, nonce_of(number), &address, 0);
    ck_assert_ptr_nonnull(binding);
    return binding;
}

START_TEST(bindings_are_found_by_tag_and_by_nonce) {
    static struct bl_binding *bindings[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        bindings[i] = make(i);
        ck_assert_uint_ne(bindings[i]->tag, 0);
    }
    for (uint32_t i = 0; i < MANY; i++) { /* so no two have the same tag either */
        ck_assert_ptr_eq(bl_bindings_by_tag(&table, bindings[i]->tag), bindings[i]);
        ck_assert_ptr_eq(bl_bindings_by_nonce(&table, nonce_of(i)), bindings[i]);
    }
    ck_assert_ptr_null(bl_bindings_by_tag(&table, 0));
    ck_assert_ptr_null(bl_bindings_by_nonce(&table, nonce_of(MANY)));
    ck_assert_uint_eq(table.pending_count, MANY);
}
END_TEST

START_TEST(a_client_takes_the_tag_that_the_server_chose) {
    struct bl_binding *binding = bl_binding_create(&table, nonce_of(1), &address, 0xcafe);
    ck_assert_uint_eq(binding->tag, 0xcafe);
    ck_assert_ptr_eq(bl_bindings_by_tag(&table, 0xcafe), binding);
}
END_TEST

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

START_TEST(what_is_sealed_can_be_opened) {
    struct bl_binding *binding = make(1);
    for (size_t size = 0; size <= BL_DATA_PAYLOAD_MAX; size++) {
        uint8_t datagram[BL_DATAGRAM_SIZE_MAX];
        struct bl_data_header header;
        size_t opened_size;
        memset(datagram, (int)size, sizeof datagram);
        size_t whole = bl_binding_seal(binding, BL_DATAGRAM_DATA, datagram, size);
        ck_assert_uint_eq(whole, size + 24);
        ck_assert_uint_eq(datagram[0], BL_DATAGRAM_DATA);
        ck_assert(bl_data_header_read(&header, datagram, whole));
        ck_assert_uint_eq(header.tag, binding->tag);
        ck_assert_uint_eq(header.number, size);
        ck_assert(bl_binding_open(binding, datagram, whole, &opened_size));
        ck_assert_uint_eq(opened_size, size);
        for (size_t i = 0; i < size; i++) {
            ck_assert(datagram[BL_DATA_HEADER_SIZE + i] == (uint8_t)size);
        }
    }
}
END_TEST

START_TEST(numbers_count_up_and_wrap) {
    struct bl_binding *binding = make(1);
    for (uint32_t i = 0; i < 70000; i++) {
        uint8_t datagram[32];
        struct bl_data_header header;
        size_t size = bl_binding_seal(binding, BL_DATAGRAM_GONE, datagram, 0);
        ck_assert(bl_data_header_read(&header, datagram, size));
        if (header.number != (uint16_t)i) {
            ck_abort_msg("datagram %u has number %u", i, header.number);
        }
    }
}
END_TEST

/* Until there is cryptography this is all that an authenticator proves. */
START_TEST(an_altered_authenticator_is_refused) {
    struct bl_binding *binding = make(1);
    uint8_t datagram[64] = {0};
    size_t opened_size;
    size_t whole = bl_binding_seal(binding, BL_DATAGRAM_DATA, datagram, 10);
    for (size_t i = whole - BL_DATA_TAG_SIZE; i < whole; i++) {
        datagram[i] ^= 0x80;
        ck_assert(!bl_binding_open(binding, datagram, whole, &opened_size));
        datagram[i] ^= 0x80;
    }
    ck_assert(bl_binding_open(binding, datagram, whole, &opened_size));
}
END_TEST

START_TEST(without_memory_no_binding_is_made_and_none_is_lost) {
    struct bl_binding *first = make(1);
    uint32_t failed_count = 0;
    for (size_t limit = memory.used + 1;; limit += 16) {
        memory.used_max = limit;
        if (bl_binding_create(&table, nonce_of(2), &address, 77) != NULL) {
            break;
        }
        failed_count++;
        ck_assert_ptr_null(bl_bindings_by_nonce(&table, nonce_of(2)));
        ck_assert_ptr_null(bl_bindings_by_tag(&table, 77));
        ck_assert_uint_eq(table.pending_count, 1);
    }
    ck_assert_uint_gt(failed_count, 1);
    ck_assert_ptr_eq(bl_bindings_by_tag(&table, first->tag), first);
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
    bl_binding_seal(make(1), BL_DATAGRAM_DATA, datagram, BL_DATA_PAYLOAD_MAX + 1);
}

static void (*const mistakes[])(void) = {bind_twice, seal_too_much};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, bindings_are_found_by_tag_and_by_nonce);
    tcase_add_test(tests, a_client_takes_the_tag_that_the_server_chose);
    tcase_add_test(tests, counts_follow_a_binding_through_its_life);
    tcase_add_test(tests, a_pending_binding_is_forgotten_at_its_deadline);
    tcase_add_test(tests, a_bound_binding_has_no_deadline_and_a_tombstone_has);
    tcase_add_test(tests, tombstones_have_a_limit);
    tcase_add_test(tests, what_is_sealed_can_be_opened);
    tcase_add_test(tests, numbers_count_up_and_wrap);
    tcase_add_test(tests, an_altered_authenticator_is_refused);
    tcase_add_test(tests, without_memory_no_binding_is_made_and_none_is_lost);
    tcase_add_test(tests, a_table_ends_with_bindings_of_every_kind);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

TEST_MAIN("secure/binding", add_tests)
