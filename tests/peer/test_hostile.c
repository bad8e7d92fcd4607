/*
 * A client that has logged in and turns on its server, by frames and by ENet's own commands. The
 * neighbour, an honest client with traffic both ways at every step, must never notice, and what the
 * attacker can make the server hold is a number written here.
 */
#include "tests/peer/enet_datagram.h"
#include "tests/support/stranger.h"
#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

#define KIB    1024U
#define MIB    (1024U * KIB)
#define NOBODY (~0U) /* whom the world's log names when it means a stranger */

struct scene {
    struct world *world;
    struct stranger *stranger;
    size_t memory_before;
};

/** What the server has, and ENet for all: the server is the first of the process to name hooks. */
static struct memory { size_t live, live_max; /* bytes */ } memory;

static void *count_memory(void *block, size_t old_size, size_t new_size, void *user) {
    (void)user;
    memory.live += new_size - old_size;
    memory.live_max = memory.live > memory.live_max ? memory.live : memory.live_max;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

static const struct belay_hooks hooks = {.realloc = count_memory};

static void chat(struct world *world) {
    ledger_must_send(world, UP, 0, 0, 64);
    ledger_must_send(world, DOWN, 0, 0, 64);
}

static struct scene begin_with(struct world_opts opts) {
    opts.server.hooks = &hooks;
    struct scene scene = {.world = world_create(&opts)};
    world_open(scene.world);
    scene.stranger = stranger_create(scene.world);
    stranger_login(scene.stranger);
    scene.world->each_step = chat;
    world_run(scene.world, 500);
    scene.memory_before = memory.live;
    memory.live_max = memory.live;
    return scene;
}

static struct scene begin(void) {
    return begin_with((struct world_opts){.clients = 1});
}

/** The neighbour has lost nothing and was never kept waiting. */
static void end(struct scene *scene) {
    struct world *world = scene->world;
    world->each_step = NULL;
    world_run(world, 1000);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    ck_assert(world_is_open(world, 0));
    ck_assert_str_eq(told_events(world, CLIENT, 0), "OPEN");
    stranger_destroy(scene->stranger);
    world_destroy(world);
}

/** What the server holds more than before, at worst. */
static size_t held_max(const struct scene *scene) {
    return memory.live_max - scene->memory_before;
}

static void assert_thrown_out(const struct scene *scene, uint32_t code) {
    const struct told *closed = told(scene->world, SERVER, NOBODY, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, code);
    ck_assert_uint_eq(scene->stranger->code, code);
}

static void assert_still_in(const struct scene *scene) {
    ck_assert_uint_eq(told_count(scene->world, SERVER, NOBODY, BELAY_EVENT_CLOSED), 0);
}

static uint64_t dropped(const struct scene *scene, enum belay_drop cause) {
    return world_stats(scene->world, SERVER, 0).dropped[cause];
}

/** The stranger's session, by the server's handle. */
static belay_session session_of_stranger(const struct scene *scene) {
    belay_session session = 0;
    do {
        session = belay_server_next(scene->world->server, session);
    } while (session == scene->world->clients[0].session);
    ck_assert_uint_ne(session, 0);
    return session;
}

/* ---- frames */

/* A44: 256 messages may wait to be handled, and one more is one too many. */
START_TEST(a_message_beyond_the_credit_ends_the_session) {
    struct scene scene = begin();
    bool too_many = _i == 1;
    scene.world->server_deaf = true;
    for (uint32_t i = 1; i <= BELAY_CREDIT_MESSAGES + (too_many ? 1 : 0); i++) {
        const struct bl_piece piece = {.type = BL_FRAME_MESSAGE, .sequence = i};
        stranger_say_piece(scene.stranger, &piece);
    }
    scene.world->each_step = NULL;
    stranger_run(scene.stranger, 100);
    scene.world->server_deaf = false;
    stranger_run(scene.stranger, 500);
    if (too_many) {
        assert_thrown_out(&scene, BELAY_REASON_PROTOCOL);
    } else {
        assert_still_in(&scene);
        ck_assert_uint_eq(scene.world->stranger_messages, BELAY_CREDIT_MESSAGES);
    }
    end(&scene);
}
END_TEST

/* Pieces of a reliable channel that do not fit together; the last one is the lie. */
#define SEGMENT(sequence_, offset_, total_, size_)                                                 \
    {                                                                                              \
        .type = BL_FRAME_SEGMENT, .sequence = sequence_, .offset = offset_, .total = total_,       \
        .size = size_                                                                              \
    }

static const struct lie {
    const char *name;
    unsigned count;
    struct bl_piece pieces[3];
} lies[] = {
    {"a message out of order", 1, {{.type = BL_FRAME_MESSAGE, .sequence = 2}}},
    {"a message far ahead", 1, {{.type = BL_FRAME_MESSAGE, .sequence = 0x7fffffff}}},
    {"begins in the middle", 1, {SEGMENT(1, 1000, 5000, 1000)}},
    {"total of a small message", 1, {SEGMENT(1, 0, 1000, 1000)}},
    {"total above the limit", 1, {SEGMENT(1, 0, MIB + 1, 1000)}},
    {"total of 4 GiB", 1, {SEGMENT(1, 0, UINT32_MAX, 1000)}},
    {"another total", 2, {SEGMENT(1, 0, 5000, 1000), SEGMENT(1, 1000, 5001, 1000)}},
    {"a hole", 2, {SEGMENT(1, 0, 5000, 1000), SEGMENT(1, 1001, 5000, 1000)}},
    {"more than the total", 2, {SEGMENT(1, 0, 1200, 1000), SEGMENT(1, 1000, 1200, 201)}},
    {"offset above the total",
     2,
     {SEGMENT(1, 0, 1200, 1000), SEGMENT(1, UINT32_MAX - 100, 1200, 201)}},
    {"another message before the end",
     2,
     {SEGMENT(1, 0, 5000, 1000), {.type = BL_FRAME_MESSAGE, .sequence = 1}}},
    {"a skip before the end",
     2,
     {SEGMENT(1, 0, 5000, 1000), {.type = BL_FRAME_SKIP, .sequence = 1}}},
};

/* A44 */
START_TEST(segments_that_lie_end_the_session) {
    struct scene scene = begin();
    for (unsigned i = 0; i < lies[_i].count; i++) {
        assert_still_in(&scene);
        stranger_say_piece(scene.stranger, &lies[_i].pieces[i]);
        stranger_run(scene.stranger, 20);
    }
    stranger_run(scene.stranger, 100);
    ck_assert_msg(scene.stranger->heard[BL_FRAME_CLOSE] == 1, "%s: not thrown out", lies[_i].name);
    assert_thrown_out(&scene, BELAY_REASON_PROTOCOL);
    ck_assert_uint_lt(held_max(&scene), 64 * KIB);
    end(&scene);
}
END_TEST

/* A segment that says less than it brings, and one that comes twice, cost nothing. */
START_TEST(a_segment_that_came_before_is_dropped) {
    struct scene scene = begin();
    const struct bl_piece first = SEGMENT(1, 0, 2000, 1000);
    const struct bl_piece again = SEGMENT(1, 500, 2000, 400);
    const struct bl_piece last = SEGMENT(1, 1000, 2000, 1000);
    stranger_say_piece(scene.stranger, &first);
    stranger_say_piece(scene.stranger, &again);
    stranger_say_piece(scene.stranger, &last);
    stranger_say_piece(scene.stranger, &last);
    stranger_run(scene.stranger, 100);
    assert_still_in(&scene);
    ck_assert_uint_eq(scene.world->stranger_messages, 1);
    ck_assert_uint_eq(dropped(&scene, BELAY_DROP_DUPLICATE), 2);
    end(&scene);
}
END_TEST

/* A42, F13: what nobody knows is counted, and answered where the sender should know. */
START_TEST(a_frame_of_an_unknown_type_does_no_harm) {
    struct scene scene = begin();
    uint64_t answers = 0;
    unsigned count = 0;
    for (unsigned type = 0; type <= 0xff; type++) {
        const uint8_t frame[8] = {(uint8_t)type};
        if (bl_frame_name((uint8_t)type) != NULL) {
            continue;
        }
        stranger_say(scene.stranger, frame, sizeof frame, BL_UNSEQUENCED);
        stranger_run(scene.stranger, 5);
        answers += type < BL_FRAME_OPTIONAL || type >= BL_FRAME_REQUIRED;
        count++;
    }
    stranger_run(scene.stranger, 50);
    assert_still_in(&scene);
    ck_assert_uint_eq(dropped(&scene, BELAY_DROP_UNKNOWN), count);
    ck_assert_uint_eq(scene.stranger->heard[BL_FRAME_ERROR], answers);
    end(&scene);
}
END_TEST

/* W-A16 */
START_TEST(handled_beyond_what_was_sent_ends_the_session) {
    struct scene scene = begin();
    uint8_t frame[16];
    struct bl_handled handled = {.count = 1, .channels = {{0, 3}}};
    belay_session session = session_of_stranger(&scene);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(belay_server_send(scene.world->server, session, 0, "x", 1), BELAY_OK);
    }
    stranger_run(scene.stranger, 50);
    ck_assert_uint_eq(scene.stranger->heard[BL_FRAME_MESSAGE], 3);
    stranger_say(scene.stranger, frame, bl_handled_write(frame, sizeof frame, &handled),
                 BL_UNSEQUENCED);
    stranger_run(scene.stranger, 50);
    assert_still_in(&scene);
    handled.channels[0].sequence = 4;
    stranger_say(scene.stranger, frame, bl_handled_write(frame, sizeof frame, &handled),
                 BL_UNSEQUENCED);
    stranger_run(scene.stranger, 50);
    assert_thrown_out(&scene, BELAY_REASON_PROTOCOL);
    end(&scene);
}
END_TEST

