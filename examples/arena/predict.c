#include "examples/arena/predict.h"

#include <belay/client.h>
#include <math.h>

static void remember(struct predict *predict, uint32_t tick) {
    predict->past[tick % PREDICT_TICKS].is_known = true;
    predict->past[tick % PREDICT_TICKS].tick = tick;
    predict->past[tick % PREDICT_TICKS].body = predict->body;
}

void predict_step(struct predict *predict, uint32_t tick, const struct arena_input *input) {
    arena_step(&predict->body, input, predict->speed);
    remember(predict, tick);
}

static float distance(struct point a, struct point b) {
    return hypotf(a.x - b.x, a.y - b.y);
}

/** How far off the prediction of the state's tick was, and why. */
static void compare(struct predict *predict, const struct state *state) {
    struct predict_stats *stats = &predict->stats;
    uint32_t slot = state->tick % PREDICT_TICKS;
    if (!predict->past[slot].is_known || predict->past[slot].tick != state->tick) {
        return; /* it was skipped, or nothing has been sent yet */
    }
    float error = distance(predict->past[slot].body.at, state->body.at);
    stats->states++;
    if (state->life != predict->life) {
        stats->deaths++;
    } else if (error == 0) {
        stats->exact++;
    } else if (state->missed != predict->missed) {
        stats->explained++;
        stats->newest = error;
        stats->worst_explained = fmaxf(stats->worst_explained, error);
    } else {
        stats->unexplained++;
        stats->newest = error;
        stats->worst = fmaxf(stats->worst, error);
    }
}

void predict_take(struct predict *predict, const struct belay_client *client,
                  const struct state *state) {
    const void *move;
    if (predict->begun) {
        compare(predict, state);
    }
    predict->begun = true;
    predict->body = state->body;
    predict->life = state->life;
    predict->missed = state->missed;
    for (uint32_t tick = state->tick + 1; (move = belay_client_move_at(client, 0, tick)) != NULL;
         tick++) {
        struct arena_input input;
        wire_read_input(&input, move);
        predict_step(predict, tick, &input);
    }
}
