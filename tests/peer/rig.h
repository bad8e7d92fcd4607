/*
 * Two hosts and a wire between them, in virtual time.
 *
 * Each peer of one host is tied to one of the other. A datagram takes `delay` (and up to `jitter`
 * more, so that some overtake others) unless luck, which has a seed, loses it.
 */
#ifndef BL_TESTS_PEER_RIG_H
#define BL_TESTS_PEER_RIG_H

#include "common/random.h"
#include "lib/peer/host.h"
#include "lib/wire/datagram.h"
#include <check.h>
#include <string.h>

/** Check notes every ck_assert in a file; what is done a million times is checked like this. */
#define RIG_CHECK(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

#define RIG_START       (1000 * BL_SECOND)
#define RIG_FLIGHTS_MAX 8192

struct rig;

struct rig_end {
    struct rig *rig;
    struct bl_host *host;
    uint64_t sent_count; /* datagrams that left */
};

struct rig_flight {
    bl_time at;
    struct bl_peer *from, *to;
    size_t size;
    uint8_t data[BL_DATA_PAYLOAD_MAX];
};

struct rig {
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_random random;
    bl_time now;
    struct rig_end ends[2];
    bl_duration delay, jitter; /* one way */
    double loss;
    /** Releases the packet; NULL: it is only released. */
    void (*take)(struct rig *rig, struct bl_peer *peer, uint8_t channel, struct bl_packet *packet);
    /** Sees each datagram before luck does; may be NULL. */
    void (*seen)(struct rig *rig, struct bl_peer *from, const uint8_t *datagram, size_t size);
    void *user;
    size_t flight_count;
    struct rig_flight flights[RIG_FLIGHTS_MAX];
};

static inline void rig_transmit(void *user, struct bl_peer *peer, const struct bl_span *pieces,
                                size_t count) {
    struct rig_end *end = user;
    struct rig *rig = end->rig;
    RIG_CHECK(rig->flight_count < RIG_FLIGHTS_MAX);
    struct rig_flight *flight = &rig->flights[rig->flight_count];
    flight->size = 0;
    for (size_t i = 0; i < count; i++) {
        RIG_CHECK(flight->size + pieces[i].size <= sizeof flight->data);
        memcpy(flight->data + flight->size, pieces[i].data, pieces[i].size);
        flight->size += pieces[i].size;
    }
    end->sent_count++;
    if (rig->seen != NULL) {
        rig->seen(rig, peer, flight->data, flight->size);
    }
    flight->from = peer;
    flight->to = peer->binding;
    flight->at = rig->now + rig->delay;
    if (rig->jitter > 0) {
        flight->at += (bl_duration)bl_random_below(&rig->random, (uint64_t)rig->jitter);
    }
    if (flight->to != NULL && !bl_random_chance(&rig->random, rig->loss)) {
        rig->flight_count++;
    }
}

static inline void rig_packet(void *user, struct bl_peer *peer, uint8_t channel,
                              struct bl_packet *packet) {
    struct rig *rig = ((struct rig_end *)user)->rig;
    if (rig->take != NULL) {
        rig->take(rig, peer, channel, packet);
    } else {
        bl_packet_release(packet);
    }
}

static inline struct rig *rig_create_at(bl_time now, uint16_t peer_max, uint8_t channel_count) {
    static const struct bl_host_ops ops = {.transmit = rig_transmit, .packet = rig_packet};
    struct rig *rig = calloc(1, sizeof *rig);
    ck_assert_ptr_nonnull(rig);
    rig->now = now;
    rig->delay = 25 * BL_MILLISECOND;
    bl_memory_init(&rig->memory, NULL, 0);
    bl_timer_wheel_init(&rig->wheel, now);
    bl_random_init_seeded(&rig->random, 1);
    for (int i = 0; i < 2; i++) {
        struct rig_end *end = &rig->ends[i];
        end->rig = rig;
        const struct bl_host_opts opts = {
            .memory = &rig->memory,
            .wheel = &rig->wheel,
            .ops = &ops,
            .user = end,
            .peer_max = peer_max,
            .channel_count = channel_count,
        };
        ck_assert_int_eq(bl_host_create(&end->host, &opts, now), BELAY_OK);
    }
    return rig;
}

