/* How a binding comes about, and how it does not. */
#include "tests/peer/parties.h"
#include "tests/support/test.h"

START_TEST(a_handshake_binds_both_ends_and_seeds_the_round_trip) {
    open_all();
    set_link(&(struct belay_link){.delay_ms = 40});
    dial();
    run(100 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    ck_assert_int_eq(client.peer->rtt.smoothed, 80 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 0); /* not before it hears something */
    say(&client, BL_ORDERED);
    run(100 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_int_ge(server.peer->rtt.smoothed, 80 * BL_MILLISECOND);
    ck_assert(bl_address_equal(bl_endpoint_address(server.peer), &client.net->local));
    ck_assert(bl_address_equal(bl_endpoint_address(client.peer), &server.net->local));
    close_all();
}
END_TEST

/* Exactly: by the repeat that was answered, not by the first. */
START_TEST(a_lost_handshake_is_repeated_and_its_round_trip_still_known) {
    open_all();
    set_link(_i == 0 ? &(struct belay_link){.delay_ms = 40, .cut_up = true}
                     : &(struct belay_link){.delay_ms = 40, .cut_down = true});
    dial();
    run(700 * BL_MILLISECOND); /* OPEN at 0, 250 and 500 ms */
    ck_assert_uint_eq(client.bound_count, 0);
    ck_assert_uint_eq(client.stats.datagrams_out, 3);
    set_link(&(struct belay_link){.delay_ms = 40});
    run(200 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    ck_assert_int_eq(client.peer->rtt.smoothed, 80 * BL_MILLISECOND);
    say(&client, BL_ORDERED);
    run(200 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    ck_assert_uint_eq(client.stats.datagrams_out, 5); /* 4 OPEN, 1 DATA */
    close_all();
}
END_TEST

/* Over 300 ms the client asks twice. Its first word may answer either ACCEPT, so how long it took
 * is not known (RFC 6298 3). */
START_TEST(a_server_that_accepted_twice_takes_no_round_trip_from_the_first_word) {
    open_all();
    set_link(&(struct belay_link){.delay_ms = 150});
    dial();
    run(310 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    ck_assert_uint_eq(client.stats.datagrams_out, 2);
    say(&client, BL_ORDERED);
    run(160 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_int_eq(server.peer->rtt.smoothed, 0);
    say(&server, BL_ORDERED);
    run(310 * BL_MILLISECOND);
    ck_assert_int_ge(server.peer->rtt.smoothed, 300 * BL_MILLISECOND);
    ck_assert_uint_eq(server.peer->resent_count, 0);
    close_all();
}
END_TEST

START_TEST(a_client_that_hangs_up_says_no_more) {
    open_all();
    set_link(&(struct belay_link){.cut_up = true});
    dial();
    run(100 * BL_MILLISECOND);
    bl_endpoint_hang_up(client.endpoint);
    run(5 * BL_SECOND);
    ck_assert_uint_eq(client.stats.datagrams_out, 1);
    close_all();
}
END_TEST

/* An answer names the repeat that it is for; one that was never sent would make a round trip of
 * anything. */
START_TEST(an_accept_for_a_repeat_that_was_never_sent_does_not_spoil_the_round_trip) {
    open_all();
    set_link(&(struct belay_link){.delay_ms = 40});
    dial();
    serve(&client);
    belay_sim_advance(sim, 40);
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    struct bl_open open;
    ck_assert_uint_eq(bl_net_receive(server.net, batch, 1), 1);
    ck_assert(bl_open_read(&open, batch[0].data, batch[0].size));
    struct bl_accept accept = {.attempt = 200, .tag = 77};
    memcpy(accept.nonce, open.nonce, sizeof accept.nonce);
    uint8_t datagram[BL_OPEN_SIZE];
    size_t size = bl_accept_write(datagram, &accept);
    struct bl_datagram answer = {client.net->local, datagram, size};
    ck_assert_uint_eq(bl_net_send(server.net, &answer, 1), 1);
    belay_sim_advance(sim, 40);
    serve(&client);
    if (client.peer != NULL) { /* taken, then with no round trip or the true one */
        bl_duration known = client.peer->rtt.smoothed;
        ck_assert(known == 0 || known == 80 * BL_MILLISECOND);
    }
    close_all();
}
END_TEST

START_TEST(half_open_handshakes_hold_no_enet_memory_and_expire) {
    open_all();
    size_t used = enet_heap.used;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        bare_accept(i);
    }
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), PEERS_MAX);
    ck_assert_uint_eq(enet_heap.used, used);
    ck_assert_uint_eq(server.bound_count, 0);

    const struct bl_open one_more = open_of(99);
    struct bl_deny deny;
    bare_open(&one_more);
    const struct bl_datagram *answer = bare_answer();
    ck_assert(answer != NULL && bl_deny_read(&deny, answer->data, answer->size));
    ck_assert_uint_eq(deny.code, BELAY_REASON_OVERLOAD);
    ck_assert(deny.come_back);

    run(5 * BL_SECOND + 10 * BL_MILLISECOND);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    bare_accept(99);
    close_all();
}
END_TEST

START_TEST(a_repeated_open_is_answered_alike_and_changes_nothing) {
    open_all();
    uint32_t tag = bare_accept(1);
    ck_assert_uint_ne(tag, 0);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(bare_accept(1), tag);
    }
    ck_assert_uint_ne(bare_accept(2), tag);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 2);
    bare_data(tag, BL_DATAGRAM_DATA);
    run(10 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(bare_accept(1), tag); /* bound by now */
    ck_assert_uint_eq(server.bound_count, 1);
    close_all();
}
END_TEST

START_TEST(an_open_copied_by_somebody_else_is_not_answered) {
    open_all();
    bare_accept(1);
    struct bl_net *thief = open_net("*:0", NULL);
    uint8_t datagram[BL_OPEN_SIZE];
    const struct bl_open open = open_of(1);
    struct bl_datagram copy = {server.net->local, datagram, bl_open_write(datagram, &open)};
    ck_assert_uint_eq(bl_net_send(thief, &copy, 1), 1);
    serve(&server);
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    ck_assert_uint_eq(bl_net_receive(thief, batch, 1), 0);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_HANDSHAKE], 1);
    bl_net_close(thief);
    close_all();
}
END_TEST

