/*
 * What the director knows: the newest reports on every client, from both ends, and a commentary of
 * what has happened. The screen shows it, the ledger judges it.
 */
#ifndef DEMO_BOARD_H
#define DEMO_BOARD_H

#include "examples/demo/cast.h"
#include "examples/demo/report.h"
#include "examples/demo/tone.h"
#include <sys/types.h>

#define LINES_MAX      64
#define LINE_TEXT_SIZE 96

enum process {
    PROCESS_NONE, /* not started yet */
    PROCESS_RUNS,
    PROCESS_STOPPED,
    PROCESS_ENDED,
};

/** What is known of one client. */
struct row {
    pid_t pid;
    enum process process;
    int wait_status;                    /* when it has ended */
    struct report client;               /* its own newest report */
    struct report session;              /* the server's newest about it */
    bool client_closed, session_closed; /* those reports are the last */
    bool client_down;                   /* it has lost the server at some time */
    bool was_suspect, was_down;         /* so has the server seen it */
    bool was_opened;
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
    pid_t server_pid;
    bool server_ended;
    int server_status;
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
/** Clients that have left by themselves. */
int board_count_left(const struct board *board);

#endif
