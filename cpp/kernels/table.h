// The interface of the kernels: a table of functions on plain views for each ISA and dtype.
//
// Each function runs on the calling thread and owns no memory. Strides count elements. A kernel gives the same bits on
// every ISA with FMA, even if it is called for a part of an array.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/activation_registry.h"
#include "kernels/loss_registry.h"
#include "kernels/update_registry.h"
#include "kernels/window2d.h"

namespace prelunet {

// Sums over rows are computed in chunks of this many rows, in order. They do not depend on tiles, blocks or threads.
inline constexpr std::size_t kChunkRows = 8;

// p + offset; null stays null.
template <class T>
T* moved(T* p, std::size_t offset) {
  return p == nullptr ? nullptr : p + offset;
}

// A block of a matrix. If sums over rows are computed, its first row is a multiple of kChunkRows.
struct Block {
  std::size_t row, column, rows, columns;
};

// y = f(x + bias; parameter) over a block of rows. If y != x, x + bias is written back to x (the layer's z).
template <class T>
struct ActivationForward {
  std::size_t rows, columns;
  T* x;
  std::size_t x_stride;
  T* y;
  std::size_t y_stride;
  const T* bias;                 // (columns,) or null
  const T* parameter;            // alpha, slope, scale or weight; null if the activation has none
  std::size_t parameter_stride;  // 1: one for each column; 0: one for all columns
  T constant = T(0);             // the slope or scale of f in parametric_<name>

  ActivationForward at(const Block& b) const {
    ActivationForward part = *this;
    part.rows = b.rows;
    part.columns = b.columns;
    part.x += b.row * x_stride + b.column;
    part.y += b.row * y_stride + b.column;
    part.bias = moved(bias, b.column);
    part.parameter = moved(parameter, b.column * parameter_stride);
    return part;
  }
};

// grad_x = factor * grad_y * f'(x), and its sums over chunks of kChunkRows rows: row c of a partial holds chunk c.
template <class T>
struct ActivationBackward {
  std::size_t rows, columns;
  const T* grad_y;
  std::size_t grad_y_stride;
  T factor = T(1);  // of grad_y (a residual's step h)
  const T* x;       // null if backward reads y only
  std::size_t x_stride;
  const T* y;  // null: recomputed from x if the derivative needs it
  std::size_t y_stride;
  T* grad_x;  // may be grad_y; null: only the sums are computed
  std::size_t grad_x_stride;
  const T* parameter;
  std::size_t parameter_stride;
  T* bias_partial;       // (chunks, columns): sums of grad_x; or null
  T* parameter_partial;  // (chunks, columns): sums of grad_y * dy/dparameter of a learned parameter; or null
  std::size_t partial_stride;
  T constant = T(0);  // as in ActivationForward

  ActivationBackward at(const Block& b) const {
    const std::size_t chunk = b.row / kChunkRows;
    ActivationBackward part = *this;
    part.rows = b.rows;
    part.columns = b.columns;
    part.grad_y += b.row * grad_y_stride + b.column;
    part.x = moved(x, b.row * x_stride + b.column);
    part.y = moved(y, b.row * y_stride + b.column);
    part.grad_x = moved(grad_x, b.row * grad_x_stride + b.column);
    part.parameter = moved(parameter, b.column * parameter_stride);
    part.bias_partial = moved(bias_partial, chunk * partial_stride + b.column);
    part.parameter_partial = moved(parameter_partial, chunk * partial_stride + b.column);
    return part;
  }
};

// out = factor * x + y over a block of rows, rounded once.
template <class T>
struct ScaledSum {
  std::size_t rows, columns;
  double factor;
  const T* x;
  std::size_t x_stride;
  const T* y;
  T* out;              // may be x
  std::size_t stride;  // of y and out

  ScaledSum at(const Block& b) const {
    const std::size_t offset = b.row * stride + b.column;
    ScaledSum part = *this;
    part.rows = b.rows;
    part.columns = b.columns;
    part.x += b.row * x_stride + b.column;
    part.y += offset;
    part.out += offset;
    return part;
  }
};

// Layer normalization of contiguous rows; see layer_norm.h for the equations.
template <class T>
struct LayerNormForward {
  std::size_t rows, columns;
  const T* x;
  T* y;            // may be x
  const T* gamma;  // (columns,); null: ones
  const T* beta;   // (columns,); null: zeros
  double epsilon;