static inline struct rig *rig_create(uint16_t peer_max, uint8_t channel_count) {
    return rig_create_at(RIG_START, peer_max, channel_count);
}

static inline void rig_destroy(struct rig *rig) {
    bl_host_destroy(rig->ends[0].host);
    bl_host_destroy(rig->ends[1].host);
    ck_assert_uint_eq(rig->memory.used, 0);
    ck_assert_uint_eq(rig->wheel.count, 0);
    free(rig);
}

/** A peer at each end, tied to each other. @return that of ends[0]; its binding is the other */
static inline struct bl_peer *rig_join(struct rig *rig) {
    struct bl_peer *first = bl_peer_connect(rig->ends[0].host, rig->now);
    struct bl_peer *second = bl_peer_connect(rig->ends[1].host, rig->now);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(second);
    first->binding = second;
    second->binding = first;
    bl_rtt_sample(&first->rtt, 2 * rig->delay);
    bl_rtt_sample(&second->rtt, 2 * rig->delay);
    return first;
}

/** Resets both peers of a pair; what is under way between them is lost. */
static inline void rig_part(struct rig *rig, struct bl_peer *peer) {
    struct bl_peer *other = peer->binding;
    size_t kept = 0;
    for (size_t i = 0; i < rig->flight_count; i++) {
        const struct rig_flight *flight = &rig->flights[i];
        if (flight->from != peer && flight->from != other) {
            rig->flights[kept++] = *flight;
        }
    }
    rig->flight_count = kept;
    bl_peer_reset(peer);
    bl_peer_reset(other);
}

static inline void rig_deliver(struct rig *rig) {
    size_t kept = 0;
    for (size_t i = 0; i < rig->flight_count; i++) {
        struct rig_flight *flight = &rig->flights[i];
        if (flight->at > rig->now) {
            if (kept != i) {
                rig->flights[kept] = *flight;
            }
            kept++;
        } else if (flight->to->connected && flight->to->binding == flight->from) {
            RIG_CHECK(bl_peer_receive(flight->to, flight->data, flight->size, rig->now));
        }
    }
    rig->flight_count = kept;
}

static inline void rig_flush(struct rig *rig) {
    bl_host_flush(rig->ends[0].host, rig->now);
    bl_host_flush(rig->ends[1].host, rig->now);
}

/** One round of both sides, @p step later. */
static inline void rig_step(struct rig *rig, bl_duration step) {
    rig->now += step;
    rig_deliver(rig);
    bl_timer_wheel_advance(&rig->wheel, rig->now);
    rig_flush(rig);
}

/** Rounds of 5 ms. */
static inline void rig_run(struct rig *rig, bl_duration duration) {
    for (bl_time end = rig->now + duration; rig->now < end;) {
        rig_step(rig, 5 * BL_MILLISECOND);
    }
}

/** Queues one packet of @p size bytes that begins with @p number. */
static inline void rig_send(struct bl_peer *peer, uint8_t channel, enum bl_delivery delivery,
                            uint32_t number, size_t size) {
    struct bl_packet *packet = bl_packet_create(size, delivery);
    RIG_CHECK(packet != NULL);
    memset(bl_packet_data(packet), 0, size);
    memcpy(bl_packet_data(packet), &number, size < sizeof number ? size : sizeof number);
    RIG_CHECK(bl_peer_send(peer, channel, packet));
    bl_packet_release(packet);
}

static inline uint32_t rig_number(struct bl_packet *packet) {
    uint32_t number;
    RIG_CHECK(bl_packet_size(packet) >= sizeof number);
    memcpy(&number, bl_packet_data(packet), sizeof number);
    return number;
}

#endif
