/* Servers are found, without a login: by address, in the local network, by invite. */
#define _GNU_SOURCE
#include "lib/net/sim.h"
#include "lib/wire/datagram.h"
#include "tests/support/folder.h"
#include "tests/support/world.h"
#include <belay/token.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOUND_MAX 200

/** What client 0 has found, with copies of what was lent. */
static struct belay_found found[FOUND_MAX];
static char texts[FOUND_MAX][BELAY_PUBLIC_INFO_MAX + 1];
static size_t found_count;

static void poll_found(struct world *world) {
    struct belay_found it;
    while (world->clients[0].it != NULL && belay_client_poll_found(world->clients[0].it, &it)) {
        must(found_count < FOUND_MAX);
        memcpy(texts[found_count], it.data, it.size);
        texts[found_count][it.size] = '\0';
        found[found_count++] = it;
    }
}

static struct world *create(const struct world_opts *opts) {
    struct world *world = world_create(opts);
    found_count = 0;
    world->each_step = poll_found;
    return world;
}

static void must_ask(struct world *world, const char *address) {
    ck_assert_msg(belay_client_query(world->clients[0].it, address) == BELAY_OK, "%s",
                  belay_error());
}

static const char *invite_of(const struct world *world, const char *host) {
    static char invite[BELAY_INVITE_SIZE];
    ck_assert_msg(belay_server_invite(world->server, host, invite, sizeof invite) == BELAY_OK, "%s",
                  belay_error());
    return invite;
}

enum { SIMULATED, SOCKETS };

START_TEST(a_server_tells_who_it_is_without_a_login) {
    struct world *world = create(
        &(struct world_opts){.sockets = _i == SOCKETS, .clients = 2, .server = {.session_max = 8}});
    belay_server_set_public_info(world->server, "castle", 6);
    world_connect(world, 1);
    world_until(world, world_is_open(world, 1), 2000);
    must_ask(world, world->address);
    world_until(world, found_count == 1, 2000);
    ck_assert_str_eq(texts[0], "castle");
    ck_assert_uint_eq(found[0].size, 6);
    ck_assert_uint_eq(found[0].sessions, 1);
    ck_assert_uint_eq(found[0].session_max, 8);
    ck_assert_str_eq(found[0].invite, invite_of(world, NULL));
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 1); /* nobody came in for it */
    ck_assert_str_eq(told_events(world, CLIENT, 0), "");
    world_destroy(world);
}
END_TEST

START_TEST(what_was_found_connects) {
    struct world *world = create(&(struct world_opts){.sockets = _i == SOCKETS});
    must_ask(world, world->address);
    world_until(world, found_count == 1, 2000);
    world_connect_with(world, 0, (struct belay_connect_opts){.invite = found[0].invite});
    world_until(world, world_is_open(world, 0), 2000);
    world_destroy(world);
}
END_TEST

START_TEST(the_servers_invite_connects) {
    static const char *const hosts[] = {NULL, "127.0.0.1", "localhost"};
    bool sockets = _i > 0;
    struct world *world = create(&(struct world_opts){.sockets = sockets});
    const char *invite = invite_of(world, sockets ? hosts[_i - 1] : NULL);
    ck_assert_int_eq(strncmp(invite, "belay://", 8), 0);
    world_connect_with(world, 0, (struct belay_connect_opts){.invite = invite});
    world_until(world, world_is_open(world, 0), 2000);
    world_destroy(world);
}
END_TEST

/* Another server at that place has another key, and is not taken for the one that invited. */
START_TEST(an_invite_connects_to_its_own_server_only) {
    struct world *world = create(&(struct world_opts){.client = {.connect_ms = 1000}});
    struct world *other = create(&(struct world_opts){.seed = 2});
    world_connect_with(world, 0, (struct belay_connect_opts){.invite = invite_of(other, NULL)});
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 3000);
    ck_assert_uint_eq(told_count(world, SERVER, 0, BELAY_EVENT_LOGIN), 0);
    world_destroy(other);
    world_destroy(world);
}
END_TEST

