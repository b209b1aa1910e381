// Matrix products by a team: C (m, n) = A (m, k) B (k, n), see kernels/table.h for strides, chains and epilogue.
//
// C must not overlap A or B. An epilogue's y may be C.
#pragma once

#include <cstddef>

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

enum class Split {
  rows,    // rows of C belong to threads, by Team::share in units of kChunkRows: no barrier to the next row-wise op
  output,  // whichever of C's sides has more tiles is shared
};

template <class T>
void gemm(Team& team, Gemm<T> g, Split split);

// Elements of the packed panels of W^T for W (n, k), and the packing, shared by panels.
template <class T>
std::size_t packed_size(std::size_t n, std::size_t k);
template <class T>
void pack(Team& team, std::size_t n, std::size_t k, const T* w, std::size_t stride, T* panels);

}  // namespace prelunet
