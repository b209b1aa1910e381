// Copies of users' CSR matrices.
#include <algorithm>
#include <functional>
#include <utility>

#include "bindings/arrays.h"
#include "kernels/dispatch.h"
#include "runtime/subnormals.h"

namespace prelunet {
namespace {

std::vector<std::int64_t> offsets_of(const Argument& argument, const py::array& indptr, std::size_t rows,
                                     std::size_t elements) {
  check_rank(argument, indptr, 1, "(rows + 1,)");
  check_shape(argument, indptr, {rows + 1});
  std::vector<std::int64_t> begin = checked_integers(argument, indptr, elements + 1, "offsets");
  if (begin[0] != 0) argument.value_error("begin with 0", std::to_string(begin[0]));
  const auto falls = std::adjacent_find(begin.begin(), begin.end(), std::greater<>());
  if (falls != begin.end()) {
    argument.value_error("not decrease", std::to_string(falls[1]) + " after " + std::to_string(falls[0]));
  }
  return begin;
}

bool is_canonical(const CompressedRows& rows) {
  for (std::size_t i = 0; i + 1 < rows.begin.size(); ++i) {
    const auto first = rows.column.begin() + rows.begin[i], last = rows.column.begin() + rows.begin[i + 1];
    if (std::adjacent_find(first, last, std::greater_equal<>()) != last) return false;
  }
  return true;
}

// Sorts the columns of each row, and adds up the elements of a column in their order, as toarray() does.
template <class Value>
void make_canonical(CompressedRows& rows, std::vector<Value>& value, bool boolean) {
  std::size_t kept = 0;
  std::vector<std::pair<std::int64_t, std::size_t>> places;  // column, element
  for (std::size_t i = 0; i + 1 < rows.begin.size(); ++i) {
    const auto first = static_cast<std::size_t>(rows.begin[i]), last = static_cast<std::size_t>(rows.begin[i + 1]);
    places.clear();
    for (std::size_t p = first; p < last; ++p) places.emplace_back(rows.column[p], p);
    std::sort(places.begin(), places.end());
    std::vector<Value> sums;
    std::vector<std::int64_t> columns;
    for (const auto& [column, p] : places) {
      if (columns.empty() || columns.back() != column) {
        columns.push_back(column);
        sums.push_back(value[p]);
      } else {
        sums.back() = boolean ? std::max(sums.back(), value[p]) : sums.back() + value[p];
      }
    }
    rows.begin[i] = static_cast<std::int64_t>(kept);
    std::copy(sums.begin(), sums.end(), value.begin() + static_cast<std::ptrdiff_t>(kept));
    std::copy(columns.begin(), columns.end(), rows.column.begin() + static_cast<std::ptrdiff_t>(kept));
    kept += columns.size();
  }
  rows.begin.back() = static_cast<std::int64_t>(kept);
  rows.column.resize(kept);
  value.resize(kept);
}

// The elements in canonical form, as T. Subnormals count as zero, as when dense rows are gathered.
template <class T, class Value>
std::vector<T> canonical_values(CompressedRows& rows, ElementType type, const py::array& data) {
  std::vector<Value> value(rows.column.size());
  kernel_table<Value>().convert(type, value.size(), data.data(), data.strides(0), value.data());
  make_canonical(rows, value, type == ElementType::boolean);
  constexpr ElementType kType = sizeof(Value) == sizeof(float) ? ElementType::float32 : ElementType::float64;
  std::vector<T> converted(value.size());
  const FlushSubnormals flush;
  kernel_table<T>().convert(kType, value.size(), value.data(), sizeof(Value), converted.data());
  return converted;
}

template <class T>
std::vector<T> values_of(CompressedRows& rows, ElementType type, const py::array& data) {
  if (!is_canonical(rows)) {
    return type == ElementType::float32 ? canonical_values<T, float>(rows, type, data)
                                        : canonical_values<T, double>(rows, type, data);
  }
  std::vector<T> value(rows.column.size());
  const FlushSubnormals flush;
  kernel_table<T>().convert(type, value.size(), data.data(), data.strides(0), value.data());
  return value;
}

}  // namespace

template <class T>
RowSource compressed_rows(const std::string& operation, const py::array& indptr, const py::array& indices,
                          const py::array& data, const Shape& shape, const Shape& sample) {
  check_sample_shape({operation, "X"}, shape, sample);
  const Argument indices_argument{operation, "X.indices"}, data_argument{operation, "X.data"};
  check_rank(indices_argument, indices, 1, "(elements,)");
  check_rank(data_argument, data, 1, "(elements,)");
  CompressedRows rows;
  const auto room = static_cast<std::size_t>(std::min(indices.shape(0), data.shape(0)));
  rows.begin = offsets_of({operation, "X.indptr"}, indptr, shape[0], room);
  // scipy's arrays may be longer than the matrix has elements.
  const py::array used = indices[py::slice(0, rows.begin.back(), 1)];
  rows.column = checked_integers(indices_argument, used, shape[1], "columns");
  refuse_masked(data_argument, data);
  const ElementType type = element_type(data_argument, data);
  rows.value = values_of<T>(rows, type, data);

  RowSource source;
  source.type = type;
  source.rows = shape[0];
  source.features = shape[1];
  source.compressed = std::make_shared<const CompressedRows>(std::move(rows));
  return source;
}

#define PRELUNET_INSTANTIATE(T)                                                                                   \
  template RowSource compressed_rows<T>(const std::string&, const py::array&, const py::array&, const py::array&, \
                                        const Shape&, const Shape&);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
