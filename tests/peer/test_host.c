/* Two hosts joined by a wire in virtual time: slots, order, dispatch, and ENet's memory. */
#include "lib/wire/frame.h"
#include "tests/peer/enet_datagram.h"
#include "tests/peer/enet_heap.h"
#include "tests/peer/rig.h"
#include "tests/support/test.h"

/** What came, in order: the next number that is expected, from each end. */
struct inbox {
    uint32_t next[2];
};

static int end_of(const struct rig *rig, const struct bl_peer *peer) {
    return peer->host == rig->ends[1].host;
}

static void take_in_order(struct rig *rig, struct bl_peer *peer, uint8_t channel,
                          struct bl_packet *packet) {
    struct inbox *inbox = rig->user;
    (void)channel;
    RIG_CHECK(rig_number(packet) == inbox->next[end_of(rig, peer)]++);
    bl_packet_release(packet);
}

START_TEST(connecting_leaves_nothing_on_the_wire) {
    struct rig *rig = rig_create(8, 3);
    for (int i = 0; i < 8; i++) {
        ck_assert(rig_join(rig)->connected);
    }
    rig_run(rig, 10 * BL_SECOND);
    ck_assert_uint_eq(rig->ends[0].sent_count, 0);
    ck_assert_uint_eq(rig->ends[1].sent_count, 0);
    rig_destroy(rig);
}
END_TEST

static const uint16_t sizes[] = {1, 2, 5, 64, 4095};

START_TEST(every_slot_can_be_used_and_one_more_is_refused) {
    uint16_t peer_max = sizes[_i];
    struct rig *rig = rig_create(peer_max, 2);
    struct inbox inbox = {{0}};
    rig->take = take_in_order;
    rig->user = &inbox;
    for (uint32_t i = 0; i < peer_max; i++) {
        rig_send(rig_join(rig), 0, BL_ORDERED, i, 20);
    }
    ck_assert_ptr_null(bl_peer_connect(rig->ends[0].host, rig->now));
    ck_assert_ptr_null(bl_peer_connect(rig->ends[1].host, rig->now));
    rig_run(rig, 100 * BL_MILLISECOND);
    ck_assert_uint_eq(inbox.next[1], peer_max);
    rig_destroy(rig);
}
END_TEST

START_TEST(a_slot_is_as_good_as_new_after_a_reset) {
    enet_heap_install();
    struct rig *rig = rig_create(3, 2);
    struct bl_peer *pairs[3];
    struct inbox inbox;
    size_t idle = enet_heap.used;
    rig->take = take_in_order;
    rig->user = &inbox;
    for (int round = 0; round < 64; round++) {
        inbox = (struct inbox){{0}};
        for (int i = 0; i < 3; i++) {
            pairs[i] = rig_join(rig);
        }
        for (uint32_t i = 0; i < 30; i++) {
            rig_send(pairs[i / 10], 0, BL_ORDERED, i, 20);
        }
        rig_run(rig, 100 * BL_MILLISECOND);
        ck_assert_uint_eq(inbox.next[1], 30);
        rig_send(pairs[0], 1, BL_ORDERED, 0, 1000); /* left behind, unsent and unacknowledged */
        rig_send(pairs[1]->binding, 1, BL_ORDERED, 0, 1000);
        rig_flush(rig);
        rig_send(pairs[0], 1, BL_ORDERED, 0, 1000);
        for (int i = 0; i < 3; i++) {
            rig_part(rig, pairs[(i + round) % 3]);
        }
        ck_assert_uint_eq(enet_heap.used, idle);
        ck_assert(!bl_host_is_dirty(rig->ends[0].host));
    }
    rig_destroy(rig);
    ck_assert_uint_eq(enet_heap.used, 0);
}
END_TEST

static const double losses[] = {0, 0.05, 0.2, 0.3};

