/*
 * The host plays too: a server and its owner's client in one thread, and a friend who joins.
 *
 *     listen_server [address:port]         hosts a game and plays it; a line on stdin calls it off
 *     listen_server join [host:port]       joins it
 *
 * The game: twenty-one stones, each in turn takes one to three, and whoever takes the last one
 * wins. The server keeps the stones and judges every move; the host's client is a client like any
 * other and gets no favours.
 */
#define _POSIX_C_SOURCE 200809L
#include <belay/client.h>
#include <belay/server.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEATS      2
#define STONES     21
#define TAKE_MAX   3
#define FRAME_MS   10
#define GOODBYE_MS 1000

enum { REASON_WON = BELAY_REASON_GAME, REASON_BAD_MOVE, REASON_ALONE };

/* In the order in which they came in: the host is not always first. */
static const char *const seat_names[SEATS] = {"player 1", "player 2"};

/** What the server tells everybody after each move; bytes only, so it needs no encoding. */
struct news {
    uint8_t move; /* numbered from 1; 0 = the game begins */
    uint8_t by;   /* a seat */
    uint8_t taken, left;
    uint8_t next; /* whose turn it is */
};

/* ---- the table: the server's side */

struct table {
    struct belay_server *server;
    belay_session seats[SEATS];
    uint8_t seated; /* who has sat down so far */
    struct news last;
};

static int find_seat(const struct table *table, belay_session session) {
    for (int i = 0; i < SEATS; i++) {
        if (table->seats[i] == session) {
            return i;
        }
    }
    return -1;
}

static void tell_all(const struct table *table) {
    for (int i = 0; i < SEATS; i++) {
        belay_server_send(table->server, table->seats[i], 0, &table->last, sizeof table->last);
    }
}

/** Ends the game for whoever is still there. What was sent before arrives first. */
static void end_game(const struct table *table, uint32_t code, const char *text) {
    const struct belay_reason reason = {.code = code, .text = text};
    for (int i = 0; i < SEATS; i++) {
        belay_server_close(table->server, table->seats[i], &reason);
    }
}

static void seat_player(struct table *table, belay_session session) {
    const struct belay_reason full = {.code = BELAY_REASON_FULL, .text = "both seats are taken"};
    if (table->seated == SEATS) {
        belay_server_close(table->server, session, &full);
        return;
    }
    uint8_t seat = table->seated++;
    table->seats[seat] = session;
    belay_server_accept(table->server, session, NULL, &seat, sizeof seat);
    if (table->seated == SEATS) {
        table->last = (struct news){.left = STONES};
        tell_all(table);
    }
}

static void take_move(struct table *table, const struct belay_event *ev) {
    const struct belay_reason bad = {.code = REASON_BAD_MOVE, .text = "that is against the rules"};
    struct news *last = &table->last;
    uint8_t taken = ev->message.size == 1 ? *(const uint8_t *)ev->message.data : 0;
    if (find_seat(table, ev->session) != last->next || taken < 1 || taken > TAKE_MAX ||
        taken > last->left) {
        belay_server_close(table->server, ev->session, &bad);
        return;
    }
    *last = (struct news){.move = (uint8_t)(last->move + 1),
                          .by = last->next,
                          .taken = taken,
                          .left = (uint8_t)(last->left - taken),
                          .next = (uint8_t)((last->next + 1) % SEATS)};
    tell_all(table);
    if (last->left == 0) {
        char text[64];
        snprintf(text, sizeof text, "%s wins", seat_names[last->by]);
        end_game(table, REASON_WON, text);
    }
}

/** Before the game has begun the seat is free again; after that nobody can play on alone. */
static void leave_seat(struct table *table, int seat) {
    table->seats[seat] = 0;
    if (table->seated < SEATS) {
        table->seated = 0;
    } else {
        end_game(table, REASON_ALONE, "the other player has left");
    }
}

