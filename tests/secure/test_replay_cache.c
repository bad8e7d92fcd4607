/* The cache of used tokens, by story and against a plain list that never forgets. */
#include "lib/secure/replay_cache.h"

#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

#define NOW UINT64_C(1700000000000) /* a wall clock, in ms */

static struct bl_random random;
static struct bl_memory memory;
static struct bl_replay_cache cache;

static void start_with(uint32_t capacity) {
    bl_replay_cache_finish(&cache);
    bl_memory_init(&memory, NULL, 0);
    bl_random_init_seeded(&random, 3);
    bl_replay_cache_init(&cache, &memory, &random, capacity);
}

static void start(void) {
    memset(&cache, 0, sizeof cache);
    start_with(100);
}

static void finish(void) {
    bl_replay_cache_finish(&cache);
    ck_assert_uint_eq(memory.used, 0);
}

static void id_of(uint8_t id[BL_TOKEN_ID_SIZE], uint32_t number) {
    memset(id, 0, BL_TOKEN_ID_SIZE);
    memcpy(id + 5, &number, sizeof number);
}

static enum bl_replay use(uint32_t number, uint64_t expiry_ms, uint64_t now_ms) {
    uint8_t id[BL_TOKEN_ID_SIZE];
    id_of(id, number);
    return bl_replay_cache_use(&cache, id, expiry_ms, now_ms);
}

static void forget(uint32_t number) {
    uint8_t id[BL_TOKEN_ID_SIZE];
    id_of(id, number);
    bl_replay_cache_forget(&cache, id);
}

/* Each row is one story; seconds from NOW. */
static const struct story {
    const char *name;
    struct step {
        uint32_t token;
        int expiry_s, now_s;
        enum bl_replay wanted;
    } steps[6];
    size_t step_count;
} stories[] = {
    {"a token lets in once",
     {{1, 60, 0, BL_REPLAY_FRESH},
      {1, 60, 0, BL_REPLAY_USED},
      {2, 60, 0, BL_REPLAY_FRESH},
      {1, 60, 59, BL_REPLAY_USED}},
     4},
    {"at its expiry it has expired, used or not",
     {{1, 60, 0, BL_REPLAY_FRESH}, {1, 60, 60, BL_REPLAY_EXPIRED}, {2, 60, 60, BL_REPLAY_EXPIRED}},
     3},
    {"the clock goes back before a used token's expiry, after it was evicted",
     {{1, 60, 0, BL_REPLAY_FRESH},
      {9, 300, 200, BL_REPLAY_FRESH}, /* evicts the first */
      {1, 60, 0, BL_REPLAY_EXPIRED},
      {2, 60, 0, BL_REPLAY_EXPIRED}, /* not known to be unused any more */
      {3, 61, 0, BL_REPLAY_FRESH}},
     5},
    {"the clock goes back, and what was not evicted is still known",
     {{1, 60, 0, BL_REPLAY_FRESH}, {9, 80, 50, BL_REPLAY_FRESH}, {1, 60, -40, BL_REPLAY_USED}},
     3},
    {"a clock put right after years ahead locks nobody out",
     {{1, 60, 100000000, BL_REPLAY_EXPIRED}, /* nobody's token was good there */
      {1, 60, 0, BL_REPLAY_FRESH},
      {1, 60, 0, BL_REPLAY_USED}},
     3},
    {"a leap over more than the wheel evicts all that has expired",
     {{1, 60, 0, BL_REPLAY_FRESH},
      {2, 119, 0, BL_REPLAY_FRESH},
      {3, 100000, 99990, BL_REPLAY_FRESH},
      {2, 119, 0, BL_REPLAY_EXPIRED}},
     4},
    {"tokens of two rounds of the wheel share a list",
     {{1, 60, 0, BL_REPLAY_FRESH},
      {2, 60 + BL_REPLAY_SLOTS, 0, BL_REPLAY_FRESH},
      {3, 200, 70, BL_REPLAY_FRESH},
      {2, 60 + BL_REPLAY_SLOTS, 70, BL_REPLAY_USED},
      {2, 60 + BL_REPLAY_SLOTS, 59 + BL_REPLAY_SLOTS, BL_REPLAY_USED},
      {2, 60 + BL_REPLAY_SLOTS, 60 + BL_REPLAY_SLOTS, BL_REPLAY_EXPIRED}},
     6},
};

