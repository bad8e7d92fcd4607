/* The table of bindings, and the tags by which their datagrams find them. */
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
                      struct bl_timer_wheel *wheel, struct bl_random *random, bool server) {
    *table =
        (struct bl_bindings){.memory = memory, .wheel = wheel, .random = random, .server = server};
    bl_hash_map_init(&table->by_tag, memory, random);
    bl_hash_map_init(&table->by_nonce, memory, random);
    bl_hash_map_init(&table->resuming, memory, random);
}

static void free_binding(struct bl_binding *binding) {
    struct bl_bindings *table = binding->table;
    bl_timer_cancel(table->wheel, &binding->timer);
    bl_binding_forget_newcomer(binding);
    bl_protection_wipe(&binding->protection);
    bl_free(table->memory, binding, sizeof *binding);
}

void bl_bindings_finish(struct bl_bindings *table) {
    for (uint32_t cursor = 0;;) {
        struct bl_binding *binding = bl_hash_map_next(&table->by_nonce, &cursor);
        if (binding == NULL) {
            break;
        }
        free_binding(binding);
    }
    bl_hash_map_finish(&table->by_tag);
    bl_hash_map_finish(&table->by_nonce);
    bl_hash_map_finish(&table->resuming);
}

void bl_bindings_abandon(const struct bl_bindings *table, const struct bl_resumption *resumption) {
    if (bl_hash_map_get(&table->resuming, resumption->name) == NULL && table->abandoned != NULL) {
        table->abandoned(table->user, resumption);
    }
}

/** It will not be proven any more, if it is pending. */
static void give_up(struct bl_binding *binding) {
    struct bl_bindings *table = binding->table;
    struct bl_newcomer *newcomer = binding->newcomer;
    bool resuming = newcomer != NULL && newcomer->resumption != NULL;
    struct bl_resumption resumption;
    if (resuming) {
        resumption = *newcomer->resumption;
    }
    bl_binding_destroy(binding);
    if (resuming) {
        bl_bindings_abandon(table, &resumption);
    }
}

static void expired(struct bl_timer *timer, bl_time now) {
    (void)now;
    give_up(BL_CONTAINER_OF(timer, struct bl_binding, timer));
}

/** Makes @p tag lead to the binding; false: it is taken, or memory is out. */
static bool put_tag(struct bl_binding *binding, uint32_t tag) {
    uint8_t key[BL_HASH_KEY_SIZE];
    tag_key(key, tag);
    return bl_bindings_by_tag(binding->table, tag) == NULL &&
           bl_hash_map_put(&binding->table->by_tag, key, binding) == BELAY_OK;
}

static void drop_tag(struct bl_binding *binding, uint32_t *tag) {
    uint8_t key[BL_HASH_KEY_SIZE];
    tag_key(key, *tag);
    if (*tag != 0 && bl_hash_map_get(&binding->table->by_tag, key) == binding) {
        bl_hash_map_remove(&binding->table->by_tag, key);
    }
    *tag = 0;
}

/** A tag that is not in use, @p random if possible, made to lead to the binding; 0 when memory is
 * out. */
static uint32_t new_tag(struct bl_binding *binding, uint32_t random) {
    struct bl_bindings *table = binding->table;
    uint32_t tag = random;
    while (tag == 0 || bl_bindings_by_tag(table, tag) != NULL) {
        tag = (uint32_t)bl_random_u64(table->random);
    }
    return put_tag(binding, tag) ? tag : 0;
}

static bool take_tags(struct bl_binding *binding, const struct bl_accept_params *params) {
    if (binding->table->server) {
        uint64_t random = bl_random_u64(binding->table->random);
        binding->tag = new_tag(binding, (uint32_t)random);
        binding->spare_tag = new_tag(binding, (uint32_t)(random >> 32));
    } else {
        binding->tag = put_tag(binding, params->tag) ? params->tag : 0;
        binding->spare_tag = put_tag(binding, params->spare_tag) ? params->spare_tag : 0;
    }
    return binding->tag != 0 && binding->spare_tag != 0;
}

static void drop_tags(struct bl_binding *binding) {
    drop_tag(binding, &binding->tag);
    drop_tag(binding, &binding->spare_tag);
    drop_tag(binding, &binding->former_tag);
}

