/* Which inputs are taken, what ticks are run with, and what the client is told of both. */
#include "server/move_filter.h"

#include "tests/support/test.h"
#include <belay/limits.h>
#include <string.h>

#define SIZE   4
#define FUTURE 64
#define BURST  8
#define HZ     60
#define START  1000 /* newest tick that was run when a filter begins */
#define FAR    (UINT32_C(1) << 31)

static struct belay_move_opts opts;
static struct bl_move_filter *filter;
static struct bl_tick_time now;

/** Begins a filter, by `opts`, with every tick up to @p ran behind it. */
static void begin_at(uint32_t ran) {
    free(filter);
    now = (struct bl_tick_time){.ran = ran, .due = ran, .catch_up = 15};
    filter = calloc(1, bl_move_filter_size(&opts));
    bl_move_filter_init(filter, &opts, &now);
}

static void set_up(void) {
    opts = (struct belay_move_opts){.size = SIZE,
                                    .tick_hz = HZ,
                                    .lanes = 1,
                                    .hold_ticks = BELAY_HOLD_TICKS_DEFAULT,
                                    .future_max = FUTURE,
                                    .burst_ticks = BURST};
    begin_at(START);
}

static void tear_down(void) {
    free(filter);
    filter = NULL;
}

static enum belay_move_verdict take(uint32_t tick, uint32_t value, bool repeated) {
    uint8_t data[SIZE];
    memcpy(data, &value, SIZE);
    const struct bl_move_input input = {.tick = tick, .data = data, .repeated = repeated};
    return bl_move_filter_take(filter, &now, &input);
}

/** The only input of a datagram of its own. */
static enum belay_move_verdict send(uint32_t tick, uint32_t value) {
    return take(tick, value, false);
}

static uint32_t value_of(const struct belay_move *move) {
    uint32_t value;
    memcpy(&value, move->data, SIZE);
    return value;
}

static struct belay_move use(uint32_t tick) {
    struct belay_move move;
    bl_move_filter_use(filter, &now, tick, NULL, &move);
    return move;
}

/** The next tick is due, and is run. */
static struct belay_move run(void) {
    now.due++;
    now.ran++;
    return use(now.ran);
}

static void run_many(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        run();
    }
}

static uint64_t counted(enum belay_move_verdict verdict) {
    return bl_move_filter_counts(filter)->verdicts[verdict];
}

static struct bl_move_ack report(void) {
    struct bl_move_ack ack = {0};
    bl_move_filter_report(filter, &ack);
    return ack;
}

/** Of a tick so many before the newest that was run. */
static enum bl_fate fate(uint32_t age) {
    return (enum bl_fate)(report().fates >> 2 * age & 3);
}

/* Verdicts. */

static const struct limit {
    const char *name;
    uint32_t behind; /* ticks that are due and not run */
    uint32_t ahead;  /* of the newest tick that was run */
    enum belay_move_verdict verdict;
} limits[] = {
    {"the tick that was run last", 0, 0, BELAY_MOVE_STALE},
    {"the one before it", 0, UINT32_MAX, BELAY_MOVE_STALE},
    {"the next tick", 0, 1, BELAY_MOVE_ACCEPTED},
    {"as far ahead as may be", 0, FUTURE, BELAY_MOVE_ACCEPTED},
    {"one further", 0, FUTURE + 1, BELAY_MOVE_FUTURE},
    {"further than any ring", 0, 100000, BELAY_MOVE_FUTURE},
    {"the furthest that is ahead", 0, FAR - 1, BELAY_MOVE_FUTURE},
    {"2^31 after the newest that was run", 0, FAR, BELAY_MOVE_FUTURE},
    {"2^31 after the next", 0, FAR + 1, BELAY_MOVE_STALE},
    {"the furthest that is behind", 0, FAR + 2, BELAY_MOVE_STALE},
    {"due, and not run yet", 5, 1, BELAY_MOVE_ACCEPTED},
    {"as far ahead of what is due as may be", 5, 5 + FUTURE, BELAY_MOVE_ACCEPTED},
    {"one further than what is due allows", 5, 5 + FUTURE + 1, BELAY_MOVE_FUTURE},
    {"the oldest that will be run after a stall", 120, 120 - 15 + 1, BELAY_MOVE_ACCEPTED},
    {"the newest that will be left out after a stall", 120, 120 - 15, BELAY_MOVE_STALE},
    {"as far ahead as may be in a stall", 120, 120 + FUTURE, BELAY_MOVE_ACCEPTED},
    {"one further in a stall", 120, 120 + FUTURE + 1, BELAY_MOVE_FUTURE},
    {"2^31 - 1 after what is due in a stall", 120, 120 + FAR - 1, BELAY_MOVE_STALE},
    {"2^31 after the oldest that will be run", 120, 106 + FAR, BELAY_MOVE_STALE},
    {"the furthest after the oldest that will be run", 120, 105 + FAR, BELAY_MOVE_FUTURE},
};

