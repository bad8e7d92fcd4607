/* The same game as game.c in C++17, the way a C++ program would write it. */
#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace {

template <auto destroy> struct Destroyer {
    template <typename T> void operator()(T *object) const {
        destroy(object);
    }
};
using Sim = std::unique_ptr<belay_sim, Destroyer<belay_sim_destroy>>;
using Server = std::unique_ptr<belay_server, Destroyer<belay_server_destroy>>;
using Client = std::unique_ptr<belay_client, Destroyer<belay_client_destroy>>;

constexpr std::string_view greeting = "hello";

Server start_server(const Sim &sim) {
    belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    belay_server *server = nullptr;
    opts.sim = sim.get();
    opts.listen = "10.0.0.1:7777";
    belay_server_start(&server, &opts);
    return Server(server);
}

Client connect_client(const Sim &sim) {
    belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    belay_client *client = nullptr;
    opts.sim = sim.get();
    to.invite = "10.0.0.1:7777";
    if (belay_client_create(&client, &opts) == BELAY_OK) {
        belay_client_connect(client, &to);
    }
    return Client(client);
}

void serve(belay_server *server) {
    belay_event event;
    belay_server_service(server, 0);
    while (belay_server_poll(server, &event)) {
        if (event.type == BELAY_EVENT_LOGIN) {
            belay_server_accept(server, event.session, nullptr, nullptr, 0);
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            const auto &message = event.message;
            belay_server_send(server, event.session, message.channel, message.data, message.size);
        }
    }
    belay_server_flush(server);
}

bool play(belay_client *client) {
    belay_event event;
    bool echoed = false;
    belay_client_service(client, 0);
    while (belay_client_poll(client, &event)) {
        if (event.type == BELAY_EVENT_OPEN) {
            belay_client_send(client, 0, greeting.data(), greeting.size());
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            const auto *data = static_cast<const char *>(event.message.data);
            echoed = std::string_view(data, event.message.size) == greeting;
        }
    }
    belay_client_flush(client);
    return echoed;
}

} // namespace

int main() {
    const Sim sim(belay_sim_create(1));
    const Server server = start_server(sim);
    const Client client = connect_client(sim);
    bool echoed = false;
    for (int step = 0; server && client && !echoed && step < 1000; step++) {
        belay_sim_advance(sim.get(), 5);
        serve(server.get());
        echoed = play(client.get());
    }
    std::printf("Belay %s: %s %s\n", belay_version(), echoed ? "echoed" : "no echo", belay_error());
    return echoed ? EXIT_SUCCESS : EXIT_FAILURE;
}
