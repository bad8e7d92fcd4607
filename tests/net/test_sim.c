/* The simulated network: its clocks, who is where in it, links, cuts and NATs. */
#define _GNU_SOURCE
#include "lib/net/net.h"
#include "lib/net/sim_network.h"
#include "tests/net/net_support.h"
#include "tests/support/child.h"
#include "tests/support/test.h"
#include <belay/sim.h>
#include <string.h>

static struct belay_sim *sim;
static struct bl_net *server, *alice, *bob;
static int alice_owner, bob_owner;

static struct belay_client *as_client(void *owner) {
    return owner;
}

static struct bl_net *open_in_sim(const char *local, const void *owner) {
    struct bl_net *net = NULL;
    struct bl_address address = address_of(local);
    ck_assert_msg(bl_sim_open(&net, sim, &address, owner) == BELAY_OK, "%s", belay_error());
    return net;
}

static void open_network(uint64_t seed) {
    sim = belay_sim_create(seed);
    server = open_in_sim("10.0.0.1:7777", NULL);
    alice = open_in_sim("*:0", &alice_owner);
    bob = open_in_sim("*:0", &bob_owner);
}

static void close_network(void) {
    bl_net_close(server);
    bl_net_close(alice);
    bl_net_close(bob);
    belay_sim_destroy(sim);
}

static void set_up(void) {
    open_network(1);
}

static void send_to(struct bl_net *from, const struct bl_address *to, const char *text) {
    uint8_t data[64];
    size_t size = strlen(text);
    memcpy(data, text, size);
    ck_assert_uint_eq(
        bl_net_send(from, &(struct bl_datagram){.address = *to, .data = data, .size = size}, 1), 1);
}

static void assert_gets(struct bl_net *net, const char *text) {
    struct bl_datagram got;
    ck_assert_msg(bl_net_receive(net, &got, 1) == 1, "\"%s\" did not arrive", text);
    ck_assert_uint_eq(got.size, strlen(text));
    ck_assert_mem_eq(got.data, text, got.size);
}

static void assert_gets_nothing(struct bl_net *net) {
    struct bl_datagram got;
    ck_assert_uint_eq(bl_net_receive(net, &got, 1), 0);
}

static struct belay_link delay_of(uint32_t ms) {
    struct belay_link link = BELAY_LINK_INIT;
    link.delay_ms = ms;
    return link;
}

/* ---- clocks ---- */

START_TEST(the_clock_starts_at_1000_s_and_moves_when_told) {
    ck_assert_int_eq(bl_net_now(server), 1000 * BL_SECOND);
    belay_sim_advance(sim, 5);
    ck_assert_int_eq(bl_net_now(alice), 1000 * BL_SECOND + 5 * BL_MILLISECOND);
    ck_assert_int_eq(bl_sim_now(sim), bl_net_now(alice));
    bl_net_wait(alice, BL_SECOND);
    ck_assert_int_eq(bl_net_now(alice), 1000 * BL_SECOND + 5 * BL_MILLISECOND);
    belay_sim_advance(sim, UINT32_MAX);
    ck_assert_int_eq(bl_net_now(alice),
                     1000 * BL_SECOND + (5 + INT64_C(0xFFFFFFFF)) * BL_MILLISECOND);
}
END_TEST

START_TEST(the_wall_clock_can_be_set_and_the_virtual_one_not) {
    ck_assert_int_eq(bl_net_wall(server), bl_net_now(server));
    bl_sim_set_wall_offset(sim, 1000000 * BL_SECOND);
    ck_assert_int_eq(bl_net_wall(server), 1001000 * BL_SECOND);
    bl_sim_set_wall_offset(sim, -900 * BL_SECOND);
    ck_assert_int_eq(bl_net_wall(server), 100 * BL_SECOND);
    ck_assert_int_eq(bl_net_now(server), 1000 * BL_SECOND);
}
END_TEST

/* ---- places ---- */

