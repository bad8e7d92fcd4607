/*
 * Jobs as they are watched: by their owner and others, each at its own pace and place, over lost
 * links and in another process, and nobody to anybody else's cost.
 */
#include "tests/support/work.h"
#include <stdio.h>
#include <string.h>

#define ONE_WAY_MS 50
#define RTT_MS     (2 * ONE_WAY_MS)

static bool let_watch(void *user, belay_session session, belay_job job) {
    (void)session, (void)job;
    return *(const bool *)user;
}

static bool yes = true, no = false;

static struct work *open_with(struct work_opts opts) {
    if (opts.world.link.delay_ms == 0) {
        opts.world.link = (struct belay_link){.delay_ms = ONE_WAY_MS};
    }
    return work_open(opts);
}

static void run(const struct work *work, uint32_t ms) {
    world_run(work->world, ms);
}

/* F5, F7, F11, F12: who may not see a job does not learn that there is one. */
START_TEST(another_users_job_is_not_found) {
    struct work_opts opts = {.world = {.clients = 2}};
    if (_i == 1) {
        opts.jobs.may_watch = let_watch;
        opts.jobs.user = &no;
    }
    struct work *work = open_with(opts);
    belay_job job = work_begin(work, 0, "once", "dig");
    ck_assert_int_eq(work_code(work, work_watch(work, 1, job, 1)), BELAY_JOB_NOT_FOUND);
    ck_assert_int_eq(work_code(work, work_cancel(work, 1, job)), BELAY_JOB_NOT_FOUND);
    ck_assert_int_eq(work_code(work, work_unwatch(work, 1, job)), BELAY_JOB_NOT_FOUND);
    ck_assert_int_eq(work_code(work, work_unwatch(work, 1, job + 1)), BELAY_JOB_NOT_FOUND);
    uint32_t list = work_list(work, 1, 0, 0, 9), own = work_list(work, 0, 0, 0, 9);
    ck_assert_int_eq(work_code(work, list), 0);
    ck_assert_str_eq(work_listed(work, list), "");
    ck_assert_int_eq(work_code(work, own), 0);
    ck_assert_str_eq(work_listed(work, own), "1");
    ck_assert_uint_ne(work_begin(work, 1, "once", "fill"), job);
    ck_assert(!work_info(work, job).stopping);
    work_emit(work, job, 1);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 1, job), "");
    work_end(work);
}
END_TEST

/* F7 */
START_TEST(who_may_watch_may_not_cancel) {
    struct work *work = open_with((struct work_opts){
        .world = {.clients = 2}, .jobs = {.may_watch = let_watch, .user = &yes}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(work_code(work, work_cancel(work, 1, job)), BELAY_JOB_DENIED);
    ck_assert_int_eq(work_code(work, work_watch(work, 1, job, 1)), 0);
    ck_assert_int_eq(work_code(work, work_cancel(work, 1, job)), BELAY_JOB_DENIED);
    uint32_t list = work_list(work, 1, 0, 0, 9);
    ck_assert_int_eq(work_code(work, list), 0);
    ck_assert_str_eq(work_listed(work, list), "1");
    ck_assert(!work_info(work, job).stopping);
    work_succeed(work, job, 9);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 1, job), "SUCCEEDED@1");
    work_end(work);
}
END_TEST

