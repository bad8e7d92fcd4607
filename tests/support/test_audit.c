/* The audit's own books: it complains of what it must, and of nothing else. */
#include "tests/support/audit.h"
#include "tests/support/world.h"

#include <string.h>

#define UP_SESSION   7U /* as the client calls it */
#define DOWN_SESSION 9U /* as the server does */

/* Channel 0 is plain, 1 is unreliable, 2 has messages that expire, 3 has ones that are replaced. */
static const struct belay_channel channels[] = {
    {.name = "plain"},
    {.name = "loose", .mode = BELAY_UNRELIABLE},
    {.name = "mortal", .life_ms = 100},
    {.name = "replaced", .when_full = BELAY_COALESCE},
};

enum deed {
    END, /* of the story */
    SEND,
    POLL,
    RETURN,
    GAP_IN,  /* the server is told of lost ones; from and to are the numbers */
    GAP_OUT, /* the client, another process, is */
    CLOSE_SENDER,
    CLOSE_RECEIVER,
    COMPARE, /* the sender's live counts: sent, handled */
};

struct act {
    enum deed deed;
    uint8_t channel;
    uint32_t number, other; /* CLOSE_SENDER: sent, unacked; CLOSE_RECEIVER: undelivered */
    bool by_peer;           /* whose close it was */
};

#define S(channel, number)                                                                         \
    { SEND, (channel), (number), 0, false }
#define P(channel, number)                                                                         \
    { POLL, (channel), (number), 0, false }
#define R(channel, number)                                                                         \
    { RETURN, (channel), (number), 0, false }
#define CLOSED(sent, unacked)                                                                      \
    { CLOSE_SENDER, 0, (sent), (unacked), false }
#define PEER_CLOSED(sent, unacked)                                                                 \
    { CLOSE_SENDER, 0, (sent), (unacked), true }
#define HEARD(undelivered, by_peer)                                                                \
    { CLOSE_RECEIVER, 0, 0, (undelivered), (by_peer) }
#define THREE_SENT S(0, 1), S(0, 1), S(0, 1)
#define THREE_CAME P(0, 1), P(0, 2), P(0, 3)