START_TEST(every_socket_has_a_place_of_its_own) {
    ck_assert(memcmp(alice->local.ip, server->local.ip, 16) != 0);
    ck_assert(memcmp(bob->local.ip, alice->local.ip, 16) != 0);
    struct bl_net *nets[300];
    for (size_t i = 0; i < COUNT_OF(nets); i++) {
        nets[i] = open_in_sim(i % 2 == 0 ? "*:0" : "0.0.0.0:7777", NULL);
        ck_assert_int_eq(nets[i]->local.ip[12], 10);
        ck_assert(i % 2 == 0 ? nets[i]->local.port >= 49152 : nets[i]->local.port == 7777);
        ck_assert(memcmp(nets[i]->local.ip, server->local.ip, 16) != 0);
        for (size_t j = 0; j < i; j++) {
            ck_assert(memcmp(nets[i]->local.ip, nets[j]->local.ip, 16) != 0);
        }
    }
    for (size_t i = 0; i < COUNT_OF(nets); i++) {
        bl_net_close(nets[i]);
    }
}
END_TEST

START_TEST(a_place_with_no_port_left_is_full) {
    static struct bl_net *nets[16384];
    for (size_t i = 0; i < COUNT_OF(nets); i++) {
        nets[i] = open_in_sim("10.9.9.9:0", NULL);
    }
    struct bl_net *net = NULL;
    struct bl_address address = address_of("10.9.9.9:0");
    ck_assert_int_eq(bl_sim_open(&net, sim, &address, NULL), BELAY_E_IN_USE);
    bl_net_close(nets[777]);
    nets[777] = open_in_sim("10.9.9.9:0", NULL);
    for (size_t i = 0; i < COUNT_OF(nets); i++) {
        bl_net_close(nets[i]);
    }
}
END_TEST

START_TEST(any_address_may_be_bound_once) {
    static const char *const addresses[] = {"127.0.0.1:7777", "192.0.2.1:1", "[2001:db8::1]:2"};
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct bl_net *net = open_in_sim(addresses[i], NULL);
        struct bl_net *second = NULL;
        struct bl_address address = address_of(addresses[i]);
        ck_assert(bl_address_equal(&net->local, &address));
        ck_assert_int_eq(bl_sim_open(&second, sim, &address, NULL), BELAY_E_IN_USE);
        ck_assert_ptr_nonnull(strstr(belay_error(), addresses[i]));
        ck_assert_ptr_null(second);
        send_to(alice, &address, "hello");
        assert_gets(net, "hello");
        bl_net_close(net);
    }
}
END_TEST

/* ---- links ---- */

START_TEST(a_link_is_of_one_client_alone) {
    struct belay_link slow = delay_of(10);
    belay_sim_link(sim, as_client(&alice_owner), &slow);
    send_to(alice, &server->local, "from alice");
    send_to(bob, &server->local, "from bob");
    assert_gets(server, "from bob");
    assert_gets_nothing(server);
    belay_sim_advance(sim, 9);
    assert_gets_nothing(server);
    belay_sim_advance(sim, 1);
    assert_gets(server, "from alice");
}
END_TEST

START_TEST(a_link_without_a_name_is_every_clients_and_of_later_ones) {
    struct belay_link slow = delay_of(10);
    belay_sim_link(sim, NULL, &slow);
    struct bl_net *late = open_in_sim("*:0", &slow);
    struct bl_net *other_server = open_in_sim("*:0", NULL);
    send_to(alice, &server->local, "from alice");
    send_to(late, &server->local, "from a late one");
    assert_gets_nothing(server);
    belay_sim_advance(sim, 10);
    assert_gets(server, "from alice");
    assert_gets(server, "from a late one");

    send_to(other_server, &server->local, "from a server"); /* which has no link */
    assert_gets(server, "from a server");

    belay_sim_link(sim, NULL, NULL); /* all well again */
    send_to(alice, &server->local, "at once");
    assert_gets(server, "at once");
    bl_net_close(late);
    bl_net_close(other_server);
}
END_TEST