START_TEST(an_invite_is_refused_where_it_would_be_of_no_use) {
    char text[BELAY_INVITE_SIZE];
    struct world *world = create(NULL);
    ck_assert_int_eq(belay_server_invite(world->server, NULL, text, 20), BELAY_E_TOO_BIG);
    ck_assert_int_eq(belay_server_invite(world->server, "eve.example.org", text, sizeof text),
                     BELAY_OK);
    ck_assert_int_eq(strncmp(text, "belay://eve.example.org:7777/", 29), 0);
    ck_assert_int_eq(belay_server_invite(world->server, "::1", text, sizeof text), BELAY_OK);
    ck_assert_int_eq(strncmp(text, "belay://[::1]:7777/", 19), 0);
    ck_assert_int_eq(belay_server_invite(world->server, "a b", text, sizeof text), BELAY_E_ADDRESS);
    ck_assert_int_eq(belay_server_invite(world->server, "*", text, sizeof text), BELAY_E_INVALID);
    belay_server_stop(world->server, 0);
    ck_assert_int_eq(belay_server_invite(world->server, NULL, text, sizeof text), BELAY_E_STATE);
    world_destroy(world);
}
END_TEST

/* A server for all addresses invites to one of this machine, whichever it has. */
START_TEST(a_server_on_every_address_invites_to_one) {
    struct world *world =
        create(&(struct world_opts){.sockets = true, .server = {.listen = "*:0"}});
    const char *invite = invite_of(world, NULL);
    ck_assert_ptr_null(strstr(invite, "//0.0.0.0"));
    ck_assert_ptr_null(strstr(invite, "//[::]"));
    world_destroy(world);
}
END_TEST

START_TEST(public_info_has_a_limit) {
    static char data[BELAY_PUBLIC_INFO_MAX + 1];
    struct world *world = create(NULL);
    memset(data, 'x', sizeof data);
    ck_assert_int_eq(belay_server_set_public_info(world->server, data, BELAY_PUBLIC_INFO_MAX + 1),
                     BELAY_E_TOO_BIG);
    ck_assert_int_eq(belay_server_set_public_info(world->server, data, BELAY_PUBLIC_INFO_MAX),
                     BELAY_OK);
    must_ask(world, world->address);
    world_until(world, found_count == 1, 1000);
    ck_assert_uint_eq(found[0].size, BELAY_PUBLIC_INFO_MAX);
    ck_assert_mem_eq(texts[0], data, BELAY_PUBLIC_INFO_MAX);
    world_destroy(world);
}
END_TEST

START_TEST(who_answers_with_the_last_repeat_is_found) {
    struct world *world = create(NULL);
    world_cut(world, 0);
    must_ask(world, world->address);
    world_run(world, 900);
    world_link(world, 0, NULL);
    world_until(world, found_count == 1, 200);
    ck_assert_uint_le(found[0].rtt_ms, 2 * WORLD_STEP_MS);
    world_run(world, 3000);
    ck_assert_uint_eq(found_count, 1);
    world_destroy(world);
}
END_TEST

START_TEST(silence_is_no_answer_and_ends) {
    struct world *world = create(NULL);
    must_ask(world, "10.0.0.99:7777");
    world_run(world, BELAY_QUERY_MS + 100);
    ck_assert_uint_eq(found_count, 0);
    ck_assert_int_eq(belay_client_wait_ns(world->clients[0].it), -1); /* nothing is under way */
    world_destroy(world);
}
END_TEST

#define LAN_SERVERS 12

/** More servers in the simulation, each of its own name. */
static void start_servers(struct world *world, struct belay_server **servers,
                          struct belay_server_opts opts) {
    for (unsigned i = 0; i < LAN_SERVERS; i++) {
        char text[32];
        opts.struct_size = sizeof opts;
        opts.sim = world->sim;
        snprintf(text, sizeof text, "10.0.1.%u:7777", i + 1);
        opts.listen = text;
        ck_assert_msg(belay_server_start(&servers[i], &opts) == BELAY_OK, "%s", belay_error());
        snprintf(text, sizeof text, "castle %u", i);
        belay_server_set_public_info(servers[i], text, strlen(text));
    }
}

