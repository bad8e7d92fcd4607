/*
 * Questions to the other side: each ends exactly once, and what is answered was done once, whatever
 * the network does and whoever leaves. (The audit behind every world counts the ends.)
 */
#include "lib/wire/frame.h"
#include "tests/support/questions.h"

#define ONE_WAY_MS 50
#define RTT_MS     (2 * ONE_WAY_MS)

static const struct belay_link line = {.delay_ms = ONE_WAY_MS};

static struct questions *open_with(struct world_opts opts) {
    if (opts.link.delay_ms == 0) {
        opts.link = line;
    }
    struct world *world = world_create(&opts);
    world_open(world);
    world_run(world, 500);
    return questions_begin(world);
}

static void end(struct questions *questions) {
    world_destroy(questions->world);
    questions_end(questions);
}

static bool has_ended(const struct questions *questions, uint32_t number) {
    return questions->all[number].code != PENDING;
}

/* A47 */
START_TEST(a_request_is_answered_within_a_round_trip) {
    struct questions *questions = open_with((struct world_opts){0});
    uint32_t asked_at = questions->world->ms;
    uint32_t number = ask(questions, (enum world_way)_i, 0);
    world_run(questions->world, 2 * RTT_MS);
    questions_check_all_done(questions);
    ck_assert_uint_le(questions->all[number].ended_at - asked_at, RTT_MS + 2 * WORLD_STEP_MS);
    end(questions);
}
END_TEST

START_TEST(an_answer_may_come_later) {
    struct questions *questions = open_with((struct world_opts){0});
    questions->silent[_i] = true;
    uint32_t number = ask(questions, (enum world_way)_i, 0);
    world_run(questions->world, 5000);
    ck_assert(!has_ended(questions, number));
    ck_assert_int_eq(answer(questions, number, 404), BELAY_OK);
    ck_assert_int_eq(answer(questions, number, 404), BELAY_E_GONE);
    world_run(questions->world, 500);
    ck_assert_int_eq(questions->all[number].code, 404);
    end(questions);
}
END_TEST

START_TEST(questions_and_answers_may_be_large) {
    struct questions *questions = open_with((struct world_opts){0});
    questions->answer_size = 100000;
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 300000, 0), BELAY_OK);
    world_run(questions->world, 5000);
    questions_check_all_done(questions);
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, BELAY_MESSAGE_MAX - 12, 0),
                     BELAY_E_TOO_BIG);
    end(questions);
}
END_TEST

START_TEST(what_is_not_answered_ends_at_its_deadline) {
    struct questions *questions = open_with((struct world_opts){0});
    questions->silent[_i] = true;
    uint32_t asked_at = questions->world->ms;
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, 3000), BELAY_OK);
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, 0), BELAY_OK);
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, BELAY_FOREVER), BELAY_OK);
    world_run(questions->world, 30000);
    ck_assert_int_eq(questions->all[0].code, BELAY_REPLY_DEADLINE);
    ck_assert_uint_ge(questions->all[0].ended_at - asked_at, 3000);
    ck_assert_uint_le(questions->all[0].ended_at - asked_at, 3000 + 2 * WORLD_STEP_MS);
    ck_assert_int_eq(questions->all[1].code, BELAY_REPLY_DEADLINE);
    ck_assert_uint_ge(questions->all[1].ended_at - asked_at, BELAY_REQUEST_MS_DEFAULT);
    ck_assert(!has_ended(questions, 2));
    ck_assert_int_eq(answer(questions, 0, 0), BELAY_E_GONE); /* nobody waits for it */
    ck_assert_int_eq(answer(questions, 2, 0), BELAY_OK);
    world_run(questions->world, 500);
    ck_assert_int_eq(questions->all[2].code, 0);
    end(questions);
}
END_TEST

START_TEST(the_deadline_holds_while_the_session_is_down) {
    struct questions *questions = open_with((struct world_opts){0});
    struct world *world = questions->world;
    world_cut(world, 0);
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, 8000), BELAY_OK);
    world_run(world, 8000 + 2 * WORLD_STEP_MS);
    ck_assert_int_eq(questions->all[0].code, BELAY_REPLY_DEADLINE);
    world_link(world, 0, &line);
    world_run(world, 3000);
    ck_assert(world_is_open(world, 0));
    ck_assert_uint_eq(questions->all[0].handled, 0); /* taken back before it was seen */
    end(questions);
}
END_TEST

