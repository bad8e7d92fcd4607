/* How others reach this machine, and how it reaches all that are near. Nothing is sent to a real
 * network. */
#include "lib/net/own_address.h"
#include "lib/net/sim.h"
#include "tests/net/net_support.h"
#include "tests/support/test.h"
#include <string.h>

#define NEAR_MAX 16

static struct bl_memory memory;

/* Not every machine has one; those that do can bind to it. */
START_TEST(the_own_address_is_one_of_this_machine) {
    struct bl_address own;
    struct bl_net *net;
    bool ipv4 = _i == 0;
    bl_memory_init(&memory, NULL, 0);
    if (!bl_own_address(&own, ipv4)) {
        return;
    }
    ck_assert_int_eq(bl_address_is_ipv4(&own), ipv4);
    ck_assert(!bl_address_is_loopback(&own));
    ck_assert(!bl_address_is_any(&own));
    ck_assert_uint_eq(own.port, 0);
    ck_assert_msg(bl_udp_open(&net, &own, &memory) == BELAY_OK, "%s", belay_error());
    bl_net_close(net);
}
END_TEST

START_TEST(all_that_are_near_include_this_machine) {
    struct bl_address near[NEAR_MAX];
    bool ipv6 = _i == 1;
    size_t count = bl_everybody_near(near, NEAR_MAX, ipv6);
    ck_assert_uint_ge(count, 1);
    ck_assert(bl_address_is_loopback(&near[0]));
    for (size_t i = 1; i < count; i++) {
        ck_assert(!bl_address_is_any(&near[i]));
        bool multicast = near[i].ip[0] == 0xFF && near[i].ip[1] == 0x02 && near[i].scope != 0;
        ck_assert(bl_address_is_ipv4(&near[i]) || (ipv6 && multicast));
        for (size_t j = 0; j < i; j++) {
            ck_assert(!bl_address_equal(&near[i], &near[j]));
        }
    }
    ck_assert_uint_eq(bl_everybody_near(near, 1, ipv6), 1);
}
END_TEST

/** How many datagrams wait at a socket. */
static size_t arrived_at(struct bl_net *net) {
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    return bl_net_receive(net, batch, BL_NET_BATCH_MAX);
}

START_TEST(in_a_simulation_everybody_on_a_port_hears) {
    static const char *const places[] = {"10.0.0.1:7777", "10.0.0.2:7777", "10.0.0.3:7778"};
    struct belay_sim *sim = belay_sim_create(1);
    struct bl_net *nets[COUNT_OF(places)];
    struct bl_net *sender;
    struct bl_address address = address_of("10.0.0.9:7777");
    uint8_t data[] = "who is there?";
    ck_assert_int_eq(bl_sim_open(&sender, sim, &address, &memory), BELAY_OK);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        address = address_of(places[i]);
        ck_assert_int_eq(bl_sim_open(&nets[i], sim, &address, NULL), BELAY_OK);
    }
    ck_assert_uint_eq(bl_net_everybody(sender, &address, 1), 1);
    for (uint16_t port = 7777; port <= 7779; port++) { /* on the last there is nobody */
        address.port = port;
        ck_assert_uint_eq(
            bl_net_send(
                sender,
                &(struct bl_datagram){.address = address, .data = data, .size = sizeof data}, 1),
            1);
    }
    belay_sim_advance(sim, 1);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        ck_assert_uint_eq(arrived_at(nets[i]), 1);
    }
    ck_assert_uint_eq(arrived_at(sender), 0);
    struct bl_sim_counts counts = bl_sim_counts(sim);
    ck_assert_uint_eq(counts.sent + counts.duplicated, counts.delivered + counts.lost);
    ck_assert_uint_eq(counts.lost, 1);
    bl_net_close(sender);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        bl_net_close(nets[i]);
    }
    belay_sim_destroy(sim);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, the_own_address_is_one_of_this_machine, 0, 2);
    tcase_add_loop_test(tests, all_that_are_near_include_this_machine, 0, 2);
    tcase_add_test(tests, in_a_simulation_everybody_on_a_port_hears);
}

TEST_MAIN("own address", add_tests)
