#define _DEFAULT_SOURCE
#include "examples/arena/demo/screen.h"

#include "examples/arena/demo/canvas.h"
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH         80
#define FRAME_S       0.1
#define PLAIN_S       1.0 /* between lines where there is no terminal */
#define BEST_COUNT    6
#define TABLE_LINES   7                                    /* its head, who plays a part, all */
#define PICTURE_LINES (1 + CANVAS_LINES + TABLE_LINES + 1) /* and where the cursor rests */
#define COMMENTS_MIN  3
#define COMMENTS_MAX  16

#define HIDE_CURSOR  "\033[?25l"
#define SHOW_CURSOR  "\033[?25h"
#define CLEAR_TO_END "\033[K"
#define CLEAR_BELOW  "\033[J"

static bool measure(int *height) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < WIDTH ||
        size.ws_row < PICTURE_LINES + COMMENTS_MIN) {
        return false;
    }
    *height = size.ws_row;
    return true;
}

void screen_open(struct screen *screen) {
    *screen = (struct screen){0};
    screen->live = isatty(STDOUT_FILENO) && measure(&screen->height);
    screen->next_at = screen->live ? 0 : PLAIN_S;
    setvbuf(stdout, NULL, screen->live ? _IOFBF : _IOLBF, 1 << 14);
    if (screen->live) {
        fputs(HIDE_CURSOR, stdout);
    }
}

static void end_line(struct screen *screen) {
    fputs(screen->live ? CLEAR_TO_END "\n" : "\n", stdout);
    screen->drawn++;
}

static void draw_head(struct screen *screen, const struct board *board) {
    printf("%sBelay's arena: a server and %d bots, each a process; UDP at 5 %% loss%9.1f s%s",
           tone_on(TONE_STRONG), CAST_SIZE, board->now, tone_off());
    end_line(screen);
}

/* ---- the room, and who is best in it */

/** The players by their scores, the best first. */
static void rank(const struct board *board, int best[BEST_COUNT]) {
    int count = 0;
    for (int who = 0; who < CAST_SIZE; who++) {
        uint16_t score = board_seat(board, who)->player.score;
        int place = count;
        while (place > 0 && board_seat(board, best[place - 1])->player.score < score) {
            place--;
        }
        for (int i = count < BEST_COUNT ? count : BEST_COUNT - 1; i > place; i--) {
            best[i] = best[i - 1];
        }
        if (place < BEST_COUNT) {
            best[place] = who;
            count += count < BEST_COUNT;
        }
    }
}

static void draw_beside(const struct board *board, const int best[BEST_COUNT], int line) {
    const struct server_record *server = &board->stage->server;
    if (line == 0) {
        printf("   tick %u", server->tick);
    } else if (line == 1) {
        printf("   %u hits, %u fatal; the best:", server->hits, server->kills);
    } else if (line - 2 < BEST_COUNT) {
        int who = best[line - 2];
        printf("     %-4s %3u", cast[who].name, board_seat(board, who)->player.score);
    }
}

static void draw_room(struct screen *screen, const struct board *board) {
    struct canvas canvas;
    int best[BEST_COUNT] = {0};
    canvas_draw(&canvas, board);
    rank(board, best);
    for (int i = 0; i < CANVAS_LINES; i++) {
        fputs(canvas.lines[i], stdout);
        draw_beside(board, best, i);
        end_line(screen);
    }
}

/* ---- the table */

/** How the session stands at the server. */
static const char *describe(const struct seat_record *seat, enum tone *tone) {
    const struct session_record *session = &seat->session;
    *tone = TONE_FAINT;
    if (session->closed) {
        return session->code == BELAY_REASON_LEFT ? "left" : "closed";
    }
    if (session->opened == 0) {
        return "-";
    }
    if (session->info.state == BELAY_RECONNECT_PENDING) {
        *tone = TONE_BAD;
        return "down";
    }
    *tone = TONE_WARN;
    if (session->info.state == BELAY_RECONNECTING) {
        return "resuming";
    }
    if (session->info.suspect) {
        return "suspect";
    }
    *tone = TONE_GOOD;
    return session->resumes > 0 ? "resumed" : "online";
}

static void draw_row(struct screen *screen, const struct board *board, int who) {
    const struct row *row = &board->rows[who];
    const struct seat_record *seat = board_seat(board, who);
    const struct belay_session_info *info = &seat->session.info;
    const struct predict_stats *predict = &board_client(board, who)->predict;
    enum tone tone;
    const char *state = describe(seat, &tone);
    enum tone refused = info->moves_refused > 0 ? TONE_BAD : TONE_PLAIN;
    printf("%s%-4s%s %s%-8s%s %3u ms %2.0f %% %6.1f %6u %5u %s%6u%s %5u  %.19s",
           tone_on(TONE_STRONG), cast[who].name, tone_off(), tone_on(tone), state, tone_off(),
           info->rtt_ms, (double)info->loss * 100, (double)info->margin_ticks, info->moves_used,
           info->moves_substituted, tone_on(refused), info->moves_refused, tone_off(),
           predict->explained + predict->unexplained,
           row->note != NULL ? row->note : cast[who].plan);
    end_line(screen);
}

static void draw_table(struct screen *screen, const struct board *board) {
    static const enum role parts[] = {ROLE_PLAYS, ROLE_CUT, ROLE_RETURNS, ROLE_CHEATS};
    const struct totals all = board_totals(board);
    end_line(screen);
    printf("%s%-4s %-8s %6s %4s %6s %6s %5s %6s %5s  %s%s", tone_on(TONE_FAINT), "who", "session",
           "rtt", "loss", "margin", "moves", "held", "ref.", "corr.", "note", tone_off());
    end_line(screen);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        draw_row(screen, board, cast_find(parts[i]));
    }
    printf("all  %-8d %3u ms %2.0f %% %6s %6u %5u %6u %5u", all.in, all.rtt_ms,
           (double)all.loss * 100, "", all.used, all.substituted, all.refused, all.corrections);
    end_line(screen);
}

/* ---- everything */

static void draw_comment(const struct line *line) {
    printf("%s%5.1f s%s  %s%.71s%s", tone_on(TONE_FAINT), line->at, tone_off(), tone_on(line->tone),
           line->text, tone_off());
}

static void draw_picture(struct screen *screen, const struct board *board) {
    int room = screen->height - PICTURE_LINES;
    int shown = room < COMMENTS_MAX ? room : COMMENTS_MAX;
    int first = board->line_count > shown ? board->line_count - shown : 0;
    if (screen->drawn > 0) {
        printf("\r\033[%dA", screen->drawn);
        screen->drawn = 0;
    }
    draw_head(screen, board);
    draw_room(screen, board);
    draw_table(screen, board);
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
    }
    for (; screen->told < board->line_count; screen->told++) {
        draw_comment(&board->lines[screen->told]);
        end_line(screen);
    }
}

static void tell_totals(const struct board *board) {
    const struct totals all = board_totals(board);
    printf("%5.1f s  %2d in; %u ms, %.1f %% lost; moves: %u, held %u, refused %u; corrections %u\n",
           board->now, all.in, all.rtt_ms, (double)all.loss * 100, all.used, all.substituted,
           all.refused, all.corrections);
}

bool screen_update(struct screen *screen, const struct board *board) {
    if (!screen->live) {
        tell_news(screen, board);
    }
    if (board->now >= screen->next_at) {
        screen->next_at = board->now + (screen->live ? FRAME_S : PLAIN_S);
        if (screen->live) {
            follow_size(screen);
            draw_picture(screen, board);
        } else {
            tell_totals(board);
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