START_TEST(a_cancelled_request_ends_at_once) {
    struct questions *questions = open_with((struct world_opts){0});
    questions->silent[_i] = true;
    uint32_t number = ask(questions, (enum world_way)_i, 0);
    world_run(questions->world, RTT_MS);
    ck_assert_uint_eq(questions->all[number].handled, 1);
    ck_assert_int_eq(cancel(questions, number), BELAY_OK);
    ck_assert_int_eq(cancel(questions, number), BELAY_E_GONE);
    world_step(questions->world);
    ck_assert_int_eq(questions->all[number].code, BELAY_REPLY_CANCELLED);
    world_run(questions->world, RTT_MS);
    ck_assert_int_eq(answer(questions, number, 0), BELAY_E_GONE);
    end(questions);
}
END_TEST

START_TEST(what_was_cancelled_before_it_was_seen_is_never_seen) {
    struct questions *questions = open_with((struct world_opts){0});
    struct world *world = questions->world;
    *(_i == UP ? &world->server_deaf : &world->clients[0].deaf) = true;
    uint32_t number = ask(questions, (enum world_way)_i, 0);
    uint32_t other = ask(questions, (enum world_way)_i, 0);
    world_run(world, RTT_MS);
    ck_assert_int_eq(cancel(questions, number), BELAY_OK);
    world_run(world, RTT_MS);
    world->server_deaf = world->clients[0].deaf = false;
    world_run(world, 500);
    ck_assert_uint_eq(questions->all[number].handled, 0);
    ck_assert_int_eq(questions->all[other].code, 0);
    end(questions);
}
END_TEST

/* An answer and a cancellation that meet: the request has one end all the same. */
START_TEST(an_answer_may_meet_a_cancellation) {
    for (uint32_t wait = 0; wait <= 2 * RTT_MS; wait += WORLD_STEP_MS) {
        struct questions *questions = open_with((struct world_opts){0});
        uint32_t number = ask(questions, (enum world_way)_i, 0);
        world_run(questions->world, wait);
        enum belay_result cancelled = cancel(questions, number);
        world_run(questions->world, 2 * RTT_MS);
        ck_assert_int_eq(questions->all[number].code,
                         cancelled == BELAY_OK ? BELAY_REPLY_CANCELLED : 0);
        ck_assert(cancelled == BELAY_OK || wait >= RTT_MS);
        ck_assert(cancelled == BELAY_E_GONE || wait <= RTT_MS + 2 * WORLD_STEP_MS);
        end(questions);
    }
}
END_TEST

/* F14: caps per session. */
START_TEST(no_more_may_be_pending_than_the_other_side_takes) {
    struct questions *questions =
        open_with((struct world_opts){.server = {.request_max = 3}, .client = {.request_max = 3}});
    questions->silent[_i] = true;
    for (int i = 0; i < 3; i++) {
        ask(questions, (enum world_way)_i, 0);
    }
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, 0), BELAY_E_WOULD_BLOCK);
    ck_assert_ptr_nonnull(strstr(belay_error(), "REPLY"));
    world_run(questions->world, RTT_MS);
    ck_assert_int_eq(answer(questions, 1, 0), BELAY_OK);
    ck_assert_int_eq(cancel(questions, 2), BELAY_OK);
    world_run(questions->world, RTT_MS);
    ask(questions, (enum world_way)_i, 0);
    ask(questions, (enum world_way)_i, 0);
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, 0), BELAY_E_WOULD_BLOCK);
    world_run(questions->world, RTT_MS);
    ck_assert(world_is_open(questions->world, 0));
    ck_assert_uint_eq(questions->all[4].handled, 1);
    end(questions);
}
END_TEST

START_TEST(as_many_as_by_default_may_be_pending) {
    struct questions *questions = open_with((struct world_opts){0});
    for (int i = 0; i < BELAY_REQUESTS_DEFAULT; i++) {
        ask(questions, (enum world_way)_i, 0);
    }
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, 0), BELAY_E_WOULD_BLOCK);
    world_run(questions->world, 500);
    questions_check_all_done(questions);
    end(questions);
}
END_TEST

