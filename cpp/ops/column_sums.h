// sums[j] = sum over rows i of x[i][j], by chunks of kChunkRows rows in order: the gradient of a bias.
//
// x (rows, columns) with row stride `stride`; sums (columns,) is overwritten; partial holds chunk_count(rows) *
// columns.
#pragma once

#include "runtime/team.h"

namespace prelunet {

template <class T>
void column_sums(Team& team, std::size_t rows, std::size_t columns, const T* x, std::size_t stride, T* partial,
                 T* sums);

}  // namespace prelunet
