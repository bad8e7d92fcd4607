/*
 * The rules of the ledger. A reliable event is lost when its sender's books have it, its receiver's
 * have not, and nobody was told; it came twice when the receiver's books have it twice, and nobody
 * was told. "Told" are those of which CLOSED gave the number (not known to be handled) or RESUMED
 * the range: the events' numbers are Belay's, until a client's second process.
 */
#include "examples/arena/demo/ledger.h"

#include "examples/arena/demo/outcome.h"
#include <stdio.h>

/** One client's line, or the sum of several. */
struct entry {
    uint32_t up_sent, up_got, down_sent, down_got;
    uint32_t told, lost, twice;
    uint32_t used, substituted, refused;
    uint32_t states, corrections;
    struct remote_stats remote;
};

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/** How many numbers of @p from to @p to a range holds. */
static uint32_t count_in(const struct gap_record *range, uint32_t from, uint32_t to) {
    uint32_t first = from > range->from ? from : range->from;
    uint32_t last = smaller(to, range->to);
    return range->from != 0 && first <= last ? last - first + 1 : 0;
}

/** The same for what both ends were told. */
static uint32_t count_told(const struct gap_record *one, const struct gap_record *other,
                           uint32_t from, uint32_t to) {
    return smaller(count_in(one, from, to), count_in(other, from, to));
}

/** To the server. What is missing at the end was told of, or is lost. */
static void count_up(struct entry *entry, const struct client_record clients[BOOKS_LIVES],
                     const struct session_record *seat, int lives) {
    for (int life = 0; life < lives; life++) {
        const struct session_record *client = &clients[life].session;
        const struct tally *got = &seat->books.got[life];
        uint32_t sent = client->books.sent;
        uint32_t cut = sent - smaller(got->newest, sent);
        uint32_t told = life + 1 < lives ? count_told(&seat->lost, &clients[life + 1].session.lost,
                                                      got->newest + 1, sent)
                                         : smaller(cut, client->unacked);
        entry->up_sent += sent;
        entry->up_got += got->count;
        entry->told += told;
        entry->lost += cut - told + got->missing + (got->count > 0 ? got->first - 1 : 0);
        entry->twice += got->repeated;
    }
}

/** To the client, whose processes have one session between them: the second may get again what the
 * first had. */
static void count_down(struct entry *entry, const struct client_record clients[BOOKS_LIVES],
                       const struct session_record *seat, int lives) {
    uint32_t newest = 0;
    for (int life = 0; life < lives; life++) {
        const struct session_record *client = &clients[life].session;
        const struct tally *got = &client->books.got[0];
        if (got->count == 0) {
            continue;
        }
        uint32_t again = newest - smaller(got->first - 1, newest);
        uint32_t told = count_told(&seat->repeated, &client->repeated, got->first, newest);
        entry->told += told;
        entry->twice += got->repeated + again - told;
        entry->lost += got->missing + (got->first > newest ? got->first - newest - 1 : 0);
        entry->down_got += got->count - again;
        newest = got->newest > newest ? got->newest : newest;
    }
    uint32_t cut = seat->books.sent - smaller(newest, seat->books.sent);
    uint32_t told = smaller(cut, seat->unacked);
    entry->down_sent = seat->books.sent;
    entry->told += told;
    entry->lost += cut - told;
}

static void add_remote(struct remote_stats *sum, const struct remote_stats *remote) {
    sum->drawn += remote->drawn;
    sum->between += remote->between;
    sum->across += remote->across;
    sum->late += remote->late;
}

static struct entry entry_of(const struct board *board, int who) {
    const struct client_record *clients = board->stage->clients[who];
    const struct session_record *seat = &board_seat(board, who)->session;
    struct entry entry = {
        .used = seat->info.moves_used,
        .substituted = seat->info.moves_substituted,
        .refused = seat->info.moves_refused,
    };
    int lives = board->rows[who].life + 1;
    count_up(&entry, clients, seat, lives);
    count_down(&entry, clients, seat, lives);
    for (int life = 0; life < lives; life++) {
        const struct predict_stats *predict = &clients[life].predict;
        entry.states += predict->states;
        entry.corrections += predict->explained + predict->unexplained;
        add_remote(&entry.remote, &clients[life].remote);
    }
    return entry;
}

