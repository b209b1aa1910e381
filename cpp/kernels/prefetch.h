// Software prefetching in the GEMM. A list holds the cache lines that the epilogue, the next slice of B and the next
// gather of rows will use. The tiles that run earlier prefetch these lines, a few at a time, between steps of k. A
// burst of prefetches would fill the queue of outstanding misses, and the loads of the tile would wait.
#pragma once

#include "kernels/table.h"
#include "kernels/tuning.h"
#include "simd/vec.h"

namespace prelunet {

// Cache lines to prefetch. Each stream has `count` lines, `stride` bytes apart, such as a line of each row of a
// block. A tile prefetches as many lines as its steps of k allow. The next tile continues.
struct PrefetchList {
  static constexpr std::size_t kMost = 20;
  struct Stream {
    const char* first;
    std::size_t stride;
    std::size_t count;
    bool to_write;  // the epilogue will write these lines, so this core must own them; false: prefetch to the L2 cache
  };
  std::size_t streams;
  std::size_t lines;  // of all streams
  std::size_t pace;   // lines per iteration of an unrolled tile
  Stream stream[kMost];
};

}  // namespace prelunet

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t kLineBytes = 64;  // of a cache line, on every machine these kernels run on

PRELUNET_INLINE void add_stream(PrefetchList& list, const void* first, std::size_t stride, std::size_t count,
                                bool to_write) {
  list.stream[list.streams++] = {static_cast<const char*>(first), stride, count, to_write};
  list.lines += count;
}

// Adds the cache lines of a matrix with `rows` rows of `width` elements; none if p is null. Not inlined, to keep the
// epilogues small.
template <class T>
[[gnu::noinline]] void add_rows(PrefetchList& list, const T* p, std::size_t stride, std::size_t rows, std::size_t width,
                                bool to_write) {
  if (p == nullptr) return;
  for (std::size_t at = 0; at < width * sizeof(T) && list.streams < PrefetchList::kMost; at += kLineBytes) {
    add_stream(list, reinterpret_cast<const char*>(p) + at, stride * sizeof(T), rows, to_write);
  }
}
// The same for a block of a matrix.
template <class T>
PRELUNET_INLINE void add_block(PrefetchList& list, const T* p, std::size_t stride, const Block& block,
                               bool to_write = true) {
  add_rows(list, moved(p, block.row * stride + block.column), stride, block.rows, block.columns, to_write);
}

// Adds cache lines of the rows to gather next: one line for every next.pace steps of k. The tiles of the block run
// `steps` steps.
PRELUNET_INLINE void add_next_rows(PrefetchList& list, RowPrefetch& next, std::size_t steps) {
  const std::size_t row_lines = (next.row_bytes + kLineBytes - 1) / kLineBytes;
  next.credit += steps;
  while (next.credit >= next.pace && next.begin < next.end && list.streams < PrefetchList::kMost) {
    const std::size_t row = next.order == nullptr ? next.begin : static_cast<std::size_t>(next.order[next.begin]);
    const std::size_t paid = next.credit / next.pace, left = row_lines - next.line;
    const std::size_t count = paid < left ? paid : left;
    const unsigned char* const from =
        next.data + static_cast<std::ptrdiff_t>(row) * next.row_stride + next.line * kLineBytes;
    add_stream(list, from, kLineBytes, count, false);
    next.credit -= count * next.pace;
    next.line += count;
    if (next.line < row_lines) break;
    next.line = 0;
    ++next.begin;
  }
}

// Sets the pace so that all lines are prefetched within `steps` steps of k.
PRELUNET_INLINE void spread_over(PrefetchList& list, std::size_t steps) {
  list.pace = (list.lines * kTuning.unroll + steps - 1) / steps;
}

// Runs steps of k until the list or the steps end. It alternately prefetches list.pace lines (one line if the tile is
// not unrolled) and calls step(Count<kSteps>{}), which runs kSteps of the `left` steps. Callers must not wrap `step` in
// another lambda: GCC 12 would keep the accumulators on the stack.
template <std::size_t kSteps, class Step>
PRELUNET_INLINE void prefetch_between_steps(PrefetchList& list, std::size_t& left, const Step& step) {
  const std::size_t pace = kSteps > 1 ? list.pace : 1;
  for (std::size_t i = 0; i < list.streams && left >= kSteps; ++i) {
    PrefetchList::Stream& stream = list.stream[i];
    const char* line = stream.first;
    const std::size_t line_stride = stream.stride;
    std::size_t count = stream.count;
    const bool to_write = stream.to_write;
    while (count > 0 && left >= kSteps) {
      const std::size_t some = count < pace ? count : pace;
      for (std::size_t n = some; n > 0; --n, line += line_stride) {
        if (to_write) {
          prefetch_to_write(line);
        } else {
          prefetch_to_level_2(line);
        }
      }
      step(Count<kSteps>{});
      count -= some;
      left -= kSteps;
    }
    stream.first = line;
    stream.count = count;
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
