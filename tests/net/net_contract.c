/* What every house of lib/net promises alike: one suite, run over UDP in each family and the
 * simulation. */
#include "common/memory.h"
#include "lib/net/net.h"
#include "lib/net/sim.h"
#include "tests/net/net_support.h"
#include "tests/support/test.h"
#include <belay/sim.h>
#include <pthread.h>
#include <string.h>

enum house_kind { HOUSE_UDP, HOUSE_SIM };

/* `local` is what the sockets are opened on, `reached_at` the host under which others reach them.
 */
static const struct house {
    const char *name;
    enum house_kind kind;
    const char *local;
    const char *reached_at; /* NULL: as opened */
} houses[] = {
    {"udp on IPv4", HOUSE_UDP, "127.0.0.1:0", NULL},
    {"udp on IPv6", HOUSE_UDP, "[::1]:0", NULL},
    {"udp on both, met by IPv4", HOUSE_UDP, "*:0", "127.0.0.1:0"},
    {"udp on both, met by IPv6", HOUSE_UDP, "*:0", "[::1]:0"},
    {"udp on any IPv4", HOUSE_UDP, "0.0.0.0:0", "127.0.0.1:0"},
    {"simulation", HOUSE_SIM, "*:0", NULL},
};

static const struct house *house;
static struct bl_memory memory;
static struct belay_sim *sim;
static struct bl_net *server, *client;
static int client_owner; /* names the client to the simulation */

static enum belay_result open_at(struct bl_net **out, const struct bl_address *local,
                                 const void *owner) {
    return house->kind == HOUSE_SIM ? bl_sim_open(out, sim, local, owner)
                                    : bl_udp_open(out, local, &memory);
}

/** Where others reach a socket. */
static struct bl_address reach(const struct bl_net *net) {
    if (house->reached_at == NULL) {
        return net->local;
    }
    struct bl_address address = address_of(house->reached_at);
    address.port = net->local.port;
    return address;
}

/** Opens both ends; false where the machine has no IPv6, and then there is nothing to promise. */
static bool move_in(int index) {
    house = &houses[index];
    bl_memory_init(&memory, NULL, 0);
    sim = belay_sim_create(1);
    struct bl_address local = address_of(house->local);
    if (open_at(&server, &local, NULL) != BELAY_OK) {
        ck_assert_msg(strstr(house->name, "IPv6") != NULL, "%s: %s", house->name, belay_error());
        belay_sim_destroy(sim);
        return false;
    }
    ck_assert_int_eq(open_at(&client, &local, &client_owner), BELAY_OK);
    return true;
}

static void move_out(void) {
    bl_net_close(client);
    bl_net_close(server);
    belay_sim_destroy(sim);
    ck_assert_uint_eq(memory.used, 0);
}

static struct bl_datagram datagram_to(const struct bl_net *to, void *data, size_t size) {
    return (struct bl_datagram){.address = reach(to), .data = data, .size = size};
}

static void send_text(struct bl_net *from, const struct bl_net *to, const char *text) {
    char data[64];
    size_t size = strlen(text);
    memcpy(data, text, size);
    struct bl_datagram datagram = datagram_to(to, data, size);
    ck_assert_uint_eq(bl_net_send(from, &datagram, 1), 1);
}

static void assert_receives(struct bl_net *net, const struct bl_net *from, const char *text) {
    struct bl_datagram got;
    ck_assert_msg(receive(net, &got, 1) == 1, "%s: \"%s\" did not arrive", house->name, text);
    ck_assert_uint_eq(got.size, strlen(text));
    ck_assert_mem_eq(got.data, text, got.size);
    struct bl_address source = reach(from);
    ck_assert_msg(bl_address_equal(&got.address, &source), "%s: wrong source", house->name);
}

START_TEST(a_datagram_arrives_whole_and_names_its_sender) {
    if (!move_in(_i)) {
        return;
    }
    send_text(client, server, "hello");
    assert_receives(server, client, "hello");
    send_text(server, client, "welcome");
    assert_receives(client, server, "welcome");
    move_out();
}
END_TEST

