// Updates of parameters, element by element: a functor for each, and the two loops that run them.
//
// A functor's prepare() computes UpdateRule::derived. with_step() passes its Step to a function. A Step updates a
// vector of a parameter: step(parameter, gradient, offset in the slots, lanes). g below is gradient + l2 * parameter.
#pragma once

#include "kernels/activation.h"
#include "kernels/transpose.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// parameter = decay * parameter - learning_rate * g; with momentum velocity = momentum * velocity - learning_rate * g
// and parameter = decay * parameter + velocity (Nesterov: + momentum * velocity - learning_rate * g).
struct SGD {
  template <class T, bool kMomentum>
  struct Step {
    Vec<T> rate, momentum, l2, decay;
    bool nesterov;
    T* velocities;

    explicit PRELUNET_INLINE Step(const Update<T>& g)
        : rate(splat(static_cast<T>(g.rule.learning_rate))),
          momentum(splat(static_cast<T>(g.rule.option[SGDOption::momentum]))),
          l2(splat(static_cast<T>(g.rule.l2))),
          decay(splat(static_cast<T>(g.rule.decay))),
          nesterov(g.rule.option[SGDOption::nesterov] != 0.0),
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

  static void prepare(UpdateRule&) {}
  template <class T, class F>
  static PRELUNET_INLINE void with_step(const Update<T>& g, F&& f) {
    g.slot[0] == nullptr ? f(Step<T, false>(g)) : f(Step<T, true>(g));
  }
};

// b^n for n >= 0 by repeated squaring: the same bits on every ISA.
inline double power(double b, std::int64_t n) {
  double result = 1.0;
  for (; n > 0; n /= 2, b *= b) {
    if (n % 2 == 1) result *= b;
  }
  return result;
}

// Kingma & Ba 2015, with AdamW's decoupled decay (Loshchilov & Hutter 2019). Without bias correction both corrections
// are 1.
struct Adam {
  template <class T>
  struct Step {
    Vec<T> rate, beta_1, rest_1, beta_2, rest_2, correction_2, epsilon, l2, decay;
    T* first;
    T* second;

    explicit PRELUNET_INLINE Step(const Update<T>& g)
        : rate(splat(static_cast<T>(g.rule.learning_rate / g.rule.derived[0]))),
          beta_1(splat(static_cast<T>(g.rule.option[AdamOption::beta_1]))),
          rest_1(splat(static_cast<T>(1.0 - g.rule.option[AdamOption::beta_1]))),
          beta_2(splat(static_cast<T>(g.rule.option[AdamOption::beta_2]))),
          rest_2(splat(static_cast<T>(1.0 - g.rule.option[AdamOption::beta_2]))),
          correction_2(splat(static_cast<T>(1.0 / g.rule.derived[1]))),
          epsilon(splat(static_cast<T>(g.rule.option[AdamOption::epsilon]))),
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

  static void prepare(UpdateRule& rule) {
    const bool corrects = rule.option[AdamOption::bias_correction] != 0.0;
    rule.derived[0] = corrects ? 1.0 - power(rule.option[AdamOption::beta_1], rule.step) : 1.0;
    rule.derived[1] = corrects ? 1.0 - power(rule.option[AdamOption::beta_2], rule.step) : 1.0;
  }
  template <class T, class F>
  static PRELUNET_INLINE void with_step(const Update<T>& g, F&& f) {
    f(Step<T>(g));
  }
};

// Hinton's lecture 6e, with Keras's epsilon inside the root. Rounding may leave mean square - mean^2 below 0.
struct RMSprop {
  template <class T, bool kCentered, bool kMomentum>
  struct Step {
    Vec<T> rate, rho, rest, epsilon, momentum, l2, decay;
    T* squares;
    T* means;
    T* velocities;

    explicit PRELUNET_INLINE Step(const Update<T>& g)
        : rate(splat(static_cast<T>(g.rule.learning_rate))),
          rho(splat(static_cast<T>(g.rule.option[RMSpropOption::rho]))),
          rest(splat(static_cast<T>(1.0 - g.rule.option[RMSpropOption::rho]))),
          epsilon(splat(static_cast<T>(g.rule.option[RMSpropOption::epsilon]))),
          momentum(splat(static_cast<T>(g.rule.option[RMSpropOption::momentum]))),
          l2(splat(static_cast<T>(g.rule.l2))),
          decay(splat(static_cast<T>(g.rule.decay))),
          squares(g.slot[0]),
          means(g.slot[1]),
          velocities(g.slot[2]) {}

