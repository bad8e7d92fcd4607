/*
 * Belay's shared words, which <belay/client.h> and <belay/server.h> include.
 *
 * Rules that hold everywhere and are not repeated at each function:
 *  - One thread at a time per server, client or simulation. Only *_wake() may be called from
 * another.
 *  - What an event points to is borrowed until the next poll(), service(), stop() or destroy().
 *  - The bytes of messages and moves are aligned to nothing: copy them before they become a struct.
 *  - A reliable message counts as handled at the poll() after the one that returned it.
 *  - Data passed in is copied before the call returns.
 *  - send() only queues; service() and flush() write to the network.
 *  - Durations carry their unit in their name. A zero option means its default; BELAY_FOREVER,
 * never.
 *  - A handle of a session that is gone gives BELAY_E_GONE, never another player.
 *  - A call that fails says why in belay_error().
 */
#ifndef BELAY_BELAY_H
#define BELAY_BELAY_H

#include <belay/event.h>
#include <belay/hooks.h>
#include <belay/limits.h>
#include <belay/move.h>
#include <belay/reason.h>
#include <belay/request.h>
#include <belay/result.h>
#include <belay/session.h>
#include <belay/stats.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BELAY_VERSION "0.1.0"

/** A socket of the system: int on POSIX, SOCKET on Windows. */
typedef intptr_t belay_socket;

/** The version of the library that runs, as opposed to BELAY_VERSION, the one compiled against. */
const char *belay_version(void);

#ifdef __cplusplus
}
#endif
#endif
