/*
 * Jobs: work that takes longer than a request. A server looks for the way through a maze, a slice
 * in each pass of its loop. Ann's phone has asked for it, loses its network for nine seconds and
 * gets the way all the same; her tablet comes later, and watches from the beginning. All in one
 * process, on a simulated network; at the end it checks who has got what.
 *
 * What a game would take from it: server_pass(), take_task() and work(), for whatever is too long
 * for one frame (a world to make, a replay to render, a match to find), and device_pass().
 */
#include <belay/client.h>
#include <belay/jobs.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASS_MS  50
#define END_MS   20000
#define SEARCHES 4
#define WIDTH    51
#define CELLS    (WIDTH * 13)

enum { FIND_WAY = 1 };                   /* types of jobs */
enum { PERCENT, PICTURE };               /* kinds of updates */
enum { BAD_MAZE = 1, NO_WAY, TOO_BUSY }; /* why a job has failed */
enum { PHONE, TABLET, STRANGER, DEVICES };
enum { SUBMIT, AGAIN, LIST, WATCH, SPY, OTHER, CANCEL, CALLS }; /* cookies */

static const char maze[CELLS + 1] = /* S: start, E: end */
    "###################################################"
    "#S#             #         # #                 #   #"
    "# # ########### # # # ### # # # ########### # # # #"
    "# #           #   # #   # #   #             # # # #"
    "# ####### # # ##### # # # # ##### ### ### ### ### #"
    "#   #       # #           #         # # #     #   #"
    "# # # ##### # # ####### # ##### ### # # # # # # # #"
    "# #   #     #   #       # #     #   # #       # # #"
    "# ##### # # ### # # ### # ####### ### ### # # # ###"
    "#     # #     # #     #   #     # # #   #   #     #"
    "# ### # # ### ### ### # # # # # # # ### ### # ### #"
    "#   #   #             #     #     #         #    E#"
    "###################################################";

/** One job under way: breadth first, from the end back to the start. */
struct search {
    belay_job job; /* 0: none */
    const char *maze;
    uint16_t queue[CELLS], head, tail; /* cells that were reached; those before head are done */
    uint8_t from[CELLS];               /* 1 + the direction in which a cell was reached */
    unsigned open, percent;
};

struct device {
    const char *name, *owner;
    struct belay_client *client;
    struct belay_job_client *jobs;
    belay_job job[CALLS]; /* what calls have told, by cookie */
    uint32_t heard;       /* sequence of the way's newest event: each comes once */
    unsigned ways, cancelled, downs, resumes;
};

struct world {
    struct belay_sim *sim;
    struct belay_server *server;
    struct belay_jobs *jobs;
    struct search searches[SEARCHES];
    struct device devices[DEVICES];
    uint32_t now_ms; /* of the story, which begins when all have come in */
    unsigned opens, begun, calls, wrong;
};

static void print(const struct world *world, const char *who, const char *format, ...) {
    va_list values;
    printf("%5.2f s  %-9s", world->now_ms / 1000.0, who);
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    putchar('\n');
}

static void draw(const char cells[CELLS]) {
    for (const char *row = cells; row < cells + CELLS; row += WIDTH) {
        printf("%20s%.*s\n", "", WIDTH, row);
    }
}

static void must(enum belay_result result) {
    if (result != BELAY_OK) {
        fprintf(stderr, "%s: %s\n", belay_result_name(result), belay_error());
        exit(1);
    }
}

/* ---- the work */

static const int directions[4] = {1, WIDTH, -1, -WIDTH};
static const char direction_names[] = "ESWN";

/* Parameters are a stranger's bytes: without a wall all round it the search would leave the maze.
 */
static bool is_maze(const char *cells, size_t size) {
    bool sound = size == CELLS && memchr(cells, 'S', size) && memchr(cells, 'E', size);
    for (int i = 0; sound && i < CELLS; i++) {
        bool edge = i < WIDTH || i >= CELLS - WIDTH || i % WIDTH == 0 || i % WIDTH == WIDTH - 1;
        sound = !edge || cells[i] == '#';
    }
    return sound;
}

static void begin_search(struct search *search, const struct belay_job_task *task) {
    *search = (struct search){.job = task->job, .maze = task->params}; /* lent till the job's end */
    for (int i = 0; i < CELLS; i++) {
        search->open += search->maze[i] != '#';
    }
    const char *end = memchr(search->maze, 'E', CELLS);
    search->queue[search->tail++] = (uint16_t)(end - search->maze);
    search->from[end - search->maze] = 1;
}

