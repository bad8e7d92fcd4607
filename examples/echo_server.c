/*
 * An echo server: lets everybody in and sends every message back.
 *
 *     echo_server [address:port]        default 127.0.0.1:7777
 */
#include <belay/server.h>
#include <stdio.h>

int main(int argc, char **argv) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    struct belay_event ev;
    opts.listen = argc > 1 ? argv[1] : NULL;
    if (belay_server_start(&server, &opts) < 0) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    while (belay_server_service(server, 1000) == BELAY_OK) {
        while (belay_server_poll(server, &ev)) {
            if (ev.type == BELAY_EVENT_LOGIN) {
                belay_server_accept(server, ev.session, NULL, NULL, 0);
            } else if (ev.type == BELAY_EVENT_MESSAGE) {
                belay_server_send(server, ev.session, ev.message.channel, ev.message.data,
                                  ev.message.size);
            }
        }
    }
    belay_server_destroy(server);
}
