/* An OPEN is built once; a repeat differs only in its attempt byte, so that the server answers it
 * alike. */
#include "lib/secure/dial.h"

#include <string.h>

void bl_dial_start(struct bl_dial *dial, const struct bl_dial_target *target,
                   struct bl_random *random, bl_time now) {
    *dial = (struct bl_dial){
        .active = true,
        .address = target->address,
        .open = {.version = BL_WIRE_VERSION, .game = target->game, .resume = target->resume},
        .started_at = now,
        .next_at = now,
    };
    bl_random_bytes(random, dial->open.nonce, sizeof dial->open.nonce);
}

size_t bl_dial_write(struct bl_dial *dial, bl_time now, uint8_t *out) {
    size_t size = bl_open_write(out, &dial->open);
    dial->sent_at[dial->open.attempt % BL_DIAL_REMEMBERED] = now;
    dial->open.attempt++;
    dial->sent_count++;
    bool fast = now - dial->started_at < BL_DIAL_FAST_FOR;
    dial->next_at = now + (fast ? BL_DIAL_REPEAT_FAST : BL_DIAL_REPEAT_SLOW);
    return size;
}

bool bl_dial_is_answer(const struct bl_dial *dial, const struct bl_address *from,
                       const uint8_t nonce[BL_NONCE_SIZE]) {
    return dial->active && bl_address_equal(&dial->address, from) &&
           memcmp(dial->open.nonce, nonce, BL_NONCE_SIZE) == 0;
}

bl_duration bl_dial_round_trip(const struct bl_dial *dial, uint8_t attempt, bl_time now) {
    uint32_t remembered =
        dial->sent_count < BL_DIAL_REMEMBERED ? dial->sent_count : BL_DIAL_REMEMBERED;
    uint8_t age =
        (uint8_t)(dial->open.attempt - 1 - attempt); /* in repeats; wraps as attempts do */
    return age < remembered ? now - dial->sent_at[attempt % BL_DIAL_REMEMBERED] : -1;
}
