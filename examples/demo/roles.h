/* What the processes of the demo do; each function is the whole life of one process. */
#ifndef DEMO_ROLES_H
#define DEMO_ROLES_H

#include <stdint.h>

#define DEMO_GAME     "belay-demo/1"
#define DEMO_PASSWORD "rope"

/* Time-outs of the server. The longest silence in the script, 3 s of SIGSTOP, is within LOST_MS. */
#define LOST_MS   6000
#define RESUME_MS 2500 /* so long the server keeps a session whose link is lost */
#define DRAIN_MS  5000

#define EVICTION_TEXT "no ropes cut here" /* the game's own words */
#define PASSWORD_TEXT "wrong password"

/* Channels: both sides use the defaults of the library. */
#define CHANNEL_RELIABLE   0
#define CHANNEL_UNRELIABLE 1

/** Serves until it was told to drain and everybody has left. Returns the exit status. */
int server_run(int orders, int reports);
/** Plays until its session is closed. Returns the exit status. */
int client_run(int who, uint16_t port, int reports);

#endif
