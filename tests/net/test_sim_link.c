/*
 * The simulated link, measured: datagrams with numbers go through it one per millisecond, and what
 * comes out is compared with what the options say. Seeds are fixed; bounds are 4.5 standard
 * deviations, which a right model leaves once in 150,000 tries.
 */
#include "tests/net/link_meter.h"
#include "tests/support/test.h"
#include <math.h>

#define DEVIATIONS 4.5

/** @param inflation  variance against that of independent draws */
static void assert_share(size_t hits, size_t tries, double share, double inflation) {
    double expected = (double)tries * share;
    double bound = DEVIATIONS * sqrt(expected * (1.0 - share) * inflation);
    ck_assert_msg(fabs((double)hits - expected) <= bound + 1e-9,
                  "%zu of %zu, where %.1f was expected, give or take %.1f", hits, tries, expected,
                  bound);
}

/* ---- loss ---- */

static const float losses[] = {0.0F, 0.01F, 0.05F, 0.3F, 0.5F, 0.9F, 1.0F};

START_TEST(the_share_of_losses_is_as_asked) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = losses[_i];
    for (int up = 0; up <= 1; up++) {
        open_network(11 + (uint64_t)_i);
        measure(up, &link);
        assert_share(count_lost(), SENT_COUNT, (double)losses[_i], 1.0);
        close_network();
    }
}
END_TEST

/* A run lasts `run` on average, with a standard deviation of sqrt(run * (run - 1)). */
static const struct burst {
    float loss;
    uint32_t burst;
    double run;
} bursts[] = {
    {0.05F, 0, 1 / 0.95}, {0.3F, 1, 1 / 0.7}, {0.9F, 2, 10.0},  {0.01F, 2, 2.0},
    {0.3F, 3, 3.0},       {0.05F, 5, 5.0},    {0.2F, 10, 10.0}, {0.5F, 50, 50.0},
};

START_TEST(losses_come_in_runs_of_the_length_asked) {
    const struct burst *burst = &bursts[_i];
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = burst->loss;
    link.burst = burst->burst;
    open_network(23 + (uint64_t)_i);
    measure(_i % 2 == 0, &link);

    size_t run_count = 0;
    for (size_t i = 0; i < SENT_COUNT; i++) {
        bool starts = i == 0 || stories[i - 1].arrival_count > 0;
        run_count += stories[i].arrival_count == 0 && starts;
    }
    /* Neighbours of a two-state chain correlate by r, which inflates the variance of a count. */
    double loss = (double)burst->loss;
    double r = 1.0 - 1.0 / burst->run - loss / ((1.0 - loss) * burst->run);
    assert_share(count_lost(), SENT_COUNT, loss, (1.0 + r) / (1.0 - r));

    double mean = (double)count_lost() / (double)run_count;
    double bound = DEVIATIONS * sqrt(burst->run * (burst->run - 1.0) / (double)run_count);
    ck_assert_msg(fabs(mean - burst->run) <= bound, "runs of %.2f, where %.2f +- %.2f was expected",
                  mean, burst->run, bound);
    close_network();
}
END_TEST

START_TEST(a_run_of_losses_ends_when_the_link_gets_well) {
    struct belay_link link = BELAY_LINK_INIT;
    open_network(5);
    link.loss = 0.9F;
    link.burst = 10000;
    measure(true, &link);
    link.loss = 0.0F;
    measure(true, &link);
    ck_assert_uint_eq(count_lost(), 0);
    close_network();
}
END_TEST

/* ---- duplicates, order, corruption ---- */

static const float shares[] = {0.0F, 0.02F, 0.5F, 1.0F};

START_TEST(the_share_that_arrives_twice_is_as_asked) {
    struct belay_link link = BELAY_LINK_INIT;
    link.duplicate = shares[_i];
    open_network(31);
    measure(_i % 2 == 0, &link);
    size_t twice = 0;
    for (size_t i = 0; i < SENT_COUNT; i++) {
        unsigned count = stories[i].arrival_count;
        ASSERT_QUIETLY(count == 1 || count == 2, "datagram %zu arrived %u times", i, count);
        twice += count == 2;
    }
    assert_share(twice, SENT_COUNT, (double)shares[_i], 1.0);
    ck_assert_uint_eq(bl_sim_counts(sim).duplicated, twice);
    close_network();
}
END_TEST

