/* One lifecycle for both sides: the same table, the same rules, whatever is sent, and by whom. */
#include "lib/session/state.h"
#include "tests/support/world.h"
#include <string.h>

#define LOST_MS   1000
#define WINDOW_MS 2000
#define LOGIN_MS  1500

/* ---- stories, as both sides see them */

static void hold(struct world *world, unsigned client, belay_session session) {
    (void)world, (void)client, (void)session;
}

static void refuse(struct world *world, unsigned client, belay_session session) {
    (void)client;
    ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_OK);
}

static void log_in(struct world *world) {
    world_open(world);
}

static void be_refused(struct world *world) {
    world->login = refuse;
    world_connect(world, 0);
}

static void wait_in_vain(struct world *world) {
    world->login = hold;
    world_connect(world, 0);
}

static void think_better_of_it(struct world *world) {
    wait_in_vain(world);
    world_run(world, 100);
    belay_client_close(world->clients[0].it, NULL, 0);
}

static void leave(struct world *world) {
    world_open(world);
    belay_client_close(world->clients[0].it, NULL, 0);
}

static void be_evicted(struct world *world) {
    world_open(world);
    belay_server_close(world->server, world->clients[0].session, NULL);
}

static void see_the_server_stop(struct world *world) {
    world_open(world);
    belay_server_stop(world->server, 0);
}

static void lose_the_link(struct world *world) {
    world_open(world);
    world_cut(world, 0);
}

#define LOGGED_IN "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN"

/* What happens, and the states that the client and the server go through because of it. */
static const struct story {
    const char *name;
    void (*happen)(struct world *world);
    bool no_resume;
    const char *client, *server;
} stories[] = {
    {"a login", log_in, false, LOGGED_IN, LOGGED_IN},
    {"a refusal", be_refused, false, "TRANSPORT_CONNECTED LOGIN_PENDING LOGIN_FAILED",
     "TRANSPORT_CONNECTED LOGIN_PENDING LOGIN_FAILED"},
    {"a login that nobody decides", wait_in_vain, false,
     "TRANSPORT_CONNECTED LOGIN_PENDING LOGIN_FAILED",
     "TRANSPORT_CONNECTED LOGIN_PENDING LOGIN_FAILED"},
    {"a login called off", think_better_of_it, false,
     "TRANSPORT_CONNECTED LOGIN_PENDING DISCONNECTED",
     "TRANSPORT_CONNECTED LOGIN_PENDING DISCONNECTED"},
    {"a client that leaves", leave, false, LOGGED_IN " DISCONNECTED", LOGGED_IN " DISCONNECTED"},
    {"an eviction", be_evicted, false, LOGGED_IN " DISCONNECTED", LOGGED_IN " DISCONNECTED"},
    {"a server that stops", see_the_server_stop, false, LOGGED_IN " DISCONNECTED",
     LOGGED_IN " DISCONNECTED"},
    {"a link lost, nothing kept", lose_the_link, true, LOGGED_IN " TIMED_OUT",
     LOGGED_IN " TIMED_OUT"},
    {"a link lost, the session kept", lose_the_link, false,
     LOGGED_IN " TIMED_OUT RECONNECT_PENDING RECONNECTING DISCONNECTED",
     LOGGED_IN " TIMED_OUT RECONNECT_PENDING DISCONNECTED"},
};

static bool is_edge(enum belay_state from, enum belay_state to) {
    for (int i = 0; i < 2 * BL_INPUT_COUNT; i++) {
        struct bl_edge edge = bl_state_edge(from, (enum bl_input)(i / 2), i % 2 != 0);
        if (edge.kind == BL_EDGE_GO && edge.next == to) {
            return true;
        }
    }
    return false;
}

/** Each side's transitions follow one another, and each is one of the table's. */
static void watch_table(struct world *world, enum world_side side,
                        const struct belay_event *event) {
    enum belay_state *now = world->user;
    if (event->type == BELAY_EVENT_STATE) {
        must(event->state.from == now[side]);
        must(is_edge(event->state.from, event->state.to));
        now[side] = event->state.to;
    }
}

