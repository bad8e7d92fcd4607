/*
 * The rules of the ledger. A message is lost when its sender's books have it, its receiver's have
 * not, and nobody was told; it came twice when the receiver's books have it twice, and nobody was
 * told. "Told" are those of which CLOSED gave the number (not known to be handled), RESUMED the
 * range, or whose sender was killed.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/ledger.h"

#include "examples/demo/outcome.h"
#include <stdio.h>
#include <sys/wait.h>

/** One client's line. */
struct entry {
    uint32_t up_sent, up_got, down_sent, down_got;
    uint32_t told, lost, twice, disordered;
};

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static bool is_in(const struct belay_gap *gap, uint32_t number) {
    return gap != NULL && number >= gap->from && number <= gap->to;
}

/** Whether both ends were told of this number: what is inbound for one is outbound for the other.
 * The application's numbers are Belay's here, until a client's second process. */
static bool both_were_told(const struct row *row, bool to_server, uint32_t number) {
    return is_in(report_gap(&row->session_resumed, to_server), number) &&
           is_in(report_gap(&row->client_resumed, !to_server), number);
}

/** To the server. What is missing is the end of what a process has sent, or it is lost. */
static void count_up(struct entry *entry, const struct row *row, const struct books *client,
                     const struct books *server) {
    uint32_t cut = 0;
    for (uint32_t life = 0; life < LIVES; life++) {
        bool is_end = true;
        for (uint32_t i = client[life].sent; i > 0; i--) {
            uint32_t number = life * LIFE_STEP + i;
            if (server->got_seen[number]) {
                is_end = false;
            } else if (!is_end) {
                entry->lost++;
            } else if (life == 0 && both_were_told(row, true, number)) {
                entry->told++;
            } else {
                cut++;
            }
        }
        entry->up_sent += client[life].sent;
    }
    bool sender_was_killed = outcome_is_kill(row->task.wait_status);
    uint32_t excused = sender_was_killed ? cut : smaller(cut, row->client.unacked);
    entry->told += excused;
    entry->lost += cut - excused;
    entry->up_got = server->got.distinct;
}

/** To the client, whose processes have one session between them. */
static void count_down(struct entry *entry, const struct row *row, const struct books *client,
                       const struct books *server) {
    uint32_t cut = 0;
    bool is_end = true;
    for (uint32_t number = server->sent; number > 0; number--) {
        bool first = client[0].got_seen[number], second = client[1].got_seen[number];
        if (!first && !second) {
            cut += is_end;
            entry->lost += !is_end;
            continue;
        }
        is_end = false;
        entry->down_got++;
        if (first && second && both_were_told(row, false, number)) {
            entry->told++;
        } else if (first && second) {
            entry->twice++;
        }
    }
    uint32_t excused = smaller(cut, row->session.unacked);
    entry->told += excused;
    entry->lost += cut - excused;
    entry->down_sent = server->sent;
}

static struct entry entry_of(const struct board *board, int who) {
    const struct books *client = board->shelf->of_client[who];
    const struct books *server = &board->shelf->of_server[who];
    struct entry entry = {.twice = server->got.twice, .disordered = server->got.disordered};
    count_up(&entry, &board->rows[who], client, server);
    count_down(&entry, &board->rows[who], client, server);
    for (int life = 0; life < LIVES; life++) {
        entry.twice += client[life].got.twice + client[life].echoed.twice;
        entry.disordered += client[life].got.disordered + client[life].echoed.disordered;
    }
    return entry;
}

/** Of the first @p count numbers of a life. */
static uint32_t count_seen(const bool seen[NUMBERS_MAX], int life, uint32_t count) {
    uint32_t sum = 0;
    for (uint32_t i = 1; i <= count; i++) {
        sum += seen[(uint32_t)life * LIFE_STEP + i];
    }
    return sum;
}

