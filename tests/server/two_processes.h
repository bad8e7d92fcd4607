/*
 * A server that is restarted, and its clients: the servers are processes of their own, the clients
 * live in the test's. Both keep books of numbered messages; the servers' are in memory that all
 * processes share, so that what one process has polled the next one's books know.
 */
#ifndef BL_TESTS_SERVER_TWO_PROCESSES_H
#define BL_TESTS_SERVER_TWO_PROCESSES_H

#include "lib/clock/clock.h"
#include "tests/support/folder.h"
#include "tests/support/test.h"
#include <belay/client.h>
#include <belay/server.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define CLIENTS_MAX 8
#define PATIENCE_MS 20000 /* valgrind's too */
#define LIFE_S      120   /* of a server whose test is gone */
#define GAME        "restart/1"

enum { CHAT, MOVES, STATE, BRIEF, CHANNEL_COUNT };
static const struct belay_channel channels[CHANNEL_COUNT] = {
    {.name = "chat"},
    {.name = "moves", .mode = BELAY_SEQUENCED},
    {.name = "state"},
    {.name = "brief", .life_ms = 200},
};

/** One way of one channel of one client. Numbers begin at 1. */
struct way {
    _Atomic uint32_t wanted, size; /* how many are to be sent, once there is room for them */
    _Atomic uint32_t sent;
    _Atomic uint32_t newest, received;
    _Atomic uint32_t repeated, missed, damaged, returned;
};

/** Requests one way of one client, numbered from 1 by their cookies. */
struct questions {
    _Atomic uint32_t wanted, deadline_ms; /* how many are to be asked, each with this */
    _Atomic uint32_t asked, shown, ended;
    _Atomic uint32_t wrong; /* ends of another than the next one */
    _Atomic int32_t code;   /* of the last end */
};

/** What the servers know of a client. */
struct seat {
    struct way up[CHANNEL_COUNT], down[CHANNEL_COUNT];
    struct questions ask_up, ask_down;
    _Atomic uint32_t logins, opens, downs, resumes, closes, gaps;
    _Atomic uint32_t reason;  /* of the last close */
    _Atomic uint32_t process; /* that told OPEN last */
};

struct board {
    _Atomic uint32_t process; /* that serves: 1, 2 and so on */
    _Atomic uint16_t port;
    _Atomic bool deaf, quit, silent;  /* orders: do not poll; end; answer no request */
    _Atomic uint32_t asked, answered; /* hand-overs */
    _Atomic int result;               /* of the last one */
    char words[256];
    _Atomic int start_result; /* of the last process */
    char start_words[256];
    _Atomic bool started;
    _Atomic uint32_t tick, first_tick; /* newest that was run; the first of the newest process */
    _Atomic uint32_t inputs;           /* that ticks were run with, as they were sent */
    struct seat seats[CLIENTS_MAX];
};

struct player {
    struct belay_client *it;
    bool asleep; /* it does nothing at all */
    bool deaf;   /* it does not poll */
    bool silent; /* it answers no request */
    bool open;
    belay_request newest; /* that it was shown */
    uint32_t opens, downs, resumes, closes, gaps, reason;
    uint8_t ticket[BELAY_TICKET_SIZE_MAX];
    size_t ticket_size;
};

static struct board *board;
static struct player players[CLIENTS_MAX];
static unsigned player_count;
static struct belay_server_opts server_opts; /* of the first process */
static struct belay_client_opts client_opts;
static pid_t processes[8];
static unsigned process_count;

static const char *hand_over_path(void) {
    return folder_file("next");
}

/* ---- messages */

static uint8_t letter(uint32_t number, size_t index) {
    return (uint8_t)(number * 31 + index + (index >> 8));
}

/** Writes the next number of a way; its size is at least 4. */
static size_t write_message(uint8_t *data, const struct way *way) {
    uint32_t number = way->sent + 1;
    size_t size = way->size > sizeof number ? way->size : sizeof number;
    memcpy(data, &number, sizeof number);
    for (size_t i = sizeof number; i < size; i++) {
        data[i] = letter(number, i);
    }
    return size;
}