START_TEST(a_full_send_buffer_takes_no_request_but_a_cancellation) {
    struct questions *questions = open_with((struct world_opts){
        .server = {.send_messages_max = 4}, .client = {.send_messages_max = 4}});
    struct world *world = questions->world;
    questions->silent[_i] = true;
    uint32_t number = ask(questions, (enum world_way)_i, 0);
    world_run(world, 1000); /* which is known to be handled */
    world_cut(world, 0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(world_say(world, (enum world_way)_i, 0, 0, "full"), BELAY_OK);
    }
    ck_assert_int_eq(ask_with(questions, (enum world_way)_i, 0, 0, 0), BELAY_E_WOULD_BLOCK);
    ck_assert_int_eq(cancel(questions, number), BELAY_OK);
    world_link(world, 0, &line);
    world_run(world, 3000);
    ck_assert_int_eq(answer(questions, number, 0), BELAY_E_GONE);
    ck_assert_int_eq(questions->all[number].code, BELAY_REPLY_CANCELLED);
    end(questions);
}
END_TEST

/* A47, A51: in order, before CLOSED, exactly once (the audit), whoever ends it and however. */
START_TEST(what_is_pending_when_the_session_ends_comes_back_first) {
    struct questions *questions = open_with((struct world_opts){.server = {.no_resume = true}});
    struct world *world = questions->world;
    questions->silent[UP] = questions->silent[DOWN] = true;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ask_with(questions, UP, 0, 0, BELAY_FOREVER), BELAY_OK);
        ck_assert_int_eq(ask_with(questions, DOWN, 0, 0, BELAY_FOREVER), BELAY_OK);
    }
    world_run(world, RTT_MS);
    if (_i == 0) {
        belay_client_close(world->clients[0].it, NULL, 0);
    } else if (_i == 1) {
        belay_server_close(world->server, world->clients[0].session, NULL);
    } else if (_i == 2) {
        world_cut(world, 0);
    } else {
        belay_server_stop(world->server, 0);
    }
    ck_assert_int_eq(ask_with(questions, _i == 0 ? UP : DOWN, 0, 0, 0),
                     _i == 2 ? BELAY_OK : BELAY_E_GONE);
    world_run(world, 20000);
    questions_check_sound(questions);
    for (uint32_t i = 0; i < questions->count; i++) {
        ck_assert_int_eq(questions->all[i].code, BELAY_REPLY_GONE);
        ck_assert_int_eq(answer(questions, i, 0), BELAY_E_GONE);
        ck_assert_int_eq(cancel(questions, i), BELAY_E_GONE);
    }
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 1);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 1);
    end(questions);
}
END_TEST

/* W-A14 */
START_TEST(the_last_answer_arrives_before_the_goodbye) {
    struct questions *questions = open_with((struct world_opts){0});
    struct world *world = questions->world;
    questions->silent[_i] = true;
    uint32_t number = ask(questions, (enum world_way)_i, 0);
    world_run(world, RTT_MS);
    ck_assert_int_eq(answer(questions, number, 5), BELAY_OK);
    if (_i == UP) {
        belay_server_close(world->server, world->clients[0].session, NULL);
    } else {
        belay_client_close(world->clients[0].it, NULL, 1000);
    }
    world_run(world, 3000);
    ck_assert_int_eq(questions->all[number].code, 5);
    end(questions);
}
END_TEST

/* R47, W-A13: what is pending lives through a resume, and is done once. */
START_TEST(a_cut_at_any_moment_of_an_exchange_changes_nothing) {
    for (uint32_t at = 0; at <= 2 * RTT_MS; at += WORLD_STEP_MS) {
        struct questions *questions = open_with((struct world_opts){.seed = 1 + at});
        struct world *world = questions->world;
        ck_assert_int_eq(ask_with(questions, UP, 0, 2000, BELAY_FOREVER), BELAY_OK);
        ck_assert_int_eq(ask_with(questions, DOWN, 0, 2000, BELAY_FOREVER), BELAY_OK);
        world_run(world, at);
        world_cut(world, 0);
        world_run(world, 9000);
        ck_assert(!world_is_open(world, 0));
        ask(questions, UP, 0); /* taken while it is down */
        ask(questions, DOWN, 0);
        world_link(world, 0, &line);
        if (at % 2 == 1) {
            belay_sim_rebind(world->sim, world->clients[0].it);
        }
        world_run(world, 3000);
        ck_assert_uint_eq(world_info(world, CLIENT, 0).resumes, 1);
        questions_check_all_done(questions);
        end(questions);
    }
}
END_TEST

