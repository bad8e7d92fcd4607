/*
 * A client whose addresses change under it, and a server that has several, over the system's own
 * sockets.
 *
 * Both sides send numbered messages all the while. The session must go on without a new login, and
 * every message arrive once and in order; the server must have been told that its client has moved.
 */
#define _GNU_SOURCE
#include "tests/netns/network.h"
#include "tests/support/folder.h"
#include <belay/token.h>

static struct world *start(const char *token_keys) {
    const struct belay_server_opts opts = {
        .token_keys = token_keys,
        .admit = token_keys != NULL ? BELAY_ADMIT_TOKEN : BELAY_ADMIT_KEY,
    };
    return world_apart(&opts);
}

/** The client knows one address of the server. */
static void open_by_key(struct world *world, const char *host) {
    char invite[BELAY_INVITE_SIZE];
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    ck_assert_msg(belay_server_invite(world->server, host, invite, sizeof invite) == BELAY_OK, "%s",
                  belay_error());
    opts.invite = invite;
    world_connect_with(world, 0, opts);
    world_until(world, world_is_open(world, 0), 5000);
}

/** The client knows these addresses of the server; the first is dialled first. */
static void open_by_token(struct world *world, const char *addresses) {
    uint8_t token[BELAY_TOKEN_SIZE_MAX];
    size_t size = sizeof token;
    struct belay_token_opts opts = BELAY_TOKEN_OPTS_INIT;
    opts.key_file = folder_file("tokens");
    opts.addresses = addresses;
    opts.user_id[0] = 1;
    world_run(world, 1100); /* tokens from before the server's start are not taken */
    ck_assert_msg(belay_token_issue(&opts, token, &size) == BELAY_OK, "%s", belay_error());
    const struct belay_connect_opts connect_opts = {
        .struct_size = sizeof connect_opts,
        .token = token,
        .token_size = size,
        .login = "player 0",
        .login_size = strlen("player 0"),
    };
    world->clients[0].attempts++;
    ck_assert_msg(belay_client_connect(world->clients[0].it, &connect_opts) == BELAY_OK, "%s",
                  belay_error());
    world_until(world, world_is_open(world, 0), 5000);
}

static void talk(struct world *world, uint32_t ms) {
    for (uint32_t end = world->ms + ms; world->ms < end;) {
        ledger_must_send(world, UP, 0, 0, 40);
        ledger_must_send(world, DOWN, 0, 0, 200);
        world_run(world, 10);
    }
}

static bool is_at(const struct world *world, const char *host) {
    return strstr(world_info(world, SERVER, 0).address, host) != NULL;
}

/** Until the server knows its client at @p host. */
static void talk_until_at(struct world *world, const char *host, uint32_t ms_max) {
    for (uint32_t end = world->ms + ms_max; world->ms < end && !is_at(world, host);) {
        talk(world, 20);
    }
    ck_assert_msg(is_at(world, host), "after %u ms the client is at %s, not at %s", ms_max,
                  world_info(world, SERVER, 0).address, host);
}

static bool has_come(const struct world *world, enum world_way way) {
    const struct ledger ledger = ledger_of(world, way, 0, 0);
    return ledger.received == ledger.sent;
}

/** One session from the first to the last message, which the server has seen move so often. */
static void must_have_moved(struct world *world, uint32_t times) {
    world_until(world, has_come(world, UP) && has_come(world, DOWN), 5000);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_LOGIN), 1);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_OPEN), 1);
    for (int side = 0; side < 2; side++) {
        ck_assert_uint_eq(told_count(world, side, 0, BELAY_EVENT_DOWN), 0);
        ck_assert_uint_eq(told_count(world, side, 0, BELAY_EVENT_CLOSED), 0);
    }
    ck_assert(told(world, SERVER, 0, BELAY_EVENT_LINK)->event.link.migrated);
    ck_assert_uint_eq(world_info(world, SERVER, 0).migrations, times);
}

/* ---- within a family */

static const char *const hosts[2][3] = {{"10.1.0.11", "10.1.0.12", "10.1.1.13"},
                                        {"fd00::11", "fd00::12", "fd00::13"}};

START_TEST(a_client_is_followed_from_address_to_address) {
    bool ipv6 = _i == 1;
    struct world *world = start(NULL);
    client_has(ipv6, hosts[ipv6][0]);
    open_by_key(world, ipv6 ? HERE_6 : HERE_4);
    ck_assert(is_at(world, hosts[ipv6][0]));
    for (int i = 1; i <= 8; i++) {
        talk(world, 100);
        client_has(ipv6, hosts[ipv6][i % 3]);
        talk_until_at(world, hosts[ipv6][i % 3], 1000);
    }
    must_have_moved(world, 8);
    world_destroy(world);
}
END_TEST

START_TEST(a_client_without_an_address_for_a_while_goes_on_from_the_next) {
    bool ipv6 = _i == 1;
    struct world *world = start(NULL);
    client_has(ipv6, hosts[ipv6][0]);
    open_by_key(world, ipv6 ? HERE_6 : HERE_4);
    talk(world, 100);
    client_has(ipv6, NULL);
    talk(world, 3000);
    client_has(ipv6, hosts[ipv6][1]);
    talk_until_at(world, hosts[ipv6][1], 1000);
    must_have_moved(world, 1);
    world_destroy(world);
}
END_TEST

/* ---- from family to family: the server's addresses are in the token */

