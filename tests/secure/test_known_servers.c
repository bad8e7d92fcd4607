/* Known servers: found again however they are written, remembered without losing anybody else. */
#define _GNU_SOURCE
#include "lib/secure/known_servers.h"

#include "tests/support/folder.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8" /* 0 to 30, 255 */
#define KEY_B "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8" /* begins with 1 */

static struct bl_memory memory;

static void begin(void) {
    folder_begin();
    bl_memory_init(&memory, NULL, 0);
}

static void end(void) {
    ck_assert_uint_eq(memory.used, 0);
    folder_end();
}

static struct bl_invite server_of(const char *text) {
    struct bl_invite server;
    enum belay_result result = bl_invite_parse(&server, text);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    return server;
}

static enum belay_result find(struct bl_invite *known, const char *place) {
    struct bl_invite server = server_of(place);
    return bl_known_servers_find(known, folder_file("known"), &server, &memory);
}

static enum belay_result remember(const char *invite) {
    struct bl_invite server = server_of(invite);
    return bl_known_servers_remember(folder_file("known"), &server, &memory);
}

static void ck_assert_content(const char *text) {
    char content[4096] = "";
    ck_assert_int_ge(folder_read("known", content, sizeof content - 1), 0);
    ck_assert_str_eq(content, text);
}

/* Each row is one file and a server that is looked for in it. */
static const struct look {
    const char *text, *place;
    int first;           /* byte of its key; -1: it is not known */
    const char *problem; /* of the file, or NULL */
} looks[] = {
    {"", "h:7", -1, NULL},
    {"# only words\n\n", "h:7", -1, NULL},
    {"h:7 " KEY_A "\n", "h:7", 0, NULL},
    {"h:7 " KEY_A, "h:7", 0, NULL},
    {"\t h:7\t" KEY_A " # mine\r\n", "h:7", 0, NULL},
    {"#h:7 " KEY_A "\n", "h:7", -1, NULL},
    {"h:8 " KEY_A "\nh:7 " KEY_B "\ni:7 " KEY_A "\n", "h:7", 1, NULL},
    {"h:77 " KEY_A "\nhh:7 " KEY_A "\n", "h:7", -1, NULL},
    {"Game.Example:7 " KEY_B "\n", "game.eXample:7", 1, NULL},
    {"[2001:DB8:0::1]:7 " KEY_B "\n", "[2001:db8::1]:7", 1, NULL},
    {"h:7 " KEY_A "\nh:7 " KEY_B "\n", "h:7", -1, "lines 1 and 2"},
    {"h:7 " KEY_A "\n\nh:7 " KEY_A "\n", "h:7", -1, "lines 1 and 3"},
    {"h:7 " KEY_A "\nh:7 " KEY_B "\ni:7 " KEY_A "\n", "i:7", 0, NULL}, /* not our business */
    {"h:7\n", "i:7", -1, "line 1"},
    {"#\nh:7 AAEC\n", "h:7", -1, "line 2"},
    {"h:7 AAEC\n", "i:7", -1, "line 1"}, /* whose it is cannot be told for certain */
    {"i:7 " KEY_A "\nh:7 " KEY_A "=\n", "h:7", -1, "line 2"},
    {"i:7 " KEY_A "\nh:7 " KEY_A "\nx\n", "h:7", -1, "line 3"},
    {"h:7 " KEY_A " more\n", "h:7", -1, "line 1"},
    {"h:0 " KEY_A "\n", "h:7", -1, "line 1"},
    {"h " KEY_A "\n", "h:7", -1, "line 1"},
    {"h:7 " KEY_A "#\n", "h:7", -1, "line 1"},
    {"belay://h:7 " KEY_A "\n", "h:7", -1, "line 1"},
    {"belay://h:7/" KEY_A "\n", "h:7", -1, "line 1"},
    {"h:7/" KEY_A " " KEY_B "\n", "h:7", -1, "line 1"},
    {"h:7 /" KEY_B "\n", "h:7", -1, "line 1"},
};

