/* A seeded run is the same each time, in another process too, bit for bit. */
#include "tests/support/child.h"
#include "tests/support/world.h"
#include <stdio.h>

#define CLIENTS 100
#define RUN_MS  60000

/** Everybody logs in, talks both ways on every channel, and now and then somebody leaves. */
static uint64_t run(uint64_t seed) {
    struct world *world = world_create(&(struct world_opts){
        .seed = seed,
        .clients = CLIENTS,
        .link = {.delay_ms = 30, .jitter_ms = 20, .loss = 0.05F, .duplicate = 0.01F},
        .server = {.session_max = CLIENTS + 10},
    });
    world_open(world);
    for (uint32_t round = 0; world->ms < RUN_MS; round++) {
        for (unsigned i = round % 10; i < CLIENTS; i += 10) {
            if (!world_is_open(world, i)) {
                continue;
            }
            ledger_send(world, UP, i, 0, 20 + i);
            ledger_send(world, UP, i, 1, 30);
            ledger_send(world, DOWN, i, 0, 50 + 30 * i);
        }
        if (round % 100 == 99) {
            belay_client_close(world->clients[round / 100 % CLIENTS].it, NULL, 500);
        }
        world_run(world, 50);
    }
    uint64_t trace = belay_sim_trace(world->sim);
    world_destroy(world);
    return trace;
}

static uint64_t trace_here;

static void run_there(void) {
    fprintf(stderr, "%016llx", (unsigned long long)run(7));
}

START_TEST(a_seeded_run_is_the_same_in_two_processes) {
    char said[256], expected[32];
    trace_here = run(7);
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)trace_here);
    ck_assert_int_eq(run_in_child(run_there, said, sizeof said), 0);
    ck_assert_str_eq(said, expected);
    ck_assert_uint_ne(run(8), trace_here); /* and another seed is another run */
}
END_TEST

/* What was sent in such a run arrived exactly once and in order, for each of the hundred. */
START_TEST(a_hundred_clients_for_a_minute_lose_nothing) {
    struct world *world = world_create(&(struct world_opts){
        .seed = 9,
        .clients = CLIENTS,
        .link = {.delay_ms = 30, .jitter_ms = 20, .loss = 0.05F},
        .server = {.session_max = CLIENTS},
    });
    world_open(world);
    for (uint32_t round = 0; world->ms < RUN_MS; round++) {
        for (unsigned i = round % 10; i < CLIENTS; i += 10) {
            ledger_must_send(world, UP, i, 0, 100);
            ledger_must_send(world, DOWN, i, 0, 100);
        }
        world_run(world, 50);
    }
    world_run(world, 3000);
    for (unsigned i = 0; i < CLIENTS; i++) {
        must(told_count(world, SERVER, i, BELAY_EVENT_CLOSED) == 0);
        ledger_check(world, UP, i, 0);
        ledger_check(world, DOWN, i, 0);
    }
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_seeded_run_is_the_same_in_two_processes);
    tcase_add_test(tests, a_hundred_clients_for_a_minute_lose_nothing);
}

TEST_MAIN("repeatable", add_tests)
