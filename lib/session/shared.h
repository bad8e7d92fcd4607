/*
 * What all sessions of one client or server share: their role, limits, clock and queues.
 *
 * The owner moves `now` before each round of work; below it nothing reads a clock. Sessions count
 * their deadlines in attended time, which stands still while this process was stopped: what a
 * debugger or a suspended machine takes is never held against a peer.
 */
#ifndef BL_SESSION_SHARED_H
#define BL_SESSION_SHARED_H

#include "common/slot_map.h"
#include "lib/peer/endpoint.h"
#include "lib/session/extension.h"
#include "lib/session/room.h"
#include "lib/wire/frame.h"
#include <belay/belay.h>

struct bl_session;
struct bl_message;

struct bl_channel {
    enum belay_mode mode;
    uint8_t priority;
    enum belay_when_full when_full;
    bl_duration life; /* 0 = for ever */
    uint16_t name_hash;
    char name[BELAY_CHANNEL_NAME_MAX + 1];
};

/** Limits in force, none of them zero unless it says so. */
struct bl_limits {
    bl_duration heartbeat, lost, login;
    bl_duration resume_window; /* 0 = a lost link ends the session */
    uint32_t send_messages, send_bytes;
    struct bl_credit_limits {
        uint16_t messages;
        uint16_t requests; /* that may be pending */
        uint32_t bytes;
    } credit;
};

struct bl_shared {
    enum bl_role role;
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    struct bl_random *random;
    struct bl_endpoint *endpoint; /* NULL: sessions without a network, as a test may have */
    struct belay_stats *stats;
    bl_time now;         /* of the network */
    bl_duration stalled; /* how much of it this process was stopped */

    uint8_t channel_count; /* of the application */
    uint8_t stream_count;  /* these, and behind them the channel that requests travel on */
    struct bl_channel channels[BL_STREAMS_MAX];
    uint8_t priority_order[BL_STREAMS_MAX]; /* reliable channels, highest priority first */
    uint8_t reliable_count;
    struct bl_limits limits;
    uint32_t features, required; /* offered, and of these indispensable */
    bool state_events;
    struct belay_move_opts move; /* size 0: no movement */
    struct bl_extension_host extension;
    const void *login; /* client: what HELLO carries; the runtime's */
    size_t login_size;
    bool accept_gaps; /* a session goes on though the client's process has lost its memory */

    struct bl_session *ready_first, *ready_last; /* have something to poll */
    struct bl_session *pump_first;               /* have something to hand to ENet */
    struct bl_session *owed_first, *owed_last;   /* were refused room */
    struct bl_message *free_messages;            /* nodes to use again */
    struct bl_slot_map requests;                 /* pending, of all sessions, both ways */
    struct bl_room room;
    struct bl_polled { /* what the last poll lent to the application */
        struct bl_session *session;
        struct bl_message *message;
        bool closed;  /* its end: the session goes at the next poll */
        bool payload; /* of LOGIN or OPEN */
        struct belay_gap *gaps;
        size_t gaps_size;
    } polled;
    struct belay_session_info polled_info;
    struct belay_reason polled_reason;
    char polled_text[BELAY_REASON_TEXT_MAX + 1];

    /** A session that has ended and whose end was polled: take it out and free it. */
    void (*retire)(void *user, struct bl_session *session);
    /** A session has lost its link and is kept, or has ended (see its state). NULL = nobody asks.
     */
    void (*changed)(void *user, struct bl_session *session);
    void *user;
};

/** The reliable channel that is not the application's. */
static inline uint8_t bl_request_channel(const struct bl_shared *shared) {
    return shared->channel_count;
}

/** Time without the stalls of this process. */
static inline bl_time bl_attended(const struct bl_shared *shared) {
    return shared->now - shared->stalled;
}

static inline void bl_drop(struct bl_shared *shared, enum belay_drop cause) {
    shared->stats->dropped[cause]++;
}

/**
 * Copies and checks the channels of the options; NULL and 0 mean the default: 0 reliable, 1
 * unreliable.
 *
 * @return BELAY_OK, BELAY_E_INVALID naming the field
 */
enum belay_result bl_shared_set_channels(struct bl_shared *shared,
                                         const struct belay_channel *channels, size_t count);

/**
 * Copies and checks the movement of the options, and fills in its defaults.
 *
 * @return BELAY_OK, BELAY_E_INVALID naming the field
 */
enum belay_result bl_shared_set_move(struct bl_shared *shared, const struct belay_move_opts *move);

/** The same for those who declare the same: channels and movement. */
uint64_t bl_shared_hash_declared(const struct bl_shared *shared);

/** Of no use any more: what queues still hold is freed. Sessions are gone by now. */
void bl_shared_finish(struct bl_shared *shared);

#endif
