/* A client that keeps no rule, and strangers that are no client: what they say is dropped and
 * counted, costs them their own session at most, and never touches anybody else's. */
#include "common/random.h"
#include "tests/support/stranger.h"
#include "tests/support/world.h"
#include <enet/enet.h>
#include <string.h>

struct stage {
    struct world *world;
    struct stranger *stranger;
    struct belay_session_info before; /* of the well-behaved client that is there too */
};

static struct stage set_stage(void) {
    struct stage stage = {.world = world_create(NULL)};
    world_open(stage.world);
    stage.stranger = stranger_create(stage.world);
    stranger_login(stage.stranger);
    stage.before = world_info(stage.world, SERVER, 0);
    return stage;
}

/** Whatever happened, the other client's session is as it was and works. */
static void clear_stage(struct stage *stage) {
    struct world *world = stage->world;
    struct belay_session_info now = world_info(world, SERVER, 0);
    ck_assert_int_eq(now.state, BELAY_LOGGED_IN);
    ck_assert_uint_eq(now.messages_in, stage->before.messages_in);
    ck_assert_uint_eq(now.queued_messages, stage->before.queued_messages);
    ck_assert_str_eq(now.address, stage->before.address);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN");
    world->server_deaf = false;
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, UP, 0, 0, 2000);
        ledger_must_send(world, DOWN, 0, 0, 2000);
    }
    world_run(world, 500);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    stranger_destroy(stage->stranger);
    world_destroy(world);
}

static uint64_t dropped(const struct stage *stage, enum belay_drop cause) {
    return world_stats(stage->world, SERVER, 0).dropped[cause];
}

static void assert_broken_off(const struct stage *stage, const char *word) {
    ck_assert_uint_eq(stage->stranger->heard[BL_FRAME_CLOSE], 1);
    ck_assert_uint_eq(stage->stranger->code, BELAY_REASON_PROTOCOL);
    ck_assert_msg(strstr(stage->stranger->text, word) != NULL, "%s", stage->stranger->text);
    ck_assert_uint_eq(world_stats(stage->world, SERVER, 0).sessions, 1);
}

static void assert_still_served(struct stage *stage, uint32_t next_sequence) {
    uint32_t before = stage->world->stranger_messages;
    stranger_say_piece(
        stage->stranger,
        &(struct bl_piece){.type = BL_FRAME_MESSAGE, .sequence = next_sequence, .size = 5});
    stranger_run(stage->stranger, 50);
    ck_assert_uint_eq(stage->world->stranger_messages, before + 1);
    ck_assert_uint_eq(stage->stranger->heard[BL_FRAME_CLOSE], 0);
}

/* ---- frames */

/* A36, A41, A42: what is malformed is dropped and counted; what is unknown is answered, once the
 * session is accepted; neither costs the session anything. W-A10: nor the number that it came
 * with, which a sound message may still have. */
