/* What a server does not start with, and what it says then: the field by name, or the cause. */
#define _GNU_SOURCE
#include "tests/support/world.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct belay_channel sound = {.name = "sound"};
static const struct belay_channel unnamed = {.name = NULL};
static const struct belay_channel empty_name = {.name = ""};
static const struct belay_channel long_name = {.name = "12345678901234567890123456789012"};
static const struct belay_channel no_mode = {.name = "x", .mode = (enum belay_mode)3};
static const struct belay_channel no_policy = {.name = "x", .when_full = 3};
static const struct belay_channel many[BELAY_CHANNELS_MAX + 1];

#define LONG_NAME "a name that is longer than the sixty-four bytes that a token has room for"

/* Everything that can be out of range, one at a time. */
static const struct refused {
    struct belay_server_opts opts;
    enum belay_result result;
    const char *named; /* in belay_error() */
} refused[] = {
    {{.listen = ""}, BELAY_E_ADDRESS, ""},
    {{.listen = "nonsense"}, BELAY_E_ADDRESS, "nonsense"},
    {{.listen = "127.0.0.1"}, BELAY_E_ADDRESS, "127.0.0.1"},
    {{.listen = "127.0.0.1:"}, BELAY_E_ADDRESS, "127.0.0.1:"},
    {{.listen = "127.0.0.1:65536"}, BELAY_E_ADDRESS, "65536"},
    {{.listen = "127.0.0.1:-1"}, BELAY_E_ADDRESS, "-1"},
    {{.listen = "1.2.3.4.5:1"}, BELAY_E_ADDRESS, "1.2.3.4.5"},
    {{.listen = "[::1:1"}, BELAY_E_ADDRESS, "[::1"},
    {{.listen = "192.0.2.1:7777"}, BELAY_E_ADDRESS, "192.0.2.1"},
    {{.adopt = true, .socket = -1}, BELAY_E_INVALID, "socket"},
    {{.adopt = true, .socket = 100000}, BELAY_E_INVALID, "socket"},
    {{.key_file = "/"}, BELAY_E_SYSTEM, "/"},
    {{.key_file = "/nowhere/server.key"}, BELAY_E_SYSTEM, "/nowhere/server.key"},
    {{.token_keys = "/nowhere/keys"}, BELAY_E_SYSTEM, "/nowhere/keys"},
    {{.admit = BELAY_ADMIT_TOKEN}, BELAY_E_INVALID, "token_keys"},
    {{.admit = 4}, BELAY_E_INVALID, "admit"},
    {{.name = LONG_NAME}, BELAY_E_INVALID, "name"},
    {{.shards = 1}, BELAY_E_INVALID, "shards"},
    {{.session_max = BELAY_SESSIONS_MAX + 1}, BELAY_E_INVALID, "session_max"},
    {{.session_max = UINT32_MAX}, BELAY_E_INVALID, "session_max"},
    {{.request_max = BELAY_REQUESTS_MAX + 1}, BELAY_E_INVALID, "request_max"},
    {{.channel_count = 1}, BELAY_E_INVALID, "channels"},
    {{.channels = &sound}, BELAY_E_INVALID, "channel_count"},
    {{.channels = many, .channel_count = BELAY_CHANNELS_MAX + 1}, BELAY_E_INVALID, "channel_count"},
    {{.channels = &unnamed, .channel_count = 1}, BELAY_E_INVALID, "channels[0].name"},
    {{.channels = &empty_name, .channel_count = 1}, BELAY_E_INVALID, "channels[0].name"},
    {{.channels = &long_name, .channel_count = 1}, BELAY_E_INVALID, "channels[0].name"},
    {{.channels = &no_mode, .channel_count = 1}, BELAY_E_INVALID, "channels[0].mode"},
    {{.channels = &no_policy, .channel_count = 1}, BELAY_E_INVALID, "channels[0].when_full"},
    {{.heartbeat_ms = 1000, .lost_ms = 1000}, BELAY_E_INVALID, "lost_ms"},
    {{.heartbeat_ms = 7000}, BELAY_E_INVALID, "heartbeat_ms"}, /* lost_ms is 6,000 */
};

