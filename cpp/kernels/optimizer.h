// Updates of parameters, element by element; equations beside their arguments in table.h.
#pragma once

#include "kernels/activation.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

template <class T>
void sgd_update(const SgdUpdate<T>& g) {
  const Vec<T> rate = splat(static_cast<T>(g.learning_rate));
  const Vec<T> momentum = splat(static_cast<T>(g.momentum));
  const Vec<T> l2 = splat(static_cast<T>(g.l2));
  const Vec<T> decay = splat(static_cast<T>(g.decay));
  for_each_vector<T>(g.count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> p = load_count<T>(g.parameter + j, lanes);
    const Vec<T> gradient = fma(l2, p, load_count(g.gradient + j, lanes));
    const Vec<T> decayed = p * decay;
    if (g.velocity == nullptr) {
      store_count(g.parameter + j, fma(-rate, gradient, decayed), lanes);
      return;
    }
    const Vec<T> step = rate * gradient;
    const Vec<T> velocity = fma(momentum, load_count<T>(g.velocity + j, lanes), -step);
    store_count(g.velocity + j, velocity, lanes);
    const Vec<T> change = g.nesterov ? fma(momentum, velocity, -step) : velocity;
    store_count(g.parameter + j, decayed + change, lanes);
  });
}

template <class T>
void adam_update(const AdamUpdate<T>& g) {
  const Vec<T> rate = splat(static_cast<T>(g.learning_rate / g.correction_1));
  const Vec<T> beta_1 = splat(static_cast<T>(g.beta_1)), rest_1 = splat(static_cast<T>(1.0 - g.beta_1));
  const Vec<T> beta_2 = splat(static_cast<T>(g.beta_2)), rest_2 = splat(static_cast<T>(1.0 - g.beta_2));
  const Vec<T> correction_2 = splat(static_cast<T>(1.0 / g.correction_2));
  const Vec<T> epsilon = splat(static_cast<T>(g.epsilon));
  const Vec<T> l2 = splat(static_cast<T>(g.l2));
  const Vec<T> decay = splat(static_cast<T>(g.decay));
  for_each_vector<T>(g.count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> p = load_count<T>(g.parameter + j, lanes);
    const Vec<T> gradient = fma(l2, p, load_count(g.gradient + j, lanes));
    const Vec<T> m = fma(beta_1, load_count<T>(g.first_moment + j, lanes), rest_1 * gradient);
    const Vec<T> v = fma(beta_2, load_count<T>(g.second_moment + j, lanes), rest_2 * (gradient * gradient));
    store_count(g.first_moment + j, m, lanes);
    store_count(g.second_moment + j, v, lanes);
    const Vec<T> change = rate * m / (sqrt(v * correction_2) + epsilon);
    store_count(g.parameter + j, p * decay - change, lanes);
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

template <class T>
void add_scaled(std::size_t count, double factor, const T* x, T* y) {
  const Vec<T> f = splat(static_cast<T>(factor));
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(y + j, fma(f, load_count(x + j, lanes), load_count<T>(y + j, lanes)), lanes);
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
