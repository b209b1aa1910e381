#include "network/entry.h"

#include "ops/activation.h"
#include "ops/elementwise.h"

namespace prelunet {
namespace {

// The entry with dz clipped between the activation, whose alpha sees what came from above, and the bias's sums.
template <class T>
void enter_clipped(Team& team, const std::optional<Entry<T>>& entry, std::size_t columns, const Flow<T>& flow,
                   std::size_t unit) {
  if (entry && entry->id != ActivationId::identity) {
    ActivationBackward<T> activation = entry->g;
    activation.bias_partial = nullptr;
    activation_backward(team, entry->id, activation, unit);
  }
  clip_rows(team, flow.rows, columns, flow.grad_y, flow.clip->limit, flow.clip->row_scale);
  if (!entry || entry->g.bias_partial == nullptr) return;
  ActivationBackward<T> sums{};
  sums.rows = entry->g.rows;
  sums.columns = entry->g.columns;
  sums.grad_y = flow.grad_y;
  sums.grad_y_stride = sums.x_stride = sums.y_stride = sums.grad_x_stride = sums.partial_stride = sums.columns;
  sums.bias_partial = entry->g.bias_partial;
  activation_backward(team, ActivationId::identity, sums, unit);
}

}  // namespace

template <class T>
void enter(Team& team, const Layer<T>& layer, const Flow<T>& flow, std::size_t rows_per_sample) {
  if (flow.entered) return;
  const std::optional<Entry<T>> entry = layer.entry(flow);
  const std::size_t unit = kChunkRows * rows_per_sample;
  if (flow.clip != nullptr) return enter_clipped(team, entry, layer.outputs(), flow, unit);
  if (entry) activation_backward(team, entry->id, entry->g, unit);
}

template void enter(Team&, const Layer<float>&, const Flow<float>&, std::size_t);
template void enter(Team&, const Layer<double>&, const Flow<double>&, std::size_t);

}  // namespace prelunet