/** Where a server's ticks may be: on both sides of the wrap and at the other end of the circle. */
static const uint32_t starts[] = {0, START, FAR - 20, UINT32_MAX - 100, UINT32_MAX - 1, UINT32_MAX};

START_TEST(an_input_is_taken_for_a_tick_to_come_and_not_too_far_ahead) {
    const struct limit *row = &limits[_i];
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        begin_at(starts[i]);
        now.due += row->behind;
        enum belay_move_verdict verdict = send(starts[i] + row->ahead, 1);
        ck_assert_msg(verdict == row->verdict, "%s, from %u: %s", row->name, starts[i],
                      belay_move_verdict_name(verdict));
        ck_assert_uint_eq(counted(row->verdict), 1);
        /* Only what was taken is there. */
        ck_assert_uint_eq(send(starts[i] + row->ahead, 1), row->verdict == BELAY_MOVE_ACCEPTED
                                                               ? BELAY_MOVE_DUPLICATE
                                                               : row->verdict);
    }
}
END_TEST

START_TEST(every_limit_of_the_future_is_kept_to_the_tick) {
    const uint16_t maxima[] = {1, 2, 46, 47, 48, 111, 112, BELAY_FUTURE_MAX};
    opts.burst_ticks = UINT16_MAX;
    for (size_t i = 0; i < COUNT_OF(maxima); i++) {
        opts.future_max = maxima[i];
        begin_at(UINT32_MAX - 3);
        for (uint32_t ahead = 1; ahead <= maxima[i]; ahead++) {
            ck_assert_uint_eq(send(now.ran + ahead, ahead), BELAY_MOVE_ACCEPTED);
        }
        ck_assert_uint_eq(send(now.due + maxima[i] + 1, 1), BELAY_MOVE_FUTURE);
        for (uint32_t tick = 1; tick <= maxima[i];
             tick++) { /* all of them, and none over another */
            struct belay_move move = run();
            ck_assert(move.as_sent && value_of(&move) == tick);
        }
    }
}
END_TEST

START_TEST(an_input_that_is_refused_harms_none_that_was_taken) {
    ck_assert_uint_eq(send(START + 1, 1), BELAY_MOVE_ACCEPTED);
    for (uint32_t step = 1; step != 0; step *= 2) { /* every ring there could be */
        send(START + 1 + step, 2);
        send(START + 1 - step, 2);
    }
    struct belay_move move = run();
    ck_assert(move.as_sent);
    ck_assert_uint_eq(value_of(&move), 1);
}
END_TEST

START_TEST(the_same_input_again_is_a_duplicate_and_another_one_a_conflict) {
    ck_assert_uint_eq(send(START + 3, 1), BELAY_MOVE_ACCEPTED);
    ck_assert_uint_eq(send(START + 3, 1), BELAY_MOVE_DUPLICATE);
    ck_assert_uint_eq(send(START + 3, 2), BELAY_MOVE_CONFLICT);
    ck_assert_uint_eq(send(START + 3, 1 | UINT32_C(1) << 31), BELAY_MOVE_CONFLICT); /* last byte */
    ck_assert_uint_eq(send(START + 3, 1), BELAY_MOVE_DUPLICATE);
    run_many(2);
    struct belay_move move = run();
    ck_assert_uint_eq(value_of(&move), 1);
    ck_assert_uint_eq(send(START + 3, 1), BELAY_MOVE_STALE);
    ck_assert_uint_eq(send(START + 3, 2), BELAY_MOVE_STALE);
}
END_TEST

START_TEST(an_old_input_in_the_ring_is_nothing_to_a_new_tick) {
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(send(now.ran + 1, 7), BELAY_MOVE_ACCEPTED);
        ck_assert(run().as_sent);
    }
    run_many(1000);
    for (uint32_t ahead = 1; ahead <= BURST; ahead++) {
        ck_assert_uint_eq(send(now.ran + ahead * 8, 8), BELAY_MOVE_ACCEPTED);
    }
    /* Nor after the number of the tick has wrapped all the way round. */
    begin_at(START);
    ck_assert_uint_eq(send(START + 5, 7), BELAY_MOVE_ACCEPTED);
    for (uint32_t i = 0; i < 4; i++) {
        now.due += UINT32_C(1) << 30;
        now.ran = now.due;
        use(now.ran);
    }
    ck_assert_uint_eq(now.ran, START);
    ck_assert_uint_eq(send(START + 5, 8), BELAY_MOVE_ACCEPTED);
}
END_TEST

