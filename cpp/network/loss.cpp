#include "network/loss.h"

#include <algorithm>

namespace prelunet {
double Targets::weight_sum(RowIndex index, std::size_t count) const {
  if (weight.empty()) return static_cast<double>(count);
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) sum += weight[index[i]];
  return sum;
}

namespace {

// Elements `index` of `all`; see gather_targets.
template <class E>
const E* gather_elements(const std::vector<E>& all, RowIndex index, Range share, E* buffer) {
  if (all.empty()) return nullptr;
  if (index.order == nullptr) return all.data() + index.begin;
  for (std::size_t i = share.begin; i < share.end; ++i) buffer[i] = all[index[i]];
  return buffer;
}

template <class T>
void count_correct(Team& team, Accuracy accuracy, double threshold, std::size_t rows, std::size_t outputs,
                   const T* output, const TargetBlock<T>& block, unsigned char* correct) {
  const Range share = team.share(rows, kChunkRows);
  if (accuracy == Accuracy::threshold) {
    for (std::size_t i = share.begin * outputs; i < share.end * outputs; ++i) {
      correct[i] = (static_cast<double>(output[i]) > threshold) == (block.target[i] > T(0.5));
    }
    return;
  }
  const auto& kernels = kernel_table<T>();
  constexpr std::size_t kRows = 64;
  std::int64_t found[kRows], target[kRows];
  for (std::size_t first = share.begin; first < share.end; first += kRows) {
    const std::size_t count = std::min(kRows, share.end - first);
    kernels.argmax_rows(count, outputs, output + first * outputs, found);
    if (block.label == nullptr) kernels.argmax_rows(count, outputs, block.target + first * outputs, target);
    const std::int64_t* const wanted = block.label == nullptr ? target : block.label + first;
    for (std::size_t i = 0; i < count; ++i) correct[first + i] = found[i] == wanted[i];
  }
}

}  // namespace

template <class T>
TargetBlock<T> gather_targets(Team& team, const Targets& targets, RowIndex index, std::size_t rows,
                              const TargetBuffers<T>& buffer) {
  const Range share = team.share(rows, kChunkRows);
  return {gather_elements(targets.labels, index, share, buffer.label),
          targets.labels.empty() ? rows_of(team, targets.rows, index, rows, buffer.target) : nullptr,
          gather_elements(targets.weight, index, share, buffer.weight)};
}

template <class T>
void score_rows(Team& team, const LossConfig& config, std::size_t rows, std::size_t outputs, const T* output,
                const TargetBlock<T>& block, const double* row_scale, const Score<T>& score) {
  LossRows<T> g{};
  g.rows = rows;
  g.outputs = outputs;
  g.output = output;
  g.output_stride = g.target_stride = g.grad_stride = outputs;
  g.label = block.label;
  g.target = block.target;
  g.option = config.options.data();
  g.options = config.options.size();
  g.row_scale = row_scale;
  g.row_loss = score.row_loss;
  g.grad = score.grad;
  const bool finds_largest = config.id == LossId::softmax_cross_entropy && block.label != nullptr;
  if (config.accuracy == Accuracy::argmax && finds_largest) g.correct = score.correct;
  loss_rows(team, config.id, g);
  if (config.accuracy != Accuracy::none && g.correct == nullptr) {
    count_correct(team, config.accuracy, config.threshold, rows, outputs, output, block, score.correct);
  }
}

#define PRELUNET_INSTANTIATE(T)                                                                                  \
  template TargetBlock<T> gather_targets(Team&, const Targets&, RowIndex, std::size_t, const TargetBuffers<T>&); \
  template void score_rows(Team&, const LossConfig&, std::size_t, std::size_t, const T*, const TargetBlock<T>&,  \
                           const double*, const Score<T>&);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