/* A29, A30, F7: history from a sequence, only what is to come, and the end always. */
START_TEST(a_job_may_be_watched_from_any_event_on) {
    static const struct {
        uint32_t from;
        const char *before, *after; /* joined while it runs, and when it has ended */
    } places[] = {{1, "1 2 3 4 5 SUCCEEDED@6", "1 2 3 4 5 SUCCEEDED@6"},
                  {3, "3 4 5 SUCCEEDED@6", "3 4 5 SUCCEEDED@6"},
                  {4, "4 5 SUCCEEDED@6", "4 5 SUCCEEDED@6"},
                  {5, "4 5 SUCCEEDED@6", "5 SUCCEEDED@6"},
                  {6, "4 5 SUCCEEDED@6", "SUCCEEDED@6"},
                  {7, "4 5 SUCCEEDED@6", "SUCCEEDED@6"},
                  {UINT32_MAX, "4 5 SUCCEEDED@6", "SUCCEEDED@6"}};
    struct work *work = open_with((struct work_opts){
        .world = {.clients = 2}, .jobs = {.may_watch = let_watch, .user = &yes}});
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        belay_job job = work_begin(work, 0, NULL, "dig");
        work_emit(work, job, 3);
        const struct belay_job_event *joined =
            work_end_of(work, work_watch(work, 1, job, places[i].from));
        ck_assert_uint_eq(joined->sequence, 3);
        ck_assert_int_eq(joined->state, BELAY_JOB_RUNNING);
        work_emit(work, job, 2);
        work_succeed(work, job, 40000);
        run(work, 500);
        ck_assert_str_eq(work_story(work, 1, job), places[i].before);
        work_forget(work);
        ck_assert_int_eq(work_code(work, work_watch(work, 1, job, places[i].from)), 0);
        run(work, 500);
        ck_assert_str_eq(work_story(work, 1, job), places[i].after);
        ck_assert_uint_eq(work_info(work, job).watchers, 0);
    }
    work_end(work);
}
END_TEST

/* A28, A29: the owner, who watches already, hears all once; so do its other sessions. */
START_TEST(each_watcher_hears_each_event_once_and_of_no_other_job) {
    struct work *work =
        open_with((struct work_opts){.world = {.clients = 3, .server = {.replace = 2}},
                                     .jobs = {.may_watch = let_watch, .user = &yes}});
    belay_job job = work_begin(work, 0, NULL, "dig"), other = work_begin(work, 1, NULL, "dig");
    work_emit(work, job, 2);
    run(work, RTT_MS);
    ck_assert_int_eq(work_code(work, work_watch(work, 0, job, 3)), 0); /* twice is once */
    ck_assert_int_eq(work_code(work, work_watch(work, 0, job, UINT32_MAX)), 0);
    ck_assert_int_eq(work_code(work, work_watch(work, 1, job, 2)), 0);
    ck_assert_uint_eq(work_info(work, job).watchers, 2);
    work_emit(work, other, 1);
    work_emit(work, job, 1);
    work_emit(work, other, 1);
    work_succeed(work, job, 1);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "1 2 3 SUCCEEDED@4");
    ck_assert_str_eq(work_story(work, 1, job), "2 3 SUCCEEDED@4");
    ck_assert_str_eq(work_story(work, 0, other), "");
    ck_assert_str_eq(work_story(work, 1, other), "1 2");
    ck_assert_str_eq(work_story(work, 2, job), "");
    work_end(work);
}
END_TEST

