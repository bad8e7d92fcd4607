/*
 * The budget of inputs, at play: clients that send over a network of their own, honest ones and
 * others, at a server with a tick clock that now and then stands still. All in virtual time.
 */
#include "server/move_filter.h"

#include "common/random.h"
#include "tests/support/test.h"
#include <belay/limits.h>
#include <string.h>

#define HZ          60
#define FUTURE      64
#define BURST       8
#define FIRST       (UINT32_MAX - 1000) /* the tick number wraps on the way */
#define DURATION_MS 60000
#define FLIGHT_MAX  256 /* datagrams under way */

struct pause {
    uint32_t from_ms, until_ms;
};

struct scene {
    const char *name;
    double speed; /* ticks of the client for each of the server */
    double lead;  /* ticks, at the beginning; the way of datagrams takes from it */
    uint32_t redundancy;
    uint32_t delay_ms, jitter_ms;
    double loss;
    struct pause fast;     /* the speed is only this long not 1; all zeros: always */
    struct pause silence;  /* of the client, which goes on by real time */
    struct pause standing; /* of the server: no tick is run */
    bool deaf;             /* and meanwhile nothing is received */
    bool careful;          /* sends nothing that is too far ahead */
};

static struct world {
    const struct scene *scene;
    struct bl_random random;
    struct bl_tick_clock clock;
    struct bl_tick_time now;
    struct bl_move_filter *filter;
    struct {
        uint32_t newest, arrives_ms;
    } flight[FLIGHT_MAX];
    uint32_t flight_count;
    double position;             /* of the client, in ticks since FIRST */
    uint32_t sent;               /* newest tick sent for, since FIRST */
    uint32_t before;             /* the one before the first */
    uint32_t substituted_at_end; /* of the last 10 s */
} world;

static const struct belay_move_opts opts = {.size = 4,
                                            .tick_hz = HZ,
                                            .lanes = 1,
                                            .hold_ticks = BELAY_HOLD_TICKS_DEFAULT,
                                            .future_max = FUTURE,
                                            .burst_ticks = BURST};

static bool during(const struct pause *pause, uint32_t ms) {
    return ms >= pause->from_ms && ms < pause->until_ms;
}

static const struct bl_move_counts *counts(void) {
    return bl_move_filter_counts(world.filter);
}

static uint64_t refused(void) {
    return counts()->verdicts[BELAY_MOVE_OVER_BUDGET];
}

static enum belay_move_verdict take(uint32_t tick, bool repeated) {
    uint8_t data[4];
    memcpy(data, &tick, sizeof data);
    const struct bl_move_input input = {.tick = tick, .data = data, .repeated = repeated};
    enum belay_move_verdict verdict = bl_move_filter_take(world.filter, &world.now, &input);
    uint64_t passed = (uint32_t)(world.now.due - (FIRST - 1));
    if (counts()->verdicts[BELAY_MOVE_ACCEPTED] > passed + BURST) {
        ck_abort_msg("more inputs than ticks and burst at tick %u", world.now.due);
    }
    return verdict;
}

static void send_datagram(uint32_t ms) {
    const struct scene *scene = world.scene;
    uint32_t jitter = (uint32_t)bl_random_below(&world.random, scene->jitter_ms + 1);
    if (bl_random_chance(&world.random, scene->loss) || during(&scene->silence, ms)) {
        return;
    }
    ck_assert_uint_lt(world.flight_count, FLIGHT_MAX);
    world.flight[world.flight_count].newest = world.sent;
    world.flight[world.flight_count++].arrives_ms = ms + scene->delay_ms + jitter;
}

/** The client's millisecond. */
static void play(uint32_t ms) {
    const struct scene *scene = world.scene;
    bool fast = scene->fast.until_ms == 0 || during(&scene->fast, ms);
    double ahead_max = (double)(world.now.due - FIRST) + FUTURE;
    world.position += HZ * (fast ? scene->speed : 1) / 1000;
    if (scene->careful && world.position > ahead_max) {
        world.position = ahead_max;
    }
    while (world.sent < (uint32_t)world.position) {
        world.sent++;
        send_datagram(ms);
    }
}