START_TEST(the_share_held_back_is_as_asked_and_late_by_one_more_delay) {
    struct belay_link link = BELAY_LINK_INIT;
    link.reorder = shares[_i];
    link.delay_ms = 20;
    open_network(37);
    measure(_i % 2 == 0, &link);
    size_t late = 0;
    for (size_t i = 0; i < SENT_COUNT; i++) {
        bl_duration taken = stories[i].arrivals[0];
        ASSERT_QUIETLY(taken == 20 * BL_MILLISECOND || taken == 40 * BL_MILLISECOND,
                       "datagram %zu took %jd ns", i, (intmax_t)taken);
        late += taken == 40 * BL_MILLISECOND;
    }
    assert_share(late, SENT_COUNT, (double)shares[_i], 1.0);

    size_t overtaken = 0;
    for (size_t i = 1; i < arrival_count; i++) {
        overtaken += order[i] < order[i - 1];
    }
    bool some = shares[_i] > 0.0F && shares[_i] < 1.0F; /* all late is in order again */
    ck_assert_int_eq(overtaken > 0, some);
    close_network();
}
END_TEST

START_TEST(the_share_corrupted_is_as_asked_and_by_exactly_one_bit) {
    struct belay_link link = BELAY_LINK_INIT;
    link.corrupt = shares[_i];
    open_network(41);
    measure(_i % 2 == 0, &link);
    size_t corrupted = 0;
    size_t hits[8 * DATAGRAM_SIZE] = {0};
    for (size_t i = 0; i < SENT_COUNT; i++) {
        ASSERT_QUIETLY(stories[i].arrival_count == 1, "datagram %zu did not arrive once", i);
        if (stories[i].flipped_count > 0) {
            ASSERT_QUIETLY(stories[i].flipped_bits_per_copy == 1, "datagram %zu: %u bits flipped",
                           i, stories[i].flipped_bits_per_copy);
            hits[stories[i].flipped_bit]++;
            corrupted++;
        }
    }
    assert_share(corrupted, SENT_COUNT, (double)shares[_i], 1.0);
    for (size_t bit = 0; bit < COUNT_OF(hits) && corrupted > 20 * COUNT_OF(hits); bit++) {
        assert_share(hits[bit], corrupted, 1.0 / (8 * DATAGRAM_SIZE), 1.0);
    }
    close_network();
}
END_TEST

START_TEST(of_two_copies_each_has_its_own_luck) {
    struct belay_link link = BELAY_LINK_INIT;
    link.duplicate = 1.0F;
    link.corrupt = 0.5F;
    link.jitter_ms = 50;
    open_network(43);
    measure(true, &link);
    size_t one_of_two = 0;
    size_t same_time = 0;
    for (size_t i = 0; i < SENT_COUNT; i++) {
        one_of_two += stories[i].flipped_count == 1;
        same_time += stories[i].arrivals[0] == stories[i].arrivals[1];
    }
    assert_share(one_of_two, SENT_COUNT, 0.5, 1.0);
    ck_assert_uint_lt(same_time, SENT_COUNT / 20);
    close_network();
}
END_TEST

/* ---- time ---- */

START_TEST(a_perfect_link_delivers_at_once_and_in_order) {
    struct belay_link link = BELAY_LINK_INIT;
    open_network(47);
    measure(_i == 0, &link);
    ck_assert_uint_eq(arrival_count, SENT_COUNT);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        ASSERT_QUIETLY(stories[i].arrivals[0] == 0, "datagram %zu is late", i);
        ASSERT_QUIETLY(order[i] == i, "datagram %zu is out of order", order[i]);
    }
    close_network();
}
END_TEST

START_TEST(the_delay_is_exact_without_jitter_and_evenly_spread_with_it) {
    struct belay_link link = BELAY_LINK_INIT;
    link.delay_ms = 30;
    open_network(53);
    measure(true, &link);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        ASSERT_QUIETLY(stories[i].arrivals[0] == 30 * BL_MILLISECOND, "datagram %zu is off", i);
    }
    link.jitter_ms = 40;
    measure(false, &link);
    size_t tenths[10] = {0};
    for (size_t i = 0; i < SENT_COUNT; i++) {
        /* Seen at the end of its millisecond, so 30 is an instant and 31 to 70 are whole ones. */
        int64_t ms = stories[i].arrivals[0] / BL_MILLISECOND;
        ASSERT_QUIETLY(ms >= 30 && ms <= 70, "datagram %zu took %jd ms", i, (intmax_t)ms);
        tenths[ms == 30 ? 0 : (ms - 31) / 4]++;
    }
    for (size_t i = 0; i < COUNT_OF(tenths); i++) {
        assert_share(tenths[i], SENT_COUNT, 0.1, 1.0);
    }
    close_network();
}
END_TEST