/* The other side's process knows nothing of what was asked. */
START_TEST(another_process_of_a_client_begins_anew) {
    struct questions *questions =
        open_with((struct world_opts){.server = {.accept_gaps = true, .request_max = 4},
                                      .client = {.accept_gaps = true, .request_max = 4}});
    struct world *world = questions->world;
    questions->silent[UP] = questions->silent[DOWN] = true;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ask_with(questions, UP, 0, 0, BELAY_FOREVER), BELAY_OK);
        ck_assert_int_eq(ask_with(questions, DOWN, 0, 0, BELAY_FOREVER), BELAY_OK);
    }
    world_run(world, RTT_MS);
    ck_assert_int_eq(answer(questions, 0, 0), BELAY_OK); /* the answer never arrives */
    world_kill(world, 0);
    uint32_t late = questions->count; /* asked of a client that is gone */
    ck_assert_int_eq(ask_with(questions, DOWN, 0, 0, BELAY_FOREVER), BELAY_OK);
    world_run(world, 3000);
    world_revive(world, 0);
    world_run(world, 3000);
    ck_assert(world_is_open(world, 0));
    for (uint32_t i = 0; i < questions->count; i++) {
        const struct question *question = &questions->all[i];
        ck_assert_int_eq(question->code, question->way == DOWN ? BELAY_REPLY_LOST : PENDING);
        if (question->way == UP) {
            ck_assert_int_eq(answer(questions, i, 0), BELAY_E_GONE);
        }
    }
    ck_assert_uint_eq(questions->all[late].handled, 0);
    questions->silent[UP] = questions->silent[DOWN] = false;
    uint32_t first = questions->count;
    for (int i = 0; i < 4; i++) { /* nothing of the old ones counts against the caps */
        ask(questions, UP, 0);
        ask(questions, DOWN, 0);
    }
    world_run(world, 1000);
    for (uint32_t i = first; i < questions->count; i++) {
        ck_assert_uint_eq(questions->all[i].handled, 1);
        ck_assert_int_eq(questions->all[i].code, 0);
    }
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_RESUMED)->event.resumed.gap_count, 1);
    end(questions);
}
END_TEST

START_TEST(a_server_that_has_lost_its_memory_ends_what_was_pending) {
    struct questions *questions = open_with((struct world_opts){0});
    struct world *world = questions->world;
    questions->silent[UP] = true;
    ck_assert_int_eq(ask_with(questions, UP, 0, 0, BELAY_FOREVER), BELAY_OK);
    world_run(world, RTT_MS);
    world_restart(world);
    world_run(world, 80000);
    ck_assert_int_eq(questions->all[0].code, BELAY_REPLY_GONE);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_RETURNED), 0);
    end(questions);
}
END_TEST

/* What happens at random: loss, copies, cuts, cancellations, short deadlines, late answers. */
START_TEST(whatever_happens_each_request_has_one_end_and_is_done_at_most_once) {
    const struct belay_link bad = {
        .delay_ms = 20, .jitter_ms = 40, .loss = 0.2F, .duplicate = 0.1F, .reorder = 0.05F};
    struct questions *questions =
        open_with((struct world_opts){.seed = 100 + (unsigned)_i, .link = bad, .clients = 3});
    struct world *world = questions->world;
    uint64_t luck = 0x9e3779b97f4a7c15U * (100 + (unsigned)_i);
    for (int round = 0; round < 1500; round++) {
        luck = luck * 6364136223846793005U + 1442695040888963407U;
        unsigned client = (unsigned)(luck >> 33) % 3;
        enum world_way way = (luck >> 40 & 1) != 0 ? UP : DOWN;
        unsigned what = (unsigned)(luck >> 45) % 100;
        questions->silent[way] = what % 7 == 0;
        if (what < 60) {
            (void)ask_with(questions, way, client, what * what, what < 10 ? 200 : 0);
        } else if (what < 80 && questions->count > 0) {
            (void)cancel(questions, (uint32_t)(luck >> 20) % questions->count);
        } else if (what == 80) {
            world_cut(world, client);
        } else if (what == 81) {
            world_link(world, client, &bad);
        }
        world_run(world, 25);
    }
    for (unsigned i = 0; i < 3; i++) {
        world_link(world, i, &bad);
    }
    questions->silent[UP] = questions->silent[DOWN] = false;
    world_run(world, 15000);
    questions_check_sound(questions);
    ck_assert_uint_gt(questions->count, 700);
    ck_assert_uint_gt(world_info(world, CLIENT, 0).resumes + world_info(world, CLIENT, 1).resumes +
                          world_info(world, CLIENT, 2).resumes,
                      0);
    for (unsigned i = 0; i < 3; i++) { /* both sides count alike: all places are free again */
        for (int more = 0; more < BELAY_REQUESTS_DEFAULT; more++) {
            ask(questions, UP, i);
            ask(questions, DOWN, i);
        }
    }
    uint32_t last = questions->count - 1;
    world_until(world, has_ended(questions, last), 10000);
    world_run(world, 5000);
    questions_check_sound(questions);
    end(questions);
}
END_TEST

