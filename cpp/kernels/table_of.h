// Collects this ISA's kernels of one dtype into its table.
#pragma once

#include "kernels/activation_rows.h"
#include "kernels/ceiling.h"
#include "kernels/elementwise.h"
#include "kernels/epilogue.h"
#include "kernels/gemm.h"
#include "kernels/layer_norm.h"
#include "kernels/loss.h"
#include "kernels/max_pool2d.h"
#include "kernels/optimizer.h"
#include "kernels/pack.h"
#include "kernels/periodic.h"
#include "kernels/softmax.h"
#include "kernels/sparse.h"
#include "kernels/table.h"

namespace prelunet::PRELUNET_ISA {
namespace {

template <class T>
constexpr KernelTable<T> make_table() {
  return {
      .panel_columns = kPanelColumns<T>,
      .full_panels = full_panels<T>,
      .transposed_columns = transposed_columns<T>,
      .packed_columns = packed_columns<T>,
      .gemm = gemm<T>,
      .output_epilogue = output_epilogue<T>,
      .gradient_epilogue = gradient_epilogue<T>,
      .update_epilogue = update_epilogue<T>,
      .pack_panels = pack_panels<T>,
      .unpack_panels = unpack_panels<T>,
      .transpose = transpose_rows<T>,
      .pack_rows = pack_rows<T>,
      .sparse_product = sparse_product<T>,
      .sparse_gradient = sparse_gradient<T>,
      .activation_forward = {activation_forward<T, Identity>, activation_forward<T, PReLU>,
                             activation_forward<T, Scale>,
#define PRELUNET_ROW(name, Class, parameter, value, equation) activation_forward<T, Class>,
                             PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
#define PRELUNET_ROW(name, Class, parameter, value, equation) activation_forward<T, Parametric<Class>>,
                                 PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
      },
      .activation_backward = {activation_backward<T, Identity>, activation_backward<T, PReLU>,
                              activation_backward<T, Scale>,
#define PRELUNET_ROW(name, Class, parameter, value, equation) activation_backward<T, Class>,
                              PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
#define PRELUNET_ROW(name, Class, parameter, value, equation) activation_backward<T, Parametric<Class>>,
                                  PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
      },
      .backward_reads_x = {Identity::kReadsX, PReLU::kReadsX, Scale::kReadsX,
#define PRELUNET_ROW(name, Class, parameter, value, equation) Class::kReadsX,
                           PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
#define PRELUNET_ROW(name, Class, parameter, value, equation) Parametric<Class>::kReadsX,
                               PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
      },
      .add_chunks = add_chunks<T>,
      .max_pool2d_forward = max_pool2d_forward<T>,
      .max_pool2d_backward = max_pool2d_backward<T>,
      .layer_norm_forward = layer_norm_forward<T>,
      .layer_norm_backward = layer_norm_backward<T>,
      .loss_rows =
          {
#define PRELUNET_ROW(name, Class, reduction, takes_labels, targets, option, value) loss_rows<T, Class>,
              PRELUNET_LOSSES(PRELUNET_ROW)
#undef PRELUNET_ROW
          },
      .softmax_rows = softmax_rows<T>,
      .log_softmax_rows = log_softmax_rows<T>,
      .log_softmax_backward_rows = log_softmax_backward_rows<T>,
      .argmax_rows = argmax_rows<T>,
      .prepare_update =
          {
#define PRELUNET_ROW(name, Class, state, options) Class::prepare,
              PRELUNET_UPDATES(PRELUNET_ROW)
#undef PRELUNET_ROW
          },
      .update =
          {
#define PRELUNET_ROW(name, Class, state, options) update_rows<T, Class>,
              PRELUNET_UPDATES(PRELUNET_ROW)
#undef PRELUNET_ROW
          },
      .update_transposed =
          {
#define PRELUNET_ROW(name, Class, state, options) update_transposed<T, Class>,
              PRELUNET_UPDATES(PRELUNET_ROW)
#undef PRELUNET_ROW
          },
      .clip_by_value = clip_by_value<T>,
      .scale = scale<T>,
      .sum_of_squares = sum_of_squares<T>,
      .exp = exp_elements<T>,
      .log = log_elements<T>,
      .cos_2pi = cos_2pi_elements<T>,
      .sin_2pi = sin_2pi_elements<T>,
      .periodic_forward = periodic_forward<T>,
      .periodic_backward = periodic_backward<T>,
      .periodic_weight_gradient = periodic_weight_gradient<T>,
      .scale_shift = scale_shift<T>,
      .scale_shift_elements = scale_shift_elements<T>,
      .scaled_sum = scaled_sum<T>,
      .convert = convert<T>,
      .ceiling_flops = kCeilingFlops<T>,
      .fma_ceiling = fma_ceiling<T>,
  };
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
