/* How others learn of a server: what it says of itself, and its invites. */
#ifndef BL_SERVER_DISCOVERY_H
#define BL_SERVER_DISCOVERY_H

#include "lib/net/net.h"
#include "lib/secure/gate.h"

/**
 * Writes an invite to whoever listens on @p local with these rules.
 *
 * @param host  NULL: the address that seems best
 * @return as belay_server_invite()
 */
enum belay_result bl_server_write_invite(const struct bl_address *local,
                                         const struct bl_admission *rules, const char *host,
                                         char *text, size_t size);

#endif