START_TEST(every_verdict_is_counted_and_has_a_name) {
    const char *const names[] = {"accepted", "stale",       "duplicate", "conflict",
                                 "future",   "over budget", "malformed"};
    for (uint32_t i = 0; i < BURST; i++) {
        send(START + 1 + i, 1);
    }
    send(START, 1);
    send(START + 1, 1);
    send(START + 1, 2);
    send(START + FUTURE + 1, 1);
    send(START + FUTURE, 1);
    bl_move_filter_reject(filter);
    for (int i = 0; i < BELAY_MOVE_VERDICT_COUNT; i++) {
        ck_assert_uint_eq(counted((enum belay_move_verdict)i), i == 0 ? BURST : 1);
        ck_assert_str_eq(belay_move_verdict_name((enum belay_move_verdict)i), names[i]);
    }
    ck_assert_str_eq(belay_move_verdict_name((enum belay_move_verdict)7), "unknown verdict");
    ck_assert_str_eq(belay_move_verdict_name((enum belay_move_verdict) - 1), "unknown verdict");
}
END_TEST

/* R12. */
START_TEST(players_do_not_mix_their_ticks) {
    struct bl_move_filter *first, *second;
    begin_at(9);
    first = filter;
    filter = NULL;
    begin_at(2);
    second = filter;
    const struct bl_tick_time first_now = {.ran = 9, .due = 9, .catch_up = 15}, second_now = now;
    const struct {
        bool second;
        uint32_t tick;
        enum belay_move_verdict verdict;
    } story[] = {
        {false, 10, BELAY_MOVE_ACCEPTED}, {true, 3, BELAY_MOVE_ACCEPTED},
        {false, 11, BELAY_MOVE_ACCEPTED}, {true, 4, BELAY_MOVE_ACCEPTED},
        {false, 9, BELAY_MOVE_STALE},     {true, 2, BELAY_MOVE_STALE},
    };
    for (size_t i = 0; i < COUNT_OF(story); i++) {
        filter = story[i].second ? second : first;
        now = story[i].second ? second_now : first_now;
        ck_assert_uint_eq(send(story[i].tick, 1), story[i].verdict);
    }
    filter = first;
    ck_assert_uint_eq(report().waiting, 3); /* 10 and 11 */
    filter = second;
    ck_assert_uint_eq(report().waiting, 3); /* 3 and 4 */
    free(first);
}
END_TEST

/* R13. */
START_TEST(floods_change_nothing) {
    send(START + 1, 1);
    for (uint32_t i = 0; i < 20000; i++) {
        ck_assert_uint_eq(send(START + 1, 1), BELAY_MOVE_DUPLICATE);
        ck_assert_uint_eq(send(START + 1, 2 + i), BELAY_MOVE_CONFLICT);
        ck_assert_uint_eq(send(START + FUTURE + 1 + i, 1), BELAY_MOVE_FUTURE);
        ck_assert_uint_eq(send(START - i, 1), BELAY_MOVE_STALE);
    }
    for (uint32_t i = 1; i < BURST; i++) {
        ck_assert_uint_eq(send(START + 1 + i, 1 + i), BELAY_MOVE_ACCEPTED);
    }
    for (uint32_t i = 0; i < BURST; i++) {
        struct belay_move move = run();
        ck_assert(move.as_sent && value_of(&move) == 1 + i);
    }
}
END_TEST

/* What a tick is run with. */

/** Neutral is 0; what is asked for is 99. */
static const struct policy {
    enum belay_when_missing when_missing;
    uint8_t hold_ticks;
    uint32_t values[6]; /* of the ticks after an input of 5 */
} policies[] = {
    {BELAY_MISSING_HOLD_THEN_NEUTRAL, 1, {5, 0, 0, 0, 0, 0}},
    {BELAY_MISSING_HOLD_THEN_NEUTRAL, 3, {5, 5, 5, 0, 0, 0}},
    {BELAY_MISSING_HOLD, 3, {5, 5, 5, 5, 5, 5}},
    {BELAY_MISSING_NEUTRAL, 3, {0, 0, 0, 0, 0, 0}},
    {BELAY_MISSING_ASK, 3, {99, 99, 99, 99, 99, 99}},
};

