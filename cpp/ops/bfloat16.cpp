#include "ops/bfloat16.h"

#include <algorithm>

namespace prelunet {
namespace {

constexpr std::size_t kUnit = 32;  // rows and columns of a kernel's block
// Rows and k of a part of A. It stays in the second-level cache while it is multiplied by all panels of B.
constexpr std::size_t kRowBlock = 256, kDepthBlock = 1024;

// The epilogue and prefetch of a part of C. They call those of the whole C with positions in the whole C.
struct Part {
  const Bfloat16Gemm* whole;
  std::size_t row, column;

  static void epilogue(void* context, const Block& block, const float* c, std::size_t c_stride) {
    const Part& part = *static_cast<const Part*>(context);
    part.whole->epilogue(part.whole->context, part.of_whole(block), c, c_stride);
  }
  static void prefetch(void* context, const Block& block) {
    const Part& part = *static_cast<const Part*>(context);
    part.whole->prefetch(part.whole->context, part.of_whole(block));
  }
  Block of_whole(const Block& b) const { return {b.row + row, b.column + column, b.rows, b.columns}; }
};

}  // namespace

void bfloat16_gemm_part(const Bfloat16Kernels& kernels, const Bfloat16Gemm& whole, Range rows, Range columns) {
  if (rows.empty() || columns.empty()) return;
  const bool in_depth_blocks = whole.k > kDepthBlock && whole.c != nullptr;
  const std::uint16_t* const b = whole.b + columns.begin / kBfloat16Panel * whole.panel_size;
  for (std::size_t row = rows.begin; row < rows.end; row += kRowBlock) {
    Part part{&whole, row, columns.begin};
    const std::uint16_t* const a = whole.a + row / kBfloat16Panel * whole.panel_size;
    std::size_t done = 0;
    do {
      Bfloat16Gemm g = whole;
      g.m = std::min(kRowBlock, rows.end - row);
      g.n = columns.size();
      g.k = in_depth_blocks ? std::min(whole.k - done, kDepthBlock) : whole.k;
      g.a = a + done * kBfloat16Panel;
      g.b = b + done * kBfloat16Panel;
      if (whole.c != nullptr) g.c += row * whole.c_stride + columns.begin;
      g.accumulate = whole.accumulate || done > 0;
      done += g.k;
      const bool last = done == whole.k;
      g.epilogue = last && whole.epilogue != nullptr ? Part::epilogue : nullptr;
      g.prefetch = last && whole.prefetch != nullptr ? Part::prefetch : nullptr;
      g.context = &part;
      kernels.gemm(g);
    } while (done < whole.k);
  }
}

Bfloat16Part bfloat16_share(const Team& team, std::size_t m, std::size_t n) {
  if (m >= n) return {team.even_share(m, kUnit), {0, n}};
  return {{0, m}, team.even_share(n, kUnit)};
}

void bfloat16_gemm(const Team& team, const Bfloat16Kernels& kernels, const Bfloat16Gemm& g) {
  const Bfloat16Part part = bfloat16_share(team, g.m, g.n);
  bfloat16_gemm_part(kernels, g, part.rows, part.columns);
}

}  // namespace prelunet
