/* Every pair of state and input is written down, late ones and impossible ones alike. */
#include "lib/session/state.h"

#include "common/assert.h"

#define GO(to)                                                                                     \
    { .kind = BL_EDGE_GO, .next = (to) }
#define IGNORE                                                                                     \
    { .kind = BL_EDGE_IGNORE } /* legal and late */
#define IMPOSSIBLE                                                                                 \
    { .kind = BL_EDGE_IMPOSSIBLE } /* a bug in the caller */

static const struct bl_edge edges[BELAY_STATE_COUNT][BL_INPUT_COUNT] = {
    [BELAY_DISCONNECTED] =
        {
            [BL_INPUT_TRANSPORT_UP] = GO(BELAY_TRANSPORT_CONNECTED),
            [BL_INPUT_HELLO] = IMPOSSIBLE, /* there is nothing to say it on */
            [BL_INPUT_WELCOME] = IGNORE,
            [BL_INPUT_REFUSED] = GO(BELAY_LOGIN_FAILED), /* a dial that gave up */
            [BL_INPUT_GONE] = IGNORE,
            [BL_INPUT_HOLD] = IMPOSSIBLE, /* nothing was logged in */
            [BL_INPUT_RESUME] = IGNORE,
            [BL_INPUT_ATTEMPT_FAILED] = IGNORE,
            [BL_INPUT_REBOUND] = IGNORE,
            [BL_INPUT_DENIED] = GO(BELAY_LOGIN_FAILED),
            [BL_INPUT_EXPIRED] = IGNORE,
            [BL_INPUT_CLOSE] = IGNORE,
        },
    [BELAY_TRANSPORT_CONNECTED] =
        {
            [BL_INPUT_TRANSPORT_UP] = IGNORE,
            [BL_INPUT_HELLO] = GO(BELAY_LOGIN_PENDING),
            [BL_INPUT_WELCOME] = IMPOSSIBLE, /* nobody has asked */
            [BL_INPUT_REFUSED] = GO(BELAY_LOGIN_FAILED),
            [BL_INPUT_GONE] = GO(BELAY_TIMED_OUT),
            [BL_INPUT_HOLD] = IMPOSSIBLE,
            [BL_INPUT_RESUME] = IGNORE,
            [BL_INPUT_ATTEMPT_FAILED] = IGNORE,
            [BL_INPUT_REBOUND] = IGNORE,
            [BL_INPUT_DENIED] = IGNORE, /* of an older attempt */
            [BL_INPUT_EXPIRED] = IGNORE,
            [BL_INPUT_CLOSE] = GO(BELAY_DISCONNECTED),
        },
    [BELAY_LOGIN_PENDING] =
        {
            [BL_INPUT_TRANSPORT_UP] = IGNORE,
            [BL_INPUT_HELLO] = IGNORE, /* a second hello is answered with an error */
            [BL_INPUT_WELCOME] = GO(BELAY_LOGGED_IN),
            [BL_INPUT_REFUSED] = GO(BELAY_LOGIN_FAILED),
            [BL_INPUT_GONE] = GO(BELAY_TIMED_OUT),
            [BL_INPUT_HOLD] = IMPOSSIBLE,
            [BL_INPUT_RESUME] = IGNORE,
            [BL_INPUT_ATTEMPT_FAILED] = IGNORE,
            [BL_INPUT_REBOUND] = IGNORE,
            [BL_INPUT_DENIED] = IGNORE,
            [BL_INPUT_EXPIRED] = IGNORE,
            [BL_INPUT_CLOSE] = GO(BELAY_DISCONNECTED),
        },
    [BELAY_LOGGED_IN] =
        {
            [BL_INPUT_TRANSPORT_UP] = IGNORE,
            [BL_INPUT_HELLO] = IGNORE,
            [BL_INPUT_WELCOME] = IGNORE,
            [BL_INPUT_REFUSED] = IGNORE,
            [BL_INPUT_GONE] = GO(BELAY_TIMED_OUT),
            [BL_INPUT_HOLD] = IMPOSSIBLE, /* GONE comes first */
            [BL_INPUT_RESUME] = GO(BELAY_RECONNECTING),
            [BL_INPUT_ATTEMPT_FAILED] = IGNORE,
            [BL_INPUT_REBOUND] = IGNORE,
            [BL_INPUT_DENIED] = IGNORE,
            [BL_INPUT_EXPIRED] = IGNORE,
            [BL_INPUT_CLOSE] = GO(BELAY_DISCONNECTED),
        },
    [BELAY_LOGIN_FAILED] =
        {
            [BL_INPUT_TRANSPORT_UP] = GO(BELAY_TRANSPORT_CONNECTED), /* a new dial */
            [BL_INPUT_HELLO] = IGNORE,
            [BL_INPUT_WELCOME] = IGNORE,
            [BL_INPUT_REFUSED] = IGNORE,
            [BL_INPUT_GONE] = IGNORE,
            [BL_INPUT_HOLD] = IMPOSSIBLE,
            [BL_INPUT_RESUME] = IGNORE,
            [BL_INPUT_ATTEMPT_FAILED] = IGNORE,
            [BL_INPUT_REBOUND] = IGNORE,
            [BL_INPUT_DENIED] = IGNORE,
            [BL_INPUT_EXPIRED] = IGNORE,
            [BL_INPUT_CLOSE] = GO(BELAY_DISCONNECTED),
        },
    [BELAY_TIMED_OUT] =
        {
            [BL_INPUT_TRANSPORT_UP] = GO(BELAY_TRANSPORT_CONNECTED), /* a new dial, a new session */
            [BL_INPUT_HELLO] = IGNORE,
            [BL_INPUT_WELCOME] = IGNORE,
            [BL_INPUT_REFUSED] = IGNORE,
            [BL_INPUT_GONE] = IGNORE,
            [BL_INPUT_HOLD] = GO(BELAY_RECONNECT_PENDING),
            [BL_INPUT_RESUME] = IGNORE,
            [BL_INPUT_ATTEMPT_FAILED] = IGNORE,
            [BL_INPUT_REBOUND] = IGNORE,
            [BL_INPUT_DENIED] = GO(BELAY_DISCONNECTED),
            [BL_INPUT_EXPIRED] = GO(BELAY_DISCONNECTED),
            [BL_INPUT_CLOSE] = GO(BELAY_DISCONNECTED),
        },
    [BELAY_RECONNECT_PENDING] =
        {
            [BL_INPUT_TRANSPORT_UP] = IGNORE,
            [BL_INPUT_HELLO] = IGNORE,
            [BL_INPUT_WELCOME] = IGNORE,
            [BL_INPUT_REFUSED] = IGNORE,
            [BL_INPUT_GONE] = IGNORE,
            [BL_INPUT_HOLD] = IMPOSSIBLE,
            [BL_INPUT_RESUME] = GO(BELAY_RECONNECTING),
            [BL_INPUT_ATTEMPT_FAILED] = IGNORE,
            [BL_INPUT_REBOUND] = IGNORE,
            [BL_INPUT_DENIED] = GO(BELAY_DISCONNECTED),
            [BL_INPUT_EXPIRED] = GO(BELAY_DISCONNECTED),
            [BL_INPUT_CLOSE] = GO(BELAY_DISCONNECTED),
        },
    [BELAY_RECONNECTING] =
        {
            [BL_INPUT_TRANSPORT_UP] = IGNORE,
            [BL_INPUT_HELLO] = IGNORE,
            [BL_INPUT_WELCOME] = IGNORE,
            [BL_INPUT_REFUSED] = GO(BELAY_DISCONNECTED),
            [BL_INPUT_GONE] = IGNORE, /* noted: the old peer no longer lives */
            [BL_INPUT_HOLD] = IMPOSSIBLE,
            [BL_INPUT_RESUME] =
                IGNORE, /* same nonce: a repeat; new nonce: it replaces the attempt */
            [BL_INPUT_ATTEMPT_FAILED] = GO(BELAY_RECONNECT_PENDING), /* or back: see below */
            [BL_INPUT_REBOUND] = GO(BELAY_LOGGED_IN),
            [BL_INPUT_DENIED] = GO(BELAY_DISCONNECTED),
            [BL_INPUT_EXPIRED] = GO(BELAY_DISCONNECTED),
            [BL_INPUT_CLOSE] = GO(BELAY_DISCONNECTED),
        },
};

