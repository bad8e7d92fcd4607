/*
 * Handing over from one process to the next: who listens and who is let in, what arrives, and that
 * what goes wrong is said, ends in time and leaves nothing behind.
 */
#define _GNU_SOURCE
#include "lib/net/hand_over.h"

#include "common/bytes.h"
#include "lib/clock/clock.h"
#include "tests/net/plain_socket.h"
#include "tests/support/folder.h"
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SIZE_MAX_TAKEN ((size_t)64 << 20)
#define SOON           (20 * BL_MILLISECOND)
#define PATIENCE       (60 * BL_SECOND) /* valgrind's too */
#define HEADER_SIZE    16
#define STRANGER       12345 /* a user without a name */

static struct bl_hand_over_listener listener;
static struct bl_memory memory;
static intptr_t old, young; /* the two ends of a link */
static int open_count;

static const char *path(void) {
    return folder_file("hand-over");
}

static void ck_assert_says(const char *words) {
    ck_assert_msg(strstr(belay_error(), words) != NULL, "\"%s\" does not say %s", belay_error(),
                  words);
    ck_assert_ptr_nonnull(strchr(belay_error(), ';')); /* behind it: what to do */
}

static void begin(void) {
    folder_begin();
    listener = (struct bl_hand_over_listener){0};
    bl_memory_init(&memory, NULL, 0);
    open_count = count_descriptors();
    old = young = -1;
}

static void end(void) {
    bl_hand_over_close(old);
    bl_hand_over_close(young);
    bl_hand_over_stop(&listener);
    ck_assert_int_eq(count_descriptors(), open_count);
    ck_assert_uint_eq(memory.used, 0);
    folder_end();
}

static void link_up(void) {
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    ck_assert_int_eq(bl_hand_over_connect(&young, path(), 0), BELAY_OK);
    ck_assert_int_eq(bl_hand_over_accept(&old, &listener), BELAY_OK);
    ck_assert_int_ge(old, 0);
}

static enum belay_result receive_record(struct bl_hand_over_record *out, bl_duration timeout) {
    return bl_hand_over_receive(out, young, SIZE_MAX_TAKEN, timeout, &memory);
}

static void release_record(struct bl_hand_over_record *record) {
    bl_free(&memory, record->data, record->size);
    bl_hand_over_close(record->descriptor);
}

/** Nothing comes of what was received: a result, words, and a record as it was. */
static void ck_assert_refused(enum belay_result expected, const char *words) {
    struct bl_hand_over_record record = {.size = 99};
    int before = count_descriptors();
    ck_assert_int_eq(receive_record(&record, SOON), expected);
    ck_assert_says(words);
    ck_assert_uint_eq(record.size, 99);
    ck_assert_uint_eq(memory.used, 0);
    ck_assert_int_eq(count_descriptors(), before);
}

static pid_t start_child(void (*act)(void)) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        act();
        _exit(EXIT_SUCCESS);
    }
    return child;
}

static void join_child(pid_t child) {
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* ---- listening ---- */

/** A plain socket that is bound to the path. @return its descriptor */
static int bind_plain(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path());
    int plain = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(plain, (const struct sockaddr *)&address, sizeof address), 0);
    return plain;
}

