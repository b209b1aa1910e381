// Periodic embeddings by a team. Rows are shared in units of kChunkRows. Equations: kernels/periodic.h; shapes and
// aliasing: kernels/periodic_table.h.
#pragma once

#include "kernels/dispatch.h"
#include "kernels/periodic_table.h"
#include "runtime/team.h"

namespace prelunet {

template <class T>
void periodic_forward(Team& team, const PeriodicForward<T>& g);

template <class T>
void periodic_backward(Team& team, const PeriodicBackward<T>& g);

}  // namespace prelunet
