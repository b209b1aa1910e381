// A network: layers over one parameter arena and one gradient arena, and the loops that run batches through them.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "network/loss.h"
#include "network/optimizer.h"
#include "network/plan.h"
#include "network/stop.h"
#include "network/team_size.h"
#include "network/usage.h"

namespace prelunet {

// What the steps of an epoch add up to, in row order.
struct Totals {
  double loss = 0.0;  // mean losses: each step's loss times its rows; sum losses: the steps' losses
  double right = 0.0;
  double rows = 0.0;

  Totals& operator+=(const Totals& other) {
    loss += other.loss;
    right += other.right;
    rows += other.rows;
    return *this;
  }
};

// A new order of rows for each epoch, as row_order() gives it. A batch of all rows is taken as it lies.
struct Shuffle {
  std::uint64_t seed;
  std::uint64_t first_epoch;
};

struct TrainingRun {
  const std::int64_t* order = nullptr;  // rows to visit, epoch after epoch; null: all, as they lie
  std::size_t rows = 0;                 // of an epoch
  std::size_t batch_size = 0;
  std::size_t epochs = 1;
  std::optional<Shuffle> shuffle;          // in place of order
  const double* learning_rates = nullptr;  // one for each step of all epochs
  // Penalty l2_per_batch_weight / (2 * weight of the batch) * sum(p^2) over all parameters that decay. Rows without
  // weights weigh 1.
  double l2_per_batch_weight = 0.0;
  double penalty_in_loss = 1.0;   // factor of the penalty in the totals' loss
  std::span<Totals* const> more;  // further sums, to which each step is added too
};

// Where a parameter stands: its layer in the list of layers, and its place in the arenas.
struct PlacedParameter {
  std::size_t layer;
  ParameterInfo info;
  std::size_t offset;
  std::size_t size;
};

template <class T>
class Tape;
struct TapeOptions;

template <class T>
class Engine {
 public:
  Engine(const Shape& input, const std::vector<LayerConfig>& layers, std::uint64_t seed, bool fuse);

  const Shape& input_shape() const { return input_; }
  std::size_t inputs() const { return element_count(input_); }
  std::size_t outputs() const { return plan_.shapes.empty() ? inputs() : element_count(plan_.shapes.back()); }
  const std::vector<Shape>& shapes() const { return plan_.shapes; }
  const std::vector<PlacedParameter>& parameters() const { return parameters_; }
  T* values() const { return values_.data(); }
  T* gradients() const { return gradients_.data(); }

  // Values have been written: renews what layers derive from them.
  void refresh();

  void compile(const LossConfig& loss, const OptimizerConfig& optimizer);
  bool compiled() const { return optimizer_.has_value(); }
  const LossConfig& loss() const { return loss_; }
  // Of a network that is compiled.
  const std::vector<Arena<T>>& slots() const { return optimizer_->slots(); }

  // Training steps taken so far: Adam's count, and dropout's.
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

  // Moves on whenever values may have changed.
  std::uint64_t version() const { return version_; }

  Usage& usage() { return usage_; }

  // Outputs (rows, outputs()) of all rows. False: interrupted, here and below.
  bool predict(const RowSource& x, T* out, const Interrupt& interrupt) const;

  // Loss and right answers of all rows as one batch, without dropout.
  bool evaluate(const RowSource& x, const Targets& targets, Totals& totals, const Interrupt& interrupt) const;

  // One batch of all rows, forward and backward, no update: the loss, and gradients() filled.
  bool loss_and_gradients(const RowSource& x, const Targets& targets, Totals& totals, const Interrupt& interrupt);

  // The update that gradients(), written by the caller, stand for; `l2` comes on top of the optimizer's.
  void apply_gradients(double learning_rate, double l2 = 0.0);

  // Room to keep all of a batch; the network and the arrays must outlive it.
  std::unique_ptr<Tape<T>> tape(const RowSource& x, const Targets& targets, const TapeOptions& options) const;

  // Training steps over `run`, each epoch added to its own totals; an interrupted step leaves no trace in the
  // parameters.
  bool train(const RowSource& x, const Targets& targets, const TrainingRun& run, Totals* totals,
             const Interrupt& interrupt);

 private:
  // For one row, forward.
  double multiply_adds() const;
  bool calls_python() const;
  // `passes`: products of the size of a forward pass: 1 to predict, 3 for all gradients.
  int threads_for(std::size_t rows, double passes) const;
  // At most, in a run of steps.
  int training_threads(std::size_t batch_size) const;
  // Whether a step of training on so many rows is short enough for fewer threads to need less time.
  bool is_small(std::size_t rows) const;

  Layer<T>* layer_to_take(std::size_t steps) const;
  void update_and_refresh(Team& team, const StepUpdate& update);

  Shape input_;
  Plan<T> plan_;
  bool fuse_;  // layers move their own parameters as soon as a gradient is complete, where that may be
  std::vector<PlacedParameter> parameters_;
  std::vector<Parameter<T>> places_;
  Arena<T> values_;
  Arena<T> gradients_;
  LossConfig loss_;
  std::optional<Optimizer<T>> optimizer_;
  std::atomic<std::int64_t> steps_{0};  // a thread that will be refused may ask while another trains
  std::atomic<std::uint64_t> version_{0};
  Usage usage_;
  TeamSize team_size_;
};

}  // namespace prelunet
