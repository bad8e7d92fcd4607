/* The relay: one socket for all clients, one towards the server for each of them. */
#ifndef BL_TOOLS_NETEM_RELAY_H
#define BL_TOOLS_NETEM_RELAY_H

#include "tools/netem/settings.h"
#include <signal.h>
#include <stdio.h>

struct netem_relay;

/** @param settings  copied */
enum belay_result netem_relay_create(struct netem_relay **out,
                                     const struct netem_settings *settings);
/** NULL is fine. */
void netem_relay_destroy(struct netem_relay *relay);
/** Where clients send to, with the port that was picked. */
void netem_relay_local(const struct netem_relay *relay, struct bl_address *out);

/**
 * Waits until something is due, and does it.
 *
 * @param watched  a descriptor more to wait for; -1: none
 * @param mask     the signals that may not end the wait
 * @return whether @p watched is readable
 */
bool netem_relay_service(struct netem_relay *relay, int watched, const sigset_t *mask);

/* Each for the client that sends from @p port, or all for 0. They return how many that are. */

/** For all it counts for those who come later, too. A duration of 0 ends one. */
size_t netem_relay_blackout(struct netem_relay *relay, bl_duration duration, uint16_t port);
/** A client for whom the system has no socket left keeps its old one and is not counted. */
size_t netem_relay_rebind(struct netem_relay *relay, uint16_t port);

/** As netem_settings_change(), for every client there is and will be. */
enum belay_result netem_relay_change(struct netem_relay *relay, const char *name,
                                     const char *value);
/** A table of what became of all datagrams. */
void netem_relay_print(const struct netem_relay *relay, FILE *out);

#endif
