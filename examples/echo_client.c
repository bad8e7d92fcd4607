/*
 * A client of the echo server: says hello, prints what comes back, and leaves.
 *
 *     echo_client [host:port]           default localhost:7777
 */
#include <belay/client.h>
#include <stdio.h>

int main(int argc, char **argv) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    struct belay_event ev = {0};
    to.invite = argc > 1 ? argv[1] : "localhost:7777";
    if (belay_client_create(&client, &opts) < 0 || belay_client_connect(client, &to) < 0) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    while (ev.type != BELAY_EVENT_CLOSED && belay_client_service(client, 1000) == BELAY_OK) {
        while (ev.type != BELAY_EVENT_CLOSED && belay_client_poll(client, &ev)) {
            if (ev.type == BELAY_EVENT_OPEN) {
                belay_client_send(client, 0, "hello", 5);
            } else if (ev.type == BELAY_EVENT_MESSAGE) {
                printf("%.*s\n", (int)ev.message.size, (const char *)ev.message.data);
                belay_client_close(client, NULL, 1000);
            }
        }
    }
    printf("%s\n", ev.closed.reason->text);
    belay_client_destroy(client);
}
