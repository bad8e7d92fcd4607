/*
 * A session outlives its link: what both sides are told, and that nothing is lost, repeated or out
 * of order, whatever the network does meanwhile.
 */
#define _GNU_SOURCE
#include "lib/net/sim.h"
#include "lib/wire/datagram.h"
#include "tests/support/folder.h"
#include "tests/support/world.h"

#define ONE_WAY_MS 50
#define RTT_MS     (2 * ONE_WAY_MS)
#define SIZE       32

static const struct belay_link line = {.delay_ms = ONE_WAY_MS};

static struct world *open_world(struct world_opts opts) {
    opts.link = line;
    struct world *world = world_create(&opts);
    world_open(world);
    world_run(world, 500);
    return world;
}

static void mend(struct world *world, unsigned client) {
    world_link(world, client, &line);
}

/** Both sides talk on channel 0, every 50 ms. */
static void talk(struct world *world, unsigned client, uint32_t ms) {
    for (uint32_t end = world->ms + ms; world->ms < end;) {
        ledger_must_send(world, UP, client, 0, SIZE);
        ledger_must_send(world, DOWN, client, 0, SIZE);
        world_run(world, 50);
    }
}

static void check_all(struct world *world, unsigned client) {
    world_run(world, 2000);
    ledger_check(world, UP, client, 0);
    ledger_check(world, DOWN, client, 0);
}

START_TEST(a_link_that_dies_is_made_anew_and_nothing_is_lost) {
    struct world *world = open_world((struct world_opts){0});
    talk(world, 0, 1000);
    world_cut(world, 0);
    talk(world, 0, 9000);
    ck_assert(!world_is_open(world, 0));
    mend(world, 0);
    talk(world, 0, 2000);
    check_all(world, 0);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK DOWN RESUMED");
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN LINK DOWN RESUMED");
    ck_assert_str_eq(told_states(world, CLIENT, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT RECONNECT_PENDING "
                     "RECONNECTING LOGGED_IN");
    ck_assert_str_eq(told_states(world, SERVER, 0),
                     "TRANSPORT_CONNECTED LOGIN_PENDING LOGGED_IN TIMED_OUT RECONNECT_PENDING "
                     "RECONNECTING LOGGED_IN");
    ck_assert_uint_eq(world_info(world, CLIENT, 0).resumes, 1);
    ck_assert_uint_eq(world_info(world, SERVER, 0).resumes, 1);
    world_destroy(world);
}
END_TEST

START_TEST(a_short_silence_costs_nothing_but_two_link_events) {
    struct world *world = open_world((struct world_opts){0});
    talk(world, 0, 1000);
    world_cut(world, 0);
    talk(world, 0, 3000);
    mend(world, 0);
    talk(world, 0, 2000);
    check_all(world, 0);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK LINK");
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN LINK LINK");
    world_destroy(world);
}
END_TEST

static uint32_t resumed_at(const struct world *world, enum world_side side) {
    return told(world, side, 0, BELAY_EVENT_RESUMED)->at_ms;
}

/* OPEN is repeated every 250 ms for 3 s, then every 500 ms: whenever the network is back, that is
 * the wait for the next, and a round trip. */
START_TEST(the_session_is_back_soon_after_the_network_is) {
    struct world *world = open_world((struct world_opts){0});
    world_cut(world, 0);
    world_run(world, 7000 + (uint32_t)_i * 3137);
    mend(world, 0);
    uint32_t back = world->ms;
    talk(world, 0, 1500);
    ck_assert_uint_le(resumed_at(world, CLIENT) - back, 500 + RTT_MS + WORLD_STEP_MS);
    ck_assert_uint_le(resumed_at(world, SERVER) - back, 500 + 2 * RTT_MS);
    check_all(world, 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_client_that_is_told_of_the_network_resumes_at_once) {
    struct world *world = open_world((struct world_opts){0});
    world_cut(world, 0);
    world_run(world, 15000);
    mend(world, 0);
    belay_sim_rebind(world->sim, world->clients[0].it);
    belay_client_network_changed(world->clients[0].it);
    uint32_t back = world->ms;
    talk(world, 0, 1000);
    ck_assert_uint_le(resumed_at(world, CLIENT) - back, RTT_MS + 2 * WORLD_STEP_MS);
    check_all(world, 0);
    world_destroy(world);
}
END_TEST

/* The server hears its client all the time, and the client hears nothing: its resume takes the
 * place of a link that lives. */
START_TEST(a_half_open_link_is_no_obstacle) {
    struct world *world = open_world((struct world_opts){0});
    world_link(world, 0, &(struct belay_link){.delay_ms = ONE_WAY_MS, .cut_down = true});
    talk(world, 0, 9000);
    mend(world, 0);
    talk(world, 0, 2000);
    check_all(world, 0);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK DOWN RESUMED");
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_RESUMED), 1);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    world_destroy(world);
}
END_TEST

