/* A hash table with chains: clients are few, and their datagrams many. */
#include "tools/netem/flows.h"
#include "common/error.h"
#include <stdlib.h>
#include <string.h>

enum belay_result netem_flows_init(struct netem_flows *flows, size_t max) {
    struct bl_random random;
    *flows = (struct netem_flows){.max = max};
    flows->all = calloc(max, sizeof flows->all[0]);
    if (flows->all == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "out of memory; lower --max-clients");
    }
    bl_random_init_system(&random);
    bl_random_bytes(&random, flows->secret, sizeof flows->secret);
    return BELAY_OK;
}

void netem_flows_finish(struct netem_flows *flows) {
    while (flows->count > 0) {
        netem_flows_remove(flows, flows->all[flows->count - 1]);
    }
    free(flows->all);
    *flows = (struct netem_flows){0};
}

static size_t bucket_of(const struct netem_flows *flows, const struct bl_address *client) {
    uint8_t key[sizeof client->ip + sizeof client->port];
    memcpy(key, client->ip, sizeof client->ip);
    memcpy(key + sizeof client->ip, &client->port, sizeof client->port);
    return bl_siphash(flows->secret, key, sizeof key) % NETEM_BUCKETS;
}

struct netem_flow *netem_flows_find(const struct netem_flows *flows,
                                    const struct bl_address *client) {
    struct netem_flow *flow = flows->buckets[bucket_of(flows, client)];
    while (flow != NULL && !bl_address_equal(&flow->client, client)) {
        flow = flow->next;
    }
    return flow;
}

enum belay_result netem_flows_add(struct netem_flow **out, struct netem_flows *flows,
                                  const struct bl_address *client,
                                  const struct bl_address *target) {
    if (flows->count == flows->max) {
        return bl_fail(BELAY_E_TOO_BIG, "there are %zu clients; raise --max-clients", flows->max);
    }
    struct netem_flow *flow = calloc(1, sizeof *flow);
    if (flow == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "out of memory; lower --max-clients");
    }
    enum belay_result result = netem_socket_open_towards(&flow->upstream, target);
    if (result != BELAY_OK) {
        free(flow);
        return result;
    }
    size_t bucket = bucket_of(flows, client);
    flow->client = *client;
    flow->index = flows->count;
    flow->next = flows->buckets[bucket];
    flows->buckets[bucket] = flow;
    flows->all[flows->count++] = flow;
    *out = flow;
    return BELAY_OK;
}

void netem_flows_remove(struct netem_flows *flows, struct netem_flow *flow) {
    struct netem_flow **link = &flows->buckets[bucket_of(flows, &flow->client)];
    while (*link != flow) {
        link = &(*link)->next;
    }
    *link = flow->next;
    flows->all[flow->index] = flows->all[--flows->count];
    flows->all[flow->index]->index = flow->index;
    netem_socket_close(&flow->upstream);
    free(flow);
}
