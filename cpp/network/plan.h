// A plan turns a list of layers into stages. Shapes are inferred. A layer that only reshapes has no stage. An
// activation is fused into the layer before it if that layer has a weight.
#pragma once

#include <memory>

#include "network/layer.h"
#include "network/layer_config.h"

namespace prelunet {

// Layers are numbered in the order of their descriptions. A residual comes before the layers inside it.
template <class T>
struct Plan {
  // Which layer a parameter belongs to.
  struct Owner {
    std::size_t stage;
    std::size_t layer;
    ParameterInfo info;
  };

  std::vector<std::unique_ptr<Layer<T>>> stages;
  std::vector<const Layer<T>*> predict_stages;  // without stages that are the identity when predicting
  std::vector<Owner> parameters;                // stage by stage, in the order of bind()
  std::vector<Shape> shapes;                    // the output shape of each layer, also of those inside layers
  Shape output;                                 // the output shape of the plan; its input shape if it has no layers

  // Layer::categories() of the first stage.
  std::vector<std::size_t> categories() const;

  // `bound` is the memory of each of `parameters`.
  void bind(const std::vector<Parameter<T>>& bound) const;

  // The lowest stage with a trainable parameter, or stages.size() if there is none. Stages below it need no backward
  // pass.
  std::size_t lowest_trained() const;

  // The largest row_unit() of the stages.
  std::size_t row_unit() const;

  // Runs the backward pass from the last stage down to stage `lowest`. flow_of(s) returns the flow of stage s. In these
  // flows the caller sets prologue_done of the last stage and prologue of the lowest stage. If fuses_prologue(), a
  // stage runs the prologue of the stage below in the product that computes grad_x. The pass ends early if stops() is
  // true.
  template <class FlowOf, class Stops>
  void backward(Team& team, std::size_t lowest, FlowOf&& flow_of, Stops&& stops) const {
    bool done = false;
    for (std::size_t s = stages.size(); s-- > lowest && !stops();) {
      Flow<T> flow = flow_of(s);
      std::optional<Prologue<T>> below;
      if (s > lowest && flow.clip == nullptr && stages[s]->fuses_prologue()) {
        below = stages[s - 1]->prologue(flow_of(s - 1));
        // If their columns differ, the rows of the stage below are pixels, and the rows of this stage are samples.
        if (below && below->g.columns != stages[s]->inputs()) below.reset();
      }
      if (s + 1 < stages.size()) flow.prologue_done = done;
      if (s > lowest) flow.prologue = below ? &*below : nullptr;
      stages[s]->backward(team, flow);
      done = below.has_value();
    }
  }

  // flow.y = the prediction for flow.x, which is the input of predict_stages[first]. flow.work holds
  // predict_work_size() elements.
  void predict(Team& team, const Flow<T>& flow, std::size_t first = 0) const;
  std::size_t predict_work_size(std::size_t rows, std::size_t first = 0) const {
    return predict_places(rows, first).size;
  }

 private:
  struct PredictPlaces {
    std::size_t even, odd;  // outputs of the stages before the last, alternating
    std::size_t work;       // of the current stage
    std::size_t size;
  };
  PredictPlaces predict_places(std::size_t rows, std::size_t first) const;
};

struct PlanOptions {
  std::uint64_t seed;
  bool fuse = true;       // false: every layer is a stage of its own, with the same bits
  bool bfloat16 = false;  // wide Dense layers compute in bfloat16; float only
};

// Throws std::invalid_argument if a layer does not accept the shape of its input, or if a residual's output differs in
// shape from its input.
template <class T>
Plan<T> make_plan(const Shape& input, const std::vector<LayerConfig>& layers, const PlanOptions& options);

}  // namespace prelunet
