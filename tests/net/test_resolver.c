/*
 * Names looked up aside: what needs no thread, the order of the answers, and owners who leave at
 * any moment. The lookups are ours: each waits at a gate until the test opens it.
 */
#define _GNU_SOURCE
#include "lib/net/resolver.h"

#include "common/error.h"
#include "tests/support/test.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct bl_resolver resolver;
static sem_t begun, gate, ended; /* posted by a lookup when it begins; by the test; when it ends */
static sem_t woken;              /* by the wake function */
static atomic_int lookup_count, wake_count;
static atomic_bool owner_is_gone, woken_wrongly;
static pthread_t last_thread;
static const struct bl_lookup_answer *planned;
static char asked[BL_LOOKUP_HOST + 2];

static void wake(void *user) {
    if (user != &resolver || atomic_load(&owner_is_gone)) {
        atomic_store(&woken_wrongly, true);
    }
    atomic_fetch_add(&wake_count, 1);
    sem_post(&woken);
}

/** Answers as planned once the gate is open. */
static void gated_lookup(struct bl_lookup_answer *answer, const char *host) {
    atomic_fetch_add(&lookup_count, 1);
    last_thread = pthread_self();
    snprintf(asked, sizeof asked, "%s", host);
    sem_post(&begun);
    sem_wait(&gate);
    *answer = *planned;
    sem_post(&ended);
}

static const struct bl_lookup_answer one = {
    .addresses = {{.ip = {[10] = 0xFF, [11] = 0xFF, 192, 0, 2, 1}}}, .count = 1};

static void begin(void) {
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&ended, 0, 0);
    sem_init(&woken, 0, 0);
    atomic_store(&lookup_count, 0);
    atomic_store(&wake_count, 0);
    atomic_store(&owner_is_gone, false);
    atomic_store(&woken_wrongly, false);
    planned = &one;
    bl_resolver_init(&resolver, gated_lookup, wake, &resolver);
}

static void end(void) {
    bl_resolver_cancel(&resolver);
    ck_assert(!atomic_load(&woken_wrongly));
}

static void start(const char *host) {
    enum belay_result result = bl_resolver_start(&resolver, host, 7777);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    ck_assert(bl_resolver_is_busy(&resolver));
}

/** The answer in one line. */
static const char *take(size_t max) {
    static char text[BL_LOOKUP_MAX * BL_ADDRESS_TEXT_SIZE];
    struct bl_address addresses[BL_LOOKUP_MAX];
    int count = bl_resolver_take(&resolver, addresses, max);
    ck_assert_int_le(count, (int)max);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        char one_text[BL_ADDRESS_TEXT_SIZE];
        bl_address_format(&addresses[i], one_text, sizeof one_text);
        strcat(strcat(text, i > 0 ? " " : ""), one_text);
    }
    return count == 0 ? "not yet" : count < 0 ? "failed" : text;
}

static const struct known {
    const char *host, *answer; /* NULL: no address */
} known[] = {
    {"192.0.2.1", "192.0.2.1:7777"},
    {"2001:db8::1", "[2001:db8::1]:7777"},
    {"::ffff:192.0.2.1", "192.0.2.1:7777"},
    {"fe80::1%3", "[fe80::1%3]:7777"},
    {"localhost", "127.0.0.1:7777 [::1]:7777"},
    {"", NULL},
    {"1.2.3", NULL},
    {"256.1.1.1", NULL},
    {"2001:db8::g", NULL},
    {"[::1]", NULL},
    {"game.example:7", NULL},
};

START_TEST(numbers_and_localhost_need_no_lookup) {
    const struct known *row = &known[_i];
    if (row->answer == NULL) {
        ck_assert_int_eq(bl_resolver_start(&resolver, row->host, 7777), BELAY_E_ADDRESS);
    } else {
        start(row->host);
        ck_assert_str_eq(take(4), row->answer);
    }
    ck_assert(!bl_resolver_is_busy(&resolver));
    ck_assert_int_eq(atomic_load(&lookup_count), 0);
    ck_assert_int_eq(atomic_load(&wake_count), 0);
}
END_TEST

