// The machine's limits, which benchmarks compare with.
#pragma once

#include "kernels/bfloat16_dispatch.h"
#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// Runs `iterations` iterations of fma_ceiling on every thread. Here and below, rank 0 writes the seconds between two
// barriers.
template <class T>
void fma_ceiling(Team& team, std::size_t iterations, double* seconds);

// The same for the ceiling of bfloat16 products.
void bfloat16_ceiling(Team& team, std::size_t iterations, double* seconds);

// Copies `bytes` bytes `repeats` times; each thread copies its own share.
void copy_bandwidth(Team& team, std::size_t bytes, std::size_t repeats, const unsigned char* from, unsigned char* to,
                    double* seconds);

// Runs `count` barriers and nothing else.
void barriers(Team& team, std::size_t count, double* seconds);

}  // namespace prelunet