START_TEST(what_is_under_way_keeps_its_time_when_the_link_changes) {
    struct belay_link slow = delay_of(100);
    struct belay_link fast = delay_of(10);
    belay_sim_link(sim, as_client(&alice_owner), &slow);
    send_to(alice, &server->local, "first");
    belay_sim_link(sim, as_client(&alice_owner), &fast);
    send_to(alice, &server->local, "second");
    belay_sim_advance(sim, 10);
    assert_gets(server, "second");
    belay_sim_advance(sim, 89);
    assert_gets_nothing(server);
    belay_sim_advance(sim, 1);
    assert_gets(server, "first");
}
END_TEST

START_TEST(between_two_clients_both_links_count) {
    struct belay_link slow = delay_of(10);
    struct belay_link slower = delay_of(30);
    belay_sim_link(sim, as_client(&alice_owner), &slow);
    belay_sim_link(sim, as_client(&bob_owner), &slower);
    send_to(alice, &bob->local, "hello");
    belay_sim_advance(sim, 39);
    assert_gets_nothing(bob);
    belay_sim_advance(sim, 1);
    assert_gets(bob, "hello");
}
END_TEST

/* ---- cuts ---- */

static const struct cut {
    bool up, down;
} cuts[] = {{false, false}, {true, false}, {false, true}, {true, true}};

START_TEST(a_cut_direction_loses_what_is_sent_and_what_is_under_way) {
    struct belay_link link = delay_of(20);
    belay_sim_link(sim, NULL, &link);
    send_to(alice, &server->local, "up, under way");
    send_to(server, &alice->local, "down, under way");
    send_to(bob, &server->local, "not alice's");
    belay_sim_advance(sim, 10);

    link.cut_up = cuts[_i].up;
    link.cut_down = cuts[_i].down;
    belay_sim_link(sim, as_client(&alice_owner), &link);
    send_to(alice, &server->local, "up, later");
    send_to(server, &alice->local, "down, later");
    link.cut_up = link.cut_down = false;
    belay_sim_link(sim, as_client(&alice_owner), &link); /* healed: what is lost stays lost */
    belay_sim_advance(sim, 20);

    if (!cuts[_i].up) {
        assert_gets(server, "up, under way");
    }
    assert_gets(server, "not alice's");
    if (!cuts[_i].up) {
        assert_gets(server, "up, later");
    }
    assert_gets_nothing(server);
    if (!cuts[_i].down) {
        assert_gets(alice, "down, under way");
        assert_gets(alice, "down, later");
    }
    assert_gets_nothing(alice);
    ck_assert_uint_eq(bl_sim_counts(sim).lost, 2U * cuts[_i].up + 2U * cuts[_i].down);
}
END_TEST

START_TEST(what_has_arrived_before_a_cut_is_there) {
    struct belay_link link = delay_of(5);
    belay_sim_link(sim, NULL, &link);
    send_to(alice, &server->local, "up");
    send_to(server, &alice->local, "down");
    belay_sim_advance(sim, 5);
    link.cut_up = link.cut_down = true;
    belay_sim_link(sim, NULL, &link);
    assert_gets(server, "up");
    assert_gets(alice, "down");
}
END_TEST

START_TEST(a_cut_leaves_the_order_of_what_stays) {
    static const char *const texts[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    struct belay_link link = delay_of(50);
    belay_sim_link(sim, NULL, &link);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        send_to(i % 3 == 0 ? alice : bob, &server->local, texts[i]);
        belay_sim_advance(sim, 1);
    }
    link.cut_up = true;
    belay_sim_link(sim, as_client(&alice_owner), &link);
    belay_sim_advance(sim, 50);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (i % 3 != 0) {
            assert_gets(server, texts[i]);
        }
    }
    assert_gets_nothing(server);
}
END_TEST

/* ---- NAT ---- */

