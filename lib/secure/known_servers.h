/*
 * The servers that a client has met, and their keys, in a file of lines "host:port KEY": as ssh's
 * known_hosts. `#` begins a comment.
 */
#ifndef BL_SECURE_KNOWN_SERVERS_H
#define BL_SECURE_KNOWN_SERVERS_H

#include "common/memory.h"
#include "lib/secure/invite.h"

#define BL_KNOWN_SERVERS_SIZE_MAX 1048576 /* bytes of a file */

/**
 * Looks a server up by its host and port; a file that is not there knows none.
 *
 * A line that cannot be read is an error, whoever's it is: skipping it could be forgetting the very
 * key that an attacker wants to be forgotten.
 *
 * @param known   gets has_key and key of the line; has_key is false when there is none
 * @return BELAY_OK, BELAY_E_KEY (a line is wrong, or the server has two), BELAY_E_TOO_BIG,
 *         BELAY_E_NO_MEMORY, BELAY_E_SYSTEM
 */
enum belay_result bl_known_servers_find(struct bl_invite *known, const char *path,
                                        const struct bl_invite *server, struct bl_memory *memory);
/**
 * Adds a server that has a key; a line that it has already is never changed. All else in the file
 * stays as it is; where there is none it is made, for its owner alone.
 *
 * @return as bl_known_servers_find(), also BELAY_E_KEY when its line has another key, and
 *         BELAY_E_STATE: another process is writing; try again later. On failure the file is as it
 *         was
 */
enum belay_result bl_known_servers_remember(const char *path, const struct bl_invite *server,
                                            struct bl_memory *memory);

#endif