/* R21, R23, R26, R45: client and server tell each story with the same words, by the same table. */
START_TEST(both_sides_follow_the_same_table) {
    const struct story *story = &stories[_i];
    enum belay_state now[2] = {BELAY_DISCONNECTED, BELAY_DISCONNECTED};
    struct world *world = world_create(&(struct world_opts){
        .server = {.heartbeat_ms = 200,
                   .lost_ms = LOST_MS,
                   .login_ms = LOGIN_MS,
                   .resume_window_ms = WINDOW_MS,
                   .no_resume = story->no_resume},
        .client = {.no_resume = story->no_resume},
    });
    world->watch = watch_table;
    world->user = now;
    story->happen(world);
    world_run(world, LOST_MS + WINDOW_MS + 500);
    ck_assert_msg(strcmp(told_states(world, CLIENT, 0), story->client) == 0, "%s: the client %s",
                  story->name, told_states(world, CLIENT, 0));
    ck_assert_msg(strcmp(told_states(world, SERVER, 0), story->server) == 0, "%s: the server %s",
                  story->name, told_states(world, SERVER, 0));
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, story->happen == log_in);
    world_destroy(world);
}
END_TEST

/** When a side was told of a state; fails when it was not. */
static uint32_t reached_at(const struct world *world, enum world_side side,
                           enum belay_state state) {
    for (size_t i = 0; i < world->log_count; i++) {
        const struct told *told = &world->log[i];
        if (told->side == side && told->event.type == BELAY_EVENT_STATE &&
            told->event.state.to == state) {
            return told->at_ms;
        }
    }
    ck_abort_msg("never %s", belay_state_name(state));
    return 0;
}

static const uint32_t silences[] = {600, 1000, 6000};

/* R7, R26: one rule of silence for both; the server has no time-outs of its own. */
START_TEST(both_sides_lose_a_link_at_the_same_moment) {
    uint32_t lost_ms = silences[_i];
    struct world *world =
        world_create(&(struct world_opts){.server = {.heartbeat_ms = 250, .lost_ms = lost_ms}});
    world_open(world);
    world_run(world, 3000);
    world_cut(world, 0);
    uint32_t cut_at = world->ms;
    world_run(world, lost_ms + 100);
    uint32_t there = reached_at(world, SERVER, BELAY_TIMED_OUT);
    uint32_t here = reached_at(world, CLIENT, BELAY_TIMED_OUT);
    ck_assert_uint_le(here > there ? here - there : there - here, 4 * WORLD_STEP_MS);
    ck_assert_uint_ge(there - cut_at, lost_ms - 250 - 4 * WORLD_STEP_MS);
    ck_assert_uint_le(there - cut_at, lost_ms + WORLD_STEP_MS);
    world_destroy(world);
}
END_TEST

/* R21, W-R3: what comes late over a link that was given up is dropped; it revives nobody. */
START_TEST(late_traffic_revives_nobody) {
    bool no_resume = _i != 0;
    struct world *world = world_create(&(struct world_opts){
        .server = {.heartbeat_ms = 200, .lost_ms = LOST_MS, .no_resume = no_resume},
        .client = {.lost_ms = 60000, .no_resume = no_resume},
    });
    world_open(world);
    world_cut(world, 0);
    world_run(world, LOST_MS + 100);
    world_link(world, 0, &(struct belay_link){.cut_down = true}); /* it hears nothing of it */
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(world_say(world, UP, 0, 0, "still here"), BELAY_OK);
        ck_assert_int_eq(world_say(world, UP, 0, 1, "still here"), BELAY_OK);
        world_run(world, 100);
    }
    ck_assert_uint_eq(world->clients[0].messages[UP], 0);
    ck_assert_str_eq(told_events(world, SERVER, 0),
                     no_resume ? "LOGIN OPEN CLOSED" : "LOGIN OPEN DOWN");
    ck_assert_uint_eq(world_stats(world, SERVER, 0).held, !no_resume);
    ck_assert_uint_gt(world_stats(world, SERVER, 0).dropped[BELAY_DROP_LATE], 0);
    world_destroy(world);
}
END_TEST

/* ---- what the lifecycle does not know */

