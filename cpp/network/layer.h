// What every layer fills in.
//
// A layer owns no activations: those belong to the call (Flow). Its parameters live in the network's arenas; bind()
// tells it where. Row-wise work is shared by Team::share in units of kChunkRows, so forward and backward of successive
// layers need no barrier between them; gradients() runs after the team has met.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "network/parameter.h"
#include "runtime/team.h"

namespace prelunet {

struct CurveSpec;
template <class T>
struct Plan;

// What a step's backward pass does first, element by element, to the gradient of its outputs. The step above may do it
// in the epilogue of the product that makes that gradient.
template <class T>
struct Entry {
  ActivationId id;
  ActivationBackward<T> g;
};

// Deltas of row i are kept within limit * row_scale[i]: what the loss made of the row, before it was scaled, within
// limit.
struct DeltaClip {
  double limit;
  const double* row_scale;
};

// One block of rows flowing past one layer.
template <class T>
struct Flow {
  std::size_t rows;
  std::size_t capacity;      // rows that work was laid out for: those of the batch's largest block
  const T* x;                // (rows, inputs)
  T* y;                      // (rows, outputs)
  T* z;                      // (rows, outputs): what a fused activation was applied to; null when predicting
  T* grad_y;                 // (rows, outputs): a layer may overwrite it with what gradients() needs
  T* grad_x;                 // (rows, inputs); null: not wanted
  T* work;                   // work_size() elements that live from forward to gradients(), or predict_work_size()
  bool training;             // dropout acts
  bool first;                // the batch's first block: gradients() overwrites, later blocks add
  std::size_t first_row;     // the block's first row, counted in the batch
  std::uint64_t step;        // training steps taken before this one
  const ScaledSum<T>* sum;   // where makes_sum(): of y in forward, of grad_x in backward, as they are made; or null
  const Entry<T>* below;     // what to do to grad_x as it is made, where carries_entry(); or null
  bool entered;              // the step above has done this one's entry
  const DeltaClip* clip;     // of the gradients that weights are multiplied by; or null
  const StepUpdate* update;  // not null: gradients() completes the gradients and moves the parameters by them
  Ahead* ahead;              // rows this thread will gather next; or null
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
  // Parameters have changed: renew what is derived from them. The team has met before and meets after.
  virtual void refresh(Team&) {}

  // Between take_parameters() and return_parameters() nobody but this layer reads or moves its parameters and their
  // slots, and no gradient of its inputs is wanted: it may keep them where that costs least. The team has met before
  // each and meets after. First one thread asks for the room; false: the layer has no such place.
  virtual bool reserve_room() { return false; }
  virtual void take_parameters(Team&) {}
  virtual void return_parameters(Team&) {}

  // Takes the activation that follows into this step, its parameter after this layer's own; false: not a step that can.
  virtual bool fuse(const CurveSpec&) { return false; }
  // Backward reads what the fused activation was applied to.
  virtual bool keeps_z() const { return false; }
  // The layers inside it, or null.
  virtual const Plan<T>* inner() const { return nullptr; }
  // y = x when predicting: no work and no buffer then.
  virtual bool identity_in_predict() const { return false; }
  // What it does, it asks Python for, on the calling thread alone; it may throw there.
  virtual bool calls_python() const { return false; }
  virtual std::size_t work_size(std::size_t /*rows*/) const { return 0; }
  virtual std::size_t predict_work_size(std::size_t /*rows*/) const { return 0; }
  // Multiply-adds for one row, forward: what the choice of threads goes by.
  virtual double multiply_adds() const { return static_cast<double>(outputs()); }

  // The entry of this step's backward pass, if it has one, and whether backward() carries that of the step below.
  virtual std::optional<Entry<T>> entry(const Flow<T>&) const { return std::nullopt; }
  virtual bool carries_entry() const { return false; }
  // Whether forward() and backward() make flow.sum.
  virtual bool makes_sum() const { return false; }

  virtual void forward(Team& team, const Flow<T>& flow) const = 0;
  virtual void backward(Team& team, const Flow<T>& flow) const = 0;
  virtual void gradients(Team&, const Flow<T>&) const {}
  // y alone, with nothing kept for backward.
  virtual void predict(Team& team, const Flow<T>& flow) const { forward(team, flow); }

  using Visitor = std::function<void(const Layer<T>&, const Flow<T>&)>;
  // Shows itself, then the steps inside it, each with its own flow.
  virtual void visit(const Flow<T>& flow, const Visitor& visitor) const { visitor(*this, flow); }

 private:
  Shape input_;
  Shape output_;
};

}  // namespace prelunet
