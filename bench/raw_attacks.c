/*
 * What strangers can do to unmodified ENet 1.3.17: each attack succeeds here. That it fails against
 * Belay, tests/peer shows.
 */
#include "bench/raw_hostile.h"
#include "bench/raw_scene.h"
#include <check.h>

#define SLOTS     64
#define SETTLE_MS 100
#define RETRY_MS  32000 /* how long ENet repeats an answer that nobody acknowledges */

static struct bl_scene scene;

static void open_scene(void) {
    ck_assert(bl_scene_open(&scene, SLOTS, 1));
}

static void close_scene(void) {
    bl_scene_close(&scene);
}

/** Every peer id and session: an off-path attacker knows neither, and need not. */
#define SPOOF_ALL(write)                                                                           \
    do {                                                                                           \
        const struct bl_address from = bl_scene_address(&scene, 0);                                \
        uint8_t bytes[BL_RAW_HOSTILE_MAX];                                                         \
        for (unsigned peer = 0; peer < SLOTS; peer++) {                                            \
            for (unsigned session = 0; session < BL_RAW_SESSIONS; session++) {                     \
                bl_scene_spoof(&scene, &from, bytes, (write));                                     \
            }                                                                                      \
        }                                                                                          \
    } while (0)

START_TEST(an_off_path_attacker_disconnects_a_player) {
    SPOOF_ALL(bl_raw_disconnect(bytes, peer, session));
    bl_scene_run(&scene, SETTLE_MS);
    ck_assert_uint_eq(scene.disconnects, 1);
}
END_TEST

START_TEST(an_off_path_attacker_speaks_for_a_player) {
    SPOOF_ALL(bl_raw_message(bytes, peer, session, "EVIL"));
    bl_scene_run(&scene, SETTLE_MS);
    ck_assert_uint_gt(scene.messages, 0);
    ck_assert_str_eq(scene.last_message, "EVIL");
}
END_TEST

START_TEST(spoofed_connects_take_every_slot) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    for (uint32_t i = 0; i < 200; i++) {
        const struct bl_address from = bl_scene_stranger(i);
        bl_scene_spoof(&scene, &from, bytes, bl_raw_connect(bytes, i));
    }
    bl_scene_run(&scene, SETTLE_MS);
    ck_assert_uint_eq(bl_scene_slots_taken(&scene), SLOTS);
    ck_assert(!bl_scene_joins(&scene, 3000));
}
END_TEST

START_TEST(one_address_takes_every_slot) {
    const struct bl_address from = bl_scene_stranger(1);
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    for (uint32_t i = 0; i < SLOTS; i++) {
        bl_scene_spoof(&scene, &from, bytes, bl_raw_connect(bytes, i));
    }
    bl_scene_run(&scene, SETTLE_MS);
    ck_assert_uint_eq(bl_scene_slots_taken(&scene), SLOTS);
    ck_assert(!bl_scene_joins(&scene, 3000));
}
END_TEST

START_TEST(one_connect_sends_five_times_its_size_to_a_victim) {
    const struct bl_address victim = bl_scene_stranger(1);
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    size_t size = bl_raw_connect(bytes, 1);
    bl_scene_spoof(&scene, &victim, bytes, size);
    bl_scene_run(&scene, RETRY_MS);
    ck_assert_uint_eq(size, BL_RAW_CONNECT_SIZE);
    ck_assert_uint_gt(scene.bytes_to_strangers, 5 * size);
}
END_TEST

START_TEST(one_fragment_takes_32_megabytes) {
    size_t before = bl_scene_heap();
    SPOOF_ALL(bl_raw_fragment_bomb(bytes, peer, session));
    bl_scene_run(&scene, SETTLE_MS);
    ck_assert_uint_gt(bl_scene_heap() - before, BL_RAW_BOMB_TOTAL);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, open_scene, close_scene);
    tcase_add_test(tests, an_off_path_attacker_disconnects_a_player);
    tcase_add_test(tests, an_off_path_attacker_speaks_for_a_player);
    tcase_add_test(tests, spoofed_connects_take_every_slot);
    tcase_add_test(tests, one_address_takes_every_slot);
    tcase_add_test(tests, one_connect_sends_five_times_its_size_to_a_victim);
    tcase_add_test(tests, one_fragment_takes_32_megabytes);
}

int main(void) {
    Suite *suite = suite_create("attacks on raw ENet");
    TCase *tests = tcase_create("attacks");
    add_tests(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
