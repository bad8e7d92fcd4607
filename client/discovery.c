/* Answers are kept until they are polled, up to a bound: a stranger can send many. */
#include "client/discovery.h"

#include "common/container_of.h"
#include "common/error.h"
#include "common/log.h"
#include "lib/net/resolver.h"
#include "lib/secure/invite.h"
#include <string.h>

#define LAN "lan:"

/** A server to ask as soon as its name has been looked up. */
struct bl_name_asked {
    struct bl_name_asked *next;
    struct bl_resolver resolver;
    struct bl_query_target target;
};

struct bl_server_found {
    struct bl_server_found *next;
    struct belay_found it;
    uint8_t data[BELAY_PUBLIC_INFO_MAX];
};

static void send_due(struct bl_discovery *discovery, bl_time now) {
    uint8_t query[BL_QUERY_SIZE];
    const struct bl_query_target *target;
    while ((target = bl_queries_next(&discovery->queries, now, query)) != NULL) {
        bl_endpoint_ask(discovery->loop->endpoint, target, query);
    }
    bl_timer_arm(&discovery->loop->wheel, &discovery->timer, bl_queries_due(&discovery->queries));
}

static void due(struct bl_timer *timer, bl_time now) {
    send_due(BL_CONTAINER_OF(timer, struct bl_discovery, timer), now);
}

void bl_discovery_init(struct bl_discovery *discovery, struct bl_loop *loop, const char *game) {
    bool any_game = game == NULL || game[0] == '\0';
    *discovery = (struct bl_discovery){.loop = loop};
    discovery->found_end = &discovery->found_first;
    bl_timer_init(&discovery->timer, due);
    bl_queries_init(&discovery->queries, &loop->memory, bl_net_random(loop->net),
                    any_game ? 0 : bl_wire_hash(game));
}

/** Takes a name off the list and frees it. */
static void forget_name(struct bl_discovery *discovery, struct bl_name_asked **at) {
    struct bl_name_asked *name = *at;
    *at = name->next;
    discovery->name_count--;
    bl_resolver_cancel(&name->resolver);
    bl_free(&discovery->loop->memory, name, sizeof *name);
}

static void forget_polled(struct bl_discovery *discovery) {
    bl_free(&discovery->loop->memory, discovery->polled, sizeof *discovery->polled);
    discovery->polled = NULL;
}

static struct bl_server_found *take_found(struct bl_discovery *discovery) {
    struct bl_server_found *found = discovery->found_first;
    if (found != NULL) {
        discovery->found_first = found->next;
        discovery->found_count--;
    }
    if (discovery->found_first == NULL) {
        discovery->found_end = &discovery->found_first;
    }
    return found;
}

void bl_discovery_finish(struct bl_discovery *discovery) {
    if (discovery->loop == NULL) {
        return;
    }
    bl_timer_cancel(&discovery->loop->wheel, &discovery->timer);
    bl_queries_finish(&discovery->queries);
    while (discovery->names != NULL) {
        forget_name(discovery, &discovery->names);
    }
    do {
        forget_polled(discovery);
        discovery->polled = take_found(discovery);
    } while (discovery->polled != NULL);
}

static enum belay_result ask(struct bl_discovery *discovery, const struct bl_query_target *target) {
    bl_time now = discovery->loop->shared.now;
    enum belay_result result = bl_queries_ask(&discovery->queries, target, now);
    if (result == BELAY_OK) {
        send_due(discovery, now);
    }
    return result;
}

static void looked_up(void *user) {
    bl_loop_wake(user);
}

/** @return whether the look-up is over */
static bool follow_name(struct bl_discovery *discovery, struct bl_name_asked *name) {
    int count = bl_resolver_take(&name->resolver, name->target.addresses, BL_QUERY_ADDRESSES_MAX);
    if (count == 0) {
        return false;
    }
    name->target.address_count = count > 0 ? (size_t)count : 0;
    if (count < 0 || ask(discovery, &name->target) != BELAY_OK) {
        bl_log(&discovery->loop->memory.hooks, BELAY_LOG_WARNING, 0, "query: %s", belay_error());
    }
    return true;
}

void bl_discovery_follow(struct bl_discovery *discovery) {
    struct bl_name_asked **at = &discovery->names;
    while (*at != NULL) {
        if (follow_name(discovery, *at)) {
            forget_name(discovery, at);
        } else {
            at = &(*at)->next;
        }
    }
}

