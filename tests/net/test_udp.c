/* Real UDP beyond the contract: runs of datagrams, errors about single ones, the descriptor. */
#define _GNU_SOURCE
#include "lib/net/net.h"
#include "tests/net/net_support.h"
#include "tests/net/plain_socket.h"
#include "tests/support/test.h"
#include <poll.h>

static struct bl_memory memory;
static struct bl_net *left, *right;

static struct bl_net *open_udp(const char *local) {
    struct bl_net *net = NULL;
    struct bl_address address = address_of(local);
    ck_assert_msg(bl_udp_open(&net, &address, &memory) == BELAY_OK, "%s", belay_error());
    return net;
}

static void set_up(void) {
    bl_memory_init(&memory, NULL, 0);
    left = open_udp("127.0.0.1:0");
    right = open_udp("127.0.0.1:0");
}

static void tear_down(void) {
    bl_net_close(left);
    bl_net_close(right);
    ck_assert_uint_eq(memory.used, 0);
}

static bool is_readable(intptr_t descriptor) {
    struct pollfd ready = {.fd = (int)descriptor, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

/* ---- bursts ---- */

#define BURST_COUNT 300

static size_t equal_1200(size_t i) {
    (void)i;
    return 1200;
}
static size_t equal_44(size_t i) {
    (void)i;
    return 44;
}
static size_t equal_1(size_t i) {
    (void)i;
    return 1;
}
static size_t every_fifth_shorter(size_t i) {
    return i % 5 == 4 ? 99 : 1000;
}
static size_t every_fifth_longer(size_t i) {
    return i % 5 == 4 ? 1000 : 99;
}
static size_t growing(size_t i) {
    return 1 + i;
}
static size_t shrinking(size_t i) {
    return 2 * BURST_COUNT - 2 * i;
}
static size_t mixed(size_t i) {
    struct bl_random random;
    bl_random_init_seeded(&random, i / 4);
    return 1 + (size_t)bl_random_below(&random, i % 2 == 0 ? 1200 : 3);
}

static const struct burst {
    const char *name;
    size_t (*size_of)(size_t index);
    size_t receive_max;
} bursts[] = {
    {"equal and long", equal_1200, 64},
    {"equal and long, few at a time", equal_1200, 7},
    {"equal and short", equal_44, 64},
    {"equal and short, one at a time", equal_44, 1},
    {"of one byte", equal_1, 63},
    {"runs that end shorter", every_fifth_shorter, 64},
    {"runs that end longer", every_fifth_longer, 64},
    {"growing", growing, 64},
    {"shrinking", shrinking, 13},
    {"mixed", mixed, 64},
    {"mixed, few at a time", mixed, 3},
};

/** Byte @p at of datagram @p index: every datagram differs from its neighbours everywhere. */
static uint8_t pattern(size_t index, size_t at) {
    return (uint8_t)(index * 31 + at * 7);
}

static void assert_intact(const struct burst *burst, size_t index, const struct bl_datagram *got) {
    ck_assert_msg(got->size == burst->size_of(index), "%s: datagram %zu has %zu bytes", burst->name,
                  index, got->size);
    ck_assert(bl_address_equal(&got->address, &left->local));
    for (size_t i = 0; i < got->size; i++) {
        ASSERT_QUIETLY(got->data[i] == pattern(index, i), "%s: datagram %zu is damaged at %zu",
                       burst->name, index, i);
    }
}

static void send_part(const struct burst *burst, size_t first, size_t count) {
    static uint8_t data[BL_NET_BATCH_MAX][BL_DATAGRAM_SIZE_MAX];
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        size_t size = burst->size_of(first + i);
        for (size_t at = 0; at < size; at++) {
            data[i][at] = pattern(first + i, at);
        }
        batch[i] = (struct bl_datagram){.address = right->local, .data = data[i], .size = size};
    }
    ck_assert_uint_eq(bl_net_send(left, batch, count), count);
}

START_TEST(a_burst_arrives_intact_and_in_order) {
    const struct burst *burst = &bursts[_i];
    size_t sent = 0;
    size_t received = 0;
    while (received < BURST_COUNT) {
        size_t part = BURST_COUNT - sent < BL_NET_BATCH_MAX ? BURST_COUNT - sent : BL_NET_BATCH_MAX;
        send_part(burst, sent, part);
        sent += part;
        while (received < sent) {
            struct bl_datagram got[BL_NET_BATCH_MAX];
            size_t count = receive(right, got, burst->receive_max);
            ck_assert_msg(count > 0, "%s: only %zu of %zu came", burst->name, received, sent);
            for (size_t i = 0; i < count; i++, received++) {
                assert_intact(burst, received, &got[i]);
            }
        }
    }
    struct bl_datagram none;
    ck_assert_uint_eq(bl_net_receive(right, &none, 1), 0);
    ck_assert_uint_eq(left->unsent_count, 0);
}
END_TEST

/* ---- runs, seen from outside ---- */

START_TEST(equal_datagrams_to_one_address_leave_as_one_run) {
    struct bl_address at;
    int plain = open_plain(&at);
    show_runs(plain);
    ck_assert_uint_eq(send_equal(left, &at, 40, 100), 40);
    struct run run = receive_run(plain);
    ck_assert_uint_eq(run.size, 4000);
    ck_assert_uint_eq(run.segment, 100);
    close(plain);
}
END_TEST

/* What is sent in one batch, and what the kernel then saw; a size of 0 behind the last ends a row.
 */
static const struct shape {
    const char *name;
    size_t sizes[4];
    struct run runs[4];
} shapes[] = {
    {"equal", {10, 10, 10}, {{30, 10}}},
    {"the last is shorter", {10, 10, 3}, {{23, 10}}},
    {"a shorter one ends a run", {10, 3, 10, 3}, {{13, 10}, {13, 10}}},
    {"a longer one starts a run", {10, 20, 10}, {{10, 0}, {30, 20}}},
    {"growing", {10, 11, 12}, {{10, 0}, {11, 0}, {12, 0}}},
    {"alone", {10}, {{10, 0}}},
};

START_TEST(a_run_has_one_size_and_may_end_shorter) {
    const struct shape *shape = &shapes[_i];
    struct bl_address at;
    int plain = open_plain(&at);
    show_runs(plain);
    uint8_t data[20] = {0};
    struct bl_datagram batch[4];
    size_t count = 0;
    for (; count < 4 && shape->sizes[count] > 0; count++) {
        batch[count] =
            (struct bl_datagram){.address = at, .data = data, .size = shape->sizes[count]};
    }
    ck_assert_uint_eq(bl_net_send(left, batch, count), count);
    for (size_t i = 0; i < 4 && shape->runs[i].size > 0; i++) {
        struct run run = receive_run(plain);
        ck_assert_msg(run.size == shape->runs[i].size && run.segment == shape->runs[i].segment,
                      "%s: run %zu has %zu bytes in segments of %zu", shape->name, i, run.size,
                      run.segment);
    }
    close(plain);
}
END_TEST

START_TEST(empty_datagrams_stand_alone_between_runs) {
    uint8_t data[10] = {0};
    size_t sizes[] = {10, 0, 0, 10, 0, 5};
    struct bl_datagram batch[COUNT_OF(sizes)];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        batch[i] = (struct bl_datagram){.address = right->local, .data = data, .size = sizes[i]};
    }
    ck_assert_uint_eq(bl_net_send(left, batch, COUNT_OF(sizes)), COUNT_OF(sizes));
    struct bl_datagram got[3];
    ck_assert_uint_eq(receive(right, got, 1), 1);
    ck_assert_uint_eq(receive(right, got, 1), 1);
    ck_assert_uint_eq(receive(right, got, 1), 1);
    ck_assert_uint_eq(got[0].size, 5);
    ck_assert_uint_eq(right->empty_count, 3);
}
END_TEST

