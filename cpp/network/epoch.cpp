// Training: many steps in one call. One team carries the batches through the network; a batch larger than a block goes
// through block by block, so that memory does not grow with it.
#include <algorithm>
#include <atomic>

#include "network/network.h"
#include "network/workspace.h"

namespace prelunet {
namespace {

constexpr std::size_t kBlockRows = 256;  // a multiple of kChunkRows

// Forward, loss and backward of one batch by a team, from gathered rows to the gradients of all parameters.
template <class T>
class Backpropagation {
 public:
  Backpropagation(const Plan<T>& plan, const LossConfig& loss, const RowSource& x, const Targets& targets,
                  std::size_t outputs, std::size_t batch_size, const Interrupt& interrupt)
      : plan_(plan),
        loss_(loss),
        x_(x),
        direct_(x.direct<T>()),
        targets_(targets),
        outputs_(outputs),
        interrupt_(interrupt),
        lowest_(lowest_trained(plan)),
        workspace_(plan, x.features, outputs, std::min(kBlockRows, batch_size)) {}

  // False: interrupted. Every thread of the team gets the same answer; the batch's totals are valid in rank 0, and the
  // gradients are complete once the team has met again.
  bool batch(Team& team, RowIndex index, std::size_t rows, std::uint64_t step, Totals& totals) {
    const double factor = batch_factor(loss_.info().reduction, targets_.weight_sum(index, rows));
    double loss_sum = 0.0;
    double right = 0.0;
    for (std::size_t begin = 0; begin < rows; begin += kBlockRows) {
      const std::size_t count = std::min(kBlockRows, rows - begin);
      // Rank 0 writes the flag between this barrier and the next one below, the others read it after that one.
      if (team.rank() == 0 && interrupt_ && interrupt_()) stopped_.store(true, std::memory_order_relaxed);
      const RowIndex at{index.order, index.begin + begin};
      const T* const input = gather_block(team, at, count);
      forward(team, input, begin, count, step);
      judge(team, at, count, factor);
      backward(team, input, begin, count, step);
      team.barrier();
      if (stopped_.load(std::memory_order_relaxed)) return false;
      for (std::size_t s = lowest_; s < plan_.steps.size(); ++s) {
        plan_.steps[s]->gradients(team, flow(s, input, begin, count, step));
      }
      if (team.rank() == 0) {
        loss_sum = add_weighted(loss_sum, count, workspace_.targets(false).weight, workspace_.row_loss());
        const unsigned char* const judged = workspace_.right();
        if (loss_.judge != Judge::none) right += static_cast<double>(std::count(judged, judged + count, 1));
      }
      team.barrier();
    }
    if (team.rank() == 0) {
      const double weight = loss_.info().reduction == Reduction::mean ? static_cast<double>(rows) : 1.0;
      totals.loss += factor * loss_sum * weight;
      totals.right += right;
      totals.rows += static_cast<double>(rows);
    }
    return true;
  }

 private:
  // Steps below the lowest one with something to learn need no backward pass.
  static std::size_t lowest_trained(const Plan<T>& plan) {
    std::size_t lowest = plan.steps.size();
    for (const auto& owner : plan.parameters) {
      if (owner.info.trainable) lowest = std::min(lowest, owner.step);
    }
    return lowest;
  }

  const T* gather_block(Team& team, RowIndex index, std::size_t rows) {
    if (direct_ != nullptr && index.order == nullptr) return direct_ + index.begin * x_.features;
    gather(team, x_, index, rows, workspace_.input());
    return workspace_.input();
  }

  Flow<T> flow(std::size_t s, const T* input, std::size_t begin, std::size_t rows, std::uint64_t step) const {
    return {.rows = rows,
            .x = s == 0 ? input : workspace_.y(s - 1),
            .y = workspace_.y(s),
            .z = workspace_.z(s),
            .grad_y = workspace_.grad_y(s),
            .grad_x = s > lowest_ ? workspace_.grad_y(s - 1) : nullptr,
            .work = workspace_.work(s),
            .training = true,
            .first = begin == 0,
            .first_row = begin,
            .step = step};
  }

