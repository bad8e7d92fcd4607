/*
 * Sealing, opening and the phases of keys.
 *
 * Which key a datagram of the other phase bit needs follows from its number (RFC 9001 6.5): below
 * all of the current phase it is of the phase before, else of the next. The next key is made
 * beforehand, so that forgeries cost no more than other datagrams.
 */
#include "lib/secure/protection.h"

#include "common/assert.h"

static void next_key(struct bl_secret *out, const struct bl_secret *key) {
    static const char label[] = "Belay 2 update";
    bl_hkdf(out, 1, key, label, sizeof label - 1);
}

void bl_protection_init(struct bl_protection *protection, enum bl_suite suite,
                        const struct bl_secret keys[2], bl_time now) {
    *protection = (struct bl_protection){
        .suite = suite,
        .phase_began = now,
        .phase_receive_low = 0, /* there is no phase before */
        .send_key = keys[0],
        .now = keys[1],
    };
    next_key(&protection->next, &protection->now);
}

void bl_protection_wipe(struct bl_protection *protection) {
    bl_wipe(protection, sizeof *protection);
}

/** Both directions go on to the next phase, whoever began it. */
static void update(struct bl_protection *protection, bl_time now) {
    struct bl_secret send_key = protection->send_key;
    next_key(&protection->send_key, &send_key);
    bl_wipe(&send_key, sizeof send_key);
    protection->before = protection->now;
    protection->before_until = BL_TIME_NEVER; /* until the other side has followed */
    protection->now = protection->next;
    next_key(&protection->next, &protection->now);
    protection->phase = !protection->phase;
    protection->phase_began = now;
    protection->phase_send_first = protection->send_number;
    protection->phase_receive_low = UINT64_MAX;
    protection->confirmed = false;
}

/** The key before is kept for late datagrams, and no longer than they may be. */
static void forget_before(struct bl_protection *protection, bl_time now) {
    if (protection->before_until != 0 && now >= protection->before_until) {
        bl_wipe(&protection->before, sizeof protection->before);
        protection->before_until = 0;
    }
}

/** A phase that the other side has not been seen in, or that it cannot have seen us in, must not be
 * left (RFC 9001 6.1): it would take what is of the phase after for what is of the one before. */
static bool is_update_due(const struct bl_protection *protection, bl_time now) {
    uint64_t sealed = protection->send_number - protection->phase_send_first;
    return protection->confirmed && sealed > 0 &&
           (now - protection->phase_began >= BL_PHASE_TIME || sealed >= BL_PHASE_DATAGRAMS);
}

size_t bl_protection_seal(struct bl_protection *protection, struct bl_protected *out, bl_time now) {
    BELAY_ASSERT(out->payload_size <= BL_DATA_PAYLOAD_MAX);
    forget_before(protection, now);
    if (is_update_due(protection, now)) {
        update(protection, now);
    }
    out->number = protection->send_number++;
    out->header.number = (uint32_t)out->number;
    out->header.phase = protection->phase;
    bl_data_header_write(out->datagram, &out->header);
    const struct bl_aead aead = {
        .suite = protection->suite,
        .key = &protection->send_key,
        .number = out->number,
        .head = out->datagram,
        .head_size = BL_DATA_HEADER_SIZE,
    };
    bl_aead_seal(&aead, out->datagram + BL_DATA_HEADER_SIZE, out->payload_size);
    return BL_DATA_HEADER_SIZE + out->payload_size + BL_AEAD_SIZE;
}

/** The key for a datagram, NULL when it is gone. */
static const struct bl_secret *key_for(const struct bl_protection *protection,
                                       const struct bl_protected *in) {
    if (in->header.phase == protection->phase) {
        return &protection->now;
    }
    if (in->number >= protection->phase_receive_low) {
        return &protection->next;
    }
    return protection->before_until != 0 ? &protection->before : NULL;
}

/** A datagram of the current phase has come: the other side is in it too. */
static void confirm(struct bl_protection *protection, uint64_t number, bl_time now) {
    if (!protection->confirmed && protection->before_until == BL_TIME_NEVER) {
        protection->before_until = now + BL_PHASE_OVERLAP;
    }
    protection->confirmed = true;
    if (number < protection->phase_receive_low) {
        protection->phase_receive_low = number;
    }
}

bool bl_protection_open(struct bl_protection *protection, struct bl_protected *in, bl_time now) {
    in->number = bl_replay_window_complete(&protection->window, in->header.number);
    if (!bl_replay_window_is_fresh(&protection->window, in->number) ||
        protection->forged_count >= BL_FORGERIES_MAX) {
        return false;
    }
    forget_before(protection, now);
    const struct bl_aead aead = {
        .suite = protection->suite,
        .key = key_for(protection, in),
        .number = in->number,
        .head = in->datagram,
        .head_size = BL_DATA_HEADER_SIZE,
    };
    if (aead.key == NULL ||
        !bl_aead_open(&aead, in->datagram + BL_DATA_HEADER_SIZE, in->payload_size)) {
        protection->forged_count++;
        return false;
    }
    if (aead.key == &protection->next) {
        update(protection, now);
    }
    if (aead.key != &protection->before) {
        confirm(protection, in->number, now);
    }
    in->newest = in->number >= protection->window.end;
    bl_replay_window_mark(&protection->window, in->number);
    return true;
}
