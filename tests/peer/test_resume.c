/* How a link takes the place of another one of the same session, seen from the two endpoints. */
#include "tests/peer/bare.h"
#include "tests/support/test.h"

/** To come back with the ticket that the last ACCEPT has brought. */
static struct bl_dial_target ticket_target(const struct bl_accept_params *params,
                                           const struct bl_secret *resume_key) {
    struct bl_dial_target target = {.addresses = {server.net->local},
                                    .address_count = 1,
                                    .by_ticket = true,
                                    .resume_key = *resume_key,
                                    .resume = {.attempt = 1}};
    memcpy(target.ticket, params->ticket, BL_TICKET_SIZE);
    return target;
}

static void dial_again(void) {
    const struct bl_dial_target target =
        ticket_target(&client.dialed.params, &client.dialed.keys.resume);
    bl_endpoint_dial(client.endpoint, &target);
}

/** The client gives its link up, and has another one by its ticket, which is not proven yet. */
static void come_back(void) {
    bl_endpoint_cut(client.endpoint, client.peer, 0);
    dial_again();
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 2);
}

START_TEST(the_old_link_stands_until_the_first_datagram_over_the_new_one) {
    open_all();
    link_up();
    struct bl_peer *old = server.peer;
    come_back();
    run(BL_SECOND);
    ck_assert_uint_eq(server.resume_count, 1);
    ck_assert_uint_eq(server.proven_count, 1); /* the login */
    ck_assert(old->connected);
    ck_assert_ptr_eq(old->receiver, &server);
    say(&client, BL_ORDERED);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(server.proven_count, 2);
    ck_assert_uint_eq(server.bound_count, 2);
    ck_assert(server.resumed);
    ck_assert_uint_eq(server.packet_count, 2);
    say(&server, BL_ORDERED);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(client.packet_count, 1);
    close_all();
}
END_TEST

START_TEST(the_client_hears_how_far_the_server_has_come) {
    open_all();
    server.told = (struct bl_positions){.count = 1, .channels = {{4, 5, 6, 7, 8}}};
    link_up();
    ck_assert_uint_eq(client.dialed.params.positions.count, 0);
    come_back();
    ck_assert_uint_eq(client.dialed.params.positions.count, 1);
    ck_assert_uint_eq(client.dialed.params.positions.channels[0].newest, 8);
    close_all();
}
END_TEST

/** The link that is cut makes room for the one that takes its place. */
START_TEST(a_server_without_a_free_slot_has_one_for_its_own) {
    open_all_with(&(struct setting){.peer_max = 1});
    link_up();
    come_back();
    say(&client, BL_ORDERED);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 2);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_MEMORY], 0);
    close_all();
}
END_TEST

START_TEST(what_the_cut_link_had_queued_does_not_leave) {
    static struct bare it;
    open_all();
    bare_enter(&it);
    bare_say_data(&it);
    serve(&server);
    uint64_t before = server.stats.datagrams_out;
    say(&server, BL_ORDERED);
    bl_endpoint_cut(server.endpoint, server.peer, LINGER);
    run(5 * BL_SECOND);
    ck_assert_uint_eq(server.stats.datagrams_out, before);
    ck_assert(!bl_endpoint_is_lingering(server.endpoint));
    bare_say_data(&it); /* the tombstone has fallen by then, too */
    bare_answer_of_kind(&it, BL_DATAGRAM_RESET);
    bare_destroy(&it);
    close_all();
}
END_TEST

START_TEST(over_a_cut_link_gone_is_said) {
    static struct bare it;
    open_all();
    bare_enter(&it);
    bare_say_data(&it);
    serve(&server);
    bl_endpoint_cut(server.endpoint, server.peer, LINGER);
    bare_say_data(&it);
    bare_must_hear(&it, BL_DATAGRAM_GONE);
    bare_destroy(&it);
    close_all();
}
END_TEST

/** A bare client that has been let in once, and comes back: its first word is due. */
static void bare_come_back(struct bare *it, struct bare *again) {
    bare_enter(it);
    bare_say_data(it);
    serve(&server);
    const struct bl_dial_target target = ticket_target(&it->params, &it->resume_key);
    bare_create_for(again, &target);
    bare_open(again);
    bare_take_accept(again, bare_answer_of_kind(again, BL_DATAGRAM_ACCEPT)); /* without a cookie */
}

START_TEST(a_half_open_resume_is_nobody_new_and_is_abandoned_once) {
    static struct bare it, again;
    open_all();
    bare_come_back(&it, &again);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    run(5 * BL_SECOND - 20 * BL_MILLISECOND);
    ck_assert_uint_eq(server.abandoned_count, 0);
    run(40 * BL_MILLISECOND);
    ck_assert_uint_eq(server.abandoned_count, 1);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    bare_say_data(&again); /* too late: there is no binding of it any more */
    bare_answer_of_kind(&again, BL_DATAGRAM_RESET);
    ck_assert_uint_eq(server.bound_count, 1);
    bare_destroy(&it);
    bare_destroy(&again);
    close_all();
}
END_TEST

