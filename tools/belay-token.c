/* Connect tokens from the command line: keys, tokens, and what is in one. */
#include "lib/net/file.h"
#include "lib/secure/crypto.h"
#include <belay/token.h>
#include <ctype.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_FAILED 1
#define STATUS_USAGE  2

static const char help[] =
    "Makes and inspects the connect tokens with which players reach a Belay server.\n"
    "\n"
    "usage: belay-token keygen FILE      makes a key file (mode 0600); never overwrites one\n"
    "       belay-token add FILE         puts a new key on top; the oldest of 4 goes\n"
    "       belay-token issue --key FILE --user HEX|NAME [options]\n"
    "       belay-token inspect FILE [--key FILE]\n"
    "\n"
    "options of issue:\n"
    "  --key FILE        the key file; its first key seals the token\n"
    "  --user HEX|NAME   who it lets in: 32 hexadecimal digits, or a name, which stands for\n"
    "                    the first 16 bytes of its BLAKE2b hash of 32; where players choose\n"
    "                    their names, put a word before: --user account-NAME\n"
    "  --audience A      the only server that takes it, by the `name` of its options\n"
    "  --addresses LIST  where to dial: \"host:port,[v6]:port\", at most 8\n"
    "  --life S          seconds to connect in; default 60, at most 120\n"
    "  --game G          as in the options of client and server; default: any\n"
    "  --data TEXT       for the server's LOGIN event, at most 128 bytes\n"
    "  --out FILE        writes it there (mode 0600) instead of to standard output\n"
    "\n"
    "examples:\n"
    "  belay-token keygen game.keys\n"
    "  belay-token issue --key game.keys --user eve --addresses play.example.org:7777 \\\n"
    "      --out eve.token\n"
    "  belay-token inspect eve.token --key game.keys\n"
    "\n"
    "A token holds a secret and is used once: send it to its player alone, over HTTPS.\n"
    "Exit status: 0; 1 when something failed or a token is not valid; 2 for wrong usage.\n";

enum choice { KEY, USER, AUDIENCE, ADDRESSES, LIFE, GAME, DATA, OUT, CHOICE_COUNT, HELP };

static const struct option options[] = {
    {"key", required_argument, NULL, KEY},
    {"user", required_argument, NULL, USER},
    {"audience", required_argument, NULL, AUDIENCE},
    {"addresses", required_argument, NULL, ADDRESSES},
    {"life", required_argument, NULL, LIFE},
    {"game", required_argument, NULL, GAME},
    {"data", required_argument, NULL, DATA},
    {"out", required_argument, NULL, OUT},
    {"help", no_argument, NULL, HELP},
    {0},
};

/** What follows the command. */
struct arguments {
    const char *given[CHOICE_COUNT]; /* NULL: not given */
    const char *file;                /* NULL: none */
};

static int fail_usage(const char *what) {
    fprintf(stderr, "belay-token: %s; see belay-token --help\n", what);
    return STATUS_USAGE;
}

static int fail(void) {
    fprintf(stderr, "belay-token: %s\n", belay_error());
    return STATUS_FAILED;
}

static int keygen(const struct arguments *arguments) {
    if (belay_key_generate(arguments->file) < 0) {
        return fail();
    }
    printf("%s is made: give it to the login service and its servers, and to nobody else\n",
           arguments->file);
    return EXIT_SUCCESS;
}

static int add(const struct arguments *arguments) {
    if (belay_key_add(arguments->file) < 0) {
        return fail();
    }
    printf("%s has a new key on top, which seals new tokens from now on\n", arguments->file);
    return EXIT_SUCCESS;
}

/** 32 digits as they are, else the start of the name's hash. */
static void read_user(uint8_t out[16], const char *user) {
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[BL_HASH_SIZE];
    if (strlen(user) == 32 && strspn(user, "0123456789abcdefABCDEF") == 32) {
        for (size_t i = 0; i < 32; i++) {
            unsigned digit = (unsigned)(strchr(digits, tolower((unsigned char)user[i])) - digits);
            out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
        }
        return;
    }
    bl_hash(hash, user, strlen(user));
    memcpy(out, hash, 16);
}

