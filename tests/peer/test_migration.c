/*
 * A client that moves keeps its binding, and whoever copies its datagrams gets nothing for it.
 *
 * Both parties talk in numbered words all the while; parties.h fails the test when one is missing
 * or comes twice.
 */
#include "tests/peer/bare.h"
#include "tests/support/test.h"

#define STEP (20 * BL_MILLISECOND)

/** Both sides say a word each step. */
static void talk(bl_duration duration) {
    for (bl_time end = bl_sim_now(sim) + duration; bl_sim_now(sim) < end;) {
        say_word(&client);
        say_word(&server);
        run(STEP);
    }
}

/** Once, and as large as several words. */
static void say_much(struct party *party) {
    struct bl_packet *packet = bl_packet_create(600, BL_UNSEQUENCED);
    memset(bl_packet_data(packet), 0, 600);
    ck_assert(bl_peer_send(party->peer, 0, packet));
    bl_packet_release(packet);
}

/** A while after the last word. */
static void must_have_heard_all(void) {
    run(2 * BL_SECOND);
    ck_assert_uint_eq(server.word_count, client.said_count);
    ck_assert_uint_eq(client.word_count, server.said_count);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(client.bound_count, 1);
    ck_assert_uint_eq(server.gone_count + client.gone_count, 0);
}

static struct bl_binding *binding_of(const struct party *party) {
    return party->peer->binding;
}

/* ---- the client's places */

static struct bl_net *first_net, *second_net; /* of a client that has two sockets */

/** The client sends and receives at another socket from now on. */
static void move_to(struct bl_net *net) {
    client.net = net;
    client.endpoint->net = net;
}

static void open_second(const char *local) {
    first_net = client.net;
    second_net = open_net(local, &second_net);
}

static void close_second(void) {
    move_to(first_net);
    bl_net_close(second_net);
}

static void set_second_link(const struct belay_link *link) {
    struct belay_link whole = *link;
    whole.struct_size = sizeof whole;
    belay_sim_link(sim, as_client(&second_net), &whole);
}

/* ---- what is seen on the wire */

struct seen {
    struct bl_address old_place, new_place; /* the new one as soon as something has come from it */
    uint64_t to_old, to_new, from_new;      /* bytes, while the new place is not proven */
    bool too_much;                          /* to_new was above from_new */
    unsigned challenges;
    unsigned late; /* datagrams to the old place when the new one is proven */
    uint32_t old_tag;
    unsigned old_tag_up, old_tag_down; /* datagrams to and from the new place under the old tag */
};

static void see(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct seen *seen = user;
    bool is_up =
        !bl_address_equal(from, &server.net->local) && !bl_address_equal(from, &seen->old_place);
    if (is_up) {
        seen->new_place = *from;
    }
    bool is_down = bl_address_equal(&to->address, &seen->new_place);
    struct bl_data_header header;
    if (!bl_data_header_read(&header, to->data, to->size)) {
        return;
    }
    seen->old_tag_up += is_up && header.tag == seen->old_tag;
    seen->old_tag_down += is_down && header.tag == seen->old_tag;
    if (server.migrated_count > 0) {
        seen->late += bl_address_equal(&to->address, &seen->old_place);
        return;
    }
    seen->challenges += header.kind == BL_DATAGRAM_CHALLENGE;
    seen->from_new += is_up ? to->size : 0;
    seen->to_new += is_down ? to->size : 0;
    seen->to_old += bl_address_equal(&to->address, &seen->old_place) ? to->size : 0;
    seen->too_much |= seen->to_new > seen->from_new;
}

/* ---- moving */

/** How the client's address changes: a NAT's new port, another network, IPv4 to IPv6. */
static const char *const moves[] = {NULL, "10.7.7.7:7", "[2001:db8::7]:7"};

static void move(const char *to) {
    if (to == NULL) {
        belay_sim_rebind(sim, as_client(&client));
    } else {
        open_second(to);
        set_second_link(&(struct belay_link){.delay_ms = 20});
        move_to(second_net);
    }
}

