// One process's share of a batch, when several processes train one network together.
//
// An element of a gradient is a chain over the rows of the batch. Each process owns adjacent rows, whole chunks of
// them. It computes the forward and the backward pass of all its rows and keeps their activations. It then continues
// the chains of the process that owns the rows before its own, so the bits are those of one process.
#pragma once

#include <memory>
#include <vector>

#include "network/backpropagation.h"

namespace prelunet {

// Parameters of a stage, whose chains are continued together: all of them, or some rows of the weight. The last rows
// include the other parameters.
template <class T>
struct SharePart {
  std::size_t stage;
  T* gradient;  // in the arena
  std::size_t size;
  Range units;  // the rows of the weight, if only some; else empty
  bool last;    // of the stage
};

template <class T>
class BatchShare {
 public:
  // `rows`: the most rows of a share. `rates` and the other references must outlive it.
  BatchShare(const Plan<T>& plan, const LossConfig& loss, const RowSource& x, const Targets& targets,
             std::size_t outputs, std::size_t rows, std::size_t block_rows, const StepRates& rates, int threads,
             std::vector<SharePart<T>> parts);
  BatchShare(const BatchShare&) = delete;  // members refer to each other
  BatchShare& operator=(const BatchShare&) = delete;

  std::size_t most_rows() const { return most_rows_; }

  // Computes the forward pass, the loss and the backward pass of rows order[begin, begin + count) of the batch `order`.
  // `begin` is a multiple of kChunkRows. `step`: training steps taken before this one. Returns false if interrupted.
  bool run(const std::vector<std::int64_t>& order, std::size_t begin, std::size_t count, std::uint64_t step,
           const Interrupt& interrupt);

  // The rest of the functions are about the rows of the last run().

  // The factor of the sum of the batch's losses.
  double factor() const { return factor_; }
  // Continues the sums of the losses and of the correct answers.
  void add_up(double& loss, double& correct) const;

  // The parts in the order of the forward pass.
  const std::vector<SharePart<T>>& parts() const { return parts_; }
  // The elements of the chains of a part: its gradients, then sums that its layers keep between blocks.
  std::size_t chain_size(std::size_t part) const;
  // Continues the chains of a part. If the share begins the batch, it starts them.
  void gradients(std::size_t number, T* chains) const;

 private:
  using Pass = typename Backpropagation<T>::Pass;

  // In a forked child num_threads() is 1.
  int threads() const;

  std::size_t most_rows_, block_rows_;
  RowSource x_;
  Targets targets_;
  int threads_;
  std::vector<SharePart<T>> parts_;
  std::vector<std::unique_ptr<Backpropagation<T>>> propagations_;  // one for each block of rows
  std::vector<BatchBlock> blocks_;
  std::vector<const double*> weights_;  // of the rows of each block
  double factor_ = 0.0;
  std::uint64_t step_ = 0;
};

}  // namespace prelunet
