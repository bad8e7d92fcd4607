/* What a client is not made with, where it does not connect to, and what it says then. */
#include "tests/support/world.h"
#include <string.h>

static const struct belay_channel sound = {.name = "sound"};
static const struct belay_channel unnamed = {.name = NULL};
static const struct belay_channel no_mode = {.name = "x", .mode = (enum belay_mode)3};
static const struct belay_channel no_policy = {.name = "x", .when_full = 3};
static const struct belay_channel many[BELAY_CHANNELS_MAX + 1];

static const struct refused {
    struct belay_client_opts opts;
    const char *named; /* in belay_error() */
} refused[] = {
    {{.request_max = BELAY_REQUESTS_MAX + 1}, "request_max"},
    {{.channel_count = 1}, "channels"},
    {{.channels = &sound}, "channel_count"},
    {{.channels = many, .channel_count = BELAY_CHANNELS_MAX + 1}, "channel_count"},
    {{.channels = &unnamed, .channel_count = 1}, "channels[0].name"},
    {{.channels = &no_mode, .channel_count = 1}, "channels[0].mode"},
    {{.channels = &no_policy, .channel_count = 1}, "channels[0].when_full"},
    {{.heartbeat_ms = 500, .lost_ms = 500}, "lost_ms"},
};

/* A56: each names its field, and nothing is left behind. */
START_TEST(an_option_out_of_range_is_named) {
    struct belay_client_opts opts = refused[_i].opts;
    struct belay_client *client = (struct belay_client *)&opts; /* untouched on failure */
    opts.struct_size = sizeof opts;
    opts.hooks = &world_hooks;
    ck_assert_msg(belay_client_create(&client, &opts) == BELAY_E_INVALID, "%s", refused[_i].named);
    ck_assert_msg(strstr(belay_error(), refused[_i].named) != NULL, "%s", belay_error());
    ck_assert_ptr_eq(client, &opts);
    ck_assert_uint_eq(world_memory.live, 0);
}
END_TEST

START_TEST(options_must_come_from_their_init_macros) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    ck_assert_int_eq(belay_client_create(&client, NULL), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "BELAY_CLIENT_OPTS_INIT"));
    opts.struct_size++;
    ck_assert_int_eq(belay_client_create(&client, &opts), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "struct_size"));
    opts.struct_size--;
    ck_assert_int_eq(belay_client_create(&client, &opts), BELAY_OK);
    ck_assert_int_eq(belay_client_connect(client, NULL), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "BELAY_CONNECT_OPTS_INIT"));
    to.struct_size = 0;
    ck_assert_int_eq(belay_client_connect(client, &to), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "struct_size"));
    belay_client_destroy(client);
}
END_TEST

static const struct place {
    struct belay_connect_opts opts;
    enum belay_result result;
    const char *named;
} places[] = {
    {{.invite = NULL}, BELAY_E_INVALID, "invite"},
    {{.invite = ""}, BELAY_E_ADDRESS, ""},
    {{.invite = "belay://"}, BELAY_E_ADDRESS, ""},
    {{.invite = "127.0.0.1"}, BELAY_E_ADDRESS, "127.0.0.1"},
    {{.invite = "127.0.0.1:65536"}, BELAY_E_ADDRESS, "65536"},
    {{.invite = "127.0.0.1:0"}, BELAY_E_INVALID, "invite"}, /* nobody can listen there */
    {{.invite = "*:7777"}, BELAY_E_INVALID, "invite"},      /* everywhere is nowhere */
    {{.invite = ":7777"}, BELAY_E_INVALID, "invite"},
    {{.invite = "0.0.0.0:7777"}, BELAY_E_INVALID, "invite"},
    {{.invite = "[::]:7777"}, BELAY_E_INVALID, "invite"},
    {{.invite = "belay://127.0.0.1:7777/KEY"}, BELAY_E_KEY, "invite"},
    {{.invite = "127.0.0.1:7777", .login = NULL, .login_size = 1}, BELAY_E_INVALID, "login"},
    {{.invite = "127.0.0.1:7777", .login = "x", .login_size = BELAY_LOGIN_MAX + 1},
     BELAY_E_TOO_BIG,
     "login_size"},
    {{.invite = "127.0.0.1:7777", .token = "t", .token_size = 1}, BELAY_E_KEY, "token"},
    {{.invite = "127.0.0.1:7777", .ticket = "t", .ticket_size = 1}, BELAY_E_INVALID, "ticket"},
    {{.token = "t"}, BELAY_E_KEY, "token"},
    {{.invite = "127.0.0.1:7777", .known_servers = "/"}, BELAY_E_SYSTEM, "/"},
};

/** Refused at once, in the simulation as on a real network; the client is as it was. */
static void refuse_place(const struct place *place, struct belay_sim *sim) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = place->opts;
    struct belay_client *client;
    struct belay_event event;
    opts.sim = sim;
    opts.hooks = &world_hooks;
    to.struct_size = sizeof to;
    ck_assert_int_eq(belay_client_create(&client, &opts), BELAY_OK);
    enum belay_result result = belay_client_connect(client, &to);
    ck_assert_msg(result == place->result, "%s: %s", belay_result_name(result),
                  place->opts.invite != NULL ? place->opts.invite : "(none)");
    ck_assert_msg(strstr(belay_error(), place->named) != NULL, "%s", belay_error());
    ck_assert_int_eq(belay_client_service(client, 0), BELAY_OK);
    ck_assert(!belay_client_poll(client, &event));
    belay_client_destroy(client);
    ck_assert_uint_eq(world_memory.live, 0);
}

START_TEST(a_place_that_cannot_be_is_named) {
    struct belay_sim *sim = belay_sim_create(1);
    refuse_place(&places[_i], NULL);
    refuse_place(&places[_i], sim);
    belay_sim_destroy(sim);
}
END_TEST

/* Without the secure layer a real server must be on this machine. */
/* Only this machine's servers are trusted unseen. */
START_TEST(another_machine_must_be_known) {
    static const char *const others[] = {"192.0.2.1:7777", "[2001:db8::1]:7777",
                                         "game.example:7777"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        refuse_place(&(struct place){{.invite = others[i]}, BELAY_E_KEY, others[i]}, NULL);
    }
}
END_TEST

START_TEST(a_simulation_has_no_names) {
    struct belay_sim *sim = belay_sim_create(1);
    refuse_place(&(struct place){{.invite = "game.example:7777"}, BELAY_E_ADDRESS, "game.example"},
                 sim);
    belay_sim_destroy(sim);
}
END_TEST

/* Every way to write an address that is one. */
START_TEST(an_invite_may_be_written_in_several_ways) {
    static const char *const ways[] = {"localhost:7777", "127.0.0.1:7777", "belay://localhost:7777",
                                       "[::1]:7777", "belay://127.0.0.1:7777"};
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    ck_assert_int_eq(belay_client_create(&client, &opts), BELAY_OK);
    to.invite = ways[_i];
    ck_assert_msg(belay_client_connect(client, &to) == BELAY_OK, "%s", belay_error());
    belay_client_destroy(client);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, an_option_out_of_range_is_named, 0, COUNT_OF(refused));
    tcase_add_test(tests, options_must_come_from_their_init_macros);
    tcase_add_loop_test(tests, a_place_that_cannot_be_is_named, 0, COUNT_OF(places));
    tcase_add_test(tests, another_machine_must_be_known);
    tcase_add_test(tests, a_simulation_has_no_names);
    tcase_add_loop_test(tests, an_invite_may_be_written_in_several_ways, 0, 5);
}

TEST_MAIN("client options", add_tests)
