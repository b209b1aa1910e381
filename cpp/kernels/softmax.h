// softmax, log_softmax, softmax cross-entropy (equations: loss.h) and argmax of rows.
//
// Rows of up to kGroupColumns columns are lanes (row_group.h). Wider rows are processed one at a time, with the same
// bits.
#pragma once

#include "kernels/row_group.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// The largest element, ignoring NaN; NaN if the first element is NaN.
template <class T>
PRELUNET_INLINE T row_max(std::size_t count, const T* x) {
  Vec<T> best = splat(x[0]);
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> v = load_count(x + j, lanes);
    best = max(lanes == kLanes<T> ? v : select(keep_first(splat(T(1)), lanes) == T(1), v, best), best);
  });
  T lane[kLanes<T>];
  store(lane, best);
  for (std::size_t half = kLanes<T> / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lane[i] = lane[i + half] > lane[i] ? lane[i + half] : lane[i];
  }
  return lane[0];
}
template <class T>
PRELUNET_INLINE Vec<T> group_max(std::size_t columns, const RowGroup<T>& x) {
  Vec<T> best = x[0];
  for (std::size_t j = 1; j < columns; ++j) best = max(x[j], best);
  return best;
}

// The sum of e_j = exp(z_j - max), each stored unless e is null. NaN if z contains NaN or only -inf.
template <class T>
PRELUNET_INLINE double exp_row(std::size_t count, const T* z, T max, T* e) {
  LaneSum<T> sum;
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> value = exp(load_count(z + j, lanes) - splat(max));
    if (e != nullptr) store_count(e + j, value, lanes);
    sum.add(j, value, lanes);
  });
  return sum.total();
}
template <class T>
PRELUNET_INLINE void exp_group(std::size_t columns, const RowGroup<T>& z, Vec<T> max, const RowGroup<T>& e) {
  for (std::size_t j = 0; j < columns; ++j) e.set(j, exp(z[j] - max));
}

template <class T>
void softmax_rows(std::size_t rows, std::size_t columns, const T* x, T* y) {
  if (columns <= kGroupColumns) {
    RowGroups<T> zs(columns), es(columns);
    const RowGroup<T> z = zs[0], e = es[0];
    for_each_group<T>(rows, [&](std::size_t, std::size_t first, std::size_t count) __attribute__((always_inline)) {
      z.read(count, rows - first, columns, x + first * columns, columns);
      exp_group(columns, z, group_max(columns, z), e);
      const Vec<T> sum = sum_columns(columns, e).rounded();
      for (std::size_t j = 0; j < columns; ++j) e.set(j, e[j] / sum);
      e.write(count, columns, y + first * columns, columns);
    });
    return;
  }
  for (std::size_t i = 0; i < rows; ++i, x += columns, y += columns) {
    const T sum = static_cast<T>(exp_row(columns, x, row_max(columns, x), y));
    for_each_vector<T>(columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      store_count(y + j, load_count<T>(y + j, lanes) / splat(sum), lanes);
    });
  }
}

PRELUNET_INLINE double log_of(double x) { return log(splat(x))[0]; }

// y_j = x_j - max - log(sum), with the sum of softmax.
template <class T>
void log_softmax_rows(std::size_t rows, std::size_t columns, const T* x, T* y) {
  if (columns <= kGroupColumns) {
    RowGroups<T> zs(columns), es(columns);
    const RowGroup<T> z = zs[0], e = es[0];
    for_each_group<T>(rows, [&](std::size_t, std::size_t first, std::size_t count) __attribute__((always_inline)) {
      z.read(count, rows - first, columns, x + first * columns, columns);
      const Vec<T> max = group_max(columns, z);
      exp_group(columns, z, max, e);
      RowDoubles<T> sum = sum_columns(columns, e);
      for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) sum.part[p] = log(sum.part[p]);
      const Vec<T> shift = sum.rounded();
      for (std::size_t j = 0; j < columns; ++j) e.set(j, z[j] - max - shift);
      e.write(count, columns, y + first * columns, columns);
    });
    return;
  }
  for (std::size_t i = 0; i < rows; ++i, x += columns, y += columns) {
    const T max = row_max(columns, x);
    const T shift = static_cast<T>(log_of(exp_row<T>(columns, x, max, nullptr)));
    for_each_vector<T>(columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      store_count(y + j, load_count<T>(x + j, lanes) - splat(max) - splat(shift), lanes);
    });
  }
}

