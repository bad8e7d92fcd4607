/*
 * What the director knows: the newest reports on every client, from both ends, everybody's books,
 * and a commentary of what has happened. The screen shows it, the ledger judges it.
 */
#ifndef DEMO_BOARD_H
#define DEMO_BOARD_H

#include "examples/demo/books.h"
#include "examples/demo/cast.h"
#include "examples/demo/report.h"
#include "examples/demo/tone.h"
#include <sys/types.h>

#define LINES_MAX      64
#define LINE_TEXT_SIZE 96

enum process {
    PROCESS_NONE, /* not started yet */
    PROCESS_RUNS, /* or is stopped */
    PROCESS_ENDED,
};

struct task {
    pid_t pid;
    enum process process;
    int wait_status; /* when it has ended */
};

/** What is known of one client. */
struct row {
    struct task task;
    int life;                           /* which of its processes this is, from 0 */
    int former_status;                  /* how the first has ended, when this is the second */
    const char *note;                   /* what was done to it; NULL: nothing yet */
    struct report client;               /* its own newest report */
    struct report session;              /* the server's newest about it */
    bool client_closed, session_closed; /* those reports are the last */
    struct report client_resumed, session_resumed; /* what RESUMED has told */
    bool was_opened;
    bool was_suspect, is_suspect; /* for the server */
    bool was_down, client_down;   /* the server, the client has seen its link lost */
    bool moved, resumed;          /* for the server */
    double down_at;
    uint32_t waited; /* most messages that ever waited for it at the server */
};

struct line {
    double at; /* seconds from the start */
    enum tone tone;
    char text[LINE_TEXT_SIZE];
};

struct board {
    double now; /* seconds from the start */
    struct row rows[CAST_SIZE];
    int arrived; /* clients that have been started, one after the other */
    struct task server, network;
    struct shelf *shelf;
    uint16_t port; /* 0 = not known yet */
    bool draining;
    bool failed; /* something has gone wrong that no row shows; the commentary says what */
    struct line lines[LINES_MAX];
    int line_count;
};

void board_take(struct board *board, const struct report *report);
/** Adds a line to the commentary. */
__attribute__((format(printf, 3, 4))) void board_say(struct board *board, enum tone tone,
                                                     const char *format, ...);
/** A process of ours has ended. */
void board_end(struct board *board, pid_t pid, int wait_status);
/** Clients that have been logged in. */
int board_count_open(const struct board *board);

#endif
