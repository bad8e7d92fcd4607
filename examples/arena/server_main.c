/*
 * The arena's server as a program.
 * usage: arena_server [ADDRESS:PORT]
 */
#include "examples/arena/protocol.h"
#include "examples/arena/server_run.h"
#include <stdio.h>

static void report(const struct server_record *record) {
    printf("%llu ticks run, %llu left out, %u hits, %u kills\n",
           (unsigned long long)record->ticks_run, (unsigned long long)record->ticks_left_out,
           record->hits, record->kills);
}

int main(int argc, char **argv) {
    static struct arena_server server;
    static struct server_record record;
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: %s [ADDRESS:PORT]\n", argv[0]);
        return 2;
    }
    opts.listen = argc > 1 ? argv[1] : ARENA_ADDRESS;
    if (!arena_server_open(&server, &opts, &record)) {
        fprintf(stderr, "%s\n", record.fault);
        return 1;
    }
    printf("The arena is open on port %u. Ctrl-C ends it.\n", record.port);
    fflush(stdout);
    server_run(&server);
    report(&record);
    return 0;
}
