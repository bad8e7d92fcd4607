/*
 * Jobs as their owner sees them: submitted once, found again by their key, cancelled, ended once,
 * limited and kept for a while. (Who else may watch is in test_jobs_watched.c.)
 */
#include "tests/support/work.h"
#include <string.h>

#define ONE_WAY_MS 50
#define RTT_MS     (2 * ONE_WAY_MS)

static struct work *open_with(struct work_opts opts) {
    if (opts.world.link.delay_ms == 0) {
        opts.world.link = (struct belay_link){.delay_ms = ONE_WAY_MS};
    }
    return work_open(opts);
}

static void run(const struct work *work, uint32_t ms) {
    world_run(work->world, ms);
}

static void fail_job(const struct work *work, belay_job job, int32_t code) {
    ck_assert_int_eq(belay_jobs_fail(work->jobs, job, code, "why", 3), BELAY_OK);
}

/* A48, F8 */
START_TEST(a_job_is_accepted_tells_how_it_goes_on_and_ends) {
    struct work *work = open_with((struct work_opts){0});
    uint32_t asked_at = work->world->ms;
    uint32_t cookie = work_submit(work, 0, NULL, "dig");
    const struct belay_job_event *accepted = work_end_of(work, cookie);
    belay_job job = accepted->job;
    ck_assert_uint_le(work->world->ms - asked_at, RTT_MS + 2 * WORLD_STEP_MS);
    ck_assert_int_eq(accepted->code, 0);
    ck_assert_int_eq(accepted->state, BELAY_JOB_PENDING);
    ck_assert_uint_eq(work_tasks(work, job, false), 1);
    ck_assert_uint_eq(work->tasks[0].type, 7);
    ck_assert_mem_eq(work->tasks[0].params, "dig", 3);
    ck_assert_uint_eq(work->tasks[0].user_id[0], 1);
    ck_assert_int_eq(work_info(work, job).state, BELAY_JOB_RUNNING);
    work_emit(work, job, 2);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "1 2");
    work_succeed(work, job, 10);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "1 2 SUCCEEDED@3");
    ck_assert_uint_eq(work_info(work, job).watchers, 0);
    ck_assert_int_eq(belay_jobs_emit(work->jobs, job, 1, NULL, 0), BELAY_E_GONE);
    ck_assert_int_eq(belay_jobs_succeed(work->jobs, job, NULL, 0), BELAY_E_GONE);
    ck_assert_int_eq(belay_jobs_fail(work->jobs, job, 1, NULL, 0), BELAY_E_GONE);
    ck_assert_int_eq(belay_jobs_stopped(work->jobs, job), BELAY_E_GONE);
    work_end(work);
}
END_TEST

/* A34, F8, F12 */
START_TEST(a_job_may_fail_with_a_code_of_the_games) {
    struct work *work = open_with((struct work_opts){0});
    belay_job job = work_begin(work, 0, NULL, "dig");
    fail_job(work, job, -404);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "FAILED@1");
    ck_assert_int_eq(work->heard[work->heard_count - 1].event.code, -404);
    ck_assert_uint_eq(work->heard[work->heard_count - 1].event.size, 3);
    work_end(work);
}
END_TEST

