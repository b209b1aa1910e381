// A network: layers over one parameter arena and one gradient arena, and the loops that train and predict.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "network/loss.h"
#include "network/optimizer.h"
#include "network/plan.h"
#include "network/stop.h"
#include "network/thread_tuner.h"
#include "network/usage.h"

namespace prelunet {

// Sums over the steps of an epoch, in the order of the rows.
struct Totals {
  double loss = 0.0;  // of the step losses; if the reduction is a mean, each is first multiplied by its rows
  double correct = 0.0;
  double rows = 0.0;

  Totals& operator+=(const Totals& other) {
    loss += other.loss;
    correct += other.correct;
    rows += other.rows;
    return *this;
  }
};

// Shuffles the rows for each epoch by row_order(). A single batch of all rows keeps the order of the array.
struct Shuffle {
  std::uint64_t seed;
  std::uint64_t first_epoch;
};

// Shuffles `rows` in place for each epoch; see Twister.
struct TwisterShuffle {
  std::uint32_t* state;
  std::int64_t* rows;
};

// Ends a run after more than `most` successive epochs whose loss is not below the lowest one before by `tol`.
struct Patience {
  double factor;  // of the loss
  double tol;
  double least;  // loss so far
  double most;
  double count;  // successive epochs without improvement so far

  // Counts an epoch. Returns whether the run ends. A loss that is not a number counts as an improvement.
  bool ends_with(const Totals& epoch) {
    const double loss = factor * epoch.loss / epoch.rows;
    count = loss > least - tol ? count + 1.0 : 0.0;
    if (loss < least) least = loss;
    return count > most;
  }
};

struct TrainingRun {
  const std::int64_t* order = nullptr;   // rows to visit, epoch after epoch; null: `subset`
  const std::int64_t* subset = nullptr;  // the rows of an epoch, which `shuffle` permutes; null: all rows
  std::size_t rows = 0;                  // of an epoch
  std::size_t batch_size = 0;
  std::size_t epochs = 1;
  std::optional<Shuffle> shuffle;          // used instead of `order`
  std::optional<TwisterShuffle> twister;   // used instead of both
  const double* learning_rates = nullptr;  // one for each step of all epochs
  // Penalty l2_per_batch_weight / (2 * weight of the batch) * sum(p^2) over all parameters that decay. A row without a
  // weight counts as 1.
  double l2_per_batch_weight = 0.0;
  double penalty_in_loss = 1.0;   // factor of the penalty in the totals' loss
  std::span<Totals* const> more;  // additional totals that each step is added to
  std::optional<Patience> patience;
};

// A parameter with its layer in the list of layers and its place in the arenas.
struct PlacedParameter {
  std::size_t layer;
  ParameterInfo info;
  std::size_t offset;
  std::size_t size;
};

template <class T>
class BatchShare;
template <class T>
class Tape;
struct TapeOptions;

template <class T>
class Engine {
 public:
  Engine(const Shape& input, const std::vector<LayerConfig>& layers, const PlanOptions& options);

  const Shape& input_shape() const { return input_; }
  std::size_t inputs() const { return element_count(input_); }
  std::size_t outputs() const { return element_count(plan_.output); }
  const std::vector<Shape>& shapes() const { return plan_.shapes; }
  const Shape& output_shape() const { return plan_.output; }
  const std::vector<PlacedParameter>& parameters() const { return parameters_; }
  // For each feature of X, the number of categories whose integer codes it holds, or 0. Empty: none holds codes.
  std::vector<std::size_t> categories() const { return plan_.categories(); }
  T* values() const { return values_.data(); }
  T* gradients() const { return gradients_.data(); }

  // Multiply-adds of the forward pass of one row.
  double multiply_adds() const;

  // Recomputes what layers derive from values. Call it after writing values.
  void refresh();

  void compile(const LossConfig& loss, const OptimizerConfig& optimizer);
  bool compiled() const { return optimizer_.has_value(); }
  const LossConfig& loss() const { return loss_; }
  // The network must be compiled.
  const std::vector<Arena<T>>& slots() const { return optimizer_->slots(); }

  // Training steps taken so far. Adam and dropout use this number.
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

  // Increases whenever values may have changed.
  std::uint64_t version() const { return version_; }

  // Rates of the steps that the next calls make or compute, until the next call of set_rates().
  void set_rates(StepRates rates) { rates_ = std::move(rates); }

