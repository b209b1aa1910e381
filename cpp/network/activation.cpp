#include "network/activation.h"

#include <algorithm>
#include <numeric>

#include "ops/optimizer.h"

namespace prelunet {

template <class T>
void Activation<T>::gradients(Team& team, std::size_t rows, T* work, bool first, const StepUpdate* step) const {
  if (!wants_gradient()) return;
  const std::size_t chunks = chunk_count(rows);
  if (spec_.channel) {
    add_chunks(team, chunks, columns_, partial(work), first, learned_.gradient);
  } else if (!team.share(1, kElementUnit).empty()) {
    // One parameter for all channels: one thread adds the channel sums, in order.
    if (first) std::fill_n(work, columns_, T(0));
    kernel_table<T>().add_chunks(chunks, columns_, partial(work), columns_, work);
    *learned_.gradient = std::accumulate(work, work + columns_, T(0));
  }
  if (step != nullptr) update(team, step->id, step->of(learned_, learned_.size), learned_.size);
}

template class Activation<float>;
template class Activation<double>;

}  // namespace prelunet
