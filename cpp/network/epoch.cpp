// Training. One call runs many steps, and may run many epochs.
#include "network/backpropagation.h"
#include "network/row_order.h"
#include "network/stop.h"
#include "network/tape.h"
#include "network/tuning.h"
#include "network/twister_shuffle.h"
#include "runtime/subnormals.h"
#include "runtime/threads.h"

namespace prelunet {
namespace {

// Adds each batch to the totals of its epoch, on rank 0.
class BatchTotals {
 public:
  explicit BatchTotals(const LossConfig& loss) : mean_(loss.info().reduction == Reduction::mean) {}

  template <class Pass>
  void add(const Pass& pass, const BatchBlock& block, double factor, double penalty, Totals& totals,
           std::span<Totals* const> more) {
    if (block.first()) loss_ = correct_ = 0.0;
    pass.add_up(loss_, correct_);
    if (!block.last()) return;
    const auto rows = static_cast<double>(block.batch_rows);
    const Totals step{(factor * loss_ + penalty) * (mean_ ? rows : 1.0), correct_, rows};
    totals += step;
    for (Totals* const sums : more) *sums += step;
  }

 private:
  bool mean_;
  double loss_ = 0.0, correct_ = 0.0;
};

// The position of a run between two batches.
struct Position {
  std::size_t epoch;
  BatchBlock block;
  std::int64_t step;
};

}  // namespace

template <class T>
bool Engine<T>::loss_and_gradients(const RowSource& x, const Targets& targets, Totals& totals,
                                   const Interrupt& interrupt) {
  LossConfig loss = loss_;
  loss.clip_delta = 0.0;  // clipping is part of an update
  const Plan<T>& plan = gradient_plan(x.rows);
  const std::size_t most = most_rows<T>(plan.stages, x, block_rows(values_.size() * sizeof(T)));
  const Backpropagation<T> backpropagation(plan, loss, x, targets, outputs(),
                                           {.block_rows = std::min(most, x.rows), .rates = &rates_});
  Stop stop(interrupt);
  Stop* const between_layers = is_small(x.rows) ? nullptr : &stop;
  const int threads = threads_for(x.rows, 3.0);
  const CallAtWork call(threads > 1);
  run_flushed_team(thread_share(threads), [&](Team& team) {
    BatchTotals batch(loss_);
    const double factor = backpropagation.batch_factor(nullptr, block_at(0, x.rows, x.rows, most));
    for (std::size_t begin = 0; begin < x.rows; begin += most) {
      const BatchBlock block = block_at(begin, x.rows, x.rows, most);
      const BatchBlock next = block_at(block.end(), x.rows, x.rows, most);
      typename Backpropagation<T>::Pass pass(backpropagation, team, nullptr, block, next,
                                             static_cast<std::uint64_t>(steps_), between_layers);
      stop.ask(team);
      if (team.size() == 1 && stop.asked()) return;  // a layer's Python function raised
      pass.run(factor);
      team.barrier();
      if (stop.asked()) return;
      pass.gradients(nullptr);
      if (team.rank() == 0) batch.add(pass, block, factor, 0.0, totals, {});
      team.barrier();
    }
  });
  return !stop.asked();
}

// One call of train(). Several teams may run parts of it, one after another; `reached_` is the position between two.
template <class T>
class Engine<T>::Training {
 public:
  Training(Engine& engine, const RowSource& x, const Targets& targets, const TrainingRun& run, Totals* totals,
           const Interrupt& interrupt)
      : engine_(engine),
        plan_(engine.gradient_plan(run.batch_size)),
        run_(run),
        totals_(totals),
        batch_size_(std::min(run.batch_size, run.rows)),
        most_(most_rows<T>(plan_.stages, x, block_rows(engine.values_.size() * sizeof(T)))),
        first_(block_at(0, run.rows, batch_size_, most_)),
        shuffled_(run.shuffle.has_value() && batch_size_ < run.rows ? run.rows : 0),
        backpropagation_(plan_, engine.loss_, x, targets, engine.outputs(),
                         {.block_rows = std::min(most_, batch_size_), .rates = &engine.rates_}),
        fused_(engine.options_.fuse && !engine.optimizer_->clips()),
        small_(engine.is_small(batch_size_)),
        before_(engine.steps_),
        patience_(run.patience),
        stop_(interrupt),
        reached_{0, first_, before_} {}

