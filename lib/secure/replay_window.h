/* Which packet numbers have been seen: the sliding window of RFC 4303 3.4.3, 1,024 wide. */
#ifndef BL_SECURE_REPLAY_WINDOW_H
#define BL_SECURE_REPLAY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define BL_REPLAY_WINDOW 1024U

/** Zeroed memory is a window that has seen nothing. */
struct bl_replay_window {
    uint64_t end; /* one above the highest number seen */
    uint64_t seen[BL_REPLAY_WINDOW / 64];
};

/** The number next to the window's end that has these low 32 bits (RFC 9000 A.3). */
uint64_t bl_replay_window_complete(const struct bl_replay_window *window, uint32_t low);
/** Whether a number is neither seen nor older than the window is wide. */
bool bl_replay_window_is_fresh(const struct bl_replay_window *window, uint64_t number);
/** Only once its datagram has proven authentic, and is fresh. */
void bl_replay_window_mark(struct bl_replay_window *window, uint64_t number);

#endif
