/*
 * The client's search for servers: what was asked, whose names are being looked up, and who has
 * answered and was not polled yet.
 */
#ifndef BL_CLIENT_DISCOVERY_H
#define BL_CLIENT_DISCOVERY_H

#include "lib/secure/query.h"
#include "lib/session/loop.h"
#include <belay/client.h>

#define BL_FOUND_MAX 128 /* that wait to be polled */

struct bl_discovery {
    struct bl_loop *loop; /* the client's */
    struct bl_queries queries;
    struct bl_timer timer; /* when the next question is due */
    struct bl_name_asked *names;
    size_t name_count;
    struct bl_server_found *found_first, **found_end;
    size_t found_count;
    struct bl_server_found *polled; /* lent to the application */
};

/** @param loop  has been started */
void bl_discovery_init(struct bl_discovery *discovery, struct bl_loop *loop, const char *game);
/** Zeroed memory is fine. */
void bl_discovery_finish(struct bl_discovery *discovery);
/** As belay_client_query(). */
enum belay_result bl_discovery_ask(struct bl_discovery *discovery, const char *address);
/** Asks those whose names have been looked up since. */
void bl_discovery_follow(struct bl_discovery *discovery);
/** Takes an INFO; false: nobody was asked for that. */
bool bl_discovery_take(struct bl_discovery *discovery, const struct bl_datagram *datagram);
/** As belay_client_poll_found(). */
bool bl_discovery_poll(struct bl_discovery *discovery, struct belay_found *found);

#endif