  bool run() {
    const CallAtWork call;
    const int first_team = engine_.threads_for(batch_size_, 3.0), most = engine_.training_threads(batch_size_);
    // Allocated before keep_in_panels(), because leave_panels() must not fail.
    const TeamScratch scratch(std::max(first_team, most));
    const std::size_t steps = (run_.rows + batch_size_ - 1) / batch_size_ * run_.epochs;
    Layer<T>* const kept = fused_ && run_.l2_per_batch_weight == 0.0 && !engine_.optimizer_->has_mean()
                               ? engine_.layer_to_keep_in_panels(plan_, steps)
                               : nullptr;
    const int few = thread_share(first_team);
    if (kept != nullptr) run_flushed_team(few, scratch, [&](Team& team) { kept->keep_in_panels(team); });
    ThreadTuner& tuner = engine_.thread_tuner_;
    tuner.want(first_team, most, batch_size_, small_);
    while (reached_.epoch < run_.epochs && !stop_.asked()) {
      Trial trial = tuner.next();
      run_flushed_team(trial.size(), scratch, [&](Team& team) { work(team, trial); });
      tuner.add(trial);
    }
    if (kept != nullptr) run_flushed_team(few, scratch, [&](Team& team) { kept->leave_panels(team); });
    return !stop_.asked();
  }

 private:
  using Pass = typename Backpropagation<T>::Pass;

  // Runs one thread's part of a trial, which ends between two batches.
  void work(Team& team, Trial& trial) {
    BatchTotals batch(engine_.loss_);
    Position at = reached_;
    double factor = 0.0;
    while (at.epoch < run_.epochs && !trial.ended()) {
      if (!train_block(team, trial, at, batch, factor)) return;
    }
    if (team.rank() == 0) reached_ = at;
  }

  // Trains on one block; the last block of a batch includes the update. Returns false if interrupted.
  bool train_block(Team& team, Trial& trial, Position& at, BatchTotals& batch, double& factor) {
    const BatchBlock block = at.block;
    const std::int64_t* const order = order_of(team, at);
    const bool ends = block.end() == run_.rows;
    const BatchBlock next = ends ? first_ : block_at(block.end(), run_.rows, batch_size_, most_);
    if (block.first()) factor = backpropagation_.batch_factor(order, block);
    // The next epoch may have another order, so nothing is prefetched at an epoch's end.
    Pass pass(backpropagation_, team, order, block, ends && order != nullptr ? BatchBlock{} : next,
              static_cast<std::uint64_t>(at.step), small_ ? nullptr : &stop_);
    stop_.ask(team);
    if (team.size() == 1 && stop_.asked()) return false;  // a layer's Python function raised
    pass.run(factor);
    const double l2 = penalty_of(team, order, block);
    trial.barrier(team);
    if (stop_.asked()) return false;
    const Optimizer<T>& optimizer = *engine_.optimizer_;
    const bool penalized = l2 != 0.0 && team.rank() == 0;
    const double penalty = penalized ? 0.5 * l2 * run_.penalty_in_loss * optimizer.squares() : 0.0;
    if (!block.last()) {
      pass.gradients(nullptr);
    } else {
      const StepUpdate update = optimizer.step(run_.learning_rates[at.step - before_], at.step + 1, engine_.rates_, l2);
      pass.gradients(fused_ ? &update : nullptr);
      if (!fused_) engine_.update_and_refresh(team, plan_, update);
      ++at.step;
    }
    if (team.rank() == 0) {
      batch.add(pass, block, factor, penalty, totals_[at.epoch], run_.more);
      engine_.steps_ = at.step;
      if (block.last()) trial.end_batch(block.batch_rows == batch_size_);
      if (ends && patience_ && patience_->ends_with(totals_[at.epoch]))
        exhausted_.store(true, std::memory_order_relaxed);
    }
    trial.barrier(team);
    // The next step changes no parameter before its own barrier.
    if (block.last() && optimizer.has_mean()) optimizer.add_to_mean(team, at.step);
    if (ends) at.epoch = exhausted_.load(std::memory_order_relaxed) ? run_.epochs : at.epoch + 1;
    at.block = next;
    return true;
  }

  // The order of the rows of an epoch; null means the order of the array. Rank 0 shuffles at the start of an epoch.
  const std::int64_t* order_of(Team& team, const Position& at) {
    if (run_.twister) {
      if (at.block.begin == 0) {
        if (team.rank() == 0) Twister(run_.twister->state).shuffle({run_.twister->rows, run_.rows});
        team.barrier();
      }
      return run_.twister->rows;
    }
    if (shuffled_.empty()) return run_.order == nullptr ? run_.subset : run_.order + at.epoch * run_.rows;
    if (at.block.begin == 0) {
      if (team.rank() == 0) {
        row_order(run_.shuffle->seed, run_.shuffle->first_epoch + at.epoch, shuffled_);
        if (run_.subset != nullptr) {
          for (std::int64_t& row : shuffled_) row = run_.subset[row];
        }
      }
      team.barrier();
    }
    return shuffled_.data();
  }