/* F10 */
START_TEST(a_result_may_have_any_size) {
    static const struct {
        size_t size;
        uint32_t pieces;
    } results[] = {{0, 1},
                   {1, 1},
                   {BELAY_JOB_CHUNK, 1},
                   {BELAY_JOB_CHUNK + 1, 2},
                   {2 * BELAY_JOB_CHUNK, 2},
                   {3000000, 92}}; /* more than a send buffer holds */
    struct work *work =
        open_with((struct work_opts){.jobs = {.result_max = 3000000}, .world = {.clients = 1}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    work_forget(work);
    work_succeed(work, job, results[_i].size);
    run(work, 10000);
    ck_assert_str_eq(work_story(work, 0, job), "SUCCEEDED@1");
    ck_assert_uint_eq(work->heard_count, results[_i].pieces);
    job = work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(belay_jobs_succeed(work->jobs, job, "", 3000001), BELAY_E_TOO_BIG);
    ck_assert_int_eq(belay_jobs_succeed(work->jobs, job, NULL, 1), BELAY_E_INVALID);
    ck_assert_int_eq(belay_jobs_emit(work->jobs, job, 1, "", BELAY_JOB_CHUNK + 1), BELAY_E_TOO_BIG);
    ck_assert_str_eq(work_story(work, 0, job), "");
    work_end(work);
}
END_TEST

/* W-A7: what waits to be told leaves room for the rest. */
START_TEST(a_large_result_takes_no_room_from_the_game) {
    struct work *work = open_with((struct work_opts){0});
    belay_job job = work_begin(work, 0, NULL, "dig");
    work->world->clients[0].deaf = true;
    work_succeed(work, job, 3000000);
    run(work, 3000);
    for (int i = 0; i < 10; i++) {
        ledger_must_send(work->world, DOWN, 0, 0, 90000);
    }
    for (int i = 0; i < 400; i++) {
        ledger_must_send(work->world, DOWN, 0, 0, LEDGER_SIZE_MIN);
    }
    run(work, 1000);
    work->world->clients[0].deaf = false;
    run(work, 5000);
    ck_assert_str_eq(work_story(work, 0, job), "SUCCEEDED@1");
    ledger_check(work->world, DOWN, 0, 0);
    work_end(work);
}
END_TEST

/* F12: what a call is answered with finds its way also where there was no room for it. */
START_TEST(a_call_is_answered_though_the_send_buffer_is_full) {
    struct work *work =
        open_with((struct work_opts){.world = {.server = {.send_messages_max = 8}}});
    struct world *world = work->world;
    belay_job job = work_begin(work, 0, NULL, "dig");
    run(work, 1000);
    world->server_deaf = true; /* the calls arrive, and are shown when there is no room */
    uint32_t cancelled = work_cancel(work, 0, job), listed = work_list(work, 0, 0, 0, 9);
    uint32_t denied = work_cancel(work, 0, job + 1);
    run(work, RTT_MS);
    world->clients[0].deaf = true;
    while (world_say(world, DOWN, 0, 0, "full") == BELAY_OK) {
    }
    world->server_deaf = false;
    run(work, 2000);
    ck_assert(!work_has_ended(work, cancelled));
    world->clients[0].deaf = false;
    ck_assert_int_eq(work_code(work, cancelled), 0);
    ck_assert_int_eq(work_code(work, listed), 0);
    ck_assert_int_eq(work_code(work, denied), BELAY_JOB_NOT_FOUND);
    ck_assert_uint_eq(work_tasks(work, job, true), 1);
    work_end(work);
}
END_TEST

/* ---- keys */

/* A48, F9 */
START_TEST(the_same_key_finds_the_same_job) {
    struct work *work =
        open_with((struct work_opts){.world = {.clients = 3, .server = {.replace = 2}}});
    work->users[1] = 0;
    belay_client_close(work->world->clients[1].it, NULL, 0);
    run(work, 1000);
    work_log_in(work, 1); /* another session of user 0 */
    belay_job job = work_begin(work, 0, "once", "dig");
    work_emit(work, job, 3);
    run(work, RTT_MS);
    ck_assert_uint_eq(work_begin(work, 0, "once", "dig"), job);
    ck_assert_uint_eq(work_begin(work, 1, "once", "dig"), job);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "1 2 3");
    ck_assert_str_eq(work_story(work, 1, job), "1 2 3");
    ck_assert_int_eq(work_code(work, work_submit(work, 0, "once", "fill")), BELAY_JOB_CONFLICT);
    ck_assert_uint_ne(work_begin(work, 2, "once", "fill"), job); /* each user has its own keys */
    ck_assert_uint_ne(work_begin(work, 0, "onc", "dig"), job);
    ck_assert_uint_ne(work_begin(work, 0, NULL, "dig"), work_begin(work, 0, NULL, "dig"));
    work_succeed(work, job, 3);
    run(work, RTT_MS);
    work_forget(work);
    const struct belay_job_event *again = work_end_of(work, work_submit(work, 0, "once", "dig"));
    ck_assert_int_eq(again->state, BELAY_JOB_SUCCEEDED);
    ck_assert_uint_eq(again->sequence, 4);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "1 2 3 SUCCEEDED@4");
    ck_assert_uint_eq(work_tasks(work, job, false), 1);
    work_end(work);
}
END_TEST

/* F9, W-A13 */
START_TEST(a_key_finds_the_job_after_a_takeover) {
    struct work *work = open_with((struct work_opts){.world = {.clients = 2}});
    work->users[1] = 0;
    belay_client_close(work->world->clients[1].it, NULL, 0);
    run(work, 1000);
    belay_job job = work_begin(work, 0, "once", "dig");
    work_emit(work, job, 2);
    run(work, RTT_MS);
    work_log_in(work, 1);
    ck_assert_uint_eq(told(work->world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.code,
                      BELAY_REASON_REPLACED);
    ck_assert_uint_eq(work_begin(work, 1, "once", "dig"), job);
    work_emit(work, job, 1);
    work_succeed(work, job, 5);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "1 2");
    ck_assert_str_eq(work_story(work, 1, job), "1 2 3 SUCCEEDED@4");
    work_end(work);
}
END_TEST

