/*
 * A chat: rooms are topics, and whatever people want is a request. A server and three people in one
 * process, on a simulated network that loses a tenth of all datagrams; bob loses all of it for nine
 * seconds in the middle of a conversation. At the end it checks who has heard what.
 *
 * What a game would take from it: the server's part, and take_event() for its chat window. That
 * talk is a request too has two reasons: it stays in order with joining and leaving, and who may
 * not say something learns so.
 */
#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MS   10
#define LINE_SIZE 160
#define END_MS    25000
#define ASK_MS    30000 /* longer than a lost link may take to come back */

enum person { ALICE, BOB, CAROL, PEOPLE };
enum room { NO_ROOM = BELAY_TOPIC_ALL, TAVERN, STAFF, ROOMS }; /* topics */
enum verb { JOIN = 1, LEAVE, TELL, TITLE, SAY, CUT, MEND };    /* requests, up to SAY */
enum answer { YES, NOT_NOW, NO_SUCH_ROOM, STAFF_ONLY, NOT_INSIDE, NOT_HERE, ANSWERS };

static const char *const names[PEOPLE] = {"alice", "bob", "carol"};
static const char *const rooms[ROOMS] = {"in private", "the tavern", "the staff room"};
static const char *const verbs[] = {"",
                                    "joins ",
                                    "leaves ",
                                    "whispers to ",
                                    "sets the title of ",
                                    "says in ",
                                    "loses the network",
                                    "has a network again"};
static const char *const answers[ANSWERS] = {
    "yes", "not now", "no such room", "no: staff only", "no: you are not in there", "no: not here"};

#define A (1U << ALICE)
#define B (1U << BOB)
#define C (1U << CAROL)

/** The story, and what must come of it. */
static const struct step {
    uint32_t at_ms;
    enum person who;
    enum verb verb;
    uint8_t where; /* a room; TELL: a person */
    const char *text;
    unsigned heard_by; /* bits of persons: exactly once by these */
    enum answer answer;
} story[] = {
    {1000, ALICE, JOIN, TAVERN, "", 0, YES},
    {1500, BOB, JOIN, TAVERN, "", 0, YES},
    {2000, BOB, JOIN, STAFF, "", 0, STAFF_ONLY},
    {2500, ALICE, JOIN, STAFF, "", 0, YES},
    {3000, ALICE, SAY, STAFF, "bob has tried the door again", A, YES},
    {3500, ALICE, TITLE, TAVERN, "the dragon, tonight at nine", A | B | C, YES},
    {4000, CAROL, TITLE, TAVERN, "free beer", 0, NOT_INSIDE},
    {4500, CAROL, JOIN, TAVERN, "", 0, YES}, /* and hears of the dragon */
    {5000, CAROL, SAY, TAVERN, "who brings a rope?", A | B | C, YES},
    {6000, ALICE, TELL, BOB, "do you still have mine?", B, YES},
    {7000, BOB, CUT, 0, "", 0, YES},
    {7500, BOB, SAY, TAVERN, "I have one", A | B | C, YES}, /* into a line that is dead */
    {9000, ALICE, SAY, TAVERN, "bob?", A | B | C, YES},
    {11000, CAROL, SAY, TAVERN, "we need that rope", A | B | C, YES},
    {14000, ALICE, TELL, BOB, "where are you?", B, YES},
    {15000, ALICE, TITLE, TAVERN, "the dragon, tomorrow at nine", A | B | C, YES},
    {16000, BOB, MEND, 0, "", 0, YES},
    {20000, CAROL, LEAVE, TAVERN, "", 0, YES},
    {21000, BOB, SAY, TAVERN, "tomorrow, then", A | B, YES},
    {22000, CAROL, LEAVE, TAVERN, "", 0, NOT_INSIDE},
};
#define STEPS (sizeof story / sizeof story[0])

struct world {
    struct belay_sim *sim;
    struct belay_server *server;
    struct belay_client *clients[PEOPLE];
    uint32_t now_ms; /* of the story, which begins when all have come in */
    struct guest {   /* what the server knows of a person */
        belay_session session;
        enum person who;
        bool in[ROOMS];
    } guests[PEOPLE];
    /* What has come of the story: */
    unsigned heard[STEPS][PEOPLE], answered[STEPS];
    unsigned opens, downs, resumes, wrong;
};

static void print(const struct world *world, const char *who, const char *format, ...) {
    va_list values;
    printf("%5.2f s  %-8s", world->now_ms / 1000.0, who);
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    putchar('\n');
}

static void must(enum belay_result result) {
    if (result != BELAY_OK) {
        fprintf(stderr, "%s: %s\n", belay_result_name(result), belay_error());
        exit(1);
    }
}

/* ---- the server */

