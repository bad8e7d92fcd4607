/*
 * Run at configure time: does libenet call the enet_time_get() of this program, or its own?
 *
 * A library linked with -Bsymbolic-functions binds its calls to itself. Then the port could not
 * stand below it, and ENet has to be bundled. Exit status: 0 interposable, 1 not, 2 cannot tell.
 */
#include <enet/enet.h>

static int call_count;

enet_uint32 enet_time_get(void) {
    call_count++;
    return 1000;
}

int main(void) {
    ENetHost *host;
    ENetEvent event;
    int result;

    if (enet_initialize() != 0) {
        return 2;
    }
    host = enet_host_create(NULL, 1, 1, 0, 0);
    if (host == NULL) {
        return 2;
    }
    call_count = 0;
    result = enet_host_service(host, &event, 0);
    enet_host_destroy(host);
    if (result < 0) {
        return 2;
    }
    return call_count > 0 ? 0 : 1;
}
