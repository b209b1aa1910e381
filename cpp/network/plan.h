// From a list of layers to steps: shapes are inferred, layers that only rename a shape vanish, and an activation joins
// the Dense layer before it.
#pragma once

#include <memory>

#include "network/layer.h"
#include "network/layer_config.h"

namespace prelunet {

// Layers are numbered in the order in which they are written down: a residual, then those inside it.
template <class T>
struct Plan {
  // Which layer a parameter belongs to.
  struct Owner {
    std::size_t step;
    std::size_t layer;
    ParameterInfo info;
  };

  std::vector<std::unique_ptr<Layer<T>>> steps;
  std::vector<const Layer<T>*> predict_steps;  // without those that are the identity then
  std::vector<Owner> parameters;               // step by step, in the order that bind() wants
  std::vector<Shape> shapes;                   // the output shape of each layer; the last one's is the whole plan's

  // `bound`: where each of `parameters` lives.
  void bind(const std::vector<Parameter<T>>& bound) const;

  // The lowest step with something to learn, or the count of steps: below it, parameters need no backward pass.
  std::size_t lowest_trained() const;

  // The backward pass from the last step down to step `lowest`, through flow_of(step), which says whether the last one
  // is entered, and what is below the lowest. Where a step can, it carries the entry of the one below in the product
  // that makes its gradient. It ends early where stops() says so.
  template <class FlowOf, class Stops>
  void backward(Team& team, std::size_t lowest, FlowOf&& flow_of, Stops&& stops) const {
    bool entered = false;
    for (std::size_t s = steps.size(); s-- > lowest && !stops();) {
      Flow<T> flow = flow_of(s);
      std::optional<Entry<T>> below;
      if (s > lowest && flow.clip == nullptr && steps[s]->carries_entry()) below = steps[s - 1]->entry(flow_of(s - 1));
      const bool by_pixels = below && below->g.columns != steps[s]->inputs();  // and this step goes by samples
      if (by_pixels) below.reset();
      if (s + 1 < steps.size()) flow.entered = entered;
      if (s > lowest) flow.below = below ? &*below : nullptr;
      steps[s]->backward(team, flow);
      entered = below.has_value();
    }
  }

  // flow.y = what the steps make of flow.x when predicting. flow.work holds predict_work_size() elements.
  void predict(Team& team, const Flow<T>& flow) const;
  std::size_t predict_work_size(std::size_t rows) const { return predict_places(rows).size; }

 private:
  struct PredictPlaces {
    std::size_t even, odd;  // outputs of steps before the last, by turns
    std::size_t work;       // of the step at work
    std::size_t size;
  };
  PredictPlaces predict_places(std::size_t rows) const;
};

// Throws std::invalid_argument where a layer does not fit its input, or a residual's input what it makes of it. `fuse`
// false keeps every layer a step of its own, which gives the same bits.
template <class T>
Plan<T> make_plan(const Shape& input, const std::vector<LayerConfig>& layers, std::uint64_t seed, bool fuse);

}  // namespace prelunet