/* The server has received more over the old link than it had told when the new one began, and its
 * application has handled it: then the client hears that something is handled which it was about to
 * send again. */
START_TEST(what_the_old_link_brings_last_is_handled_once) {
    struct world *world = open_world((struct world_opts){0});
    struct belay_link slow_down = {.delay_ms = ONE_WAY_MS};
    for (int i = 0; i < 20; i++) {
        /* the client hears nothing and gives up; what it sends is long under way */
        slow_down.cut_down = true;
        slow_down.jitter_ms = 400;
        world_link(world, 0, &slow_down);
        world_run(world, 5600);
        for (int j = 0; j < 40 && world_info(world, CLIENT, 0).state == BELAY_LOGGED_IN; j++) {
            ledger_must_send(world, UP, 0, 0, SIZE);
            world_run(world, 10 + (uint32_t)i);
        }
        slow_down.cut_down = false;
        slow_down.jitter_ms = 0;
        world_link(world, 0, &slow_down);
        talk(world, 0, 1000);
    }
    check_all(world, 0);
    ck_assert_uint_ge(world_info(world, SERVER, 0).resumes, 15);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 0);
    world_destroy(world);
}
END_TEST

/* It goes on where it was: what has come of a large message is not sent again. */
START_TEST(a_large_message_goes_on_in_its_middle) {
    struct world *world = open_world((struct world_opts){0});
    struct belay_link slow = {.delay_ms = ONE_WAY_MS, .rate_kbit = 2000};
    world_link(world, 0, &slow);
    ledger_must_send(world, UP, 0, 0, BELAY_MESSAGE_MAX);
    world_run(world, 3000); /* some 700 KB of it */
    world_cut(world, 0);
    world_run(world, 9000);
    uint64_t before = world_stats(world, CLIENT, 0).bytes_out;
    world_link(world, 0, &slow);
    world_until(world, ledger_of(world, UP, 0, 0).received == 1, 3500);
    ck_assert_uint_lt(world_stats(world, CLIENT, 0).bytes_out - before, 600000);
    check_all(world, 0);
    world_destroy(world);
}
END_TEST

START_TEST(what_is_sent_without_a_link_waits_up_to_the_caps) {
    struct world *world = open_world((struct world_opts){
        .client = {.send_messages_max = 10, .lost_ms = 2000}, .server = {.send_messages_max = 10}});
    world_cut(world, 0);
    world_run(world, 9000);
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, UP, 0, 0, SIZE);
        ledger_must_send(world, DOWN, 0, 0, SIZE);
    }
    ck_assert_int_eq(ledger_send(world, UP, 0, 0, SIZE), BELAY_E_WOULD_BLOCK);
    ck_assert_int_eq(ledger_send(world, DOWN, 0, 0, SIZE), BELAY_E_WOULD_BLOCK);
    mend(world, 0);
    check_all(world, 0);
    ck_assert(!told(world, CLIENT, 0, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on);
    ck_assert(!told(world, SERVER, 0, BELAY_EVENT_BACKPRESSURE)->event.backpressure.on);
    world_destroy(world);
}
END_TEST

/* What has left already, and may have arrived, is not called expired by a client, which knows only
 * how far the server had come when it answered: it is sent again. */
