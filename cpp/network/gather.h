// Rows of a user's array, read as they lie in memory and rounded to the network's dtype while they are gathered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/table.h"
#include "runtime/team.h"

namespace prelunet {

// The rows of a batch: positions [begin, begin + count) of `order`, or of the array itself where order is null.
struct RowIndex {
  const std::int64_t* order = nullptr;
  std::size_t begin = 0;
  std::size_t operator[](std::size_t i) const {
    return order == nullptr ? begin + i : static_cast<std::size_t>(order[begin + i]);
  }
};

// An array of rows. A row is runs of `run_length` elements `run_stride` bytes apart, one run at each of run_offsets
// (bytes from the row's start): one run for most arrays, several where inner axes do not line up.
struct RowSource {
  const unsigned char* data = nullptr;
  ElementType type = ElementType::float32;
  std::size_t rows = 0;
  std::size_t features = 0;
  std::ptrdiff_t row_stride = 0;
  std::vector<std::ptrdiff_t> run_offsets;
  std::size_t run_length = 0;
  std::ptrdiff_t run_stride = 0;

  // A row is elements one after another.
  bool adjacent() const;

  // The rows as they are, where they already have the dtype and layout of a block; else null.
  template <class T>
  const T* direct() const;

  // Rows `index` [0, count) as a list of cache lines to ask for, one for every `pace` steps of k; none where rows are
  // not contiguous. `steps`: steps of k that there are to spread them over.
  Ahead ahead(RowIndex index, std::size_t count, double steps) const;
};

// out (count, features) = rows index[0 .. count) of source, shared by the team in units of kChunkRows.
template <class T>
void gather(Team& team, const RowSource& source, RowIndex index, std::size_t count, T* out);

// The same rows where they lie, if they can be read there, else gathered in `room`.
template <class T>
const T* rows_of(Team& team, const RowSource& source, RowIndex index, std::size_t count, T* room);

}  // namespace prelunet
