/* Built against the installed core alone: the library answers, and a simulation runs. */
#include <belay/belay.h>
#include <belay/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    struct belay_link link = BELAY_LINK_INIT;
    struct belay_sim *sim = belay_sim_create(1);
    if (sim == NULL) {
        return EXIT_FAILURE;
    }
    link.loss = 0.5F;
    belay_sim_link(sim, NULL, &link);
    belay_sim_advance(sim, 10);
    belay_sim_destroy(sim);

    printf("Belay %s, %s\n", belay_version(), belay_result_name(BELAY_OK));
    return strcmp(belay_version(), BELAY_VERSION) == 0 && *belay_error() == '\0' ? EXIT_SUCCESS
                                                                                 : EXIT_FAILURE;
}
