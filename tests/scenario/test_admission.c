/*
 * Who is let in, and how the others learn why not: tokens of a login service, a server's own key,
 * and clients whose address changes. The application's view, over the simulated network.
 */
#define _GNU_SOURCE
#include "lib/peer/endpoint_parts.h"
#include "tests/support/folder.h"
#include "tests/support/stranger.h"
#include "tests/support/way_in.h"
#include "tests/support/world.h"
#include <belay/token.h>

#define NOW_MS     UINT64_C(1000000000000)
#define ONE_WAY_MS 50
#define USER       "sixteen bytes ab"

static const char *keys; /* file of the login service */
static char keys_path[512];

static void begin(void) {
    folder_begin();
    snprintf(keys_path, sizeof keys_path, "%s", folder_file("keys"));
    keys = keys_path;
    ck_assert_int_eq(belay_key_generate(keys), BELAY_OK);
}

static void accept_as_the_token_says(struct world *world, unsigned client, belay_session session) {
    (void)client;
    ck_assert_int_eq(belay_server_accept(world->server, session, NULL, NULL, 0), BELAY_OK);
}

/** A world whose server lets in by token, and has been running for a while. */
static struct world *create_with(struct world_opts opts) {
    opts.server.token_keys = keys;
    opts.server.game = opts.client.game = "arena/3";
    struct world *world = world_create(&opts);
    world->login = accept_as_the_token_says;
    belay_sim_set_wall(world->sim, NOW_MS); /* the server began at another time of this clock */
    world_run(world, 100);
    return world;
}

struct token {
    uint8_t data[BELAY_TOKEN_SIZE_MAX];
    size_t size;
};

static struct token issue(struct belay_token_opts opts) {
    struct token token = {.size = sizeof token.data};
    opts.struct_size = sizeof opts;
    opts.key_file = opts.key_file != NULL ? opts.key_file : keys;
    opts.not_before_ms = opts.not_before_ms != 0 ? opts.not_before_ms : NOW_MS;
    memcpy(opts.user_id, USER, sizeof opts.user_id);
    ck_assert_msg(belay_token_issue(&opts, token.data, &token.size) == BELAY_OK, "%s",
                  belay_error());
    return token;
}

static void connect_by(struct world *world, unsigned client, const struct token *token) {
    world_connect_with(
        world, client,
        (struct belay_connect_opts){.token = token->data, .token_size = token->size});
}

static const char *ended_by(const struct world *world, unsigned client) {
    return belay_reason_name(told(world, CLIENT, client, BELAY_EVENT_CLOSED)->reason.code);
}

/* A token names its user; what the login service put into it comes with the LOGIN event. */
START_TEST(a_token_lets_its_user_in) {
    struct world *world = create_with((struct world_opts){0});
    struct token token = issue((struct belay_token_opts){.data = "team red", .data_size = 8});
    connect_by(world, 0, &token);
    world_until(world, world_is_open(world, 0), 1000);
    const struct belay_login_event *login = &told(world, SERVER, 0, BELAY_EVENT_LOGIN)->event.login;
    ck_assert(login->has_user_id);
    ck_assert_mem_eq(login->user_id, USER, 16);
    ck_assert_uint_eq(login->token_size, 8);
    ck_assert_mem_eq(told(world, CLIENT, 0, BELAY_EVENT_OPEN)->event.open.user_id, USER, 16);
    ck_assert_mem_eq(world_info(world, SERVER, 0).user_id, USER, 16);
    world_destroy(world);
}
END_TEST

/* The design's goal: two round trips, and a step per crossing. */
START_TEST(a_login_with_a_token_takes_two_round_trips) {
    struct world *world = create_with((struct world_opts){.link = {.delay_ms = ONE_WAY_MS}});
    struct token token = issue((struct belay_token_opts){0});
    connect_by(world, 0, &token);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_OPEN) == 1,
                4 * ONE_WAY_MS + 5 * WORLD_STEP_MS);
    world_destroy(world);
}
END_TEST

