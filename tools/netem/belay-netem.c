/* A bad network for tests: a UDP relay that delays, loses, doubles and reorders, from a seed. */
#define _GNU_SOURCE
#include "common/error.h"
#include "tools/netem/control.h"
#include "tools/netem/relay.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define STATUS_FAILED 1
#define STATUS_USAGE  2
#define COMMAND_SIZE  256

static const char help[] =
    "Relays UDP between clients and a server, and is a bad network in between.\n"
    "\n"
    "usage: belay-netem [options] LISTEN TARGET\n"
    "       belay-netem --tell PATH COMMAND\n"
    "\n"
    "LISTEN is where clients send to, TARGET the server: 127.0.0.1:7777 or [::1]:7777. LISTEN may\n"
    "have port 0, which picks one, and may be *:7000. Each client has a port of its own towards\n"
    "the server, as behind a NAT. The first line of output is \"listening on ADDRESS\".\n"
    "\n"
    "trouble, for both directions; --up-NAME for client to server alone, --down-NAME for the\n"
    "other (a later option overrides an earlier one):\n"
    "  --delay MS        one way\n"
    "  --jitter MS       and up to this much more, evenly; later datagrams may overtake\n"
    "  --keep-order      unless this is given\n"
    "  --loss %          lost\n"
    "  --burst N         mean length of a run of losses, in datagrams; default 1: by chance\n"
    "  --duplicate %     arrives twice\n"
    "  --reorder %       held back, past later ones,\n"
    "  --hold MS         for this long; default 50\n"
    "  --corrupt %       one bit is flipped\n"
    "  --rate KBIT       1,000 bits a second, counting 28 bytes of IP and UDP; 0: unlimited\n"
    "  --queue MS        what the rate may hold up before it drops; default 200\n"
    "\n"
    "events:\n"
    "  --rebind-every S  each client gets a new port towards the server, again and again\n"
    "  --blackout S      how long nothing passes after SIGUSR1; default 3\n"
    "  SIGUSR1           a blackout for all clients\n"
    "  SIGUSR2           new ports for all clients, now\n"
    "  --control PATH    takes commands there: a Unix datagram socket, for this user only\n"
    "  --tell PATH ...   sends such a command, and prints the answer:\n"
    "                      blackout S [PORT]   for the client that sends from PORT, or for all\n"
    "                      rebind [PORT]\n"
    "                      set NAME VALUE      as the trouble above: set up-loss 20\n"
    "\n"
    "the rest:\n"
    "  --seed N          the same luck as the run that printed it; default: another each time\n"
    "  --max-clients N   at a time; default 1024\n"
    "  --idle S          a client that is silent for so long is forgotten; default 60\n"
    "  --buffer MIB      memory for datagrams under way; default 64\n"
    "\n"
    "examples:\n"
    "  belay-netem --loss 5 --delay 40 --jitter 20 127.0.0.1:7000 127.0.0.1:7777\n"
    "  belay-netem --loss 2 --burst 4 --up-rate 256 --seed 7 127.0.0.1:0 127.0.0.1:7777\n"
    "  belay-netem --tell /tmp/net.control blackout 9 40123\n"
    "\n"
    "SIGINT and SIGTERM end it, with a summary on standard error.\n"
    "Exit status: 0; 1 when something failed; 2 for wrong usage.\n";

static volatile sig_atomic_t ended, blackout_wanted, rebind_wanted;

static void note_signal(int number) {
    switch (number) {
    case SIGUSR1:
        blackout_wanted = 1;
        break;
    case SIGUSR2:
        rebind_wanted = 1;
        break;
    default:
        ended = 1;
        break;
    }
}

static int fail(int status) {
    fprintf(stderr, "belay-netem: %s%s\n", belay_error(),
            status == STATUS_USAGE ? "; see belay-netem --help" : "");
    return status;
}

/** Signals come while the relay waits, and at no other time. @param while_waiting receives the mask
 */
