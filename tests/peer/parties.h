/*
 * Two endpoints and a stranger's bare socket in a simulated network.
 *
 * The parties stand where a server and a client stand, without sessions: they count what they are
 * told, and fail the test when numbered words do not come once each and in order. The stranger says
 * whatever bytes the test puts together; a client made of such a socket is in bare.h.
 */
#ifndef BL_TESTS_PEER_PARTIES_H
#define BL_TESTS_PEER_PARTIES_H

#include "lib/net/sim.h"
#include "lib/peer/endpoint_parts.h"
#include "tests/peer/enet_datagram.h"
#include "tests/peer/enet_heap.h"
#include "tests/support/way_in.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

#define PEERS_MAX 4
#define GAME      UINT64_C(0x1234)
#define PATIENCE  (2 * BL_SECOND)
#define LINGER    (3 * BL_SECOND)

/** One endpoint and whoever sits above it. */
struct party {
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_net *net;
    struct bl_endpoint *endpoint;
    struct belay_stats stats;
    struct bl_peer *peer; /* the newest */
    unsigned bound_count, migrated_count, packet_count, progress_count, gone_count, denied_count;
    unsigned proven_count, resume_count, abandoned_count;
    struct bl_identity identity; /* of the newest */
    bool resumed;                /* so is it; and what was told then */
    struct bl_positions told;
    struct bl_dialed dialed;         /* client: of the newest */
    uint32_t said_count, word_count; /* numbered words: said, and heard in order */
    struct bl_deny deny;             /* the last, without its text */
    char deny_text[256];
    const struct belay_reason *refusal; /* of newcomers */
    bool release_at_once;
};

static struct belay_sim *sim;
static struct party server, client;
static struct bl_net *bare; /* the stranger's */

static inline void take_peer(struct party *party, struct bl_peer *peer) {
    party->bound_count++;
    party->peer = peer;
    peer->receiver = party;
    if (party->release_at_once) {
        bl_endpoint_release(party->endpoint, peer, 0, LINGER);
    }
}

static inline void bound(void *user, struct bl_peer *peer, const struct bl_newcomer *newcomer) {
    struct party *party = user;
    party->identity = newcomer->identity;
    party->resumed = newcomer->resumption != NULL;
    take_peer(party, peer);
}

static inline void accepted(void *user, struct bl_peer *peer, const struct bl_dialed *dialed) {
    struct party *party = user;
    party->dialed = *dialed;
    take_peer(party, peer);
}

/** The link that a resume takes the place of is cut. */
static inline void proven(void *user, const struct bl_newcomer *newcomer) {
    struct party *party = user;
    party->proven_count++;
    if (newcomer->resumption != NULL && party->peer != NULL && party->peer->receiver != NULL) {
        bl_endpoint_cut(party->endpoint, party->peer, LINGER);
    }
}

static inline const struct belay_reason *resume(void *user, struct bl_resumption *resumption) {
    struct party *party = user;
    party->resume_count++;
    resumption->told = party->told;
    return party->refusal;
}

static inline void abandoned(void *user, const struct bl_resumption *resumption) {
    (void)resumption;
    ((struct party *)user)->abandoned_count++;
}

static inline void migrated(void *receiver) {
    ((struct party *)receiver)->migrated_count++;
}

#define WORD_SIZE 12 /* of a numbered word; what else is said has another size */

static inline void packet(void *receiver, struct bl_packet *packet) {
    struct party *party = receiver;
    uint32_t number;
    party->packet_count++;
    if (bl_packet_size(packet) == WORD_SIZE) {
        memcpy(&number, bl_packet_data(packet), sizeof number);
        if (number != ++party->word_count) {
            ck_abort_msg("word %u came where %u was due", number, party->word_count);
        }
    }
    bl_packet_release(packet);
}

static inline void progress(void *receiver) {
    ((struct party *)receiver)->progress_count++;
}

static inline void gone(void *receiver) {
    ((struct party *)receiver)->gone_count++;
}

static inline const struct belay_reason *admit(void *user) {
    return ((struct party *)user)->refusal;
}

static inline void denied(void *user, const struct bl_deny *deny) {
    struct party *party = user;
    party->denied_count++;
    party->deny = *deny;
    snprintf(party->deny_text, sizeof party->deny_text, "%.*s", deny->text_size,
             (const char *)deny->text);
}

static inline struct bl_net *open_net(const char *local, const void *owner) {
    struct bl_net *net = NULL;
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, local, true), BELAY_OK);
    ck_assert_int_eq(bl_sim_open(&net, sim, &address, owner), BELAY_OK);
    return net;
}

/** What a test may want otherwise. */
struct setting {
    uint64_t client_game; /* 0 = GAME */
    uint16_t peer_max;    /* 0 = PEERS_MAX */
    uint32_t rate;        /* handshakes a second from one address; 0 = no limit */
};

