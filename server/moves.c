/* MOVE_ACKs leave at the end of a frame in which ticks were run, with whatever else is sent then.
 */
#include "server/moves.h"

#include "common/container_of.h"
#include "common/error.h"
#include "common/serial.h"
#include "lib/session/coordinator.h"
#include "lib/session/parts.h"
#include "server/move_filter.h"

#define ACKS_A_SECOND 20

/** What hangs on a session. */
struct player {
    struct bl_extension extension;
    struct bl_server_moves *moves;
    struct bl_move_filter *lanes[]; /* in the same block, behind */
};

static struct player *player_of(const struct bl_extension *extension) {
    return BL_CONTAINER_OF(extension, struct player, extension);
}

static size_t lanes_offset(const struct belay_move_opts *opts) {
    size_t size = sizeof(struct player) + opts->lanes * sizeof(struct bl_move_filter *);
    size_t align = _Alignof(max_align_t);
    return (size + align - 1) / align * align;
}

static size_t player_size(const struct belay_move_opts *opts) {
    return lanes_offset(opts) + opts->lanes * bl_move_filter_size(opts);
}

static bool opened(void *user, struct bl_session *session) {
    struct bl_server_moves *moves = user;
    const struct belay_move_opts *opts = &moves->shared->move;
    struct player *player = bl_allocate(moves->shared->memory, player_size(opts));
    if (player == NULL) {
        return false;
    }
    const struct bl_tick_time now = bl_tick_clock_read(&moves->clock, moves->shared->now);
    uint8_t *filters = (uint8_t *)player + lanes_offset(opts);
    player->extension.session = session;
    player->moves = moves;
    for (uint8_t lane = 0; lane < opts->lanes; lane++) {
        player->lanes[lane] =
            (struct bl_move_filter *)(void *)(filters + lane * bl_move_filter_size(opts));
        bl_move_filter_init(player->lanes[lane], opts, &now);
    }
    session->extension = &player->extension;
    return true;
}

static void resumed(struct bl_extension *extension, bool anew) {
    const struct player *player = player_of(extension);
    for (uint8_t lane = 0; anew && lane < player->moves->shared->move.lanes; lane++) {
        bl_move_filter_restart(player->lanes[lane]);
    }
}

static void removed(struct bl_extension *extension) {
    struct player *player = player_of(extension);
    const struct bl_shared *shared = player->moves->shared;
    bl_free(shared->memory, player, player_size(&shared->move));
}

/** The oldest input first: what is needed soonest has the first claim on the budget. */
static void take_inputs(struct player *player, const struct bl_moves *frame) {
    const struct bl_server_moves *moves = player->moves;
    struct bl_session *session = player->extension.session;
    const struct bl_tick_time now = bl_tick_clock_read(&moves->clock, moves->shared->now);
    bool joined = false;
    for (unsigned age = BELAY_MOVES_MAX; age-- > 0;) {
        if ((frame->present >> age & 1) == 0) {
            continue;
        }
        const struct bl_move_input input = {
            .tick = frame->newest - age,
            .data = frame->inputs[age],
            .repeated = age > frame->also_new,
            .joined = joined,
        };
        joined = !input.repeated;
        enum belay_move_verdict verdict =
            bl_move_filter_take(player->lanes[frame->lane], &now, &input);
        if (moves->events && bl_move_is_offence(verdict, input.repeated)) {
            bl_inbox_count_refused(&session->inbox, verdict, frame->lane, input.tick);
            bl_session_mark_ready(session);
        }
    }
}

static void take(struct bl_extension *extension, const void *data, size_t size) {
    struct player *player = player_of(extension);
    const struct belay_move_opts *opts = &player->moves->shared->move;
    struct bl_moves frame;
    if (bl_moves_read(&frame, data, size, opts->size) && frame.lane < opts->lanes) {
        take_inputs(player, &frame);
    } else {
        bl_drop(player->moves->shared, BELAY_DROP_FRAME);
        bl_move_filter_reject(player->lanes[0]);
    }
}

