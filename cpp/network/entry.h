// How the backward pass of a layer with weights begins.
#pragma once

#include "network/layer.h"

namespace prelunet {

// Makes dz of flow.grad_y, in place: the layer's entry, unless the step above has done it, and the clip where one is
// wanted. `rows_per_sample`: rows of the entry for each of the batch.
template <class T>
void enter(Team& team, const Layer<T>& layer, const Flow<T>& flow, std::size_t rows_per_sample);

}  // namespace prelunet