struct bl_edge bl_state_edge(enum belay_state state, enum bl_input input, bool peer_lives) {
    BELAY_ASSERT((unsigned)state < BELAY_STATE_COUNT);
    BELAY_ASSERT((unsigned)input < BL_INPUT_COUNT);
    if (state == BELAY_RECONNECTING && input == BL_INPUT_ATTEMPT_FAILED && peer_lives) {
        return (struct bl_edge)GO(BELAY_LOGGED_IN);
    }
    return edges[state][input];
}

const char *bl_input_name(enum bl_input input) {
    static const char *const names[BL_INPUT_COUNT] = {
        [BL_INPUT_TRANSPORT_UP] = "transport up",
        [BL_INPUT_HELLO] = "hello",
        [BL_INPUT_WELCOME] = "welcome",
        [BL_INPUT_REFUSED] = "refused",
        [BL_INPUT_GONE] = "peer gone",
        [BL_INPUT_HOLD] = "hold",
        [BL_INPUT_RESUME] = "resume",
        [BL_INPUT_ATTEMPT_FAILED] = "attempt failed",
        [BL_INPUT_REBOUND] = "rebound",
        [BL_INPUT_DENIED] = "denied",
        [BL_INPUT_EXPIRED] = "expired",
        [BL_INPUT_CLOSE] = "close",
    };
    BELAY_ASSERT((unsigned)input < BL_INPUT_COUNT);
    return names[input];
}
