// bfloat16_gemm and to_bfloat16. A bfloat16 array is one of uint16, which hold its bits.
#include "bindings/ops.h"
#include "ops/bfloat16.h"
#include "runtime/scratch.h"

#include <pybind11/stl.h>

#include <cstring>
#include <optional>

namespace prelunet {
namespace {

template <class T>
Bfloat16Rows<T> rows_of(const py::array& array) {
  const Shape shape = shape_of(array);
  return {shape[0], shape[1], data_of<T>(array), shape[1]};
}

// Calls f(rows, their packing) by what an array holds.
template <class F>
void dispatch_rows(const py::array& array, const Bfloat16Table& table, F&& f) {
  if (array.itemsize() == static_cast<py::ssize_t>(sizeof(float))) return f(rows_of<float>(array), table.float_rows);
  f(rows_of<std::uint16_t>(array), table.rows);
}

std::size_t panel_count(std::size_t lines) { return bfloat16_padded_lines(lines) / kBfloat16Panel; }

// The kernels of this process, or those of an order that was asked for.
Bfloat16Kernels kernels_for(const Argument& argument, const std::optional<std::string>& order,
                            std::optional<bool> emulated) {
  if (!order && !emulated) return bfloat16_kernels();
  const std::optional<Bfloat16Order> wanted = order ? bfloat16_order_of(*order) : bfloat16_kernels().order;
  if (!wanted) argument.value_error("be 'amx' or 'vdpbf16'", "'" + *order + "'");
  if (!emulated) return fastest_bfloat16_kernels(*wanted);
  const std::optional<Bfloat16Kernels> found = bfloat16_kernels_of(*wanted, *emulated);
  if (!found) argument.value_error("be an order that this machine has an instruction for", "'" + *order + "'");
  return *found;
}

py::array bfloat16_gemm_binding(const py::object& a_object, const py::object& b_object, bool transpose_a,
                                bool transpose_b, const py::object& c_object, const std::optional<std::string>& order,
                                std::optional<bool> emulated) {
  const std::string op = "bfloat16_gemm";
  const py::array a = bfloat16_array({op, "a"}, a_object);
  const py::array b = bfloat16_array({op, "b"}, b_object);
  const Product product = checked_product(op, a, b, transpose_a, transpose_b);
  const std::size_t m = product.m, n = product.n, k = product.k;
  py::array out = new_array(op, {m, n}, py::dtype::of<float>());
  const bool continued = !c_object.is_none();
  if (continued) {
    const py::array c = strict_array_like({op, "c"}, c_object, out, "the result");
    check_shape({op, "c"}, c, {m, n});
    if (m * n > 0) std::memcpy(out.mutable_data(), c.data(), m * n * sizeof(float));
  }
  const Bfloat16Kernels chosen = kernels_for({op, "order"}, order, emulated);

  const std::size_t panel_size = checked_multiply(bfloat16_padded_depth(k), kBfloat16Panel);
  Layout layout;
  const std::size_t a_at = layout.add<std::uint16_t>(checked_multiply(panel_count(m), panel_size));
  const std::size_t b_at = layout.add<std::uint16_t>(checked_multiply(panel_count(n), panel_size));
  const Scratch scratch(layout);
  std::uint16_t* const a_panels = scratch.at<std::uint16_t>(a_at);
  std::uint16_t* const b_panels = scratch.at<std::uint16_t>(b_at);
  const Bfloat16Gemm g{.m = m,
                       .n = n,
                       .k = k,
                       .a = a_panels,
                       .b = b_panels,
                       .panel_size = panel_size,
                       .c = mutable_data_of<float>(out),
                       .c_stride = n,
                       .accumulate = continued,
                       .epilogue = nullptr,
                       .prefetch = nullptr,
                       .context = nullptr};
  dispatch_rows(a, *chosen.table, [&](const auto& a_rows, const auto& a_packing) {
    dispatch_rows(b, *chosen.table, [&](const auto& b_rows, const auto& b_packing) {
      with_team(checked_multiply(checked_multiply(m, n), k), [&](Team& team) {
        bfloat16_pack(team, transpose_a ? a_packing.a_of_columns : a_packing.a_of_rows, a_rows, m, a_panels,
                      panel_size);
        bfloat16_pack(team, transpose_b ? b_packing.b_of_rows : b_packing.b_of_columns, b_rows, n, b_panels,
                      panel_size);
        team.barrier();
        bfloat16_gemm(team, chosen, g);
      });
    });
  });
  return out;
}

py::array to_bfloat16_binding(const py::object& x_object) {
  const py::array x = strict_array({"to_bfloat16", "x"}, x_object);
  if (x.itemsize() != static_cast<py::ssize_t>(sizeof(float))) {
    Argument{"to_bfloat16", "x"}.type_error("have dtype float32", py::str(x.dtype()));
  }
  py::array bits = new_array("to_bfloat16", shape_of(x), py::dtype::of<std::uint16_t>());
  const auto count = static_cast<std::size_t>(x.size());
  const float* const from = data_of<float>(x);
  std::uint16_t* const to = mutable_data_of<std::uint16_t>(bits);
  const Bfloat16Table& table = *bfloat16_kernels().table;
  with_team(count, [&](Team& team) {
    const Range share = team.share(count, kElementUnit);
    table.convert(share.size(), from + share.begin, to + share.begin);
  });
  return bits;
}

}  // namespace

void register_bfloat16_ops(py::module_& core, py::module_& ops) {
  core.def("bfloat16_gemm", &bfloat16_gemm_binding, py::arg("a"), py::arg("b"), py::arg("transpose_a"),
           py::arg("transpose_b"), py::arg("c").none(true), py::arg("order").none(true), py::arg("emulated").none(true),
           "ops.bfloat16_gemm, for tests and measurements: on the instruction, or emulated.");
  ops.def(
      "bfloat16_gemm",
      [](const py::object& a, const py::object& b, bool transpose_a, bool transpose_b, const py::object& c,
         const std::optional<std::string>& order) {
        return bfloat16_gemm_binding(a, b, transpose_a, transpose_b, c, order, std::nullopt);
      },
      py::arg("a"), py::arg("b"), py::arg("transpose_a"), py::arg("transpose_b"), py::arg("c").none(true),
      py::arg("order").none(true));
  ops.def("to_bfloat16", &to_bfloat16_binding, py::arg("x"));
}

}  // namespace prelunet
