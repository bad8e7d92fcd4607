/* A way in for tests that are about something else: a server whose key is its clients' to take. */
#ifndef BL_TESTS_SUPPORT_WAY_IN_H
#define BL_TESTS_SUPPORT_WAY_IN_H

#include "lib/secure/dial.h"
#include "lib/secure/gate.h"

/** By key, from anywhere, at any rate. */
static inline const struct bl_admission *open_to_all(void) {
    static struct bl_admission admission = {.by_key = true,
                                            .rate = BELAY_FOREVER,
                                            .datagrams = {.per_second = BELAY_FOREVER},
                                            .bytes = {.per_second = BELAY_FOREVER}};
    static struct bl_token_keys tickets;
    admission.key.secret.bytes[0] = 1;
    bl_key_pair_complete(&admission.key);
    bl_ticket_keys_derive(&tickets, &admission.key.secret);
    admission.ticket_keys = &tickets;
    return &admission;
}

static inline struct bl_dial_target dial_target(const struct bl_address *address) {
    return (struct bl_dial_target){.addresses = {*address}, .address_count = 1, .trust = true};
}

#endif