/* W-A13 */
START_TEST(a_lost_link_does_not_cancel_a_job) {
    struct work *work = open_with((struct work_opts){0});
    struct world *world = work->world;
    belay_job job = work_begin(work, 0, NULL, "dig");
    world_cut(world, 0);
    run(work, 20000);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_DOWN), 1);
    ck_assert(!work_info(work, job).stopping);
    work_emit(work, job, 3);
    uint32_t cancelled = work_cancel(work, 0, job); /* taken while it is down */
    world_link(world, 0, &work->opts.world.link);
    ck_assert_int_eq(work_code(work, cancelled), 0);
    work_succeed(work, job, 0);
    run(work, 1000);
    ck_assert_str_eq(work_story(work, 0, job), "1 2 3 SUCCEEDED@4");
    work_end(work);
}
END_TEST

/* F6, W-A13, A51: who leaves and how changes nothing. */
START_TEST(the_end_of_a_session_does_not_end_its_jobs) {
    struct work *work = open_with((struct work_opts){.world = {.server = {.no_resume = _i == 1}}});
    struct world *world = work->world;
    belay_job job = work_begin(work, 0, "once", "dig");
    if (_i == 0) {
        belay_client_close(world->clients[0].it, NULL, 0);
    } else if (_i == 1) {
        world_cut(world, 0);
    } else {
        belay_server_close(world->server, world->clients[0].session, NULL);
    }
    uint32_t lost = work_cancel(work, 0, job + 5); /* A53: not taken, or ended by the end */
    run(work, 20000);
    ck_assert_int_eq(lost == WORK_ALL, _i == 0);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 1);
    ck_assert(lost == WORK_ALL || work_code(work, lost) == BELAY_REPLY_GONE);
    ck_assert_int_eq(work_info(work, job).state, BELAY_JOB_RUNNING);
    ck_assert(!work_info(work, job).stopping);
    ck_assert_uint_eq(work_info(work, job).watchers, 0);
    work_emit(work, job, 2);
    world_link(world, 0, &work->opts.world.link);
    work_log_in(work, 0);
    ck_assert_uint_eq(work_begin(work, 0, "once", "dig"), job);
    work_succeed(work, job, 0);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "1 2 SUCCEEDED@3");
    work_end(work);
}
END_TEST

/* ---- how it is stopped */

/* F8 */
START_TEST(a_cancelled_job_may_end_as_it_likes_within_its_grace) {
    static const char *const ends[] = {"1 CANCELLED@2", "1 SUCCEEDED@2", "1 FAILED@2",
                                       "1 CANCELLED@2"};
    struct work *work = open_with((struct work_opts){.jobs = {.grace_ms = 3000}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(work_code(work, work_cancel(work, 0, job)), 0);
    ck_assert_uint_eq(work_tasks(work, job, true), 1);
    ck_assert(work_info(work, job).stopping);
    ck_assert_int_eq(work_code(work, work_cancel(work, 0, job)), 0); /* twice is once */
    work_emit(work, job, 1);                                         /* it still says how it goes */
    run(work, 2500);
    ck_assert_str_eq(work_story(work, 0, job), "1");
    if (_i == 0) {
        ck_assert_int_eq(belay_jobs_stopped(work->jobs, job), BELAY_OK);
    } else if (_i == 1) {
        work_succeed(work, job, 5);
    } else if (_i == 2) {
        fail_job(work, job, 3);
    } else {
        run(work, 1000); /* it does not stop */
    }
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), ends[_i]);
    ck_assert_uint_eq(work_tasks(work, job, true), 1);
    ck_assert(!work_info(work, job).stopping);
    ck_assert_int_eq(work_code(work, work_cancel(work, 0, job)), BELAY_JOB_ENDED);
    work_end(work);
}
END_TEST

START_TEST(what_nobody_has_begun_is_cancelled_at_once) {
    struct work *work = open_with((struct work_opts){0});
    work->idle = true;
    belay_job job = work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(work_info(work, job).state, BELAY_JOB_PENDING);
    ck_assert_int_eq(work_code(work, work_cancel(work, 0, job)), 0);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "CANCELLED@1");
    work->idle = false;
    run(work, RTT_MS);
    ck_assert_uint_eq(work->task_count, 0);
    work_end(work);
}
END_TEST

