#include "network/gather.h"

#include "kernels/dispatch.h"

namespace prelunet {
namespace {

template <class T>
constexpr ElementType kElementType = sizeof(T) == sizeof(float) ? ElementType::float32 : ElementType::float64;

}  // namespace

template <class T>
const T* RowSource::direct() const {
  const bool plain = type == kElementType<T> && run_offsets.size() == 1 &&
                     (run_length <= 1 || run_stride == static_cast<std::ptrdiff_t>(sizeof(T))) &&
                     (rows <= 1 || row_stride == static_cast<std::ptrdiff_t>(features * sizeof(T))) &&
                     reinterpret_cast<std::uintptr_t>(data) % alignof(T) == 0;
  return plain ? reinterpret_cast<const T*>(data) : nullptr;
}

template <class T>
void gather(Team& team, const RowSource& source, RowIndex index, std::size_t count, T* out) {
  const KernelTable<T>& table = kernel_table<T>();
  const Range share = team.share(count, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    const unsigned char* const row = source.data + static_cast<std::ptrdiff_t>(index[i]) * source.row_stride;
    T* to = out + i * source.features;
    for (const std::ptrdiff_t offset : source.run_offsets) {
      table.convert(source.type, source.run_length, row + offset, source.run_stride, to);
      to += source.run_length;
    }
  }
}

template const float* RowSource::direct() const;
template const double* RowSource::direct() const;
template void gather(Team&, const RowSource&, RowIndex, std::size_t, float*);
template void gather(Team&, const RowSource&, RowIndex, std::size_t, double*);

}  // namespace prelunet