/** A slice of the work is one cell. A game would take as many as fit into a millisecond. */
static void go_on(struct search *search) {
    uint16_t cell = search->queue[search->head++];
    for (int i = 0; i < 4; i++) {
        uint16_t next = (uint16_t)(cell + directions[i]);
        if (search->maze[next] != '#' && search->from[next] == 0) {
            search->from[next] = (uint8_t)(i + 1);
            search->queue[search->tail++] = next;
        }
    }
}

static size_t find_way(const struct search *search, char way[CELLS]) {
    size_t steps = 0;
    for (int cell = search->queue[search->head]; search->maze[cell] != 'E'; steps++) {
        int back = (search->from[cell] - 1 + 2) % 4;
        way[steps] = direction_names[back];
        cell += directions[back];
    }
    return steps;
}

/* ---- the server */

/* Updates are for who watches now, and kept for who will watch from the beginning. One that finds
 * no memory is left out. */
static void tell_progress(struct world *world, struct search *search) {
    char picture[CELLS];
    uint8_t percent = (uint8_t)(search->head * 100U / search->open);
    if (percent / 10 != search->percent / 10) {
        belay_jobs_emit(world->jobs, search->job, PERCENT, &percent, sizeof percent);
    }
    if (percent / 30 != search->percent / 30) {
        memcpy(picture, search->maze, CELLS);
        for (int i = 0; i < search->tail; i++) {
            picture[search->queue[i]] = i < search->head ? '.' : 'o';
        }
        belay_jobs_emit(world->jobs, search->job, PICTURE, picture, sizeof picture);
    }
    search->percent = percent;
}

/* Each job goes on by a slice. No search outlives its job, and so its maze: a stop ends it in
 * take_task(), long before the grace is over. */
static void work(struct world *world, struct search *search) {
    char way[CELLS];
    if (search->head == search->tail) {
        belay_jobs_fail(world->jobs, search->job, NO_WAY, NULL, 0);
        search->job = 0;
    } else if (search->maze[search->queue[search->head]] == 'S') {
        size_t steps = find_way(search, way);
        if (belay_jobs_succeed(world->jobs, search->job, way, steps) != BELAY_E_NO_MEMORY) {
            print(world, "server", "job %d: found", (int)search->job);
            search->job = 0; /* else the next pass tries again */
        }
    } else {
        go_on(search);
        tell_progress(world, search);
    }
}

/** @param job  0: one that is free */
static struct search *find_search(struct world *world, belay_job job) {
    for (int i = 0; i < SEARCHES; i++) {
        if (world->searches[i].job == job) {
            return &world->searches[i];
        }
    }
    return NULL;
}

static void take_task(struct world *world, const struct belay_job_task *task) {
    struct search *search = find_search(world, task->stop ? task->job : 0);
    if (task->stop) { /* its owner does not want it any more */
        print(world, "server", "job %d: stopped", (int)task->job);
        belay_jobs_stopped(world->jobs, task->job);
        if (search != NULL) {
            search->job = 0;
        }
    } else if (task->type != FIND_WAY || !is_maze(task->params, task->size)) {
        belay_jobs_fail(world->jobs, task->job, BAD_MAZE, NULL, 0);
    } else if (search == NULL) { /* a game would keep a list of those that wait for their turn */
        belay_jobs_fail(world->jobs, task->job, TOO_BUSY, NULL, 0);
    } else {
        print(world, "server", "job %d: begun", (int)task->job);
        begin_search(search, task);
        world->begun++;
    }
}

/* A game has users from its login service's tokens; here the login is the user's name. */
static void let_in(struct world *world, const struct belay_event *ev) {
    uint8_t user_id[16] = {0};
    memcpy(user_id, ev->login.data, ev->login.size < 16 ? ev->login.size : 16);
    must(belay_server_accept(world->server, ev->session, user_id, NULL, 0));
}

/** A pass of the server's loop: what has come, what is to be done, and a slice of it. */
static void server_pass(struct world *world) {
    struct belay_event ev;
    struct belay_job_task task;
    belay_server_service(world->server, 0);
    belay_jobs_run(world->jobs, world->now_ms);
    while (belay_server_poll(world->server, &ev)) {
        if (!belay_jobs_take(world->jobs, &ev) && ev.type == BELAY_EVENT_LOGIN) {
            let_in(world, &ev);
        }
    }
    while (belay_jobs_poll(world->jobs, &task)) {
        take_task(world, &task);
    }
    for (int i = 0; i < SEARCHES; i++) {
        if (world->searches[i].job != 0) {
            work(world, &world->searches[i]);
        }
    }
}