START_TEST(what_is_to_be_stopped_comes_before_what_is_to_be_begun) {
    struct work *work = open_with((struct work_opts){0});
    struct belay_job_task task;
    work->idle = true;
    belay_job older = work_begin(work, 0, NULL, "dig");
    belay_job begun = work_begin(work, 0, NULL, "dig deeper");
    work_emit(work, begun, 1);
    ck_assert_int_eq(work_code(work, work_cancel(work, 0, begun)), 0);
    ck_assert(belay_jobs_poll(work->jobs, &task));
    ck_assert(task.job == begun && task.stop);
    ck_assert(belay_jobs_poll(work->jobs, &task));
    ck_assert(task.job == older && !task.stop);
    ck_assert(!belay_jobs_poll(work->jobs, &task));
    work_end(work);
}
END_TEST

/* F8: max_runtime */
START_TEST(a_job_whose_time_is_over_is_stopped) {
    struct work *work = open_with((struct work_opts){.jobs = {.run_ms = 4000, .grace_ms = 1000}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    uint64_t created = work_info(work, job).created_ms;
    world_until(work->world, work_tasks(work, job, true) == 1, 5000);
    ck_assert_uint_ge(work->world->ms, created + 4000);
    ck_assert_uint_le(work->world->ms, created + 4000 + WORLD_STEP_MS);
    run(work, 1000 + RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "TIMED_OUT@1");
    ck_assert_uint_eq(work_info(work, job).ended_ms, created + 5000);
    work->idle = true;
    job = work_begin(work, 0, NULL, "dig");
    run(work, 4000 + RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "TIMED_OUT@1"); /* nobody had begun */
    work_end(work);
}
END_TEST

/* A46 */
START_TEST(all_that_have_not_ended_are_cancelled) {
    struct work *work = open_with((struct work_opts){.world = {.clients = 2}});
    belay_job ended = work_begin(work, 0, NULL, "dig"), failed = work_begin(work, 0, NULL, "dig");
    belay_job running = work_begin(work, 1, NULL, "dig");
    belay_job stopping = work_begin(work, 1, NULL, "dig");
    work_succeed(work, ended, 0);
    fail_job(work, failed, 1);
    ck_assert_int_eq(work_code(work, work_cancel(work, 1, stopping)), 0);
    work->idle = true;
    belay_job pending = work_begin(work, 0, NULL, "dig");
    work->idle = false;
    ck_assert_uint_eq(belay_jobs_cancel_all(work->jobs), 3);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, pending), "CANCELLED@1");
    ck_assert_uint_eq(work_tasks(work, running, true), 1);
    ck_assert_uint_eq(belay_jobs_cancel_all(work->jobs), 2); /* they have not ended yet */
    ck_assert_int_eq(belay_jobs_stopped(work->jobs, running), BELAY_OK);
    ck_assert_int_eq(belay_jobs_stopped(work->jobs, stopping), BELAY_OK);
    ck_assert_uint_eq(belay_jobs_cancel_all(work->jobs), 0);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 1, running), "CANCELLED@1");
    ck_assert_str_eq(work_story(work, 0, ended), "SUCCEEDED@1");
    ck_assert_uint_eq(belay_jobs_next(work->jobs, 0), ended);
    ck_assert_uint_eq(belay_jobs_next(work->jobs, stopping), pending);
    ck_assert_uint_eq(belay_jobs_next(work->jobs, pending), 0);
    work_end(work);
}
END_TEST

/* ---- limits */

/* F14 */
START_TEST(jobs_are_limited_by_session_user_and_server) {
    struct work *work = open_with((struct work_opts){
        .world = {.clients = 4},
        .jobs = {.user_max = 3, .watch_max = 2, .jobs_max = 5, .params_max = 10}});
    ck_assert_int_eq(work_code(work, work_submit(work, 0, NULL, "01234567890")), BELAY_JOB_TOO_BIG);
    belay_job first = work_begin(work, 0, NULL, "0123456789");
    belay_job second = work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(work_code(work, work_submit(work, 0, NULL, "dig")), BELAY_JOB_LIMIT);
    ck_assert_int_eq(work_code(work, work_unwatch(work, 0, first)), 0); /* of one session */
    work_begin(work, 0, NULL, "dig");
    ck_assert_int_eq(work_code(work, work_watch(work, 0, first, 1)), BELAY_JOB_LIMIT);
    ck_assert_int_eq(work_code(work, work_watch(work, 0, second, 1)), 0);
    ck_assert_int_eq(work_code(work, work_unwatch(work, 0, second)), 0);
    ck_assert_int_eq(work_code(work, work_submit(work, 0, NULL, "dig")), BELAY_JOB_LIMIT);
    work_begin(work, 1, NULL, "dig");
    work_begin(work, 1, NULL, "dig");
    ck_assert_int_eq(work_code(work, work_submit(work, 2, NULL, "dig")), BELAY_JOB_LIMIT);
    ck_assert_uint_eq(work->task_count, 5);
    work_end(work);
}
END_TEST

