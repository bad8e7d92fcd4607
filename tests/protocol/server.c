/*
 * What client.py, resume.py, move_client.py and requests.py speak to: lets everybody in, and sends
 * every login and message back.
 *
 *     server DESCRIPTOR KEYS TICKETS [gaps | moves | requests]
 *
 * It serves on this UDP socket; KEYS is the key file of the login service, TICKETS that of its own
 * tickets, made if missing. With gaps it lets another process of a client go on. With moves it has
 * movement, and tells each session on channel 1 what its ticks were run with. With requests it
 * takes four of a client's at once, and lets another process go on; what it does with each type is
 * below.
 *
 * The message "close" is answered with the end of its session, "stop" with the end of the server,
 * "ask" with what became of asking this client (TYPE_OWN).
 */
#include <belay/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOVE_SIZE   8
#define LANES       2
#define REQUEST_MAX 4

/* Of requests. Codes below 0 cannot be sent on, so 1000 - code is. */
enum {
    TYPE_REVERSE = 1,   /* answered at once: code 0, the data backwards */
    TYPE_NEVER = 2,     /* not answered */
    TYPE_LATER = 3,     /* answered behind the next request: code 404, no data */
    TYPE_ASK_BACK = 4,  /* answered with what TYPE_OWN was answered, asked with the same data and
                           deadline */
    TYPE_CANCEL = 5,    /* answered with code 0 once the newest of TYPE_OWN has been cancelled */
    TYPE_SUBSCRIBE = 6, /* to a topic 4: answered with code 0, or 1000 if that is refused */
    TYPE_PUBLISH = 7,   /* topic 4, channel 1, data: answered with code 0 */
    TYPE_OWN = 9,       /* what the server asks */
};

static belay_request later; /* the TYPE_LATER that waits for the next request, or 0 */
static belay_request own;   /* the newest of TYPE_OWN, or 0 */

static bool says(const struct belay_event *event, const char *text) {
    return event->message.size == strlen(text) &&
           memcmp(event->message.data, text, event->message.size) == 0;
}

static void answer_backwards(struct belay_server *server, const struct belay_request_event *asked) {
    const uint8_t *data = asked->data;
    uint8_t *backwards = malloc(asked->size + 1);
    if (!backwards) {
        return;
    }
    for (size_t i = 0; i < asked->size; i++) {
        backwards[i] = data[asked->size - 1 - i];
    }
    belay_server_reply(server, asked->id, 0, backwards, asked->size);
    free(backwards);
}

static void answer_about_topic(struct belay_server *server, belay_session session,
                               const struct belay_request_event *asked) {
    const uint8_t *data = asked->data;
    if (asked->size < 4) {
        return;
    }
    belay_topic topic = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
                        (uint32_t)data[3];
    enum belay_result result = BELAY_E_INVALID;
    if (asked->type == TYPE_SUBSCRIBE) {
        result = belay_server_subscribe(server, session, topic);
    } else if (asked->size > 4) {
        result = belay_server_publish(server, topic, data[4], data + 5, asked->size - 5);
    }
    belay_server_reply(server, asked->id, result == BELAY_OK ? 0 : 1000, NULL, 0);
}

static void answer_request(struct belay_server *server, belay_session session,
                           const struct belay_request_event *asked) {
    belay_request earlier = later;
    later = 0;
    switch (asked->type) {
    case TYPE_REVERSE:
        answer_backwards(server, asked);
        break;
    case TYPE_SUBSCRIBE:
    case TYPE_PUBLISH:
        answer_about_topic(server, session, asked);
        break;
    case TYPE_LATER:
        later = asked->id;
        break;
    case TYPE_ASK_BACK:
        belay_server_request(server, session, TYPE_OWN, asked->data, asked->size,
                             asked->deadline_ms, asked->id, &own);
        break;
    case TYPE_CANCEL:
        belay_server_cancel(server, own);
        belay_server_reply(server, asked->id, 0, NULL, 0);
        break;
    default:
        break;
    }
    if (earlier) {
        belay_server_reply(server, earlier, 404, NULL, 0);
    }
}

/** The answer to a request of the server's own, for whom it was made: a request, or "ask". */
static void pass_on(struct belay_server *server, belay_session session,
                    const struct belay_reply_event *reply) {
    int32_t code = reply->code < 0 ? 1000 - reply->code : reply->code;
    char text[32];
    if (reply->cookie != 0) {
        belay_server_reply(server, reply->cookie, code, reply->data, reply->size);
        return;
    }
    snprintf(text, sizeof text, "answered %d", (int)code);
    belay_server_send(server, session, 0, text, strlen(text));
}

static void ask(struct belay_server *server, belay_session session) {
    enum belay_result result =
        belay_server_request(server, session, TYPE_OWN, "who?", 4, BELAY_FOREVER, 0, &own);
    char text[256];
    snprintf(text, sizeof text, "%s: %s", belay_result_name(result),
             result == BELAY_OK ? "asked" : belay_error());
    belay_server_send(server, session, 0, text, strlen(text));
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
        if (says(event, "ask")) {
            ask(server, event->session);
            return true;
        }
        belay_server_send(server, event->session, event->message.channel, event->message.data,
                          event->message.size);
        return !says(event, "stop");
    case BELAY_EVENT_REQUEST:
        answer_request(server, event->session, &event->request);
        return true;
    case BELAY_EVENT_REPLY:
        pass_on(server, event->session, &event->reply);
        return true;
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
        fprintf(stderr, "usage: server DESCRIPTOR KEYS TICKETS [gaps | moves | requests]\n");
        return 2;
    }
    opts.socket = (belay_socket)atoi(argv[1]);
    opts.adopt = true;
    opts.token_keys = argv[2];
    opts.ticket_key_file = argv[3];
    const char *option = argc > 4 ? argv[4] : "";
    bool moves = strcmp(option, "moves") == 0;
    opts.accept_gaps = strcmp(option, "gaps") == 0;
    if (moves) {
        opts.move = (struct belay_move_opts){.size = MOVE_SIZE, .lanes = LANES};
    }
    if (strcmp(option, "requests") == 0) {
        opts.request_max = REQUEST_MAX;
        opts.accept_gaps = true;
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
