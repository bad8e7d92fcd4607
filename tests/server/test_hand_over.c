/*
 * A graceful restart, over real sockets and between real processes: what clients and the next
 * process see of it, and that a restart that fails is none.
 */
#define _GNU_SOURCE
#include "tests/server/two_processes.h"

#include "lib/net/hand_over.h"
#include <belay/sim.h>

#define WHOLE_STATE_MAX ((size_t)1 << 24)

static void ck_assert_untouched(void) {
    for (unsigned i = 0; i < player_count; i++) {
        ck_assert_uint_eq(players[i].opens, 1);
        ck_assert_uint_eq(players[i].downs + players[i].resumes + players[i].closes, 0);
        ck_assert_uint_eq(board->seats[i].downs + board->seats[i].resumes, 0);
        ck_assert_uint_eq(board->seats[i].closes, 0);
    }
    ck_assert_uint_eq(board->process, 1);
}

static void ck_assert_all_resumed(uint32_t times) {
    must_come(all_are_open());
    for (unsigned i = 0; i < player_count; i++) {
        const struct seat *seat = &board->seats[i];
        must_come(seat->resumes == times);
        ck_assert_uint_eq(players[i].resumes, times);
        ck_assert_uint_le(players[i].downs, times);
        ck_assert_uint_eq(players[i].opens, 1);
        ck_assert_uint_eq(players[i].closes, 0);
        ck_assert_uint_eq(players[i].gaps + seat->gaps, 0);
        ck_assert_uint_eq(seat->logins, 1);
        ck_assert_uint_eq(seat->opens, times + 1);
        ck_assert_uint_eq(seat->process, board->process);
        ck_assert_uint_eq(seat->closes, 0);
    }
}

/* ---- what a restart keeps */