/** Numbers that nobody has sent would make more of them come in than there are. */
static void check_counts(struct verdict *verdict, const struct board *board, int who) {
    const struct entry entry = entry_of(board, who);
    const struct books *client = board->shelf->of_client[who];
    const struct books *server = &board->shelf->of_server[who];
    const char *name = cast[who].name;
    uint32_t handled = count_seen(server->got_seen, 0, client[0].sent) +
                       count_seen(server->got_seen, 1, client[1].sent);
    verdict_expect(verdict, entry.lost == 0, name, "reliable messages were lost");
    verdict_expect(verdict, entry.twice == 0, name, "reliable messages came twice");
    verdict_expect(verdict, entry.disordered == 0, name, "reliable messages came out of order");
    verdict_expect(verdict, handled == server->got.distinct, name, "more was handled than sent");
    verdict_expect(verdict,
                   client[0].got.newest <= server->sent && client[1].got.newest <= server->sent,
                   name, "more came in than was sent");
    verdict_expect(verdict, client[0].damaged + client[1].damaged + server->damaged == 0, name,
                   "messages were altered");
    verdict_expect(
        verdict,
        client[0].loose_got.twice + client[1].loose_got.twice + server->loose_got.twice == 0, name,
        "unreliable messages came twice");
    if (cast_is_to_stay(who)) {
        int life = board->rows[who].life;
        const struct books *last = &client[life];
        verdict_expect(verdict, entry.told == 0 || life > 0, name, "messages were cut off");
        verdict_expect(verdict,
                       last->sent > 0 &&
                           count_seen(last->echoed_seen, life, last->sent) == last->sent,
                       name, "not every message was echoed");
    }
}

static void print_entry(const struct board *board, int who) {
    const struct entry entry = entry_of(board, who);
    struct verdict verdict = {0};
    check_counts(&verdict, board, who);
    outcome_check(&verdict, board, who);
    bool good = verdict.count == 0;
    printf("%s%-4s%s%5u%8u %6u%6u %5u%5u%6u%6u  %s%s%s %.20s\n", tone_on(TONE_STRONG),
           cast[who].name, tone_off(), entry.up_sent, entry.up_got, entry.down_sent, entry.down_got,
           entry.told, entry.lost, entry.twice, entry.disordered,
           tone_on(good ? TONE_GOOD : TONE_BAD), good ? "ok " : "BAD", tone_off(),
           outcome_of(board, who));
}

static void print_totals(const struct board *board) {
    struct entry sum = {0};
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct entry entry = entry_of(board, i);
        sum.up_sent += entry.up_sent;
        sum.up_got += entry.up_got;
        sum.down_sent += entry.down_sent;
        sum.down_got += entry.down_got;
        sum.told += entry.told;
        sum.lost += entry.lost;
        sum.twice += entry.twice;
        sum.disordered += entry.disordered;
    }
    printf("%sall %5u%8u %6u%6u %5u%5u%6u%6u%s\n\n", tone_on(TONE_STRONG), sum.up_sent, sum.up_got,
           sum.down_sent, sum.down_got, sum.told, sum.lost, sum.twice, sum.disordered, tone_off());
}

static void print_notes(const struct board *board) {
    uint32_t sent = 0, got = 0, twice = 0;
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct books *client = board->shelf->of_client[i];
        const struct books *server = &board->shelf->of_server[i];
        sent += client[0].loose_sent + client[1].loose_sent + server->loose_sent;
        got += client[0].loose_got.distinct + client[1].loose_got.distinct +
               server->loose_got.distinct;
        twice += client[0].loose_got.twice + client[1].loose_got.twice + server->loose_got.twice;
    }
    printf(
        "%stold: under way when one of the two was killed, evicted or replaced, or come to both\n"
        "processes of jon: CLOSED said how many, RESUMED which. Lost and twice: nobody said\n"
        "beside these: %u unreliable messages sent, %u arrived, %u of them twice%s\n\n",
        tone_on(TONE_FAINT), sent, got, twice, tone_off());
}

static void check_everybody(struct verdict *verdict, const struct board *board) {
    for (int i = 0; i < CAST_SIZE; i++) {
        check_counts(verdict, board, i);
        outcome_check(verdict, board, i);
    }
    verdict_expect(verdict, !board->failed, "the demo",
                   "was ended early, see the commentary above");
    verdict_expect(verdict, outcome_is_success(&board->server), "the server", "its process failed");
}

bool ledger_print(const struct board *board) {
    struct verdict verdict = {0};
    printf("\n%sThe ledger: every reliable message, counted at both ends%s\n\n",
           tone_on(TONE_STRONG), tone_off());
    printf("%s    to the server   to the client\n", tone_on(TONE_FAINT));
    printf("who  sent handled   sent   got  told lost twice order  how it ended%s\n", tone_off());
    for (int i = 0; i < CAST_SIZE; i++) {
        print_entry(board, i);
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