  void forward(Team& team, const T* input, std::size_t begin, std::size_t rows, std::uint64_t step) const {
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) {
      plan_.steps[s]->forward(team, flow(s, input, begin, rows, step));
    }
  }

  void judge(Team& team, RowIndex index, std::size_t rows, double factor) const {
    TargetBlock<T> block = workspace_.targets(!targets_.labels.empty());
    gather_targets(team, targets_, index, rows, block);
    const Range share = team.share(rows, kChunkRows);
    for (std::size_t i = share.begin; i < share.end; ++i) workspace_.row_scale()[i] = block.weight[i] * factor;

    const std::size_t last = plan_.steps.size() - 1;
    LossRows<T> g = loss_arguments(loss_, rows, outputs_, static_cast<const T*>(workspace_.y(last)), block,
                                   workspace_.row_scale(), workspace_.row_loss());
    g.grad = workspace_.grad_y(last);
    loss_rows(team, loss_.id, g);
    if (loss_.judge != Judge::none) {
      judge_rows(team, loss_.judge, loss_.threshold, rows, outputs_, g.output, block, workspace_.right());
    }
  }

  void backward(Team& team, const T* input, std::size_t begin, std::size_t rows, std::uint64_t step) const {
    for (std::size_t s = plan_.steps.size(); s > lowest_; --s) {
      plan_.steps[s - 1]->backward(team, flow(s - 1, input, begin, rows, step));
    }
  }

  const Plan<T>& plan_;
  const LossConfig& loss_;
  const RowSource& x_;
  const T* direct_;
  const Targets& targets_;
  std::size_t outputs_;
  const Interrupt& interrupt_;
  std::size_t lowest_;
  Workspace<T> workspace_;
  std::atomic<bool> stopped_{false};
};

}  // namespace

template <class T>
bool Network<T>::loss_and_gradients(const RowSource& x, const Targets& targets, Totals& totals,
                                    const Interrupt& interrupt) {
  Backpropagation<T> backpropagation(plan_, loss_, x, targets, outputs(), x.rows, interrupt);
  bool finished = true;
  run_team(threads_for(x.rows, 3.0), [&](Team& team) {
    const bool mine = backpropagation.batch(team, {}, x.rows, static_cast<std::uint64_t>(steps_), totals);
    if (team.rank() == 0) finished = mine;
  });
  return finished;
}

template <class T>
bool Network<T>::train(const RowSource& x, const Targets& targets, const TrainingRun& run, Totals& totals,
                       const Interrupt& interrupt) {
  const std::size_t batch_size = std::min(run.batch_size, run.rows);
  Backpropagation<T> backpropagation(plan_, loss_, x, targets, outputs(), batch_size, interrupt);
  const std::int64_t before = steps_;
  bool finished = true;
  run_team(threads_for(batch_size, 3.0), [&](Team& team) {
    std::int64_t step = before;
    for (std::size_t begin = 0; begin < run.rows; begin += batch_size, ++step) {
      const std::size_t rows = std::min(batch_size, run.rows - begin);
      if (!backpropagation.batch(team, {run.order, begin}, rows, static_cast<std::uint64_t>(step), totals)) {
        if (team.rank() == 0) finished = false;
        return;
      }
      optimizer_->update(team, values(), gradients(), run.learning_rates[step - before], step + 1);
      team.barrier();
      for (const auto& layer : plan_.steps) layer->refresh(team);
      team.barrier();
      if (team.rank() == 0) steps_ = step + 1;
    }
  });
  return finished;
}

template bool Network<float>::loss_and_gradients(const RowSource&, const Targets&, Totals&, const Interrupt&);
template bool Network<double>::loss_and_gradients(const RowSource&, const Targets&, Totals&, const Interrupt&);
template bool Network<float>::train(const RowSource&, const Targets&, const TrainingRun&, Totals&, const Interrupt&);
template bool Network<double>::train(const RowSource&, const Targets&, const TrainingRun&, Totals&, const Interrupt&);

}  // namespace prelunet
