/* Movement: one input for each simulated tick of each session. docs/movement.md tells it whole. */
#ifndef BELAY_MOVE_H
#define BELAY_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a tick is simulated with when its input has not come. */
enum belay_when_missing {
    BELAY_MISSING_HOLD_THEN_NEUTRAL = 0, /* the last input again, for hold_ticks; then zeros */
    BELAY_MISSING_HOLD,                  /* the last input again, however long */
    BELAY_MISSING_NEUTRAL,               /* zeros at once */
    BELAY_MISSING_ASK, /* what take_move() finds in move->data; zeros where that is NULL */
};

/** Movement of a server or client; all zeros: none. */
struct belay_move_opts {
    /* Both sides must agree on these three: a login that differs is refused with
     * BELAY_REASON_FEATURE, naming the field. */
    uint16_t size;    /* bytes of an input, at most BELAY_MOVE_SIZE_MAX; 0 = no movement */
    uint16_t tick_hz; /* ticks a second, at most BELAY_TICK_HZ_MAX; default BELAY_TICK_HZ_DEFAULT */
    uint8_t lanes;    /* players on one session, at most BELAY_LANES_MAX; default 1 */
    /* The server's alone. */
    uint8_t hold_ticks;   /* how long a missing input is held; default BELAY_HOLD_TICKS_DEFAULT */
    uint16_t future_max;  /* how many ticks ahead an input may be; default BELAY_FUTURE_DEFAULT, at
                             most BELAY_FUTURE_MAX */
    uint16_t burst_ticks; /* inputs beyond one for each tick that was run: against speed-hacks, and
                             room for a client that has to fill its margin again; default
                             BELAY_BURST_DEFAULT */
    uint8_t when_missing; /* enum belay_when_missing */
};

/** What became of an input that has come. */
enum belay_move_verdict {
    BELAY_MOVE_ACCEPTED,
    BELAY_MOVE_STALE,       /* its tick has been run, or will be left out */
    BELAY_MOVE_DUPLICATE,   /* known already: each input is sent more than once */
    BELAY_MOVE_CONFLICT,    /* another one is known for its tick: the first one holds */
    BELAY_MOVE_FUTURE,      /* more than future_max ticks ahead */
    BELAY_MOVE_OVER_BUDGET, /* more inputs than ticks, and burst_ticks beyond */
    BELAY_MOVE_MALFORMED,   /* whole datagrams: not to be read, of another size, or beyond lanes */
};
#define BELAY_MOVE_VERDICT_COUNT 7

/** The input of one tick. */
struct belay_move {
    const void *data;   /* options.move.size bytes, never NULL; lent until the next take_move() or
                         * poll() */
    bool as_sent;       /* else its own has not come in time, and this is what stands for it */
    uint8_t held_ticks; /* for how many ticks in a row none has come; 255 = as many or more */
};

/** "accepted" and so on; "unknown verdict" for anything else. A constant string. */
const char *belay_move_verdict_name(enum belay_move_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