/* A32, A52 */
START_TEST(who_does_not_watch_any_more_hears_nothing) {
    struct work *work = open_with((struct work_opts){
        .world = {.clients = 3}, .jobs = {.may_watch = let_watch, .user = &yes}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(work_code(work, work_watch(work, 1, job, 1)), 0);
    ck_assert_int_eq(work_code(work, work_watch(work, 2, job, 1)), 0);
    work_emit(work, job, 1);
    run(work, RTT_MS);
    ck_assert_int_eq(work_code(work, work_unwatch(work, 1, job)), 0);
    ck_assert_int_eq(work_code(work, work_unwatch(work, 1, job)), 0); /* twice is once */
    ck_assert_int_eq(work_code(work, work_unwatch(work, 0, job)), 0); /* its owner may too */
    belay_client_close(work->world->clients[2].it, NULL, 0);
    run(work, 1000);
    ck_assert_uint_eq(work_info(work, job).watchers, 0);
    work_emit(work, job, 1);
    work_succeed(work, job, 0);
    run(work, RTT_MS);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_str_eq(work_story(work, i, job), "1");
    }
    work_end(work);
}
END_TEST

/* F7: what is not kept any more is said, to who joins late and who is slow alike. */
START_TEST(a_gap_tells_what_the_history_has_not) {
    static const struct belay_jobs_opts kinds[] = {
        {.history_max = 3}, {.history_max = 9, .history_bytes = 12}, {.history_bytes = 1}};
    static const char *const late[] = {"GAP1-2 3 4 5", "GAP1-2 3 4 5", "GAP1-4 5"};
    static const char *const ends[] = {"GAP1-2 3 4 5 SUCCEEDED@6", "GAP1-2 3 4 5 SUCCEEDED@6",
                                       "GAP1-4 5 SUCCEEDED@6"};
    struct work_opts opts = {.world = {.clients = 2}, .jobs = kinds[_i]};
    opts.jobs.may_watch = let_watch;
    opts.jobs.user = &yes;
    struct work *work = open_with(opts);
    belay_job job = work_begin(work, 0, NULL, "dig");
    work_emit(work, job, 5);
    ck_assert_int_eq(work_code(work, work_watch(work, 1, job, 1)), 0);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 1, job), late[_i]);
    work_succeed(work, job, 1);
    run(work, RTT_MS);
    work_forget(work);
    ck_assert_int_eq(work_code(work, work_watch(work, 1, job, 1)), 0);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 1, job), ends[_i]);
    work_end(work);
}
END_TEST

