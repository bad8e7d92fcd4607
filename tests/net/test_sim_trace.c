/* A run of the simulated network can be repeated, in this process and in another. */
#define _GNU_SOURCE
#include "lib/net/net.h"
#include "lib/net/sim.h"
#include "lib/net/sim_trace.h"
#include "tests/net/net_support.h"
#include "tests/support/test.h"
#include <belay/sim.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct belay_sim *sim;
static struct bl_net *server, *alice, *bob;
static int alice_owner, bob_owner;

static struct belay_client *as_client(void *owner) {
    return owner;
}

static struct bl_net *open_in_sim(const char *local, const void *owner) {
    struct bl_net *net = NULL;
    struct bl_address address = address_of(local);
    ck_assert_msg(bl_sim_open(&net, sim, &address, owner) == BELAY_OK, "%s", belay_error());
    return net;
}

static void open_network(uint64_t seed) {
    sim = belay_sim_create(seed);
    server = open_in_sim("10.0.0.1:7777", NULL);
    alice = open_in_sim("*:0", &alice_owner);
    bob = open_in_sim("*:0", &bob_owner);
}

static void close_network(void) {
    bl_net_close(server);
    bl_net_close(alice);
    bl_net_close(bob);
    belay_sim_destroy(sim);
}

static void send_to(struct bl_net *from, const struct bl_address *to, const char *text) {
    uint8_t data[64];
    size_t size = strlen(text);
    memcpy(data, text, size);
    ck_assert_uint_eq(
        bl_net_send(from, &(struct bl_datagram){.address = *to, .data = data, .size = size}, 1), 1);
}

enum twist { TWIST_NONE, TWIST_BYTE, TWIST_ORDER, TWIST_TIME, TWIST_SECRETS, TWIST_LINK };

/** Talks under every trouble for a while. @return the trace */
static uint64_t trace_of(uint64_t seed, enum twist twist) {
    open_network(seed);
    struct belay_link link = {.struct_size = sizeof(link),
                              .loss = 0.1F,
                              .duplicate = 0.1F,
                              .reorder = 0.1F,
                              .corrupt = 0.1F,
                              .burst = 3,
                              .delay_ms = 20,
                              .jitter_ms = 20,
                              .rate_kbit = 500};
    link.jitter_ms += twist == TWIST_LINK;
    belay_sim_link(sim, NULL, &link);
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    for (int i = 0; i < 500; i++) {
        uint64_t secret = bl_random_u64(bl_net_random(alice));
        if (twist == TWIST_SECRETS) {
            (void)bl_random_u64(bl_net_random(bob));
        }
        char text[64];
        snprintf(text, sizeof(text), "%d %" PRIx64 "%s", i, secret,
                 twist == TWIST_BYTE && i == 250 ? "." : "");
        bool swapped = twist == TWIST_ORDER && i == 250;
        send_to(swapped ? bob : alice, &server->local, text);
        send_to(swapped ? alice : bob, &server->local, text);
        size_t count = bl_net_receive(server, batch, BL_NET_BATCH_MAX);
        bl_net_send(server, batch, count); /* echoed to where each came from */
        (void)bl_net_receive(alice, batch, BL_NET_BATCH_MAX);
        (void)bl_net_receive(bob, batch, BL_NET_BATCH_MAX);
        if (i % 100 == 99) {
            belay_sim_rebind(sim, as_client(&alice_owner));
        }
        belay_sim_advance(sim, twist == TWIST_TIME && i == 250 ? 6 : 5);
    }
    uint64_t trace = belay_sim_trace(sim);
    close_network();
    return trace;
}

START_TEST(equal_seeds_give_equal_traces_and_other_seeds_others) {
    uint64_t traces[20];
    for (uint64_t seed = 0; seed < COUNT_OF(traces); seed++) {
        traces[seed] = trace_of(seed, TWIST_NONE);
        ck_assert_uint_eq(trace_of(seed, TWIST_NONE), traces[seed]);
        for (uint64_t other = 0; other < seed; other++) {
            ck_assert_uint_ne(traces[other], traces[seed]);
        }
    }
}
END_TEST

START_TEST(the_trace_tells_one_byte_one_swap_and_one_millisecond) {
    uint64_t plain = trace_of(7, TWIST_NONE);
    ck_assert_uint_ne(trace_of(7, TWIST_BYTE), plain);
    ck_assert_uint_ne(trace_of(7, TWIST_ORDER), plain);
    ck_assert_uint_ne(trace_of(7, TWIST_TIME), plain);
    ck_assert_uint_ne(trace_of(7, TWIST_LINK), plain);
}
END_TEST

/* One datagram, and what differs from the first row: each must show in the trace. */
static const struct one {
    const char *name;
    uint32_t ms;
    const char *text;
    const char *to;
    bool from_bob;
    float loss, corrupt;
    uint32_t delay_ms;
} ones[] = {
    {"lost", 5, "hello", "10.0.0.1:7777", false, 1.0F, 0.0F, 10},
    {"later", 6, "hello", "10.0.0.1:7777", false, 1.0F, 0.0F, 10},
    {"another byte", 5, "hellp", "10.0.0.1:7777", false, 1.0F, 0.0F, 10},
    {"shorter", 5, "hell", "10.0.0.1:7777", false, 1.0F, 0.0F, 10},
    {"to another port", 5, "hello", "10.0.0.1:7778", false, 1.0F, 0.0F, 10},
    {"to another host", 5, "hello", "10.0.0.9:7777", false, 1.0F, 0.0F, 10},
    {"from another", 5, "hello", "10.0.0.1:7777", true, 1.0F, 0.0F, 10},
    {"arriving", 5, "hello", "10.0.0.1:7777", false, 0.0F, 0.0F, 10},
    {"arriving later", 5, "hello", "10.0.0.1:7777", false, 0.0F, 0.0F, 11},
    {"corrupted", 5, "hello", "10.0.0.1:7777", false, 0.0F, 1.0F, 10},
};