static void read_message(struct way *way, const uint8_t *data, size_t size) {
    uint32_t number = 0;
    memcpy(&number, data, size < sizeof number ? size : sizeof number);
    for (size_t i = sizeof number; i < size; i++) {
        if (data[i] != letter(number, i)) {
            way->damaged++;
            return;
        }
    }
    if (number <= way->newest) {
        way->repeated++; /* or out of order */
        return;
    }
    way->missed += number - way->newest - 1;
    way->newest = number;
    way->received++;
}

/* ---- requests */

#define ANSWER 7 /* of clients, as a code */

static void take_end(struct questions *questions, const struct belay_reply_event *reply) {
    questions->wrong += reply->cookie != questions->ended + 1;
    questions->code = reply->code;
    questions->ended++;
}

/* ---- the servers */

static size_t server_memory;

static void *count_memory(void *block, size_t old_size, size_t new_size, void *user) {
    (void)user;
    server_memory += new_size - old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

static struct seat *seat_of(struct belay_server *server, belay_session session) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    if (belay_server_info(server, session, &info) != BELAY_OK) {
        abort();
    }
    return &board->seats[info.user_id[0] - 1];
}

static void accept_login(struct belay_server *server, const struct belay_event *event) {
    uint8_t user_id[16] = {*(const uint8_t *)event->login.data};
    board->seats[user_id[0] - 1].logins++;
    belay_server_accept(server, event->session, user_id, NULL, 0);
}

static void take_event(struct belay_server *server, const struct belay_event *event) {
    if (event->type == BELAY_EVENT_LOGIN) {
        accept_login(server, event);
        return;
    }
    struct seat *seat = seat_of(server, event->session);
    seat->downs += event->type == BELAY_EVENT_DOWN;
    switch (event->type) {
    case BELAY_EVENT_OPEN:
        seat->opens++;
        seat->process = board->process;
        break;
    case BELAY_EVENT_RESUMED:
        seat->resumes++;
        seat->gaps += event->resumed.gap_count;
        break;
    case BELAY_EVENT_CLOSED:
        seat->closes++;
        seat->reason = event->closed.reason->code;
        break;
    case BELAY_EVENT_MESSAGE:
        read_message(&seat->up[event->message.channel], event->message.data, event->message.size);
        break;
    case BELAY_EVENT_RETURNED:
        seat->down[event->returned.channel].returned++;
        break;
    case BELAY_EVENT_REQUEST:
        seat->ask_up.shown++;
        if (!board->silent) {
            belay_server_reply(server, event->request.id, 0, NULL, 0);
        }
        break;
    case BELAY_EVENT_REPLY:
        take_end(&seat->ask_down, &event->reply);
        break;
    default:
        break;
    }
}

static void ask_what_is_wanted(struct belay_server *server) {
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        belay_session session = belay_server_find(server, (const uint8_t[16]){(uint8_t)(i + 1)});
        struct questions *ask = &board->seats[i].ask_down;
        while (session != 0 && ask->asked < ask->wanted &&
               belay_server_request(server, session, 1, NULL, 0, ask->deadline_ms, ask->asked + 1,
                                    NULL) == BELAY_OK) {
            ask->asked++;
        }
    }
}

static void send_what_is_wanted(struct belay_server *server) {
    static uint8_t data[BELAY_MESSAGE_MAX];
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        belay_session session = belay_server_find(server, (const uint8_t[16]){(uint8_t)(i + 1)});
        for (uint8_t channel = 0; session != 0 && channel < CHANNEL_COUNT; channel++) {
            struct way *way = &board->seats[i].down[channel];
            while (way->sent < way->wanted &&
                   belay_server_send(server, session, channel, data, write_message(data, way)) ==
                       BELAY_OK) {
                way->sent++;
            }
        }
    }
}

