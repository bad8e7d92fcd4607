/*
 * Server and client in one process, on a simulated network: how a game tests itself against bad
 * lines. A minute passes in a few milliseconds, and every run prints the same.
 *
 * The line loses a tenth of all datagrams. After ten seconds it is cut for twenty: the session goes
 * down, and the client comes back when it can.
 */
#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP_MS       10
#define SEND_EVERY_MS 100

struct world {
    struct belay_sim *sim;
    struct belay_server *server;
    struct belay_client *client;
    uint32_t now_ms;
    bool open;             /* the client may send */
    uint32_t sent;         /* by the client in this session: messages are numbered from 1 */
    uint32_t received;     /* by the server in this session */
    uint32_t wrong_number; /* never, or the library is broken */
};

static void say(const struct world *world, const char *who, const char *what, const char *detail) {
    printf("%5.2f s  %-6s  %s%s%s\n", world->now_ms / 1000.0, who, what, detail[0] ? ": " : "",
           detail);
}

static void must(enum belay_result result) {
    if (result != BELAY_OK) {
        fprintf(stderr, "%s: %s\n", belay_result_name(result), belay_error());
        exit(1);
    }
}

static void connect_client(struct world *world) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    to.invite = "10.0.0.1:7777"; /* an address of the simulation; nothing is really there */
    must(belay_client_connect(world->client, &to));
}

static void create_world(struct world *world) {
    struct belay_server_opts server = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client = BELAY_CLIENT_OPTS_INIT;
    world->sim = belay_sim_create(7); /* the seed: another one, another run */
    if (world->sim == NULL) {
        must(BELAY_E_NO_MEMORY);
    }
    server.sim = client.sim = world->sim;
    server.listen = "10.0.0.1:7777";
    must(belay_server_start(&world->server, &server));
    must(belay_client_create(&world->client, &client));
}

static void set_link(struct world *world, bool cut) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = 0.1F;
    link.delay_ms = 40;
    link.jitter_ms = 20;
    link.cut_up = link.cut_down = cut;
    belay_sim_link(world->sim, world->client, &link);
    say(world, "line", cut ? "cut" : "works, loses 10 %", "");
}

static void take_message(struct world *world, const struct belay_event *ev) {
    uint32_t number = (uint32_t)strtoul(ev->message.data, NULL, 10);
    world->received++;
    world->wrong_number += number != world->received;
}

static void server_events(struct world *world) {
    struct belay_event ev;
    while (belay_server_poll(world->server, &ev)) {
        switch (ev.type) {
        case BELAY_EVENT_LOGIN:
            must(belay_server_accept(world->server, ev.session, NULL, NULL, 0));
            break;
        case BELAY_EVENT_OPEN:
            world->received = 0;
            say(world, "server", "open", "");
            break;
        case BELAY_EVENT_MESSAGE:
            take_message(world, &ev);
            break;
        case BELAY_EVENT_LINK:
            say(world, "server", ev.link.suspect ? "suspect" : "good again", "");
            break;
        case BELAY_EVENT_DOWN:
            say(world, "server", "down", ev.down.reason->text);
            break;
        case BELAY_EVENT_CLOSED:
            say(world, "server", "closed", ev.closed.reason->text);
            break;
        default: /* the others may be ignored */
            break;
        }
    }
}

static void client_closed(struct world *world, const struct belay_event *ev) {
    say(world, "client", "closed", ev->closed.reason->text);
    printf("%18s%u messages sent in this session, %u of them not known to be handled\n", "",
           world->sent, ev->closed.unacked);
    world->open = false;
    if (ev->closed.reason->come_back) {
        connect_client(world);
    }
}

static void client_events(struct world *world) {
    struct belay_event ev;
    while (belay_client_poll(world->client, &ev)) {
        switch (ev.type) {
        case BELAY_EVENT_OPEN:
            world->open = true;
            world->sent = 0;
            say(world, "client", "open", "");
            break;
        case BELAY_EVENT_LINK:
            say(world, "client", ev.link.suspect ? "suspect" : "good again", "");
            break;
        case BELAY_EVENT_DOWN:
            say(world, "client", "down", ev.down.reason->text);
            break;
        case BELAY_EVENT_CLOSED:
            client_closed(world, &ev);
            break;
        default:
            break;
        }
    }
}

static void send_number(struct world *world) {
    char text[16];
    int size = snprintf(text, sizeof text, "%u", world->sent + 1) + 1;
    if (belay_client_send(world->client, 0, text, (size_t)size) == BELAY_OK) {
        world->sent++;
    }
}

/** What a game does in each frame, only that here the frame says how much time has passed. */
static void run(struct world *world, uint32_t ms, bool sending) {
    for (uint32_t end = world->now_ms + ms; world->now_ms < end;) {
        world->now_ms += STEP_MS;
        belay_sim_advance(world->sim, STEP_MS);
        belay_server_service(world->server, 0);
        server_events(world);
        belay_client_service(world->client, 0);
        client_events(world);
        if (sending && world->open && world->now_ms % SEND_EVERY_MS == 0) {
            send_number(world);
        }
    }
}

int main(void) {
    struct world world = {0};
    create_world(&world);
    set_link(&world, false);
    connect_client(&world);
    run(&world, 10000, true);
    printf("%18s%u messages sent, %u received, %u out of place\n", "", world.sent, world.received,
           world.wrong_number);
    set_link(&world, true);
    run(&world, 20000, true);
    set_link(&world, false);
    run(&world, 28000, true);
    run(&world, 2000, false); /* what is under way arrives */
    bool exact = world.sent == world.received && world.wrong_number == 0;
    printf("%18s%u messages sent, %u received, %u out of place\n", "", world.sent, world.received,
           world.wrong_number);
    printf("%5.2f s  trace %016llx\n", world.now_ms / 1000.0,
           (unsigned long long)belay_sim_trace(world.sim));
    belay_client_destroy(world.client);
    belay_server_destroy(world.server);
    belay_sim_destroy(world.sim);
    return exact ? 0 : 1;
}
