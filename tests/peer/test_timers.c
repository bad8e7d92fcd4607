/* ENet's timers as we set them: steady repeats, and no silence long enough to end a peer. */
#include "tests/peer/enet_datagram.h"
#include "tests/peer/enet_heap.h"
#include "tests/peer/rig.h"
#include "tests/support/test.h"

#define HOUR (3600 * BL_SECOND)
#define DAY  (24 * HOUR)

/** When reliable command number 1 left, counted from its first time. */
struct departures {
    size_t count;
    bl_time at[64];
};

static void note_departure(struct rig *rig, struct bl_peer *from, const uint8_t *datagram,
                           size_t size) {
    struct departures *departures = rig->user;
    struct bl_reader reader = enet_commands(datagram, size);
    struct enet_seen seen;
    while (from->host == rig->ends[0].host && enet_next(&reader, &seen)) {
        if (seen.command == COMMAND_RELIABLE && departures->count < COUNT_OF(departures->at)) {
            departures->at[departures->count++] = rig->now;
        }
    }
    RIG_CHECK(!reader.failed);
}

/** Sleeps from timer to timer, as a real program does. */
static void run_by_timers(struct rig *rig, bl_duration duration) {
    bl_time end = rig->now + duration;
    while (rig->now < end) {
        bl_time next = bl_timer_wheel_next(&rig->wheel);
        for (size_t i = 0; i < rig->flight_count; i++) {
            next = bl_earlier(next, rig->flights[i].at);
        }
        next = bl_earlier(next, end);
        rig_step(rig, next > rig->now ? next - rig->now : 0);
        RIG_CHECK(bl_timer_wheel_next(&rig->wheel) > rig->now || rig->now == end);
    }
}

/* Round trip times whose timeouts lie below, at and above every bound, and what follows from them:
 * after a second of silence nothing is repeated more often than every 500 ms. */
static const struct schedule {
    int rtt_ms;
    int timeout_ms, stale_ms;
} schedules[] = {
    {1, 100, 500}, {50, 100, 500}, {200, 400, 500}, {300, 600, 600}, {700, 1400, 1400},
};

START_TEST(a_lost_packet_is_repeated_steadily_without_doubling) {
    const struct schedule *schedule = &schedules[_i];
    struct departures departures = {0};
    struct rig *rig = rig_create(1, 1);
    struct bl_peer *peer;
    rig->delay = schedule->rtt_ms * BL_MILLISECOND / 2; /* seeds the estimate; variation is half */
    peer = rig_join(rig);
    ck_assert_int_eq(bl_rtt_timeout(&peer->rtt), schedule->timeout_ms * BL_MILLISECOND);
    rig->user = &departures;
    rig->seen = note_departure;
    rig->loss = 1;
    rig_send(peer, 0, BL_ORDERED, 0, 10);
    rig_flush(rig);
    run_by_timers(rig, 20 * BL_SECOND);
    ck_assert_uint_gt(departures.count, 10);
    for (size_t i = 1; i < departures.count; i++) {
        bl_duration gap = departures.at[i] - departures.at[i - 1];
        bool stale = departures.at[i] - RIG_START > BL_SECOND;
        int expected = stale ? schedule->stale_ms : schedule->timeout_ms;
        bool between = stale && departures.at[i - 1] - RIG_START <= BL_SECOND;
        ck_assert_msg(gap == expected * BL_MILLISECOND ||
                          (between && gap == schedule->timeout_ms * BL_MILLISECOND),
                      "repeat %zu after %d ms, not %d", i, (int)(gap / BL_MILLISECOND), expected);
    }
    ck_assert_uint_eq(peer->resent_count, departures.count - 1);
    rig_destroy(rig);
}
END_TEST

START_TEST(an_acknowledged_packet_is_never_repeated) {
    struct rig *rig = rig_create(1, 1);
    struct departures departures = {0};
    struct bl_peer *peer = rig_join(rig);
    rig->user = &departures;
    rig->seen = note_departure;
    for (uint32_t i = 0; i < 20; i++) {
        rig_send(peer, 0, BL_ORDERED, i, 10);
        rig_flush(rig);
        run_by_timers(rig, BL_SECOND);
        ck_assert_uint_eq(departures.count, i + 1);
    }
    ck_assert(!bl_timer_is_armed(&peer->timer));
    ck_assert_uint_eq(peer->resent_count, 0);
    rig_destroy(rig);
}
END_TEST