/* G8. */
START_TEST(a_missing_input_is_substituted_by_policy) {
    const struct policy *row = &policies[_i];
    const uint32_t asked = 99;
    struct belay_move move;
    opts.when_missing = (uint8_t)row->when_missing;
    opts.hold_ticks = row->hold_ticks;
    begin_at(START);
    for (int round = 0; round < 2; round++) { /* and again after the player has come back */
        send(now.ran + 1, 5);
        move = run();
        ck_assert(move.as_sent && value_of(&move) == 5 && move.held_ticks == 0);
        for (uint32_t i = 0; i < COUNT_OF(row->values); i++) {
            now.due++;
            now.ran++;
            bl_move_filter_use(filter, &now, now.ran, &asked, &move);
            ck_assert(!move.as_sent);
            ck_assert_uint_eq(value_of(&move), row->values[i]);
            ck_assert_uint_eq(move.held_ticks, i + 1);
        }
    }
}
END_TEST

START_TEST(nothing_is_held_before_the_first_input) {
    for (int policy = BELAY_MISSING_HOLD_THEN_NEUTRAL; policy <= BELAY_MISSING_ASK; policy++) {
        opts.when_missing = (uint8_t)policy;
        begin_at(START);
        struct belay_move move = run();
        ck_assert(!move.as_sent);
        ck_assert_uint_eq(value_of(&move), 0);
        ck_assert_uint_eq(move.held_ticks, 1);
    }
}
END_TEST

START_TEST(what_was_lent_for_the_last_tick_may_be_asked_for_the_next) {
    opts.when_missing = BELAY_MISSING_ASK;
    begin_at(START);
    send(START + 1, 5);
    struct belay_move move = run();
    for (int i = 0; i < 3; i++) {
        now.due++;
        now.ran++;
        bl_move_filter_use(filter, &now, now.ran, move.data, &move);
        ck_assert_uint_eq(value_of(&move), 5);
    }
    move = run(); /* asks for nothing */
    ck_assert_uint_eq(value_of(&move), 0);
}
END_TEST

START_TEST(the_longest_hold_ends_too_and_held_ticks_stay_at_their_limit) {
    opts.hold_ticks = UINT8_MAX;
    begin_at(START);
    send(START + 1, 5);
    run();
    for (uint32_t i = 1; i <= 1000; i++) {
        struct belay_move move = run();
        ck_assert_uint_eq(value_of(&move), i <= UINT8_MAX ? 5 : 0);
        ck_assert_uint_eq(move.held_ticks, i < UINT8_MAX ? i : UINT8_MAX);
    }
}
END_TEST

START_TEST(lent_data_outlive_what_comes_after) {
    uint32_t asked = 4;
    send(START + 1, 5);
    struct belay_move move = run();
    for (uint32_t i = 0; i < 1000; i++) { /* ticks are run without this player */
        ck_assert_uint_eq(send(now.ran + 1, 6), BELAY_MOVE_ACCEPTED);
        now.due++;
        now.ran++;
    }
    ck_assert_uint_eq(value_of(&move), 5);
    opts.when_missing = BELAY_MISSING_ASK;
    begin_at(START + 1);
    bl_move_filter_use(filter, &(struct bl_tick_time){.ran = START + 2, .due = START + 2},
                       START + 2, &asked, &move);
    asked = 7;
    ck_assert_uint_eq(value_of(&move), 4);
}
END_TEST

/* W-R2. */
START_TEST(every_tick_has_the_input_that_was_sent_for_it_across_the_wrap) {
    const uint32_t margin = 5;
    begin_at(UINT32_MAX - 500);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(send(now.ran + margin, now.ran + margin), BELAY_MOVE_ACCEPTED);
        struct belay_move move = run();
        ck_assert(i < margin - 1 || (move.as_sent && value_of(&move) == now.ran));
    }
}
END_TEST

START_TEST(an_input_in_its_last_moment_is_used) {
    now.due += 3; /* the caller is late */
    ck_assert_uint_eq(send(START + 1, 1), BELAY_MOVE_ACCEPTED);
    now.ran++; /* given out to be run */
    ck_assert_uint_eq(send(START + 1, 1), BELAY_MOVE_STALE);
    ck_assert_uint_eq(send(START + 3 + FUTURE, 2), BELAY_MOVE_ACCEPTED);
    struct belay_move move = use(START + 1);
    ck_assert(move.as_sent);
    ck_assert_uint_eq(value_of(&move), 1);
}
END_TEST

/* What became of ticks. */

