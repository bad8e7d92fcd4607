/*
 * One session over a real link: two endpoints in a simulation, ENet at both ends. The near end has
 * the session, client or server; the far end only holds the link and counts the frames it is told.
 */
#ifndef BL_TESTS_SESSION_LINKED_H
#define BL_TESTS_SESSION_LINKED_H

#include "lib/net/sim.h"
#include "lib/session/loop.h"
#include "tests/session/lone.h"
#include "tests/support/way_in.h"

struct linked {
    struct belay_sim *sim;
    struct bl_loop near;
    struct bl_session *session; /* NULL once its end was polled */
    struct bl_peer *near_peer;  /* bound, and not yet the session's */
    struct bl_memory far_memory;
    struct bl_timer_wheel far_wheel;
    struct bl_net *far_net;
    struct bl_endpoint *far;
    struct bl_peer *far_peer;
    struct belay_stats far_stats;
    uint32_t heard[256]; /* frames at the far end, by type */
    /** Sees each of them too; NULL = nobody. */
    void (*hear)(struct linked *linked, const uint8_t *frame, size_t size);
};

static inline void linked_near_bound(void *user, struct bl_peer *peer,
                                     const struct bl_newcomer *newcomer) {
    (void)newcomer;
    ((struct linked *)user)->near_peer = peer;
}

static inline void linked_near_accepted(void *user, struct bl_peer *peer,
                                        const struct bl_dialed *dialed) {
    (void)dialed;
    ((struct linked *)user)->near_peer = peer;
}

static inline void linked_far_bound(void *user, struct bl_peer *peer,
                                    const struct bl_newcomer *newcomer) {
    (void)newcomer;
    ((struct linked *)user)->far_peer = peer;
    peer->receiver = user;
}

static inline void linked_far_accepted(void *user, struct bl_peer *peer,
                                       const struct bl_dialed *dialed) {
    (void)dialed;
    ((struct linked *)user)->far_peer = peer;
    peer->receiver = user;
}

static inline const struct belay_reason *linked_admit(void *user) {
    (void)user;
    return NULL;
}

static inline void linked_denied(void *user, const struct bl_deny *deny) {
    (void)user;
    (void)deny;
    ck_abort_msg("denied");
}

static inline void linked_far_packet(void *receiver, struct bl_packet *packet) {
    struct linked *linked = receiver;
    linked->heard[bl_packet_data(packet)[0]]++;
    if (linked->hear != NULL) {
        linked->hear(linked, bl_packet_data(packet), bl_packet_size(packet));
    }
    bl_packet_release(packet);
}

static inline void linked_far_news(void *receiver) {
    (void)receiver;
}

static inline void linked_retire(void *user, struct bl_session *session) {
    struct linked *linked = user;
    bl_session_destroy(session);
    linked->session = NULL;
}

static inline void linked_run(struct linked *linked, uint32_t ms) {
    for (uint32_t i = 0; i < ms; i++) {
        belay_sim_advance(linked->sim, 1);
        bl_loop_service(&linked->near, 0);
        bl_loop_flush(&linked->near);
        bl_endpoint_receive(linked->far);
        bl_timer_wheel_advance(&linked->far_wheel, bl_net_now(linked->far_net));
        bl_endpoint_flush(linked->far);
    }
}

static inline struct bl_address linked_address(const char *text) {
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, text, true), BELAY_OK);
    return address;
}

static inline void linked_open_near(struct linked *linked, enum bl_role role) {
    static const struct bl_endpoint_ops ops = {
        .bound = linked_near_bound,
        .accepted = linked_near_accepted,
        .admit = linked_admit,
        .denied = linked_denied,
    };
    static const uint8_t identity[16] = "near";
    struct bl_shared *shared = &linked->near.shared;
    struct bl_address local = linked_address("10.0.0.1:1");
    struct bl_net *net;
    struct lone defaults;
    lone_start(&defaults, role);
    *shared = defaults.shared;
    shared->retire = linked_retire;
    shared->user = linked;
    bl_memory_init(&linked->near.memory, NULL, 0);
    ck_assert_int_eq(bl_sim_open(&net, linked->sim, &local, NULL), BELAY_OK);
    const struct bl_loop_opts opts = {
        .ops = &ops,
        .user = linked,
        .peer_max = 2,
        .admission = role == BL_ROLE_SERVER ? open_to_all() : NULL,
    };
    ck_assert_int_eq(bl_loop_start(&linked->near, net, &opts), BELAY_OK);
    ck_assert_int_eq(bl_session_create(&linked->session, shared, identity), BELAY_OK);
    linked->session->handle = 1;
}