static void receive(uint32_t ms) {
    for (uint32_t i = 0; i < world.flight_count;) {
        uint32_t newest = world.flight[i].newest;
        if (world.flight[i].arrives_ms > ms) {
            i++;
            continue;
        }
        world.flight[i] = world.flight[--world.flight_count];
        for (uint32_t age = world.scene->redundancy; age-- > 0;) {
            if (newest - world.before > age) {
                take(FIRST + newest - age, age > 0);
            }
        }
    }
}

static void run_due(bl_time at, uint32_t ms) {
    struct belay_move move;
    uint32_t tick, value;
    while (bl_tick_clock_next(&world.clock, at, &tick)) {
        world.now = bl_tick_clock_read(&world.clock, at);
        bl_move_filter_use(world.filter, &world.now, tick, NULL, &move);
        memcpy(&value, move.data, sizeof value);
        ck_assert(!move.as_sent || value == tick);
        world.substituted_at_end += !move.as_sent && ms >= DURATION_MS - 10000;
    }
}

static void begin(const struct scene *scene) {
    world = (struct world){.scene = scene,
                           .position = scene->lead,
                           .sent = (uint32_t)scene->lead,
                           .before = (uint32_t)scene->lead};
    bl_random_init_seeded(&world.random, 1);
    bl_tick_clock_start(&world.clock, HZ, FIRST, 0);
    world.now = (struct bl_tick_time){.ran = FIRST - 1, .due = FIRST - 1, .catch_up = 15};
    world.filter = calloc(1, bl_move_filter_size(&opts));
    bl_move_filter_init(world.filter, &opts, &world.now);
}

static void play_scene(const struct scene *scene) {
    begin(scene);
    for (uint32_t ms = 0; ms < DURATION_MS; ms++) {
        bl_time at = bl_from_ms(ms);
        bool standing = during(&scene->standing, ms);
        play(ms);
        if (!standing || !scene->deaf) {
            world.now = bl_tick_clock_read(&world.clock, at);
            receive(ms);
        }
        if (!standing) {
            run_due(at, ms);
        }
    }
}

static void end(void) {
    free(world.filter);
    world.filter = NULL;
}

/* Nobody who plays by the rules is told that he does not, and he gets all his ticks. */
static const struct scene honest[] = {
    {.name = "steady", .speed = 1, .lead = 4, .redundancy = 1},
    {.name = "barely in time", .speed = 1, .lead = 1.5, .redundancy = 1},
    {.name = "repeating", .speed = 1, .lead = 4, .redundancy = 8},
    {.name = "jitter", .speed = 1, .lead = 7, .redundancy = 8, .delay_ms = 20, .jitter_ms = 60},
    {.name = "loss", .speed = 1, .lead = 8, .redundancy = 16, .delay_ms = 20, .loss = 0.1},
    {.name = "a clock that is 200 ppm fast", .speed = 1.0002, .lead = 4, .redundancy = 8},
    {.name = "a silence of 2 s",
     .speed = 1,
     .lead = 7,
     .redundancy = 16,
     .delay_ms = 20,
     .silence = {20000, 22000}},
    {.name = "a server that stands still for 2 s",
     .speed = 1,
     .lead = 7,
     .redundancy = 8,
     .delay_ms = 20,
     .jitter_ms = 40,
     .standing = {20000, 22000}},
    {.name = "the same, and nothing is received meanwhile",
     .speed = 1,
     .lead = 7,
     .redundancy = 8,
     .delay_ms = 20,
     .jitter_ms = 40,
     .standing = {20000, 22000},
     .deaf = true},
    {.name = "a stall of 200 ms, of which nothing is left out",
     .speed = 1,
     .lead = 7,
     .redundancy = 8,
     .standing = {20000, 20200},
     .deaf = true},
    {.name = "a margin that grows by most of the burst",
     .speed = 1.05,
     .lead = 2.5,
     .redundancy = 8,
     .fast = {20000, 22000}},
};