START_TEST(a_server_is_known_by_its_host_and_port) {
    const struct look *look = &looks[_i];
    struct bl_invite known, before;
    memset(&known, 0x55, sizeof known);
    memset(&before, 0x55, sizeof before);
    folder_write("known", look->text, strlen(look->text));
    enum belay_result result = find(&known, look->place);
    if (look->problem != NULL) {
        ck_assert_int_eq(result, BELAY_E_KEY);
        ck_assert_msg(strstr(belay_error(), look->problem) != NULL, "%s", belay_error());
        ck_assert_ptr_nonnull(strstr(belay_error(), "/known"));
        ck_assert_ptr_nonnull(strstr(belay_error(), "remove"));
        ck_assert_mem_eq(&known, &before, sizeof known);
        return;
    }
    struct bl_invite server = server_of(look->place);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    ck_assert(bl_invite_same_place(&known, &server));
    ck_assert_int_eq(known.has_key, look->first >= 0);
    ck_assert_uint_eq(known.key[0], look->first >= 0 ? look->first : 0);
    ck_assert_uint_eq(known.key[31], look->first >= 0 ? 255 : 0);
}
END_TEST

START_TEST(a_zero_byte_is_no_text) {
    static const char key_cut[] = "h:7 " KEY_A "\0\n", place_cut[] = "h:7\0 " KEY_A "\n";
    struct bl_invite known;
    folder_write("known", key_cut, sizeof key_cut - 1);
    ck_assert_int_eq(find(&known, "h:7"), BELAY_E_KEY);
    folder_write("known", place_cut, sizeof place_cut - 1);
    ck_assert_int_eq(find(&known, "h:7"), BELAY_E_KEY);
    ck_assert_ptr_nonnull(strstr(belay_error(), "line 1"));
}
END_TEST

START_TEST(a_line_of_any_length_is_looked_at) {
    static char text[4096];
    struct bl_invite known;
    for (size_t size = 200; size < sizeof text; size = size * 5 / 4) {
        memset(text, 'a', size);
        folder_write("known", text, size);
        ck_assert_int_eq(find(&known, "h:7"), BELAY_E_KEY);
        text[size / 2] = ' ';
        folder_write("known", text, size);
        ck_assert_int_eq(find(&known, "h:7"), BELAY_E_KEY);
    }
}
END_TEST

START_TEST(without_a_file_nobody_is_known) {
    struct bl_invite known;
    ck_assert_int_eq(find(&known, "h:7"), BELAY_OK);
    ck_assert(!known.has_key);
    ck_assert_uint_eq(folder_count(), 0);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_not_an_empty_one) {
    struct bl_invite known, server = server_of("h:7");
    folder_write("file", "", 0);
    ck_assert_int_eq(mkdir(folder_file("known"), 0700), 0);
    ck_assert_int_eq(find(&known, "h:7"), BELAY_E_SYSTEM);
    ck_assert_int_eq(remember("belay://h:7/" KEY_A), BELAY_E_SYSTEM);
    ck_assert_int_eq(bl_known_servers_find(&known, folder_file("file/known"), &server, &memory),
                     BELAY_E_SYSTEM);
}
END_TEST