START_TEST(the_client_learns_what_became_of_its_ticks) {
    send(START + 2, 1);
    send(START + 4, 1);
    run_many(4);
    ck_assert_uint_eq(fate(0), BL_FATE_USED);
    ck_assert_uint_eq(fate(1), BL_FATE_SUBSTITUTED);
    ck_assert_uint_eq(fate(2), BL_FATE_USED);
    ck_assert_uint_eq(fate(3), BL_FATE_NONE); /* the player had not begun */
    ck_assert_uint_eq(send(START + 3, 1), BELAY_MOVE_STALE);
    ck_assert_uint_eq(fate(1), BL_FATE_LATE);
    send(START + 4, 1);
    send(START + 1, 1);
    ck_assert_uint_eq(fate(0), BL_FATE_USED);
    ck_assert_uint_eq(fate(3), BL_FATE_NONE);
    ck_assert_uint_eq(report().consumed, START + 4);
    ck_assert_uint_eq(bl_move_filter_consumed(filter), START + 4);
    const struct bl_move_counts *counts = bl_move_filter_counts(filter);
    ck_assert_uint_eq(counts->used, 2);
    ck_assert_uint_eq(counts->substituted, 1);
    ck_assert_uint_eq(report().starved, 1);
}
END_TEST

START_TEST(fates_are_of_the_last_sixteen_ticks) {
    send(START + 1, 1);
    run_many(2);
    run_many(BL_FATES - 2);
    ck_assert_uint_eq(fate(BL_FATES - 1), BL_FATE_USED);
    send(START + 2, 1);
    ck_assert_uint_eq(fate(BL_FATES - 2), BL_FATE_LATE);
    run_many(1);
    ck_assert_uint_eq(fate(BL_FATES - 1), BL_FATE_LATE);
    run_many(1);
    ck_assert_uint_eq(report().fates, 0xAAAAAAAA); /* all substituted */
    send(START + 2, 1);                            /* 17 ticks ago */
    ck_assert_uint_eq(report().fates, 0xAAAAAAAA);
    send(START + 3, 1);
    ck_assert_uint_eq(report().fates, 0xEAAAAAAA);
}
END_TEST

START_TEST(a_tick_that_was_left_out_has_no_fate) {
    send(START + 1, 1);
    send(START + 3, 1);
    run();
    now.due += 3;
    now.ran += 3;
    use(now.ran);
    ck_assert_uint_eq(report().fates, BL_FATE_SUBSTITUTED | BL_FATE_USED << 6);
    send(START + 3, 1); /* left out, so it is not late */
    ck_assert_uint_eq(report().fates, BL_FATE_SUBSTITUTED | BL_FATE_USED << 6);
    const uint32_t gaps[] = {BL_FATES, BL_FATES + 1, 2 * BL_FATES, 100000};
    for (size_t i = 0; i < COUNT_OF(gaps); i++) {
        now.due += gaps[i];
        now.ran += gaps[i];
        use(now.ran);
        ck_assert_uint_eq(report().fates, BL_FATE_SUBSTITUTED);
    }
}
END_TEST

START_TEST(what_waits_is_told_tick_by_tick) {
    ck_assert_uint_eq(report().waiting, 0);
    send(START + 1, 1);
    send(START + 3, 1);
    send(START + 32, 1);
    send(START + 33, 1);
    ck_assert_uint_eq(report().waiting, UINT32_C(0x80000005));
    run();
    ck_assert_uint_eq(report().waiting, UINT32_C(0xC0000002));
    opts.future_max = 1; /* the smallest ring */
    begin_at(UINT32_MAX);
    send(0, 1);
    ck_assert_uint_eq(report().waiting, 1);
}
END_TEST

/* Margins and loss. */

static const struct margin {
    uint32_t ahead; /* of what is due */
    uint8_t fraction;
    int16_t margin;
} margins[] = {
    {1, 0, 256},
    {1, 255, 1},
    {64, 128, 63 * 256 + 128},
    {0, 0, 0},
    {0, 1, -1},
    {0, 255, -255},
    {UINT32_MAX, 0, -256},
    {UINT32_MAX - 9, 3, -2563},
    {128, 0, INT16_MAX},
    {128, 1, 128 * 256 - 1},
    {FAR, 0, INT16_MIN},
    {1000, 0, INT16_MAX},
    {UINT32_MAX - 127, 0, INT16_MIN},
    {UINT32_MAX - 127, 1, INT16_MIN},
};