static void table_events(struct table *table) {
    struct belay_event ev;
    while (belay_server_poll(table->server, &ev)) {
        if (ev.type == BELAY_EVENT_LOGIN) {
            seat_player(table, ev.session);
        } else if (ev.type == BELAY_EVENT_MESSAGE) {
            take_move(table, &ev);
        } else if (ev.type == BELAY_EVENT_CLOSED && find_seat(table, ev.session) >= 0) {
            leave_seat(table, find_seat(table, ev.session));
        }
    }
}

/* ---- a player: the client's side */

static void player_moves(struct belay_client *client, const struct news *news) {
    uint8_t rest = news->left % (TAKE_MAX + 1);
    uint8_t take = rest > 0 ? rest : 1; /* leaves a multiple of four if it can */
    belay_client_send(client, 0, &take, sizeof take);
}

static void take_news(struct belay_client *client, uint8_t seat, const struct belay_event *ev) {
    struct news news;
    if (ev->message.size != sizeof news) {
        return;
    }
    memcpy(&news, ev->message.data, sizeof news);
    if (news.move == 0) {
        printf("%u stones lie on the table\n", news.left);
    } else {
        printf("%2u. %s takes %u, %2u left\n", news.move, seat_names[news.by % SEATS], news.taken,
               news.left);
    }
    if (news.left > 0 && news.next == seat) {
        player_moves(client, &news);
    }
}

/** False once the game is over. */
static bool player_events(struct belay_client *client, uint8_t *seat) {
    struct belay_event ev;
    while (belay_client_poll(client, &ev)) {
        if (ev.type == BELAY_EVENT_OPEN && ev.open.size == 1) {
            *seat = *(const uint8_t *)ev.open.data;
            printf("you are %s\n", seat_names[*seat % SEATS]);
        } else if (ev.type == BELAY_EVENT_MESSAGE) {
            take_news(client, *seat, &ev);
        } else if (ev.type == BELAY_EVENT_CLOSED) {
            printf("%s\n", ev.closed.reason->text);
            return false;
        }
    }
    return true;
}

static struct belay_client *join(const char *address) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    opts.game = "stones/1"; /* a client of another game is refused */
    to.invite = address;
    if (belay_client_create(&client, &opts) < 0) {
        return NULL;
    }
    if (belay_client_connect(client, &to) < 0) {
        belay_client_destroy(client);
        return NULL;
    }
    return client;
}

static int play(const char *address) {
    struct belay_client *client = join(address);
    uint8_t seat = 0;
    if (client == NULL) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    do {
        belay_client_service(client, 1000);
    } while (player_events(client, &seat));
    belay_client_destroy(client);
    return 0;
}

/* ---- both in one */

static bool line_was_typed(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[80];
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, line, sizeof line) > 0;
}

static int host(const char *address) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct table table = {0};
    uint8_t seat = 0;
    opts.game = "stones/1";
    opts.listen = address;
    if (belay_server_start(&table.server, &opts) < 0) {
        fprintf(stderr, "%s\n", belay_error());
        return 1;
    }
    struct belay_client *me = join(address);
    if (me == NULL) {
        fprintf(stderr, "%s\n", belay_error());
        belay_server_destroy(table.server);
        return 1;
    }
    printf("waiting for a guest at %s (a line on stdin ends it)\n", address);
    do { /* one frame: both ends take their turn */
        belay_server_service(table.server, FRAME_MS);
        table_events(&table);
        belay_client_service(me, 0);
    } while (player_events(me, &seat) && !line_was_typed());
    belay_server_stop(table.server, GOODBYE_MS); /* tells the guest */
    belay_server_destroy(table.server);
    belay_client_destroy(me);
    return 0;
}

int main(int argc, char **argv) {
    static const char address[] = "127.0.0.1:7777";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && strcmp(argv[1], "join") == 0) {
        return play(argc > 2 ? argv[2] : address);
    }
    return host(argc > 1 ? argv[1] : address);
}
