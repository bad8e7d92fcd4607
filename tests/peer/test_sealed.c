/* What a seal is worth: only what opens is heard, once, whoever sent it and wherever from. */
#include "tests/peer/bare.h"
#include "tests/support/test.h"

#define HOUR (3600 * BL_SECOND)

/* ---- the first datagram */

START_TEST(the_first_data_under_the_new_keys_proves_a_binding_and_nothing_before_it) {
    static struct bare it;
    static const uint8_t payload[BL_CHALLENGE_PAYLOAD];
    open_all();
    size_t used = enet_heap.used;
    bare_enter(&it);
    bare_say(&it, BL_DATAGRAM_GONE, NULL, 0);
    bare_say(&it, BL_DATAGRAM_CHALLENGE, payload, BL_CHALLENGE_PAYLOAD);
    bare_say(&it, BL_DATAGRAM_RESPONSE, payload, BL_RESPONSE_PAYLOAD);
    ck_assert_ptr_null(bare_answer(&it));
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_KIND], 3);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 1);
    ck_assert_uint_eq(server.bound_count, 0);
    ck_assert_uint_eq(enet_heap.used, used);
    bare_say_data(&it);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    ck_assert(!server.identity.has_token);
    ck_assert_mem_eq(server.identity.id, it.dial.nonce, BL_NONCE_SIZE);
    bare_destroy(&it);
    close_all();
}
END_TEST

START_TEST(a_kind_for_the_other_side_is_dropped_though_it_is_sealed) {
    static struct bare it;
    static const uint8_t payload[BL_CHALLENGE_PAYLOAD];
    uint8_t datagram[BL_DATAGRAM_SIZE_MAX] = {0};
    open_all();
    link_up();
    struct bl_peer *peer = server.peer;
    bare_enter(&it);
    bare_say_data(&it);
    serve(&server);
    bare_say(&it, BL_DATAGRAM_CHALLENGE, payload, BL_CHALLENGE_PAYLOAD);
    ck_assert_ptr_null(bare_answer(&it));
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_KIND], 1);

    size_t size = bl_binding_seal(peer->binding, BL_DATAGRAM_RESPONSE, datagram,
                                  BL_RESPONSE_PAYLOAD, bl_net_now(server.net));
    bl_net_send(server.net,
                &(struct bl_datagram){.address = client.net->local, .data = datagram, .size = size},
                1);
    serve(&client);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_KIND], 1);
    bare_destroy(&it);
    close_all();
}
END_TEST

/* ---- forgeries */

START_TEST(a_datagram_with_any_byte_altered_is_dropped) {
    static struct bare it;
    uint8_t ack[100], datagram[BL_DATAGRAM_SIZE_MAX], copy[BL_DATAGRAM_SIZE_MAX];
    open_all();
    bare_enter(&it);
    size_t size = bare_seal(&it, BL_DATAGRAM_DATA, ack, bare_ack(ack), datagram);
    uint64_t before = dropped_count(&server);
    for (size_t i = 0; i < 8 * size; i++) {
        memcpy(copy, datagram, size);
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        bare_throw(&it, copy, size);
        serve(&server);
        ck_assert_msg(server.bound_count == 0, "bit %zu of byte %zu", i % 8, i / 8);
    }
    ck_assert_uint_eq(dropped_count(&server) - before, 8 * size);
    for (size_t i = 0; i < size; i++) { /* or cut short */
        bare_throw(&it, datagram, i);
    }
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 0);
    bare_throw(&it, datagram, size);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 1); /* the forgeries have not used up its number */
    ck_assert_uint_eq(server.progress_count, 1);
    bare_destroy(&it);
    close_all();
}
END_TEST