static const struct odd_frame {
    const char *what;
    const char *bytes;
    uint8_t size;
    enum belay_drop cause;
    bool answered;
} odd_frames[] = {
    {"an unknown core frame", "\x7f", 1, BELAY_DROP_UNKNOWN, true},
    {"a frame number that is not taken", "\x05\x00\x00", 3, BELAY_DROP_UNKNOWN, true},
    {"an optional extension", "\x80\x01\x02", 3, BELAY_DROP_UNKNOWN, false},
    {"the last optional extension", "\xbf", 1, BELAY_DROP_UNKNOWN, false},
    {"a required extension", "\xc0\x01\x02", 3, BELAY_DROP_UNKNOWN, true},
    {"a ping cut short", "\x07\x00\x00\x00", 4, BELAY_DROP_FRAME, false},
    {"a ping with more behind it", "\x07\x00\x00\x00\x01\x02", 6, BELAY_DROP_FRAME, false},
    {"a pong cut short", "\x08\x00\x00\x00\x01", 5, BELAY_DROP_FRAME, false},
    {"a close whose text is not there", "\x04\0\0\0\1\0\0\0\0\0\x20", 11, BELAY_DROP_FRAME, false},
    {"a close that may come back twice", "\x04\0\0\0\1\2\0\0\0\0\0", 11, BELAY_DROP_FRAME, false},
    {"a report of no channels", "\x09\x00\x00\x00\x00\x00\x00", 7, BELAY_DROP_FRAME, false},
    {"a report of more than it holds", "\x09\x02\x00\x00\x00\x00\x00", 7, BELAY_DROP_FRAME, false},
    {"a message without a header", "\x10\x00\x00\x00", 4, BELAY_DROP_FRAME, false},
    {"a message on a channel of ours too few", "\x10\x02\0\0\0\1x", 7, BELAY_DROP_FRAME, false},
    {"a message on an unreliable channel", "\x10\x01\0\0\0\1x", 7, BELAY_DROP_FRAME, false},
    {"a datagram on a reliable channel", "\x13\x00\0\0\0\1x", 7, BELAY_DROP_FRAME, false},
    {"a skip with a payload", "\x12\x00\0\0\0\1x", 7, BELAY_DROP_FRAME, false},
    {"a fragment of none", "\x14\x01\0\0\0\1\0\0x", 9, BELAY_DROP_FRAME, false},
    {"a fragment past the last", "\x14\x01\0\0\0\1\2\2x", 9, BELAY_DROP_FRAME, false},
    {"a fragment of too many", "\x14\x01\0\0\0\1\0\x09x", 9, BELAY_DROP_FRAME, false},
    {"a short fragment in the middle", "\x14\x01\0\0\0\1\0\2x", 9, BELAY_DROP_FRAME, false},
    {"a welcome to the server", "\x02", 1, BELAY_DROP_FRAME, false},
    {"a refusal to the server", "\x03\0\0\0\1\0\0\0\0\0\0", 11, BELAY_DROP_STATE, false},
    {"a drain to the server", "\x0b\0\0\0\0\0", 6, BELAY_DROP_STATE, false},
};

START_TEST(an_odd_frame_is_counted_and_costs_nothing) {
    const struct odd_frame *odd = &odd_frames[_i];
    struct stage stage = set_stage();
    uint64_t before = dropped(&stage, odd->cause);
    stranger_say(stage.stranger, odd->bytes, odd->size, BL_UNSEQUENCED);
    stranger_run(stage.stranger, 50);
    ck_assert_msg(dropped(&stage, odd->cause) == before + 1, "%s", odd->what);
    ck_assert_msg(stage.stranger->heard[BL_FRAME_ERROR] == odd->answered, "%s", odd->what);
    if (odd->answered) {
        ck_assert_uint_eq(stage.stranger->last[2], (uint8_t)odd->bytes[0]);
    }
    assert_still_served(&stage, 1);
    clear_stage(&stage);
}
END_TEST

/* A37, A40: what has come before is dropped silently, on each session by itself. */
START_TEST(a_repeated_message_is_delivered_once) {
    struct stage stage = set_stage();
    for (int i = 0; i < 3; i++) {
        stranger_say_piece(stage.stranger,
                           &(struct bl_piece){.type = BL_FRAME_MESSAGE, .sequence = 1, .size = 5});
    }
    stranger_run(stage.stranger, 50);
    ck_assert_uint_eq(stage.world->stranger_messages, 1);
    ck_assert_uint_eq(dropped(&stage, BELAY_DROP_DUPLICATE), 2);
    assert_still_served(&stage, 2);
    clear_stage(&stage);
}
END_TEST

/* A40: however late a repeat comes: there is no list of recent ones that it could have left. */
START_TEST(a_repeat_is_known_however_late_it_comes) {
    struct stage stage = set_stage();
    struct bl_piece piece = {.type = BL_FRAME_MESSAGE, .size = 5};
    while (piece.sequence < 4 * BELAY_CREDIT_MESSAGES) {
        piece.sequence++;
        stranger_say_piece(stage.stranger, &piece);
        stranger_run(stage.stranger, 5);
    }
    ck_assert_uint_eq(stage.world->stranger_messages, piece.sequence);
    for (uint32_t i = 1; i <= 4 * BELAY_CREDIT_MESSAGES; i += 100) {
        piece.sequence = i;
        stranger_say_piece(stage.stranger, &piece);
        stranger_run(stage.stranger, 5);
    }
    ck_assert_uint_eq(dropped(&stage, BELAY_DROP_DUPLICATE), 11);
    ck_assert_uint_eq(stage.world->stranger_messages, 4 * BELAY_CREDIT_MESSAGES);
    assert_still_served(&stage, 4 * BELAY_CREDIT_MESSAGES + 1);
    clear_stage(&stage);
}
END_TEST

