#include "network/batch_share.h"

#include <algorithm>

#include "network/tuning.h"
#include "runtime/subnormals.h"
#include "runtime/threads.h"

namespace prelunet {
namespace {

// Calls f(sums, count) for all sums that a stage and the layers inside it keep between blocks.
template <class T, class F>
void for_each_kept(const Layer<T>& stage, const Flow<T>& flow, F&& f) {
  const typename Layer<T>::SumVisitor visitor = f;
  stage.visit(flow, [&](const Layer<T>& layer, const Flow<T>& inner) { layer.visit_kept_sums(inner, visitor); });
}

// Divides the gradient of a large weight into parts: the next process continues one while this process computes the
// next. Otherwise the largest gradient would limit the speed-up.
template <class T>
void add_parts(const Layer<T>& layer, std::size_t stage, T* gradient, std::size_t size,
               std::vector<SharePart<T>>& parts) {
  const std::size_t units = layer.gradient_units(), weights = units * layer.inputs();
  const std::size_t pieces = std::clamp<std::size_t>(weights / kSharePartElements, 1, units);
  const std::size_t rows = (units / pieces + kChunkRows - 1) / kChunkRows * kChunkRows;
  std::size_t begin = 0;
  for (; begin + rows < units; begin += rows) {
    parts.push_back({stage, gradient + begin * layer.inputs(), rows * layer.inputs(), {begin, begin + rows}, false});
  }
  const std::size_t done = begin * layer.inputs();
  parts.push_back({stage, gradient + done, size - done, begin == 0 ? Range{} : Range{begin, units}, true});
}

}  // namespace

template <class T>
BatchShare<T>::BatchShare(const Plan<T>& plan, const LossConfig& loss, const RowSource& x, const Targets& targets,
                          std::size_t outputs, std::size_t rows, std::size_t block_rows, const StepRates& rates,
                          int threads, std::vector<SharePart<T>> parts)
    : most_rows_(rows),
      block_rows_(std::min(block_rows, rows)),
      x_(x),
      targets_(targets),
      threads_(threads),
      parts_(std::move(parts)) {
  const PassOptions options{.block_rows = block_rows_, .copies = true, .rates = &rates};
  for (std::size_t begin = 0; begin < rows; begin += block_rows_) {
    propagations_.push_back(std::make_unique<Backpropagation<T>>(plan, loss, x_, targets_, outputs, options));
  }
}

template <class T>
int BatchShare<T>::threads() const {
  return std::min(threads_, num_threads());
}

template <class T>
bool BatchShare<T>::run(const std::vector<std::int64_t>& order, std::size_t begin, std::size_t count,
                        std::uint64_t step, const Interrupt& interrupt) {
  step_ = step;
  blocks_.clear();
  for (std::size_t done = 0; done < count; done += block_rows_) {
    blocks_.push_back({begin + done, std::min(block_rows_, count - done), 0, order.size()});
  }
  weights_.assign(blocks_.size(), nullptr);
  factor_ = propagations_.front()->batch_factor(order.data(), blocks_.front());
  Stop stop(interrupt);
  run_flushed_team(threads(), [&](Team& team) {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const BatchBlock next = b + 1 < blocks_.size() ? blocks_[b + 1] : BatchBlock{};
      Pass pass(*propagations_[b], team, order.data(), blocks_[b], next, step_, &stop);
      stop.ask(team);
      if (team.size() == 1 && stop.asked()) return;  // a layer's Python function raised
      pass.run(factor_);
      if (team.rank() == 0) weights_[b] = pass.weight();
    }
  });
  return !stop.asked();
}

template <class T>
void BatchShare<T>::add_up(double& loss, double& correct) const {
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    propagations_[b]->add_up(blocks_[b].count, weights_[b], loss, correct);
  }
}

template <class T>
std::size_t BatchShare<T>::chain_size(std::size_t part) const {
  const BatchBlock none{};
  Barrier alone;
  Team solo(0, 1, alone, nullptr);
  const std::size_t stage = parts_.at(part).stage;
  const Pass pass(*propagations_.front(), solo, nullptr, none, none, 0);
  std::size_t size = parts_[part].size;
  if (!parts_[part].last) return size;
  for_each_kept(*propagations_.front()->plan().stages[stage], pass.flow(stage),
                [&](T*, std::size_t count) { size += count; });
  return size;
}

template <class T>
void BatchShare<T>::gradients(std::size_t number, T* chains) const {
  const SharePart<T>& part = parts_.at(number);
  const Layer<T>& layer = *propagations_.front()->plan().stages[part.stage];
  if (!blocks_.front().first()) std::copy_n(chains, part.size, part.gradient);
  run_flushed_team(threads(), [&](Team& team) {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const Pass pass(*propagations_[b], team, nullptr, blocks_[b], BatchBlock{}, step_);
      Flow<T> block = pass.flow(part.stage);
      block.units = part.units.empty() ? nullptr : &part.units;
      const bool copies = part.last && team.rank() == 0;
      if (copies && !block.first) {
        const T* from = chains + part.size;
        for_each_kept(layer, block, [&](T* sums, std::size_t count) {
          std::copy_n(from, count, sums);
          from += count;
        });
      }
      team.barrier();
      layer.gradients(team, block);
      team.barrier();
      if (copies) {
        T* to = chains + part.size;
        for_each_kept(layer, block, [&](T* sums, std::size_t count) { to = std::copy_n(sums, count, to); });
      }
    }
  });
  std::copy_n(part.gradient, part.size, chains);
}

template <class T>
std::unique_ptr<BatchShare<T>> Engine<T>::batch_share(const RowSource& x, const Targets& targets,
                                                      std::size_t batch_rows, std::size_t rows) {
  const Plan<T>& plan = gradient_plan(batch_rows);
  std::vector<SharePart<T>> parts;
  for (std::size_t i = 0; i < parameters_.size();) {
    const std::size_t first = i, stage = plan.parameters[i].stage;
    bool trainable = false;
    for (; i < parameters_.size() && plan.parameters[i].stage == stage; ++i) {
      trainable = trainable || parameters_[i].info.trainable;
    }
    const std::size_t begin = parameters_[first].offset, end = parameters_[i - 1].offset + parameters_[i - 1].size;
    if (trainable) add_parts(*plan.stages[stage], stage, gradients_.data() + begin, end - begin, parts);
  }
  return std::make_unique<BatchShare<T>>(plan, loss_, x, targets, outputs(), rows,
                                         block_rows(values_.size() * sizeof(T)), rates_, threads_for(rows, 3.0),
                                         std::move(parts));
}

template std::unique_ptr<BatchShare<float>> Engine<float>::batch_share(const RowSource&, const Targets&, std::size_t,
                                                                       std::size_t);
template std::unique_ptr<BatchShare<double>> Engine<double>::batch_share(const RowSource&, const Targets&, std::size_t,
                                                                         std::size_t);
template class BatchShare<float>;
template class BatchShare<double>;

}  // namespace prelunet
