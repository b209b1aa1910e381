// Products of compressed rows by a team.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// C (rows, n) = X W^T. The team shares rows, as Team::share(rows, kChunkRows).
template <class T>
void sparse_product(Team& team, std::size_t rows, const SparseProduct<T>& g);

// C (n, k) = dz^T X. The team shares columns of C, in parts that depend on k only.
template <class T>
void sparse_gradient(Team& team, const SparseGradient<T>& g);

}  // namespace prelunet
