/*
 * The simulation is run in arena_server_frame() and nowhere else: so much time as has passed, in
 * whole ticks. That clients lose their link, move and come back takes no line of it.
 */
#include "examples/arena/server.h"

#include "examples/arena/protocol.h"
#include <stdio.h>
#include <string.h>

#define TICKS_PER_STATE 3

/* ---- events to the players */

/** Sends the next numbered event. One that the send buffer has no room for takes no number. */
static void tell(struct arena_server *server, struct seat *seat, const struct event *event) {
    uint8_t data[WIRE_EVENT_SIZE_MAX];
    struct books *books = &seat->record->session.books;
    struct event numbered = *event;
    if (!seat->is_open || seat->has_finished) {
        return;
    }
    numbered.number = books_next(books, 0);
    size_t size = wire_write_event(data, &numbered);
    if (belay_server_send(server->it, seat->session, CHANNEL_EVENTS, data, size) == BELAY_OK) {
        books->sent++;
    }
}

static void tell_all(struct arena_server *server, const struct event *event) {
    for (int i = 0; i < ARENA_PLAYERS_MAX; i++) {
        tell(server, &server->seats[i], event);
    }
}

static uint8_t number_of(const struct arena_server *server, const struct seat *seat) {
    return (uint8_t)(seat - server->seats);
}

static void tell_entered(struct arena_server *server, struct seat *to, const struct seat *who) {
    struct event event = {.kind = EVENT_ENTER, .who = number_of(server, who)};
    memcpy(event.text, who->record->name, NAME_SIZE);
    tell(server, to, &event);
}

static void tell_hit(struct arena_server *server, const struct arena_hit *hit) {
    struct event event = {.kind = EVENT_HIT, .who = hit->shooter, .whom = hit->victim};
    server->record->hits++;
    if (!hit->fatal) {
        tell(server, &server->seats[hit->shooter], &event);
        tell(server, &server->seats[hit->victim], &event);
        return;
    }
    server->record->kills++;
    event.kind = EVENT_KILL;
    event.score = server->arena.players[hit->shooter].score;
    tell_all(server, &event);
}

/* ---- what comes from the players */

/** A place where nobody has sat yet, or else one that is free; NULL: none. */
static struct seat *free_seat(struct arena_server *server) {
    struct seat *found = NULL;
    for (int i = ARENA_PLAYERS_MAX - 1; i >= 0; i--) {
        struct seat *seat = &server->seats[i];
        bool is_new = seat->record->name[0] == '\0';
        if (!seat->is_taken && (found == NULL || is_new || found->record->name[0] != '\0')) {
            found = seat;
        }
    }
    return found;
}

/** The login payload is the player's name. */
static void judge_login(struct arena_server *server, const struct belay_event *ev) {
    const struct belay_reason full = {.code = BELAY_REASON_FULL, .text = "no seat is free"};
    uint8_t user_id[16] = {0};
    struct seat *seat = free_seat(server);
    if (seat == NULL) {
        belay_server_close(server->it, ev->session, &full);
        return;
    }
    *seat = (struct seat){.session = ev->session, .is_taken = true, .record = seat->record};
    *seat->record = (struct seat_record){0};
    snprintf(seat->record->name, NAME_SIZE, "%.*s", (int)ev->login.size,
             (const char *)ev->login.data);
    if (seat->record->name[0] == '\0') {
        snprintf(seat->record->name, NAME_SIZE, "nobody");
    }
    memcpy(user_id, seat->record->name, sizeof user_id);
    belay_server_set_user(server->it, ev->session, seat);
    belay_server_accept(server->it, ev->session, user_id, NULL, 0);
}

static void enter(struct arena_server *server, struct seat *seat) {
    seat->is_open = true;
    arena_enter(&server->arena, number_of(server, seat));
    for (int i = 0; i < ARENA_PLAYERS_MAX; i++) {
        struct seat *other = &server->seats[i];
        if (other->is_open) {
            tell_entered(server, seat, other);
        }
        if (other->is_open && other != seat) {
            tell_entered(server, other, seat);
        }
    }
}

static void leave(struct arena_server *server, struct seat *seat) {
    const struct event event = {.kind = EVENT_LEAVE, .who = number_of(server, seat)};
    bool was_open = seat->is_open;
    seat->is_taken = seat->is_open = false;
    arena_leave(&server->arena, event.who);
    if (was_open) {
        tell_all(server, &event);
    }
}

static void take_message(struct arena_server *server, struct seat *seat,
                         const struct belay_event *ev) {
    struct event event;
    struct books *books = &seat->record->session.books;
    if (!wire_read_event(&event, ev->message.data, ev->message.size)) {
        books->damaged++;
        return;
    }
    books_enter(books, event.number);
    event.who = number_of(server, seat);
    if (event.kind == EVENT_SAY) {
        tell_all(server, &event);
    } else if (event.kind == EVENT_LAST) {
        tell(server, seat, &event);
        seat->has_finished = true;
    }
}

static void handle_event(struct arena_server *server, const struct belay_event *ev) {
    struct seat *seat = ev->user;
    if (ev->type == BELAY_EVENT_LOGIN) {
        judge_login(server, ev);
        return;
    }
    if (seat == NULL) {
        return; /* a login that was given up, or refused */
    }
    record_event(&seat->record->session, ev, true);
    switch (ev->type) {
    case BELAY_EVENT_OPEN:
        enter(server, seat);
        break;
    case BELAY_EVENT_MESSAGE:
        take_message(server, seat, ev);
        break;
    case BELAY_EVENT_DOWN: /* its player stands still, and is spared */
        server->arena.players[number_of(server, seat)].is_away = true;
        break;
    case BELAY_EVENT_RESUMED:
        server->arena.players[number_of(server, seat)].is_away = false;
        break;
    case BELAY_EVENT_CLOSED:
        leave(server, seat);
        break;
    default:
        break;
    }
}

