// Training: many steps, and many epochs, in one call by one team.
#include "network/backpropagation.h"
#include "network/row_order.h"
#include "network/stop.h"
#include "network/tape.h"

namespace prelunet {
namespace {

// Adds each batch to the sums of its epoch, on rank 0.
class BatchTotals {
 public:
  explicit BatchTotals(const LossConfig& loss) : mean_(loss.info().reduction == Reduction::mean) {}

  template <class Pass>
  void add(const Pass& pass, const BatchBlock& block, double factor, double penalty, Totals& totals,
           std::span<Totals* const> more) {
    if (block.first()) loss_ = right_ = 0.0;
    pass.add_up(loss_, right_);
    if (!block.last()) return;
    const auto rows = static_cast<double>(block.batch_rows);
    const Totals step{(factor * loss_ + penalty) * (mean_ ? rows : 1.0), right_, rows};
    totals += step;
    for (Totals* const sums : more) *sums += step;
  }

 private:
  bool mean_;
  double loss_ = 0.0, right_ = 0.0;
};

// Where a run stands between two batches.
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
  const std::size_t most = block_rows(values_.size() * sizeof(T));
  const Backpropagation<T> backpropagation(plan_, loss, x, targets, outputs(), {.block_rows = std::min(most, x.rows)});
  Stop stop(interrupt);
  Stop* const between_layers = is_small(x.rows) ? nullptr : &stop;
  run_team(threads_for(x.rows, 3.0), [&](Team& team) {
    BatchTotals batch(loss_);
    const double factor = backpropagation.batch_factor(nullptr, block_at(0, x.rows, x.rows, most));
    for (std::size_t begin = 0; begin < x.rows; begin += most) {
      const BatchBlock block = block_at(begin, x.rows, x.rows, most);
      const BatchBlock next = block_at(block.end(), x.rows, x.rows, most);
      typename Backpropagation<T>::Pass pass(backpropagation, team, nullptr, block, next,
                                             static_cast<std::uint64_t>(steps_), between_layers);
      stop.ask(team);
      if (team.size() == 1 && stop.asked()) return;  // Python, which a layer may call, has an error to raise
      pass.carry(factor);
      team.barrier();
      if (stop.asked()) return;
      pass.gradients(nullptr);
      if (team.rank() == 0) batch.add(pass, block, factor, 0.0, totals, {});
      team.barrier();
    }
  });
  return !stop.asked();
}

template <class T>
bool Engine<T>::train(const RowSource& x, const Targets& targets, const TrainingRun& run, Totals* totals,
                      const Interrupt& interrupt) {
  const std::size_t batch_size = std::min(run.batch_size, run.rows);
  const bool shuffles = run.shuffle.has_value() && batch_size < run.rows;
  std::vector<std::int64_t> shuffled(shuffles ? run.rows : 0);
  const std::size_t most = block_rows(values_.size() * sizeof(T));
  const Backpropagation<T> backpropagation(plan_, loss_, x, targets, outputs(),
                                           {.block_rows = std::min(most, batch_size)});
  const bool fused = fuse_ && !optimizer_->clips();
  const std::int64_t before = steps_;
  ++version_;
  const BatchBlock first = block_at(0, run.rows, batch_size, most);
  Stop stop(interrupt);
  const bool small = is_small(batch_size);
  Stop* const between_layers = small ? nullptr : &stop;
  Position reached{0, first, before};

  const auto work = [&](Team& team, Shift& shift) {
    BatchTotals batch(loss_);
    Position at = reached;
    double factor = 0.0;
    while (at.epoch < run.epochs && !shift.leaves()) {
      const BatchBlock& block = at.block;
      if (shuffles && block.begin == 0) {
        if (team.rank() == 0) row_order(run.shuffle->seed, run.shuffle->first_epoch + at.epoch, shuffled);
        team.barrier();
      }
      const std::int64_t* const order = shuffles               ? shuffled.data()
                                        : run.order == nullptr ? nullptr
                                                               : run.order + at.epoch * run.rows;
      const bool ends = block.end() == run.rows;
      const BatchBlock next = ends ? first : block_at(block.end(), run.rows, batch_size, most);
      if (block.first()) factor = backpropagation.batch_factor(order, block);
      // The next epoch may have another order: at an epoch's end, nothing can be asked for.
      typename Backpropagation<T>::Pass pass(backpropagation, team, order, block,
                                             ends && order != nullptr ? BatchBlock{} : next,
                                             static_cast<std::uint64_t>(at.step), between_layers);
      stop.ask(team);
      if (team.size() == 1 && stop.asked()) return;  // Python, which a layer may call, has an error to raise
      pass.carry(factor);
      const bool penalized = run.l2_per_batch_weight != 0.0 && block.last();
      const double l2 =
          penalized ? run.l2_per_batch_weight * backpropagation.batch_factor(order, block, Reduction::mean) : 0.0;
      if (penalized) optimizer_->square(team);
      shift.meet(team);
      if (stop.asked()) return;
      const double penalty =
          penalized && team.rank() == 0 ? 0.5 * l2 * run.penalty_in_loss * optimizer_->squares() : 0.0;
      if (!block.last()) {
        pass.gradients(nullptr);
      } else {
        const StepUpdate update = optimizer_->step(run.learning_rates[at.step - before], at.step + 1, l2);
        pass.gradients(fused ? &update : nullptr);
        if (!fused) update_and_refresh(team, update);
        ++at.step;
      }
      if (team.rank() == 0) {
        batch.add(pass, block, factor, penalty, totals[at.epoch], run.more);
        steps_ = at.step;
        if (block.last()) shift.judge(block.batch_rows == batch_size);
      }
      shift.meet(team);
      if (ends) ++at.epoch;
      at.block = next;
    }
    if (team.rank() == 0) reached = at;
  };

  const int first_team = threads_for(batch_size, 3.0);
  Layer<T>* const taker = fused && run.l2_per_batch_weight == 0.0
                              ? layer_to_take((run.rows + batch_size - 1) / batch_size * run.epochs)
                              : nullptr;
  if (taker != nullptr) run_team(first_team, [&](Team& team) { taker->take_parameters(team); });
  team_size_.want(first_team, training_threads(batch_size), batch_size, small);
  while (reached.epoch < run.epochs && !stop.asked()) {
    Shift shift = team_size_.next();
    run_team(shift.size(), [&](Team& team) { work(team, shift); });
    team_size_.add(shift);
  }
  if (taker != nullptr) run_team(first_team, [&](Team& team) { taker->return_parameters(team); });
  return !stop.asked();
}

// The layer that has its parameters to itself for so many steps, or null: the lowest one that learns, whose inputs want
// no gradient, where nothing in Python may look at them meanwhile and there are steps enough to repay the way to its
// own place and back.
template <class T>
Layer<T>* Engine<T>::layer_to_take(std::size_t steps) const {
  constexpr std::size_t kWorthTaking = 8;
  const std::size_t lowest = plan_.lowest_trained();
  if (steps < kWorthTaking || lowest == plan_.steps.size() || calls_python()) return nullptr;
  Layer<T>* const layer = plan_.steps[lowest].get();
  return layer->reserve_room() ? layer : nullptr;
}

template <class T>
void Engine<T>::apply_gradients(double learning_rate, double l2) {
  ++version_;
  const StepUpdate update = optimizer_->step(learning_rate, steps_ + 1, l2);
  run_team(threads_for(1, 1.0), [&](Team& team) { update_and_refresh(team, update); });
  ++steps_;
}

template <class T>
std::unique_ptr<Tape<T>> Engine<T>::tape(const RowSource& x, const Targets& targets, const TapeOptions& options) const {
  return std::make_unique<Tape<T>>(plan_, loss_, x, targets, outputs(), options, static_cast<std::uint64_t>(steps_),
                                   threads_for(x.rows, 3.0));
}

// The update as passes of its own, after all gradients are complete.
template <class T>
void Engine<T>::update_and_refresh(Team& team, const StepUpdate& update) {
  team.barrier();
  optimizer_->update(team, update);
  team.barrier();
  for (const auto& layer : plan_.steps) layer->refresh(team);
}

template void Engine<float>::apply_gradients(double, double);
template void Engine<double>::apply_gradients(double, double);
template std::unique_ptr<Tape<float>> Engine<float>::tape(const RowSource&, const Targets&, const TapeOptions&) const;
template std::unique_ptr<Tape<double>> Engine<double>::tape(const RowSource&, const Targets&, const TapeOptions&) const;
template bool Engine<float>::loss_and_gradients(const RowSource&, const Targets&, Totals&, const Interrupt&);
template bool Engine<double>::loss_and_gradients(const RowSource&, const Targets&, Totals&, const Interrupt&);
template bool Engine<float>::train(const RowSource&, const Targets&, const TrainingRun&, Totals*, const Interrupt&);
template bool Engine<double>::train(const RowSource&, const Targets&, const TrainingRun&, Totals*, const Interrupt&);

}  // namespace prelunet
