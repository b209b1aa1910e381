// Matrix products by a team: C (m, n) = A (m, k) B (k, n). Strides, chains and epilogues: Gemm in kernels/table.h.
//
// C must not overlap A or B. An epilogue's y may be C.
#pragma once

#include <cstddef>

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

enum class Split {
  rows,    // by rows of C, as Team::share(m, kChunkRows): no barrier needed before the next row-wise op
  output,  // equal parts of C, which depend on its shape only
  panels,  // equal parts of a C whose update is in panels: by rows if there are enough, else between full panels
};

template <class T>
void gemm(Team& team, const Gemm<T>& g, Split split);

// Elements of the panels of W^T for W (n, k), and the function that packs them. The team shares columns.
template <class T>
std::size_t packed_size(std::size_t n, std::size_t k);
template <class T>
void pack(Team& team, const Panels<T>& g);
// Unpacks panels into `w`, which is g.w without its const.
template <class T>
void unpack(Team& team, const Panels<T>& g, T* w);

}  // namespace prelunet
