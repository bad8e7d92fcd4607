/* What goes over a binding, how it ends, and what never reaches it. */
#include "tests/peer/bare.h"
#include "tests/support/test.h"

/* ---- slots */

/* Sessions may be fewer than handshakes: whoever comes too early tries again. */
START_TEST(without_a_free_slot_a_binding_waits) {
    static struct bare bares[PEERS_MAX], late;
    struct bl_peer *peers[PEERS_MAX];
    open_all();
    for (int i = 0; i < PEERS_MAX; i++) {
        bare_enter(&bares[i]);
        bare_say_data(&bares[i]);
        serve(&server);
        peers[i] = server.peer;
    }
    bare_enter(&late);
    bare_say_data(&late);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, PEERS_MAX);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_MEMORY], 1);
    bl_endpoint_release(server.endpoint, peers[2], 0, LINGER);
    serve(&server);
    bare_say_data(&late);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, PEERS_MAX + 1);
    ck_assert_ptr_eq(server.peer, peers[2]);
    for (int i = 0; i < PEERS_MAX; i++) {
        bare_destroy(&bares[i]);
    }
    bare_destroy(&late);
    close_all();
}
END_TEST

START_TEST(a_newcomer_may_be_turned_away_when_it_is_bound) {
    static struct bare newcomer;
    open_all();
    server.release_at_once = true;
    for (unsigned i = 0; i < 3 * PEERS_MAX; i++) {
        bare_enter(&newcomer);
        bare_say_data(&newcomer);
        serve(&server);
        ck_assert_uint_eq(server.bound_count, i + 1);
        bare_say_data(&newcomer);
        bare_must_hear(&newcomer, BL_DATAGRAM_GONE);
        bare_destroy(&newcomer);
    }
    ck_assert_uint_eq(server.packet_count + server.progress_count, 0);
    close_all();
}
END_TEST

/* ---- the end */

START_TEST(a_tombstone_says_gone_at_most_five_times_a_second) {
    open_all();
    link_up();
    bl_endpoint_release(server.endpoint, server.peer, 0, LINGER);
    run(5 * BL_MILLISECOND);
    uint64_t before = server.stats.datagrams_out;
    for (int i = 0; i < 500; i++) { /* 2.5 s */
        say(&client, BL_UNSEQUENCED);
        run(5 * BL_MILLISECOND);
    }
    ck_assert_uint_eq(server.stats.datagrams_out - before, 13); /* at 0, 200 ... 2,400 ms */
    ck_assert_uint_eq(client.gone_count, 13);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_LATE], 500);
    run(LINGER);
    before = server.stats.datagrams_out;
    say(&client, BL_UNSEQUENCED);
    run(10 * BL_MILLISECOND);
    ck_assert_uint_eq(server.stats.datagrams_out, before + 1); /* the tombstone has fallen: RESET */
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_LATE], 500);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], 1);
    ck_assert_uint_eq(client.gone_count, 14);
    close_all();
}
END_TEST

START_TEST(gone_is_never_answered) {
    static struct bare it;
    open_all();
    bare_enter(&it);
    bare_say(&it, BL_DATAGRAM_GONE, NULL, 0); /* pending */
    ck_assert_ptr_null(bare_answer(&it));
    ck_assert_uint_eq(server.bound_count, 0);
    bare_say_data(&it);
    serve(&server);
    bare_say(&it, BL_DATAGRAM_GONE, NULL, 0); /* bound: the session hears of it */
    ck_assert_ptr_null(bare_answer(&it));
    ck_assert_uint_eq(server.gone_count, 1);
    bl_endpoint_release(server.endpoint, server.peer, 0, LINGER);
    serve(&server);
    for (int i = 0; i < 10; i++) {
        bare_say(&it, BL_DATAGRAM_GONE, NULL, 0); /* a tombstone: two of them would talk for ever */
        ck_assert_ptr_null(bare_answer(&it));
        run(BL_SECOND / 4);
    }
    ck_assert_uint_eq(server.gone_count, 1);
    bare_destroy(&it);
    close_all();
}
END_TEST