// grad_x_j = grad_y_j - exp(y_j) sum_i grad_y_i, for y = log_softmax(x).
template <class T>
void log_softmax_backward_rows(std::size_t rows, std::size_t columns, const T* grad_y, const T* y, T* grad_x) {
  if (columns <= kGroupColumns) {
    RowGroups<T> gs(columns), ys(columns);
    const RowGroup<T> g = gs[0], e = ys[0];
    for_each_group<T>(rows, [&](std::size_t, std::size_t first, std::size_t count) __attribute__((always_inline)) {
      g.read(count, rows - first, columns, grad_y + first * columns, columns);
      e.read(count, rows - first, columns, y + first * columns, columns);
      const Vec<T> sum = sum_columns(columns, g).rounded();
      for (std::size_t j = 0; j < columns; ++j) e.set(j, g[j] - exp(e[j]) * sum);
      e.write(count, columns, grad_x + first * columns, columns);
    });
    return;
  }
  for (std::size_t i = 0; i < rows; ++i, grad_y += columns, y += columns, grad_x += columns) {
    LaneSum<T> lanes_sum;
    for_each_vector<T>(columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      lanes_sum.add(j, load_count(grad_y + j, lanes), lanes);
    });
    const Vec<T> sum = splat(static_cast<T>(lanes_sum.total()));
    for_each_vector<T>(columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      store_count(grad_x + j, load_count(grad_y + j, lanes) - exp(load_count(y + j, lanes)) * sum, lanes);
    });
  }
}

// The index of each row's largest element; of equal elements, the first. NaN is ignored, unless the first element is
// NaN: then the index is 0.
template <class T>
void argmax_rows(std::size_t rows, std::size_t columns, const T* x, std::int64_t* place) {
  if (columns <= kGroupColumns) {
    RowGroups<T> zs(columns);
    const RowGroup<T> z = zs[0];
    for_each_group<T>(rows, [&](std::size_t, std::size_t first, std::size_t count) __attribute__((always_inline)) {
      z.read(count, rows - first, columns, x + first * columns, columns);
      const Vec<T> best = group_max(columns, z);
      Vec<T> found = {};
      for (std::size_t j = columns; j-- > 0;) found = select(z[j] == best, splat(static_cast<T>(j)), found);
      T lane[kLanes<T>];
      store(lane, found);
      for (std::size_t i = 0; i < count; ++i) place[first + i] = static_cast<std::int64_t>(lane[i]);
    });
    return;
  }
  for (std::size_t i = 0; i < rows; ++i, x += columns) {
    const T best = row_max(columns, x);
    std::size_t j = 0;
    while (j < columns && x[j] != best) ++j;
    place[i] = j == columns ? 0 : static_cast<std::int64_t>(j);
  }
}

// t_j after smoothing, for a label or a row of targets.
template <class T>
struct SmoothTarget {
  double keep, uniform;
  const T* target;
  std::int64_t label;
  PRELUNET_INLINE double operator()(std::size_t j) const {
    const double t = target != nullptr ? static_cast<double>(target[j]) : (static_cast<std::int64_t>(j) == label);
    return keep * t + uniform;
  }
};

// sum_j t_j (z_j - max); a term with t_j = 0 is 0 even at z_j = -inf.
template <class T>
PRELUNET_INLINE double shifted_dot(std::size_t m, const SmoothTarget<T>& t, const T* z, double max) {
  double dot = 0.0;
  for (std::size_t j = 0; j < m; ++j) {
    if (t(j) != 0.0) dot += t(j) * (static_cast<double>(z[j]) - max);
  }
  return dot;
}

