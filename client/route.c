/* A server is reached by token at one of its places, or by key at the place that an invite names.
 * Without a key only this machine's servers, and those of a simulation, are trusted unseen. */
#include "client/route.h"

#include "common/error.h"
#include "lib/secure/known_servers.h"
#include <string.h>

void bl_route_forget(struct bl_route *route) {
    for (size_t i = 0; i < route->resolver_count; i++) {
        bl_resolver_cancel(&route->resolvers[i]);
    }
    if (route->known_servers != NULL) {
        bl_free(route->memory, route->known_servers, strlen(route->known_servers) + 1);
    }
    bl_wipe(route, sizeof *route);
}

/** Where one look-up's addresses go, as far as there is room. */
static size_t take(struct bl_route *route, struct bl_resolver *resolver) {
    struct bl_dial_target *target = &route->target;
    struct bl_address found[BL_DIAL_ADDRESSES_MAX];
    if (!bl_resolver_is_busy(resolver)) {
        return 0;
    }
    int count = bl_resolver_take(resolver, found, BL_DIAL_ADDRESSES_MAX);
    size_t before = target->address_count;
    for (int i = 0; i < count && target->address_count < BL_DIAL_ADDRESSES_MAX; i++) {
        target->addresses[target->address_count++] = found[i];
    }
    return target->address_count - before;
}

size_t bl_route_resolve(struct bl_route *route) {
    size_t count = 0;
    for (size_t i = 0; i < route->resolver_count; i++) {
        count += take(route, &route->resolvers[i]);
    }
    return count;
}

bool bl_route_is_waiting(const struct bl_route *route) {
    for (size_t i = 0; i < route->resolver_count; i++) {
        if (bl_resolver_is_busy(&route->resolvers[i])) {
            return true;
        }
    }
    return false;
}

/** Whether the host is an address that needs no lookup; @p out gets it. */
static bool is_numeric(const struct bl_invite *place, struct bl_address *out) {
    char text[BL_INVITE_TEXT_SIZE];
    struct bl_invite bare = *place;
    bare.has_key = false;
    return bl_invite_format(&bare, text, sizeof text) == BELAY_OK &&
           bl_address_parse(out, text, false) == BELAY_OK;
}

static enum belay_result add_place(struct bl_route *route, const struct bl_invite *place,
                                   const struct bl_route_ground *ground) {
    struct bl_address address;
    if (ground->simulated && !is_numeric(place, &address)) {
        return bl_fail(BELAY_E_ADDRESS, "%s: a simulated network has no names; give an address",
                       place->host);
    }
    struct bl_resolver *resolver = &route->resolvers[route->resolver_count++];
    bl_resolver_init(resolver, bl_lookup_system, ground->wake, ground->user);
    return bl_resolver_start(resolver, place->host, place->port);
}

static enum belay_result plan_token(struct bl_route *route, const struct belay_connect_opts *opts,
                                    const struct bl_route_ground *ground) {
    struct bl_token_blob blob;
    struct bl_invite place;
    enum bl_token_verdict verdict = bl_token_blob_read(&blob, opts->token, opts->token_size);
    if (verdict != BL_TOKEN_VALID) {
        return bl_fail(BELAY_E_KEY, "token: %s", bl_token_verdict_text(verdict));
    }
    memcpy(route->token, blob.token, blob.token_size);
    route->target.token = route->token;
    route->target.token_size = blob.token_size;
    route->target.session_secret = blob.secret;
    enum belay_result result = BELAY_OK;
    uint8_t count = opts->invite != NULL ? 0 : blob.place_count; /* the application knows better */
    for (uint8_t i = 0; i < count && result == BELAY_OK; i++) {
        result = bl_invite_parse(&place, blob.places[i]);
        if (result == BELAY_OK) {
            result = add_place(route, &place, ground);
        }
    }
    bl_wipe(&blob, sizeof blob);
    if (result == BELAY_OK && count == 0 && opts->invite == NULL) {
        result = bl_fail(BELAY_E_INVALID, "invite: the token names no address; give \"host:port\"");
    }
    return result;
}

static bool is_this_machine(const struct bl_invite *server) {
    struct bl_address address;
    return is_numeric(server, &address) && bl_address_is_loopback(&address);
}