static const struct belay_channel reliable[] = {{.name = "reliable"}};
static const struct belay_channel unreliable[] = {{.name = "loose", .mode = BELAY_UNRELIABLE}};
static const struct belay_channel sequenced[] = {{.name = "newest", .mode = BELAY_SEQUENCED}};
static const struct belay_channel impatient[] = {
    {.name = "urgent", .priority = 9, .when_full = BELAY_CLOSE, .life_ms = 100},
    {.name = "positions", .when_full = BELAY_COALESCE},
    {.name = "loose", .mode = BELAY_UNRELIABLE}};
static const struct {
    const struct belay_channel *channels;
    uint8_t count;
} lanes[] = {{reliable, 1}, {unreliable, 1}, {sequenced, 1}, {impatient, 3}};

/* R34: the same life over every kind of channel: how messages travel is not its concern. */
START_TEST(the_lifecycle_is_the_same_on_every_kind_of_channel) {
    struct world *world = world_create(&(struct world_opts){
        .server = {.channels = lanes[_i].channels,
                   .channel_count = lanes[_i].count,
                   .heartbeat_ms = 200,
                   .lost_ms = LOST_MS,
                   .resume_window_ms = WINDOW_MS},
        .client = {.channels = lanes[_i].channels, .channel_count = lanes[_i].count},
    });
    world_open(world);
    for (int i = 0; i < 100; i++) { /* for five times as long as silence may last */
        ck_assert_int_eq(world_say(world, UP, 0, 0, "a message"), BELAY_OK);
        world_run(world, 50);
    }
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN");
    world_cut(world, 0);
    uint32_t cut_at = world->ms;
    world_run(world, LOST_MS + WINDOW_MS + 100);
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     LOGGED_IN " TIMED_OUT RECONNECT_PENDING DISCONNECTED");
    ck_assert_uint_le(reached_at(world, SERVER, BELAY_TIMED_OUT) - cut_at, LOST_MS + 5);
    ck_assert_uint_ge(reached_at(world, SERVER, BELAY_TIMED_OUT) - cut_at, LOST_MS - 250);
    world_destroy(world);
}
END_TEST

/* R35, R37: what the game says is the game's: bytes that look like frames, or name another user,
 * move no session. */
START_TEST(what_a_game_says_moves_no_session) {
    struct world *world = world_create(&(struct world_opts){.clients = 2});
    uint8_t said[32] = {0}, name[16];
    world_open(world);
    world_user_id(world, 0, name);
    memcpy(said + 8, name, sizeof name); /* client 1 claims to be the other */
    struct belay_session_info before = world_info(world, SERVER, 1);
    for (unsigned type = 0; type < 256; type++) {
        said[0] = (uint8_t)type;
        for (uint8_t channel = 0; channel < 2; channel++) {
            ck_assert_int_eq(belay_client_send(world->clients[1].it, channel, said, sizeof said),
                             BELAY_OK);
        }
        world_step(world);
    }
    world_run(world, 500);
    struct belay_session_info after = world_info(world, SERVER, 1);
    ck_assert_uint_eq(world->clients[1].messages[UP], 512);
    ck_assert_uint_eq(world->clients[0].messages[UP], 0);
    ck_assert_int_eq(after.state, BELAY_LOGGED_IN);
    ck_assert_mem_eq(after.user_id, before.user_id, sizeof after.user_id);
    ck_assert_uint_eq(belay_server_find(world->server, name), world->clients[0].session);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN");
        ck_assert_str_eq(told_states(world, SERVER, i), LOGGED_IN);
    }
    world_destroy(world);
}
END_TEST

/** Everything the server's application is told, in order, as the first letters of the events. */
static void spell_events(struct world *world, char *letters, size_t size) {
    struct belay_event event;
    size_t length = 0;
    while (length + 1 < size && belay_server_poll(world->server, &event)) {
        if (event.type != BELAY_EVENT_STATE) {
            letters[length++] = belay_event_name(event.type)[strlen("BELAY_EVENT_")];
        }
    }
    letters[length] = '\0';
}

