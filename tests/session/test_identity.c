/*
 * Who is who, over the whole server. A handshake is named by 16 bytes that its client has chosen,
 * which may well be the 16 bytes by which the application names one of its users.
 */
#include "lib/peer/endpoint_parts.h"
#include "tests/support/stranger.h"
#include "tests/support/way_in.h"
#include <string.h>

/** Its attempt has these 16 bytes for a nonce from now on. */
static void choose_nonce(struct bl_dial *dial, const uint8_t nonce[BL_NONCE_SIZE]) {
    memcpy(dial->nonce, nonce, BL_NONCE_SIZE);
    memcpy(dial->open + 14, nonce, BL_NONCE_SIZE);
    bl_hash(dial->open_hash, dial->open, BL_OPEN_FIXED_SIZE);
}

/** One player is logged in; somebody else opens a link under the player's name. */
static struct stranger *forge(struct world *world) {
    static const uint8_t error[] = {BL_FRAME_ERROR, 0, 0};
    uint8_t user_id[16];
    struct stranger *forger = stranger_create(world);
    const struct bl_dial_target target = dial_target(&forger->server);
    world_user_id(world, 0, user_id);
    bl_endpoint_dial(forger->endpoint, &target);
    choose_nonce(&forger->endpoint->dial, user_id);
    stranger_run(forger, 400); /* the first OPEN had left already; its repeat has the nonce */
    ck_assert_ptr_nonnull(forger->peer);
    ck_assert_mem_eq(((struct bl_binding *)forger->peer->binding)->nonce, user_id, sizeof user_id);
    stranger_say(forger, error, sizeof error, BL_UNSEQUENCED); /* proves it */
    stranger_run(forger, 20);
    return forger;
}

START_TEST(a_stranger_under_a_users_name_is_a_stranger) {
    struct world *world = world_create(NULL);
    world_open(world);
    struct stranger *forger = forge(world);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 2);
    ck_assert(world_is_open(world, 0));
    world_say(world, DOWN, 0, 0, "still you");
    world_run(world, 100);
    ck_assert_str_eq(world->clients[0].last_text[DOWN], "still you");
    stranger_destroy(forger);
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
    struct stranger *forger = forge(world);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_RECONNECT_PENDING);
    ck_assert_str_eq(world_info(world, SERVER, 0).address, address);
    stranger_destroy(forger);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_stranger_under_a_users_name_is_a_stranger);
    tcase_add_test(tests, a_stranger_does_not_get_hold_of_a_session_that_is_kept);
}

TEST_MAIN("session/identity", add_tests)