struct bl_binding *bl_binding_create(struct bl_bindings *table,
                                     const struct bl_binding_terms *terms, bl_time now) {
    struct bl_binding *binding = bl_allocate(table->memory, sizeof *binding);
    if (binding == NULL) {
        return NULL;
    }
    binding->table = table;
    memcpy(binding->nonce, terms->nonce, BL_NONCE_SIZE);
    bl_path_init(&binding->path, &terms->pair);
    struct bl_secret keys[2] = {terms->keys.up, terms->keys.down};
    if (table->server) {
        keys[0] = terms->keys.down;
        keys[1] = terms->keys.up;
    }
    bl_protection_init(&binding->protection, terms->suite, keys, now);
    binding->protection.send_number = table->server ? 1 : 0; /* a server's 0 was its ACCEPT */
    bl_wipe(keys, sizeof keys);
    bl_timer_init(&binding->timer, expired);
    if (!take_tags(binding, &terms->params) ||
        bl_hash_map_put(&table->by_nonce, binding->nonce, binding) != BELAY_OK) {
        drop_tags(binding);
        free_binding(binding);
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
    drop_tags(binding);
    bl_hash_map_remove(&binding->table->by_nonce, binding->nonce);
    leave_state(binding);
    free_binding(binding);
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

static void leave_resuming(struct bl_binding *binding) {
    struct bl_bindings *table = binding->table;
    const struct bl_newcomer *newcomer = binding->newcomer;
    if (newcomer != NULL && bl_hash_map_get(&table->resuming, newcomer->name) == binding) {
        bl_hash_map_remove(&table->resuming, newcomer->name);
    }
}

void bl_binding_bind(struct bl_binding *binding, void *peer) {
    BELAY_ASSERT(binding->state == BL_BINDING_PENDING);
    leave_resuming(binding);
    leave_state(binding);
    binding->state = BL_BINDING_BOUND;
    binding->peer = peer;
    binding->table->bound_count++;
    bl_timer_cancel(binding->table->wheel, &binding->timer);
}

/** The session's newest attempt takes the place of an older one, which nobody waits for. */
static bool replace_attempt(struct bl_binding *binding, const struct bl_newcomer *newcomer) {
    struct bl_bindings *table = binding->table;
    struct bl_binding *older = bl_hash_map_get(&table->resuming, newcomer->name);
    if (bl_hash_map_put(&table->resuming, newcomer->name, binding) != BELAY_OK) {
        return false;
    }
    if (older != NULL) {
        bl_binding_destroy(older);
    }
    return true;
}

bool bl_binding_set_newcomer(struct bl_binding *binding, struct bl_newcomer *newcomer) {
    struct bl_bindings *table = binding->table;
    if (newcomer->resumption != NULL && !replace_attempt(binding, newcomer)) {
        return false;
    }
    binding->newcomer = newcomer;
    newcomer->older = table->youngest;
    if (table->youngest != NULL) {
        table->youngest->newcomer->younger = binding;
    } else {
        table->oldest = binding;
    }
    table->youngest = binding;
    return true;
}

static void leave_newcomers(struct bl_binding *binding) {
    struct bl_bindings *table = binding->table;
    struct bl_newcomer *newcomer = binding->newcomer;
    *(newcomer->older != NULL ? &newcomer->older->newcomer->younger : &table->oldest) =
        newcomer->younger;
    *(newcomer->younger != NULL ? &newcomer->younger->newcomer->older : &table->youngest) =
        newcomer->older;
}

bool bl_bindings_evict(struct bl_bindings *table, bl_time before) {
    if (table->oldest == NULL || table->oldest->newcomer->created_at >= before) {
        return false;
    }
    give_up(table->oldest);
    return true;
}

void bl_newcomer_free(struct bl_newcomer *newcomer, struct bl_memory *memory) {
    if (newcomer != NULL) {
        bl_free(memory, newcomer->resumption, sizeof *newcomer->resumption);
        bl_wipe(newcomer, sizeof *newcomer);
        bl_free(memory, newcomer, sizeof *newcomer);
    }
}

void bl_binding_forget_newcomer(struct bl_binding *binding) {
    struct bl_bindings *table = binding->table;
    struct bl_newcomer *newcomer = binding->newcomer;
    if (newcomer == NULL) {
        return;
    }
    leave_newcomers(binding);
    leave_resuming(binding);
    bl_newcomer_free(newcomer, table->memory);
    binding->newcomer = NULL;
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
                       size_t payload_size, bl_time now) {
    struct bl_protected out = {
        .header = {.kind = kind, .steered = !binding->table->server, .tag = binding->tag},
        .datagram = datagram,
        .payload_size = payload_size,
    };
    return bl_protection_seal(&binding->protection, &out, now);
}

void bl_binding_follow(struct bl_binding *binding) {
    drop_tag(binding, &binding->former_tag);
    binding->former_tag = binding->tag;
    binding->tag = binding->spare_tag;
    binding->spare_tag = new_tag(binding, (uint32_t)bl_random_u64(binding->table->random));
}

void bl_binding_use_spare(struct bl_binding *binding) {
    if (binding->spare_tag != 0) {
        drop_tag(binding, &binding->former_tag);
        binding->former_tag = binding->tag;
        binding->tag = binding->spare_tag;
        binding->spare_tag = 0;
    }
}

void bl_binding_take_spare(struct bl_binding *binding, uint32_t tag) {
    if (tag != 0 && tag != binding->tag && tag != binding->spare_tag && put_tag(binding, tag)) {
        drop_tag(binding, &binding->spare_tag);
        binding->spare_tag = tag;
    }
}