START_TEST(who_is_slower_than_the_history_is_long_hears_of_the_gap) {
    struct work *work = open_with((struct work_opts){.world = {.server = {.send_messages_max = 4}},
                                                     .jobs = {.history_max = 10}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    run(work, RTT_MS);
    work->world->clients[0].deaf = true;
    for (int i = 0; i < 100; i++) {
        work_emit(work, job, 1);
        run(work, 20);
    }
    work->world->clients[0].deaf = false;
    run(work, 2000);
    work_succeed(work, job, 0);
    run(work, 1000);
    ck_assert_str_eq(work_story(work, 0, job),
                     "1 2 3 4 GAP5-90 91 92 93 94 95 96 97 98 99 100 SUCCEEDED@101");
    work_end(work);
}
END_TEST

/* ---- trouble */

enum trouble { NONE, DEAF, CUT, LEAVING, KILLED, UNWATCHING, FLOODING };

static void make_trouble(struct work *work, enum trouble trouble, belay_job job) {
    struct world *world = work->world;
    if (trouble == DEAF) {
        world->clients[2].deaf = true;
    } else if (trouble == CUT) {
        world_cut(world, 2);
    } else if (trouble == LEAVING) {
        belay_client_close(world->clients[2].it, NULL, 0);
    } else if (trouble == KILLED) {
        work_kill(work, 2);
    } else if (trouble == UNWATCHING) {
        ck_assert_uint_ne(work_unwatch(work, 2, job), WORK_ALL);
    } else if (trouble == FLOODING) {
        while (work_watch(work, 2, job, 1) != WORK_ALL) {
        }
    }
}

/** What the owner and one watcher hear, and when, while another one is in trouble. */
static struct work *hear_with(enum trouble trouble) {
    struct work *work =
        open_with((struct work_opts){.world = {.clients = 3, .server = {.send_messages_max = 64}},
                                     .jobs = {.may_watch = let_watch, .user = &yes}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(work_code(work, work_watch(work, 2, job, 1)), 0); /* between the two */
    ck_assert_int_eq(work_code(work, work_watch(work, 1, job, 1)), 0);
    for (int i = 0; i < 300; i++) {
        if (i == 20) {
            make_trouble(work, trouble, job);
        }
        work_emit(work, job, 1);
        run(work, 20);
    }
    work_succeed(work, job, 200000);
    run(work, 3000);
    return work;
}

/** The next thing heard by somebody who is not in trouble. */
static const struct heard *next_heard(const struct work *work, uint32_t *at) {
    while (*at < work->heard_count && work->heard[*at].client == 2) {
        (*at)++;
    }
    return *at < work->heard_count ? &work->heard[(*at)++] : NULL;
}

/* A31, A52, W-A7: equal to the step. */
START_TEST(a_watcher_in_trouble_is_alone_with_it) {
    struct work *calm = hear_with(NONE);
    struct work *work = hear_with((enum trouble)_i);
    const struct heard *one, *other;
    uint32_t at = 0, at_other = 0, count = 0;
    while ((one = next_heard(calm, &at)) != NULL) {
        other = next_heard(work, &at_other);
        must(other != NULL && one->client == other->client && one->at_ms == other->at_ms);
        must(one->event.type == other->event.type && one->event.sequence == other->event.sequence);
        count++;
    }
    ck_assert_ptr_null(next_heard(work, &at_other));
    ck_assert_uint_gt(count, 2 * 300);
    if (_i == DEAF) {
        work->world->clients[2].deaf = false;
    } else if (_i == CUT) {
        world_link(work->world, 2, &work->opts.world.link);
    }
    run(work, 5000);
    if (_i == DEAF || _i == CUT) { /* nor has it missed anything */
        char story[16384];
        snprintf(story, sizeof story, "%s", work_story(calm, 2, 1));
        ck_assert_str_eq(work_story(work, 2, 1), story);
    }
    work_end(work);
    work_end(calm);
}
END_TEST

/* R47, A48, F9, W-A13 */
START_TEST(a_cut_at_any_moment_of_a_job_changes_nothing) {
    for (uint32_t at = 0; at <= 4 * RTT_MS; at += WORLD_STEP_MS) {
        struct work *work =
            open_with((struct work_opts){.world = {.seed = 1 + at, .clients = 2},
                                         .jobs = {.may_watch = let_watch, .user = &yes}});
        struct world *world = work->world;
        uint32_t submit = work_submit(work, 0, "once", "dig"), watch = WORK_ALL;
        belay_job job = 0;
        for (uint32_t ms = 0; ms < 12000; ms += WORLD_STEP_MS) {
            if (ms == at) {
                world_cut(world, at % 2);
            } else if (ms == 9000) {
                ck_assert(!world_is_open(world, at % 2));
                world_link(world, at % 2, &work->opts.world.link);
            }
            world_step(world);
            if (job == 0 && work->task_count == 1) { /* it is told while the other joins */
                job = work->tasks[0].job;
                watch = work_watch(work, 1, job, 1);
            } else if (job != 0 && (ms % 50) == 0 && work_info(work, job).newest < 5) {
                work_emit(work, job, 1);
            } else if (job != 0 && work_info(work, job).newest == 5) {
                work_succeed(work, job, 70000);
            }
        }
        ck_assert_int_eq(work_code(work, submit), 0);
        ck_assert_int_eq(work_code(work, watch), 0);
        ck_assert_str_eq(work_story(work, 0, job), "1 2 3 4 5 SUCCEEDED@6");
        ck_assert_str_eq(work_story(work, 1, job), "1 2 3 4 5 SUCCEEDED@6");
        ck_assert_uint_eq(work_tasks(work, job, false), 1);
        work_end(work);
    }
}
END_TEST

/* ---- another process */

/* F7: resume against subscribe. */
START_TEST(another_process_of_a_client_watches_again_and_misses_nothing) {
    for (uint32_t wait = 0; wait <= 3 * RTT_MS; wait += 2 * WORLD_STEP_MS) {
        struct work *work = open_with((struct work_opts){
            .world = {.server = {.accept_gaps = true}, .client = {.accept_gaps = true}}});
        struct world *world = work->world;
        belay_job old = work_begin(work, 0, "once", "dig");
        work_emit(work, old, 3);
        uint32_t second = work_submit(work, 0, "other", "fill"); /* may have begun, or not */
        run(work, wait);
        work_kill(work, 0);
        work_emit(work, old, 2); /* for the process that is gone */
        run(work, 3000);
        work_forget(work);
        work_revive(work, 0);
        run(work, 1000);
        ck_assert(world_is_open(world, 0));
        work_emit(work, old, 1);
        run(work, RTT_MS);
        ck_assert_uint_eq(work->heard_count, 0); /* it has not asked */
        const struct belay_job_event *end = work_end_of(work, work_watch(work, 0, old, 2));
        ck_assert_int_eq(end->code, 0);
        ck_assert_uint_eq(end->job, old);
        if (belay_jobs_next(work->jobs, old) != 0) { /* nor does it watch the other one yet */
            ck_assert_uint_eq(work_info(work, old + 1).watchers, 0);
        }
        ck_assert_uint_eq(work_begin(work, 0, "once", "dig"), old);
        belay_job found = work_begin(work, 0, "other", "fill");
        ck_assert_uint_eq(found, old + 1);
        ck_assert_uint_eq(work_tasks(work, found, false), 1);
        work_emit(work, old, 1);
        work_succeed(work, old, 100000);
        run(work, 1000);
        ck_assert_str_eq(work_story(work, 0, old), "2 3 4 5 6 7 SUCCEEDED@8");
        ck_assert_uint_ne(second, WORK_ALL);
        work_end(work);
    }
}
END_TEST

/* It asks as soon as it may, and hears nothing that was meant for the one before. */
START_TEST(the_calls_of_another_process_are_not_taken_for_those_before) {
    struct work *work = open_with((struct work_opts){
        .world = {.server = {.accept_gaps = true}, .client = {.accept_gaps = true}}});
    struct world *world = work->world;
    world->clients[0].deaf = true; /* what it is told waits, and comes again */
    uint32_t first = work_submit(work, 0, "once", "dig");
    run(work, 500);
    work_emit(work, 1, 4);
    run(work, 500);
    ck_assert_uint_ne(first, WORK_ALL);
    work_kill(work, 0);
    work_revive(work, 0);
    world->clients[0].deaf = false;
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    do {
        belay_sim_advance(world->sim, WORLD_STEP_MS);
        world->ms += WORLD_STEP_MS;
        must(belay_server_service(world->server, 0) == BELAY_OK);
        must(belay_client_service(world->clients[0].it, 0) == BELAY_OK);
        must(belay_client_info(world->clients[0].it, &info) == BELAY_OK);
    } while (info.state != BELAY_LOGGED_IN && world->ms < 10000);
    const struct belay_job_event *end = work_end_of(work, work_submit(work, 0, "other", "fill"));
    ck_assert_uint_eq(end->job, 2);
    run(work, 1000);
    ck_assert_str_eq(work_story(work, 0, 1), "");
    work_end(work);
}
END_TEST

/* ---- at random */

#define CLIENTS 3
#define JOBS    40

struct truth {
    belay_job job;
    uint32_t submit, watch[CLIENTS]; /* cookies; the owner's is that of the submission */
    uint32_t steps;
    char story[4096];
};

static uint64_t draw(uint64_t *luck, uint64_t below) {
    *luck = *luck * 6364136223846793005U + 1442695040888963407U;
    return (*luck >> 33) % below;
}

static void go_on(struct work *work, struct truth *truth, uint64_t *luck) {
    static const uint32_t steps[] = {3, 12, 40};
    size_t length = strlen(truth->story);
    if (truth->job == 0 || work_info(work, truth->job).state > BELAY_JOB_RUNNING) {
        return;
    }
    if (truth->steps < steps[draw(luck, 3)]) {
        work_emit(work, truth->job, 1);
        snprintf(truth->story + length, 32, "%s%u", length > 0 ? " " : "", ++truth->steps);
    } else {
        work_succeed(work, truth->job, draw(luck, 100000));
        snprintf(truth->story + length, 32, "%sSUCCEEDED@%u", length > 0 ? " " : "",
                 truth->steps + 1);
    }
}

static void disturb(struct work *work, const struct belay_link *bad, uint64_t *luck) {
    unsigned client = (unsigned)draw(luck, CLIENTS), what = (unsigned)draw(luck, 60);
    if (what == 0) {
        world_cut(work->world, client);
    } else if (what == 1) {
        work->world->clients[client].deaf = true;
    } else if (what < 8) {
        world_link(work->world, client, bad);
        work->world->clients[client].deaf = false;
    }
}

static void ask(struct work *work, struct truth *truth, uint32_t number, uint64_t *luck) {
    unsigned client = (unsigned)draw(luck, CLIENTS);
    char key[16];
    snprintf(key, sizeof key, "job %u", number);
    if (truth->submit == WORK_ALL) {
        truth->submit = truth->watch[client] = work_submit(work, client, key, "dig");
    } else if (truth->job == 0 && work_has_ended(work, truth->submit)) {
        truth->job = work_end_of(work, truth->submit)->job;
        must(truth->job != 0 && work_code(work, truth->submit) == 0);
    } else if (truth->job != 0 && truth->watch[client] == WORK_ALL) {
        truth->watch[client] = work_watch(work, client, truth->job, 1);
    }
}

/* A30, A31, F7: each watcher hears the same, from the first event to the end, each once. */
START_TEST(whatever_happens_all_who_watch_hear_the_same_story_once) {
    const struct belay_link bad = {
        .delay_ms = 20, .jitter_ms = 40, .loss = 0.2F, .duplicate = 0.1F, .reorder = 0.05F};
    static struct truth truths[JOBS];
    struct work *work = open_with(
        (struct work_opts){.world = {.seed = 100 + (unsigned)_i, .clients = CLIENTS, .link = bad},
                           .jobs = {.may_watch = let_watch, .user = &yes}});
    uint64_t luck = 0x9e3779b97f4a7c15U * (100 + (unsigned)_i);
    uint32_t heard = 0;
    for (uint32_t i = 0; i < JOBS; i++) {
        truths[i] = (struct truth){.submit = WORK_ALL, .watch = {WORK_ALL, WORK_ALL, WORK_ALL}};
    }
    for (int round = 0; round < 3000; round++) {
        uint32_t number = (uint32_t)draw(&luck, JOBS);
        disturb(work, &bad, &luck);
        ask(work, &truths[number], number, &luck);
        go_on(work, &truths[draw(&luck, JOBS)], &luck);
        run(work, 10);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        work->world->clients[i].deaf = false;
        world_link(work->world, i, &bad);
    }
    run(work, 20000);
    for (uint32_t i = 0; i < JOBS * CLIENTS; i++) {
        const struct truth *truth = &truths[i / CLIENTS];
        uint32_t cookie = truth->watch[i % CLIENTS];
        if (truth->job != 0 && cookie != WORK_ALL && work_code(work, cookie) == 0) {
            ck_assert_str_eq(work_story(work, i % CLIENTS, truth->job), truth->story);
            heard++;
        }
    }
    ck_assert_uint_gt(heard, JOBS * 2);
    work_end(work);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, another_users_job_is_not_found, 0, 2);
    tcase_add_test(tests, who_may_watch_may_not_cancel);
    tcase_add_test(tests, a_job_may_be_watched_from_any_event_on);
    tcase_add_test(tests, each_watcher_hears_each_event_once_and_of_no_other_job);
    tcase_add_test(tests, who_does_not_watch_any_more_hears_nothing);
    tcase_add_loop_test(tests, a_gap_tells_what_the_history_has_not, 0, 3);
    tcase_add_test(tests, who_is_slower_than_the_history_is_long_hears_of_the_gap);
    tcase_add_loop_test(tests, a_watcher_in_trouble_is_alone_with_it, DEAF, FLOODING + 1);
    tcase_add_test(tests, a_cut_at_any_moment_of_a_job_changes_nothing);
    tcase_add_test(tests, another_process_of_a_client_watches_again_and_misses_nothing);
    tcase_add_test(tests, the_calls_of_another_process_are_not_taken_for_those_before);
    tcase_add_loop_test(tests, whatever_happens_all_who_watch_hear_the_same_story_once, 0, 5);
}

TEST_MAIN("jobs watched", add_tests)
