// Products of bfloat16 matrices by a team, and the packing of their operands. See kernels/bfloat16_table.h.
#pragma once

#include "kernels/bfloat16_dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// A part of C. It begins at multiples of 32 rows and columns.
struct Bfloat16Part {
  Range rows, columns;
};

// This thread's part of an (m, n) matrix. The parts depend only on the shape.
Bfloat16Part bfloat16_share(const Team& team, std::size_t m, std::size_t n);

// Computes one part of C on the calling thread. An epilogue gets positions in the whole C.
void bfloat16_gemm_part(const Bfloat16Kernels& kernels, const Bfloat16Gemm& g, Range rows, Range columns);

// Computes C by a team.
void bfloat16_gemm(const Team& team, const Bfloat16Kernels& kernels, const Bfloat16Gemm& g);

// Packs all panels of x. `lines` is the number of rows of x, or of columns if `pack` packs columns.
template <class Source>
void bfloat16_pack(const Team& team, typename Bfloat16Packing<Source>::Pack pack, const Source& x, std::size_t lines,
                   std::uint16_t* panels, std::size_t panel_size) {
  const Range share = team.even_share((lines + kBfloat16Panel - 1) / kBfloat16Panel, 1);
  if (!share.empty()) pack(x, share.begin, share.end, panels, panel_size);
}

}  // namespace prelunet
