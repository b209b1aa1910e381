// The interface of a layer.
//
// A layer owns no activations; a call passes them in a Flow. Its parameters are in the network's arenas, and bind()
// passes pointers to them. Team::share divides rows among threads in units of kChunkRows, so forward() and backward()
// of successive layers need no barrier between them. gradients() runs after a barrier.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "network/parameter.h"
#include "runtime/team.h"

namespace prelunet {

struct ActivationSpec;
template <class T>
struct Plan;

// The first part of a stage's backward pass: an elementwise function of the gradient of its outputs. The stage above
// (the next one in the forward pass) may run it in the epilogue of the product that computes this gradient.
template <class T>
struct Prologue {
  ActivationId id;
  ActivationBackward<T> g;
};

// Deltas of row i are clipped to [-limit * row_scale[i], limit * row_scale[i]]. The loss has multiplied them by
// row_scale[i], so this clips the unscaled deltas to `limit`.
struct DeltaClip {
  double limit;
  const double* row_scale;
};

// One block of rows at one layer.
template <class T>
struct Flow {
  std::size_t rows;
  std::size_t capacity;           // rows of the largest block; determines the layout of `work`
  const T* x;                     // (rows, inputs); null if sparse_x is given
  const SparseRows<T>* sparse_x;  // x as compressed rows; null unless reads_sparse()
  T* y;                           // (rows, outputs)
  T* z;                           // (rows, outputs): the input of a fused activation; null when predicting
  T* grad_y;                      // (rows, outputs); backward() may overwrite it with values for gradients()
  T* grad_x;                      // (rows, inputs); null: not computed
  T* work;                // work_size() elements, kept from forward() to gradients(); predict_work_size() in predict()
  bool training;          // dropout drops units
  bool first;             // first block of the batch: gradients() overwrites; for later blocks it adds
  std::size_t first_row;  // index of the block's first row in the batch
  std::uint64_t step;     // training steps taken before this one
  const double* dropout_rates;  // of the Dropout layers with a schedule; null: their own
  const ScaledSum<T>* sum;      // a residual's sum, computed from y or grad_x; null unless makes_sum()
  const Prologue<T>* prologue;  // of the stage below, to run on grad_x; null unless fuses_prologue()
  bool prologue_done;           // the stage above has run this stage's prologue
  const DeltaClip* clip;        // clips dz; or null
  const StepUpdate* update;     // null except in a batch's last block: gradients() then updates the parameters
  const Range* units;           // gradients() computes these rows of the weight's gradient alone; null: all
  RowPrefetch* next_rows;       // rows that this thread gathers next, to prefetch; or null
};

template <class T>
class Layer {
 public:
  Layer(Shape input, Shape output) : input_(std::move(input)), output_(std::move(output)) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  const Shape& input_shape() const { return input_; }
  const Shape& output_shape() const { return output_; }
  std::size_t inputs() const { return element_count(input_); }
  std::size_t outputs() const { return element_count(output_); }

  virtual std::vector<ParameterInfo> parameters() const { return {}; }
  virtual void bind(const std::vector<Parameter<T>>&) {}
  // Recomputes what the layer derives from its parameters, after they changed. Needs a barrier before and after.
  virtual void refresh(Team&) {}

  // Between keep_in_panels() and leave_panels(), only this layer reads and updates its parameters and their slots. The
  // gradient of its inputs is not computed. The layer may therefore keep the parameters in panels only. Both calls need
  // a barrier before and after. One thread calls reserve_panels() first. It returns false if the layer has no panels.
  virtual bool reserve_panels() { return false; }
  virtual void keep_in_panels(Team&) {}
  virtual void leave_panels(Team&) {}

  // Fuses the next activation into this stage, or returns false. The activation's parameter comes after this layer's
  // own.
  virtual bool fuse(const ActivationSpec&) { return false; }
  // Whether backward() reads the input of the fused activation.
  virtual bool keeps_z() const { return false; }
  // The plan of the layers inside this one, or null.
  virtual const Plan<T>* inner() const { return nullptr; }
  // For each input, the number of categories whose integer codes it holds, or 0. Empty: no input holds codes.
  virtual std::vector<std::size_t> categories() const { return {}; }
  // Whether y = x when predicting, so that the stage is skipped.
  virtual bool identity_in_predict() const { return false; }
  // Whether the layer calls Python. It then runs on the calling thread only, and may throw.
  virtual bool calls_python() const { return false; }
  // Threads divide the rows of a training block into multiples of this number.
  virtual std::size_t row_unit() const { return kChunkRows; }
  // Whether forward() and gradients() can read compressed rows.
  virtual bool reads_sparse() const { return false; }
  // The factor s if y = s * x.
  virtual std::optional<double> sparse_scale() const { return std::nullopt; }
  virtual std::size_t work_size(std::size_t /*rows*/) const { return 0; }
  virtual std::size_t predict_work_size(std::size_t /*rows*/) const { return 0; }
  // Multiply-adds of forward() for one row. The number of threads depends on this number.
  virtual double multiply_adds() const { return static_cast<double>(outputs()); }

  // The prologue of this stage's backward pass, if it has one.
  virtual std::optional<Prologue<T>> prologue(const Flow<T>&) const { return std::nullopt; }
  // Whether backward() can run the prologue of the stage below.
  virtual bool fuses_prologue() const { return false; }
  // Whether forward() and backward() can compute flow.sum.
  virtual bool makes_sum() const { return false; }

  virtual void forward(Team& team, const Flow<T>& flow) const = 0;
  virtual void backward(Team& team, const Flow<T>& flow) const = 0;
  virtual void gradients(Team&, const Flow<T>&) const {}

  // The rows of the weight that flow.units may divide; 1 if the gradient cannot be divided. The other gradients are
  // computed with the last rows.
  virtual std::size_t gradient_units() const { return 1; }

  // Calls visitor for each array of flow.work in which gradients() keeps sums from one block of a batch to the next.
  using SumVisitor = std::function<void(T* sums, std::size_t count)>;
  virtual void visit_kept_sums(const Flow<T>&, const SumVisitor&) const {}

  // Computes y, and keeps nothing for backward().
  virtual void predict(Team& team, const Flow<T>& flow) const { forward(team, flow); }

  using Visitor = std::function<void(const Layer<T>&, const Flow<T>&)>;
  // Calls visitor for this layer, then for the stages inside it, each with its flow.
  virtual void visit(const Flow<T>& flow, const Visitor& visitor) const { visitor(*this, flow); }

 private:
  Shape input_;
  Shape output_;
};

}  // namespace prelunet
