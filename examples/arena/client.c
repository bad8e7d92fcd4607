#include "examples/arena/client.h"

#include "examples/arena/protocol.h"
#include "examples/arena/ticket.h"
#include <stdio.h>
#include <string.h>

#define GOODBYE_MS 1000

/* ---- what is sent */

static bool send_event(struct arena_client *client, enum event_kind kind, const char *text) {
    uint8_t data[WIRE_EVENT_SIZE_MAX];
    struct books *books = &client->record->session.books;
    struct event event = {.kind = kind, .number = books_next(books, client->life)};
    snprintf(event.text, sizeof event.text, "%s", text);
    size_t size = wire_write_event(data, &event);
    if (belay_client_send(client->it, CHANNEL_EVENTS, data, size) != BELAY_OK) {
        return false;
    }
    books->sent++;
    return true;
}

void arena_client_say(struct arena_client *client, const char *text) {
    if (client->is_open && !client->is_finishing) {
        send_event(client, EVENT_SAY, text);
    }
}

/** After the server's answer to the last event nothing is under way in either direction. */
static void go_on_finishing(struct arena_client *client) {
    if (!client->has_said_last) {
        client->has_said_last = send_event(client, EVENT_LAST, "");
    }
    if (client->is_answered) {
        client->is_open = false;
        belay_client_close(client->it, NULL, GOODBYE_MS);
    }
}

void arena_client_finish(struct arena_client *client) {
    client->is_finishing = true;
}

/* ---- what comes */

static void take_event(struct arena_client *client, const void *data, size_t size) {
    struct event event;
    struct books *books = &client->record->session.books;
    if (!wire_read_event(&event, data, size)) {
        books->damaged++;
        return;
    }
    books_enter(books, event.number);
    if (event.kind == EVENT_ENTER) {
        snprintf(client->names[event.who], NAME_SIZE, "%.*s", NAME_SIZE - 1, event.text);
    } else if (event.kind == EVENT_LAST) {
        client->is_answered = true;
    }
    if (client->hear != NULL) {
        client->hear(client->listener, &event);
    }
}

static void take_state(struct arena_client *client, const void *data, size_t size) {
    struct state state;
    if (!wire_read_state(&state, data, size)) {
        client->record->session.books.damaged++;
        return;
    }
    predict_take(&client->predict, client->it, &state);
    remote_take(&client->remote, &state);
}

static void handle_event(struct arena_client *client, const struct belay_event *ev) {
    record_event(&client->record->session, ev, false);
    switch (ev->type) {
    case BELAY_EVENT_OPEN:
        client->is_open = true;
        break;
    case BELAY_EVENT_MESSAGE:
        if (ev->message.channel == CHANNEL_STATES) {
            take_state(client, ev->message.data, ev->message.size);
        } else {
            take_event(client, ev->message.data, ev->message.size);
        }
        break;
    case BELAY_EVENT_TICKET:
        ticket_save(client->ticket_file, ev->ticket.data, ev->ticket.size);
        break;
    case BELAY_EVENT_DRAIN:
        client->is_finishing = true;
        break;
    case BELAY_EVENT_CLOSED:
        client->is_open = false;
        client->has_ended = true;
        ticket_forget(client->ticket_file);
        break;
    default:
        break;
    }
}

static void keep_record(struct arena_client *client) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    if (!client->has_ended && belay_client_info(client->it, &info) == BELAY_OK) {
        client->record->session.info = info;
    }
    client->record->predict = client->predict.stats;
    client->record->remote = client->remote.stats;
}

void arena_client_events(struct arena_client *client) {
    struct belay_event ev;
    while (!client->has_ended && belay_client_poll(client->it, &ev)) {
        handle_event(client, &ev);
    }
    if (client->is_finishing && client->is_open) {
        go_on_finishing(client);
    }
    keep_record(client);
}

/* ---- playing */

bool arena_client_next_tick(struct arena_client *client, uint32_t *tick) {
    return belay_client_next_tick(client->it, tick);
}

void arena_client_act(struct arena_client *client, uint32_t tick, const struct arena_input *input) {
    uint8_t data[WIRE_INPUT_SIZE];
    wire_write_input(data, input);
    if (belay_client_send_move(client->it, 0, tick, data) == BELAY_OK && client->predict.begun) {
        predict_step(&client->predict, tick, input);
    }
}

void arena_client_look(struct arena_client *client, struct remote_view *view) {
    remote_draw(&client->remote, belay_client_render_tick(client->it), view);
}

const struct state *arena_client_state(const struct arena_client *client) {
    return remote_newest(&client->remote);
}

/* ---- from the beginning to the end */

static bool connect_with(struct arena_client *client, const struct arena_client_opts *opts) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    uint8_t ticket[BELAY_TICKET_SIZE_MAX];
    to.ticket_size = ticket_load(opts->ticket_file, ticket);
    if (to.ticket_size > 0) { /* it knows who and where */
        to.ticket = ticket;
        client->life = 1;
    } else {
        to.invite = opts->server;
        to.login = opts->name;
        to.login_size = strlen(opts->name);
    }
    return belay_client_connect(client->it, &to) == BELAY_OK;
}

bool arena_client_open(struct arena_client *client, const struct arena_client_opts *opts,
                       struct client_record *record) {
    struct belay_client_opts mine = BELAY_CLIENT_OPTS_INIT;
    *client = (struct arena_client){.ticket_file = opts->ticket_file, .record = record};
    client->predict.speed = opts->speed != 0 ? opts->speed : ARENA_SPEED;
    mine.game = ARENA_GAME;
    mine.channels = arena_channels;
    mine.channel_count = CHANNEL_COUNT;
    mine.move = arena_moves;
    mine.accept_gaps = true; /* for a ticket: the old process's unfinished business is lost */
    mine.sim = opts->sim;
    if (belay_client_create(&client->it, &mine) < 0 || !connect_with(client, opts)) {
        snprintf(record->fault, FAULT_SIZE, "%s", belay_error());
        arena_client_close(client);
        return false;
    }
    return true;
}

void arena_client_close(struct arena_client *client) {
    belay_client_destroy(client->it);
    client->it = NULL;
}