  LayerNormForward at(std::size_t row, std::size_t count) const {
    LayerNormForward part = *this;
    part.rows = count;
    part.x += row * columns;
    part.y += row * columns;
    return part;
  }
};

// Row c of a partial holds the sums of chunk c.
template <class T>
struct LayerNormBackward {
  std::size_t rows, columns;
  const T* grad_y;
  const T* x;
  const T* gamma;  // (columns,); null: ones
  double epsilon;
  T* grad_x;         // null: only the sums are computed
  T* gamma_partial;  // (chunks, columns) or null
  T* beta_partial;   // (chunks, columns) or null

  // `row` is a multiple of kChunkRows.
  LayerNormBackward at(std::size_t row, std::size_t count) const {
    LayerNormBackward part = *this;
    part.rows = count;
    part.grad_y += row * columns;
    part.x += row * columns;
    part.grad_x = moved(grad_x, row * columns);
    part.gamma_partial = moved(gamma_partial, row / kChunkRows * columns);
    part.beta_partial = moved(beta_partial, row / kChunkRows * columns);
    return part;
  }
};

// Arguments of the kernels of periodic embeddings; see periodic_table.h.
template <class T>
struct PeriodicForward;
template <class T>
struct PeriodicBackward;

// The hyperparameters of an update in one step.
struct UpdateRule {
  double learning_rate;
  double l2;                         // g = gradient + l2 * parameter
  double decay;                      // factor of the parameter, 1 - learning_rate * weight_decay
  std::int64_t step;                 // counted from 1
  double option[kMaxUpdateOptions];  // see update_registry.h
  double derived[2];                 // computed from the others by prepare_update, once for each step
};

// Updates a block of a parameter from its gradient. Slots are the optimizer's state, in the layout of the parameter.
template <class T>
struct Update {
  std::size_t rows, columns;
  T* parameter;
  T* slot[kMaxSlots];  // in the order of update_registry.h; null if not kept
  std::size_t stride;
  const T* gradient;
  std::size_t gradient_stride;
  UpdateRule rule;

  Update at(const Block& b) const {
    Update part = *this;
    const std::size_t offset = b.row * stride + b.column;
    part.rows = b.rows;
    part.columns = b.columns;
    part.move(offset);
    part.gradient = moved(gradient, b.row * gradient_stride + b.column);
    return part;
  }
  // Advances the pointers to the parameter and its slots by `offset` elements.
  void move(std::size_t offset) {
    parameter += offset;
    for (T*& s : slot) s = moved(s, offset);
  }
};

// W (n, k) in panels, the packed layout in which a product x W^T reads W^T; see panels.h.
template <class T>
struct Panels {
  std::size_t n, k;
  const T* w;
  std::size_t w_stride;
  T* panels;
  std::size_t first_row;  // row of W at which the blocks of an epilogue begin
};

// Where gemm stores a block of the product for its epilogue: `in_c` in C, all others in a buffer in Gemm::scratch.
enum class Staging : int {
  in_c,
  overwritten,  // the epilogue overwrites C; another core may own its lines, so they are written only once
  weight,       // gradient of a row-major W; the gradient itself is not stored
  panels,       // gradient of a W in panels, zero-padded to whole squares
  transposed,   // gradient of a W^T in panels, in rows of the panel's width
};

struct PrefetchList;

// A function that gemm calls on each block of C after its last step of k, while the block is in the first-level cache.
// Blocks are positions in the C of the whole product (Gemm::row, Gemm::column). KernelTable creates an epilogue from a
// context, which must outlive the call of gemm.
template <class T>
struct Epilogue {
  // `product`: the block, in C or staged.
  void (*run)(const void* context, const Block& block, const T* product, std::size_t product_stride);
  // Adds the lines that run() will touch, other than C.
  void (*prefetch)(const void* context, const Block& block, PrefetchList& list);
  const void* context;
  Staging staging;
  std::size_t weight_columns;  // Staging::weight: columns of W
  std::size_t first_row;       // Staging::weight and panels: row of W at row 0 of C
};

// y = f(c + bias), then sum.out = factor * y + sum.y (a residual). If `forward` is null, y is c.
template <class T>
struct OutputEpilogue {
  void (*forward)(const ActivationForward<T>&);  // or null
  ActivationForward<T> activation;               // x is C
  ScaledSum<T> sum;                              // none if sum.out is null
};

// sum.out = factor * c + sum.y, then `backward` of the activation of the layer below, applied to sum.out. Without a sum
// it is applied to c.
template <class T>
struct GradientEpilogue {
  ScaledSum<T> sum;                                // none if sum.out is null
  void (*backward)(const ActivationBackward<T>&);  // or null
  ActivationBackward<T> activation;                // grad_y is C, or sum.out
};

// Updates a weight W; c is the gradient of W. `parameter` describes the whole W. Its `gradient` is not read.
template <class T>
struct UpdateEpilogue {
  void (*update)(const Update<T>&);
  void (*update_transposed)(const Update<T>&);  // from a transposed gradient
  Update<T> parameter;
  Panels<T> panels;
  // weight: W is row-major, and its panels are packed again. panels, transposed: W and its slots are only in panels.
  Staging staging;
};

// Rows that a thread gathers next. Matrix products prefetch their cache lines.
struct RowPrefetch {
  const unsigned char* data;
  std::ptrdiff_t row_stride;
  std::size_t row_bytes;
  const std::int64_t* order;  // null: in memory order
  std::size_t begin, end;     // positions in order
  std::size_t line;           // next line of row `begin`
  std::size_t pace;           // steps of k per prefetched line
  std::size_t credit;         // steps of k for which no line has been prefetched yet
};

// Bytes of scratch memory that a product needs on each thread: a staged block of C and a copied slice of B.
inline constexpr std::size_t kGemmScratch = std::size_t{60} << 10;

// C (m x n) = A B, or C += A B. Each element of C is one chain of fused multiply-adds, in the order of k. C += A B
// continues the chains.
template <class T>
struct Gemm {
  std::size_t m, n, k;
  const T* a;                            // element (i, p) at a[i * a_row_stride + p * a_k_stride]
  std::size_t a_row_stride, a_k_stride;  // one of them is 1
  const std::ptrdiff_t* a_row_offset;    // or null; else element (i, p) is at a[a_row_offset[i] + a_k_offset[p]]
  const std::ptrdiff_t* a_k_offset;
  const T* b;            // packed: panels written by pack_panels; else row p at b + p * b_stride
  std::size_t b_stride;  // 0: packed
  T* c;
  std::size_t c_stride;
  bool accumulate;
  const Epilogue<T>* epilogue;  // or null
  std::size_t row, column;      // position of this C in the C of the whole product
  RowPrefetch* next_rows;       // or null
  void* scratch;                // kGemmScratch bytes on a cache line
};

// Compressed rows (CSR) of X. Elements [begin[i], begin[i + 1]) are those of row i, and their columns ascend.
template <class T>
struct SparseRows {
  const std::int64_t* begin;
  const std::int64_t* column;
  const T* value;
  const std::int64_t* order;  // row i of X is row order[i]; null: row offset + i
  std::size_t offset;