static void run_servers(struct world *world, struct belay_server **servers, uint32_t ms) {
    for (uint32_t end = world->ms + ms; world->ms < end;) {
        world_step(world);
        for (unsigned i = 0; i < LAN_SERVERS; i++) {
            belay_server_service(servers[i], 0);
        }
    }
}

static void destroy_servers(struct belay_server **servers) {
    for (unsigned i = 0; i < LAN_SERVERS; i++) {
        belay_server_destroy(servers[i]);
    }
}

START_TEST(all_in_the_local_network_are_found_once) {
    struct belay_server *servers[LAN_SERVERS];
    struct world *world = create(&(struct world_opts){.clients = 2});
    unsigned seen = 0;
    start_servers(world, servers, (struct belay_server_opts){0});
    belay_server_set_public_info(world->server, "castle 12", 9);
    must_ask(world, "lan:7777");
    run_servers(world, servers, BELAY_QUERY_MS + 100);
    ck_assert_uint_eq(found_count, LAN_SERVERS + 1);
    for (size_t i = 0; i < found_count; i++) {
        unsigned number;
        ck_assert_int_eq(sscanf(texts[i], "castle %u", &number), 1);
        seen |= 1U << number;
        if (number == LAN_SERVERS) {
            ck_assert_str_eq(found[i].invite, invite_of(world, NULL));
        }
    }
    ck_assert_uint_eq(seen, (1U << (LAN_SERVERS + 1)) - 1);
    destroy_servers(servers);
    world_destroy(world);
}
END_TEST

/* A client of a game hears of its servers only; one without, of all. */
START_TEST(servers_of_another_game_do_not_answer) {
    struct belay_server *servers[LAN_SERVERS];
    const char *game = _i == 0 ? "arena/3" : NULL;
    struct world *world =
        create(&(struct world_opts){.client = {.game = game}, .server = {.game = "arena/3"}});
    start_servers(world, servers, (struct belay_server_opts){.game = "arena/2"});
    must_ask(world, "lan:7777");
    run_servers(world, servers, BELAY_QUERY_MS);
    ck_assert_uint_eq(found_count, _i == 0 ? 1 : LAN_SERVERS + 1);
    destroy_servers(servers);
    world_destroy(world);
}
END_TEST

START_TEST(wrong_addresses_are_refused) {
    static const struct {
        const char *address;
        enum belay_result result;
    } wrong[] = {
        {NULL, BELAY_E_INVALID},
        {"", BELAY_E_ADDRESS},
        {"10.0.0.1", BELAY_E_ADDRESS},
        {"10.0.0.1:0", BELAY_E_INVALID},
        {"*:7777", BELAY_E_INVALID},
        {"lan:", BELAY_E_ADDRESS},
        {"lan:0", BELAY_E_ADDRESS},
        {"lan:77777", BELAY_E_ADDRESS},
        {"lan:777777", BELAY_E_ADDRESS},
        {"lan:7777x", BELAY_E_ADDRESS},
        {"belay://10.0.0.1:7777/short", BELAY_E_KEY},
        {"no.names.in.a.simulation:7777", BELAY_E_ADDRESS},
    };
    struct world *world = create(NULL);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ck_assert_msg(belay_client_query(world->clients[0].it, wrong[i].address) == wrong[i].result,
                      "%s: %s", wrong[i].address, belay_error());
    }
    ck_assert_int_eq(belay_client_wait_ns(world->clients[0].it), -1);
    world_destroy(world);
}
END_TEST

/* An invite names a key: who shows another is somebody else. */
START_TEST(a_server_with_another_key_than_the_invites_is_not_found) {
    char invite[BELAY_INVITE_SIZE];
    struct world *world = create(NULL);
    snprintf(invite, sizeof invite, "%s", invite_of(world, NULL));
    must_ask(world, invite);
    world_run(world, BELAY_QUERY_MS);
    ck_assert_uint_eq(found_count, 1);
    char *letter = &invite[strlen(invite) - 10];
    *letter = *letter == 'A' ? 'B' : 'A';
    must_ask(world, invite);
    world_run(world, BELAY_QUERY_MS);
    ck_assert_uint_eq(found_count, 1);
    world_destroy(world);
}
END_TEST

