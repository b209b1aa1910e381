// Matrix products by a team: C (m, n) = A (m, k) B (k, n). kernels/table.h describes the arguments (Gemm).
//
// C must not overlap A or B. An epilogue's y may be C.
#pragma once

#include <cstddef>

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

enum class Split {
  rows,    // rows of C, divided by Team::share(m, kChunkRows): the next row-wise op needs no barrier
  output,  // equal parts of C, which depend only on the shape of C
  panels,  // equal parts of C = grad_W^T: divided by rows if there are enough, else between full panels
};

template <class T>
void gemm(Team& team, const Gemm<T>& g, Split split);

// The number of elements in the panels of W^T, for W (n, k).
template <class T>
std::size_t packed_size(std::size_t n, std::size_t k);
// Packs W^T. The team divides the columns.
template <class T>
void pack(Team& team, const Panels<T>& g);
// Unpacks panels into `w`, which is g.w without its const.
template <class T>
void unpack(Team& team, const Panels<T>& g, T* w);

}  // namespace prelunet
