/* The lifecycle: the table against stories, and against a second telling of the same rules. */
#include "common/random.h"
#include "lib/session/state.h"
#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

#define CELL_COUNT (BELAY_STATE_COUNT * BL_INPUT_COUNT * 2)
#define STEP_COUNT 1000000

static enum belay_state state_of(int cell) {
    return (enum belay_state)(cell / 2 / BL_INPUT_COUNT);
}

static enum bl_input input_of(int cell) {
    return (enum bl_input)(cell / 2 % BL_INPUT_COUNT);
}

static bool peer_lives_in(int cell) {
    return cell % 2 != 0;
}

/* R28 */
START_TEST(every_pair_of_state_and_input_is_decided) {
    struct bl_edge edge = bl_state_edge(state_of(_i), input_of(_i), peer_lives_in(_i));
    ck_assert_int_ne(edge.kind, BL_EDGE_UNDECIDED);
    if (edge.kind == BL_EDGE_GO) {
        ck_assert_int_ne(edge.next, state_of(_i));
    }
}
END_TEST

START_TEST(only_a_failed_attempt_asks_whether_the_old_link_lives) {
    enum belay_state state = state_of(2 * _i);
    enum bl_input input = input_of(2 * _i);
    struct bl_edge dead = bl_state_edge(state, input, false);
    struct bl_edge alive = bl_state_edge(state, input, true);
    bool differ = dead.kind != alive.kind || dead.next != alive.next;
    ck_assert_int_eq(differ, state == BELAY_RECONNECTING && input == BL_INPUT_ATTEMPT_FAILED);
}
END_TEST

START_TEST(a_failed_attempt_falls_back_to_the_old_link_if_that_lives) {
    struct bl_edge dead = bl_state_edge(BELAY_RECONNECTING, BL_INPUT_ATTEMPT_FAILED, false);
    struct bl_edge alive = bl_state_edge(BELAY_RECONNECTING, BL_INPUT_ATTEMPT_FAILED, true);
    ck_assert_int_eq(dead.next, BELAY_RECONNECT_PENDING);
    ck_assert_int_eq(alive.next, BELAY_LOGGED_IN);
}
END_TEST

START_TEST(every_input_has_a_name_of_its_own) {
    const char *name = bl_input_name((enum bl_input)_i);
    ck_assert_uint_gt(strlen(name), 0);
    for (int other = 0; other < _i; other++) {
        ck_assert_str_ne(name, bl_input_name((enum bl_input)other));
    }
}
END_TEST

START_TEST(states_are_named_as_the_enum_names_them) {
    static const char *const names[BELAY_STATE_COUNT] = {
        "DISCONNECTED", "TRANSPORT_CONNECTED", "LOGIN_PENDING",     "LOGGED_IN",
        "LOGIN_FAILED", "TIMED_OUT",           "RECONNECT_PENDING", "RECONNECTING",
    };
    for (int state = 0; state < BELAY_STATE_COUNT; state++) {
        ck_assert_str_eq(belay_state_name((enum belay_state)state), names[state]);
    }
    ck_assert_str_eq(belay_state_name((enum belay_state)BELAY_STATE_COUNT), "unknown state");
    ck_assert_str_eq(belay_state_name((enum belay_state) - 1), "unknown state");
}
END_TEST

/* Each row is one story: the inputs in order, and where they must leave the session. */
static const struct story {
    const char *name;
    enum bl_input inputs[8];
    size_t input_count;
    enum belay_state end;
} stories[] = {
    {"a login", {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME}, 3, BELAY_LOGGED_IN},
    {"a login that is refused",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_REFUSED},
     3,
     BELAY_LOGIN_FAILED},
    {"a dial that gives up", {BL_INPUT_REFUSED}, 1, BELAY_LOGIN_FAILED},
    {"a dial that is denied", {BL_INPUT_DENIED}, 1, BELAY_LOGIN_FAILED},
    {"a link that nobody logs in on",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_GONE, BL_INPUT_EXPIRED},
     3,
     BELAY_DISCONNECTED},
    {"a second hello changes nothing",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_HELLO},
     5,
     BELAY_LOGGED_IN},
    {"a link lost without a resume rests, then ends", /* R9 */
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_GONE, BL_INPUT_EXPIRED},
     5,
     BELAY_DISCONNECTED},
    {"a link lost with a resume is waited for", /* R9 */
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_GONE, BL_INPUT_HOLD},
     5,
     BELAY_RECONNECT_PENDING},
    {"a resume",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_GONE, BL_INPUT_HOLD,
      BL_INPUT_RESUME, BL_INPUT_REBOUND},
     7,
     BELAY_LOGGED_IN},
    {"a resume that comes to nothing is tried again",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_GONE, BL_INPUT_HOLD,
      BL_INPUT_RESUME, BL_INPUT_ATTEMPT_FAILED, BL_INPUT_RESUME},
     8,
     BELAY_RECONNECTING},
    {"a move to a new address that fails leaves the old link",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_RESUME,
      BL_INPUT_ATTEMPT_FAILED},
     5,
     BELAY_LOGGED_IN},
    {"a move during which the old link dies",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_RESUME, BL_INPUT_GONE,
      BL_INPUT_ATTEMPT_FAILED},
     6,
     BELAY_RECONNECT_PENDING},
    {"a server that does not know the session",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_GONE, BL_INPUT_HOLD,
      BL_INPUT_RESUME, BL_INPUT_DENIED},
     7,
     BELAY_DISCONNECTED},
    {"news of an old link cannot end a session that has moved on",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_RESUME, BL_INPUT_GONE,
      BL_INPUT_REBOUND, BL_INPUT_ATTEMPT_FAILED, BL_INPUT_REBOUND},
     8,
     BELAY_LOGGED_IN},
    {"a welcome after the end is late, not wrong",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_CLOSE, BL_INPUT_WELCOME, BL_INPUT_CLOSE},
     5,
     BELAY_DISCONNECTED},
    {"a refusal after the login is late, not wrong",
     {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME, BL_INPUT_REFUSED},
     4,
     BELAY_LOGGED_IN},
};