START_TEST(a_rebound_client_is_heard_from_a_new_port_and_reached_there_alone) {
    struct bl_address before = alice->local;
    send_to(alice, &server->local, "before");
    belay_sim_rebind(sim, as_client(&alice_owner));
    send_to(alice, &server->local, "after");

    struct bl_datagram got[2];
    ck_assert_uint_eq(bl_net_receive(server, got, 2), 2);
    ck_assert(bl_address_equal(&got[0].address, &before));
    ck_assert_mem_eq(got[0].address.ip, got[1].address.ip, 16);
    ck_assert_uint_ne(got[0].address.port, got[1].address.port);

    struct bl_address after = got[1].address;
    send_to(server, &before, "to the old port");
    send_to(server, &after, "to the new port");
    assert_gets(alice, "to the new port");
    assert_gets_nothing(alice);
    ck_assert_uint_eq(bl_sim_counts(sim).lost, 1);
    ck_assert(bl_address_equal(&alice->local, &before)); /* a NAT tells nobody */
}
END_TEST

START_TEST(a_rebind_loses_what_is_under_way_to_the_old_port) {
    struct belay_link link = delay_of(10);
    belay_sim_link(sim, NULL, &link);
    send_to(server, &alice->local, "arrived");
    belay_sim_advance(sim, 5);
    send_to(server, &alice->local, "under way");
    send_to(alice, &server->local, "up");
    belay_sim_advance(sim, 5);
    belay_sim_rebind(sim, as_client(&alice_owner));
    belay_sim_advance(sim, 10);
    assert_gets(alice, "arrived");
    assert_gets_nothing(alice);
    assert_gets(server, "up");
}
END_TEST

START_TEST(a_rebind_is_of_one_client_alone) {
    struct bl_address old = bob->local;
    belay_sim_rebind(sim, as_client(&alice_owner));
    belay_sim_rebind(sim, NULL);            /* nobody: a server has no NAT */
    belay_sim_rebind(sim, as_client(&old)); /* a stranger */
    send_to(server, &old, "still there");
    assert_gets(bob, "still there");
}
END_TEST

START_TEST(ports_are_new_for_as_long_as_there_are_any) {
    static bool seen[65536];
    for (int i = 0; i < 16000; i++) {
        belay_sim_rebind(sim, as_client(&alice_owner));
        send_to(alice, &server->local, "x");
        struct bl_datagram got;
        ck_assert_uint_eq(bl_net_receive(server, &got, 1), 1);
        ck_assert(!seen[got.address.port]);
        seen[got.address.port] = true;
    }
}
END_TEST

/* ---- counts and onlookers ---- */

struct onlooker {
    size_t count;
    struct bl_address from, to;
};

static void look_on(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct onlooker *onlooker = user;
    onlooker->count++;
    onlooker->from = *from;
    onlooker->to = to->address;
}

START_TEST(an_onlooker_sees_what_is_sent_whatever_becomes_of_it) {
    struct onlooker onlooker = {0};
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = 1.0F;
    belay_sim_link(sim, NULL, &link);
    bl_sim_observe(sim, look_on, &onlooker);
    send_to(alice, &server->local, "lost");
    ck_assert_uint_eq(onlooker.count, 1);
    ck_assert(bl_address_equal(&onlooker.from, &alice->local));
    ck_assert(bl_address_equal(&onlooker.to, &server->local));
    bl_sim_observe(sim, NULL, NULL);
    send_to(alice, &server->local, "unseen");
    ck_assert_uint_eq(onlooker.count, 1);
}
END_TEST

/** What steer() is to do with the datagrams to come, and how many it was asked about. */
struct helm {
    bool holds;
    struct bl_sim_steered way;
    unsigned asked;
    struct bl_address from, to;
};

static bool steer(void *user, const struct bl_address *from, const struct bl_datagram *to,
                  struct bl_sim_steered *out) {
    struct helm *helm = user;
    helm->asked++;
    helm->from = *from;
    helm->to = to->address;
    *out = helm->way;
    return helm->holds;
}

