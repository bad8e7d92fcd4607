/*
 * Prediction: the client runs its own player at once, as the server will once the input is there.
 * When a state comes it starts again from there, and steps through its inputs since.
 *
 * Where both have the same physics that changes nothing, to the last bit, unless the server had to
 * run a tick without this client's input, or the player died. So it can tell exactly whether the
 * two ends agree.
 */
#ifndef ARENA_PREDICT_H
#define ARENA_PREDICT_H

#include "examples/arena/wire.h"

#define PREDICT_TICKS 256 /* predictions that are kept: more than can be under way */

/* With a speed that is wrong by a thousandth no correction is above this, in units: half a percent
 * of a player's width. */
#define PREDICT_BOUND 0.005F

struct belay_client;

struct predict_stats {
    uint32_t states;              /* that could be compared with a prediction */
    uint32_t exact;               /* of which the prediction was right, to the last bit */
    uint32_t deaths;              /* or could not be: the player is somewhere else */
    uint32_t explained;           /* or was wrong, as the server had to do without an input */
    uint32_t unexplained;         /* or was wrong for no such reason */
    float newest;                 /* correction, in units */
    float worst, worst_explained; /* of the last two kinds */
};

struct predict {
    float speed; /* ARENA_SPEED, or what this client takes for it */
    bool begun;  /* a state has come */
    struct arena_body body;
    uint32_t life, missed; /* of the newest state */
    struct {
        bool is_known;
        uint32_t tick;
        struct arena_body body;
    } past[PREDICT_TICKS];
    struct predict_stats stats;
};

/** One tick with an input that has just been sent. */
void predict_step(struct predict *predict, uint32_t tick, const struct arena_input *input);
/** A state has come. */
void predict_take(struct predict *predict, const struct belay_client *client,
                  const struct state *state);

#endif