/** Sends @p count datagrams of @p size at once. @return when each arrived, in ms from now on */
static size_t send_at_once(size_t count, size_t size, bl_time *arrivals) {
    static uint8_t data[BL_DATAGRAM_SIZE_MAX];
    bl_time start = bl_sim_now(sim);
    for (size_t i = 0; i < count; i++) {
        struct bl_datagram datagram = {.address = server->local, .data = data, .size = size};
        bl_net_send(client, &datagram, 1);
    }
    size_t arrived = 0;
    for (int ms = 0; ms < 2000; ms++) {
        struct bl_datagram batch[BL_NET_BATCH_MAX];
        size_t part = bl_net_receive(server, batch, BL_NET_BATCH_MAX);
        for (size_t i = 0; i < part; i++) {
            arrivals[arrived++] = (bl_sim_now(sim) - start) / BL_MILLISECOND;
        }
        belay_sim_advance(sim, 1);
    }
    return arrived;
}

/* 97 bytes and 28 of headers are 1,000 bits: one millisecond at 1,000 kbit/s. */
static const struct line {
    size_t size, sent;
    uint32_t rate_kbit, queue_ms, delay_ms;
    size_t arrived;
    bl_time ms_each;
} lines[] = {
    {97, 300, 1000, 5, 0, 6, 1},        /* five wait, one is on the line */
    {97, 300, 1000, 0, 0, 201, 1},      /* the default queue of 200 ms */
    {97, 300, 1000, 100, 30, 101, 1},   /* the delay comes on top */
    {97, 60, 1000, 100, 0, 60, 1},      /* room for all */
    {97, 300, 100, 50, 0, 6, 10},       /* ten times slower */
    {1222 - 28, 50, 1222, 10, 0, 2, 8}, /* 9,776 bits at 1,222 kbit/s */
};

START_TEST(a_rate_spaces_datagrams_exactly_and_drops_at_the_tail) {
    const struct line *line = &lines[_i];
    struct belay_link link = BELAY_LINK_INIT;
    link.rate_kbit = line->rate_kbit;
    link.queue_ms = line->queue_ms;
    link.delay_ms = line->delay_ms;
    open_network(59);
    belay_sim_link(sim, as_client(&client_owner), &link);
    bl_time arrivals[300];
    ck_assert_uint_eq(send_at_once(line->sent, line->size, arrivals), line->arrived);
    for (size_t i = 0; i < line->arrived; i++) {
        ck_assert_int_eq(arrivals[i], (bl_time)(i + 1) * line->ms_each + line->delay_ms);
    }
    ck_assert_uint_eq(bl_sim_counts(sim).lost, line->sent - line->arrived);
    /* Long after, the line is clear again. */
    ck_assert_uint_eq(send_at_once(1, line->size, arrivals), 1);
    ck_assert_int_eq(arrivals[0], line->ms_each + line->delay_ms);
    close_network();
}
END_TEST

START_TEST(an_overloaded_line_carries_its_rate) {
    struct belay_link link = BELAY_LINK_INIT;
    link.rate_kbit = (DATAGRAM_SIZE + 28) * 8 / 2; /* half of one datagram a millisecond */
    link.queue_ms = 50;
    open_network(61);
    measure(true, &link);
    ck_assert_uint_ge(arrival_count, SENT_COUNT / 2);
    ck_assert_uint_le(arrival_count, SENT_COUNT / 2 + 50 / 2 + 1);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        ASSERT_QUIETLY(stories[i].arrivals[0] <= (50 + 2) * BL_MILLISECOND, "datagram %zu is late",
                       i);
    }
    close_network();
}
END_TEST

START_TEST(each_direction_has_a_line_of_its_own) {
    struct belay_link link = BELAY_LINK_INIT;
    link.rate_kbit = 1000;
    open_network(67);
    belay_sim_link(sim, as_client(&client_owner), &link);
    uint8_t data[97] = {0};
    for (int i = 0; i < 100; i++) {
        bl_net_send(
            server,
            &(struct bl_datagram){.address = client->local, .data = data, .size = sizeof(data)}, 1);
    }
    bl_time arrival;
    ck_assert_uint_eq(send_at_once(1, 97, &arrival), 1);
    ck_assert_int_eq(arrival, 1);
    close_network();
}
END_TEST

