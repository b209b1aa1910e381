// The epilogues of the GEMM: functions that run on a block of C while the block is in the first-level cache.
//
//   output     y = f(c + bias), and a residual's sum
//   gradient   a residual's sum, and the derivative of the activation of the layer below
//   update     updates the weight and its panels; c is the gradient of the weight, which is not stored in C
#pragma once

#include "kernels/elementwise.h"
#include "kernels/pack.h"
#include "kernels/prefetch.h"

namespace prelunet::PRELUNET_ISA {
namespace {

template <class T>
void add_scaled(const ScaledSum<T>& g) {
  for (std::size_t i = 0; i < g.rows; ++i) {
    scaled_sum(g.columns, g.factor, g.x + i * g.x_stride, g.y + i * g.stride, g.out + i * g.stride);
  }
}
template <class T>
PRELUNET_INLINE void add_scaled(const ScaledSum<T>& whole, const Block& block, const T* x, std::size_t x_stride) {
  ScaledSum<T> sum = whole.at(block);
  sum.x = x;
  sum.x_stride = x_stride;
  add_scaled(sum);
}
// `in_c`: sum.out is C, and its lines are already in the list.
template <class T>
PRELUNET_INLINE void prefetch_sum(PrefetchList& list, const ScaledSum<T>& sum, const Block& block, bool in_c) {
  if (sum.out == nullptr) return;
  if (!in_c) add_block(list, sum.out, sum.stride, block);
  add_block(list, sum.y, sum.stride, block, false);
}

// ---- output ------------------------------------------------------------------------------------------------------

template <class T>
void run_output(const void* context, const Block& block, const T* product, std::size_t product_stride) {
  const auto& e = *static_cast<const OutputEpilogue<T>*>(context);
  if (e.forward == nullptr) return add_scaled(e.sum, block, product, product_stride);
  e.forward(e.activation.at(block));
  if (e.sum.out != nullptr) add_scaled(e.sum.at(block));
}

template <class T>
void prefetch_output(const void* context, const Block& block, PrefetchList& list) {
  const auto& e = *static_cast<const OutputEpilogue<T>*>(context);
  const T* const c = e.forward == nullptr ? e.sum.x : e.activation.x;
  if (e.forward != nullptr && e.activation.y != c) add_block(list, e.activation.y, e.activation.y_stride, block);
  prefetch_sum(list, e.sum, block, e.sum.out == c);
}

template <class T>
Epilogue<T> output_epilogue(const OutputEpilogue<T>& e) {
  const bool overwrites = e.forward == nullptr && e.sum.out == e.sum.x;
  return {run_output<T>, prefetch_output<T>, &e, overwrites ? Staging::overwritten : Staging::in_c, 0, 0};
}

// ---- gradient ----------------------------------------------------------------------------------------------------

template <class T>
void run_gradient(const void* context, const Block& block, const T* product, std::size_t product_stride) {
  const auto& e = *static_cast<const GradientEpilogue<T>*>(context);
  if (e.sum.out != nullptr) add_scaled(e.sum, block, product, product_stride);
  if (e.backward == nullptr) return;
  ActivationBackward<T> activation = e.activation.at(block);
  if (e.sum.out == nullptr) {
    activation.grad_y = product;
    activation.grad_y_stride = product_stride;
  }
  e.backward(activation);
}

template <class T>
void prefetch_gradient(const void* context, const Block& block, PrefetchList& list) {
  const auto& e = *static_cast<const GradientEpilogue<T>*>(context);
  const T* const c = e.sum.out == nullptr ? e.activation.grad_y : e.sum.x;
  prefetch_sum(list, e.sum, block, e.sum.out == c);
  if (e.backward == nullptr) return;
  if (e.activation.grad_x != c) add_block(list, e.activation.grad_x, e.activation.grad_x_stride, block);
  add_block(list, e.activation.x, e.activation.x_stride, block);
  add_block(list, e.activation.y, e.activation.y_stride, block);
}

template <class T>
Epilogue<T> gradient_epilogue(const GradientEpilogue<T>& e) {
  const bool sums = e.sum.out != nullptr;
  const bool overwrites = sums ? e.sum.out == e.sum.x || (e.backward != nullptr && e.activation.grad_x == e.sum.x)
                               : e.activation.grad_x == e.activation.grad_y;
  return {run_gradient<T>, prefetch_gradient<T>, &e, overwrites ? Staging::overwritten : Staging::in_c, 0, 0};
}

// ---- update ------------------------------------------------------------------------------------------------------

// Calls f for the parameter and for each slot that is kept.
template <class T, class F>
PRELUNET_INLINE void for_each_array(const Update<T>& parameter, F&& f) {
  f(parameter.parameter);
  for (T* const slot : parameter.slot) {
    if (slot != nullptr) f(slot);
  }
}

// Updates a row-major W.
template <class T>
void run_update(const void* context, const Block& block, const T* gradient, std::size_t gradient_stride) {
  const auto& e = *static_cast<const UpdateEpilogue<T>*>(context);
  Update<T> update = e.parameter.at(block);
  update.gradient = gradient;
  update.gradient_stride = gradient_stride;
  e.update(update);
  pack_block(e.panels, block);
}

template <class T>
PRELUNET_INLINE void prefetch_strip(PrefetchList& list, const Panels<T>& g, const T* array, const Block& block) {
  const Strip<T> s = strip_at(g, g.first_row + block.row, block.rows, block.column);
  add_rows(list, array + s.offset, s.stride, block.columns, 1, true);
}

template <class T>
void prefetch_update(const void* context, const Block& block, PrefetchList& list) {
  const auto& e = *static_cast<const UpdateEpilogue<T>*>(context);
  for_each_array(e.parameter, [&](const T* array) { add_block(list, array, e.parameter.stride, block); });
  prefetch_strip(list, e.panels, static_cast<const T*>(e.panels.panels), block);
}

// Updates a W that is stored in panels. In a panel of half a vector, the update treats all rows as one long row, with
// zero gradients for the padding. Otherwise each row would need a masked store, and the load of the next row would wait
// for it.
template <class T>
void run_panels_update(const void* context, const Block& block, const T* gradient, std::size_t gradient_stride) {
  const auto& e = *static_cast<const UpdateEpilogue<T>*>(context);
  for_each_strip_of(e.panels, block, [&](const Strip<T>& s, std::size_t row) {
    const bool half = s.stride < kLanes<T>;
    alignas(64) T transposed[kPanelColumns<T> * kLanes<T>];
    Update<T> part = e.parameter;
    part.move(s.offset);
    part.stride = s.stride;
    part.rows = half ? 1 : block.columns;
    part.columns = half ? block.columns * s.stride : s.rows;
    part.gradient = gradient + row * gradient_stride;
    part.gradient_stride = gradient_stride;
    if (half) {
      pack_strip(s.rows, block.columns, part.gradient, gradient_stride, s.stride, transposed, s.stride);
      part.gradient = transposed;
    }
    (half ? e.update : e.update_transposed)(part);
  });
}

template <class T>
void prefetch_panels_update(const void* context, const Block& block, PrefetchList& list) {
  const auto& e = *static_cast<const UpdateEpilogue<T>*>(context);
  for_each_array(e.parameter, [&](const T* array) { prefetch_strip(list, e.panels, array, block); });
}

// Updates a block of one panel of W^T. The gradient has the panel's layout, with zeros for the padding.
template <class T>
void update_panel(const UpdateEpilogue<T>& e, const Block& block, const T* gradient, std::size_t gradient_stride) {
  const Strip<T> s = transposed_strip(e.panels, block);
  Update<T> part = e.parameter;
  part.rows = block.rows;
  part.columns = s.rows;
  part.move(s.offset);
  part.stride = s.stride;
  part.gradient = gradient;
  part.gradient_stride = gradient_stride;
  e.update(part);
}

// Updates a W^T in panels. The gradients of the tail columns are copied to adjacent rows, so that the update treats
// them as one long row.
template <class T>
void run_transposed_update(const void* context, const Block& block, const T* gradient, std::size_t gradient_stride) {
  constexpr std::size_t kHalf = kLanes<T> / 2, kPanel = kPanelColumns<T>;
  const auto& e = *static_cast<const UpdateEpilogue<T>*>(context);
  const Block tail = tail_of<T>(block);
  update_panel(e, {block.row, block.column, block.rows, block.columns - tail.columns}, gradient, gradient_stride);
  if (tail.columns == 0) return;
  alignas(64) T joined[kPanel * kHalf];
  for (std::size_t i = 0; i < block.rows; ++i) {
    for (std::size_t j = 0; j < kHalf; ++j) joined[i * kHalf + j] = gradient[i * gradient_stride + kPanel + j];
  }
  update_panel(e, tail, joined, kHalf);
}

template <class T>
void prefetch_transposed_update(const void* context, const Block& block, PrefetchList& list) {
  constexpr std::size_t kLine = kLineBytes / sizeof(T);
  const auto& e = *static_cast<const UpdateEpilogue<T>*>(context);
  for_each_array(e.parameter, [&](const T* array) {
    for (const Block& part : {block, tail_of<T>(block)}) {
      if (part.columns == 0) continue;
      const Strip<T> s = transposed_strip(e.panels, part);
      add_rows(list, array + s.offset, kLine, block.rows * s.stride / kLine, 1, true);
    }
  });
}

template <class T>
Epilogue<T> update_epilogue(const UpdateEpilogue<T>& e) {
  Epilogue<T> epilogue{run_update<T>, prefetch_update<T>, &e, e.staging, e.parameter.stride, e.panels.first_row};
  if (e.staging == Staging::panels) {
    epilogue.run = run_panels_update<T>;
    epilogue.prefetch = prefetch_panels_update<T>;
  } else if (e.staging == Staging::transposed) {
    epilogue.run = run_transposed_update<T>;
    epilogue.prefetch = prefetch_transposed_update<T>;
  }
  return epilogue;
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
