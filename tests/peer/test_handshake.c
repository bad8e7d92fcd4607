/* How a binding comes about, and how it does not. */
#include "tests/peer/bare.h"
#include "tests/support/test.h"

START_TEST(a_handshake_binds_both_ends_and_seeds_the_round_trip) {
    open_all();
    set_link(&(struct belay_link){.delay_ms = 40});
    dial();
    run(180 * BL_MILLISECOND); /* two round trips: by key there is always a RETRY */
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

/* Which of several OPEN was answered is not known then, so the round trip is not (RFC 6298 3). */
START_TEST(a_lost_handshake_is_repeated_and_gives_no_false_round_trip) {
    open_all();
    set_link(_i == 0 ? &(struct belay_link){.delay_ms = 40, .cut_up = true}
                     : &(struct belay_link){.delay_ms = 40, .cut_down = true});
    dial();
    run(700 * BL_MILLISECOND); /* OPEN at 0, 250 and 500 ms */
    ck_assert_uint_eq(client.bound_count, 0);
    ck_assert_uint_eq(client.stats.datagrams_out, 3);
    set_link(&(struct belay_link){.delay_ms = 40});
    run(230 * BL_MILLISECOND); /* OPEN at 750, and at 830 ms with the cookie */
    ck_assert_uint_eq(client.bound_count, 1);
    ck_assert_int_eq(client.peer->rtt.smoothed, 80 * BL_MILLISECOND); /* of the last, alone */
    say(&client, BL_ORDERED);
    run(200 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    ck_assert_uint_eq(client.stats.datagrams_out, 6); /* 5 OPEN, 1 DATA */
    close_all();
}
END_TEST

/* Over 300 ms the client asks twice with its cookie. Its first word may answer either ACCEPT, so
 * how long it took is known to neither. */
START_TEST(after_a_second_accept_nobody_takes_a_round_trip_from_the_handshake) {
    open_all();
    set_link(&(struct belay_link){.delay_ms = 150});
    dial();
    run(615 * BL_MILLISECOND); /* OPEN at 0 and 250 ms, with the cookie at 300 and 550 ms */
    ck_assert_uint_eq(client.bound_count, 1);
    ck_assert_uint_eq(client.stats.datagrams_out, 4);
    ck_assert_int_eq(client.peer->rtt.smoothed, 0);
    run(100 * BL_MILLISECOND); /* until the server has answered the second */
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

START_TEST(half_open_handshakes_hold_no_enet_memory_and_expire) {
    static struct bare bares[PEERS_MAX], one_more;
    open_all();
    size_t used = enet_heap.used;
    for (int i = 0; i < PEERS_MAX; i++) {
        bare_enter(&bares[i]);
    }
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), PEERS_MAX);
    ck_assert_uint_eq(enet_heap.used, used);
    ck_assert_uint_eq(server.bound_count, 0);

    struct bl_deny deny;
    bare_create(&one_more);
    bare_get_cookie(&one_more);
    bare_open(&one_more);
    ck_assert(bl_dial_denied(&one_more.dial, bare_answer_of_kind(&one_more, BL_DATAGRAM_DENY),
                             &deny)); /* authentic */
    ck_assert_uint_eq(deny.code, BELAY_REASON_OVERLOAD);
    ck_assert(deny.come_back);

    run(5 * BL_SECOND + 10 * BL_MILLISECOND);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    bare_open(&one_more);
    bare_answer_of_kind(&one_more, BL_DATAGRAM_ACCEPT);
    for (int i = 0; i < PEERS_MAX; i++) {
        bare_destroy(&bares[i]);
    }
    bare_destroy(&one_more);
    close_all();
}
END_TEST

START_TEST(a_repeated_open_is_answered_byte_for_byte_until_the_first_datagram) {
    static struct bare it, other;
    open_all();
    bare_enter(&it);
    for (int i = 0; i < 10; i++) {
        bare_open(&it);
        const struct bl_datagram *again = bare_answer_of_kind(&it, BL_DATAGRAM_ACCEPT);
        ck_assert_uint_eq(again->size, it.accept_size);
        ck_assert_mem_eq(again->data, it.accept, it.accept_size);
    }
    bare_enter(&other);
    ck_assert_uint_ne(other.binding->tag, it.binding->tag);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 2);
    bare_say_data(&it);
    run(10 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    bare_open(&it);
    ck_assert_ptr_null(bare_answer(&it)); /* bound by now */
    ck_assert_uint_eq(server.bound_count, 1);
    bare_destroy(&it);
    bare_destroy(&other);
    close_all();
}
END_TEST

/* ACCEPT is the first datagram under the new keys: what is altered in it is not taken. */
START_TEST(an_altered_accept_is_dropped_and_the_true_one_taken) {
    struct bl_datagram batch[1];
    uint8_t accept[BL_ACCEPT_SIZE_MAX] = {0}, copy[BL_ACCEPT_SIZE_MAX];
    open_all();
    dial();
    for (int i = 0; i < 2; i++) { /* RETRY, then ACCEPT */
        serve(&client);
        serve(&server);
        if (i == 0) {
            serve(&client);
        }
    }
    ck_assert_uint_eq(bl_net_receive(client.net, batch, 1), 1);
    const size_t size = batch[0].size;
    ck_assert_uint_le(size, sizeof accept);
    memcpy(accept, batch[0].data, size);
    struct bl_datagram altered = {.address = client.net->local, .data = copy, .size = size};
    for (size_t i = 0; i < size; i++) {
        memcpy(copy, accept, sizeof copy);
        copy[i] ^= 1;
        bl_net_send(server.net, &altered, 1);
        serve(&client);
        ck_assert_msg(client.bound_count == 0, "byte %zu was altered", i);
    }
    memcpy(copy, accept, sizeof copy);
    bl_net_send(server.net, &altered, 1);
    serve(&client);
    ck_assert_uint_eq(client.bound_count, 1);
    close_all();
}
END_TEST

/* Without a cookie of its own address, whoever copies an OPEN is a stranger as any other. */
START_TEST(an_open_copied_by_somebody_else_is_asked_for_a_cookie_and_no_more) {
    static struct bare it;
    open_all();
    bare_create(&it);
    bare_get_cookie(&it);
    uint8_t open[BL_OPEN_SIZE];
    bl_dial_write(&it.dial, bl_net_now(it.net), open);
    bare_send(&server.net->local, open, sizeof open);
    serve(&server);
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    ck_assert_uint_eq(bl_net_receive(bare, batch, BL_NET_BATCH_MAX), 1);
    ck_assert_uint_eq(bl_datagram_kind(batch[0].data, batch[0].size), BL_DATAGRAM_RETRY);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);

    bare_throw(&it, open, sizeof open); /* it was not used up */
    bare_take_accept(&it, bare_answer_of_kind(&it, BL_DATAGRAM_ACCEPT));
    bare_destroy(&it);
    close_all();
}
END_TEST