START_TEST(a_story_ends_as_it_must) {
    const struct story *story = &stories[_i];
    for (size_t i = 0; i < story->step_count; i++) {
        const struct step *step = &story->steps[i];
        enum bl_replay got = use(step->token, NOW + (uint64_t)(step->expiry_s * INT64_C(1000)),
                                 NOW + (uint64_t)(step->now_s * INT64_C(1000)));
        ck_assert_msg(got == step->wanted, "%s: step %zu gives %d", story->name, i, (int)got);
    }
}
END_TEST

START_TEST(expiry_is_judged_to_the_millisecond) {
    ck_assert_int_eq(use(1, NOW + 1, NOW), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(1, NOW + 1, NOW + 1), BL_REPLAY_EXPIRED);
    ck_assert_int_eq(use(2, NOW, NOW), BL_REPLAY_EXPIRED);
}
END_TEST

START_TEST(a_full_cache_refuses_until_a_token_has_expired) {
    start_with(3);
    ck_assert_int_eq(use(1, NOW + 10000, NOW), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(2, NOW + 20000, NOW), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(3, NOW + 30000, NOW), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(4, NOW + 30000, NOW), BL_REPLAY_FULL);
    ck_assert_int_eq(use(2, NOW + 20000, NOW), BL_REPLAY_USED);
    ck_assert_int_eq(use(4, NOW + 30000, NOW + 9999), BL_REPLAY_FULL);
    ck_assert_int_eq(use(4, NOW + 30000, NOW + 11000), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(5, NOW + 30000, NOW + 11000), BL_REPLAY_FULL);
}
END_TEST

START_TEST(a_token_that_let_nobody_in_can_be_used_again) {
    ck_assert_int_eq(use(1, NOW + 60000, NOW), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(2, NOW + 60000, NOW), BL_REPLAY_FRESH); /* in the same list */
    ck_assert_int_eq(use(3, NOW + 60000, NOW), BL_REPLAY_FRESH);
    forget(2);
    forget(2);
    forget(77);
    ck_assert_int_eq(use(1, NOW + 60000, NOW), BL_REPLAY_USED);
    ck_assert_int_eq(use(3, NOW + 60000, NOW), BL_REPLAY_USED);
    ck_assert_int_eq(use(2, NOW + 60000, NOW), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(2, NOW + 60000, NOW), BL_REPLAY_USED);
    ck_assert_uint_eq(cache.count, 3);
}
END_TEST

START_TEST(without_memory_nothing_is_remembered_by_half) {
    enum bl_replay got = BL_REPLAY_FRESH;
    uint32_t count = 0;
    start_with(1000);
    for (size_t limit = 0; count < 40 && limit < 50000;
         limit += 8) { /* fails at each allocation in turn */
        memory.used_max = limit > 0 ? limit : 1;
        size_t before = memory.used;
        got = use(count, NOW + 60000, NOW);
        ck_assert(got == BL_REPLAY_FRESH || got == BL_REPLAY_NO_MEMORY);
        count += got == BL_REPLAY_FRESH;
        if (got == BL_REPLAY_NO_MEMORY) {
            ck_assert_uint_ge(memory.used, before); /* the map may have grown */
        }
        ck_assert_uint_eq(cache.count, count);
        ck_assert_uint_eq(cache.by_id.count, count);
    }
    memory.used_max = 0;
    ck_assert_uint_eq(count, 40);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(use(i, NOW + 60000, NOW), BL_REPLAY_USED);
    }
}
END_TEST

START_TEST(times_at_the_ends_of_their_type_are_times) {
    ck_assert_int_eq(use(1, UINT64_MAX, NOW), BL_REPLAY_FRESH);
    ck_assert_int_eq(use(1, UINT64_MAX, UINT64_MAX - 1), BL_REPLAY_USED);
    ck_assert_int_eq(use(1, UINT64_MAX, UINT64_MAX), BL_REPLAY_EXPIRED);
    ck_assert_int_eq(use(2, 0, 0), BL_REPLAY_EXPIRED);
    ck_assert_int_eq(use(3, 1, 0), BL_REPLAY_FRESH);
}
END_TEST

enum { TOKENS = 3000, STEPS = 60000 };

/* What the plain list remembers of a token, for ever. */
static struct plain {
    uint64_t expiry_ms;
    bool made, used, held; /* held: counts against the capacity */
} plain[TOKENS];

static struct {
    uint64_t evicted_until_ms;
    uint32_t held;
} model;

