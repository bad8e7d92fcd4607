/*
 * Where the other side of one binding is, and how it moves there (docs/protocol.md "CHALLENGE and
 * RESPONSE"; RFC 9000 8.2 and 9.3).
 *
 * The address in use is proven. At most one other is a candidate: the newest datagram came from it,
 * but anybody could have sent a copy from there, so it gets no more bytes than came from it until
 * it has answered its challenge.
 *
 * To each belongs the one of our own addresses to which its newest datagram came, and from which we
 * answer. That needs no proof: who is sent to is the same. A copy sent to another of them turns our
 * answers there until the next datagram, no more.
 */
#ifndef BL_SECURE_PATH_H
#define BL_SECURE_PATH_H

#include "common/random.h"
#include "lib/net/address.h"
#include "lib/wire/datagram.h"

#define BL_CHALLENGE_SIZE          8
#define BL_CHALLENGE_EVERY         4 /* datagrams of the candidate: the others make room for data */
#define BL_CHALLENGE_DATAGRAM_SIZE (BL_DATA_HEADER_SIZE + BL_CHALLENGE_PAYLOAD + BL_DATA_TAG_SIZE)

struct bl_path {
    struct bl_address_pair used; /* where to, and from where */
    bool probing;                /* there is a candidate; the rest is about it */
    bool challenge_due;          /* its challenge waits until enough has come from it */
    struct bl_address_pair candidate;
    uint8_t challenge[BL_CHALLENGE_SIZE];
    uint32_t heard_count;    /* datagrams from it */
    uint64_t received, sent; /* bytes of datagrams */
};

/** @param pair  whose remote address the handshake has proven */
void bl_path_init(struct bl_path *path, const struct bl_address_pair *pair);

/** An authentic datagram of the binding has come. */
struct bl_heard {
    const struct bl_address_pair *from;
    size_t size; /* of the whole datagram */
    bool newest; /* no higher number has been opened */
};
/**
 * Takes notice of every datagram that opens, once. A RESPONSE first goes to bl_path_answered().
 *
 * @return whether to send a CHALLENGE with path->challenge over path->candidate now
 */
bool bl_path_heard(struct bl_path *path, const struct bl_heard *heard, struct bl_random *random);
/** The challenge that bl_path_heard() has just asked for comes with the next datagram instead. */
void bl_path_postpone(struct bl_path *path);
/** @return whether the path is another from now on: the candidate's */
bool bl_path_answered(struct bl_path *path, const struct bl_address *from,
                      const uint8_t response[BL_CHALLENGE_SIZE]);

/** How many bytes may still go to the candidate; 0 when there is none, or its challenge comes
 * first.
 */
size_t bl_path_room(const struct bl_path *path);
/** Where a datagram of this size goes; valid until the path changes. */
const struct bl_address_pair *bl_path_where_to(const struct bl_path *path, size_t size);
/** Takes notice of every datagram that is sent over the binding, the CHALLENGE too. */
void bl_path_sent(struct bl_path *path, const struct bl_address *to, size_t size);

#endif
