#include "ops/column_sums.h"

#include "ops/activation.h"

namespace prelunet {

template <class T>
void column_sums(Team& team, std::size_t rows, std::size_t columns, const T* x, std::size_t stride, T* partial,
                 T* sums) {
  ActivationBackward<T> g{};
  g.rows = rows;
  g.columns = columns;
  g.grad_y = x;
  g.grad_y_stride = stride;
  g.bias_partial = partial;
  g.partial_stride = columns;
  activation_backward(team, ActivationId::identity, g);
  team.barrier();
  add_chunks(team, chunk_count(rows), columns, partial, true, sums);
}

template void column_sums(Team&, std::size_t, std::size_t, const float*, std::size_t, float*, float*);
template void column_sums(Team&, std::size_t, std::size_t, const double*, std::size_t, double*, double*);

}  // namespace prelunet