START_TEST(only_its_owner_may_use_the_socket) {
    struct stat status;
    mode_t mask = umask(0);
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    umask(mask);
    ck_assert_int_eq(stat(path(), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(fcntl(listener.socket, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(nobody_there_yet_is_no_error_and_no_wait) {
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    old = 99;
    ck_assert_int_eq(bl_hand_over_accept(&old, &listener), BELAY_OK);
    ck_assert_int_eq(old, -1);
}
END_TEST

START_TEST(a_live_listener_is_neither_replaced_nor_disturbed) {
    struct bl_hand_over_listener second = {.inode = 99};
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    ck_assert_int_eq(bl_hand_over_listen(&second, path()), BELAY_E_IN_USE);
    ck_assert_says("/hand-over");
    ck_assert_uint_eq(second.inode, 99);
    ck_assert_int_eq(bl_hand_over_accept(&old, &listener), BELAY_OK);
    ck_assert_int_eq(old, -1); /* the question did not look like a successor */
    ck_assert_int_eq(bl_hand_over_connect(&young, path(), 0), BELAY_OK);
}
END_TEST

START_TEST(a_socket_that_does_not_listen_yet_counts_as_live) {
    int plain = bind_plain();
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_E_IN_USE);
    close(plain);
}
END_TEST

START_TEST(what_a_dead_process_left_is_replaced) {
    close(bind_plain());
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    ck_assert_int_eq(bl_hand_over_connect(&young, path(), 0), BELAY_OK);
    ck_assert_uint_eq(folder_count(), 1);
}
END_TEST

START_TEST(what_is_no_socket_stays) {
    folder_write("hand-over", "letter", 6);
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_E_SYSTEM);
    ck_assert_says("/hand-over");
    char letter[8];
    ck_assert_int_eq(folder_read("hand-over", letter, sizeof letter), 6);
}
END_TEST

START_TEST(a_path_must_fit_and_its_folder_be_there) {
    char long_path[BL_HAND_OVER_PATH_MAX + 2];
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    ck_assert_int_eq(bl_hand_over_listen(&listener, long_path), BELAY_E_INVALID);
    ck_assert_says("107");
    ck_assert_int_eq(bl_hand_over_connect(&young, long_path, 0), BELAY_E_INVALID);
    ck_assert_int_eq(bl_hand_over_listen(&listener, ""), BELAY_E_INVALID);
    ck_assert_int_eq(bl_hand_over_listen(&listener, folder_file("no/hand-over")), BELAY_E_SYSTEM);
    ck_assert_says("/no/hand-over");
}
END_TEST

START_TEST(a_listener_that_stops_takes_its_socket_along) {
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    bl_hand_over_stop(&listener);
    ck_assert_uint_eq(folder_count(), 0);
    bl_hand_over_stop(&listener); /* nothing more to do */
}
END_TEST

START_TEST(a_listener_that_stops_leaves_the_socket_of_another) {
    struct bl_hand_over_listener second;
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    ck_assert_int_eq(unlink(path()), 0); /* somebody was too tidy */
    ck_assert_int_eq(bl_hand_over_listen(&second, path()), BELAY_OK);
    bl_hand_over_stop(&listener);
    ck_assert_int_eq(bl_hand_over_connect(&young, path(), 0), BELAY_OK);
    bl_hand_over_stop(&second);
}
END_TEST

/* ---- connecting ---- */

START_TEST(where_nobody_listens_the_wait_ends) {
    if (_i == 1) {
        close(bind_plain());
    }
    bl_time start = bl_clock_monotonic();
    young = 99;
    enum belay_result result = bl_hand_over_connect(&young, path(), SOON);
    bl_duration waited = bl_clock_monotonic() - start;
    ck_assert_int_eq(young, 99);
    young = -1;
    ck_assert_int_eq(result, BELAY_E_GONE);
    ck_assert_says("/hand-over");
    ck_assert_int_ge(waited, SOON);
}
END_TEST

static void listen_late(void) {
    poll(NULL, 0, 30); /* so that the first try comes too early, mostly */
    bool listens = bl_hand_over_listen(&listener, path()) == BELAY_OK;
    struct pollfd ready = {.fd = listener.socket, .events = POLLIN};
    _exit(listens && poll(&ready, 1, 60000) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

START_TEST(whoever_comes_first_waits_for_the_listener) {
    pid_t child = start_child(listen_late);
    ck_assert_int_eq(bl_hand_over_connect(&young, path(), PATIENCE), BELAY_OK);
    join_child(child);
}
END_TEST

static int link_of_stranger[2];

/** Connects as another user, and tells whether it was hung up on. */
static void connect_as_stranger(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path());
    int plain = socket(AF_UNIX, SOCK_STREAM, 0);
    bool connected = setuid(STRANGER) == 0 &&
                     connect(plain, (const struct sockaddr *)&address, sizeof address) == 0;
    char byte = 0;
    bool told = write(link_of_stranger[1], &byte, 1) == 1;
    _exit(connected && told && read(plain, &byte, 1) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

START_TEST(another_users_process_is_hung_up_on) {
    char byte;
    if (geteuid() != 0) {
        return; /* only the superuser can be two */
    }
    ck_assert_int_eq(bl_hand_over_listen(&listener, path()), BELAY_OK);
    ck_assert_int_eq(chmod(path(), 0666), 0); /* somebody was too generous */
    ck_assert_int_eq(chmod(folder_path, 0711), 0);
    ck_assert_int_eq(pipe(link_of_stranger), 0);
    pid_t child = start_child(connect_as_stranger);
    ck_assert_int_eq(read(link_of_stranger[0], &byte, 1), 1);
    ck_assert_int_eq(bl_hand_over_accept(&old, &listener), BELAY_OK);
    ck_assert_int_eq(old, -1);
    join_child(child);
    close(link_of_stranger[0]);
    close(link_of_stranger[1]);
}
END_TEST

static void listen_as_stranger(void) {
    bool listens = setuid(STRANGER) == 0 && bl_hand_over_listen(&listener, path()) == BELAY_OK;
    struct pollfd ready = {.fd = listener.socket, .events = POLLIN};
    _exit(listens && poll(&ready, 1, 60000) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

START_TEST(another_users_listener_is_not_trusted) {
    if (geteuid() != 0) {
        return;
    }
    ck_assert_int_eq(chmod(folder_path, 0777), 0);
    pid_t child = start_child(listen_as_stranger);
    ck_assert_int_eq(bl_hand_over_connect(&young, path(), PATIENCE), BELAY_E_SYSTEM);
    ck_assert_says("/hand-over is another user's");
    join_child(child);
}
END_TEST

/* ---- what arrives ---- */

START_TEST(a_record_and_a_descriptor_arrive) {
    uint8_t data[] = "session 1";
    int words[2];
    char byte = 'x';
    struct bl_hand_over_record got;
    link_up();
    ck_assert_int_eq(pipe(words), 0);
    struct bl_hand_over_record record = {data, sizeof data, words[1]};
    ck_assert_int_eq(bl_hand_over_send(old, &record, 0), BELAY_OK);
    close(words[1]); /* what travels needs no sender */

    ck_assert_int_eq(receive_record(&got, 0), BELAY_OK);
    ck_assert_uint_eq(got.size, sizeof data);
    ck_assert_mem_eq(got.data, data, sizeof data);
    ck_assert_int_eq(fcntl((int)got.descriptor, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(write((int)got.descriptor, &byte, 1), 1);
    ck_assert_int_eq(read(words[0], &byte, 1), 1);
    close(words[0]);
    release_record(&got);
}
END_TEST

START_TEST(records_go_both_ways_and_stay_apart) {
    uint8_t data[] = "abc";
    struct bl_hand_over_record got;
    link_up();
    bl_hand_over_stop(&listener); /* a link outlives its listener */
    for (size_t size = 0; size <= 3; size++) {
        struct bl_hand_over_record record = {data, size, -1};
        ck_assert_int_eq(bl_hand_over_send(old, &record, 0), BELAY_OK);
    }
    for (size_t size = 0; size <= 3; size++) {
        ck_assert_int_eq(receive_record(&got, 0), BELAY_OK);
        ck_assert_uint_eq(got.size, size);
        ck_assert(size > 0 || got.data == NULL);
        ck_assert_int_eq(got.descriptor, -1);
        release_record(&got);
    }
    struct bl_hand_over_record answer = {data, 2, -1};
    ck_assert_int_eq(bl_hand_over_send(young, &answer, 0), BELAY_OK);
    ck_assert_int_eq(bl_hand_over_receive(&got, old, 2, 0, &memory), BELAY_OK);
    ck_assert_uint_eq(got.size, 2);
    release_record(&got);
}
END_TEST

#define LARGE_SIZE ((size_t)16 << 20)

static uint8_t large_byte(size_t at) {
    return (uint8_t)(at * 31 >> 3);
}

static void send_large(void) {
    uint8_t *data = malloc(LARGE_SIZE);
    for (size_t i = 0; data != NULL && i < LARGE_SIZE; i++) {
        data[i] = large_byte(i);
    }
    struct bl_hand_over_record record = {data, LARGE_SIZE, -1};
    bool sent = data != NULL && bl_hand_over_send(old, &record, PATIENCE) == BELAY_OK;
    free(data);
    _exit(sent ? EXIT_SUCCESS : EXIT_FAILURE);
}

static volatile sig_atomic_t alarm_count;

static void count_alarm(int number) {
    (void)number;
    alarm_count++;
}

START_TEST(a_large_record_arrives_in_spite_of_signals) {
    const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    struct bl_hand_over_record got;
    link_up();
    signal(SIGALRM, count_alarm);
    setitimer(ITIMER_REAL, &often, NULL); /* a child does not inherit it */
    pid_t child = start_child(send_large);
    enum belay_result result = receive_record(&got, PATIENCE);
    while (alarm_count == 0) {
    }
    setitimer(ITIMER_REAL, &never, NULL);
    ck_assert_int_eq(result, BELAY_OK);
    join_child(child);
    ck_assert_uint_eq(got.size, LARGE_SIZE);
    for (size_t i = 0; i < LARGE_SIZE; i++) {
        ASSERT_QUIETLY(got.data[i] == large_byte(i), "byte %zu is wrong", i);
    }
    release_record(&got);
}
END_TEST

/* ---- what does not ---- */

/** Sends @p size bytes as they are, from the start of a valid record of 8 bytes or a damaged one,
 * with @p descriptor_count descriptors. */
static void send_plain(const uint8_t *bytes, size_t size, size_t descriptor_count) {
    alignas(struct cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {0};
    const int descriptors[3] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
    struct iovec piece = {(void *)bytes, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, descriptor_count * sizeof(int));
    }
    ck_assert_int_eq(sendmsg((int)old, &message, 0), (ssize_t)size);
}

static void write_header(uint8_t out[HEADER_SIZE], const char *magic, uint64_t size) {
    struct bl_writer writer = bl_writer_of(out, HEADER_SIZE);
    bl_write_bytes(&writer, magic, 8);
    bl_write_u64(&writer, size);
}

START_TEST(a_record_cut_anywhere_is_refused_with_its_descriptor) {
    uint8_t bytes[HEADER_SIZE + 8] = {0};
    write_header(bytes, "belayHO\1", 8);
    link_up();
    if (_i > 0) {
        send_plain(bytes, (size_t)_i, 1);
    }
    bl_hand_over_close(old);
    old = -1;
    ck_assert_refused(BELAY_E_SYSTEM, "hung up");
}
END_TEST

START_TEST(a_record_that_stops_coming_is_given_up) {
    uint8_t bytes[HEADER_SIZE + 8] = {0};
    write_header(bytes, "belayHO\1", 8);
    link_up();
    if (_i > 0) {
        send_plain(bytes, (size_t)_i, 1);
    }
    ck_assert_refused(BELAY_E_SYSTEM, "in time");
}
END_TEST

static const struct damage {
    const char *magic;
    uint64_t size;
    enum belay_result result;
    const char *said;
} damages[] = {
    {"GET / HT", 8, BELAY_E_SYSTEM, "no hand-over"},
    {"belayHP\1", 8, BELAY_E_SYSTEM, "no hand-over"},
    {"belayHO\2", 8, BELAY_E_SYSTEM, "version 2"},
    {"belayHO\1", SIZE_MAX_TAKEN + 1, BELAY_E_TOO_BIG, "67108865 bytes"},
    {"belayHO\1", UINT64_MAX, BELAY_E_TOO_BIG, "18446744073709551615 bytes"},
};

static void *allocate_nothing(void *block, size_t old_size, size_t new_size, void *user) {
    (void)block, (void)old_size, (void)new_size, (void)user;
    ck_abort_msg("memory was asked for");
    return NULL;
}

START_TEST(what_is_no_record_of_ours_costs_no_memory) {
    uint8_t bytes[HEADER_SIZE + 8] = {0};
    const struct belay_hooks hooks = {.realloc = allocate_nothing};
    bl_memory_init(&memory, &hooks, 0);
    write_header(bytes, damages[_i].magic, damages[_i].size);
    link_up();
    send_plain(bytes, sizeof bytes, 1);
    ck_assert_refused(damages[_i].result, damages[_i].said);
}
END_TEST

START_TEST(without_memory_for_it_a_record_is_refused) {
    uint8_t bytes[HEADER_SIZE + 8] = {0};
    bl_memory_init(&memory, NULL, 7);
    write_header(bytes, "belayHO\1", 8);
    link_up();
    send_plain(bytes, sizeof bytes, 1);
    struct bl_hand_over_record record;
    ck_assert_int_eq(receive_record(&record, 0), BELAY_E_NO_MEMORY);
}
END_TEST

START_TEST(of_many_descriptors_one_is_kept) {
    uint8_t bytes[HEADER_SIZE + 8] = {0};
    struct bl_hand_over_record got;
    write_header(bytes, "belayHO\1", 8);
    link_up();
    int before = count_descriptors();
    send_plain(bytes, sizeof bytes, 3);
    ck_assert_int_eq(receive_record(&got, 0), BELAY_OK);
    ck_assert_int_eq(count_descriptors(), before + 1);
    release_record(&got);
}
END_TEST

START_TEST(a_descriptor_in_the_middle_of_a_record_is_dropped) {
    uint8_t bytes[HEADER_SIZE + 8] = {0};
    struct bl_hand_over_record got;
    write_header(bytes, "belayHO\1", 8);
    link_up();
    int before = count_descriptors();
    send_plain(bytes, HEADER_SIZE, 0);
    send_plain(bytes + HEADER_SIZE, 8, 1);
    ck_assert_int_eq(receive_record(&got, 0), BELAY_OK);
    ck_assert_int_eq(got.descriptor, -1);
    ck_assert_int_eq(count_descriptors(), before);
    release_record(&got);
}
END_TEST

/** Whether the system holds us to a limit of open files; valgrind only plays one. */
static bool limit_is_real(FILE *limits, unsigned long limit) {
    char line[128];
    unsigned long found = 0;
    while (found == 0 && fgets(line, sizeof line, limits) != NULL) {
        (void)sscanf(line, "Max open files %lu", &found);
    }
    return found == limit;
}

START_TEST(without_room_for_its_descriptor_a_record_is_refused) {
    uint8_t bytes[HEADER_SIZE + 8] = {0};
    struct bl_hand_over_record record;
    struct rlimit limit;
    write_header(bytes, "belayHO\1", 8);
    link_up();
    send_plain(bytes, sizeof bytes, 1);
    FILE *limits = fopen("/proc/self/limits", "r");
    ck_assert_ptr_nonnull(limits);
    int lowest = dup(STDERR_FILENO);
    close(lowest);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit tight = {(rlim_t)lowest, limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    enum belay_result result = receive_record(&record, 0);
    bool is_real = limit_is_real(limits, tight.rlim_cur);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fclose(limits);
    if (is_real) {
        ck_assert_int_eq(result, BELAY_E_SYSTEM);
        ck_assert_says("ulimit -n");
    } else {
        ck_assert_int_eq(result, BELAY_OK);
        release_record(&record);
    }
}
END_TEST

static void trickle(void) {
    uint8_t bytes[HEADER_SIZE] = {0};
    write_header(bytes, "belayHO\1", SIZE_MAX_TAKEN);
    signal(SIGPIPE, SIG_IGN);
    bl_hand_over_close(young); /* or nobody would ever hang up */
    bool goes_on = write((int)old, bytes, sizeof bytes) == sizeof bytes;
    while (goes_on) {
        poll(NULL, 0, 1);
        goes_on = write((int)old, "x", 1) == 1;
    }
}

START_TEST(a_slow_sender_has_no_more_time_than_a_silent_one) {
    link_up();
    pid_t child = start_child(trickle);
    struct bl_hand_over_record record;
    ck_assert_int_eq(receive_record(&record, 100 * BL_MILLISECOND), BELAY_E_SYSTEM);
    ck_assert_says("in time");
    bl_hand_over_close(young);
    young = -1;
    join_child(child);
}
END_TEST

START_TEST(who_does_not_read_is_given_up) {
    static uint8_t data[LARGE_SIZE];
    struct bl_hand_over_record record = {data, sizeof data, -1};
    link_up();
    ck_assert_int_eq(bl_hand_over_send(old, &record, SOON), BELAY_E_SYSTEM);
    ck_assert_says("in time");
}
END_TEST

START_TEST(who_is_gone_is_an_error_not_a_signal) {
    uint8_t data[8] = {0};
    struct bl_hand_over_record record = {data, sizeof data, -1};
    link_up();
    bl_hand_over_close(young);
    young = -1;
    ck_assert_int_eq(bl_hand_over_send(old, &record, 0), BELAY_E_SYSTEM);
    ck_assert_says("hung up");
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, only_its_owner_may_use_the_socket);
    tcase_add_test(tests, nobody_there_yet_is_no_error_and_no_wait);
    tcase_add_test(tests, a_live_listener_is_neither_replaced_nor_disturbed);
    tcase_add_test(tests, a_socket_that_does_not_listen_yet_counts_as_live);
    tcase_add_test(tests, what_a_dead_process_left_is_replaced);
    tcase_add_test(tests, what_is_no_socket_stays);
    tcase_add_test(tests, a_path_must_fit_and_its_folder_be_there);
    tcase_add_test(tests, a_listener_that_stops_takes_its_socket_along);
    tcase_add_test(tests, a_listener_that_stops_leaves_the_socket_of_another);
    tcase_add_loop_test(tests, where_nobody_listens_the_wait_ends, 0, 2);
    tcase_add_test(tests, whoever_comes_first_waits_for_the_listener);
    tcase_add_test(tests, another_users_process_is_hung_up_on);
    tcase_add_test(tests, another_users_listener_is_not_trusted);
    tcase_add_test(tests, a_record_and_a_descriptor_arrive);
    tcase_add_test(tests, records_go_both_ways_and_stay_apart);
    tcase_add_test(tests, a_large_record_arrives_in_spite_of_signals);
    tcase_add_loop_test(tests, a_record_cut_anywhere_is_refused_with_its_descriptor, 0,
                        HEADER_SIZE + 8);
    tcase_add_loop_test(tests, a_record_that_stops_coming_is_given_up, 0, HEADER_SIZE + 8);
    tcase_add_loop_test(tests, what_is_no_record_of_ours_costs_no_memory, 0, COUNT_OF(damages));
    tcase_add_test(tests, without_memory_for_it_a_record_is_refused);
    tcase_add_test(tests, of_many_descriptors_one_is_kept);
    tcase_add_test(tests, a_descriptor_in_the_middle_of_a_record_is_dropped);
    tcase_add_test(tests, without_room_for_its_descriptor_a_record_is_refused);
    tcase_add_test(tests, a_slow_sender_has_no_more_time_than_a_silent_one);
    tcase_add_test(tests, who_does_not_read_is_given_up);
    tcase_add_test(tests, who_is_gone_is_an_error_not_a_signal);
}
TEST_MAIN("net/hand_over", add_tests)