START_TEST(a_story_ends_where_it_must) {
    const struct story *story = &stories[_i];
    enum belay_state state = BELAY_DISCONNECTED;
    bool lives = false;
    for (size_t i = 0; i < story->input_count; i++) {
        enum bl_input input = story->inputs[i];
        lives = (lives || input == BL_INPUT_TRANSPORT_UP || input == BL_INPUT_REBOUND) &&
                input != BL_INPUT_GONE;
        struct bl_edge edge = bl_state_edge(state, input, lives);
        ck_assert_msg(edge.kind != BL_EDGE_IMPOSSIBLE, "%s: input %zu", story->name, i);
        state = edge.kind == BL_EDGE_GO ? edge.next : state;
    }
    ck_assert_msg(state == story->end, "%s: ended in %s", story->name, belay_state_name(state));
}
END_TEST

static struct bl_edge go_if(bool goes, enum belay_state next) {
    return goes ? (struct bl_edge){BL_EDGE_GO, next} : (struct bl_edge){.kind = BL_EDGE_IGNORE};
}

static const struct bl_edge impossible = {.kind = BL_EDGE_IMPOSSIBLE};

/**
 * The same lifecycle told by inputs, with the words that the states stand for, in place of cell by
 * cell.
 *
 * Two inputs are the table's own. HOLD is the second half of "timed out, then kept if the policy
 * allows": the policy is the session's, which feeds HOLD right after GONE, so the table needs no
 * argument for it and both steps are seen. DENIED and EXPIRED are one thing to a session that
 * waits for its resume, but a dial that has no session yet can be denied and cannot expire.
 */
static struct bl_edge retell(enum belay_state state, enum bl_input input, bool peer_lives) {
    bool nothing_kept =
        state == BELAY_DISCONNECTED || state == BELAY_LOGIN_FAILED || state == BELAY_TIMED_OUT;
    bool before_login = state == BELAY_TRANSPORT_CONNECTED || state == BELAY_LOGIN_PENDING;
    bool waiting =
        state == BELAY_TIMED_OUT || state == BELAY_RECONNECT_PENDING || state == BELAY_RECONNECTING;
    switch (input) {
    case BL_INPUT_TRANSPORT_UP: /* a link is news to whoever has none and waits for none */
        return go_if(nothing_kept, BELAY_TRANSPORT_CONNECTED);
    case BL_INPUT_HELLO: /* needs a link */
        return state == BELAY_DISCONNECTED
                   ? impossible
                   : go_if(state == BELAY_TRANSPORT_CONNECTED, BELAY_LOGIN_PENDING);
    case BL_INPUT_WELCOME: /* answers a hello */
        return state == BELAY_TRANSPORT_CONNECTED
                   ? impossible
                   : go_if(state == BELAY_LOGIN_PENDING, BELAY_LOGGED_IN);
    case BL_INPUT_REFUSED:
        return state == BELAY_RECONNECTING
                   ? go_if(true, BELAY_DISCONNECTED)
                   : go_if(before_login || state == BELAY_DISCONNECTED, BELAY_LOGIN_FAILED);
    case BL_INPUT_GONE: /* while RECONNECTING it is the old link, which is not needed any more */
        return go_if(before_login || state == BELAY_LOGGED_IN, BELAY_TIMED_OUT);
    case BL_INPUT_HOLD:
        return state == BELAY_TIMED_OUT ? go_if(true, BELAY_RECONNECT_PENDING) : impossible;
    case BL_INPUT_RESUME:
        return go_if(state == BELAY_LOGGED_IN || state == BELAY_RECONNECT_PENDING,
                     BELAY_RECONNECTING);
    case BL_INPUT_ATTEMPT_FAILED:
        return go_if(state == BELAY_RECONNECTING,
                     peer_lives ? BELAY_LOGGED_IN : BELAY_RECONNECT_PENDING);
    case BL_INPUT_REBOUND:
        return go_if(state == BELAY_RECONNECTING, BELAY_LOGGED_IN);
    case BL_INPUT_DENIED:
        return state == BELAY_DISCONNECTED ? go_if(true, BELAY_LOGIN_FAILED)
                                           : go_if(waiting, BELAY_DISCONNECTED);
    case BL_INPUT_EXPIRED:
        return go_if(waiting, BELAY_DISCONNECTED);
    case BL_INPUT_CLOSE:
        return go_if(state != BELAY_DISCONNECTED, BELAY_DISCONNECTED);
    }
    return (struct bl_edge){.kind = BL_EDGE_UNDECIDED};
}

