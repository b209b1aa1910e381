#include "ops/conv2d.h"

#include <algorithm>

#include "ops/gemm.h"
#include "ops/tuning.h"
#include "runtime/memory.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

std::size_t group_for(std::size_t places) {
  std::size_t group = 1;
  while (group < kChunkRows && group * places < kMinProductRows) group *= 2;
  return group;
}

std::ptrdiff_t offset(std::size_t elements) { return static_cast<std::ptrdiff_t>(elements); }

// Throws std::bad_alloc if there are too many offsets; the vector itself would throw std::length_error.
void reserve(Conv2DPlan::Offsets& offsets, std::size_t count) {
  if (count > offsets.max_size()) throw std::bad_alloc();
  offsets.reserve(count);
}

// Offsets of the places of a grid in each of `group` images, which are `image` elements apart.
Conv2DPlan::Offsets grid(std::size_t rows, std::size_t columns, std::size_t row_stride, std::size_t column_stride,
                         std::size_t group, std::size_t image) {
  Conv2DPlan::Offsets offsets;
  reserve(offsets, checked_multiply(group, checked_multiply(rows, columns)));
  for (std::size_t g = 0; g < group; ++g) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        offsets.push_back(offset(g * image + i * row_stride + j * column_stride));
      }
    }
  }
  return offsets;
}

// The remainders of the pixels that any tap reads. Sets `all` to false if no tap reads the pixels of some remainder.
Conv2DPlan::Offsets remainders(const WindowAxis& axis, bool& all) {
  Conv2DPlan::Offsets found;
  const std::size_t count = std::min(axis.stride, axis.size);
  // A tap reads pixels of one remainder. Taps that are a stride apart read the same remainder, so the first `stride`
  // taps read all of them.
  for (std::size_t tap = 0; tap < std::min(axis.window, axis.stride); ++tap) {
    const std::size_t remainder = (tap + axis.stride - axis.before % axis.stride) % axis.stride;
    if (remainder < count) found.push_back(offset(remainder));
  }
  std::sort(found.begin(), found.end());
  all = all && found.size() == count;
  return found;
}

// Throws std::bad_alloc if the system lacks memory for this many floats. Called before the tables of offsets are
// allocated, because they may be as large.
void check_memory(std::size_t elements) {
  const std::size_t bytes = checked_multiply(elements, sizeof(float));
  release(allocate(bytes), bytes);
}

// The padding around grad_y that all phases together need.
struct GradPadding {
  std::size_t before = 0, size = 0;

  explicit GradPadding(const WindowAxis& axis) {
    std::size_t end = axis.places;
    for (std::size_t remainder = 0; remainder < std::min(axis.stride, axis.size); ++remainder) {
      const Conv2DPlan::PhaseAxis phase(axis, remainder);
      if (phase.pixels == 0 || phase.taps == 0) continue;
      if (phase.taps - 1 > phase.first_place) before = std::max(before, phase.taps - 1 - phase.first_place);
      end = std::max(end, phase.first_place + phase.pixels);
    }
    size = before + end;
  }
};

// Copies one image into the middle of a larger one of zeros.
template <class T>
void pad_image(std::size_t height, std::size_t row, const T* from, std::size_t top, std::size_t left,
               std::size_t padded_height, std::size_t padded_row, T* to) {
  std::fill_n(to, top * padded_row, T(0));
  to += top * padded_row;
  for (std::size_t i = 0; i < height; ++i, from += row, to += padded_row) {
    std::fill_n(to, left, T(0));
    std::copy_n(from, row, to + left);
    std::fill_n(to + left + row, padded_row - left - row, T(0));
  }
  std::fill_n(to, (padded_height - top - height) * padded_row, T(0));
}

// Calls f(first image, count) for the groups of this thread's images.
template <class F>
void for_each_group_of_images(const Team& team, const Conv2DPlan& plan, std::size_t images, F&& f) {
  const Range share = team.share(images, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; i += plan.group) f(i, std::min(plan.group, share.end - i));
}

