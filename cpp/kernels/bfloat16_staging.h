// Where a block of C is stored between the multiplication and the epilogue.
#pragma once

#include "kernels/bfloat16_table.h"
#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t kStagedRows = 32, kMostStagedColumns = 48;

// The block of C that begins at (row, column).
PRELUNET_INLINE Block block_at(const Bfloat16Gemm& g, std::size_t row, std::size_t column, std::size_t most_columns) {
  const std::size_t rows = g.m - row, columns = g.n - column;
  return {row, column, rows < kStagedRows ? rows : kStagedRows, columns < most_columns ? columns : most_columns};
}

struct StagedBlock {
  float* c;
  std::size_t stride;
  bool continued;  // c holds the sums so far; else they start at zero
};

// Memory for the rows of a block, padded to whole panels. It is C itself if there is one and the block needs no
// padding, else memory on the stack.
class Staging {
 public:
  PRELUNET_INLINE StagedBlock begin(const Bfloat16Gemm& g, const Block& block) {
    const std::size_t width = bfloat16_padded_lines(block.columns);
    float* const c = g.c == nullptr ? nullptr : g.c + block.row * g.c_stride + block.column;
    const bool whole = block.columns == width && block.rows == bfloat16_padded_lines(block.rows);
    if (c != nullptr && whole) return {c, g.c_stride, g.accumulate};
    if (g.accumulate) copy(block, c, g.c_stride, memory_, width);
    return {memory_, width, g.accumulate};
  }
  // Passes a complete block to the epilogue, or to C.
  PRELUNET_INLINE void end(const Bfloat16Gemm& g, const Block& block, const StagedBlock& s) {
    if (g.epilogue != nullptr) return g.epilogue(g.context, block, s.c, s.stride);
    if (s.c == memory_) copy(block, s.c, s.stride, g.c + block.row * g.c_stride + block.column, g.c_stride);
  }

 private:
  static PRELUNET_INLINE void copy(const Block& block, const float* from, std::size_t from_stride, float* to,
                                   std::size_t to_stride) {
    for (std::size_t i = 0; i < block.rows; ++i, from += from_stride, to += to_stride) {
      for (std::size_t j = 0; j < block.columns; j += kLanes<float>) {
        const std::size_t left = block.columns - j, count = left < kLanes<float> ? left : kLanes<float>;
        store_partial(to + j, load_partial(from + j, count), count);
      }
    }
  }

  alignas(64) float memory_[kStagedRows * kMostStagedColumns];
};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