/** With movement: each tick of each session with its input, which is the tick's number. */
static void run_ticks(struct belay_server *server, uint32_t *first) {
    uint32_t tick, input;
    while (belay_server_next_tick(server, &tick)) {
        *first = *first == 0 ? tick : *first;
        board->first_tick = *first;
        board->tick = tick;
        for (belay_session s = 0; (s = belay_server_next(server, s)) != 0;) {
            struct belay_move move;
            if (belay_server_take_move(server, s, 0, tick, &move) == BELAY_OK && move.as_sent) {
                memcpy(&input, move.data, sizeof input);
                board->inputs += input == tick;
            }
        }
    }
}

/** @return whether it has handed over */
static bool do_hand_over(struct belay_server *server) {
    enum belay_result result = belay_server_hand_over(server, hand_over_path());
    snprintf(board->words, sizeof board->words, "%s", result == BELAY_OK ? "" : belay_error());
    board->result = result;
    board->answered = board->asked;
    return result == BELAY_OK;
}

static void serve(struct belay_server *server) {
    struct belay_event event;
    uint32_t first_tick = 0;
    while (!board->quit) {
        belay_server_service(server, 1);
        run_ticks(server, &first_tick);
        while (!board->deaf && belay_server_poll(server, &event)) {
            take_event(server, &event);
        }
        send_what_is_wanted(server);
        ask_what_is_wanted(server);
        if (board->asked != board->answered && do_hand_over(server)) {
            return;
        }
    }
}

/** A server's whole life. Its status tells whether it could start, and gave all memory back. */
static int live(const struct belay_server_opts *given) {
    static const struct belay_hooks hooks = {.realloc = count_memory};
    struct belay_server_opts opts = *given;
    struct belay_stats stats = BELAY_STATS_INIT;
    struct belay_server *server = NULL;
    opts.struct_size = sizeof opts;
    opts.hooks = &hooks;
    opts.listen = "127.0.0.1:0";
    opts.game = opts.game != NULL ? opts.game : GAME;
    opts.channels = opts.channels != NULL ? opts.channels : channels;
    opts.channel_count = opts.channel_count > 0 ? opts.channel_count : CHANNEL_COUNT;
    board->start_result = belay_server_start(&server, &opts);
    if (board->start_result != BELAY_OK) {
        snprintf(board->start_words, sizeof board->start_words, "%s", belay_error());
    } else {
        belay_server_stats(server, &stats);
        board->port = stats.port;
        board->process++;
    }
    board->started = true;
    if (board->start_result == BELAY_OK) {
        serve(server);
    }
    belay_server_destroy(server);
    return server_memory == 0 ? 0 : 9;
}

static pid_t start_child(void) {
    pid_t parent = getpid();
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child > 0) {
        return child;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(LIFE_S);
    if (getppid() != parent) {
        _exit(1);
    }
    return 0;
}

/** @param opts  with take_over or without */
static void start_server(const struct belay_server_opts *opts) {
    board->started = false;
    pid_t child = start_child();
    if (child == 0) {
        _exit(live(opts));
    }
    processes[process_count++] = child;
}

