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

// A side of a matrix in units of `unit` elements. The elements from `whole`, a multiple of it, form the last unit.
struct Side {
  std::size_t total, unit, whole;
  std::size_t units() const { return whole / unit + (whole < total ? 1 : 0); }
  Range elements(Range of_units) const { return {start(of_units.begin), start(of_units.end)}; }
  std::size_t start(std::size_t place) const { return place < units() ? place * unit : total; }
};
Side side(std::size_t total, std::size_t unit) { return {total, unit, total / unit * unit}; }

// Calls f(rows, columns) for this thread's parts of a matrix. The matrix consists of cells, one unit of rows and one of
// columns. All threads get the same number of cells, or one more. The matrix is divided along one side. If the boundary
// between two threads is inside a line of cells, the line is divided too, unless it is too short. The parts depend only
// on m and n, so successive products that add to the same C need no barrier between them.
template <class F>
void for_each_part(const Team& team, const Side& rows, const Side& columns, bool by_rows, F&& f) {
  const Side& length = by_rows ? rows : columns;
  Side width = by_rows ? columns : rows;
  if (length.total == 0 || width.total == 0) return;
  if (length.unit * width.total < kMinCutElements) width = side(width.total, width.total);
  const std::size_t lines = length.units(), cells = width.units();
  const auto part = [&](Range of_lines, Range of_cells) {
    const Range along = length.elements(of_lines), across = width.elements(of_cells);
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
  const KernelTable<T>& table = kernel_table<T>();
  const Side columns = by_panels ? Side{g.n, table.panel_columns, table.full_panels(g.n)} : side(g.n, kElementUnit);
  for_each_part(team, side(g.m, kChunkRows), columns, by_rows,
                [&](Range rows, Range of_columns) { gemm_part(g, rows, of_columns); });
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
