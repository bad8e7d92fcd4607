/* Memory runs out while both sides ask, answer and cancel, at every single allocation: each request
 * has its one end, both sides count alike afterwards, or the session ends and says so. */
#include "tests/support/questions.h"

#define RTT_MS 20
#define EACH   3 /* requests, both ways: one is answered, one cancelled, one left to its deadline */

static void fail_from(uint64_t call, bool on) {
    world_memory.fail_at = call > 0 ? world_memory.calls + call : 0;
    world_memory.fail_on = on;
}

static void try_to_ask(struct questions *questions) {
    for (int i = 0; i < 2 * EACH; i++) {
        enum belay_result result = ask_with(questions, i % 2 == 0 ? UP : DOWN, 0, 2000, 1000);
        must(result == BELAY_OK || result == BELAY_E_NO_MEMORY || result == BELAY_E_GONE);
    }
}

/** An answer that finds no memory is still to be given. */
static void try_to_answer(struct questions *questions) {
    for (uint32_t i = 0; i < questions->count; i += EACH) {
        enum belay_result result = BELAY_E_GONE;
        if (questions->all[i].handled > 0) {
            result = answer(questions, i, 0);
        }
        must(result == BELAY_OK || result == BELAY_E_NO_MEMORY || result == BELAY_E_GONE);
        if (result == BELAY_E_NO_MEMORY && !world_memory.fail_on) {
            must(answer(questions, i, 0) == BELAY_OK);
        }
    }
}

static void try_to_cancel(struct questions *questions) {
    for (uint32_t i = 1; i < questions->count; i += EACH) {
        enum belay_result result = cancel(questions, i);
        must(result == BELAY_OK || result == BELAY_E_GONE);
        must(cancel(questions, i) == BELAY_E_GONE);
    }
}

/** Who could not take one in has said so: nobody waits for its deadline. */
static void check_refused(const struct questions *questions, uint64_t call) {
    for (uint32_t i = 0; i < questions->count; i++) {
        const struct question *question = &questions->all[i];
        ck_assert_msg(question->code != BELAY_REPLY_REFUSED || question->handled == 0,
                      "allocation %d: request %u was handled, and refused", (int)call, i);
        ck_assert_msg(question->code != BELAY_REPLY_DEADLINE || question->handled == 1,
                      "allocation %d: request %u was never seen", (int)call, i);
    }
}

/** All places are free again, on both sides. */
static void check_places(struct questions *questions) {
    questions->silent[UP] = questions->silent[DOWN] = false;
    uint32_t first = questions->count;
    for (int i = 0; i < BELAY_REQUESTS_DEFAULT; i++) {
        ask(questions, UP, 0);
        ask(questions, DOWN, 0);
    }
    world_run(questions->world, 1000);
    for (uint32_t i = first; i < questions->count; i++) {
        ck_assert_int_eq(questions->all[i].code, 0);
    }
}

/** @return calls it made */
static uint64_t live_through(uint64_t call, bool on) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = RTT_MS / 2}});
    world_open(world);
    world_run(world, 100);
    struct questions *questions = questions_begin(world);
    questions->silent[UP] = questions->silent[DOWN] = true;
    uint64_t begin = world_memory.calls;
    fail_from(call, on);
    try_to_ask(questions);
    world_run(world, 2 * RTT_MS);
    try_to_answer(questions);
    try_to_cancel(questions);
    world_run(world, 2 * RTT_MS);
    fail_from(0, false);
    uint64_t calls = world_memory.calls - begin;
    world_run(world, 10000);
    questions_check_sound(questions);
    if (told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 0) {
        check_refused(questions, call);
        check_places(questions);
    }
    world_destroy(world);
    questions_end(questions);
    return calls;
}

START_TEST(each_request_has_one_end_when_one_allocation_fails) {
    uint64_t calls = live_through(0, false);
    ck_assert_uint_gt(calls, 30);
    for (uint64_t call = 1; call <= calls; call++) {
        live_through(call, false);
    }
}
END_TEST

START_TEST(each_request_has_one_end_when_memory_is_out_for_a_while) {
    uint64_t calls = live_through(0, false);
    for (uint64_t call = 1; call <= calls; call++) {
        live_through(call, true);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, each_request_has_one_end_when_one_allocation_fails);
    tcase_add_test(tests, each_request_has_one_end_when_memory_is_out_for_a_while);
}

TEST_MAIN("requests memory", add_tests)