START_TEST(the_margin_is_the_time_to_the_tick) {
    const struct margin *row = &margins[_i];
    opts.future_max = BELAY_FUTURE_MAX;
    begin_at(START);
    now.due += 1; /* tick START + 1 is due and not run */
    now.fraction = row->fraction;
    send(now.due + row->ahead, 1);
    struct bl_move_ack ack = report();
    ck_assert(ack.begun);
    ck_assert_uint_eq(ack.received, now.due + row->ahead);
    ck_assert_int_eq(ack.margin, row->margin);
    ck_assert_int_eq(ack.margin_smoothed, row->margin);
    ck_assert_int_eq(ack.margin_min, row->margin);
    ck_assert_float_eq(bl_move_filter_margin(filter), (float)row->margin / 256);
}
END_TEST

START_TEST(nothing_is_told_of_margins_before_an_input_has_come) {
    run_many(3);
    take(START + 5, 1, true); /* when it was sent, nobody knows */
    bl_move_filter_reject(filter);
    struct bl_move_ack ack = report();
    ck_assert(!ack.begun);
    ck_assert_uint_eq(ack.received, START + 3);
    ck_assert_uint_eq(bl_move_filter_received(filter), START + 3);
    ck_assert_uint_eq(ack.starved, 0);
    ck_assert_uint_eq(ack.fates, 0);
}
END_TEST

START_TEST(inputs_that_only_come_late_have_margins_too) {
    run_many(10);
    ck_assert_uint_eq(send(START + 2, 1), BELAY_MOVE_STALE);
    struct bl_move_ack ack = report();
    ck_assert(ack.begun);
    ck_assert_uint_eq(ack.received, START + 2);
    ck_assert_int_eq(ack.margin, -8 * 256);
    send(START + 1, 1); /* overtaken */
    ck_assert_uint_eq(report().received, START + 2);
    ck_assert_uint_eq(bl_move_filter_counts(filter)->substituted, 0);
}
END_TEST

START_TEST(inputs_that_are_refused_have_margins_too) {
    send(START + FUTURE + 20, 1); /* a client whose clock is far ahead must learn of it */
    struct bl_move_ack ack = report();
    ck_assert(ack.begun);
    ck_assert_uint_eq(ack.received, START + FUTURE + 20);
    ck_assert_int_eq(ack.margin, (FUTURE + 20) * 256);
    ck_assert_uint_eq(ack.waiting, 0);
    begin_at(START);
    for (uint32_t i = 1; i <= BURST; i++) {
        send(START + i, 1);
    }
    ck_assert_uint_eq(send(START + BURST + 1, 1), BELAY_MOVE_OVER_BUDGET);
    ck_assert_uint_eq(report().received, START + BURST + 1);
    ck_assert_int_eq(report().margin, (BURST + 1) * 256);
}
END_TEST

START_TEST(an_input_that_was_refused_and_comes_again_was_not_lost) {
    for (uint32_t i = 0; i <= BURST; i++) {
        send(START + 1 + i, 1);
    }
    for (uint32_t i = 0; i < 200; i++) { /* each is refused when it comes and taken a tick later */
        run();
        ck_assert_uint_eq(take(now.ran + BURST, 1, true), BELAY_MOVE_ACCEPTED);
        ck_assert_uint_eq(take(now.ran + BURST + 1, 1, false), BELAY_MOVE_OVER_BUDGET);
        ck_assert_uint_eq(report().loss, 0);
    }
    run(); /* while this one is lost: */
    run();
    ck_assert_uint_eq(take(now.ran + BURST, 1, true), BELAY_MOVE_ACCEPTED);
    ck_assert_uint_eq(report().loss, 256 / 64);
}
END_TEST

START_TEST(only_the_newest_input_of_a_datagram_tells_the_time) {
    take(START + 4, 1, true);
    ck_assert(!report().begun);
    take(START + 5, 1, false);
    struct bl_move_ack ack = report();
    ck_assert_uint_eq(ack.received, START + 5);
    ck_assert_int_eq(ack.margin, 5 * 256);
    take(START + 5, 1, false); /* once more */
    take(START + 5, 2, false);
    take(START + 3, 1, false); /* overtaken */
    ack = report();
    ck_assert_uint_eq(ack.received, START + 5);
    ck_assert_int_eq(ack.margin, 5 * 256);
}
END_TEST

/* The older one waited for the newer one's tick before they left, and needs the margin. */
START_TEST(inputs_that_left_together_have_the_margin_of_the_older_one) {
    const uint32_t value = 1;
    const uint8_t *data = (const uint8_t *)&value;
    for (uint32_t tick = START + 5; tick <= START + 6; tick++) {
        const struct bl_move_input input = {
            .tick = tick, .data = data, .joined = tick == START + 6};
        ck_assert_int_eq(bl_move_filter_take(filter, &now, &input), BELAY_MOVE_ACCEPTED);
    }
    struct bl_move_ack ack = report();
    ck_assert_uint_eq(ack.received, START + 6);
    ck_assert_int_eq(ack.margin, 5 * 256);
    ck_assert_int_eq(ack.margin_smoothed, 5 * 256);
    ck_assert_uint_eq(ack.loss, 0);
}
END_TEST

