/* Opening and adopting UDP sockets: what is refused, with which words, and that nothing leaks. */
#define _GNU_SOURCE
#include "lib/net/net.h"
#include "tests/net/net_support.h"
#include "tests/net/plain_socket.h"
#include "tests/support/test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

static struct bl_memory memory;
static struct bl_net *other; /* an innocent bystander */

static struct bl_net *open_udp(const char *local) {
    struct bl_net *net = NULL;
    struct bl_address address = address_of(local);
    ck_assert_msg(bl_udp_open(&net, &address, &memory) == BELAY_OK, "%s", belay_error());
    return net;
}

static void set_up(void) {
    bl_memory_init(&memory, NULL, 0);
    other = open_udp("127.0.0.1:0");
}

static void tear_down(void) {
    bl_net_close(other);
    ck_assert_uint_eq(memory.used, 0);
}

START_TEST(no_descriptor_survives_exec) {
    int first = dup(STDERR_FILENO);
    close(first);
    struct bl_net *net = open_udp("127.0.0.1:0");
    for (int descriptor = first; descriptor < first + 3; descriptor++) {
        ck_assert_int_eq(fcntl(descriptor, F_GETFD), FD_CLOEXEC);
    }
    bl_net_close(net);
    ck_assert_int_eq(fcntl(first, F_GETFD), -1);
    ck_assert_int_eq(fcntl(first + 2, F_GETFD), -1);
}
END_TEST

/* ---- refusals ---- */

static const struct refusal {
    const char *local;
    const char *said;
} refusals[] = {
    {"192.0.2.1:0", "192.0.2.1:0 is no address of this machine"},
    {"[2001:db8::1]:0", "[2001:db8::1]:0 is no address of this machine"},
    {"[fe80::1]:0", "[fe80::1]:0 is no address of this machine"},
    {"[fe80::1%4294967]:0", "is no address of this machine"},
};

START_TEST(a_foreign_address_is_refused_by_its_name) {
    const struct refusal *refusal = &refusals[_i];
    struct bl_net *net = NULL;
    struct bl_address local = address_of(refusal->local);
    enum belay_result result = bl_udp_open(&net, &local, &memory);
    ck_assert_ptr_null(net);
    if (!bl_address_is_ipv4(&local) && !has_ipv6(&memory)) {
        ck_assert_int_eq(result, BELAY_E_SYSTEM); /* no IPv6 at all is another answer */
        return;
    }
    ck_assert_msg(result == BELAY_E_ADDRESS, "%s: %s", refusal->local, belay_result_name(result));
    ck_assert_msg(strstr(belay_error(), refusal->said) != NULL, "%s", belay_error());
}
END_TEST

START_TEST(both_families_are_in_the_way_of_a_socket_for_both) {
    struct bl_net *net = NULL;
    struct bl_address local = address_of("*:0");
    local.port = other->local.port;
    ck_assert_int_eq(bl_udp_open(&net, &local, &memory), BELAY_E_IN_USE);
    ck_assert_ptr_null(net);
}
END_TEST

/* An open socket takes three descriptors: room for fewer must cost none. */
START_TEST(out_of_descriptors_is_said_and_leaks_nothing) {
    int lowest = dup(STDERR_FILENO);
    close(lowest);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit tight = {.rlim_cur = (rlim_t)(lowest + _i), .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    struct bl_net *net = NULL;
    struct bl_address local = address_of("127.0.0.1:0");
    size_t used = memory.used;
    enum belay_result result = bl_udp_open(&net, &local, &memory);
    int lowest_after = _i > 0 ? dup(STDERR_FILENO) : lowest;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);

    ck_assert_int_eq(result, BELAY_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(belay_error(), "out of file descriptors"));
    ck_assert_int_eq(lowest_after, lowest);
    ck_assert_uint_eq(memory.used, used);
    ck_assert_ptr_null(net);
    close(lowest_after);
}
END_TEST

START_TEST(out_of_memory_is_said_and_leaks_nothing) {
    struct bl_memory small;
    bl_memory_init(&small, NULL, 1000);
    struct bl_net *net = NULL;
    struct bl_address local = address_of("127.0.0.1:0");
    int open_count = count_descriptors();
    ck_assert_int_eq(bl_udp_open(&net, &local, &small), BELAY_E_NO_MEMORY);
    ck_assert_int_eq(count_descriptors(), open_count);
    ck_assert_uint_eq(small.used, 0);
}
END_TEST

/* ---- adopted sockets ---- */

static int make_closed(void) {
    return -1;
}
static int make_pipe(void) {
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[1]);
    return ends[0];
}
static int make_tcp(void) {
    int made = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback_at(0);
    ck_assert_int_eq(bind(made, (struct sockaddr *)&address, sizeof(address)), 0);
    return made;
}
/** A raw one needs privileges; without them TCP stands in for it. */
static int make_raw(void) {
    int made = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
    return made >= 0 ? made : make_tcp();
}
static int make_unix(void) {
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}
static int make_unbound(void) {
    return socket(AF_INET, SOCK_DGRAM, 0);
}
static int make_connected(void) {
    int made = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = loopback_at(7777);
    ck_assert_int_eq(connect(made, (struct sockaddr *)&address, sizeof(address)), 0);
    return made;
}

