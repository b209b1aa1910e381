#include "ops/elementwise.h"

#include <algorithm>

namespace prelunet {

template <class T>
void scale_shift(Team& team, std::size_t rows, std::size_t columns, const T* x, double scale, double shift, T* y) {
  const Range share = team.share(rows, kChunkRows);
  const std::size_t begin = share.begin * columns;
  kernel_table<T>().scale_shift(share.size() * columns, x + begin, scale, shift, y + begin);
}

template <class T>
void scale_shift_columns(Team& team, std::size_t rows, std::size_t columns, const T* x, const T* scale, const T* shift,
                         T* y, std::size_t unit) {
  const Range share = team.share(rows, unit);
  for (std::size_t i = share.begin * columns; i < share.end * columns; i += columns) {
    kernel_table<T>().scale_shift_elements(columns, x + i, scale, shift, y + i);
  }
}

template <class T>
void scaled_sum(Team& team, std::size_t rows, std::size_t columns, double factor, const T* x, const T* y, T* out) {
  const Range share = team.share(rows, kChunkRows);
  const std::size_t begin = share.begin * columns;
  kernel_table<T>().scaled_sum(share.size() * columns, factor, x + begin, y + begin, out + begin);
}

template <class T>
void move_towards(Team& team, std::size_t count, double weight, const T* from, T* to) {
  constexpr std::size_t kPiece = 256;
  const Range share = team.share(count, kPiece);
  if (weight == 1.0) {
    std::copy_n(from + share.begin, share.size(), to + share.begin);
    return;
  }
  for (std::size_t i = share.begin; i < share.end; i += kPiece) {
    T difference[kPiece];
    const std::size_t size = std::min(kPiece, share.end - i);
    kernel_table<T>().scaled_sum(size, -1.0, to + i, from + i, difference);
    kernel_table<T>().scaled_sum(size, weight, difference, to + i, to + i);
  }
}

template <class T>
void clip_rows(Team& team, std::size_t rows, std::size_t columns, T* x, double limit, const double* row_scale) {
  const Range share = team.share(rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    kernel_table<T>().clip_by_value(columns, x + i * columns, limit * row_scale[i]);
  }
}

#define PRELUNET_INSTANTIATE(T)                                                                                      \
  template void scale_shift(Team&, std::size_t, std::size_t, const T*, double, double, T*);                          \
  template void scale_shift_columns(Team&, std::size_t, std::size_t, const T*, const T*, const T*, T*, std::size_t); \
  template void scaled_sum(Team&, std::size_t, std::size_t, double, const T*, const T*, T*);                         \
  template void move_towards(Team&, std::size_t, double, const T*, T*);                                              \
  template void clip_rows(Team&, std::size_t, std::size_t, T*, double, const double*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