/* GONE has one size; whatever else begins like it says nothing, sealed though it is. */
START_TEST(gone_with_something_in_it_is_dropped) {
    static struct bare it;
    open_all();
    bare_enter(&it);
    bare_say_data(&it);
    serve(&server);
    bare_say(&it, BL_DATAGRAM_GONE, "x", 1);
    serve(&server);
    ck_assert_uint_eq(server.gone_count, 0);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], 1);
    bare_say(&it, BL_DATAGRAM_GONE, NULL, 0); /* and at its own size it does */
    serve(&server);
    ck_assert_uint_eq(server.gone_count, 1);
    bare_destroy(&it);
    close_all();
}
END_TEST

START_TEST(an_open_of_a_binding_that_has_ended_is_not_answered) {
    static struct bare it;
    open_all();
    bare_create(&it);
    bare_get_cookie(&it);
    uint8_t open[BL_OPEN_SIZE];
    bl_dial_write(&it.dial, bl_net_now(it.net), open);
    bare_throw(&it, open, sizeof open);
    bare_take_accept(&it, bare_answer_of_kind(&it, BL_DATAGRAM_ACCEPT));
    bare_say_data(&it);
    serve(&server);
    bl_endpoint_release(server.endpoint, server.peer, 0, LINGER);
    serve(&server);
    bare_throw(&it, open, sizeof open);
    ck_assert_ptr_null(bare_answer(&it));
    run(LINGER + BL_SECOND);
    bare_throw(&it, open, sizeof open); /* forgotten by now, so it is a new one */
    const struct bl_datagram *answer = bare_answer_of_kind(&it, BL_DATAGRAM_ACCEPT);
    ck_assert_mem_ne(answer->data, it.accept, it.accept_size);
    bare_destroy(&it);
    close_all();
}
END_TEST

START_TEST(last_words_are_repeated_until_they_are_acknowledged) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.cut_down = true});
    say(&server, BL_ORDERED);
    bl_endpoint_release(server.endpoint, server.peer, PATIENCE, LINGER);
    uint64_t before = server.stats.datagrams_out;
    run(BL_SECOND);
    ck_assert(bl_endpoint_is_lingering(server.endpoint));
    ck_assert(server.peer->connected);
    uint64_t repeats = server.stats.datagrams_out - before;
    ck_assert_msg(repeats >= 9 && repeats <= 11, "%d", (int)repeats); /* every 100 ms */
    set_link(&(struct belay_link){.delay_ms = 0});
    run(BL_SECOND);
    ck_assert_uint_eq(client.packet_count, 1);
    ck_assert(!bl_endpoint_is_lingering(server.endpoint));
    ck_assert(!server.peer->connected);
    close_all();
}
END_TEST

START_TEST(last_words_that_nobody_acknowledges_end_with_patience) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.cut_down = true, .cut_up = true});
    say(&server, BL_ORDERED);
    bl_endpoint_release(server.endpoint, server.peer, PATIENCE, LINGER);
    run(PATIENCE - 20 * BL_MILLISECOND);
    ck_assert(server.peer->connected);
    run(600 * BL_MILLISECOND); /* the next repeat is what finds that it is over */
    ck_assert(!server.peer->connected);
    uint64_t before = server.stats.datagrams_out;
    run(5 * BL_SECOND);
    ck_assert_uint_eq(server.stats.datagrams_out, before);
    close_all();
}
END_TEST

START_TEST(gone_ends_last_words_at_once) {
    open_all();
    link_up();
    bl_endpoint_release(client.endpoint, client.peer, 0, LINGER); /* its side has forgotten all */
    run(10 * BL_MILLISECOND);
    say(&server, BL_ORDERED);
    bl_endpoint_release(server.endpoint, server.peer, PATIENCE, LINGER);
    run(30 * BL_MILLISECOND);
    ck_assert(!server.peer->connected);
    ck_assert(!bl_endpoint_is_lingering(server.endpoint));
    ck_assert_uint_eq(server.gone_count, 0); /* nobody is there to hear it */
    close_all();
}
END_TEST

