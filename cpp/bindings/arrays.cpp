#include "bindings/arrays.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iomanip>
#include <limits>
#include <sstream>

#include "kernels/dispatch.h"

namespace prelunet {
namespace {

bool is_real_float(const py::dtype& dtype) {
  return dtype.kind() == 'f' && (dtype.itemsize() == 4 || dtype.itemsize() == 8);
}

bool is_native(const py::dtype& dtype) {
  constexpr char kExplicit = std::endian::native == std::endian::little ? '<' : '>';  // as in h5py's dtypes
  const char order = dtype.byteorder();
  return order == '=' || order == '|' || order == kExplicit;
}

bool is_aligned(const py::array& array) { return (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0; }

std::string dtype_text(const py::dtype& dtype) { return py::str(dtype); }

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string in_row(double value, std::size_t row) { return number_text(value) + " in row " + std::to_string(row); }

std::string strides_text(const py::array& array) {
  std::string text = "strides (";
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    text += (axis == 0 ? "" : ", ") + std::to_string(array.strides(axis));
  }
  return text + ") for shape " + to_text(shape_of(array));
}

// The addresses from the first byte of an array to the end of its last one.
std::pair<const char*, const char*> extent(const py::array& array) {
  const auto* begin = static_cast<const char*>(array.data());
  if (array.size() == 0) return {begin, begin};
  const auto* end = begin + array.itemsize();
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    const py::ssize_t reach = (array.shape(axis) - 1) * array.strides(axis);
    (reach < 0 ? begin : end) += reach;
  }
  return {begin, end};
}

void check_layout(const Argument& argument, const py::array& array) {
  if (!is_native(array.dtype())) argument.type_error("have native byte order", dtype_text(array.dtype()));
  if ((array.flags() & py::array::c_style) == 0) argument.value_error("be C-contiguous", strides_text(array));
  if (!is_aligned(array)) argument.value_error("be aligned to its item size", "a misaligned array");
}

}  // namespace

void Argument::type_error(const std::string& expected, const std::string& got) const {
  throw py::type_error(operation + ": " + name + " must " + expected + ", got " + got);
}
void Argument::value_error(const std::string& expected, const std::string& got) const {
  throw py::value_error(operation + ": " + name + " must " + expected + ", got " + got);
}

std::string type_name(const py::handle& object) { return py::str(py::type::of(object).attr("__name__")); }

std::string to_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

Shape shape_of(const py::array& array) { return Shape(array.shape(), array.shape() + array.ndim()); }

void refuse_masked(const Argument& argument, const py::array& array) {
  const auto* const ndarray = py::detail::npy_api::get().PyArray_Type_;
  if (reinterpret_cast<PyObject*>(Py_TYPE(array.ptr())) == reinterpret_cast<const PyObject*>(ndarray)) return;
  const py::module_ ma = py::module_::import("numpy.ma");
  if (!py::isinstance(array, ma.attr("MaskedArray")) || !py::cast<bool>(ma.attr("is_masked")(array))) return;
  argument.value_error("have no masked elements", py::str(ma.attr("count_masked")(array)));
}

py::array strict_array(const Argument& argument, const py::handle& object) {
  if (!py::isinstance<py::array>(object)) argument.type_error("be a NumPy array", type_name(object));
  const auto array = py::reinterpret_borrow<py::array>(object);
  refuse_masked(argument, array);
  if (!is_real_float(array.dtype())) argument.type_error("have dtype float32 or float64", dtype_text(array.dtype()));
  check_layout(argument, array);
  return array;
}

py::array bfloat16_array(const Argument& argument, const py::handle& object) {
  if (!py::isinstance<py::array>(object)) argument.type_error("be a NumPy array", type_name(object));
  const auto array = py::reinterpret_borrow<py::array>(object);
  const py::dtype dtype = array.dtype();
  const bool holds_floats = dtype.kind() == 'f' && dtype.itemsize() == 4;
  const bool holds_bits = dtype.kind() == 'u' && dtype.itemsize() == 2;
  if (!holds_floats && !holds_bits) {
    argument.type_error("have dtype float32, bfloat16 or uint16 (the bits of bfloat16)", dtype_text(dtype));
  }
  check_layout(argument, array);
  return array;
}

