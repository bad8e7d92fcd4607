/*
 * What the system may refuse, one call at a time.
 *
 * This program defines the system calls that lib/net uses itself; the linker prefers them to the
 * C library's. Each passes on, unless a test has told it to fail.
 */
#define _GNU_SOURCE
#include "lib/net/net.h"
#include "tests/net/net_support.h"
#include "tests/net/plain_socket.h"
#include "tests/support/test.h"
#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum call {
    CALL_SOCKET,
    CALL_SOCKET_IPV6,
    CALL_BIND,
    CALL_GETSOCKNAME,
    CALL_EVENTFD,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_CTL,
    CALL_SENDMMSG,
    CALL_SENDMSG,
    CALL_RECVMMSG,
    CALL_COUNT,
};

static struct fault {
    int error;
    int pass_count; /* calls that pass before the first that fails */
    int fail_count;
} faults[CALL_COUNT];
static int calls[CALL_COUNT];

static bool fails(enum call call) {
    struct fault *fault = &faults[call];
    calls[call]++;
    if (fault->pass_count > 0) {
        fault->pass_count--;
        return false;
    }
    if (fault->fail_count == 0) {
        return false;
    }
    fault->fail_count--;
    errno = fault->error;
    return true;
}

/** The C library's own; a function pointer and what dlsym() gives are two things to ISO C. */
#define NEXT(function) (*(__typeof__(&function) *)next_of(#function))

static void *next_of(const char *name) {
    static void *found;
    found = dlsym(RTLD_NEXT, name);
    return &found;
}

