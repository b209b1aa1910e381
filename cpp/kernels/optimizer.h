// Updates of parameters, element by element; equations beside their arguments in table.h.
#pragma once

#include "kernels/activation.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Calls f(offset of the parameter, offset of the gradient, lanes) for each vector of a block.
template <class T, class F>
PRELUNET_INLINE void for_each_vector_of(const Update<T>& g, F&& f) {
  for (std::size_t i = 0; i < g.rows; ++i) {
    for_each_vector<T>(g.columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      f(i * g.stride + j, i * g.gradient_stride + j, lanes);
    });
  }
}

// g = gradient + l2 * parameter, then parameter = decay * parameter - learning_rate * g; with momentum
// velocity = momentum * velocity - learning_rate * g and parameter = decay * parameter + velocity (Nesterov: +
// momentum * velocity - learning_rate * g).
template <class T>
void sgd_update(const Update<T>& g) {
  const Vec<T> rate = splat(static_cast<T>(g.rule.learning_rate));
  const Vec<T> momentum = splat(static_cast<T>(g.rule.momentum));
  const Vec<T> l2 = splat(static_cast<T>(g.rule.l2));
  const Vec<T> decay = splat(static_cast<T>(g.rule.decay));
  T* const velocities = g.slot[0];
  for_each_vector_of(g, [&](std::size_t at, std::size_t from, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> p = load_count<T>(g.parameter + at, lanes);
    const Vec<T> gradient = fma(l2, p, load_count(g.gradient + from, lanes));
    const Vec<T> decayed = p * decay;
    if (velocities == nullptr) {
      store_count(g.parameter + at, fma(-rate, gradient, decayed), lanes);
      return;
    }
    const Vec<T> step = rate * gradient;
    const Vec<T> velocity = fma(momentum, load_count<T>(velocities + at, lanes), -step);
    store_count(velocities + at, velocity, lanes);
    const Vec<T> change = g.rule.nesterov ? fma(momentum, velocity, -step) : velocity;
    store_count(g.parameter + at, decayed + change, lanes);
  });
}

// Kingma & Ba 2015, with AdamW's decoupled decay (Loshchilov & Hutter 2019).
template <class T>
void adam_update(const Update<T>& g) {
  const UpdateRule& r = g.rule;
  const Vec<T> rate = splat(static_cast<T>(r.learning_rate / r.correction_1));
  const Vec<T> beta_1 = splat(static_cast<T>(r.beta_1)), rest_1 = splat(static_cast<T>(1.0 - r.beta_1));
  const Vec<T> beta_2 = splat(static_cast<T>(r.beta_2)), rest_2 = splat(static_cast<T>(1.0 - r.beta_2));
  const Vec<T> correction_2 = splat(static_cast<T>(1.0 / r.correction_2));
  const Vec<T> epsilon = splat(static_cast<T>(r.epsilon));
  const Vec<T> l2 = splat(static_cast<T>(r.l2));
  const Vec<T> decay = splat(static_cast<T>(r.decay));
  for_each_vector_of(g, [&](std::size_t at, std::size_t from, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> p = load_count<T>(g.parameter + at, lanes);
    const Vec<T> gradient = fma(l2, p, load_count(g.gradient + from, lanes));
    const Vec<T> m = fma(beta_1, load_count<T>(g.slot[0] + at, lanes), rest_1 * gradient);
    const Vec<T> v = fma(beta_2, load_count<T>(g.slot[1] + at, lanes), rest_2 * (gradient * gradient));
    store_count(g.slot[0] + at, m, lanes);
    store_count(g.slot[1] + at, v, lanes);
    const Vec<T> change = rate * m / (sqrt(v * correction_2) + epsilon);
    store_count(g.parameter + at, p * decay - change, lanes);
  });
}

// NaN stays NaN: only what is known to be outside moves.
template <class T>
void clip_by_value(std::size_t count, T* x, double limit) {
  const Vec<T> high = splat(static_cast<T>(limit));
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> v = load_count<T>(x + j, lanes);
    store_count(x + j, select(v > high, high, select(v < -high, -high, v)), lanes);
  });
}

template <class T>
void scale(std::size_t count, T* x, double factor) {
  const Vec<T> f = splat(static_cast<T>(factor));
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count<T>(x + j, load_count<T>(x + j, lanes) * f, lanes);
  });
}

// In float64, where the square of a float32 is exact and does not overflow.
template <class T>
double sum_of_squares(std::size_t count, const T* x) {
  LaneSum<double> sum;
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> v = load_count(x + j, lanes);
    if constexpr (sizeof(T) == sizeof(double)) {
      sum.add(j, v * v);
    } else {
      sum.add(j, widen_low(v) * widen_low(v));
      sum.add(j + kLanes<double>, widen_high(v) * widen_high(v));
    }
  });
  return sum.total();
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