START_TEST(a_client_whose_address_changes_is_followed_without_a_loss) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 20});
    talk(BL_SECOND);
    struct seen seen = {.old_place = *bl_endpoint_address(server.peer)};
    move(moves[_i]);
    bl_sim_observe(sim, see, &seen);
    talk(60 * BL_MILLISECOND); /* a round trip, and the word that goes before it */
    ck_assert_uint_eq(server.migrated_count, 0);
    talk(30 * BL_MILLISECOND); /* the challenge comes with the second word: the first has data */
    ck_assert_uint_eq(server.migrated_count, 1);
    talk(BL_SECOND);
    must_have_heard_all();
    ck_assert_uint_eq(server.migrated_count, 1);
    ck_assert_uint_eq(client.migrated_count, 0);
    ck_assert(bl_address_equal(bl_endpoint_address(server.peer), &seen.new_place));
    bl_sim_observe(sim, NULL, NULL);
    if (moves[_i] != NULL) {
        close_second();
    }
    close_all();
}
END_TEST

START_TEST(a_client_that_moves_again_and_again_is_followed_each_time) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 20, .jitter_ms = 20, .loss = 0.1F});
    for (unsigned i = 1; i <= 20; i++) {
        talk(BL_SECOND);
        belay_sim_rebind(sim, as_client(&client));
        talk(BL_SECOND);
        ck_assert_uint_eq(server.migrated_count, i);
    }
    must_have_heard_all();
    close_all();
}
END_TEST

/* ACCEPT was received where it was sent to, so that is the place that is proven. */
START_TEST(a_client_that_moves_before_its_first_word_has_to_answer_for_its_new_place) {
    open_all();
    set_link(&(struct belay_link){.delay_ms = 20});
    dial();
    run(100 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    struct bl_address first_place = client.net->local;
    belay_sim_rebind(sim, as_client(&client));
    say_word(&client);
    run(30 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert(bl_address_equal(bl_endpoint_address(server.peer), &first_place));
    talk(BL_SECOND);
    ck_assert_uint_eq(server.migrated_count, 1);
    must_have_heard_all();
    close_all();
}
END_TEST

/* The answers to the challenge are lost, so the new place stays a claim (RFC 9000 8.1). */
START_TEST(until_it_has_answered_a_new_place_gets_no_more_than_came_from_it) {
    static struct seen seen;
    open_all();
    link_up();
    talk(BL_SECOND);
    seen = (struct seen){.old_place = *bl_endpoint_address(server.peer)};
    belay_sim_rebind(sim, as_client(&client));
    set_link(&(struct belay_link){.delay_ms = 20, .cut_down = true});
    bl_sim_observe(sim, see, &seen);
    for (int i = 0; i < 50; i++) {
        say_much(&server);
        talk(STEP);
    }
    ck_assert(!seen.too_much);
    ck_assert_uint_gt(seen.to_new, 0);
    ck_assert_uint_gt(seen.to_old, 20000); /* the rest goes where the client was */
    ck_assert_uint_gt(seen.challenges, 10);
    ck_assert_uint_eq(server.migrated_count, 0);
    set_link(&(struct belay_link){.delay_ms = 20});
    talk(BL_SECOND);
    ck_assert_uint_eq(server.migrated_count, 1);
    must_have_heard_all();
    bl_sim_observe(sim, NULL, NULL);
    close_all();
}
END_TEST

/* What was under way on a slow path comes when the client has long been elsewhere. */
START_TEST(late_datagrams_of_the_old_place_do_not_call_the_server_back) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 300, .jitter_ms = 300});
    talk(BL_SECOND);
    struct seen seen = {.old_place = client.net->local};
    bl_sim_observe(sim, see, &seen);
    open_second("*:0");
    set_second_link(&(struct belay_link){.delay_ms = 10});
    move_to(second_net);
    for (int i = 0; i < 40; i++) {
        talk(STEP);
        ck_assert_uint_le(server.migrated_count, 1);
        ck_assert(server.migrated_count == 0 ||
                  bl_address_equal(bl_endpoint_address(server.peer), &second_net->local));
    }
    ck_assert_uint_eq(server.migrated_count, 1);
    must_have_heard_all();
    ck_assert_uint_eq(server.migrated_count, 1);
    ck_assert_uint_eq(seen.late, 0); /* not even a challenge */
    bl_sim_observe(sim, NULL, NULL);
    close_second();
    close_all();
}
END_TEST

