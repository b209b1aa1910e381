// Updates of parameters, element by element; equations beside their arguments in table.h.
#pragma once

#include "kernels/activation.h"
#include "kernels/transpose.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// A rule moves a vector of a parameter: rule(parameter, gradient, its offset in the slots, lanes).

// g = gradient + l2 * parameter, then parameter = decay * parameter - learning_rate * g; with momentum
// velocity = momentum * velocity - learning_rate * g and parameter = decay * parameter + velocity (Nesterov: +
// momentum * velocity - learning_rate * g).
template <class T, bool kMomentum>
struct Sgd {
  Vec<T> rate, momentum, l2, decay;
  bool nesterov;
  T* velocities;

  explicit PRELUNET_INLINE Sgd(const Update<T>& g)
      : rate(splat(static_cast<T>(g.rule.learning_rate))),
        momentum(splat(static_cast<T>(g.rule.momentum))),
        l2(splat(static_cast<T>(g.rule.l2))),
        decay(splat(static_cast<T>(g.rule.decay))),
        nesterov(g.rule.nesterov),
        velocities(g.slot[0]) {}

  PRELUNET_INLINE void operator()(T* parameter, Vec<T> from, std::size_t at, std::size_t lanes) const {
    const Vec<T> p = load_count<T>(parameter, lanes);
    const Vec<T> gradient = fma(l2, p, from);
    const Vec<T> decayed = p * decay;
    if constexpr (kMomentum) {
      const Vec<T> step = rate * gradient;
      const Vec<T> velocity = fma(momentum, load_count<T>(velocities + at, lanes), -step);
      store_count(velocities + at, velocity, lanes);
      const Vec<T> change = nesterov ? fma(momentum, velocity, -step) : velocity;
      store_count(parameter, decayed + change, lanes);
    } else {
      store_count(parameter, fma(-rate, gradient, decayed), lanes);
    }
  }
};

// Kingma & Ba 2015, with AdamW's decoupled decay (Loshchilov & Hutter 2019).
template <class T>
struct Adam {
  Vec<T> rate, beta_1, rest_1, beta_2, rest_2, correction_2, epsilon, l2, decay;
  T* first;
  T* second;

  explicit PRELUNET_INLINE Adam(const Update<T>& g)
      : rate(splat(static_cast<T>(g.rule.learning_rate / g.rule.correction_1))),
        beta_1(splat(static_cast<T>(g.rule.beta_1))),
        rest_1(splat(static_cast<T>(1.0 - g.rule.beta_1))),
        beta_2(splat(static_cast<T>(g.rule.beta_2))),
        rest_2(splat(static_cast<T>(1.0 - g.rule.beta_2))),
        correction_2(splat(static_cast<T>(1.0 / g.rule.correction_2))),
        epsilon(splat(static_cast<T>(g.rule.epsilon))),
        l2(splat(static_cast<T>(g.rule.l2))),
        decay(splat(static_cast<T>(g.rule.decay))),
        first(g.slot[0]),
        second(g.slot[1]) {}

  PRELUNET_INLINE void operator()(T* parameter, Vec<T> from, std::size_t at, std::size_t lanes) const {
    const Vec<T> p = load_count<T>(parameter, lanes);
    const Vec<T> gradient = fma(l2, p, from);
    const Vec<T> m = fma(beta_1, load_count<T>(first + at, lanes), rest_1 * gradient);
    const Vec<T> v = fma(beta_2, load_count<T>(second + at, lanes), rest_2 * (gradient * gradient));
    store_count(first + at, m, lanes);
    store_count(second + at, v, lanes);
    const Vec<T> change = rate * m / (sqrt(v * correction_2) + epsilon);
    store_count(parameter, p * decay - change, lanes);
  }
};

// What these loops read of their arguments lies in locals: their stores might be of them. Rows that lie one after
// another are one row: the masked store that would end each reaches over the next, whose load would wait for it.
template <class T, class Rule>
void update_rows(const Update<T>& g) {
  const Rule rule(g);
  const bool joined = g.stride == g.columns && g.gradient_stride == g.columns;
  const std::size_t columns = joined ? g.rows * g.columns : g.columns;
  const std::size_t stride = g.stride, gradient_stride = g.gradient_stride;
  T* const parameter = g.parameter;
  const T* gradient = g.gradient;
  std::size_t row = 0;
  for (std::size_t rows = joined ? 1 : g.rows; rows > 0; --rows, row += stride, gradient += gradient_stride) {
    for_each_vectors<T, true>(columns,
                              [&](std::size_t j, std::size_t lanes, auto vectors) __attribute__((always_inline)) {
#pragma GCC unroll 3
                                for (std::size_t v = 0; v < decltype(vectors)::value; ++v) {
                                  const std::size_t at = j + v * kLanes<T>;
                                  rule(parameter + row + at, load_count(gradient + at, lanes), row + at, lanes);
                                }
                              });
  }
}

// Up to a vector's lanes of columns, whose gradient is given transposed, in whole squares.
template <class T, class Rule>
void update_turned(const Update<T>& g) {
  const Rule rule(g);
  const std::size_t rows = g.rows, columns = g.columns, stride = g.stride, gradient_stride = g.gradient_stride;
  T* const parameter = g.parameter;
  const T* gradient = g.gradient;
  std::size_t j = 0;
  for (; columns == kLanes<T> && j + kLanes<T> <= rows; j += kLanes<T>) {
    transpose<Vec<T>>(gradient + j, gradient_stride, [&](std::size_t i, Vec<T> v) __attribute__((always_inline)) {
      const std::size_t at = (j + i) * stride;
      rule(parameter + at, v, at, kLanes<T>);
    });
  }
  for (; j < rows; j += kLanes<T>) {
    transpose<Vec<T>>(gradient + j, gradient_stride, [&](std::size_t i, Vec<T> v) __attribute__((always_inline)) {
      const std::size_t at = (j + i) * stride;
      if (j + i < rows) rule(parameter + at, v, at, columns);
    });
  }
}

template <class T>
void sgd_update(const Update<T>& g) {
  g.slot[0] == nullptr ? update_rows<T, Sgd<T, false>>(g) : update_rows<T, Sgd<T, true>>(g);
}
template <class T>
void sgd_update_turned(const Update<T>& g) {
  g.slot[0] == nullptr ? update_turned<T, Sgd<T, false>>(g) : update_turned<T, Sgd<T, true>>(g);
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