START_TEST(an_honest_client_is_never_over_budget) {
    const struct scene *scene = &honest[_i];
    play_scene(scene);
    ck_assert_msg(refused() == 0, "%s: %u refused", scene->name, (unsigned)refused());
    ck_assert_msg(world.substituted_at_end == 0, "%s: %u substituted", scene->name,
                  world.substituted_at_end);
    /* No tick of a player who plays went without, but for loss and for his own silence. */
    bool excused = scene->silence.until_ms > 0 || scene->loss > 0;
    ck_assert_msg(excused || counts()->substituted == 0, "%s: %u substituted", scene->name,
                  (unsigned)counts()->substituted);
    ck_assert_uint_le(counts()->substituted, 120);
    end();
}
END_TEST

START_TEST(the_punctual_are_not_punished_for_a_stall_of_the_server) {
    const struct scene *scene = &honest[7 + _i];
    play_scene(scene);
    ck_assert_uint_eq(world.clock.left_out_count + world.clock.run_count,
                      (uint64_t)(DURATION_MS - 1) * HZ / 1000 + 1);
    ck_assert_uint_gt(world.clock.left_out_count, 100);
    ck_assert_uint_ge(counts()->used + 7 + 3, world.clock.run_count); /* before the first came */
    end();
}
END_TEST

/* Whoever is refused for a moment is so only for what he sends far ahead of its tick. */
static const struct scene refused_for_a_moment[] = {
    {.name = "a margin that grows by more than the burst",
     .speed = 1.05,
     .lead = 2,
     .redundancy = 16,
     .fast = {20000, 25000}},
    {.name = "jitter after a silence",
     .speed = 1,
     .lead = 9,
     .redundancy = 16,
     .delay_ms = 10,
     .jitter_ms = 60,
     .silence = {20000, 22000}},
    {.name = "loss after a silence",
     .speed = 1,
     .lead = 12,
     .redundancy = 16,
     .delay_ms = 10,
     .jitter_ms = 30,
     .loss = 0.05,
     .silence = {20000, 22000}},
};

START_TEST(no_honest_client_is_refused_for_good) {
    const struct scene *scene = &refused_for_a_moment[_i];
    play_scene(scene);
    ck_assert_msg(refused() > 0, "%s: never refused", scene->name); /* else it shows nothing */
    ck_assert_msg(world.substituted_at_end == 0, "%s: %u substituted", scene->name,
                  world.substituted_at_end);
    ck_assert_uint_ge(counts()->used + 120 + 20, world.clock.run_count);
    /* Nor does it look to him like loss. */
    struct bl_move_ack ack;
    bl_move_filter_report(world.filter, &ack);
    ck_assert_uint_ge(ack.received + 6, FIRST + world.sent);
    ck_assert_uint_lt(ack.loss, 256 / 4);
    end();
}
END_TEST

static const struct scene cheats[] = {
    {.name = "1.1x", .speed = 1.1, .lead = 2, .redundancy = 8},
    {.name = "1.5x", .speed = 1.5, .lead = 2, .redundancy = 8},
    {.name = "10x", .speed = 10, .lead = 2, .redundancy = 8},
    {.name = "careful 1.1x", .speed = 1.1, .lead = 2, .redundancy = 8, .careful = true},
    {.name = "careful 1.5x", .speed = 1.5, .lead = 2, .redundancy = 8, .careful = true},
    {.name = "careful 10x", .speed = 10, .lead = 2, .redundancy = 16, .careful = true},
    {.name = "10x and a stall of the server",
     .speed = 10,
     .lead = 2,
     .redundancy = 8,
     .careful = true,
     .standing = {20000, 22000}},
};

