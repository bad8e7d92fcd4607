/*
 * The way to a server: what connect() was given, as addresses and credentials to dial with.
 *
 * Names are looked up aside; what is known without waiting can be dialled at once.
 */
#ifndef BL_CLIENT_ROUTE_H
#define BL_CLIENT_ROUTE_H

#include "common/memory.h"
#include "lib/net/resolver.h"
#include "lib/secure/dial.h"
#include "lib/secure/invite.h"
#include "lib/secure/token.h"
#include <belay/client.h>

struct bl_route {
    struct bl_memory *memory;
    struct bl_dial_target target; /* addresses as far as they are known */
    uint8_t token[BL_TOKEN_SIZE_MAX];
    struct bl_invite server; /* by key: whom */
    bool key_noted;          /* and its key is the one that it has shown */
    char *known_servers;     /* file to remember its key in, once a session is open; else NULL */
    struct bl_resolver resolvers[BL_TOKEN_PLACES_MAX];
    size_t resolver_count;
};

/** What a plan needs to know of the client. */
struct bl_route_ground {
    struct bl_memory *memory;
    bool simulated;           /* no names, and any server may be trusted */
    void (*wake)(void *user); /* any thread: a name has been looked up */
    void *user;
};

/**
 * Reads the options and begins to look up names.
 *
 * @param route  zeroed, or forgotten before; on failure it is forgotten
 * @return BELAY_OK, BELAY_E_INVALID, BELAY_E_ADDRESS, BELAY_E_KEY, BELAY_E_NO_MEMORY,
 *         BELAY_E_SYSTEM
 */
enum belay_result bl_route_plan(struct bl_route *route, const struct belay_connect_opts *opts,
                                const struct bl_route_ground *ground);
/** Takes what has been looked up since into the target; returns how many addresses are new. */
size_t bl_route_resolve(struct bl_route *route);
/** Whether a name is still being looked up. */
bool bl_route_is_waiting(const struct bl_route *route);
/** The attempt is over: what proved the way in is wiped. */
void bl_route_spend(struct bl_route *route);
/** The server has let us in, and shown this key. NULL: by token or ticket, without one. */
void bl_route_note_key(struct bl_route *route, const uint8_t *server_key);
/** The session is open: the server's key, if it was new, is written down. @return as
 * bl_known_servers_remember() */
enum belay_result bl_route_arrived(struct bl_route *route);
/** The address at which the server is most likely to be found is asked first. */
void bl_route_prefer(struct bl_route *route, const struct bl_address *address);
/** Cancels look-ups, wipes secrets. Zeroed memory is fine. */
void bl_route_forget(struct bl_route *route);

#endif
