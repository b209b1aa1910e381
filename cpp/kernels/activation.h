// Activations: a functor for each, and the two loops that run them over rows.
//
// forward(x, parameter) gives y; backward(grad, x, y, parameter) gives grad * dy/dx. kNeedsY says that backward reads
// y.
#pragma once

#include "kernels/math.h"
#include "kernels/table.h"
#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

struct Identity {
  static constexpr bool kNeedsY = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return x;
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V, V) {
    return grad;
  }
};

// He et al. 2015. select, not max + alpha * min: exact for any sign of alpha, and NaN stays NaN.
struct PReLU {
  static constexpr bool kNeedsY = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V alpha) {
    return select(x > V{}, x, alpha * x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V alpha) {
    return select(x > V{}, grad, alpha * grad);
  }
};

struct LeakyReLU : PReLU {};

struct ReLU {
  static constexpr bool kNeedsY = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return select(x <= V{}, V{}, x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V) {
    return select(x <= V{}, V{}, grad);
  }
};

struct ELU {
  static constexpr bool kNeedsY = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V scale) {
    return select(x > V{}, x, scale * expm1(min(V{}, x)));  // min in this order keeps NaN
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V y, V scale) {
    return select(x > V{}, grad, grad * (y + scale));
  }
};

struct GELU {
  static constexpr bool kNeedsY = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return x * normal_cdf(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V) {
    const V density =
        exp(x * x * constant<V>(-0.5)) * constant<V>(0.398942280401432677939946059934 /* 1 / sqrt(2 pi) */);
    return grad * fma(x, density, normal_cdf(x));
  }
};

struct SiLU {
  static constexpr bool kNeedsY = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return x * sigmoid(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V) {
    const V s = sigmoid(x);
    return grad * (s * fma(x, 1 - s, constant<V>(1)));
  }
};

struct Tanh {
  static constexpr bool kNeedsY = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return tanh(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V y, V) {
    return grad * fma(-y, y, constant<V>(1));
  }
};

struct Sigmoid {
  static constexpr bool kNeedsY = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return sigmoid(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V y, V) {
    return grad * (y * (1 - y));
  }
};

// Calls f(column, count) for whole vectors (count = lanes) and the tail. Tails run the same vector code, masked.
template <class T, class F>
PRELUNET_INLINE void for_each_vector(std::size_t columns, F&& f) {
  std::size_t j = 0;
  for (; j + kLanes<T> <= columns; j += kLanes<T>) f(j, kLanes<T>);
  if (j < columns) f(j, columns - j);
}

template <class T>
PRELUNET_INLINE Vec<T> load_count(const T* p, std::size_t count) {
  return count == kLanes<T> ? load(p) : load_partial(p, count);
}
template <class T>
PRELUNET_INLINE void store_count(T* p, Vec<T> v, std::size_t count) {
  count == kLanes<T> ? store(p, v) : store_partial(p, v, count);
}

// The parameter of columns [j, j + count): its own for each, or one for all.
template <class T>
PRELUNET_INLINE Vec<T> load_parameter(const T* parameter, std::size_t stride, std::size_t j, std::size_t count) {
  if (parameter == nullptr) return Vec<T>{};
  return stride == 0 ? splat(*parameter) : load_count(parameter + j, count);
}

template <class T, class Function>
void activation_forward(const ActivationForward<T>& g) {
  for_each_vector<T>(g.columns, [&](std::size_t j, std::size_t count) __attribute__((always_inline)) {
    const Vec<T> parameter = load_parameter(g.parameter, g.parameter_stride, j, count);
    const Vec<T> bias = g.bias == nullptr ? Vec<T>{} : load_count(g.bias + j, count);
    for (std::size_t i = 0; i < g.rows; ++i) {
      T* const xs = g.x + i * g.x_stride + j;
      Vec<T> x = load_count<T>(xs, count);
      if (g.bias != nullptr) {
        x += bias;
        if (g.x != g.y) store_count(xs, x, count);
      }
      store_count(g.y + i * g.y_stride + j, Function::forward(x, parameter), count);
    }
  });
}

// One chunk of rows, one vector of columns: see ActivationBackward.
template <class T, class Function>
PRELUNET_INLINE void backward_chunk(const ActivationBackward<T>& g, std::size_t chunk, std::size_t j,
                                    std::size_t count) {
  const Vec<T> parameter = load_parameter(g.parameter, g.parameter_stride, j, count);
  const std::size_t begin = chunk * kChunkRows;
  const std::size_t end = g.rows - begin < kChunkRows ? g.rows : begin + kChunkRows;
  Vec<T> bias_sum = {};
  Vec<T> parameter_sum = {};
  for (std::size_t i = begin; i < end; ++i) {
    const Vec<T> grad_y = load_count(g.grad_y + i * g.grad_y_stride + j, count);
    const Vec<T> x = g.x == nullptr ? Vec<T>{} : load_count(g.x + i * g.x_stride + j, count);
    Vec<T> y = {};
    if constexpr (Function::kNeedsY) {
      y = g.y == nullptr ? Function::forward(x, parameter) : load_count(g.y + i * g.y_stride + j, count);
    }
    const Vec<T> grad_x = Function::backward(grad_y, x, y, parameter);
    if (g.grad_x != nullptr) store_count(g.grad_x + i * g.grad_x_stride + j, grad_x, count);
    bias_sum += grad_x;
    parameter_sum = select(x > Vec<T>{}, parameter_sum, fma(grad_y, x, parameter_sum));
  }
  const std::size_t out = chunk * g.partial_stride + j;
  if (g.bias_partial != nullptr) store_count(g.bias_partial + out, bias_sum, count);
  if (g.parameter_partial != nullptr) store_count(g.parameter_partial + out, parameter_sum, count);
}

template <class T, class Function>
void activation_backward(const ActivationBackward<T>& g) {
  const std::size_t chunks = (g.rows + kChunkRows - 1) / kChunkRows;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    for_each_vector<T>(g.columns, [&](std::size_t j, std::size_t count) __attribute__((always_inline)) {
      backward_chunk<T, Function>(g, chunk, j, count);
    });
  }
}

template <class T>
void add_chunks(std::size_t chunks, std::size_t columns, const T* partial, std::size_t stride, T* total) {
  for_each_vector<T>(columns, [&](std::size_t j, std::size_t count) __attribute__((always_inline)) {
    Vec<T> sum = load_count<T>(total + j, count);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) sum += load_count(partial + chunk * stride + j, count);
    store_count(total + j, sum, count);
  });
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
