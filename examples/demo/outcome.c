#define _POSIX_C_SOURCE 200809L
#include "examples/demo/outcome.h"

#include "examples/demo/roles.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void verdict_expect(struct verdict *verdict, bool fact, const char *who, const char *what) {
    if (!fact && verdict->count < FAULTS_MAX) {
        snprintf(verdict->faults[verdict->count++], sizeof verdict->faults[0], "%s: %s", who, what);
    }
}

bool outcome_is_kill(int wait_status) {
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
}

bool outcome_is_success(const struct task *task) {
    return task->process == PROCESS_ENDED && WIFEXITED(task->wait_status) &&
           WEXITSTATUS(task->wait_status) == 0;
}

static void check_refused(struct verdict *verdict, const struct row *row, const char *name) {
    const struct report *client = &row->client;
    verdict_expect(verdict,
                   client->code == BELAY_REASON_BAD_LOGIN && row->session.code == client->code,
                   name, "was not refused for its login");
    verdict_expect(verdict, strcmp(client->text, PASSWORD_TEXT) == 0, name, "was not told why");
    verdict_expect(verdict, !row->was_opened, name, "was let in");
}

/** Evicted or replaced. */
static void check_removed(struct verdict *verdict, const struct row *row, const char *name,
                          enum belay_reason_code code) {
    const struct report *client = &row->client;
    verdict_expect(verdict,
                   client->code == code && client->by == BELAY_WHO_PEER &&
                       row->session.code == client->code,
                   name, "was not told that it was removed");
    verdict_expect(verdict, !client->come_back, name, "was told to come back");
    verdict_expect(verdict, code != BELAY_REASON_KICKED || strcmp(client->text, EVICTION_TEXT) == 0,
                   name, "was not told why");
}

static void check_killed(struct verdict *verdict, const struct board *board, int who) {
    const struct row *row = &board->rows[who];
    const struct report *session = &row->session;
    const char *name = cast[who].name;
    verdict_expect(verdict, outcome_is_kill(row->task.wait_status), name, "did not die of SIGKILL");
    verdict_expect(verdict, row->was_down, name, "was not noticed to be gone");
    verdict_expect(verdict,
                   session->code == BELAY_REASON_TIMEOUT && session->by == BELAY_WHO_NETWORK, name,
                   "did not time out");
    verdict_expect(verdict,
                   session->unacked > 0 && session->unacked <= board->shelf->of_server[who].sent,
                   name, "it is not known how many messages it never handled");
}

/** The gap begins where the books of the old process end at the server; the repeats begin where it
 * had last said that it had handled what came. */
static void check_returned(struct verdict *verdict, const struct board *board, int who) {
    const struct row *row = &board->rows[who];
    const struct belay_gap *lost = report_gap(&row->session_resumed, true);
    const struct belay_gap *again = report_gap(&row->session_resumed, false);
    const struct belay_gap *its_lost = report_gap(&row->client_resumed, false);
    const struct belay_gap *its_again = report_gap(&row->client_resumed, true);
    const char *name = cast[who].name;
    bool told = lost != NULL && its_lost != NULL && again != NULL && its_again != NULL;
    verdict_expect(verdict, row->life == 1 && outcome_is_kill(row->former_status), name,
                   "was not killed before it came back");
    verdict_expect(verdict, told, name,
                   "RESUMED did not tell both ends what may be lost or repeated");
    if (told) {
        const bool *handled = board->shelf->of_server[who].got_seen;
        verdict_expect(verdict, lost->from == its_lost->from && lost->to == its_lost->to, name,
                       "the two ends were told of different gaps");
        verdict_expect(verdict, lost->from > 1 && handled[lost->from - 1] && !handled[lost->from],
                       name, "the gap does not begin after what was handled");
        verdict_expect(verdict, again->from == its_again->from, name,
                       "the two ends were told of different repeats");
    }
}