/* Each refusal has its own code, which the client's application sees, and its own counter. */
static const struct refused {
    struct belay_token_opts opts;
    const char *code;
    enum belay_drop counted;
} refused[] = {
    {{.not_before_ms = NOW_MS - 60000}, "BELAY_REASON_TOKEN_EXPIRED", BELAY_DROP_EXPIRED},
    {{.not_before_ms = NOW_MS + 5000}, "BELAY_REASON_CLOCK_SKEW", BELAY_DROP_EARLY},
    {{.audience = "another server"}, "BELAY_REASON_WRONG_SERVER", BELAY_DROP_AUDIENCE},
    {{.game = "chess/1"}, "BELAY_REASON_VERSION", BELAY_DROP_VERSION},
};

START_TEST(a_token_that_is_not_good_here_is_refused_with_its_reason) {
    const struct refused *row = &refused[_i];
    struct world *world =
        create_with((struct world_opts){.server = {.name = "eu-3"}, .link = {.delay_ms = 20}});
    struct token token = issue(row->opts);
    connect_by(world, 0, &token);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 50);
    ck_assert_str_eq(ended_by(world, 0), row->code);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).dropped[row->counted], 1);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_token_for_this_server_by_name_is_good) {
    struct world *world = create_with((struct world_opts){.server = {.name = "eu-3"}});
    struct token token = issue((struct belay_token_opts){.audience = "eu-3", .game = "arena/3"});
    connect_by(world, 0, &token);
    world_until(world, world_is_open(world, 0), 1000);
    world_destroy(world);
}
END_TEST

START_TEST(a_token_lets_in_once) {
    struct world *world = create_with((struct world_opts){.clients = 2});
    struct token token = issue((struct belay_token_opts){0});
    connect_by(world, 0, &token);
    world_until(world, world_is_open(world, 0), 1000);
    connect_by(world, 1, &token);
    world_until(world, told_count(world, CLIENT, 1, BELAY_EVENT_CLOSED) == 1, 100);
    ck_assert_str_eq(ended_by(world, 1), "BELAY_REASON_TOKEN_USED");
    ck_assert(told(world, CLIENT, 1, BELAY_EVENT_CLOSED)->reason.come_back); /* with another one */
    ck_assert(world_is_open(world, 0));
    ck_assert_uint_eq(world_stats(world, SERVER, 0).dropped[BELAY_DROP_USED], 1);
    world_destroy(world);
}
END_TEST

/* What was used before this process began is not known any more. */
START_TEST(a_token_from_before_the_servers_start_is_refused) {
    struct world *world = create_with((struct world_opts){0});
    struct token token = issue((struct belay_token_opts){.not_before_ms = 1000000});
    belay_sim_set_wall(world->sim, 1000000); /* the virtual clock's own start */
    connect_by(world, 0, &token);
    world_run(world, 100);
    ck_assert_str_eq(ended_by(world, 0), "BELAY_REASON_TOKEN_USED");
    ck_assert_ptr_nonnull(
        strstr(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->text, "get a new one"));
    world_destroy(world);
}
END_TEST

/* Nobody can prove to whom it cannot read, so the client goes on until its time is over. */
START_TEST(a_token_of_another_service_is_refused_without_proof) {
    struct world *world = create_with((struct world_opts){.client = {.connect_ms = 2000}});
    char other[512];
    snprintf(other, sizeof other, "%s", folder_file("other"));
    ck_assert_int_eq(belay_key_generate(other), BELAY_OK);
    struct token token = issue((struct belay_token_opts){.key_file = other});
    connect_by(world, 0, &token);
    world_run(world, 1900);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 0);
    ck_assert_uint_ge(world_stats(world, SERVER, 0).dropped[BELAY_DROP_TOKEN], 7);
    world_run(world, 200);
    ck_assert_str_eq(ended_by(world, 0), "BELAY_REASON_TOKEN_BAD");
    world_destroy(world);
}
END_TEST

/* Keys are added while the server runs; the old ones stay good. */
START_TEST(a_new_key_of_the_login_service_counts_without_a_restart) {
    struct world *world = create_with((struct world_opts){.clients = 2});
    struct token old = issue((struct belay_token_opts){0});
    ck_assert_int_eq(belay_key_add(keys), BELAY_OK);
    world_run(world, 1500);
    struct token new = issue((struct belay_token_opts){0});
    world->login = NULL; /* the world names two users */
    connect_by(world, 0, &old);
    connect_by(world, 1, &new);
    world_until(world, world_is_open(world, 0) && world_is_open(world, 1), 1000);
    world_destroy(world);
}
END_TEST