static void join(pid_t child) {
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/** The oldest of the servers ends by itself, with nothing left behind. */
static void join_oldest(void) {
    join(processes[0]);
    memmove(processes, processes + 1, sizeof processes - sizeof processes[0]);
    process_count--;
}

/* ---- the clients */

static void take_news(unsigned index, const struct belay_event *event) {
    struct player *player = &players[index];
    player->opens += event->type == BELAY_EVENT_OPEN;
    player->downs += event->type == BELAY_EVENT_DOWN;
    player->resumes += event->type == BELAY_EVENT_RESUMED;
    player->closes += event->type == BELAY_EVENT_CLOSED;
    switch (event->type) {
    case BELAY_EVENT_OPEN:
    case BELAY_EVENT_RESUMED:
        player->open = true;
        player->gaps += event->type == BELAY_EVENT_RESUMED ? event->resumed.gap_count : 0;
        break;
    case BELAY_EVENT_DOWN:
        player->open = false;
        break;
    case BELAY_EVENT_CLOSED:
        player->open = false;
        player->reason = event->closed.reason->code;
        break;
    case BELAY_EVENT_TICKET:
        player->ticket_size = event->ticket.size;
        memcpy(player->ticket, event->ticket.data, event->ticket.size);
        break;
    case BELAY_EVENT_MESSAGE:
        read_message(&board->seats[index].down[event->message.channel], event->message.data,
                     event->message.size);
        break;
    case BELAY_EVENT_RETURNED:
        board->seats[index].up[event->returned.channel].returned++;
        break;
    case BELAY_EVENT_REQUEST:
        board->seats[index].ask_down.shown++;
        player->newest = event->request.id;
        if (!player->silent) {
            belay_client_reply(player->it, player->newest, ANSWER, NULL, 0);
        }
        break;
    case BELAY_EVENT_REPLY:
        take_end(&board->seats[index].ask_up, &event->reply);
        break;
    default:
        break;
    }
}

static void say_what_is_wanted(unsigned index) {
    static uint8_t data[BELAY_MESSAGE_MAX];
    struct questions *ask = &board->seats[index].ask_up;
    while (players[index].opens > 0 && ask->asked < ask->wanted &&
           belay_client_request(players[index].it, 1, NULL, 0, ask->deadline_ms, ask->asked + 1,
                                NULL) == BELAY_OK) {
        ask->asked++;
    }
    for (uint8_t channel = 0; players[index].opens > 0 && channel < CHANNEL_COUNT; channel++) {
        struct way *way = &board->seats[index].up[channel];
        while (way->sent < way->wanted && belay_client_send(players[index].it, channel, data,
                                                            write_message(data, way)) == BELAY_OK) {
            way->sent++;
        }
    }
}

static void play(struct belay_client *client) {
    uint32_t tick;
    while (belay_client_next_tick(client, &tick)) {
        ck_assert_int_eq(belay_client_send_move(client, 0, tick, &tick), BELAY_OK);
    }
}

static void step(void) {
    struct belay_event event;
    for (unsigned i = 0; i < player_count; i++) {
        if (players[i].it == NULL || players[i].asleep) {
            continue;
        }
        say_what_is_wanted(i);
        play(players[i].it);
        belay_client_service(players[i].it, i == 0);
        while (!players[i].deaf && belay_client_poll(players[i].it, &event)) {
            take_news(i, &event);
        }
    }
    if (player_count == 0 || players[0].it == NULL || players[0].asleep) {
        (void)usleep(1000); /* the servers' time; what is waited for is asked again */
    }
}

#define must_come(condition)                                                                       \
    do {                                                                                           \
        bl_time until_ = bl_clock_monotonic() + PATIENCE_MS * BL_MILLISECOND;                      \
        while (!(condition) && bl_clock_monotonic() < until_) {                                    \
            step();                                                                                \
        }                                                                                          \
        ck_assert_msg(condition, "did not come: %s", #condition);                                  \
    } while (0)

static void run_for(uint32_t ms) {
    bl_time until = bl_clock_monotonic() + bl_from_ms(ms);
    while (bl_clock_monotonic() < until) {
        step();
    }
}

static void create_player(unsigned index) {
    struct belay_client_opts opts = client_opts;
    opts.struct_size = sizeof opts;
    opts.game = GAME;
    opts.channels = channels;
    opts.channel_count = CHANNEL_COUNT;
    ck_assert_msg(belay_client_create(&players[index].it, &opts) == BELAY_OK, "%s", belay_error());
}

static void log_in(unsigned index) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    char invite[32];
    uint8_t name = (uint8_t)(index + 1);
    snprintf(invite, sizeof invite, "127.0.0.1:%u", board->port);
    to.invite = invite;
    to.login = &name;
    to.login_size = 1;
    create_player(index);
    ck_assert_msg(belay_client_connect(players[index].it, &to) == BELAY_OK, "%s", belay_error());
}

/** As its process had died, and another one comes with its ticket. */
static void revive(unsigned index) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    to.ticket = players[index].ticket;
    to.ticket_size = players[index].ticket_size;
    create_player(index);
    players[index].open = false;
    ck_assert_msg(belay_client_connect(players[index].it, &to) == BELAY_OK, "%s", belay_error());
}

