#include "ops/gemm.h"

#include <algorithm>

#include "runtime/scratch.h"

namespace prelunet {
namespace {

template <class T>
void gemm_part(Gemm<T> g, Range rows, Range columns) {
  if (rows.empty() || columns.empty()) return;
  const Block block{rows.begin, columns.begin, rows.size(), columns.size()};
  Epilogue<T> epilogue;
  if (g.epilogue != nullptr) {
    epilogue = *g.epilogue;
    if (epilogue.forward != nullptr) epilogue.activation = epilogue.activation.at(block);
    if (epilogue.backward != nullptr) epilogue.gradient = epilogue.gradient.at(block);
    if (epilogue.update != nullptr && !epilogue.in_panels) epilogue.parameter = epilogue.parameter.at(block);
    epilogue.panels.row += block.row;
    epilogue.panels.column += block.column;
    g.epilogue = &epilogue;
  }
  const bool packed = g.b_stride == 0;
  g.m = rows.size();
  g.n = columns.size();
  if (g.a_row_offset != nullptr) {
    g.a_row_offset += rows.begin;
  } else {
    g.a += rows.begin * g.a_row_stride;
  }
  g.b += packed ? columns.begin * g.k : columns.begin;
  g.c += rows.begin * g.c_stride + columns.begin;
  kernel_table<T>().gemm(g);
}

// The most that one thread of the team gets of `total`.
std::size_t largest_share(const Team& team, std::size_t total, std::size_t unit) {
  std::size_t largest = 0;
  for (int rank = 0; rank < team.size(); ++rank) largest = std::max(largest, team.share_of(rank, total, unit).size());
  return largest;
}

// Whether rows of C are shared, and not its columns: the side that divides more evenly, by more than a few percent;
// else the longer one, so that less of the other operand is read by two threads.
template <class T>
bool shares_rows(const Team& team, const Gemm<T>& g, std::size_t columns_unit) {
  constexpr double kAsEven = 1.04;
  const auto rows = static_cast<double>(largest_share(team, g.m, kChunkRows) * g.n);
  const auto columns = static_cast<double>(largest_share(team, g.n, columns_unit) * g.m);
  return g.m >= g.n ? rows <= kAsEven * columns : rows * kAsEven < columns;
}

// A share of columns, where packed B is cut only between full panels: the last few belong together.
template <class T>
Range share_columns(const Team& team, const Gemm<T>& g, std::size_t columns_unit) {
  Range share = team.share(g.n, columns_unit);
  if (g.b_stride != 0) return share;
  const std::size_t full = kernel_table<T>().full_panels(g.n);
  if (share.begin > full) share.begin = g.n;
  if (share.end > full) share.end = g.n;
  return share;
}

}  // namespace

template <class T>
void gemm(Team& team, const Gemm<T>& g, Split split) {
  const std::size_t columns_unit = kernel_table<T>().panel_columns;
  if (split == Split::rows || shares_rows(team, g, columns_unit)) {
    gemm_part(g, team.share(g.m, kChunkRows), {0, g.n});
  } else {
    gemm_part(g, {0, g.m}, share_columns(team, g, columns_unit));
  }
}

template <class T>
std::size_t packed_size(std::size_t n, std::size_t k) {
  return checked_multiply(kernel_table<T>().packed_columns(n), k);
}

template <class T>
void pack(Team& team, const Panels<T>& g) {
  const Range columns = team.share(g.n, kernel_table<T>().panel_columns);
  kernel_table<T>().pack_panels(g, columns.begin, columns.end);
}

template <class T>
void unpack(Team& team, const Panels<T>& g, T* w) {
  const Range columns = team.share(g.n, kernel_table<T>().panel_columns);
  kernel_table<T>().unpack_panels(g, w, columns.begin, columns.end);
}

#define PRELUNET_INSTANTIATE(T)                                  \
  template void gemm(Team&, const Gemm<T>&, Split);              \
  template std::size_t packed_size<T>(std::size_t, std::size_t); \
  template void pack(Team&, const Panels<T>&);                   \
  template void unpack(Team&, const Panels<T>&, T*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
