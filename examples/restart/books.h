/*
 * What the restart demo's processes share: a file with the books of the server's side. It is the
 * game's own state, which is the game's to keep: Belay hands over sessions, not games.
 */
#ifndef RESTART_BOOKS_H
#define RESTART_BOOKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLIENT_COUNT 8
#define NUMBERS_MAX  8192 /* more than a run can need */
#define BEAT_MS      20   /* a message each way: 50 a second */
#define GAME         "restart-demo/1"

/** Of one client. Messages are numbers, from 1, each way; they go on over every restart. */
struct account {
    _Atomic uint32_t sent;       /* to the client */
    _Atomic uint32_t login_sent; /* of these: before its newest login */
    _Atomic uint32_t newest;     /* from the client */
    _Atomic uint32_t disordered;
    _Atomic uint8_t seen[NUMBERS_MAX]; /* how often each came */
};

struct books {
    _Atomic uint16_t port;    /* 0: not known yet */
    _Atomic pid_t serving;    /* 0: nobody */
    _Atomic bool quiet, done; /* orders: send no more; end */
    struct account accounts[CLIENT_COUNT];
};

/** Maps the file, made if it is missing. Returns NULL, with errno, on failure. */
struct books *books_open(const char *folder);

/**
 * A server's life. On SIGTERM it hands over to the next process, which was started with
 * @p takes_over, and ends. Returns what main() returns.
 */
int server_run(const char *folder, bool takes_over);

#endif