/* ---- the devices */

/* Walks as it is told: that must lead from S to E, and through no wall. */
static bool draw_way(const char *way, size_t steps) {
    char cells[CELLS];
    memcpy(cells, maze, CELLS);
    ptrdiff_t cell = strchr(maze, 'S') - maze;
    for (size_t i = 0; i < steps && maze[cell] != '#'; i++) {
        const char *direction = memchr(direction_names, way[i], 4);
        cell += direction != NULL ? directions[direction - direction_names] : 0;
        cells[cell] = maze[cell] == ' ' ? '*' : maze[cell];
    }
    draw(cells);
    return maze[cell] == 'E';
}

static void take_call(struct world *world, struct device *device,
                      const struct belay_job_event *ev) {
    static const char *const what[CALLS] = {
        "submit \"home\"", "submit \"home\" again", "list",  "watch",
        "watch",           "submit another",        "cancel"};
    print(world, device->name, "  < %s: %s%s%s", what[ev->cookie], belay_job_meaning(ev->code),
          ev->job != 0 ? ", " : "", ev->job != 0 ? belay_job_state_name(ev->state) : "");
    device->job[ev->cookie] = ev->job;
    world->calls++;
    world->wrong += ev->code != (ev->cookie == SPY ? BELAY_JOB_NOT_FOUND : 0);
}

static void take_job_event(struct world *world, struct device *device,
                           const struct belay_job_event *ev) {
    bool numbered = ev->type >= BELAY_JOB_EVENT_UPDATE;
    if (numbered && ev->job == world->devices[PHONE].job[SUBMIT]) {
        world->wrong += ev->sequence != ++device->heard;
    }
    if (ev->type == BELAY_JOB_EVENT_CALL) {
        take_call(world, device, ev);
    } else if (ev->type == BELAY_JOB_EVENT_LISTED) {
        must(belay_job_watch(device->jobs, ev->job, 1, WATCH));
    } else if (ev->type == BELAY_JOB_EVENT_UPDATE && ev->kind == PERCENT && ev->size == 1) {
        print(world, device->name, "  | job %d: %d %%", (int)ev->job, *(const uint8_t *)ev->data);
    } else if (ev->type == BELAY_JOB_EVENT_UPDATE && ev->size == CELLS) {
        if (device == &world->devices[TABLET]) { /* the phone has no room for it */
            draw(ev->data);
        }
    } else if (ev->type == BELAY_JOB_EVENT_RESULT) { /* in one piece: it is below BELAY_JOB_CHUNK */
        print(world, device->name, "  | job %d: %zu steps", (int)ev->job, ev->size);
        device->ways += draw_way(ev->data, ev->size);
    } else if (ev->type == BELAY_JOB_EVENT_ENDED) {
        print(world, device->name, "  | job %d: %s", (int)ev->job, belay_job_state_name(ev->state));
        device->cancelled += ev->state == BELAY_JOB_CANCELLED;
    }
}

static void device_pass(struct world *world, struct device *device) {
    struct belay_event ev;
    struct belay_job_event job;
    belay_client_service(device->client, 0);
    while (belay_client_poll(device->client, &ev)) {
        if (belay_job_client_take(device->jobs, &ev, &job)) {
            do {
                take_job_event(world, device, &job);
            } while (belay_job_client_next(device->jobs, &job));
        } else if (ev.type == BELAY_EVENT_OPEN) {
            world->opens++;
        } else if (ev.type == BELAY_EVENT_CLOSED) {
            print(world, device->name, "  * closed: %s", ev.closed.reason->text);
            exit(1); /* that is not in the story */
        } else if (ev.type == BELAY_EVENT_DOWN) {
            device->downs++;
            print(world, device->name, "  * no link; kept for %u s", ev.down.window_ms / 1000);
        } else if (ev.type == BELAY_EVENT_RESUMED) {
            device->resumes++;
            print(world, device->name, "  * back after %.1f s", ev.resumed.down_ms / 1000.0);
        }
    }
}

/* ---- the story */

static void set_link(struct world *world, struct belay_client *client, bool cut) {
    struct belay_link link = BELAY_LINK_INIT;
    link.loss = 0.1F;
    link.delay_ms = 30;
    link.jitter_ms = 20;
    link.cut_up = link.cut_down = cut;
    belay_sim_link(world->sim, client, &link);
}

