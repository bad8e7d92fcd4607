/*
 * What strangers can do to stock ENet 1.3.17 on the system's own sockets: the two attacks that go
 * against its platform layer.
 */
#include <arpa/inet.h>
#include <check.h>
#include <enet/enet.h>
#include <sys/socket.h>
#include <unistd.h>

#define EMPTIES   100
#define OVERSIZE  6000
#define CALLS_MAX 1000

static ENetHost *server;
static int stranger;

static void open_server(void) {
    ENetAddress address = {.host = ENET_HOST_TO_NET_32(INADDR_LOOPBACK)};
    ck_assert_int_eq(enet_initialize(), 0);
    server = enet_host_create(&address, 4, 2, 0, 0);
    ck_assert_ptr_nonnull(server);
    ck_assert_int_eq(enet_socket_get_address(server->socket, &address), 0);
    stranger = socket(AF_INET, SOCK_DGRAM, 0);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(address.port)};
    ck_assert_int_eq(connect(stranger, (const struct sockaddr *)&to, sizeof to), 0);
}

static void close_server(void) {
    close(stranger);
    enet_host_destroy(server);
}

START_TEST(one_oversize_datagram_makes_the_service_call_fail) {
    static const char bytes[OVERSIZE];
    ENetEvent event;
    ck_assert_int_eq(send(stranger, bytes, sizeof bytes, 0), OVERSIZE);
    ck_assert_int_lt(enet_host_service(server, &event, 0), 0);
}
END_TEST

START_TEST(each_empty_datagram_ends_a_service_call) {
    ENetEvent event;
    int calls = 0;
    for (int i = 0; i < EMPTIES; i++) {
        ck_assert_int_eq(send(stranger, "", 0, 0), 0);
    }
    ck_assert_int_eq(send(stranger, "abc", 3, 0), 3);
    while (server->totalReceivedPackets == 0 && calls < CALLS_MAX) {
        enet_host_service(server, &event, 0);
        calls++;
    }
    ck_assert_int_gt(calls, EMPTIES);
    ck_assert_int_lt(calls, CALLS_MAX);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, open_server, close_server);
    tcase_add_test(tests, one_oversize_datagram_makes_the_service_call_fail);
    tcase_add_test(tests, each_empty_datagram_ends_a_service_call);
}

int main(void) {
    Suite *suite = suite_create("attacks on stock ENet");
    TCase *tests = tcase_create("attacks");
    add_tests(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