/** Bytes of QUERY to a server, and of INFO from it, as the network saw them. */
struct meter {
    uint64_t asked, answered, questions, answers;
};

static void measure(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct meter *meter = user;
    (void)from;
    if (bl_datagram_kind(to->data, to->size) == BL_DATAGRAM_QUERY) {
        meter->asked += to->size;
        meter->questions++;
    } else if (bl_datagram_kind(to->data, to->size) == BL_DATAGRAM_INFO) {
        meter->answered += to->size;
        meter->answers++;
    }
}

START_TEST(a_flood_is_answered_with_less_and_play_goes_on) {
    static uint8_t data[BELAY_PUBLIC_INFO_MAX];
    struct world *world = create(&(struct world_opts){.clients = 2});
    struct meter meter = {0};
    struct bl_net *flood;
    struct bl_memory memory;
    struct bl_address from, to;
    uint8_t query[BL_QUERY_SIZE];
    bl_memory_init(&memory, NULL, 0);
    ck_assert_int_eq(belay_server_set_public_info(world->server, data, sizeof data), BELAY_OK);
    world_connect(world, 1);
    world_until(world, world_is_open(world, 1), 1000);
    ck_assert_int_eq(bl_address_parse(&from, "10.7.7.7:7", false), BELAY_OK);
    ck_assert_int_eq(bl_address_parse(&to, world->address, false), BELAY_OK);
    ck_assert_int_eq(bl_sim_open(&flood, world->sim, &from, &memory), BELAY_OK);
    bl_query_write(query, &(struct bl_query){.version = BL_WIRE_VERSION});
    bl_sim_observe(world->sim, measure, &meter);
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < 20; j++) {
            bl_net_send(flood,
                        &(struct bl_datagram){.address = to, .data = query, .size = sizeof query},
                        1);
        }
        ledger_must_send(world, UP, 1, 0, 100);
        world_step(world);
    }
    ck_assert_uint_eq(meter.questions, 4000);
    ck_assert_uint_gt(meter.answers, 0);
    ck_assert_uint_lt(meter.answers, 100);
    ck_assert_uint_lt(meter.answered, meter.asked);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).dropped[BELAY_DROP_RATE],
                      meter.questions - meter.answers);
    must_ask(world, world->address); /* others are not the flood */
    world_until(world, found_count == 1, 100);
    world_run(world, 500);
    ledger_check(world, UP, 1, 0);
    bl_net_close(flood);
    world_destroy(world);
}
END_TEST

/* Somebody who saw no question says things at random. */
START_TEST(an_answer_that_was_not_asked_for_is_dropped) {
    struct world *world = create(NULL);
    struct bl_net *liar;
    struct bl_memory memory;
    struct bl_address from;
    uint8_t data[BL_QUERY_SIZE];
    struct bl_info info = {
        .sessions = 1, .session_max = 2, .data = (const uint8_t *)"free gold", .data_size = 9};
    bl_memory_init(&memory, NULL, 0);
    ck_assert_int_eq(bl_address_parse(&from, "10.7.7.7:7777", false), BELAY_OK);
    ck_assert_int_eq(bl_sim_open(&liar, world->sim, &from, &memory), BELAY_OK);
    world_connect(world, 0);
    world_until(world, world_is_open(world, 0), 1000);
    struct bl_address to;
    ck_assert_int_eq(bl_address_parse(&to, world_info(world, SERVER, 0).address, false), BELAY_OK);
    world_cut(world, 0);
    must_ask(world, "lan:7777"); /* whoever answers is heard, but nobody could hear the question */
    world_run(world, 20);
    world_link(world, 0, NULL);
    uint64_t before = world_stats(world, CLIENT, 0).dropped[BELAY_DROP_HANDSHAKE];
    for (unsigned i = 0; i < 100; i++) {
        memset(info.nonce, (int)i, sizeof info.nonce);
        size_t size = bl_info_write(data, &info);
        bl_net_send(liar, &(struct bl_datagram){.address = to, .data = data, .size = size}, 1);
    }
    world_run(world, 100);
    ck_assert_uint_eq(found_count, 0);
    ck_assert_uint_eq(world_stats(world, CLIENT, 0).dropped[BELAY_DROP_HANDSHAKE], before + 100);
    bl_net_close(liar);
    world_destroy(world);
}
END_TEST

