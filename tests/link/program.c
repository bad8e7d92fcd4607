/*
 * Starts a server in a simulation and says whose ENet it runs on. What check_links.py builds in
 * every order.
 *
 * In a simulation nothing may open a socket: a new one in /proc/self/fd is stock ENet's, and so a
 * proof that does not depend on Belay's own check. With LOADED the library is named at run time:
 * program PATH local|global|deepbind [libenet local|global]; with USES_ENET the program calls ENet
 * too; with CARRIES_ENET it has a part of ENet compiled in, as games do.
 *
 * Exit status: 0 ours, 3 BELAY_E_ENET_PORT with its cure, 4 stock ENet unseen, 1 anything else.
 */
#define _GNU_SOURCE
#include <belay/server.h>
#include <belay/sim.h>
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef USES_ENET
#include <enet/enet.h>
#endif

#ifdef CARRIES_ENET
unsigned enet_time_get(void);
unsigned enet_time_get(void) {
    return 1000;
}
#endif

enum { OURS = 0, OTHER = 1, REFUSED = 3, STOCK = 4 };

static struct api {
    struct belay_sim *(*sim_create)(uint64_t);
    void (*sim_destroy)(struct belay_sim *);
    enum belay_result (*start)(struct belay_server **, const struct belay_server_opts *);
    enum belay_result (*service)(struct belay_server *, uint32_t);
    void (*destroy)(struct belay_server *);
    const char *(*error)(void);
} api;

static int count_sockets(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[300], target[64];
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t size = readlink(path, target, sizeof target - 1);
        count += size > 7 && memcmp(target, "socket:", 7) == 0;
    }
    closedir(dir);
    return count;
}

static int run(void) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server = NULL;
    int before = count_sockets();
    opts.sim = api.sim_create(1);
    opts.listen = "10.0.0.1:7777";
    enum belay_result result = api.start(&server, &opts);
    if (result == BELAY_E_ENET_PORT) {
        bool cure = strstr(api.error(), "link Belay before libenet") != NULL;
        printf("%s\n", api.error());
        return cure && server == NULL && count_sockets() == before ? REFUSED : OTHER;
    }
    if (result != BELAY_OK) {
        printf("result %d: %s\n", result, api.error());
        return OTHER;
    }
    api.service(server, 0);
    int sockets = count_sockets() - before;
    api.destroy(server);
    api.sim_destroy(opts.sim);
    printf("started, %d sockets\n", sockets);
    return sockets == 0 ? OURS : STOCK;
}

#ifdef LOADED

static int flags_of(const char *word) {
    return RTLD_NOW | (strcmp(word, "local") == 0      ? RTLD_LOCAL
                       : strcmp(word, "deepbind") == 0 ? RTLD_LOCAL | RTLD_DEEPBIND
                                                       : RTLD_GLOBAL);
}

static void *find(void *library, const char *name) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        printf("%s\n", dlerror());
        exit(OTHER);
    }
    return symbol;
}

static void load(int argc, char **argv) {
    if (argc < 3 || (argc > 4 && dlopen(argv[3], flags_of(argv[4])) == NULL)) {
        printf("no libenet: %s\n", dlerror());
        exit(OTHER);
    }
    void *library = dlopen(argv[1], flags_of(argv[2]));
    if (library == NULL) {
        printf("%s\n", dlerror());
        exit(OTHER);
    }
    *(void **)&api.sim_create = find(library, "belay_sim_create");
    *(void **)&api.sim_destroy = find(library, "belay_sim_destroy");
    *(void **)&api.start = find(library, "belay_server_start");
    *(void **)&api.service = find(library, "belay_server_service");
    *(void **)&api.destroy = find(library, "belay_server_destroy");
    *(void **)&api.error = find(library, "belay_error");
}

#else

static void load(int argc, char **argv) {
    (void)argc;
    (void)argv;
    api = (struct api){belay_sim_create,     belay_sim_destroy,    belay_server_start,
                       belay_server_service, belay_server_destroy, belay_error};
}

#endif

int main(int argc, char **argv) {
#ifdef USES_ENET
    if (enet_initialize() != 0) {
        return OTHER;
    }
    ENetHost *host = enet_host_create(NULL, 1, 1, 0, 0);
    if (host == NULL || count_sockets() == 0) {
        printf("the program's own host has no socket\n");
        return OTHER;
    }
#endif
    load(argc, argv);
    int outcome = run();
#ifdef USES_ENET
    enet_host_destroy(host);
    enet_deinitialize();
#endif
    return outcome;
}