START_TEST(a_resume_that_was_proven_is_not_abandoned) {
    static struct bare it, again;
    open_all();
    bare_come_back(&it, &again);
    bare_say_data(&again);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 2);
    run(10 * BL_SECOND);
    ck_assert_uint_eq(server.abandoned_count, 0);
    bare_destroy(&it);
    bare_destroy(&again);
    close_all();
}
END_TEST

START_TEST(the_first_word_of_an_attempt_that_was_replaced_proves_nothing) {
    static struct bare it, again, newest;
    open_all();
    bare_come_back(&it, &again);
    struct bl_dial_target target = ticket_target(&it.params, &it.resume_key);
    target.resume.attempt = 2;
    bare_create_for(&newest, &target);
    bare_open(&newest);
    bare_take_accept(&newest, bare_answer_of_kind(&newest, BL_DATAGRAM_ACCEPT));
    bare_say_data(&again);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(server.proven_count, 1);
    bare_say_data(&newest);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 2);
    ck_assert_uint_eq(server.abandoned_count, 0);
    bare_destroy(&it);
    bare_destroy(&again);
    bare_destroy(&newest);
    close_all();
}
END_TEST

START_TEST(a_refused_resume_is_told_with_authority_and_ends_the_attempt) {
    const struct belay_reason refusal = {.code = BELAY_REASON_REPLACED, .text = "by another"};
    open_all();
    link_up();
    server.refusal = &refusal;
    bl_endpoint_cut(client.endpoint, client.peer, 0);
    dial_again();
    run(BL_SECOND);
    ck_assert_uint_eq(client.denied_count, 1);
    ck_assert_uint_eq(client.deny.code, BELAY_REASON_REPLACED);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_HANDSHAKE], 0);
    ck_assert(server.peer->connected); /* what stands, stands */
    close_all();
}
END_TEST

/** A ticket of before the server's key was lost: only a hint, and the client goes on asking. */
START_TEST(a_ticket_that_nobody_can_read_ends_no_attempt) {
    open_all();
    link_up();
    bl_endpoint_cut(client.endpoint, client.peer, 0);
    client.dialed.params.ticket[50] ^= 1;
    dial_again();
    run(BL_SECOND);
    ck_assert_uint_eq(client.denied_count, 0);
    ck_assert(client.endpoint->dial.active);
    ck_assert_uint_eq(bl_endpoint_hint(client.endpoint), BELAY_REASON_STATE_LOST);
    ck_assert_uint_eq(server.resume_count, 0);
    close_all();
}
END_TEST

/** The server's other address, by which the same attempt arrives twice. */
START_TEST(with_two_addresses_both_are_asked_at_once) {
    open_all();
    link_up();
    bl_endpoint_cut(client.endpoint, client.peer, 0);
    struct bl_dial_target target = ticket_target(&client.dialed.params, &client.dialed.keys.resume);
    target.address_count = 2;
    target.addresses[1] = target.addresses[0];
    target.addresses[0] = bare->local; /* where it was, there is nobody any more */
    uint64_t before = client.stats.datagrams_out;
    bl_endpoint_dial(client.endpoint, &target);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(client.stats.datagrams_out - before, 2);
    ck_assert_uint_eq(client.bound_count, 2);
    ck_assert(bl_address_equal(bl_endpoint_address(client.peer), &server.net->local));
    struct bl_datagram open;
    ck_assert_uint_eq(bl_net_receive(bare, &open, 1), 1);
    ck_assert_uint_eq(bl_datagram_kind(open.data, open.size), BL_DATAGRAM_OPEN);
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, the_old_link_stands_until_the_first_datagram_over_the_new_one);
    tcase_add_test(tests, the_client_hears_how_far_the_server_has_come);
    tcase_add_test(tests, a_server_without_a_free_slot_has_one_for_its_own);
    tcase_add_test(tests, what_the_cut_link_had_queued_does_not_leave);
    tcase_add_test(tests, over_a_cut_link_gone_is_said);
    tcase_add_test(tests, a_half_open_resume_is_nobody_new_and_is_abandoned_once);
    tcase_add_test(tests, a_resume_that_was_proven_is_not_abandoned);
    tcase_add_test(tests, the_first_word_of_an_attempt_that_was_replaced_proves_nothing);
    tcase_add_test(tests, a_refused_resume_is_told_with_authority_and_ends_the_attempt);
    tcase_add_test(tests, a_ticket_that_nobody_can_read_ends_no_attempt);
    tcase_add_test(tests, with_two_addresses_both_are_asked_at_once);
}

TEST_MAIN("peer resume", add_tests)