/* glibc declares some of them with a union in place of the pointer, and calls that compatible. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

int socket(int domain, int type, int protocol) {
    bool failed = domain == AF_INET6 ? fails(CALL_SOCKET_IPV6) : fails(CALL_SOCKET);
    return failed ? -1 : NEXT(socket)(domain, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t size) {
    return fails(CALL_BIND) ? -1 : NEXT(bind)(fd, address, size);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *size) {
    return fails(CALL_GETSOCKNAME) ? -1 : NEXT(getsockname)(fd, address, size);
}

int eventfd(unsigned count, int flags) {
    return fails(CALL_EVENTFD) ? -1 : NEXT(eventfd)(count, flags);
}

int epoll_create1(int flags) {
    return fails(CALL_EPOLL_CREATE) ? -1 : NEXT(epoll_create1)(flags);
}

int epoll_ctl(int poller, int operation, int fd, struct epoll_event *event) {
    return fails(CALL_EPOLL_CTL) ? -1 : NEXT(epoll_ctl)(poller, operation, fd, event);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    return fails(CALL_SENDMMSG) ? -1 : NEXT(sendmmsg)(fd, messages, count, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    return fails(CALL_SENDMSG) ? -1 : NEXT(sendmsg)(fd, message, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *limit) {
    return fails(CALL_RECVMMSG) ? -1 : NEXT(recvmmsg)(fd, messages, count, flags, limit);
}

#pragma GCC diagnostic pop

static struct bl_memory memory;
static struct bl_net *left, *right;

static struct bl_net *open_udp(const char *local) {
    struct bl_net *net = NULL;
    struct bl_address address = address_of(local);
    ck_assert_msg(bl_udp_open(&net, &address, &memory) == BELAY_OK, "%s", belay_error());
    return net;
}

static void set_up(void) {
    memset(faults, 0, sizeof(faults));
    bl_memory_init(&memory, NULL, 0);
    left = open_udp("127.0.0.1:0");
    right = open_udp("127.0.0.1:0");
    memset(calls, 0, sizeof(calls));
}

static void tear_down(void) {
    bl_net_close(left);
    bl_net_close(right);
    ck_assert_uint_eq(memory.used, 0);
}

static void fail_next(enum call call, int error, int fail_count) {
    faults[call] = (struct fault){.error = error, .fail_count = fail_count};
}

static const struct refused_open {
    const char *local;
    enum call call;
    struct fault fault;
    enum belay_result result;
    const char *said;
} refused_opens[] = {
    {"127.0.0.1:0", CALL_SOCKET, {EMFILE, 0, 1}, BELAY_E_SYSTEM, "raise its limit"},
    {"127.0.0.1:0", CALL_SOCKET, {ENFILE, 0, 1}, BELAY_E_SYSTEM, "fs.file-max"},
    {"127.0.0.1:0", CALL_SOCKET, {ENOBUFS, 0, 1}, BELAY_E_NO_MEMORY, "out of memory"},
    {"127.0.0.1:0", CALL_SOCKET, {EPERM, 0, 1}, BELAY_E_SYSTEM, "IPv4 socket"},
    {"[::1]:0", CALL_SOCKET_IPV6, {EAFNOSUPPORT, 0, 9}, BELAY_E_SYSTEM, "IPv6 socket"},
    {"*:0", CALL_SOCKET_IPV6, {EMFILE, 0, 9}, BELAY_E_SYSTEM, "raise its limit"},
    {"127.0.0.1:0", CALL_BIND, {EADDRINUSE, 0, 1}, BELAY_E_IN_USE, "127.0.0.1:0 is taken"},
    {"127.0.0.1:99", CALL_BIND, {EACCES, 0, 1}, BELAY_E_SYSTEM, "127.0.0.1:99: Permission"},
    {"127.0.0.1:0", CALL_GETSOCKNAME, {ENOBUFS, 0, 1}, BELAY_E_NO_MEMORY, "getsockname"},
    {"127.0.0.1:0", CALL_EVENTFD, {EMFILE, 0, 1}, BELAY_E_SYSTEM, "eventfd"},
    {"127.0.0.1:0", CALL_EPOLL_CREATE, {EMFILE, 0, 1}, BELAY_E_SYSTEM, "epoll_create"},
    {"127.0.0.1:0", CALL_EPOLL_CTL, {ENOSPC, 0, 1}, BELAY_E_SYSTEM, "epoll_ctl"},
    {"127.0.0.1:0", CALL_EPOLL_CTL, {ENOMEM, 1, 1}, BELAY_E_NO_MEMORY, "epoll_ctl"},
};

START_TEST(a_refused_call_fails_the_opening_and_leaks_nothing) {
    const struct refused_open *row = &refused_opens[_i];
    int open_count = count_descriptors();
    size_t used = memory.used;
    faults[row->call] = row->fault;
    struct bl_net *net = NULL;
    struct bl_address local = address_of(row->local);
    enum belay_result result = bl_udp_open(&net, &local, &memory);
    ck_assert_msg(result == row->result, "row %d: %s", _i, belay_result_name(result));
    ck_assert_msg(strstr(belay_error(), row->said) != NULL, "row %d: %s", _i, belay_error());
    ck_assert_ptr_null(net);
    ck_assert_uint_eq(memory.used, used);
    ck_assert_int_eq(count_descriptors(), open_count);
}
END_TEST

START_TEST(without_ipv6_the_unspecified_address_is_that_of_ipv4) {
    fail_next(CALL_SOCKET_IPV6, EAFNOSUPPORT, 9);
    struct bl_net *net = open_udp("*:0");
    ck_assert(bl_address_is_ipv4(&net->local));
    ck_assert(bl_address_is_any(&net->local));

    struct bl_address at = address_of("127.0.0.1:0");
    at.port = net->local.port;
    send_equal(left, &at, 1, 1);
    struct bl_datagram got;
    ck_assert_uint_eq(receive(net, &got, 1), 1);
    bl_net_close(net);
}
END_TEST

#define SENT_COUNT 20

/* Twenty equal datagrams, one run. What is refused as a run is tried again singly. */
static const struct refused_send {
    const char *name;
    struct fault batch, single;
    size_t taken;
    int single_calls;
} refused_sends[] = {
    {"nothing refused", {0}, {0}, SENT_COUNT, 0},
    {"a signal", {EINTR, 0, 3}, {0}, SENT_COUNT, 0},
    {"a full buffer", {EAGAIN, 0, 1}, {0}, 0, 0},
    {"a full device", {ENOBUFS, 0, 1}, {0}, SENT_COUNT, SENT_COUNT},
    {"an earlier datagram's ICMP error", {ECONNREFUSED, 0, 1}, {0}, SENT_COUNT, SENT_COUNT},
    {"runs", {EIO, 0, 1}, {0}, SENT_COUNT, SENT_COUNT},
    {"runs, then a signal", {EIO, 0, 1}, {EINTR, 5, 1}, SENT_COUNT, SENT_COUNT + 1},
    {"runs, and one datagram", {EOPNOTSUPP, 0, 1}, {EPERM, 5, 1}, SENT_COUNT - 1, SENT_COUNT},
    {"runs, then a full buffer", {EINVAL, 0, 1}, {EAGAIN, 5, 1}, 5, 6},
    {"everything", {EPERM, 0, 1}, {EPERM, 0, SENT_COUNT}, 0, SENT_COUNT},
};