/* A full or draining server refuses within one round trip, and costs nobody a token. */
START_TEST(a_full_server_refuses_a_token_within_one_round_trip_and_does_not_use_it) {
    struct world *world = create_with((struct world_opts){
        .clients = 2, .link = {.delay_ms = ONE_WAY_MS}, .server = {.session_max = 1}});
    struct token first = issue((struct belay_token_opts){0});
    struct token second = issue((struct belay_token_opts){0});
    world->login = NULL;
    connect_by(world, 0, &first);
    world_until(world, world_is_open(world, 0), 1000);
    connect_by(world, 1, &second);
    world_until(world, told_count(world, CLIENT, 1, BELAY_EVENT_CLOSED) == 1,
                2 * ONE_WAY_MS + 3 * WORLD_STEP_MS);
    ck_assert_str_eq(ended_by(world, 1), "BELAY_REASON_FULL");
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 300);
    connect_by(world, 1, &second);
    world_until(world, world_is_open(world, 1), 1000);
    world_destroy(world);
}
END_TEST

/* ---- by key */

START_TEST(a_server_of_tokens_lets_nobody_in_by_key) {
    struct world *world = create_with((struct world_opts){.client = {.connect_ms = 1000}});
    world_connect(world, 0);
    world_run(world, 1200);
    ck_assert_str_eq(ended_by(world, 0), "BELAY_REASON_TOKEN_BAD");
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_server_may_let_in_both_ways) {
    struct world *world = create_with((struct world_opts){
        .clients = 2, .server = {.admit = BELAY_ADMIT_TOKEN | BELAY_ADMIT_KEY}});
    struct token token = issue((struct belay_token_opts){0});
    world->login = NULL;
    connect_by(world, 0, &token);
    world_connect(world, 1);
    world_until(world, world_is_open(world, 0) && world_is_open(world, 1), 1000);
    ck_assert(told(world, SERVER, 0, BELAY_EVENT_LOGIN)->event.login.has_user_id);
    ck_assert(!told(world, SERVER, 1, BELAY_EVENT_LOGIN)->event.login.has_user_id);
    world_destroy(world);
}
END_TEST

/** In a simulation keys come from the seed. */
static struct world *create_by_key(const char *key_file, uint64_t seed) {
    return world_create(&(struct world_opts){.seed = seed, .server = {.key_file = key_file}});
}

static void visit(struct world *world, const char *known) {
    world_connect_with(world, 0, (struct belay_connect_opts){.known_servers = known});
}

/* As with ssh: the first key of a host is written down, and a change refused. */
START_TEST(a_known_server_must_keep_its_key) {
    char known[512];
    snprintf(known, sizeof known, "%s", folder_file("known"));
    struct world *world = create_by_key(folder_file("a"), 1);
    visit(world, known);
    world_until(world, world_is_open(world, 0), 1000);
    world_destroy(world);

    world = create_by_key(folder_file("a"), 2);
    visit(world, known); /* the same key, after a restart */
    world_until(world, world_is_open(world, 0), 1000);
    world_destroy(world);

    world = create_by_key(folder_file("b"), 3);
    visit(world, known);
    world_run(world, 9900);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 0);
    world_run(world, 200);
    ck_assert_str_eq(ended_by(world, 0), "BELAY_REASON_SERVER_KEY_CHANGED");
    ck_assert(!told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.come_back);
    world_destroy(world);
}
END_TEST

static void leave_waiting(struct world *world, unsigned client, belay_session session) {
    (void)world, (void)client, (void)session;
}

/** Dials by key, under a nonce of its choice. */
static void dial_as(struct stranger *stranger, const uint8_t nonce[BL_NONCE_SIZE]) {
    const struct bl_dial_target target = dial_target(&stranger->server);
    struct bl_dial *dial = &stranger->endpoint->dial;
    stranger->endpoint->game = bl_wire_hash("arena/3");
    bl_endpoint_dial(stranger->endpoint, &target);
    memcpy(dial->nonce, nonce, BL_NONCE_SIZE);
    memcpy(dial->open + 14, nonce, BL_NONCE_SIZE);
    bl_hash(dial->open_hash, dial->open, BL_OPEN_FIXED_SIZE);
    stranger_run(stranger, 500);
}

