/* Commands to a relay that runs: a Unix datagram socket, one command and one answer a datagram. */
#ifndef BL_TOOLS_NETEM_CONTROL_H
#define BL_TOOLS_NETEM_CONTROL_H

#include "tools/netem/relay.h"

struct netem_control {
    int descriptor;   /* -1: none */
    const char *path; /* borrowed */
};

/** Listens at @p path, for this user only. What a dead process left there is replaced. */
enum belay_result netem_control_open(struct netem_control *out, const char *path);
/** Removes the path as well. */
void netem_control_close(struct netem_control *control);
/** Carries out what has come, and answers each sender that has an address. */
void netem_control_serve(struct netem_control *control, struct netem_relay *relay);

/**
 * The other end: sends a command to the relay at @p path and waits for its answer.
 *
 * @return BELAY_OK; or any failure, with the relay's answer or the system's words in belay_error()
 */
enum belay_result netem_control_tell(const char *path, const char *command);

#endif