START_TEST(what_cannot_be_asked_says_why) {
    struct questions *questions = questions_begin(world_create(&(struct world_opts){.link = line}));
    struct world *world = questions->world;
    ck_assert_int_eq(ask_with(questions, UP, 0, 0, 0), BELAY_E_STATE);
    world_connect(world, 0);
    ck_assert_int_eq(ask_with(questions, UP, 0, 0, 0), BELAY_E_STATE);
    ck_assert_ptr_nonnull(strstr(belay_error(), "OPEN"));
    world_run(world, 1000);
    struct belay_client *client = world->clients[0].it;
    belay_session session = world->clients[0].session;
    ck_assert_int_eq(belay_client_request(client, 1, NULL, 1, 0, 0, NULL), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_request(world->server, session, 1, NULL, 1, 0, 0, NULL),
                     BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_request(world->server, 0, 1, NULL, 0, 0, 0, NULL), BELAY_E_GONE);
    questions->silent[UP] = questions->silent[DOWN] = true;
    uint32_t up = ask(questions, UP, 0), down = ask(questions, DOWN, 0);
    world_run(world, RTT_MS);
    ck_assert_int_eq(answer(questions, up, -1), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_reply(world->server, questions->all[up].received, 0, NULL, 1),
                     BELAY_E_INVALID);
    /* Each side has its own names, and each name is good for one thing. */
    ck_assert_int_eq(belay_server_cancel(world->server, questions->all[up].received), BELAY_E_GONE);
    ck_assert_int_eq(belay_server_reply(world->server, questions->all[down].asked, 0, NULL, 0),
                     BELAY_E_GONE);
    ck_assert_int_eq(belay_client_reply(client, 0, 0, NULL, 0), BELAY_E_GONE);
    ck_assert_int_eq(answer(questions, up, 0), BELAY_OK);
    ck_assert_int_eq(answer(questions, down, 0), BELAY_OK);
    world_run(world, RTT_MS);
    questions_check_all_done(questions);
    end(questions);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_request_is_answered_within_a_round_trip, 0, 2);
    tcase_add_loop_test(tests, an_answer_may_come_later, 0, 2);
    tcase_add_loop_test(tests, questions_and_answers_may_be_large, 0, 2);
    tcase_add_loop_test(tests, what_is_not_answered_ends_at_its_deadline, 0, 2);
    tcase_add_loop_test(tests, the_deadline_holds_while_the_session_is_down, 0, 2);
    tcase_add_loop_test(tests, a_cancelled_request_ends_at_once, 0, 2);
    tcase_add_loop_test(tests, what_was_cancelled_before_it_was_seen_is_never_seen, 0, 2);
    tcase_add_loop_test(tests, an_answer_may_meet_a_cancellation, 0, 2);
    tcase_add_loop_test(tests, no_more_may_be_pending_than_the_other_side_takes, 0, 2);
    tcase_add_loop_test(tests, as_many_as_by_default_may_be_pending, 0, 2);
    tcase_add_loop_test(tests, a_full_send_buffer_takes_no_request_but_a_cancellation, 0, 2);
    tcase_add_loop_test(tests, what_is_pending_when_the_session_ends_comes_back_first, 0, 4);
    tcase_add_loop_test(tests, the_last_answer_arrives_before_the_goodbye, 0, 2);
    tcase_add_test(tests, a_cut_at_any_moment_of_an_exchange_changes_nothing);
    tcase_add_test(tests, another_process_of_a_client_begins_anew);
    tcase_add_test(tests, a_server_that_has_lost_its_memory_ends_what_was_pending);
    tcase_add_loop_test(tests, whatever_happens_each_request_has_one_end_and_is_done_at_most_once,
                        0, 5);
    tcase_add_test(tests, what_cannot_be_asked_says_why);
}

TEST_MAIN("requests", add_tests)
