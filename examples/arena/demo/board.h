/*
 * What the director knows: the records that all processes keep of themselves, in memory that they
 * share, and a commentary of what has happened. The screen shows it, the ledger judges it.
 */
#ifndef ARENA_DEMO_BOARD_H
#define ARENA_DEMO_BOARD_H

#include "examples/arena/demo/cast.h"
#include "examples/arena/demo/tone.h"
#include "examples/arena/record.h"
#include <sys/types.h>

#define LINES_MAX      64
#define LINE_TEXT_SIZE 96

/** Written by the processes, each its own part, and read by the director: while they run only for a
 * picture. */
struct stage {
    struct server_record server;
    struct client_record clients[CAST_SIZE][BOOKS_LIVES];
};

enum process {
    PROCESS_NONE, /* not started yet */
    PROCESS_RUNS,
    PROCESS_ENDED,
};

struct task {
    pid_t pid;
    enum process process;
    int wait_status; /* when it has ended */
};

/** What has been told in the commentary. */
struct told {
    uint32_t downs, resumes;
};

struct row {
    struct task task;
    int life;          /* which of its processes this is, from 0 */
    int former_status; /* how the first has ended, when this is the second */
    const char *note;  /* what was done to it; NULL: nothing yet */
    struct told by_server, by_client;
};

struct line {
    double at; /* seconds from the start */
    enum tone tone;
    char text[LINE_TEXT_SIZE];
};

/** Sums over everybody, for the audience. */
struct totals {
    int in;
    uint32_t rtt_ms; /* mean */
    float loss;
    uint32_t events_sent, events_got;
    uint32_t used, substituted, refused;
    uint32_t states, exact, corrections;
};

struct board {
    double now; /* seconds from the start */
    struct stage *stage;
    struct row rows[CAST_SIZE];
    int arrived; /* bots that have been started, one after the other */
    struct task server;
    bool failed; /* something has gone wrong that no row shows; the commentary says what */
    struct line lines[LINES_MAX];
    int line_count;
};

/** The record of a bot's newest process. */
struct client_record *board_client(const struct board *board, int who);
/** The server's record of it; an empty one before it has come in. */
const struct seat_record *board_seat(const struct board *board, int who);
/** Adds a line to the commentary. */
__attribute__((format(printf, 3, 4))) void board_say(struct board *board, enum tone tone,
                                                     const char *format, ...);
/** Comments on what is new in the records. */
void board_look(struct board *board);
struct totals board_totals(const struct board *board);

#endif
