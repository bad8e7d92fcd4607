/* The clients of the restart demo: what each sends, gets and is told. */
#ifndef RESTART_PLAYERS_H
#define RESTART_PLAYERS_H

#include "examples/restart/books.h"
#include <belay/client.h>

struct player {
    struct belay_client *client;
    bool open, closed;
    uint32_t sent;                    /* to the server */
    uint32_t newest;                  /* from it */
    uint32_t disordered, returned;    /* returned: the server has lost its memory */
    uint32_t resumes, logins, losses; /* losses: told that the server was restarted */
    uint32_t died;                    /* messages that a killed server had not sent yet */
    uint64_t heard_at, told_at;       /* the last message; the news of the loss */
    uint32_t longest_ms;              /* the longest time between two messages since asked */
    uint8_t seen[NUMBERS_MAX];        /* how often each number came */
    bool was_returned[NUMBERS_MAX];
};

/** Logs in. @return false: belay_error() says why */
bool player_start(struct player *player, uint8_t who, const struct books *books);
/** Sends what is due, and takes in what has come. @p now is in ms. */
void player_work(struct player *player, uint8_t who, const struct books *books, uint64_t now);

#endif