/** That its link was disturbed as the script has it, and not otherwise. */
static void check_trouble(struct verdict *verdict, const struct row *row,
                          const struct actor *actor) {
    bool goes_down = actor->role == ROLE_CUT_LONG, comes_back = actor->role == ROLE_RETURNS;
    const char *name = actor->name;
    verdict_expect(verdict, row->client_down == goes_down, name,
                   goes_down ? "did not notice that its link was gone" : "lost its link");
    verdict_expect(verdict, row->was_down == goes_down || comes_back, name,
                   goes_down ? "was not noticed to be gone" : "was dropped");
    verdict_expect(verdict, row->resumed == (goes_down || comes_back), name,
                   "was resumed though nothing was amiss, or was not");
    verdict_expect(
        verdict, comes_back || row->session_resumed.gap_count + row->client_resumed.gap_count == 0,
        name, "was told of a gap, though its process lived on");
    verdict_expect(verdict, row->moved || actor->role != ROLE_MOVED, name,
                   "was not seen to have moved");
    verdict_expect(
        verdict, row->was_suspect || (actor->role != ROLE_CUT_SHORT && actor->role != ROLE_STOPPED),
        name, "was not missed");
}

static void check_stayed(struct verdict *verdict, const struct row *row, const char *name) {
    const struct report *client = &row->client, *session = &row->session;
    verdict_expect(verdict, row->was_opened, name, "was never logged in");
    verdict_expect(verdict, client->code == BELAY_REASON_LEFT && client->by == BELAY_WHO_LOCAL,
                   name, "did not leave by itself");
    verdict_expect(verdict, session->code == BELAY_REASON_LEFT && session->by == BELAY_WHO_PEER,
                   name, "the server was not told that it left");
    verdict_expect(verdict, client->unacked == 0, name, "messages were not known to be handled");
}

void outcome_check(struct verdict *verdict, const struct board *board, int who) {
    const struct row *row = &board->rows[who];
    const struct actor *actor = &cast[who];
    verdict_expect(verdict, row->session_closed, actor->name, "the server never saw its end");
    if (actor->role == ROLE_KILLED) {
        check_killed(verdict, board, who);
        return;
    }
    verdict_expect(verdict, row->client_closed, actor->name, "never got its end");
    verdict_expect(verdict, outcome_is_success(&row->task), actor->name, "its process failed");
    check_trouble(verdict, row, actor);
    if (actor->role == ROLE_REFUSED) {
        check_refused(verdict, row, actor->name);
    } else if (actor->role == ROLE_EVICTED) {
        check_removed(verdict, row, actor->name, BELAY_REASON_KICKED);
    } else if (actor->role == ROLE_REPLACED) {
        check_removed(verdict, row, actor->name, BELAY_REASON_REPLACED);
    } else {
        check_stayed(verdict, row, actor->name);
    }
    if (actor->role == ROLE_RETURNS) {
        check_returned(verdict, board, who);
    }
}

const char *outcome_of(const struct board *board, int who) {
    static const char *const stays[] = {
        [ROLE_STAYS] = "stayed to the end",  [ROLE_STOPPED] = "stopped, stayed on",
        [ROLE_CUT_SHORT] = "cut, stayed on", [ROLE_CUT_LONG] = "down, resumed",
        [ROLE_MOVED] = "moved, stayed on",   [ROLE_RETURNS] = "killed, came back",
        [ROLE_SECOND] = "took oda's place",
    };
    const struct row *row = &board->rows[who];
    if (!row->session_closed) {
        return "no end was seen";
    }
    switch (row->session.code) {
    case BELAY_REASON_LEFT:
        return cast_is_to_stay(who) ? stays[cast[who].role] : "left";
    case BELAY_REASON_TIMEOUT:
        return "killed, timed out";
    case BELAY_REASON_KICKED:
        return "evicted, told why";
    case BELAY_REASON_REPLACED:
        return "replaced, told why";
    case BELAY_REASON_BAD_LOGIN:
        return "refused, told why";
    default:
        return row->session.text;
    }
}
