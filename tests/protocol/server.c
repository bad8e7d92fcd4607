/*
 * What client.py, resume.py and move_client.py speak to: lets everybody in, and sends every login
 * and message back.
 *
 *     server DESCRIPTOR KEYS TICKETS [gaps | moves]
 *
 * It serves on this UDP socket; KEYS is the key file of the login service, TICKETS that of its own
 * tickets, made if missing. With gaps it lets another process of a client go on. With moves it has
 * movement, and tells each session on channel 1 what its ticks were run with.
 *
 * The message "close" is answered with the end of its session, "stop" with the end of the server.
 */
#include <belay/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOVE_SIZE 8
#define LANES     2

static bool says(const struct belay_event *event, const char *text) {
    return event->message.size == strlen(text) &&
           memcmp(event->message.data, text, event->message.size) == 0;
}

/** False: it is time to stop. */
static bool answer(struct belay_server *server, const struct belay_event *event) {
    struct belay_reason reason = {.code = 1000, .text = "as you wished"};
    switch (event->type) {
    case BELAY_EVENT_LOGIN:
        /* Whoever came with a token hears what was in it. */
        belay_server_accept(server, event->session, NULL,
                            event->login.token_data ? event->login.token_data : event->login.data,
                            event->login.token_data ? event->login.token_size : event->login.size);
        return true;
    case BELAY_EVENT_MESSAGE:
        if (says(event, "close")) {
            belay_server_close(server, event->session, &reason);
            return true;
        }
        belay_server_send(server, event->session, event->message.channel, event->message.data,
                          event->message.size);
        return !says(event, "stop");
    case BELAY_EVENT_CLOSED:
        printf("closed: %s\n", event->closed.reason->text);
        return true;
    default:
        return true;
    }
}

/** Tick 4, in network order; lane, whether as sent, how long held, 1 each; the input. */
static void run_lane(struct belay_server *server, belay_session session, uint8_t lane,
                     uint32_t tick) {
    struct belay_move move;
    uint8_t text[7 + MOVE_SIZE] = {(uint8_t)(tick >> 24), (uint8_t)(tick >> 16),
                                   (uint8_t)(tick >> 8), (uint8_t)tick, lane};
    if (belay_server_take_move(server, session, lane, tick, &move) == BELAY_OK) {
        text[5] = move.as_sent;
        text[6] = move.held_ticks;
        memcpy(text + 7, move.data, MOVE_SIZE);
        belay_server_send(server, session, 1, text, sizeof text);
    }
}

static void run_ticks(struct belay_server *server) {
    uint32_t tick;
    while (belay_server_next_tick(server, &tick)) {
        for (belay_session s = 0; (s = belay_server_next(server, s)) != 0;) {
            for (uint8_t lane = 0; lane < LANES; lane++) {
                run_lane(server, s, lane, tick);
            }
        }
    }
    belay_server_flush(server);
}

int main(int argc, char **argv) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    struct belay_event event;
    bool goes_on = true;
    if (argc < 4) {
        fprintf(stderr, "usage: server DESCRIPTOR KEYS TICKETS [gaps | moves]\n");
        return 2;
    }
    opts.socket = (belay_socket)atoi(argv[1]);
    opts.adopt = true;
    opts.token_keys = argv[2];
    opts.ticket_key_file = argv[3];
    opts.accept_gaps = argc > 4 && strcmp(argv[4], "gaps") == 0;
    bool moves = argc > 4 && strcmp(argv[4], "moves") == 0;
    if (moves) {
        opts.move = (struct belay_move_opts){.size = MOVE_SIZE, .lanes = LANES};
    }
    opts.admit = BELAY_ADMIT_TOKEN | BELAY_ADMIT_KEY;
    opts.name = "eu-1";
    opts.game = "arena/3";
    if (belay_server_start(&server, &opts) < 0) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    if (belay_server_set_public_info(server, "ours", 4) < 0) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    while (goes_on && belay_server_service(server, 1000) == BELAY_OK) {
        while (goes_on && belay_server_poll(server, &event)) {
            goes_on = answer(server, &event);
        }
        if (moves) {
            run_ticks(server);
        }
    }
    belay_server_stop(server, 1000);
    belay_server_destroy(server);
}