/* The name is the server's to say: a client that brought it along could speak as somebody else. */
static size_t sign(char line[LINE_SIZE], enum person who, const char *text, size_t size) {
    int length = snprintf(line, LINE_SIZE, "%s: %.*s", names[who], (int)size, text);
    length = length < LINE_SIZE ? length : LINE_SIZE - 1;
    for (int i = 0; i < length; i++) { /* nor does it get at others' screens */
        line[i] = (unsigned char)line[i] < ' ' ? ' ' : line[i];
    }
    return (size_t)length;
}

static enum answer join(struct world *world, struct guest *guest, uint8_t room) {
    if (room == NO_ROOM || room >= ROOMS) {
        return NO_SUCH_ROOM;
    }
    if (room == STAFF && guest->who != ALICE) {
        return STAFF_ONLY; /* only the server subscribes, so only it says who may hear what */
    }
    /* The room's title, if it has one, goes to the guest by itself. */
    guest->in[room] = belay_server_subscribe(world->server, guest->session, room) == BELAY_OK;
    return guest->in[room] ? YES : NOT_NOW;
}

static enum answer was_sent(enum belay_result result) {
    return result == BELAY_OK ? YES : result == BELAY_E_GONE ? NOT_HERE : NOT_NOW;
}

/* A request's first byte says where, the others what: a stranger's bytes, as all that comes. */
static enum answer obey(struct world *world, struct guest *guest,
                        const struct belay_request_event *asked) {
    struct belay_server *server = world->server;
    const char *bytes = asked->data;
    uint8_t where = asked->size > 0 ? (uint8_t)bytes[0] : UINT8_MAX;
    char line[LINE_SIZE];
    size_t size = sign(line, guest->who, bytes + 1, asked->size > 0 ? asked->size - 1 : 0);
    if (asked->type == JOIN) {
        return join(world, guest, where);
    }
    if (asked->type == TELL && where < PEOPLE) { /* also who has no link now: the session is kept */
        return was_sent(belay_server_send(server, world->guests[where].session, 0, line, size));
    }
    if (where >= ROOMS || !guest->in[where]) {
        return NOT_INSIDE;
    }
    switch (asked->type) {
    case SAY:
        return was_sent(belay_server_publish(server, where, 0, line, size));
    case TITLE: /* as SAY, and kept for who comes later */
        return was_sent(belay_server_retain(server, where, 0, line, size));
    case LEAVE:
        guest->in[where] = false;
        return was_sent(belay_server_unsubscribe(server, guest->session, where));
    default:
        return NOT_NOW;
    }
}

/* A game has names from its login service; here the login is the number of one. */
static void let_in(struct world *world, const struct belay_event *ev) {
    uint8_t who = ev->login.size == 1 ? *(const uint8_t *)ev->login.data : PEOPLE;
    if (who >= PEOPLE) {
        belay_server_close(world->server, ev->session, NULL);
        return;
    }
    world->guests[who] = (struct guest){.session = ev->session, .who = (enum person)who};
    belay_server_set_user(world->server, ev->session, &world->guests[who]);
    uint8_t user_id[16] = {(uint8_t)(who + 1)}; /* who comes again takes the place of the first */
    must(belay_server_accept(world->server, ev->session, user_id, NULL, 0));
}

static void server_events(struct world *world) {
    struct belay_event ev;
    while (belay_server_poll(world->server, &ev)) {
        switch (ev.type) {
        case BELAY_EVENT_LOGIN:
            let_in(world, &ev);
            break;
        case BELAY_EVENT_REQUEST:
            /* If nobody waits for the answer any more, that is no concern of the server's. */
            belay_server_reply(world->server, ev.request.id,
                               (int32_t)obey(world, ev.user, &ev.request), NULL, 0);
            break;
        default: /* the others may be ignored: a lost link is Belay's affair */
            break;
        }
    }
}

/* ---- the people */

/* The window's line; the rest is the check's: which line of the story it was. */
static void hear(struct world *world, enum person who, const struct belay_message_event *heard) {
    print(world, names[who], "  | (%s) %.*s", rooms[heard->topic % ROOMS], (int)heard->size,
          (const char *)heard->data);
    for (size_t i = 0; i < STEPS; i++) {
        char line[LINE_SIZE];
        size_t size = sign(line, story[i].who, story[i].text, strlen(story[i].text));
        belay_topic topic = story[i].verb == TELL ? NO_ROOM : story[i].where;
        if (topic == heard->topic && size == heard->size && memcmp(line, heard->data, size) == 0) {
            world->heard[i][who]++;
            return;
        }
    }
    world->wrong++;
}