static enum belay_result ask_everybody(struct bl_discovery *discovery, const char *port) {
    struct bl_query_target target = {.everybody = true};
    struct bl_address place;
    char text[sizeof "*:65535"] = "*:";
    strncat(text, port, sizeof text - sizeof "*:");
    enum belay_result result = bl_address_parse(&place, text, true);
    if (result != BELAY_OK || place.port == 0 || strlen(port) > strlen("65535")) {
        return bl_fail(BELAY_E_ADDRESS,
                       "query: \"" LAN "%.16s\" has no port; write it as \"" LAN "7777\"", port);
    }
    target.address_count =
        bl_net_everybody(discovery->loop->net, target.addresses, BL_QUERY_ADDRESSES_MAX);
    for (size_t i = 0; i < target.address_count; i++) {
        target.addresses[i].port = place.port;
    }
    return ask(discovery, &target);
}

static enum belay_result ask_name(struct bl_discovery *discovery, const struct bl_invite *server,
                                  const struct bl_query_target *target) {
    struct bl_name_asked *name = bl_allocate(&discovery->loop->memory, sizeof *name);
    if (name == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a query");
    }
    name->target = *target;
    name->next = discovery->names;
    discovery->names = name;
    discovery->name_count++;
    bl_resolver_init(&name->resolver, bl_lookup_system, looked_up, discovery->loop);
    enum belay_result result = bl_resolver_start(&name->resolver, server->host, server->port);
    if (result != BELAY_OK) {
        forget_name(discovery, &discovery->names);
    }
    return result;
}

static enum belay_result ask_one(struct bl_discovery *discovery, const char *address) {
    struct bl_invite server;
    char text[BL_INVITE_TEXT_SIZE];
    enum belay_result result = bl_invite_parse(&server, address);
    if (result != BELAY_OK) {
        return result;
    }
    struct bl_query_target target = {.address_count = 1, .has_key = server.has_key};
    memcpy(target.key, server.key, sizeof target.key);
    if (!discovery->loop->net->simulated) {
        return ask_name(discovery, &server, &target);
    }
    server.has_key = false; /* in a simulation all addresses are numbers */
    bl_invite_format(&server, text, sizeof text);
    result = bl_address_parse(&target.addresses[0], text, false);
    return result == BELAY_OK ? ask(discovery, &target) : result;
}

enum belay_result bl_discovery_ask(struct bl_discovery *discovery, const char *address) {
    if (address == NULL) {
        return bl_fail(BELAY_E_INVALID, "query: no address; give \"host:port\" or \"" LAN "7777\"");
    }
    if (discovery->queries.count + discovery->name_count >= BL_QUERIES_MAX) {
        return bl_fail(BELAY_E_WOULD_BLOCK,
                       "query: %d are under way; go on when some have been answered",
                       BL_QUERIES_MAX);
    }
    bl_loop_look_at_clock(discovery->loop);
    bool lan = strncmp(address, LAN, strlen(LAN)) == 0;
    enum belay_result result =
        lan ? ask_everybody(discovery, address + strlen(LAN)) : ask_one(discovery, address);
    bl_discovery_follow(discovery);
    return result;
}

static enum belay_result fill_found(struct bl_server_found *found,
                                    const struct bl_query_answer *answer,
                                    const struct bl_address *from) {
    struct bl_invite invite;
    enum belay_result result =
        bl_invite_of_address(&invite, from, answer->has_key ? answer->info.key : NULL);
    if (result != BELAY_OK) {
        return result;
    }
    memcpy(found->data, answer->info.data, answer->info.data_size);
    found->it.data = found->data;
    found->it.size = answer->info.data_size;
    found->it.rtt_ms = bl_to_ms(answer->round_trip);
    found->it.sessions = answer->info.sessions;
    found->it.session_max = answer->info.session_max;
    return bl_invite_format(&invite, found->it.invite, sizeof found->it.invite);
}

bool bl_discovery_take(struct bl_discovery *discovery, const struct bl_datagram *datagram) {
    struct bl_loop *loop = discovery->loop;
    struct bl_query_answer answer;
    if (discovery->found_count == BL_FOUND_MAX) {
        loop->stats.dropped[BELAY_DROP_UNREAD]++;
        return true;
    }
    if (!bl_queries_take(&discovery->queries, datagram, bl_net_now(loop->net), &answer)) {
        return false;
    }
    struct bl_server_found *found = bl_allocate(&loop->memory, sizeof *found);
    if (found == NULL) {
        loop->stats.dropped[BELAY_DROP_MEMORY]++;
        return true;
    }
    if (fill_found(found, &answer, &datagram->address) != BELAY_OK) { /* from port 0, say */
        bl_free(&loop->memory, found, sizeof *found);
        return false;
    }
    *discovery->found_end = found;
    discovery->found_end = &found->next;
    discovery->found_count++;
    bl_loop_wake(loop); /* a service() that waits has something to return for */
    return true;
}

bool bl_discovery_poll(struct bl_discovery *discovery, struct belay_found *found) {
    forget_polled(discovery);
    discovery->polled = take_found(discovery);
    if (discovery->polled == NULL) {
        return false;
    }
    *found = discovery->polled->it;
    return true;
}