START_TEST(packets_arrive_once_and_in_order_over_a_lossy_link) {
    struct rig *rig = rig_create(1, 3);
    struct inbox inbox = {{0}};
    struct bl_peer *peer = rig_join(rig);
    struct bl_peer *sides[2] = {peer, peer->binding};
    rig->take = take_in_order;
    rig->user = &inbox;
    rig->loss = losses[_i];
    rig->jitter = rig->loss > 0 ? 40 * BL_MILLISECOND : 0;
    for (uint32_t i = 0; i < 4000; i++) {
        for (int side = 0; side < 2; side++) {
            rig_send(sides[side], 1, BL_ORDERED, i, 4 + i % (BL_FRAME_SIZE_MAX - 3));
        }
        rig_step(rig, 5 * BL_MILLISECOND);
    }
    rig->loss = 0;
    rig_run(rig, 2 * BL_SECOND);
    ck_assert_uint_eq(inbox.next[0], 4000);
    ck_assert_uint_eq(inbox.next[1], 4000);
    ck_assert(!bl_peer_is_unacknowledged(sides[0]) && !bl_peer_is_unacknowledged(sides[1]));
    ck_assert_uint_eq(sides[0]->enet->totalWaitingData, 0);
    ck_assert_uint_eq(sides[1]->enet->totalWaitingData, 0);
    ck_assert_msg((sides[0]->resent_count > 0) == (losses[_i] > 0), "%u repeats at %.0f %% loss",
                  (unsigned)sides[0]->resent_count, losses[_i] * 100);
    rig_destroy(rig);
}
END_TEST

static void count_packet(struct rig *rig, struct bl_peer *peer, uint8_t channel,
                         struct bl_packet *packet) {
    (void)peer;
    (void)channel;
    ++*(uint32_t *)rig->user;
    bl_packet_release(packet);
}

START_TEST(unsequenced_packets_are_sent_once_and_never_repeated_to_the_receiver) {
    struct rig *rig = rig_create(1, 1);
    struct bl_peer *peer = rig_join(rig);
    uint32_t got = 0;
    rig->take = count_packet;
    rig->user = &got;
    for (uint32_t i = 0; i < 3000; i++) {
        rig_send(peer, 0, BL_UNSEQUENCED, i, 50);
        rig_step(rig, 5 * BL_MILLISECOND);
    }
    rig_run(rig, BL_SECOND);
    ck_assert_uint_eq(got, 3000);
    ck_assert_uint_eq(rig->ends[0].sent_count, 3000);
    ck_assert_uint_eq(rig->ends[1].sent_count, 0);
    for (uint32_t i = 0; i < 3000; i++) { /* and a link that doubles everything */
        rig_send(peer, 0, BL_UNSEQUENCED, i, 50);
        rig_flush(rig);
        rig->flights[rig->flight_count] = rig->flights[rig->flight_count - 1];
        rig->flight_count++;
        rig_step(rig, 5 * BL_MILLISECOND);
    }
    rig_run(rig, BL_SECOND);
    ck_assert_uint_eq(got, 6000);
    rig_destroy(rig);
}
END_TEST

#define WRAPS_COUNT 200000U
#define SPAN        256U /* as the session bounds it: sent and not acknowledged, per channel */

/* ENet's reliable sequence has 16 bits: three times around it, in both directions and with loss. */
START_TEST(order_survives_the_wrap_of_enets_sequence) {
    enet_heap_install();
    struct rig *rig = rig_create(1, 2);
    struct inbox inbox = {{0}};
    struct bl_peer *peer = rig_join(rig);
    struct bl_peer *sides[2] = {peer, peer->binding};
    uint32_t sent[2] = {0};
    size_t used_max = 0;
    rig->take = take_in_order;
    rig->user = &inbox;
    rig->delay = 5 * BL_MILLISECOND;
    rig->jitter = 5 * BL_MILLISECOND;
    rig->loss = _i * 0.05;
    for (int step = 0; inbox.next[0] < WRAPS_COUNT || inbox.next[1] < WRAPS_COUNT; step++) {
        RIG_CHECK(step < 200000);
        for (int side = 0; side < 2; side++) {
            while (sent[side] < WRAPS_COUNT && sent[side] - inbox.next[!side] < SPAN) {
                rig_send(sides[side], 0, BL_ORDERED, sent[side]++, 8);
            }
        }
        rig_step(rig, 5 * BL_MILLISECOND);
        used_max = step < 1000 ? enet_heap.used_max : used_max;
    }
    rig_run(rig, BL_SECOND);
    ck_assert_uint_lt(enet_heap.used_max, used_max + used_max / 4);
    rig_destroy(rig);
}
END_TEST