static inline void open_party(struct party *party, const char *local, bool is_server,
                              const struct setting *setting) {
    static const struct bl_endpoint_ops ops = {
        .bound = bound,
        .proven = proven,
        .accepted = accepted,
        .migrated = migrated,
        .packet = packet,
        .progress = progress,
        .gone = gone,
        .admit = admit,
        .resume = resume,
        .abandoned = abandoned,
        .denied = denied,
    };
    static struct bl_admission admission;
    admission = *open_to_all();
    admission.rate = setting->rate != 0 ? setting->rate : BELAY_FOREVER;
    *party = (struct party){.net = open_net(local, is_server ? NULL : party)};
    bl_memory_init(&party->memory, NULL, 0);
    bl_timer_wheel_init(&party->wheel, bl_net_now(party->net));
    const struct bl_endpoint_opts opts = {
        .memory = &party->memory,
        .wheel = &party->wheel,
        .net = party->net,
        .ops = &ops,
        .user = party,
        .stats = &party->stats,
        .game = is_server || setting->client_game == 0 ? GAME : setting->client_game,
        .peer_max = setting->peer_max != 0 ? setting->peer_max : PEERS_MAX,
        .channel_count = 2,
        .admission = is_server ? &admission : NULL,
    };
    ck_assert_msg(bl_endpoint_create(&party->endpoint, &opts) == BELAY_OK, "%s", belay_error());
}

static inline void open_all_with(const struct setting *setting) {
    enet_heap_install();
    sim = belay_sim_create(1);
    open_party(&server, "10.0.0.1:7777", true, setting);
    open_party(&client, "*:0", false, setting);
    bare = open_net("*:0", &bare);
}

static inline void open_all(void) {
    open_all_with(&(struct setting){0});
}

static inline void close_party(struct party *party) {
    bl_endpoint_destroy(party->endpoint);
    ck_assert_uint_eq(party->memory.used, 0);
    ck_assert_uint_eq(party->wheel.count, 0);
    bl_net_close(party->net);
}

static inline void close_all(void) {
    close_party(&server);
    close_party(&client);
    bl_net_close(bare);
    belay_sim_destroy(sim);
    ck_assert_uint_eq(enet_heap.used, 0);
}

static inline void serve(struct party *party) {
    while (bl_endpoint_receive(party->endpoint)) {
    }
    bl_timer_wheel_advance(&party->wheel, bl_net_now(party->net));
    bl_endpoint_flush(party->endpoint);
}

static inline void run(bl_duration duration) {
    for (bl_time end = bl_sim_now(sim) + duration; bl_sim_now(sim) < end;) {
        serve(&client);
        serve(&server);
        belay_sim_advance(sim, 5);
    }
}

static inline struct belay_client *as_client(void *owner) {
    return owner;
}

static inline void set_link(const struct belay_link *link) {
    struct belay_link whole = *link;
    whole.struct_size = sizeof whole;
    belay_sim_link(sim, as_client(&client), &whole);
}

static inline void say(struct party *party, enum bl_delivery delivery) {
    struct bl_packet *word = bl_packet_create(10, delivery);
    memset(bl_packet_data(word), 0, 10);
    ck_assert(bl_peer_send(party->peer, 0, word));
    bl_packet_release(word);
}

/** The next numbered word, in order. */
static inline void say_word(struct party *party) {
    struct bl_packet *word = bl_packet_create(WORD_SIZE, BL_ORDERED);
    uint32_t number = ++party->said_count;
    memset(bl_packet_data(word), 0, WORD_SIZE);
    memcpy(bl_packet_data(word), &number, sizeof number);
    if (!bl_peer_send(party->peer, 0, word)) {
        ck_abort_msg("word %u was not taken", number);
    }
    bl_packet_release(word);
}

static inline void dial(void) {
    const struct bl_dial_target target = dial_target(&server.net->local);
    bl_endpoint_dial(client.endpoint, &target);
}

/** The client has a peer, and by its first word so has the server. */
static inline void link_up(void) {
    dial();
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    say(&client, BL_ORDERED);
    run(50 * BL_MILLISECOND);
    ck_assert_uint_eq(server.bound_count, 1);
    ck_assert_uint_eq(server.packet_count, 1);
}

/* ---- the stranger */

static inline void bare_send(const struct bl_address *to, const void *data, size_t size) {
    uint8_t copy[BL_DATAGRAM_SIZE_MAX];
    memcpy(copy, data, size);
    ck_assert_uint_eq(
        bl_net_send(bare, &(struct bl_datagram){.address = *to, .data = copy, .size = size}, 1), 1);
}

static inline uint64_t dropped_count(const struct party *party) {
    uint64_t count = 0;
    for (int i = 0; i < BELAY_DROP_COUNT; i++) {
        count += party->stats.dropped[i];
    }
    return count;
}

#endif