static void catch_signals(sigset_t *while_waiting) {
    static const int numbers[] = {SIGUSR1, SIGUSR2, SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t ours;
    sigemptyset(&ours);
    sigprocmask(SIG_BLOCK, NULL, while_waiting);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaddset(&ours, numbers[i]);
        sigdelset(while_waiting, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &ours, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

/** Each client takes a descriptor, and many systems begin with a limit of 1,024. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void do_signals(struct netem_relay *relay, const struct netem_settings *settings) {
    if (blackout_wanted) {
        blackout_wanted = 0;
        size_t count = netem_relay_blackout(relay, settings->blackout, 0);
        fprintf(stderr, "belay-netem: a blackout of %g s for %zu clients\n",
                (double)settings->blackout / (double)BL_SECOND, count);
    }
    if (rebind_wanted) {
        rebind_wanted = 0;
        fprintf(stderr, "belay-netem: new ports for %zu clients\n", netem_relay_rebind(relay, 0));
    }
}

static bool tell_ready(const struct netem_relay *relay, const struct netem_settings *settings) {
    struct bl_address local;
    char text[BL_ADDRESS_TEXT_SIZE];
    netem_relay_local(relay, &local);
    bl_address_format(&local, text, sizeof text);
    fprintf(stderr, "belay-netem: --seed %llu\n", (unsigned long long)settings->seed);
    if (printf("listening on %s\n", text) < 0 || fflush(stdout) != 0) {
        perror("belay-netem: standard output");
        return false;
    }
    return true;
}

static int run(const struct netem_settings *settings) {
    struct netem_relay *relay;
    struct netem_control control = {.descriptor = -1};
    sigset_t while_waiting;
    raise_descriptor_limit();
    if (netem_relay_create(&relay, settings) != BELAY_OK) {
        return fail(STATUS_FAILED);
    }
    int status = EXIT_SUCCESS;
    if (settings->control != NULL && netem_control_open(&control, settings->control) != BELAY_OK) {
        status = fail(STATUS_FAILED);
        goto destroy_relay;
    }
    catch_signals(&while_waiting);
    if (!tell_ready(relay, settings)) {
        status = STATUS_FAILED;
        goto close_control;
    }
    while (!ended) {
        if (netem_relay_service(relay, control.descriptor, &while_waiting)) {
            netem_control_serve(&control, relay);
        }
        do_signals(relay, settings);
    }
    netem_relay_print(relay, stderr);

close_control:
    netem_control_close(&control);
destroy_relay:
    netem_relay_destroy(relay);
    return status;
}

/** What follows --tell: the path, and the words of the command. */
static int tell(int count, char **words) {
    char command[COMMAND_SIZE] = "";
    size_t size = 0;
    for (int i = 1; i < count; i++) {
        size_t left = sizeof command - size;
        int added = snprintf(command + size, left, "%s%s", i > 1 ? " " : "", words[i]);
        if (added < 0 || (size_t)added >= left) {
            bl_fail(BELAY_E_INVALID, "the command is too long");
            return fail(STATUS_USAGE);
        }
        size += (size_t)added;
    }
    if (size == 0) {
        bl_fail(BELAY_E_INVALID, "--tell takes a PATH and a command");
        return fail(STATUS_USAGE);
    }
    if (netem_control_tell(words[0], command) != BELAY_OK) {
        return fail(STATUS_FAILED);
    }
    puts("ok");
    return EXIT_SUCCESS;
}

static bool asks_for_help(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    struct netem_settings settings;
    if (asks_for_help(argc, argv)) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    if (argc > 1 && strcmp(argv[1], "--tell") == 0) {
        return tell(argc - 2, argv + 2);
    }
    netem_settings_init(&settings);
    if (netem_settings_read(&settings, argc - 1, argv + 1) != BELAY_OK) {
        return fail(STATUS_USAGE);
    }
    if (!settings.seeded) {
        struct bl_random random;
        bl_random_init_system(&random);
        settings.seed = bl_random_u64(&random) >> 32; /* short enough to type */
    }
    return run(&settings);
}