/* R16, A56, G11: each names its field, and nothing is left behind. */
START_TEST(an_option_out_of_range_is_named) {
    struct belay_server_opts opts = refused[_i].opts;
    struct belay_server *server = (struct belay_server *)&opts; /* untouched on failure */
    opts.struct_size = sizeof opts;
    opts.hooks = &world_hooks;
    opts.listen = opts.listen != NULL ? opts.listen : "127.0.0.1:0";
    enum belay_result result = belay_server_start(&server, &opts);
    ck_assert_msg(result == refused[_i].result, "%s, because of %s: %s", belay_result_name(result),
                  refused[_i].named, result != BELAY_OK ? belay_error() : "");
    ck_assert_msg(strstr(belay_error(), refused[_i].named) != NULL, "%s", belay_error());
    ck_assert_ptr_eq(server, &opts);
    ck_assert_uint_eq(world_memory.live, 0);
}
END_TEST

START_TEST(options_must_come_from_their_init_macro) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    ck_assert_int_eq(belay_server_start(&server, NULL), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "BELAY_SERVER_OPTS_INIT"));
    static const size_t sizes[] = {0, 1, sizeof(size_t) - 1, sizeof opts + 1, SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        opts.struct_size = sizes[i];
        ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_E_INVALID);
        ck_assert_ptr_nonnull(strstr(belay_error(), "struct_size"));
    }
}
END_TEST

/* A program compiled against an older header knows fewer fields: the rest have their defaults. */
START_TEST(an_older_program_may_know_fewer_fields) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    struct belay_stats stats = BELAY_STATS_INIT;
    opts.listen = "127.0.0.1:0";
    opts.shards = 99; /* beyond what it knows */
    opts.struct_size = offsetof(struct belay_server_opts, socket);
    ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_OK);
    stats.struct_size = offsetof(struct belay_stats, sessions);
    stats.sessions = 1234;
    ck_assert_int_eq(belay_server_stats(server, &stats), BELAY_OK);
    ck_assert_uint_gt(stats.port, 0);
    ck_assert_uint_eq(stats.sessions, 1234);
    stats.struct_size = 0;
    ck_assert_int_eq(belay_server_stats(server, &stats), BELAY_E_INVALID);
    belay_server_destroy(server);
}
END_TEST

/* A zero option is its default, and BELAY_FOREVER is taken where a duration is. */
START_TEST(a_limit_may_be_forever) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    opts.listen = "127.0.0.1:0";
    opts.heartbeat_ms = opts.lost_ms = opts.login_ms = opts.resume_window_ms = BELAY_FOREVER;
    opts.session_max = BELAY_SESSIONS_MAX;
    opts.request_max = BELAY_REQUESTS_MAX;
    ck_assert_msg(belay_server_start(&server, &opts) == BELAY_OK, "%s", belay_error());
    ck_assert_int_eq(belay_server_service(server, 0), BELAY_OK);
    belay_server_destroy(server);
}
END_TEST

/* A short limit alone is enough: the heartbeat follows it, and an idle session lives. */
START_TEST(a_short_lost_time_shortens_the_default_heartbeat) {
    struct world *world = world_create(&(struct world_opts){.server = {.lost_ms = 300}});
    world_open(world);
    world_run(world, 10000);
    ck_assert(world_is_open(world, 0));
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN");
    world_destroy(world);
}
END_TEST

/* ---- what the system refuses */

START_TEST(a_port_that_is_taken_is_reported_as_such) {
    struct world *world = world_create(&(struct world_opts){.sockets = true});
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *second;
    opts.listen = world->address;
    ck_assert_int_eq(belay_server_start(&second, &opts), BELAY_E_IN_USE);
    ck_assert_ptr_nonnull(strstr(belay_error(), strchr(world->address, ':') + 1));
    world_destroy(world);
}
END_TEST

