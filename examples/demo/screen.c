#define _DEFAULT_SOURCE
#include "examples/demo/screen.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDTH        80
#define FRAME_S      0.2
#define TABLE_S      4.0             /* between tables where there is no terminal */
#define TABLE_LINES  (CAST_SIZE + 5) /* head, table, and the line where the cursor rests */
#define COMMENTS_MIN 3
#define COMMENTS_MAX 16
#define NOTE_WIDTH   21
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

/** What will happen to somebody, before it does. */
static const char *plan_of(enum role role) {
    static const char *const plans[] = {
        [ROLE_STAYS] = "",
        [ROLE_REFUSED] = "has wrong password",
        [ROLE_EVICTED] = "will be evicted",
        [ROLE_KILLED] = "will be killed",
        [ROLE_STOPPED] = "will be stopped",
    };
    return plans[role];
}

static const char *note_of(const struct row *row, enum role role, enum tone *tone) {
    *tone = TONE_WARN;
    if (row->session_closed && row->session.code == BELAY_REASON_TIMEOUT) {
        return "timed out";
    }
    if (row->client_closed && row->client.code == BELAY_REASON_LEFT) {
        *tone = TONE_FAINT;
        return "finished and left";
    }
    if (row->client_closed) {
        return row->client.text;
    }
    if (row->process == PROCESS_STOPPED) {
        return "stopped (SIGSTOP)";
    }
    if (row->process == PROCESS_ENDED) {
        bool killed = WIFSIGNALED(row->wait_status) && WTERMSIG(row->wait_status) == SIGKILL;
        return killed ? "killed (SIGKILL)" : "its process ended";
    }
    if (role == ROLE_STOPPED && row->was_suspect) {
        *tone = TONE_GOOD;
        return "goes on";
    }
    *tone = TONE_FAINT;
    return plan_of(role);
}

/** The session as the server sees it. */
static const char *state_of(const struct row *row, enum tone *tone) {
    const struct report *session = &row->session;
    *tone = TONE_FAINT;
    if (row->process == PROCESS_NONE) {
        return "-";
    }
    if (!row->was_opened && !row->session_closed) {
        return "connecting";
    }
    if (!row->session_closed) {
        *tone = session->state != BELAY_LOGGED_IN ? TONE_BAD
                : session->suspect                ? TONE_WARN
                                                  : TONE_GOOD;
    }
    return session->suspect && session->state == BELAY_LOGGED_IN ? "LOGGED_IN, silent"
                                                                 : belay_state_name(session->state);
}

static void draw_row(const struct row *row, const struct actor *actor) {
    enum tone state_tone, note_tone;
    const char *state = state_of(row, &state_tone);
    const char *note = note_of(row, actor->role, &note_tone);
    char pid[12] = "-", rtt[16] = "-";
    bool on = row->was_opened && !row->session_closed;
    bool linked = on && row->session.state == BELAY_LOGGED_IN;
    enum tone queue_tone = row->session.queued > MANY_QUEUED ? TONE_WARN : TONE_PLAIN;
    if (row->pid != 0) {
        snprintf(pid, sizeof pid, "%d", (int)row->pid);
    }
    if (linked && row->session.rtt_ms == 0) {
        snprintf(rtt, sizeof rtt, "<1 ms");
    } else if (linked) {
        snprintf(rtt, sizeof rtt, "%u ms", row->session.rtt_ms);
    }
    printf("%s%-6s%s %7s  %s%-17s%s %6s %5u %5u %s%6u%s  %s%.*s%s", tone_on(TONE_STRONG),
           actor->name, tone_off(), pid, tone_on(state_tone), state, tone_off(), rtt,
           row->client.account.sent, row->client.account.got.distinct, tone_on(queue_tone),
           on ? row->session.queued : 0, tone_off(), tone_on(note_tone), NOTE_WIDTH, note,
           tone_off());
}

static void draw_totals(const struct board *board) {
    uint32_t sent = 0, got = 0, queued = 0;
    int on = 0;
    char pid[12] = "-";
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct row *row = &board->rows[i];
        sent += row->session.account.sent;
        got += row->session.account.got.distinct;
        on += row->was_opened && !row->session_closed;
        queued += row->session_closed ? 0 : row->session.queued;
    }
    if (board->server_pid != 0) {
        snprintf(pid, sizeof pid, "%d", (int)board->server_pid);
    }
    printf("%sserver%s %7s  %2d session%s %13s %5u %5u %6u  %s", tone_on(TONE_STRONG), tone_off(),
           pid, on, on == 1 ? " " : "s", "", sent, got, queued,
           board->server_ended ? "stopped"
           : board->draining   ? "drains"
                               : "");
}

static void end_line(struct screen *screen) {
    fputs(screen->live ? CLEAR_TO_END "\n" : "\n", stdout);
    screen->drawn++;
}

static void draw_head(struct screen *screen, const struct board *board) {
    static const struct {
        enum role role;
        const char *fate;
    } watched[] = {
        {ROLE_REFUSED, "wrong password"},
        {ROLE_KILLED, "killed"},
        {ROLE_EVICTED, "evicted"},
        {ROLE_STOPPED, "stopped for 3 s"},
    };
    char title[WIDTH];
    snprintf(title, sizeof title, "Belay: one server and %d clients, %d processes on UDP port %u",
             CAST_SIZE, CAST_SIZE + 1, board->port);
    printf("%s%-71s%5.1f s%s", tone_on(TONE_STRONG), title, board->now, tone_off());
    end_line(screen);
    fputs("Watch ", stdout);
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
        printf("%s%s%s%s (%s)", i > 0 ? ", " : "", tone_on(TONE_STRONG),
               cast[cast_find(watched[i].role)].name, tone_off(), watched[i].fate);
    }
    end_line(screen);
}

static void draw_table(struct screen *screen, const struct board *board) {
    printf("%s%-6s %7s  %-17s %6s %5s %5s %6s  %s%s", tone_on(TONE_FAINT), "who", "pid",
           "state at server", "rtt", "sent", "got", "queued", "note", tone_off());
    end_line(screen);
    for (int i = 0; i < CAST_SIZE; i++) {
        draw_row(&board->rows[i], &cast[i]);
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