template <class T>
PRELUNET_INLINE void softmax_cross_entropy_row(const LossRows<T>& g, std::size_t row) {
  const std::size_t m = g.outputs;
  const T* const z = g.output + row * g.output_stride;
  T* const grad = g.grad == nullptr ? nullptr : g.grad + row * g.grad_stride;
  const SmoothTarget<T> t{1.0 - g.option[0], g.option[0] / static_cast<double>(m),
                          g.target == nullptr ? nullptr : g.target + row * g.target_stride,
                          g.label == nullptr ? 0 : g.label[row]};
  double mass = t.target == nullptr ? 1.0 : 0.0;
  if (t.target != nullptr) {
    for (std::size_t j = 0; j < m; ++j) mass += static_cast<double>(t.target[j]);
  }
  mass = t.keep * mass + g.option[0];

  const bool one_hot = t.target == nullptr && g.option[0] == 0.0;
  const T max = row_max(m, z);
  const double dot = one_hot ? static_cast<double>(z[t.label]) - static_cast<double>(max) : shifted_dot(m, t, z, max);
  if (g.correct != nullptr) {
    std::int64_t place = 0;  // max is NaN if the first element is NaN
    while (place < static_cast<std::int64_t>(m) - 1 && z[place] != max && max == max) ++place;
    g.correct[row] = place == t.label;
  }
  const double sum = exp_row(m, z, max, grad);
  g.row_loss[row] = mass * log_of(sum) - dot;
  if (grad == nullptr) return;

  const Vec<T> divisor = splat(static_cast<T>(sum));
  const Vec<T> weight = splat(static_cast<T>(mass));
  const T scale = static_cast<T>(g.row_scale[row]);
  if (one_hot) {
    const T at_label = grad[t.label] / divisor[0] * weight[0];
    for_each_vector<T>(m, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      store_count(grad + j, load_count<T>(grad + j, lanes) / divisor * weight * splat(scale), lanes);
    });
    grad[t.label] = (at_label - 1) * scale;
    return;
  }
  for_each_vector<T>(m, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(grad + j, load_count<T>(grad + j, lanes) / divisor * weight, lanes);
  });
  for (std::size_t j = 0; j < m; ++j) grad[j] = (grad[j] - static_cast<T>(t(j))) * scale;
}

// Outputs, targets and intermediate results of a group of rows.
template <class T>
struct SoftmaxGroup {
  RowGroup<T> z, target, e;  // e: exp(z - max), then the gradient
  Vec<T> max;
  RowDoubles<T> sum;   // of e
  RowDoubles<T> mass;  // of the smoothed targets
};

// Targets after smoothing.
struct Smoothing {
  double keep, uniform, mass;
  PRELUNET_INLINE Vec<double> operator()(Vec<double> t) const { return keep * t + uniform; }
};

// The loss for labels without smoothing. Their one-hot targets need neither sums nor products.
template <class T>
PRELUNET_INLINE RowDoubles<T> loss_of_labels(std::size_t m, const SoftmaxGroup<T>& s) {
  Vec<T> at_label = {};
  for (std::size_t j = 0; j < m; ++j) at_label = select(s.target[j] == T(1), s.z[j], at_label);
  RowDoubles<T> loss;
  for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) {
    loss.part[p] = log(s.sum.part[p]) - (widen_part(at_label, p) - widen_part(s.max, p));
  }
  return loss;
}
template <class T>
PRELUNET_INLINE RowDoubles<T> loss_of_targets(std::size_t m, const Smoothing& smooth, SoftmaxGroup<T>& s) {
  RowDoubles<T> loss;
  for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) {
    Vec<double> given = {}, dot = {};
    for (std::size_t j = 0; j < m; ++j) {
      const Vec<double> t = widen_part(s.target[j], p), smooth_t = smooth(t);
      const Vec<double> term = smooth_t * (widen_part(s.z[j], p) - widen_part(s.max, p));
      given += t;
      dot += select(smooth_t == 0.0, Vec<double>{}, term);
    }
    s.mass.part[p] = smooth.keep * given + smooth.mass;
    loss.part[p] = s.mass.part[p] * log(s.sum.part[p]) - dot;
  }
  return loss;
}

template <class T>
PRELUNET_INLINE void gradient_of_labels(std::size_t m, Vec<T> scale, const SoftmaxGroup<T>& s) {
  const Vec<T> divisor = s.sum.rounded();
  for (std::size_t j = 0; j < m; ++j) s.e.set(j, (s.e[j] / divisor - s.target[j]) * scale);
}
template <class T>
PRELUNET_INLINE void gradient_of_targets(std::size_t m, const Smoothing& smooth, Vec<T> scale,
                                         const SoftmaxGroup<T>& s) {
  const Vec<T> divisor = s.sum.rounded(), weight = s.mass.rounded();
  for (std::size_t j = 0; j < m; ++j) {
    RowDoubles<T> t;
    for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) t.part[p] = smooth(widen_part(s.target[j], p));
    s.e.set(j, (s.e[j] / divisor * weight - t.rounded()) * scale);
  }
}