START_TEST(a_simulated_port_that_is_taken_is_too) {
    struct world *world = world_create(NULL);
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *second;
    opts.listen = world->address;
    opts.sim = world->sim;
    ck_assert_int_eq(belay_server_start(&second, &opts), BELAY_E_IN_USE);
    world_destroy(world);
}
END_TEST

START_TEST(running_out_of_descriptors_is_the_systems_refusal) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    struct rlimit before, none;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(STDERR_FILENO);
    close(next);
    opts.listen = "127.0.0.1:0";
    opts.hooks = &world_hooks;
    for (unsigned i = 0; i < 3; i++) { /* a socket, an epoll instance, an eventfd */
        none = (struct rlimit){(rlim_t)next + i, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &none);
        enum belay_result result = belay_server_start(&server, &opts);
        setrlimit(RLIMIT_NOFILE, &before);
        ck_assert_int_eq(result, BELAY_E_SYSTEM);
        ck_assert_ptr_nonnull(strstr(belay_error(), "file descriptors"));
        ck_assert_uint_eq(world_memory.live, 0);
        int after = dup(STDERR_FILENO);
        ck_assert_int_eq(after, next); /* no descriptor is left behind */
        close(after);
    }
}
END_TEST

/* ---- a socket of the caller's */

static int bound_socket(int type, const char *ip) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, ip, &address.sin_addr);
    int made = socket(AF_INET, type, 0);
    ck_assert_int_ge(made, 0);
    ck_assert_int_eq(bind(made, (struct sockaddr *)&address, sizeof address), 0);
    return made;
}

START_TEST(an_adopted_socket_is_served_and_closed_with_the_server) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    struct belay_stats stats = BELAY_STATS_INIT;
    int made = bound_socket(SOCK_DGRAM, "127.0.0.1");
    opts.adopt = true;
    opts.socket = made;
    ck_assert_msg(belay_server_start(&server, &opts) == BELAY_OK, "%s", belay_error());
    ck_assert_int_eq(belay_server_stats(server, &stats), BELAY_OK);
    ck_assert_uint_gt(stats.port, 0);
    belay_server_destroy(server);
    ck_assert_int_eq(close(made), -1); /* it was the server's */
}
END_TEST

static const struct unfit {
    int type;
    const char *ip;
    const char *named;
} unfit[] = {
    {SOCK_STREAM, "127.0.0.1", "socket"},
};

START_TEST(a_socket_that_is_not_adopted_stays_the_callers) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    int made = bound_socket(unfit[_i].type, unfit[_i].ip);
    opts.adopt = true;
    opts.socket = made;
    ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_E_INVALID);
    ck_assert_msg(strstr(belay_error(), unfit[_i].named) != NULL, "%s", belay_error());
    ck_assert_int_eq(close(made), 0);
}
END_TEST

START_TEST(there_is_no_socket_to_adopt_in_a_simulation) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    opts.sim = belay_sim_create(1);
    opts.adopt = true;
    ck_assert_int_eq(belay_server_start(&server, &opts), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "adopt"));
    belay_sim_destroy(opts.sim);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, an_option_out_of_range_is_named, 0, COUNT_OF(refused));
    tcase_add_test(tests, options_must_come_from_their_init_macro);
    tcase_add_test(tests, an_older_program_may_know_fewer_fields);
    tcase_add_test(tests, a_limit_may_be_forever);
    tcase_add_test(tests, a_short_lost_time_shortens_the_default_heartbeat);
    tcase_add_test(tests, a_port_that_is_taken_is_reported_as_such);
    tcase_add_test(tests, a_simulated_port_that_is_taken_is_too);
    tcase_add_test(tests, running_out_of_descriptors_is_the_systems_refusal);
    tcase_add_test(tests, an_adopted_socket_is_served_and_closed_with_the_server);
    tcase_add_loop_test(tests, a_socket_that_is_not_adopted_stays_the_callers, 0, COUNT_OF(unfit));
    tcase_add_test(tests, there_is_no_socket_to_adopt_in_a_simulation);
}

TEST_MAIN("server options", add_tests)