static const struct crossing {
    const char *addresses; /* the first is dialled first */
    bool from_ipv6;
    bool told; /* the application knows it */
} crossings[] = {
    {HERE_4 ":7777,[" HERE_6 "]:7777", false, false},
    {HERE_4 ":7777,[" HERE_6 "]:7777", false, true},
    {"[" HERE_6 "]:7777," HERE_4 ":7777", true, false},
    {"[" HERE_6 "]:7777," HERE_4 ":7777", true, true},
};

START_TEST(a_client_that_loses_one_family_goes_on_over_the_other) {
    const struct crossing *crossing = &crossings[_i];
    ck_assert_int_eq(belay_key_generate(folder_file("tokens")), BELAY_OK);
    struct world *world = start(folder_file("tokens"));
    client_has(false, hosts[false][0]);
    client_has(true, hosts[true][0]);
    open_by_token(world, crossing->addresses);
    talk(world, 300);
    ck_assert(is_at(world, hosts[crossing->from_ipv6][0]));
    client_has(crossing->from_ipv6, NULL);
    if (crossing->told) {
        belay_client_network_changed(world->clients[0].it);
    }
    /* Who is not told must become suspicious first. */
    talk_until_at(world, hosts[!crossing->from_ipv6][0], crossing->told ? 500 : 3000);
    talk(world, 300);
    must_have_moved(world, 1);
    world_destroy(world);
}
END_TEST

/* ---- a server with several addresses, of which the system prefers one */

static const char *const servers[2][2] = {{HERE_4, "10.1.0.2"}, {HERE_6, "fd00::2"}};

static struct world *start_with_two(bool ipv6, const char *token_keys) {
    struct world *world = start(token_keys);
    go_to(SERVER);
    network(ipv6 ? "-6 address add %s/64 dev wire nodad" : "address add %s/16 dev wire",
            servers[ipv6][1]);
    go_to(CLIENT);
    client_has(ipv6, hosts[ipv6][0]);
    return world;
}

/** Whether the server has told of itself. */
static bool is_found(const struct world *world, bool *found) {
    struct belay_found answer;
    *found = *found || belay_client_poll_found(world->clients[0].it, &answer);
    return *found;
}

START_TEST(a_server_answers_from_the_address_that_was_asked) {
    bool ipv6 = _i / 2 == 1;
    const char *host = servers[ipv6][_i % 2];
    char at[64];
    bool found = false;
    struct world *world = start_with_two(ipv6, NULL);
    snprintf(at, sizeof at, ipv6 ? "[%s]:7777" : "%s:7777", host);
    ck_assert_int_eq(belay_server_set_public_info(world->server, "two", 3), BELAY_OK);
    ck_assert_int_eq(belay_client_query(world->clients[0].it, at), BELAY_OK);
    world_until(world, is_found(world, &found), BELAY_QUERY_MS);
    open_by_key(world, host);
    talk(world, 300);
    world_until(world, has_come(world, UP) && has_come(world, DOWN), 5000);
    ck_assert_str_eq(world_info(world, CLIENT, 0).address, at);
    world_destroy(world);
}
END_TEST

/* A NAT would drop what comes from the server's other address. Here the client has that address,
 * too, and its system takes no datagrams from outside that seem to be its own. (IPv6 does not
 * look.) */
START_TEST(a_client_that_hears_only_the_address_it_asked_is_followed) {
    struct world *world = start_with_two(false, NULL);
    network("address add %s/32 dev lo", servers[false][0]);
    open_by_key(world, servers[false][1]);
    talk(world, 300);
    client_has(false, hosts[false][1]);
    talk_until_at(world, hosts[false][1], 1000);
    must_have_moved(world, 1);
    world_destroy(world);
}
END_TEST

START_TEST(a_client_goes_on_at_another_address_when_the_server_loses_one) {
    bool ipv6 = _i == 1;
    char addresses[128];
    ck_assert_int_eq(belay_key_generate(folder_file("tokens")), BELAY_OK);
    struct world *world = start_with_two(ipv6, folder_file("tokens"));
    snprintf(addresses, sizeof addresses, ipv6 ? "[%s]:7777,[%s]:7777" : "%s:7777,%s:7777",
             servers[ipv6][1], servers[ipv6][0]);
    open_by_token(world, addresses);
    talk(world, 300);
    ck_assert_ptr_nonnull(strstr(world_info(world, CLIENT, 0).address, servers[ipv6][1]));
    go_to(SERVER);
    network("address del %s/%d dev wire", servers[ipv6][1], ipv6 ? 64 : 16);
    go_to(CLIENT);
    talk(world, 3000);
    world_until(world, has_come(world, UP) && has_come(world, DOWN), 5000);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_LOGIN), 1);
    ck_assert_uint_eq(world_info(world, SERVER, 0).migrations, 0); /* it has not moved itself */
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, folder_begin, folder_end);
    tcase_add_checked_fixture(tests, network_begin, network_end);
    tcase_add_loop_test(tests, a_client_is_followed_from_address_to_address, 0, 2);
    tcase_add_loop_test(tests, a_client_without_an_address_for_a_while_goes_on_from_the_next, 0, 2);
    tcase_add_loop_test(tests, a_client_that_loses_one_family_goes_on_over_the_other, 0,
                        COUNT_OF(crossings));
    tcase_add_loop_test(tests, a_server_answers_from_the_address_that_was_asked, 0, 4);
    tcase_add_test(tests, a_client_that_hears_only_the_address_it_asked_is_followed);
    tcase_add_loop_test(tests, a_client_goes_on_at_another_address_when_the_server_loses_one, 0, 2);
}

TEST_MAIN("netns moving", add_tests)