/* F14: a user that floods with short jobs has its own forgotten. */
START_TEST(the_ended_jobs_of_one_user_leave_room_for_others) {
    struct work *work = open_with(
        (struct work_opts){.world = {.clients = 2}, .jobs = {.user_max = 4, .jobs_max = 9}});
    belay_job first = 0;
    for (int i = 0; i < 20; i++) {
        belay_job job = work_begin(work, 0, NULL, "dig");
        first = first != 0 ? first : job;
        work_succeed(work, job, 0);
        run(work, RTT_MS);
    }
    ck_assert_int_eq(work_code(work, work_watch(work, 0, first, 1)), BELAY_JOB_NOT_FOUND);
    ck_assert_int_eq(work_code(work, work_watch(work, 0, first + 19, 1)), 0);
    for (int i = 0; i < 4; i++) {
        work_begin(work, 1, NULL, "dig");
    }
    run(work, RTT_MS);
    work_end(work);
}
END_TEST

/* F9 */
START_TEST(an_ended_job_and_its_key_are_kept_for_a_while) {
    struct work *work = open_with((struct work_opts){.jobs = {.retention_ms = 5000}});
    belay_job job = work_begin(work, 0, "once", "dig");
    run(work, 10000); /* as long as it has not ended */
    work_succeed(work, job, 0);
    run(work, 4500);
    ck_assert_uint_eq(work_begin(work, 0, "once", "dig"), job);
    run(work, 1000);
    ck_assert_int_eq(work_code(work, work_watch(work, 0, job, 1)), BELAY_JOB_NOT_FOUND);
    ck_assert_uint_eq(belay_jobs_next(work->jobs, 0), 0);
    ck_assert_uint_ne(work_begin(work, 0, "once", "fill"), job);
    work_end(work);
}
END_TEST

START_TEST(who_watches_hears_the_end_though_it_is_late) {
    struct work *work = open_with((struct work_opts){.jobs = {.retention_ms = 1000}});
    belay_job job = work_begin(work, 0, NULL, "dig");
    run(work, 200);
    work->world->clients[0].deaf = true;
    work_succeed(work, job, 3000000);
    run(work, 4000);
    work->world->clients[0].deaf = false;
    run(work, 5000);
    ck_assert_str_eq(work_story(work, 0, job), "SUCCEEDED@1");
    ck_assert_uint_eq(belay_jobs_next(work->jobs, 0), 0);
    work_end(work);
}
END_TEST

/* F5 */
START_TEST(jobs_are_listed_by_state_and_in_pages) {
    struct work *work = open_with((struct work_opts){.world = {.clients = 2}});
    for (int i = 0; i < 5; i++) { /* 1 to 10: odd ones of client 0 */
        work_begin(work, 0, NULL, "dig");
        work_begin(work, 1, NULL, "dig");
    }
    work_succeed(work, 3, 0);
    work_succeed(work, 7, 0);
    fail_job(work, 9, 1);
    uint32_t all = work_list(work, 0, 0, 0, BELAY_JOB_LIST_MAX);
    ck_assert_uint_eq(work_end_of(work, all)->more, 0);
    ck_assert_str_eq(work_listed(work, all), "1 3 5 7 9");
    uint32_t ended = work_list(work, 0, 1U << BELAY_JOB_SUCCEEDED | 1U << BELAY_JOB_FAILED, 3, 9);
    ck_assert_int_eq(work_code(work, ended), 0);
    ck_assert_str_eq(work_listed(work, ended), "7 9");
    uint32_t page = work_list(work, 0, 0, 0, 3);
    ck_assert_uint_eq(work_end_of(work, page)->more, 5);
    ck_assert_str_eq(work_listed(work, page), "1 3 5");
    uint32_t rest = work_list(work, 0, 0, work_end_of(work, page)->more, 2);
    ck_assert_uint_eq(work_end_of(work, rest)->more, 0);
    ck_assert_str_eq(work_listed(work, rest), "7 9");
    uint32_t none = work_list(work, 0, 1U << BELAY_JOB_TIMED_OUT, 0, 1);
    ck_assert_int_eq(work_code(work, none), 0);
    ck_assert_str_eq(work_listed(work, none), "");
    ck_assert_int_eq(work_code(work, work_list(work, 0, 0, 0, 0)), BELAY_JOB_MALFORMED);
    ck_assert_int_eq(work_code(work, work_list(work, 0, 0, 0, BELAY_JOB_LIST_MAX + 1)),
                     BELAY_JOB_MALFORMED);
    work_end(work);
}
END_TEST

