/*
 * One world serves for many schedules, so that what one leaves behind meets the next. The network
 * is the steering hook of the simulation alone: it counts, delays, copies and loses, and it cuts.
 */
#include "bench/schedules.h"

#include "lib/net/sim.h"
#include "lib/wire/datagram.h"
#include <belay/client.h>
#include <belay/server.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT            7777
#define ADDRESS         "10.0.0.1:7777"
#define WORLD_SCHEDULES 2048 /* that one world serves for */
#define FAILURES_MAX    10
#define STEP_MS         5
#define HEARTBEAT_MS    50
#define LOST_MS         200
#define WINDOW_MS       20000 /* to resume; in it the tombstone of a lost link stands, too */
#define LIMIT_MS        4000 /* until everything is well again: before a half-open handshake falls */
#define MEMORY_SLACK    32768 /* that tables may have grown by: 16 bytes for each schedule */
#define CHANNELS        2
#define SMALL           24
#define LARGE           5000 /* five segments */
#define TALK_MS         20
#define LAST_LARGE_MS   20 /* before the old link is given up: it may be received while it ends */

/* What becomes of a datagram: all delays count from its sending. */
#define WAY_MS            10
#define OVERTAKEN_MS      35  /* the next one has come */
#define COPY_MS           40  /* so has the answer to the first copy */
#define PAST_DATA_MS      120 /* it has been repeated: data after 100 ms at least, */
#define PAST_HANDSHAKE_MS 270 /* handshakes after 250 */
#define PAST_LOSS_MS      230 /* the link was given up again; and some more, by schedule */

enum side { CLIENT, SERVER, NOBODY };
enum way { UP, DOWN }; /* to a side: the way that it sends */
enum fate { DELIVERED, LOST, TWICE, OVERTAKEN, REPEATED, OUTLIVED, FATE_COUNT };
enum moment { NEVER, AT_CUT, AT_TROUBLE };
enum beginning { BOTH_LOSE, CLIENT_LOSES, SERVER_LOSES };

static const char *const fate_names[] = {"delivered", "lost",     "twice",
                                         "overtaken", "repeated", "outlived"};
static const char *const beginning_names[] = {
    "both sides lose the link", "only the client loses the link", "only the server loses the link"};
static const char *const side_names[] = {"client", "server", "nobody"};
static const char *const moment_names[] = {"", "; the client moves when the link is cut",
                                           "; the client moves in the exchange"};
static const char *const way_names[] = {"up", "down"};

struct schedule {
    uint32_t number;
    enum beginning beginning;
    enum fate fates[BL_SCHEDULES_DATAGRAMS];
    enum side who;  /* gives up again */
    unsigned after; /* this many datagrams */

    /* What the schedules vary besides: each has its own, by its number. */
    unsigned until_cut;   /* datagrams, from the first message on */
    enum way large;       /* a message of many segments goes this way, */
    bool has_large;       /* or none does */
    bool copies_late;     /* the copies of datagrams */
    uint32_t past_loss;   /* ms */
    uint32_t last_ms;     /* that what the client sends last over the old link is under way */
    enum side slow;       /* reads one event in a step */
    enum moment moves_at; /* the client's address changes */
};

enum phase { CALM, BREAKING, EXCHANGE };

struct play {
    struct schedule schedule;
    bool trace;
    struct belay_sim *sim;
    struct belay_server *server;
    struct belay_client *client;
    belay_session session;
    uint32_t ms;
    bool open[2], down[2]; /* by side */
    uint32_t sent[2][CHANNELS], received[2][CHANNELS];

    enum phase phase;
    bool cut[2];            /* by way */
    unsigned until_cut;     /* datagrams */
    unsigned counted;       /* of the exchange */
    uint32_t trouble_until; /* the second cut is over then at the latest; 0: there is none */
    unsigned resumes[2];    /* by side */
    enum side gave_up;      /* last */
    bool move_due;
    uint32_t large_at;     /* another large message, on what may be left of the old link */
    uint32_t last_arrival; /* of what was counted */
    uint32_t talk_at;
    bool failed;
    char failure[256];
};

/* ---- memory */

static size_t memory_live;

union block_head {
    size_t size;
    max_align_t align;
};

