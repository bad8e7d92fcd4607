/* Built against the installed files: a client logs in to a server in a simulation, and is echoed.
 */
#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char address[] = "10.0.0.1:7777";
static const char greeting[] = "hello";

static void serve(struct belay_server *server) {
    struct belay_event event;
    belay_server_service(server, 0);
    while (belay_server_poll(server, &event)) {
        if (event.type == BELAY_EVENT_LOGIN) {
            belay_server_accept(server, event.session, NULL, NULL, 0);
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            belay_server_send(server, event.session, event.message.channel, event.message.data,
                              event.message.size);
        }
    }
    belay_server_flush(server);
}

/** Whether the greeting has come back. */
static bool play(struct belay_client *client) {
    struct belay_event event;
    bool echoed = false;
    belay_client_service(client, 0);
    while (belay_client_poll(client, &event)) {
        if (event.type == BELAY_EVENT_OPEN) {
            belay_client_send(client, 0, greeting, sizeof(greeting));
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            echoed = event.message.size == sizeof(greeting) &&
                     memcmp(event.message.data, greeting, sizeof(greeting)) == 0;
        }
    }
    belay_client_flush(client);
    return echoed;
}

static bool is_echoed(struct belay_sim *sim, struct belay_server *server,
                      struct belay_client *client) {
    for (int step = 0; step < 1000; step++) {
        belay_sim_advance(sim, 5);
        serve(server);
        if (play(client)) {
            return true;
        }
    }
    return false;
}

int main(void) {
    struct belay_server_opts server_opts = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client_opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_server *server = NULL;
    struct belay_client *client = NULL;
    struct belay_sim *sim = belay_sim_create(1);

    server_opts.sim = client_opts.sim = sim;
    server_opts.listen = to.invite = address;
    bool echoed = belay_server_start(&server, &server_opts) == BELAY_OK &&
                  belay_client_create(&client, &client_opts) == BELAY_OK &&
                  belay_client_connect(client, &to) == BELAY_OK && is_echoed(sim, server, client);

    printf("Belay %s: %s %s\n", belay_version(), echoed ? "echoed" : "no echo", belay_error());
    belay_client_destroy(client);
    belay_server_destroy(server);
    belay_sim_destroy(sim);
    return echoed ? EXIT_SUCCESS : EXIT_FAILURE;
}