/* A nonce is an attempt: whoever has heard it cannot ask for something else under it. */
START_TEST(a_nonce_that_comes_with_another_open_is_dropped) {
    static struct bare it, copycat;
    open_all();
    bare_enter(&it);
    bare_create(&copycat);
    memcpy(copycat.dial.nonce, it.dial.nonce, BL_NONCE_SIZE);
    memcpy(copycat.dial.open + 14, it.dial.nonce, BL_NONCE_SIZE);
    bl_hash(copycat.dial.open_hash, copycat.dial.open, BL_OPEN_FIXED_SIZE);
    bare_get_cookie(&copycat);
    bare_open(&copycat);
    ck_assert_ptr_null(bare_answer(&copycat));
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_HANDSHAKE], 1);
    bare_say_data(&it);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 1);
    bare_destroy(&it);
    bare_destroy(&copycat);
    close_all();
}
END_TEST

/* A wrong proof is not answered, whatever it claims. */
START_TEST(an_open_altered_on_its_way_is_dropped) {
    static struct bare it;
    static const size_t places[] = {5, 6, 30, 64, 1151, 1168, 1199};
    open_all();
    bare_create(&it);
    bare_get_cookie(&it);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        uint8_t open[BL_OPEN_SIZE];
        bl_dial_write(&it.dial, bl_net_now(it.net), open);
        open[places[i]] ^= 2;
        bare_throw(&it, open, sizeof open);
        ck_assert_msg(bare_answer(&it) == NULL, "byte %zu", places[i]);
    }
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_PROOF], COUNT_OF(places));
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    bare_destroy(&it);
    close_all();
}
END_TEST

