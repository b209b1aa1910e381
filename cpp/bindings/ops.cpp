#include "bindings/ops.h"

#include "bindings/register.h"

namespace prelunet {

void register_ops(py::module_& m) {
  auto ops = m.def_submodule("ops", "Single kernels on NumPy arrays. Documented in prelunet.ops.");
  register_gemm_ops(ops);
  register_bfloat16_ops(m, ops);
  register_activation_ops(ops);
  register_conv2d_ops(ops);
  register_elementwise_ops(ops);
  register_layer_norm_ops(ops);
  register_loss_ops(ops);
  register_optimizer_ops(ops);
}

}  // namespace prelunet