START_TEST(what_is_queued_leaves_before_a_peer_ends) {
    open_all();
    link_up();
    say(&server, BL_UNSEQUENCED);
    bl_endpoint_release(server.endpoint, server.peer, 0, LINGER);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(client.packet_count, 1);
    ck_assert(!server.peer->connected);
    close_all();
}
END_TEST

START_TEST(whoever_released_a_peer_hears_no_more_of_it) {
    open_all();
    link_up();
    say(&server, BL_ORDERED);
    set_link(&(struct belay_link){.cut_down = true});
    bl_endpoint_release(server.endpoint, server.peer, PATIENCE, LINGER);
    unsigned packets = server.packet_count, steps = server.progress_count;
    for (int i = 0; i < 20; i++) {
        say(&client, BL_ORDERED);
        run(10 * BL_MILLISECOND);
    }
    ck_assert_uint_eq(server.packet_count, packets);
    ck_assert_uint_eq(server.progress_count, steps);
    close_all();
}
END_TEST

/* ---- garbage */

#define GARBAGE_PER_LENGTH 3

/** Throws random bytes of a kind at both parties. @return how many datagrams each got */
static unsigned throw_garbage(struct bl_random *random, uint8_t kind, size_t size) {
    uint8_t datagram[BL_DATAGRAM_SIZE_MAX];
    for (int i = 0; i < GARBAGE_PER_LENGTH; i++) {
        bl_random_bytes(random, datagram, size);
        datagram[0] = kind;
        if (kind == BL_DATAGRAM_OPEN) {
            datagram[3] ^= 0x80; /* no version of ours, should the length be right */
        }
        bare_send(&server.net->local, datagram, size);
        bare_send(&client.net->local, datagram, size);
    }
    return GARBAGE_PER_LENGTH;
}

START_TEST(garbage_of_any_kind_and_length_is_counted_and_does_no_harm) {
    static const size_t lengths[] = {1,  2,  3,  7,  8,   22,  23,  24,  25,   26,  27,
                                     28, 29, 30, 31, 100, 500, 575, 576, 1199, 1200};
    struct bl_random random;
    unsigned thrown = 0;
    open_all();
    link_up();
    bl_random_init_seeded(&random, 7);
    uint64_t in = server.stats.datagrams_in, drops = dropped_count(&server);
    uint64_t client_drops = dropped_count(&client);
    size_t used = server.memory.used;
    for (unsigned kind = 0; kind <= 0xff; kind++) {
        for (size_t i = 0; i < COUNT_OF(lengths); i++) {
            thrown += throw_garbage(&random, (uint8_t)kind, lengths[i]);
        }
        serve(&server);
        serve(&client);
    }
    ck_assert_uint_eq(server.stats.datagrams_in - in, thrown);
    ck_assert_uint_eq(dropped_count(&server) - drops, thrown);
    ck_assert_uint_eq(dropped_count(&client) - client_drops, thrown);
    ck_assert_uint_eq(server.memory.used, used);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(server.gone_count + client.gone_count + client.denied_count, 0);

    unsigned packets = server.packet_count;
    say(&client, BL_ORDERED);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(server.packet_count, packets + 1);
    close_all();
}
END_TEST

/* The same under true keys: only ENet's commands are garbage. */
START_TEST(sealed_garbage_of_any_length_is_counted_and_does_no_harm) {
    static struct bare it;
    struct bl_random random;
    open_all();
    bare_enter(&it);
    bl_random_init_seeded(&random, 8);
    for (size_t size = 0; size <= BL_DATA_PAYLOAD_MAX; size++) {
        uint8_t garbage[BL_DATA_PAYLOAD_MAX];
        bl_random_bytes(&random, garbage, size);
        bare_say(&it, BL_DATAGRAM_DATA, garbage, size);
        if (size % 64 == 0) {
            serve(&server);
        }
    }
    serve(&server);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_COMMAND], BL_DATA_PAYLOAD_MAX + 1);
    ck_assert_uint_eq(server.bound_count, 1); /* the binding was proven, whatever it carried */
    ck_assert(server.peer->connected);
    bare_destroy(&it);
    close_all();
}
END_TEST

