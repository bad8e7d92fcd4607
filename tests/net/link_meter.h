/* Sends numbered datagrams through a link, one per millisecond, and notes what became of each. */
#ifndef BL_TESTS_NET_LINK_METER_H
#define BL_TESTS_NET_LINK_METER_H

#include "lib/net/net.h"
#include "lib/net/sim.h"
#include "tests/net/net_support.h"
#include "tests/support/test.h"
#include <belay/sim.h>
#include <string.h>

#define SENT_COUNT    20000
#define DATAGRAM_SIZE 40

/** What became of one datagram. */
struct story {
    bl_time sent;
    bl_time arrivals[4]; /* after sent */
    unsigned arrival_count;
    unsigned flipped_count;         /* copies that are not as sent */
    size_t flipped_bit;             /* of the last such copy */
    unsigned flipped_bits_per_copy; /* 1, if all is well */
};

static struct story stories[SENT_COUNT];
static size_t order[4 * SENT_COUNT]; /* numbers in the order of arrival */
static size_t arrival_count;

static struct belay_sim *sim;
static struct bl_net *server, *client;
static int client_owner;

static inline struct belay_client *as_client(void *owner) {
    return owner;
}

static inline void open_network(uint64_t seed) {
    sim = belay_sim_create(seed);
    struct bl_address middle = address_of("10.0.0.1:7777");
    struct bl_address anywhere = address_of("*:0");
    ck_assert_int_eq(bl_sim_open(&server, sim, &middle, NULL), BELAY_OK);
    ck_assert_int_eq(bl_sim_open(&client, sim, &anywhere, &client_owner), BELAY_OK);
}

static inline void close_network(void) {
    bl_net_close(server);
    bl_net_close(client);
    belay_sim_destroy(sim);
}

/** The number rides in the first bytes, three times, so that one flipped bit cannot hide it. */
static inline void write_number(uint8_t *data, size_t number) {
    memset(data, 0x5A, DATAGRAM_SIZE);
    for (size_t i = 0; i < 12; i++) {
        data[i] = (uint8_t)(number >> 8 * (i % 4));
    }
}

static inline size_t read_number(const uint8_t *data) {
    uint32_t votes[3] = {0};
    for (size_t i = 0; i < 12; i++) {
        votes[i / 4] |= (uint32_t)data[i] << 8 * (i % 4);
    }
    return votes[0] == votes[1] ? votes[0] : votes[2]; /* two of three are right */
}

static inline void note_flips(struct story *story, const uint8_t *data, const uint8_t *sent) {
    if (memcmp(data, sent, DATAGRAM_SIZE) == 0) {
        return;
    }
    unsigned count = 0;
    for (size_t bit = 0; bit < 8 * DATAGRAM_SIZE; bit++) {
        if (((data[bit / 8] ^ sent[bit / 8]) >> bit % 8 & 1) != 0) {
            story->flipped_bit = bit;
            count++;
        }
    }
    story->flipped_count++;
    story->flipped_bits_per_copy = count;
}

static inline void note_arrivals(struct bl_net *to) {
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    size_t count = 0;
    while ((count = bl_net_receive(to, batch, BL_NET_BATCH_MAX)) > 0) {
        for (size_t i = 0; i < count; i++) {
            size_t number = read_number(batch[i].data);
            uint8_t sent[DATAGRAM_SIZE];
            ASSERT_QUIETLY(number < SENT_COUNT && batch[i].size == DATAGRAM_SIZE,
                           "a datagram of %zu bytes names itself %zu", batch[i].size, number);
            write_number(sent, number);
            struct story *story = &stories[number];
            note_flips(story, batch[i].data, sent);
            ASSERT_QUIETLY(story->arrival_count < COUNT_OF(story->arrivals), "%zu came too often",
                           number);
            story->arrivals[story->arrival_count++] = bl_sim_now(sim) - story->sent;
            order[arrival_count++] = number;
        }
    }
}

/** Sends SENT_COUNT datagrams, one per millisecond, up or down; then waits for the last. */
static inline void measure(bool up, const struct belay_link *link) {
    struct bl_net *from = up ? client : server;
    struct bl_net *to = up ? server : client;
    memset(stories, 0, sizeof(stories));
    arrival_count = 0;
    belay_sim_link(sim, as_client(&client_owner), link);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        uint8_t data[DATAGRAM_SIZE];
        write_number(data, i);
        struct bl_datagram datagram = {.address = to->local, .data = data, .size = sizeof(data)};
        stories[i].sent = bl_sim_now(sim);
        ASSERT_QUIETLY(bl_net_send(from, &datagram, 1) == 1, "datagram %zu was not sent", i);
        note_arrivals(to);
        belay_sim_advance(sim, 1);
    }
    for (int i = 0; i < 1000; i++) {
        note_arrivals(to);
        belay_sim_advance(sim, 1);
    }
    struct bl_sim_counts counts = bl_sim_counts(sim);
    ck_assert_uint_eq(counts.sent + counts.duplicated, counts.delivered + counts.lost);
}

static inline size_t count_lost(void) {
    size_t lost = 0;
    for (size_t i = 0; i < SENT_COUNT; i++) {
        lost += stories[i].arrival_count == 0;
    }
    return lost;
}

#endif
