// The two loops that run activations over rows: forward, and backward with the sums for learned parameters.
#pragma once

#include "kernels/activation.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Loads the parameters of columns [j, j + count). If the stride is 0, all columns share one parameter.
template <class T>
PRELUNET_INLINE Vec<T> load_parameter(const T* parameter, std::size_t stride, std::size_t j, std::size_t count) {
  if (parameter == nullptr) return Vec<T>{};
  return stride == 0 ? splat(*parameter) : load_count(parameter + j, count);
}

// Computes kVectors vectors of columns for rows [begin, end). Arguments are copied to locals, because stores may alias
// them.
template <class T, class Function, std::size_t kVectors>
PRELUNET_INLINE void forward_columns(const ActivationForward<T>& g, std::size_t begin, std::size_t end, std::size_t j,
                                     std::size_t count, bool adds_bias, bool keeps_x) {
  const Vec<T> constant = splat(g.constant);
  Vec<T> parameter[kVectors], bias[kVectors];
#pragma GCC unroll 3
  for (std::size_t v = 0; v < kVectors; ++v) {
    const std::size_t at = j + v * kLanes<T>;
    parameter[v] = load_parameter(g.parameter, g.parameter_stride, at, count);
    bias[v] = adds_bias ? load_count(g.bias + at, count) : Vec<T>{};
  }
  const std::size_t x_stride = g.x_stride, y_stride = g.y_stride;
  T* x = g.x + begin * x_stride + j;
  T* y = g.y + begin * y_stride + j;
  for (std::size_t rows = end - begin; rows > 0; --rows, x += x_stride, y += y_stride) {
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kVectors; ++v) {
      Vec<T> value = load_count<T>(x + v * kLanes<T>, count);
      if (adds_bias) value += bias[v];
      if (keeps_x) store_count(x + v * kLanes<T>, value, count);
      store_count(y + v * kLanes<T>, forward_of<Function>(value, parameter[v], constant), count);
    }
  }
}

// Processes one chunk after another, to read memory in order. Within a chunk, processes column by column, to load
// parameters once.
template <class T, class Function>
PRELUNET_INLINE void forward_chunks(const ActivationForward<T>& g, bool adds_bias, bool keeps_x) {
  const std::size_t rows = g.rows, columns = g.columns;
  for (std::size_t begin = 0; begin < rows; begin += kChunkRows) {
    const std::size_t end = rows - begin < kChunkRows ? rows : begin + kChunkRows;
    for_each_vectors<T, Function::kLight>(
        columns, [&](std::size_t j, std::size_t count, auto vectors) __attribute__((always_inline)) {
          forward_columns<T, Function, decltype(vectors)::value>(g, begin, end, j, count, adds_bias, keeps_x);
        });
  }
}

template <class T, class Function>
void forward_rows(const ActivationForward<T>& g) {
  const bool adds_bias = g.bias != nullptr, keeps_x = adds_bias && g.x != g.y;
  // The branches on these cost little beside many instructions, and copies of these would make the module larger.
  if constexpr (!Function::kLight) return forward_chunks<T, Function>(g, adds_bias, keeps_x);
  if (!adds_bias) return forward_chunks<T, Function>(g, false, false);
  if (!keeps_x) return forward_chunks<T, Function>(g, true, false);
  forward_chunks<T, Function>(g, true, true);
}

// Writes `rows` adjacent copies of a row that is narrower than a vector. Returns null if the row is null.
template <class T>
PRELUNET_INLINE const T* repeated(std::size_t rows, std::size_t columns, const T* row, T* out) {
  if (row == nullptr) return nullptr;
  const Vec<T> v = load_partial(row, columns);
  for (std::size_t i = 0; i < rows; ++i) store_partial(out + i * columns, v, columns);
  return out;
}

// Reshapes contiguous rows to fill vectors. If all columns are treated alike, a row is one vector. Else, if rows are
// narrower than a vector, kLanes rows become one, with kLanes copies of bias and parameter.
template <class T, class Function>
void activation_forward(const ActivationForward<T>& g) {
  const bool own = g.parameter != nullptr && g.parameter_stride != 0;
  const bool alike = g.bias == nullptr && !own;
  const bool joined = g.x_stride == g.columns && g.y_stride == g.columns;
  if (!joined || g.rows == 1 || !(alike || g.columns < kLanes<T>)) return forward_rows<T, Function>(g);

  const std::size_t elements = g.rows * g.columns;
  const std::size_t width = alike ? kLanes<T> : kLanes<T> * g.columns;
  const std::size_t copies = g.rows < kLanes<T> ? g.rows : kLanes<T>;
  alignas(kVectorBytes) T bias[kLanes<T> * kLanes<T>];
  alignas(kVectorBytes) T parameter[kLanes<T> * kLanes<T>];
  ActivationForward<T> part = g;
  part.bias = repeated(copies, g.columns, g.bias, bias);
  if (own) part.parameter = repeated(copies, g.columns, g.parameter, parameter);
  part.x_stride = part.y_stride = width;
  part.rows = elements / width;
  part.columns = width;
  if (part.rows > 0) forward_rows<T, Function>(part);
  part.columns = elements % width;
  part.x += elements - part.columns;
  part.y += elements - part.columns;
  part.rows = 1;
  if (part.columns > 0) forward_rows<T, Function>(part);
}

