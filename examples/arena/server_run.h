/* The life of a server's process, alone or in the demo. */
#ifndef ARENA_SERVER_RUN_H
#define ARENA_SERVER_RUN_H

#include "examples/arena/server.h"

/** Serves until SIGTERM or SIGINT, and then until everybody has left. */
void server_run(struct arena_server *server);

#endif