static uint64_t seed_of_this_run(void) {
    const char *given = getenv("BELAY_TEST_SEED");
    return given != NULL ? strtoull(given, NULL, 0) : UINT64_C(0x7374617465);
}

/** A random walk along what the table allows, which sometimes begins anew anywhere. */
START_TEST(the_table_and_its_retelling_agree_over_a_million_random_steps) {
    static uint32_t visits[CELL_COUNT];
    struct bl_random random;
    enum belay_state state = BELAY_DISCONNECTED;
    uint64_t seed = seed_of_this_run();
    printf("seed 0x%llx\n", (unsigned long long)seed);
    bl_random_init_seeded(&random, seed);
    for (int step = 0; step < STEP_COUNT; step++) {
        enum bl_input input = (enum bl_input)bl_random_below(&random, BL_INPUT_COUNT);
        bool lives = bl_random_chance(&random, 0.5);
        struct bl_edge table = bl_state_edge(state, input, lives);
        struct bl_edge told = retell(state, input, lives);
        ck_assert_msg(table.kind == told.kind &&
                          (table.kind != BL_EDGE_GO || table.next == told.next),
                      "seed 0x%llx step %d: %s, %s", (unsigned long long)seed, step,
                      belay_state_name(state), bl_input_name(input));
        visits[((int)state * BL_INPUT_COUNT + (int)input) * 2 + lives]++;
        state = table.kind == BL_EDGE_GO ? table.next : state;
        if (bl_random_chance(&random, 0.05)) {
            state = (enum belay_state)bl_random_below(&random, BELAY_STATE_COUNT);
        }
    }
    for (int cell = 0; cell < CELL_COUNT; cell++) {
        ck_assert_msg(visits[cell] > 0, "seed 0x%llx: cell %d never seen", (unsigned long long)seed,
                      cell);
    }
}
END_TEST

START_TEST(every_state_is_reached_from_the_first_and_left_by_a_close) {
    bool reached[BELAY_STATE_COUNT] = {[BELAY_DISCONNECTED] = true};
    for (int round = 0; round < BELAY_STATE_COUNT; round++) {
        for (int cell = 0; cell < CELL_COUNT; cell++) {
            struct bl_edge edge = bl_state_edge(state_of(cell), input_of(cell), cell % 2 != 0);
            if (reached[state_of(cell)] && edge.kind == BL_EDGE_GO) {
                reached[edge.next] = true;
            }
        }
    }
    for (int state = 0; state < BELAY_STATE_COUNT; state++) {
        struct bl_edge close = bl_state_edge((enum belay_state)state, BL_INPUT_CLOSE, true);
        ck_assert_msg(reached[state], "%s", belay_state_name((enum belay_state)state));
        ck_assert(state == BELAY_DISCONNECTED || close.next == BELAY_DISCONNECTED);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, every_pair_of_state_and_input_is_decided, 0, CELL_COUNT);
    tcase_add_loop_test(tests, only_a_failed_attempt_asks_whether_the_old_link_lives, 0,
                        CELL_COUNT / 2);
    tcase_add_test(tests, a_failed_attempt_falls_back_to_the_old_link_if_that_lives);
    tcase_add_loop_test(tests, every_input_has_a_name_of_its_own, 0, BL_INPUT_COUNT);
    tcase_add_test(tests, states_are_named_as_the_enum_names_them);
    tcase_add_loop_test(tests, a_story_ends_where_it_must, 0, COUNT_OF(stories));
    tcase_add_test(tests, the_table_and_its_retelling_agree_over_a_million_random_steps);
    tcase_add_test(tests, every_state_is_reached_from_the_first_and_left_by_a_close);
}

TEST_MAIN("session/state", add_tests)
