/*
 * From a server to its successor on the same machine: records of bytes, each with a descriptor if
 * wanted, over a Unix stream socket between two processes of one user.
 *
 * What is in a record is the caller's affair: nothing here reads it, and nothing proves it but that
 * it came whole, from a process of this user. A link that has failed is of no more use than to be
 * closed.
 */
#ifndef BL_NET_HAND_OVER_H
#define BL_NET_HAND_OVER_H

#include "common/memory.h"
#include "lib/clock/time.h"
#include <belay/result.h>
#include <stddef.h>
#include <stdint.h>

#define BL_HAND_OVER_PATH_MAX 107 /* bytes; what a Unix socket's address has room for */

/** Where a server waits for its successor. Zeroed memory: nowhere. */
struct bl_hand_over_listener {
    int socket;
    uint64_t device, inode; /* of the socket's file */
    char path[BL_HAND_OVER_PATH_MAX + 1];
};

/**
 * Makes a socket of mode 0600 at @p path. What a process that is dead now has left there is
 * replaced; of several processes that try, one succeeds.
 *
 * @param out  untouched on failure
 * @return BELAY_OK, BELAY_E_INVALID (the path), BELAY_E_IN_USE (a live process listens there, or is
 *         about to), BELAY_E_SYSTEM
 */
enum belay_result bl_hand_over_listen(struct bl_hand_over_listener *out, const char *path);
/**
 * Takes the next successor that has come. Never waits. Processes of other users are hung up on.
 *
 * @param out  a link, to close with bl_hand_over_close(); -1 when nobody is there yet
 * @return BELAY_OK, BELAY_E_SYSTEM
 */
enum belay_result bl_hand_over_accept(intptr_t *out, struct bl_hand_over_listener *listener);
/**
 * Removes the socket from its path, so that the successor can listen there, and hangs up on those
 * who were not taken. What has been accepted lives on.
 */
void bl_hand_over_stop(struct bl_hand_over_listener *listener);

/**
 * Waits until somebody listens at @p path, at most @p timeout (0: tries once), and links up.
 *
 * @return BELAY_OK, BELAY_E_INVALID (the path), BELAY_E_GONE (nobody listened in time),
 *         BELAY_E_SYSTEM (also when the listener is another user's)
 */
enum belay_result bl_hand_over_connect(intptr_t *out, const char *path, bl_duration timeout);

struct bl_hand_over_record {
    uint8_t *data; /* NULL when size is 0 */
    size_t size;
    intptr_t descriptor; /* -1: none */
};

/**
 * Sends a record, whose memory and descriptor stay the caller's. Returns when the system has it
 * all, which the other process may not have yet.
 *
 * @return BELAY_OK, BELAY_E_SYSTEM (the other process is gone, or does not take it in time)
 */
enum belay_result bl_hand_over_send(intptr_t link, const struct bl_hand_over_record *record,
                                    bl_duration timeout);
/**
 * Receives a whole record or none. Its data is to free with bl_free() and its size, its descriptor,
 * which no exec() inherits, to close. On failure nothing of it stays, in memory either.
 *
 * @param size_max  a larger record is refused before there is memory for it
 * @return BELAY_OK, BELAY_E_TOO_BIG, BELAY_E_NO_MEMORY, BELAY_E_SYSTEM (not whole, not in time, or
 *         no record of this version)
 */
enum belay_result bl_hand_over_receive(struct bl_hand_over_record *out, intptr_t link,
                                       size_t size_max, bl_duration timeout,
                                       struct bl_memory *memory);
/** @param link  -1 is fine */
void bl_hand_over_close(intptr_t link);

#endif
