// Elementwise functions of rows by a team. All arrays are (rows, columns), contiguous. The team shares rows in units of
// kChunkRows.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// y = scale * x + shift, rounded once; y may be x.
template <class T>
void scale_shift(Team& team, std::size_t rows, std::size_t columns, const T* x, double scale, double shift, T* y);

// out = factor * x + y, rounded once; out may be x or y.
template <class T>
void scaled_sum(Team& team, std::size_t rows, std::size_t columns, double factor, const T* x, const T* y, T* out);

// Row i of x clipped to [-limit * row_scale[i], limit * row_scale[i]], in place; NaN stays NaN.
template <class T>
void clip_rows(Team& team, std::size_t rows, std::size_t columns, T* x, double limit, const double* row_scale);

}  // namespace prelunet