static void *count_memory(void *block, size_t old_size, size_t new_size, void *user) {
    union block_head *head = block != NULL ? (union block_head *)block - 1 : NULL;
    (void)user;
    memory_live += new_size - old_size;
    if (new_size == 0) {
        free(head);
        return NULL;
    }
    head = realloc(head, sizeof *head + new_size);
    if (head == NULL) {
        abort();
    }
    return head + 1;
}

static const struct belay_hooks hooks = {.realloc = count_memory};

/* ---- what is said */

__attribute__((format(printf, 2, 3))) static void fail(struct play *play, const char *format, ...) {
    va_list arguments;
    if (play->failed) {
        return;
    }
    play->failed = true;
    va_start(arguments, format);
    vsnprintf(play->failure, sizeof play->failure, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void note(const struct play *play, const char *format,
                                                       ...) {
    va_list arguments;
    if (!play->trace) {
        return;
    }
    printf("%8u ms  ", play->ms);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static void print_schedule(FILE *out, const struct schedule *schedule) {
    fprintf(out, "schedule %u: %s;", schedule->number, beginning_names[schedule->beginning]);
    for (unsigned i = 0; i < BL_SCHEDULES_DATAGRAMS; i++) {
        fprintf(out, " %u %s%s", i + 1, fate_names[schedule->fates[i]],
                i + 1 < BL_SCHEDULES_DATAGRAMS ? "," : ";");
    }
    if (schedule->who == NOBODY) {
        fprintf(out, " nobody gives up again");
    } else {
        fprintf(out, " the %s gives up again after %u", side_names[schedule->who], schedule->after);
    }
    fprintf(out, "%s\n", moment_names[schedule->moves_at]);
}

/** A number below @p count out of what is left of the luck. */
static unsigned draw(uint32_t *luck, unsigned count) {
    unsigned drawn = *luck % count;
    *luck /= count;
    return drawn;
}

/** Mixes all digits of a number, so that nothing goes with some fates alone. */
static uint32_t luck_of(uint32_t number) {
    number = (number ^ number >> 16) * UINT32_C(0x45d9f3b); /* odd: a bijection */
    return (number ^ number >> 16) * UINT32_C(0x45d9f3b) >> 2;
}

static void vary(struct schedule *schedule) {
    static const enum moment moments[] = {NEVER, AT_CUT, AT_TROUBLE, NEVER};
    static const uint32_t lasts[] = {WAY_MS, 40, 90};
    uint32_t luck = luck_of(schedule->number);
    schedule->copies_late = draw(&luck, 2) == 0;
    schedule->has_large = draw(&luck, 2) == 0;
    schedule->large = (enum way)draw(&luck, 2);
    schedule->until_cut = 1 + draw(&luck, 11);
    schedule->past_loss = PAST_LOSS_MS + draw(&luck, 7) * 15;
    schedule->last_ms = lasts[draw(&luck, 3)];
    schedule->slow = (enum side)draw(&luck, 3);
    unsigned moment = draw(&luck, 4);
    schedule->moves_at = moment == AT_CUT || schedule->who != NOBODY ? moments[moment] : NEVER;
}

static struct schedule schedule_of(uint32_t number) {
    struct schedule schedule = {.number = number, .who = NOBODY};
    uint32_t fates = number % BL_SCHEDULES_FATES;
    uint32_t plot = (luck_of(fates) + number / BL_SCHEDULES_FATES) % BL_SCHEDULES_PLOTS;
    for (unsigned i = 0; i < BL_SCHEDULES_DATAGRAMS; i++) {
        schedule.fates[i] = (enum fate)draw(&fates, FATE_COUNT);
    }
    schedule.beginning = (enum beginning)draw(&plot, 3);
    if (plot > 0) {
        schedule.who = plot <= BL_SCHEDULES_DATAGRAMS ? CLIENT : SERVER;
        schedule.after = (plot - 1) % BL_SCHEDULES_DATAGRAMS + 1;
    }
    vary(&schedule);
    return schedule;
}

/* ---- the network */

static struct bl_sim_steered once(uint32_t ms) {
    return (struct bl_sim_steered){1, {bl_from_ms(ms)}};
}

static struct bl_sim_steered apply(const struct play *play, enum fate fate,
                                   enum bl_datagram_kind kind) {
    bool handshake = kind < BL_DATAGRAM_DATA;
    uint32_t past_loss_ms = play->schedule.past_loss;
    uint32_t copy_ms = play->schedule.copies_late ? past_loss_ms : COPY_MS;
    switch (fate) {
    case LOST:
        return (struct bl_sim_steered){0};
    case TWICE:
        return (struct bl_sim_steered){2, {bl_from_ms(WAY_MS), bl_from_ms(copy_ms)}};
    case OVERTAKEN:
        return once(OVERTAKEN_MS);
    case REPEATED:
        return once(handshake ? PAST_HANDSHAKE_MS : PAST_DATA_MS);
    case OUTLIVED:
        return once(past_loss_ms);
    default:
        return once(WAY_MS);
    }
}

/** The victim hears nothing more, until it has given up. */
static void begin_trouble(struct play *play) {
    play->cut[play->schedule.who == CLIENT ? DOWN : UP] = true;
    play->trouble_until = play->ms + LOST_MS + 2 * HEARTBEAT_MS;
    play->gave_up = NOBODY;
    play->move_due = play->schedule.moves_at == AT_TROUBLE;
}

static void end_trouble(struct play *play) {
    play->cut[UP] = play->cut[DOWN] = false;
    play->trouble_until = 0;
}

static struct bl_sim_steered count(struct play *play, enum bl_datagram_kind kind) {
    enum fate fate = play->schedule.fates[play->counted++];
    struct bl_sim_steered out = apply(play, fate, kind);
    for (size_t i = 0; i < out.copy_count; i++) {
        uint32_t arrival = play->ms + bl_to_ms(out.delays[i]);
        play->last_arrival = arrival > play->last_arrival ? arrival : play->last_arrival;
    }
    if (play->counted == play->schedule.after) { /* 0 of nobody */
        begin_trouble(play);
    }
    return out;
}

static void cut_first(struct play *play) {
    enum beginning beginning = play->schedule.beginning;
    play->cut[UP] = beginning != CLIENT_LOSES;
    play->cut[DOWN] = beginning != SERVER_LOSES;
    play->move_due = play->schedule.moves_at == AT_CUT;
    play->large_at = play->ms + LOST_MS - LAST_LARGE_MS;
    note(play, "cut");
}

static bool steer(void *user, const struct bl_address *from, const struct bl_datagram *to,
                  struct bl_sim_steered *out) {
    struct play *play = user;
    enum way way = from->port == PORT ? DOWN : UP;
    enum bl_datagram_kind kind = bl_datagram_kind(to->data, to->size);
    const char *what = "";
    if (play->phase == BREAKING && play->until_cut > 0 && --play->until_cut == 0) {
        cut_first(play);
    } else if (play->phase == BREAKING && kind == BL_DATAGRAM_OPEN) {
        play->phase = EXCHANGE;
        end_trouble(play);
    }
    if (play->cut[way]) {
        *out = (struct bl_sim_steered){0};
        what = "cut";
    } else if (play->phase == EXCHANGE && play->counted < BL_SCHEDULES_DATAGRAMS) {
        what = fate_names[play->schedule.fates[play->counted]];
        *out = count(play, kind);
    } else {
        *out = once(play->phase == BREAKING && way == UP ? play->schedule.last_ms : WAY_MS);
    }
    note(play, "%-4s kind %-2d %4zu bytes %s", way_names[way], (int)kind, to->size, what);
    return true;
}

/* ---- what is sent and told */

static uint8_t pattern_at(uint32_t number, size_t index) {
    return (uint8_t)(number * 31 + index + (index >> 8));
}

static void send_message(struct play *play, enum way way, uint8_t channel, uint32_t size) {
    uint8_t data[LARGE];
    const uint32_t head[2] = {++play->sent[way][channel], size};
    memcpy(data, head, sizeof head);
    for (size_t i = sizeof head; i < size; i++) {
        data[i] = pattern_at(head[0], i);
    }
    enum belay_result result =
        way == UP ? belay_client_send(play->client, channel, data, size)
                  : belay_server_send(play->server, play->session, channel, data, size);
    if (result != BELAY_OK) {
        fail(play, "a message %s was refused: %s", way_names[way], belay_error());
    }
}

static void take_message(struct play *play, enum way way,
                         const struct belay_message_event *message) {
    uint32_t head[2] = {0};
    uint32_t expected = ++play->received[way][message->channel];
    const uint8_t *data = message->data;
    if (message->size >= sizeof head) {
        memcpy(head, data, sizeof head);
    }
    bool whole = head[1] == message->size;
    for (size_t i = sizeof head; i < message->size; i++) {
        whole = whole && data[i] == pattern_at(head[0], i);
    }
    if (head[0] != expected || !whole) {
        fail(play, "message %u came %s on channel %u%s, where %u was due", head[0], way_names[way],
             message->channel, whole ? "" : ", damaged", expected);
    }
}

static void take_once(struct play *play, enum side side, bool *had) {
    if (*had) {
        fail(play, "the %s logged in twice", side_names[side]);
    }
    *had = true;
}

static void take_event(struct play *play, enum side side, const struct belay_event *event) {
    note(play, "%s: %s", side_names[side], belay_event_name(event->type));
    switch (event->type) {
    case BELAY_EVENT_MESSAGE:
        take_message(play, side == SERVER ? UP : DOWN, &event->message);
        break;
    case BELAY_EVENT_LOGIN:
        play->session = event->session;
        belay_server_accept(play->server, event->session, NULL, NULL, 0);
        break;
    case BELAY_EVENT_OPEN:
        take_once(play, side, &play->open[side]);
        break;
    case BELAY_EVENT_DOWN:
        if (play->down[side]) {
            fail(play, "the %s was told DOWN twice", side_names[side]);
        }
        play->down[side] = true;
        play->gave_up = side;
        break;
    case BELAY_EVENT_RESUMED: /* a server need not have missed its client */
        if (!play->down[side] && side == CLIENT) {
            fail(play, "the client was told RESUMED, and not DOWN before");
        }
        play->down[side] = false;
        play->resumes[side]++;
        break;
    case BELAY_EVENT_LINK:
    case BELAY_EVENT_STATE:
    case BELAY_EVENT_TICKET:
        break;
    case BELAY_EVENT_CLOSED:
        fail(play, "the %s was told CLOSED: %s", side_names[side], event->closed.reason->text);
        break;
    default:
        fail(play, "the %s was told %s", side_names[side], belay_event_name(event->type));
        break;
    }
}

/* ---- time */

/** Its application lags behind what has come, while the link is down and after. */
static bool is_slow(const struct play *play, enum side side) {
    return play->phase != CALM && play->schedule.slow == side;
}

static void poll_server(struct play *play) {
    struct belay_event event;
    bool slow = is_slow(play, SERVER);
    belay_server_service(play->server, 0);
    while (belay_server_poll(play->server, &event)) {
        take_event(play, SERVER, &event);
        if (slow) {
            break;
        }
    }
}

static void poll_client(struct play *play) {
    struct belay_event event;
    bool slow = is_slow(play, CLIENT);
    belay_client_service(play->client, 0);
    while (belay_client_poll(play->client, &event)) {
        take_event(play, CLIENT, &event);
        if (slow) {
            break;
        }
    }
}

/** Both sides talk, now on this channel, now on that. */
static void talk(struct play *play) {
    uint8_t channel = (uint8_t)(play->ms / TALK_MS % CHANNELS);
    send_message(play, UP, channel, SMALL);
    send_message(play, DOWN, channel, SMALL);
    if (play->schedule.has_large && play->ms == play->large_at) {
        send_message(play, play->schedule.large, 1, LARGE);
    }
    play->talk_at = play->ms + TALK_MS;
}

static void step(struct play *play) {
    belay_sim_advance(play->sim, STEP_MS);
    play->ms += STEP_MS;
    if (play->move_due) {
        play->move_due = false;
        belay_sim_rebind(play->sim, play->client);
    }
    poll_server(play);
    poll_client(play);
    bool at_it = play->phase == BREAKING ||
                 (play->phase == EXCHANGE && play->counted < BL_SCHEDULES_DATAGRAMS);
    if (at_it && (play->ms >= play->talk_at || play->ms == play->large_at) && !play->failed) {
        talk(play);
    }
    if (play->phase == BREAKING && play->until_cut == 0 && play->cut[UP] && !play->cut[DOWN] &&
        play->down[SERVER]) {
        end_trouble(play); /* the client can hear now that it was given up */
    }
    if (play->trouble_until != 0 &&
        (play->ms >= play->trouble_until || play->gave_up == play->schedule.who)) {
        note(play, "mended");
        end_trouble(play);
    }
    belay_server_flush(play->server);
    belay_client_flush(play->client);
}

static bool is_logged_in(const struct play *play) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    return belay_client_info(play->client, &info) == BELAY_OK && info.state == BELAY_LOGGED_IN &&
           belay_server_info(play->server, play->session, &info) == BELAY_OK &&
           info.state == BELAY_LOGGED_IN && !play->down[CLIENT] && !play->down[SERVER];
}

static bool has_everything(const struct play *play) {
    return memcmp(play->sent, play->received, sizeof play->sent) == 0;
}

static bool is_well(const struct play *play) {
    return play->phase == EXCHANGE && play->counted == BL_SCHEDULES_DATAGRAMS &&
           play->trouble_until == 0 && play->ms > play->last_arrival && has_everything(play) &&
           is_logged_in(play);
}

/** What is wrong, in the words of whoever has to find out why. */
static void explain(struct play *play) {
    struct belay_session_info at[2] = {BELAY_SESSION_INFO_INIT, BELAY_SESSION_INFO_INIT};
    belay_client_info(play->client, &at[CLIENT]);
    belay_server_info(play->server, play->session, &at[SERVER]);
    fail(play,
         "not well after %d ms: client %s, server %s, %u datagrams of the exchange; of the "
         "messages up %u+%u of %u+%u came, down %u+%u of %u+%u",
         LIMIT_MS, belay_state_name(at[CLIENT].state), belay_state_name(at[SERVER].state),
         play->counted, play->received[UP][0], play->received[UP][1], play->sent[UP][0],
         play->sent[UP][1], play->received[DOWN][0], play->received[DOWN][1], play->sent[DOWN][0],
         play->sent[DOWN][1]);
}

/** Until it holds; fails when it does not within the limit. */
static void run_until(struct play *play, bool (*holds)(const struct play *play)) {
    uint32_t limit = play->ms + LIMIT_MS;
    while (!play->failed && !holds(play)) {
        if (play->ms >= limit) {
            explain(play);
        }
        step(play);
    }
}

static void send_round(struct play *play, bool has_large) {
    enum way large = play->schedule.large;
    for (uint8_t channel = 0; channel < CHANNELS; channel++) {
        bool here = has_large && channel == 1;
        send_message(play, UP, channel, here && large == UP ? LARGE : SMALL);
        send_message(play, DOWN, channel, here && large == DOWN ? LARGE : SMALL);
    }
}

/** One link for each that was lost: none is given up that could have been kept. */
static void check_resumes(struct play *play) {
    unsigned max = play->schedule.who == NOBODY ? 1 : 2;
    for (int side = CLIENT; side <= SERVER; side++) {
        if (play->resumes[side] < 1 || play->resumes[side] > max) {
            fail(play, "the %s was resumed %u times; %u would do", side_names[side],
                 play->resumes[side], max);
        }
    }
}

static void run_schedule(struct play *play, uint32_t number) {
    play->schedule = schedule_of(number);
    if (play->trace) {
        print_schedule(stdout, &play->schedule);
    }
    play->phase = BREAKING;
    play->until_cut = play->schedule.until_cut;
    play->counted = 0;
    play->resumes[CLIENT] = play->resumes[SERVER] = 0;
    play->talk_at = play->ms + TALK_MS;
    send_round(play, play->schedule.has_large);
    run_until(play, is_well);
    check_resumes(play);
    play->phase = CALM;
    if (!play->failed) {
        send_round(play, false);
    }
    run_until(play, has_everything);
    if (!play->failed && !is_logged_in(play)) {
        fail(play, "a link was lost again when all was well");
    }
}

/* ---- a world */

static bool is_open(const struct play *play) {
    return play->open[CLIENT] && play->open[SERVER];
}

static bool start(struct play *play) {
    static const struct belay_channel channels[CHANNELS] = {
        {.name = "orders", .mode = BELAY_RELIABLE}, {.name = "files", .mode = BELAY_RELIABLE}};
    struct belay_server_opts server = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    play->sim = belay_sim_create(1);
    if (play->sim == NULL) {
        return false;
    }
    bl_sim_steer(play->sim, steer, play);
    server.listen = to.invite = ADDRESS;
    server.session_max = 1;
    server.handshake_rate = BELAY_FOREVER;
    server.heartbeat_ms = HEARTBEAT_MS;
    server.lost_ms = LOST_MS;
    server.resume_window_ms = WINDOW_MS;
    server.channels = client.channels = channels;
    server.channel_count = client.channel_count = CHANNELS;
    server.hooks = client.hooks = &hooks;
    server.sim = client.sim = play->sim;
    return belay_server_start(&play->server, &server) == BELAY_OK &&
           belay_client_create(&play->client, &client) == BELAY_OK &&
           belay_client_connect(play->client, &to) == BELAY_OK;
}

/** Long enough for tombstones to fall, and for half-open handshakes to be given up. */
static size_t settle(struct play *play) {
    for (uint32_t end = play->ms + WINDOW_MS + LIMIT_MS; play->ms < end && !play->failed;) {
        step(play);
    }
    if (!is_logged_in(play)) {
        fail(play, "a link was lost when nothing was wrong");
    }
    return memory_live;
}

static void check_nothing_is_left(struct play *play, size_t before) {
    struct belay_session_info at[2] = {BELAY_SESSION_INFO_INIT, BELAY_SESSION_INFO_INIT};
    size_t after = settle(play);
    belay_client_info(play->client, &at[CLIENT]);
    belay_server_info(play->server, play->session, &at[SERVER]);
    for (int side = CLIENT; side <= SERVER; side++) {
        if (at[side].queued_messages > 0 || at[side].queued_bytes > 0) {
            fail(play, "the %s still holds %u messages, which have all come", side_names[side],
                 at[side].queued_messages);
        }
    }
    if (after > before + MEMORY_SLACK) {
        fail(play, "%zu bytes of memory have grown to %zu", before, after);
    }
}

/** @return the first that has not been run, after one that failed if play->failed */
static uint32_t run_world(struct play *play, uint32_t first, uint32_t end, bool trace) {
    size_t live = memory_live;
    *play = (struct play){.schedule = schedule_of(first)};
    if (!start(play)) {
        fail(play, "%s", belay_error());
    }
    run_until(play, is_open);
    size_t before = settle(play);
    play->trace = trace;
    uint32_t number = first;
    while (number < end && !play->failed) {
        run_schedule(play, number++);
    }
    play->trace = false;
    if (!play->failed) {
        check_nothing_is_left(play, before);
    }
    belay_client_destroy(play->client);
    belay_server_destroy(play->server);
    belay_sim_destroy(play->sim);
    if (memory_live != live) {
        fail(play, "%zu bytes of memory were not given back", memory_live - live);
    }
    return number;
}

/** Runs it alone, so as to say which command shows the failure again. */
static void report(const struct play *play, uint32_t first, uint32_t last) {
    static struct play alone;
    fputs("FAILED ", stderr);
    print_schedule(stderr, &play->schedule);
    fprintf(stderr, "  %s\n", play->failure);
    run_world(&alone, last, last + 1, false);
    if (alone.failed) {
        fprintf(stderr, "  sh tools/goal exhaustive --only %u\n", last);
    } else {
        fprintf(stderr, "  only after others: sh tools/goal exhaustive --only %u-%u\n", first,
                last);
    }
}

uint32_t bl_schedules_run(uint32_t first, uint32_t end, bool trace) {
    static struct play play;
    uint32_t failures = 0;
    while (first < end && failures < FAILURES_MAX) {
        uint32_t until = end - first < WORLD_SCHEDULES ? end : first + WORLD_SCHEDULES;
        uint32_t next = run_world(&play, first, until, trace);
        if (play.failed) {
            failures++;
            report(&play, first, next - 1);
        }
        first = next;
    }
    return failures;
}