static struct bl_token opened(const struct token *token) {
    struct bl_token_keys all;
    struct bl_token_blob blob;
    struct bl_token out;
    ck_assert_int_eq(bl_token_keys_load(&all, keys), BELAY_OK);
    ck_assert_int_eq(bl_token_blob_read(&blob, token->data, token->size), BL_TOKEN_VALID);
    ck_assert_int_eq(bl_token_open(&out, blob.token, blob.token_size, &all), BL_TOKEN_VALID);
    return out;
}

/* A login is known by its token's id, or by its nonce: a stranger's choice. */
START_TEST(a_stranger_under_the_id_of_a_token_harms_nobody) {
    struct world *world =
        create_with((struct world_opts){.server = {.admit = BELAY_ADMIT_TOKEN | BELAY_ADMIT_KEY}});
    struct token token = issue((struct belay_token_opts){0});
    world->login = leave_waiting;
    connect_by(world, 0, &token);
    world_run(world, 100);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN");

    struct stranger *stranger = stranger_create(world);
    dial_as(stranger, opened(&token).id);
    ck_assert_ptr_nonnull(stranger->peer);
    stranger_say(stranger, "", 1, BL_ORDERED);
    stranger_run(stranger, 500);
    ck_assert(stranger->gone);
    accept_as_the_token_says(world, 0, world->clients[0].session);
    world_until(world, world_is_open(world, 0), 1000);
    stranger_destroy(stranger);
    world_destroy(world);
}
END_TEST

/* ---- limits */

/* Logins that nobody decides take so many places and no more. */
START_TEST(so_many_logins_may_be_under_way) {
    struct world *world =
        world_create(&(struct world_opts){.clients = 3, .server = {.login_max = 2}});
    world->login = leave_waiting;
    world_connect(world, 0);
    world_connect(world, 1);
    world_run(world, 100);
    world_connect(world, 2);
    world_run(world, 100);
    ck_assert_str_eq(ended_by(world, 2), "BELAY_REASON_OVERLOAD");
    ck_assert(told(world, CLIENT, 2, BELAY_EVENT_CLOSED)->reason.come_back);
    accept_as_the_token_says(world, 0, world->clients[0].session);
    world_connect(world, 2);
    world_run(world, 100);
    ck_assert_uint_eq(told_count(world, SERVER, 2, BELAY_EVENT_LOGIN), 1);
    world_destroy(world);
}
END_TEST

/* A session that floods is cut down to its rate, and nobody else notices. */
static const struct belay_server_opts rates[] = {{.datagram_rate = 130}, {.byte_rate = 30000}};

START_TEST(a_session_above_its_rate_is_cut_down_to_it) {
    static const uint8_t data[1000];
    struct world *world = world_create(&(struct world_opts){.clients = 2, .server = rates[_i]});
    world_open(world);
    for (int i = 0; i < 2000; i++) {
        ck_assert_int_eq(belay_client_send(world->clients[0].it, 1, data, sizeof data), BELAY_OK);
        if (i % 40 == 0) {
            ledger_must_send(world, UP, 1, 0, 100);
        }
        world_step(world);
    }
    world_run(world, 2000);
    ck_assert_uint_ge(world_stats(world, SERVER, 0).dropped[BELAY_DROP_RATE], 10);
    ck_assert_uint_ge(world_info(world, SERVER, 0).messages_in, _i == 0 ? 1300 : 270);
    ck_assert_uint_le(world_info(world, SERVER, 0).messages_in, _i == 0 ? 1500 : 350);
    ck_assert(world_is_open(world, 0) && world_is_open(world, 1));
    ledger_check(world, UP, 1, 0);
    world_destroy(world);
}
END_TEST

/* ---- a change of address */

