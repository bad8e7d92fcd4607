#define _DEFAULT_SOURCE
#include "examples/demo/screen.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH        80
#define FRAME_S      0.2
#define TABLE_S      4.0             /* between tables where there is no terminal */
#define TABLE_LINES  (CAST_SIZE + 4) /* head, table, and the line where the cursor rests */
#define COMMENTS_MIN 3
#define COMMENTS_MAX 16
#define NOTE_WIDTH   21
#define STATE_SIZE   24
#define NUMBER_SIZE  16
#define MANY_QUEUED  10 /* more than a healthy client ever has */

#define HIDE_CURSOR  "\033[?25l"
#define SHOW_CURSOR  "\033[?25h"
#define CLEAR_TO_END "\033[K"
#define CLEAR_BELOW  "\033[J"

static bool measure(int *height) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < WIDTH ||
        size.ws_row < TABLE_LINES + COMMENTS_MIN) {
        return false;
    }
    *height = size.ws_row;
    return true;
}

void screen_open(struct screen *screen) {
    *screen = (struct screen){0};
    screen->live = isatty(STDOUT_FILENO) && measure(&screen->height);
    screen->next_at = screen->live ? 0 : TABLE_S;
    setvbuf(stdout, NULL, screen->live ? _IOFBF : _IOLBF, 1 << 14);
    if (screen->live) {
        fputs(HIDE_CURSOR, stdout);
    }
}

/** How the session stands at the server. */
static enum tone describe(const struct board *board, const struct row *row, char text[STATE_SIZE]) {
    static const char *const ends[] = {
        [BELAY_REASON_LEFT] = "left",         [BELAY_REASON_TIMEOUT] = "timed out",
        [BELAY_REASON_KICKED] = "evicted",    [BELAY_REASON_BAD_LOGIN] = "refused",
        [BELAY_REASON_REPLACED] = "replaced",
    };
    const struct report *session = &row->session;
    enum tone tone = TONE_GOOD;
    const char *word = "online";
    if (row->session_closed) {
        bool known = session->code < sizeof ends / sizeof ends[0] && ends[session->code] != NULL;
        word = known ? ends[session->code] : "closed";
        tone = TONE_FAINT;
    } else if (!row->was_opened) {
        word = row->task.process == PROCESS_NONE ? "-" : "connecting";
        tone = TONE_FAINT;
    } else if (session->state == BELAY_RECONNECT_PENDING) {
        snprintf(text, STATE_SIZE, "down %.0f s", board->now - row->down_at);
        return TONE_BAD;
    } else if (session->state == BELAY_RECONNECTING) {
        word = "resuming";
        tone = TONE_WARN;
    } else if (row->is_suspect) {
        word = "suspect";
        tone = TONE_WARN;
    } else if (row->resumed) {
        word = row->life > 0 ? "back from ticket" : "resumed";
    } else if (row->moved) {
        word = "moved";
    }
    snprintf(text, STATE_SIZE, "%s", word);
    return tone;
}

/** What has been done to somebody, or will be. */
static const char *note_of(const struct row *row, const struct actor *actor, enum tone *tone) {
    *tone = TONE_FAINT;
    if (row->client_closed && row->client.code == BELAY_REASON_LEFT) {
        return "finished and left";
    }
    if (row->note == NULL) {
        return actor->plan;
    }
    *tone = TONE_WARN;
    return row->note;
}

static void format_number(char text[NUMBER_SIZE], bool shown, uint32_t number, const char *unit) {
    if (shown) {
        snprintf(text, NUMBER_SIZE, "%u%s", number, unit);
    } else {
        snprintf(text, NUMBER_SIZE, "-");
    }
}

static void draw_row(const struct board *board, int who) {
    const struct row *row = &board->rows[who];
    const struct books *books = board->shelf->of_client[who];
    enum tone note_tone;
    const char *note = note_of(row, &cast[who], &note_tone);
    char state[STATE_SIZE], pid[NUMBER_SIZE], rtt[NUMBER_SIZE];
    enum tone state_tone = describe(board, row, state);
    bool on = row->was_opened && !row->session_closed;
    enum tone queue_tone = row->session.queued > MANY_QUEUED ? TONE_WARN : TONE_PLAIN;
    format_number(pid, row->task.pid != 0, (uint32_t)row->task.pid, "");
    format_number(rtt, on && row->session.state == BELAY_LOGGED_IN, row->session.rtt_ms, " ms");
    printf("%s%-6s%s %7s  %s%-17s%s %6s %5u %5u %s%6u%s  %s%.*s%s", tone_on(TONE_STRONG),
           cast[who].name, tone_off(), pid, tone_on(state_tone), state, tone_off(), rtt,
           books[0].sent + books[1].sent, books[0].got.distinct + books[1].got.distinct,
           tone_on(queue_tone), on ? row->session.queued : 0, tone_off(), tone_on(note_tone),
           NOTE_WIDTH, note, tone_off());
}

