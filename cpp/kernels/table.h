// What kernels offer to ops: for each ISA and dtype one table of functions on plain views.
//
// Each function runs on the calling thread alone and owns nothing. Strides count elements. Every kernel gives the same
// bits on every ISA with FMA, whatever part of an array it is called for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/activation_registry.h"

namespace prelunet {

// Sums over rows go by chunks of this many rows, in order, so that they do not depend on tiles, blocks or threads.
inline constexpr std::size_t kChunkRows = 8;

// y = f(x + bias; parameter) over a block of rows. With y != x, x + bias is written back to x (the layer's z).
template <class T>
struct ActivationForward {
  std::size_t rows, columns;
  T* x;
  std::size_t x_stride;
  T* y;
  std::size_t y_stride;
  const T* bias;                 // (columns,) or null
  const T* parameter;            // alpha, slope, scale; null where the activation has none
  std::size_t parameter_stride;  // 1: one for each column; 0: one for all
};

// grad_x = grad_y * f'(x), and its sums over chunks of kChunkRows rows: row c of a partial holds chunk c.
template <class T>
struct ActivationBackward {
  std::size_t rows, columns;
  const T* grad_y;
  std::size_t grad_y_stride;
  const T* x;
  std::size_t x_stride;
  const T* y;  // null: computed again from x where the derivative wants it
  std::size_t y_stride;
  T* grad_x;  // may be grad_y; null: only the sums are wanted
  std::size_t grad_x_stride;
  const T* parameter;
  std::size_t parameter_stride;
  T* bias_partial;       // (chunks, columns): sums of grad_x; or null
  T* parameter_partial;  // (chunks, columns): sums of grad_y * x where x <= 0 (PReLU); or null
  std::size_t partial_stride;
};

// What follows a tile of C while it is hot: c += bias, y = f(c).
template <class T>
struct Epilogue {
  void (*forward)(const ActivationForward<T>&);
  const T* bias;
  const T* parameter;
  std::size_t parameter_stride;
  T* y;  // may be c
  std::size_t y_stride;
};

// C (m x n) = A B, or C += A B as the continued chain of one fused multiply-add for each k in order.
template <class T>
struct Gemm {
  std::size_t m, n, k;
  const T* a;  // element (i, p) at a[i * a_row_stride + p * a_k_stride]
  std::size_t a_row_stride, a_k_stride;
  const T* b;            // packed: panels written by pack_panels; else row p at b + p * b_stride
  std::size_t b_stride;  // 0: packed
  T* c;
  std::size_t c_stride;
  bool accumulate;
  const Epilogue<T>* epilogue;  // or null
};

// One row's loss and gradient; see loss.h for the equations. Labels or targets, the other null.
template <class T>
struct LossRows {
  std::size_t rows, outputs;
  const T* output;
  std::size_t output_stride;
  const std::int64_t* label;
  const T* target;
  std::size_t target_stride;
  double option;            // label smoothing, or Huber's delta
  const double* row_scale;  // dLoss/d(row loss), for each row
  double* row_loss;
  T* grad;  // may be output; null: only the losses are wanted
  std::size_t grad_stride;
};

enum class LossId : int {
  softmax_cross_entropy,
  sigmoid_cross_entropy,
  mean_squared_error,
  batch_mean_squared_error,
  half_squared_error,
  mean_absolute_error,
  huber,
  count,
};

// velocity = momentum * velocity - learning_rate * g; parameter += velocity (Nesterov: momentum * velocity -
// learning_rate * g); without velocity: parameter -= learning_rate * g. g = gradient + l2 * parameter.
template <class T>
struct SgdUpdate {
  std::size_t count;
  T* parameter;
  const T* gradient;
  T* velocity;  // null without momentum
  double learning_rate, momentum;
  bool nesterov;
  double l2, decay;  // decay: the factor 1 - learning_rate * weight_decay that comes first
};

// Kingma & Ba 2015, with AdamW's decoupled decay (Loshchilov & Hutter 2019).
template <class T>
struct AdamUpdate {
  std::size_t count;
  T* parameter;
  const T* gradient;
  T* first_moment;
  T* second_moment;
  double learning_rate, beta_1, beta_2, epsilon;
  double correction_1, correction_2;  // 1 - beta^step
  double l2, decay;
};

enum class ElementType : int { float32, float64, boolean, int8, uint8, int16, uint16, int32, uint32, int64, uint64 };

template <class T>
struct KernelTable {
  std::size_t panel_columns;  // columns of a full panel of B; the last may be narrower
  std::size_t column_unit;    // a panel's columns are padded to a multiple of this

  void (*gemm)(const Gemm<T>&);
  // Panels [begin, end) of B = W^T for W (n, k) row-major with row stride `stride`.
  void (*pack_panels)(std::size_t n, std::size_t k, const T* w, std::size_t stride, T* panels, std::size_t begin,
                      std::size_t end);

  void (*activation_forward[static_cast<int>(ActivationId::count)])(const ActivationForward<T>&);
  void (*activation_backward[static_cast<int>(ActivationId::count)])(const ActivationBackward<T>&);
  // total[j] += partial[c][j] for c in order; columns [0, columns).
  void (*add_chunks)(std::size_t chunks, std::size_t columns, const T* partial, std::size_t stride, T* total);

  void (*loss_rows[static_cast<int>(LossId::count)])(const LossRows<T>&);
  void (*softmax_rows)(std::size_t rows, std::size_t columns, const T* x, T* y);

  void (*sgd_update)(const SgdUpdate<T>&);
  void (*adam_update)(const AdamUpdate<T>&);
  void (*clip_by_value)(std::size_t count, T* x, double limit);
  void (*scale)(std::size_t count, T* x, double factor);
  void (*add_scaled)(std::size_t count, double factor, const T* x, T* y);  // y += factor * x
  double (*sum_of_squares)(std::size_t count, const T* x);

  void (*exp)(std::size_t count, const T* x, T* y);
  void (*log)(std::size_t count, const T* x, T* y);
  void (*scale_shift)(std::size_t count, const T* x, double scale, double shift, T* y);
  // One value after another, `stride` bytes apart, each rounded once to T.
  void (*convert)(ElementType type, std::size_t count, const void* x, std::ptrdiff_t stride, T* y);
};

struct Kernels {
  const char* isa;
  const KernelTable<float>* f32;
  const KernelTable<double>* f64;

  template <class T>
  const KernelTable<T>& table() const;
};
template <>
inline const KernelTable<float>& Kernels::table<float>() const {
  return *f32;
}
template <>
inline const KernelTable<double>& Kernels::table<double>() const {
  return *f64;
}

}  // namespace prelunet
