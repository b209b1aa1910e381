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
  output,  // all threads get as much of C, by its shape alone
  panels,  // the same of a C that goes into panels, its columns theirs: by rows where there are enough
};

template <class T>
void gemm(Team& team, const Gemm<T>& g, Split split);

// Elements of the packed panels of W^T for W (n, k), and the packing, shared by columns.
template <class T>
std::size_t packed_size(std::size_t n, std::size_t k);
template <class T>
void pack(Team& team, const Panels<T>& g);
// Panels back into W, which is `w`.
template <class T>
void unpack(Team& team, const Panels<T>& g, T* w);

}  // namespace prelunet