START_TEST(what_expired_meanwhile_is_returned_and_the_rest_arrives) {
    static const struct belay_channel channels[] = {{.name = "fresh", .life_ms = 3000},
                                                    {.name = "sure"}};
    struct world *world = open_world((struct world_opts){
        .server = {.channels = channels, .channel_count = 2},
        .client = {.channels = channels, .channel_count = 2},
    });
    world_cut(world, 0);
    for (int way = UP; way <= DOWN; way++) {
        ck_assert_int_eq(world_say(world, way, 0, 0, "has left"), BELAY_OK);
        ck_assert_int_eq(world_say(world, way, 0, 1, "of use for ever"), BELAY_OK);
    }
    world_run(world, 7000);
    for (int way = UP; way <= DOWN; way++) {
        ck_assert_int_eq(world_say(world, way, 0, 0, "waits too long"), BELAY_OK);
    }
    world_run(world, 4000);
    for (int way = UP; way <= DOWN; way++) {
        ck_assert_int_eq(world_say(world, way, 0, 0, "news"), BELAY_OK);
    }
    mend(world, 0);
    world_run(world, 1000);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_RETURNED), 1);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_RETURNED), 2);
    for (int side = CLIENT; side <= SERVER; side++) {
        const struct told *returned = told(world, side, 0, BELAY_EVENT_RETURNED);
        ck_assert(returned->event.returned.expired);
        ck_assert_uint_eq(returned->event.returned.sequence, 2);
    }
    ck_assert_uint_eq(world->clients[0].messages[UP], 3);
    ck_assert_uint_eq(world->clients[0].messages[DOWN], 2);
    world_destroy(world);
}
END_TEST

/* Each attempt has tickets of its own; a link may be lost again at any time. */
START_TEST(a_session_is_resumed_as_often_as_need_be) {
    struct world *world = open_world((struct world_opts){
        .server = {.heartbeat_ms = 100, .lost_ms = 500},
    });
    for (uint32_t round = 1; round <= 30; round++) {
        world_cut(world, 0);
        talk(world, 0, 700 + round * 37);
        mend(world, 0);
        talk(world, 0, 150 + round * 13); /* the new link is hardly there, or not yet */
    }
    check_all(world, 0);
    ck_assert(world_is_open(world, 0));
    ck_assert_uint_gt(world_info(world, SERVER, 0).resumes, 15);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 0);
    world_destroy(world);
}
END_TEST

/* ---- how it ends */

static void lose_link(struct world *world) {
    world_cut(world, 0);
    world_until(world,
                told_count(world, CLIENT, 0, BELAY_EVENT_DOWN) == 1 &&
                    told_count(world, SERVER, 0, BELAY_EVENT_DOWN) == 1,
                9000);
}

START_TEST(who_was_banned_while_away_hears_it_when_it_comes_back) {
    static const struct belay_reason banned = {.code = BELAY_REASON_BANNED,
                                               .text = "for a week, for cheating"};
    struct world *world = open_world((struct world_opts){0});
    lose_link(world);
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, &banned),
                     BELAY_OK);
    world_run(world, 5000);
    mend(world, 0);
    world_run(world, 500 + RTT_MS + WORLD_STEP_MS);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_BANNED);
    ck_assert_str_eq(closed->text, "for a week, for cheating");
    ck_assert_int_eq(closed->reason.who, BELAY_WHO_PEER);
    ck_assert(!closed->reason.come_back);
    world_destroy(world);
}
END_TEST

static void close_who_is_back(struct world *world, enum world_side side,
                              const struct belay_event *event) {
    static const struct belay_reason banned = {.code = BELAY_REASON_BANNED};
    if (side == SERVER && event->type == BELAY_EVENT_RESUMED) {
        belay_server_close(world->server, event->session, &banned);
    }
}

START_TEST(the_application_may_refuse_a_resume) {
    struct world *world = open_world((struct world_opts){0});
    world->watch = close_who_is_back;
    lose_link(world);
    mend(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 1000);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_CLOSED)->reason.code, BELAY_REASON_BANNED);
    world_destroy(world);
}
END_TEST

