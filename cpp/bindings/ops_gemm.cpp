// gemm and column_sums.
#include "bindings/ops.h"
#include "ops/activation.h"
#include "ops/column_sums.h"
#include "ops/gemm.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

// The activation of an epilogue: identity, a name of the registry with its default constant, or prelu with alpha.
struct EpilogueChoice {
  ActivationId id = ActivationId::identity;
  double constant = 0.0;
};

EpilogueChoice epilogue_choice(const py::object& activation) {
  if (activation.is_none()) return {};
  const std::string name = py::str(activation);
  if (name == "prelu") return {ActivationId::prelu, 0.0};
#define PRELUNET_ROW(row, Class, parameter, value, equation) \
  if (name == #row) return {ActivationId::row, value};
  PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
  Argument{"gemm", "activation"}.value_error("be None, 'prelu' or a name in prelunet.ops.ACTIVATIONS",
                                             "'" + name + "'");
}

py::array gemm_binding(const py::object& a_object, const py::object& b_object, bool transpose_a, bool transpose_b,
                       const py::object& bias_object, const py::object& activation, const py::object& alpha_object,
                       const py::object& out) {
  const std::string op = "gemm";
  const py::array a = strict_array({op, "a"}, a_object);
  const py::array b = strict_array_like({op, "b"}, b_object, a, "a");
  const Product product = checked_product(op, a, b, transpose_a, transpose_b);
  const std::size_t m = product.m, n = product.n, k = product.k;

  const EpilogueChoice choice = epilogue_choice(activation);
  py::array bias;
  if (!bias_object.is_none()) {
    bias = strict_array_like({op, "bias"}, bias_object, a, "a");
    check_shape({op, "bias"}, bias, {n});
  }
  py::array alpha;
  if (choice.id == ActivationId::prelu) {
    alpha = strict_array_like({op, "alpha"}, alpha_object, a, "a");
    check_rank({op, "alpha"}, alpha, 1, "(1,) or (n,)");
    if (alpha.shape(0) != 1) check_shape({op, "alpha"}, alpha, {n});
  } else if (!alpha_object.is_none()) {
    Argument{op, "alpha"}.value_error("be None unless activation is 'prelu'", "an array");
  }
  py::array c = output_array({op, "out"}, out, {m, n}, a.dtype(), "a");
  check_overlap({op, "out"}, c, "a", a, Overlap::forbidden);
  check_overlap({op, "out"}, c, "b", b, Overlap::forbidden);
  if (!bias_object.is_none()) check_overlap({op, "out"}, c, "bias", bias, Overlap::forbidden);
  if (choice.id == ActivationId::prelu) check_overlap({op, "out"}, c, "alpha", alpha, Overlap::forbidden);

  dispatch_dtype(a, [&]<class T>() {
    const T constant = static_cast<T>(choice.constant);
    OutputEpilogue<T> output{};
    output.forward = kernel_table<T>().activation_forward[static_cast<int>(choice.id)];
    ActivationForward<T>& f = output.activation;
    f.x = f.y = mutable_data_of<T>(c);
    f.x_stride = f.y_stride = n;
    f.bias = bias_object.is_none() ? nullptr : data_of<T>(bias);
    f.parameter = choice.id == ActivationId::prelu ? data_of<T>(alpha) : &constant;
    f.parameter_stride = choice.id == ActivationId::prelu && alpha.shape(0) != 1 ? 1 : 0;
    const Epilogue<T> epilogue = kernel_table<T>().output_epilogue(output);

    Gemm<T> g{};
    g.m = m;
    g.n = n;
    g.k = k;
    g.a = data_of<T>(a);
    g.a_row_stride = transpose_a ? 1 : k;
    g.a_k_stride = transpose_a ? m : 1;
    g.b = data_of<T>(b);
    g.b_stride = transpose_b ? 0 : n;
    g.c = mutable_data_of<T>(c);
    g.c_stride = n;
    g.epilogue = bias_object.is_none() && activation.is_none() ? nullptr : &epilogue;

    const Scratch panels(transpose_b ? checked_multiply(packed_size<T>(n, k), sizeof(T)) : 0);
    with_scratch_team(checked_multiply(checked_multiply(m, n), k), [&](Team& team) {
      Gemm<T> mine = g;
      if (transpose_b) {
        pack(team, Panels<T>{n, k, g.b, k, panels.at<T>(0), 0});
        team.barrier();
        mine.b = panels.at<T>(0);
      }
      gemm(team, mine, Split::output);
    });
  });
  return c;
}

py::array column_sums_binding(const py::object& x_object) {
  const py::array x = strict_array({"column_sums", "x"}, x_object);
  check_rank({"column_sums", "x"}, x, 2, "(rows, columns)");
  const Matrix size = matrix_of(x);
  py::array sums = new_array("column_sums", {size.columns}, x.dtype());
  dispatch_dtype(x, [&]<class T>() {
    const Scratch partial(checked_multiply(checked_multiply(chunk_count(size.rows), size.columns), sizeof(T)));
    const T* const from = data_of<T>(x);
    T* const to = mutable_data_of<T>(sums);
    with_team(size.rows * size.columns, [&](Team& team) {
      column_sums(team, size.rows, size.columns, from, size.columns, partial.at<T>(0), to);
    });
  });
  return sums;
}

}  // namespace

void register_gemm_ops(py::module_& m) {
  m.def("gemm", &gemm_binding, py::arg("a"), py::arg("b"), py::arg("transpose_a"), py::arg("transpose_b"),
        py::arg("bias").none(true), py::arg("activation").none(true), py::arg("alpha").none(true),
        py::arg("out").none(true));
  m.def("column_sums", &column_sums_binding, py::arg("x"));
}

}  // namespace prelunet