START_TEST(a_run_ends_at_65000_bytes) {
    struct bl_address at;
    int plain = open_plain(&at);
    show_runs(plain);
    ck_assert_uint_eq(send_equal(left, &at, 64, 1200), 64);
    ck_assert_uint_eq(receive_run(plain).size, 54 * 1200);
    ck_assert_uint_eq(receive_run(plain).size, 10 * 1200);
    close(plain);
}
END_TEST

START_TEST(a_receiver_that_knows_no_runs_gets_single_datagrams) {
    struct bl_address at;
    int plain = open_plain(&at);
    ck_assert_uint_eq(send_equal(left, &at, 40, 100), 40);
    for (int i = 0; i < 40; i++) {
        struct run run = receive_run(plain);
        ck_assert_uint_eq(run.size, 100);
        ck_assert_uint_eq(run.segment, 0);
    }
    close(plain);
}
END_TEST

START_TEST(oversize_datagrams_pass_whole_or_not_at_all) {
    uint8_t data[2000] = {0};
    struct bl_datagram batch[] = {
        {.address = right->local, .data = data, .size = 2000},
        {.address = right->local, .data = data, .size = 2000},
        {.address = right->local, .data = data, .size = 1},
    };
    ck_assert_uint_eq(bl_net_send(left, batch, 3), 3);
    struct bl_datagram got[3];
    ck_assert_uint_eq(receive(right, got, 3), 1);
    ck_assert_uint_eq(got[0].size, 1);
    ck_assert_uint_eq(right->oversize_count, 2);
}
END_TEST

