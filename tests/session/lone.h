/*
 * Sessions without a network: no endpoint, no socket, no peer. The clock is the test's, frames are
 * fed by hand, and what a session wants to say is heard by nobody.
 */
#ifndef BL_TESTS_SESSION_LONE_H
#define BL_TESTS_SESSION_LONE_H

#include "lib/session/coordinator.h"
#include "lib/session/parts.h"
#include "tests/support/test.h"
#include <string.h>

struct lone {
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_random random;
    struct belay_stats stats;
    struct bl_shared shared;
};

/** Defaults of the options, with state events and two channels: 0 reliable, 1 unreliable. */
static inline void lone_start(struct lone *lone, enum bl_role role) {
    *lone = (struct lone){
        .shared =
            {
                .role = role,
                .now = 1000 * BL_SECOND,
                .features = BL_FEATURES_KNOWN,
                .state_events = true,
                .limits =
                    {
                        .heartbeat = bl_from_ms(BELAY_HEARTBEAT_MS_DEFAULT),
                        .lost = bl_from_ms(BELAY_LOST_MS_DEFAULT),
                        .login = bl_from_ms(BELAY_LOGIN_MS_DEFAULT),
                        .resume_window = bl_from_ms(BELAY_RESUME_WINDOW_MS_DEFAULT),
                        .send_messages = BELAY_SEND_MESSAGES_DEFAULT,
                        .send_bytes = BELAY_SEND_BYTES_DEFAULT,
                        .credit = {.messages = BELAY_CREDIT_MESSAGES,
                                   .requests = BELAY_REQUESTS_DEFAULT,
                                   .bytes = BELAY_CREDIT_BYTES},
                    },
            },
    };
    bl_room_init(&lone->shared.room, BELAY_MEMORY_DEFAULT, 1);
    bl_memory_init(&lone->memory, NULL, 0);
    bl_timer_wheel_init(&lone->wheel, lone->shared.now);
    bl_random_init_seeded(&lone->random, 1);
    lone->shared.memory = &lone->memory;
    lone->shared.wheel = &lone->wheel;
    lone->shared.random = &lone->random;
    lone->shared.stats = &lone->stats;
    bl_slot_map_init(&lone->shared.requests, &lone->memory, UINT32_MAX);
    ck_assert_int_eq(bl_shared_set_channels(&lone->shared, NULL, 0), BELAY_OK);
}

/** Every session is gone by now; nothing may be left. */
static inline void lone_finish(struct lone *lone) {
    bl_shared_finish(&lone->shared);
    ck_assert_uint_eq(lone->memory.used, 0);
    ck_assert_uint_eq(lone->wheel.count, 0);
    ck_assert_uint_eq(lone->shared.room.used, 0);
}

static inline void lone_advance(struct lone *lone, bl_duration duration) {
    lone->shared.now += duration;
    bl_timer_wheel_advance(&lone->wheel, lone->shared.now);
}

static inline void feed(struct bl_session *session, const void *frame, size_t size) {
    struct bl_packet *packet = bl_packet_create(size, BL_ORDERED);
    ck_assert_ptr_nonnull(packet);
    if (size > 0) {
        memcpy(bl_packet_data(packet), frame, size);
    }
    bl_session_take_packet(session, packet);
}

/** A hello that fits the channels of lone_start(). */
static inline size_t write_hello(uint8_t frame[BL_FRAME_SIZE_MAX], const struct bl_shared *shared) {
    struct bl_hello hello = {
        .version = BL_WIRE_VERSION,
        .features = BL_FEATURES_KNOWN,
        .credit_messages = BELAY_CREDIT_MESSAGES,
        .credit_bytes = BELAY_CREDIT_BYTES,
        .requests = BELAY_REQUESTS_DEFAULT,
        .channel_count = shared->channel_count,
        .login = (const uint8_t *)"alice",
        .login_size = 5,
    };
    for (uint8_t i = 0; i < shared->channel_count; i++) {
        hello.channels[i].mode = (uint8_t)shared->channels[i].mode;
        hello.channels[i].name = shared->channels[i].name_hash;
    }
    return bl_hello_write(frame, BL_FRAME_SIZE_MAX, &hello);
}

static inline void feed_hello(struct bl_session *session) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    feed(session, frame, write_hello(frame, session->shared));
}

static inline void feed_message(struct bl_session *session, uint32_t sequence, size_t size) {
    static uint8_t frame[BL_FRAME_SIZE_MAX];
    const struct bl_piece piece = {.type = BL_FRAME_MESSAGE, .sequence = sequence};
    size_t header = bl_piece_write(frame, sizeof frame, &piece);
    feed(session, frame, header + size);
}

static const struct belay_reason lost_reason = {
    .who = BELAY_WHO_NETWORK, .code = BELAY_REASON_TIMEOUT, .come_back = true};
static const struct belay_reason kick_reason = {.code = BELAY_REASON_KICKED, .text = "for testing"};

/** Takes a server's session that is DISCONNECTED to any state, by the way that leads there. */
static inline void drive(struct bl_session *session, enum belay_state state) {
    ck_assert_int_eq(session->state, BELAY_DISCONNECTED);
    if (state == BELAY_DISCONNECTED) {
        return;
    }
    bl_session_bind(session, NULL);
    if (state == BELAY_TIMED_OUT) {
        bl_session_lose(session, &lost_reason);
    } else if (state != BELAY_TRANSPORT_CONNECTED) {
        feed_hello(session);
    }
    if (state == BELAY_LOGIN_FAILED) {
        bl_session_close(session, &kick_reason, 0);
    } else if (state == BELAY_LOGGED_IN || state >= BELAY_RECONNECT_PENDING) {
        ck_assert_int_eq(bl_session_accept(session, NULL, 0), BELAY_OK);
    }
    if (state >= BELAY_RECONNECT_PENDING) {
        bl_session_lose(session, &lost_reason);
    }
    if (state == BELAY_RECONNECTING) {
        bl_session_input(session, BL_INPUT_RESUME, NULL);
    }
    ck_assert_str_eq(belay_state_name(session->state), belay_state_name(state));
}

#endif