// Computes kVectors vectors of columns for one chunk of rows. See ActivationBackward.
template <class T, class Function, std::size_t kVectors>
PRELUNET_INLINE void backward_chunk(const ActivationBackward<T>& g, std::size_t chunk, std::size_t j,
                                    std::size_t count) {
  const std::size_t begin = chunk * kChunkRows;
  const std::size_t rows = g.rows - begin < kChunkRows ? g.rows - begin : kChunkRows;
  // The stride of a null array is 0, so that the loop needs no branch.
  const std::size_t grad_y_stride = g.grad_y_stride, grad_x_stride = g.grad_x == nullptr ? 0 : g.grad_x_stride;
  const std::size_t x_stride = g.x == nullptr ? 0 : g.x_stride, y_stride = g.y == nullptr ? 0 : g.y_stride;
  const T* grad_ys = g.grad_y + begin * grad_y_stride + j;
  const T* xs = moved(g.x, begin * x_stride + j);
  const T* ys = moved(g.y, begin * y_stride + j);
  T* grad_xs = moved(g.grad_x, begin * grad_x_stride + j);
  const Vec<T> factor = splat(g.factor), constant = splat(g.constant);
  Vec<T> parameter[kVectors], bias_sum[kVectors] = {}, parameter_sum[kVectors] = {};
#pragma GCC unroll 3
  for (std::size_t v = 0; v < kVectors; ++v) {
    parameter[v] = load_parameter(g.parameter, g.parameter_stride, j + v * kLanes<T>, count);
  }
  for (std::size_t i = 0; i < rows; ++i) {
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kVectors; ++v) {
      const Vec<T> grad_y = factor * load_count(grad_ys + v * kLanes<T>, count);
      Vec<T> x = {};
      Vec<T> y = {};
      if (Function::kReadsX || (Function::kReadsY && ys == nullptr)) x = load_count(xs + v * kLanes<T>, count);
      if constexpr (IsParametric<Function>) {
        y = Function::Inner::forward(x, constant);
      } else if constexpr (Function::kReadsY) {
        y = ys == nullptr ? Function::forward(x, parameter[v]) : load_count(ys + v * kLanes<T>, count);
      }
      const Vec<T> grad_x = backward_of<Function>(grad_y, x, y, parameter[v], constant);
      if (grad_xs != nullptr) store_count(grad_xs + v * kLanes<T>, grad_x, count);
      bias_sum[v] += grad_x;
      if constexpr (requires { Function::add_gradient(x, x, x, x); }) {
        parameter_sum[v] = Function::add_gradient(parameter_sum[v], grad_y, x, y);
      }
    }
    grad_ys += grad_y_stride;
    xs += x_stride;
    ys += y_stride;
    grad_xs += grad_x_stride;
  }
#pragma GCC unroll 3
  for (std::size_t v = 0; v < kVectors; ++v) {
    const std::size_t out = chunk * g.partial_stride + j + v * kLanes<T>;
    if (g.bias_partial != nullptr) store_count(g.bias_partial + out, bias_sum[v], count);
    if (g.parameter_partial != nullptr) store_count(g.parameter_partial + out, parameter_sum[v], count);
  }
}

template <class T, class Function>
void backward_rows(const ActivationBackward<T>& g) {
  const std::size_t chunks = (g.rows + kChunkRows - 1) / kChunkRows;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    for_each_vectors<T, Function::kLight>(
        g.columns, [&](std::size_t j, std::size_t count, auto vectors) __attribute__((always_inline)) {
          backward_chunk<T, Function, decltype(vectors)::value>(g, chunk, j, count);
        });
  }
}

// The backward pass without sums of contiguous rows, which are reshaped to fill vectors. If all columns are treated
// alike, a row is one vector. Else rows are narrower than a vector, and kLanes rows become one, with kLanes copies of
// the parameter.
template <class T, class Function>
void backward_elements(const ActivationBackward<T>& g, bool alike) {
  const std::size_t elements = g.rows * g.columns, width = alike ? kLanes<T> : kLanes<T> * g.columns;
  const std::size_t rest = elements % width;
  alignas(kVectorBytes) T parameter[kLanes<T> * kLanes<T>];
  ActivationBackward<T> part = g;
  part.bias_partial = part.parameter_partial = nullptr;
  if (!alike) part.parameter = repeated(g.rows < kLanes<T> ? g.rows : kLanes<T>, g.columns, g.parameter, parameter);
  part.grad_y_stride = part.x_stride = part.y_stride = part.grad_x_stride = width;
  part.rows = elements / width;
  part.columns = width;
  if (part.rows > 0) backward_rows<T, Function>(part);
  part.grad_y += elements - rest;
  part.x = moved(part.x, elements - rest);
  part.y = moved(part.y, elements - rest);
  part.grad_x = moved(part.grad_x, elements - rest);
  part.rows = 1;
  part.columns = rest;
  if (rest > 0) backward_rows<T, Function>(part);
}

// Rows narrower than a vector are stored with masks, and such a store delays the load of the next row if grad_x
// replaces grad_y. If the function is light, one pass computes the sums, and another one fills vectors and writes
// grad_x.
template <class T, class Function>
void activation_backward(const ActivationBackward<T>& g) {
  const auto joined = [&](const T* p, std::size_t stride) { return p == nullptr || stride == g.columns; };
  const bool sums = g.bias_partial != nullptr || g.parameter_partial != nullptr;
  const bool alike = g.parameter == nullptr || g.parameter_stride == 0;
  const bool narrow = Function::kLight && g.columns < kLanes<T>;
  if (g.rows == 1 || !(narrow || (alike && !sums)) || !joined(g.grad_y, g.grad_y_stride) || !joined(g.x, g.x_stride) ||
      !joined(g.y, g.y_stride) || !joined(g.grad_x, g.grad_x_stride)) {
    return backward_rows<T, Function>(g);
  }
  if (sums) {
    ActivationBackward<T> part = g;
    part.grad_x = nullptr;
    backward_rows<T, Function>(part);
  }
  if (g.grad_x != nullptr) backward_elements<T, Function>(g, alike);
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