START_TEST(a_joined_run_is_taken_apart_by_its_segment_size) {
    struct bl_address at;
    int plain = open_plain(&at);
    char data[] = "aaabbbcccd";
    send_run(plain, left, data, (struct run){10, 3});
    struct bl_datagram got[4];
    ck_assert_uint_eq(receive(left, got, 4), 4);
    ck_assert_mem_eq(got[0].data, "aaa", 3);
    ck_assert_mem_eq(got[2].data, "ccc", 3);
    ck_assert_uint_eq(got[3].size, 1);
    ck_assert_int_eq(got[3].data[0], 'd');
    ck_assert(bl_address_equal(&got[3].address, &at));
    close(plain);
}
END_TEST

START_TEST(a_joined_run_of_oversize_datagrams_is_counted_one_by_one) {
    struct bl_address at;
    int plain = open_plain(&at);
    static uint8_t data[10 * 1300 + 5];
    send_run(plain, left, data, (struct run){sizeof(data), 1300});
    struct bl_datagram got[4];
    ck_assert_uint_eq(receive(left, got, 4), 1); /* the short end of the run fits */
    ck_assert_uint_eq(got[0].size, 5);
    ck_assert_uint_eq(left->oversize_count, 10);
    close(plain);
}
END_TEST

START_TEST(what_did_not_fit_the_batch_keeps_the_descriptor_readable) {
    struct bl_address at;
    int plain = open_plain(&at);
    static uint8_t data[60];
    send_run(plain, left, data, (struct run){60, 1});
    struct bl_datagram got[BL_NET_BATCH_MAX];
    ck_assert_uint_eq(receive(left, got, 10), 10);
    for (size_t received = 10; received < 60; received += 10) {
        ck_assert(is_readable(bl_net_descriptor(left)));
        bl_net_wait(left, BL_TIME_NEVER);
        ck_assert_uint_eq(bl_net_receive(left, got, 10), 10);
    }
    bl_net_wait(left, 0);
    ck_assert(!is_readable(bl_net_descriptor(left)));
    close(plain);
}
END_TEST

START_TEST(a_bad_address_in_a_run_does_not_end_runs) {
    struct bl_address at;
    int plain = open_plain(&at);
    show_runs(plain);
    struct bl_address nowhere = at;
    nowhere.port = 0; /* the kernel says "invalid", as it does to runs that it cannot make */
    ck_assert_uint_eq(send_equal(left, &nowhere, 5, 100), 0);
    ck_assert_uint_eq(left->unsent_count, 5);
    ck_assert_uint_eq(send_equal(left, &at, 5, 100), 5);
    ck_assert_uint_eq(receive_run(plain).segment, 100);
    close(plain);
}
END_TEST