  std::size_t row(std::size_t i) const { return order == nullptr ? offset + i : static_cast<std::size_t>(order[i]); }
  std::size_t first(std::size_t i) const { return static_cast<std::size_t>(begin[row(i)]); }
  std::size_t last(std::size_t i) const { return static_cast<std::size_t>(begin[row(i) + 1]); }
};

// C = X W^T for W (n, k).
template <class T>
struct SparseProduct {
  std::size_t n, k;
  SparseRows<T> x;
  const T* panels;  // of W^T
  T* c;
  std::size_t c_stride;
  const Epilogue<T>* epilogue;  // Staging::in_c; or null
};

// C (n, k) = dz^T X, or C += dz^T X: the gradient of W (n, k).
template <class T>
struct SparseGradient {
  std::size_t rows, n, k;
  SparseRows<T> x;
  const T* grad_y;  // dz (rows, n)
  T* c;
  bool accumulate;
  const Epilogue<T>* epilogue;  // Staging::weight or panels; or null
};

// Losses and gradients of rows; loss.h has the equations. Either label or target is null.
template <class T>
struct LossRows {
  std::size_t rows, outputs;
  const T* output;
  std::size_t output_stride;
  const std::int64_t* label;
  const T* target;
  std::size_t target_stride;
  const double* option;     // see loss_registry.h
  std::size_t options;      // 1, or one for each output
  const double* row_scale;  // dLoss/d(row loss), for each row
  double* row_loss;
  T* grad;  // null: only the losses are computed
  std::size_t grad_stride;
  unsigned char* correct;  // softmax with labels: 1 if argmax_rows gives the label, else 0; or null
};

enum class ElementType : int { float32, float64, boolean, int8, uint8, int16, uint16, int32, uint32, int64, uint64 };

template <class T>
struct KernelTable {
  std::size_t panel_columns;                         // columns of a full panel of B; the last panels may be narrower
  std::size_t (*full_panels)(std::size_t n);         // how many of n columns are in full panels
  std::size_t (*transposed_columns)(std::size_t n);  // how many of n columns Staging::transposed can update
  std::size_t (*packed_columns)(std::size_t n);      // sum of the widths of the panels of n columns

