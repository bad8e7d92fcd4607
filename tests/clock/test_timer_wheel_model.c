/*
 * The wheel beside a model that cannot be wrong: one list, sorted by millisecond and then by order
 * of arming, searched from its start. Both see the same random operations, from outside and from
 * inside callbacks; whenever the wheel fires a timer, it must be the model's next one.
 */
#include "common/container_of.h"
#include "common/random.h"
#include "lib/clock/timer_wheel.h"
#include "tests/support/test.h"

#define ENTRY_COUNT       200
#define OPERATIONS        250000
#define STEP_BITS_MAX     47 /* ns: a day and a half at once */
#define DISTANCE_BITS_MAX 58 /* ns: nine years ahead */

struct entry {
    struct bl_timer timer;
    bl_time deadline;
    uint64_t tick;    /* its place in the order; not before the tick in which it was armed */
    uint64_t advance; /* the first advance that may fire it */
    bool armed;
};

static struct model {
    uint64_t seed;
    struct bl_random random;
    struct bl_timer_wheel wheel;
    struct entry entries[ENTRY_COUNT];
    struct entry *sorted[ENTRY_COUNT];
    uint32_t count;
    bl_time now;      /* of the last or running advance */
    uint64_t tick;    /* reached so far */
    uint64_t advance; /* number of the last or running one */
    uint32_t operations, fired_count;
} model;

/** Millions of facts: only one that fails is worth Check's own bookkeeping. */
#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            ck_abort_msg("seed %llu, operation %u: %s", (unsigned long long)model.seed,            \
                         model.operations, #fact);                                                 \
        }                                                                                          \
    } while (0)

static uint64_t tick_of(bl_time deadline) {
    uint64_t tick = 0;
    if (deadline > 0) {
        tick = ((uint64_t)deadline + BL_MILLISECOND - 1) / BL_MILLISECOND;
    }
    return tick;
}

static void model_cancel(struct entry *entry) {
    if (!entry->armed) {
        return;
    }
    uint32_t at = 0;
    while (model.sorted[at] != entry) {
        at++;
    }
    model.count--;
    for (; at < model.count; at++) {
        model.sorted[at] = model.sorted[at + 1];
    }
    entry->armed = false;
}

static void model_arm(struct entry *entry, bl_time deadline) {
    model_cancel(entry);
    uint64_t tick = tick_of(deadline);
    bool overdue = tick <= model.tick;
    entry->armed = true;
    entry->deadline = deadline;
    entry->tick = overdue ? model.tick : tick;
    entry->advance = overdue ? model.advance + 1 : 0;
    uint32_t at = model.count++;
    for (; at > 0 && model.sorted[at - 1]->tick > entry->tick; at--) {
        model.sorted[at] = model.sorted[at - 1];
    }
    model.sorted[at] = entry;
}

/** What the running advance must fire next, or NULL. */
static struct entry *model_next(void) {
    for (uint32_t at = 0; at < model.count; at++) {
        struct entry *entry = model.sorted[at];
        if (entry->tick > (uint64_t)(model.now / BL_MILLISECOND)) {
            break;
        }
        if (entry->advance <= model.advance) {
            return entry;
        }
    }
    return NULL;
}

/** Any size of number up to @p bits bits, small ones as often as large ones. */
static bl_duration draw_duration(unsigned bits_max) {
    unsigned bits = (unsigned)bl_random_below(&model.random, bits_max + 1);
    return (bl_duration)bl_random_below(&model.random, UINT64_C(1) << bits);
}

static bl_time draw_deadline(void) {
    uint64_t kind = bl_random_below(&model.random, 10);
    if (kind == 0) {
        return model.now - draw_duration(40);
    }
    if (kind <= 3 && model.count > 0) {
        /* The same millisecond as another's, before or behind it. */
        bl_time deadline = model.sorted[bl_random_below(&model.random, model.count)]->deadline;
        return deadline / BL_MILLISECOND * BL_MILLISECOND + draw_duration(20) % BL_MILLISECOND;
    }
    if (kind == 4) {
        /* What an advance has reached, up to its end: may fire within it. */
        bl_duration behind = model.now - (bl_time)model.tick * BL_MILLISECOND;
        return model.now - (bl_duration)bl_random_below(&model.random, (uint64_t)behind + 1);
    }
    return model.now + draw_duration(kind == 5 ? DISTANCE_BITS_MAX : 40);
}