/* Without checksums the kernel refuses runs, as it does on some tunnels. */
START_TEST(where_runs_are_refused_datagrams_go_singly_for_good) {
    struct bl_address at;
    struct bl_address own;
    int plain = open_plain(&at);
    int adopted = open_plain(&own);
    show_runs(plain);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, adopted, &memory), BELAY_OK);
    ck_assert_int_eq(setsockopt(adopted, SOL_SOCKET, SO_NO_CHECK, &(int){1}, sizeof(int)), 0);
    ck_assert_uint_eq(send_equal(net, &at, 5, 100), 5);
    ck_assert_int_eq(setsockopt(adopted, SOL_SOCKET, SO_NO_CHECK, &(int){0}, sizeof(int)), 0);
    ck_assert_uint_eq(send_equal(net, &at, 5, 100), 5);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(receive_run(plain).size, 100);
    }
    bl_net_close(net);
    close(plain);
}
END_TEST

/* ---- a machine with several addresses, as is every one: all of 127.0.0.0/8 ---- */

static const char *const anywheres[] = {"0.0.0.0:0", "*:0"};

static struct bl_address at_host(const char *host, uint16_t port) {
    struct bl_address address = address_of(host);
    address.port = port;
    return address;
}

/** Sends back what has come, in one batch and to where it came from. */
static void echo(struct bl_net *net, struct bl_datagram *batch, size_t count) {
    size_t got = 0;
    while (got < count) {
        size_t part = receive(net, batch + got, count - got);
        ck_assert_uint_gt(part, 0);
        got += part;
    }
    ck_assert_uint_eq(bl_net_send(net, batch, count), count);
}

/** The next datagram must come from there. */
static void must_come_from(struct bl_net *net, const struct bl_address *from) {
    struct bl_datagram got;
    char text[BL_ADDRESS_TEXT_SIZE];
    ck_assert_uint_eq(receive(net, &got, 1), 1);
    bl_address_format(&got.address, text, sizeof(text));
    ck_assert_msg(bl_address_equal(&got.address, from), "from %s", text);
}

START_TEST(an_answer_leaves_from_the_address_that_was_asked) {
    struct bl_net *net = open_udp(anywheres[_i]);
    const struct bl_address at[] = {
        at_host("127.0.0.2:0", net->local.port),
        at_host("127.0.0.1:0", net->local.port),
        at_host("127.9.9.9:0", net->local.port),
    };
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        struct bl_datagram question;
        send_equal(left, &at[i], 1, 10);
        echo(net, &question, 1);
        ck_assert_uint_eq(question.local.port, 0);
        must_come_from(left, &at[i]);
    }
    bl_net_close(net);
}
END_TEST

START_TEST(an_ipv6_answer_leaves_from_the_address_that_was_asked_too) {
    struct bl_net *net = open_udp("*:0");
    struct bl_address at = at_host("[::1]:0", net->local.port);
    struct bl_address ipv6 = address_of("[::1]:0");
    if (bl_address_is_ipv4(&net->local)) {
        bl_net_close(net);
        return; /* no IPv6 here */
    }
    struct bl_net *asker = NULL;
    ck_assert_int_eq(bl_udp_open(&asker, &ipv6, &memory), BELAY_OK);
    struct bl_datagram question;
    send_equal(asker, &at, 1, 10);
    echo(net, &question, 1);
    at.port = 0;
    ck_assert(bl_address_equal(&question.local, &at));
    at.port = net->local.port;
    must_come_from(asker, &at);
    bl_net_close(asker);
    bl_net_close(net);
}
END_TEST

/* All of one size and to one address: nothing else keeps them from being one run. */
START_TEST(a_run_leaves_from_one_address) {
    struct bl_net *net = open_udp(anywheres[_i]);
    const struct bl_address at[] = {
        at_host("127.0.0.2:0", net->local.port),
        at_host("127.0.0.3:0", net->local.port),
    };
    struct bl_datagram batch[6];
    for (size_t i = 0; i < COUNT_OF(batch); i++) {
        send_equal(left, &at[i / 3], 1, 10);
    }
    echo(net, batch, COUNT_OF(batch));
    for (size_t i = 0; i < COUNT_OF(batch); i++) {
        must_come_from(left, &at[i / 3]);
    }
    bl_net_close(net);
}
END_TEST

