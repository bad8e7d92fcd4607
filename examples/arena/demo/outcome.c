#define _POSIX_C_SOURCE 200809L
#include "examples/arena/demo/outcome.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define REFUSED_MIN 20 /* of a cheat's inputs; it is more than 100 on an idle machine */

void verdict_expect(struct verdict *verdict, bool fact, const char *who, const char *what) {
    if (!fact && verdict->count < FAULTS_MAX) {
        snprintf(verdict->faults[verdict->count++], sizeof verdict->faults[0], "%s: %s", who, what);
    }
}

bool outcome_is_success(const struct task *task) {
    return task->process == PROCESS_ENDED && WIFEXITED(task->wait_status) &&
           WEXITSTATUS(task->wait_status) == 0;
}

static bool is_kill(int wait_status) {
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
}

/** That its link was disturbed as the script has it, and not otherwise. */
static void check_trouble(struct verdict *verdict, const struct board *board, int who) {
    const struct session_record *seat = &board_seat(board, who)->session;
    const struct session_record *client = &board_client(board, who)->session;
    const char *name = cast[who].name;
    bool is_cut = cast[who].role == ROLE_CUT, returns = cast[who].role == ROLE_RETURNS;
    verdict_expect(verdict, (client->downs > 0) == is_cut, name,
                   is_cut ? "did not notice that its link was gone" : "lost its link");
    verdict_expect(verdict, (seat->downs > 0) == is_cut || returns, name,
                   is_cut ? "was not noticed to be gone" : "was dropped");
    verdict_expect(verdict, (seat->resumes > 0) == (is_cut || returns), name,
                   "was resumed though nothing was amiss, or was not");
    verdict_expect(verdict, returns || seat->lost.from + client->lost.from == 0, name,
                   "was told of a gap, though its process lived on");
}

static void check_returned(struct verdict *verdict, const struct board *board, int who) {
    const struct session_record *seat = &board_seat(board, who)->session;
    const struct session_record *client = &board_client(board, who)->session;
    const struct row *row = &board->rows[who];
    verdict_expect(verdict, row->life == 1 && is_kill(row->former_status), cast[who].name,
                   "was not killed before it came back");
    verdict_expect(verdict,
                   seat->lost.from == client->lost.from && seat->lost.to == client->lost.to &&
                       seat->repeated.from == client->repeated.from,
                   cast[who].name, "the two ends were told of different gaps");
}

/** The server runs one input a tick, whatever comes. */
static void check_moves(struct verdict *verdict, const struct board *board, int who) {
    const struct seat_record *seat = board_seat(board, who);
    const struct belay_session_info *info = &seat->session.info;
    const struct predict_stats *predict = &board_client(board, who)->predict;
    const char *name = cast[who].name;
    verdict_expect(verdict, info->moves_used > 0 && predict->states > 0, name, "has not moved");
    verdict_expect(verdict, info->moves_used <= board->stage->server.ticks_run, name,
                   "moved more often than there were ticks");
    verdict_expect(verdict, seat->malformed == 0, name, "sent what cannot be read");
    if (cast[who].role == ROLE_CHEATS) {
        verdict_expect(verdict, info->moves_refused >= REFUSED_MIN, name, "was not held back");
        return;
    }
    verdict_expect(verdict, predict->unexplained == 0, name,
                   "was corrected though the server had all its inputs");
}

static void check_end(struct verdict *verdict, const struct board *board, int who) {
    const struct session_record *seat = &board_seat(board, who)->session;
    const struct session_record *client = &board_client(board, who)->session;
    const char *name = cast[who].name;
    verdict_expect(verdict, seat->closed && client->closed, name, "its end was not seen");
    verdict_expect(verdict, client->code == BELAY_REASON_LEFT && client->by == BELAY_WHO_LOCAL,
                   name, "did not leave by itself");
    verdict_expect(verdict, seat->code == BELAY_REASON_LEFT && seat->by == BELAY_WHO_PEER, name,
                   "the server was not told that it left");
    verdict_expect(verdict, outcome_is_success(&board->rows[who].task), name, "its process failed");
}

void outcome_check(struct verdict *verdict, const struct board *board, int who) {
    check_trouble(verdict, board, who);
    check_moves(verdict, board, who);
    check_end(verdict, board, who);
    if (cast[who].role == ROLE_RETURNS) {
        check_returned(verdict, board, who);
    }
}

const char *outcome_of(const struct board *board, int who) {
    static const char *const fates[] = {
        [ROLE_PLAYS] = "played on",
        [ROLE_CUT] = "resumed",
        [ROLE_RETURNS] = "came back",
        [ROLE_CHEATS] = "held back",
    };
    return board_seat(board, who)->session.code == BELAY_REASON_LEFT ? fates[cast[who].role]
                                                                     : "ended otherwise";
}
