// Forward, loss and backward of one block of a batch by a team: from a user's rows to the gradients of all parameters.
#pragma once

#include <algorithm>

#include "network/engine.h"
#include "network/stop.h"
#include "network/workspace.h"

namespace prelunet {

// A batch larger than this goes through block by block, so that memory does not grow with it: a multiple of kChunkRows.
// Each block reads all weights and adds to all their gradients; where caches do not hold these, blocks are larger.
inline std::size_t block_rows(std::size_t parameter_bytes) {
  constexpr std::size_t kBlockRows = 256, kLargeBlockRows = 1024, kBeyondCaches = std::size_t{16} << 20;
  return parameter_bytes < kBeyondCaches ? kBlockRows : kLargeBlockRows;
}

// Rows [begin, begin + count) of a run, and where in the run their batch lies.
struct BatchBlock {
  std::size_t begin, count;
  std::size_t batch_begin, batch_rows;
  std::size_t end() const { return begin + count; }
  bool first() const { return begin == batch_begin; }
  bool last() const { return end() == batch_begin + batch_rows; }
};

// The block that begins at row `begin` of a run of `rows` rows; an empty one at the run's end.
inline BatchBlock block_at(std::size_t begin, std::size_t rows, std::size_t batch_size, std::size_t most) {
  const std::size_t batch_begin = begin / batch_size * batch_size;
  const std::size_t batch_rows = std::min(batch_size, rows - batch_begin);
  return {begin, std::min(most, batch_begin + batch_rows - begin), batch_begin, batch_rows};
}

// What a pass carries.
struct PassOptions {
  std::size_t block_rows;  // at most, of a block
  bool whole = false;      // gradients go down to the input, whatever there is to learn; X is copied
  bool training = true;    // dropout acts
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
        workspace_(plan, x.features, outputs, loss.answers_per_row(outputs), options.block_rows, options.whole),
        clip_{loss.clip_delta, workspace_.row_scale()} {
    for (const auto& step : plan.steps) multiply_adds_ += step->multiply_adds();
  }

  const Plan<T>& plan() const { return plan_; }
  const Workspace<T>& workspace() const { return workspace_; }

  double batch_factor(const std::int64_t* order, const BatchBlock& block) const {
    return batch_factor(order, block, loss_.info().reduction);
  }
  double batch_factor(const std::int64_t* order, const BatchBlock& block, Reduction reduction) const {
    return prelunet::batch_factor(reduction, targets_.weight_sum({order, block.batch_begin}, block.batch_rows));
  }

  // One thread's way through one block.
  class Pass {
   public:
    Pass(const Backpropagation& all, Team& team, const std::int64_t* order, const BatchBlock& block,
         const BatchBlock& next, std::uint64_t step, Stop* stop = nullptr)
        : all_(all), team_(team), index_{order, block.begin}, block_(block), step_(step), stop_(stop) {
      const Range share = team.share(next.count, kChunkRows);
      // Steps of k of a tile, kChunkRows rows and a panel's columns wide, in two products: forward and grad_weight.
      // Not every layer has the third, grad_x.
      const double tile = static_cast<double>(kChunkRows * kernel_table<T>().panel_columns);
      const double steps = 2.0 * all.multiply_adds_ * static_cast<double>(block.count) / tile / team.size();
      ahead_ = all.x_.ahead({order, next.begin + share.begin}, share.size(), steps);
    }

    // This thread's rows, from the user's array to the gradients of the steps' inputs. The team meets after it.
    void carry(double factor) {
      forward();
      score(factor);
      backward();
    }

    void forward() {
      T* const room = all_.workspace_.input();
      if (all_.options_.whole) {
        gather(team_, all_.x_, index_, block_.count, room);
      } else {
        input_ = rows_of(team_, all_.x_, index_, block_.count, room);
      }
      for (std::size_t s = 0; s < steps().size() && !stops(); ++s) steps()[s]->forward(team_, flow(s));
    }
    // From the gradient of the last step's outputs down.
    void backward() {
      all_.plan_.backward(team_, all_.lowest_, [this](std::size_t s) { return flow(s); }, [this] { return stops(); });
    }

    // The gradients of parameters, with an update the parameters' move too. The team meets after it.
    void gradients(const StepUpdate* update) {
      for (std::size_t s = all_.lowest_; s < steps().size(); ++s) {
        Flow<T> f = flow(s);
        f.update = update;
        steps()[s]->gradients(team_, f);
      }
    }

    Flow<T> flow(std::size_t s) const {
      const Workspace<T>& w = all_.workspace_;
      Flow<T> f{};
      f.rows = block_.count;
      f.capacity = w.rows();
      f.x = s == 0 ? input_ : w.y(s - 1);
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
      f.ahead = &ahead_;
      return f;
    }

    // The losses of the rows, and their gradients: where backward() begins.
    void score(double factor) {
      const Workspace<T>& w = all_.workspace_;
      const TargetBlock<T> block = gather_targets(team_, all_.targets_, index_, block_.count, w.targets());
      weight_ = block.weight;
      const Range share = team_.share(block_.count, kChunkRows);
      double* const row_scale = w.row_scale();
      for (std::size_t i = share.begin; i < share.end; ++i) {
        row_scale[i] = block.weight == nullptr ? factor : block.weight[i] * factor;
      }

      const std::size_t last = steps().size() - 1;
      score_rows<T>(team_, all_.loss_, block_.count, all_.outputs_, w.y(last), block, row_scale,
                    {w.row_loss(), w.grad_y(last), w.right()});
    }

    // Adds the block's losses and right answers, in row order, once all threads have scored theirs.
    void add_up(double& loss, double& right) const {
      const Workspace<T>& w = all_.workspace_;
      loss = add_weighted(loss, block_.count, weight_, w.row_loss());
      if (all_.loss_.accuracy != Accuracy::none) {
        const std::size_t answers = block_.count * all_.loss_.answers_per_row(all_.outputs_);
        right += static_cast<double>(std::count(w.right(), w.right() + answers, 1));
      }
    }

   private:
    const std::vector<std::unique_ptr<Layer<T>>>& steps() const { return all_.plan_.steps; }

    // Between two steps of a batch that takes long: rows are this thread's own, so each may leave when it sees it.
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
    const double* weight_ = nullptr;  // of the rows scored
    mutable Ahead ahead_;             // a list that is used up
  };

 private:
  const Plan<T>& plan_;
  const LossConfig& loss_;
  const RowSource& x_;
  const Targets& targets_;
  std::size_t outputs_;
  PassOptions options_;
  std::size_t lowest_;  // steps below the lowest one with something to learn need no backward pass
  double multiply_adds_ = 0.0;
  Workspace<T> workspace_;
  DeltaClip clip_;
};

}  // namespace prelunet
