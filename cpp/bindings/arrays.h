// Turns NumPy arrays into checked views: the only validator of arrays. Every error names operation, argument, expected,
// got.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "network/gather.h"
#include "network/layer.h"

namespace prelunet {

namespace py = pybind11;

// The argument that a check names in its message: "prelu_backward: alpha ...".
struct Argument {
  std::string operation;
  const char* name;

  [[noreturn]] void type_error(const std::string& expected, const std::string& got) const;
  [[noreturn]] void value_error(const std::string& expected, const std::string& got) const;
};

std::string to_text(const Shape& shape);
std::string type_name(const py::handle& object);
Shape shape_of(const py::array& array);

// Raises ValueError if `array` is a masked array with masked elements: C++ ignores masks.
void refuse_masked(const Argument& argument, const py::array& array);

// ---- arrays of pn.ops: float32 or float64, C-contiguous, aligned, native byte order, never copied ------------------

py::array strict_array(const Argument& argument, const py::handle& object);

// strict_array with a dtype, which is that of `like_name`.
py::array strict_array_of(const Argument& argument, const py::handle& object, const py::dtype& dtype,
                          const char* like_name);

// strict_array with the dtype of `like`, which is the argument `like_name`.
py::array strict_array_like(const Argument& argument, const py::handle& object, const py::array& like,
                            const char* like_name);

// bfloat16 as an operand: float32, to be rounded, or uint16, the bits.
py::array bfloat16_array(const Argument& argument, const py::handle& object);

void check_shape(const Argument& argument, const py::array& array, const Shape& expected);
void check_rank(const Argument& argument, const py::array& array, std::size_t rank, const char* expected);
void check_writeable(const Argument& argument, const py::array& array);

enum class Overlap { forbidden, same_array };
// `out` must not share memory with `input`, unless both are the same elements.
void check_overlap(const Argument& out, const py::array& out_array, const char* name, const py::array& input,
                   Overlap overlap);

// Returns `out`, checked, if it is given, else a new array.
py::array output_array(const Argument& argument, const py::object& out, const Shape& shape, const py::dtype& dtype,
                       const char* like_name);
// Raises ValueError if the result would have 2^63 bytes or more.
py::array new_array(const std::string& operation, const Shape& shape, const py::dtype& dtype);

template <class T>
const T* data_of(const py::array& array) {
  return static_cast<const T*>(array.data());
}
template <class T>
T* mutable_data_of(py::array& array) {
  return static_cast<T*>(array.mutable_data());
}

// Calls f.template operator()<float>() or <double>(), depending on the dtype of a strict array.
template <class F>
auto dispatch_dtype(const py::array& array, F&& f) {
  if (array.itemsize() == static_cast<py::ssize_t>(sizeof(float))) return f.template operator()<float>();
  return f.template operator()<double>();
}

// ---- arrays of model methods: any real dtype and any layout, read in place -----------------------------------------

ElementType element_type(const Argument& argument, const py::array& array);

void check_sample_shape(const Argument& argument, const Shape& shape, const Shape& sample);

// Rows of `array`, whose shape must be (n, *sample).
RowSource row_source(const Argument& argument, const py::array& array, const Shape& sample);

// Rows of a CSR matrix of `shape`, whose shape must be (n, *sample), for a network of dtype T. The arrays are copied,
// in canonical form: columns ascend, and elements in the same place are added up.
template <class T>
RowSource compressed_rows(const std::string& operation, const py::array& indptr, const py::array& indices,
                          const py::array& data, const Shape& shape, const Shape& sample);

// Integers (n,) in [0, count): labels or indices of rows; `things` names them in messages.
std::vector<std::int64_t> checked_integers(const Argument& argument, const py::array& array, std::size_t count,
                                           const char* things);

// Inputs with a number of categories must hold integer codes below it; 0: any number.
void check_codes(const Argument& argument, const RowSource& source, const std::vector<std::size_t>& categories);

// Elements must be in [lowest, highest]; NaN is an error unless `allow_nan`.
void check_range(const Argument& argument, const RowSource& source, double lowest, double highest, bool allow_nan);

// A loss has one value of its option, or one for each output.
void check_options(const Argument& argument, const std::vector<double>& options, std::size_t outputs);

// Weights >= 0 of shape (n,), each at most `highest`. The sum of any of them and its inverse are finite.
std::vector<double> checked_weights(const Argument& argument, const py::array& array, std::size_t rows, double highest);

}  // namespace prelunet