/* Empty frames, cut ones, and every frame of the other role, with and without a body. */
START_TEST(frames_of_any_size_in_the_wrong_state_do_no_harm) {
    static const uint8_t harmless[] = {BL_FRAME_HELLO, BL_FRAME_WELCOME, BL_FRAME_REFUSE,
                                       BL_FRAME_DRAIN, BL_FRAME_PAUSE,   BL_FRAME_PONG,
                                       BL_FRAME_ERROR, BL_FRAME_DATAGRAM};
    struct scene scene = begin();
    for (size_t i = 0; i < COUNT_OF(harmless); i++) {
        for (size_t size = 0; size < 60; size++) {
            uint8_t frame[60] = {harmless[i]};
            stranger_say(scene.stranger, frame, size, BL_UNSEQUENCED);
        }
        stranger_run(scene.stranger, 50);
    }
    assert_still_in(&scene);
    ck_assert_uint_lt(held_max(&scene), 512 * KIB);
    end(&scene);
}
END_TEST

/* ---- floods of frames */

/** Sends the same unsequenced frame @p count times in one step of the server, 60 to a datagram. */
static void flood(struct scene *scene, const void *frame, uint16_t size, unsigned count) {
    static uint16_t group = 0x4000;
    while (count > 0) {
        uint8_t datagram[BL_DATA_PAYLOAD_MAX];
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        for (unsigned i = 0; i < 32 && count > 0; i++, count--) {
            enet_unsequenced(&writer, group++, frame, size);
        }
        stranger_say_enet(scene->stranger, datagram, bl_writer_size(&writer));
    }
}

