#include "examples/arena/remote.h"

/** The newest is number 0. */
static const struct state *state_at(const struct remote *remote, uint32_t age) {
    return &remote->states[(remote->count - 1 - age) % REMOTE_STATES];
}

static uint32_t kept(const struct remote *remote) {
    return remote->count < REMOTE_STATES ? remote->count : REMOTE_STATES;
}

/** States come in order: the channel is sequenced. */
void remote_take(struct remote *remote, const struct state *state) {
    if (remote->count > 0) {
        uint32_t since = state->tick - state_at(remote, 0)->tick;
        if (remote->interval == 0 || since < remote->interval) {
            remote->interval = since;
        }
    }
    remote->states[remote->count++ % REMOTE_STATES] = *state;
}

const struct state *remote_newest(const struct remote *remote) {
    return remote->count > 0 ? state_at(remote, 0) : NULL;
}

/** Ticks from a state to a moment; below 0 when the state is later. Tick numbers wrap. */
static double since(const struct state *state, double tick) {
    uint32_t whole = (uint32_t)(uint64_t)tick;
    return (int32_t)(whole - state->tick) + (tick - (double)(uint64_t)tick);
}

static const struct state_other *find(const struct state *state, uint8_t who) {
    for (int i = 0; i < state->other_count; i++) {
        if (state->others[i].who == who) {
            return &state->others[i];
        }
    }
    return NULL;
}

/** Who dies is somewhere else at once, and does not fly there. */
static bool has_jumped(struct point from, struct point to, uint32_t ticks) {
    float most = 2 * ARENA_SPEED / ARENA_HZ * (float)ticks, x = to.x - from.x, y = to.y - from.y;
    return x * x + y * y > most * most;
}

static void blend(struct remote_view *view, const struct state *from, const struct state *to,
                  float share) {
    *view = (struct remote_view){.count = from->other_count};
    for (int i = 0; i < from->other_count; i++) {
        const struct state_other *old = &from->others[i], *new = find(to, old->who);
        struct state_other *shown = &view->others[i];
        *shown = *old;
        if (new != NULL && !has_jumped(old->at, new->at, to->tick - from->tick)) {
            shown->at.x += (new->at.x - old->at.x) * share;
            shown->at.y += (new->at.y - old->at.y) * share;
        }
    }
}

void remote_draw(struct remote *remote, double tick, struct remote_view *view) {
    *view = (struct remote_view){0};
    if (remote->count == 0) {
        return;
    }
    remote->stats.drawn++;
    const struct state *to = state_at(remote, 0), *from = to;
    for (uint32_t age = 1; age < kept(remote) && since(from, tick) < 0; age++) {
        to = from;
        from = state_at(remote, age);
    }
    double passed = since(from, tick);
    if (from == to || passed < 0) {
        remote->stats.late++;
        blend(view, from, from, 0);
        return;
    }
    uint32_t span = to->tick - from->tick;
    if (span <= remote->interval) {
        remote->stats.between++;
    } else {
        remote->stats.across++;
    }
    blend(view, from, to, (float)(passed / span));
}
