/*
 * What protects the datagrams of one binding: a key for each direction, packet numbers, the replay
 * window and key update (docs/protocol.md "DATA"; RFC 9001 5 and 6).
 *
 * Numbers go on through a key update, and no number is ever sealed twice: a copy of this struct
 * would do so, and must not be made.
 */
#ifndef BL_SECURE_PROTECTION_H
#define BL_SECURE_PROTECTION_H

#include "lib/clock/time.h"
#include "lib/secure/crypto.h"
#include "lib/secure/replay_window.h"
#include "lib/wire/datagram.h"

#define BL_PHASE_TIME      (3600 * BL_SECOND)
#define BL_PHASE_DATAGRAMS (UINT64_C(1) << 22) /* half of what RFC 9001 6.6 allows AES-GCM */
#define BL_PHASE_OVERLAP   (3 * BL_SECOND)     /* for datagrams of the phase before */
#define BL_FORGERIES_MAX   (UINT64_C(1) << 36) /* RFC 9001 6.6: after these nothing opens */

struct bl_protection {
    enum bl_suite suite;
    bool phase;     /* its bit in the header */
    bool confirmed; /* a datagram of this phase has been opened */
    bl_time phase_began;
    bl_time before_until;       /* end of the key before; 0 = there is none */
    uint64_t send_number;       /* of the next datagram out */
    uint64_t phase_send_first;  /* the first one sealed in this phase */
    uint64_t phase_receive_low; /* the lowest one opened in this phase */
    uint64_t forged_count;
    struct bl_secret send_key;
    struct bl_secret before, now, next; /* keys to open with, by phase */
    struct bl_replay_window window;
};

/** @p keys: [0] seals, [1] opens. The caller wipes them. */
void bl_protection_init(struct bl_protection *protection, enum bl_suite suite,
                        const struct bl_secret keys[2], bl_time now);
void bl_protection_wipe(struct bl_protection *protection);

/** A datagram with a header of kind DATA, on its way out or in. */
struct bl_protected {
    struct bl_data_header header; /* out: number and phase are filled in here */
    uint8_t *datagram;            /* from its header on, with room for the authenticator */
    size_t payload_size;
    uint64_t number; /* the whole one */
    bool newest;     /* in: no higher number has been opened */
};

/** Writes the header, seals the payload behind it in place; returns the size of the datagram. */
size_t bl_protection_seal(struct bl_protection *protection, struct bl_protected *out, bl_time now);
/**
 * Opens a datagram in place. False: forged, replayed or too late; its bytes are then undefined, and
 * nothing else has changed but a count.
 */
bool bl_protection_open(struct bl_protection *protection, struct bl_protected *in, bl_time now);

#endif
