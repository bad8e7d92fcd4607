/*
 * The lifecycle of a session: one pure table of states and inputs.
 *
 * The table only decides; the session carries out what follows. Client and server use the same one.
 * docs/session-states.md shows it, made from the code.
 */
#ifndef BL_SESSION_STATE_H
#define BL_SESSION_STATE_H

#include <belay/session.h>

enum bl_input {
    BL_INPUT_TRANSPORT_UP, /* a proven binding carries a peer of this session */
    BL_INPUT_HELLO,        /* client: hello sent; server: hello received */
    BL_INPUT_WELCOME,      /* client: welcome received; server: the application accepted */
    BL_INPUT_REFUSED, /* client: refusal received; server: the application, or the versions, refused
                       */
    BL_INPUT_GONE,    /* the bound peer is gone: silence, GONE, or the login deadline */
    BL_INPUT_HOLD,    /* right after GONE, where the policy keeps a session for its resume */
    BL_INPUT_RESUME,  /* client: dialing for a resume; server: a resume was proven */
    BL_INPUT_ATTEMPT_FAILED, /* the pending attempt came to nothing */
    BL_INPUT_REBOUND,        /* the first datagram over the new binding */
    BL_INPUT_DENIED,         /* client: the server refused with authority to open or to resume */
    BL_INPUT_EXPIRED,        /* the resume window, or the rest in TIMED_OUT, is over */
    BL_INPUT_CLOSE, /* closed by either side, left, evicted: all that was to be said is said */
};
#define BL_INPUT_COUNT 12

enum bl_edge_kind {
    BL_EDGE_UNDECIDED, /* a cell nobody wrote; a test finds none */
    BL_EDGE_GO,
    BL_EDGE_IGNORE,    /* legal and late */
    BL_EDGE_IMPOSSIBLE /* a bug of ours: neither bytes nor API calls can cause it */
};

struct bl_edge {
    enum bl_edge_kind kind;
    enum belay_state next; /* when kind is GO */
};

/** @param peer_lives whether the bound peer still lives, which decides where a failed attempt leads
 */
struct bl_edge bl_state_edge(enum belay_state state, enum bl_input input, bool peer_lives);

/** "transport up" and so on. A constant string. */
const char *bl_input_name(enum bl_input input);

#endif
