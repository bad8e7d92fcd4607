/*
 * What of ENet's protocol reaches the wire: acknowledgements and data, and nothing of ENet's own.
 *
 * Whole servers and clients, who come, talk, fall silent, are cut off and leave, for a minute; each
 * DATA datagram at the moment it is sent, whatever becomes of it, and its commands just before they
 * are sealed.
 */
#include "lib/net/sim.h"
#include "lib/secure/binding.h"
#include "lib/wire/frame.h"
#include "tests/peer/enet_datagram.h"
#include "tests/support/world.h"
#include <stdio.h>
#include <string.h>

#define CLIENTS 8

struct count {
    uint64_t kinds[BL_DATAGRAM_INFO + 1]; /* datagrams, by enum bl_datagram_kind */
    uint64_t commands, acks, reliable, unsequenced;
    uint64_t foreign;    /* commands that are none of these three */
    uint8_t foreign_one; /* one of them */
    uint64_t sealed;     /* DATA */
};

static struct count count;

static void count_commands(const uint8_t *datagram, size_t size) {
    struct bl_reader reader = enet_commands(datagram, size);
    struct enet_seen seen = {0};
    while (enet_next(&reader, &seen)) {
        count.commands++;
        count.acks += seen.command == COMMAND_ACK;
        count.reliable += seen.command == COMMAND_RELIABLE;
        count.unsequenced += seen.command == COMMAND_UNSEQUENCED;
        must(seen.channel != 0xff); /* ENet's own channel */
    }
    if (reader.failed) {
        count.foreign++;
        count.foreign_one = seen.command;
    }
}

/* Linked in front of the true one (see meson.build). */
size_t __real_bl_binding_seal(struct bl_binding *binding, enum bl_datagram_kind kind,
                              uint8_t *datagram, size_t payload_size, bl_time now);
size_t __wrap_bl_binding_seal(struct bl_binding *binding, enum bl_datagram_kind kind,
                              uint8_t *datagram, size_t payload_size, bl_time now);

size_t __wrap_bl_binding_seal(struct bl_binding *binding, enum bl_datagram_kind kind,
                              uint8_t *datagram, size_t payload_size, bl_time now) {
    if (kind == BL_DATAGRAM_DATA) {
        must(payload_size > 0);
        count.sealed++;
        count_commands(datagram + BL_DATA_HEADER_SIZE, payload_size);
    }
    return __real_bl_binding_seal(binding, kind, datagram, payload_size, now);
}

static void see(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    uint8_t kind = bl_datagram_kind(to->data, to->size);
    (void)user;
    (void)from;
    must(to->size <= BL_DATAGRAM_SIZE_MAX && kind < COUNT_OF(count.kinds));
    count.kinds[kind]++;
}

static void talk(struct world *world, unsigned client) {
    if (!world_is_open(world, client)) {
        return;
    }
    switch (client % 4) {
    case 0: /* much, both ways */
        ledger_send(world, UP, client, 0, 40);
        ledger_send(world, DOWN, client, 0, 900);
        break;
    case 1: /* unreliable only: no acknowledgement that would keep ENet calm */
        ledger_send(world, UP, client, 1, 20);
        ledger_send(world, DOWN, client, 1, 3000);
        break;
    case 2: /* a large message now and then */
        if (world->ms % 1000 == 0) {
            ledger_send(world, UP, client, 0, 50000);
        }
        break;
    default: /* idle: heartbeats */
        break;
    }
}

/** Every client leaves and comes back at times of its own, or is cut off until it is lost. */
static void come_and_go(struct world *world, unsigned client, const struct belay_link *link) {
    uint32_t turn = (world->ms + 1400 * client) % 12000;
    if (turn == 7000 && client % 3 == 0) {
        world_cut(world, client);
    } else if (turn == 7000) {
        belay_client_close(world->clients[client].it, NULL, 0);
    } else if (turn == 10000) {
        world_link(world, client, link);
        belay_client_close(world->clients[client].it, NULL, 0);
    } else if (turn == 11000) {
        world_connect(world, client);
    }
}

/* R32: without loss, and at 20 %. */
static const float losses[] = {0, 0.2F};

START_TEST(a_minute_of_coming_and_going_shows_only_acknowledgements_and_data) {
    const struct belay_link link = {.delay_ms = 20, .jitter_ms = 10, .loss = losses[_i]};
    count = (struct count){.commands = 0};
    struct world *world = world_create(&(struct world_opts){
        .clients = CLIENTS,
        .link = link,
        .server = {.lost_ms = 2000, .no_resume = true},
    });
    bl_sim_observe(world->sim, see, NULL);
    for (unsigned i = 0; i < CLIENTS; i++) {
        world_connect(world, i);
    }
    while (world->ms < 60000) {
        for (unsigned i = 0; i < CLIENTS; i++) {
            if (world->ms % 50 == 0) {
                talk(world, i);
            }
            come_and_go(world, i, &link);
        }
        world_step(world);
    }
    bl_sim_observe(world->sim, NULL, NULL);
    printf("%.0f %% loss: %d DATA, %d OPEN, %d GONE; %d commands: %d acknowledgements, %d "
           "reliable, %d unsequenced\n",
           (double)losses[_i] * 100, (int)count.kinds[BL_DATAGRAM_DATA],
           (int)count.kinds[BL_DATAGRAM_OPEN], (int)count.kinds[BL_DATAGRAM_GONE],
           (int)count.commands, (int)count.acks, (int)count.reliable, (int)count.unsequenced);
    ck_assert_msg(count.foreign == 0, "%d foreign commands, as %#x", (int)count.foreign,
                  count.foreign_one);
    ck_assert_uint_eq(count.sealed, count.kinds[BL_DATAGRAM_DATA]); /* we saw all of them */
    ck_assert_uint_ge(count.kinds[BL_DATAGRAM_OPEN], 5 * CLIENTS);
    ck_assert_uint_gt(count.acks, 1000);
    ck_assert_uint_gt(count.reliable, 1000);
    ck_assert_uint_gt(count.unsequenced, 1000);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_minute_of_coming_and_going_shows_only_acknowledgements_and_data, 0,
                        COUNT_OF(losses));
}

TEST_MAIN("peer wire count", add_tests)