START_TEST(who_comes_back_after_the_window_is_told_that_the_session_is_gone) {
    struct world *world = open_world((struct world_opts){.server = {.resume_window_ms = 3000}});
    world_link(world, 0, &(struct belay_link){.delay_ms = ONE_WAY_MS, .cut_up = true});
    ledger_must_send(world, UP, 0, 0, SIZE);
    world_run(world, 7500); /* the server gives up; its client hears it still, until its GONE */
    world_cut(world, 0);
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_CLOSED) == 1, 4000);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_DOWN) == 1, 8000);
    mend(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 1000);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK DOWN RETURNED CLOSED");
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_STATE_LOST);
    ck_assert(closed->reason.come_back);
    ck_assert_uint_eq(closed->event.closed.unacked, 0); /* it was returned */
    ck_assert(!told(world, CLIENT, 0, BELAY_EVENT_RETURNED)->event.returned.expired);
    world_destroy(world);
}
END_TEST

/* ---- somebody else */

/** Somebody on the way, who has seen what the client has sent to open its link. */
static struct observer {
    struct bl_net *net;
    uint8_t copies[8][BL_OPEN_SIZE];
    unsigned count;
} observer;

static void see(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    (void)user, (void)from;
    if (bl_datagram_kind(to->data, to->size) == BL_DATAGRAM_OPEN && observer.count < 8) {
        memcpy(observer.copies[observer.count++], to->data, to->size);
    }
}

static void send_copies(void) {
    struct bl_address server;
    ck_assert_int_eq(bl_address_parse(&server, WORLD_ADDRESS, false), BELAY_OK);
    for (unsigned i = 0; i < observer.count; i++) {
        bl_net_send(observer.net,
                    &(struct bl_datagram){
                        .address = server, .data = observer.copies[i], .size = BL_OPEN_SIZE},
                    1);
    }
}

/* While the link lives again, and again after it was lost anew: a copy makes a half-open binding at
 * most, whose keys nobody has. */
START_TEST(copies_of_an_opening_change_nothing) {
    struct world *world = open_world((struct world_opts){0});
    struct bl_address local;
    observer = (struct observer){0};
    ck_assert_int_eq(bl_address_parse(&local, "10.0.0.66:66", false), BELAY_OK);
    ck_assert_int_eq(bl_sim_open(&observer.net, world->sim, &local, &observer), BELAY_OK);
    bl_sim_observe(world->sim, see, NULL);
    lose_link(world);
    talk(world, 0, 1000);
    ck_assert_uint_gt(observer.count, 1);
    send_copies(); /* before its own arrives: the link of these is nobody's */
    world_run(world, 1000);
    mend(world, 0);
    talk(world, 0, 1000);
    for (int i = 0; i < 50; i++) {
        send_copies();
        talk(world, 0, 100);
    }
    ck_assert_uint_eq(world_info(world, SERVER, 0).resumes, 1);
    ck_assert_int_eq(world_info(world, SERVER, 0).state, BELAY_LOGGED_IN);
    world_cut(world, 0);
    send_copies();
    talk(world, 0, 9000);
    send_copies();
    mend(world, 0);
    talk(world, 0, 2000);
    check_all(world, 0);
    ck_assert_uint_eq(world_info(world, SERVER, 0).resumes, 2);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_CLOSED), 0);
    bl_sim_observe(world->sim, NULL, NULL);
    bl_net_close(observer.net);
    world_destroy(world);
}
END_TEST

/* ---- takeover */

static void accept_as_one_user(struct world *world, unsigned client, belay_session session) {
    (void)client;
    (void)belay_server_accept(world->server, session, (const uint8_t *)"the one and only", NULL, 0);
}

START_TEST(a_newer_login_takes_over_and_the_older_client_does_not_come_back) {
    struct world *world = world_create(&(struct world_opts){.clients = 2, .link = line});
    world->login = accept_as_one_user;
    world_connect(world, 0);
    world_until(world, world_is_open(world, 0), 1000);
    bool away = _i == 1; /* in a tunnel, when it happens */
    if (away) {
        lose_link(world);
    }
    world_connect(world, 1);
    world_until(world, world_is_open(world, 1), 1000);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code,
                      BELAY_REASON_REPLACED);
    mend(world, 0);
    world_run(world, 1000);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_REPLACED);
    ck_assert(!closed->reason.come_back);
    world_run(world, 20000);
    ck_assert(world_is_open(world, 1));
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1);
    world_destroy(world);
}
END_TEST

/* ---- processes that die */