static bool all_are_open(void) {
    for (unsigned i = 0; i < player_count; i++) {
        if (!players[i].open) {
            return false;
        }
    }
    return true;
}

/** A server, and so many clients of it that are logged in. */
static void open_all(unsigned clients) {
    start_server(&server_opts);
    must_come(board->started);
    ck_assert_msg(board->start_result == BELAY_OK, "%s", board->start_words);
    for (unsigned i = 0; i < clients; i++) {
        log_in(i);
        player_count++;
    }
    must_come(all_are_open());
    run_for(20); /* so that the servers' books have it too */
}

/* ---- both */

static void ask_for_hand_over(void) {
    board->asked++;
}

static bool is_answered(void) {
    return board->answered == board->asked;
}

/** The next process takes over. */
static void restart(void) {
    struct belay_server_opts opts = server_opts;
    uint32_t process = board->process;
    opts.take_over = hand_over_path();
    start_server(&opts);
    ask_for_hand_over();
    must_come(is_answered() && board->started);
    ck_assert_msg(board->result == BELAY_OK, "%s", board->words);
    ck_assert_msg(board->start_result == BELAY_OK, "%s", board->start_words);
    ck_assert_uint_eq(board->process, process + 1);
    join_oldest();
}

/** So many more messages are to be sent, both ways. */
static void want(unsigned index, uint8_t channel, uint32_t count, uint32_t size) {
    struct way *ways[] = {&board->seats[index].up[channel], &board->seats[index].down[channel]};
    for (int i = 0; i < 2; i++) {
        ways[i]->size = size;
        ways[i]->wanted += count;
    }
}

static bool has_arrived(const struct way *way) {
    return way->sent == way->wanted && way->newest == way->sent;
}

static bool everything_has_arrived(void) {
    for (unsigned i = 0; i < player_count; i++) {
        for (uint8_t channel = 0; channel < CHANNEL_COUNT; channel++) {
            const struct seat *seat = &board->seats[i];
            bool reliable = channels[channel].mode == BELAY_RELIABLE;
            if (reliable &&
                (!has_arrived(&seat->up[channel]) || !has_arrived(&seat->down[channel]))) {
                return false;
            }
        }
    }
    return true;
}

static void ck_assert_exact(const struct way *way, const char *what, unsigned index) {
    ck_assert_msg(way->received == way->sent && way->repeated == 0 && way->missed == 0 &&
                      way->damaged == 0 && way->returned == 0,
                  "client %u, %s: %u sent, %u received, %u twice, %u missed, %u damaged, %u "
                  "returned",
                  index, what, way->sent, way->received, way->repeated, way->missed, way->damaged,
                  way->returned);
}

/** Each message came exactly once and in order. */
static void ck_assert_books_agree(void) {
    must_come(everything_has_arrived());
    for (unsigned i = 0; i < player_count; i++) {
        for (uint8_t channel = 0; channel < CHANNEL_COUNT; channel++) {
            if (channels[channel].mode == BELAY_RELIABLE) {
                ck_assert_exact(&board->seats[i].up[channel], "up", i);
                ck_assert_exact(&board->seats[i].down[channel], "down", i);
            }
        }
    }
}

static void begin(void) {
    folder_begin();
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(board, MAP_FAILED);
    memset(players, 0, sizeof players);
    player_count = process_count = 0;
    server_opts = (struct belay_server_opts){.heartbeat_ms = 200};
    client_opts = (struct belay_client_opts){0};
}

static void end(void) {
    board->quit = true;
    while (process_count > 0) {
        join_oldest();
    }
    for (unsigned i = 0; i < player_count; i++) {
        belay_client_destroy(players[i].it);
    }
    ck_assert_uint_eq(folder_count(), 0);
    folder_end();
    munmap(board, sizeof *board);
}

#endif
