// Losses, forward and backward in one pass; softmax_cross_entropy is in softmax.h.
//
// For a row of outputs o (logits z), targets t and m outputs:
//   softmax_cross_entropy     l = sum_j t_j (log sum_i exp(z_i) - z_j)       dl/dz = softmax(z) sum(t) - t
//                             a label y means t = onehot(y); smoothing s makes it (1 - s) t + s / m
//   sigmoid_cross_entropy     l = 1/m sum_j max(z_j, 0) - t_j z_j + log(1 + exp(-|z_j|))    (sigmoid(z) - t) / m
//   mean_squared_error        l = 1/m sum_j (o_j - t_j)^2                    2 (o - t) / m
//   batch_mean_squared_error  l = sum_j (o_j - t_j)^2                        2 (o - t)
//   half_squared_error        l = 1/2 sum_j (o_j - t_j)^2                    o - t
//   mean_absolute_error       l = 1/m sum_j |o_j - t_j|                      sign(o - t) / m
//   huber                     l = 1/m sum_j h(o_j - t_j), h(e) = e^2/2 if |e| <= delta, else delta (|e| - delta/2)
//   log_cosh                  l = 1/m sum_j log(cosh(o_j - t_j))             tanh(o - t) / m
//   poisson                   l = 1/m sum_j exp(z_j) - t_j - t_j (z_j - log t_j)            (exp(z) - t) / m
//   gamma                     l = 1/m sum_j exp(u_j) - 1 - u_j, u = log t - z               (1 - exp(u)) / m
//   pinball                   l = 1/m sum_j max(q_j e_j, (q_j - 1) e_j), e = t - o; q one quantile or one for each
//   output
//                             ((e_j < 0) - q_j) / m, 0 where e_j = 0
// The gradient is multiplied by row_scale. Losses are summed in float64 over 16 virtual lanes on every ISA.
#pragma once

#include "kernels/row_group.h"
#include "kernels/softmax.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// log(1 + x) for x >= 0 without losing a small x (Kahan).
template <class V>
PRELUNET_INLINE V log1p_positive(V x) {
  const V u = 1 + x;
  return select(u == constant<V>(1), x, log(u) * (x / (u - 1)));
}

// Elementwise losses: value(o, t, option), slope(o, t, option) = d value / d o. kMean: a row's loss is the mean of the
// values, else their sum. kCostly: the values cost more than transposing rows into lanes.
struct SigmoidCrossEntropy {
  static constexpr bool kMean = true;
  static constexpr bool kCostly = true;
  template <class V>
  static PRELUNET_INLINE V value(V z, V t, V) {
    return select(z > V{}, z, V{}) - t * z + log1p_positive(exp(-abs(z)));
  }
  template <class V>
  static PRELUNET_INLINE V slope(V z, V t, V) {
    return sigmoid(z) - t;
  }
};

struct BatchMeanSquaredError {
  static constexpr bool kMean = false;
  static constexpr bool kCostly = false;
  template <class V>
  static PRELUNET_INLINE V value(V o, V t, V) {
    return (o - t) * (o - t);
  }
  template <class V>
  static PRELUNET_INLINE V slope(V o, V t, V) {
    return 2 * (o - t);
  }
};

struct MeanSquaredError : BatchMeanSquaredError {
  static constexpr bool kMean = true;
};

struct HalfSquaredError {
  static constexpr bool kMean = false;
  static constexpr bool kCostly = false;
  template <class V>
  static PRELUNET_INLINE V value(V o, V t, V) {
    return constant<V>(0.5) * (o - t) * (o - t);
  }
  template <class V>
  static PRELUNET_INLINE V slope(V o, V t, V) {
    return o - t;
  }
};

struct MeanAbsoluteError {
  static constexpr bool kMean = true;
  static constexpr bool kCostly = false;
  template <class V>
  static PRELUNET_INLINE V value(V o, V t, V) {
    return abs(o - t);
  }
  template <class V>
  static PRELUNET_INLINE V slope(V o, V t, V) {
    const V e = o - t;
    return select(e > V{}, constant<V>(1), select(e < V{}, constant<V>(-1), e));  // 0 at 0; NaN stays
  }
};

struct Huber {
  static constexpr bool kMean = true;
  static constexpr bool kCostly = false;
  template <class V>
  static PRELUNET_INLINE V value(V o, V t, V delta) {
    const V e = abs(o - t);
    return select(e <= delta, constant<V>(0.5) * e * e, delta * (e - constant<V>(0.5) * delta));
  }
  template <class V>
  static PRELUNET_INLINE V slope(V o, V t, V delta) {
    const V e = o - t;
    return select(abs(e) <= delta, e, select(e > V{}, delta, select(e < V{}, -delta, e)));
  }
};

// cosh(a) - 1 = (e^a - 1)^2 / (2 e^a), without cancellation for small a. Beyond the bound, cosh(a) is e^a / 2.
struct LogCosh {
  static constexpr bool kMean = true;
  static constexpr bool kCostly = true;
  template <class V>
  static PRELUNET_INLINE V value(V o, V t, V) {
    const V a = abs(o - t), bound = constant<V>(20);
    const V m = expm1(min(bound, a));
    return select(a < bound, log1p_positive(m * m / (2 * m + 2)), a - constant<V>(0.693147180559945309417));
  }
  template <class V>
  static PRELUNET_INLINE V slope(V o, V t, V) {
    return tanh(o - t);
  }
};

// The unit deviances of the Poisson and the gamma distribution, halved. Outputs are logarithms of means.
struct Poisson {
  static constexpr bool kMean = true;
  static constexpr bool kCostly = true;
  template <class V>
  static PRELUNET_INLINE V value(V z, V t, V) {
    return exp(z) - t - t * select(t > V{}, z - log(t), V{});  // 0 log 0 = 0
  }
  template <class V>
  static PRELUNET_INLINE V slope(V z, V t, V) {
    return exp(z) - t;
  }
};