#define GAPS_MAX 4
static struct belay_gap gaps[2][GAPS_MAX];
static uint32_t gap_counts[2];

static void note_gaps(struct world *world, enum world_side side, const struct belay_event *event) {
    (void)world;
    if (event->type == BELAY_EVENT_RESUMED) {
        must(event->resumed.gap_count <= GAPS_MAX);
        gap_counts[side] = event->resumed.gap_count;
        for (uint32_t i = 0; i < event->resumed.gap_count; i++) {
            gaps[side][i] = event->resumed.gaps[i];
        }
    }
}

static void assert_gap(enum world_side side, uint32_t index, bool inbound, uint32_t from,
                       uint32_t to) {
    ck_assert_uint_gt(gap_counts[side], index);
    const struct belay_gap *gap = &gaps[side][index];
    ck_assert_msg(gap->channel == 0 && gap->inbound == inbound && gap->from == from &&
                      gap->to == to,
                  "side %d, gap %u: channel %u, inbound %d, %u to %u", side, index, gap->channel,
                  gap->inbound, gap->from, gap->to);
}

static const struct world_opts gaps_accepted = {.server = {.accept_gaps = true},
                                                .client = {.accept_gaps = true}};

START_TEST(another_process_of_a_client_comes_back_with_its_ticket) {
    struct world *world = open_world(gaps_accepted);
    world->watch = note_gaps;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(world_say(world, UP, 0, 0, "up"), BELAY_OK);
        ck_assert_int_eq(world_say(world, UP, 0, 0, "up"), BELAY_OK);
        ck_assert_int_eq(world_say(world, DOWN, 0, 0, "down"), BELAY_OK);
        world_run(world, 1000);
    }
    belay_session before = world->clients[0].session;
    belay_server_set_user(world->server, before, world);
    world->clients[0].deaf = true;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(world_say(world, DOWN, 0, 0, "not handled"), BELAY_OK);
        world_run(world, 200);
    }
    world_kill(world, 0);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "never seen"), BELAY_OK);
    world_run(world, 2000); /* the server has not noticed yet */
    world->clients[0].deaf = false;
    told_clear(world);
    world_revive(world, 0);
    world_until(world, world_is_open(world, 0), 2 * RTT_MS + 2 * WORLD_STEP_MS);
    world_run(world, 1000);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN RESUMED");
    ck_assert_uint_eq(world->clients[0].messages[DOWN], 5 + 4);
    assert_gap(CLIENT, 0, true, 6, 9);
    assert_gap(CLIENT, 1, false, 11, 10 + 65536);
    assert_gap(SERVER, 0, true, 11, 10 + 65536);
    assert_gap(SERVER, 1, false, 6, 9);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "I am back"), BELAY_OK);
    world_run(world, 200);
    ck_assert_str_eq(world->clients[0].last_text[UP], "I am back");
    ck_assert(told(world, SERVER, 0, BELAY_EVENT_RESUMED)->event.user == world);
    ck_assert_uint_eq(world->clients[0].session, before);
    ck_assert_mem_eq(world_info(world, CLIENT, 0).user_id, world_info(world, SERVER, 0).user_id,
                     16);
    lose_link(world); /* and the new process resumes as any other */
    ck_assert_int_eq(world_say(world, UP, 0, 0, "and again"), BELAY_OK);
    mend(world, 0);
    world_run(world, 1000);
    ck_assert_str_eq(world->clients[0].last_text[UP], "and again");
    world_destroy(world);
}
END_TEST

/* What the process that died had sent is still under way when the new one is let in. */
START_TEST(late_messages_of_the_former_process_are_not_mixed_up_with_the_new_ones) {
    struct world_opts opts = gaps_accepted;
    struct world *world = open_world(opts);
    for (int i = 0; i < 40; i++) {
        struct belay_link late = {.delay_ms = ONE_WAY_MS, .jitter_ms = 200};
        world_link(world, 0, &late);
        for (int j = 0; j < 5; j++) {
            ck_assert_int_eq(world_say(world, UP, 0, 0, "late"), BELAY_OK);
            world_run(world, 5 + (uint32_t)i);
        }
        belay_client_flush(world->clients[0].it);
        world_revive(world, 0);
        world_link(world, 0, &late);
        world_until(world, world_is_open(world, 0), 2000);
        uint32_t before = world->clients[0].messages[UP];
        ck_assert_int_eq(world_say(world, UP, 0, 0, "new"), BELAY_OK);
        world_until(world, world->clients[0].messages[UP] > before, 1000);
        ck_assert_str_eq(world->clients[0].last_text[UP], "new");
    }
    world_destroy(world); /* the audit has seen every number */
}
END_TEST