py::array strict_array_of(const Argument& argument, const py::handle& object, const py::dtype& dtype,
                          const char* like_name) {
  py::array array = strict_array(argument, object);
  if (array.itemsize() != dtype.itemsize()) {
    argument.type_error("have dtype " + dtype_text(dtype) + " as " + like_name, dtype_text(array.dtype()));
  }
  return array;
}

py::array strict_array_like(const Argument& argument, const py::handle& object, const py::array& like,
                            const char* like_name) {
  return strict_array_of(argument, object, like.dtype(), like_name);
}

void check_shape(const Argument& argument, const py::array& array, const Shape& expected) {
  const Shape got = shape_of(array);
  if (got != expected) argument.value_error("have shape " + to_text(expected), to_text(got));
}

void check_rank(const Argument& argument, const py::array& array, std::size_t rank, const char* expected) {
  if (static_cast<std::size_t>(array.ndim()) != rank) {
    argument.value_error(std::string("have shape ") + expected, to_text(shape_of(array)));
  }
}

void check_writeable(const Argument& argument, const py::array& array) {
  if (!array.writeable()) argument.value_error("be writeable", "a read-only array");
}

void check_overlap(const Argument& out, const py::array& out_array, const char* name, const py::array& input,
                   Overlap overlap) {
  const auto [out_begin, out_end] = extent(out_array);
  const auto [in_begin, in_end] = extent(input);
  const bool apart = out_end <= in_begin || in_end <= out_begin;
  if (apart || (overlap == Overlap::same_array && out_begin == in_begin)) return;
  out.value_error("not overlap " + std::string(name), "arrays that share memory");
}

py::array new_array(const std::string& operation, const Shape& shape, const py::dtype& dtype) {
  // Like NumPy, multiplies the sizes of the axes that are not empty.
  constexpr auto kLimit = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
  std::size_t bytes = static_cast<std::size_t>(dtype.itemsize());
  for (const std::size_t size : shape) {
    if (size > 1 && bytes > kLimit / size) {
      Argument{operation, "the result"}.value_error("have fewer than 2^63 bytes", "shape " + to_text(shape));
    }
    bytes *= size > 1 ? size : 1;
  }
  return py::array(dtype, std::vector<py::ssize_t>(shape.begin(), shape.end()));
}

py::array output_array(const Argument& argument, const py::object& out, const Shape& shape, const py::dtype& dtype,
                       const char* like_name) {
  if (out.is_none()) return new_array(argument.operation, shape, dtype);
  py::array array = strict_array_of(argument, out, dtype, like_name);
  check_shape(argument, array, shape);
  check_writeable(argument, array);
  return array;
}

ElementType element_type(const Argument& argument, const py::array& array) {
  const py::dtype dtype = array.dtype();
  if (!is_native(dtype)) argument.type_error("have native byte order", dtype_text(dtype));
  const py::ssize_t size = dtype.itemsize();
  switch (dtype.kind()) {
    case 'b':
      return ElementType::boolean;
    case 'f':
      if (size == 4) return ElementType::float32;
      if (size == 8) return ElementType::float64;
      break;
    case 'i':
      return size == 1   ? ElementType::int8
             : size == 2 ? ElementType::int16
             : size == 4 ? ElementType::int32
                         : ElementType::int64;
    case 'u':
      return size == 1   ? ElementType::uint8
             : size == 2 ? ElementType::uint16
             : size == 4 ? ElementType::uint32
                         : ElementType::uint64;
    default:
      break;
  }
  argument.type_error("have dtype float32, float64, bool or an integer one", dtype_text(dtype));
}