/* A stranger says it, once knocking and once logged in: what is found wrong first is what counts.
 */
static const struct fault {
    const char *what;
    const char *bytes;
    uint8_t size;
    enum belay_drop before, after; /* its login */
} faults[] = {
    {"no shape", "\x10\x00\x00", 3, BELAY_DROP_FRAME, BELAY_DROP_FRAME},
    {"no such type", "\x7f", 1, BELAY_DROP_UNKNOWN, BELAY_DROP_UNKNOWN},
    {"not for a server", "\x03\0\0\0\1\0\0\0\0\0\0", 11, BELAY_DROP_STATE, BELAY_DROP_STATE},
    {"no such channel, and come before", "\x10\x02\0\0\0\1x", 7, BELAY_DROP_STATE,
     BELAY_DROP_FRAME},
    {"come before", "\x10\x00\0\0\0\1x", 7, BELAY_DROP_STATE, BELAY_DROP_DUPLICATE},
};

/* A35: shape, then state, then content, then repetition; and only what passes them all is handled
 * (W-A10). */
START_TEST(what_comes_in_is_judged_in_a_fixed_order) {
    const struct fault *fault = &faults[_i];
    struct stage stage = set_stage();
    struct stranger *knocking = stranger_create(stage.world);
    stranger_knock(knocking);
    assert_still_served(&stage, 1);
    struct belay_stats stats = world_stats(stage.world, SERVER, 0);
    stranger_say(knocking, fault->bytes, fault->size, BL_ORDERED);
    stranger_run(knocking, 20);
    stranger_say(stage.stranger, fault->bytes, fault->size, BL_ORDERED);
    stranger_run(stage.stranger, 20);
    for (int i = 0; i < BELAY_DROP_COUNT; i++) {
        uint64_t expected = (uint64_t)(i == (int)fault->before) + (i == (int)fault->after);
        ck_assert_msg(dropped(&stage, (enum belay_drop)i) - stats.dropped[i] == expected, "%s: %s",
                      fault->what, belay_drop_meaning((enum belay_drop)i));
    }
    ck_assert_uint_eq(stage.world->stranger_messages, 1);
    assert_still_served(&stage, 2);
    stranger_destroy(knocking);
    clear_stage(&stage);
}
END_TEST

