// Updates of parameters by a team, elements shared; clipping of gradients. Equations: kernels/table.h.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// The update of `count` elements from each of g's pointers on, shared by kElementUnit as add_chunks() shares columns.
template <class T>
void update(Team& team, UpdateId id, const Update<T>& g, std::size_t count);

// x moved into [-limit, limit]; NaN stays.
template <class T>
void clip_by_value(Team& team, std::size_t count, T* x, double limit);

// x *= factor
template <class T>
void scale(Team& team, std::size_t count, T* x, double factor);

// y += factor * x
template <class T>
void add_scaled(Team& team, std::size_t count, double factor, const T* x, T* y);

// The sum of x^2 in float64, by fixed pieces in order, whatever the team: each thread fills its share of
// partial (square_pieces(count) numbers), and after a barrier sum_pieces(...) is the total.
std::size_t square_pieces(std::size_t count);
template <class T>
void sum_of_squares(Team& team, std::size_t count, const T* x, double* partial);
double sum_pieces(std::size_t pieces, const double* partial);

// b^n for n >= 0 by repeated squaring: the same bits with every C library.
double power(double b, std::int64_t n);

}  // namespace prelunet