struct Gamma {
  static constexpr bool kMean = true;
  static constexpr bool kCostly = true;
  template <class V>
  static PRELUNET_INLINE V value(V z, V t, V) {
    const V u = log(t) - z;
    return expm1(u) - u;
  }
  template <class V>
  static PRELUNET_INLINE V slope(V z, V t, V) {
    return -expm1(log(t) - z);
  }
};

// Its option is a quantile for each output, or one for all.
struct Pinball {
  static constexpr bool kMean = true;
  static constexpr bool kCostly = false;
  static constexpr bool kOptionPerOutput = true;
  template <class V>
  static PRELUNET_INLINE V value(V o, V t, V quantile) {
    const V e = t - o;
    return select(e > V{}, quantile * e, (quantile - 1) * e);
  }
  template <class V>
  static PRELUNET_INLINE V slope(V o, V t, V quantile) {
    const V e = t - o;
    return select(e > V{}, -quantile, select(e < V{}, 1 - quantile, e));  // 0 at 0; NaN stays
  }
};

// The option of a loss in all lanes; if outputs have their own, those of outputs j, j + 1, ... or of output j.
template <class T, class Function>
class LossOption {
 public:
  explicit LossOption(const LossRows<T>& g)
      : all_(splat(static_cast<T>(g.option[0]))), own_(g.options > 1 ? g.option : nullptr) {}

  PRELUNET_INLINE Vec<T> of_outputs(std::size_t j, std::size_t count) const {
    if constexpr (requires { Function::kOptionPerOutput; }) {
      if (own_ != nullptr) {
        T lane[kLanes<T>] = {};
        for (std::size_t i = 0; i < count; ++i) lane[i] = static_cast<T>(own_[j + i]);
        return load(lane);
      }
    }
    return all_;
  }
  PRELUNET_INLINE Vec<T> of_output(std::size_t j) const {
    if constexpr (requires { Function::kOptionPerOutput; }) {
      if (own_ != nullptr) return splat(static_cast<T>(own_[j]));
    }
    return all_;
  }

 private:
  Vec<T> all_;
  const double* own_;  // or null
};

// Maximum outputs of a loss for which rows are lanes. On AVX-512, a row that fills more than half a register is faster
// with columns as lanes, unless empty lanes are costly. On the other ISAs, the masked tail of a row costs more than a
// transposition.
template <class Function>
constexpr std::size_t kNarrowOutputs = kVectorBytes < 64   ? kGroupColumns
                                       : Function::kCostly ? 24
                                                           : 8;

template <class T, class Function>
void elementwise_loss_wide(const LossRows<T>& g, double divisor) {
  const LossOption<T, Function> options(g);
  for (std::size_t row = 0; row < g.rows; ++row) {
    const T* const output = g.output + row * g.output_stride;
    const T* const target = g.target + row * g.target_stride;
    const Vec<T> scale = splat(static_cast<T>(g.row_scale[row] / divisor));
    LaneSum<T> sum;
    for_each_vector<T>(g.outputs, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      const Vec<T> o = load_count(output + j, lanes);
      const Vec<T> t = load_count(target + j, lanes), option = options.of_outputs(j, lanes);
      sum.add(j, Function::value(o, t, option), lanes);
      if (g.grad != nullptr)
        store_count(g.grad + row * g.grad_stride + j, Function::slope(o, t, option) * scale, lanes);
    });
    g.row_loss[row] = sum.total() / divisor;
  }
}

template <class T, class Function>
void elementwise_loss_narrow(const LossRows<T>& g, double divisor) {
  const LossOption<T, Function> options(g);
  RowGroups<T> outputs(g.outputs), targets(g.outputs), values(g.outputs), grads(g.outputs);
  const RowGroup<T> output = outputs[0], target = targets[0], value = values[0], grad = grads[0];
  for_each_group<T>(g.rows, [&](std::size_t, std::size_t first, std::size_t rows) __attribute__((always_inline)) {
    output.read(rows, g.rows - first, g.outputs, g.output + first * g.output_stride, g.output_stride);
    target.read(rows, g.rows - first, g.outputs, g.target + first * g.target_stride, g.target_stride);
    RowDoubles<T> scale;
    scale.read(rows, g.row_scale + first);
    for (Vec<double>& part : scale.part) part /= divisor;
    const Vec<T> row_scale = scale.rounded();
    for (std::size_t j = 0; j < g.outputs; ++j) {
      const Vec<T> option = options.of_output(j);
      value.set(j, Function::value(output[j], target[j], option));
      grad.set(j, Function::slope(output[j], target[j], option) * row_scale);
    }
    if (g.grad != nullptr) grad.write(rows, g.outputs, g.grad + first * g.grad_stride, g.grad_stride);
    RowDoubles<T> loss = sum_columns(g.outputs, value);
    for (Vec<double>& part : loss.part) part /= divisor;
    loss.write(rows, g.row_loss + first);
  });
}

template <class T, class Function>
void elementwise_loss_rows(const LossRows<T>& g) {
  const double divisor = Function::kMean ? static_cast<double>(g.outputs) : 1.0;
  if (g.outputs <= kNarrowOutputs<Function>) {
    elementwise_loss_narrow<T, Function>(g, divisor);
  } else {
    elementwise_loss_wide<T, Function>(g, divisor);
  }
}

// A loss that is not elementwise provides its own function rows().
template <class T, class Function>
void loss_rows(const LossRows<T>& g) {
  if constexpr (requires { Function::template rows<T>(g); }) {
    Function::template rows<T>(g);
  } else {
    elementwise_loss_rows<T, Function>(g);
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
