// predict and evaluate: every thread runs the network on its own rows, block by block, without barriers.
#include <algorithm>
#include <atomic>

#include "network/engine.h"
#include "network/sparse_input.h"
#include "network/tuning.h"
#include "runtime/scratch.h"
#include "runtime/subnormals.h"
#include "runtime/threads.h"

namespace prelunet {
namespace {

// The arrays of a call.
template <class T>
struct Call {
  const RowSource& x;
  T* out;                  // (rows, outputs); null: only the losses are computed
  const Targets* targets;  // null: only the outputs are computed
  double* row_loss;
  unsigned char* correct;
};

// Runs the network on one block of rows.
template <class T>
class BlockRunner {
 public:
  BlockRunner(const Plan<T>& plan, const LossConfig& loss, std::size_t inputs, std::size_t outputs, const Call<T>& call)
      : plan_(plan),
        loss_(loss),
        call_(call),
        outputs_(outputs),
        sparse_(plan.predict_stages, call.x),
        block_rows_(most_rows<T>(plan.predict_stages, call.x,
                                 plan.row_unit() > kChunkRows ? kBfloat16PredictBlockRows : kPredictBlockRows)) {
    const std::size_t rows = std::min(block_rows_, call.x.rows);
    const std::size_t scored = call.targets == nullptr ? 0 : rows;
    input_ = layout_.add<T>(sparse_.used() ? 0 : checked_multiply(rows, inputs));
    work_ = layout_.add<T>(plan.predict_work_size(rows, sparse_.first_stage()));
    last_ = layout_.add<T>(checked_multiply(rows, outputs));
    target_ = layout_.add<T>(checked_multiply(scored, outputs));
    row_scale_ = layout_.add<double>(scored);
  }

  std::size_t bytes() const { return layout_.bytes(); }
  std::size_t block_rows() const { return block_rows_; }

  // Runs rows [begin, begin + rows), with working memory at `base` of the scratch.
  void run(Team& solo, std::size_t begin, std::size_t rows, const Scratch& scratch, std::size_t base) const {
    T* const last = call_.out == nullptr ? scratch.at<T>(base + last_) : call_.out + begin * outputs_;
    Flow<T> flow{};
    flow.rows = rows;
    const SparseRows<T> sparse = sparse_.used() ? sparse_.rows({nullptr, begin}) : SparseRows<T>{};
    if (sparse_.used()) {
      flow.sparse_x = &sparse;
    } else {
      flow.x = rows_of(solo, call_.x, {nullptr, begin}, rows, scratch.at<T>(base + input_));
    }
    flow.y = last;
    flow.work = scratch.at<T>(base + work_);
    plan_.predict(solo, flow, sparse_.first_stage());
    if (call_.targets != nullptr) score(solo, begin, rows, last, scratch, base);
  }

 private:
  void score(Team& solo, std::size_t begin, std::size_t rows, const T* output, const Scratch& scratch,
             std::size_t base) const {
    // The rows are adjacent, so labels and weights are read in place.
    const TargetBlock<T> block = gather_targets<T>(solo, *call_.targets, {nullptr, begin}, rows,
                                                   {nullptr, scratch.at<T>(base + target_), nullptr});
    double* const row_scale = scratch.at<double>(base + row_scale_);
    std::fill_n(row_scale, rows, 1.0);
    score_rows<T>(solo, loss_, rows, outputs_, output, block, row_scale,
                  {call_.row_loss + begin, nullptr, call_.correct + begin * loss_.answers_per_row(outputs_)});
  }

  const Plan<T>& plan_;
  const LossConfig& loss_;
  const Call<T>& call_;
  std::size_t outputs_;
  SparseInput<T> sparse_;
  std::size_t block_rows_;  // maximum
  Layout layout_;
  std::size_t input_, work_, last_, target_, row_scale_;
};

template <class T>
bool run_all(const BlockRunner<T>& runner, std::size_t rows, int threads, const Interrupt& interrupt) {
  const std::size_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  const CallAtWork call(threads > 1);
  threads = static_cast<int>(std::clamp<std::size_t>(chunks, 1, static_cast<std::size_t>(thread_share(threads))));
  const Scratch scratch(checked_multiply(runner.bytes(), static_cast<std::size_t>(threads)));
  std::atomic<bool> stopped{false};
  run_flushed_team(threads, [&](Team& team) {
    Barrier alone;
    Team solo(0, 1, alone, team.scratch());
    const Range share = team.share(rows, kChunkRows);
    for (std::size_t begin = share.begin; begin < share.end; begin += runner.block_rows()) {
      if (team.rank() == 0 && interrupt && interrupt()) stopped.store(true, std::memory_order_relaxed);
      if (stopped.load(std::memory_order_relaxed)) return;
      const std::size_t count = std::min(runner.block_rows(), share.end - begin);
      runner.run(solo, begin, count, scratch, runner.bytes() * static_cast<std::size_t>(team.rank()));
    }
  });
  return !stopped.load();
}

}  // namespace

// A stage that reads compressed rows multiplies their elements only.
template <class T>
int Engine<T>::threads_to_predict(const RowSource& x) const {
  const auto rows = static_cast<double>(x.rows);
  double work = multiply_adds() * rows;
  if (const auto stage = sparse_stage<T>(plan_.predict_stages, x)) {
    const Layer<T>& first = *plan_.predict_stages[*stage];
    const auto elements = static_cast<double>(x.compressed->column.size());
    work += elements * static_cast<double>(first.outputs()) - first.multiply_adds() * rows;
  }
  return threads_for(work);
}

template <class T>
bool Engine<T>::predict(const RowSource& x, T* out, const Interrupt& interrupt) const {
  const Call<T> call{x, out, nullptr, nullptr, nullptr};
  const BlockRunner<T> runner(plan_, loss_, inputs(), outputs(), call);
  return run_all(runner, x.rows, threads_to_predict(x), interrupt);
}

template <class T>
bool Engine<T>::evaluate(const RowSource& x, const Targets& targets, Totals& totals, const Interrupt& interrupt) const {
  Layout layout;
  const std::size_t loss_at = layout.add<double>(x.rows);
  const std::size_t answers = checked_multiply(x.rows, loss_.answers_per_row(outputs()));
  const std::size_t correct_at = layout.add<unsigned char>(answers);
  const Scratch results(layout);
  double* const row_loss = results.at<double>(loss_at);
  unsigned char* const correct = results.at<unsigned char>(correct_at);

  const Call<T> call{x, nullptr, &targets, row_loss, correct};
  const BlockRunner<T> runner(plan_, loss_, inputs(), outputs(), call);
  if (!run_all(runner, x.rows, threads_to_predict(x), interrupt)) return false;

  const double factor = batch_factor(loss_.info().reduction, targets.weight_sum({}, x.rows));
  const double* const weight = targets.weight.empty() ? nullptr : targets.weight.data();
  totals.loss = factor * add_weighted(0.0, x.rows, weight, row_loss);
  totals.rows = static_cast<double>(x.rows);
  if (loss_.accuracy != Accuracy::none) totals.correct = static_cast<double>(std::count(correct, correct + answers, 1));
  return true;
}

template bool Engine<float>::predict(const RowSource&, float*, const Interrupt&) const;
template bool Engine<double>::predict(const RowSource&, double*, const Interrupt&) const;
template bool Engine<float>::evaluate(const RowSource&, const Targets&, Totals&, const Interrupt&) const;
template bool Engine<double>::evaluate(const RowSource&, const Targets&, Totals&, const Interrupt&) const;

}  // namespace prelunet