START_TEST(the_least_margin_is_that_since_the_last_report) {
    take(START + 5, 1, false);
    take(START + 3, 1, true); /* a repeated input counts */
    ck_assert_int_eq(report().margin_min, 3 * 256);
    take(START + 3, 1, true); /* not again */
    ck_assert_int_eq(report().margin_min, 5 * 256);
    take(START + 4, 1, true);
    take(START + 6, 1, false);
    ck_assert_int_eq(report().margin_min, 4 * 256);
    run_many(8);
    take(START + 7, 1, true); /* late, for the first time */
    ck_assert_int_eq(report().margin_min, -256);
    take(START + 7, 1, true);
    ck_assert_int_eq(report().margin_min, 6 * 256);
}
END_TEST

START_TEST(margins_are_smoothed_by_an_eighth) {
    double smoothed = 0;
    for (uint32_t i = 0; i < 200; i++) {
        now.fraction = (uint8_t)(i * 37);
        send(now.due + 10, 1);
        double margin = 10 - now.fraction / 256.0;
        smoothed = i == 0 ? margin : smoothed + (margin - smoothed) / 8;
        ck_assert_float_eq_tol(bl_move_filter_margin(filter), (float)smoothed, 0.001F);
        run();
    }
    ck_assert_int_eq(report().margin_smoothed, (int16_t)(bl_move_filter_margin(filter) * 256));
}
END_TEST

/** A datagram of @p newest with @p redundancy - 1 inputs before it, each tick's of its own value.
 */
static void send_datagram(uint32_t newest, uint32_t redundancy) {
    for (uint32_t age = redundancy; age-- > 0;) {
        take(newest - age, newest - age, age > 0);
    }
}

static const struct loss {
    uint32_t lost, of; /* datagrams */
} losses[] = {{0, 1}, {1, 20}, {1, 4}, {1, 2}, {3, 4}};

START_TEST(inputs_that_come_only_in_a_later_datagram_tell_of_loss) {
    const struct loss *row = &losses[_i];
    for (uint32_t i = 0; i < 1000; i++) {
        if (i % row->of >= row->lost) {
            send_datagram(now.ran + 8, 6);
        }
        run();
    }
    double share = (double)row->lost / row->of;
    ck_assert_double_eq_tol(report().loss / 256.0, share, 0.04);
}
END_TEST

START_TEST(a_datagram_that_was_only_overtaken_was_not_lost) {
    for (uint32_t i = 0; i < 500; i++) { /* always the second before the first */
        send_datagram(now.ran + 8, 6);
        send_datagram(now.ran + 7, 6);
        send_datagram(now.ran + 7, 6); /* tells nothing more */
        now.due++;
        now.ran++;
        run();
    }
    ck_assert_uint_le(report().loss, 256 / 64);
}
END_TEST

START_TEST(no_loss_is_ever_told_as_more_than_all) {
    for (uint32_t i = 0; i < 2000; i++) {
        take(now.ran + 1, 1, true);
        run();
    }
    ck_assert_uint_eq(report().loss, UINT8_MAX);
}
END_TEST

START_TEST(starved_ticks_are_told_modulo_65536) {
    send(START + 1, 1);
    run_many(1 + 65536 + 3);
    ck_assert_uint_eq(report().starved, 3);
    ck_assert_uint_eq(bl_move_filter_counts(filter)->substituted, 65536 + 3);
}
END_TEST

/* Another process of the client. */

START_TEST(what_the_last_process_sent_ahead_is_dropped) {
    send(START + 1, 1);
    send(START + 2, 1);
    send(START + 5, 1);
    run();
    bl_move_filter_restart(filter);
    ck_assert_uint_eq(report().waiting, 0);
    ck_assert(!report().begun);
    ck_assert_uint_eq(bl_move_filter_received(filter), START + 1);
    ck_assert_uint_eq(send(START + 5, 2), BELAY_MOVE_ACCEPTED);
    struct bl_move_ack ack = report();
    ck_assert(ack.begun);
    ck_assert_int_eq(ack.margin, 4 * 256);
    ck_assert(!run().as_sent);
    run_many(2);
    struct belay_move move = run();
    ck_assert_uint_eq(value_of(&move), 2);
    /* The ticks between were before it began. */
    ck_assert_uint_eq(report().fates, BL_FATE_USED | BL_FATE_USED << 8);
    ck_assert_uint_eq(bl_move_filter_counts(filter)->substituted, 0);
}
END_TEST

