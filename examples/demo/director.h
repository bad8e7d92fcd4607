/*
 * The director: its processes and its script. What it does to the others is what happens to real
 * ones: a signal, a network that fails, an order of the administrator, time.
 */
#ifndef DEMO_DIRECTOR_H
#define DEMO_DIRECTOR_H

#include "examples/demo/board.h"
#include "examples/demo/network.h"
#include <stdio.h>

struct director {
    struct board board;
    struct network network;
    int reports[2];        /* a pipe: server and clients write to [1] until all have ended */
    int orders[2];         /* a pipe to the server */
    int network_orders[2]; /* and one to the network */
    FILE *saved;           /* where a client saves its ticket: a file without a name */
    size_t step;           /* of the script */
    double step_at;        /* when the last one was done */
};

/* crew.c: the processes. */

/** Makes the pipes. Returns false, with errno, when they cannot be had. */
bool crew_prepare(struct director *director);
void crew_start_server(struct director *director);
/** As soon as the server's port is known. */
void crew_start_network(struct director *director);
void crew_start_client(struct director *director, int who);
/** Sends a signal to a client. */
void crew_signal(struct director *director, int who, int number);
/** Nobody will be started any more: the pipe of reports ends with its writers. */
void crew_is_complete(struct director *director);
/** Notes who has ended. */
void crew_reap(struct director *director);
bool crew_has_ended(const struct director *director);
/** Ends whoever still runs; only processes that were started here and not yet reaped. */
void crew_end(struct director *director);

/* script.c: what happens, and when. */

/** Does the next step of the script, when its time has come. */
void script_follow(struct director *director);

#endif
