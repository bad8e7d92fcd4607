/*
 * The rules of the ledger. A message is lost when its sender's books have it, its receiver's have
 * not, and nobody was told. What was on its way when a session was ended from outside is "cut":
 * its sender is told the number of messages that are not known to be handled.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/ledger.h"

#include "examples/demo/roles.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define FAULTS_MAX 32

/** One client's line. */
struct entry {
    uint32_t up_sent, up_got, down_sent, down_got;
    uint32_t cut, lost, twice, disordered;
};

struct verdict {
    int count;
    char faults[FAULTS_MAX][96];
};

static void expect(struct verdict *verdict, bool fact, const char *who, const char *what) {
    if (!fact && verdict->count < FAULTS_MAX) {
        snprintf(verdict->faults[verdict->count++], sizeof verdict->faults[0], "%s: %s", who, what);
    }
}

static uint32_t missing(uint32_t sent, uint32_t got) {
    return sent > got ? sent - got : 0;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/** Who is killed cannot finish its books; what they lack after its last report, the server knows.
 */
static void complete(struct entry *entry, const struct report *session) {
    entry->up_sent = larger(entry->up_sent, entry->up_got);
    entry->down_got = larger(entry->down_got, missing(entry->down_sent, session->unacked));
    entry->cut = missing(entry->down_sent, entry->down_got);
}

static struct entry entry_of(const struct row *row, enum role role) {
    const struct account *client = &row->client.account, *server = &row->session.account;
    struct entry entry = {
        .up_sent = client->sent,
        .up_got = server->got.distinct,
        .down_sent = server->sent,
        .down_got = client->got.distinct,
        .twice = client->got.twice + server->got.twice + client->echoed.twice,
        .disordered = client->got.disordered + server->got.disordered + client->echoed.disordered,
    };
    if (role == ROLE_KILLED) {
        complete(&entry, &row->session);
        return entry;
    }
    uint32_t up_missing = missing(entry.up_sent, entry.up_got);
    uint32_t down_missing = missing(entry.down_sent, entry.down_got);
    entry.cut =
        smaller(up_missing, row->client.unacked) + smaller(down_missing, row->session.unacked);
    entry.lost = up_missing + down_missing - entry.cut;
    return entry;
}

static bool is_without_gap(const struct tally *tally) {
    return tally->distinct == tally->newest;
}

static bool exited_well(const struct row *row) {
    return row->process == PROCESS_ENDED && WIFEXITED(row->wait_status) &&
           WEXITSTATUS(row->wait_status) == 0;
}

static void check_counts(struct verdict *verdict, const struct row *row,
                         const struct actor *actor) {
    const struct account *client = &row->client.account, *server = &row->session.account;
    const struct entry entry = entry_of(row, actor->role);
    const char *name = actor->name;
    expect(verdict, entry.lost == 0, name, "reliable messages were lost");
    expect(verdict, entry.twice == 0, name, "reliable messages came twice");
    expect(verdict, entry.disordered == 0, name, "reliable messages came out of order");
    expect(verdict, is_without_gap(&client->got) && is_without_gap(&server->got), name,
           "there are gaps between the numbers of reliable messages");
    expect(verdict, client->damaged + server->damaged == 0, name, "messages were altered");
    expect(verdict, client->loose_got.twice + server->loose_got.twice == 0, name,
           "unreliable messages came twice");
    expect(verdict, entry.down_got <= entry.down_sent, name, "more came in than was sent");
    expect(verdict, entry.up_got <= entry.up_sent, name, "more was handled than was sent");
}

static void check_stayed(struct verdict *verdict, const struct row *row, const char *name) {
    const struct report *client = &row->client, *session = &row->session;
    expect(verdict, row->was_opened, name, "was never logged in");
    expect(verdict, !row->was_down && !row->client_down, name, "was dropped");
    expect(verdict, client->code == BELAY_REASON_LEFT && client->by == BELAY_WHO_LOCAL, name,
           "did not leave by itself");
    expect(verdict, session->code == BELAY_REASON_LEFT && session->by == BELAY_WHO_PEER, name,
           "the server was not told that it left");
    expect(verdict,
           client->account.sent > 0 && client->account.echoed.distinct == client->account.sent,
           name, "not every message was echoed");
    expect(verdict, entry_of(row, ROLE_STAYS).cut == 0, name, "messages were cut off");
    expect(verdict, client->unacked == 0, name, "messages were not known to be handled");
}

static void check_killed(struct verdict *verdict, const struct row *row, const char *name) {
    const struct report *session = &row->session;
    expect(verdict, WIFSIGNALED(row->wait_status) && WTERMSIG(row->wait_status) == SIGKILL, name,
           "did not die of SIGKILL");
    expect(verdict, row->was_down, name, "was not noticed to be gone");
    expect(verdict, session->code == BELAY_REASON_TIMEOUT && session->by == BELAY_WHO_NETWORK, name,
           "did not time out");
    expect(verdict, session->unacked > 0 && session->unacked <= session->account.sent, name,
           "it is not known how many messages it never handled");
}

static void check_outcome(struct verdict *verdict, const struct row *row,
                          const struct actor *actor) {
    const struct report *client = &row->client, *session = &row->session;
    const char *name = actor->name;
    expect(verdict, row->session_closed, name, "the server never saw its end");
    if (actor->role == ROLE_KILLED) {
        check_killed(verdict, row, name);
        return;
    }
    expect(verdict, row->client_closed, name, "never got its end");
    expect(verdict, exited_well(row), name, "its process failed");
    if (actor->role == ROLE_REFUSED) {
        expect(verdict, client->code == BELAY_REASON_BAD_LOGIN && session->code == client->code,
               name, "was not refused for its login");
        expect(verdict, strcmp(client->text, PASSWORD_TEXT) == 0, name, "was not told why");
        expect(verdict, !row->was_opened, name, "was let in");
    } else if (actor->role == ROLE_EVICTED) {
        expect(verdict,
               client->code == BELAY_REASON_KICKED && client->by == BELAY_WHO_PEER &&
                   session->code == client->code,
               name, "was not evicted");
        expect(verdict, strcmp(client->text, EVICTION_TEXT) == 0, name, "was not told why");
    } else {
        check_stayed(verdict, row, name);
    }
}

static const char *outcome_of(const struct row *row, enum role role) {
    if (!row->session_closed) {
        return "no end was seen";
    }
    switch (row->session.code) {
    case BELAY_REASON_LEFT:
        return role == ROLE_STOPPED ? "stopped, stayed on" : "stayed to the end";
    case BELAY_REASON_TIMEOUT:
        return "killed, timed out";
    case BELAY_REASON_KICKED:
        return "evicted, told why";
    case BELAY_REASON_BAD_LOGIN:
        return "refused, told why";
    default:
        return row->session.text;
    }
}

static void print_entry(const struct row *row, const struct actor *actor) {
    const struct entry entry = entry_of(row, actor->role);
    struct verdict verdict = {0};
    check_counts(&verdict, row, actor);
    check_outcome(&verdict, row, actor);
    bool good = verdict.count == 0;
    printf("%s%-4s%s%5u%8u %6u%6u %5u%5u%6u%6u  %s%s%s %.18s\n", tone_on(TONE_STRONG), actor->name,
           tone_off(), entry.up_sent, entry.up_got, entry.down_sent, entry.down_got, entry.cut,
           entry.lost, entry.twice, entry.disordered, tone_on(good ? TONE_GOOD : TONE_BAD),
           good ? "ok " : "BAD", tone_off(), outcome_of(row, actor->role));
}

static void print_totals(const struct board *board) {
    struct entry sum = {0};
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct entry entry = entry_of(&board->rows[i], cast[i].role);
        sum.up_sent += entry.up_sent;
        sum.up_got += entry.up_got;
        sum.down_sent += entry.down_sent;
        sum.down_got += entry.down_got;
        sum.cut += entry.cut;
        sum.lost += entry.lost;
        sum.twice += entry.twice;
        sum.disordered += entry.disordered;
    }
    printf("%sall %5u%8u %6u%6u %5u%5u%6u%6u%s\n\n", tone_on(TONE_STRONG), sum.up_sent, sum.up_got,
           sum.down_sent, sum.down_got, sum.cut, sum.lost, sum.twice, sum.disordered, tone_off());
}