static enum belay_result remember_path(struct bl_route *route, const char *path) {
    size_t size = strlen(path) + 1;
    route->known_servers = bl_allocate(route->memory, size);
    if (route->known_servers == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for the path of known_servers");
    }
    memcpy(route->known_servers, path, size);
    return BELAY_OK;
}

/** Which key the server must have: the invite's, or the one that is known; else whether any may be
 * trusted at the first meeting. */
static enum belay_result find_key(struct bl_route *route, const struct belay_connect_opts *opts,
                                  bool simulated) {
    const struct bl_invite *server = &route->server;
    struct bl_invite known = *server;
    enum belay_result result = BELAY_OK;
    if (opts->known_servers != NULL) {
        result = bl_known_servers_find(&known, opts->known_servers, server, route->memory);
    }
    if (result != BELAY_OK) {
        return result;
    }
    if (server->has_key && known.has_key && !bl_equal(server->key, known.key, sizeof known.key)) {
        return bl_fail(BELAY_E_KEY,
                       "known_servers: %s has another key for %s than the invite; if the server's "
                       "key was changed on purpose, remove that line",
                       opts->known_servers, opts->invite);
    }
    const struct bl_invite *key = server->has_key ? server : &known;
    route->target.has_key = key->has_key;
    memcpy(route->target.server_key, key->key, sizeof key->key);
    route->target.trust = simulated || is_this_machine(server) || opts->known_servers != NULL;
    if (!key->has_key && !route->target.trust) {
        return bl_fail(BELAY_E_KEY,
                       "invite: %s is another machine, whose key is not known; get an invite with "
                       "one (belay://host:port/KEY), or name a file of known_servers, which takes "
                       "it at the first visit",
                       opts->invite);
    }
    bool is_new = opts->known_servers != NULL && !known.has_key;
    return is_new ? remember_path(route, opts->known_servers) : BELAY_OK;
}

static enum belay_result plan_invite(struct bl_route *route, const struct belay_connect_opts *opts,
                                     const struct bl_route_ground *ground) {
    enum belay_result result = bl_invite_parse(&route->server, opts->invite);
    if (result == BELAY_OK && opts->token == NULL && opts->ticket == NULL) {
        result = find_key(route, opts, ground->simulated);
    }
    return result == BELAY_OK ? add_place(route, &route->server, ground) : result;
}

enum belay_result bl_route_plan(struct bl_route *route, const struct belay_connect_opts *opts,
                                const struct bl_route_ground *ground) {
    enum belay_result result = BELAY_OK;
    route->memory = ground->memory;
    if (opts->invite == NULL && opts->token == NULL) {
        return opts->ticket != NULL
                   ? BELAY_OK /* which knows where */
                   : bl_fail(BELAY_E_INVALID, "invite: give \"host:port\", an invite or a token");
    }
    if (opts->token != NULL) {
        result = plan_token(route, opts, ground);
    }
    if (result == BELAY_OK && opts->invite != NULL) {
        result = plan_invite(route, opts, ground);
    }
    if (result != BELAY_OK) {
        bl_route_forget(route);
    }
    return result;
}

void bl_route_spend(struct bl_route *route) {
    bl_wipe(&route->target.session_secret, sizeof route->target.session_secret);
    bl_wipe(&route->target.resume_key, sizeof route->target.resume_key);
}

void bl_route_note_key(struct bl_route *route, const uint8_t *server_key) {
    if (server_key != NULL) {
        route->server.has_key = route->key_noted = true;
        memcpy(route->server.key, server_key, sizeof route->server.key);
    }
}

void bl_route_prefer(struct bl_route *route, const struct bl_address *address) {
    struct bl_dial_target *target = &route->target;
    size_t at = 0;
    while (at < target->address_count && !bl_address_equal(&target->addresses[at], address)) {
        at++;
    }
    if (at == BL_DIAL_ADDRESSES_MAX) {
        at--;
    } else if (at == target->address_count) { /* it has answered from elsewhere */
        target->address_count++;
    }
    target->addresses[at] = target->addresses[0];
    target->addresses[0] = *address;
}

enum belay_result bl_route_arrived(struct bl_route *route) {
    if (route->known_servers == NULL || !route->key_noted) {
        return BELAY_OK;
    }
    route->key_noted = false;
    return bl_known_servers_remember(route->known_servers, &route->server, route->memory);
}
