// What the machine can do at best, for a benchmark to hold results against.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// `iterations` of the table's fma_ceiling on every thread, from one barrier to another. Rank 0 has the seconds written.
template <class T>
void fma_ceiling(Team& team, std::size_t iterations, double* seconds);

// Copies `bytes` from `from` to `to` `repeats` times, each thread its own share.
void copy_bandwidth(Team& team, std::size_t bytes, std::size_t repeats, const unsigned char* from, unsigned char* to,
                    double* seconds);

// A team that does nothing but meet, `count` times.
void meetings(Team& team, std::size_t count, double* seconds);

}  // namespace prelunet