/* What a server denies, and with which reason. */
static const struct refusal {
    const char *name;
    struct bl_open open;
    uint32_t code;
    bool come_back;
} refusals[] = {
    {"version", {.version = BL_WIRE_VERSION + 1, .game = GAME}, BELAY_REASON_VERSION, false},
    {"game", {.version = BL_WIRE_VERSION, .game = GAME + 1}, BELAY_REASON_VERSION, false},
    {"resume",
     {.version = BL_WIRE_VERSION, .game = GAME, .resume = true},
     BELAY_REASON_STATE_LOST,
     true},
};

START_TEST(a_refused_open_is_answered_with_its_reason_and_kept_nowhere) {
    const struct refusal *refusal = &refusals[_i];
    struct bl_deny deny;
    open_all();
    size_t used = server.memory.used;
    bare_open(&refusal->open);
    const struct bl_datagram *answer = bare_answer();
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_le(answer->size, BL_OPEN_SIZE);
    ck_assert(bl_deny_read(&deny, answer->data, answer->size));
    ck_assert_msg(deny.code == refusal->code && deny.come_back == refusal->come_back, "%s",
                  refusal->name);
    ck_assert_uint_gt(deny.text_size, 0);
    ck_assert_uint_eq(server.memory.used, used);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_REFUSED], 1);
    close_all();
}
END_TEST

START_TEST(a_denied_client_hears_why_and_stops_dialing) {
    char text[BELAY_REASON_TEXT_MAX + 1];
    const struct belay_reason refusal = {
        .code = BELAY_REASON_GAME, .come_back = true, .retry_ms = 1234, .text = text};
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    open_all();
    server.refusal = &refusal;
    dial();
    run(BL_SECOND);
    ck_assert_uint_eq(client.denied_count, 1);
    ck_assert_uint_eq(client.deny.code, BELAY_REASON_GAME);
    ck_assert_uint_eq(client.deny.retry_ms, 1234);
    ck_assert_str_eq(client.deny_text, text);
    ck_assert_uint_eq(client.stats.datagrams_out, 1);
    server.refusal = NULL;
    dial();
    run(BL_SECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    close_all();
}
END_TEST

START_TEST(answers_that_nobody_asked_for_are_dropped) {
    open_all();
    set_link(&(struct belay_link){.cut_up = true});
    dial(); /* waits for the server, with a nonce that the stranger does not know */
    run(10 * BL_MILLISECOND);
    uint8_t datagram[BL_OPEN_SIZE];
    const struct bl_accept accept = {.tag = 5};
    const struct bl_deny deny = {.code = BELAY_REASON_FULL, .text = (const uint8_t *)""};
    bare_send(&client.net->local, datagram, bl_accept_write(datagram, &accept));
    bare_send(&client.net->local, datagram, bl_deny_write(datagram, &deny));
    bl_net_send(
        server.net,
        &(struct bl_datagram){client.net->local, datagram, bl_accept_write(datagram, &accept)},
        1); /* from the right address */
    run(10 * BL_MILLISECOND);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_HANDSHAKE], 3);
    ck_assert_uint_eq(client.denied_count + client.bound_count, 0);
    close_all();
}
END_TEST

START_TEST(without_memory_an_open_is_counted_and_a_repeat_is_answered) {
    open_all();
    size_t limit = server.memory.used;
    server.memory.used_max = limit;
    for (int i = 0; i < 3; i++) {
        const struct bl_open open = open_of(1);
        bare_open(&open);
        ck_assert_ptr_null(bare_answer());
        ck_assert_uint_eq(server.memory.used, limit);
    }
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_MEMORY], 3);
    server.memory.used_max = 0;
    bare_accept(1);
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_handshake_binds_both_ends_and_seeds_the_round_trip);
    tcase_add_loop_test(tests, a_lost_handshake_is_repeated_and_its_round_trip_still_known, 0, 2);
    tcase_add_test(tests, a_server_that_accepted_twice_takes_no_round_trip_from_the_first_word);
    tcase_add_test(tests, a_client_that_hangs_up_says_no_more);
    tcase_add_test(tests, an_accept_for_a_repeat_that_was_never_sent_does_not_spoil_the_round_trip);
    tcase_add_test(tests, half_open_handshakes_hold_no_enet_memory_and_expire);
    tcase_add_test(tests, a_repeated_open_is_answered_alike_and_changes_nothing);
    tcase_add_test(tests, an_open_copied_by_somebody_else_is_not_answered);
    tcase_add_loop_test(tests, a_refused_open_is_answered_with_its_reason_and_kept_nowhere, 0,
                        COUNT_OF(refusals));
    tcase_add_test(tests, a_denied_client_hears_why_and_stops_dialing);
    tcase_add_test(tests, answers_that_nobody_asked_for_are_dropped);
    tcase_add_test(tests, without_memory_an_open_is_counted_and_a_repeat_is_answered);
}

TEST_MAIN("peer handshake", add_tests)
