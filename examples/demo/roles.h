/* What the processes of the demo do; each function is the whole life of one process. */
#ifndef DEMO_ROLES_H
#define DEMO_ROLES_H

#include "examples/demo/books.h"

#define DEMO_GAME     "belay-demo/1"
#define DEMO_PASSWORD "rope"

/* Time-outs of the server, but for the library's default: a link is lost after 6 s of silence. */
#define RESUME_MS 8000 /* so long the server keeps a session without a link */
#define DRAIN_MS  5000

#define EVICTION_TEXT "no ropes cut here" /* the game's own words */
#define PASSWORD_TEXT "wrong password"

/* Channels: both sides use the defaults of the library. */
#define CHANNEL_RELIABLE   0
#define CHANNEL_UNRELIABLE 1

/** What one process of a client is given. */
struct part {
    int who, life;
    uint16_t port; /* where the server is, or what stands between */
    int reports;
    int saved; /* a file for its ticket, which outlives the process; -1: it keeps none */
    struct books *books;
};

/** Serves until it was told to drain and everybody has left. Returns the exit status. */
int server_run(int orders, int reports, struct books books[CAST_SIZE]);
/** Plays until its session is closed. Returns the exit status. */
int client_run(const struct part *part);

#endif
