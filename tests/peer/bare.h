/*
 * A client put together by hand on a socket of its own, below ENet.
 *
 * It gets in as anybody does, by OPEN, RETRY, OPEN and ACCEPT, and has true keys from then on; what
 * it seals with them is the test's: a hostile client that is logged in, as far as the endpoint can
 * tell. Nothing happens by itself: each call sends or takes what its name says.
 */
#ifndef BL_TESTS_PEER_BARE_H
#define BL_TESTS_PEER_BARE_H

#include "tests/peer/parties.h"

struct bare {
    struct bl_net *net; /* where it speaks from; a test may lend it another */
    struct bl_net *own_net;
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_bindings bindings;
    struct bl_dial dial;
    struct bl_binding *binding; /* once it is accepted */
    uint8_t accept[BL_ACCEPT_SIZE_MAX];
    size_t accept_size;
    struct bl_accept_params params;
    struct bl_secret resume_key;
};

static inline void bare_create_for(struct bare *it, const struct bl_dial_target *target) {
    *it = (struct bare){.own_net = open_net("*:0", it)};
    it->net = it->own_net;
    bl_memory_init(&it->memory, NULL, 0);
    bl_timer_wheel_init(&it->wheel, bl_net_now(it->net));
    bl_bindings_init(&it->bindings, &it->memory, &it->wheel, bl_net_random(it->net), false);
    bl_dial_start(&it->dial, target, GAME, bl_net_random(it->net), bl_net_now(it->net));
}

static inline void bare_create(struct bare *it) {
    const struct bl_dial_target target = dial_target(&server.net->local);
    bare_create_for(it, &target);
}

static inline void bare_destroy(struct bare *it) {
    bl_bindings_finish(&it->bindings);
    ck_assert_uint_eq(it->memory.used, 0);
    bl_net_close(it->own_net);
}

static inline void bare_throw(struct bare *it, const void *data, size_t size) {
    uint8_t copy[BL_DATAGRAM_SIZE_MAX];
    memcpy(copy, data, size);
    const struct bl_datagram datagram = {.address = server.net->local, .data = copy, .size = size};
    ck_assert_uint_eq(bl_net_send(it->net, &datagram, 1), 1);
}

/** What has come for it, the server having worked; NULL, or good until the next call. */
static inline const struct bl_datagram *bare_answer(struct bare *it) {
    static struct bl_datagram answer;
    serve(&server);
    return bl_net_receive(it->net, &answer, 1) == 1 ? &answer : NULL;
}

static inline const struct bl_datagram *bare_answer_of_kind(struct bare *it, uint8_t kind) {
    const struct bl_datagram *answer = bare_answer(it);
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_eq(bl_datagram_kind(answer->data, answer->size), kind);
    return answer;
}

static inline void bare_open(struct bare *it) {
    uint8_t open[BL_OPEN_SIZE];
    bl_dial_write(&it->dial, bl_net_now(it->net), open);
    bare_throw(it, open, sizeof open);
}

/** Asks, and comes again with the cookie: its next OPEN is one that the server looks into. */
static inline void bare_get_cookie(struct bare *it) {
    bare_open(it);
    const struct bl_datagram *answer = bare_answer_of_kind(it, BL_DATAGRAM_RETRY);
    ck_assert(bl_dial_retry(&it->dial, answer, bl_net_now(it->net)));
}

/** Takes an ACCEPT, and has keys. */
static inline void bare_take_accept(struct bare *it, const struct bl_datagram *answer) {
    struct bl_dialed dialed;
    ck_assert_uint_le(answer->size, sizeof it->accept);
    it->accept_size = answer->size;
    memcpy(it->accept, answer->data, answer->size);
    ck_assert(bl_dial_accepted(&it->dial, answer, bl_net_now(it->net), &dialed));
    const struct bl_binding_terms terms = {
        .nonce = it->dial.nonce,
        .pair = {.remote = server.net->local},
        .suite = dialed.suite,
        .keys = dialed.keys,
        .params = dialed.params,
    };
    it->binding = bl_binding_create(&it->bindings, &terms, bl_net_now(it->net));
    ck_assert_ptr_nonnull(it->binding);
    it->params = dialed.params;
    it->resume_key = dialed.keys.resume;
}

/** The whole handshake, up to its ACCEPT: the server waits for its first word. */
static inline void bare_enter(struct bare *it) {
    bare_create(it);
    bare_get_cookie(it);
    bare_open(it);
    bare_take_accept(it, bare_answer_of_kind(it, BL_DATAGRAM_ACCEPT));
}

/** Seals @p size bytes into @p out, BL_DATAGRAM_SIZE_MAX bytes. @return the datagram's size */
static inline size_t bare_seal(struct bare *it, enum bl_datagram_kind kind, const void *payload,
                               size_t size, uint8_t *out) {
    if (size > 0) {
        memcpy(out + BL_DATA_HEADER_SIZE, payload, size);
    }
    return bl_binding_seal(it->binding, kind, out, size, bl_net_now(it->net));
}

static inline void bare_say(struct bare *it, enum bl_datagram_kind kind, const void *payload,
                            size_t size) {
    uint8_t datagram[BL_DATAGRAM_SIZE_MAX];
    bare_throw(it, datagram, bare_seal(it, kind, payload, size, datagram));
}

/** One acknowledgement, which is valid whoever it is for. */
static inline size_t bare_ack(uint8_t out[100]) {
    struct bl_writer writer = enet_begin(out, 100, 0);
    enet_ack(&writer, 0, 1, 0);
    return bl_writer_size(&writer);
}

static inline void bare_say_data(struct bare *it) {
    uint8_t ack[100];
    bare_say(it, BL_DATAGRAM_DATA, ack, bare_ack(ack));
}

/** Opens a datagram of the server in place. @return the size of its payload */
static inline size_t bare_hear(struct bare *it, const struct bl_datagram *answer,
                               enum bl_datagram_kind kind) {
    struct bl_protected in = {.datagram = answer->data};
    ck_assert_uint_eq(bl_datagram_kind(answer->data, answer->size), kind);
    ck_assert(bl_data_header_read(&in.header, answer->data, answer->size));
    in.payload_size = answer->size - BL_DATA_HEADER_SIZE - BL_DATA_TAG_SIZE;
    ck_assert(bl_protection_open(&it->binding->protection, &in, bl_net_now(it->net)));
    return in.payload_size;
}

/** A datagram of the server that must have come. */
static inline size_t bare_must_hear(struct bare *it, enum bl_datagram_kind kind) {
    return bare_hear(it, bare_answer_of_kind(it, kind), kind);
}

#endif
