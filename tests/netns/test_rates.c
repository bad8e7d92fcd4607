/*
 * How many handshakes one address gets, and how many its network: nobody can keep others out by
 * asking all the time.
 *
 * Callers have any number of source addresses and go no further than ACCEPT. The rate is one a
 * second, of which eight may come at once; a network has four times as much.
 */
#define _GNU_SOURCE
#include "lib/wire/frame.h"
#include "tests/netns/network.h"
#include "tests/support/way_in.h"

#define BURST 8
#define TIMES 4 /* as many for a whole network */

static struct world *world;
static struct bl_address server;

static void begin(void) {
    network_begin();
    world = world_apart(
        &(struct belay_server_opts){.handshake_rate = 1, .session_max = BELAY_SESSIONS_MAX});
    client_has(false, "10.1.0.11");
    client_has(true, "fd00::11");
    network("route add local 10.1.128.0/17 dev lo"); /* all of them are this machine's */
    go_to(SERVER);
    network("-6 route add fd01::/16 dev wire");
    go_to(CLIENT);
}

static void end(void) {
    world_destroy(world);
    network_end();
}

/** The server's answer; NULL when it has found that there are too many. */
static const struct bl_datagram *answer(struct bl_net *net) {
    static struct bl_datagram answer;
    uint64_t refused = world_stats(world, SERVER, 0).dropped[BELAY_DROP_RATE];
    for (uint32_t until = world->ms + 2000; world->ms < until;) {
        world_step(world);
        if (bl_net_receive(net, &answer, 1) == 1) {
            return &answer;
        }
        if (world_stats(world, SERVER, 0).dropped[BELAY_DROP_RATE] > refused) {
            return NULL;
        }
    }
    ck_abort_msg("no answer, and no refusal");
    return NULL;
}

static void ask(struct bl_net *net, struct bl_dial *dial) {
    uint8_t open[BL_OPEN_SIZE];
    bl_dial_write(dial, bl_net_now(net), open);
    ck_assert_uint_eq(
        bl_net_send(net,
                    &(struct bl_datagram){.address = server, .data = open, .size = sizeof open}, 1),
        1);
}

/** A whole handshake from this address; false: refused. */
static bool gets_in(const char *from) {
    static struct bl_dial dial;
    struct bl_memory memory;
    struct bl_address local;
    struct bl_net *net;
    bl_memory_init(&memory, NULL, 0);
    ck_assert_int_eq(bl_address_parse(&local, from, false), BELAY_OK);
    ck_assert_msg(bl_udp_open(&net, &local, &memory) == BELAY_OK, "%s: %s", from, belay_error());
    const struct bl_dial_target target = dial_target(&server);
    bl_dial_start(&dial, &target, bl_wire_hash(""), bl_net_random(net), bl_net_now(net));
    ask(net, &dial);
    const struct bl_datagram *retry = answer(net);
    ck_assert(retry != NULL && bl_dial_retry(&dial, retry, bl_net_now(net)));
    ask(net, &dial);
    const struct bl_datagram *accept = answer(net);
    ck_assert(accept == NULL || bl_datagram_kind(accept->data, accept->size) == BL_DATAGRAM_ACCEPT);
    bl_net_close(net);
    return accept != NULL;
}

static void dial_at(const char *address) {
    ck_assert_int_eq(bl_address_parse(&server, address, false), BELAY_OK);
}

/** @p format takes a number, 1 to @p count, for each caller's address. @return who got in */
static unsigned callers(unsigned count, const char *format) {
    unsigned in = 0;
    for (unsigned i = 1; i <= count; i++) {
        char from[64];
        snprintf(from, sizeof from, format, i);
        in += gets_in(from);
    }
    return in;
}

/** A burst of @p count, and what has been added since @p began_ms. */
static void must_be_about(unsigned in, unsigned count, uint32_t began_ms) {
    unsigned added = 1 + count / BURST * (world->ms - began_ms) / 1000;
    ck_assert_uint_ge(in, count);
    ck_assert_uint_le(in, count + added);
}

#define SUBNET "fd01:0:0:1::%x" /* one */
#define SITE   "fd01:0:1:%x::1" /* many subnets of one site */
#define SITES  "fd01:1:%x::1"   /* many sites */

/** IPv6 lets nobody bind to an address that it has not been given. */
static void add_addresses(unsigned count, const char *format) {
    FILE *commands = popen("ip -6 -batch -", "w");
    ck_assert_ptr_nonnull(commands);
    for (unsigned i = 1; i <= count; i++) {
        char address[64];
        snprintf(address, sizeof address, format, i);
        fprintf(commands, "address add %s/128 dev wire nodad\n", address);
    }
    ck_assert_int_eq(pclose(commands), 0);
}

/* Addresses share buckets, who with whom is by chance: a few of so many do with the one. */
START_TEST(one_address_at_its_limit_keeps_nobody_else_out) {
    unsigned in = 0;
    uint32_t began_ms = world->ms;
    dial_at(HERE_4 ":7777");
    must_be_about(callers(100, "10.1.255.1:%u0"), BURST, began_ms);
    for (unsigned network = 0; network < 30; network++) {
        char format[64];
        snprintf(format, sizeof format, "10.1.%u.%%u:0", 128 + network);
        in += callers(10, format);
        gets_in("10.1.255.1:0"); /* which goes on asking */
    }
    ck_assert_uint_ge(in, 295);
}
END_TEST

START_TEST(a_network_has_four_times_as_much_as_one_address) {
    dial_at(HERE_4 ":7777");
    uint32_t began_ms = world->ms;
    must_be_about(callers(250, "10.1.200.%u:0"), TIMES * BURST, began_ms);
    ck_assert_uint_ge(callers(4, "10.1.20%u.1:0"), 3); /* other networks */
}
END_TEST

START_TEST(of_ipv6_a_whole_subnet_counts_as_one_address) {
    dial_at("[" HERE_6 "]:7777");
    add_addresses(100, SUBNET);
    uint32_t began_ms = world->ms;
    must_be_about(callers(100, "[" SUBNET "]:0"), BURST, began_ms);
}
END_TEST

START_TEST(of_ipv6_a_site_has_four_times_as_much_as_a_subnet) {
    dial_at("[" HERE_6 "]:7777");
    add_addresses(100, SITE);
    add_addresses(100, SITES);
    uint32_t began_ms = world->ms;
    must_be_about(callers(100, "[" SITE "]:0"), TIMES * BURST, began_ms);
    ck_assert_uint_ge(callers(100, "[" SITES "]:0"), 97);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, one_address_at_its_limit_keeps_nobody_else_out);
    tcase_add_test(tests, a_network_has_four_times_as_much_as_one_address);
    tcase_add_test(tests, of_ipv6_a_whole_subnet_counts_as_one_address);
    tcase_add_test(tests, of_ipv6_a_site_has_four_times_as_much_as_a_subnet);
}

TEST_MAIN("netns rates", add_tests)
