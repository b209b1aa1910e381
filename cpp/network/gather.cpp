#include "network/gather.h"

#include <algorithm>
#include <cstring>

#include "kernels/dispatch.h"

namespace prelunet {
namespace {

template <class T>
constexpr ElementType kElementType = sizeof(T) == sizeof(float) ? ElementType::float32 : ElementType::float64;

std::size_t element_size(ElementType type) {
  switch (type) {
    case ElementType::float64:
    case ElementType::int64:
    case ElementType::uint64:
      return 8;
    case ElementType::float32:
    case ElementType::int32:
    case ElementType::uint32:
      return 4;
    case ElementType::int16:
    case ElementType::uint16:
      return 2;
    case ElementType::boolean:
    case ElementType::int8:
    case ElementType::uint8:
      return 1;
  }
  return 1;
}

// Makes rows [share.begin, share.end) of a block dense.
template <class T>
void expand(const RowSource& source, RowIndex index, Range share, T* out) {
  const CompressedRows& rows = *source.compressed;
  std::visit(
      [&](const auto& value) {
        for (std::size_t i = share.begin; i < share.end; ++i) {
          T* const to = out + i * source.features;
          std::fill_n(to, source.features, T(0));
          const auto end = static_cast<std::size_t>(rows.begin[index[i] + 1]);
          for (auto p = static_cast<std::size_t>(rows.begin[index[i]]); p < end; ++p) {
            to[rows.column[p]] = static_cast<T>(value[p]);
          }
        }
      },
      rows.value);
}

}  // namespace

bool RowSource::adjacent() const {
  return run_offsets.size() == 1 && (run_length <= 1 || run_stride == static_cast<std::ptrdiff_t>(element_size(type)));
}

template <class T>
bool RowSource::is_block() const {
  return type == kElementType<T> && compressed == nullptr && adjacent() &&
         (rows <= 1 || row_stride == static_cast<std::ptrdiff_t>(features * sizeof(T))) &&
         reinterpret_cast<std::uintptr_t>(data) % alignof(T) == 0;
}

RowPrefetch RowSource::prefetch(RowIndex index, std::size_t count, double steps) const {
  constexpr std::size_t kLine = 64;
  RowPrefetch next{};
  if (!adjacent()) return next;
  next.data = data + run_offsets[0];
  next.row_stride = row_stride;
  next.row_bytes = run_length * element_size(type);
  next.order = index.order;
  next.begin = index.begin;
  next.end = index.begin + count;
  const std::size_t row_lines = next.row_bytes / kLine + 1;
  const auto lines = static_cast<double>(count * row_lines);
  next.pace = static_cast<std::size_t>(std::max(1.0, steps / std::max(1.0, lines)));
  return next;
}

template <class T>
void gather(Team& team, const RowSource& source, RowIndex index, std::size_t count, T* out) {
  const KernelTable<T>& table = kernel_table<T>();
  const Range share = team.share(count, kChunkRows);
  if (source.compressed != nullptr) return expand(source, index, share, out);
  if (source.type == kElementType<T> && source.adjacent() && source.features > 0) {  // nothing to convert
    const unsigned char* const data = source.data + source.run_offsets[0];
    for (std::size_t i = share.begin; i < share.end; ++i) {
      const unsigned char* const row = data + static_cast<std::ptrdiff_t>(index[i]) * source.row_stride;
      std::memcpy(out + i * source.features, row, source.features * sizeof(T));
    }
    return;
  }
  for (std::size_t i = share.begin; i < share.end; ++i) {
    const unsigned char* const row = source.data + static_cast<std::ptrdiff_t>(index[i]) * source.row_stride;
    T* to = out + i * source.features;
    for (const std::ptrdiff_t offset : source.run_offsets) {
      table.convert(source.type, source.run_length, row + offset, source.run_stride, to);
      to += source.run_length;
    }
  }
}

template <class T>
const T* rows_of(Team& team, const RowSource& source, RowIndex index, std::size_t count, T* buffer) {
  if (index.order == nullptr && source.is_block<T>()) {
    return reinterpret_cast<const T*>(source.data) + index.begin * source.features;
  }
  gather(team, source, index, count, buffer);
  return buffer;
}

template bool RowSource::is_block<float>() const;
template bool RowSource::is_block<double>() const;
template void gather(Team&, const RowSource&, RowIndex, std::size_t, float*);
template void gather(Team&, const RowSource&, RowIndex, std::size_t, double*);
template const float* rows_of(Team&, const RowSource&, RowIndex, std::size_t, float*);
template const double* rows_of(Team&, const RowSource&, RowIndex, std::size_t, double*);

}  // namespace prelunet