static void print_notes(const struct board *board) {
    uint32_t sent = 0, got = 0, twice = 0;
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct account *client = &board->rows[i].client.account;
        const struct account *server = &board->rows[i].session.account;
        sent += client->loose_sent + server->loose_sent;
        got += client->loose_got.distinct + server->loose_got.distinct;
        twice += client->loose_got.twice + server->loose_got.twice;
    }
    printf("%scut: on its way when the session was ended; its sender was told the number\n"
           "%s was killed: what its own books lack is taken from the server's\n"
           "beside these: %u unreliable messages sent, %u arrived, %u of them twice%s\n\n",
           tone_on(TONE_FAINT), cast[cast_find(ROLE_KILLED)].name, sent, got, twice, tone_off());
}

static void check_everybody(struct verdict *verdict, const struct board *board) {
    for (int i = 0; i < CAST_SIZE; i++) {
        check_counts(verdict, &board->rows[i], &cast[i]);
        check_outcome(verdict, &board->rows[i], &cast[i]);
    }
    expect(verdict, !board->failed, "the demo", "was ended early, see the commentary above");
    expect(verdict,
           board->server_ended && WIFEXITED(board->server_status) &&
               WEXITSTATUS(board->server_status) == 0,
           "the server", "its process failed");
}

bool ledger_print(const struct board *board) {
    struct verdict verdict = {0};
    printf("\n%sThe ledger: every reliable message, counted at both ends%s\n\n",
           tone_on(TONE_STRONG), tone_off());
    printf("%s    to the server   to the client\n", tone_on(TONE_FAINT));
    printf("who  sent handled   sent   got   cut lost twice order  how it ended%s\n", tone_off());
    for (int i = 0; i < CAST_SIZE; i++) {
        print_entry(&board->rows[i], &cast[i]);
    }
    print_totals(board);
    print_notes(board);
    check_everybody(&verdict, board);
    for (int i = 0; i < verdict.count; i++) {
        printf("%s%s%s\n", tone_on(TONE_BAD), verdict.faults[i], tone_off());
    }
    printf("%s%s%s in %.1f s\n", tone_on(verdict.count == 0 ? TONE_GOOD : TONE_BAD),
           verdict.count == 0 ? "PASS: every count is exact, everybody ended as planned" : "FAIL",
           tone_off(), board->now);
    fflush(stdout);
    return verdict.count == 0;
}