/* What nobody polls does not pile up, and is given back at the end. */
START_TEST(what_is_not_polled_waits_up_to_a_bound) {
    struct world *world = create(NULL);
    world->each_step = NULL;
    for (unsigned i = 0; i < 300; i++) {
        enum belay_result result = belay_client_query(world->clients[0].it, world->address);
        ck_assert(result == BELAY_OK || result == BELAY_E_WOULD_BLOCK);
        if (i % 10 == 0) {
            world_run(world, 1000); /* within the server's rate */
        }
    }
    world_run(world, BELAY_QUERY_MS);
    ck_assert_uint_ge(world_stats(world, CLIENT, 0).dropped[BELAY_DROP_UNREAD], 1);
    poll_found(world);
    ck_assert_uint_eq(found_count, 128);
    must_ask(world, world->address);
    world_run(world, BELAY_QUERY_MS);
    world_destroy(world); /* with one that is lent, and one that was never polled */
}
END_TEST

START_TEST(too_many_questions_at_once_would_block) {
    struct world *world = create(NULL);
    int asked = 0;
    while (belay_client_query(world->clients[0].it, "10.0.0.99:7777") == BELAY_OK) {
        must(++asked < 1000);
    }
    ck_assert_int_eq(belay_client_query(world->clients[0].it, "lan:7777"), BELAY_E_WOULD_BLOCK);
    world_run(world, BELAY_QUERY_MS + 10);
    must_ask(world, world->address);
    world_until(world, found_count == 1, 100);
    world_destroy(world);
}
END_TEST

/* Names are looked up aside; "localhost" needs no lookup. */
START_TEST(a_name_is_asked_too) {
    struct world *world = create(&(struct world_opts){.sockets = true});
    char address[64];
    snprintf(address, sizeof address, "localhost%s", strchr(world->address, ':'));
    must_ask(world, address);
    world_until(world, found_count == 1, 2000);
    ck_assert_ptr_nonnull(strstr(found[0].invite, world->address));
    world_destroy(world);
}
END_TEST

/** Another name of this machine, that is found without asking the network; NULL = it has none. */
static const char *other_name(void) {
    const struct hostent *host;
    sethostent(0);
    while ((host = gethostent()) != NULL) { /* reads /etc/hosts */
        static const uint8_t loopback[] = {127, 0, 0, 1};
        if (host->h_addrtype == AF_INET && memcmp(host->h_addr_list[0], loopback, 4) == 0 &&
            strcmp(host->h_name, "localhost") != 0) {
            return host->h_name;
        }
    }
    return NULL;
}

/* Both ways: the answer comes, or the client is destroyed while the name is being looked up. */
START_TEST(a_name_is_looked_up_aside) {
    char address[300];
    const char *name = other_name();
    if (name == NULL) {
        return;
    }
    struct world *world = create(&(struct world_opts){.sockets = true});
    snprintf(address, sizeof address, "%s%s", name, strchr(world->address, ':'));
    for (int i = 0; i < (_i == 0 ? 1 : 16); i++) { /* some of the 16 will take longer */
        must_ask(world, address);
    }
    if (_i == 0) {
        world_until(world, found_count == 1, 5000);
        ck_assert_str_eq(found[0].invite, invite_of(world, NULL));
    }
    world_destroy(world);
}
END_TEST

/* Whoever needs a token is found too; there is no key that would let in. */
START_TEST(a_server_for_tokens_alone_shows_no_key_and_invites_nobody) {
    char invite[BELAY_INVITE_SIZE];
    folder_begin();
    const char *keys = folder_file("keys");
    ck_assert_int_eq(belay_key_generate(keys), BELAY_OK);
    struct world *world = create(&(struct world_opts){.server = {.token_keys = keys}});
    ck_assert_int_eq(belay_server_invite(world->server, NULL, invite, sizeof invite),
                     BELAY_E_STATE);
    ck_assert_ptr_nonnull(strstr(belay_error(), "BELAY_ADMIT_KEY"));
    must_ask(world, world->address);
    world_until(world, found_count == 1, 1000);
    ck_assert_str_eq(found[0].invite, world->address);
    world_destroy(world);
    folder_end();
}
END_TEST

