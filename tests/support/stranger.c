/* Its loop is the client's without a session. */
#include "tests/support/stranger.h"

#include "common/text.h"
#include "tests/support/way_in.h"
#include <string.h>

static void accepted(void *user, struct bl_peer *peer, const struct bl_dialed *dialed) {
    struct stranger *stranger = user;
    (void)dialed;
    stranger->peer = peer;
    peer->receiver = stranger;
}

static void take_packet(void *receiver, struct bl_packet *packet) {
    struct stranger *stranger = receiver;
    const uint8_t *data = bl_packet_data(packet);
    struct bl_reason_frame reason;
    stranger->last_size = bl_packet_size(packet);
    memcpy(stranger->last, data, stranger->last_size);
    stranger->heard[data[0]]++;
    if ((data[0] == BL_FRAME_REFUSE || data[0] == BL_FRAME_CLOSE) &&
        bl_reason_read(&reason, data, stranger->last_size)) {
        stranger->code = reason.code;
        bl_text_clean(stranger->text, sizeof stranger->text, reason.text, reason.text_size);
    }
    bl_packet_release(packet);
}

static void progress(void *receiver) {
    (void)receiver;
}

static void gone(void *receiver) {
    ((struct stranger *)receiver)->gone = true;
}

static void denied(void *user, const struct bl_deny *deny) {
    struct stranger *stranger = user;
    stranger->denied = true;
    stranger->deny_code = deny->code;
    bl_text_clean(stranger->text, sizeof stranger->text, deny->text, deny->text_size);
}

struct stranger *stranger_create(struct world *world) {
    static const struct bl_endpoint_ops ops = {.accepted = accepted,
                                               .packet = take_packet,
                                               .progress = progress,
                                               .gone = gone,
                                               .denied = denied};
    struct stranger *stranger = calloc(1, sizeof *stranger);
    struct bl_address local;
    ck_assert_ptr_nonnull(stranger);
    stranger->world = world;
    bl_memory_init(&stranger->memory, &world_hooks, 0);
    ck_assert_int_eq(bl_address_parse(&local, "*:0", true), BELAY_OK);
    ck_assert_int_eq(bl_address_parse(&stranger->server, world->address, true), BELAY_OK);
    ck_assert_int_eq(bl_sim_open(&stranger->net, world->sim, &local, stranger), BELAY_OK);
    bl_timer_wheel_init(&stranger->wheel, bl_net_now(stranger->net));
    const struct bl_endpoint_opts opts = {
        .memory = &stranger->memory,
        .wheel = &stranger->wheel,
        .net = stranger->net,
        .ops = &ops,
        .user = stranger,
        .stats = &stranger->stats,
        .game = bl_wire_hash(NULL),
        .peer_max = 2,
        .channel_count = BELAY_CHANNELS_MAX + 1,
    };
    ck_assert_int_eq(bl_endpoint_create(&stranger->endpoint, &opts), BELAY_OK);
    return stranger;
}

void stranger_destroy(struct stranger *stranger) {
    bl_endpoint_destroy(stranger->endpoint);
    bl_net_close(stranger->net);
    free(stranger);
}

static void work(struct stranger *stranger) {
    while (bl_endpoint_receive(stranger->endpoint)) {
    }
    bl_timer_wheel_advance(&stranger->wheel, bl_net_now(stranger->net));
    bl_endpoint_flush(stranger->endpoint);
}

void stranger_run(struct stranger *stranger, uint32_t ms) {
    struct world *world = stranger->world;
    for (uint32_t end = world->ms + ms; world->ms < end;) {
        work(stranger);
        world_step(world);
    }
    work(stranger);
}

void stranger_knock(struct stranger *stranger) {
    const struct bl_dial_target target = dial_target(&stranger->server);
    bl_endpoint_dial(stranger->endpoint, &target);
    stranger_run(stranger, 50);
    ck_assert_ptr_nonnull(stranger->peer);
}

struct bl_hello stranger_hello(void) {
    return (struct bl_hello){
        .version = BL_WIRE_VERSION,
        .features = BL_FEATURES_KNOWN,
        .credit_messages = BELAY_CREDIT_MESSAGES,
        .credit_bytes = BELAY_CREDIT_BYTES,
        .channel_count = 2,
        .channels = {{BELAY_RELIABLE, (uint16_t)bl_wire_hash("reliable")},
                     {BELAY_UNRELIABLE, (uint16_t)bl_wire_hash("unreliable")}},
        .login = (const uint8_t *)"stranger",
        .login_size = 8,
    };
}

void stranger_login(struct stranger *stranger) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    struct bl_hello hello = stranger_hello();
    stranger_knock(stranger);
    stranger_say(stranger, frame, bl_hello_write(frame, sizeof frame, &hello), BL_ORDERED);
    stranger_run(stranger, 50);
    ck_assert_uint_eq(stranger->heard[BL_FRAME_WELCOME], 1);
}

static void say(struct stranger *stranger, uint8_t channel, const void *frame, size_t size,
                enum bl_delivery delivery) {
    struct bl_packet *packet = bl_packet_create(size, delivery);
    must(packet != NULL);
    if (size > 0) {
        memcpy(bl_packet_data(packet), frame, size);
    }
    must(bl_peer_send(stranger->peer, channel, packet));
    bl_packet_release(packet);
}

void stranger_say(struct stranger *stranger, const void *frame, size_t size,
                  enum bl_delivery delivery) {
    say(stranger, 0, frame, size, delivery);
}

void stranger_say_on(struct stranger *stranger, uint8_t channel, const void *frame, size_t size) {
    say(stranger, channel, frame, size, BL_ORDERED);
}

void stranger_say_piece(struct stranger *stranger, const struct bl_piece *piece) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    bool loose = piece->type == BL_FRAME_DATAGRAM || piece->type == BL_FRAME_FRAGMENT;
    size_t header = bl_piece_write(frame, sizeof frame, piece);
    memset(frame + header, 'x', piece->size);
    say(stranger, loose ? 0 : (uint8_t)(piece->channel + 1), frame, header + piece->size,
        loose ? BL_UNSEQUENCED : BL_ORDERED);
}

void stranger_say_enet(struct stranger *stranger, const void *data, size_t size) {
    uint8_t datagram[BL_DATAGRAM_SIZE_MAX];
    memcpy(datagram + BL_DATA_HEADER_SIZE, data, size);
    size_t whole = bl_binding_seal(stranger->peer->binding, BL_DATAGRAM_DATA, datagram, size,
                                   bl_net_now(stranger->net));
    stranger_say_raw(stranger, datagram, whole);
}

size_t stranger_open(struct stranger *stranger, const struct bl_datagram *datagram) {
    struct bl_binding *binding = stranger->peer->binding;
    struct bl_protected in = {.datagram = datagram->data};
    must(bl_data_header_read(&in.header, datagram->data, datagram->size));
    in.payload_size = datagram->size - BL_DATA_HEADER_SIZE - BL_DATA_TAG_SIZE;
    must(bl_protection_open(&binding->protection, &in, bl_net_now(stranger->net)));
    return in.payload_size;
}

void stranger_say_raw(struct stranger *stranger, const void *data, size_t size) {
    uint8_t copy[2048] = {0};
    must(size <= sizeof copy);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    const struct bl_datagram datagram = {.address = stranger->server, .data = copy, .size = size};
    must(bl_net_send(stranger->net, &datagram, 1) == 1);
}