static const struct flood_kind {
    const char *name;
    uint8_t frame[16];
    uint16_t size;
} flood_kinds[] = {
    {"pings", {BL_FRAME_PING, 0, 0, 0, 1}, 5},
    {"unknown types", {127}, 1},
    {"hellos",
     {BL_FRAME_HELLO, 0, 1},
     3}, /* too short for a hello: answered by nothing but a counter */
};

/* What is answered at all is answered into a bounded queue: 32,000 questions in one round. */
START_TEST(questions_without_number_do_not_fill_the_servers_memory) {
    const struct flood_kind *kind = &flood_kinds[_i];
    struct scene scene = begin();
    flood(&scene, kind->frame, kind->size, 32000);
    world_run(scene.world, 5);
    printf("%s: %zu KiB held\n", kind->name, held_max(&scene) / KIB);
    ck_assert_uint_lt(held_max(&scene), 512 * KIB);
    end(&scene);
}
END_TEST

START_TEST(unreliable_messages_without_number_are_dropped_at_a_bound) {
    struct scene scene = begin();
    uint8_t frame[BL_MESSAGE_HEADER + 20];
    const struct bl_piece piece = {.type = BL_FRAME_DATAGRAM, .channel = 1, .sequence = 1};
    memset(frame, 0, sizeof frame);
    bl_piece_write(frame, sizeof frame, &piece);
    scene.world->server_deaf = true;
    scene.world->each_step = NULL;
    flood(&scene, frame, sizeof frame, 20000);
    world_run(scene.world, 5);
    scene.world->server_deaf = false;
    world_run(scene.world, 50);
    ck_assert_uint_gt(scene.world->stranger_messages, 0);
    ck_assert_uint_gt(dropped(&scene, BELAY_DROP_UNREAD), 19000);
    ck_assert_uint_lt(held_max(&scene), 512 * KIB);
    end(&scene);
}
END_TEST