/* ENet counts what it repeats, and begins anew every ten seconds. */
START_TEST(the_count_of_repeats_never_goes_back_and_never_jumps) {
    struct rig *rig = rig_create(1, 1);
    struct bl_peer *peer = rig_join(rig);
    rig->loss = 0.3;
    for (uint32_t i = 0; i < 100; i++) {
        rig_send(peer, 0, BL_ORDERED, i, 10);
        rig_run(rig, 50 * BL_MILLISECOND);
    }
    rig->loss = 0;
    rig_run(rig, BL_SECOND);
    uint64_t resent = peer->resent_count;
    ck_assert_uint_gt(resent, 20);
    ck_assert_uint_lt(resent, 200);
    for (int i = 0; i < 100; i++) { /* 50 s of heartbeats, then something reliable again */
        rig_send(peer, 0, BL_UNSEQUENCED, 0, 10);
        rig_run(rig, 500 * BL_MILLISECOND);
        ck_assert_uint_eq(peer->resent_count, resent);
        ck_assert(peer->loss >= 0 && peer->loss <= 1);
    }
    rig_send(peer, 0, BL_ORDERED, 0, 10);
    rig_run(rig, 20 * BL_SECOND);
    ck_assert_uint_eq(peer->resent_count, resent);
    rig_send(peer, 0, BL_ORDERED, 0, 10);
    rig_run(rig, 20 * BL_SECOND);
    ck_assert_msg(peer->loss < 0.01F, "%f lost, long after the last loss", (double)peer->loss);
    rig_destroy(rig);
}
END_TEST

static void take_number(struct rig *rig, struct bl_peer *peer, uint8_t channel,
                        struct bl_packet *packet) {
    (void)peer;
    (void)channel;
    RIG_CHECK(rig_number(packet) == (*(uint32_t *)rig->user)++);
    bl_packet_release(packet);
}

static struct rig *make_silent_rig(uint32_t *got) {
    struct rig *rig = rig_create(1, 1);
    struct bl_peer *peer = rig_join(rig);
    rig->take = take_number;
    rig->user = got;
    for (uint32_t i = 0; i < 5; i++) {
        rig_send(peer, 0, BL_ORDERED, i, 10);
        rig_flush(rig);
    }
    rig->flight_count = 0; /* all lost */
    return rig;
}

static const bl_duration silences[] = {
    10 * BL_SECOND, HOUR, 12 * HOUR, DAY - HOUR, DAY + HOUR, 2 * DAY, 14 * DAY,
};

/* Whether a peer lives is the session's to say, which may have been told to wait for ever. */
START_TEST(enet_never_ends_a_peer_however_long_it_is_silent) {
    uint32_t got = 0;
    struct rig *rig = make_silent_rig(&got);
    rig->loss = 1;
    run_by_timers(rig, silences[_i]);
    ck_assert(rig->ends[0].host->peers[0].connected);
    rig->loss = 0;
    run_by_timers(rig, 2 * BL_SECOND);
    ck_assert_uint_eq(got, 5);
    rig_destroy(rig);
}
END_TEST

/* A suspended laptop: no timer ran, the clock did. */
START_TEST(a_process_that_was_stopped_goes_on_as_if_nothing_had_been) {
    uint32_t got = 0;
    struct rig *rig = make_silent_rig(&got);
    rig->now += silences[_i];
    run_by_timers(rig, 2 * BL_SECOND);
    ck_assert_uint_eq(got, 5);
    ck_assert(!bl_peer_is_unacknowledged(&rig->ends[0].host->peers[0]));
    rig_destroy(rig);
}
END_TEST

static void allow_unsequenced_only(struct rig *rig, struct bl_peer *from, const uint8_t *datagram,
                                   size_t size) {
    struct bl_reader reader = enet_commands(datagram, size);
    struct enet_seen seen;
    (void)rig;
    (void)from;
    while (enet_next(&reader, &seen)) {
        RIG_CHECK(seen.command == COMMAND_UNSEQUENCED);
    }
    RIG_CHECK(!reader.failed);
}

/* A heartbeat a second and nothing reliable, so no acknowledgement that ENet would count as life.
 */
