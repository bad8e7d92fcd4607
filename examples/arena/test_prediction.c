/*
 * The whole game in one process, over the simulated network: how well clients predict.
 *
 * With equal physics at both ends a prediction is right to the last bit, whatever is lost, unless
 * the server had to run a tick without the client's input. With physics that are wrong by a
 * thousandth it is wrong by so little that nobody sees it.
 */
#include "examples/arena/bot.h"
#include "examples/arena/server.h"
#include <belay/sim.h>
#include <check.h>
#include <stdio.h>

#define BOTS    3
#define STEP_MS 5
#define SECONDS 30
#define ADDRESS "10.0.0.1:7777"

struct world {
    struct belay_sim *sim;
    struct arena_server server;
    struct server_record server_record;
    struct bot bots[BOTS];
    struct client_record records[BOTS];
};

static struct world world;

static void open_world(const struct belay_link *link, float speed) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    world = (struct world){.sim = belay_sim_create(11)};
    opts.sim = world.sim;
    opts.listen = ADDRESS;
    ck_assert(arena_server_open(&world.server, &opts, &world.server_record));
    belay_sim_link(world.sim, NULL, link);
    for (unsigned i = 0; i < BOTS; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "bot %u", i);
        const struct bot_opts bot = {
            .client = {.server = ADDRESS, .name = name, .speed = speed, .sim = world.sim},
            .seed = i,
        };
        ck_assert_msg(bot_open(&world.bots[i], &bot, &world.records[i]), "%s",
                      world.records[i].fault);
    }
}

static void run_world(uint32_t ms) {
    for (uint32_t passed = 0; passed < ms; passed += STEP_MS) {
        belay_sim_advance(world.sim, STEP_MS);
        belay_server_service(world.server.it, 0);
        arena_server_frame(&world.server);
        for (unsigned i = 0; i < BOTS; i++) {
            belay_client_service(world.bots[i].client.it, 0);
            bot_frame(&world.bots[i]);
        }
    }
}

static void close_world(void) {
    for (unsigned i = 0; i < BOTS; i++) {
        arena_client_close(&world.bots[i].client);
    }
    arena_server_close(&world.server, 0);
    belay_sim_destroy(world.sim);
}

static const struct {
    float loss;
    uint32_t delay_ms, jitter_ms;
} lines[] = {
    {0, 0, 0}, {0, 50, 0}, {0.01F, 20, 5}, {0.05F, 20, 10}, {0.10F, 40, 20}, {0.20F, 60, 40},
};
#define LINE_COUNT ((int)(sizeof lines / sizeof lines[0]))

static void play_on(int line, float speed) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = lines[line].loss;
    link.delay_ms = lines[line].delay_ms;
    link.jitter_ms = lines[line].jitter_ms;
    open_world(&link, speed);
    run_world(SECONDS * 1000);
}

START_TEST(a_prediction_is_exact_unless_the_server_had_no_input) {
    play_on(_i, ARENA_SPEED);
    for (unsigned i = 0; i < BOTS; i++) {
        const struct predict_stats *predict = &world.records[i].predict;
        /* And one for inputs that were lost before the first that came, where counting begins. */
        uint32_t missed = world.records[i].session.info.moves_substituted + 1;
        ck_assert_msg(predict->states > SECONDS * 12, "%u states", predict->states);
        ck_assert_uint_eq(predict->unexplained, 0);
        ck_assert_msg(predict->explained <= missed, "%u corrections for %u inputs that were missed",
                      predict->explained, missed);
        ck_assert_uint_eq(predict->exact + predict->explained + predict->deaths, predict->states);
    }
    close_world();
}
END_TEST

START_TEST(inputs_are_there_in_time_at_the_loss_of_everyday) {
    play_on(_i, ARENA_SPEED);
    for (unsigned i = 0; i < BOTS; i++) {
        const struct predict_stats *predict = &world.records[i].predict;
        const struct remote_stats *remote = &world.records[i].remote;
        ck_assert_msg(predict->explained * 100 <= predict->states, "%u corrections at %u states",
                      predict->explained, predict->states);
        ck_assert_msg(remote->late * 20 <= remote->drawn, "%u of %u pictures have no newer state",
                      remote->late, remote->drawn);
    }
    ck_assert_uint_gt(world.server_record.hits, 0);
    close_world();
}
END_TEST

START_TEST(physics_that_are_a_little_wrong_are_corrected_by_little) {
    play_on(_i, ARENA_SPEED * 1.001F);
    for (unsigned i = 0; i < BOTS; i++) {
        const struct predict_stats *predict = &world.records[i].predict;
        ck_assert_uint_gt(predict->unexplained, predict->states / 2);
        ck_assert_msg(predict->worst < PREDICT_BOUND, "%f", (double)predict->worst);
    }
    close_world();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("prediction");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_prediction_is_exact_unless_the_server_had_no_input, 0, LINE_COUNT);
    tcase_add_loop_test(tests, inputs_are_there_in_time_at_the_loss_of_everyday, 0, 4);
    tcase_add_loop_test(tests, physics_that_are_a_little_wrong_are_corrected_by_little, 0,
                        LINE_COUNT);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