static const struct misfit {
    int (*make)(void);
    const char *said;
} misfits[] = {
    {make_closed, "no descriptor"},   {make_pipe, "no UDP socket"},
    {make_tcp, "no UDP socket"},      {make_raw, "no UDP socket"},
    {make_unix, "no UDP socket"},     {make_unbound, "bind() it first"},
    {make_connected, "connected to"},
};

START_TEST(what_is_no_bound_udp_socket_is_not_adopted) {
    const struct misfit *misfit = &misfits[_i];
    int made = misfit->make();
    int flags = fcntl(made, F_GETFL);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, made, &memory), BELAY_E_INVALID);
    ck_assert_msg(strstr(belay_error(), misfit->said) != NULL, "%s", belay_error());
    ck_assert_ptr_null(net);
    ck_assert_int_eq(fcntl(made, F_GETFL), flags); /* still open, still the caller's */
    close(made);
}
END_TEST

START_TEST(a_number_beyond_int_is_no_descriptor) {
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, INTPTR_MAX, &memory), BELAY_E_INVALID);
}
END_TEST

START_TEST(an_adopted_socket_works_and_is_closed_with_us) {
    struct bl_address at;
    int adopted = open_plain(&at);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, adopted, &memory), BELAY_OK);
    ck_assert(bl_address_equal(&net->local, &at));
    ck_assert_int_ne(fcntl(adopted, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(adopted, F_GETFD), FD_CLOEXEC);

    send_equal(other, &at, 3, 10);
    struct bl_datagram got[3];
    ck_assert_uint_eq(receive(net, got, 3), 3);
    send_equal(net, &other->local, 1, 20);
    ck_assert_uint_eq(receive(other, got, 1), 1);
    ck_assert(bl_address_equal(&got[0].address, &at));

    bl_net_close(net);
    ck_assert_int_eq(fcntl(adopted, F_GETFL), -1);
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

static void set_true(int descriptor, int level, int option) {
    ck_assert_int_eq(setsockopt(descriptor, level, option, &(int){1}, sizeof(int)), 0);
}

static int option_of(int descriptor, int level, int option) {
    int value = -1;
    socklen_t size = sizeof(value);
    ck_assert_int_eq(getsockopt(descriptor, level, option, &value, &size), 0);
    return value;
}

START_TEST(an_adopted_socket_sends_whole_datagrams_only) {
    struct bl_address at;
    int ipv4 = open_plain(&at);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, ipv4, &memory), BELAY_OK);
    ck_assert_int_eq(option_of(ipv4, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
    bl_net_close(net);
    if (!has_ipv6(&memory)) {
        return;
    }
    int ipv6 = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    ck_assert_int_eq(bind(ipv6, (struct sockaddr *)&any, sizeof(any)), 0);
    ck_assert_int_eq(bl_udp_adopt(&net, ipv6, &memory), BELAY_OK);
    ck_assert_int_eq(option_of(ipv6, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_PROBE);
    ck_assert_int_eq(option_of(ipv6, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
    bl_net_close(net);
}
END_TEST

/* They would keep the descriptor readable until somebody fetched them. */
START_TEST(an_adopted_socket_is_told_of_no_icmp_errors) {
    struct bl_address at;
    struct bl_address dead;
    int plain = open_plain(&at);
    close(open_plain(&dead));
    ck_assert_int_eq(setsockopt(plain, IPPROTO_IP, IP_RECVERR, &(int){1}, sizeof(int)), 0);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, plain, &memory), BELAY_OK);
    send_equal(net, &dead, 1, 10);
    struct pollfd ready = {.fd = (int)bl_net_descriptor(net), .events = POLLIN};
    ck_assert_int_eq(poll(&ready, 1, 0), 0);
    bl_net_close(net);
}
END_TEST

/* What its owner asked to be told of each datagram stands beside what we ask: how joined runs are
 * cut. */
START_TEST(an_adopted_socket_may_come_with_options_of_its_owner) {
    struct bl_address at;
    int plain = open_plain(&at);
    set_true(plain, SOL_SOCKET, SO_TIMESTAMPNS);
    set_true(plain, SOL_SOCKET, SO_RXQ_OVFL);
    set_true(plain, IPPROTO_IP, IP_PKTINFO);
    set_true(plain, IPPROTO_IP, IP_RECVTTL);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, plain, &memory), BELAY_OK);
    struct bl_datagram got[10];
    send_equal(other, &at, 10, 1000);
    ck_assert_uint_eq(receive(net, got, 10), 10);
    ck_assert_uint_eq(got[9].size, 1000);
    ck_assert(bl_address_is_any(&got[9].local)); /* it has but one */
    ck_assert_uint_eq(net->oversize_count, 0);
    bl_net_close(net);
}
END_TEST