/** Resets one of three pairs' receiving ends at the n-th packet it sees. */
struct reset_plan {
    struct bl_peer *pairs[3];
    uint32_t got[3];
    int victim; /* by whose packet which pair is reset */
    int by;
};

static void take_and_reset(struct rig *rig, struct bl_peer *peer, uint8_t channel,
                           struct bl_packet *packet) {
    struct reset_plan *plan = rig->user;
    int index = 0;
    (void)channel;
    if (end_of(rig, peer) == 0) {
        bl_packet_release(packet);
        return;
    }
    while (plan->pairs[index]->binding != peer) {
        ck_assert_int_lt(++index, 3);
    }
    ck_assert_uint_eq(rig_number(packet), plan->got[index]++);
    bl_packet_release(packet);
    if (index == plan->by && plan->got[index] == 5) {
        struct bl_peer *other = plan->pairs[plan->victim]->binding;
        bl_peer_reset(other);
        ck_assert(!other->connected);
    }
}

/* The loop test's number: who is reset (0 the receiver itself, 1 one before, 2 one behind it) and
 * whether it had something to send. */
START_TEST(a_peer_may_be_reset_while_packets_are_dispatched) {
    enet_heap_install();
    struct rig *rig = rig_create(3, 2);
    struct reset_plan plan = {.by = 1, .victim = (1 + _i % 3) % 3};
    rig->take = take_and_reset;
    rig->user = &plan;
    for (int i = 0; i < 3; i++) {
        plan.pairs[i] = rig_join(rig);
        for (uint32_t n = 0; n < 12; n++) {
            rig_send(plan.pairs[i], 0, BL_ORDERED, n, 10);
        }
    }
    rig_flush(rig);
    for (int i = 0; _i / 3 != 0 && i < 3; i++) {
        rig_send(plan.pairs[i]->binding, 0, BL_ORDERED, 0, 10); /* dirty when they are reset */
    }
    rig_run(rig, 300 * BL_MILLISECOND);
    for (int i = 0; i < 3; i++) {
        bool reset = i == plan.victim;
        uint32_t expected = !reset ? 12 : i == plan.by ? 5 : i < plan.by ? 12 : 0;
        ck_assert_msg(plan.got[i] == expected, "pair %d got %u, not %u", i, plan.got[i], expected);
        ck_assert(((struct bl_peer *)plan.pairs[i]->binding)->connected != reset);
    }
    struct bl_peer *again = bl_peer_connect(rig->ends[1].host, rig->now);
    ck_assert_ptr_eq(again, plan.pairs[plan.victim]->binding);
    rig_destroy(rig);
    ck_assert_uint_eq(enet_heap.used, 0);
}
END_TEST

static void take_and_answer(struct rig *rig, struct bl_peer *peer, uint8_t channel,
                            struct bl_packet *packet) {
    uint32_t number = rig_number(packet);
    bl_packet_release(packet);
    if (end_of(rig, peer) == 1) {
        rig_send(peer, channel, BL_ORDERED, number, 20);
    } else {
        ck_assert_uint_eq(number, (*(uint32_t *)rig->user)++);
    }
}

START_TEST(an_answer_leaves_in_the_datagram_of_the_acknowledgement) {
    struct rig *rig = rig_create(1, 1);
    struct bl_peer *peer = rig_join(rig);
    uint32_t answered = 0;
    rig->take = take_and_answer;
    rig->user = &answered;
    for (uint32_t i = 0; i < 100; i++) {
        rig_send(peer, 0, BL_ORDERED, i, 20);
        rig_run(rig, 100 * BL_MILLISECOND);
    }
    ck_assert_uint_eq(answered, 100);
    ck_assert_uint_eq(rig->ends[1].sent_count, 100);
    rig_destroy(rig);
}
END_TEST