START_TEST(the_first_server_makes_the_file) {
    struct bl_invite known;
    struct stat status;
    umask(0);
    ck_assert_int_eq(remember("belay://[2001:db8::1]:7/" KEY_A), BELAY_OK);
    ck_assert_int_eq(stat(folder_file("known"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_uint_eq(folder_count(), 1);
    ck_assert_int_eq(find(&known, "[2001:db8::1]:7"), BELAY_OK);
    ck_assert(known.has_key);
    ck_assert_content("# Belay: the servers met, and their keys. Remove the line of a server to "
                      "trust it anew.\n[2001:db8::1]:7 " KEY_A "\n");
}
END_TEST

/* Each row is a file before and after a server has been remembered; NULL: it stays. */
static const struct change {
    const char *before, *invite, *after;
} changes[] = {
    {"i:7 " KEY_A "\n", "belay://h:7/" KEY_B, "i:7 " KEY_A "\nh:7 " KEY_B "\n"},
    {"i:7 " KEY_A, "belay://h:7/" KEY_B, "i:7 " KEY_A "\nh:7 " KEY_B "\n"},
    {"# mine\r\n\r\n", "belay://H:7/" KEY_B, "# mine\r\n\r\nh:7 " KEY_B "\n"},
    {"h:7 " KEY_A "\n", "belay://h:8/" KEY_A, "h:7 " KEY_A "\nh:8 " KEY_A "\n"},
    {"h:7 " KEY_A " # mine", "belay://h:7/" KEY_A, NULL},
};

START_TEST(remembering_adds_a_line_and_changes_none) {
    const struct change *change = &changes[_i];
    struct bl_invite server = server_of(change->invite), known;
    struct stat before, after;
    folder_write("known", change->before, strlen(change->before));
    ck_assert_int_eq(stat(folder_file("known"), &before), 0);
    ck_assert_int_eq(remember(change->invite), BELAY_OK);
    ck_assert_content(change->after != NULL ? change->after : change->before);
    ck_assert_int_eq(stat(folder_file("known"), &after), 0);
    ck_assert_int_eq(before.st_ino == after.st_ino, change->after == NULL);
    ck_assert_uint_eq(folder_count(), 1);
    ck_assert_int_eq(bl_known_servers_find(&known, folder_file("known"), &server, &memory),
                     BELAY_OK);
    ck_assert_mem_eq(known.key, server.key, sizeof known.key);
}
END_TEST

/* Two clients may visit a server for the first time at once, and one of them somebody in between.
 */
START_TEST(a_key_that_another_client_has_written_meanwhile_is_kept) {
    static const char text[] = "i:7 " KEY_A "\nh:7 " KEY_A " # mine\n";
    folder_write("known", text, strlen(text));
    ck_assert_int_eq(remember("belay://h:7/" KEY_B), BELAY_E_KEY);
    ck_assert_ptr_nonnull(strstr(belay_error(), "line 2"));
    ck_assert_content(text);
}
END_TEST

START_TEST(a_spoilt_file_is_not_written_to) {
    folder_write("known", "h:7 AAEC\n", 9);
    ck_assert_int_eq(remember("belay://i:7/" KEY_A), BELAY_E_KEY);
    ck_assert_content("h:7 AAEC\n");
}
END_TEST

/** Fills the file with comments. */
static void write_large(size_t size) {
    char *text = malloc(size);
    memset(text, '#', size);
    text[size - 1] = '\n';
    folder_write("known", text, size);
    free(text);
}

START_TEST(a_file_has_a_largest_size) {
    const size_t line = strlen("h:7 " KEY_A "\n");
    struct bl_invite known;
    write_large(BL_KNOWN_SERVERS_SIZE_MAX - line);
    ck_assert_int_eq(remember("belay://h:7/" KEY_A), BELAY_OK);
    ck_assert_int_eq(find(&known, "h:7"), BELAY_OK);
    ck_assert(known.has_key);

    write_large(BL_KNOWN_SERVERS_SIZE_MAX - line + 1);
    ck_assert_int_eq(remember("belay://h:7/" KEY_A), BELAY_E_TOO_BIG);
    ck_assert_ptr_nonnull(strstr(belay_error(), "/known"));
    ck_assert_ptr_nonnull(strstr(belay_error(), "remove lines"));
    ck_assert_int_eq(find(&known, "h:7"), BELAY_OK);
    ck_assert(!known.has_key);

    write_large(BL_KNOWN_SERVERS_SIZE_MAX + 1);
    ck_assert_int_eq(find(&known, "h:7"), BELAY_E_TOO_BIG);
    ck_assert_int_eq(remember("belay://h:7/" KEY_A), BELAY_E_TOO_BIG);
}
END_TEST

START_TEST(without_memory_the_file_stays) {
    struct bl_invite server = server_of("belay://h:7/" KEY_A), known;
    struct bl_memory small;
    folder_write("known", "i:7 " KEY_A "\n", 48);
    for (size_t limit = 1; limit < 8192; limit += 512) {
        bl_memory_init(&small, NULL, limit);
        enum belay_result result = bl_known_servers_remember(folder_file("known"), &server, &small);
        ck_assert_uint_eq(small.used, 0);
        if (result == BELAY_OK) {
            ck_assert_uint_gt(limit, 4096);
            return;
        }
        ck_assert_int_eq(result, BELAY_E_NO_MEMORY);
        ck_assert_content("i:7 " KEY_A "\n");
        bl_memory_init(&small, NULL, 1);
        ck_assert_int_eq(bl_known_servers_find(&known, folder_file("known"), &server, &small),
                         BELAY_E_NO_MEMORY);
    }
    ck_abort_msg("never enough");
}
END_TEST

START_TEST(while_another_process_writes_nothing_is_changed_and_all_can_be_read) {
    struct bl_invite known;
    ck_assert_int_eq(remember("belay://h:7/" KEY_A), BELAY_OK);
    ck_assert_int_eq(mkdir(folder_file("other"), 0700), 0);
    ck_assert_int_eq(symlink("../known", folder_file("other/known")), 0);
    int folder = open(folder_path, O_RDONLY);
    ck_assert_int_eq(flock(folder, LOCK_EX), 0);
    ck_assert_int_eq(remember("belay://i:7/" KEY_A), BELAY_E_STATE);
    ck_assert_ptr_nonnull(strstr(belay_error(), "try again"));
    struct bl_invite server = server_of("belay://i:7/" KEY_A);
    ck_assert_int_eq(bl_known_servers_remember(folder_file("other/known"), &server, &memory),
                     BELAY_E_STATE);
    ck_assert_int_eq(find(&known, "h:7"), BELAY_OK);
    ck_assert(known.has_key);
    close(folder);
    ck_assert_int_eq(remember("belay://i:7/" KEY_A), BELAY_OK);
    unlink(folder_file("other/known"));
}
END_TEST

/** Remembers servers of its own, each as often as it takes. */
static void remember_some(unsigned writer, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        char invite[128];
        snprintf(invite, sizeof invite, "belay://h%u:%u/" KEY_A, writer, i + 1);
        enum belay_result result;
        do {
            result = remember(invite);
        } while (result == BELAY_E_STATE);
        if (result != BELAY_OK) {
            _exit(1);
        }
    }
    _exit(0);
}

START_TEST(clients_that_share_a_file_lose_no_line) {
    enum { WRITERS = 4, EACH = 20 };
    struct bl_invite known;
    int status;
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        if (fork() == 0) {
            remember_some(writer, EACH);
        }
    }
    while (wait(&status) > 0) {
        ck_assert_int_eq(status, 0);
    }
    for (unsigned i = 0; i < WRITERS * EACH; i++) {
        char place[64];
        snprintf(place, sizeof place, "h%u:%u", i % WRITERS, i / WRITERS + 1);
        ck_assert_int_eq(find(&known, place), BELAY_OK);
        ck_assert(known.has_key);
    }
    ck_assert_uint_eq(folder_count(), 1);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_loop_test(tests, a_server_is_known_by_its_host_and_port, 0, COUNT_OF(looks));
    tcase_add_test(tests, a_zero_byte_is_no_text);
    tcase_add_test(tests, a_line_of_any_length_is_looked_at);
    tcase_add_test(tests, without_a_file_nobody_is_known);
    tcase_add_test(tests, a_file_that_cannot_be_read_is_not_an_empty_one);
    tcase_add_test(tests, the_first_server_makes_the_file);
    tcase_add_loop_test(tests, remembering_adds_a_line_and_changes_none, 0, COUNT_OF(changes));
    tcase_add_test(tests, a_key_that_another_client_has_written_meanwhile_is_kept);
    tcase_add_test(tests, a_spoilt_file_is_not_written_to);
    tcase_add_test(tests, a_file_has_a_largest_size);
    tcase_add_test(tests, without_memory_the_file_stays);
    tcase_add_test(tests, while_another_process_writes_nothing_is_changed_and_all_can_be_read);
    tcase_add_test(tests, clients_that_share_a_file_lose_no_line);
}
TEST_MAIN("secure/known_servers", add_tests)
