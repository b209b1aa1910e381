// The interface of a layer.
//
// A layer owns no activations: they belong to the call (Flow). Its parameters are in the network's arenas, where bind()
// places them. Row-wise work is shared by Team::share in units of kChunkRows, so that forward() and backward() of
// successive layers need no barrier between them. gradients() runs after a barrier.
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

// The first part of a step's backward pass: an elementwise function of the gradient of its outputs. The step above may
// run it in the epilogue of the product that makes this gradient.
template <class T>
struct Prologue {
  ActivationId id;
  ActivationBackward<T> g;
};

// Deltas of row i are clipped to limit * row_scale[i]: before the loss's scaling of rows, to limit.
struct DeltaClip {
  double limit;
  const double* row_scale;
};

// One block of rows at one layer.
template <class T>
struct Flow {
  std::size_t rows;
  std::size_t capacity;         // rows that `work` was laid out for: those of the largest block
  const T* x;                   // (rows, inputs)
  T* y;                         // (rows, outputs)
  T* z;                         // (rows, outputs): the input of a fused activation; null when predicting
  T* grad_y;                    // (rows, outputs): the layer may overwrite it with what gradients() needs
  T* grad_x;                    // (rows, inputs); null: not computed
  T* work;                      // work_size() elements, kept from forward() to gradients(); or predict_work_size()
  bool training;                // dropout drops units
  bool first;                   // the batch's first block: gradients() overwrites; later blocks add
  std::size_t first_row;        // of the block, counted in the batch
  std::uint64_t step;           // training steps taken before this one
  const ScaledSum<T>* sum;      // a residual's sum, of y in forward(), of grad_x in backward(), if makes_sum(); or null
  const Prologue<T>* prologue;  // of the step below, to run on grad_x, if fuses_prologue(); or null
  bool prologue_done;           // the step above has run this step's prologue
  const DeltaClip* clip;        // of dz; or null
  const StepUpdate* update;     // not null: gradients() completes the gradients and updates the parameters
  RowPrefetch* next_rows;       // rows that this thread will gather next; or null
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
  // Renews what is derived from parameters, which have changed. Barriers before and after.
  virtual void refresh(Team&) {}

  // Between keep_in_panels() and leave_panels() only this layer reads and updates its parameters and their slots, and
  // no gradient of its inputs is computed: it may keep them in the packed layout only. Barriers before and after each.
  // One thread calls reserve_panels() first; false: the layer has no panels.
  virtual bool reserve_panels() { return false; }
  virtual void keep_in_panels(Team&) {}
  virtual void leave_panels(Team&) {}

  // Fuses the next activation into this step; its parameter comes after this layer's own. False: cannot.
  virtual bool fuse(const ActivationSpec&) { return false; }
  // backward() reads the input of the fused activation.
  virtual bool keeps_z() const { return false; }
  // The layers inside it, or null.
  virtual const Plan<T>* inner() const { return nullptr; }
  // y = x when predicting: the step is skipped.
  virtual bool identity_in_predict() const { return false; }
  // Calls Python, on the calling thread only; may throw.
  virtual bool calls_python() const { return false; }
  virtual std::size_t work_size(std::size_t /*rows*/) const { return 0; }
  virtual std::size_t predict_work_size(std::size_t /*rows*/) const { return 0; }
  // Multiply-adds of forward() for one row, from which the number of threads is chosen.
  virtual double multiply_adds() const { return static_cast<double>(outputs()); }

  // The prologue of this step's backward pass, if it has one; and whether backward() can run that of the step below.
  virtual std::optional<Prologue<T>> prologue(const Flow<T>&) const { return std::nullopt; }
  virtual bool fuses_prologue() const { return false; }
  // forward() and backward() compute flow.sum.
  virtual bool makes_sum() const { return false; }

  virtual void forward(Team& team, const Flow<T>& flow) const = 0;
  virtual void backward(Team& team, const Flow<T>& flow) const = 0;
  virtual void gradients(Team&, const Flow<T>&) const {}
  // y only; nothing is kept for backward().
  virtual void predict(Team& team, const Flow<T>& flow) const { forward(team, flow); }

  using Visitor = std::function<void(const Layer<T>&, const Flow<T>&)>;
  // Calls visitor for this layer, then for the steps inside it, each with its flow.
  virtual void visit(const Flow<T>& flow, const Visitor& visitor) const { visitor(*this, flow); }

 private:
  Shape input_;
  Shape output_;
};

}  // namespace prelunet
