/* A client without a screen, which plays by a script. */
#ifndef ARENA_BOT_H
#define ARENA_BOT_H

#include "examples/arena/client.h"
#include "examples/arena/script.h"

struct bot_opts {
    struct arena_client_opts client;
    uint64_t seed;
    uint32_t seconds; /* after which it leaves; 0 = when the server drains */
};

struct bot {
    struct arena_client client;
    struct script script;
    uint32_t tick_count, tick_max; /* 0 = no maximum */
};

/** False, with record->fault, when it cannot begin. */
bool bot_open(struct bot *bot, const struct bot_opts *opts, struct client_record *record);
/** What a pass of the main loop does after belay_client_service(). */
void bot_frame(struct bot *bot);
/** Plays from the beginning to the end. Returns the exit status. */
int bot_run(const struct bot_opts *opts, struct client_record *record);

#endif