START_TEST(a_packet_is_in_flight_until_it_is_acknowledged_or_its_peer_is_reset) {
    enet_heap_install();
    struct rig *rig = rig_create(1, 1);
    struct bl_peer *peer = rig_join(rig);
    struct bl_packet *packet = bl_packet_create(100, BL_ORDERED);
    memset(bl_packet_data(packet), 0, 100);
    ck_assert(!bl_packet_is_in_flight(packet));
    ck_assert(bl_peer_send(peer, 0, packet));
    ck_assert(bl_packet_is_in_flight(packet));
    rig_step(rig, 30 * BL_MILLISECOND);
    ck_assert(bl_packet_is_in_flight(packet) && bl_peer_is_unacknowledged(peer));
    rig_run(rig, 100 * BL_MILLISECOND);
    ck_assert(!bl_packet_is_in_flight(packet) && !bl_peer_is_unacknowledged(peer));

    ck_assert(bl_peer_send(peer, 0, packet)); /* the same packet again, as a resume does */
    rig_flush(rig);
    ck_assert(bl_packet_is_in_flight(packet));
    rig_part(rig, peer);
    ck_assert(!bl_packet_is_in_flight(packet));
    bl_packet_release(packet);
    rig_destroy(rig);
    ck_assert_uint_eq(enet_heap.used, 0);
}
END_TEST

/** Sends, loses and parts for a while. */
static void live(struct rig *rig) {
    struct inbox inbox = {{0}};
    struct bl_peer *peer = rig_join(rig);
    rig->take = take_in_order;
    rig->user = &inbox;
    rig->loss = 0.1;
    for (uint32_t i = 0; i < 2000; i++) {
        rig_send(peer, 0, BL_ORDERED, i, 400);
        rig_step(rig, 5 * BL_MILLISECOND);
    }
    rig->loss = 0;
    rig_run(rig, 2 * BL_SECOND);
    ck_assert_uint_eq(inbox.next[1], 2000);
    ck_assert_uint_eq(((struct bl_peer *)peer->binding)->enet->totalWaitingData, 0);
    rig_part(rig, peer);
}

START_TEST(memory_does_not_grow_with_traffic) {
    enet_heap_install();
    struct rig *rig = rig_create(2, 2);
    live(rig);
    size_t used = enet_heap.used, used_max = enet_heap.used_max, ours = rig->memory.used;
    for (int i = 0; i < 10; i++) {
        live(rig);
        ck_assert_uint_eq(enet_heap.used, used);
        ck_assert_uint_eq(rig->memory.used, ours);
    }
    ck_assert_uint_lt(enet_heap.used_max, used_max * 3 / 2);
    rig_destroy(rig);
}
END_TEST

/* Every allocation of ENet fails once: what cannot be done says so, and nothing else breaks. */
START_TEST(running_out_of_memory_costs_one_call_and_nothing_more) {
    enet_heap_install();
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        struct rig *rig = rig_create(2, 2);
        struct inbox inbox = {{0}};
        struct bl_peer *first = rig_join(rig); /* a neighbour, who has all it needs */
        rig->take = take_in_order;
        rig->user = &inbox;
        enet_heap.fail_at = enet_heap.allocation_count + n;
        struct bl_peer *second = bl_peer_connect(rig->ends[0].host, rig->now);
        done = second != NULL;
        enet_heap.fail_at = 0;
        if (second == NULL) {
            second = bl_peer_connect(rig->ends[0].host, rig->now);
            ck_assert_ptr_nonnull(second);
        }
        rig_send(first, 0, BL_ORDERED, 0, 10);
        rig_run(rig, 200 * BL_MILLISECOND);
        ck_assert_uint_eq(inbox.next[1], 1);
        rig_destroy(rig);
        ck_assert_uint_eq(enet_heap.used, 0);
        ck_assert_uint_lt(n, 100);
    }
    ck_assert_uint_gt(enet_heap.allocation_count, 0);
}
END_TEST

