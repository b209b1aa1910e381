// Elementwise functions of arrays by a team. Rows are (rows, columns), contiguous; the team shares them in units of
// kChunkRows.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// y = scale * x + shift, rounded once; y may be x.
template <class T>
void scale_shift(Team& team, std::size_t rows, std::size_t columns, const T* x, double scale, double shift, T* y);

// y = scale * x + shift, rounded once, with a scale and a shift for each column. The team shares rows in units of
// `unit`.
template <class T>
void scale_shift_columns(Team& team, std::size_t rows, std::size_t columns, const T* x, const T* scale, const T* shift,
                         T* y, std::size_t unit);

// out = factor * x + y, rounded once; out may be x or y.
template <class T>
void scaled_sum(Team& team, std::size_t rows, std::size_t columns, double factor, const T* x, const T* y, T* out);

// to += weight * (from - to): the difference is rounded, then the result. A weight of 1 copies.
template <class T>
void move_towards(Team& team, std::size_t count, double weight, const T* from, T* to);

// Row i of x clipped to [-limit * row_scale[i], limit * row_scale[i]], in place; NaN stays NaN.
template <class T>
void clip_rows(Team& team, std::size_t rows, std::size_t columns, T* x, double limit, const double* row_scale);

}  // namespace prelunet
