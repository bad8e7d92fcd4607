/* The load of ledger.h on a fleet: every client sends to the server, which keeps the book. */
#ifndef BL_BENCH_LOAD_H
#define BL_BENCH_LOAD_H

#include "bench/fleet.h"
#include "bench/ledger.h"

/** The link of the `loss` goal: 30 to 70 ms and a share of @p loss, each way. */
struct belay_link bl_load_link(float loss);
/** A fleet under that load; @p link and @p ledger are borrowed. */
struct bl_fleet_opts bl_load_opts(uint64_t seed, const struct belay_link *link,
                                  struct bl_ledger *ledger);

#endif