/* Whoever reads along knows tags and numbers, and may have keys of a binding of its own. */
START_TEST(a_known_tag_is_worth_nothing_without_its_keys) {
    static struct bare victim, thief;
    uint8_t ack[100], datagram[BL_DATAGRAM_SIZE_MAX] = {0};
    open_all();
    bare_enter(&victim);
    bare_enter(&thief);
    size_t ack_size = bare_ack(ack);
    struct bl_data_header header = {.kind = BL_DATAGRAM_DATA, .steered = true};
    header.tag = victim.binding->tag;
    bl_data_header_write(datagram, &header);
    memcpy(datagram + BL_DATA_HEADER_SIZE, ack, ack_size); /* in clear, zeros behind */
    bare_throw(&victim, datagram, BL_DATA_HEADER_SIZE + ack_size + BL_DATA_TAG_SIZE);

    uint32_t own_tag = thief.binding->tag;
    thief.binding->tag = victim.binding->tag;
    bare_say_data(&thief);
    thief.binding->tag = own_tag;
    serve(&server);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_FORGED], 2);
    ck_assert_uint_eq(server.bound_count, 0);
    header.tag ^= 1;
    bl_data_header_write(datagram, &header);
    bare_throw(&victim, datagram, BL_DATA_HEADER_SIZE + ack_size + BL_DATA_TAG_SIZE);
    serve(&server);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], 1);
    bare_destroy(&victim);
    bare_destroy(&thief);
    close_all();
}
END_TEST

START_TEST(gone_counts_only_under_the_keys_and_once) {
    uint8_t datagram[BL_DATAGRAM_SIZE_MAX] = {0}, copy[BL_DATAGRAM_SIZE_MAX];
    open_all();
    link_up();
    struct bl_datagram gone = {
        .address = client.net->local, .data = copy, .size = BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE};
    struct bl_data_header header = {.kind = BL_DATAGRAM_GONE, .number = 100};
    header.tag = ((struct bl_binding *)client.peer->binding)->tag;
    bl_data_header_write(datagram, &header);
    memcpy(copy, datagram, gone.size);
    bl_net_send(server.net, &gone, 1); /* from the server's address, with the right tag */
    serve(&client);
    ck_assert_uint_eq(client.gone_count, 0);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_FORGED], 1);

    gone.size = bl_binding_seal(server.peer->binding, BL_DATAGRAM_GONE, datagram, 0,
                                bl_net_now(server.net));
    for (int i = 0; i < 3; i++) {
        memcpy(copy, datagram, gone.size);
        bl_net_send(server.net, &gone, 1);
        serve(&client);
        ck_assert_uint_eq(client.gone_count, 1);
        ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_FORGED], 1 + i);
    }
    close_all();
}
END_TEST

/* ---- replay */

START_TEST(a_replayed_datagram_is_dropped_wherever_it_comes_from) {
    static struct bare it;
    uint8_t ack[100], datagram[BL_DATAGRAM_SIZE_MAX];
    open_all();
    bare_enter(&it);
    size_t size = bare_seal(&it, BL_DATAGRAM_DATA, ack, bare_ack(ack), datagram);
    bare_throw(&it, datagram, size);
    serve(&server);
    for (unsigned i = 1; i <= 1100; i++) { /* as long as it is in the window, and after */
        bare_throw(&it, datagram, size);
        bare_send(&server.net->local, datagram, size);
        serve(&server);
        ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_FORGED], 2 * i);
        ck_assert_uint_eq(server.progress_count, i);
        bare_say_data(&it);
        serve(&server);
    }
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(server.migrated_count, 0);
    struct bl_datagram answer;
    ck_assert_uint_eq(bl_net_receive(bare, &answer, 1), 0);
    bare_destroy(&it);
    close_all();
}
END_TEST

#define WINDOW 1024

START_TEST(datagrams_are_taken_in_any_order_within_the_window) {
    static struct bare it;
    static uint8_t datagrams[WINDOW + 2][100];
    uint8_t ack[100], datagram[BL_DATAGRAM_SIZE_MAX];
    size_t size = 0;
    open_all();
    bare_enter(&it);
    for (int i = 0; i < WINDOW + 2; i++) {
        size = bare_seal(&it, BL_DATAGRAM_DATA, ack, bare_ack(ack), datagram);
        memcpy(datagrams[i], datagram, size);
    }
    for (int i = WINDOW + 1; i >= 0; i--) {
        bare_throw(&it, datagrams[i], size);
        serve(&server);
    }
    ck_assert_uint_eq(server.progress_count, WINDOW); /* 1,025 down to 2 */
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_FORGED], 2);
    bare_destroy(&it);
    close_all();
}
END_TEST

/* ---- key update */

static struct bl_protection *protection_of(const struct party *party) {
    return &((struct bl_binding *)party->peer->binding)->protection;
}

