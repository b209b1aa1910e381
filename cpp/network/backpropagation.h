// Forward pass, loss and backward pass of one block of a batch by a team.
#pragma once

#include <algorithm>

#include "network/engine.h"
#include "network/sparse_input.h"
#include "network/stop.h"
#include "network/tuning.h"
#include "network/workspace.h"

namespace prelunet {

// Maximum rows of a block; see network/tuning.h.
inline std::size_t block_rows(std::size_t parameter_bytes) {
  return parameter_bytes < kLargeParameterBytes ? kBlockRows : kLargeBlockRows;
}

// Rows [begin, begin + count) of a run, and the rows of their batch.
struct BatchBlock {
  std::size_t begin, count;
  std::size_t batch_begin, batch_rows;
  std::size_t end() const { return begin + count; }
  bool first() const { return begin == batch_begin; }
  bool last() const { return end() == batch_begin + batch_rows; }
};

// The block that begins at row `begin` of a run of `rows` rows; empty at the run's end.
inline BatchBlock block_at(std::size_t begin, std::size_t rows, std::size_t batch_size, std::size_t most) {
  const std::size_t batch_begin = begin / batch_size * batch_size;
  const std::size_t batch_rows = std::min(batch_size, rows - batch_begin);
  return {begin, std::min(most, batch_begin + batch_rows - begin), batch_begin, batch_rows};
}

struct PassOptions {
  std::size_t block_rows;  // maximum rows of a block
  bool whole = false;      // copy X as dense rows; run the backward pass down to grad_x of the first stage
  bool copies = false;     // copy dense rows of X, so that gradients() needs no forward pass of the same Pass
  bool training = true;    // dropout drops units
  const StepRates* rates;  // outlives the passes
};

template <class T>
class Backpropagation {
 public:
  Backpropagation(const Plan<T>& plan, const LossConfig& loss, const RowSource& x, const Targets& targets,
                  std::size_t outputs, const PassOptions& options)
      : plan_(plan),
        loss_(loss),
        x_(x),
        targets_(targets),
        outputs_(outputs),
        options_(options),
        lowest_(options.whole ? 0 : plan.lowest_trained()),
        sparse_(plan.stages, options.whole ? RowSource{} : x),
        workspace_(plan, sparse_.used() ? 0 : x.features, outputs, loss.answers_per_row(outputs), options.block_rows,
                   options.whole, sparse_.first_stage()),
        clip_{loss.clip_delta, workspace_.row_scale()} {
    for (const auto& stage : plan.stages) multiply_adds_ += stage->multiply_adds();
  }

  const Plan<T>& plan() const { return plan_; }
  const Workspace<T>& workspace() const { return workspace_; }

  double batch_factor(const std::int64_t* order, const BatchBlock& block) const {
    return batch_factor(order, block, loss_.info().reduction);
  }
  double batch_factor(const std::int64_t* order, const BatchBlock& block, Reduction reduction) const {
    return prelunet::batch_factor(reduction, targets_.weight_sum({order, block.batch_begin}, block.batch_rows));
  }

  // Adds the losses and the correct answers of the workspace's first `rows` rows, whose weights are given, in order.
  void add_up(std::size_t rows, const double* weight, double& loss, double& correct) const {
    loss = add_weighted(loss, rows, weight, workspace_.row_loss());
    if (loss_.accuracy != Accuracy::none) {
      const std::size_t answers = rows * loss_.answers_per_row(outputs_);
      correct += static_cast<double>(std::count(workspace_.correct(), workspace_.correct() + answers, 1));
    }
  }

  // One thread's computations on one block.
  class Pass {
   public:
    Pass(const Backpropagation& all, Team& team, const std::int64_t* order, const BatchBlock& block,
         const BatchBlock& next, std::uint64_t step, Stop* stop = nullptr)
        : all_(all), team_(team), index_{order, block.begin}, block_(block), step_(step), stop_(stop) {
      team.coarsen(all.coarse_);
      if (all.sparse_.used()) sparse_rows_ = all.sparse_.rows(index_);
      const Range share = team.share(next.count, kChunkRows);
      // The prefetches of the next rows are spread over the steps of k that this thread's tiles run in this block. A
      // tile is taken to have kChunkRows rows and the width of a panel. The estimate counts two products per layer, the
      // forward product and grad_weight, because not every layer computes grad_x.
      const double tile = static_cast<double>(kChunkRows * kernel_table<T>().panel_columns);
      const double steps = 2.0 * all.multiply_adds_ * static_cast<double>(block.count) / tile / team.size();
      next_rows_ = all.x_.prefetch({order, next.begin + share.begin}, share.size(), steps);
    }