/* ---- what is hostile */

/** What the server says to these bytes as a call. */
static int32_t code_of(struct work *work, const void *bytes, size_t size) {
    struct world *world = work->world;
    uint32_t before = told_count(world, CLIENT, 0, BELAY_EVENT_REPLY);
    ck_assert_int_eq(
        belay_client_request(world->clients[0].it, BELAY_JOB_CALLS, bytes, size, 0, 0, NULL),
        BELAY_OK);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_REPLY) > before, 1000);
    return told(world, CLIENT, 0, BELAY_EVENT_REPLY)->event.reply.code;
}

START_TEST(a_call_that_cannot_be_read_is_answered_so_and_does_nothing) {
    static const struct {
        uint8_t bytes[40];
        size_t size;
    } calls[] = {
        {{1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 'k', 0, 0, 0, 7}, 15}, /* submit, key "k" */
        {{2, 0, 0, 0, 0, 0, 0, 0, 1}, 9},
        {{3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, 21},
        {{4, 0, 0, 0, 0, 0, 0, 0, 1}, 9},
        {{5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, 15},
    };
    struct work *work = open_with((struct work_opts){0});
    belay_job job = work_begin(work, 0, NULL, "dig");
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        uint8_t bytes[64] = {0};
        memcpy(bytes, calls[i].bytes, sizeof calls[i].bytes);
        for (size_t size = 1; size < calls[i].size; size++) {
            ck_assert_int_eq(code_of(work, bytes, size), BELAY_JOB_MALFORMED);
        }
        if (bytes[0] != 1) { /* what is behind that is its parameters */
            ck_assert_int_eq(code_of(work, bytes, calls[i].size + 1), BELAY_JOB_MALFORMED);
        }
    }
    const uint8_t kinds[] = {0, 6, 255}, long_key[300] = {1, 0, 0, 0, 0, 0, 0, 0, 9, 255};
    const uint8_t key_65[100] = {1, 0, 0, 0, 0, 0, 0, 0, 9, 65}, no_tag[14] = {1};
    const uint8_t from_0[21] = {3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1};
    const uint8_t untagged[21] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1};
    ck_assert_int_eq(code_of(work, NULL, 0), BELAY_JOB_MALFORMED);
    for (size_t i = 0; i < sizeof kinds; i++) {
        ck_assert_int_eq(code_of(work, &kinds[i], 1), BELAY_JOB_MALFORMED);
    }
    ck_assert_int_eq(code_of(work, long_key, sizeof long_key), BELAY_JOB_MALFORMED);
    ck_assert_int_eq(code_of(work, key_65, sizeof key_65), BELAY_JOB_MALFORMED);
    ck_assert_int_eq(code_of(work, no_tag, sizeof no_tag), BELAY_JOB_MALFORMED);
    ck_assert_int_eq(code_of(work, from_0, sizeof from_0), BELAY_JOB_MALFORMED);
    ck_assert_int_eq(code_of(work, untagged, sizeof untagged), BELAY_JOB_MALFORMED);
    ck_assert_int_eq(world_say(work->world, UP, 0, WORK_CHANNEL, "nothing is read here"), BELAY_OK);
    run(work, RTT_MS);
    ck_assert_uint_eq(belay_jobs_next(work->jobs, job), 0); /* no other job has come of it */
    ck_assert(!work_info(work, job).stopping);
    ck_assert_uint_eq(work_info(work, job).watchers, 1);
    ck_assert_str_eq(work_story(work, 0, job), "");
    ck_assert(world_is_open(work->world, 0));
    work_end(work);
}
END_TEST