static void take_answer(struct world *world, enum person who,
                        const struct belay_reply_event *reply) {
    const struct step *step = &story[reply->cookie]; /* the cookie was ours, and is to be trusted */
    if (reply->code < 0) {
        print(world, names[who], "  < %s", belay_reply_meaning(reply->code));
    } else if (reply->code != YES || step->verb == JOIN || step->verb == LEAVE) {
        print(world, names[who], "  < %s", answers[reply->code % ANSWERS]);
    }
    world->answered[reply->cookie]++;
    world->wrong += reply->code != (int32_t)step->answer;
}

static void take_event(struct world *world, enum person who, const struct belay_event *ev) {
    switch (ev->type) {
    case BELAY_EVENT_MESSAGE:
        hear(world, who, &ev->message);
        break;
    case BELAY_EVENT_REPLY:
        take_answer(world, who, &ev->reply);
        break;
    case BELAY_EVENT_OPEN:
        world->opens++;
        break;
    case BELAY_EVENT_DOWN:
        world->downs++;
        print(world, names[who], "  * no link; kept for %u s", ev->down.window_ms / 1000);
        break;
    case BELAY_EVENT_RESUMED:
        world->resumes++;
        print(world, names[who], "  * back after %.1f s", ev->resumed.down_ms / 1000.0);
        break;
    case BELAY_EVENT_CLOSED:
        print(world, names[who], "  * closed: %s", ev->closed.reason->text);
        exit(1); /* that is not in the story */
    default:
        break;
    }
}

/* ---- the story */

static void create_world(struct world *world) {
    struct belay_server_opts server = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    world->sim = belay_sim_create(7); /* the seed: another one, another run */
    if (world->sim == NULL) {
        must(BELAY_E_NO_MEMORY);
    }
    server.sim = client.sim = world->sim;
    server.listen = to.invite = "10.0.0.1:7777";
    must(belay_server_start(&world->server, &server));
    for (uint8_t who = 0; who < PEOPLE; who++) {
        to.login = &who;
        to.login_size = sizeof who;
        must(belay_client_create(&world->clients[who], &client));
        must(belay_client_connect(world->clients[who], &to));
    }
}

static void set_link(struct world *world, struct belay_client *client, bool cut) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = 0.1F;
    link.delay_ms = 30;
    link.jitter_ms = 20;
    link.cut_up = link.cut_down = cut;
    belay_sim_link(world->sim, client, &link);
}

static void act(struct world *world, size_t i) {
    const struct step *step = &story[i];
    char bytes[LINE_SIZE] = {(char)step->where};
    size_t size = strlen(step->text);
    const char *where = step->verb >= CUT    ? ""
                        : step->verb == TELL ? names[step->where]
                                             : rooms[step->where];
    print(world, names[step->who], "> %s%s%s%s", verbs[step->verb], where, size > 0 ? ": " : "",
          step->text);
    if (step->verb >= CUT) {
        set_link(world, world->clients[step->who], step->verb == CUT);
        return;
    }
    memcpy(bytes + 1, step->text, size);
    must(belay_client_request(world->clients[step->who], step->verb, bytes, size + 1, ASK_MS, i,
                              NULL));
}

static void run(struct world *world) {
    struct belay_event ev;
    for (size_t next = 0; world->now_ms < END_MS;) {
        world->now_ms += world->opens == PEOPLE ? STEP_MS : 0;
        for (; next < STEPS && story[next].at_ms <= world->now_ms; next++) {
            act(world, next);
        }
        belay_sim_advance(world->sim, STEP_MS);
        belay_server_service(world->server, 0);
        server_events(world);
        for (enum person who = ALICE; who < PEOPLE; who++) {
            belay_client_service(world->clients[who], 0);
            while (belay_client_poll(world->clients[who], &ev)) {
                take_event(world, who, &ev);
            }
        }
    }
}

static bool is_as_told(const struct world *world) {
    unsigned wrong = world->wrong + (world->downs != 1) + (world->resumes != 1);
    for (size_t i = 0; i < STEPS; i++) {
        wrong += world->answered[i] != (story[i].verb < CUT);
        for (enum person who = ALICE; who < PEOPLE; who++) {
            wrong += world->heard[i][who] != (story[i].heard_by >> who & 1);
        }
    }
    printf("\n%s\n", wrong == 0 ? "Everybody has heard what was for them, exactly once."
                                : "This is not how it should be.");
    return wrong == 0;
}

int main(void) {
    struct world world = {0};
    create_world(&world);
    set_link(&world, NULL, false);
    run(&world);
    bool good = is_as_told(&world);
    for (enum person who = ALICE; who < PEOPLE; who++) {
        belay_client_destroy(world.clients[who]);
    }
    belay_server_destroy(world.server);
    belay_sim_destroy(world.sim);
    return good ? 0 : 1;
}
