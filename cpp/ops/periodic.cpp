#include "ops/periodic.h"

namespace prelunet {

template <class T>
void periodic_forward(Team& team, const PeriodicForward<T>& g) {
  const Range rows = team.share(g.rows, kChunkRows);
  kernel_table<T>().periodic_forward(g.at(rows.begin, rows.size()));
}

template <class T>
void periodic_backward(Team& team, const PeriodicBackward<T>& g) {
  const Range rows = team.share(g.rows, kChunkRows);
  kernel_table<T>().periodic_backward(g.at(rows.begin, rows.size()));
}

#define PRELUNET_INSTANTIATE(T)                                     \
  template void periodic_forward(Team&, const PeriodicForward<T>&); \
  template void periodic_backward(Team&, const PeriodicBackward<T>&);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