bool images_as_columns(const Conv2DPlan& plan, std::size_t images) {
  return plan.channels <= kFewChannels && images >= kManyImages;
}

}  // namespace

Conv2DPlan::PhaseAxis::PhaseAxis(const WindowAxis& axis, std::size_t remainder)
    : pixels(axis.size > remainder ? (axis.size - remainder - 1) / axis.stride + 1 : 0),
      first_tap((remainder + axis.before) % axis.stride),
      taps(axis.window > first_tap ? (axis.window - first_tap - 1) / axis.stride + 1 : 0),
      first_place((remainder + axis.before) / axis.stride),
      places(axis.places) {}

Range Conv2DPlan::PhaseAxis::taps_at(std::size_t j) const {
  const std::size_t beyond = first_place + j + 1, end = std::min(taps, beyond);
  return {std::min(end, beyond > places ? beyond - places : 0), end};
}

Conv2DPlan::Conv2DPlan(const Window2D& window_, std::size_t channels_, std::size_t filters_)
    : window(window_), channels(channels_), filters(filters_) {
  const WindowAxis &v = window.vertical, &h = window.horizontal;
  places = checked_multiply(v.places, h.places);
  tap_count = checked_multiply(checked_multiply(v.window, h.window), channels);
  image_size = checked_multiply(checked_multiply(v.size, h.size), channels);
  padded_size = checked_multiply(checked_multiply(v.padded(), h.padded()), channels);
  check_memory(checked_multiply(tap_count, filters));
  check_memory(checked_add(padded_size, checked_multiply(places, filters)));
  group = group_for(places);
  const std::size_t row = h.padded() * channels;
  patches = grid(v.places, h.places, v.stride * row, h.stride * channels, group, padded_size);
  taps = grid(v.window, h.window * channels, row, 1, 1, 0);

  const GradPadding vertical(v), horizontal(h);
  grad_top = vertical.before;
  grad_left = horizontal.before;
  grad_height = vertical.size;
  grad_width = horizontal.size;
  padded_grad_size = checked_multiply(checked_multiply(grad_height, grad_width), filters);
  gathers = v.stride > 1 || h.stride > 1;
  covers = true;
  // Rows and columns that no tap reads have no phase, because there may be very many of them.
  const Offsets rows = remainders(v, covers), columns = remainders(h, covers);
  for (const std::ptrdiff_t i : rows) {
    for (const std::ptrdiff_t j : columns) add_phase(static_cast<std::size_t>(i), static_cast<std::size_t>(j));
  }
}

void Conv2DPlan::add_phase(std::size_t row, std::size_t column) {
  const WindowAxis &v = window.vertical, &h = window.horizontal;
  const PhaseAxis vertical(v, row), horizontal(h, column);
  const std::size_t line = h.size * channels, grad_line = grad_width * filters;
  const std::size_t first = row * line + column * channels;
  Phase phase{vertical, horizontal, first, {}, {}, {}, {}, 0};
  phase.panels = phases.empty() ? 0 : phases.back().panels + phases.back().taps.size();
  phase.pixels = grid(vertical.pixels, horizontal.pixels, v.stride * line, h.stride * channels, group, image_size);
  for (std::ptrdiff_t& at : phase.pixels) at += offset(first);
  phase.patches = grid(vertical.pixels, horizontal.pixels, grad_line, filters, group, padded_grad_size);
  const std::ptrdiff_t center =
      offset((grad_top + vertical.first_place) * grad_line + (grad_left + horizontal.first_place) * filters);
  const std::size_t depth = checked_multiply(checked_multiply(vertical.taps, horizontal.taps), filters);
  reserve(phase.taps, depth);
  reserve(phase.weights, depth);
  for (std::size_t t = 0; t < vertical.taps; ++t) {
    for (std::size_t u = 0; u < horizontal.taps; ++u) {
      const std::size_t tap = (vertical.first_tap + t * v.stride) * h.window + horizontal.first_tap + u * h.stride;
      for (std::size_t f = 0; f < filters; ++f) {
        phase.taps.push_back(center - offset(t * grad_line + u * filters) + offset(f));
        phase.weights.push_back(offset(f * tap_count + tap * channels));
      }
    }
  }
  phases.push_back(std::move(phase));
}

