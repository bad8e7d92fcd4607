/* The queue of what a session has to tell. */
#include "lib/session/inbox.h"
#include "tests/support/test.h"

static struct bl_memory memory;
static struct bl_shared shared;
static struct bl_inbox inbox;

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    shared = (struct bl_shared){.memory = &memory};
    inbox = (struct bl_inbox){0};
}

static void finish(void) {
    struct bl_message *message;
    while ((message = bl_inbox_pop(&inbox)) != NULL) {
        bl_message_free(&shared, message);
    }
    bl_shared_finish(&shared);
    ck_assert_uint_eq(memory.used, 0);
}

static void record(enum belay_event_type type, uint32_t number) {
    bl_inbox_record(&inbox, &(struct bl_record){.type = (uint8_t)type, .numbers = {number}});
}

static void must_be_next(enum belay_event_type type, uint32_t number) {
    struct bl_record out;
    ck_assert(bl_inbox_take_record(&inbox, &out));
    ck_assert_str_eq(belay_event_name((enum belay_event_type)out.type), belay_event_name(type));
    ck_assert_uint_eq(out.numbers[0], number);
}

static void must_be_empty(void) {
    struct bl_record out;
    ck_assert(!bl_inbox_take_record(&inbox, &out));
    ck_assert(bl_inbox_is_empty(&inbox));
}

START_TEST(an_empty_inbox_has_nothing) {
    must_be_empty();
    ck_assert_ptr_null(bl_inbox_pop(&inbox));
}
END_TEST

START_TEST(events_come_in_the_order_in_which_things_happened) {
    for (uint32_t round = 0; round < 100; round++) { /* many times around the ring */
        record(BELAY_EVENT_STATE, round);
        record(BELAY_EVENT_LOGIN, round + 1);
        record(BELAY_EVENT_STATE, round + 2);
        record(BELAY_EVENT_OPEN, round + 3);
        record(BELAY_EVENT_DOWN, round + 4);
        ck_assert(!bl_inbox_is_empty(&inbox));
        must_be_next(BELAY_EVENT_STATE, round);
        must_be_next(BELAY_EVENT_LOGIN, round + 1);
        must_be_next(BELAY_EVENT_STATE, round + 2);
        must_be_next(BELAY_EVENT_OPEN, round + 3);
        must_be_next(BELAY_EVENT_DOWN, round + 4);
        must_be_empty();
    }
}
END_TEST

static const enum belay_event_type merging[] = {BELAY_EVENT_LINK, BELAY_EVENT_BACKPRESSURE};

START_TEST(only_the_newest_of_a_kind_that_repeats_is_told) {
    enum belay_event_type other = merging[1 - _i];
    for (uint32_t i = 0; i < 1000; i++) {
        record(merging[_i], i);
        record(other, 1000 + i);
    }
    record(BELAY_EVENT_OPEN, 7);
    record(merging[_i], 5000);
    must_be_next(other, 1999);
    must_be_next(BELAY_EVENT_OPEN, 7);
    must_be_next(merging[_i], 5000);
    must_be_empty();
}
END_TEST

START_TEST(one_that_was_told_does_not_merge_with_the_next) {
    record(merging[_i], 1);
    must_be_next(merging[_i], 1);
    record(merging[_i], 2);
    must_be_next(merging[_i], 2);
}
END_TEST

/** The most that happens to a session that nobody polls, with state events on. */
START_TEST(a_whole_life_fits) {
    record(BELAY_EVENT_STATE, 1);
    record(BELAY_EVENT_STATE, 2);
    record(BELAY_EVENT_LOGIN, 3);
    record(BELAY_EVENT_STATE, 4);
    record(BELAY_EVENT_OPEN, 5);
    record(BELAY_EVENT_LINK, 6);
    record(BELAY_EVENT_BACKPRESSURE, 7);
    record(BELAY_EVENT_STATE, 8);
    record(BELAY_EVENT_STATE, 9);
    record(BELAY_EVENT_DOWN, 10);
    record(BELAY_EVENT_STATE, 11);
    record(BELAY_EVENT_STATE, 12);
    must_be_next(BELAY_EVENT_STATE, 1);
    must_be_next(BELAY_EVENT_STATE, 2);
    must_be_next(BELAY_EVENT_LOGIN, 3);
}
END_TEST

