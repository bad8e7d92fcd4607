/* A server with several addresses, of which the one that was dialled leads nowhere any more: the
 * client looks for it at the others that it knows. */
#include "tests/peer/parties.h"
#include "tests/support/test.h"

#define KNOWN   "[2001:db8::1]:7777"
#define UNKNOWN "10.0.0.3:7777"

static struct bl_net *dialled_net, *other_net;

/** The client is let in at the first address, and knows one more. */
static void link_up_knowing(const char *known) {
    struct bl_dial_target target = dial_target(&server.net->local);
    ck_assert_int_eq(bl_address_parse(&target.addresses[1], known, false), BELAY_OK);
    target.address_count = 2;
    bl_endpoint_dial(client.endpoint, &target);
    run(20 * BL_MILLISECOND);
    say_word(&client);
    run(50 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
}

static void move_server(struct bl_net *net) {
    server.net = net;
    server.endpoint->net = net;
}

static void move_server_to(const char *address) {
    dialled_net = server.net;
    other_net = open_net(address, NULL);
    move_server(other_net);
}

static void move_server_home(void) {
    move_server(dialled_net);
    bl_net_close(other_net);
}

static void talk(int times) {
    for (int i = 0; i < times; i++) {
        say_word(&client);
        say_word(&server);
        run(20 * BL_MILLISECOND);
    }
}

/** How many datagrams the client has sent, by where to. */
struct sent {
    unsigned dialled, other;
};

static void count(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct sent *sent = user;
    if (bl_address_equal(from, &client.net->local)) {
        sent->dialled += bl_address_equal(&to->address, &dialled_net->local);
        sent->other += bl_address_equal(&to->address, &other_net->local);
    }
}

START_TEST(a_client_that_searches_goes_on_where_it_finds_the_server) {
    struct sent sent = {0};
    open_all();
    link_up_knowing(KNOWN);
    talk(5);
    move_server_to(KNOWN);
    bl_endpoint_search(client.peer);
    talk(10);
    run(BL_SECOND);
    ck_assert_uint_eq(server.word_count, client.said_count);
    ck_assert_uint_eq(client.word_count, server.said_count);
    bl_sim_observe(sim, count, &sent);
    talk(10);
    ck_assert_uint_eq(sent.dialled, 0); /* the search is over */
    ck_assert_uint_gt(sent.other, 0);
    bl_sim_observe(sim, NULL, NULL);
    move_server_home();
    close_all();
}
END_TEST

/* Anybody may have copied a datagram and sent it from elsewhere. */
START_TEST(a_client_that_does_not_search_stays_with_the_address_it_has_dialled) {
    struct sent sent = {0};
    open_all();
    link_up_knowing(KNOWN);
    move_server_to(KNOWN);
    bl_sim_observe(sim, count, &sent);
    talk(10);
    ck_assert_uint_eq(client.word_count, server.said_count); /* what comes counts all the same */
    ck_assert_uint_gt(sent.dialled, 0);
    ck_assert_uint_eq(sent.other, 0);
    bl_sim_observe(sim, NULL, NULL);
    move_server_home();
    close_all();
}
END_TEST

START_TEST(an_address_that_was_not_known_is_not_gone_on_with) {
    struct sent sent = {0};
    open_all();
    link_up_knowing(KNOWN);
    move_server_to(UNKNOWN);
    bl_sim_observe(sim, count, &sent);
    bl_endpoint_search(client.peer);
    talk(10);
    ck_assert_uint_gt(sent.dialled, 0);
    ck_assert_uint_eq(sent.other, 0);
    bl_sim_observe(sim, NULL, NULL);
    move_server_home();
    close_all();
}
END_TEST

/* It answers as before, so the search ends at once, and what came by two ways is heard once. */
START_TEST(a_search_for_a_server_that_has_not_moved_changes_nothing) {
    struct sent sent = {0};
    open_all();
    link_up_knowing(KNOWN);
    dialled_net = server.net;
    other_net = open_net(KNOWN, NULL);
    bl_sim_observe(sim, count, &sent);
    bl_endpoint_search(client.peer);
    say_word(&client);
    serve(&client);
    ck_assert_uint_eq(sent.dialled, 1);
    ck_assert_uint_eq(sent.other, 1);
    run(20 * BL_MILLISECOND); /* an acknowledgement comes back */
    talk(10);
    ck_assert_uint_eq(sent.other, 1);
    run(BL_SECOND);
    ck_assert_uint_eq(server.word_count, client.said_count);
    ck_assert_uint_eq(client.word_count, server.said_count);
    bl_sim_observe(sim, NULL, NULL);
    bl_net_close(other_net);
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_client_that_searches_goes_on_where_it_finds_the_server);
    tcase_add_test(tests, a_client_that_does_not_search_stays_with_the_address_it_has_dialled);
    tcase_add_test(tests, an_address_that_was_not_known_is_not_gone_on_with);
    tcase_add_test(tests, a_search_for_a_server_that_has_not_moved_changes_nothing);
}

TEST_MAIN("peer search", add_tests)