static const struct traffic {
    unsigned client_words, server_words; /* each half second */
    float loss;
} traffics[] = {{1, 1, 0}, {1, 0, 0}, {0, 1, 0}, {3, 3, 0.2F}};

/* Hours of traffic, over links that lose and overtake: the keys change at least once an hour and
 * nobody notices. */
START_TEST(keys_change_under_traffic_and_nothing_is_lost) {
    const struct traffic *traffic = &traffics[_i];
    unsigned changes = 0;
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 30, .jitter_ms = 20, .loss = traffic->loss});
    bl_time end = bl_sim_now(sim) + 4 * HOUR + BL_SECOND;
    for (unsigned step = 0; bl_sim_now(sim) < end; step++) {
        bool phase = protection_of(&server)->phase;
        for (unsigned i = 0; step % 10 == 0 && i < traffic->client_words; i++) {
            say_word(&client);
        }
        for (unsigned i = 0; step % 10 == 0 && i < traffic->server_words; i++) {
            say_word(&server);
        }
        serve(&client);
        serve(&server);
        belay_sim_advance(sim, 50);
        changes += protection_of(&server)->phase != phase;
    }
    run(3 * BL_SECOND);
    ck_assert_uint_eq(changes, 4);
    ck_assert(protection_of(&client)->phase == protection_of(&server)->phase);
    ck_assert_uint_eq(server.word_count, client.said_count);
    ck_assert_uint_eq(client.word_count, server.said_count);
    ck_assert_uint_eq(dropped_count(&server) - server.stats.dropped[BELAY_DROP_COOKIE], 0);
    ck_assert_uint_eq(dropped_count(&client), 0);
    close_all();
}
END_TEST

/* Both become due at the same moment. */
START_TEST(two_sides_that_change_their_keys_at_once_agree) {
    open_all();
    set_link(&(struct belay_link){.delay_ms = 50});
    dial();
    run(250 * BL_MILLISECOND);
    say(&client, BL_ORDERED);
    run(BL_SECOND);
    belay_sim_advance(sim, 3600 * 1000);
    for (int i = 0; i < 50; i++) {
        say_word(&client);
        say_word(&server);
        run(20 * BL_MILLISECOND);
    }
    run(BL_SECOND);
    ck_assert(protection_of(&client)->phase && protection_of(&server)->phase);
    ck_assert_uint_eq(server.word_count, 50);
    ck_assert_uint_eq(client.word_count, 50);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_FORGED], 0);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_FORGED], 0);
    close_all();
}
END_TEST

START_TEST(a_datagram_of_the_phase_before_is_opened_though_it_is_late) {
    open_all();
    link_up();
    belay_sim_advance(sim, 3600 * 1000 - 200);
    set_link(&(struct belay_link){.delay_ms = 500});
    say_word(&client);
    serve(&client);
    set_link(&(struct belay_link){.delay_ms = 10});
    belay_sim_advance(sim, 250);
    say(&client, BL_UNSEQUENCED);
    run(30 * BL_MILLISECOND);
    ck_assert(protection_of(&server)->phase);
    ck_assert_uint_eq(server.word_count, 0);
    for (int i = 0; i < 50 && server.word_count == 0; i++) { /* not its repeat, which is newer */
        serve(&server);
        belay_sim_advance(sim, 5);
    }
    ck_assert_uint_eq(server.word_count, 1);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_FORGED], 0);
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, the_first_data_under_the_new_keys_proves_a_binding_and_nothing_before_it);
    tcase_add_test(tests, a_kind_for_the_other_side_is_dropped_though_it_is_sealed);
    tcase_add_test(tests, a_datagram_with_any_byte_altered_is_dropped);
    tcase_add_test(tests, a_known_tag_is_worth_nothing_without_its_keys);
    tcase_add_test(tests, gone_counts_only_under_the_keys_and_once);
    tcase_add_test(tests, a_replayed_datagram_is_dropped_wherever_it_comes_from);
    tcase_add_test(tests, datagrams_are_taken_in_any_order_within_the_window);
    tcase_add_loop_test(tests, keys_change_under_traffic_and_nothing_is_lost, 0,
                        COUNT_OF(traffics));
    tcase_add_test(tests, two_sides_that_change_their_keys_at_once_agree);
    tcase_add_test(tests, a_datagram_of_the_phase_before_is_opened_though_it_is_late);
}

TEST_MAIN("peer sealed", add_tests)
