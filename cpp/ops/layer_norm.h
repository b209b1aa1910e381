// Layer normalization of rows by a team. Rows are shared in units of `unit`, which is kChunkRows times the rows of a
// sample. Equations: kernels/layer_norm.h; shapes and aliasing: kernels/table.h.
#pragma once

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

template <class T>
void layer_norm_forward(Team& team, const LayerNormForward<T>& g, std::size_t unit = kChunkRows);

template <class T>
void layer_norm_backward(Team& team, const LayerNormBackward<T>& g, std::size_t unit = kChunkRows);

}  // namespace prelunet
