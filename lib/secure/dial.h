/* The client's side of the handshake: one attempt, repeated until it is answered. */
#ifndef BL_SECURE_DIAL_H
#define BL_SECURE_DIAL_H

#include "common/random.h"
#include "lib/net/net.h"
#include "lib/wire/datagram.h"

#define BL_DIAL_REPEAT_FAST (250 * BL_MILLISECOND) /* silence is not overload: repeat steadily */
#define BL_DIAL_REPEAT_SLOW (500 * BL_MILLISECOND)
#define BL_DIAL_FAST_FOR    (3 * BL_SECOND)
#define BL_DIAL_REMEMBERED  32 /* repeats whose answers give an exact round trip */

struct bl_dial {
    bool active;
    struct bl_address address;
    struct bl_open open;
    uint32_t sent_count;
    bl_time started_at, next_at;
    bl_time sent_at[BL_DIAL_REMEMBERED]; /* by attempt */
};

/** What to ask for, and of whom. */
struct bl_dial_target {
    struct bl_address address;
    uint64_t game;
    bool resume;
};
void bl_dial_start(struct bl_dial *dial, const struct bl_dial_target *target,
                   struct bl_random *random, bl_time now);
/** Writes the OPEN that is due and sets next_at; @p out holds BL_OPEN_SIZE bytes. */
size_t bl_dial_write(struct bl_dial *dial, bl_time now, uint8_t *out);
/** Whether an answer with this nonce, from this address, is for this attempt. */
bool bl_dial_is_answer(const struct bl_dial *dial, const struct bl_address *from,
                       const uint8_t nonce[BL_NONCE_SIZE]);
/** The round trip that the answer to repeat @p attempt has taken; -1 for one never sent, or too
 * long ago. */
bl_duration bl_dial_round_trip(const struct bl_dial *dial, uint8_t attempt, bl_time now);

#endif