START_TEST(a_larger_buffer_of_an_adopted_socket_stays) {
    struct bl_address at;
    int plain = open_plain(&at);
    if (setsockopt(plain, SOL_SOCKET, SO_RCVBUFFORCE, &(int){8 << 20}, sizeof(int)) != 0) {
        return; /* needs privileges */
    }
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, plain, &memory), BELAY_OK);
    ck_assert_int_eq(option_of(plain, SOL_SOCKET, SO_RCVBUF), 2 * (8 << 20));
    bl_net_close(net);
}
END_TEST

START_TEST(a_released_socket_goes_back_to_its_owner) {
    struct bl_address at;
    int plain = open_plain(&at);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, plain, &memory), BELAY_OK);
    bl_net_release(net);
    send_equal(other, &at, 3, 10);
    ck_assert_uint_eq(receive_run(plain).size, 10); /* and not a joined run of 30 */
    close(plain);
}
END_TEST

/* What its owner had asked for goes on. */
START_TEST(an_adopted_socket_for_all_addresses_tells_to_which_until_it_is_released) {
    bool wanted = _i == 1;
    int plain = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in any = {.sin_family = AF_INET};
    ck_assert_int_eq(bind(plain, (struct sockaddr *)&any, sizeof(any)), 0);
    if (wanted) {
        set_true(plain, IPPROTO_IP, IP_PKTINFO);
    }
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, plain, &memory), BELAY_OK);
    struct bl_address at = address_of("127.0.0.2:0");
    struct bl_datagram got;
    at.port = net->local.port;
    send_equal(other, &at, 1, 10);
    ck_assert_uint_eq(receive(net, &got, 1), 1);
    at.port = 0;
    ck_assert(bl_address_equal(&got.local, &at));
    bl_net_release(net);
    ck_assert_int_eq(option_of(plain, IPPROTO_IP, IP_PKTINFO), wanted);
    close(plain);
}
END_TEST

START_TEST(of_an_adopted_ipv6_socket_both_ways_of_telling_are_given_back) {
    bool wanted = _i == 1;
    if (!has_ipv6(&memory)) {
        return;
    }
    int plain = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    ck_assert_int_eq(bind(plain, (struct sockaddr *)&any, sizeof(any)), 0);
    if (wanted) {
        set_true(plain, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    }
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, plain, &memory), BELAY_OK);
    ck_assert_int_eq(option_of(plain, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
    ck_assert_int_eq(option_of(plain, IPPROTO_IP, IP_PKTINFO), 1);
    bl_net_release(net);
    ck_assert_int_eq(option_of(plain, IPPROTO_IPV6, IPV6_RECVPKTINFO), wanted);
    ck_assert_int_eq(option_of(plain, IPPROTO_IP, IP_PKTINFO), 0);
    close(plain);
}
END_TEST

START_TEST(a_socket_that_could_not_be_adopted_is_as_it_was) {
    struct bl_address at;
    int plain = open_plain(&at);
    struct bl_memory small;
    bl_memory_init(&small, NULL, 1000);
    struct bl_net *net = NULL;
    ck_assert_int_eq(bl_udp_adopt(&net, plain, &small), BELAY_E_NO_MEMORY);
    ck_assert_int_eq(fcntl(plain, F_GETFL) & O_NONBLOCK, 0);
    send_equal(other, &at, 1, 10);
    ck_assert_uint_eq(receive_run(plain).size, 10);
    close(plain);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, no_descriptor_survives_exec);
    tcase_add_loop_test(tests, a_foreign_address_is_refused_by_its_name, 0,
                        (int)COUNT_OF(refusals));
    tcase_add_test(tests, both_families_are_in_the_way_of_a_socket_for_both);
    tcase_add_loop_test(tests, out_of_descriptors_is_said_and_leaks_nothing, 0, 3);
    tcase_add_test(tests, out_of_memory_is_said_and_leaks_nothing);
    tcase_add_loop_test(tests, what_is_no_bound_udp_socket_is_not_adopted, 0,
                        (int)COUNT_OF(misfits));
    tcase_add_test(tests, a_number_beyond_int_is_no_descriptor);
    tcase_add_test(tests, an_adopted_socket_works_and_is_closed_with_us);
    tcase_add_test(tests, an_adopted_socket_sends_whole_datagrams_only);
    tcase_add_test(tests, an_adopted_socket_is_told_of_no_icmp_errors);
    tcase_add_test(tests, an_adopted_socket_may_come_with_options_of_its_owner);
    tcase_add_test(tests, a_larger_buffer_of_an_adopted_socket_stays);
    tcase_add_test(tests, a_released_socket_goes_back_to_its_owner);
    tcase_add_loop_test(
        tests, an_adopted_socket_for_all_addresses_tells_to_which_until_it_is_released, 0, 2);
    tcase_add_loop_test(tests, of_an_adopted_ipv6_socket_both_ways_of_telling_are_given_back, 0, 2);
    tcase_add_test(tests, a_socket_that_could_not_be_adopted_is_as_it_was);
}

TEST_MAIN("udp_open", add_tests)
