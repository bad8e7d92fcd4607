/* The log is one list for all: a session is matched with its client at LOGIN, backwards too. */
#define _GNU_SOURCE
#include "tests/support/world.h"

#include "tests/support/audit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAGIC 0x4c646772U /* begins every numbered message */

struct world_memory world_memory;

/** In front of each block: its size, so that old_size can be proven true. */
union block_head {
    size_t size;
    max_align_t align;
};

static void *count_memory(void *block, size_t old_size, size_t new_size, void *user) {
    struct world_memory *memory = user;
    union block_head *head = block != NULL ? (union block_head *)block - 1 : NULL;
    must((head != NULL ? head->size : 0) == old_size);
    if (new_size == 0) {
        memory->live -= old_size;
        free(head);
        return NULL;
    }
    uint64_t call = ++memory->calls;
    if (call == memory->fail_at || (memory->fail_on && call > memory->fail_at)) {
        return NULL;
    }
    head = realloc(head, sizeof *head + new_size);
    must(head != NULL);
    head->size = new_size;
    memory->live += new_size - old_size;
    return head + 1;
}

const struct belay_hooks world_hooks = {.realloc = count_memory, .hook_user = &world_memory};

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void start_server(struct world *world, const struct world_opts *opts) {
    struct belay_server_opts server = opts->server;
    struct belay_stats stats = BELAY_STATS_INIT;
    server.struct_size = sizeof server;
    server.hooks = server.hooks != NULL ? server.hooks : &world_hooks;
    server.sim = world->sim;
    server.state_events = true;
    if (server.listen == NULL) {
        server.listen = opts->sockets ? "127.0.0.1:0" : WORLD_ADDRESS;
    }
    ck_assert_msg(belay_server_start(&world->server, &server) == BELAY_OK, "%s", belay_error());
    ck_assert_int_eq(belay_server_stats(world->server, &stats), BELAY_OK);
    snprintf(world->address, sizeof world->address, "%s:%u",
             opts->sockets ? "127.0.0.1" : "10.0.0.1", stats.port);
}

static void create_client(struct world *world, unsigned index) {
    struct belay_client_opts client = world->opts.client;
    client.struct_size = sizeof client;
    client.hooks = client.hooks != NULL ? client.hooks : &world_hooks;
    client.sim = world->sim;
    client.state_events = true;
    ck_assert_msg(belay_client_create(&world->clients[index].it, &client) == BELAY_OK, "%s",
                  belay_error());
}

static void create_clients(struct world *world, const struct world_opts *opts) {
    world->client_count = opts->clients != 0 ? opts->clients : 1;
    ck_assert_uint_le(world->client_count, WORLD_CLIENTS_MAX);
    for (unsigned i = 0; i < world->client_count; i++) {
        create_client(world, i);
    }
}

struct world *world_create(const struct world_opts *given) {
    static const struct world_opts defaults;
    const struct world_opts *opts = given != NULL ? given : &defaults;
    struct world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    world->opts = *opts;
    world->memory_before = world_memory.live;
    if (opts->sockets) {
        world->began_ns = clock_ns();
    } else {
        audit_name_run(opts->seed != 0 ? opts->seed : 1);
        world->sim = belay_sim_create(opts->seed != 0 ? opts->seed : 1);
        ck_assert_ptr_nonnull(world->sim);
        struct belay_link link = opts->link;
        link.struct_size = sizeof link;
        belay_sim_link(world->sim, NULL, &link);
    }
    start_server(world, opts);
    create_clients(world, opts);
    return world;
}

static void free_ledgers(struct world_client *client) {
    for (int way = 0; way < 2; way++) {
        for (int channel = 0; channel < BELAY_CHANNELS_MAX; channel++) {
            if (client->ledgers[way][channel] != NULL) {
                free(client->ledgers[way][channel]->seen);
                free(client->ledgers[way][channel]);
            }
        }
    }
}

/** So that the audit knows what was returned at the very end. */
static void poll_what_is_left(struct world *world) {
    struct belay_event event;
    for (unsigned i = 0; i < world->client_count; i++) {
        struct belay_client *client = world->clients[i].it;
        while (client != NULL && belay_client_poll(client, &event)) {
        }
        if (client != NULL) {
            audit_settle_calls(client);
        }
    }
    while (world->server != NULL && belay_server_poll(world->server, &event)) {
    }
    if (world->server != NULL) {
        audit_settle_calls(world->server);
    }
}