/* ---- ENet's own commands */

/** What it is about to claim of reliable commands that are ahead of a gap. */
static const struct bomb {
    const char *name;
    bool descending;
    uint16_t data_size;
    size_t held_max;
} bombs[] = {
    {"empty, ascending", false, 0, 1 * MIB},       {"empty, descending", true, 0, 1 * MIB},
    {"a byte each, descending", true, 1, 1 * MIB}, {"30 bytes each, descending", true, 30, 1 * MIB},
    {"full, descending", true, 1140, 2 * MIB},
};

/* R4: on bare ENet 28,000 such commands cost 5 MB and 2.4 s. Three ENet channels (0 and the
 * two of the session), 4,096 numbers ahead on each: what is more than 1,024 ahead is refused. */
START_TEST(allowed_commands_far_ahead_are_bounded) {
    const struct bomb *bomb = &bombs[_i];
    static const uint8_t data[1140];
    struct scene scene = begin();
    unsigned per_datagram = bomb->data_size > 30 ? 1 : 32;
    for (uint32_t i = 0; i < 12288; i += per_datagram) {
        uint8_t datagram[1200];
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        for (uint32_t j = i; j < i + per_datagram; j++) {
            uint32_t ahead = j / 3 + 3;
            enet_reliable(&writer, (uint8_t)(j % 3),
                          (uint16_t)(bomb->descending ? 4096 + 3 - ahead + 3 : ahead), data,
                          bomb->data_size);
        }
        ck_assert(!writer.failed);
        stranger_say_enet(scene.stranger, datagram, bl_writer_size(&writer));
        if (i % 256 == 0) {
            world_step(scene.world);
        }
    }
    world_run(scene.world, 100);
    printf("%s: %zu KiB held\n", bomb->name, held_max(&scene) / KIB);
    ck_assert_uint_gt(dropped(&scene, BELAY_DROP_COMMAND), 10);
    ck_assert_uint_lt(held_max(&scene), bomb->held_max);
    assert_still_in(&scene);
    end(&scene);
}
END_TEST

/* Each repeat of what has long arrived is owed an acknowledgement: 640,000 of them in one round. */
START_TEST(repeats_without_number_do_not_fill_the_servers_memory) {
    struct scene scene = begin();
    uint8_t datagram[1200];
    struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
    for (int i = 0; i < 32; i++) {
        enet_reliable(&writer, 0, 1, NULL, 0);
    }
    scene.world->server_deaf = true;
    scene.world->each_step = NULL;
    for (int i = 0; i < 20000; i++) {
        stranger_say_enet(scene.stranger, datagram, bl_writer_size(&writer));
    }
    world_run(scene.world, 5);
    scene.world->server_deaf = false;
    world_run(scene.world, 50);
    printf("repeats: %zu KiB held\n", held_max(&scene) / KIB);
    ck_assert_uint_gt(dropped(&scene, BELAY_DROP_COMMAND), 10000);
    ck_assert_uint_lt(held_max(&scene), 1 * MIB);
    assert_still_in(&scene);
    end(&scene);
}
END_TEST