START_TEST(what_is_refused_is_dropped_counted_and_blocks_nothing) {
    const struct refused_send *row = &refused_sends[_i];
    faults[CALL_SENDMMSG] = row->batch;
    faults[CALL_SENDMSG] = row->single;
    size_t taken = send_equal(left, &right->local, SENT_COUNT, 100);
    ck_assert_msg(taken == row->taken, "%s: %zu were taken", row->name, taken);
    ck_assert_uint_eq(left->unsent_count, SENT_COUNT - row->taken);
    ck_assert_msg(calls[CALL_SENDMSG] == row->single_calls, "%s: %d calls", row->name,
                  calls[CALL_SENDMSG]);

    ck_assert_uint_eq(send_equal(left, &right->local, 1, 7), 1); /* life goes on */
    struct bl_datagram got[SENT_COUNT + 1];
    size_t count = 0;
    while (count <= row->taken) {
        size_t part = receive(right, got + count, COUNT_OF(got) - count);
        ck_assert_msg(part > 0, "%s: %zu came", row->name, count);
        count += part;
    }
    ck_assert_uint_eq(got[count - 1].size, 7);
}
END_TEST

START_TEST(what_is_tried_again_singly_leaves_from_where_it_should) {
    struct bl_net *net = open_udp("0.0.0.0:0");
    uint8_t data[2] = {0};
    struct bl_address from = address_of("127.0.0.2:0");
    struct bl_datagram batch[] = {
        {.address = right->local, .data = data, .size = 1, .local = from},
        {.address = right->local, .data = data, .size = 1, .local = from},
    };
    struct bl_datagram got;
    fail_next(CALL_SENDMMSG, ECONNREFUSED, 1);
    ck_assert_uint_eq(bl_net_send(net, batch, 2), 2);
    from.port = net->local.port;
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(receive(right, &got, 1), 1);
        ck_assert(bl_address_equal(&got.address, &from));
    }
    ck_assert_int_eq(calls[CALL_SENDMSG], 2);
    bl_net_close(net);
}
END_TEST

/* The first try as a run is the last one only where the run itself was refused. */
static const struct memory_of_runs {
    struct fault batch, single;
    bool runs_again;
} memories_of_runs[] = {
    {{EIO, 0, 1}, {0}, false},
    {{EINVAL, 0, 1}, {0}, false},
    {{EOPNOTSUPP, 0, 1}, {0}, false},
    {{ECONNREFUSED, 0, 1}, {0}, true},
    {{ENOBUFS, 0, 1}, {0}, true},
    {{EINVAL, 0, 1}, {EINVAL, 0, SENT_COUNT}, true}, /* a bad address, say */
};

START_TEST(refused_runs_are_remembered_and_other_errors_are_not) {
    const struct memory_of_runs *row = &memories_of_runs[_i];
    struct bl_address at;
    int plain = open_plain(&at);
    show_runs(plain);
    faults[CALL_SENDMMSG] = row->batch;
    faults[CALL_SENDMSG] = row->single;
    send_equal(left, &right->local, SENT_COUNT, 100);
    ck_assert_uint_eq(send_equal(left, &at, SENT_COUNT, 100), SENT_COUNT);
    ck_assert_uint_eq(receive_run(plain).size, row->runs_again ? SENT_COUNT * 100 : 100);
    close(plain);
}
END_TEST

START_TEST(a_batch_to_many_takes_one_call) {
    uint8_t data[BL_NET_BATCH_MAX] = {0};
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    for (size_t i = 0; i < BL_NET_BATCH_MAX; i++) {
        batch[i] = (struct bl_datagram){
            .address = i % 2 == 0 ? left->local : right->local, .data = data, .size = 1};
    }
    ck_assert_uint_eq(bl_net_send(left, batch, BL_NET_BATCH_MAX), BL_NET_BATCH_MAX);
    ck_assert_int_eq(calls[CALL_SENDMMSG], 1);
}
END_TEST

static const int receive_errors[] = {EINTR, ECONNREFUSED, EHOSTUNREACH, ENOMEM};