namespace {

// Splits a sample's axes into runs: trailing axes with one common stride make the run, the others its offsets.
void add_runs(RowSource& source, const py::array& array) {
  py::ssize_t axis = array.ndim() - 1;
  source.run_length = 1;
  source.run_stride = axis >= 1 ? array.strides(axis) : array.itemsize();
  for (; axis >= 1; --axis) {
    const bool joins = source.run_length == 1 || array.shape(axis) == 1 ||
                       array.strides(axis) == source.run_stride * static_cast<py::ssize_t>(source.run_length);
    if (!joins) break;
    if (source.run_length == 1) source.run_stride = array.strides(axis);
    source.run_length *= static_cast<std::size_t>(array.shape(axis));
  }
  source.run_offsets = {0};
  for (; axis >= 1; --axis) {  // inner axes first: each outer axis repeats the offsets so far
    std::vector<std::ptrdiff_t> repeated;
    for (py::ssize_t i = 0; i < array.shape(axis); ++i) {
      for (const std::ptrdiff_t offset : source.run_offsets) repeated.push_back(i * array.strides(axis) + offset);
    }
    source.run_offsets = std::move(repeated);
  }
}

}  // namespace

void check_sample_shape(const Argument& argument, const Shape& shape, const Shape& sample) {
  if (shape.size() == sample.size() + 1 && std::equal(sample.begin(), sample.end(), shape.begin() + 1)) return;
  std::string expected = "have shape (n";
  for (const std::size_t size : sample) expected += ", " + std::to_string(size);
  argument.value_error(expected + ")", to_text(shape));
}

RowSource row_source(const Argument& argument, const py::array& array, const Shape& sample) {
  const Shape shape = shape_of(array);
  check_sample_shape(argument, shape, sample);
  refuse_masked(argument, array);
  RowSource source;
  source.type = element_type(argument, array);
  source.data = static_cast<const unsigned char*>(array.data());
  source.rows = shape[0];
  source.features = element_count(sample);
  source.row_stride = array.strides(0);
  add_runs(source, array);
  return source;
}

std::vector<std::int64_t> checked_integers(const Argument& argument, const py::array& array, std::size_t count,
                                           const char* things) {
  refuse_masked(argument, array);
  const ElementType type = element_type(argument, array);
  if (type == ElementType::float32 || type == ElementType::float64) {
    argument.type_error(std::string("hold integer ") + things, dtype_text(array.dtype()));
  }
  const std::string range = std::string("hold ") + things + " from 0 to " + std::to_string(count - 1);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(array.shape(0)));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto* const at = static_cast<const char*>(array.data()) + static_cast<py::ssize_t>(i) * array.strides(0);
    const auto read = [&]<class Source>(Source value) {
      std::memcpy(&value, at, sizeof value);
      // Compared in its own type: a uint64 past 2^63 must not wrap into range.
      const bool in_range = value >= 0 && static_cast<std::uint64_t>(value) < count;
      if (!in_range) argument.value_error(range, std::to_string(value) + " in row " + std::to_string(i));
      labels[i] = static_cast<std::int64_t>(value);
    };
    switch (type) {
      case ElementType::boolean:
      case ElementType::uint8:
        read(std::uint8_t{});
        break;
      case ElementType::int8:
        read(std::int8_t{});
        break;
      case ElementType::int16:
        read(std::int16_t{});
        break;
      case ElementType::uint16:
        read(std::uint16_t{});
        break;
      case ElementType::int32:
        read(std::int32_t{});
        break;
      case ElementType::uint32:
        read(std::uint32_t{});
        break;
      case ElementType::int64:
        read(std::int64_t{});
        break;
      default:
        read(std::uint64_t{});
        break;
    }
  }
  return labels;
}