  // The l2 that the penalty adds to the update after this block, or 0. If it is not 0, the team also sums the squares
  // of the parameters.
  double penalty_of(Team& team, const std::int64_t* order, const BatchBlock& block) {
    if (run_.l2_per_batch_weight == 0.0 || !block.last()) return 0.0;
    engine_.optimizer_->square(team);
    return run_.l2_per_batch_weight * backpropagation_.batch_factor(order, block, Reduction::mean);
  }

  Engine& engine_;
  const Plan<T>& plan_;
  const TrainingRun& run_;
  Totals* totals_;
  std::size_t batch_size_;
  std::size_t most_;  // maximum rows of a block
  BatchBlock first_;
  std::vector<std::int64_t> shuffled_;  // empty: rows are not shuffled
  Backpropagation<T> backpropagation_;
  bool fused_;  // layers update their own parameters
  bool small_;
  std::int64_t before_;  // steps before this run
  std::optional<Patience> patience_;
  std::atomic<bool> exhausted_{false};  // the patience; all threads see it after a barrier
  Stop stop_;
  Position reached_;
};

template <class T>
bool Engine<T>::train(const RowSource& x, const Targets& targets, const TrainingRun& run, Totals* totals,
                      const Interrupt& interrupt) {
  ++version_;
  Training training(*this, x, targets, run, totals, interrupt);
  values_changed(*gradient_plan_);
  return training.run();
}

// The layer whose weight stays in panels for a run of `steps` steps: the lowest trained layer, whose input needs no
// gradient. Null if Python code may read the weight during the run, or if the run is too short to repay copying the
// weight to its panels and back.
template <class T>
Layer<T>* Engine<T>::layer_to_keep_in_panels(const Plan<T>& plan, std::size_t steps) const {
  const std::size_t lowest = plan.lowest_trained();
  if (steps < kMinStepsInPanels || lowest == plan.stages.size() || calls_python()) return nullptr;
  Layer<T>* const layer = plan.stages[lowest].get();
  return layer->reserve_panels() ? layer : nullptr;
}

template <class T>
void Engine<T>::apply_gradients(double learning_rate, double l2) {
  ++version_;
  const StepUpdate update = optimizer_->step(learning_rate, steps_ + 1, rates_, l2);
  run_flushed_team(threads_for(1, 1.0), [&](Team& team) {
    update_and_refresh(team, *gradient_plan_, update);
    if (optimizer_->has_mean()) optimizer_->add_to_mean(team, steps_ + 1);
  });
  values_changed(*gradient_plan_);
  ++steps_;
}

template <class T>
std::unique_ptr<Tape<T>> Engine<T>::tape(const RowSource& x, const Targets& targets, const TapeOptions& options) {
  return std::make_unique<Tape<T>>(gradient_plan(x.rows), loss_, x, targets, outputs(), options,
                                   static_cast<std::uint64_t>(steps_), rates_, threads_for(x.rows, 3.0));
}

// The update as a separate pass, after all gradients are complete.
template <class T>
void Engine<T>::update_and_refresh(Team& team, const Plan<T>& plan, const StepUpdate& update) {
  team.barrier();
  optimizer_->update(team, update);
  team.barrier();
  for (const auto& layer : plan.stages) layer->refresh(team);
}

template void Engine<float>::apply_gradients(double, double);
template void Engine<double>::apply_gradients(double, double);
template std::unique_ptr<Tape<float>> Engine<float>::tape(const RowSource&, const Targets&, const TapeOptions&);
template std::unique_ptr<Tape<double>> Engine<double>::tape(const RowSource&, const Targets&, const TapeOptions&);
template bool Engine<float>::loss_and_gradients(const RowSource&, const Targets&, Totals&, const Interrupt&);
template bool Engine<double>::loss_and_gradients(const RowSource&, const Targets&, Totals&, const Interrupt&);
template bool Engine<float>::train(const RowSource&, const Targets&, const TrainingRun&, Totals*, const Interrupt&);
template bool Engine<double>::train(const RowSource&, const Targets&, const TrainingRun&, Totals*, const Interrupt&);

}  // namespace prelunet
