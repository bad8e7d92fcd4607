/*
 * What each end knows of itself, kept up to date for whoever wants to see it: the program's own
 * report at the end, or the demo, which puts the records of all its processes into memory that they
 * share. So what a process that was killed had counted is there to the last message.
 */
#ifndef ARENA_RECORD_H
#define ARENA_RECORD_H

#include "examples/arena/books.h"
#include "examples/arena/game.h"
#include "examples/arena/predict.h"
#include "examples/arena/remote.h"
#include <belay/belay.h>

#define NAME_SIZE       16
#define FAULT_SIZE      160
#define RECORD_EVERY_MS 50

/** What RESUMED has told of the reliable channel. from 0: nothing. */
struct gap_record {
    uint32_t from, to;
};

/** What has happened to a session, as one end was told. */
struct session_record {
    struct belay_session_info info;
    struct books books;
    uint32_t opened, downs, resumes;  /* events so far */
    uint32_t down_ms;                 /* how long the last one took, as RESUMED said */
    struct gap_record lost, repeated; /* client to server; server to client */
    bool closed;
    uint32_t code; /* CLOSED: why */
    enum belay_who by;
    uint32_t unacked;
};

/** The server, about one player. */
struct seat_record {
    char name[NAME_SIZE]; /* empty: nobody has ever sat here */
    struct session_record session;
    struct arena_player player;
    uint32_t missed;    /* ticks that were not run with its own input */
    uint32_t malformed; /* inputs that could not be read */
};

struct server_record {
    uint16_t port; /* 0 = not listening yet */
    bool draining;
    uint32_t tick;
    uint64_t ticks_run, ticks_left_out;
    uint32_t hits, kills;
    struct seat_record seats[ARENA_PLAYERS_MAX];
    struct arena_bullet bullets[ARENA_BULLETS_MAX];
    char fault[FAULT_SIZE]; /* why it could not go on */
};

/** A client, about itself. */
struct client_record {
    struct session_record session;
    struct predict_stats predict;
    struct remote_stats remote;
    char fault[FAULT_SIZE];
};

/** Enters what an event says to the server, or to a client. */
void record_event(struct session_record *record, const struct belay_event *ev, bool is_server);

#endif