/* A stream with a hole, or segments that do not fit together, are of no use: the session ends. */
static const struct broken {
    struct bl_piece pieces[3];
    const char *word;
} broken[] = {
    {{{.type = BL_FRAME_MESSAGE, .sequence = 2, .size = 1}}, "order"},
    {{{.type = BL_FRAME_MESSAGE, .sequence = 0x7fffffff, .size = 1}}, "order"},
    {{{.type = BL_FRAME_SEGMENT,
       .sequence = 1,
       .offset = BL_SEGMENT_DATA_MAX,
       .total = 5000,
       .size = BL_SEGMENT_DATA_MAX}},
     "order"},
    {{{.type = BL_FRAME_SEGMENT,
       .sequence = 1,
       .total = BELAY_MESSAGE_MAX + 1,
       .size = BL_SEGMENT_DATA_MAX}},
     "order"},
    {{{.type = BL_FRAME_SEGMENT, .sequence = 1, .total = UINT32_MAX, .size = BL_SEGMENT_DATA_MAX}},
     "order"},
    {{{.type = BL_FRAME_SEGMENT, .sequence = 1, .total = 0, .size = BL_SEGMENT_DATA_MAX}}, "order"},
    {{{.type = BL_FRAME_SEGMENT, .sequence = 1, .total = 5000, .size = BL_SEGMENT_DATA_MAX},
      {.type = BL_FRAME_SEGMENT,
       .sequence = 1,
       .offset = BL_SEGMENT_DATA_MAX,
       .total = 6000,
       .size = BL_SEGMENT_DATA_MAX}},
     "order"},
    {{{.type = BL_FRAME_SEGMENT, .sequence = 1, .total = 5000, .size = BL_SEGMENT_DATA_MAX},
      {.type = BL_FRAME_SEGMENT,
       .sequence = 1,
       .offset = 2 * BL_SEGMENT_DATA_MAX,
       .total = 5000,
       .size = BL_SEGMENT_DATA_MAX}},
     "order"},
    {{{.type = BL_FRAME_SEGMENT,
       .sequence = 1,
       .total = BL_SEGMENT_DATA_MAX + 66,
       .size = BL_SEGMENT_DATA_MAX},
      {.type = BL_FRAME_SEGMENT,
       .sequence = 1,
       .offset = BL_SEGMENT_DATA_MAX,
       .total = BL_SEGMENT_DATA_MAX + 66,
       .size = BL_SEGMENT_DATA_MAX}},
     "order"},
    {{{.type = BL_FRAME_SEGMENT, .sequence = 1, .total = 5000, .size = BL_SEGMENT_DATA_MAX},
      {.type = BL_FRAME_MESSAGE, .sequence = 1, .size = 1}},
     "order"},
    {{{.type = BL_FRAME_SEGMENT,
       .sequence = 1,
       .total = BELAY_MESSAGE_MAX,
       .size = BL_SEGMENT_DATA_MAX},
      {.type = BL_FRAME_MESSAGE, .sequence = 2, .size = 1}},
     "order"},
};

START_TEST(a_broken_stream_ends_its_own_session) {
    struct stage stage = set_stage();
    for (int i = 0; i < 3 && broken[_i].pieces[i].type != 0; i++) {
        stranger_say_piece(stage.stranger, &broken[_i].pieces[i]);
    }
    stranger_run(stage.stranger, 100);
    assert_broken_off(&stage, broken[_i].word);
    ck_assert_uint_eq(stage.world->stranger_messages, 0);
    clear_stage(&stage);
}
END_TEST

/* Section 3, stream: data beyond the credit, in messages and in bytes, ends that session only.
 * A44: and the others are served on. */
START_TEST(data_beyond_the_credit_end_that_session_only) {
    struct stage stage = set_stage();
    stage.world->server_deaf = true;
    for (uint32_t i = 1; i <= BELAY_CREDIT_MESSAGES; i++) {
        stranger_say_piece(stage.stranger,
                           &(struct bl_piece){.type = BL_FRAME_MESSAGE, .sequence = i, .size = 5});
        stranger_run(stage.stranger, 5);
    }
    ck_assert_uint_eq(stage.stranger->heard[BL_FRAME_CLOSE], 0);
    stranger_say_piece(stage.stranger, &(struct bl_piece){.type = BL_FRAME_MESSAGE,
                                                          .sequence = BELAY_CREDIT_MESSAGES + 1,
                                                          .size = 5});
    stranger_run(stage.stranger, 50);
    stage.world->server_deaf = false;
    stranger_run(stage.stranger, 50);
    assert_broken_off(&stage, "credit");
    ck_assert_uint_eq(stage.world->stranger_messages, 0);
    clear_stage(&stage);
}
END_TEST

START_TEST(the_credit_in_bytes_counts_from_the_first_segment) {
    struct stage stage = set_stage();
    struct bl_piece piece = {
        .type = BL_FRAME_SEGMENT, .sequence = 1, .total = 700000, .size = BL_SEGMENT_DATA_MAX};
    stage.world->server_deaf = true;
    while (piece.offset < piece.total) {
        piece.size =
            piece.total - piece.offset < piece.size ? piece.total - piece.offset : piece.size;
        stranger_say_piece(stage.stranger, &piece);
        piece.offset += (uint32_t)piece.size;
        stranger_run(stage.stranger, 5);
    }
    ck_assert_uint_eq(stage.stranger->heard[BL_FRAME_CLOSE], 0);
    stranger_say_piece(stage.stranger, &(struct bl_piece){.type = BL_FRAME_SEGMENT,
                                                          .sequence = 2,
                                                          .total = 700000,
                                                          .size = BL_SEGMENT_DATA_MAX});
    stranger_run(stage.stranger, 50);
    stage.world->server_deaf = false;
    stranger_run(stage.stranger, 50);
    assert_broken_off(&stage, "credit");
    clear_stage(&stage);
}
END_TEST

