/*
 * The invariant: a candidate is where the newest datagram of all came from. A copy from a
 * stranger's address can be the newest only as long as the other side is silent: its next datagram
 * ends the attempt, or makes the true address the candidate.
 *
 * A response counts only from the candidate. A stranger who has become the candidate may pass the
 * challenge on to the other side, which answers it from its own address.
 */
#include "lib/secure/path.h"

#include "lib/secure/crypto.h"

void bl_path_init(struct bl_path *path, const struct bl_address_pair *pair) {
    *path = (struct bl_path){.used = *pair};
}

static bool is_candidate(const struct bl_path *path, const struct bl_address *address) {
    return path->probing && bl_address_equal(address, &path->candidate.remote);
}

static void stop_probing(struct bl_path *path) {
    struct bl_address_pair used = path->used;
    bl_path_init(path, &used);
}

static void start_probing(struct bl_path *path, const struct bl_address_pair *candidate,
                          struct bl_random *random) {
    stop_probing(path);
    path->probing = true;
    path->candidate = *candidate;
    bl_random_bytes(random, path->challenge, sizeof path->challenge);
}

static bool fits(const struct bl_path *path, size_t size) {
    return path->sent <= path->received && size <= path->received - path->sent;
}

bool bl_path_heard(struct bl_path *path, const struct bl_heard *heard, struct bl_random *random) {
    const struct bl_address *from = &heard->from->remote;
    if (!is_candidate(path, from)) {
        if (!heard->newest) {
            return false;
        }
        if (bl_address_equal(from, &path->used.remote)) {
            path->used.local = heard->from->local;
            stop_probing(path);
            return false;
        }
        start_probing(path, heard->from, random);
    }
    if (heard->newest) {
        path->candidate.local = heard->from->local;
    }
    path->received += heard->size;
    path->challenge_due |= path->heard_count++ % BL_CHALLENGE_EVERY == 0;
    if (!path->challenge_due || !fits(path, BL_CHALLENGE_DATAGRAM_SIZE)) {
        return false;
    }
    path->challenge_due = false;
    return true;
}

void bl_path_postpone(struct bl_path *path) {
    path->heard_count = 0;
}

bool bl_path_answered(struct bl_path *path, const struct bl_address *from,
                      const uint8_t response[BL_CHALLENGE_SIZE]) {
    if (!is_candidate(path, from) || !bl_equal(response, path->challenge, sizeof path->challenge)) {
        return false;
    }
    path->used = path->candidate;
    stop_probing(path);
    return true;
}

size_t bl_path_room(const struct bl_path *path) {
    bool open = path->probing && !path->challenge_due && fits(path, 0);
    return open ? (size_t)(path->received - path->sent) : 0;
}

/** Data wait for a challenge that is due, or small datagrams would never leave room for it. */
const struct bl_address_pair *bl_path_where_to(const struct bl_path *path, size_t size) {
    bool allowed = path->probing && !path->challenge_due && fits(path, size);
    return allowed ? &path->candidate : &path->used;
}

void bl_path_sent(struct bl_path *path, const struct bl_address *to, size_t size) {
    if (is_candidate(path, to)) {
        path->sent += size;
    }
}