START_TEST(a_speed_hack_gets_no_more_than_its_ticks_and_the_burst) {
    const struct scene *scene = &cheats[_i];
    play_scene(scene); /* take() has an eye on it at every input */
    uint64_t ticks = (uint64_t)(DURATION_MS - 1) * HZ / 1000 + 1;
    uint64_t accepted = counts()->verdicts[BELAY_MOVE_ACCEPTED];
    uint64_t turned_away = refused() + counts()->verdicts[BELAY_MOVE_FUTURE];
    ck_assert_uint_le(accepted, ticks + BURST);
    ck_assert_uint_le(counts()->used, ticks);
    ck_assert_msg(turned_away > 0, "%s: nothing was refused", scene->name);
    end();
}
END_TEST

START_TEST(who_sends_all_that_may_come_gets_one_input_for_each_tick) {
    const struct scene greedy = {.name = "greedy"};
    uint32_t tick;
    begin(&greedy);
    for (uint32_t i = 0; i < DURATION_MS * HZ / 1000; i++) {
        bl_time due = bl_tick_clock_due(&world.clock);
        world.now = bl_tick_clock_read(&world.clock, due);
        for (uint32_t ahead = 0; ahead <= FUTURE; ahead++) {
            take(world.now.due + ahead, false);
        }
        bl_tick_clock_next(&world.clock, due, &tick);
        world.now = bl_tick_clock_read(&world.clock, due);
        bl_move_filter_use(world.filter, &world.now, tick, NULL, &(struct belay_move){0});
    }
    ck_assert_uint_eq(counts()->verdicts[BELAY_MOVE_ACCEPTED],
                      (uint64_t)DURATION_MS * HZ / 1000 + BURST);
    ck_assert_uint_eq(counts()->used, (uint64_t)DURATION_MS * HZ / 1000);
    end();
}
END_TEST

START_TEST(silence_saves_nothing_up) {
    const struct scene silent = {.name = "silent"};
    uint32_t accepted = 0;
    begin(&silent);
    run_due(0, 0);
    for (uint32_t second = 1; second < 20; second++) {
        run_due(second * BL_SECOND, 0);
    }
    world.now = bl_tick_clock_read(&world.clock, 19 * BL_SECOND);
    for (uint32_t ahead = 1; ahead <= FUTURE; ahead++) {
        accepted += take(world.now.due + ahead, false) == BELAY_MOVE_ACCEPTED;
    }
    ck_assert_uint_eq(accepted, BURST);
    end();
}
END_TEST

START_TEST(ticks_that_are_due_count_as_if_they_were_run) {
    const struct scene any = {.name = "any"};
    begin(&any);
    world.now.due += 10; /* the server is late */
    for (uint32_t i = 0; i < 10 + BURST; i++) {
        ck_assert_uint_eq(take(FIRST + i, false), BELAY_MOVE_ACCEPTED);
    }
    ck_assert_uint_eq(take(FIRST + 10 + BURST, false), BELAY_MOVE_OVER_BUDGET);
    world.now.ran += 10; /* and catches up, which gives nothing twice */
    ck_assert_uint_eq(take(FIRST + 10 + BURST, false), BELAY_MOVE_OVER_BUDGET);
    world.now.ran++;
    world.now.due++;
    ck_assert_uint_eq(take(FIRST + 10 + BURST, false), BELAY_MOVE_ACCEPTED);
    ck_assert_uint_eq(take(FIRST + 11 + BURST, false), BELAY_MOVE_OVER_BUDGET);
    end();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, an_honest_client_is_never_over_budget, 0, COUNT_OF(honest));
    tcase_add_loop_test(tests, the_punctual_are_not_punished_for_a_stall_of_the_server, 0, 2);
    tcase_add_loop_test(tests, no_honest_client_is_refused_for_good, 0,
                        COUNT_OF(refused_for_a_moment));
    tcase_add_loop_test(tests, a_speed_hack_gets_no_more_than_its_ticks_and_the_burst, 0,
                        COUNT_OF(cheats));
    tcase_add_test(tests, who_sends_all_that_may_come_gets_one_input_for_each_tick);
    tcase_add_test(tests, silence_saves_nothing_up);
    tcase_add_test(tests, ticks_that_are_due_count_as_if_they_were_run);
}
TEST_MAIN("server/move_budget", add_tests)