static void add(struct entry *sum, const struct entry *entry) {
    sum->up_sent += entry->up_sent;
    sum->up_got += entry->up_got;
    sum->down_sent += entry->down_sent;
    sum->down_got += entry->down_got;
    sum->told += entry->told;
    sum->lost += entry->lost;
    sum->twice += entry->twice;
    sum->used += entry->used;
    sum->substituted += entry->substituted;
    sum->refused += entry->refused;
    sum->states += entry->states;
    sum->corrections += entry->corrections;
    add_remote(&sum->remote, &entry->remote);
}

static void check_counts(struct verdict *verdict, const struct board *board, int who) {
    const struct entry entry = entry_of(board, who);
    const struct client_record *clients = board->stage->clients[who];
    const struct session_record *seat = &board_seat(board, who)->session;
    const char *name = cast[who].name;
    verdict_expect(verdict, entry.up_sent > 0 && entry.down_sent > 0, name, "nothing was sent");
    verdict_expect(verdict, entry.lost == 0, name, "reliable events were lost");
    verdict_expect(verdict, entry.twice == 0, name, "reliable events came twice or out of order");
    verdict_expect(verdict, entry.told == 0 || cast[who].role == ROLE_RETURNS, name,
                   "events were cut off");
    verdict_expect(verdict, entry.up_got <= entry.up_sent && entry.down_got <= entry.down_sent,
                   name, "more came in than was sent");
    verdict_expect(verdict,
                   seat->books.damaged + clients[0].session.books.damaged +
                           clients[1].session.books.damaged ==
                       0,
                   name, "messages were altered");
}

static void print_entry(const char *who, const struct entry *entry, bool good, const char *end) {
    printf("%s%-4s%s%5u%5u%7u%6u%5u%5u%6u%7u%5u%6u%5u%s%s%s%s\n", tone_on(TONE_STRONG), who,
           tone_off(), entry->up_sent, entry->up_got, entry->down_sent, entry->down_got,
           entry->told, entry->lost, entry->twice, entry->used, entry->substituted, entry->refused,
           entry->corrections, end[0] != '\0' ? "  " : "", tone_on(good ? TONE_GOOD : TONE_BAD),
           end, tone_off());
}

static bool check_one(const struct board *board, int who) {
    struct verdict verdict = {0};
    check_counts(&verdict, board, who);
    outcome_check(&verdict, board, who);
    return verdict.count == 0;
}

/** A line for each who has a part or a fault, one for all others, and the sum. */
static struct entry print_entries(const struct board *board) {
    struct entry others = {0}, all = {0};
    int other_count = 0;
    char end[24];
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct entry entry = entry_of(board, i);
        bool good = check_one(board, i);
        add(&all, &entry);
        if (cast[i].role != ROLE_PLAYS || !good) {
            print_entry(cast[i].name, &entry, good, good ? outcome_of(board, i) : "BAD");
        } else {
            add(&others, &entry);
            other_count++;
        }
    }
    snprintf(end, sizeof end, "%d played on", other_count);
    print_entry("rest", &others, true, end);
    print_entry("all", &all, true, "");
    return all;
}

static void print_notes(const struct board *board, const struct entry *all) {
    const struct server_record *server = &board->stage->server;
    const struct remote_stats *remote = &all->remote;
    double share = 100.0 / (remote->drawn > 0 ? remote->drawn : 1);
    printf("\n%stold: lost or repeated as jon was killed; both ends were told so by RESUMED.\n"
           "lost, twice: without a word to anybody.\n"
           "held: ticks run without the player's own input. ref.: inputs refused.\n"
           "corr.: of %u states, those that put a player elsewhere than predicted: always\n"
           "after a tick without its input, else predictions are right to the last bit.\n"
           "The others were drawn %u times: %.1f %% between two states in a row, %.1f %%\n"
           "across a lost one, %.1f %% where they had last been seen.\n"
           "The server ran %llu ticks, and left out %llu. %u hits, %u of them fatal.%s\n\n",
           tone_on(TONE_FAINT), all->states, remote->drawn, remote->between * share,
           remote->across * share, remote->late * share, (unsigned long long)server->ticks_run,
           (unsigned long long)server->ticks_left_out, server->hits, server->kills, tone_off());
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
    printf("\n%sThe ledger: every reliable event, counted at both ends, and every move%s\n\n",
           tone_on(TONE_STRONG), tone_off());
    printf("%s     to server    to client                     moves\n", tone_on(TONE_FAINT));
    printf("who  sent  got   sent   got told lost twice   used held  ref. corr.%s\n", tone_off());
    const struct entry all = print_entries(board);
    print_notes(board, &all);
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
