/* Who is there? Asks servers what they say of themselves, and prints a table of their answers. */
#include <belay/client.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#define STATUS_FAILED 1
#define STATUS_USAGE  2
#define NAME_COLUMNS  24

static const char help[] =
    "Asks Belay servers what they say of themselves: no login, no account.\n"
    "\n"
    "usage: belay-query HOST[:PORT]...   these servers; the port is 7777 if there is none\n"
    "       belay-query lan[:PORT]       all on this machine and in its local networks\n"
    "\n"
    "examples:\n"
    "  belay-query play.example.org 192.0.2.1:7777 [2001:db8::1]\n"
    "  belay-query lan:7777\n"
    "\n"
    "Columns: the first line of what the server tells everybody (belay_server_set_public_info());\n"
    "players and their limit; the round trip; and the invite that a client connects with, with "
    "the\n"
    "server's key in it, or without one where a token is needed. Nothing of it is proven: anybody\n"
    "could have answered. Servers have two seconds to do so.\n"
    "Exit status: 0; 1 when nobody has answered or something failed; 2 for wrong usage.\n";

static int64_t now_ms(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int fail(void) {
    fprintf(stderr, "belay-query: %s\n", belay_error());
    return STATUS_FAILED;
}

/** The first line, cut to the width of its column; what is not to be printed becomes '?'. */
static void print_name(const char *data, size_t size) {
    mbstate_t state = {0};
    int columns = 0;
    for (size_t at = 0; at < size && columns < NAME_COLUMNS && data[at] != '\n'; columns++) {
        wchar_t letter = L'?';
        size_t length = mbrtowc(&letter, data + at, size - at, &state);
        if (length == 0 || length > size - at || !iswprint((wint_t)letter)) {
            state = (mbstate_t){0};
            length = length == 0 || length > size - at ? 1 : length;
            putchar('?');
        } else {
            fwrite(data + at, 1, length, stdout);
        }
        at += length;
    }
    printf("%*s", NAME_COLUMNS + 1 - columns, "");
}

static void print_found(const struct belay_found *found) {
    print_name(found->data, found->size);
    printf("%5u/%-5u %5u ms  %s\n", found->sessions, found->session_max, found->rtt_ms,
           found->invite);
    fflush(stdout);
}

/** As belay_client_query() wants it: with a port. */
static void write_address(char *out, size_t size, const char *word) {
    const char *colon = strrchr(word, ':');
    bool has_port = colon != NULL && strchr(colon, ']') == NULL;
    snprintf(out, size, "%s%s", word, has_port ? "" : ":7777");
}

static unsigned print_answers(struct belay_client *client) {
    struct belay_found found;
    unsigned count = 0;
    while (belay_client_poll_found(client, &found)) {
        print_found(&found);
        count++;
    }
    return count;
}

/** Asks them all, a part at a time if they are many. @return answers so far, or -1 */
static int ask(struct belay_client *client, int count, char **words) {
    int answers = 0;
    for (int i = 0; i < count;) {
        char address[BELAY_INVITE_SIZE];
        write_address(address, sizeof address, words[i]);
        enum belay_result result = belay_client_query(client, address);
        if (result == BELAY_E_WOULD_BLOCK) {
            belay_client_service(client, 100);
            answers += (int)print_answers(client);
        } else if (result != BELAY_OK) {
            return -1;
        } else {
            i++;
        }
    }
    return answers;
}

static int run(struct belay_client *client, int count, char **words) {
    bool many = false;
    for (int i = 0; i < count; i++) {
        many = many || strncmp(words[i], "lan:", 4) == 0 || strcmp(words[i], "lan") == 0;
    }
    printf("%-*s %11s %8s  %s\n", NAME_COLUMNS, "NAME", "PLAYERS    ", "PING", "INVITE");
    int answers = ask(client, count, words);
    if (answers < 0) {
        return fail();
    }
    int64_t end = now_ms() + BELAY_QUERY_MS;
    for (int64_t now; (many || answers < count) && (now = now_ms()) < end;) {
        belay_client_service(client, (uint32_t)(end - now));
        answers += (int)print_answers(client);
    }
    if (answers == 0) {
        fprintf(stderr, "belay-query: nobody has answered\n");
    }
    return answers > 0 ? EXIT_SUCCESS : STATUS_FAILED;
}

int main(int argc, char **argv) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_client *client;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    if (argc < 2 || argv[1][0] == '-') {
        fputs("belay-query: name a server, or \"lan\"; see belay-query --help\n", stderr);
        return STATUS_USAGE;
    }
    setlocale(LC_CTYPE, "");
    if (belay_client_create(&client, &opts) < 0) {
        return fail();
    }
    int status = run(client, argc - 1, argv + 1);
    belay_client_destroy(client);
    return status;
}
