// The interface of the bfloat16 kernels: products of bfloat16 matrices, summed in float32.
//
// Two x86 instructions multiply bfloat16. They sum in different orders. An order is named after its instruction. All
// kernels of an order give the same bits (equations: tests/reference/bfloat16.py).
//   amx      TDPBF16PS sums groups of 32 values of k. Each group has two chains that start at zero: one of the even k
//            and one of the odd k. The sum of the two chains is added to C.
//   vdpbf16  VDPBF16PS uses one chain. Of each pair of k, the odd one is added first.
// Both fuse each multiplication with its addition, round to nearest even and flush subnormal inputs and results.
//
// Both instructions read pairs of adjacent k. A is packed in panels of 16 rows, B in panels of 16 columns. A panel
// consists of tiles of 1 KiB, each with 32 values of k, in the order of k:
//   a tile of A has 16 rows of 32 numbers (16 pairs);
//   a tile of B has 16 rows of pairs; row p holds the pair (2p, 2p + 1) of each of the 16 columns.
// A tile of AMX is therefore contiguous, and the processor can prefetch it. Reading the distant rows of an unpacked A
// would halve the speed. A row of a tile of B is one vector of VDPBF16PS. Panels are padded with zeros to whole tiles,
// so that no loop has an edge case. Both orders read the same arrays.
//
// A layer's three products need these packings (x: rows of the batch, dz: gradient of its outputs, W: (units,
// features)):
//   x W^T     k = features.   A: rows of x.       B: rows of W: each pair becomes one lane.
//   dz W      k = units.      A: rows of dz.      B: columns of W: pairs of two rows, interleaved.
//   dz^T x    k = the batch.  A: columns of dz.   B: columns of x: pairs of two rows, interleaved.
// Packing rows as A or columns as B needs no transposition. Packing columns as A or rows as B does. Two of the six
// packings of a training step are transposed: W for x W^T, once per step after the optimizer has written W, and dz for
// dz^T x, whose result then has the layout of W. No other layout needs fewer, because x, dz and W are each packed once
// with pairs along rows and once with pairs along columns. x and dz are packed as A, block by block, when they are
// computed. For dz^T x they are repacked from these panels.
#pragma once

#include "kernels/table.h"

namespace prelunet {

enum class Bfloat16Order : int { amx, vdpbf16, count };

inline constexpr std::size_t kBfloat16Group = 32;  // k of a tile
inline constexpr std::size_t kBfloat16Panel = 16;  // rows of A, or columns of B, of a panel
inline constexpr std::size_t kBfloat16Tile = kBfloat16Group * kBfloat16Panel;
inline constexpr std::size_t kBfloat16PairRow = 2 * kBfloat16Panel;  // numbers in a row of a tile of B

constexpr std::size_t bfloat16_padded_depth(std::size_t k) {
  return (k + kBfloat16Group - 1) / kBfloat16Group * kBfloat16Group;
}
constexpr std::size_t bfloat16_padded_lines(std::size_t count) {
  return (count + kBfloat16Panel - 1) / kBfloat16Panel * kBfloat16Panel;
}
// Elements of a panel, and from one panel to the next.
constexpr std::size_t bfloat16_panel_size(std::size_t k) { return bfloat16_padded_depth(k) * kBfloat16Panel; }

// C (m x n) = A B, or C += A B. C += A B continues the sum in its order. The sum of k over the earlier calls must then
// be a multiple of 32.
struct Bfloat16Gemm {
  std::size_t m, n, k;
  const std::uint16_t* a;  // panels
  const std::uint16_t* b;
  std::size_t panel_size;  // of the panels of A and B, for the whole k even if this call computes a part of it
  float* c;                // may be null if there is an epilogue and `accumulate` is false
  std::size_t c_stride;
  bool accumulate;
  // Called for each complete block of C, which is still in cache. Null: C is written. The block is in C, or in a buffer
  // of whole panels if C is null or the block is narrower than its panels. It has at most 32 rows and 64 columns and
  // begins at a multiple of 32 rows and 16 columns.
  void (*epilogue)(void* context, const Block& block, const float* c, std::size_t c_stride);
  // Prefetches what the epilogue of the next block will use. May be null. A kernel need not call it.
  void (*prefetch)(void* context, const Block& block);
  void* context;
};

// A matrix to be packed: rows of float or bfloat16, `stride` apart.
template <class T>
struct Bfloat16Rows {
  std::size_t rows, columns;
  const T* x;
  std::size_t stride;

  // Element (row, column); the rest of the row follows it in memory.
  const T* at(std::size_t row, std::size_t column) const { return x + row * stride + column; }
};

// A matrix to be packed that is already packed as A.
struct Bfloat16Panels {
  std::size_t rows, columns;
  const std::uint16_t* x;
  std::size_t panel_size;

  // Element (row, column); the rest of the tile's row follows it in memory. A tile's row has 32 columns, with zeros
  // past the end of the matrix.
  const std::uint16_t* at(std::size_t row, std::size_t column) const {
    const std::size_t panel = row / kBfloat16Panel * panel_size;
    const std::size_t tile = column / kBfloat16Group * kBfloat16Tile;
    return x + panel + tile + row % kBfloat16Panel * kBfloat16Group + column % kBfloat16Group;
  }
};

// Packs panels [begin, end) of 16 rows, or 16 columns, of x. The other axis of x is k. x may be a block of a larger
// matrix, if it begins at a multiple of 32 rows and columns. `panels` then points to the block's first tile.
template <class Source>
struct Bfloat16Packing {
  using Pack = void (*)(const Source& x, std::size_t begin, std::size_t end, std::uint16_t* panels,
                        std::size_t panel_size);
  Pack a_of_rows, a_of_columns, b_of_rows, b_of_columns;
};

// A loop that uses only registers (see ceiling.h), and its operations per iteration.
struct Bfloat16Ceiling {
  std::size_t flops;
  float (*run)(std::size_t iterations);
};

// The arrays are indexed by Bfloat16Order. The table of avx512bf16 uses the instructions; a machine that supports it
// may lack AMX. All other tables emulate the instructions with float32 arithmetic.
struct Bfloat16Table {
  void (*gemm[static_cast<int>(Bfloat16Order::count)])(const Bfloat16Gemm&);
  Bfloat16Ceiling ceiling[static_cast<int>(Bfloat16Order::count)];
  // Rounds to nearest even as VCVTNEPS2BF16 does: subnormal numbers become zeros of their sign, NaN becomes quiet.
  void (*convert)(std::size_t count, const float* x, std::uint16_t* y);
  Bfloat16Packing<Bfloat16Rows<float>> float_rows;
  Bfloat16Packing<Bfloat16Rows<std::uint16_t>> rows;
  Bfloat16Packing<Bfloat16Panels> panels;
};

}  // namespace prelunet