START_TEST(a_changed_address_is_followed_without_a_reconnect) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 20}});
    world_open(world);
    char before[64];
    memcpy(before, world_info(world, SERVER, 0).address, sizeof before);
    for (int i = 0; i < 10; i++) {
        belay_sim_rebind(world->sim, world->clients[0].it);
        for (int j = 0; j < 20; j++) {
            ledger_must_send(world, UP, 0, 0, 100);
            ledger_must_send(world, DOWN, 0, 0, 100);
            world_run(world, 20);
        }
    }
    world_run(world, 500);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_uint_eq(world_info(world, SERVER, 0).migrations, 10);
    ck_assert_str_ne(world_info(world, SERVER, 0).address, before);
    ck_assert(told(world, SERVER, 0, BELAY_EVENT_LINK)->event.link.migrated);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_LINK), 10);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN");
    world_destroy(world);
}
END_TEST

static uint32_t heard_ms, silence_ms;

static void measure_silence(struct world *world, enum world_side side,
                            const struct belay_event *event) {
    if (side == CLIENT && event->type == BELAY_EVENT_MESSAGE) {
        uint32_t silence = world->ms - heard_ms;
        silence_ms = silence > silence_ms ? silence : silence_ms;
        heard_ms = world->ms;
    }
}

/* What went to where the client was does not wait for its time-out: on a link without loss the
 * client hears something new 150 ms after its first word from there, less than two round trips. */
START_TEST(what_was_in_flight_to_the_old_address_is_repeated_at_once) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = ONE_WAY_MS}});
    world_open(world);
    world->watch = measure_silence;
    for (int i = 0; i < 100; i++) {
        if (i == 50) {
            belay_sim_rebind(world->sim, world->clients[0].it);
            silence_ms = 0;
        }
        ledger_must_send(world, UP, 0, 0, 28);
        ledger_must_send(world, DOWN, 0, 0, 28);
        world_run(world, 20);
    }
    ck_assert_uint_ge(silence_ms, 2 * ONE_WAY_MS); /* or nothing was measured */
    ck_assert_uint_le(silence_ms, 3 * ONE_WAY_MS + 20);
    world_run(world, 500);
    ledger_check(world, DOWN, 0, 0);
    ledger_check(world, UP, 0, 0);
    world_destroy(world);
}
END_TEST

/* Without a word from the client the server could not know where it went. */
START_TEST(a_client_that_is_told_of_a_new_network_says_so_at_once) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 20}});
    world_open(world);
    world_run(world, 500);
    belay_sim_rebind(world->sim, world->clients[0].it);
    belay_client_network_changed(world->clients[0].it);
    world_until(world, world_info(world, SERVER, 0).migrations == 1, 100);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, folder_end);
    tcase_add_test(tests, a_token_lets_its_user_in);
    tcase_add_test(tests, a_login_with_a_token_takes_two_round_trips);
    tcase_add_loop_test(tests, a_token_that_is_not_good_here_is_refused_with_its_reason, 0,
                        COUNT_OF(refused));
    tcase_add_test(tests, a_token_for_this_server_by_name_is_good);
    tcase_add_test(tests, a_token_lets_in_once);
    tcase_add_test(tests, a_token_from_before_the_servers_start_is_refused);
    tcase_add_test(tests, a_token_of_another_service_is_refused_without_proof);
    tcase_add_test(tests, a_new_key_of_the_login_service_counts_without_a_restart);
    tcase_add_test(tests, a_full_server_refuses_a_token_within_one_round_trip_and_does_not_use_it);
    tcase_add_test(tests, a_server_of_tokens_lets_nobody_in_by_key);
    tcase_add_test(tests, a_server_may_let_in_both_ways);
    tcase_add_test(tests, a_stranger_under_the_id_of_a_token_harms_nobody);
    tcase_add_test(tests, a_known_server_must_keep_its_key);
    tcase_add_test(tests, so_many_logins_may_be_under_way);
    tcase_add_loop_test(tests, a_session_above_its_rate_is_cut_down_to_it, 0, COUNT_OF(rates));
    tcase_add_test(tests, a_changed_address_is_followed_without_a_reconnect);
    tcase_add_test(tests, what_was_in_flight_to_the_old_address_is_repeated_at_once);
    tcase_add_test(tests, a_client_that_is_told_of_a_new_network_says_so_at_once);
}

TEST_MAIN("admission", add_tests)