START_TEST(a_run_is_joined_also_where_its_source_is_chosen) {
    struct bl_net *net = open_udp(anywheres[_i]);
    struct bl_address at;
    int plain = open_plain(&at);
    show_runs(plain);
    uint8_t data[10] = {0};
    struct bl_datagram batch[3];
    for (size_t i = 0; i < COUNT_OF(batch); i++) {
        batch[i] = (struct bl_datagram){
            .address = at, .data = data, .size = 10, .local = address_of("127.0.0.2:0")};
    }
    ck_assert_uint_eq(bl_net_send(net, batch, COUNT_OF(batch)), COUNT_OF(batch));
    struct run run = receive_run(plain);
    ck_assert_uint_eq(run.size, 30);
    ck_assert_uint_eq(run.segment, 10);
    close(plain);
    bl_net_close(net);
}
END_TEST

START_TEST(a_joined_run_tells_for_each_datagram_to_where_it_came) {
    struct bl_net *net = open_udp(anywheres[_i]);
    const struct bl_address at = at_host("127.0.0.2:0", net->local.port);
    struct bl_datagram got[5];
    send_equal(left, &at, 5, 100);
    echo(net, got, 5);
    for (size_t i = 0; i < 5; i++) {
        must_come_from(left, &at);
    }
    bl_net_close(net);
}
END_TEST

/* Who has lost an address must not say what it says there under another. */
START_TEST(what_would_leave_from_a_foreign_address_is_dropped_alone) {
    struct bl_net *net = open_udp(anywheres[_i]);
    uint8_t data[2] = {1, 2};
    struct bl_datagram batch[] = {
        {.address = left->local, .data = data, .size = 1, .local = address_of("192.0.2.1:0")},
        {.address = left->local, .data = data, .size = 1, .local = address_of("[2001:db8::1]:0")},
        {.address = left->local, .data = data + 1, .size = 1},
    };
    struct bl_datagram got;
    ck_assert_uint_eq(bl_net_send(net, batch, COUNT_OF(batch)), 1);
    ck_assert_uint_eq(net->unsent_count, 2);
    ck_assert_uint_eq(receive(left, &got, 1), 1);
    ck_assert_int_eq(got.data[0], 2);
    bl_net_close(net);
}
END_TEST

/* It costs a control message on each datagram. */
START_TEST(a_socket_bound_to_an_address_is_told_nothing) {
    struct bl_datagram got;
    send_equal(right, &left->local, 1, 10);
    ck_assert_uint_eq(receive(left, &got, 1), 1);
    ck_assert(bl_address_is_any(&got.local));
}
END_TEST

/* ---- errors about single datagrams ---- */

START_TEST(an_ipv6_address_on_an_ipv4_socket_is_dropped_and_counted) {
    uint8_t data[] = "abc";
    struct bl_datagram batch[] = {
        {.address = right->local, .data = data, .size = 1},
        {.address = address_of("[::1]:7777"), .data = data + 1, .size = 1},
        {.address = right->local, .data = data + 2, .size = 1},
    };
    ck_assert_uint_eq(bl_net_send(left, batch, 3), 2);
    ck_assert_uint_eq(left->unsent_count, 1);
    struct bl_datagram got[3];
    size_t count = receive(right, got, 1);
    count += receive(right, got + 1, 1);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(got[1].data[0], 'c');
}
END_TEST