START_TEST(as_many_as_there_is_room_for) {
    start("localhost");
    ck_assert_str_eq(take(1), "127.0.0.1:7777");
    ck_assert(!bl_resolver_is_busy(&resolver));
}
END_TEST

START_TEST(a_name_is_looked_up_in_another_thread_which_wakes_the_owner) {
    start("game.example");
    sem_wait(&begun);
    ck_assert_str_eq(asked, "game.example");
    ck_assert(!pthread_equal(last_thread, pthread_self()));
    ck_assert_str_eq(take(4), "not yet");
    ck_assert(bl_resolver_is_busy(&resolver));
    ck_assert_int_eq(atomic_load(&wake_count), 0);
    sem_post(&gate);
    sem_wait(&woken);
    ck_assert_str_eq(take(4), "192.0.2.1:7777");
    ck_assert(!bl_resolver_is_busy(&resolver));
    ck_assert_int_eq(atomic_load(&wake_count), 1);
}
END_TEST

START_TEST(a_name_has_a_largest_size) {
    char name[BL_LOOKUP_HOST + 2];
    memset(name, 'a', sizeof name);
    name[BL_LOOKUP_HOST] = '\0';
    start(name);
    sem_post(&gate);
    sem_wait(&woken);
    ck_assert_str_eq(asked, name);
    ck_assert_str_eq(take(1), "192.0.2.1:7777");
    name[BL_LOOKUP_HOST] = 'a';
    name[BL_LOOKUP_HOST + 1] = '\0';
    ck_assert_int_eq(bl_resolver_start(&resolver, name, 7777), BELAY_E_ADDRESS);
    ck_assert(!bl_resolver_is_busy(&resolver));
}
END_TEST

/** Addresses by one character each: a digit is an IPv4 one, a letter an IPv6 one. */
static struct bl_lookup_answer answer_of(const char *signs) {
    struct bl_lookup_answer answer = {0};
    for (; *signs != '\0'; signs++) {
        struct bl_address *address = &answer.addresses[answer.count++];
        bool ipv4 = *signs <= '9';
        address->ip[ipv4 ? 10 : 0] = 0xFF;
        address->ip[11] = ipv4 ? 0xFF : 0;
        address->ip[12] = ipv4 ? 192 : 0;
        address->ip[15] = (uint8_t)*signs;
    }
    return answer;
}

/* Each row: the system's order, the room, and ours (RFC 8305 4). */
static const struct order {
    const char *system;
    size_t max;
    const char *ours;
} orders[] = {
    {"1", 8, "1"},
    {"a", 8, "a"},
    {"abc123", 8, "a1b2c3"},
    {"123abc", 8, "1a2b3c"},
    {"1abc", 8, "1abc"},
    {"a123", 8, "a123"},
    {"a1b2", 8, "a1b2"},
    {"aabab1", 8, "a1b"},
    {"11", 8, "1"},
    {"abcd1", 2, "a1"},
    {"1234a", 3, "1a2"},
    {"ab12", 1, "a"},
    {"abc123", 6, "a1b2c3"},
    {"abc12345", 8, "a1b2c345"},
    {"abcdefghijklmnop123456789", 32, "a1b2c3d4e5f6g7h8i9jklmnop"},
};

START_TEST(families_take_turns) {
    const struct order *order = &orders[_i];
    struct bl_lookup_answer answer = answer_of(order->system);
    struct bl_address addresses[BL_LOOKUP_MAX];
    char signs[BL_LOOKUP_MAX + 1] = "";
    planned = &answer;
    start("game.example");
    sem_post(&gate);
    sem_wait(&woken);
    int count = bl_resolver_take(&resolver, addresses, order->max);
    for (int i = 0; i < count; i++) {
        signs[i] = (char)addresses[i].ip[15];
        ck_assert_uint_eq(addresses[i].port, 7777);
    }
    ck_assert_str_eq(signs, order->ours);
}
END_TEST