/* Two paths at once, as of a phone that sends by whichever it likes: the newest datagram decides,
 * and words come through all the same. */
START_TEST(a_client_on_two_paths_in_turn_loses_nothing) {
    open_all();
    link_up();
    open_second("*:0");
    set_link(&(struct belay_link){.delay_ms = 20});
    set_second_link(&(struct belay_link){.delay_ms = 40});
    for (int i = 0; i < 40; i++) {
        move_to(i % 2 == 0 ? second_net : first_net);
        talk(100 * BL_MILLISECOND);
    }
    must_have_heard_all();
    close_second();
    close_all();
}
END_TEST

/* ---- the thief */

struct thief {
    bool relays; /* hands the challenges that it gets to the client */
    uint64_t sent, received;
    unsigned challenges;
    uint8_t copy[BL_DATAGRAM_SIZE_MAX];
    size_t size; /* of the client's newest datagram; 0 = nothing new */
};

static void copy_upward(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct thief *thief = user;
    if (bl_address_equal(from, &client.net->local)) {
        memcpy(thief->copy, to->data, to->size);
        thief->size = to->size;
    }
}

/** Everything that was sent to the thief's address. */
static void collect(struct thief *thief) {
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    size_t count = bl_net_receive(bare, batch, BL_NET_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        thief->received += batch[i].size;
        if (bl_datagram_kind(batch[i].data, batch[i].size) == BL_DATAGRAM_CHALLENGE) {
            thief->challenges++;
            if (thief->relays) {
                bare_send(&client.net->local, batch[i].data, batch[i].size);
            }
        }
    }
}

/** The copy overtakes the original, so that it is the original that comes twice. */
static void steal(struct thief *thief) {
    if (thief->size > 0) {
        bare_send(&server.net->local, thief->copy, thief->size);
        thief->sent += thief->size;
        thief->size = 0;
    }
    serve(&server);
    collect(thief);
}

/* Which share of the client's datagrams a thief overtakes, and whether it hands on challenges. */
static const struct theft {
    int every;
    bool relays;
} thefts[] = {{2, false}, {2, true}, {5, false}, {5, true}};

START_TEST(whoever_replays_the_newest_datagram_gets_neither_the_path_nor_more_than_it_sent) {
    static struct thief thief;
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 20});
    thief = (struct thief){.relays = thefts[_i].relays};
    bl_sim_observe(sim, copy_upward, &thief);
    for (int i = 0; i < 500; i++) {
        say_much(&client);
        say_word(&client);
        say_word(&server);
        serve(&client);
        if (i % thefts[_i].every == 0) {
            steal(&thief);
        }
        uint64_t before = thief.received;
        run(STEP);
        thief.size = 0;
        collect(&thief);
        if (i % thefts[_i].every >= 2) { /* the client's next datagram has ended it */
            ck_assert_uint_eq(thief.received, before);
        }
        ck_assert_uint_le(thief.received, thief.sent);
        ck_assert_uint_eq(server.migrated_count, 0);
    }
    ck_assert_uint_gt(thief.challenges, 50);
    bl_sim_observe(sim, NULL, NULL);
    must_have_heard_all();
    ck_assert(bl_address_equal(bl_endpoint_address(server.peer), &client.net->local));
    close_all();
}
END_TEST

/* It overtakes the last datagram of a client that then falls silent: until the next one the thief
 * may get what it has paid for, and nothing more; the rest goes to the client. */
START_TEST(a_thief_of_the_last_datagram_gets_what_it_sent_and_the_client_the_rest) {
    static struct thief thief;
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 20});
    thief = (struct thief){.sent = 0};
    bl_sim_observe(sim, copy_upward, &thief);
    say(&client, BL_UNSEQUENCED);
    serve(&client);
    steal(&thief);
    bl_sim_observe(sim, NULL, NULL);
    for (int i = 0; i < 100; i++) {
        say(&server, BL_UNSEQUENCED);
        run(STEP);
        collect(&thief);
    }
    ck_assert_uint_le(thief.received, thief.sent);
    ck_assert_uint_ge(client.packet_count, 95);
    ck_assert_uint_eq(server.migrated_count, 0);
    close_all();
}
END_TEST

