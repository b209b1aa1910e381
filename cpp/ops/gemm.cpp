#include "ops/gemm.h"

#include <algorithm>

#include "ops/tuning.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

static_assert(kGemmScratch <= kThreadScratch);

template <class T>
void gemm_part(Gemm<T> g, Range rows, Range columns) {
  if (rows.empty() || columns.empty()) return;
  const bool packed = g.b_stride == 0;
  g.row += rows.begin;
  g.column += columns.begin;
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

// The elements in units [units.begin, units.end), if a unit has `unit` elements and there are `total` elements.
Range elements(Range units, std::size_t unit, std::size_t total) {
  return {std::min(units.begin * unit, total), std::min(units.end * unit, total)};
}

// Calls f(rows, columns) for this thread's parts of an (m, n) matrix. The matrix consists of cells of kChunkRows rows
// and `columns_unit` columns. All threads get the same number of cells, or one more. The matrix is divided along one
// side. If the boundary between two threads is inside a line of cells, the line is divided too, unless it is too short.
// The parts depend only on m and n, so successive products that add to the same C need no barrier between them.
template <class F>
void for_each_part(const Team& team, std::size_t m, std::size_t n, bool by_rows, std::size_t columns_unit, F&& f) {
  const std::size_t length = by_rows ? m : n, length_unit = by_rows ? kChunkRows : columns_unit;
  const std::size_t width = by_rows ? n : m;
  if (length == 0 || width == 0) return;
  const std::size_t width_unit = length_unit * width < kMinCutElements ? width : by_rows ? columns_unit : kChunkRows;
  const std::size_t lines = (length + length_unit - 1) / length_unit, cells = (width + width_unit - 1) / width_unit;
  const auto part = [&](Range of_lines, Range of_cells) {
    const Range along = elements(of_lines, length_unit, length);
    const Range across = elements(of_cells, width_unit, width);
    by_rows ? f(along, across) : f(across, along);
  };
  const Range share = team.even_share(lines * cells, 1);
  std::size_t line = share.begin / cells;
  const std::size_t last = share.end / cells, begin = share.begin % cells, end = share.end % cells;
  if (line == last) return part({line, line + 1}, {begin, end});
  if (begin > 0) part({line, line + 1}, {begin, cells}), ++line;
  part({line, last}, {0, cells});
  if (end > 0) part({last, last + 1}, {0, end});
}

}  // namespace

template <class T>
void gemm(Team& team, const Gemm<T>& whole, Split split) {
  Gemm<T> g = whole;
  g.scratch = team.scratch();
  if (split == Split::rows) return gemm_part(g, team.share(g.m, kChunkRows), {0, g.n});
  const auto size = static_cast<std::size_t>(team.size());
  // The longer side is divided, so that less of A and B is read by two threads.
  const bool by_rows = g.m >= g.n || (split == Split::panels && g.m >= size * kChunkRows);
  // A packed B, and a C that updates panels, are divided only between full panels. The narrower panels at the end form
  // one unit.
  const bool by_panels = g.b_stride == 0 || split == Split::panels;
  const std::size_t columns_unit = by_panels ? kernel_table<T>().panel_columns : kElementUnit;
  for_each_part(team, g.m, g.n, by_rows, columns_unit, [&](Range rows, Range columns) { gemm_part(g, rows, columns); });
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