static void model_sweep(uint64_t now_ms) {
    for (size_t i = 0; i < TOKENS; i++) {
        if (plain[i].held && plain[i].expiry_ms / 1000 < now_ms / 1000) {
            plain[i].held = false;
            model.held--;
            if (plain[i].expiry_ms > model.evicted_until_ms) {
                model.evicted_until_ms = plain[i].expiry_ms;
            }
        }
    }
}

static enum bl_replay model_use(struct plain *token, uint32_t capacity, uint64_t now_ms) {
    if (token->expiry_ms <= now_ms || token->expiry_ms <= model.evicted_until_ms) {
        return BL_REPLAY_EXPIRED;
    }
    if (token->held) {
        return BL_REPLAY_USED;
    }
    if (model.held == capacity) {
        return BL_REPLAY_FULL;
    }
    token->held = true;
    model.held++;
    return BL_REPLAY_FRESH;
}

static uint64_t walk(struct bl_random *chance, uint64_t now_ms) {
    uint64_t dice = bl_random_below(chance, 1000);
    if (dice == 0) {
        return now_ms + bl_random_below(chance, 1000000); /* a jump ahead */
    }
    if (dice <= 2) {
        return now_ms - bl_random_below(chance, 300000); /* a jump back */
    }
    return now_ms + bl_random_below(chance, 300);
}

START_TEST(the_cache_agrees_with_a_list_while_the_clock_jumps) {
    const uint32_t capacity = 8 + (uint32_t)_i * 4;
    unsigned results[5] = {0};
    struct bl_random chance;
    bl_random_init_seeded(&chance, (uint64_t)_i + 1);
    start_with(capacity);
    memset(plain, 0, sizeof plain);
    memset(&model, 0, sizeof model);
    uint64_t now_ms = NOW;
    for (unsigned i = 0; i < STEPS; i++) {
        now_ms = walk(&chance, now_ms);
        uint32_t newest = i * (uint64_t)(TOKENS - 1) / STEPS;
        uint32_t reach = newest < 300 ? newest + 1 : 300;
        uint32_t number = newest - (uint32_t)bl_random_below(&chance, reach);
        struct plain *token = &plain[number];
        if (!token->made) {
            token->made = true;
            token->expiry_ms = now_ms + bl_random_below(&chance, 122000);
        }
        model_sweep(now_ms);
        enum bl_replay wanted = model_use(token, capacity, now_ms);
        enum bl_replay got = use(number, token->expiry_ms, now_ms);
        ck_assert_msg(got == wanted, "seed %d, step %u: %d, not %d", _i + 1, i, (int)got,
                      (int)wanted);
        ck_assert_msg(got != BL_REPLAY_FRESH || !token->used, "seed %d, step %u: twice", _i + 1, i);
        token->used |= got == BL_REPLAY_FRESH;
        results[got]++;
    }
    ck_assert_uint_eq(cache.count, model.held);
    for (int i = 0; i < BL_REPLAY_NO_MEMORY; i++) { /* the walk has been everywhere */
        ck_assert_msg(results[i] > 0, "never %d (%u held)", i, cache.count);
    }
}
END_TEST

/* A pass over everything for each login would make a flood of them quadratic: 200,000 tokens would
 * be looked at 2 * 10^10 times. */
START_TEST(a_use_does_not_cost_what_the_cache_holds) {
    enum { FLOOD = 200000 };
    start_with(FLOOD);
    for (uint32_t i = 0; i < FLOOD; i++) { /* in two minutes */
        uint64_t now_ms = NOW + i * UINT64_C(120000) / FLOOD;
        ck_assert_msg(use(i, now_ms + 119000, now_ms) == BL_REPLAY_FRESH, "token %u", i);
    }
    ck_assert_int_eq(use(FLOOD, NOW + 400000, NOW + 300000), BL_REPLAY_FRESH);
    ck_assert_uint_eq(cache.count, 1);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_loop_test(tests, a_story_ends_as_it_must, 0, COUNT_OF(stories));
    tcase_add_test(tests, expiry_is_judged_to_the_millisecond);
    tcase_add_test(tests, a_full_cache_refuses_until_a_token_has_expired);
    tcase_add_test(tests, a_token_that_let_nobody_in_can_be_used_again);
    tcase_add_test(tests, without_memory_nothing_is_remembered_by_half);
    tcase_add_test(tests, times_at_the_ends_of_their_type_are_times);
    tcase_add_loop_test(tests, the_cache_agrees_with_a_list_while_the_clock_jumps, 0, 4);
    tcase_add_test(tests, a_use_does_not_cost_what_the_cache_holds);
}
TEST_MAIN("secure/replay_cache", add_tests)