template <class T>
void pad_images(Team& team, const Conv2DPlan& plan, std::size_t images, const T* x, T* padded) {
  const WindowAxis &v = plan.window.vertical, &h = plan.window.horizontal;
  const Range share = team.share(images, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    pad_image(v.size, h.size * plan.channels, x + i * plan.image_size, v.before, h.before * plan.channels, v.padded(),
              h.padded() * plan.channels, padded + i * plan.padded_size);
  }
}

template <class T>
std::size_t conv2d_panels_size(const Conv2DPlan& plan) {
  return packed_size<T>(plan.filters, plan.tap_count);
}

namespace {

// The number of taps of all phases.
std::size_t phase_taps(const Conv2DPlan& plan) {
  return plan.phases.empty() ? 0 : checked_add(plan.phases.back().panels, plan.phases.back().taps.size());
}

}  // namespace

template <class T>
std::size_t conv2d_grad_panels_size(const Conv2DPlan& plan) {
  const std::size_t taps = phase_taps(plan), size = packed_size<T>(plan.channels, taps);
  return plan.channels > kFewChannels ? size : checked_add(size, checked_multiply(plan.channels, taps));
}

template <class T>
void conv2d_pack(Team& team, const Conv2DPlan& plan, const T* weight, T* panels) {
  pack(team, Panels<T>{plan.filters, plan.tap_count, weight, plan.tap_count, panels, 0});
}

template <class T>
void conv2d_grad_pack(Team& team, const Conv2DPlan& plan, const T* weight, T* panels) {
  const std::size_t width = kernel_table<T>().packed_columns(plan.channels);
  T* const rows = panels + packed_size<T>(plan.channels, phase_taps(plan));
  const Range share = team.share(plan.phases.size(), 1);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    const Conv2DPlan::Phase& phase = plan.phases[i];
    const std::size_t taps = phase.weights.size();
    kernel_table<T>().pack_rows(plan.channels, taps, weight, phase.weights.data(), panels + phase.panels * width);
    if (plan.channels > kFewChannels) continue;
    for (std::size_t d = 0; d < plan.channels; ++d) {
      T* const row = rows + phase.panels * plan.channels + d * taps;
      for (std::size_t t = 0; t < taps; ++t) row[t] = weight[phase.weights[t] + offset(d)];
    }
  }
}

template <class T>
void conv2d_forward(Team& team, const Conv2DPlan& plan, std::size_t images, const T* padded, const T* panels,
                    const Epilogue<T>* epilogue, T* y, RowPrefetch* next_rows) {
  Gemm<T> g{};
  g.n = plan.filters;
  g.k = plan.tap_count;
  g.a_row_offset = plan.patches.data();
  g.a_k_offset = plan.taps.data();
  g.b = panels;
  g.c_stride = plan.filters;
  g.epilogue = epilogue;
  g.next_rows = next_rows;
  g.scratch = team.scratch();
  for_each_group_of_images(team, plan, images, [&](std::size_t first, std::size_t count) {
    g.m = count * plan.places;
    g.row = first * plan.places;
    g.a = padded + first * plan.padded_size;
    g.c = y + first * plan.places * plan.filters;
    kernel_table<T>().gemm(g);
  });
}

std::size_t conv2d_grad_x_work(const Conv2DPlan& plan, std::size_t images) {
  const std::size_t product = plan.gathers ? plan.image_size : 0;
  std::size_t image = checked_add(plan.padded_grad_size, product);
  if (images_as_columns(plan, images)) {
    image = std::max(image, checked_add(checked_multiply(plan.places, plan.filters), plan.image_size));
  }
  return checked_multiply(images, image);
}

