/* All lanes have one pacer and one clock, which go by lane 0's acknowledgements. */
#include "client/moves.h"

#include "common/container_of.h"
#include "common/error.h"
#include "common/serial.h"
#include "lib/session/parts.h"

#define MARGIN_UNIT 256.0 /* in a tick, on the wire */

static struct bl_client_moves *moves_of(const struct bl_extension *extension) {
    return BL_CONTAINER_OF(extension, struct bl_client_moves, extension);
}

/** Between its login and its end. */
static struct bl_session *session_of(const struct bl_client_moves *moves) {
    struct bl_session *session = moves->extension.session;
    return session != NULL && !session->closing && !bl_session_has_ended(session) ? session : NULL;
}

static bool opened(void *user, struct bl_session *session) {
    struct bl_client_moves *moves = user;
    moves->extension.session = session;
    session->extension = &moves->extension;
    return true;
}

/** The same ticks and inputs go on. */
static void resumed(struct bl_extension *extension, bool anew) {
    (void)extension;
    (void)anew;
}

/** As it was before any session. */
static void start_clean(struct bl_client_moves *moves) {
    const struct belay_move_opts *opts = &moves->shared->move;
    moves->extension.session = NULL;
    bl_pacer_init(&moves->pacer, opts->tick_hz);
    bl_server_clock_init(&moves->clock, opts->tick_hz);
    for (uint8_t lane = 0; lane < opts->lanes; lane++) {
        bl_move_history_clear(&moves->lanes[lane]);
    }
}

static void removed(struct bl_extension *extension) {
    start_clean(moves_of(extension));
}

/** An input that leaves now arrives a round trip after what the server said left it. */
static void begin(struct bl_client_moves *moves, const struct bl_move_ack *ack) {
    const struct bl_session *session = moves->extension.session;
    bl_duration age = ack->age_us * BL_MICROSECOND;
    double ahead =
        (double)(age + session->peer->rtt.smoothed) / BL_SECOND * moves->shared->move.tick_hz;
    uint32_t ticks = (uint32_t)ahead;
    bl_pacer_begin(&moves->pacer, moves->shared->now, ack->consumed + ticks, ahead - ticks);
}

static void follow(struct bl_client_moves *moves, const struct bl_move_ack *ack,
                   uint16_t starved_before) {
    if (!moves->pacer.running) {
        begin(moves, ack);
    } else if (ack->begun) {
        const struct bl_margin_sample sample = {
            .tick = ack->received,
            .margin = ack->margin / MARGIN_UNIT,
            .loss = ack->loss / 256.0,
            .starved = (uint16_t)(ack->starved - starved_before),
        };
        bl_pacer_hear(&moves->pacer, moves->shared->now, &sample);
    }
}

/** Also of a session whose moves are not taken: then the newest that was is of long ago. */
static void hear_clock(struct bl_client_moves *moves, const struct bl_move_ack *ack) {
    bl_duration age = ack->age_us * BL_MICROSECOND;
    bl_duration ticks = age * moves->shared->move.tick_hz / BL_SECOND;
    bl_server_clock_hear(&moves->clock, moves->shared->now, ack->consumed + (uint32_t)ticks,
                         age - ticks * BL_SECOND / moves->shared->move.tick_hz);
}

static void take(struct bl_extension *extension, const void *frame, size_t size) {
    struct bl_client_moves *moves = moves_of(extension);
    struct bl_move_ack ack;
    if (!bl_move_ack_read(&ack, frame, size) || ack.lane >= moves->shared->move.lanes) {
        bl_drop(moves->shared, BELAY_DROP_FRAME);
        return;
    }
    if (ack.lane == 0) {
        hear_clock(moves, &ack);
    }
    uint16_t starved_before = moves->lanes[ack.lane].ack.starved;
    if (!bl_move_history_acknowledge(&moves->lanes[ack.lane], &ack)) {
        bl_drop(moves->shared, BELAY_DROP_STALE);
    } else if (ack.lane == 0) {
        follow(moves, &ack, starved_before);
    }
}

