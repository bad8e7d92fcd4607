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

/** Once all who were to stay have left. */
static void tell_left(struct board *board) {
    int staying = 0;
    for (int i = 0; i < CAST_SIZE; i++) {
        if (cast_is_to_stay(i)) {
            const struct row *row = &board->rows[i];
            if (!row->session_closed || row->session.code != BELAY_REASON_LEFT) {
                return;
            }
            staying++;
        }
    }
    board_say(board, TONE_GOOD, "All %d who were left have finished and said goodbye.", staying);
}

static void tell_session_closed(struct board *board, const char *name,
                                const struct report *report) {
    switch (report->code) {
    case BELAY_REASON_LEFT:
        tell_left(board);
        break;
    case BELAY_REASON_TIMEOUT:
        board_say(board, TONE_WARN, "%s has timed out. %u messages for it were never handled.",
                  name, report->unacked);
        break;
    case BELAY_REASON_BAD_LOGIN:
    case BELAY_REASON_KICKED: /* told when the client has heard it */
    case BELAY_REASON_REPLACED:
        break;
    default:
        board_say(board, TONE_BAD, "The server has closed %s: %s", name, report->text);
        break;
    }
}

static void take_link(struct board *board, struct row *row, const struct report *report) {
    const char *name = cast[report->who].name;
    if (report->moved) {
        row->moved = true;
        board_say(board, TONE_GOOD, "%s has moved, and its session with it.", name);
    }
    if (report->suspect && !row->is_suspect) {
        row->was_suspect = true;
        board_say(board, TONE_WARN, "%s is silent: the server suspects that it is gone.", name);
    } else if (!report->suspect && row->is_suspect) {
        board_say(board, TONE_GOOD, "%s is heard again, and gets the %u messages that waited.",
                  name, row->waited);
    }
    row->is_suspect = report->suspect;
}

static void take_resumed(struct board *board, struct row *row, const struct report *report) {
    const char *name = cast[report->who].name;
    const struct belay_gap *up = report_gap(report, true), *down = report_gap(report, false);
    row->resumed = true;
    row->is_suspect = false;
    row->session_resumed = *report;
    if (report->gap_count == 0) {
        board_say(board, TONE_GOOD, "%s is RESUMED after %.1f s, and gets the %u that waited.",
                  name, report->down_ms / 1000.0, row->waited);
        return;
    }
    board_say(board, TONE_GOOD, "%s is RESUMED from its ticket. Its session had never ended.",
              name);
    if (up != NULL && down != NULL) {
        board_say(board, TONE_WARN,
                  "Both are told: what it sent from %u on is lost, %u-%u may repeat.", up->from,
                  down->from, down->to);
    }
}

static void take_from_session(struct board *board, const struct report *report) {
    struct row *row = &board->rows[report->who];
    row->waited = report->queued > row->waited ? report->queued : row->waited;
    switch (report->event) {
    case BELAY_EVENT_OPEN:
        row->was_opened = true;
        break;
    case BELAY_EVENT_LINK:
        take_link(board, row, report);
        break;
    case BELAY_EVENT_DOWN:
        row->was_down = true;
        row->is_suspect = false;
        row->down_at = board->now;
        board_say(board, TONE_WARN,
                  "%s is DOWN after %u s of silence. Its session is kept for %u s.",
                  cast[report->who].name, BELAY_LOST_MS_DEFAULT / 1000, report->wait_ms / 1000);
        break;
    case BELAY_EVENT_RESUMED:
        take_resumed(board, row, report);
        break;
    case BELAY_EVENT_CLOSED:
        row->session_closed = true;
        tell_session_closed(board, cast[report->who].name, report);
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
        board_say(board, TONE_WARN, "%s has lost the server, too, and goes on dialling.", name);
    } else if (report->event == BELAY_EVENT_RESUMED) {
        row->client_resumed = *report;
    } else if (report->event == BELAY_EVENT_CLOSED) {
        row->client_closed = true;
        if (report->code == BELAY_REASON_BAD_LOGIN) {
            board_say(board, TONE_WARN, "%s is refused, and hears why: \"%s\".", name,
                      report->text);
        } else if (report->by != BELAY_WHO_LOCAL) {
            board_say(board, TONE_WARN, "%s hears, last of all: \"%s\".", name, report->text);
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

static void end_task(struct task *task, pid_t pid, int wait_status) {
    if (task->pid == pid) {
        task->process = PROCESS_ENDED;
        task->wait_status = wait_status;
    }
}

void board_end(struct board *board, pid_t pid, int wait_status) {
    end_task(&board->server, pid, wait_status);
    end_task(&board->network, pid, wait_status);
    for (int i = 0; i < CAST_SIZE; i++) {
        end_task(&board->rows[i].task, pid, wait_status);
    }
}
