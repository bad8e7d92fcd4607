/*
 * The commentary is made here, from records; whoever says something says it once: the server about
 * what it sees of its clients, a client about what it is told.
 */
#include "examples/arena/demo/board.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct client_record *board_client(const struct board *board, int who) {
    return &board->stage->clients[who][board->rows[who].life];
}

const struct seat_record *board_seat(const struct board *board, int who) {
    static const struct seat_record none;
    for (int i = 0; i < ARENA_PLAYERS_MAX; i++) {
        const struct seat_record *seat = &board->stage->server.seats[i];
        if (strcmp(seat->name, cast[who].name) == 0) {
            return seat;
        }
    }
    return &none;
}

void board_say(struct board *board, enum tone tone, const char *format, ...) {
    va_list arguments;
    if (board->line_count == LINES_MAX) {
        return;
    }
    struct line *line = &board->lines[board->line_count++];
    line->at = board->now;
    line->tone = tone;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
}

static void tell_fault(struct board *board, const char *who, const char *fault) {
    if (fault[0] != '\0' && !board->failed) {
        board_say(board, TONE_BAD, "%s: %s", who, fault);
        board->failed = true;
    }
}

static void look_at_seat(struct board *board, int who) {
    const struct session_record *session = &board_seat(board, who)->session;
    struct told *told = &board->rows[who].by_server;
    const char *name = cast[who].name;
    if (session->downs > told->downs) {
        board_say(board, TONE_WARN, "%s is DOWN for the server, which keeps the session.", name);
    }
    if (session->resumes > told->resumes && session->lost.from == 0) {
        board_say(board, TONE_GOOD,
                  "%s is RESUMED, %.1f s after DOWN: nothing was lost or repeated.", name,
                  session->down_ms / 1000.0);
    } else if (session->resumes > told->resumes) {
        board_say(board, TONE_GOOD, "%s is RESUMED from its ticket. Its session had never ended.",
                  name);
        board_say(board, TONE_WARN,
                  "Both are told: what it sent from %u on is lost, %u-%u may repeat.",
                  session->lost.from, session->repeated.from, session->repeated.to);
    }
    told->downs = session->downs;
    told->resumes = session->resumes;
}

static void look_at_client(struct board *board, int who) {
    const struct client_record *record = board_client(board, who);
    struct told *told = &board->rows[who].by_client;
    if (record->session.downs > told->downs) {
        board_say(board, TONE_WARN, "%s has lost the server, too, and goes on dialling.",
                  cast[who].name);
    }
    told->downs = record->session.downs;
    tell_fault(board, cast[who].name, record->fault);
}

void board_look(struct board *board) {
    tell_fault(board, "the server", board->stage->server.fault);
    for (int i = 0; i < CAST_SIZE; i++) {
        look_at_seat(board, i);
        look_at_client(board, i);
    }
}

struct totals board_totals(const struct board *board) {
    struct totals sum = {0};
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct seat_record *seat = board_seat(board, i);
        const struct belay_session_info *info = &seat->session.info;
        const struct client_record *client = board_client(board, i);
        bool is_in = seat->session.opened > 0 && !seat->session.closed;
        sum.in += is_in;
        sum.rtt_ms += is_in ? info->rtt_ms : 0;
        sum.loss += is_in ? info->loss : 0;
        sum.events_sent += seat->session.books.sent;
        sum.events_got += client->session.books.got[0].count;
        sum.used += info->moves_used;
        sum.substituted += info->moves_substituted;
        sum.refused += info->moves_refused;
        sum.states += client->predict.states;
        sum.exact += client->predict.exact;
        sum.corrections += client->predict.explained + client->predict.unexplained;
    }
    sum.rtt_ms /= sum.in > 0 ? (uint32_t)sum.in : 1;
    sum.loss /= sum.in > 0 ? (float)sum.in : 1;
    return sum;
}