/* What a server denies without a look at who asks: a hint, since nobody has proven anything. */
static const struct refusal {
    const char *name;
    struct bl_open open;
    uint32_t code;
    bool come_back;
    enum belay_drop drop;
} refusals[] = {
    {"version",
     {.version = BL_WIRE_VERSION + 1, .way = BL_WAY_KEY, .game = GAME},
     BELAY_REASON_VERSION,
     false,
     BELAY_DROP_VERSION},
    {"resume",
     {.version = BL_WIRE_VERSION, .way = BL_WAY_RESUME, .suites = 1, .game = GAME},
     BELAY_REASON_STATE_LOST,
     true,
     BELAY_DROP_TICKET},
};

START_TEST(a_refused_open_is_answered_with_a_hint_and_kept_nowhere) {
    const struct refusal *refusal = &refusals[_i];
    static const uint8_t zeros[BL_PROOF_SIZE];
    uint8_t open[BL_OPEN_SIZE] = {0};
    struct bl_datagram answer;
    struct bl_deny deny;
    open_all();
    size_t used = server.memory.used;
    bl_open_write(open, &refusal->open);
    bare_send(&server.net->local, open, sizeof open);
    serve(&server);
    ck_assert_uint_eq(bl_net_receive(bare, &answer, 1), 1);
    ck_assert_uint_le(answer.size, BL_OPEN_SIZE);
    ck_assert(bl_deny_read(&deny, answer.data, answer.size));
    ck_assert_msg(deny.code == refusal->code && deny.come_back == refusal->come_back, "%s",
                  refusal->name);
    ck_assert_uint_gt(deny.text_size, 0);
    ck_assert_mem_eq(answer.data + deny.proven_size, zeros, sizeof zeros);
    ck_assert_uint_eq(server.memory.used, used);
    ck_assert_uint_eq(server.stats.dropped[refusal->drop], 1);
    close_all();
}
END_TEST

START_TEST(a_client_of_another_game_is_told_with_authority) {
    open_all_with(&(struct setting){.client_game = GAME + 1});
    dial();
    run(BL_SECOND);
    ck_assert_uint_eq(client.denied_count, 1);
    ck_assert_uint_eq(client.deny.code, BELAY_REASON_VERSION);
    ck_assert(!client.deny.come_back);
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
    ck_assert_uint_eq(client.stats.datagrams_out, 2); /* OPEN, and OPEN with the cookie */
    server.refusal = NULL;
    dial();
    run(BL_SECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    close_all();
}
END_TEST

/** A DENY whose authenticator is zeros. */
static size_t hint_of(const uint8_t nonce[BL_NONCE_SIZE], uint32_t code, uint8_t *out) {
    struct bl_deny deny = {.code = code, .text = (const uint8_t *)""};
    memcpy(deny.nonce, nonce, sizeof deny.nonce);
    size_t size = bl_deny_write(out, &deny);
    memset(out + size, 0, BL_PROOF_SIZE);
    return size + BL_PROOF_SIZE;
}

/* From the server's address, which anybody can write on a datagram, but not with the nonce. */
START_TEST(answers_that_nobody_asked_for_are_dropped) {
    open_all();
    set_link(&(struct belay_link){.cut_up = true});
    dial(); /* waits for the server */
    run(10 * BL_MILLISECOND);
    uint8_t datagram[BL_OPEN_SIZE];
    struct bl_datagram answer = {.address = client.net->local, .data = datagram, .size = 0};
    const struct bl_accept accept = {.suite = BL_SUITE_CHACHA20};
    const struct bl_retry retry = {.way = BL_WAY_KEY, .key = {9}};
    static const uint8_t no_nonce[BL_NONCE_SIZE];
    answer.size = hint_of(no_nonce, BELAY_REASON_FULL, datagram);
    bl_net_send(server.net, &answer, 1);
    answer.size = bl_retry_write(datagram, &retry);
    bl_net_send(server.net, &answer, 1);
    memset(datagram, 0, sizeof datagram);
    bl_accept_write(datagram, &accept);
    answer.size = BL_ACCEPT_SIZE_MAX;
    bl_net_send(server.net, &answer, 1);
    memcpy(datagram + 3, client.endpoint->dial.nonce, BL_NONCE_SIZE); /* who has heard it ... */
    bare_send(&client.net->local, datagram, BL_ACCEPT_SIZE_MAX);      /* ... elsewhere */
    run(10 * BL_MILLISECOND);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_HANDSHAKE], 4);
    ck_assert_uint_eq(client.denied_count + client.bound_count, 0);
    ck_assert_uint_eq(bl_endpoint_hint(client.endpoint), 0);
    close_all();
}
END_TEST