START_TEST(an_answer_comes_from_where_the_question_went_to) {
    if (!move_in(_i)) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        struct bl_datagram got;
        send_text(client, server, "question");
        ck_assert_uint_eq(receive(server, &got, 1), 1);
        ck_assert_uint_eq(got.local.port, 0);
        ck_assert_uint_eq(bl_net_send(server, &got, 1), 1); /* with the `local` that it has */
        assert_receives(client, server, "question");
    }
    move_out();
}
END_TEST

START_TEST(a_datagram_may_be_of_any_size_up_to_the_limit) {
    if (!move_in(_i)) {
        return;
    }
    static const size_t sizes[] = {1, 2, 15, 576, BL_DATAGRAM_SIZE_MAX - 1, BL_DATAGRAM_SIZE_MAX};
    uint8_t data[BL_DATAGRAM_SIZE_MAX];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct bl_datagram sent = datagram_to(server, data, sizes[i]);
        struct bl_datagram got;
        ck_assert_uint_eq(bl_net_send(client, &sent, 1), 1);
        ck_assert_uint_eq(receive(server, &got, 1), 1);
        ck_assert_uint_eq(got.size, sizes[i]);
        ck_assert_mem_eq(got.data, data, sizes[i]);
    }
    move_out();
}
END_TEST

/* A batch whose sizes and targets are mixed, so that parts of it may be joined on the way. */
START_TEST(a_full_batch_arrives_in_order) {
    if (!move_in(_i)) {
        return;
    }
    uint8_t data[BL_NET_BATCH_MAX][BL_DATAGRAM_SIZE_MAX];
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    for (size_t i = 0; i < BL_NET_BATCH_MAX; i++) {
        memset(data[i], (int)i, sizeof(data[i]));
        batch[i] = datagram_to(server, data[i], 1 + i * i % 1200);
    }
    ck_assert_uint_eq(bl_net_send(client, batch, BL_NET_BATCH_MAX), BL_NET_BATCH_MAX);

    size_t count = 0;
    struct bl_datagram got[BL_NET_BATCH_MAX];
    while (count < BL_NET_BATCH_MAX) {
        size_t part = receive(server, got, BL_NET_BATCH_MAX);
        ck_assert_msg(part > 0, "%s: %zu arrived", house->name, count);
        for (size_t i = 0; i < part; i++, count++) {
            ck_assert_uint_eq(got[i].size, batch[count].size);
            ck_assert_mem_eq(got[i].data, data[count], got[i].size);
        }
    }
    ck_assert_uint_eq(bl_net_receive(server, got, BL_NET_BATCH_MAX), 0);
    move_out();
}
END_TEST

START_TEST(one_batch_may_go_to_many) {
    if (!move_in(_i)) {
        return;
    }
    struct bl_net *other = NULL;
    struct bl_address local = address_of(house->local);
    ck_assert_int_eq(open_at(&other, &local, &local), BELAY_OK);
    char data[] = "abcdef";
    struct bl_datagram batch[6];
    for (size_t i = 0; i < COUNT_OF(batch); i++) {
        batch[i] = datagram_to(i % 2 == 0 ? client : other, data + i, 1);
    }
    ck_assert_uint_eq(bl_net_send(server, batch, COUNT_OF(batch)), COUNT_OF(batch));
    assert_receives(client, server, "a");
    assert_receives(client, server, "c");
    assert_receives(client, server, "e");
    assert_receives(other, server, "b");
    assert_receives(other, server, "d");
    assert_receives(other, server, "f");
    bl_net_close(other);
    move_out();
}
END_TEST

START_TEST(what_a_batch_points_to_stays_while_its_reader_sends) {
    if (!move_in(_i)) {
        return;
    }
    send_text(client, server, "question");
    struct bl_datagram got;
    ck_assert_uint_eq(receive(server, &got, 1), 1);
    for (int i = 0; i < 100; i++) {
        send_text(server, client, "something else");
        send_text(client, server, "and more");
    }
    ck_assert_mem_eq(got.data, "question", got.size);
    move_out();
}
END_TEST