/* ---- memory */

static struct { uint64_t count, fail_at; /* as in enet_heap, for what is not ENet's */ } ours;

static void *allocate_ours(void *block, size_t old_size, size_t new_size, void *user) {
    (void)old_size;
    (void)user;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return ++ours.count == ours.fail_at ? NULL : realloc(block, new_size);
}

/** Until there was memory for it. */
static void insist(struct party *party) {
    bool sent = false;
    while (!sent) {
        struct bl_packet *word = bl_packet_create(0, BL_ORDERED);
        sent = word != NULL && bl_peer_send(party->peer, 0, word);
        bl_packet_release(word);
    }
}

/* Each allocation fails once, from the first OPEN to the last tombstone: all is repeated that can
 * be, and nothing is lost or left over. */
START_TEST(a_link_lives_and_ends_whichever_allocation_fails) {
    bool of_enet = _i == 1, was_reached = true;
    for (uint64_t n = 1; was_reached; n++) {
        open_all();
        server.memory.hooks.realloc = client.memory.hooks.realloc = allocate_ours;
        ours.count = 0;
        ours.fail_at = of_enet ? 0 : n;
        uint64_t fail_at = enet_heap.fail_at = of_enet ? enet_heap.allocation_count + n : 0;
        dial();
        run(600 * BL_MILLISECOND);
        ck_assert_uint_eq(client.bound_count, 1);
        insist(&client);
        run(3 * BL_SECOND);
        ck_assert_uint_eq(server.bound_count, 1);
        insist(&server);
        run(3 * BL_SECOND);
        ck_assert_uint_eq(server.packet_count, 1);
        ck_assert_msg(client.packet_count == 1, "allocation %d failed, and so did the link",
                      (int)n);
        bl_endpoint_release(server.endpoint, server.peer, PATIENCE, LINGER);
        run(5 * BL_MILLISECOND);
        insist(&client);
        run(3 * BL_SECOND);
        ck_assert_uint_gt(client.gone_count, 0);
        bl_endpoint_release(client.endpoint, client.peer, 0, LINGER);
        run(2 * LINGER);
        was_reached = of_enet ? enet_heap.allocation_count >= fail_at : ours.count >= n;
        ck_assert(n > 5 || was_reached);
        close_all();
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, without_a_free_slot_a_binding_waits);
    tcase_add_test(tests, a_newcomer_may_be_turned_away_when_it_is_bound);
    tcase_add_test(tests, a_tombstone_says_gone_at_most_five_times_a_second);
    tcase_add_test(tests, gone_is_never_answered);
    tcase_add_test(tests, gone_with_something_in_it_is_dropped);
    tcase_add_test(tests, an_open_of_a_binding_that_has_ended_is_not_answered);
    tcase_add_test(tests, last_words_are_repeated_until_they_are_acknowledged);
    tcase_add_test(tests, last_words_that_nobody_acknowledges_end_with_patience);
    tcase_add_test(tests, gone_ends_last_words_at_once);
    tcase_add_test(tests, what_is_queued_leaves_before_a_peer_ends);
    tcase_add_test(tests, whoever_released_a_peer_hears_no_more_of_it);
    tcase_add_test(tests, garbage_of_any_kind_and_length_is_counted_and_does_no_harm);
    tcase_add_test(tests, sealed_garbage_of_any_length_is_counted_and_does_no_harm);
    tcase_add_loop_test(tests, a_link_lives_and_ends_whichever_allocation_fails, 0, 2);
}

TEST_MAIN("peer endpoint", add_tests)