START_TEST(an_error_in_receiving_hides_no_datagram) {
    send_equal(left, &right->local, 1, 5);
    bl_net_wait(right, BL_SECOND);
    fail_next(CALL_RECVMMSG, receive_errors[_i], 3);
    struct bl_datagram got;
    ck_assert_uint_eq(bl_net_receive(right, &got, 1), 1);
    ck_assert_uint_eq(got.size, 5);
    ck_assert_int_eq(calls[CALL_RECVMMSG], 4);
}
END_TEST

START_TEST(a_socket_broken_for_good_does_not_hold_its_caller) {
    fail_next(CALL_RECVMMSG, EBADF, INT32_MAX);
    struct bl_datagram got;
    ck_assert_uint_eq(bl_net_receive(right, &got, 1), 0);
    ck_assert_int_le(calls[CALL_RECVMMSG], 4 * BL_NET_BATCH_MAX);
    faults[CALL_RECVMMSG] = (struct fault){0};
    send_equal(left, &right->local, 1, 5);
    ck_assert_uint_eq(receive(right, &got, 1), 1);
}
END_TEST

START_TEST(a_flood_of_empty_datagrams_ends_a_receive_and_not_the_socket) {
    uint64_t sent = 0;
    uint8_t byte = 1;
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    for (size_t i = 0; i < BL_NET_BATCH_MAX; i++) {
        batch[i] = (struct bl_datagram){.address = right->local, .data = &byte, .size = 0};
    }
    for (int i = 0; i < 5; i++) { /* more than one call may drop */
        sent += bl_net_send(left, batch, BL_NET_BATCH_MAX);
    }
    send_equal(left, &right->local, 1, 5);
    bl_net_wait(right, BL_SECOND);
    struct bl_datagram got;
    calls[CALL_RECVMMSG] = 0;
    size_t first = bl_net_receive(right, &got, 1);
    ck_assert_int_le(calls[CALL_RECVMMSG], BL_NET_BATCH_MAX);
    ck_assert_uint_eq(first, 0);
    ck_assert_uint_eq(receive(right, &got, 1) + receive(right, &got, 1), 1);
    ck_assert_uint_eq(got.size, 5);
    ck_assert_uint_eq(right->empty_count, sent);
}
END_TEST

START_TEST(what_came_in_few_is_received_in_one_call) {
    send_equal(left, &right->local, 1, 5);
    bl_net_wait(right, BL_SECOND);
    struct bl_datagram got[BL_NET_BATCH_MAX];
    ck_assert_uint_eq(bl_net_receive(right, got, BL_NET_BATCH_MAX), 1);
    ck_assert_int_eq(calls[CALL_RECVMMSG], 1);
}
END_TEST

START_TEST(a_run_is_received_in_one_call) {
    send_equal(left, &right->local, SENT_COUNT, 100);
    bl_net_wait(right, BL_SECOND);
    struct bl_datagram got[BL_NET_BATCH_MAX];
    ck_assert_uint_eq(bl_net_receive(right, got, BL_NET_BATCH_MAX), SENT_COUNT);
    ck_assert_int_eq(calls[CALL_RECVMMSG], 1);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_refused_call_fails_the_opening_and_leaks_nothing, 0,
                        (int)COUNT_OF(refused_opens));
    tcase_add_test(tests, without_ipv6_the_unspecified_address_is_that_of_ipv4);
    tcase_add_loop_test(tests, what_is_refused_is_dropped_counted_and_blocks_nothing, 0,
                        (int)COUNT_OF(refused_sends));
    tcase_add_test(tests, what_is_tried_again_singly_leaves_from_where_it_should);
    tcase_add_loop_test(tests, refused_runs_are_remembered_and_other_errors_are_not, 0,
                        (int)COUNT_OF(memories_of_runs));
    tcase_add_test(tests, a_batch_to_many_takes_one_call);
    tcase_add_loop_test(tests, an_error_in_receiving_hides_no_datagram, 0,
                        (int)COUNT_OF(receive_errors));
    tcase_add_test(tests, a_socket_broken_for_good_does_not_hold_its_caller);
    tcase_add_test(tests, a_flood_of_empty_datagrams_ends_a_receive_and_not_the_socket);
    tcase_add_test(tests, a_run_is_received_in_one_call);
    tcase_add_test(tests, what_came_in_few_is_received_in_one_call);
}

TEST_MAIN("udp_faults", add_tests)