START_TEST(in_a_full_inbox_the_oldest_state_event_makes_room) {
    record(BELAY_EVENT_LOGIN, 0);
    record(BELAY_EVENT_OPEN, 1);
    for (uint32_t i = 2; i < 1000; i++) {
        record(BELAY_EVENT_STATE, i);
    }
    record(BELAY_EVENT_DOWN, 1000);
    ck_assert_uint_eq(inbox.record_count, BL_RECORDS_MAX);
    must_be_next(BELAY_EVENT_LOGIN, 0);
    must_be_next(BELAY_EVENT_OPEN, 1);
    for (uint32_t i = 1000 - (BL_RECORDS_MAX - 3); i < 1000; i++) {
        must_be_next(BELAY_EVENT_STATE, i);
    }
    must_be_next(BELAY_EVENT_DOWN, 1000);
    must_be_empty();
}
END_TEST

/** Whatever the other side repeats and however long nobody polls. */
START_TEST(lifecycle_events_are_never_lost) {
    static const enum belay_event_type repeated[] = {BELAY_EVENT_STATE, BELAY_EVENT_LINK,
                                                     BELAY_EVENT_BACKPRESSURE, BELAY_EVENT_DRAIN};
    record(BELAY_EVENT_LOGIN, 1);
    record(BELAY_EVENT_OPEN, 2);
    for (uint32_t i = 0; i < 1000; i++) {
        record(repeated[_i], i);
    }
    record(BELAY_EVENT_DOWN, 3);
    must_be_next(BELAY_EVENT_LOGIN, 1);
    must_be_next(BELAY_EVENT_OPEN, 2);
    struct bl_record out = {0};
    while (bl_inbox_take_record(&inbox, &out) && out.type == repeated[_i]) {
    }
    ck_assert_uint_eq(out.type, BELAY_EVENT_DOWN);
}
END_TEST

static void must_be_refused(enum belay_move_verdict verdict, uint8_t lane, uint32_t tick,
                            uint32_t count) {
    struct bl_record out;
    ck_assert(bl_inbox_take_record(&inbox, &out));
    ck_assert_uint_eq(out.type, BELAY_EVENT_MOVE_REFUSED);
    ck_assert_str_eq(belay_move_verdict_name((enum belay_move_verdict)out.from),
                     belay_move_verdict_name(verdict));
    ck_assert_uint_eq(out.to, lane);
    ck_assert_uint_eq(out.numbers[0], tick);
    ck_assert_uint_eq(out.numbers[1], count);
}

START_TEST(refused_inputs_are_one_event_for_each_verdict) {
    bl_inbox_count_refused(&inbox, BELAY_MOVE_FUTURE, 0, 100);
    record(BELAY_EVENT_DOWN, 1);
    bl_inbox_count_refused(&inbox, BELAY_MOVE_CONFLICT, 1, 90);
    for (uint32_t i = 1; i <= 100000; i++) { /* a flood of both */
        bl_inbox_count_refused(&inbox, BELAY_MOVE_FUTURE, 2, 100 + i);
        bl_inbox_count_refused(&inbox, BELAY_MOVE_CONFLICT, 3, 90 - i);
    }
    bl_inbox_count_refused(&inbox, BELAY_MOVE_OVER_BUDGET, 4, 7);
    ck_assert_uint_eq(inbox.record_count, 4);
    must_be_refused(BELAY_MOVE_FUTURE, 2, 100100, 100001);
    must_be_next(BELAY_EVENT_DOWN, 1);
    must_be_refused(BELAY_MOVE_CONFLICT, 3, 90 - 100000U, 100001);
    must_be_refused(BELAY_MOVE_OVER_BUDGET, 4, 7, 1);
    must_be_empty();
}
END_TEST

START_TEST(refused_inputs_are_counted_anew_when_they_were_told) {
    bl_inbox_count_refused(&inbox, BELAY_MOVE_CONFLICT, 0, 5);
    bl_inbox_count_refused(&inbox, BELAY_MOVE_CONFLICT, 0, 6);
    must_be_refused(BELAY_MOVE_CONFLICT, 0, 6, 2);
    bl_inbox_count_refused(&inbox, BELAY_MOVE_CONFLICT, 0, 7);
    must_be_refused(BELAY_MOVE_CONFLICT, 0, 7, 1);
    must_be_empty();
}
END_TEST

