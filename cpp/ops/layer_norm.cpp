#include "ops/layer_norm.h"

namespace prelunet {

template <class T>
void layer_norm_forward(Team& team, const LayerNormForward<T>& g, std::size_t unit) {
  const Range rows = team.share(g.rows, unit);
  kernel_table<T>().layer_norm_forward(g.at(rows.begin, rows.size()));
}

template <class T>
void layer_norm_backward(Team& team, const LayerNormBackward<T>& g, std::size_t unit) {
  const Range rows = team.share(g.rows, unit);
  kernel_table<T>().layer_norm_backward(g.at(rows.begin, rows.size()));
}

#define PRELUNET_INSTANTIATE(T)                                                     \
  template void layer_norm_forward(Team&, const LayerNormForward<T>&, std::size_t); \
  template void layer_norm_backward(Team&, const LayerNormBackward<T>&, std::size_t);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