/* Even whoever has heard the nonce can only give a hint: the attempt goes on, and succeeds. */
START_TEST(a_hint_is_kept_and_does_not_end_the_attempt) {
    open_all();
    set_link(&(struct belay_link){.cut_up = true});
    dial();
    run(10 * BL_MILLISECOND);
    uint8_t datagram[BL_OPEN_SIZE];
    struct bl_datagram answer = {.address = client.net->local, .data = datagram, .size = 0};
    answer.size = hint_of(client.endpoint->dial.nonce, BELAY_REASON_FULL, datagram);
    bl_net_send(server.net, &answer, 1);
    run(10 * BL_MILLISECOND);
    ck_assert_uint_eq(client.denied_count, 0);
    ck_assert_uint_eq(bl_endpoint_hint(client.endpoint), BELAY_REASON_FULL);
    datagram[answer.size - 1] = 1; /* and a wrong authenticator not even that */
    datagram[19] = 77;
    bl_net_send(server.net, &answer, 1);
    run(10 * BL_MILLISECOND);
    ck_assert_uint_eq(bl_endpoint_hint(client.endpoint), BELAY_REASON_FULL);
    set_link(&(struct belay_link){.delay_ms = 0});
    run(300 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    close_all();
}
END_TEST

START_TEST(without_memory_an_open_is_counted_and_a_repeat_is_answered) {
    static struct bare it;
    open_all();
    bare_create(&it);
    bare_get_cookie(&it);
    size_t limit = server.memory.used;
    server.memory.used_max = limit;
    for (int i = 0; i < 3; i++) {
        bare_open(&it);
        ck_assert_ptr_null(bare_answer(&it));
        ck_assert_uint_eq(server.memory.used, limit);
    }
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_MEMORY], 3);
    server.memory.used_max = 0;
    bare_open(&it);
    bare_take_accept(&it, bare_answer_of_kind(&it, BL_DATAGRAM_ACCEPT));
    bare_destroy(&it);
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_handshake_binds_both_ends_and_seeds_the_round_trip);
    tcase_add_loop_test(tests, a_lost_handshake_is_repeated_and_gives_no_false_round_trip, 0, 2);
    tcase_add_test(tests, after_a_second_accept_nobody_takes_a_round_trip_from_the_handshake);
    tcase_add_test(tests, a_client_that_hangs_up_says_no_more);
    tcase_add_test(tests, half_open_handshakes_hold_no_enet_memory_and_expire);
    tcase_add_test(tests, a_repeated_open_is_answered_byte_for_byte_until_the_first_datagram);
    tcase_add_test(tests, an_altered_accept_is_dropped_and_the_true_one_taken);
    tcase_add_test(tests, an_open_copied_by_somebody_else_is_asked_for_a_cookie_and_no_more);
    tcase_add_test(tests, a_nonce_that_comes_with_another_open_is_dropped);
    tcase_add_test(tests, an_open_altered_on_its_way_is_dropped);
    tcase_add_loop_test(tests, a_refused_open_is_answered_with_a_hint_and_kept_nowhere, 0,
                        COUNT_OF(refusals));
    tcase_add_test(tests, a_client_of_another_game_is_told_with_authority);
    tcase_add_test(tests, a_denied_client_hears_why_and_stops_dialing);
    tcase_add_test(tests, answers_that_nobody_asked_for_are_dropped);
    tcase_add_test(tests, a_hint_is_kept_and_does_not_end_the_attempt);
    tcase_add_test(tests, without_memory_an_open_is_counted_and_a_repeat_is_answered);
}

TEST_MAIN("peer handshake", add_tests)