/* Whoever cheats cannot push out what the application must know. */
START_TEST(in_a_full_inbox_refused_inputs_make_room_after_states) {
    record(BELAY_EVENT_LOGIN, 1);
    bl_inbox_count_refused(&inbox, BELAY_MOVE_FUTURE, 0, 5);
    record(BELAY_EVENT_STATE, 2);
    while (inbox.record_count < BL_RECORDS_MAX) {
        record(BELAY_EVENT_OPEN, 3);
    }
    bl_inbox_count_refused(&inbox, BELAY_MOVE_CONFLICT, 0, 6); /* instead of the state */
    record(BELAY_EVENT_DOWN, 4);                               /* instead of the older one */
    ck_assert_uint_eq(inbox.record_count, BL_RECORDS_MAX);
    must_be_next(BELAY_EVENT_LOGIN, 1);
    for (unsigned i = 0; i < BL_RECORDS_MAX - 3; i++) {
        must_be_next(BELAY_EVENT_OPEN, 3);
    }
    must_be_refused(BELAY_MOVE_CONFLICT, 0, 6, 1);
    must_be_next(BELAY_EVENT_DOWN, 4);
    must_be_empty();
}
END_TEST

START_TEST(messages_come_in_the_order_in_which_they_were_pushed) {
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            struct bl_message *message = bl_message_create(&shared);
            ck_assert_ptr_nonnull(message);
            message->sequence = i;
            bl_inbox_push(&inbox, message);
            ck_assert_uint_eq(inbox.message_count, i + 1);
            ck_assert(!bl_inbox_is_empty(&inbox));
        }
        for (uint32_t i = 0; i < 100; i++) {
            struct bl_message *message = bl_inbox_pop(&inbox);
            ck_assert_uint_eq(message->sequence, i);
            bl_message_free(&shared, message);
        }
        must_be_empty();
    }
}
END_TEST

START_TEST(a_freed_message_is_used_again_as_new) {
    struct bl_message *message = bl_message_create(&shared);
    size_t used = memory.used;
    message->block = bl_allocate(&memory, 100);
    message->block_size = 100;
    message->kind = BL_MESSAGE_RETURNED;
    message->sequence = 9;
    bl_message_free(&shared, message);
    ck_assert_uint_eq(memory.used, used);
    struct bl_message *again = bl_message_create(&shared);
    ck_assert_ptr_eq(again, message);
    ck_assert_ptr_null(again->block);
    ck_assert_ptr_null(again->next);
    ck_assert_int_eq(again->kind, BL_MESSAGE_RECEIVED);
    ck_assert_uint_eq(again->sequence, 0);
    bl_message_free(&shared, again);
    bl_message_free(&shared, NULL);
}
END_TEST

START_TEST(without_memory_there_is_no_message) {
    memory.used_max = 1;
    ck_assert_ptr_null(bl_message_create(&shared));
}
END_TEST

START_TEST(an_end_that_was_not_told_is_something_to_tell) {
    inbox.closed = true;
    ck_assert(!bl_inbox_is_empty(&inbox));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, an_empty_inbox_has_nothing);
    tcase_add_test(tests, events_come_in_the_order_in_which_things_happened);
    tcase_add_loop_test(tests, only_the_newest_of_a_kind_that_repeats_is_told, 0,
                        COUNT_OF(merging));
    tcase_add_loop_test(tests, one_that_was_told_does_not_merge_with_the_next, 0,
                        COUNT_OF(merging));
    tcase_add_test(tests, a_whole_life_fits);
    tcase_add_test(tests, in_a_full_inbox_the_oldest_state_event_makes_room);
    tcase_add_loop_test(tests, lifecycle_events_are_never_lost, 0, 4);
    tcase_add_test(tests, refused_inputs_are_one_event_for_each_verdict);
    tcase_add_test(tests, refused_inputs_are_counted_anew_when_they_were_told);
    tcase_add_test(tests, in_a_full_inbox_refused_inputs_make_room_after_states);
    tcase_add_test(tests, messages_come_in_the_order_in_which_they_were_pushed);
    tcase_add_test(tests, a_freed_message_is_used_again_as_new);
    tcase_add_test(tests, without_memory_there_is_no_message);
    tcase_add_test(tests, an_end_that_was_not_told_is_something_to_tell);
}

TEST_MAIN("session/inbox", add_tests)
