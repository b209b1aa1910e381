// The targets of a batch, its row weights, and the loss and accuracy of its outputs. Targets are integer labels or
// rows.
#pragma once

#include <vector>

#include "network/gather.h"
#include "ops/loss.h"

namespace prelunet {

struct Targets {
  std::vector<std::int64_t> labels;  // one for each row; empty: `rows` holds targets
  RowSource rows;
  std::vector<double> weight;  // one for each row; empty: all 1

  double weight_sum(RowIndex index, std::size_t count) const;
};

// When a prediction counts as correct.
enum class Accuracy {
  none,
  argmax,     // the largest output (the first of equals) has the index of the label or of the largest target
  threshold,  // for each output: output > threshold equals target > 0.5
};

struct LossConfig {
  LossId id = LossId::softmax_cross_entropy;
  std::vector<double> options{0.0};  // of the loss, see loss_registry.h: one, or one for each output
  Accuracy accuracy = Accuracy::none;
  double threshold = 0.0;
  double clip_delta = 0.0;  // limit of a row's deltas in training; 0: no clipping

  const LossInfo& info() const { return kLosses[static_cast<int>(id)]; }
  // The number of answers in a row of outputs. Each is correct or wrong.
  std::size_t answers_per_row(std::size_t outputs) const { return accuracy == Accuracy::threshold ? outputs : 1; }
};

// One block of a batch: what the loss and the accuracy read.
template <class T>
struct TargetBlock {
  const std::int64_t* label;  // (rows,) or null
  const T* target;            // (rows, outputs); null if there are labels
  const double* weight;       // (rows,) or null: all 1
};

// Buffers for the rows of a block that cannot be read in place.
template <class T>
struct TargetBuffers {
  std::int64_t* label;  // (rows,)
  T* target;            // (rows, outputs)
  double* weight;       // (rows,)
};

// Rows `index` of the targets. They are read in place if possible. Otherwise this thread copies its share to `buffer`.
template <class T>
TargetBlock<T> gather_targets(Team& team, const Targets& targets, RowIndex index, std::size_t rows,
                              const TargetBuffers<T>& buffer);

// Results for the rows of a block.
template <class T>
struct Score {
  double* row_loss;
  T* grad;                 // dLoss/d(output), scaled by row_scale; or null
  unsigned char* correct;  // (rows, answers_per_row): 1 if an answer is correct, else 0; unused without accuracy
};

// Computes loss and accuracy of this thread's share of a block.
template <class T>
void score_rows(Team& team, const LossConfig& config, std::size_t rows, std::size_t outputs, const T* output,
                const TargetBlock<T>& block, const double* row_scale, const Score<T>& score);

}  // namespace prelunet
