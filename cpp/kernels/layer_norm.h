// Layer normalization (Ba, Kiros and Hinton 2016, arXiv:1607.06450) of rows of n columns:
//
//   mean = sum_j x_j / n,  variance = sum_j (x_j - mean)^2 / n,  r = 1 / sqrt(variance + epsilon)
//   h_j = (x_j - mean) r,  y_j = h_j gamma_j + beta_j
//   d_j = grad_y_j gamma_j,  grad_x_j = r (d_j - sum_k d_k / n - h_j sum_k d_k h_k / n)
//   grad_gamma_j = sum over rows of grad_y_j h_j,  grad_beta_j = sum over rows of grad_y_j
//
// Sums along a row are LaneSums in float64. mean stays in float64; x_j - mean, r and the two means of grad_x are
// rounded once to T.
#pragma once

#include "kernels/row_group.h"
#include "kernels/table.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Adds the products a_i b_i, each of which is exact for float.
template <class T>
PRELUNET_INLINE void add_products(LaneSum<double>& sum, std::size_t j, Vec<T> a, Vec<T> b) {
  for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) {
    sum.add(j + p * kLanes<double>, widen_part(a, p) * widen_part(b, p));
  }
}

template <class T>
class NormalizedRow {
 public:
  PRELUNET_INLINE NormalizedRow(std::size_t columns, const T* x, double epsilon) : x_(x) {
    const double count = static_cast<double>(columns);
    LaneSum<T> sum;
    for_each_vector<T>(columns, [&](std::size_t j, std::size_t lanes)
                                    __attribute__((always_inline)) { sum.add(j, load_count(x + j, lanes)); });
    mean_ = sum.total() / count;
    LaneSum<double> squares;
    for_each_vector<T>(columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      const Vec<T> v = centered(j, lanes);
      add_products<T>(squares, j, v, v);
    });
    scale_ = static_cast<T>(1.0 / sqrt(splat(squares.total() / count + epsilon))[0]);
  }

  // r
  PRELUNET_INLINE T scale() const { return scale_; }
  // h_j of a vector of columns; zeros in the lanes past `lanes`.
  PRELUNET_INLINE Vec<T> at(std::size_t j, std::size_t lanes) const { return centered(j, lanes) * splat(scale_); }

 private:
  PRELUNET_INLINE Vec<T> centered(std::size_t j, std::size_t lanes) const {
    const Vec<T> x = load_count(x_ + j, lanes);
    RowDoubles<T> difference;
    for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) difference.part[p] = widen_part(x, p) - splat(mean_);
    const Vec<T> rounded = difference.rounded();
    return lanes == kLanes<T> ? rounded : keep_first(rounded, lanes);
  }

  const T* x_;
  double mean_;
  T scale_;
};

template <class T>
PRELUNET_INLINE Vec<T> load_or(const T* p, std::size_t j, std::size_t lanes, T otherwise) {
  return p == nullptr ? splat(otherwise) : load_count(p + j, lanes);
}

template <class T>
void layer_norm_forward(const LayerNormForward<T>& g) {
  for (std::size_t i = 0; i < g.rows; ++i) {
    const NormalizedRow<T> row(g.columns, g.x + i * g.columns, g.epsilon);
    T* const y = g.y + i * g.columns;
    for_each_vector<T>(g.columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
      const Vec<T> gamma = load_or(g.gamma, j, lanes, T(1)), beta = load_or(g.beta, j, lanes, T(0));
      store_count(y + j, fma(row.at(j, lanes), gamma, beta), lanes);
    });
  }
}

// Adds a row to the sums of its chunk. The first row of a chunk overwrites the sums.
template <class T>
PRELUNET_INLINE void add_to_partials(const LayerNormBackward<T>& g, std::size_t i, const NormalizedRow<T>& row) {
  const std::size_t chunk = i / kChunkRows * g.columns;
  const bool first = i % kChunkRows == 0;
  for_each_vector<T>(g.columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> grad_y = load_count(g.grad_y + i * g.columns + j, lanes);
    if (g.gamma_partial != nullptr) {
      T* const sums = g.gamma_partial + chunk + j;
      store_count(sums, fma(grad_y, row.at(j, lanes), first ? Vec<T>{} : load_count<T>(sums, lanes)), lanes);
    }
    if (g.beta_partial != nullptr) {
      T* const sums = g.beta_partial + chunk + j;
      store_count(sums, (first ? Vec<T>{} : load_count<T>(sums, lanes)) + grad_y, lanes);
    }
  });
}

template <class T>
PRELUNET_INLINE void input_gradient(const LayerNormBackward<T>& g, std::size_t i, const NormalizedRow<T>& row) {
  const double count = static_cast<double>(g.columns);
  const T* const grad_y = g.grad_y + i * g.columns;
  T* const grad_x = g.grad_x + i * g.columns;
  const auto product = [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    return load_count(grad_y + j, lanes) * load_or(g.gamma, j, lanes, T(1));
  };
  LaneSum<T> sum;
  LaneSum<double> products;
  for_each_vector<T>(g.columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> d = product(j, lanes);
    sum.add(j, d);
    add_products<T>(products, j, d, row.at(j, lanes));
  });
  const Vec<T> mean = splat(static_cast<T>(sum.total() / count));
  const Vec<T> mean_product = splat(static_cast<T>(products.total() / count));
  for_each_vector<T>(g.columns, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const Vec<T> rest = fma(-row.at(j, lanes), mean_product, product(j, lanes) - mean);
    store_count(grad_x + j, rest * splat(row.scale()), lanes);
  });
}

template <class T>
void layer_norm_backward(const LayerNormBackward<T>& g) {
  for (std::size_t i = 0; i < g.rows; ++i) {
    const NormalizedRow<T> row(g.columns, g.x + i * g.columns, g.epsilon);
    add_to_partials(g, i, row);
    if (g.grad_x != nullptr) input_gradient(g, i, row);
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
