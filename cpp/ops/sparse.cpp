#include "ops/sparse.h"

namespace prelunet {

template <class T>
void sparse_product(Team& team, std::size_t rows, const SparseProduct<T>& g) {
  const Range share = team.share(rows, kChunkRows);
  if (!share.empty()) kernel_table<T>().sparse_product(g, share.begin, share.end);
}

template <class T>
void sparse_gradient(Team& team, const SparseGradient<T>& g) {
  const Range share = team.share(g.k, kElementUnit);
  if (!share.empty()) kernel_table<T>().sparse_gradient(g, share.begin, share.end);
}

#define PRELUNET_INSTANTIATE(T)                                              \
  template void sparse_product(Team&, std::size_t, const SparseProduct<T>&); \
  template void sparse_gradient(Team&, const SparseGradient<T>&);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