    // Gathers this thread's rows and computes their forward pass, loss and backward pass. A barrier must follow.
    void run(double factor) {
      forward();
      score(factor);
      backward();
    }

    void forward() {
      T* const buffer = all_.workspace_.input();
      if (all_.options_.whole || all_.options_.copies) {
        gather(team_, all_.x_, index_, block_.count, buffer);
      } else if (!all_.sparse_.used()) {
        input_ = rows_of(team_, all_.x_, index_, block_.count, buffer);
      }
      for (std::size_t s = first_stage(); s < stages().size() && !stops(); ++s) stages()[s]->forward(team_, flow(s));
    }
    // Propagates the gradient of the last stage's outputs down to the lowest stage.
    void backward() {
      all_.plan_.backward(team_, all_.lowest_, [this](std::size_t s) { return flow(s); }, [this] { return stops(); });
    }

    // Computes the gradients of the parameters, then updates the parameters if `update` is not null. A barrier must
    // follow.
    void gradients(const StepUpdate* update) {
      for (std::size_t s = all_.lowest_; s < stages().size(); ++s) {
        Flow<T> f = flow(s);
        f.update = update;
        stages()[s]->gradients(team_, f);
      }
    }

    Flow<T> flow(std::size_t s) const {
      const Workspace<T>& w = all_.workspace_;
      Flow<T> f{};
      f.rows = block_.count;
      f.capacity = w.rows();
      if (s > first_stage()) {
        f.x = w.y(s - 1);
      } else if (all_.sparse_.used()) {
        f.sparse_x = &sparse_rows_;
      } else {
        f.x = input_;
      }
      f.y = w.y(s);
      f.z = w.z(s);
      f.grad_y = w.grad_y(s);
      f.grad_x = s > all_.lowest_ ? w.grad_y(s - 1) : all_.options_.whole ? w.grad_input() : nullptr;
      f.work = w.work(s);
      f.training = all_.options_.training;
      f.clip = all_.clip_.limit > 0.0 ? &all_.clip_ : nullptr;
      f.first = block_.first();
      f.first_row = block_.begin - block_.batch_begin;
      f.step = step_;
      f.dropout_rates = all_.options_.rates->dropout(step_);
      f.next_rows = &next_rows_;
      return f;
    }

    // Computes the losses of the rows, and the gradient of the outputs that backward() starts from.
    void score(double factor) {
      const Workspace<T>& w = all_.workspace_;
      const TargetBlock<T> block = gather_targets(team_, all_.targets_, index_, block_.count, w.targets());
      weight_ = block.weight;
      const Range share = team_.share(block_.count, kChunkRows);
      double* const row_scale = w.row_scale();
      for (std::size_t i = share.begin; i < share.end; ++i) {
        row_scale[i] = block.weight == nullptr ? factor : block.weight[i] * factor;
      }

      const std::size_t last = stages().size() - 1;
      score_rows<T>(team_, all_.loss_, block_.count, all_.outputs_, w.y(last), block, row_scale,
                    {w.row_loss(), w.grad_y(last), w.correct()});
    }

    // Adds the block's losses and its correct answers in row order. Called after a barrier.
    void add_up(double& loss, double& correct) const { all_.add_up(block_.count, weight_, loss, correct); }

    // The weights of the block's rows, after score(); null: all 1.
    const double* weight() const { return weight_; }

   private:
    const std::vector<std::unique_ptr<Layer<T>>>& stages() const { return all_.plan_.stages; }

    std::size_t first_stage() const { return all_.sparse_.first_stage(); }

    // Polls for an interrupt between two layers, if steps are long. A thread processes only its own rows, so the other
    // threads need not stop at the same layer.
    bool stops() const {
      if (stop_ == nullptr) return false;
      stop_->ask(team_);
      return stop_->asked();
    }

    const Backpropagation& all_;
    Team& team_;
    RowIndex index_;
    const BatchBlock& block_;
    std::uint64_t step_;
    Stop* stop_;  // or null
    const T* input_ = all_.workspace_.input();
    SparseRows<T> sparse_rows_{};
    const double* weight_ = nullptr;  // of the block's rows
    mutable RowPrefetch next_rows_;   // all products of the pass advance it
  };

 private:
  const Plan<T>& plan_;
  const LossConfig& loss_;
  const RowSource& x_;
  const Targets& targets_;
  std::size_t outputs_;
  PassOptions options_;
  std::size_t lowest_;  // the lowest stage with a backward pass
  double multiply_adds_ = 0.0;
  std::size_t coarse_ = plan_.row_unit() / kChunkRows;
  SparseInput<T> sparse_;
  Workspace<T> workspace_;
  DeltaClip clip_;
};

}  // namespace prelunet