static void act(struct world *world) {
    struct device *phone = &world->devices[PHONE], *tablet = &world->devices[TABLET];
    switch (world->now_ms) {
    case 1000: /* the key makes it this one job, however often it is submitted */
        must(belay_job_submit(phone->jobs, "home", FIND_WAY, maze, CELLS, SUBMIT));
        break;
    case 2000:
        must(belay_job_submit(tablet->jobs, NULL, FIND_WAY, maze, CELLS, OTHER));
        break;
    case 3000: /* whose number it can only guess */
        must(belay_job_watch(world->devices[STRANGER].jobs, phone->job[SUBMIT], 1, SPY));
        break;
    case 3500:
        must(belay_job_cancel(tablet->jobs, tablet->job[OTHER], CANCEL));
        break;
    case 4000:
    case 13000:
        print(world, "phone", "> %s", world->now_ms == 4000 ? "no network" : "a network again");
        set_link(world, phone->client, world->now_ms == 4000);
        break;
    case 5000:
        must(belay_job_list(tablet->jobs, 1U << BELAY_JOB_RUNNING, 0, 1, LIST));
        break;
    case 14500: /* as a phone does that was restarted, and knows nothing but the key */
        must(belay_job_submit(phone->jobs, "home", FIND_WAY, maze, CELLS, AGAIN));
        break;
    default:
        break;
    }
}

static void create_world(struct world *world) {
    struct belay_server_opts server = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    /* Channel 0, which is reliable, is the jobs'; a game with messages of its own has more. */
    struct belay_jobs_opts jobs = BELAY_JOBS_OPTS_INIT;
    struct belay_job_client_opts device_jobs = BELAY_JOB_CLIENT_OPTS_INIT;
    world->sim = belay_sim_create(7);
    if (world->sim == NULL) {
        must(BELAY_E_NO_MEMORY);
    }
    server.sim = client.sim = world->sim;
    server.listen = to.invite = "10.0.0.1:7777";
    server.replace = 2; /* a user may come with two devices at once */
    must(belay_server_start(&world->server, &server));
    must(belay_jobs_create(&world->jobs, world->server, &jobs));
    for (struct device *device = world->devices; device < world->devices + DEVICES; device++) {
        to.login = device->owner;
        to.login_size = strlen(device->owner);
        must(belay_client_create(&device->client, &client));
        must(belay_job_client_create(&device->jobs, device->client, &device_jobs));
        must(belay_client_connect(device->client, &to));
    }
}

static void destroy_world(struct world *world) {
    for (struct device *device = world->devices; device < world->devices + DEVICES; device++) {
        belay_job_client_destroy(device->jobs);
        belay_client_destroy(device->client);
    }
    belay_jobs_destroy(world->jobs);
    belay_server_destroy(world->server);
    belay_sim_destroy(world->sim);
}

static bool is_as_told(const struct world *world) {
    const struct device *phone = &world->devices[PHONE], *tablet = &world->devices[TABLET];
    bool one_job = phone->job[AGAIN] == phone->job[SUBMIT] && world->begun == 2 &&
                   tablet->job[WATCH] == phone->job[SUBMIT] && world->calls == CALLS;
    bool one_way = phone->ways == 1 && tablet->ways == 1 && phone->heard == tablet->heard &&
                   world->devices[STRANGER].heard == 0;
    bool one_cut = phone->downs == 1 && phone->resumes == 1;
    bool one_cancelled = phone->cancelled == 0 && tablet->cancelled == 1;
    bool good = one_job && one_way && one_cut && one_cancelled && world->wrong == 0;
    printf("\n%s\n", good ? "Both have got the way, and every event of it exactly once."
                          : "This is not how it should be.");
    return good;
}

int main(void) {
    struct world world = {.devices = {{.name = "phone", .owner = "ann"},
                                      {.name = "tablet", .owner = "ann"},
                                      {.name = "stranger", .owner = "eve"}}};
    create_world(&world);
    set_link(&world, NULL, false);
    while (world.now_ms < END_MS) {
        world.now_ms += world.opens == DEVICES ? PASS_MS : 0;
        act(&world);
        belay_sim_advance(world.sim, PASS_MS);
        server_pass(&world);
        for (int i = 0; i < DEVICES; i++) {
            device_pass(&world, &world.devices[i]);
        }
    }
    bool good = is_as_told(&world);
    destroy_world(&world);
    return good ? 0 : 1;
}