START_TEST(nothing_there_is_not_waited_for) {
    if (!move_in(_i)) {
        return;
    }
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    ck_assert_uint_eq(bl_net_receive(server, batch, BL_NET_BATCH_MAX), 0);
    ck_assert_uint_eq(bl_net_receive(server, batch, 0), 0);
    ck_assert_uint_eq(bl_net_send(server, batch, 0), 0);
    bl_net_wait(server, 0);
    bl_net_wait(server, -BL_SECOND);
    move_out();
}
END_TEST

static const struct unfit {
    const char *name;
    size_t size;
    uint64_t empty_count, oversize_count;
} unfits[] = {
    {"empty", 0, 100, 0},
    {"one byte too long", BL_DATAGRAM_SIZE_MAX + 1, 0, 100},
    {"as long as loopback takes", 65000, 0, 100},
};

START_TEST(unfit_datagrams_are_dropped_counted_and_block_nothing) {
    if (!move_in(_i % (int)COUNT_OF(houses))) {
        return;
    }
    const struct unfit *unfit = &unfits[_i / (int)COUNT_OF(houses)];
    uint8_t *data = calloc(1, 65000);
    struct bl_datagram datagram = datagram_to(server, data, unfit->size);
    send_text(client, server, "before");
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 10; j++) {
            ck_assert_uint_eq(bl_net_send(client, &datagram, 1), 1);
        }
        send_text(client, server, "between");
        assert_receives(server, client, i == 0 ? "before" : "between");
    }
    assert_receives(server, client, "between");
    ck_assert_uint_eq(server->empty_count, unfit->empty_count);
    ck_assert_uint_eq(server->oversize_count, unfit->oversize_count);
    free(data);
    move_out();
}
END_TEST

START_TEST(a_dead_port_harms_nobody_else) {
    if (!move_in(_i)) {
        return;
    }
    struct bl_net *dead = NULL;
    struct bl_address local = address_of(house->local);
    ck_assert_int_eq(open_at(&dead, &local, &local), BELAY_OK);
    char data[] = "xy";
    struct bl_datagram batch[] = {
        datagram_to(dead, data, 2), datagram_to(client, data, 1),     datagram_to(dead, data, 1),
        datagram_to(dead, data, 1), datagram_to(client, data + 1, 1),
    };
    bl_net_close(dead);
    for (int i = 0; i < 10; i++) {
        bl_net_send(server, batch, COUNT_OF(batch));
        assert_receives(client, server, "x");
        assert_receives(client, server, "y");
        send_text(client, server, "still here");
        assert_receives(server, client, "still here");
    }
    move_out();
}
END_TEST

START_TEST(a_socket_knows_its_real_port) {
    if (!move_in(_i)) {
        return;
    }
    ck_assert_uint_ne(server->local.port, 0);
    ck_assert_uint_ne(client->local.port, 0);
    struct bl_address at = reach(server);
    struct bl_address other = reach(client);
    ck_assert(!bl_address_equal(&at, &other));
    move_out();
}
END_TEST

START_TEST(a_port_is_taken_until_it_is_closed) {
    if (!move_in(_i)) {
        return;
    }
    struct bl_address local = server->local;
    struct bl_net *second = NULL;
    ck_assert_int_eq(open_at(&second, &local, NULL), BELAY_E_IN_USE);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(belay_error(), "taken"));

    for (int i = 0; i < 10; i++) {
        bl_net_close(server);
        ck_assert_int_eq(open_at(&server, &local, NULL), BELAY_OK);
        ck_assert_uint_eq(server->local.port, local.port);
    }
    send_text(client, server, "found again");
    assert_receives(server, client, "found again");
    move_out();
}
END_TEST

START_TEST(what_came_before_a_close_is_gone_after_it) {
    if (!move_in(_i)) {
        return;
    }
    send_text(client, server, "too early");
    struct bl_address local = server->local;
    bl_net_close(server);
    ck_assert_int_eq(open_at(&server, &local, NULL), BELAY_OK);
    send_text(client, server, "in time");
    assert_receives(server, client, "in time");
    move_out();
}
END_TEST