START_TEST(what_is_steered_arrives_as_often_and_as_late_as_was_said) {
    struct helm helm = {.holds = true};
    helm.way = (struct bl_sim_steered){2, {30 * BL_MILLISECOND, 10 * BL_MILLISECOND}};
    bl_sim_steer(sim, steer, &helm);
    send_to(alice, &server->local, "twice");
    ck_assert(bl_address_equal(&helm.from, &alice->local));
    ck_assert(bl_address_equal(&helm.to, &server->local));
    helm.way = (struct bl_sim_steered){1, {20 * BL_MILLISECOND}};
    send_to(alice, &server->local, "between");
    helm.way = (struct bl_sim_steered){0};
    send_to(server, &alice->local, "lost");
    belay_sim_advance(sim, 9);
    assert_gets_nothing(server);
    belay_sim_advance(sim, 1);
    assert_gets(server, "twice");
    assert_gets_nothing(server);
    belay_sim_advance(sim, 20);
    assert_gets(server, "between");
    assert_gets(server, "twice");
    belay_sim_advance(sim, 1000);
    assert_gets_nothing(server);
    assert_gets_nothing(alice);
    ck_assert_uint_eq(helm.asked, 3);
    struct bl_sim_counts counts = bl_sim_counts(sim);
    ck_assert_uint_eq(counts.sent, 3);
    ck_assert_uint_eq(counts.duplicated, 1);
    ck_assert_uint_eq(counts.delivered, 3);
    ck_assert_uint_eq(counts.lost, 1);
}
END_TEST

START_TEST(what_is_steered_takes_no_link_and_draws_no_luck) {
    struct helm helm = {.holds = true, .way = {1, {0}}};
    struct belay_link link = delay_of(50);
    link.cut_up = link.cut_down = true;
    belay_sim_link(sim, NULL, &link);
    struct bl_random before = *bl_sim_random(sim);
    bl_sim_steer(sim, steer, &helm);
    send_to(alice, &bob->local, "across");
    assert_gets(bob, "across");
    ck_assert_mem_eq(&before, bl_sim_random(sim), sizeof before);
}
END_TEST

START_TEST(what_is_not_steered_is_for_the_links) {
    struct helm helm = {.holds = false, .way = {1, {0}}};
    struct belay_link link = delay_of(50);
    belay_sim_link(sim, NULL, &link);
    bl_sim_steer(sim, steer, &helm);
    send_to(alice, &server->local, "left alone");
    assert_gets_nothing(server);
    belay_sim_advance(sim, 50);
    assert_gets(server, "left alone");
    bl_sim_steer(sim, NULL, NULL);
    send_to(alice, &server->local, "not asked about");
    ck_assert_uint_eq(helm.asked, 1);
}
END_TEST

START_TEST(every_datagram_is_accounted_for) {
    struct belay_link link = delay_of(30);
    link.loss = link.duplicate = 0.2F;
    belay_sim_link(sim, NULL, &link);
    struct bl_address nobody = address_of("10.77.77.77:7");
    for (int i = 0; i < 1000; i++) {
        send_to(alice, &server->local, "up");
        send_to(server, &bob->local, "down");
        send_to(alice, &bob->local, "across");
        send_to(alice, &nobody, "nowhere");
    }
    belay_sim_advance(sim, 60);
    bl_net_close(bob); /* with everything to it still waiting */
    bob = NULL;
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    while (bl_net_receive(server, batch, BL_NET_BATCH_MAX) > 0) {
    }
    struct bl_sim_counts counts = bl_sim_counts(sim);
    ck_assert_uint_eq(counts.sent, 4000);
    ck_assert_uint_gt(counts.delivered, 0);
    ck_assert_uint_eq(counts.sent + counts.duplicated, counts.delivered + counts.lost);
}
END_TEST

/* ---- limits ---- */

START_TEST(without_memory_a_socket_is_refused_and_a_datagram_lost) {
    struct bl_net *net = NULL;
    struct bl_address anywhere = address_of("*:0");
    sim->memory.used_max = sim->memory.used;
    ck_assert_int_eq(bl_sim_open(&net, sim, &anywhere, NULL), BELAY_E_NO_MEMORY);
    ck_assert_ptr_null(net);
    send_to(alice, &server->local, "no packet for it");
    ck_assert_uint_eq(bl_sim_counts(sim).lost, 1);
    sim->memory.used_max = sim->memory.used + sizeof(struct bl_sim_packet);
    send_to(alice, &server->local, "no inbox for it");
    ck_assert_uint_eq(bl_sim_counts(sim).lost, 2);
    sim->memory.used_max = 0;
    send_to(alice, &server->local, "well again");
    assert_gets(server, "well again");
    assert_gets_nothing(server);
}
END_TEST