START_TEST(a_name_that_has_no_address_fails_in_words) {
    static const struct bl_lookup_answer none = {.problem = "no such name; check it"};
    struct bl_address address = {.port = 1};
    planned = &none;
    start("nowhere.example");
    sem_post(&gate);
    sem_wait(&woken);
    ck_assert_int_eq(bl_resolver_take(&resolver, &address, 1), BELAY_E_ADDRESS);
    ck_assert_str_eq(belay_error(),
                     "\"nowhere.example\" cannot be resolved: no such name; check it");
    ck_assert_uint_eq(address.port, 1);
    ck_assert(!bl_resolver_is_busy(&resolver));
}
END_TEST

/** Finds an address only where the program's signals do not come. */
static void masked_lookup(struct bl_lookup_answer *answer, const char *host) {
    sigset_t mask;
    (void)host;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *answer = one;
    answer->count = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGTERM) == 1;
}

START_TEST(a_lookup_hears_none_of_the_programs_signals) {
    sigset_t ours;
    bl_resolver_init(&resolver, masked_lookup, wake, &resolver);
    start("game.example");
    sem_wait(&woken);
    ck_assert_str_eq(take(1), "192.0.2.1:7777");
    pthread_sigmask(SIG_SETMASK, NULL, &ours);
    ck_assert_int_eq(sigismember(&ours, SIGUSR1), 0);
}
END_TEST

START_TEST(cancelling_does_not_wait_for_the_lookup) {
    start("game.example");
    sem_wait(&begun);
    bl_resolver_cancel(&resolver); /* the gate is shut: would it wait, it would for ever */
    atomic_store(&owner_is_gone, true);
    ck_assert(!bl_resolver_is_busy(&resolver));
    sem_post(&gate);
    sem_wait(&ended);
}
END_TEST

START_TEST(cancelling_what_has_come_forgets_it) {
    start("game.example");
    sem_post(&gate);
    sem_wait(&woken);
    bl_resolver_cancel(&resolver);
    atomic_store(&owner_is_gone, true);
    ck_assert(!bl_resolver_is_busy(&resolver));
    bl_resolver_cancel(&resolver); /* twice is harmless */
}
END_TEST

START_TEST(cancelling_nothing_is_harmless) {
    struct bl_resolver zeroed = {0};
    bl_resolver_cancel(&zeroed);
    start("localhost");
    bl_resolver_cancel(&resolver);
    ck_assert(!bl_resolver_is_busy(&resolver));
}
END_TEST

START_TEST(a_new_start_ends_the_one_before) {
    start("first.example");
    sem_wait(&begun);
    start("second.example");
    sem_wait(&begun);
    sem_post(&gate);
    sem_post(&gate);
    sem_wait(&ended);
    sem_wait(&ended);
    sem_wait(&woken);
    ck_assert_str_eq(take(4), "192.0.2.1:7777");
    ck_assert_int_eq(atomic_load(&wake_count), 1);
    start("third.example");
    start("192.0.2.9");
    ck_assert_str_eq(take(4), "192.0.2.9:7777");
    sem_post(&gate);
    sem_wait(&begun);
    sem_wait(&ended);
    ck_assert_int_eq(atomic_load(&wake_count), 1);
}
END_TEST

static void quick_lookup(struct bl_lookup_answer *answer, const char *host) {
    (void)host;
    *answer = one;
    sem_post(&ended);
}

/* The owner leaves after more and more work of its own, so before, during and after the lookup. */
START_TEST(an_owner_may_leave_at_any_moment) {
    enum { ROUNDS = 1600 };
    for (int round = 0; round < ROUNDS; round++) {
        struct bl_address address;
        atomic_store(&owner_is_gone, false);
        bl_resolver_init(&resolver, quick_lookup, wake, &resolver);
        start("game.example");
        int count = 0;
        for (int i = 0; i < round % 300 && count == 0; i++) {
            count = bl_resolver_take(&resolver, &address, 1);
        }
        bl_resolver_cancel(&resolver);
        atomic_store(&owner_is_gone, true); /* from here on nobody may call wake() */
        ck_assert_int_ge(count, 0);
        if (round % 16 == 15) {
            for (int i = 0; i < 16; i++) {
                sem_wait(&ended); /* no more than 16 threads at a time */
            }
        }
    }
}
END_TEST