START_TEST(enet_sends_nothing_of_its_own_however_long_there_is_no_reliable_traffic) {
    struct rig *rig = rig_create(1, 1);
    struct bl_peer *peer = rig_join(rig);
    rig->seen = allow_unsequenced_only;
    for (bl_time end = rig->now + 2 * DAY; rig->now < end;) {
        rig_send(peer, 0, BL_UNSEQUENCED, 0, 10);
        rig_send(peer->binding, 0, BL_UNSEQUENCED, 0, 10);
        rig_step(rig, 10 * BL_SECOND);
    }
    rig_destroy(rig);
}
END_TEST

/* ENet counts attempts in 16 bits and sequences in windows: neither may be worn out by a long
 * outage. */
START_TEST(repeats_without_number_leave_the_channel_whole) {
    uint32_t got = 0;
    struct rig *rig = make_silent_rig(&got);
    struct bl_peer *peer = &rig->ends[0].host->peers[0];
    rig->loss = 1;
    run_by_timers(rig, 10 * HOUR); /* 72,000 times, every 500 ms */
    ck_assert_uint_gt(peer->resent_count, 65536);
    rig->loss = 0;
    run_by_timers(rig, 2 * BL_SECOND);
    ck_assert_uint_eq(got, 5);
    for (int i = 0; i < ENET_PEER_RELIABLE_WINDOWS; i++) {
        ck_assert_msg(peer->enet->channels[0].reliableWindows[i] == 0, "window %d holds %u", i,
                      peer->enet->channels[0].reliableWindows[i]);
    }
    rig_destroy(rig);
}
END_TEST

/* The milliseconds that ENet counts wrap after 49.7 days of uptime, and their 16 bits in the
 * datagrams every 65 s. */
START_TEST(the_wrap_of_enets_clock_passes_unnoticed) {
    bl_time wrap = bl_from_ms(UINT32_MAX) + BL_MILLISECOND;
    uint32_t got = 0, sent = 0;
    struct rig *rig = rig_create_at(wrap - 10 * BL_SECOND, 1, 1);
    struct bl_peer *peer = rig_join(rig);
    rig->take = take_number;
    rig->user = &got;
    rig->loss = 0.2;
    while (rig->now < wrap + 10 * BL_SECOND) {
        rig_send(peer, 0, BL_ORDERED, sent++, 10);
        rig_step(rig, 5 * BL_MILLISECOND);
        ck_assert_int_lt(peer->rtt.smoothed, BL_SECOND);
    }
    rig->loss = 0;
    rig_run(rig, 2 * BL_SECOND);
    ck_assert_uint_eq(got, sent);
    rig_destroy(rig);
}
END_TEST

/* More than ENet's window at once, which no session hands over: the rest leaves later, and leaves.
 */
START_TEST(what_exceeds_the_window_is_not_forgotten) {
    uint32_t got = 0;
    struct rig *rig = rig_create(1, 4);
    struct bl_peer *peer = rig_join(rig);
    rig->take = take_number;
    rig->user = &got;
    for (uint32_t i = 0; i < 2000; i++) {
        rig_send(peer, 0, BL_ORDERED, i, 1100);
    }
    rig_run(rig, BL_SECOND);
    ck_assert_uint_eq(got, 2000);
    rig_destroy(rig);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_lost_packet_is_repeated_steadily_without_doubling, 0,
                        COUNT_OF(schedules));
    tcase_add_test(tests, an_acknowledged_packet_is_never_repeated);
    tcase_add_test(tests, the_count_of_repeats_never_goes_back_and_never_jumps);
    tcase_add_loop_test(tests, enet_never_ends_a_peer_however_long_it_is_silent, 0,
                        COUNT_OF(silences));
    tcase_add_loop_test(tests, a_process_that_was_stopped_goes_on_as_if_nothing_had_been, 0,
                        COUNT_OF(silences));
    tcase_add_test(tests, enet_sends_nothing_of_its_own_however_long_there_is_no_reliable_traffic);
    tcase_add_test(tests, repeats_without_number_leave_the_channel_whole);
    tcase_add_test(tests, the_wrap_of_enets_clock_passes_unnoticed);
    tcase_add_test(tests, what_exceeds_the_window_is_not_forgotten);
}

TEST_MAIN("peer timers", add_tests)