/* ---- ticks */

/** One input is there for every player and tick, sent or not; its bytes are the client's. */
static void move(struct arena_server *server, struct seat *seat, uint32_t tick) {
    struct belay_move move = {0};
    struct arena_input input;
    if (belay_server_take_move(server->it, seat->session, 0, tick, &move) != BELAY_OK) {
        return;
    }
    bool is_readable = wire_read_input(&input, move.data);
    uint32_t left_out = seat->is_running ? tick - seat->last_tick - 1 : 0;
    seat->record->malformed += !is_readable;
    seat->record->missed += left_out + !move.as_sent;
    seat->is_running = true;
    seat->last_tick = tick;
    arena_move(&server->arena, number_of(server, seat), &input);
}

/** What all get to see alike. */
static void describe(const struct arena *arena, struct state *state) {
    for (uint8_t i = 0; i < ARENA_PLAYERS_MAX; i++) {
        const struct arena_player *player = &arena->players[i];
        if (player->is_in) {
            state->others[state->other_count++] = (struct state_other){
                .who = i,
                .health = player->health,
                .is_away = player->is_away,
                .at = player->body.at,
            };
        }
    }
    for (size_t i = 0; i < ARENA_BULLETS_MAX; i++) {
        if (arena->bullets[i].ticks_left > 0) {
            state->bullets[state->bullet_count++] = arena->bullets[i].at;
        }
    }
}

static void send_states(struct arena_server *server, uint32_t tick) {
    struct state state = {.tick = tick};
    uint8_t data[WIRE_STATE_SIZE_MAX];
    describe(&server->arena, &state);
    for (uint8_t i = 0; i < ARENA_PLAYERS_MAX; i++) {
        const struct seat *seat = &server->seats[i];
        const struct arena_player *player = &server->arena.players[i];
        if (!seat->is_open || !seat->is_running) {
            continue;
        }
        state.who = i;
        state.missed = seat->record->missed;
        state.life = player->life;
        state.health = player->health;
        state.score = player->score;
        state.body = player->body;
        belay_server_send(server->it, seat->session, CHANNEL_STATES, data,
                          wire_write_state(data, &state));
    }
}

static void run_tick(struct arena_server *server, uint32_t tick) {
    struct arena_hit hits[ARENA_HITS_MAX];
    for (int i = 0; i < ARENA_PLAYERS_MAX; i++) {
        if (server->seats[i].is_open) {
            move(server, &server->seats[i], tick);
        }
    }
    size_t count = arena_fly(&server->arena, hits);
    for (size_t i = 0; i < count; i++) {
        tell_hit(server, &hits[i]);
    }
    if (tick % TICKS_PER_STATE == 0) {
        send_states(server, tick);
    }
    server->record->tick = tick;
}

static void keep_record(struct arena_server *server) {
    struct belay_stats stats = BELAY_STATS_INIT;
    belay_server_stats(server->it, &stats);
    server->record->port = stats.port;
    server->record->ticks_run = stats.ticks_run;
    server->record->ticks_left_out = stats.ticks_left_out;
    memcpy(server->record->bullets, server->arena.bullets, sizeof server->arena.bullets);
    for (int i = 0; i < ARENA_PLAYERS_MAX; i++) {
        const struct seat *seat = &server->seats[i];
        struct belay_session_info info = BELAY_SESSION_INFO_INIT;
        seat->record->player = server->arena.players[i];
        if (seat->is_taken && belay_server_info(server->it, seat->session, &info) == BELAY_OK) {
            seat->record->session.info = info;
        }
    }
}

void arena_server_frame(struct arena_server *server) {
    struct belay_event ev;
    uint32_t tick;
    bool has_run = false;
    while (belay_server_poll(server->it, &ev)) {
        handle_event(server, &ev);
    }
    while (belay_server_next_tick(server->it, &tick)) {
        run_tick(server, tick);
        has_run = true;
    }
    if (has_run) {
        belay_server_flush(server->it); /* without it the states wait for the next service() */
        keep_record(server);
    }
}

/* ---- from the beginning to the end */

bool arena_server_open(struct arena_server *server, const struct belay_server_opts *opts,
                       struct server_record *record) {
    struct belay_server_opts mine = *opts;
    *server = (struct arena_server){.record = record};
    for (int i = 0; i < ARENA_PLAYERS_MAX; i++) {
        server->seats[i].record = &record->seats[i];
    }
    mine.game = ARENA_GAME;
    mine.channels = arena_channels;
    mine.channel_count = CHANNEL_COUNT;
    mine.move = arena_moves;
    mine.session_max = ARENA_PLAYERS_MAX;
    mine.accept_gaps = true; /* a client that was killed may come back with its ticket */
    if (belay_server_start(&server->it, &mine) < 0) {
        snprintf(record->fault, FAULT_SIZE, "%s", belay_error());
        return false;
    }
    keep_record(server);
    return true;
}

void arena_server_drain(struct arena_server *server, uint32_t deadline_ms) {
    server->record->draining = true;
    belay_server_drain(server->it, deadline_ms, NULL);
}

void arena_server_close(struct arena_server *server, uint32_t flush_ms) {
    struct belay_event ev;
    belay_server_stop(server->it, flush_ms);
    while (belay_server_poll(server->it, &ev)) {
        handle_event(server, &ev);
    }
    belay_server_destroy(server->it);
}
