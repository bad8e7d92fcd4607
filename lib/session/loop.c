/*
 * Time. The loop remembers when it had asked to be called again. A round that comes BL_STALL_MIN or
 * more after that was late by this process's own doing, and sessions are not charged for it. What
 * had arrived meanwhile is taken in before any timer is judged.
 *
 * A tick for which the application does not come is nobody's deadline: service() returns for it
 * once, and waits for no other before one is asked for.
 */
#include "lib/session/loop.h"

#include "common/error.h"
#include <string.h>

/* A crowd's acknowledgements come one by one, and bring the application nothing: who has been woken
 * for one, and so soon for the next, lets what comes gather, as network cards do. */
#define BUSY   BL_MILLISECOND
#define GATHER BL_MILLISECOND

#define ROUNDS_BEFORE_TIMERS                                                                       \
    64 /* of taking in a backlog, so that nobody in it is judged silent                            \
        */

static void take_packet(void *receiver, struct bl_packet *packet) {
    bl_session_take_packet(receiver, packet);
}

static void progress(void *receiver) {
    struct bl_session *session = receiver;
    if (session->peer != NULL) { /* it may have ended in this very datagram */
        bl_session_progress(session);
    }
}

static void gone(void *receiver) {
    static const struct belay_reason reason = {
        .who = BELAY_WHO_NETWORK,
        .code = BELAY_REASON_TIMEOUT,
        .come_back = true,
        .text = "the other side has given up the link",
    };
    bl_session_lose(receiver, &reason);
}

static void migrated(void *receiver) {
    bl_session_migrate(receiver);
}

enum belay_result bl_loop_start(struct bl_loop *loop, struct bl_net *net,
                                const struct bl_loop_opts *opts) {
    struct bl_shared *shared = &loop->shared;
    loop->net = net;
    loop->tick_due = opts->tick_due;
    loop->user = opts->user;
    loop->due = BL_TIME_NEVER;
    bl_timer_wheel_init(&loop->wheel, bl_net_now(net));
    loop->ops = *opts->ops;
    loop->ops.packet = take_packet;
    loop->ops.progress = progress;
    loop->ops.gone = gone;
    loop->ops.migrated = migrated;
    const struct bl_endpoint_opts endpoint_opts = {
        .memory = &loop->memory,
        .wheel = &loop->wheel,
        .net = net,
        .ops = &loop->ops,
        .user = opts->user,
        .stats = &loop->stats,
        .game = bl_wire_hash(opts->game),
        .peer_max = opts->peer_max,
        .channel_count = (uint8_t)(shared->stream_count + 1),
        .admission = opts->admission,
    };
    enum belay_result result = bl_endpoint_create(&loop->endpoint, &endpoint_opts);
    if (result != BELAY_OK) {
        return result;
    }
    shared->memory = &loop->memory;
    bl_slot_map_init(&shared->requests, &loop->memory, UINT32_MAX);
    shared->wheel = &loop->wheel;
    shared->random = bl_net_random(net);
    shared->endpoint = loop->endpoint;
    shared->stats = &loop->stats;
    shared->now = loop->served = bl_net_now(net);
    return BELAY_OK;
}

void bl_loop_close(struct bl_loop *loop) {
    bl_endpoint_destroy(loop->endpoint);
    bl_net_close(loop->net);
    loop->shared.endpoint = loop->endpoint = NULL;
    loop->net = NULL;
}

void bl_loop_finish(struct bl_loop *loop) {
    bl_loop_close(loop);
    if (loop->shared.memory != NULL) {
        bl_shared_finish(&loop->shared);
    }
}

/** A round that is late has not come yet: from here on it is late anew. */
static void notice_stall(struct bl_loop *loop) {
    struct bl_shared *shared = &loop->shared;
    if (loop->due != BL_TIME_NEVER && shared->now - loop->due >= BL_STALL_MIN) {
        shared->stalled += shared->now - loop->due;
        loop->due = shared->now;
    }
}

void bl_loop_look_at_clock(struct bl_loop *loop) {
    bl_time now = bl_net_now(loop->net);
    if (now > loop->shared.now) {
        loop->shared.now = now;
        notice_stall(loop);
    }
}

static void take_in(struct bl_loop *loop) {
    loop->more_arrived = true;
    for (int i = 0; loop->more_arrived && i < ROUNDS_BEFORE_TIMERS; i++) {
        loop->more_arrived = bl_endpoint_receive(loop->endpoint);
    }
}

/** Sessions hand over what may go; a session that ends meanwhile leaves the list by itself. */
static void pump(struct bl_shared *shared) {
    struct bl_session *waiting = shared->pump_first;
    shared->pump_first = NULL;
    while (waiting != NULL) {
        struct bl_session *session = waiting;
        waiting = session->pump_next;
        session->pumping = false;
        bl_session_pump(session);
    }
}

