#include "network/loss.h"

namespace prelunet {
namespace {

template <class T>
std::size_t argmax(std::size_t count, const T* x) {
  std::size_t best = 0;
  for (std::size_t j = 1; j < count; ++j) {
    if (x[j] > x[best]) best = j;
  }
  return best;
}

}  // namespace

double Targets::weight_sum(RowIndex index, std::size_t count) const {
  if (weight.empty()) return static_cast<double>(count);
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) sum += weight[index[i]];
  return sum;
}

template <class T>
void gather_targets(Team& team, const Targets& targets, RowIndex index, std::size_t rows, TargetBlock<T>& block) {
  const Range share = team.share(rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    block.weight[i] = targets.weight_of(index[i]);
    if (block.label != nullptr) block.label[i] = targets.labels[index[i]];
  }
  if (block.label == nullptr) gather(team, targets.rows, index, rows, block.target);
}

template <class T>
LossRows<T> loss_arguments(const LossConfig& config, std::size_t rows, std::size_t outputs, const T* output,
                           const TargetBlock<T>& block, const double* row_scale, double* row_loss) {
  LossRows<T> g{};
  g.rows = rows;
  g.outputs = outputs;
  g.output = output;
  g.output_stride = g.target_stride = g.grad_stride = outputs;
  g.label = block.label;
  g.target = block.label == nullptr ? block.target : nullptr;
  g.option = config.option;
  g.row_scale = row_scale;
  g.row_loss = row_loss;
  return g;
}

template <class T>
void judge_rows(Team& team, Judge judge, double threshold, std::size_t rows, std::size_t outputs, const T* output,
                const TargetBlock<T>& block, unsigned char* right) {
  const Range share = team.share(rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    const T* const o = output + i * outputs;
    if (judge == Judge::argmax) {
      const std::size_t wanted = block.label != nullptr ? static_cast<std::size_t>(block.label[i])
                                                        : argmax(outputs, block.target + i * outputs);
      right[i] = argmax(outputs, o) == wanted;
    } else {
      right[i] = (static_cast<double>(*o) > threshold) == (block.target[i] > T(0.5));
    }
  }
}

#define PRELUNET_INSTANTIATE(T)                                                                                     \
  template void gather_targets(Team&, const Targets&, RowIndex, std::size_t, TargetBlock<T>&);                      \
  template LossRows<T> loss_arguments(const LossConfig&, std::size_t, std::size_t, const T*, const TargetBlock<T>&, \
                                      const double*, double*);                                                      \
  template void judge_rows(Team&, Judge, double, std::size_t, std::size_t, const T*, const TargetBlock<T>&,         \
                           unsigned char*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