static void draw_totals(const struct board *board) {
    uint32_t sent = 0, got = 0, queued = 0;
    int on = 0;
    char pid[NUMBER_SIZE];
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct row *row = &board->rows[i];
        sent += board->shelf->of_server[i].sent;
        got += board->shelf->of_server[i].got.distinct;
        on += row->was_opened && !row->session_closed;
        queued += row->session_closed ? 0 : row->session.queued;
    }
    format_number(pid, board->server.pid != 0, (uint32_t)board->server.pid, "");
    printf("%sserver%s %7s  %2d session%s %13s %5u %5u %6u  %s", tone_on(TONE_STRONG), tone_off(),
           pid, on, on == 1 ? " " : "s", "", sent, got, queued,
           board->server.process == PROCESS_ENDED ? "stopped"
           : board->draining                      ? "drains"
                                                  : "");
}

static void end_line(struct screen *screen) {
    fputs(screen->live ? CLEAR_TO_END "\n" : "\n", stdout);
    screen->drawn++;
}

static void draw_head(struct screen *screen, const struct board *board) {
    char title[WIDTH];
    snprintf(title, sizeof title,
             "Belay: one server and %d clients, each a process, on UDP port %u", CAST_SIZE,
             board->port);
    printf("%s%-71s%5.1f s%s", tone_on(TONE_STRONG), title, board->now, tone_off());
    end_line(screen);
}

static void draw_table(struct screen *screen, const struct board *board) {
    printf("%s%-6s %7s  %-17s %6s %5s %5s %6s  %s%s", tone_on(TONE_FAINT), "who", "pid", "session",
           "rtt", "sent", "got", "queued", "note", tone_off());
    end_line(screen);
    for (int i = 0; i < CAST_SIZE; i++) {
        draw_row(board, i);
        end_line(screen);
    }
    draw_totals(board);
    end_line(screen);
}

static void draw_comment(const struct line *line) {
    printf("%s%5.1f s%s  %s%.71s%s", tone_on(TONE_FAINT), line->at, tone_off(), tone_on(line->tone),
           line->text, tone_off());
}

static void draw_picture(struct screen *screen, const struct board *board) {
    bool roomy = screen->height > TABLE_LINES + COMMENTS_MIN;
    int room = screen->height - TABLE_LINES - roomy;
    int shown = room < COMMENTS_MAX ? room : COMMENTS_MAX;
    int first = board->line_count > shown ? board->line_count - shown : 0;
    if (screen->drawn > 0) {
        printf("\r\033[%dA", screen->drawn);
        screen->drawn = 0;
    }
    draw_head(screen, board);
    draw_table(screen, board);
    if (roomy) {
        end_line(screen);
    }
    for (int i = first; i < board->line_count; i++) {
        draw_comment(&board->lines[i]);
        end_line(screen);
    }
    fputs(CLEAR_BELOW, stdout);
}

/** A terminal that has changed its size is begun anew; one that is too small now, left as it is. */
static void follow_size(struct screen *screen) {
    int height = screen->height;
    if (measure(&height) && height != screen->height) {
        screen->height = height;
        screen->drawn = 0;
        fputs("\033[2J\033[H", stdout);
    }
}

static void tell_news(struct screen *screen, const struct board *board) {
    if (screen->told == 0 && board->line_count > 0) {
        draw_head(screen, board);
        end_line(screen);
    }
    for (; screen->told < board->line_count; screen->told++) {
        draw_comment(&board->lines[screen->told]);
        end_line(screen);
    }
}

static void tell_table(struct screen *screen, const struct board *board) {
    end_line(screen);
    draw_table(screen, board);
    end_line(screen);
}

bool screen_update(struct screen *screen, const struct board *board) {
    if (!screen->live) {
        tell_news(screen, board);
    }
    if (board->now >= screen->next_at) {
        screen->next_at = board->now + (screen->live ? FRAME_S : TABLE_S);
        if (screen->live) {
            follow_size(screen);
            draw_picture(screen, board);
        } else {
            tell_table(screen, board);
        }
    }
    return fflush(stdout) == 0;
}

void screen_close(struct screen *screen, const struct board *board) {
    if (screen->live) {
        draw_picture(screen, board);
        fputs(SHOW_CURSOR, stdout);
    } else {
        tell_news(screen, board);
    }
    fflush(stdout);
}