/* service() is told to wait for ever, and returns for an answer. */
START_TEST(a_service_that_waits_returns_for_an_answer) {
    struct world *world = create(&(struct world_opts){.sockets = true});
    must_ask(world, world->address);
    belay_client_service(world->clients[0].it, 0);
    belay_server_service(world->server, 1000);
    belay_server_flush(world->server);
    belay_client_service(world->clients[0].it, 60000);
    poll_found(world);
    ck_assert_uint_eq(found_count, 1);
    world_destroy(world);
}
END_TEST

/** Runs belay-query beside the world; what it prints. */
static const char *run_tool(struct world *world, const char *program) {
    static char output[4096];
    size_t size = 0;
    int ends[2];
    int status = 0;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        setenv("LC_ALL", "C.UTF-8", 1);
        execl(program, program, world->address, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while (waitpid(child, &status, WNOHANG) == 0) {
        world_step(world);
    }
    ck_assert_int_eq(status, 0);
    ssize_t got;
    while ((got = read(ends[0], output + size, sizeof output - 1 - size)) > 0) {
        size += (size_t)got;
    }
    close(ends[0]);
    output[size] = '\0';
    return output;
}

/* A stranger's words do not reach the terminal as they are. */
START_TEST(the_program_prints_names_clean) {
    static const char name[] = "Burg H\303\266lle\033[31m\t\377\302\205|\nand a second line";
    const char *program = getenv("BELAY_QUERY");
    if (program == NULL) {
        return; /* built without examples */
    }
    struct world *world = create(&(struct world_opts){.sockets = true});
    belay_server_set_public_info(world->server, name, sizeof name - 1);
    const char *output = run_tool(world, program);
    ck_assert_msg(strstr(output, "\nBurg H\303\266lle?[31m???| ") != NULL, "%s", output);
    ck_assert_ptr_nonnull(strstr(output, invite_of(world, NULL)));
    ck_assert_ptr_null(strstr(output, "second"));
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_server_tells_who_it_is_without_a_login, SIMULATED, SOCKETS + 1);
    tcase_add_loop_test(tests, what_was_found_connects, SIMULATED, SOCKETS + 1);
    tcase_add_loop_test(tests, the_servers_invite_connects, 0, 4);
    tcase_add_test(tests, an_invite_connects_to_its_own_server_only);
    tcase_add_test(tests, an_invite_is_refused_where_it_would_be_of_no_use);
    tcase_add_test(tests, a_server_on_every_address_invites_to_one);
    tcase_add_test(tests, public_info_has_a_limit);
    tcase_add_test(tests, who_answers_with_the_last_repeat_is_found);
    tcase_add_test(tests, silence_is_no_answer_and_ends);
    tcase_add_test(tests, all_in_the_local_network_are_found_once);
    tcase_add_loop_test(tests, servers_of_another_game_do_not_answer, 0, 2);
    tcase_add_test(tests, wrong_addresses_are_refused);
    tcase_add_test(tests, a_server_with_another_key_than_the_invites_is_not_found);
    tcase_add_test(tests, a_flood_is_answered_with_less_and_play_goes_on);
    tcase_add_test(tests, an_answer_that_was_not_asked_for_is_dropped);
    tcase_add_test(tests, what_is_not_polled_waits_up_to_a_bound);
    tcase_add_test(tests, too_many_questions_at_once_would_block);
    tcase_add_test(tests, a_name_is_asked_too);
    tcase_add_loop_test(tests, a_name_is_looked_up_aside, 0, 2);
    tcase_add_test(tests, a_server_for_tokens_alone_shows_no_key_and_invites_nobody);
    tcase_add_test(tests, a_service_that_waits_returns_for_an_answer);
    tcase_add_test(tests, the_program_prints_names_clean);
}

TEST_MAIN("query", add_tests)