START_TEST(a_wake_before_the_wait_ends_it) {
    if (!move_in(_i)) {
        return;
    }
    bl_net_wake(server);
    bl_net_wake(server);
    bl_net_wait(server, BL_TIME_NEVER); /* returns, or the test times out */
    bl_time start = bl_net_now(server);
    bl_net_wait(server, 20 * BL_MILLISECOND); /* nothing is left of the wake-ups */
    bl_duration waited = bl_net_now(server) - start;
    ck_assert_int_eq(waited >= 20 * BL_MILLISECOND, !server->simulated);
    move_out();
}
END_TEST

static void *wake_thread(void *net) {
    bl_net_wake(net);
    return NULL;
}

START_TEST(a_wake_from_another_thread_ends_a_wait) {
    if (!move_in(_i)) {
        return;
    }
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, wake_thread, server), 0);
        bl_net_wait(server, BL_TIME_NEVER);
        pthread_join(thread, NULL);
    }
    move_out();
}
END_TEST

START_TEST(a_datagram_does_not_end_a_rest_and_a_wake_does) {
    if (!move_in(_i)) {
        return;
    }
    send_text(client, server, "news");
    bl_time start = bl_net_now(server);
    bl_net_rest(server, 20 * BL_MILLISECOND);
    bl_duration rested = bl_net_now(server) - start;
    ck_assert_int_eq(rested >= 20 * BL_MILLISECOND, !server->simulated);
    bl_net_wake(server);
    bl_net_rest(server, BL_TIME_NEVER); /* returns, or the test times out */
    assert_receives(server, client, "news");
    move_out();
}
END_TEST

START_TEST(a_datagram_ends_a_wait) {
    if (!move_in(_i)) {
        return;
    }
    send_text(client, server, "news");
    bl_net_wait(server, BL_TIME_NEVER);
    struct bl_datagram got;
    ck_assert_uint_eq(bl_net_receive(server, &got, 1), 1);
    move_out();
}
END_TEST

START_TEST(time_is_above_a_second_and_secrets_differ) {
    if (!move_in(_i)) {
        return;
    }
    bl_time now = bl_net_now(server);
    ck_assert_int_ge(now, BL_SECOND);
    ck_assert_int_ge(bl_net_now(server), now);
    ck_assert_int_ge(bl_net_wall(server), BL_SECOND);
    ck_assert_uint_ne(bl_random_u64(bl_net_random(server)), bl_random_u64(bl_net_random(client)));
    ck_assert_int_eq(bl_net_random(server)->seeded, server->simulated);
    ck_assert_int_eq(bl_net_descriptor(server) == -1, server->simulated);
    move_out();
}
END_TEST

START_TEST(closing_nothing_is_fine) {
    bl_net_close(NULL);
}
END_TEST

static void add_tests(TCase *tests) {
    const TTest *const contract[] = {
        a_datagram_arrives_whole_and_names_its_sender,
        an_answer_comes_from_where_the_question_went_to,
        a_datagram_may_be_of_any_size_up_to_the_limit,
        a_full_batch_arrives_in_order,
        one_batch_may_go_to_many,
        what_a_batch_points_to_stays_while_its_reader_sends,
        nothing_there_is_not_waited_for,
        a_dead_port_harms_nobody_else,
        a_socket_knows_its_real_port,
        a_port_is_taken_until_it_is_closed,
        what_came_before_a_close_is_gone_after_it,
        a_wake_before_the_wait_ends_it,
        a_wake_from_another_thread_ends_a_wait,
        a_datagram_ends_a_wait,
        a_datagram_does_not_end_a_rest_and_a_wake_does,
        time_is_above_a_second_and_secrets_differ,
    };
    int house_count = (int)COUNT_OF(houses);
    for (size_t i = 0; i < COUNT_OF(contract); i++) {
        tcase_add_loop_test(tests, contract[i], 0, house_count);
    }
    tcase_add_loop_test(tests, unfit_datagrams_are_dropped_counted_and_block_nothing, 0,
                        house_count * (int)COUNT_OF(unfits));
    tcase_add_test(tests, closing_nothing_is_fine);
}

TEST_MAIN("net_contract", add_tests)