/* A17, W-A16: reports of what was handled only go up, and never beyond what was sent. */
START_TEST(nobody_handles_what_was_never_sent) {
    struct stage stage = set_stage();
    belay_session session = belay_server_next(stage.world->server, stage.world->clients[0].session);
    struct bl_handled report = {.count = 1};
    uint8_t frame[64];
    for (int i = 0; i < 9; i++) {
        ck_assert_int_eq(belay_server_send(stage.world->server, session, 0, "x", 1), BELAY_OK);
    }
    stranger_run(stage.stranger, 50);
    static const struct {
        uint32_t said, handled;
    } rows[] = {{5, 5}, {3, 5}, {5, 5}, {0xfffffff0, 5}, {9, 9}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct belay_session_info info = BELAY_SESSION_INFO_INIT;
        report.channels[0].sequence = rows[i].said;
        stranger_say(stage.stranger, frame, bl_handled_write(frame, sizeof frame, &report),
                     BL_UNSEQUENCED);
        stranger_run(stage.stranger, 20);
        ck_assert_int_eq(belay_server_info(stage.world->server, session, &info), BELAY_OK);
        ck_assert_uint_eq(info.handled_out, rows[i].handled);
        ck_assert_uint_eq(info.queued_messages, 9 - rows[i].handled);
    }
    report.channels[0].sequence = 10;
    stranger_say(stage.stranger, frame, bl_handled_write(frame, sizeof frame, &report),
                 BL_UNSEQUENCED);
    stranger_run(stage.stranger, 50);
    assert_broken_off(&stage, "handled");
    clear_stage(&stage);
}
END_TEST

/* A44: random frames of every size, for a session that logs in again when it has been thrown out.
 */
START_TEST(random_frames_harm_nobody_else) {
    struct stage stage = set_stage();
    struct bl_random random;
    uint64_t memory = world_stats(stage.world, SERVER, 0).memory;
    uint8_t frame[BL_FRAME_SIZE_MAX];
    bl_random_init_seeded(&random, 1000 + (uint64_t)_i); /* the seed is the number of the run */
    for (int i = 0; i < 5000; i++) {
        size_t size = 1 + bl_random_below(&random, _i % 2 == 0 ? 40 : sizeof frame);
        bl_random_bytes(&random, frame, size);
        frame[0] = (uint8_t)(bl_random_below(&random, 24)); /* mostly types that exist */
        stranger_say(stage.stranger, frame, size,
                     bl_random_chance(&random, 0.5) ? BL_ORDERED : BL_UNSEQUENCED);
        stranger_run(stage.stranger, 5);
        if (stage.stranger->gone || stage.stranger->heard[BL_FRAME_CLOSE] > 0) {
            stranger_destroy(stage.stranger);
            stage.stranger = stranger_create(stage.world);
            stranger_login(stage.stranger);
        }
    }
    world_run(stage.world, 120000); /* everything held or half-open is over */
    ck_assert_uint_eq(world_stats(stage.world, SERVER, 0).sessions, 1);
    ck_assert_uint_le(world_stats(stage.world, SERVER, 0).memory, memory + 4096);
    clear_stage(&stage);
}
END_TEST

/* ---- ENet commands */

