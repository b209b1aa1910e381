// What kernels offer to ops for bfloat16: products of bfloat16 matrices, summed in float32.
//
// Two x86 instructions multiply bfloat16, each with its own order of sums. An order is named by its instruction, and
// every kernel of an order gives the same bits (tests/reference/bfloat16.py has the equations):
//   amx      TDPBF16PS: groups of 32 k; in each group two chains from zero, of the even and of the odd k; their sum is
//            added to C.
//   vdpbf16  VDPBF16PS: one chain; of each pair of k the odd one comes before the even one.
// Both fuse each multiplication with its addition, round to nearest even and flush subnormal inputs and results.
//
// Both instructions read pairs of adjacent k. A is packed in panels of 16 rows, B in panels of 16 columns, and panels
// in tiles of 32 k, 1 KiB each, in the order of k:
//   a tile of A: its rows one after another, 32 numbers (16 pairs) each;
//   a tile of B: 16 rows of pairs; row p holds the pair (2p, 2p + 1) of each of the 16 columns.
// So a tile of AMX is contiguous, which is what the processor's prefetching needs (rows of A as they are, far apart,
// cost half of the speed), and a row of B is one vector of VDPBF16PS. Panels are padded with zeros to whole tiles, so
// that no loop has an edge case, and every order reads the same arrays.
//
// A layer's three products need these packings (x: rows of the batch, dz: gradient of its outputs, W: (units,
// features)):
//   x W^T     k = features.   A: rows of x.       B: rows of W, whose pairs become lanes.
//   dz W      k = units.      A: rows of dz.      B: columns of W: pairs of two rows, interleaved.
//   dz^T x    k = the batch.  A: columns of dz.   B: columns of x: pairs of two rows, interleaved.
// A packs rows, and B columns, without a transposition; the others need one. Each of x, dz and W is read with pairs
// along both of its sides, so whatever the layouts, two of the six packings of a step transpose. Here those are W's for
// x W^T, once a step where the optimizer writes W, and dz's for dz^T x, whose result so has the layout of W. x and dz
// are packed as A where they are made, block by block, and repacked from there for dz^T x.
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
// Numbers in a panel, and from a panel to the next.
constexpr std::size_t bfloat16_panel_size(std::size_t k) { return bfloat16_padded_depth(k) * kBfloat16Panel; }

// C (m x n) = A B, or C += A B as the continued sum of its order; then k of the calls before is a multiple of 32.
struct Bfloat16Gemm {
  std::size_t m, n, k;
  const std::uint16_t* a;  // panels
  const std::uint16_t* b;
  std::size_t panel_size;  // of the panels of both: where k is a part, that of the whole
  float* c;                // may be null where an epilogue takes the sums and they start at zero
  std::size_t c_stride;
  bool accumulate;
  // Takes each block of C, complete and in cache, in place of the store to C; null: C is written. A block has at most
  // 32 rows and 48 columns and starts at multiples of 32 rows and 16 columns. Its c is readable up to whole panels.
  void (*epilogue)(void* context, const Block& block, const float* c, std::size_t c_stride);
  // Prefetches what the epilogue of the next block will touch; a kernel may leave it uncalled. Or null.
  void (*prefetch)(void* context, const Block& block);
  void* context;
};

// A matrix to be packed: rows of float or bfloat16, `stride` apart.
template <class T>
struct Bfloat16Rows {
  std::size_t rows, columns;
  const T* x;
  std::size_t stride;

  // The rest of the row follows.
  const T* at(std::size_t row, std::size_t column) const { return x + row * stride + column; }
};

// The same, packed as A already.
struct Bfloat16Panels {
  std::size_t rows, columns;
  const std::uint16_t* x;
  std::size_t panel_size;

  // The rest of the tile's row follows: of 32 columns, zeros where the matrix has ended.
  const std::uint16_t* at(std::size_t row, std::size_t column) const {
    const std::size_t panel = row / kBfloat16Panel * panel_size;
    const std::size_t tile = column / kBfloat16Group * kBfloat16Tile;
    return x + panel + tile + row % kBfloat16Panel * kBfloat16Group + column % kBfloat16Group;
  }
};

// Packs panels [begin, end) of 16 rows, or 16 columns, of x; the other side is their k. x may be a block of a matrix
// (from a multiple of 32 rows and columns on): then `panels` is where its first tile goes.
template <class Source>
struct Bfloat16Packing {
  using Pack = void (*)(const Source& x, std::size_t begin, std::size_t end, std::uint16_t* panels,
                        std::size_t panel_size);
  Pack a_of_rows, a_of_columns, b_of_rows, b_of_columns;
};

// What a register-only loop counts for each of its iterations, and the loop: see ceiling.h.
struct Bfloat16Ceiling {
  std::size_t flops;
  float (*run)(std::size_t iterations);
};

// The arrays are indexed by Bfloat16Order. In the table of avx512bf16 both orders run on their instructions, of which a
// machine may lack AMX; in all other tables float32 arithmetic emulates them.
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