static void describe(const struct bl_extension *extension, struct belay_session_info *info) {
    const struct bl_client_moves *moves = moves_of(extension);
    const struct bl_move_ack *ack = &moves->lanes[0].ack;
    for (uint8_t lane = 0; lane < moves->shared->move.lanes; lane++) {
        info->moves_used += (uint32_t)moves->lanes[lane].used;
        info->moves_substituted += (uint32_t)moves->lanes[lane].substituted;
    }
    info->tick_received = ack->received;
    info->tick_consumed = ack->consumed;
    info->margin_ticks = (float)(ack->margin_smoothed / MARGIN_UNIT);
}

/** What is new leaves, with all before it that is not acknowledged. */
static void flush(void *user) {
    struct bl_client_moves *moves = user;
    const struct belay_move_opts *opts = &moves->shared->move;
    struct bl_session *session = session_of(moves);
    if (session == NULL || !bl_session_flows(session)) {
        return;
    }
    for (uint8_t lane = 0; lane < opts->lanes; lane++) {
        uint8_t frame[BL_FRAME_SIZE_MAX];
        struct bl_moves sent = {.lane = lane};
        if (bl_move_history_collect(&moves->lanes[lane], &sent)) {
            bl_session_say(session, frame, bl_moves_write(frame, sizeof frame, &sent, opts->size),
                           BL_UNSEQUENCED);
        }
    }
}

enum belay_result bl_client_moves_start(struct bl_client_moves *moves, struct bl_shared *shared) {
    static const struct bl_extension_ops ops = {
        .opened = opened,
        .resumed = resumed,
        .take = take,
        .describe = describe,
        .removed = removed,
        .flush = flush,
    };
    const struct belay_move_opts *opts = &shared->move;
    moves->shared = shared;
    for (uint8_t lane = 0; opts->size > 0 && lane < opts->lanes; lane++) {
        if (!bl_move_history_init(&moves->lanes[lane], opts, shared->memory)) {
            return bl_fail(BELAY_E_NO_MEMORY, "no memory for a client's moves");
        }
    }
    if (opts->size > 0) {
        start_clean(moves);
        shared->extension = (struct bl_extension_host){&ops, moves};
    }
    return BELAY_OK;
}

void bl_client_moves_finish(struct bl_client_moves *moves) {
    for (uint8_t lane = 0; lane < BELAY_LANES_MAX; lane++) {
        bl_move_history_finish(&moves->lanes[lane],
                               moves->shared != NULL ? moves->shared->memory : NULL);
    }
}

bool bl_client_moves_next(struct bl_client_moves *moves, bl_time now, uint32_t *tick) {
    return session_of(moves) != NULL && bl_pacer_next(&moves->pacer, now, tick);
}

bl_time bl_client_moves_due(const struct bl_client_moves *moves) {
    return session_of(moves) != NULL ? bl_pacer_due(&moves->pacer) : BL_TIME_NEVER;
}

enum belay_result bl_client_moves_send(struct bl_client_moves *moves, uint8_t lane, uint32_t tick,
                                       const void *data) {
    const struct belay_move_opts *opts = &moves->shared->move;
    if (opts->size == 0) {
        return bl_fail(BELAY_E_STATE, "send_move: without options.move.size there is no movement");
    }
    if (lane >= opts->lanes || data == NULL) {
        return bl_fail(BELAY_E_INVALID, data == NULL ? "data: NULL" : "lane: %u, of %u", lane,
                       opts->lanes);
    }
    if (session_of(moves) == NULL) {
        return bl_fail(BELAY_E_STATE, "send_move: the session is not open");
    }
    struct bl_move_history *history = &moves->lanes[lane];
    if (history->begun && !bl_serial_after(tick, history->newest)) {
        return bl_fail(BELAY_E_STATE, "send_move: tick %u has been sent; the newest is %u", tick,
                       history->newest);
    }
    bl_move_history_add(history, tick, data);
    return BELAY_OK;
}

const void *bl_client_moves_at(const struct bl_client_moves *moves, uint8_t lane, uint32_t tick) {
    return lane < moves->shared->move.lanes ? bl_move_history_at(&moves->lanes[lane], tick) : NULL;
}

double bl_client_moves_render(struct bl_client_moves *moves) {
    return bl_server_clock_render(&moves->clock, moves->shared->now);
}