#define COMMAND(command, size)                                                                     \
    { (uint8_t)(ENET_PROTOCOL_COMMAND_##command), size }

/* D4: everything of ENet's protocol but acknowledgements and data stays outside. */
static const struct enet_command {
    uint8_t command, size; /* of the whole command */
} enet_commands[] = {
    COMMAND(CONNECT, 48),
    COMMAND(VERIFY_CONNECT, 44),
    COMMAND(DISCONNECT, 8),
    COMMAND(PING, 4),
    COMMAND(SEND_UNRELIABLE, 9),
    COMMAND(SEND_FRAGMENT, 25),
    COMMAND(BANDWIDTH_LIMIT, 12),
    COMMAND(THROTTLE_CONFIGURE, 16),
    COMMAND(SEND_UNRELIABLE_FRAGMENT, 25),
};

START_TEST(enet_commands_off_the_allow_list_are_dropped) {
    const struct enet_command *command = &enet_commands[_i];
    static const uint8_t flags[] = {0, ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE,
                                    ENET_PROTOCOL_COMMAND_FLAG_UNSEQUENCED};
    struct stage stage = set_stage();
    uint64_t before = dropped(&stage, BELAY_DROP_COMMAND);
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        uint8_t datagram[64] = {0x80}; /* with a sent time, for peer 0 */
        datagram[4] = command->command | flags[i];
        datagram[5] = 0;
        datagram[7] = 5; /* reliable sequence number */
        stranger_say_enet(stage.stranger, datagram, 4U + command->size);
        stranger_run(stage.stranger, 20);
    }
    ck_assert_uint_eq(dropped(&stage, BELAY_DROP_COMMAND), before + COUNT_OF(flags));
    assert_still_served(&stage, 1);
    clear_stage(&stage);
}
END_TEST

START_TEST(random_enet_datagrams_harm_nobody) {
    struct stage stage = set_stage();
    struct bl_random random;
    uint8_t bytes[BL_DATA_PAYLOAD_MAX];
    bl_random_init_seeded(&random, 2000 + (uint64_t)_i);
    for (int i = 0; i < 5000; i++) {
        static const uint8_t allowed[] = {0x01, 0x86, 0x49};
        size_t size = bl_random_below(&random, 80);
        bl_random_bytes(&random, bytes, size);
        if (size > 4 && bl_random_chance(&random, 0.7)) { /* nearly right */
            bytes[0] &= 0x80;
            bytes[bytes[0] != 0 ? 4 : 2] = allowed[bl_random_below(&random, 3)];
            bytes[bytes[0] != 0 ? 5 : 3] = (uint8_t)bl_random_below(&random, 4);
        }
        stranger_say_enet(stage.stranger, bytes, size);
        world_run(stage.world, 5);
    }
    stranger_run(stage.stranger, 100);
    clear_stage(&stage);
}
END_TEST

/* ---- datagrams */

/* Truncated, oversized, of any kind and from anywhere: counted, never answered with more. */
START_TEST(random_datagrams_are_counted_and_forgotten) {
    struct stage stage = set_stage();
    struct bl_random random;
    uint8_t bytes[1500];
    struct belay_stats before = world_stats(stage.world, SERVER, 0);
    bl_random_init_seeded(&random, 3000 + (uint64_t)_i);
    uint64_t sent = 0;
    for (int i = 0; i < 20000; i++) {
        size_t size = bl_random_below(&random, i % 3 == 0 ? sizeof bytes : 40);
        bl_random_bytes(&random, bytes, size);
        if (size > 0) {
            bytes[0] = (uint8_t)bl_random_below(&random, 8);
        }
        stranger_say_raw(stage.stranger, bytes, size);
        sent++;
        if (i % 50 == 0) {
            world_run(stage.world, 5);
        }
    }
    world_run(stage.world, 1000);
    struct belay_stats after = world_stats(stage.world, SERVER, 0);
    uint64_t counted = 0;
    for (int i = 0; i < BELAY_DROP_COUNT; i++) {
        counted += after.dropped[i] - before.dropped[i];
    }
    ck_assert_uint_ge(counted, sent); /* and a few that were none of ours */
    ck_assert_uint_le(counted, sent + 100);
    ck_assert_uint_le(after.memory, before.memory + 1024);
    clear_stage(&stage);
}
END_TEST

static void say_from(struct stranger *stranger, enum bl_datagram_kind kind, uint32_t tag) {
    uint8_t datagram[64] = {0};
    const struct bl_data_header header = {.kind = kind, .steered = true, .tag = tag, .number = 99};
    bl_data_header_write(datagram, &header);
    stranger_say_raw(stranger, datagram, BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE);
}

/* A39: what names another's session is dropped, whatever it says; here its tag is known. */
START_TEST(another_address_cannot_speak_for_a_session) {
    struct stage stage = set_stage();
    struct stranger *thief = stranger_create(stage.world);
    uint32_t tag = ((struct bl_binding *)stage.stranger->peer->binding)->tag;
    uint64_t before = dropped(&stage, BELAY_DROP_FORGED);
    say_from(thief, BL_DATAGRAM_GONE, tag);
    say_from(thief, BL_DATAGRAM_DATA, tag);
    stranger_run(stage.stranger, 50);
    ck_assert_uint_eq(dropped(&stage, BELAY_DROP_FORGED), before + 2);
    assert_still_served(&stage, 1);
    stranger_destroy(thief);
    clear_stage(&stage);
}
END_TEST

/* W-R4, W-A19: a flood of handshakes makes no session, bounded memory, and no more bytes out than
 * in; when it ends there is room again. */
START_TEST(a_flood_of_handshakes_leaves_nothing_behind) {
    struct stage stage = set_stage();
    struct belay_stats before = world_stats(stage.world, SERVER, 0);
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t datagram[BL_OPEN_SIZE];
        struct bl_open open = {
            .version = BL_WIRE_VERSION, .way = BL_WAY_KEY, .suites = 1, .game = bl_wire_hash(NULL)};
        memcpy(open.nonce, &i, sizeof i);
        open.nonce[15] = 1;
        memset(datagram, 0, sizeof datagram);
        bl_open_write(datagram, &open);
        stranger_say_raw(stage.stranger, datagram, sizeof datagram);
        if (i % 100 == 0) {
            world_run(stage.world, 5);
        }
    }
    struct belay_stats during = world_stats(stage.world, SERVER, 0);
    ck_assert_uint_eq(during.sessions, 2);
    ck_assert_uint_le(during.bytes_out - before.bytes_out, during.bytes_in - before.bytes_in);
    ck_assert_uint_le(during.memory, before.memory + 64 * 1024);
    ck_assert(world_is_open(stage.world, 0));
    stranger_run(stage.stranger, 6000); /* half-open ones are forgotten after 5 s */
    struct belay_stats after = world_stats(stage.world, SERVER, 0);
    ck_assert_uint_le(after.memory, before.memory + 16 * 1024);
    struct stranger *late = stranger_create(stage.world);
    stranger_login(late);
    stranger_destroy(late);
    clear_stage(&stage);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, an_odd_frame_is_counted_and_costs_nothing, 0, COUNT_OF(odd_frames));
    tcase_add_test(tests, a_repeated_message_is_delivered_once);
    tcase_add_test(tests, a_repeat_is_known_however_late_it_comes);
    tcase_add_loop_test(tests, what_comes_in_is_judged_in_a_fixed_order, 0, COUNT_OF(faults));
    tcase_add_loop_test(tests, a_broken_stream_ends_its_own_session, 0, COUNT_OF(broken));
    tcase_add_test(tests, data_beyond_the_credit_end_that_session_only);
    tcase_add_test(tests, the_credit_in_bytes_counts_from_the_first_segment);
    tcase_add_test(tests, nobody_handles_what_was_never_sent);
    tcase_add_loop_test(tests, random_frames_harm_nobody_else, 0, 4);
    tcase_add_loop_test(tests, enet_commands_off_the_allow_list_are_dropped, 0,
                        COUNT_OF(enet_commands));
    tcase_add_loop_test(tests, random_enet_datagrams_harm_nobody, 0, 2);
    tcase_add_loop_test(tests, random_datagrams_are_counted_and_forgotten, 0, 2);
    tcase_add_test(tests, another_address_cannot_speak_for_a_session);
    tcase_add_test(tests, a_flood_of_handshakes_leaves_nothing_behind);
}

TEST_MAIN("hostile", add_tests)