// softmax_cross_entropy_row for g.rows rows with rows as lanes. RowGroups must be able to hold the rows. `left` rows
// are readable. Each step is computed for all groups before the next step. kOneHot: targets are labels without
// smoothing.
template <class T, bool kOneHot>
[[gnu::noinline]] void softmax_cross_entropy_groups(const LossRows<T>& g, std::size_t left) {
  const std::size_t m = g.outputs;
  const Smoothing smooth{1.0 - g.option[0], g.option[0] / static_cast<double>(m), g.option[0]};
  RowGroups<T> z(m), target(m), e(m);
  SoftmaxGroup<T> groups[RowGroups<T>::kMost];
  const auto each = [&](auto&& f) __attribute__((always_inline)) {
    for_each_group<T>(g.rows, [&](std::size_t i, std::size_t first, std::size_t count)
                                  __attribute__((always_inline)) { f(groups[i], first, count); });
  };

  for_each_group<T>(g.rows, [&](std::size_t i, std::size_t first, std::size_t count) __attribute__((always_inline)) {
    SoftmaxGroup<T>& s = groups[i];
    s.z = z[i];
    s.target = target[i];
    s.e = e[i];
    s.z.read(count, left - first, m, g.output + first * g.output_stride, g.output_stride);
    if (g.target != nullptr) {
      s.target.read(count, left - first, m, g.target + first * g.target_stride, g.target_stride);
      return;
    }
    const Vec<T> label = load_numbers<T>(g.label + first, count);
    Vec<T> column = {};
    for (std::size_t j = 0; j < m; ++j, column += 1) s.target.set(j, select(label == column, splat(T(1)), Vec<T>{}));
  });
  each([&](SoftmaxGroup<T>& s, std::size_t, std::size_t) __attribute__((always_inline)) {
    s.max = group_max(m, s.z);
    exp_group(m, s.z, s.max, s.e);
  });
  each([&](SoftmaxGroup<T>& s, std::size_t, std::size_t)
           __attribute__((always_inline)) { s.sum = sum_columns(m, s.e); });
  each([&](SoftmaxGroup<T>& s, std::size_t first, std::size_t count) __attribute__((always_inline)) {
    const RowDoubles<T> loss = kOneHot ? loss_of_labels(m, s) : loss_of_targets(m, smooth, s);
    loss.write(count, g.row_loss + first);
  });
  if (g.correct != nullptr) {
    each([&](SoftmaxGroup<T>& s, std::size_t first, std::size_t count) __attribute__((always_inline)) {
      Vec<T> wins = s.target[0];  // the target, 0 or 1, at the first of the largest outputs
      for (std::size_t j = m; j-- > 0;) wins = select(s.z[j] == s.max, s.target[j], wins);
      store_mask<T>(g.correct + first, wins == T(1), count);
    });
  }
  if (g.grad == nullptr) return;

  each([&](SoftmaxGroup<T>& s, std::size_t first, std::size_t count) __attribute__((always_inline)) {
    RowDoubles<T> scale;
    scale.read(count, g.row_scale + first);
    kOneHot ? gradient_of_labels(m, scale.rounded(), s) : gradient_of_targets(m, smooth, scale.rounded(), s);
  });
  each([&](SoftmaxGroup<T>& s, std::size_t first, std::size_t count)
           __attribute__((always_inline)) { s.e.write(count, m, g.grad + first * g.grad_stride, g.grad_stride); });
}

// The arguments for `rows` rows from row `first` on.
template <class T>
PRELUNET_INLINE LossRows<T> part_of(const LossRows<T>& g, std::size_t first, std::size_t rows) {
  LossRows<T> part = g;
  part.rows = rows;
  part.output += first * g.output_stride;
  part.label = moved(g.label, first);
  part.target = moved(g.target, first * g.target_stride);
  part.row_scale = moved(g.row_scale, first);
  part.row_loss += first;
  part.grad = moved(g.grad, first * g.grad_stride);
  part.correct = moved(g.correct, first);
  return part;
}

template <class T>
void softmax_cross_entropy_rows(const LossRows<T>& g) {
  if (g.outputs > kGroupColumns) {
    for (std::size_t row = 0; row < g.rows; ++row) softmax_cross_entropy_row(g, row);
    return;
  }
  const bool one_hot = g.target == nullptr && g.option[0] == 0.0;
  const std::size_t most = RowGroups<T>::rows(g.outputs);
  for (std::size_t first = 0; first < g.rows; first += most) {
    const std::size_t left = g.rows - first;
    const LossRows<T> part = part_of(g, first, left < most ? left : most);
    one_hot ? softmax_cross_entropy_groups<T, true>(part, left) : softmax_cross_entropy_groups<T, false>(part, left);
  }
}

struct SoftmaxCrossEntropy {
  template <class T>
  static void rows(const LossRows<T>& g) {
    softmax_cross_entropy_rows(g);
  }
};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