static uint64_t trace_of_one(const struct one *one) {
    open_network(7);
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = one->loss;
    link.corrupt = one->corrupt;
    link.delay_ms = one->delay_ms;
    belay_sim_link(sim, NULL, &link);
    belay_sim_advance(sim, one->ms);
    struct bl_address to = address_of(one->to);
    send_to(one->from_bob ? bob : alice, &to, one->text);
    uint64_t trace = belay_sim_trace(sim);
    close_network();
    return trace;
}

START_TEST(every_part_of_a_datagram_and_of_its_fate_is_in_the_trace) {
    for (size_t i = 0; i < COUNT_OF(ones); i++) {
        ck_assert_uint_eq(trace_of_one(&ones[i]), trace_of_one(&ones[i]));
        for (size_t j = 0; j < i; j++) {
            ck_assert_msg(trace_of_one(&ones[i]) != trace_of_one(&ones[j]), "%s and %s are alike",
                          ones[i].name, ones[j].name);
        }
    }
}
END_TEST

START_TEST(a_zero_at_the_end_is_in_the_trace) {
    static const uint8_t zeroes[17] = {0};
    uint64_t traces[sizeof(zeroes) + 1] = {0};
    for (size_t size = 0; size <= sizeof(zeroes); size++) {
        bl_trace_bytes(&traces[size], zeroes, size);
        for (size_t shorter = 0; shorter < size; shorter++) {
            ck_assert_uint_ne(traces[size], traces[shorter]);
        }
    }
}
END_TEST

START_TEST(a_secret_more_changes_nobodys_luck) {
    ck_assert_uint_eq(trace_of(7, TWIST_SECRETS), trace_of(7, TWIST_NONE));
}
END_TEST

START_TEST(secrets_come_from_the_seed_and_differ_between_sockets) {
    open_network(1);
    uint64_t first = bl_random_u64(bl_net_random(alice));
    ck_assert_uint_ne(first, bl_random_u64(bl_net_random(bob)));
    ck_assert_uint_ne(first, bl_random_u64(bl_sim_random(sim)));
    close_network();
    open_network(1);
    ck_assert_uint_eq(bl_random_u64(bl_net_random(alice)), first);
    close_network();
    open_network(2);
    ck_assert_uint_ne(bl_random_u64(bl_net_random(alice)), first);
    close_network();
}
END_TEST

#define SEED_VARIABLE "BELAY_TEST_TRACE_SEED"

/* All that this program does when it is the other process. */
START_TEST(a_process_says_its_trace) {
    uint64_t seed = strtoull(getenv(SEED_VARIABLE), NULL, 10);
    printf("\ntrace %" PRIx64 "\n", trace_of(seed, TWIST_NONE));
    fflush(stdout);
}
END_TEST

/** Runs this program again, as another process with an address space of its own, for its trace. */
static uint64_t trace_of_another_process(const char *seed) {
    char program[4096];
    char command[sizeof(program) + 64];
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    ck_assert_int_gt(size, 0);
    program[size] = '\0';
    snprintf(command, sizeof(command), SEED_VARIABLE "=%s '%s'", seed, program);
    FILE *output = popen(command, "r");
    ck_assert_ptr_nonnull(output);
    uint64_t trace = 0;
    bool found = false;
    char line[256];
    while (fgets(line, sizeof(line), output) != NULL) {
        found = found || sscanf(line, "trace %" SCNx64, &trace) == 1;
    }
    ck_assert(found);
    ck_assert_int_eq(pclose(output), 0);
    return trace;
}

START_TEST(two_processes_have_equal_traces) {
    uint64_t trace = trace_of_another_process("77");
    ck_assert_uint_eq(trace, trace_of_another_process("77"));
    ck_assert_uint_eq(trace, trace_of(77, TWIST_NONE));
    ck_assert_uint_ne(trace, trace_of_another_process("78"));
}
END_TEST

static void add_tests(TCase *tests) {
    if (getenv(SEED_VARIABLE) != NULL) {
        tcase_add_test(tests, a_process_says_its_trace);
        return;
    }
    tcase_add_test(tests, equal_seeds_give_equal_traces_and_other_seeds_others);
    tcase_add_test(tests, the_trace_tells_one_byte_one_swap_and_one_millisecond);
    tcase_add_test(tests, every_part_of_a_datagram_and_of_its_fate_is_in_the_trace);
    tcase_add_test(tests, a_zero_at_the_end_is_in_the_trace);
    tcase_add_test(tests, a_secret_more_changes_nobodys_luck);
    tcase_add_test(tests, secrets_come_from_the_seed_and_differ_between_sockets);
    tcase_add_test(tests, two_processes_have_equal_traces);
}

TEST_MAIN("sim_trace", add_tests)