void world_destroy(struct world *world) {
    size_t memory_before = world->memory_before;
    poll_what_is_left(world);
    for (unsigned i = 0; i < world->client_count; i++) {
        belay_client_destroy(world->clients[i].it);
        free_ledgers(&world->clients[i]);
    }
    belay_server_destroy(world->server);
    belay_sim_destroy(world->sim);
    free(world->log);
    free(world);
    ck_assert_uint_eq(world_memory.live, memory_before);
}

/* ---- the log */

static bool is_about(const struct told *told, enum world_side side, unsigned client) {
    return told->side == side && told->client == (int)client;
}

static void copy_text(struct told *told, const void *text, size_t size) {
    size = size < sizeof told->text - 1 ? size : sizeof told->text - 1;
    if (size > 0) { /* else there may be no text */
        memcpy(told->text, text, size);
    }
    told->text[size] = '\0';
}

static void copy_reason(struct told *told, const struct belay_reason *reason) {
    must(reason->text != NULL && strlen(reason->text) <= BELAY_REASON_TEXT_MAX);
    told->reason = *reason;
    copy_text(told, reason->text, strlen(reason->text));
}

static void copy_lent(struct told *told, const struct belay_event *event) {
    switch (event->type) {
    case BELAY_EVENT_LOGIN:
        copy_text(told, event->login.data, event->login.size);
        break;
    case BELAY_EVENT_OPEN:
        copy_text(told, event->open.data, event->open.size);
        break;
    case BELAY_EVENT_CLOSED:
        copy_reason(told, event->closed.reason);
        told->info = *event->closed.info;
        break;
    case BELAY_EVENT_DOWN:
        copy_reason(told, event->down.reason);
        break;
    case BELAY_EVENT_STATE:
        copy_reason(told, event->state.reason);
        break;
    case BELAY_EVENT_DRAIN:
        copy_text(told, event->drain.go_to, strlen(event->drain.go_to));
        break;
    default:
        break;
    }
}

static void write_down(struct world *world, enum world_side side, int client,
                       const struct belay_event *event) {
    if (event->type == BELAY_EVENT_MESSAGE) {
        return; /* counted elsewhere */
    }
    if (world->log_count == world->log_max) {
        world->log_max = world->log_max > 0 ? 2 * world->log_max : 256;
        world->log = realloc(world->log, world->log_max * sizeof *world->log);
        must(world->log != NULL);
    }
    struct told *told = &world->log[world->log_count++];
    *told = (struct told){.side = side, .client = client, .at_ms = world->ms, .event = *event};
    copy_lent(told, event);
}

const struct told *told(const struct world *world, enum world_side side, unsigned client,
                        enum belay_event_type type) {
    for (size_t i = world->log_count; i-- > 0;) {
        const struct told *told = &world->log[i];
        if (is_about(told, side, client) && told->event.type == type) {
            return told;
        }
    }
    ck_abort_msg("the %s was never told %s about client %u; it was told: %s",
                 side == SERVER ? "server" : "client", belay_event_name(type), client,
                 told_events(world, side, client));
    return NULL;
}

uint32_t told_count(const struct world *world, enum world_side side, unsigned client,
                    enum belay_event_type type) {
    uint32_t count = 0;
    for (size_t i = 0; i < world->log_count; i++) {
        count += is_about(&world->log[i], side, client) && world->log[i].event.type == type;
    }
    return count;
}

static void append_word(char *words, size_t size, const char *word) {
    size_t length = strlen(words);
    snprintf(words + length, size - length, "%s%s", length > 0 ? " " : "", word);
}

const char *told_events(const struct world *world, enum world_side side, unsigned client) {
    static char words[1024];
    words[0] = '\0';
    for (size_t i = 0; i < world->log_count; i++) {
        const struct told *told = &world->log[i];
        if (is_about(told, side, client) && told->event.type != BELAY_EVENT_STATE &&
            told->event.type != BELAY_EVENT_TICKET) {
            append_word(words, sizeof words,
                        belay_event_name(told->event.type) + strlen("BELAY_EVENT_"));
        }
    }
    return words;
}