START_TEST(acknowledgements_of_everything_and_nothing_do_no_harm) {
    struct scene scene = begin();
    belay_session session = session_of_stranger(&scene);
    for (uint32_t i = 0; i < 65536; i += 32) {
        uint8_t datagram[1200];
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        for (uint32_t j = i; j < i + 32; j++) {
            enet_ack(&writer, (uint8_t)(j % 3), (uint16_t)j, (uint16_t)(j * 7));
        }
        stranger_say_enet(scene.stranger, datagram, bl_writer_size(&writer));
        if (i % 1024 == 0) {
            belay_server_send(scene.world->server, session, 0, "x", 1);
            world_step(scene.world);
        }
    }
    assert_still_in(&scene);
    ck_assert_uint_lt(held_max(&scene), 512 * KIB);
    end(&scene);
}
END_TEST

/** The newest message in a datagram for the stranger, opened in place; 0 when there is none. */
static uint32_t newest_message(struct stranger *stranger, const struct bl_datagram *datagram) {
    uint32_t newest = 0;
    struct enet_seen seen;
    struct bl_piece piece;
    size_t size = stranger_open(stranger, datagram);
    struct bl_reader reader = enet_commands(datagram->data + BL_DATA_HEADER_SIZE, size);
    while (enet_next(&reader, &seen)) {
        if (seen.command == COMMAND_RELIABLE && seen.data[0] == BL_FRAME_MESSAGE &&
            bl_piece_read(&piece, seen.data, seen.size)) {
            newest = piece.sequence;
        }
    }
    return newest;
}

/** Takes what has come for the stranger without a word to its ENet, so nothing is acknowledged. */
static uint32_t swallow(struct stranger *stranger) {
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    uint32_t newest = 0;
    for (size_t count; (count = bl_net_receive(stranger->net, batch, BL_NET_BATCH_MAX)) > 0;) {
        for (size_t i = 0; i < count; i++) {
            uint32_t sequence = newest_message(stranger, &batch[i]);
            newest = sequence > newest ? sequence : newest;
        }
    }
    return newest;
}

/* Whoever says that it has handled messages which it never acknowledged is sent to no more than
 * anybody else: the server keeps for it what its send buffer may hold. */
START_TEST(handled_without_acknowledgement_does_not_fill_enets_queues) {
    struct scene scene = begin();
    static const uint8_t data[1000];
    belay_session session = session_of_stranger(&scene);
    uint32_t sent = 0, claimed = 0;
    uint16_t group = 0x4000;
    for (int step = 0; step < 10000; step++) {
        sent += belay_server_send(scene.world->server, session, 0, data, sizeof data) == BELAY_OK;
        world_step(scene.world);
        uint32_t newest = swallow(scene.stranger);
        claimed = newest > claimed ? newest : claimed;
        uint8_t frame[16], datagram[100];
        const struct bl_handled handled = {.count = 1, .channels = {{0, claimed}}};
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        enet_unsequenced(&writer, group++, frame,
                         (uint16_t)bl_handled_write(frame, sizeof frame, &handled));
        stranger_say_enet(scene.stranger, datagram, bl_writer_size(&writer));
    }
    printf("%u messages sent, %u claimed, %zu KiB held\n", sent, claimed, held_max(&scene) / KIB);
    assert_still_in(&scene);
    ck_assert_uint_ge(sent, BELAY_SEND_MESSAGES_DEFAULT);
    ck_assert_uint_gt(claimed, 0);
    ck_assert_uint_lt(held_max(&scene), 3 * MIB); /* the send buffer's 2 MiB, with ENet's heads */
    end(&scene);
}
END_TEST

/* A datagram that acknowledges something sent 60 s ago: the round trip is the stranger's claim. */
static void claim_slowness(struct stranger *stranger) {
    uint16_t now = (uint16_t)(bl_net_now(stranger->net) / BL_MILLISECOND);
    for (int i = 0; i < 4; i++) {
        uint8_t datagram[1200];
        struct bl_writer writer = enet_begin(datagram, sizeof datagram, 0);
        for (int j = 0; j < 32; j++) {
            enet_ack(&writer, 0, 0x7777, (uint16_t)(now - 60000));
        }
        stranger_say_enet(stranger, datagram, bl_writer_size(&writer));
    }
}

#define STRANGERS 19 /* with the neighbour all slots: 4 of sessions, 16 spare ones */

/* A peer that is owed last words keeps its slot for three time-outs; whoever lies about its round
 * trip must not keep it much longer, or a few of them keep everybody out. */