static const struct story {
    const char *name;
    const char *complaint; /* how it ends; NULL = all adds up */
    struct act acts[12];
} stories[] = {
    {"all came", NULL, {THREE_SENT, THREE_CAME, CLOSED(3, 0), HEARD(0, true)}},
    {"some are under way", NULL, {THREE_SENT, P(0, 1), {COMPARE, 0, 3, 1, false}}},
    {"a hole", "message 3 came after 1: 2 is missing", {THREE_SENT, P(0, 1), P(0, 3)}},
    {"a hole at the start", "message 2 came after 0: 1 is missing", {THREE_SENT, P(0, 2)}},
    {"a repeat", "message 2 came twice", {THREE_SENT, P(0, 1), P(0, 2), P(0, 2)}},
    {"an early repeat", "message 1 came twice", {THREE_SENT, P(0, 1), P(0, 2), P(0, 1)}},
    {"a swap", "message 2 came after 3", {S(2, 1), S(2, 1), S(2, 1), P(2, 1), P(2, 3), P(2, 2)}},
    {"more than was sent", "message 2 came, and only 1 were sent", {S(0, 1), P(0, 1), P(0, 2)}},

    {"lost, and counted", NULL, {THREE_SENT, P(0, 1), CLOSED(3, 2), HEARD(0, true)}},
    {"handled, and not reported", NULL, {THREE_SENT, THREE_CAME, CLOSED(3, 3), HEARD(0, true)}},
    {"lost without a word",
     "3 sent, 2 came or were returned, and CLOSED says 0 unacked",
     {THREE_SENT, P(0, 1), P(0, 2), CLOSED(3, 0)}},
    {"one of two lost without a word",
     "3 sent, 1 came or were returned, and CLOSED says 1 unacked",
     {THREE_SENT, P(0, 1), HEARD(0, true), CLOSED(3, 1)}},
    {"handled before it came",
     "1 came or were returned, and handled_out says 2",
     {THREE_SENT, P(0, 1), {COMPARE, 0, 3, 2, false}}},
    {"sent, says the session alone",
     "send() took 3 messages, and sequence_out says 4",
     {THREE_SENT, {COMPARE, 0, 4, 0, false}}},
    {"send() took none", "send() took a message, and sequence_out rose by 0", {S(0, 0)}},

    {"a close that reports all", NULL, {THREE_SENT, P(0, 1), HEARD(2, false), PEER_CLOSED(3, 2)}},
    {"a close amid a poll", NULL, {THREE_SENT, P(0, 1), HEARD(2, false), PEER_CLOSED(3, 3)}},
    {"a close that forgets a report",
     "3 sent, 2 came before the close, and CLOSED says 3 unacked",
     {THREE_SENT, P(0, 1), P(0, 2), HEARD(1, false), PEER_CLOSED(3, 3)}},
    {"undelivered that came",
     "3 sent, 2 came, and CLOSED says 2 undelivered",
     {THREE_SENT, P(0, 1), P(0, 2), HEARD(2, false)}},
    {"unreliable ones are undelivered too", NULL, {S(0, 1), S(1, 0), P(0, 1), HEARD(1, false)}},
    {"a word after the last",
     "BELAY_EVENT_MESSAGE after its CLOSED",
     {S(0, 1), HEARD(1, false), P(0, 1)}},

    {"expired, and returned",
     NULL,
     {S(2, 1), S(2, 1), S(2, 1), P(2, 1), R(2, 2), P(2, 3), CLOSED(3, 0), HEARD(0, true)}},
    {"returned after its successor came", NULL, {S(2, 1), S(2, 1), P(2, 2), R(2, 1), CLOSED(2, 0)}},
    {"expired, and not returned",
     "message 2 is missing, though 3 came",
     {S(2, 1), S(2, 1), S(2, 1), P(2, 1), P(2, 3), CLOSED(3, 0)}},
    {"returned, and it came",
     "message 1 was returned, though it came",
     {S(2, 1), P(2, 1), R(2, 1)}},
    {"it came, though returned",
     "message 1 came, though it was returned",
     {S(2, 1), R(2, 1), P(2, 1)}},
    {"returned twice", "message 1 was returned twice, after 1", {S(2, 1), R(2, 1), R(2, 1)}},
    {"returned, never sent", "message 1 was returned, and only 0 were sent", {R(2, 1)}},
    {"returned and counted as unacked", NULL, {S(2, 1), R(2, 1), CLOSED(1, 1), HEARD(0, true)}},

    {"one replaces another", NULL, {S(3, 1), S(3, 0), P(3, 1), CLOSED(1, 0), HEARD(0, true)}},
    {"unreliable ones may be lost", NULL, {S(1, 0), S(1, 0), S(1, 0), P(1, 1), P(1, 3), P(1, 2)}},
};

/** One way of one session; the sender is the client in one half of the runs, the server in the
 * other. */
struct stage {
    struct audit *audit;
    bool up;
};

static const void *const client = "client", *const server = "server";

static void tell(const struct stage *stage, bool to_client, struct belay_event event) {
    event.session = to_client ? UP_SESSION : DOWN_SESSION;
    audit_event(stage->audit, to_client ? client : server, &event);
}

static void open_session(const struct stage *stage) {
    const struct belay_open_event open = {.user_id = "somebody", .data = ""};
    const struct audit_party parties[] = {
        {.it = client, .channels = channels, .channel_count = COUNT_OF(channels)},
        {.it = server, .server = true, .channels = channels, .channel_count = COUNT_OF(channels)},
    };
    audit_join(stage->audit, &parties[0]);
    audit_join(stage->audit, &parties[1]);
    tell(stage, false,
         (struct belay_event){.type = BELAY_EVENT_LOGIN, .login = {.data = "player 3", .size = 8}});
    tell(stage, false, (struct belay_event){.type = BELAY_EVENT_OPEN, .open = open});
    tell(stage, true, (struct belay_event){.type = BELAY_EVENT_OPEN, .open = open});
}

