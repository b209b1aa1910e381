// Rows of a user's array, in any layout and dtype; gathering rounds them to the network's dtype.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "kernels/table.h"
#include "runtime/team.h"

namespace prelunet {

// The rows of a batch: positions [begin, begin + count) of `order`, or of the array if order is null.
struct RowIndex {
  const std::int64_t* order = nullptr;
  std::size_t begin = 0;
  std::size_t operator[](std::size_t i) const {
    return order == nullptr ? begin + i : static_cast<std::size_t>(order[begin + i]);
  }
};

// Rows given by their nonzero elements (CSR). Row i has elements [begin[i], begin[i + 1]); their columns
// ascend. The values have the dtype of a network.
struct CompressedRows {
  std::vector<std::int64_t> begin;
  std::vector<std::int64_t> column;
  std::variant<std::vector<float>, std::vector<double>> value;
};

// An array of rows. A row consists of runs. Each run has `run_length` elements, `run_stride` bytes apart. It begins at
// one of run_offsets, in bytes from the start of the row. Most arrays have one run; there are several if inner axes
// cannot be merged.
struct RowSource {
  const unsigned char* data = nullptr;
  ElementType type = ElementType::float32;
  std::size_t rows = 0;
  std::size_t features = 0;
  std::ptrdiff_t row_stride = 0;
  std::vector<std::ptrdiff_t> run_offsets;
  std::size_t run_length = 0;
  std::ptrdiff_t run_stride = 0;
  std::shared_ptr<const CompressedRows> compressed;  // the rows, in place of the array; or null

  // Whether the elements of a row are adjacent.
  bool adjacent() const;

  // Whether the array has the dtype and the layout of a block.
  template <class T>
  bool is_block() const;

  // Prepares prefetching of rows index[0 .. count), spread over `steps` steps of k. Prefetches nothing if the elements
  // of a row are not adjacent.
  RowPrefetch prefetch(RowIndex index, std::size_t count, double steps) const;
};

// out (count, features) = rows index[0 .. count) of source, dense, shared by the team in units of kChunkRows.
template <class T>
void gather(Team& team, const RowSource& source, RowIndex index, std::size_t count, T* out);

// Returns the same rows without a copy if they are in order and is_block() is true. Otherwise gathers them in
// `buffer`.
template <class T>
const T* rows_of(Team& team, const RowSource& source, RowIndex index, std::size_t count, T* buffer);

}  // namespace prelunet