/* ---- tags */

START_TEST(a_client_that_was_told_of_its_new_network_is_not_known_by_its_tag) {
    static struct seen seen;
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 20});
    for (unsigned i = 1; i <= 5; i++) {
        talk(500 * BL_MILLISECOND);
        const struct bl_binding *binding = binding_of(&client);
        seen =
            (struct seen){.old_tag = binding->tag, .old_place = *bl_endpoint_address(server.peer)};
        uint32_t spare = binding->spare_tag;
        ck_assert_uint_ne(spare, 0);
        belay_sim_rebind(sim, as_client(&client));
        bl_sim_observe(sim, see, &seen);
        bl_endpoint_network_changed(client.peer);
        talk(500 * BL_MILLISECOND);
        bl_sim_observe(sim, NULL, NULL);
        ck_assert_uint_eq(server.migrated_count, i);
        ck_assert_uint_eq(seen.old_tag_up + seen.old_tag_down, 0);
        ck_assert_uint_eq(binding->tag, spare);
        ck_assert_uint_eq(binding_of(&server)->tag, spare);
        ck_assert_uint_ne(binding->spare_tag, 0);
        ck_assert_uint_eq(binding->spare_tag, binding_of(&server)->spare_tag);
        ck_assert_uint_ne(binding->spare_tag, seen.old_tag);
    }
    must_have_heard_all();
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_BINDING], 0);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], 0);
    close_all();
}
END_TEST

/* Where the address has stayed after all there is no challenge, and so no new spare: the client
 * goes on with the tag that it has. */
START_TEST(changes_that_were_none_cost_nothing) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 20});
    uint32_t spare = binding_of(&client)->spare_tag;
    for (int i = 0; i < 5; i++) {
        bl_endpoint_network_changed(client.peer);
        talk(200 * BL_MILLISECOND);
        ck_assert_uint_eq(binding_of(&client)->tag, spare);
    }
    must_have_heard_all();
    ck_assert_uint_eq(server.migrated_count, 0);
    ck_assert_uint_eq(dropped_count(&client), 0);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], 0);
    close_all();
}
END_TEST

/* What was under way under the old tag still counts. */
START_TEST(datagrams_under_the_tag_before_are_taken) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 200});
    talk(BL_SECOND);
    open_second("*:0");
    set_second_link(&(struct belay_link){.delay_ms = 5});
    move_to(second_net);
    bl_endpoint_network_changed(client.peer);
    say_word(&client);
    run(190 * BL_MILLISECOND); /* too short for a repeat of what was said less than 200 ms before */
    ck_assert_uint_eq(server.word_count, client.said_count);
    ck_assert_uint_eq(binding_of(&server)->tag, binding_of(&client)->tag);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], 0);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_FORGED], 0);
    must_have_heard_all();
    close_second();
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_client_whose_address_changes_is_followed_without_a_loss, 0,
                        COUNT_OF(moves));
    tcase_add_test(tests,
                   a_client_that_moves_before_its_first_word_has_to_answer_for_its_new_place);
    tcase_add_test(tests, a_client_that_moves_again_and_again_is_followed_each_time);
    tcase_add_test(tests, until_it_has_answered_a_new_place_gets_no_more_than_came_from_it);
    tcase_add_test(tests, late_datagrams_of_the_old_place_do_not_call_the_server_back);
    tcase_add_test(tests, a_client_on_two_paths_in_turn_loses_nothing);
    tcase_add_loop_test(
        tests, whoever_replays_the_newest_datagram_gets_neither_the_path_nor_more_than_it_sent, 0,
        COUNT_OF(thefts));
    tcase_add_test(tests, a_thief_of_the_last_datagram_gets_what_it_sent_and_the_client_the_rest);
    tcase_add_test(tests, a_client_that_was_told_of_its_new_network_is_not_known_by_its_tag);
    tcase_add_test(tests, changes_that_were_none_cost_nothing);
    tcase_add_test(tests, datagrams_under_the_tag_before_are_taken);
}

TEST_MAIN("peer migration", add_tests)