START_TEST(another_process_does_not_play_old_ticks_again) {
    send(START + 1, 1);
    run_many(3);
    bl_move_filter_restart(filter);
    for (uint32_t tick = START - 10; tick <= START + 3; tick++) {
        ck_assert_uint_eq(send(tick, 2), BELAY_MOVE_STALE);
    }
    ck_assert_uint_eq(bl_move_filter_consumed(filter), START + 3);
}
END_TEST

START_TEST(another_process_has_no_budget_of_its_own) {
    for (uint32_t i = 1; i <= BURST; i++) {
        ck_assert_uint_eq(send(START + i, 1), BELAY_MOVE_ACCEPTED);
    }
    bl_move_filter_restart(filter);
    ck_assert_uint_eq(send(START + 1, 1), BELAY_MOVE_OVER_BUDGET);
    run();
    ck_assert_uint_eq(send(START + 2, 1), BELAY_MOVE_ACCEPTED);
    ck_assert_uint_eq(send(START + 3, 1), BELAY_MOVE_OVER_BUDGET);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, an_input_is_taken_for_a_tick_to_come_and_not_too_far_ahead, 0,
                        COUNT_OF(limits));
    tcase_add_test(tests, every_limit_of_the_future_is_kept_to_the_tick);
    tcase_add_test(tests, an_input_that_is_refused_harms_none_that_was_taken);
    tcase_add_test(tests, the_same_input_again_is_a_duplicate_and_another_one_a_conflict);
    tcase_add_test(tests, an_old_input_in_the_ring_is_nothing_to_a_new_tick);
    tcase_add_test(tests, every_verdict_is_counted_and_has_a_name);
    tcase_add_test(tests, players_do_not_mix_their_ticks);
    tcase_add_test(tests, floods_change_nothing);
    tcase_add_loop_test(tests, a_missing_input_is_substituted_by_policy, 0, COUNT_OF(policies));
    tcase_add_test(tests, nothing_is_held_before_the_first_input);
    tcase_add_test(tests, what_was_lent_for_the_last_tick_may_be_asked_for_the_next);
    tcase_add_test(tests, the_longest_hold_ends_too_and_held_ticks_stay_at_their_limit);
    tcase_add_test(tests, lent_data_outlive_what_comes_after);
    tcase_add_test(tests, every_tick_has_the_input_that_was_sent_for_it_across_the_wrap);
    tcase_add_test(tests, an_input_in_its_last_moment_is_used);
    tcase_add_test(tests, the_client_learns_what_became_of_its_ticks);
    tcase_add_test(tests, fates_are_of_the_last_sixteen_ticks);
    tcase_add_test(tests, a_tick_that_was_left_out_has_no_fate);
    tcase_add_test(tests, what_waits_is_told_tick_by_tick);
    tcase_add_loop_test(tests, the_margin_is_the_time_to_the_tick, 0, COUNT_OF(margins));
    tcase_add_test(tests, nothing_is_told_of_margins_before_an_input_has_come);
    tcase_add_test(tests, inputs_that_only_come_late_have_margins_too);
    tcase_add_test(tests, inputs_that_are_refused_have_margins_too);
    tcase_add_test(tests, an_input_that_was_refused_and_comes_again_was_not_lost);
    tcase_add_test(tests, only_the_newest_input_of_a_datagram_tells_the_time);
    tcase_add_test(tests, inputs_that_left_together_have_the_margin_of_the_older_one);
    tcase_add_test(tests, the_least_margin_is_that_since_the_last_report);
    tcase_add_test(tests, margins_are_smoothed_by_an_eighth);
    tcase_add_loop_test(tests, inputs_that_come_only_in_a_later_datagram_tell_of_loss, 0,
                        COUNT_OF(losses));
    tcase_add_test(tests, a_datagram_that_was_only_overtaken_was_not_lost);
    tcase_add_test(tests, no_loss_is_ever_told_as_more_than_all);
    tcase_add_test(tests, starved_ticks_are_told_modulo_65536);
    tcase_add_test(tests, what_the_last_process_sent_ahead_is_dropped);
    tcase_add_test(tests, another_process_does_not_play_old_ticks_again);
    tcase_add_test(tests, another_process_has_no_budget_of_its_own);
}
TEST_MAIN("server/move_filter", add_tests)