START_TEST(a_server_that_accepts_no_gaps_ends_a_session_whose_client_has_died) {
    struct world *world = open_world((struct world_opts){.client = {.accept_gaps = true}});
    told_clear(world);
    world_revive(world, 0);
    world_run(world, 1000);
    ck_assert_str_eq(told_events(world, SERVER, 0), "CLOSED");
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code,
                      BELAY_REASON_STATE_LOST);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_STATE_LOST);
    ck_assert(closed->reason.come_back);
    world_destroy(world);
}
END_TEST

START_TEST(a_client_that_accepts_no_gaps_is_told_so_at_once) {
    struct world *world = open_world((struct world_opts){.server = {.accept_gaps = true}});
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    opts.ticket = world->clients[0].ticket;
    opts.ticket_size = world->clients[0].ticket_size;
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    ck_assert_int_eq(belay_client_connect(world->clients[0].it, &opts), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "accept_gaps"));
    world_destroy(world);
}
END_TEST

/* Saved, cut short, of another game or of other channels. */
START_TEST(a_ticket_that_is_none_is_refused_by_connect) {
    struct world *world = open_world(gaps_accepted);
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    uint8_t *ticket = world->clients[0].ticket;
    size_t size = world->clients[0].ticket_size;
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 100);
    opts.ticket = ticket;
    for (opts.ticket_size = 0; opts.ticket_size <= size + 1; opts.ticket_size++) {
        if (opts.ticket_size != size) {
            ck_assert_int_eq(belay_client_connect(world->clients[0].it, &opts), BELAY_E_KEY);
        }
    }
    opts.ticket_size = size;
    for (size_t i = 0; i < 24; i++) { /* magic, game, channels */
        ticket[i] ^= 1;
        ck_assert_int_eq(belay_client_connect(world->clients[0].it, &opts), BELAY_E_KEY);
        ticket[i] ^= 1;
    }
    world_destroy(world);
}
END_TEST

static const char *ticket_key(void) {
    static char path[512];
    snprintf(path, sizeof path, "%s", folder_file("tickets"));
    return path;
}

/* With its ticket key a server knows what it does not know any more, and says so with authority:
 * to the next datagram that it cannot open, and to the resume that follows. */
START_TEST(a_restarted_server_is_found_out_within_a_round_trip) {
    folder_begin();
    struct world *world =
        open_world((struct world_opts){.server = {.ticket_key_file = ticket_key()}});
    world->clients[0].deaf = false;
    world->server_deaf = true;
    ledger_must_send(world, UP, 0, 0, SIZE); /* received, and never handled */
    world_run(world, 500);
    world->server_deaf = false;
    world_restart(world);
    ledger_must_send(world, UP, 0, 0, SIZE);
    world_run(world, 2 * RTT_MS + 6 * WORLD_STEP_MS);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN DOWN RETURNED RETURNED CLOSED");
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_SERVER_RESTARTED);
    ck_assert(closed->reason.come_back);
    ck_assert_uint_eq(closed->event.closed.unacked, 0);
    ck_assert(!told(world, CLIENT, 0, BELAY_EVENT_RETURNED)->event.returned.expired);
    ck_assert_uint_eq(told(world, CLIENT, 0, BELAY_EVENT_RETURNED)->event.returned.sequence, 2);
    world_destroy(world);
    folder_end();
}
END_TEST

/* Without it the refusal proves nothing: the client goes on asking, and then tells what it was
 * hinted at. */
