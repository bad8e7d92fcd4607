/* What both ends must agree on before the first message. */
#ifndef ARENA_PROTOCOL_H
#define ARENA_PROTOCOL_H

#include "examples/arena/game.h"
#include "examples/arena/wire.h"
#include <belay/belay.h>

#define ARENA_GAME    "belay-arena/1"
#define ARENA_ADDRESS "127.0.0.1:7777"

enum { CHANNEL_EVENTS, CHANNEL_STATES, CHANNEL_COUNT };

static const struct belay_channel arena_channels[CHANNEL_COUNT] = {
    [CHANNEL_EVENTS] = {.name = "events", .mode = BELAY_RELIABLE},
    [CHANNEL_STATES] = {.name = "states", .mode = BELAY_SEQUENCED},
};

static const struct belay_move_opts arena_moves = {.size = WIRE_INPUT_SIZE, .tick_hz = ARENA_HZ};

#endif