void check_range(const Argument& argument, const RowSource& source, double lowest, double highest, bool allow_nan) {
  constexpr std::size_t kAtOnce = 128;
  double values[kAtOnce];
  for (std::size_t row = 0; row < source.rows; ++row) {
    const auto* const begin = source.data + static_cast<std::ptrdiff_t>(row) * source.row_stride;
    for (const std::ptrdiff_t offset : source.run_offsets) {
      for (std::size_t at = 0; at < source.run_length; at += kAtOnce) {
        const std::size_t count = std::min(kAtOnce, source.run_length - at);
        const auto* const from = begin + offset + static_cast<std::ptrdiff_t>(at) * source.run_stride;
        kernel_table<double>().convert(source.type, count, from, source.run_stride, values);
        for (std::size_t i = 0; i < count; ++i) {
          if ((values[i] >= lowest && values[i] <= highest) || (allow_nan && std::isnan(values[i]))) continue;
          argument.value_error("hold numbers from " + number_text(lowest) + " to " + number_text(highest),
                               in_row(values[i], row));
        }
      }
    }
  }
}

void check_options(const Argument& argument, const std::vector<double>& options, std::size_t outputs) {
  if (options.size() == 1 || options.size() == outputs) return;
  argument.value_error("be one number, or one for each of " + std::to_string(outputs) + " outputs",
                       std::to_string(options.size()) + " numbers");
}

namespace {

void check_code(const Argument& argument, double code, std::size_t categories, std::size_t row, std::size_t column) {
  if (categories == 0 || (code >= 0.0 && code < static_cast<double>(categories) && code == std::floor(code))) return;
  std::ostringstream got;  // with the digits that tell 1.0000000001 from the code 1
  got << std::setprecision(std::numeric_limits<double>::digits10) << code << " in row " << row;
  argument.value_error(
      "hold integer codes from 0 to " + std::to_string(categories - 1) + " in column " + std::to_string(column),
      got.str());
}

}  // namespace

void check_codes(const Argument& argument, const RowSource& source, const std::vector<std::size_t>& categories) {
  if (categories.empty()) return;
  if (source.compressed != nullptr) {  // elements that are not stored are 0, which is a code
    const CompressedRows& rows = *source.compressed;
    for (std::size_t row = 0; row < source.rows; ++row) {
      for (auto e = static_cast<std::size_t>(rows.begin[row]); e < static_cast<std::size_t>(rows.begin[row + 1]); ++e) {
        const auto column = static_cast<std::size_t>(rows.column[e]);
        const double code = std::visit([&](const auto& values) { return static_cast<double>(values[e]); }, rows.value);
        check_code(argument, code, categories[column], row, column);
      }
    }
    return;
  }
  for (std::size_t row = 0; row < source.rows; ++row) {
    const auto* const begin = source.data + static_cast<std::ptrdiff_t>(row) * source.row_stride;
    for (std::size_t column = 0; column < categories.size(); ++column) {
      if (categories[column] == 0) continue;
      const std::ptrdiff_t offset = source.run_offsets[column / source.run_length];
      const auto* const from =
          begin + offset + static_cast<std::ptrdiff_t>(column % source.run_length) * source.run_stride;
      double code = 0.0;
      kernel_table<double>().convert(source.type, 1, from, source.run_stride, &code);
      check_code(argument, code, categories[column], row, column);
    }
  }
}

std::vector<double> checked_weights(const Argument& argument, const py::array& array, std::size_t rows,
                                    double highest) {
  constexpr double kSmallest = std::numeric_limits<double>::min();  // 1 / x of a smaller x may be infinite
  check_shape(argument, array, {rows});
  const RowSource source = row_source(argument, array, {});
  std::vector<double> weights(rows);
  kernel_table<double>().convert(source.type, rows, source.data, source.row_stride, weights.data());
  double sum = 0.0;
  for (std::size_t i = 0; i < rows; ++i) {
    if (!(weights[i] >= 0.0) || !std::isfinite(weights[i])) {
      argument.value_error("hold finite weights >= 0", in_row(weights[i], i));
    }
    if (weights[i] > highest || (weights[i] > 0.0 && weights[i] < kSmallest)) {
      argument.value_error("hold weights of 0 or from " + number_text(kSmallest) + " to " + number_text(highest),
                           in_row(weights[i], i));
    }
    sum += weights[i];
  }
  if (!std::isfinite(sum)) argument.value_error("have a finite sum", "a sum that overflows");
  return weights;
}

}  // namespace prelunet