  void (*gemm)(const Gemm<T>&);
  Epilogue<T> (*output_epilogue)(const OutputEpilogue<T>&);
  Epilogue<T> (*gradient_epilogue)(const GradientEpilogue<T>&);
  Epilogue<T> (*update_epilogue)(const UpdateEpilogue<T>&);
  // Packs columns [begin, end) of W^T. Both are multiples of panel_columns, or end is n.
  void (*pack_panels)(const Panels<T>&, std::size_t begin, std::size_t end);
  // Unpacks panels into `w`, which is g.w without its const.
  void (*unpack_panels)(const Panels<T>& g, T* w, std::size_t begin, std::size_t end);
  // Writes `from` (rows, columns) transposed.
  void (*transpose)(std::size_t rows, std::size_t columns, const T* from, std::size_t from_stride, T* to,
                    std::size_t to_stride);
  // Packs B given by rows: row p is the n elements at b + row_offset[p].
  void (*pack_rows)(std::size_t n, std::size_t k, const T* b, const std::ptrdiff_t* row_offset, T* panels);

  // Rows [begin, end) of C.
  void (*sparse_product)(const SparseProduct<T>&, std::size_t begin, std::size_t end);
  // Columns [begin, end) of C.
  void (*sparse_gradient)(const SparseGradient<T>&, std::size_t begin, std::size_t end);

  void (*activation_forward[static_cast<int>(ActivationId::count)])(const ActivationForward<T>&);
  void (*activation_backward[static_cast<int>(ActivationId::count)])(const ActivationBackward<T>&);
  bool backward_reads_x[static_cast<int>(ActivationId::count)];  // false: y suffices
  // total[j] += partial[c][j] for c in order; columns [0, columns).
  void (*add_chunks)(std::size_t chunks, std::size_t columns, const T* partial, std::size_t stride, T* total);

  // One image x (height, width, channels), and y (rows, columns, channels) of its windows; grad_x is overwritten.
  void (*max_pool2d_forward)(const Window2D&, std::size_t channels, const T* x, T* y);
  void (*max_pool2d_backward)(const Window2D&, std::size_t channels, const T* x, const T* y, const T* grad_y,
                              T* grad_x);

  void (*layer_norm_forward)(const LayerNormForward<T>&);
  void (*layer_norm_backward)(const LayerNormBackward<T>&);

  void (*loss_rows[static_cast<int>(LossId::count)])(const LossRows<T>&);
  void (*softmax_rows)(std::size_t rows, std::size_t columns, const T* x, T* y);
  void (*log_softmax_rows)(std::size_t rows, std::size_t columns, const T* x, T* y);
  void (*log_softmax_backward_rows)(std::size_t rows, std::size_t columns, const T* grad_y, const T* y, T* grad_x);
  // The index of the largest element of each row; of equal elements, the first. 0 if the first element is NaN; other
  // NaNs are ignored.
  void (*argmax_rows)(std::size_t rows, std::size_t columns, const T* x, std::int64_t* place);

  // Fills UpdateRule::derived.
  void (*prepare_update[static_cast<int>(UpdateId::count)])(UpdateRule&);
  void (*update[static_cast<int>(UpdateId::count)])(const Update<T>&);
  // Updates from a transposed gradient, which is padded to whole squares. The block has at most kLanes columns.
  void (*update_transposed[static_cast<int>(UpdateId::count)])(const Update<T>&);
  void (*clip_by_value)(std::size_t count, T* x, double limit);
  void (*scale)(std::size_t count, T* x, double factor);
  double (*sum_of_squares)(std::size_t count, const T* x);

  void (*exp)(std::size_t count, const T* x, T* y);
  void (*log)(std::size_t count, const T* x, T* y);
  void (*cos_2pi)(std::size_t count, const T* x, T* y);
  void (*sin_2pi)(std::size_t count, const T* x, T* y);

  void (*periodic_forward)(const PeriodicForward<T>&);
  void (*periodic_backward)(const PeriodicBackward<T>&);
  // Units [first, last) of the gradient (features * outputs, terms) of the weight, one chain over the rows each.
  void (*periodic_weight_gradient)(const PeriodicBackward<T>&, std::size_t first, std::size_t last, bool accumulate,
                                   T* gradient);

  void (*scale_shift)(std::size_t count, const T* x, double scale, double shift, T* y);
  void (*scale_shift_elements)(std::size_t count, const T* x, const T* scale, const T* shift, T* y);
  void (*scaled_sum)(std::size_t count, double factor, const T* x, const T* y, T* out);
  // Converts values `stride` bytes apart, each rounded once to T.
  void (*convert)(ElementType type, std::size_t count, const void* x, std::ptrdiff_t stride, T* y);

  std::size_t ceiling_flops;  // operations of one iteration of fma_ceiling
  T (*fma_ceiling)(std::size_t iterations);
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
