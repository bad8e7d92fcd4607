/*
 * The table of bindings, and the sealing of what they carry.
 *
 * For now sealing is a pass-through: the layout of the secure layer without its cryptography. The
 * endpoint therefore binds the loopback interface only, and a datagram must come from the address
 * that its binding was made with.
 */
#include "lib/secure/binding.h"

#include "common/assert.h"
#include "common/container_of.h"
#include <string.h>

static void tag_key(uint8_t key[BL_HASH_KEY_SIZE], uint32_t tag) {
    memset(key, 0, BL_HASH_KEY_SIZE);
    struct bl_writer writer = bl_writer_of(key, BL_HASH_KEY_SIZE);
    bl_write_u32(&writer, tag);
}

void bl_bindings_init(struct bl_bindings *table, struct bl_memory *memory,
                      struct bl_timer_wheel *wheel, struct bl_random *random) {
    *table = (struct bl_bindings){.memory = memory, .wheel = wheel, .random = random};
    bl_hash_map_init(&table->by_tag, memory, random);
    bl_hash_map_init(&table->by_nonce, memory, random);
}

void bl_bindings_finish(struct bl_bindings *table) {
    for (uint32_t cursor = 0;;) {
        struct bl_binding *binding = bl_hash_map_next(&table->by_tag, &cursor);
        if (binding == NULL) {
            break;
        }
        bl_timer_cancel(table->wheel, &binding->timer);
        bl_free(table->memory, binding, sizeof *binding);
    }
    bl_hash_map_finish(&table->by_tag);
    bl_hash_map_finish(&table->by_nonce);
}

static void expired(struct bl_timer *timer, bl_time now) {
    (void)now;
    bl_binding_destroy(BL_CONTAINER_OF(timer, struct bl_binding, timer));
}

static uint32_t unused_tag(struct bl_bindings *table) {
    uint32_t tag;
    do {
        tag = (uint32_t)bl_random_u64(table->random);
    } while (tag == 0 || bl_bindings_by_tag(table, tag) != NULL);
    return tag;
}

struct bl_binding *bl_binding_create(struct bl_bindings *table, const uint8_t nonce[BL_NONCE_SIZE],
                                     const struct bl_address *address, uint32_t tag) {
    struct bl_binding *binding = bl_allocate(table->memory, sizeof *binding);
    if (binding == NULL) {
        return NULL;
    }
    *binding = (struct bl_binding){
        .table = table,
        .state = BL_BINDING_PENDING,
        .tag = tag != 0 ? tag : unused_tag(table),
        .address = *address,
    };
    memcpy(binding->nonce, nonce, BL_NONCE_SIZE);
    bl_timer_init(&binding->timer, expired);
    uint8_t key[BL_HASH_KEY_SIZE];
    tag_key(key, binding->tag);
    if (bl_hash_map_put(&table->by_tag, key, binding) != BELAY_OK) {
        bl_free(table->memory, binding, sizeof *binding);
        return NULL;
    }
    if (bl_hash_map_put(&table->by_nonce, binding->nonce, binding) != BELAY_OK) {
        bl_hash_map_remove(&table->by_tag, key);
        bl_free(table->memory, binding, sizeof *binding);
        return NULL;
    }
    table->pending_count++;
    return binding;
}

static void leave_state(struct bl_binding *binding) {
    struct bl_bindings *table = binding->table;
    switch (binding->state) {
    case BL_BINDING_PENDING:
        table->pending_count--;
        break;
    case BL_BINDING_BOUND:
        table->bound_count--;
        break;
    case BL_BINDING_ENDED:
        table->ended_count--;
        break;
    }
}

void bl_binding_destroy(struct bl_binding *binding) {
    struct bl_bindings *table = binding->table;
    uint8_t key[BL_HASH_KEY_SIZE];
    tag_key(key, binding->tag);
    bl_hash_map_remove(&table->by_tag, key);
    bl_hash_map_remove(&table->by_nonce, binding->nonce);
    bl_timer_cancel(table->wheel, &binding->timer);
    leave_state(binding);
    bl_free(table->memory, binding, sizeof *binding);
}

struct bl_binding *bl_bindings_by_tag(const struct bl_bindings *table, uint32_t tag) {
    uint8_t key[BL_HASH_KEY_SIZE];
    tag_key(key, tag);
    return bl_hash_map_get(&table->by_tag, key);
}

struct bl_binding *bl_bindings_by_nonce(const struct bl_bindings *table,
                                        const uint8_t nonce[BL_NONCE_SIZE]) {
    return bl_hash_map_get(&table->by_nonce, nonce);
}

void bl_binding_expire_at(struct bl_binding *binding, bl_time deadline) {
    bl_timer_arm(binding->table->wheel, &binding->timer, deadline);
}

void bl_binding_bind(struct bl_binding *binding, void *peer) {
    BELAY_ASSERT(binding->state == BL_BINDING_PENDING);
    leave_state(binding);
    binding->state = BL_BINDING_BOUND;
    binding->peer = peer;
    binding->table->bound_count++;
    bl_timer_cancel(binding->table->wheel, &binding->timer);
}

void bl_binding_end(struct bl_binding *binding, bl_time deadline) {
    struct bl_bindings *table = binding->table;
    if (table->ended_count >= BL_TOMBSTONES_MAX) {
        bl_binding_destroy(binding);
        return;
    }
    leave_state(binding);
    table->ended_count++;
    binding->state = BL_BINDING_ENDED;
    binding->peer = NULL;
    bl_binding_expire_at(binding, deadline);
}

size_t bl_binding_seal(struct bl_binding *binding, enum bl_datagram_kind kind, uint8_t *datagram,
                       size_t payload_size) {
    BELAY_ASSERT(payload_size <= BL_DATA_PAYLOAD_MAX);
    const struct bl_data_header header = {.tag = binding->tag, .number = binding->number++};
    bl_data_header_write(datagram, kind, &header);
    memset(datagram + BL_DATA_HEADER_SIZE + payload_size, 0, BL_DATA_TAG_SIZE);
    return BL_DATA_HEADER_SIZE + payload_size + BL_DATA_TAG_SIZE;
}

bool bl_binding_open(struct bl_binding *binding, uint8_t *datagram, size_t size,
                     size_t *payload_size) {
    static const uint8_t authenticator[BL_DATA_TAG_SIZE];
    (void)binding;
    BELAY_ASSERT(size >= BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE);
    *payload_size = size - BL_DATA_HEADER_SIZE - BL_DATA_TAG_SIZE;
    return memcmp(datagram + size - BL_DATA_TAG_SIZE, authenticator, BL_DATA_TAG_SIZE) == 0;
}