START_TEST(strangers_who_claim_to_be_slow_do_not_hold_the_servers_slots) {
    struct scene scene = begin_with((struct world_opts){.clients = 2, .server.session_max = 4});
    struct stranger *strangers[STRANGERS] = {scene.stranger};
    belay_client_close(scene.world->clients[1].it, NULL, 0);
    world_run(scene.world, 1000);
    for (int i = 0; i < STRANGERS; i++) {
        const struct bl_piece broken = {.type = BL_FRAME_MESSAGE, .sequence = 99};
        if (i > 0) {
            strangers[i] = stranger_create(scene.world);
            stranger_login(strangers[i]);
        }
        claim_slowness(strangers[i]);
        stranger_say_piece(strangers[i], &broken);
        bl_endpoint_flush(strangers[i]->endpoint);
        world_run(scene.world, 20); /* thrown out; its last words are not acknowledged */
    }
    world_run(scene.world, 2000);
    world_connect(scene.world, 1);
    world_until(scene.world, world_is_open(scene.world, 1), 3000);
    for (int i = 1; i < STRANGERS; i++) {
        stranger_destroy(strangers[i]);
    }
    scene.world->each_step = NULL;
    world_run(scene.world, 1000);
    ledger_check(scene.world, UP, 0, 0);
    ledger_check(scene.world, DOWN, 0, 0);
    stranger_destroy(scene.stranger);
    world_destroy(scene.world);
}
END_TEST

#define BEGINNERS 24

/* A large message takes its whole size when its first segment comes, so that must count against
 * the server's own limit, or a thousand bytes would each cost a mebibyte. */
START_TEST(large_messages_that_are_only_begun_count_against_the_servers_memory) {
    struct scene scene = begin_with((struct world_opts){.server.memory_max = 4 * MIB});
    struct stranger *strangers[BEGINNERS] = {scene.stranger};
    for (int i = 0; i < BEGINNERS; i++) {
        const struct bl_piece first = SEGMENT(1, 0, MIB, 1000);
        if (i > 0) {
            strangers[i] = stranger_create(scene.world);
            stranger_login(strangers[i]);
        }
        stranger_say_piece(strangers[i], &first);
        bl_endpoint_flush(strangers[i]->endpoint);
        world_run(scene.world, 20);
    }
    size_t each = 128 * KIB; /* of a stranger's own ENet, which is counted with the server's */
    printf("%d messages begun: %zu KiB held\n", BEGINNERS, held_max(&scene) / KIB);
    size_t held = held_max(&scene);
    for (int i = 1; i < BEGINNERS; i++) {
        stranger_destroy(strangers[i]);
    }
    ck_assert_uint_lt(held, 4 * MIB + BEGINNERS * each);
    end(&scene);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_message_beyond_the_credit_ends_the_session, 0, 2);
    tcase_add_loop_test(tests, segments_that_lie_end_the_session, 0, COUNT_OF(lies));
    tcase_add_test(tests, a_segment_that_came_before_is_dropped);
    tcase_add_test(tests, a_frame_of_an_unknown_type_does_no_harm);
    tcase_add_test(tests, handled_beyond_what_was_sent_ends_the_session);
    tcase_add_test(tests, frames_of_any_size_in_the_wrong_state_do_no_harm);
    tcase_add_loop_test(tests, questions_without_number_do_not_fill_the_servers_memory, 0,
                        COUNT_OF(flood_kinds));
    tcase_add_test(tests, unreliable_messages_without_number_are_dropped_at_a_bound);
    tcase_add_loop_test(tests, allowed_commands_far_ahead_are_bounded, 0, COUNT_OF(bombs));
    tcase_add_test(tests, repeats_without_number_do_not_fill_the_servers_memory);
    tcase_add_test(tests, acknowledgements_of_everything_and_nothing_do_no_harm);
    tcase_add_test(tests, handled_without_acknowledgement_does_not_fill_enets_queues);
    tcase_add_test(tests, strangers_who_claim_to_be_slow_do_not_hold_the_servers_slots);
    tcase_add_test(tests, large_messages_that_are_only_begun_count_against_the_servers_memory);
}

TEST_MAIN("peer hostile", add_tests)