static bool read_life(uint32_t *out, const char *text) {
    char *end;
    if (text == NULL) {
        return true;
    }
    unsigned long life = strtoul(text, &end, 10);
    *out = (uint32_t)life;
    return isdigit((unsigned char)text[0]) && *end == '\0' && life > 0 &&
           life <= BELAY_TOKEN_LIFE_MAX;
}

static int write_token(const char *path, const uint8_t *token, size_t size) {
    if (path != NULL) {
        return bl_file_replace(path, token, size) < 0 ? fail() : EXIT_SUCCESS;
    }
    if (fwrite(token, 1, size, stdout) != size || fflush(stdout) != 0) {
        perror("belay-token: standard output");
        return STATUS_FAILED;
    }
    return EXIT_SUCCESS;
}

static int issue(const struct arguments *arguments) {
    const char *const *given = arguments->given;
    struct belay_token_opts opts = BELAY_TOKEN_OPTS_INIT;
    uint8_t token[BELAY_TOKEN_SIZE_MAX];
    size_t size = sizeof token;
    if (given[KEY] == NULL || given[USER] == NULL || given[USER][0] == '\0') {
        return fail_usage("issue needs --key FILE and --user HEX|NAME");
    }
    if (!read_life(&opts.life_s, given[LIFE])) {
        return fail_usage("--life takes 1 to 120 seconds");
    }
    if (given[OUT] == NULL && isatty(STDOUT_FILENO)) {
        return fail_usage("a token is a secret, and not text: name a file with --out, or pipe it");
    }
    opts.key_file = given[KEY];
    opts.audience = given[AUDIENCE];
    opts.addresses = given[ADDRESSES];
    opts.game = given[GAME];
    opts.data = given[DATA];
    opts.data_size = given[DATA] != NULL ? strlen(given[DATA]) : 0;
    read_user(opts.user_id, given[USER]);
    if (belay_token_issue(&opts, token, &size) < 0) {
        return fail();
    }
    int status = write_token(given[OUT], token, size);
    bl_wipe(token, sizeof token);
    return status;
}

static int inspect(const struct arguments *arguments) {
    uint8_t token[BELAY_TOKEN_SIZE_MAX];
    char text[BELAY_TOKEN_TEXT_MAX];
    struct bl_file_content content = {.data = token, .capacity = sizeof token};
    if (bl_file_read(&content, arguments->file) < 0) {
        return fail();
    }
    text[0] = '\0';
    enum belay_result result =
        belay_token_inspect(token, content.size, arguments->given[KEY], text, sizeof text);
    bl_wipe(token, sizeof token);
    fputs(text, stdout);
    return result < 0 ? STATUS_FAILED : EXIT_SUCCESS;
}

static const struct command {
    const char *name;
    int (*run)(const struct arguments *arguments);
    bool takes_file;
    unsigned choices; /* one bit for each option it takes */
} commands[] = {
    {"keygen", keygen, true, 0},
    {"add", add, true, 0},
    {"issue", issue, false, (1U << CHOICE_COUNT) - 1},
    {"inspect", inspect, true, 1U << KEY},
};

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/** Reads what follows the command, words[0], and runs it. */
static int run(const struct command *command, int count, char **words) {
    struct arguments arguments = {0};
    int choice;
    opterr = 0;
    while ((choice = getopt_long(count, words, "", options, NULL)) != -1) {
        if (choice == HELP) {
            fputs(help, stdout);
            return EXIT_SUCCESS;
        }
        if (choice >= CHOICE_COUNT) {
            return fail_usage("that option is unknown, or lacks its value");
        }
        if ((command->choices & 1U << choice) == 0) {
            return fail_usage("only issue takes that option");
        }
        arguments.given[choice] = optarg;
    }
    if (count - optind != command->takes_file) {
        return fail_usage(command->takes_file ? "name one FILE" : "issue takes options only");
    }
    arguments.file = words[optind];
    return command->run(&arguments);
}

int main(int argc, char **argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    if (command == NULL) {
        return fail_usage("say keygen, add, issue or inspect");
    }
    return run(command, argc - 1, argv + 1);
}
