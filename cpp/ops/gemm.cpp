#include "ops/gemm.h"

#include "runtime/scratch.h"

namespace prelunet {
namespace {

std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

template <class T>
void gemm_part(const KernelTable<T>& table, Gemm<T> g, Range rows, Range columns) {
  if (rows.empty() || columns.empty()) return;
  Epilogue<T> epilogue;
  if (g.epilogue != nullptr) {
    epilogue = *g.epilogue;
    epilogue.y += rows.begin * epilogue.y_stride + columns.begin;
    if (epilogue.bias != nullptr) epilogue.bias += columns.begin;
    if (epilogue.parameter != nullptr) epilogue.parameter += columns.begin * epilogue.parameter_stride;
    g.epilogue = &epilogue;
  }
  const bool packed = g.b_stride == 0;
  g.m = rows.size();
  g.n = columns.size();
  g.a += rows.begin * g.a_row_stride;
  g.b += packed ? columns.begin * g.k : columns.begin;
  g.c += rows.begin * g.c_stride + columns.begin;
  table.gemm(g);
}

}  // namespace

template <class T>
void gemm(Team& team, Gemm<T> g, Split split) {
  const KernelTable<T>& table = kernel_table<T>();
  const std::size_t row_units = divide_up(g.m, kChunkRows);
  const std::size_t column_units = divide_up(g.n, table.panel_columns);
  if (split == Split::rows || row_units >= column_units) {
    gemm_part(table, g, team.share(g.m, kChunkRows), {0, g.n});
  } else {
    gemm_part(table, g, {0, g.m}, team.share(g.n, table.panel_columns));
  }
}

template <class T>
std::size_t packed_size(std::size_t n, std::size_t k) {
  const std::size_t unit = kernel_table<T>().column_unit;
  return checked_multiply(checked_add(n, unit - 1) / unit * unit, k);
}

template <class T>
void pack(Team& team, std::size_t n, std::size_t k, const T* w, std::size_t stride, T* panels) {
  const KernelTable<T>& table = kernel_table<T>();
  const Range share = team.share(divide_up(n, table.panel_columns), 1);
  table.pack_panels(n, k, w, stride, panels, share.begin, share.end);
}

#define PRELUNET_INSTANTIATE(T)                                  \
  template void gemm(Team&, Gemm<T>, Split);                     \
  template std::size_t packed_size<T>(std::size_t, std::size_t); \
  template void pack(Team&, std::size_t, std::size_t, const T*, std::size_t, T*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