/* ---- independence ---- */

static bool lost[2][SENT_COUNT];

static void note_lost(bool *into) {
    for (size_t i = 0; i < SENT_COUNT; i++) {
        into[i] = stories[i].arrival_count == 0;
    }
}

START_TEST(each_direction_has_luck_of_its_own) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = 0.5F;
    open_network(71);
    measure(true, &link);
    note_lost(lost[0]);
    measure(false, &link);
    note_lost(lost[1]);
    size_t alike = 0;
    for (size_t i = 0; i < SENT_COUNT; i++) {
        alike += lost[0][i] == lost[1][i];
    }
    assert_share(alike, SENT_COUNT, 0.5, 1.0);
    close_network();
}
END_TEST

START_TEST(other_troubles_leave_the_luck_of_losses_alone) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = 0.3F;
    open_network(73);
    measure(true, &link);
    note_lost(lost[0]);
    close_network();

    link.corrupt = link.duplicate = link.reorder = 0.5F;
    link.delay_ms = 10;
    link.jitter_ms = 100;
    open_network(73);
    measure(true, &link);
    note_lost(lost[1]);
    close_network();
    ck_assert_mem_eq(lost[0], lost[1], sizeof(lost[0]));
}
END_TEST

/* ---- options that make no sense ---- */

static const struct odd {
    float given;
    bool always;
} odds[] = {{-1.0F, false}, {NAN, false}, {-INFINITY, false}, {2.0F, true}, {INFINITY, true}};

START_TEST(a_share_outside_its_range_is_never_or_always) {
    const struct odd *odd = &odds[_i];
    struct belay_link link = BELAY_LINK_INIT;
    open_network(79);
    link.corrupt = link.duplicate = link.reorder = odd->given;
    measure(true, &link);
    ck_assert_uint_eq(arrival_count, odd->always ? 2 * SENT_COUNT : SENT_COUNT);
    ck_assert_uint_eq(stories[0].flipped_count, odd->always ? 2 : 0);
    link.loss = odd->given;
    measure(true, &link);
    ck_assert_uint_eq(count_lost(), odd->always ? SENT_COUNT : 0);
    close_network();
}
END_TEST

START_TEST(an_older_program_sets_only_the_fields_it_knows) {
    struct belay_link link = BELAY_LINK_INIT;
    link.struct_size = offsetof(struct belay_link, duplicate);
    link.loss = 0.0F;
    link.duplicate = 1.0F; /* memory behind its shorter struct */
    link.cut_up = true;
    open_network(83);
    measure(true, &link);
    ck_assert_uint_eq(arrival_count, SENT_COUNT);
    close_network();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, the_share_of_losses_is_as_asked, 0, (int)COUNT_OF(losses));
    tcase_add_loop_test(tests, losses_come_in_runs_of_the_length_asked, 0, (int)COUNT_OF(bursts));
    tcase_add_test(tests, a_run_of_losses_ends_when_the_link_gets_well);
    tcase_add_loop_test(tests, the_share_that_arrives_twice_is_as_asked, 0, (int)COUNT_OF(shares));
    tcase_add_loop_test(tests, the_share_held_back_is_as_asked_and_late_by_one_more_delay, 0,
                        (int)COUNT_OF(shares));
    tcase_add_loop_test(tests, the_share_corrupted_is_as_asked_and_by_exactly_one_bit, 0,
                        (int)COUNT_OF(shares));
    tcase_add_test(tests, of_two_copies_each_has_its_own_luck);
    tcase_add_loop_test(tests, a_perfect_link_delivers_at_once_and_in_order, 0, 2);
    tcase_add_test(tests, the_delay_is_exact_without_jitter_and_evenly_spread_with_it);
    tcase_add_loop_test(tests, a_rate_spaces_datagrams_exactly_and_drops_at_the_tail, 0,
                        (int)COUNT_OF(lines));
    tcase_add_test(tests, an_overloaded_line_carries_its_rate);
    tcase_add_test(tests, each_direction_has_a_line_of_its_own);
    tcase_add_test(tests, each_direction_has_luck_of_its_own);
    tcase_add_test(tests, other_troubles_leave_the_luck_of_losses_alone);
    tcase_add_loop_test(tests, a_share_outside_its_range_is_never_or_always, 0,
                        (int)COUNT_OF(odds));
    tcase_add_test(tests, an_older_program_sets_only_the_fields_it_knows);
}

TEST_MAIN("sim_link", add_tests)
