/*
 * Who is who, over the whole server. A handshake is named by 16 bytes that its client has chosen,
 * which may well be the 16 bytes by which the application names one of its users.
 */
#include "lib/net/sim.h"
#include "lib/wire/frame.h"
#include "tests/support/world.h"
#include <string.h>

/** A socket of somebody who speaks the protocol by hand. */
struct forger {
    struct world *world;
    struct bl_net *net;
    struct bl_address server;
};

static void say(struct forger *forger, uint8_t *data, size_t size) {
    const struct bl_datagram datagram = {.address = forger->server, .data = data, .size = size};
    ck_assert_uint_eq(bl_net_send(forger->net, &datagram, 1), 1);
    world_run(forger->world, 20);
}

/** Opens a binding under this nonce; its tag, or 0. */
static uint32_t open_as(struct forger *forger, const uint8_t nonce[16]) {
    uint8_t out[BL_OPEN_SIZE];
    struct bl_open open = {.version = BL_WIRE_VERSION, .game = bl_wire_hash(NULL)};
    struct bl_accept accept;
    struct bl_datagram answer;
    memcpy(open.nonce, nonce, sizeof open.nonce);
    say(forger, out, bl_open_write(out, &open));
    return bl_net_receive(forger->net, &answer, 1) == 1 &&
                   bl_accept_read(&accept, answer.data, answer.size)
               ? accept.tag
               : 0;
}

/** Proves the binding with one ENet datagram that carries one frame. */
static void prove(struct forger *forger, uint32_t tag) {
    /* Header; SEND_UNSEQUENCED on channel 0; sequence; group; length; an ERROR frame. */
    static const uint8_t enet[] = {0, 0, 0x49, 0, 0, 0, 0, 1, 0, 3, BL_FRAME_ERROR, 0, 0};
    uint8_t out[BL_DATA_HEADER_SIZE + sizeof enet + BL_DATA_TAG_SIZE] = {0};
    bl_data_header_write(out, BL_DATAGRAM_DATA, &(struct bl_data_header){.tag = tag});
    memcpy(out + BL_DATA_HEADER_SIZE, enet, sizeof enet);
    say(forger, out, sizeof out);
}

/** One player is logged in; somebody else opens a link under the player's name. */
static struct forger forge(struct world *world) {
    uint8_t user_id[16];
    struct bl_address local;
    struct forger forger = {.world = world};
    ck_assert_int_eq(bl_address_parse(&local, "*:0", true), BELAY_OK);
    ck_assert_int_eq(bl_address_parse(&forger.server, world->address, true), BELAY_OK);
    ck_assert_int_eq(bl_sim_open(&forger.net, world->sim, &local, &forger.net), BELAY_OK);
    world_user_id(world, 0, user_id);
    uint32_t tag = open_as(&forger, user_id);
    ck_assert_uint_ne(tag, 0);
    prove(&forger, tag);
    return forger;
}

START_TEST(a_stranger_under_a_users_name_is_a_stranger) {
    struct world *world = world_create(NULL);
    world_open(world);
    struct forger forger = forge(world);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 2);
    ck_assert(world_is_open(world, 0));
    world_say(world, DOWN, 0, 0, "still you");
    world_run(world, 100);
    ck_assert_str_eq(world->clients[0].last_text[DOWN], "still you");
    bl_net_close(forger.net);
    world_destroy(world);
}
END_TEST

START_TEST(a_stranger_does_not_get_hold_of_a_session_that_is_kept) {
    struct world *world = world_create(NULL);
    world_open(world);
    world_cut(world, 0);
    world_run(world, 7000);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    char address[64];
    memcpy(address, world_info(world, SERVER, 0).address, sizeof address);
    struct forger forger = forge(world);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    ck_assert_str_eq(world_info(world, SERVER, 0).address, address);
    bl_net_close(forger.net);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_stranger_under_a_users_name_is_a_stranger);
    tcase_add_test(tests, a_stranger_does_not_get_hold_of_a_session_that_is_kept);
}

TEST_MAIN("session/identity", add_tests)
