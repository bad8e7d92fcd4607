/*
 * ENet's platform calls reach the port only if the dynamic linker finds our symbols before
 * libenet's. Some orders of linking break that silently, and stock ENet would then run on real
 * sockets, unencrypted and untuned. So each start makes one host, connects one peer in it and looks
 * whether clock, socket, sending and receiving all came to us.
 */
#include "lib/peer/self_check.h"

#include "common/error.h"
#include "lib/peer/enet_memory.h"
#include "lib/peer/host.h"

static bool everything_came_to_us(const struct bl_port *port) {
    return port->time_calls > 0 && port->create_calls > 0 && port->send_calls > 0 &&
           port->receive_calls > 0;
}

enum belay_result bl_self_check(void) {
    static const struct bl_host_ops no_ops = {0};
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_host *host;
    bl_memory_init(&memory, NULL, 0);
    bl_timer_wheel_init(&wheel, BL_SECOND);
    const struct bl_host_opts opts = {
        .memory = &memory, .wheel = &wheel, .ops = &no_ops, .peer_max = 1, .channel_count = 1};
    enum belay_result result = bl_host_create(&host, &opts, BL_SECOND);
    if (result != BELAY_OK) {
        return result;
    }
    (void)bl_enet_memory_ran_out();
    struct bl_peer *peer = host->port.create_calls > 0 ? bl_peer_connect(host, BL_SECOND) : NULL;
    bool no_memory = bl_enet_memory_ran_out() && peer == NULL;
    bool in_force = everything_came_to_us(&host->port);
    bl_host_destroy(host);
    if (no_memory) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a peer");
    }
    if (!in_force) {
        return bl_fail(
            BELAY_E_ENET_PORT,
            "this process runs ENet on its own sockets, not on Belay's port: link Belay "
            "before libenet (-lbelay-server -lbelay -lenet), do not load libenet globally "
            "before Belay, or build Belay with -Denet=bundled");
    }
    return BELAY_OK;
}
