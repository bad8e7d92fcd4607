/*
 * A bad network in front of the server: a belay-netem as a child process. What is cut is the
 * network: both ends go on and have to notice.
 */
#ifndef ARENA_RELAY_H
#define ARENA_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RELAY_CUT_S 9 /* beyond the 6 s after which a silent link is lost */

struct relay {
    pid_t pid;     /* 0 = none */
    uint16_t port; /* where clients find it */
};

/** What the network does, each way; zeros: nothing. */
struct relay_trouble {
    float loss; /* percent */
    uint32_t delay_ms, jitter_ms;
    uint32_t seed;
};

/** Starts one in front of @p server, "ADDRESS:PORT". False when that cannot be. */
bool relay_start(struct relay *relay, const char *server, const struct relay_trouble *trouble);
/** From now on nothing passes, for RELAY_CUT_S. */
void relay_cut(const struct relay *relay);
void relay_end(struct relay *relay);

#endif
