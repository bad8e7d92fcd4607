/* A million datagrams from hostile and unlucky hands, and a neighbour who must not notice. */
#include "lib/peer/filter.h"
#include "lib/wire/frame.h"
#include "tests/peer/enet_datagram.h"
#include "tests/peer/enet_heap.h"
#include "tests/peer/rig.h"
#include "tests/support/test.h"
#include <inttypes.h>
#include <stdio.h>

#define SEEDS         10
#define ROUNDS        100
#define PER_ROUND     1000
#define CHANNEL_COUNT 4

/** What a hostile peer may hold in ENet with these packets: 1,024 of each channel ahead of a gap.
 */
#define HELD_MAX (2 * 1024 * 1024)

struct scene {
    struct rig *rig;
    struct bl_peer *victim, *neighbour;
    struct bl_random random;
    uint64_t passed_count, packet_count;
    uint32_t neighbour_sent, neighbour_got;
};

static void take(struct rig *rig, struct bl_peer *peer, uint8_t channel, struct bl_packet *packet) {
    struct scene *scene = rig->user;
    RIG_CHECK(channel < CHANNEL_COUNT);
    RIG_CHECK(bl_packet_size(packet) <= BL_FRAME_SIZE_MAX);
    if (peer == scene->neighbour->binding) {
        RIG_CHECK(rig_number(packet) == ++scene->neighbour_got);
    } else {
        RIG_CHECK(peer == scene->victim);
        scene->packet_count++;
    }
    bl_packet_release(packet);
}

static uint64_t below(struct scene *scene, uint64_t bound) {
    return bl_random_below(&scene->random, bound);
}

static size_t any_bytes(struct scene *scene, uint8_t *out) {
    size_t size = below(scene, BL_DATA_PAYLOAD_MAX + 16);
    bl_random_bytes(&scene->random, out, size);
    return size;
}

/** A sequence number that is near the one ENet waits for, or anywhere. */
static uint16_t any_sequence(struct scene *scene, uint8_t channel) {
    const ENetPeer *enet = scene->victim->enet;
    if (channel >= enet->channelCount || below(scene, 8) == 0) {
        return (uint16_t)bl_random_u64(&scene->random);
    }
    uint16_t next = enet->channels[channel].incomingReliableSequenceNumber;
    return (uint16_t)(next - 2 + below(scene, below(scene, 4) == 0 ? 1100 : 8));
}

/** Commands of the right form with fields of any value; sometimes a number too many. */
static size_t any_commands(struct scene *scene, uint8_t *out, size_t size) {
    static const uint8_t data[BL_DATA_PAYLOAD_MAX];
    struct bl_writer writer = enet_begin(out, size, (uint16_t)bl_random_u64(&scene->random));
    uint64_t count = 1 + below(scene, BL_FILTER_COMMANDS_MAX + 1);
    for (uint64_t i = 0; i < count && !writer.failed; i++) {
        uint8_t channel = (uint8_t)below(scene, CHANNEL_COUNT + (below(scene, 64) == 0));
        uint16_t sequence = any_sequence(scene, channel);
        uint16_t length = (uint16_t)(below(scene, 4) == 0 ? below(scene, 200) : 0);
        switch (below(scene, 3)) {
        case 0:
            enet_ack(&writer, channel, sequence, (uint16_t)bl_random_u64(&scene->random));
            break;
        case 1:
            enet_reliable(&writer, channel, sequence, data, length);
            break;
        default:
            enet_unsequenced(&writer, (uint16_t)bl_random_u64(&scene->random), data, length);
        }
    }
    return bl_writer_size(&writer);
}

/** Flips, cuts or inserts something. */
static size_t damaged(struct scene *scene, uint8_t *datagram, size_t size) {
    if (size == 0) {
        return 0;
    }
    switch (below(scene, 8)) {
    case 0:
        datagram[below(scene, size)] ^= (uint8_t)(1U << below(scene, 8));
        return size;
    case 1:
        return below(scene, size);
    case 2:
        datagram[below(scene, size)] = (uint8_t)bl_random_u64(&scene->random);
        return size;
    default:
        return size;
    }
}

static void attack(struct scene *scene) {
    uint8_t datagram[BL_DATA_PAYLOAD_MAX + 16];
    size_t size;
    if (below(scene, 8) == 0) {
        size = any_bytes(scene, datagram);
    } else {
        size = any_commands(scene, datagram, BL_DATA_PAYLOAD_MAX);
        size = damaged(scene, datagram, size);
    }
    uint8_t *exact = malloc(size + (size == 0)); /* so that a sanitizer sees a read past the end */
    RIG_CHECK(exact != NULL);
    memcpy(exact, datagram, size);
    scene->passed_count += bl_peer_receive(scene->victim, exact, size, scene->rig->now);
    free(exact);
}

/* R4, G4: what a hostile peer says to its own peer object is nobody else's concern. */
START_TEST(a_million_hostile_datagrams_leave_the_neighbour_alone) {
    enet_heap_install();
    struct rig *rig = rig_create(2, CHANNEL_COUNT);
    struct scene scene = {.rig = rig, .victim = rig_join(rig), .neighbour = rig_join(rig)};
    ((struct bl_peer *)scene.victim->binding)->binding =
        NULL; /* the attacker stands in its place */
    scene.victim->binding = NULL;
    rig->user = &scene;
    rig->take = take;
    bl_random_init_seeded(&scene.random, (uint64_t)_i);
    size_t quiet = enet_heap.used;

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PER_ROUND; i++) {
            attack(&scene);
        }
        rig_send(scene.victim, 1, BL_ORDERED, 0, 100); /* something for stray acks to hit */
        rig_send(scene.neighbour, 0, BL_ORDERED, ++scene.neighbour_sent, 100);
        rig_step(rig, 5 * BL_MILLISECOND);
        ck_assert(scene.victim->connected);
        ck_assert_uint_lt(enet_heap.used, quiet + HELD_MAX);
    }
    rig_run(rig, BL_SECOND);
    printf("seed %d: %" PRIu64 " of %d passed, %" PRIu64
           " packets came of them, at most %zu bytes held\n",
           _i, scene.passed_count, ROUNDS * PER_ROUND, scene.packet_count, enet_heap.used_max);
    ck_assert_uint_eq(scene.neighbour_got, scene.neighbour_sent);
    ck_assert_uint_gt(scene.passed_count, ROUNDS * PER_ROUND / 10);
    ck_assert_uint_gt(scene.packet_count, ROUNDS * PER_ROUND / 100);

    bl_peer_reset(scene.victim);
    bl_peer_reset(&rig->ends[1].host->peers[0]);
    rig_part(rig, scene.neighbour);
    rig_destroy(rig);
    ck_assert_uint_eq(enet_heap.used, 0);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_million_hostile_datagrams_leave_the_neighbour_alone, 0, SEEDS);
}

TEST_MAIN("peer filter fuzz", add_tests)