static void close_end(const struct stage *stage, bool to_client, const struct act *act) {
    static const struct belay_reason reasons[] = {
        {.who = BELAY_WHO_LOCAL, .code = BELAY_REASON_LEFT, .text = "left"},
        {.who = BELAY_WHO_PEER, .code = BELAY_REASON_LEFT, .text = "left"},
    };
    const struct belay_session_info info = {.sequence_out = act->number,
                                            .handled_out = act->number - act->other};
    const struct belay_session_info nothing = {0};
    struct belay_event event = {.type = BELAY_EVENT_CLOSED};
    bool sender = act->deed == CLOSE_SENDER;
    event.closed.reason = &reasons[act->by_peer];
    event.closed.info = sender ? &info : &nothing;
    event.closed.unacked = sender ? act->other : 0;
    event.closed.undelivered = sender ? 0 : act->other;
    tell(stage, to_client, event);
}

static void perform(const struct stage *stage, const struct act *act) {
    const void *sender = stage->up ? client : server;
    belay_session out = stage->up ? UP_SESSION : DOWN_SESSION;
    switch (act->deed) {
    case SEND:
        audit_send(stage->audit, sender, out, act->channel, act->number);
        break;
    case POLL:
        tell(stage, !stage->up,
             (struct belay_event){.type = BELAY_EVENT_MESSAGE,
                                  .message = {.channel = act->channel, .sequence = act->number}});
        break;
    case RETURN:
        tell(stage, stage->up,
             (struct belay_event){
                 .type = BELAY_EVENT_RETURNED,
                 .returned = {.channel = act->channel, .sequence = act->number, .expired = true}});
        break;
    case GAP_IN:
    case GAP_OUT: {
        const struct belay_gap gap = {act->channel, act->deed == GAP_IN, act->number, act->other};
        tell(stage, act->deed == GAP_OUT,
             (struct belay_event){.type = BELAY_EVENT_RESUMED,
                                  .resumed = {.gaps = &gap, .gap_count = 1}});
        break;
    }
    case COMPARE:
        audit_compare(stage->audit, sender,
                      &(struct belay_session_info){
                          .session = out, .sequence_out = act->number, .handled_out = act->other});
        break;
    case CLOSE_SENDER:
        close_end(stage, stage->up, act);
        break;
    case CLOSE_RECEIVER:
        close_end(stage, !stage->up, act);
        break;
    case END:
        break;
    }
}

START_TEST(a_story_is_complained_of_as_it_must) {
    const struct story *story = &stories[_i / 2];
    const struct stage stage = {.audit = audit_create(), .up = _i % 2 == 0};
    open_session(&stage);
    for (const struct act *act = story->acts; act->deed != END; act++) {
        ck_assert_msg(audit_complaint(stage.audit) == NULL, "%s: too early: %s", story->name,
                      audit_complaint(stage.audit));
        perform(&stage, act);
    }
    const char *complaint = audit_complaint(stage.audit);
    ck_assert_msg((complaint != NULL) == (story->complaint != NULL), "%s: %s", story->name,
                  complaint != NULL ? complaint : "no complaint");
    if (complaint != NULL) {
        ck_assert_ptr_nonnull(strstr(complaint, story->complaint));
        ck_assert_ptr_nonnull(strstr(complaint, "player 3"));
        ck_assert_ptr_nonnull(strstr(complaint, stage.up ? ", up, " : ", down, "));
    }
    audit_destroy(stage.audit);
}
END_TEST

/* What may have been returned and is not polled yet is not missing; once all is polled, it is. */
START_TEST(a_hole_where_messages_expire_is_one_when_all_is_polled) {
    const struct stage stage = {.audit = audit_create(), .up = true};
    const struct act acts[] = {S(2, 1), S(2, 1), P(2, 2), {COMPARE, 0, 2, 2, false}};
    open_session(&stage);
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        perform(&stage, &acts[i]);
    }
    audit_judge(stage.audit);
    ck_assert_ptr_null(audit_complaint(stage.audit));
    audit_settle(stage.audit, client);
    audit_judge(stage.audit);
    ck_assert_ptr_nonnull(strstr(audit_complaint(stage.audit), "message 1 is missing"));
    audit_destroy(stage.audit);
}
END_TEST