static inline void linked_open_far(struct linked *linked, enum bl_role role) {
    static const struct bl_endpoint_ops ops = {
        .bound = linked_far_bound,
        .accepted = linked_far_accepted,
        .packet = linked_far_packet,
        .progress = linked_far_news,
        .gone = linked_far_news,
        .admit = linked_admit,
        .denied = linked_denied,
    };
    struct bl_address local = linked_address("10.0.0.2:2");
    bl_memory_init(&linked->far_memory, NULL, 0);
    ck_assert_int_eq(bl_sim_open(&linked->far_net, linked->sim, &local, &linked->far), BELAY_OK);
    bl_timer_wheel_init(&linked->far_wheel, bl_net_now(linked->far_net));
    const struct bl_endpoint_opts opts = {
        .memory = &linked->far_memory,
        .wheel = &linked->far_wheel,
        .net = linked->far_net,
        .ops = &ops,
        .user = linked,
        .stats = &linked->far_stats,
        .game = bl_wire_hash(NULL),
        .peer_max = 2,
        .channel_count = (uint8_t)(linked->near.shared.channel_count + 1),
        .admission = role == BL_ROLE_SERVER ? open_to_all() : NULL,
    };
    ck_assert_int_eq(bl_endpoint_create(&linked->far, &opts), BELAY_OK);
}

/** The near end plays @p role; its session is DISCONNECTED. */
static inline struct linked *linked_create(enum bl_role role) {
    struct linked *linked = calloc(1, sizeof *linked);
    linked->sim = belay_sim_create(1);
    linked_open_near(linked, role);
    linked_open_far(linked, role == BL_ROLE_SERVER ? BL_ROLE_CLIENT : BL_ROLE_SERVER);
    return linked;
}

static inline void linked_destroy(struct linked *linked) {
    bl_session_destroy(linked->session);
    bl_loop_finish(&linked->near);
    bl_endpoint_destroy(linked->far);
    bl_net_close(linked->far_net);
    belay_sim_destroy(linked->sim);
    ck_assert_uint_eq(linked->near.memory.used, 0);
    ck_assert_uint_eq(linked->far_memory.used, 0);
    free(linked);
}

/** "Up" is from the far end to the near one. */
static inline void linked_link(struct linked *linked, const struct belay_link *link) {
    /* The simulation only compares this; it is what linked_open_far() named. */
    belay_sim_link(linked->sim, (struct belay_client *)(void *)&linked->far, link);
}

static inline void linked_say(struct linked *linked, const void *frame, size_t size) {
    struct bl_packet *packet = bl_packet_create(size, BL_ORDERED);
    memcpy(bl_packet_data(packet), frame, size);
    ck_assert(bl_peer_send(linked->far_peer, 0, packet));
    bl_packet_release(packet);
}

/** The link is up at both ends; the session does not know yet. */
static inline void linked_connect(struct linked *linked) {
    static const uint8_t nothing[1] = {BL_FRAME_OPTIONAL}; /* to have something to say first */
    struct bl_address address;
    struct bl_dial_target target;
    if (linked->near.shared.role == BL_ROLE_CLIENT) {
        address = linked_address("10.0.0.2:2");
        target = dial_target(&address);
        bl_endpoint_dial(linked->near.endpoint, &target);
        linked_run(linked, 5);
    } else {
        address = linked_address("10.0.0.1:1");
        target = dial_target(&address);
        bl_endpoint_dial(linked->far, &target);
        linked_run(linked, 5);
        linked_say(linked, nothing, sizeof nothing);
        linked_run(linked, 5);
    }
    ck_assert_ptr_nonnull(linked->near_peer);
}

static inline void feed_welcome(struct bl_session *session) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    const struct bl_welcome welcome = {
        .features = BL_FEATURES_KNOWN,
        .heartbeat_ms = 1000,
        .lost_ms = 6000,
        .resume_window_ms = 60000,
        .credit_messages = BELAY_CREDIT_MESSAGES,
        .credit_bytes = BELAY_CREDIT_BYTES,
        .requests = BELAY_REQUESTS_DEFAULT,
        .payload = (const uint8_t *)"welcome",
        .payload_size = 7,
    };
    feed(session, frame, bl_welcome_write(frame, sizeof frame, &welcome));
}

static inline void feed_refusal(struct bl_session *session) {
    uint8_t frame[16];
    const struct bl_reason_frame refuse = {.code = BELAY_REASON_FULL, .text = frame};
    feed(session, frame, bl_reason_write(frame, sizeof frame, BL_FRAME_REFUSE, &refuse));
}

#endif
