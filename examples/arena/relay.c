#define _GNU_SOURCE
#include "examples/arena/relay.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#define LINE_SIZE   128
#define NUMBER_SIZE 16

/** Becomes belay-netem, which leaves with its parent and says nothing but its address. */
static void become_relay(int out, const char *server, const struct relay_trouble *trouble) {
    char loss[NUMBER_SIZE], delay[NUMBER_SIZE], jitter[NUMBER_SIZE], seed[NUMBER_SIZE];
    char cut[NUMBER_SIZE];
    int nowhere = open("/dev/null", O_WRONLY);
    snprintf(loss, sizeof loss, "%.3f", (double)trouble->loss);
    snprintf(delay, sizeof delay, "%u", trouble->delay_ms);
    snprintf(jitter, sizeof jitter, "%u", trouble->jitter_ms);
    snprintf(seed, sizeof seed, "%u", trouble->seed);
    snprintf(cut, sizeof cut, "%d", RELAY_CUT_S);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    setpgid(0, 0); /* Ctrl-C is for the parent, which still needs it to say goodbye */
    dup2(out, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execl(BELAY_NETEM, BELAY_NETEM, "--loss", loss, "--delay", delay, "--jitter", jitter, "--seed",
          seed, "--blackout", cut, "127.0.0.1:0", server, (char *)NULL);
    _Exit(127);
}

/** Its first line says where it listens; none: it could not. */
static uint16_t read_port(int in) {
    char line[LINE_SIZE] = "";
    FILE *file = fdopen(in, "r");
    if (file == NULL) {
        close(in);
        return 0;
    }
    const char *port = fgets(line, sizeof line, file) != NULL ? strrchr(line, ':') : NULL;
    fclose(file);
    return port != NULL ? (uint16_t)strtoul(port + 1, NULL, 10) : 0;
}

bool relay_start(struct relay *relay, const char *server, const struct relay_trouble *trouble) {
    int ends[2];
    if (pipe(ends) < 0) {
        return false;
    }
    relay->pid = fork();
    if (relay->pid == 0) {
        close(ends[0]);
        become_relay(ends[1], server, trouble);
    }
    close(ends[1]);
    relay->port = read_port(ends[0]);
    if (relay->pid > 0 && relay->port == 0) {
        relay_end(relay);
    }
    return relay->port != 0;
}

void relay_cut(const struct relay *relay) {
    kill(relay->pid, SIGUSR1);
}

void relay_end(struct relay *relay) {
    if (relay->pid > 0) {
        kill(relay->pid, SIGTERM);
        waitpid(relay->pid, NULL, 0);
    }
    relay->pid = 0;
}