const char *told_states(const struct world *world, enum world_side side, unsigned client) {
    static char words[1024];
    words[0] = '\0';
    for (size_t i = 0; i < world->log_count; i++) {
        const struct told *told = &world->log[i];
        if (is_about(told, side, client) && told->event.type == BELAY_EVENT_STATE) {
            append_word(words, sizeof words, belay_state_name(told->event.state.to));
        }
    }
    return words;
}

void told_clear(struct world *world) {
    world->log_count = 0;
}

/* ---- the ledger */

static struct ledger *ledger_at(struct world *world, enum world_way way, unsigned client,
                                uint8_t channel) {
    struct ledger **ledger = &world->clients[client].ledgers[way][channel];
    if (*ledger == NULL) {
        *ledger = calloc(1, sizeof **ledger);
        ck_assert_ptr_nonnull(*ledger);
    }
    return *ledger;
}

static uint8_t pattern_at(uint32_t number, size_t index) {
    return (uint8_t)(number * 31 + index + (index >> 8));
}

static enum belay_result send_on(struct world *world, enum world_way way, unsigned client,
                                 uint8_t channel, const void *data, size_t size) {
    const struct world_client *at = &world->clients[client];
    return way == UP ? belay_client_send(at->it, channel, data, size)
                     : belay_server_send(world->server, at->session, channel, data, size);
}

enum belay_result world_say(struct world *world, enum world_way way, unsigned client,
                            uint8_t channel, const char *text) {
    return send_on(world, way, client, channel, text, strlen(text));
}

enum belay_result ledger_send(struct world *world, enum world_way way, unsigned client,
                              uint8_t channel, size_t size) {
    static uint8_t data[BELAY_MESSAGE_MAX];
    struct ledger *ledger = ledger_at(world, way, client, channel);
    const uint32_t head[2] = {MAGIC, ledger->sent + 1};
    must(size >= LEDGER_SIZE_MIN && size <= sizeof data);
    memcpy(data, head, sizeof head);
    for (size_t i = sizeof head; i < size; i++) {
        data[i] = pattern_at(head[1], i);
    }
    enum belay_result result = send_on(world, way, client, channel, data, size);
    ledger->sent += result == BELAY_OK;
    return result;
}

void ledger_must_send(struct world *world, enum world_way way, unsigned client, uint8_t channel,
                      size_t size) {
    enum belay_result result = ledger_send(world, way, client, channel, size);
    if (result != BELAY_OK) {
        ck_abort_msg("%s: %s", belay_result_name(result), belay_error());
    }
}

static bool was_seen(struct ledger *ledger, uint32_t number) {
    if (number >= ledger->seen_size) {
        uint32_t size = 2 * number + 256;
        ledger->seen = realloc(ledger->seen, size);
        must(ledger->seen != NULL);
        memset(ledger->seen + ledger->seen_size, 0, size - ledger->seen_size);
        ledger->seen_size = size;
    }
    bool seen = ledger->seen[number] != 0;
    ledger->seen[number] = 1;
    return seen;
}

static void ledger_receive(struct ledger *ledger, uint32_t number, const uint8_t *data,
                           size_t size) {
    for (size_t i = LEDGER_SIZE_MIN; i < size; i++) {
        if (data[i] != pattern_at(number, i)) {
            ledger->damaged++;
            return;
        }
    }
    if (was_seen(ledger, number)) {
        ledger->duplicated++;
        return;
    }
    ledger->received++;
    ledger->misordered += number < ledger->newest;
    ledger->newest = number > ledger->newest ? number : ledger->newest;
}

static void take_message(struct world *world, enum world_way way, int index,
                         const struct belay_event *event) {
    uint32_t head[2] = {0};
    if (index < 0) { /* from a stranger */
        world->stranger_messages++;
        return;
    }
    struct world_client *client = &world->clients[index];
    client->messages[way]++;
    snprintf(client->last_text[way], sizeof client->last_text[way], "%.*s",
             (int)event->message.size, (const char *)event->message.data);
    if (event->message.size >= sizeof head) {
        memcpy(head, event->message.data, sizeof head);
    }
    if (head[0] == MAGIC) {
        ledger_receive(ledger_at(world, way, (unsigned)index, event->message.channel), head[1],
                       event->message.data, event->message.size);
    }
}

struct ledger ledger_of(const struct world *world, enum world_way way, unsigned client,
                        uint8_t channel) {
    const struct ledger *ledger = world->clients[client].ledgers[way][channel];
    return ledger != NULL ? *ledger : (struct ledger){0};
}