  Usage& usage() { return usage_; }

  // Called before predict() and evaluate(), which may run on several threads at once, by one thread at a time.
  void prepare_to_predict() { make_current(plan_); }

  // Outputs (rows, outputs()) of all rows. Returns false if interrupted, here and below.
  bool predict(const RowSource& x, T* out, const Interrupt& interrupt) const;

  // Loss and accuracy of all rows as one batch, without dropout.
  bool evaluate(const RowSource& x, const Targets& targets, Totals& totals, const Interrupt& interrupt) const;

  // Computes the loss of all rows as one batch and fills gradients(). Makes no update.
  bool loss_and_gradients(const RowSource& x, const Targets& targets, Totals& totals, const Interrupt& interrupt);

  // The Euclidean norm of gradients(), which the caller has written. The network must be compiled.
  double gradient_norm() const;

  // Moves all values by `weight` times their difference from `other`, a network with the same parameters. The running
  // mean restarts from the result.
  void move_towards(const Engine& other, double weight);

  // Makes one update with gradients(), which the caller has written. `l2` is added to the optimizer's l2.
  void apply_gradients(double learning_rate, double l2 = 0.0);

  // The running mean of the parameters, in their layout; null if the optimizer has none.
  T* mean();

  // Exchanges the parameters and their running mean; see Optimizer. The network must be compiled.
  void swap_mean(bool keep);

  // A tape for a batch; the network and the arrays must outlive it. Called by one thread at a time, while others may
  // predict or run tapes.
  std::unique_ptr<Tape<T>> tape(const RowSource& x, const Targets& targets, const TapeOptions& options);

  // The share of one process in batches of at most `batch_rows` rows of dense X; `rows`: those of the largest share.
  // The network and the arrays must outlive it.
  std::unique_ptr<BatchShare<T>> batch_share(const RowSource& x, const Targets& targets, std::size_t batch_rows,
                                             std::size_t rows);

  // Makes the training steps of `run` and adds epoch i to totals[i]. An interrupted step does not change the
  // parameters.
  bool train(const RowSource& x, const Targets& targets, const TrainingRun& run, Totals* totals,
             const Interrupt& interrupt);

 private:
  class Training;

  bool calls_python() const;
  // `passes`: the number of products as large as that of the forward pass: 1 to predict, 3 to train.
  int threads_for(std::size_t rows, double passes) const {
    return threads_for(multiply_adds() * passes * static_cast<double>(rows));
  }
  int threads_for(double multiply_adds) const;
  int threads_to_predict(const RowSource& x) const;
  // Maximum threads in a run of training steps.
  int training_threads(std::size_t batch_size) const;
  // Whether a training step on `rows` rows is so short that fewer threads may be faster.
  bool is_small(std::size_t rows) const;

  // The plan that computes the gradients of a batch of `rows` rows, made current.
  const Plan<T>& gradient_plan(std::size_t rows);
  // Refreshes the layers of a plan if values have changed.
  void make_current(const Plan<T>& plan);
  // Values have changed, and only the layers of `current` have been refreshed.
  void values_changed(const Plan<T>& current);

  Layer<T>* layer_to_keep_in_panels(const Plan<T>& plan, std::size_t steps) const;
  void update_and_refresh(Team& team, const Plan<T>& plan, const StepUpdate& update);

  Shape input_;
  std::vector<LayerConfig> layers_;
  PlanOptions options_;  // fuse: layers also update their parameters as soon as a gradient is complete, unless clipped
  Plan<T> plan_;
  // The same layers in float32. It computes the gradients of small batches of a network in bfloat16, where packing the
  // weights after each update takes longer than products in bfloat16 save. Made when first used.
  std::unique_ptr<Plan<T>> float32_plan_;
  const Plan<T>* gradient_plan_ = &plan_;  // of the last gradients
  const Plan<T>* stale_ = nullptr;         // its layers must be refreshed before it is used
  std::vector<PlacedParameter> parameters_;
  std::vector<Parameter<T>> places_;
  Arena<T> values_;
  Arena<T> gradients_;
  LossConfig loss_;
  std::optional<Optimizer<T>> optimizer_;
  StepRates rates_;
  std::atomic<std::int64_t> steps_{0};  // another thread may read it during training
  std::atomic<std::uint64_t> version_{0};
  Usage usage_;
  ThreadTuner thread_tuner_;
};

}  // namespace prelunet