namespace {

// grad_x of `count` images, which are the columns of the products. `weights` has a row of taps for each channel, phase
// by phase. `work` has grad_y and grad_x with images as columns: places in reverse order, because a later tap reads an
// earlier place, and pixels in order.
template <class T>
void grad_x_by_pixels(Team& team, const Conv2DPlan& plan, std::size_t count, const T* grad_y, const T* weights, T* work,
                      T* grad_x) {
  const KernelTable<T>& kernels = kernel_table<T>();
  const std::size_t image = plan.places * plan.filters, row_places = plan.window.horizontal.places;
  T* const transposed = work;
  T* const product = work + image * count;
  for (std::size_t p = 0; p < plan.places; ++p) {
    kernels.transpose(count, plan.filters, grad_y + p * plan.filters, image,
                      transposed + (plan.places - 1 - p) * plan.filters * count, count);
  }
  if (!plan.covers) std::fill_n(product, plan.image_size * count, T(0));
  Gemm<T> g{};
  g.m = plan.channels;
  g.n = count;
  g.a_k_stride = 1;
  g.b_stride = g.c_stride = count;
  g.scratch = team.scratch();
  for (const Conv2DPlan::Phase& phase : plan.phases) {
    const Conv2DPlan::PhaseAxis &v = phase.vertical, &h = phase.horizontal;
    const T* const a = weights + phase.panels * plan.channels;
    g.a_row_stride = phase.taps.size();
    for (std::size_t pixel = 0; pixel < v.pixels * h.pixels; ++pixel) {
      const std::size_t i = pixel / h.pixels, j = pixel % h.pixels;
      const Range rows = v.taps_at(i), columns = h.taps_at(j);
      g.k = columns.size() * plan.filters;
      g.c = product + static_cast<std::size_t>(phase.pixels[pixel]) * count;
      if (rows.size() == 0 || columns.size() == 0) std::fill_n(g.c, plan.channels * count, T(0));
      for (std::size_t t = rows.begin; t < rows.end && columns.size() > 0; ++t) {
        const std::size_t place = (v.first_place + i - t) * row_places + h.first_place + j - columns.begin;
        g.a = a + (t * h.taps + columns.begin) * plan.filters;
        g.b = transposed + (plan.places - 1 - place) * plan.filters * count;
        g.accumulate = t > rows.begin;
        kernels.gemm(g);
      }
    }
  }
  kernels.transpose(plan.image_size, count, product, count, grad_x, plan.image_size);
}

// Divides the images of a share so that they fill the columns of a panel.
template <class F>
void for_each_block_of_images(const Range& share, std::size_t most, F&& f) {
  const std::size_t blocks = (share.size() + most - 1) / most;
  for (std::size_t block = 0, begin = share.begin; block < blocks; ++block) {
    const std::size_t left = share.end - begin, rest = blocks - block;
    const std::size_t count = std::min(left, (left / rest + kChunkRows - 1) / kChunkRows * kChunkRows);
    f(begin, count);
    begin += count;
  }
}

}  // namespace