START_TEST(a_notice_that_cannot_be_read_tells_nothing) {
    static const struct {
        uint8_t bytes[32];
        size_t size;
    } notices[] = {
        {{0}, 17},
        {{6, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, 30},
        {{1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, 16},                         /* cut */
        {{2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 4}, 17},             /* a gap backwards */
        {{2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 6, 1}, 18},          /* and more */
        {{3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 4}, 20},             /* cut */
        {{3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 5}, 21}, /* behind the end */
        {{3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 3}, 23}, /* over the end */
        {{4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 2}, 18}, /* running is no end */
        {{4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 77}, 18},
        {{5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5}, 22}, /* no such call */
        {{5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5}, 15},
    };
    struct work *work = open_with((struct work_opts){0});
    belay_job job = work_begin(work, 0, NULL, "dig");
    run(work, RTT_MS);
    work_forget(work);
    for (size_t i = 0; i < COUNT_OF(notices); i++) {
        ck_assert_int_eq(belay_server_send(work->world->server, work->world->clients[0].session,
                                           WORK_CHANNEL, notices[i].bytes, notices[i].size),
                         BELAY_OK);
        run(work, RTT_MS);
        ck_assert_msg(work->heard_count == 0, "notice %zu was told", i);
    }
    work_succeed(work, job, 4);
    run(work, RTT_MS);
    ck_assert_str_eq(work_story(work, 0, job), "SUCCEEDED@1");
    work_end(work);
}
END_TEST

static void reply(const struct work *work, const void *data, size_t size) {
    ck_assert_int_eq(belay_server_reply(work->world->server, work->unseen.id, 0, data, size),
                     BELAY_OK);
}

START_TEST(an_answer_that_cannot_be_read_ends_its_call_once) {
    static const uint8_t answers[2][40];
    static const size_t sizes[] = {0, 7, 9, 24, 26};
    struct work *work = open_with((struct work_opts){0});
    work->mute = true;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        uint32_t list = work_list(work, 0, 0, 0, 5);
        run(work, RTT_MS);
        reply(work, answers[0], sizes[i]);
        ck_assert_int_eq(work_code(work, list), BELAY_JOB_MALFORMED);
        ck_assert_str_eq(work_listed(work, list), "");
        uint32_t submit = work_submit(work, 0, NULL, "dig");
        run(work, RTT_MS);
        reply(work, answers[1], sizes[i]);
        ck_assert_int_eq(work_code(work, submit), BELAY_JOB_MALFORMED);
    }
    run(work, RTT_MS);
    work_end(work);
}
END_TEST

/* F12: the notice may come before the answer, and the answer not at all. */
START_TEST(a_call_whose_notice_came_first_has_ended) {
    struct work *work = open_with((struct work_opts){.call_ms = 2000});
    uint8_t notice[22] = {5, 0, 0, 0, 0, 0, 0, 0, 77, 0, 0, 0, 3};
    work->mute = true;
    uint32_t submit = work_submit(work, 0, NULL, "dig");
    run(work, RTT_MS);
    memcpy(notice + 13, work->unseen_data + 1, 8); /* its tag */
    notice[21] = BELAY_JOB_RUNNING;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(belay_server_send(work->world->server, work->world->clients[0].session,
                                           WORK_CHANNEL, notice, sizeof notice),
                         BELAY_OK);
    }
    const struct belay_job_event *end = work_end_of(work, submit);
    ck_assert_int_eq(end->code, 0);
    ck_assert_uint_eq(end->job, 77);
    ck_assert_uint_eq(end->sequence, 3);
    ck_assert_int_eq(end->state, BELAY_JOB_RUNNING);
    run(work, 3000); /* past its deadline, or its answer */
    uint32_t other = work_submit(work, 0, NULL, "dig");
    run(work, 3000);
    ck_assert_int_eq(work_code(work, other), BELAY_REPLY_DEADLINE);
    work_end(work);
}
END_TEST

