/*
 * What goes over the network: inputs, states and events, byte by byte, little endian.
 *
 * What comes in may have been made by anybody. A reader looks at every length, and refuses numbers
 * that are not finite before they can get into the simulation: one NaN there, and it is everywhere.
 */
#ifndef ARENA_WIRE_H
#define ARENA_WIRE_H

#include "examples/arena/game.h"

/* ---- an input: one a tick, from the client */

#define WIRE_INPUT_SIZE 7

void wire_write_input(uint8_t out[WIRE_INPUT_SIZE], const struct arena_input *input);
/** False, and all zeros, for an aim that is not finite. */
bool wire_read_input(struct arena_input *input, const uint8_t data[WIRE_INPUT_SIZE]);

/* ---- a state: twenty a second, from the server, to each its own */

#define WIRE_STATE_SIZE_MAX 1280

/** Another player, as it is drawn: a thousandth of a unit is good enough. */
struct state_other {
    uint8_t who, health;
    bool is_away;
    struct point at;
};

struct state {
    uint32_t tick;
    uint32_t missed; /* ticks so far that were not run with this client's own input */
    uint8_t who;     /* this client's player */
    uint8_t life, health;
    uint16_t score;
    struct arena_body body; /* exactly */
    uint8_t other_count, bullet_count;
    struct state_other others[ARENA_PLAYERS_MAX];
    struct point bullets[ARENA_BULLETS_MAX];
};

/** Returns the size. */
size_t wire_write_state(uint8_t out[WIRE_STATE_SIZE_MAX], const struct state *state);
/** False when it is not what wire_write_state() writes. */
bool wire_read_state(struct state *state, const void *data, size_t size);

/* ---- an event: reliable, both ways */

#define WIRE_EVENT_SIZE_MAX 48
#define EVENT_TEXT_SIZE     32

enum event_kind {
    EVENT_ENTER, /* who, text: its name */
    EVENT_LEAVE, /* who */
    EVENT_HIT,   /* who has hit whom */
    EVENT_KILL,  /* who has killed whom, and has this score now */
    EVENT_SAY,   /* who, text; from the client: text */
    EVENT_LAST,  /* of a client that leaves, and the server's answer: there will be no more */
};
#define EVENT_KIND_COUNT 6

struct event {
    enum event_kind kind;
    uint32_t number; /* from 1 in each direction of a session, for the books; see books.h */
    uint8_t who, whom;
    uint16_t score;
    char text[EVENT_TEXT_SIZE];
};

/** Returns the size. */
size_t wire_write_event(uint8_t out[WIRE_EVENT_SIZE_MAX], const struct event *event);
/** False when it is not what wire_write_event() writes. Text is printable ASCII afterwards. */
bool wire_read_event(struct event *event, const void *data, size_t size);

#endif
