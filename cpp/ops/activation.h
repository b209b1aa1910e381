// Activations by a team: y = f(x + bias; parameter) and its derivative. The team shares rows in units of `unit`:
// kChunkRows times the rows of a sample (its pixels).
//
// Equations, shapes and aliasing: ActivationForward and ActivationBackward in kernels/table.h. At x = 0 the derivative
// of PReLU, leaky ReLU and ELU is that of the left side; ReLU's is 0.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

template <class T>
void activation_forward(Team& team, ActivationId id, const ActivationForward<T>& g, std::size_t unit = kChunkRows);

template <class T>
void activation_backward(Team& team, ActivationId id, const ActivationBackward<T>& g, std::size_t unit = kChunkRows);

// The number of chunks of `rows` rows, which is the number of rows of a partial.
inline std::size_t chunk_count(std::size_t rows) { return (rows + kChunkRows - 1) / kChunkRows; }

// total[j] = (first ? 0 : total[j]) + sum over c of partial[c][j], in order; partial (chunks, columns) contiguous.
// Called after a barrier. Columns are shared in units of kElementUnit.
template <class T>
void add_chunks(Team& team, std::size_t chunks, std::size_t columns, const T* partial, bool first, T* total);

// y = softmax(x) for each row; x and y (rows, columns) contiguous, y may be x.
template <class T>
void softmax_rows(Team& team, std::size_t rows, std::size_t columns, const T* x, T* y);

// y = log(softmax(x)) for each row; the same layout.
template <class T>
void log_softmax_rows(Team& team, std::size_t rows, std::size_t columns, const T* x, T* y);

// grad_x from grad_y and y = log(softmax(x)).
template <class T>
void log_softmax_backward_rows(Team& team, std::size_t rows, std::size_t columns, const T* grad_y, const T* y,
                               T* grad_x);

}  // namespace prelunet
