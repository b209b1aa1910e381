// Activations by a team, rows shared in units of `unit`: y = f(x + bias; parameter) and its derivative. `unit` is a
// multiple of kChunkRows: that many times the rows of one sample, where a sample has several (pixels).
//
// Equations, shapes and aliasing: kernels/table.h (ActivationForward, ActivationBackward). At x = 0 PReLU, leaky ReLU
// and ELU take the left side's slope, ReLU takes 0.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

template <class T>
void activation_forward(Team& team, ActivationId id, const ActivationForward<T>& g, std::size_t unit = kChunkRows);

template <class T>
void activation_backward(Team& team, ActivationId id, const ActivationBackward<T>& g, std::size_t unit = kChunkRows);

// Chunks that `rows` rows are summed in; a partial has that many rows.
inline std::size_t chunk_count(std::size_t rows) { return (rows + kChunkRows - 1) / kChunkRows; }

// total[j] = (first ? 0 : total[j]) + sum over c of partial[c][j], in order; partial (chunks, columns) contiguous. The
// team must have met (barrier) since the partials were written. Columns are shared by kElementUnit.
template <class T>
void add_chunks(Team& team, std::size_t chunks, std::size_t columns, const T* partial, bool first, T* total);

// y = softmax(x) for each row; x and y (rows, columns) contiguous, y may be x.
template <class T>
void softmax_rows(Team& team, std::size_t rows, std::size_t columns, const T* x, T* y);

}  // namespace prelunet