START_TEST(a_steady_run_keeps_to_the_memory_it_has) {
    size_t used = 0;
    for (int i = 0; i < 1000; i++) {
        send_to(alice, &server->local, "up");
        send_to(bob, &server->local, "and up");
        struct bl_datagram got[2];
        ck_assert_uint_eq(bl_net_receive(server, got, 2), 2);
        used = i == 10 ? sim->memory.used : used;
    }
    ck_assert_uint_eq(sim->memory.used, used);
}
END_TEST

static void receive_too_many(void) {
    static struct bl_datagram batch[BL_NET_BATCH_MAX + 1];
    bl_net_receive(server, batch, COUNT_OF(batch));
}

static void send_too_many(void) {
    static struct bl_datagram batch[BL_NET_BATCH_MAX + 1];
    bl_net_send(server, batch, COUNT_OF(batch));
}

START_TEST(a_batch_over_the_limit_is_our_own_mistake) {
    ck_assert(is_asserted(receive_too_many));
    ck_assert(is_asserted(send_too_many));
}
END_TEST

/* ---- ends ---- */

START_TEST(a_network_may_be_destroyed_before_its_sockets) {
    send_to(alice, &server->local, "under way");
    belay_sim_destroy(sim);
    assert_gets(server, "under way");
    send_to(server, &bob->local, "still works");
    bl_net_close(server);
    assert_gets(bob, "still works");
    bl_net_close(alice);
    bl_net_close(bob);
    open_network(1); /* for the fixture to close */
    belay_sim_destroy(NULL);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, set_up, close_network);
    tcase_add_test(tests, the_clock_starts_at_1000_s_and_moves_when_told);
    tcase_add_test(tests, the_wall_clock_can_be_set_and_the_virtual_one_not);
    tcase_add_test(tests, every_socket_has_a_place_of_its_own);
    tcase_add_test(tests, a_place_with_no_port_left_is_full);
    tcase_add_test(tests, any_address_may_be_bound_once);
    tcase_add_test(tests, a_link_is_of_one_client_alone);
    tcase_add_test(tests, a_link_without_a_name_is_every_clients_and_of_later_ones);
    tcase_add_test(tests, what_is_under_way_keeps_its_time_when_the_link_changes);
    tcase_add_test(tests, between_two_clients_both_links_count);
    tcase_add_loop_test(tests, a_cut_direction_loses_what_is_sent_and_what_is_under_way, 0,
                        (int)COUNT_OF(cuts));
    tcase_add_test(tests, what_has_arrived_before_a_cut_is_there);
    tcase_add_test(tests, a_cut_leaves_the_order_of_what_stays);
    tcase_add_test(tests, a_rebound_client_is_heard_from_a_new_port_and_reached_there_alone);
    tcase_add_test(tests, a_rebind_loses_what_is_under_way_to_the_old_port);
    tcase_add_test(tests, a_rebind_is_of_one_client_alone);
    tcase_add_test(tests, ports_are_new_for_as_long_as_there_are_any);
    tcase_add_test(tests, an_onlooker_sees_what_is_sent_whatever_becomes_of_it);
    tcase_add_test(tests, what_is_steered_arrives_as_often_and_as_late_as_was_said);
    tcase_add_test(tests, what_is_steered_takes_no_link_and_draws_no_luck);
    tcase_add_test(tests, what_is_not_steered_is_for_the_links);
    tcase_add_test(tests, every_datagram_is_accounted_for);
    tcase_add_test(tests, without_memory_a_socket_is_refused_and_a_datagram_lost);
    tcase_add_test(tests, a_steady_run_keeps_to_the_memory_it_has);
    tcase_add_test(tests, a_batch_over_the_limit_is_our_own_mistake);
    tcase_add_test(tests, a_network_may_be_destroyed_before_its_sockets);
}

TEST_MAIN("sim", add_tests)