/* What memory there is not for may be tried again, and nothing is half done. */
START_TEST(memory_may_fail_at_any_point) {
    bool all = false;
    for (uint64_t at = 1; !all; at++) {
        struct work *work = open_with((struct work_opts){.world = {.clients = 1}, .call_ms = 1000});
        uint32_t cookie = WORK_ALL;
        work_memory.fail_at = work_memory.calls + at;
        while (cookie == WORK_ALL || work_code(work, cookie) != 0) {
            ck_assert(cookie == WORK_ALL || work_code(work, cookie) == BELAY_JOB_LIMIT);
            ck_assert_uint_eq(belay_jobs_next(work->jobs, 0), 0);
            cookie = work_submit(work, 0, "once", "dig");
        }
        belay_job job = work_end_of(work, cookie)->job;
        while (belay_jobs_emit(work->jobs, job, 1, "step", 4) != BELAY_OK) {
        }
        while ((cookie = work_list(work, 0, 0, 0, 5)) == WORK_ALL || work_code(work, cookie) != 0) {
        }
        bool failed = belay_jobs_fail(work->jobs, job, 5, "why", 3) == BELAY_OK;
        if (!failed) { /* then it ends in another way, and nothing is left of that */
            ck_assert_int_eq(belay_jobs_stopped(work->jobs, job), BELAY_OK);
        }
        run(work, 500);
        ck_assert_str_eq(work_story(work, 0, job), failed ? "1 FAILED@2" : "1 CANCELLED@2");
        ck_assert_int_eq(work->heard[work->heard_count - 1].event.code, failed ? 5 : 0);
        ck_assert_uint_eq(work_info(work, job).watchers, 0);
        ck_assert_uint_eq(work_tasks(work, job, false), 1);
        all = work_memory.calls < work_memory.fail_at;
        ck_assert(all || at < 100);
        work_memory.fail_at = 0;
        work_end(work);
    }
}
END_TEST

START_TEST(what_cannot_be_begun_says_why) {
    struct work *work = open_with((struct work_opts){0});
    struct belay_job_client *client = work->clients[0];
    char key[BELAY_JOB_KEY_MAX + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    ck_assert_int_eq(belay_job_submit(client, key, 1, NULL, 0, 0), BELAY_E_INVALID);
    ck_assert_int_eq(belay_job_submit(client, "", 1, NULL, 0, 0), BELAY_E_INVALID);
    ck_assert_int_eq(belay_job_submit(client, NULL, 1, NULL, 1, 0), BELAY_E_INVALID);
    belay_job job = work_begin(work, 0, key + 1, "dig");
    ck_assert_uint_eq(work_begin(work, 0, key + 1, "dig"), job);
    belay_client_close(work->world->clients[0].it, NULL, 0);
    run(work, 500);
    ck_assert_int_eq(belay_job_cancel(client, job, 0), BELAY_E_STATE);
    work_end(work);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_job_is_accepted_tells_how_it_goes_on_and_ends);
    tcase_add_test(tests, a_job_may_fail_with_a_code_of_the_games);
    tcase_add_loop_test(tests, a_result_may_have_any_size, 0, 6);
    tcase_add_test(tests, a_large_result_takes_no_room_from_the_game);
    tcase_add_test(tests, a_call_is_answered_though_the_send_buffer_is_full);
    tcase_add_test(tests, the_same_key_finds_the_same_job);
    tcase_add_test(tests, a_key_finds_the_job_after_a_takeover);
    tcase_add_test(tests, a_lost_link_does_not_cancel_a_job);
    tcase_add_loop_test(tests, the_end_of_a_session_does_not_end_its_jobs, 0, 3);
    tcase_add_loop_test(tests, a_cancelled_job_may_end_as_it_likes_within_its_grace, 0, 4);
    tcase_add_test(tests, what_nobody_has_begun_is_cancelled_at_once);
    tcase_add_test(tests, what_is_to_be_stopped_comes_before_what_is_to_be_begun);
    tcase_add_test(tests, a_job_whose_time_is_over_is_stopped);
    tcase_add_test(tests, all_that_have_not_ended_are_cancelled);
    tcase_add_test(tests, jobs_are_limited_by_session_user_and_server);
    tcase_add_test(tests, the_ended_jobs_of_one_user_leave_room_for_others);
    tcase_add_test(tests, an_ended_job_and_its_key_are_kept_for_a_while);
    tcase_add_test(tests, who_watches_hears_the_end_though_it_is_late);
    tcase_add_test(tests, jobs_are_listed_by_state_and_in_pages);
    tcase_add_test(tests, a_call_that_cannot_be_read_is_answered_so_and_does_nothing);
    tcase_add_test(tests, a_notice_that_cannot_be_read_tells_nothing);
    tcase_add_test(tests, an_answer_that_cannot_be_read_ends_its_call_once);
    tcase_add_test(tests, a_call_whose_notice_came_first_has_ended);
    tcase_add_test(tests, memory_may_fail_at_any_point);
    tcase_add_test(tests, what_cannot_be_begun_says_why);
}

TEST_MAIN("jobs", add_tests)