/* Another process of a client goes on behind what its predecessor could have sent. */
START_TEST(the_numbers_of_another_process_go_on_behind_its_gap) {
    static const struct {
        struct act come;
        const char *complaint;
    } cases[] = {
        {P(0, 11), NULL},
        {P(0, 12), "12 came after 10: 11 is missing"},
        {P(0, 3), "3 came after 10"},
    };
    const struct stage stage = {.audit = audit_create(), .up = true};
    const struct act acts[] = {
        S(0, 1), P(0, 1), {GAP_IN, 0, 2, 10, false}, {GAP_OUT, 0, 2, 10, false}, S(0, 1), S(0, 1)};
    open_session(&stage);
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        perform(&stage, &acts[i]);
    }
    perform(&stage, &cases[_i].come);
    const char *complaint = audit_complaint(stage.audit);
    if (cases[_i].complaint == NULL) {
        ck_assert_msg(complaint == NULL, "%s", complaint);
    } else {
        ck_assert_msg(complaint != NULL && strstr(complaint, cases[_i].complaint) != NULL, "%s",
                      complaint);
    }
    audit_destroy(stage.audit);
}
END_TEST

/* A client that comes again has a new session, whose numbers begin anew. */
START_TEST(each_session_has_its_own_numbers) {
    const struct stage stage = {.audit = audit_create(), .up = true};
    const struct act acts[] = {S(0, 1), P(0, 1)};
    open_session(&stage);
    perform(&stage, &acts[0]);
    perform(&stage, &acts[1]);
    audit_send(stage.audit, client, UP_SESSION + 1, 0, 1);
    audit_event(stage.audit, server,
                &(struct belay_event){.type = BELAY_EVENT_MESSAGE,
                                      .session = DOWN_SESSION + 1,
                                      .message = {.sequence = 1}});
    ck_assert_ptr_null(audit_complaint(stage.audit));
    audit_destroy(stage.audit);
}
END_TEST

/* Nobody asks for it: whoever sends and polls, by whatever call, is in the books. */
START_TEST(a_world_keeps_books_by_itself) {
    struct world *world = world_create(NULL);
    struct belay_event event;
    world_open(world);
    const void *ends[] = {[CLIENT] = world->clients[0].it, [SERVER] = world->server};
    const belay_session sessions[] = {
        [CLIENT] = world_info(world, CLIENT, 0).session, [SERVER] = world->clients[0].session};
    world_say(world, UP, 0, 0, "first");
    ck_assert_int_eq(belay_client_send(world->clients[0].it, 0, "second", 6), BELAY_OK);
    ck_assert_int_eq(belay_server_send(world->server, sessions[SERVER], 0, "third", 5), BELAY_OK);
    world->clients[0].deaf = true;
    world_run(world, 100);
    ck_assert(belay_client_poll(world->clients[0].it, &event));
    struct audit_count up = audit_count(audit_of_calls(), ends[CLIENT], sessions[CLIENT], 0);
    struct audit_count down = audit_count(audit_of_calls(), ends[SERVER], sessions[SERVER], 0);
    ck_assert_uint_eq(up.sent, 2);
    ck_assert_uint_eq(up.polled, 1);
    ck_assert_uint_eq(down.sent, 1);
    ck_assert_uint_eq(down.polled, 2);
    world_destroy(world);
    ck_assert_ptr_null(audit_of_calls());
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_story_is_complained_of_as_it_must, 0, 2 * COUNT_OF(stories));
    tcase_add_test(tests, a_hole_where_messages_expire_is_one_when_all_is_polled);
    tcase_add_loop_test(tests, the_numbers_of_another_process_go_on_behind_its_gap, 0, 3);
    tcase_add_test(tests, each_session_has_its_own_numbers);
    tcase_add_test(tests, a_world_keeps_books_by_itself);
}

TEST_MAIN("audit", add_tests)