/* The same for traffic: a packet that cannot be taken in is not acknowledged, and comes again. */
START_TEST(a_packet_that_memory_is_short_for_comes_again) {
    enet_heap_install();
    for (uint64_t n = 1; n < 120; n++) {
        struct rig *rig = rig_create(1, 2);
        struct inbox inbox = {{0}};
        struct bl_peer *peer = rig_join(rig);
        rig->take = take_in_order;
        rig->user = &inbox;
        enet_heap.fail_at = enet_heap.allocation_count + n;
        uint32_t sent = 0;
        for (int i = 0; i < 20; i++) {
            struct bl_packet *packet = bl_packet_create(10, BL_ORDERED);
            if (packet != NULL) {
                memcpy(bl_packet_data(packet), &sent, sizeof sent);
                sent += bl_peer_send(peer, 0, packet);
                bl_packet_release(packet);
            }
            rig_step(rig, 5 * BL_MILLISECOND);
        }
        ck_assert_uint_ge(sent, 19);
        rig_run(rig, 2 * BL_SECOND);
        ck_assert_msg(inbox.next[1] == sent, "allocation %u failed: %u of %u arrived", (unsigned)n,
                      inbox.next[1], sent);
        rig_destroy(rig);
        ck_assert_uint_eq(enet_heap.used, 0);
    }
}
END_TEST

/** 32 repeats of a reliable command that has arrived; @return false when they were dropped. */
static bool repeat(struct rig *rig, struct bl_peer *peer, bool stamped) {
    uint8_t datagram[BL_DATA_PAYLOAD_MAX];
    struct bl_writer writer = bl_writer_of(datagram, sizeof datagram);
    if (stamped) {
        writer = enet_begin(datagram, sizeof datagram, 0);
    } else {
        bl_write_u16(&writer, 0);
    }
    for (int i = 0; i < 32; i++) {
        enet_reliable(&writer, 0, 0, NULL, 0);
    }
    return bl_peer_receive(peer, datagram, bl_writer_size(&writer), rig->now);
}

/* ENet allocates for each acknowledgement that it owes: 4,096 are enough until some have left. Of a
 * datagram without a time stamp it acknowledges nothing. */
START_TEST(a_peer_owes_so_many_acknowledgements_and_no_more) {
    struct rig *rig = rig_create(1, 2);
    struct bl_peer *peer = rig_join(rig);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            ck_assert(repeat(rig, peer, false));
        }
        for (int i = 0; i < 128; i++) {
            ck_assert(repeat(rig, peer, true));
        }
        ck_assert(!repeat(rig, peer, true));
        rig_flush(rig);
    }
    rig_destroy(rig);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, connecting_leaves_nothing_on_the_wire);
    tcase_add_loop_test(tests, every_slot_can_be_used_and_one_more_is_refused, 0, COUNT_OF(sizes));
    tcase_add_test(tests, a_slot_is_as_good_as_new_after_a_reset);
    tcase_add_loop_test(tests, packets_arrive_once_and_in_order_over_a_lossy_link, 0,
                        COUNT_OF(losses));
    tcase_add_test(tests, unsequenced_packets_are_sent_once_and_never_repeated_to_the_receiver);
    tcase_add_loop_test(tests, order_survives_the_wrap_of_enets_sequence, 0, 2);
    tcase_add_loop_test(tests, a_peer_may_be_reset_while_packets_are_dispatched, 0, 6);
    tcase_add_test(tests, an_answer_leaves_in_the_datagram_of_the_acknowledgement);
    tcase_add_test(tests, a_packet_is_in_flight_until_it_is_acknowledged_or_its_peer_is_reset);
    tcase_add_test(tests, a_peer_owes_so_many_acknowledgements_and_no_more);
    tcase_add_test(tests, memory_does_not_grow_with_traffic);
    tcase_add_test(tests, running_out_of_memory_costs_one_call_and_nothing_more);
    tcase_add_test(tests, a_packet_that_memory_is_short_for_comes_again);
}

TEST_MAIN("peer host", add_tests)
