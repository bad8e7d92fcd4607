#include "server/discovery.h"

#include "common/error.h"
#include "lib/net/own_address.h"
#include "lib/secure/invite.h"
#include <assert.h>

static_assert(BL_INVITE_TEXT_SIZE <= BELAY_INVITE_SIZE, "room for any invite");

/** Where a server that listens on @p local is reached best. Not every machine has a network. */
static struct bl_address best_address(const struct bl_address *local) {
    static const struct bl_address ipv4_loopback = {
        .ip = {[10] = 0xFF, [11] = 0xFF, [12] = 127, [15] = 1}};
    struct bl_address own;
    if (!bl_address_is_any(local)) {
        return *local;
    }
    if (!bl_own_address(&own, true) &&
        (bl_address_is_ipv4(local) || !bl_own_address(&own, false))) {
        own = ipv4_loopback;
    }
    own.port = local->port;
    return own;
}

enum belay_result bl_server_write_invite(const struct bl_address *local,
                                         const struct bl_admission *rules, const char *host,
                                         char *text, size_t size) {
    struct bl_invite invite;
    enum belay_result result;
    if (!rules->by_key) {
        return bl_fail(BELAY_E_STATE, "invite: this server lets in with a token only; for invites "
                                      "its options need admit = BELAY_ADMIT_KEY");
    }
    if (host != NULL) {
        result = bl_invite_make(&invite, host, local->port, rules->key.public);
    } else {
        const struct bl_address best = best_address(local);
        result = bl_invite_of_address(&invite, &best, rules->key.public);
    }
    return result == BELAY_OK ? bl_invite_format(&invite, text, size) : result;
}