static void describe(const struct bl_extension *extension, struct belay_session_info *info) {
    const struct player *player = player_of(extension);
    for (uint8_t lane = 0; lane < player->moves->shared->move.lanes; lane++) {
        const struct bl_move_counts *counts = bl_move_filter_counts(player->lanes[lane]);
        info->moves_used += (uint32_t)counts->used;
        info->moves_substituted += (uint32_t)counts->substituted;
        info->moves_refused += (uint32_t)counts->refused;
    }
    info->tick_received = bl_move_filter_received(player->lanes[0]);
    info->tick_consumed = bl_move_filter_consumed(player->lanes[0]);
    info->margin_ticks = bl_move_filter_margin(player->lanes[0]);
}

static void acknowledge(const struct bl_server_moves *moves, struct player *player) {
    uint8_t frame[64];
    for (uint8_t lane = 0; lane < moves->shared->move.lanes; lane++) {
        struct bl_move_ack ack = {0};
        bl_move_filter_report(player->lanes[lane], &ack);
        bl_duration age = moves->shared->now - bl_tick_clock_time_of(&moves->clock, ack.consumed);
        ack.lane = lane;
        ack.age_us = age > 0 ? (uint32_t)bl_earlier(age / BL_MICROSECOND, UINT32_MAX) : 0;
        bl_session_say(player->extension.session, frame,
                       bl_move_ack_write(frame, sizeof frame, &ack), BL_UNSEQUENCED);
    }
}

static void flush(void *user) {
    struct bl_server_moves *moves = user;
    uint32_t ran = moves->clock.ran;
    belay_session handle = 0;
    if (ran / moves->told_every == moves->told / moves->told_every) {
        return;
    }
    moves->told = ran;
    while ((handle = bl_coordinator_next(moves->coordinator, handle)) != 0) {
        struct bl_session *session = bl_coordinator_get(moves->coordinator, handle);
        if (session->extension != NULL && bl_session_flows(session)) {
            acknowledge(moves, player_of(session->extension));
        }
    }
}

void bl_server_moves_start(struct bl_server_moves *moves, struct bl_shared *shared,
                           const struct bl_coordinator *coordinator) {
    static const struct bl_extension_ops ops = {
        .opened = opened,
        .resumed = resumed,
        .take = take,
        .describe = describe,
        .removed = removed,
        .flush = flush,
    };
    uint16_t every = shared->move.tick_hz / ACKS_A_SECOND;
    moves->shared = shared;
    moves->coordinator = coordinator;
    moves->told_every = every > 0 ? every : 1;
    if (shared->move.size > 0) {
        shared->extension = (struct bl_extension_host){&ops, moves};
    }
    bl_server_moves_start_at(moves, 1, shared->now);
}

void bl_server_moves_start_at(struct bl_server_moves *moves, uint32_t next, bl_time due) {
    bl_tick_clock_start(&moves->clock, moves->shared->move.tick_hz, next, due);
    moves->told = moves->clock.ran;
}

enum belay_result bl_server_moves_use(struct bl_server_moves *moves, struct bl_session *session,
                                      uint8_t lane, uint32_t tick, struct belay_move *move) {
    if (moves->shared->move.size == 0) {
        return bl_fail(BELAY_E_STATE, "take_move: without options.move.size there is no movement");
    }
    if (lane >= moves->shared->move.lanes) {
        return bl_fail(BELAY_E_INVALID, "lane: %u, of %u", lane, moves->shared->move.lanes);
    }
    if (!session->accepted) { /* though it may have filters: of an accept() that has failed */
        return bl_fail(BELAY_E_STATE, "take_move: the session is not open yet");
    }
    struct bl_move_filter *filter = player_of(session->extension)->lanes[lane];
    const struct bl_tick_time now = bl_tick_clock_read(&moves->clock, moves->shared->now);
    if (bl_serial_after(tick, now.ran)) {
        return bl_fail(BELAY_E_STATE, "take_move: tick %u has not come; the newest is %u", tick,
                       now.ran);
    }
    if (!bl_serial_after(tick, bl_move_filter_consumed(filter))) {
        return bl_fail(BELAY_E_STATE,
                       "take_move: tick %u was taken already, or was before the session", tick);
    }
    const void *asked = moves->shared->move.when_missing == BELAY_MISSING_ASK ? move->data : NULL;
    bl_move_filter_use(filter, &now, tick, asked, move);
    return BELAY_OK;
}
