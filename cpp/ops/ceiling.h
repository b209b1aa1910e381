// The machine's limits, which benchmarks compare results with.
#pragma once

#include "kernels/bfloat16_dispatch.h"
#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// `iterations` of the table's fma_ceiling on every thread. Rank 0 writes the seconds between two barriers, here and
// below.
template <class T>
void fma_ceiling(Team& team, std::size_t iterations, double* seconds);

// The same of the ceiling of bfloat16 products.
void bfloat16_ceiling(Team& team, std::size_t iterations, double* seconds);

// Copies `bytes` from `from` to `to` `repeats` times, each thread its own share.
void copy_bandwidth(Team& team, std::size_t bytes, std::size_t repeats, const unsigned char* from, unsigned char* to,
                    double* seconds);

// `count` barriers and nothing else.
void meetings(Team& team, std::size_t count, double* seconds);

}  // namespace prelunet