static void check_next(bool inside_callback) {
    bl_time next = bl_timer_wheel_next(&model.wheel);
    if (model.count == 0) {
        CHECK(next == BL_TIME_NEVER);
        return;
    }
    uint64_t first = model.sorted[0]->tick;
    if (!inside_callback) {
        CHECK(next <= (bl_time)(first > model.tick ? first : model.tick) * BL_MILLISECOND);
        /* A loop that waits for it must get on: only an overdue timer wants the same tick again. */
        CHECK((next > (bl_time)model.tick * BL_MILLISECOND) == (first > model.tick));
    }
}

static void operate(bool inside_callback) {
    struct entry *entry = &model.entries[bl_random_below(&model.random, ENTRY_COUNT)];
    model.operations++;
    if (bl_random_chance(&model.random, 0.25)) {
        model_cancel(entry);
        if (bl_random_chance(&model.random, 0.5)) {
            bl_timer_cancel(&model.wheel, &entry->timer);
        } else {
            bl_timer_arm(&model.wheel, &entry->timer, BL_TIME_NEVER);
        }
    } else {
        bl_time deadline = draw_deadline();
        model_arm(entry, deadline);
        bl_timer_arm(&model.wheel, &entry->timer, deadline);
    }
    CHECK(bl_timer_is_armed(&entry->timer) == entry->armed);
    CHECK(entry->timer.deadline == (entry->armed ? entry->deadline : BL_TIME_NEVER));
    CHECK(model.wheel.count == model.count);
    check_next(inside_callback);
}

static void fire(struct bl_timer *timer, bl_time now) {
    struct entry *entry = BL_CONTAINER_OF(timer, struct entry, timer);
    CHECK(now == model.now);
    CHECK(entry->armed);
    CHECK(now >= entry->deadline);
    CHECK(model_next() == entry);
    CHECK(!bl_timer_is_armed(timer));
    model_cancel(entry);
    if (entry->tick > model.tick) { /* not for an overdue one */
        model.tick = entry->tick;
    }
    model.fired_count++;
    /* Less than one operation on average: a callback that arms two more would never end. */
    if (bl_random_chance(&model.random, 0.4)) {
        operate(true);
    }
    if (bl_random_chance(&model.random, 0.3)) {
        operate(true);
    }
}

static void advance(void) {
    bl_time next = bl_timer_wheel_next(&model.wheel);
    if (bl_random_chance(&model.random, 0.5) && next != BL_TIME_NEVER && next > model.now) {
        model.now = next; /* as an event loop does */
    } else {
        model.now += draw_duration(STEP_BITS_MAX);
    }
    model.operations++;
    model.advance++;
    bl_timer_wheel_advance(&model.wheel, model.now);
    CHECK(model_next() == NULL);
    model.tick = (uint64_t)(model.now / BL_MILLISECOND);
    check_next(false);
}

static const uint64_t seeds[] = {1, 0xC11B, 20240229};

START_TEST(the_wheel_agrees_with_a_sorted_list) {
    bl_time begin = 1000 * BL_SECOND + 1;
    model = (struct model){.seed = seeds[_i], .now = begin};
    model.tick = (uint64_t)(begin / BL_MILLISECOND);
    bl_random_init_seeded(&model.random, model.seed);
    bl_timer_wheel_init(&model.wheel, begin);
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        bl_timer_init(&model.entries[i].timer, fire);
    }
    while (model.operations < OPERATIONS) {
        if (bl_random_chance(&model.random, 0.3)) {
            advance();
        } else {
            operate(false);
        }
    }
    /* So that the run has seen what it is for: months, and enough timers that fired. */
    CHECK(model.now - begin > INT64_C(180) * 86400 * BL_SECOND);
    CHECK(model.fired_count > OPERATIONS / 10);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, the_wheel_agrees_with_a_sorted_list, 0, COUNT_OF(seeds));
}

TEST_MAIN("clock/timer_wheel_model", add_tests)