void bl_loop_flush(struct bl_loop *loop) {
    const struct bl_extension_host *extension = &loop->shared.extension;
    bl_loop_look_at_clock(loop);
    if (extension->ops != NULL) {
        extension->ops->flush(extension->user);
    }
    pump(&loop->shared);
    bl_endpoint_flush(loop->endpoint);
}

bool bl_loop_has_events(const struct bl_loop *loop) {
    return loop->shared.ready_first != NULL;
}

static void do_round(struct bl_loop *loop) {
    bl_loop_look_at_clock(loop);
    loop->due = BL_TIME_NEVER;
    take_in(loop);
    bl_timer_wheel_advance(&loop->wheel, loop->shared.now);
    bl_session_tell_owed(&loop->shared);
    if (!bl_loop_has_events(loop)) {
        bl_loop_flush(loop);
    }
}

/** It may come sooner or later than was thought, by what has been heard meanwhile. */
static bl_time next_tick(const struct bl_loop *loop) {
    return loop->expects_tick ? loop->tick_due(loop->user) : BL_TIME_NEVER;
}

static bl_time next_due(const struct bl_loop *loop) {
    bool busy = loop->more_arrived || loop->shared.pump_first != NULL ||
                bl_session_owes(&loop->shared) || bl_endpoint_is_dirty(loop->endpoint);
    return busy ? loop->shared.now : bl_earlier(bl_timer_wheel_next(&loop->wheel), next_tick(loop));
}

/** Waits for something to happen, then one round. @param crowded  the last one had come to nothing
 */
static void wait_round(struct bl_loop *loop, bl_time until, bool crowded) {
    loop->due = bl_earlier(next_due(loop), until);
    bl_duration wait = loop->due == BL_TIME_NEVER ? BL_FOREVER : loop->due - loop->shared.now;
    if (wait > 0) {
        bl_net_wait(loop->net, wait);
    }
    bl_time now = bl_net_now(loop->net);
    if (crowded && now - loop->shared.now < BUSY && now < loop->due) {
        bl_duration left = loop->due - now;
        bl_net_rest(loop->net, left < GATHER ? left : GATHER);
    }
    do_round(loop);
}

void bl_loop_service(struct bl_loop *loop, uint32_t wait_ms) {
    bool crowded = false;
    bl_loop_flush(loop);
    bl_net_wait(loop->net, 0); /* takes a wake-up off the descriptor, for loops of one's own */
    bl_time until =
        wait_ms == BELAY_FOREVER ? BL_TIME_NEVER : loop->shared.now + bl_from_ms(wait_ms);
    do_round(loop);
    while (!atomic_load(&loop->woken) && !bl_loop_has_events(loop) && !loop->net->simulated &&
           loop->shared.now < bl_earlier(until, next_tick(loop))) {
        wait_round(loop, until, crowded);
        crowded = true;
    }
    atomic_store(&loop->woken, false);
    if (loop->shared.now >= next_tick(loop)) {
        loop->expects_tick = false;
    }
    loop->served = loop->shared.now;
    loop->due = next_due(loop);
}

bl_time bl_loop_expect_tick(struct bl_loop *loop) {
    loop->expects_tick = true;
    return loop->served;
}

void bl_loop_wake(struct bl_loop *loop) {
    atomic_store(&loop->woken, true);
    bl_net_wake(loop->net);
}

int64_t bl_loop_wait_ns(const struct bl_loop *loop) {
    if (bl_loop_has_events(loop)) {
        return 0;
    }
    bl_time due = next_due(loop);
    if (due == BL_TIME_NEVER) {
        return -1;
    }
    bl_duration wait = due - bl_net_now(loop->net);
    return wait > 0 ? wait : 0;
}

bool bl_loop_work_on(struct bl_loop *loop, bl_time until) {
    loop->expects_tick = false;
    if (loop->net->simulated || loop->shared.now >= until) {
        bl_loop_flush(loop);
        return false;
    }
    wait_round(loop, until, false);
    bl_loop_flush(loop); /* with events waiting too: nobody may poll them now */
    return true;
}

void bl_loop_say_goodbye(struct bl_loop *loop, bl_time until) {
    bl_loop_flush(loop);
    while (bl_endpoint_is_lingering(loop->endpoint) && bl_loop_work_on(loop, until)) {
    }
}

void bl_loop_stats(const struct bl_loop *loop, struct belay_stats *stats) {
    *stats = loop->stats;
    stats->struct_size = sizeof *stats;
    stats->memory = loop->memory.used;
    stats->queued = loop->shared.room.used;
    if (loop->net != NULL) {
        stats->port = loop->net->local.port;
        stats->unsent = loop->net->unsent_count;
        stats->dropped[BELAY_DROP_SIZE] = loop->net->empty_count + loop->net->oversize_count;
    }
}
