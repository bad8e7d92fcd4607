/*
 * The commentary is made here, from events; whoever says something says it once: the server about
 * what it sees of its clients, a client about what it is told.
 */
#include "examples/demo/board.h"

#include "examples/demo/roles.h"
#include <stdarg.h>
#include <stdio.h>

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

int board_count_open(const struct board *board) {
    int count = 0;
    for (int i = 0; i < CAST_SIZE; i++) {
        count += board->rows[i].was_opened;
    }
    return count;
}

int board_count_left(const struct board *board) {
    int count = 0;
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct row *row = &board->rows[i];
        count += row->session_closed && row->session.code == BELAY_REASON_LEFT;
    }
    return count;
}

static void fail(struct board *board, const char *who, const char *text) {
    board_say(board, TONE_BAD, "%s: %s", who, text);
    board->failed = true;
}

static void take_from_host(struct board *board, const struct report *report) {
    if (report->failed) {
        fail(board, "the server", report->text);
    } else if (report->event == BELAY_EVENT_DRAIN) {
        board->draining = true;
        board_say(board, TONE_STRONG, "The server drains: no newcomers, and everybody may finish.");
    } else {
        board->port = report->port;
        board_say(board, TONE_PLAIN, "The server is up. Clients come in one after the other.");
    }
}

static void tell_session_closed(struct board *board, const char *name,
                                const struct report *report) {
    switch (report->code) {
    case BELAY_REASON_LEFT:
        if (board_count_left(board) == CAST_SIZE - 3) {
            board_say(board, TONE_GOOD, "All %d who were left have finished and said goodbye.",
                      CAST_SIZE - 3);
        }
        break;
    case BELAY_REASON_TIMEOUT:
        board_say(board, TONE_WARN, "%s has timed out. %u messages for it were never handled.",
                  name, report->unacked);
        break;
    case BELAY_REASON_BAD_LOGIN:
    case BELAY_REASON_KICKED: /* told when the client has heard it */
        break;
    default:
        board_say(board, TONE_BAD, "The server has closed %s: %s", name, report->text);
        break;
    }
}

static void take_from_session(struct board *board, const struct report *report) {
    struct row *row = &board->rows[report->who];
    const char *name = cast[report->who].name;
    row->waited = report->queued > row->waited ? report->queued : row->waited;
    switch (report->event) {
    case BELAY_EVENT_OPEN:
        row->was_opened = true;
        break;
    case BELAY_EVENT_LINK:
        row->was_suspect |= report->suspect;
        if (report->suspect) {
            board_say(board, TONE_WARN, "%s is silent: the server suspects that it is gone.", name);
        } else {
            board_say(board, TONE_GOOD, "%s is heard again, and gets the %u messages that waited.",
                      name, row->waited);
        }
        break;
    case BELAY_EVENT_DOWN:
        row->was_down = true;
        board_say(board, TONE_WARN, "%s was silent for %d s: lost. Its session is kept for %.1f s.",
                  name, LOST_MS / 1000, report->wait_ms / 1000.0);
        break;
    case BELAY_EVENT_CLOSED:
        row->session_closed = true;
        tell_session_closed(board, name, report);
        break;
    default:
        break;
    }
}

static void take_from_client(struct board *board, const struct report *report) {
    struct row *row = &board->rows[report->who];
    const char *name = cast[report->who].name;
    if (report->failed) {
        fail(board, name, report->text);
    } else if (report->event == BELAY_EVENT_DOWN) {
        row->client_down = true;
        board_say(board, TONE_BAD, "%s has lost the server: %s", name, report->text);
    } else if (report->event == BELAY_EVENT_CLOSED) {
        row->client_closed = true;
        if (report->code == BELAY_REASON_BAD_LOGIN) {
            board_say(board, TONE_WARN, "%s is refused, and hears why: \"%s\".", name,
                      report->text);
        } else if (report->by != BELAY_WHO_LOCAL) {
            board_say(board, TONE_WARN, "%s has got its last messages, then the reason: \"%s\".",
                      name, report->text);
        }
    }
}

void board_take(struct board *board, const struct report *report) {
    switch (report->source) {
    case REPORT_OF_HOST:
        take_from_host(board, report);
        break;
    case REPORT_OF_SESSION:
        board->rows[report->who].session = *report;
        take_from_session(board, report);
        break;
    case REPORT_OF_CLIENT:
        board->rows[report->who].client = *report;
        take_from_client(board, report);
        break;
    }
}

void board_end(struct board *board, pid_t pid, int wait_status) {
    if (pid == board->server_pid) {
        board->server_ended = true;
        board->server_status = wait_status;
    }
    for (int i = 0; i < CAST_SIZE; i++) {
        struct row *row = &board->rows[i];
        if (row->pid == pid) {
            row->process = PROCESS_ENDED;
            row->wait_status = wait_status;
        }
    }
}
