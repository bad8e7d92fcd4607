#define _POSIX_C_SOURCE 200809L
#include "examples/arena/server_run.h"

#include <signal.h>

#define DRAIN_MS   5000
#define GOODBYE_MS 1000
#define WAIT_MS    100

static volatile sig_atomic_t told_to_end;

static void tell_to_end(int number) {
    (void)number;
    told_to_end = 1;
}

static void handle_signals(void) {
    struct sigaction action = {.sa_handler = tell_to_end};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void server_run(struct arena_server *server) {
    handle_signals();
    while (!server->record->draining || belay_server_next(server->it, 0) != 0) {
        belay_server_service(server->it, WAIT_MS);
        arena_server_frame(server);
        if (told_to_end && !server->record->draining) {
            arena_server_drain(server, DRAIN_MS);
        }
    }
    arena_server_close(server, GOODBYE_MS);
}