void ledger_check(const struct world *world, enum world_way way, unsigned client, uint8_t channel) {
    struct ledger ledger = ledger_of(world, way, client, channel);
    ck_assert_msg(ledger.received == ledger.sent && ledger.duplicated == 0 &&
                      ledger.misordered == 0 && ledger.damaged == 0,
                  "client %u, %s, channel %u: %u sent, %u received, %u twice, %u out of order, "
                  "%u damaged",
                  client, way == UP ? "up" : "down", channel, ledger.sent, ledger.received,
                  ledger.duplicated, ledger.misordered, ledger.damaged);
}

/* ---- the loop */

/** The client whose session this is; -1 before its LOGIN. */
static int client_of(const struct world *world, belay_session session) {
    for (size_t i = world->log_count; i-- > 0;) {
        const struct told *told = &world->log[i];
        if (told->side == SERVER && told->event.session == session && told->client >= 0) {
            return told->client;
        }
    }
    return -1;
}

static int find_client(const struct world *world, belay_session session) {
    for (unsigned i = 0; i < world->client_count; i++) {
        if (world->clients[i].session == session) {
            return (int)i;
        }
    }
    return client_of(world, session);
}

static void accept_login(struct world *world, unsigned client, belay_session session) {
    uint8_t user_id[16];
    world_user_id(world, client, user_id);
    enum belay_result result = belay_server_accept(world->server, session, user_id, "welcome", 7);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
}

/** The client says in its login who it is; what the server was told of it before is its too. */
static int meet(struct world *world, const struct belay_event *event) {
    char name[32];
    unsigned index;
    snprintf(name, sizeof name, "%.*s", (int)event->login.size, (const char *)event->login.data);
    if (sscanf(name, "player %u", &index) != 1 || index >= world->client_count) {
        return -1; /* a stranger that the test brought along */
    }
    world->clients[index].session = event->session;
    for (size_t i = 0; i < world->log_count; i++) {
        if (world->log[i].side == SERVER && world->log[i].event.session == event->session) {
            world->log[i].client = (int)index;
        }
    }
    return (int)index;
}

static void take_server_event(struct world *world, const struct belay_event *event) {
    int client =
        event->type == BELAY_EVENT_LOGIN ? meet(world, event) : find_client(world, event->session);
    write_down(world, SERVER, client, event);
    if (event->type == BELAY_EVENT_MESSAGE) {
        take_message(world, UP, client, event);
    } else if (event->type == BELAY_EVENT_LOGIN && world->login != NULL) {
        world->login(world, client >= 0 ? (unsigned)client : 0, event->session);
    } else if (event->type == BELAY_EVENT_LOGIN) {
        if (client >= 0) {
            accept_login(world, (unsigned)client, event->session);
        } else {
            ck_assert_int_eq(belay_server_accept(world->server, event->session, NULL, NULL, 0),
                             BELAY_OK);
        }
    }
}

static void step_server(struct world *world, uint32_t wait_ms) {
    struct belay_event event;
    if (world->server == NULL || world->server_asleep) {
        return;
    }
    belay_server_service(world->server, wait_ms); /* after stop it says so, and polls on */
    while (!world->server_deaf && belay_server_poll(world->server, &event)) {
        if (world->watch != NULL) {
            world->watch(world, SERVER, &event);
        }
        take_server_event(world, &event);
    }
}

static void step_client(struct world *world, unsigned index, uint32_t wait_ms) {
    struct world_client *client = &world->clients[index];
    struct belay_event event;
    if (client->it == NULL || client->asleep) {
        return;
    }
    must(belay_client_service(client->it, wait_ms) == BELAY_OK);
    while (!client->deaf && belay_client_poll(client->it, &event)) {
        if (world->watch != NULL) {
            world->watched = index;
            world->watch(world, CLIENT, &event);
        }
        write_down(world, CLIENT, (int)index, &event);
        if (event.type == BELAY_EVENT_MESSAGE) {
            take_message(world, DOWN, (int)index, &event);
        } else if (event.type == BELAY_EVENT_TICKET) {
            client->ticket_size = event.ticket.size;
            memcpy(client->ticket, event.ticket.data, event.ticket.size);
        }
    }
}