/* R39: who polls late is told in this order: what became of the session, then its messages as they
 * were sent, and its end as the last of all. */
START_TEST(who_polls_late_is_told_the_end_last) {
    char letters[32];
    struct world *world = world_create(&(struct world_opts){
        .server = {.heartbeat_ms = 200, .lost_ms = LOST_MS, .resume_window_ms = WINDOW_MS}});
    world_open(world);
    world->server_deaf = true;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(world_say(world, UP, 0, 0, "unheard"), BELAY_OK);
        world_run(world, 50);
    }
    world_cut(world, 0);
    world_run(world, LOST_MS + WINDOW_MS + 500);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    spell_events(world, letters, sizeof letters);
    ck_assert_str_eq(letters, "DMMMC"); /* DOWN, 3 MESSAGE, CLOSED */
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

/* ---- several runtimes in one process */

/* A second server with a client of its own, beside those of the world. */
struct household {
    struct belay_server *server;
    struct belay_client *client;
    uint32_t opens, echoes, closes;
};

static void serve_household(struct world *world) {
    struct household *house = world->user;
    struct belay_event event;
    belay_server_service(house->server, 0);
    while (belay_server_poll(house->server, &event)) {
        if (event.type == BELAY_EVENT_LOGIN) {
            must(belay_server_accept(house->server, event.session, NULL, NULL, 0) == BELAY_OK);
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            belay_server_send(house->server, event.session, 0, event.message.data,
                              event.message.size);
        }
    }
    belay_client_service(house->client, 0);
    while (belay_client_poll(house->client, &event)) {
        house->opens += event.type == BELAY_EVENT_OPEN;
        house->echoes += event.type == BELAY_EVENT_MESSAGE;
        house->closes += event.type == BELAY_EVENT_CLOSED;
    }
}

static void move_in(struct household *house, struct world *world) {
    struct belay_server_opts server = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    server.sim = client.sim = world->sim;
    server.listen = to.invite = "10.0.0.2:7777";
    ck_assert_msg(belay_server_start(&house->server, &server) == BELAY_OK, "%s", belay_error());
    ck_assert_int_eq(belay_client_create(&house->client, &client), BELAY_OK);
    ck_assert_int_eq(belay_client_connect(house->client, &to), BELAY_OK);
    world->each_step = serve_household;
    world->user = house;
}

/* R2, R40: a server and a client are objects of their own; what one does, no other one notices. */
START_TEST(runtimes_in_one_process_share_no_state) {
    struct household house = {0};
    struct world *world = world_create(&(struct world_opts){.clients = 2});
    struct belay_stats stats = BELAY_STATS_INIT;
    move_in(&house, world);
    world_open(world);
    world_until(world, house.opens == 1, 1000);
    ck_assert_int_eq(belay_server_stats(house.server, &stats), BELAY_OK);
    ck_assert_uint_eq(stats.sessions, 1);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 2);
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    ck_assert(world_is_open(world, 1));
    belay_server_stop(world->server, 0);
    world_run(world, 100);
    ck_assert_str_eq(told_events(world, CLIENT, 1), "OPEN CLOSED");
    ck_assert_int_eq(belay_client_send(house.client, 0, "anybody?", 8), BELAY_OK);
    world_run(world, 100);
    ck_assert_uint_eq(house.echoes, 1);
    ck_assert_uint_eq(house.closes, 0);
    belay_client_destroy(house.client);
    belay_server_destroy(house.server);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, both_sides_follow_the_same_table, 0, COUNT_OF(stories));
    tcase_add_loop_test(tests, both_sides_lose_a_link_at_the_same_moment, 0, COUNT_OF(silences));
    tcase_add_loop_test(tests, late_traffic_revives_nobody, 0, 2);
    tcase_add_loop_test(tests, the_lifecycle_is_the_same_on_every_kind_of_channel, 0,
                        COUNT_OF(lanes));
    tcase_add_test(tests, what_a_game_says_moves_no_session);
    tcase_add_test(tests, who_polls_late_is_told_the_end_last);
    tcase_add_test(tests, runtimes_in_one_process_share_no_state);
}

TEST_MAIN("lifecycle", add_tests)
