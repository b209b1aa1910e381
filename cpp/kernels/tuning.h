// Constants of the kernels, chosen by measurement. `Tuning` describes each constant; one table for each ISA follows.
// Constants of teams and of the training loop are in ops/tuning.h and network/tuning.h.
#pragma once

#include "simd/types.h"

namespace prelunet::PRELUNET_ISA {
namespace {

struct Tuning {
  // ---- the micro-kernel of a matrix product (gemm_tile.h) ----
  // Size of a tile of C: its rows, and its width in vectors. The registers must hold tile_rows * tile_vectors
  // accumulators, one row of B and one broadcast element of A. tile_rows divides kChunkRows.
  std::size_t tile_rows;
  std::size_t tile_vectors;
  // Rows of a tile that is one vector or half a vector wide. They make enough chains to hide the latency of an FMA.
  std::size_t narrow_tile_rows = 8;
  // If a panel of one vector would follow a full panel of three, both become panels of two. A tile of one vector loads
  // more vectors and elements than it computes vectors.
  bool pairs_last_panels = false;
  // Steps of k in one iteration of the unrolled loop. If two hyper-threads share a core, decoding limits the speed of a
  // tile, not arithmetic.
  std::size_t unroll = 4;

  // ---- blocking of k and packing of B (gemm.h) ----
  // Maximum steps of k in a slice. The slice of B, and the cache lines of A that are multiplied by it, must stay in
  // cache.
  std::size_t packed_steps = 1024;
  std::size_t unpacked_steps = 512;
  std::size_t copied_bytes = std::size_t{48} << 10;  // maximum size of a copied slice
  // Minimum rows of A for which copying a slice of unpacked B pays. `awkward` applies if rows of the slice end within a
  // cache line or map to few cache sets, else `easy`. Rows that are a multiple of few_sets_bytes apart map to at most
  // two sets.
  std::size_t copy_rows_awkward = 32;
  std::size_t copy_rows_easy = 512;
  std::size_t few_sets_bytes = 2048;

  // ---- epilogues (gemm.h) ----
  // Rows of a block, in units of kEpilogueRows, if nothing is prefetched and no weight is updated.
  std::size_t cached_blocks = 4;

  // ---- prefetching (prefetch.h) ----
  // Prefetch distance, in steps of k, for rows of B that are read for the first time. It is about 400 cycles of a full
  // tile, the latency of the third-level cache.
  std::size_t prefetch_distance = 16;
  // Products with fewer steps of k, or whose matrices fit in this many bytes, do not prefetch.
  std::size_t prefetch_min_steps = 16;
  std::size_t prefetch_min_bytes = std::size_t{192} << 10;

  // ---- rows as lanes (narrow_tile.h, row_group.h) ----
  // Maximum columns of a panel for which rows of A are transposed into lanes; 0: never. With 16 lanes in a vector, the
  // transposition costs as much as the sums of about four columns. With fewer lanes, it costs more than it saves.
  std::size_t narrow_columns = 0;
  // Groups of kLanes rows in one narrow tile. Two groups have enough chains to hide the latency of an FMA.
  std::size_t narrow_groups = 2;
  // Maximum columns for which losses and softmax transpose rows into lanes, and maximum groups of rows that run
  // interleaved.
  std::size_t group_columns = 64;
  std::size_t row_groups = 16;

  // ---- fma_ceiling (ceiling.h) ----
  // Independent chains. They must hide the latency of an FMA (4 cycles, two FMAs started per cycle) without spilling.
  std::size_t ceiling_chains;
};

#if defined(__AVX512F__)
constexpr Tuning kTuning = {
    .tile_rows = 8,
    .tile_vectors = 3,  // 24 of 32 registers accumulate
    .pairs_last_panels = true,
    .narrow_columns = 4,
    .ceiling_chains = 24,
};
#elif defined(__AVX2__)
constexpr Tuning kTuning = {
    .tile_rows = 4,
    .tile_vectors = 3,  // 12 of 16
    .ceiling_chains = 12,
};
#elif defined(__aarch64__)
constexpr Tuning kTuning = {
    .tile_rows = 8,
    .tile_vectors = 3,  // 24 of 32
    .ceiling_chains = 24,
};
#else
constexpr Tuning kTuning = {
    .tile_rows = 4,
    .tile_vectors = 2,  // 8 of 16
    .ceiling_chains = 12,
};
#endif

// Columns of a full panel of B.
template <class T>
constexpr std::size_t kPanelColumns = kTuning.tile_vectors * kLanes<T>;

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