static atomic_bool left_wake;

static void slow_wake(void *user) {
    (void)user;
    sem_post(&woken);
    sem_wait(&gate);
    atomic_store(&left_wake, true);
}

static void *open_gate(void *unused) {
    (void)unused;
    sem_post(&gate);
    return NULL;
}

START_TEST(a_wake_up_under_way_is_over_when_cancel_returns) {
    pthread_t opener;
    atomic_store(&left_wake, false);
    bl_resolver_init(&resolver, quick_lookup, slow_wake, &resolver);
    start("game.example");
    sem_wait(&woken);
    ck_assert_int_eq(pthread_create(&opener, NULL, open_gate, NULL), 0);
    bl_resolver_cancel(&resolver);
    ck_assert(atomic_load(&left_wake));
    pthread_join(opener, NULL);
}
END_TEST

START_TEST(the_system_is_asked_for_both_families) {
    /* Numbers, so that nothing leaves this machine. */
    struct bl_lookup_answer answer = {0};
    bl_lookup_system(&answer, "127.0.0.1");
    ck_assert_uint_eq(answer.count, 1);
    ck_assert(bl_address_is_loopback(&answer.addresses[0]));
    ck_assert(bl_address_is_ipv4(&answer.addresses[0]));

    answer = (struct bl_lookup_answer){0};
    bl_lookup_system(&answer, "::1");
    ck_assert_uint_eq(answer.count, 1);
    ck_assert(bl_address_is_loopback(&answer.addresses[0]));
    ck_assert(!bl_address_is_ipv4(&answer.addresses[0]));
}
END_TEST

START_TEST(what_the_system_cannot_resolve_has_words) {
    struct bl_lookup_answer answer = {0};
    bl_lookup_system(&answer, "no name at all");
    ck_assert_uint_eq(answer.count, 0);
    ck_assert_ptr_nonnull(strstr(answer.problem, "; check"));

    answer = (struct bl_lookup_answer){0};
    bl_lookup_system(&answer, "0.0.0.0"); /* what a filter answers for a name it blocks */
    ck_assert_uint_eq(answer.count, 0);
    ck_assert_ptr_nonnull(strstr(answer.problem, "; check"));
}
END_TEST

/* Whoever answers for a name must not have us send to everybody. */
START_TEST(an_address_of_many_is_nobodys) {
    static const char *const many[] = {"224.0.0.1", "239.255.255.250", "255.255.255.255",
                                       "ff02::1",   "ff0e::1",         "::ffff:224.0.0.1"};
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        struct bl_lookup_answer answer = {0};
        bl_lookup_system(&answer, many[i]);
        ck_assert_uint_eq(answer.count, 0);
        ck_assert_ptr_nonnull(strstr(answer.problem, "; check"));
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_loop_test(tests, numbers_and_localhost_need_no_lookup, 0, COUNT_OF(known));
    tcase_add_test(tests, as_many_as_there_is_room_for);
    tcase_add_test(tests, a_name_is_looked_up_in_another_thread_which_wakes_the_owner);
    tcase_add_test(tests, a_name_has_a_largest_size);
    tcase_add_loop_test(tests, families_take_turns, 0, COUNT_OF(orders));
    tcase_add_test(tests, a_name_that_has_no_address_fails_in_words);
    tcase_add_test(tests, a_lookup_hears_none_of_the_programs_signals);
    tcase_add_test(tests, cancelling_does_not_wait_for_the_lookup);
    tcase_add_test(tests, cancelling_what_has_come_forgets_it);
    tcase_add_test(tests, cancelling_nothing_is_harmless);
    tcase_add_test(tests, a_new_start_ends_the_one_before);
    tcase_add_test(tests, an_owner_may_leave_at_any_moment);
    tcase_add_test(tests, a_wake_up_under_way_is_over_when_cancel_returns);
    tcase_add_test(tests, the_system_is_asked_for_both_families);
    tcase_add_test(tests, what_the_system_cannot_resolve_has_words);
    tcase_add_test(tests, an_address_of_many_is_nobodys);
}
TEST_MAIN("net/resolver", add_tests)
