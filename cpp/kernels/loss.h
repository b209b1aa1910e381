// Losses, forward and backward in one pass over a row.
//
// For a row of outputs o (logits z), targets t and m outputs:
//   softmax_cross_entropy     l = sum_j t_j (log sum_i exp(z_i) - z_j)       dl/dz = softmax(z) sum(t) - t
//                             a label y stands for t = onehot(y); smoothing s makes it (1 - s) t + s / m
//   sigmoid_cross_entropy     l = 1/m sum_j max(z_j, 0) - t_j z_j + log(1 + exp(-|z_j|))    (sigmoid(z) - t) / m
//   mean_squared_error        l = 1/m sum_j (o_j - t_j)^2                    2 (o - t) / m
//   batch_mean_squared_error  l = sum_j (o_j - t_j)^2                        2 (o - t)
//   half_squared_error        l = 1/2 sum_j (o_j - t_j)^2                    o - t
//   mean_absolute_error       l = 1/m sum_j |o_j - t_j|                      sign(o - t) / m
//   huber                     l = 1/m sum_j h(o_j - t_j), h(e) = e^2/2 where |e| <= delta, else delta (|e| - delta/2)
// and the gradient is multiplied by row_scale, by which a batch weighs its rows. Losses are summed in float64 over 16
// virtual lanes, whatever the ISA.
#pragma once

#include "kernels/activation.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

template <class T>
PRELUNET_INLINE T row_max(std::size_t count, const T* x) {
  T best = x[0];
  for (std::size_t j = 1; j < count; ++j) best = x[j] > best ? x[j] : best;
  return best;
}

// The sum of e_j = exp(z_j - max), each stored unless e is null; NaN where z holds NaN or only -inf.
template <class T>
PRELUNET_INLINE double exp_row(std::size_t count, const T* z, T max, T* e) {
  LaneSum<T> sum;
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> value = exp(load_count(z + j, lanes) - splat(max));
    if (e != nullptr) store_count(e + j, value, lanes);
    sum.add(j, value, lanes);
  });
  return sum.total();
}

template <class T>
void softmax_rows(std::size_t rows, std::size_t columns, const T* x, T* y) {
  for (std::size_t i = 0; i < rows; ++i, x += columns, y += columns) {
    const T sum = static_cast<T>(exp_row(columns, x, row_max(columns, x), y));
    for_each_vector<T>(columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      store_count(y + j, load_count<T>(y + j, lanes) / splat(sum), lanes);
    });
  }
}

PRELUNET_INLINE double log_of(double x) { return log(splat(x))[0]; }

// t_j after smoothing: of a label, or of a row of targets.
template <class T>
struct SmoothTarget {
  double keep, uniform;
  const T* target;
  std::int64_t label;
  PRELUNET_INLINE double operator()(std::size_t j) const {
    const double t = target != nullptr ? static_cast<double>(target[j]) : (static_cast<std::int64_t>(j) == label);
    return keep * t + uniform;
  }
};

// sum_j t_j (z_j - max), where t_j = 0 counts for nothing even at z_j = -inf.
template <class T>
PRELUNET_INLINE double shifted_dot(std::size_t m, const SmoothTarget<T>& t, const T* z, double max) {
  double dot = 0.0;
  for (std::size_t j = 0; j < m; ++j) {
    if (t(j) != 0.0) dot += t(j) * (static_cast<double>(z[j]) - max);
  }
  return dot;
}

template <class T>
PRELUNET_INLINE void softmax_cross_entropy_row(const LossRows<T>& g, std::size_t row) {
  const std::size_t m = g.outputs;
  const T* const z = g.output + row * g.output_stride;
  T* const grad = g.grad == nullptr ? nullptr : g.grad + row * g.grad_stride;
  const SmoothTarget<T> t{1.0 - g.option, g.option / static_cast<double>(m),
                          g.target == nullptr ? nullptr : g.target + row * g.target_stride,
                          g.label == nullptr ? 0 : g.label[row]};
  double mass = t.target == nullptr ? 1.0 : 0.0;
  if (t.target != nullptr) {
    for (std::size_t j = 0; j < m; ++j) mass += static_cast<double>(t.target[j]);
  }
  mass = t.keep * mass + g.option;

  const bool one_hot = t.target == nullptr && g.option == 0.0;
  const T max = row_max(m, z);
  const double dot = one_hot ? static_cast<double>(z[t.label]) - static_cast<double>(max) : shifted_dot(m, t, z, max);
  const double sum = exp_row(m, z, max, grad);  // z is read for the last time here: grad may be the same row
  g.row_loss[row] = mass * log_of(sum) - dot;
  if (grad == nullptr) return;

  const Vec<T> divisor = splat(static_cast<T>(sum));
  const Vec<T> weight = splat(static_cast<T>(mass));
  const Vec<T> scale = splat(static_cast<T>(g.row_scale[row]));
  for_each_vector<T>(m, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(grad + j, load_count<T>(grad + j, lanes) / divisor * weight, lanes);
  });
  if (one_hot) {
    grad[t.label] -= 1;
  } else {
    for (std::size_t j = 0; j < m; ++j) grad[j] -= static_cast<T>(t(j));
  }
  for_each_vector<T>(m, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(grad + j, load_count<T>(grad + j, lanes) * scale, lanes);
  });
}

template <class T>
void softmax_cross_entropy_rows(const LossRows<T>& g) {
  for (std::size_t row = 0; row < g.rows; ++row) softmax_cross_entropy_row(g, row);
}

// log(1 + x) for x >= 0 without losing a small x (Kahan).
template <class V>
PRELUNET_INLINE V log1p_positive(V x) {
  const V u = 1 + x;
  return select(u == constant<V>(1), x, log(u) * (x / (u - 1)));
}

// Elementwise losses: value(o, t), slope(o, t) = d value / d o, and whether a row's loss is their mean or their sum.
struct SigmoidCrossEntropy {
  static constexpr bool kMean = true;
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

template <class T, class Function>
void elementwise_loss_rows(const LossRows<T>& g) {
  const double divisor = Function::kMean ? static_cast<double>(g.outputs) : 1.0;
  const Vec<T> option = splat(static_cast<T>(g.option));
  for (std::size_t row = 0; row < g.rows; ++row) {
    const T* const output = g.output + row * g.output_stride;
    const T* const target = g.target + row * g.target_stride;
    const Vec<T> scale = splat(static_cast<T>(g.row_scale[row] / divisor));
    LaneSum<T> sum;
    for_each_vector<T>(g.outputs, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      const Vec<T> o = load_count(output + j, lanes);
      const Vec<T> t = load_count(target + j, lanes);
      sum.add(j, Function::value(o, t, option), lanes);
      if (g.grad != nullptr)
        store_count(g.grad + row * g.grad_stride + j, Function::slope(o, t, option) * scale, lanes);
    });
    g.row_loss[row] = sum.total() / divisor;
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