void world_step(struct world *world) {
    if (world->sim != NULL) {
        belay_sim_advance(world->sim, WORLD_STEP_MS);
        world->ms += WORLD_STEP_MS;
    }
    step_server(world, 1);
    for (unsigned i = 0; i < world->client_count; i++) {
        step_client(world, i, i == 0 ? 1 : 0);
    }
    if (world->sim == NULL) {
        world->ms = (uint32_t)((clock_ns() - world->began_ns) / 1000000U);
    }
    if (world->each_step != NULL) {
        world->each_step(world);
    }
}

void world_run(struct world *world, uint32_t ms) {
    for (uint32_t end = world->ms + ms; world->ms < end;) {
        world_step(world);
    }
}

/* ---- what a test does and asks */

void world_connect(struct world *world, unsigned client) {
    world_connect_with(world, client, (struct belay_connect_opts)BELAY_CONNECT_OPTS_INIT);
}

void world_connect_with(struct world *world, unsigned client, struct belay_connect_opts opts) {
    char name[32];
    opts.struct_size = sizeof opts;
    opts.invite = opts.invite != NULL ? opts.invite : world->address;
    opts.login = name;
    opts.login_size = (size_t)snprintf(name, sizeof name, "player %u", client);
    world->clients[client].attempts++;
    enum belay_result result = belay_client_connect(world->clients[client].it, &opts);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
}

void world_open(struct world *world) {
    for (unsigned i = 0; i < world->client_count; i++) {
        world_connect(world, i);
    }
    for (unsigned i = 0; i < world->client_count; i++) {
        world_until(world, world_is_open(world, i), 5000);
    }
}

void world_user_id(const struct world *world, unsigned client, uint8_t user_id[16]) {
    memset(user_id, 0, 16);
    user_id[0] = (uint8_t)(client + 1);
    user_id[1] = (uint8_t)world->clients[client].attempts;
}

void world_link(struct world *world, unsigned client, const struct belay_link *link) {
    struct belay_link filled = link != NULL ? *link : (struct belay_link){0};
    filled.struct_size = sizeof filled;
    belay_sim_link(world->sim, world->clients[client].it, &filled);
}

void world_cut(struct world *world, unsigned client) {
    world_link(world, client, &(struct belay_link){.cut_up = true, .cut_down = true});
}

void world_kill(struct world *world, unsigned client) {
    if (world->sim != NULL) {
        world_cut(world, client); /* its last words go nowhere */
    }
    belay_client_destroy(world->clients[client].it);
    world->clients[client].it = NULL;
}

void world_revive(struct world *world, unsigned client) {
    struct world_client *at = &world->clients[client];
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    if (at->it != NULL) {
        world_kill(world, client);
    }
    create_client(world, client);
    world_link(world, client, &world->opts.link);
    opts.ticket = at->ticket;
    opts.ticket_size = at->ticket_size;
    ck_assert_msg(belay_client_connect(at->it, &opts) == BELAY_OK, "%s", belay_error());
}

void world_restart(struct world *world) {
    for (unsigned i = 0; i < world->client_count; i++) {
        world_cut(world, i); /* its last words go nowhere */
    }
    belay_server_destroy(world->server);
    for (unsigned i = 0; i < world->client_count; i++) {
        world_link(world, i, &world->opts.link);
    }
    start_server(world, &world->opts);
}

struct belay_session_info world_info(const struct world *world, enum world_side side,
                                     unsigned client) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    const struct world_client *at = &world->clients[client];
    enum belay_result result = side == CLIENT
                                   ? belay_client_info(at->it, &info)
                                   : belay_server_info(world->server, at->session, &info);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    return info;
}

struct belay_stats world_stats(const struct world *world, enum world_side side, unsigned client) {
    struct belay_stats stats = BELAY_STATS_INIT;
    enum belay_result result = side == CLIENT
                                   ? belay_client_stats(world->clients[client].it, &stats)
                                   : belay_server_stats(world->server, &stats);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    return stats;
}

bool world_is_open(const struct world *world, unsigned client) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    const struct world_client *at = &world->clients[client];
    return belay_client_info(at->it, &info) == BELAY_OK && info.state == BELAY_LOGGED_IN &&
           belay_server_info(world->server, at->session, &info) == BELAY_OK &&
           info.state == BELAY_LOGGED_IN;
}