START_TEST(a_server_without_its_key_is_believed_when_the_window_is_over) {
    struct world *world = open_world((struct world_opts){.server = {.resume_window_ms = 4000}});
    world_restart(world);
    world_run(world, 9000);
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN LINK DOWN");
    world_run(world, 2000);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_STATE_LOST);
    ck_assert_int_eq(closed->reason.who, BELAY_WHO_NETWORK);
    ck_assert(closed->reason.come_back);
    world_destroy(world);
}
END_TEST

/* ---- stalls */

START_TEST(a_process_that_was_stopped_for_half_a_minute_comes_back_to_its_sessions) {
    struct world *world = open_world((struct world_opts){.clients = 2});
    bool server = _i == 1;
    if (server) {
        world->server_asleep = true;
    } else {
        world->clients[0].asleep = true;
    }
    world_run(world, 30000);
    world->server_asleep = world->clients[0].asleep = false;
    world_run(world, 2000);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(world_is_open(world, i));
        ck_assert_uint_eq(told_count(world, CLIENT, i, BELAY_EVENT_CLOSED), 0);
        talk(world, i, 500);
        check_all(world, i);
    }
    ck_assert_uint_eq(told_count(world, CLIENT, 1, BELAY_EVENT_DOWN), server ? 1 : 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_wall_clock_that_jumps_by_an_hour_changes_nothing) {
    struct world *world = open_world((struct world_opts){0});
    const uint64_t noon = UINT64_C(1700000000000), hour = 3600000;
    belay_sim_set_wall(world->sim, noon);
    for (int i = 0; i < 3; i++) {
        belay_sim_set_wall(world->sim, i == 1 ? noon + hour : noon - hour);
        world_cut(world, 0);
        talk(world, 0, 8000);
        belay_sim_set_wall(world->sim, i == 1 ? noon - hour : noon + hour);
        mend(world, 0);
        talk(world, 0, 1500);
    }
    check_all(world, 0);
    ck_assert_uint_eq(world_info(world, CLIENT, 0).resumes, 3);
    ck_assert_uint_eq(told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED), 0);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_link_that_dies_is_made_anew_and_nothing_is_lost);
    tcase_add_test(tests, a_short_silence_costs_nothing_but_two_link_events);
    tcase_add_loop_test(tests, the_session_is_back_soon_after_the_network_is, 0, 16);
    tcase_add_test(tests, a_client_that_is_told_of_the_network_resumes_at_once);
    tcase_add_test(tests, a_half_open_link_is_no_obstacle);
    tcase_add_test(tests, what_the_old_link_brings_last_is_handled_once);
    tcase_add_test(tests, a_large_message_goes_on_in_its_middle);
    tcase_add_test(tests, what_is_sent_without_a_link_waits_up_to_the_caps);
    tcase_add_test(tests, what_expired_meanwhile_is_returned_and_the_rest_arrives);
    tcase_add_test(tests, a_session_is_resumed_as_often_as_need_be);
    tcase_add_test(tests, who_was_banned_while_away_hears_it_when_it_comes_back);
    tcase_add_test(tests, the_application_may_refuse_a_resume);
    tcase_add_test(tests, who_comes_back_after_the_window_is_told_that_the_session_is_gone);
    tcase_add_test(tests, copies_of_an_opening_change_nothing);
    tcase_add_loop_test(tests, a_newer_login_takes_over_and_the_older_client_does_not_come_back, 0,
                        2);
    tcase_add_loop_test(
        tests, a_process_that_was_stopped_for_half_a_minute_comes_back_to_its_sessions, 0, 2);
    tcase_add_test(tests, another_process_of_a_client_comes_back_with_its_ticket);
    tcase_add_test(tests, late_messages_of_the_former_process_are_not_mixed_up_with_the_new_ones);
    tcase_add_test(tests, a_server_that_accepts_no_gaps_ends_a_session_whose_client_has_died);
    tcase_add_test(tests, a_client_that_accepts_no_gaps_is_told_so_at_once);
    tcase_add_test(tests, a_ticket_that_is_none_is_refused_by_connect);
    tcase_add_test(tests, a_restarted_server_is_found_out_within_a_round_trip);
    tcase_add_test(tests, a_server_without_its_key_is_believed_when_the_window_is_over);
    tcase_add_test(tests, a_wall_clock_that_jumps_by_an_hour_changes_nothing);
}

TEST_MAIN("resume", add_tests)