/* Another owner of the descriptor turns ICMP errors on; they then come out of our own calls. */
START_TEST(an_icmp_error_costs_neither_the_next_datagram_in_nor_out) {
    struct bl_address own;
    struct bl_address dead;
    int adopted = open_plain(&own);
    close(open_plain(&dead));
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, adopted, &memory), BELAY_OK);
    ck_assert_int_eq(setsockopt(adopted, IPPROTO_IP, IP_RECVERR, &(int){1}, sizeof(int)), 0);

    send_equal(net, &dead, 1, 1);
    ck_assert_uint_eq(send_equal(net, &right->local, 1, 2), 1); /* meets the error, and goes out */
    struct bl_datagram got;
    ck_assert_uint_eq(receive(right, &got, 1), 1);
    ck_assert_uint_eq(got.size, 2);

    send_equal(net, &dead, 1, 1);
    ck_assert_uint_eq(send_equal(right, &own, 1, 3), 1);
    ck_assert_uint_eq(bl_net_receive(net, &got, 1),
                      1); /* the error first, then what is behind it */
    ck_assert_uint_eq(got.size, 3);
    ck_assert_uint_eq(net->unsent_count, 0);
    bl_net_close(net);
}
END_TEST

/* ---- the descriptor ---- */

START_TEST(the_descriptor_tells_of_data_and_of_a_wake_up) {
    intptr_t descriptor = bl_net_descriptor(left);
    ck_assert(!is_readable(descriptor));
    send_equal(right, &left->local, 1, 1);
    bl_net_wait(left, BL_SECOND);
    ck_assert(is_readable(descriptor));
    struct bl_datagram got;
    ck_assert_uint_eq(bl_net_receive(left, &got, 1), 1);
    ck_assert(!is_readable(descriptor));

    bl_net_wake(left);
    ck_assert(is_readable(descriptor));
    ck_assert_uint_eq(bl_net_receive(left, &got, 1), 0);
    ck_assert(is_readable(descriptor)); /* a wake-up is for whoever waits */
    bl_net_wait(left, 0);
    ck_assert(!is_readable(descriptor));
    ck_assert_int_eq(bl_net_descriptor(left), descriptor);
}
END_TEST

static void add_tests(TCase *tests) {
    const TTest *const multihomed[] = {
        an_answer_leaves_from_the_address_that_was_asked,
        a_run_leaves_from_one_address,
        a_run_is_joined_also_where_its_source_is_chosen,
        a_joined_run_tells_for_each_datagram_to_where_it_came,
        what_would_leave_from_a_foreign_address_is_dropped_alone,
    };
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_burst_arrives_intact_and_in_order, 0, (int)COUNT_OF(bursts));
    tcase_add_test(tests, equal_datagrams_to_one_address_leave_as_one_run);
    tcase_add_loop_test(tests, a_run_has_one_size_and_may_end_shorter, 0, (int)COUNT_OF(shapes));
    tcase_add_test(tests, empty_datagrams_stand_alone_between_runs);
    tcase_add_test(tests, a_run_ends_at_65000_bytes);
    tcase_add_test(tests, a_receiver_that_knows_no_runs_gets_single_datagrams);
    tcase_add_test(tests, oversize_datagrams_pass_whole_or_not_at_all);
    tcase_add_test(tests, a_joined_run_is_taken_apart_by_its_segment_size);
    tcase_add_test(tests, a_joined_run_of_oversize_datagrams_is_counted_one_by_one);
    tcase_add_test(tests, what_did_not_fit_the_batch_keeps_the_descriptor_readable);
    tcase_add_test(tests, a_bad_address_in_a_run_does_not_end_runs);
    tcase_add_test(tests, where_runs_are_refused_datagrams_go_singly_for_good);
    for (size_t i = 0; i < COUNT_OF(multihomed); i++) {
        tcase_add_loop_test(tests, multihomed[i], 0, (int)COUNT_OF(anywheres));
    }
    tcase_add_test(tests, an_ipv6_answer_leaves_from_the_address_that_was_asked_too);
    tcase_add_test(tests, a_socket_bound_to_an_address_is_told_nothing);
    tcase_add_test(tests, an_ipv6_address_on_an_ipv4_socket_is_dropped_and_counted);
    tcase_add_test(tests, an_icmp_error_costs_neither_the_next_datagram_in_nor_out);
    tcase_add_test(tests, the_descriptor_tells_of_data_and_of_a_wake_up);
}

TEST_MAIN("udp", add_tests)