template <class T>
void conv2d_grad_x(Team& team, const Conv2DPlan& plan, std::size_t images, const T* grad_y, const T* grad_panels,
                   T* work, T* grad_x, RowPrefetch* next_rows) {
  const WindowAxis &v = plan.window.vertical, &h = plan.window.horizontal;
  const std::size_t width = kernel_table<T>().packed_columns(plan.channels);
  const std::size_t image = plan.places * plan.filters;
  if (images_as_columns(plan, images)) {
    const T* const weights = grad_panels + packed_size<T>(plan.channels, phase_taps(plan));
    const std::size_t image_work = conv2d_grad_x_work(plan, images) / images;
    for_each_block_of_images(team.share(images, kChunkRows), kernel_table<T>().panel_columns,
                             [&](std::size_t first, std::size_t count) {
                               grad_x_by_pixels(team, plan, count, grad_y + first * image, weights,
                                                work + first * image_work, grad_x + first * plan.image_size);
                             });
    return;
  }
  // A thread reuses the memory of its first images for all its images, so that this memory stays in cache.
  const Range share = team.share(images, kChunkRows);
  T* const padded = work + conv2d_grad_x_work(plan, share.begin);
  T* const product = padded + std::min(plan.group, share.size()) * plan.padded_grad_size;
  Gemm<T> g{};
  g.n = plan.channels;
  g.a = padded;
  g.c_stride = plan.channels;
  g.next_rows = next_rows;
  g.scratch = team.scratch();
  for_each_group_of_images(team, plan, images, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      pad_image(v.places, h.places * plan.filters, grad_y + (first + i) * image, plan.grad_top,
                plan.grad_left * plan.filters, plan.grad_height, plan.grad_width * plan.filters,
                padded + i * plan.padded_grad_size);
    }
    if (!plan.covers) std::fill_n(grad_x + first * plan.image_size, count * plan.image_size, T(0));
    for (const Conv2DPlan::Phase& phase : plan.phases) {
      g.m = phase.pixels.size() / plan.group * count;
      g.k = phase.taps.size();
      g.a_row_offset = phase.patches.data();
      g.a_k_offset = phase.taps.data();
      g.b = grad_panels + phase.panels * width;
      T* const to = grad_x + first * plan.image_size;
      g.c = plan.gathers ? product : to;
      kernel_table<T>().gemm(g);
      if (!plan.gathers) continue;
      for (std::size_t i = 0; i < g.m; ++i) {
        std::copy_n(product + i * plan.channels, plan.channels, to + phase.pixels[i]);
      }
    }
  });
}

template <class T>
void conv2d_grad_weight(Team& team, const Conv2DPlan& plan, std::size_t images, const T* padded, const T* grad_y,
                        bool first, T* sums, RowPrefetch* next_rows) {
  Gemm<T> g{};
  g.m = plan.tap_count;
  g.n = plan.filters;
  g.a_row_offset = plan.taps.data();
  g.a_k_offset = plan.patches.data();
  g.b_stride = plan.filters;
  g.c = sums;
  g.c_stride = plan.filters;
  g.next_rows = next_rows;
  for (std::size_t i = 0; i < images; i += plan.group) {
    g.k = std::min(plan.group, images - i) * plan.places;
    g.a = padded + i * plan.padded_size;
    g.b = grad_y + i * plan.places * plan.filters;
    g.accumulate = !first || i > 0;
    gemm(team, g, Split::output);
  }
}

template <class T>
void transpose(Team& team, std::size_t rows, std::size_t columns, const T* from, T* to) {
  const Range share = team.share(columns, 1);
  kernel_table<T>().transpose(rows, share.size(), from + share.begin, columns, to + share.begin * rows, rows);
}

#define PRELUNET_INSTANTIATE(T)                                                                                        \
  template void pad_images(Team&, const Conv2DPlan&, std::size_t, const T*, T*);                                       \
  template std::size_t conv2d_panels_size<T>(const Conv2DPlan&);                                                       \
  template std::size_t conv2d_grad_panels_size<T>(const Conv2DPlan&);                                                  \
  template void conv2d_pack(Team&, const Conv2DPlan&, const T*, T*);                                                   \
  template void conv2d_grad_pack(Team&, const Conv2DPlan&, const T*, T*);                                              \
  template void conv2d_forward(Team&, const Conv2DPlan&, std::size_t, const T*, const T*, const Epilogue<T>*, T*,      \
                               RowPrefetch*);                                                                          \
  template void conv2d_grad_x(Team&, const Conv2DPlan&, std::size_t, const T*, const T*, T*, T*, RowPrefetch*);        \
  template void conv2d_grad_weight(Team&, const Conv2DPlan&, std::size_t, const T*, const T*, bool, T*, RowPrefetch*); \
  template void transpose(Team&, std::size_t, std::size_t, const T*, T*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