    PRELUNET_INLINE void operator()(T* parameter, Vec<T> from, std::size_t at, std::size_t lanes) const {
      const Vec<T> p = load_count<T>(parameter, lanes);
      const Vec<T> gradient = fma(l2, p, from);
      const Vec<T> square = fma(rho, load_count<T>(squares + at, lanes), rest * (gradient * gradient));
      store_count(squares + at, square, lanes);
      Vec<T> spread = square;
      if constexpr (kCentered) {
        const Vec<T> mean = fma(rho, load_count<T>(means + at, lanes), rest * gradient);
        store_count(means + at, mean, lanes);
        spread = max(Vec<T>{}, fma(-mean, mean, square));
      }
      Vec<T> change = rate * gradient / sqrt(spread + epsilon);
      if constexpr (kMomentum) {
        change = fma(momentum, load_count<T>(velocities + at, lanes), change);
        store_count(velocities + at, change, lanes);
      }
      store_count(parameter, p * decay - change, lanes);
    }
  };

  static void prepare(UpdateRule&) {}
  template <class T, class F>
  static PRELUNET_INLINE void with_step(const Update<T>& g, F&& f) {
    if (g.slot[1] == nullptr) {
      g.slot[2] == nullptr ? f(Step<T, false, false>(g)) : f(Step<T, false, true>(g));
    } else {
      g.slot[2] == nullptr ? f(Step<T, true, false>(g)) : f(Step<T, true, true>(g));
    }
  }
};

// Chen et al. 2023: the sign is 0 at 0, and NaN stays.
struct Lion {
  template <class T>
  struct Step {
    Vec<T> rate, beta_1, rest_1, beta_2, rest_2, l2, decay;
    T* momenta;

    explicit PRELUNET_INLINE Step(const Update<T>& g)
        : rate(splat(static_cast<T>(g.rule.learning_rate))),
          beta_1(splat(static_cast<T>(g.rule.option[LionOption::beta_1]))),
          rest_1(splat(static_cast<T>(1.0 - g.rule.option[LionOption::beta_1]))),
          beta_2(splat(static_cast<T>(g.rule.option[LionOption::beta_2]))),
          rest_2(splat(static_cast<T>(1.0 - g.rule.option[LionOption::beta_2]))),
          l2(splat(static_cast<T>(g.rule.l2))),
          decay(splat(static_cast<T>(g.rule.decay))),
          momenta(g.slot[0]) {}

    PRELUNET_INLINE void operator()(T* parameter, Vec<T> from, std::size_t at, std::size_t lanes) const {
      const Vec<T> p = load_count<T>(parameter, lanes);
      const Vec<T> gradient = fma(l2, p, from);
      const Vec<T> momentum = load_count<T>(momenta + at, lanes);
      const Vec<T> mixed = fma(beta_1, momentum, rest_1 * gradient);
      store_count(momenta + at, fma(beta_2, momentum, rest_2 * gradient), lanes);
      const Vec<T> change = select(mixed > Vec<T>{}, rate, select(mixed < Vec<T>{}, -rate, mixed));
      store_count(parameter, p * decay - change, lanes);
    }
  };

  static void prepare(UpdateRule&) {}
  template <class T, class F>
  static PRELUNET_INLINE void with_step(const Update<T>& g, F&& f) {
    f(Step<T>(g));
  }
};

// The arguments that the loop reads are copied to locals, because stores may alias them. Contiguous rows are processed
// as one row. Otherwise the masked store at the end of a row would delay the first load of the next row, which overlaps
// it.
template <class T, class Step>
PRELUNET_INLINE void update_rows_by(const Step step, const Update<T>& g) {
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
                                  step(parameter + row + at, load_count(gradient + at, lanes), row + at, lanes);
                                }
                              });
  }
}

template <class T, class Step>
PRELUNET_INLINE void update_transposed_by(const Step step, const Update<T>& g) {
  const std::size_t rows = g.rows, columns = g.columns, stride = g.stride, gradient_stride = g.gradient_stride;
  T* const parameter = g.parameter;
  const T* gradient = g.gradient;
  std::size_t j = 0;
  for (; columns == kLanes<T> && j + kLanes<T> <= rows; j += kLanes<T>) {
    transpose<Vec<T>>(gradient + j, gradient_stride, [&](std::size_t i, Vec<T> v) __attribute__((always_inline)) {
      const std::size_t at = (j + i) * stride;
      step(parameter + at, v, at, kLanes<T>);
    });
  }
  for (; j < rows; j += kLanes<T>) {
    transpose<Vec<T>>(gradient + j, gradient_stride, [&](std::size_t i, Vec<T> v) __attribute__((always_inline)) {
      const std::size_t at = (j + i) * stride;
      if (j + i < rows) step(parameter + at, v, at, columns);
    });
  }
}

template <class T, class Function>
void update_rows(const Update<T>& g) {
  Function::template with_step<T>(g,
                                  [&](const auto& step) __attribute__((always_inline)) { update_rows_by<T>(step, g); });
}
// The gradient is transposed, in whole squares. The block has at most kLanes columns.
template <class T, class Function>
void update_transposed(const Update<T>& g) {
  Function::template with_step<T>(
      g, [&](const auto& step) __attribute__((always_inline)) { update_transposed_by<T>(step, g); });
}

// NaN stays NaN: neither comparison holds.
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

// Squares are summed in float64, where the square of a float32 is exact and does not overflow.
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