START_TEST(every_client_goes_on_and_no_message_is_lost_or_repeated) {
    open_all(6);
    for (unsigned i = 0; i < player_count; i++) {
        want(i, CHAT, 2000, 60);
        want(i, STATE, 300, 900);
    }
    run_for(30);
    restart();
    ck_assert_books_agree();
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(large_messages_under_way_arrive) {
    open_all(2);
    for (unsigned i = 0; i < player_count; i++) {
        want(i, STATE, 3, BELAY_MESSAGE_MAX);
        want(i, CHAT, 500, 20);
    }
    must_come(board->seats[0].up[STATE].sent > 0 && board->seats[0].down[STATE].sent > 0);
    restart();
    ck_assert_books_agree();
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(what_the_old_process_did_not_poll_the_next_one_gets) {
    open_all(2);
    board->deaf = true;
    for (unsigned i = 0; i < player_count; i++) {
        want(i, CHAT, 100, 60);
        want(i, STATE, 2, 50000);
    }
    run_for(100);
    ck_assert_uint_eq(board->seats[0].up[CHAT].received, 0);
    restart();
    board->deaf = false;
    ck_assert_books_agree();
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(what_waits_for_a_client_waits_in_the_next_process) {
    open_all(2);
    players[1].asleep = true;
    want(1, CHAT, 200, 60);
    must_come(board->seats[1].down[CHAT].sent == 200);
    restart();
    must_come(board->seats[1].opens == 2);
    ck_assert_uint_eq(board->seats[1].resumes, 0);
    want(1, STATE, 50, 60); /* sending before it is back works too */
    must_come(board->seats[1].down[STATE].sent == 50);
    players[1].asleep = false;
    ck_assert_books_agree();
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(it_can_be_done_again_and_again) {
    open_all(4);
    for (uint32_t times = 1; times <= 3; times++) {
        for (unsigned i = 0; i < player_count; i++) {
            want(i, CHAT, 1000, 60);
            want(i, STATE, 2, 200000);
        }
        run_for(10);
        restart();
        for (unsigned i = 0; i < player_count; i++) {
            must_come(board->seats[i].resumes == times);
        }
    }
    ck_assert_books_agree();
    ck_assert_all_resumed(3);
}
END_TEST

START_TEST(the_next_one_may_come_before_the_clients_are_back) {
    open_all(4);
    for (unsigned i = 0; i < player_count; i++) {
        want(i, CHAT, 3000, 60);
        want(i, STATE, 3, BELAY_MESSAGE_MAX / 2);
    }
    for (int times = 0; times < 5; times++) {
        restart();
    }
    ck_assert_books_agree();
    for (unsigned i = 0; i < player_count; i++) {
        must_come(players[i].open && board->seats[i].opens == 6);
        ck_assert_uint_eq(players[i].opens, 1);
        ck_assert_uint_eq(players[i].closes + board->seats[i].closes, 0);
    }
}
END_TEST

/* No client has to move, and what was run does not come again. */
START_TEST(ticks_go_on_where_they_were) {
    server_opts.move.size = client_opts.move.size = sizeof(uint32_t);
    open_all(2);
    must_come(board->inputs >= 20);
    uint32_t before = board->tick;
    bl_time at = bl_clock_monotonic();
    restart();
    must_come(board->first_tick > before);
    uint32_t passed = (uint32_t)((bl_clock_monotonic() - at) * BELAY_TICK_HZ_DEFAULT / BL_SECOND);
    ck_assert_uint_le(board->first_tick - before, passed + 2);
    uint32_t inputs = board->inputs;
    must_come(board->inputs >= inputs + 20);
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(sequenced_messages_go_on) {
    open_all(1);
    struct seat *seat = &board->seats[0];
    want(0, MOVES, 100, 40);
    must_come(seat->up[MOVES].sent == 100 && seat->down[MOVES].newest > 0);
    run_for(50);
    restart();
    ck_assert_all_resumed(1);
    uint32_t up = seat->up[MOVES].received;
    uint32_t down = seat->down[MOVES].received;
    want(0, MOVES, 50, 40);
    must_come(seat->up[MOVES].received > up && seat->down[MOVES].received > down);
    ck_assert_uint_eq(seat->up[MOVES].repeated + seat->down[MOVES].repeated, 0);
}
END_TEST

/** Five messages that do not live long wait behind many for a client that does not poll. */
static struct seat *queue_brief_messages(void) {
    open_all(1);
    struct seat *seat = &board->seats[0];
    players[0].deaf = true;
    seat->down[CHAT].wanted = 1000; /* four times its credit */
    run_for(100);
    seat->down[BRIEF].wanted = 5;
    must_come(seat->down[BRIEF].sent == 5);
    return seat;
}

static void ck_assert_brief_are_returned(struct seat *seat) {
    must_come(seat->down[BRIEF].returned == 5);
    seat->down[BRIEF].wanted++;
    must_come(seat->down[BRIEF].newest == 6 && seat->down[CHAT].newest == 1000);
    ck_assert_uint_eq(seat->down[BRIEF].returned, 5);
    ck_assert_uint_eq(seat->down[BRIEF].received, 1);
    ck_assert_uint_eq(seat->down[CHAT].received, 1000);
}

START_TEST(messages_that_expire_meanwhile_are_returned_by_the_next_process) {
    struct seat *seat = queue_brief_messages();
    players[0].asleep = true;
    restart();
    run_for(250); /* they are too old by now */
    players[0].asleep = players[0].deaf = false;
    ck_assert_brief_are_returned(seat);
}
END_TEST

START_TEST(messages_that_have_expired_and_were_not_polled_are_returned_by_the_next_process) {
    struct seat *seat = queue_brief_messages();
    board->deaf = true;
    run_for(300); /* the old process notices that they are too old */
    players[0].deaf = false;
    run_for(50);
    ck_assert_uint_eq(seat->down[BRIEF].returned, 0);
    restart();
    board->deaf = false;
    ck_assert_brief_are_returned(seat);
}
END_TEST

START_TEST(a_session_that_nobody_resumes_ends_with_its_window) {
    server_opts.resume_window_ms = 400;
    open_all(2);
    players[1].asleep = true;
    restart();
    must_come(board->seats[1].closes == 1);
    ck_assert_uint_eq(board->seats[1].reason, BELAY_REASON_TIMEOUT);
    ck_assert_uint_eq(board->seats[0].closes, 0);
    players[1].asleep = false;
    must_come(players[1].closes == 1);
    ck_assert_uint_eq(players[1].reason, BELAY_REASON_STATE_LOST);
}
END_TEST

START_TEST(a_link_that_is_lost_later_is_resumed) {
    server_opts.lost_ms = 500;
    open_all(1);
    restart();
    ck_assert_all_resumed(1);
    uint32_t downs = board->seats[0].downs; /* a busy machine may have lost it by now */
    players[0].asleep = true;
    must_come(board->seats[0].downs > downs);
    want(0, CHAT, 50, 60);
    players[0].asleep = false;
    ck_assert_books_agree();
    must_come(board->seats[0].resumes >= 2);
    ck_assert_uint_eq(players[0].closes, 0);
}
END_TEST

START_TEST(a_clients_next_process_comes_in_with_a_ticket_of_either_server) {
    bool before = _i == 0; /* its process dies before the hand-over, or after */
    server_opts.accept_gaps = client_opts.accept_gaps = true;
    open_all(1);
    want(0, CHAT, 20, 60);
    ck_assert_books_agree();
    if (!before) {
        restart();
        ck_assert_all_resumed(1);
        must_come(players[0].ticket_size > 0);
    }
    players[0].asleep = true; /* it is not asked to say goodbye */
    if (before) {
        restart();
    }
    struct belay_client *dead = players[0].it;
    revive(0);
    players[0].asleep = false;
    must_come(players[0].open);
    want(0, CHAT, 20, 60);
    must_come(everything_has_arrived());
    ck_assert_uint_eq(players[0].closes, 0);
    belay_client_destroy(dead);
}
END_TEST

START_TEST(a_session_of_two_processes_of_its_client_is_handed_over) {
    server_opts.accept_gaps = client_opts.accept_gaps = true;
    open_all(1);
    want(0, CHAT, 20, 60);
    ck_assert_books_agree();
    struct belay_client *dead = players[0].it;
    revive(0);
    must_come(players[0].open && board->seats[0].resumes == 1);
    restart(); /* before anything was sent under the new numbers */
    must_come(players[0].closes == 1 || board->seats[0].resumes == 2);
    ck_assert_uint_eq(players[0].closes, 0);
    want(0, CHAT, 20, 60);
    must_come(everything_has_arrived());
    ck_assert_uint_eq(board->seats[0].up[CHAT].repeated,
                      0); /* down, RESUMED has told which may be */
    belay_client_destroy(dead);
}
END_TEST

/* ---- requests */

/** As many end as were asked, in their order, with this code at last. */
static void ck_assert_ended(const struct questions *questions, int32_t code) {
    must_come(questions->ended == questions->wanted);
    run_for(50);
    ck_assert_uint_eq(questions->ended, questions->wanted);
    ck_assert_uint_eq(questions->wrong, 0);
    ck_assert_int_eq(questions->code, code);
}

START_TEST(the_next_process_gets_the_answer_to_what_the_old_one_asked) {
    open_all(1);
    struct questions *ask = &board->seats[0].ask_down;
    players[0].silent = true;
    ask->deadline_ms = BELAY_FOREVER;
    ask->wanted = 1;
    must_come(ask->shown == 1);
    restart();
    run_for(100);
    ck_assert_uint_eq(ask->ended, 0);
    ck_assert_int_eq(belay_client_reply(players[0].it, players[0].newest, ANSWER, NULL, 0),
                     BELAY_OK);
    ck_assert_ended(ask, ANSWER);
    ck_assert_uint_eq(ask->shown, 1);
    players[0].silent = false;
    ask->wanted = 2 * BELAY_REQUESTS_DEFAULT; /* more than may wait: both sides count alike */
    ck_assert_ended(ask, ANSWER);
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(an_answer_that_the_old_process_did_not_poll_the_next_one_gets) {
    open_all(1);
    struct questions *ask = &board->seats[0].ask_down;
    board->deaf = true;
    ask->wanted = 5;
    must_come(ask->shown == 5);
    run_for(100);
    ck_assert_uint_eq(ask->ended, 0);
    restart();
    board->deaf = false;
    ck_assert_ended(ask, ANSWER);
    ck_assert_uint_eq(ask->shown, 5);
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(a_deadline_passes_in_the_next_process) {
    open_all(1);
    struct questions *ask = &board->seats[0].ask_down;
    bl_time began = bl_clock_monotonic();
    players[0].silent = true;
    ask->deadline_ms = 1000;
    ask->wanted = 1;
    must_come(ask->shown == 1);
    restart();
    ck_assert_ended(ask, BELAY_REPLY_DEADLINE);
    ck_assert_int_ge(bl_clock_monotonic() - began, 1000 * BL_MILLISECOND);
    ck_assert_int_eq(belay_client_reply(players[0].it, players[0].newest, 0, NULL, 0),
                     BELAY_E_GONE);
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(an_end_that_the_old_process_did_not_poll_is_told_once) {
    open_all(1);
    struct questions *ask = &board->seats[0].ask_down;
    players[0].silent = true;
    board->deaf = true;
    ask->deadline_ms = 100;
    ask->wanted = 3;
    must_come(ask->shown == 3);
    run_for(200);
    restart();
    board->deaf = false;
    ck_assert_ended(ask, BELAY_REPLY_DEADLINE);
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(what_the_old_process_was_shown_and_did_not_answer_is_lost) {
    open_all(1);
    struct questions *ask = &board->seats[0].ask_up;
    board->silent = true;
    ask->deadline_ms = BELAY_FOREVER;
    ask->wanted = 3;
    must_come(ask->shown == 3);
    restart();
    ck_assert_ended(ask, BELAY_REPLY_LOST);
    ck_assert_uint_eq(ask->shown, 3);
    board->silent = false;
    ask->wanted = 3 + 2 * BELAY_REQUESTS_DEFAULT;
    ck_assert_ended(ask, 0);
    ck_assert_all_resumed(1);
}
END_TEST

START_TEST(what_the_old_process_was_not_shown_the_next_one_is) {
    open_all(1);
    struct questions *ask = &board->seats[0].ask_up;
    board->deaf = true;
    ask->deadline_ms = BELAY_FOREVER;
    ask->wanted = 3;
    run_for(100);
    ck_assert_uint_eq(ask->asked, 3);
    ck_assert_uint_eq(ask->shown, 0);
    restart();
    board->deaf = false;
    ck_assert_ended(ask, 0);
    ck_assert_uint_eq(ask->shown, 3);
    ck_assert_all_resumed(1);
}
END_TEST

/* ---- restarts that fail */

/** Goes on as if nothing had been, and can still hand over. */
static void ck_assert_goes_on(void) {
    for (unsigned i = 0; i < player_count; i++) {
        want(i, CHAT, 100, 60);
        want(i, STATE, 1, 100000);
    }
    ck_assert_books_agree();
    ck_assert_untouched();
    ck_assert_uint_eq(folder_count(), 0);
    restart();
    ck_assert_all_resumed(1);
    ck_assert_books_agree();
}

static intptr_t connect_to_old(void) {
    intptr_t link = -1;
    if (bl_hand_over_connect(&link, hand_over_path(), 10 * BL_SECOND) != BELAY_OK) {
        _exit(3);
    }
    return link;
}

static intptr_t take_state(void) {
    struct bl_hand_over_record state;
    struct bl_memory memory;
    intptr_t link = connect_to_old();
    bl_memory_init(&memory, NULL, 0);
    if (bl_hand_over_receive(&state, link, WHOLE_STATE_MAX, 10 * BL_SECOND, &memory) != BELAY_OK) {
        _exit(4);
    }
    return link;
}

static void answer(const char *data, size_t size, intptr_t descriptor) {
    const struct bl_hand_over_record record = {
        .data = (uint8_t *)(uintptr_t)data, .size = size, .descriptor = descriptor};
    intptr_t link = take_state();
    bl_hand_over_send(link, &record, BL_SECOND);
    while (read((int)link, &(char){0}, 1) == -1) { /* until it is hung up on, or told "yours" */
    }
}

static void hang_up_at_once(void) {
    bl_hand_over_close(connect_to_old());
}

static void die_with_the_state(void) {
    take_state();
}

static void answer_nothing(void) {
    answer("", 0, -1);
}

static void answer_another_word(void) {
    answer("\7", 1, -1);
}

static void answer_with_a_descriptor(void) {
    answer("\1", 1, 0);
}

static void answer_too_much(void) {
    answer("\1\1", 2, -1);
}

static void speak_another_tongue(void) {
    intptr_t link = take_state();
    if (write((int)link, "GET / HTTP/1.0\r\n\r\n", 18) != 18) {
        _exit(5);
    }
}

static void say_nothing(void) {
    take_state();
    pause(); /* until the test has seen enough */
}

static void (*const bad_successors[])(void) = {
    hang_up_at_once,          die_with_the_state, answer_nothing,       answer_another_word,
    answer_with_a_descriptor, answer_too_much,    speak_another_tongue, say_nothing,
};

START_TEST(a_successor_that_fails_is_none) {
    open_all(2);
    want(0, CHAT, 1000, 60);
    pid_t child = start_child();
    if (child == 0) {
        bad_successors[_i]();
        _exit(0);
    }
    ask_for_hand_over();
    must_come(is_answered());
    ck_assert_int_eq(board->result, BELAY_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(board->words, "goes on"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert_goes_on();
}
END_TEST

START_TEST(a_successor_that_never_comes_is_waited_for_while_serving) {
    open_all(2);
    ask_for_hand_over();
    must_come(folder_count() == 1);
    want(0, CHAT, 200, 60); /* to a process that does not poll */
    must_come(board->seats[0].up[CHAT].sent == 200);
    must_come(is_answered());
    ck_assert_int_eq(board->result, BELAY_E_GONE);
    ck_assert_ptr_nonnull(strstr(board->words, "take_over"));
    ck_assert_goes_on();
}
END_TEST

static const struct belay_channel other_channels[CHANNEL_COUNT] = {
    {.name = "chat"}, {.name = "moves", .mode = BELAY_SEQUENCED}, {.name = "state"}, {.name = "x"}};

static const struct wrong_start {
    struct belay_server_opts opts;
    enum belay_result result;
    const char *words;
} wrong_starts[] = {
    {{.session_max = 2}, BELAY_E_NO_MEMORY, "session_max"},
    {{.channels = other_channels, .channel_count = CHANNEL_COUNT}, BELAY_E_INVALID, "channels"},
    {{.channels = channels, .channel_count = 2}, BELAY_E_INVALID, "channels"},
    {{.game = "restart/2"}, BELAY_E_INVALID, "game"},
};

START_TEST(a_successor_with_other_options_cannot_start_and_the_old_one_goes_on) {
    const struct wrong_start *wrong = &wrong_starts[_i];
    struct belay_server_opts opts = wrong->opts;
    open_all(3);
    opts.take_over = hand_over_path();
    board->started = false;
    pid_t child = start_child();
    if (child == 0) {
        _exit(live(&opts));
    }
    ask_for_hand_over();
    must_come(board->started);
    ck_assert_int_eq(board->start_result, wrong->result);
    ck_assert_msg(strstr(board->start_words, wrong->words) != NULL, "%s", board->start_words);
    join(child);
    must_come(is_answered());
    ck_assert_int_eq(board->result, BELAY_E_SYSTEM);
    ck_assert_goes_on();
}
END_TEST

START_TEST(nobody_who_hands_over_is_said_within_the_time) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server = NULL;
    opts.take_over = hand_over_path();
    bl_time began = bl_clock_monotonic();
    ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_E_GONE);
    ck_assert_ptr_null(server);
    ck_assert_int_ge(bl_clock_monotonic() - began, bl_from_ms(BELAY_HAND_OVER_MS));
}
END_TEST

START_TEST(a_server_that_has_stopped_or_is_simulated_hands_nothing_over) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    opts.listen = "127.0.0.1:0";
    ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_OK);
    ck_assert_int_eq(belay_server_hand_over(server, ""), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_hand_over(server, folder_file("no/folder")), BELAY_E_SYSTEM);
    belay_server_stop(server, 0);
    ck_assert_int_eq(belay_server_hand_over(server, hand_over_path()), BELAY_E_STATE);
    belay_server_destroy(server);
    opts.listen = "10.0.0.1:7777";
    opts.sim = belay_sim_create(1);
    ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_OK);
    ck_assert_int_eq(belay_server_hand_over(server, hand_over_path()), BELAY_E_INVALID);
    belay_server_destroy(server);
    opts.take_over = hand_over_path();
    ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_E_INVALID);
    belay_sim_destroy(opts.sim);
}
END_TEST

/* ---- what comes from the other process is not believed */

static uint8_t state_of_old[1 << 16];
static size_t state_size;

static void ck_assert_state_is_refused(struct bl_hand_over_listener *listener, const uint8_t *data,
                                       size_t size, intptr_t socket) {
    const struct bl_hand_over_record state = {
        .data = (uint8_t *)(uintptr_t)data, .size = size, .descriptor = socket};
    pid_t child = start_child();
    if (child == 0) {
        intptr_t link = -1;
        while (bl_hand_over_accept(&link, listener) == BELAY_OK && link < 0) {
            (void)usleep(100);
        }
        bl_hand_over_send(link, &state, BL_SECOND);
        _exit(0);
    }
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server = NULL;
    opts.game = GAME;
    opts.channels = channels;
    opts.channel_count = CHANNEL_COUNT;
    opts.take_over = hand_over_path();
    enum belay_result result = belay_server_start(&server, &opts);
    waitpid(child, NULL, 0);
    ck_assert_msg(result == BELAY_E_KEY, "%zu bytes: %s", size, belay_result_name(result));
    ck_assert_ptr_null(server);
}

/** The state of a server with a session, and its socket. */
static intptr_t copy_state(void) {
    struct bl_hand_over_record state;
    struct bl_memory memory;
    bl_memory_init(&memory, NULL, 0);
    open_all(1);
    want(0, CHAT, 3, 20);
    ck_assert_books_agree();
    ask_for_hand_over();
    intptr_t link = connect_to_old();
    ck_assert_int_eq(
        bl_hand_over_receive(&state, link, sizeof state_of_old, 10 * BL_SECOND, &memory), BELAY_OK);
    memcpy(state_of_old, state.data, state.size);
    state_size = state.size;
    bl_free(&memory, state.data, state.size);
    bl_hand_over_close(link);
    must_come(is_answered());
    return state.descriptor;
}

START_TEST(a_state_with_one_altered_byte_or_cut_short_is_refused) {
    struct bl_hand_over_listener listener;
    intptr_t socket = copy_state();
    ck_assert_int_eq(bl_hand_over_listen(&listener, hand_over_path()), BELAY_OK);
    for (size_t i = 0; i < state_size; i++) {
        state_of_old[i] ^= (uint8_t)(1U << i % 8);
        ck_assert_state_is_refused(&listener, state_of_old, state_size, socket);
        state_of_old[i] ^= (uint8_t)(1U << i % 8);
        ck_assert_state_is_refused(&listener, state_of_old, i, socket);
    }
    ck_assert_state_is_refused(&listener, state_of_old, state_size, -1);
    bl_hand_over_stop(&listener);
    bl_hand_over_close(socket);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, every_client_goes_on_and_no_message_is_lost_or_repeated);
    tcase_add_test(tests, large_messages_under_way_arrive);
    tcase_add_test(tests, what_the_old_process_did_not_poll_the_next_one_gets);
    tcase_add_test(tests, what_waits_for_a_client_waits_in_the_next_process);
    tcase_add_test(tests, it_can_be_done_again_and_again);
    tcase_add_test(tests, the_next_one_may_come_before_the_clients_are_back);
    tcase_add_test(tests, ticks_go_on_where_they_were);
    tcase_add_test(tests, sequenced_messages_go_on);
    tcase_add_test(tests, messages_that_expire_meanwhile_are_returned_by_the_next_process);
    tcase_add_test(tests,
                   messages_that_have_expired_and_were_not_polled_are_returned_by_the_next_process);
    tcase_add_test(tests, a_session_that_nobody_resumes_ends_with_its_window);
    tcase_add_test(tests, a_link_that_is_lost_later_is_resumed);
    tcase_add_loop_test(tests, a_clients_next_process_comes_in_with_a_ticket_of_either_server, 0,
                        2);
    tcase_add_test(tests, a_session_of_two_processes_of_its_client_is_handed_over);
    tcase_add_test(tests, the_next_process_gets_the_answer_to_what_the_old_one_asked);
    tcase_add_test(tests, an_answer_that_the_old_process_did_not_poll_the_next_one_gets);
    tcase_add_test(tests, a_deadline_passes_in_the_next_process);
    tcase_add_test(tests, an_end_that_the_old_process_did_not_poll_is_told_once);
    tcase_add_test(tests, what_the_old_process_was_shown_and_did_not_answer_is_lost);
    tcase_add_test(tests, what_the_old_process_was_not_shown_the_next_one_is);
    tcase_add_loop_test(tests, a_successor_that_fails_is_none, 0, COUNT_OF(bad_successors));
    tcase_add_test(tests, a_successor_that_never_comes_is_waited_for_while_serving);
    tcase_add_loop_test(tests, a_successor_with_other_options_cannot_start_and_the_old_one_goes_on,
                        0, COUNT_OF(wrong_starts));
    tcase_add_test(tests, nobody_who_hands_over_is_said_within_the_time);
    tcase_add_test(tests, a_server_that_has_stopped_or_is_simulated_hands_nothing_over);
    tcase_add_test(tests, a_state_with_one_altered_byte_or_cut_short_is_refused);
}

TEST_MAIN("server hand_over", add_tests)
