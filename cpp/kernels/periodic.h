// Periodic embeddings (Gorishniy et al. 2022, arXiv:2203.05556; PBLD: Holzmueller et al. 2024, arXiv:2407.04491).
//
// For a feature x with frequencies w, phases b, weights W and biases c of its own:
//   PLR   h = (cos(2 pi w x), sin(2 pi w x)),  y = max(W h + c, 0)
//   PBLD  h = cos(2 pi w x + b),               y = (W h + c, x)
//   grad_h = W^T dz,  grad_b = -grad_h sin(2 pi w x + b),  grad_w = 2 pi x grad_b,  grad_x = sum 2 pi w grad_b
// where dz is grad_y before max, grad_b in PLR is -grad_cos sin + grad_sin cos, and grad_x in PBLD has the gradient of
// x itself added. W h and grad_x are LaneSums in float64.
#pragma once

#include "kernels/lanes.h"
#include "kernels/math.h"
#include "kernels/periodic_table.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr double kTurnsPerRadian = 0x1.45f306dc9c883p-3;  // 1 / (2 pi)
constexpr double kRadiansPerTurn = 0x1.921fb54442d18p+2;

// The angles in turns of the frequencies [c, c + lanes) of a feature.
template <class T>
PRELUNET_INLINE Vec<T> turns(const T* frequency, const T* phase, Vec<T> x, std::size_t c, std::size_t lanes) {
  const Vec<T> offset =
      phase == nullptr ? Vec<T>{} : load_count(phase + c, lanes) * splat(static_cast<T>(kTurnsPerRadian));
  return fma(load_count(frequency + c, lanes), x, offset);
}

template <class T>
void periodic_forward(const PeriodicForward<T>& g) {
  const PeriodicShape& s = g.shape;
  for (std::size_t i = 0; i < g.rows; ++i) {
    for (std::size_t f = 0; f < s.features; ++f) {
      const T x = g.x[i * s.features + f];
      const T* const frequency = g.frequency + f * s.frequencies;
      const T* const phase = s.plr ? nullptr : g.phase + f * s.frequencies;
      T* const wave = g.wave + i * g.wave_stride + f * s.terms;
      for_each_vector<T>(s.frequencies, [&](std::size_t c, std::size_t lanes) __attribute__((always_inline)) {
        const Vec<T> t = turns(frequency, phase, splat(x), c, lanes);
        store_count(wave + c, cos_2pi(t), lanes);
        if (s.plr) store_count(wave + s.frequencies + c, sin_2pi(t), lanes);
      });
      T* const y = g.y + (i * s.features + f) * s.embedding;
      for (std::size_t o = 0; o < s.outputs; ++o) {
        const std::size_t unit = f * s.outputs + o;
        const T* const weight = g.weight + unit * s.terms;
        LaneSum<T> sum;
        for_each_vector<T>(s.terms, [&](std::size_t c, std::size_t lanes) __attribute__((always_inline)) {
          sum.add(c, load_count(wave + c, lanes) * load_count(weight + c, lanes), lanes);
        });
        const T z = static_cast<T>(sum.total() + static_cast<double>(g.bias[unit]));
        y[o] = s.plr && z <= T(0) ? T(0) : z;  // NaN stays
      }
      if (!s.plr) y[s.outputs] = x;
    }
  }
}

// grad_b of the frequencies [c, c + lanes) of a feature.
template <class T>
PRELUNET_INLINE Vec<T> angle_gradient(const PeriodicBackward<T>& g, std::size_t f, const T* wave, const T* dz, Vec<T> x,
                                      std::size_t c, std::size_t lanes) {
  const PeriodicShape& s = g.shape;
  const T* const weight = g.weight + f * s.outputs * s.terms;
  const auto wave_gradient = [&](std::size_t term) __attribute__((always_inline)) {
    Vec<T> sum{};
    for (std::size_t o = 0; o < s.outputs; ++o) {
      sum = fma(splat(dz[o]), load_count(weight + o * s.terms + term, lanes), sum);
    }
    return sum;
  };
  if (s.plr) {
    const Vec<T> cosine = load_count(wave + c, lanes), sine = load_count(wave + s.frequencies + c, lanes);
    return fma(wave_gradient(s.frequencies + c), cosine, -(wave_gradient(c) * sine));
  }
  const std::size_t first = f * s.frequencies;
  return -(wave_gradient(c) * sin_2pi(turns(g.frequency + first, g.phase + first, x, c, lanes)));
}

template <class T>
PRELUNET_INLINE void add_to_sums(T* sums, bool first, Vec<T> v, std::size_t lanes) {
  store_count(sums, first ? v : load_count<T>(sums, lanes) + v, lanes);
}

template <class T>
void periodic_backward(const PeriodicBackward<T>& g) {
  const PeriodicShape& s = g.shape;
  for (std::size_t i = 0; i < g.rows; ++i) {
    const std::size_t chunk = i / kChunkRows;
    const bool first = i % kChunkRows == 0;
    for (std::size_t f = 0; f < s.features; ++f) {
      const std::size_t at = (i * s.features + f) * s.embedding;
      T* const dz = g.grad_y + at;
      if (s.plr) {
        for (std::size_t o = 0; o < s.outputs; ++o) dz[o] = g.y[at + o] > T(0) ? dz[o] : T(0);
      }
      if (g.bias_partial != nullptr) {
        T* const sums = g.bias_partial + chunk * s.units() + f * s.outputs;
        for (std::size_t o = 0; o < s.outputs; ++o) sums[o] = first ? dz[o] : sums[o] + dz[o];
      }
      const Vec<T> x = splat(g.x[i * s.features + f]);
      const T* const wave = g.wave + (i * s.features + f) * s.terms;
      const std::size_t own = f * s.frequencies, sums = chunk * s.features * s.frequencies + own;
      LaneSum<T> sum;
      for_each_vector<T>(s.frequencies, [&](std::size_t c, std::size_t lanes) __attribute__((always_inline)) {
        const Vec<T> angle = angle_gradient(g, f, wave, dz, x, c, lanes);
        const Vec<T> turn = angle * splat(static_cast<T>(kRadiansPerTurn));
        if (g.frequency_partial != nullptr) {
          add_to_sums(g.frequency_partial + sums + c, first, turn * x, lanes);
          if (!s.plr) add_to_sums(g.phase_partial + sums + c, first, angle, lanes);
        }
        if (g.grad_x != nullptr) sum.add(c, turn * load_count(g.frequency + own + c, lanes), lanes);
      });
      if (g.grad_x != nullptr) {
        const double itself = s.plr ? 0.0 : static_cast<double>(dz[s.outputs]);
        g.grad_x[i * s.features + f] = static_cast<T>(sum.total() + itself);
      }
    }
  }
}

template <class T>
void periodic_weight_gradient(const PeriodicBackward<T>& g, std::size_t first, std::size_t last, bool accumulate,
                              T* gradient) {
  const PeriodicShape& s = g.shape;
  for (std::size_t unit = first; unit < last; ++unit) {
    const std::size_t f = unit / s.outputs;
    const T* const dz = g.grad_y + f * s.embedding + unit % s.outputs;
    const T* const wave = g.wave + f * s.terms;
    for_each_vector<T>(s.terms, [&](std::size_t c, std::size_t lanes) __attribute__((always_inline)) {
      T* const to = gradient + unit * s.terms + c;
      Vec<T> sum = accumulate ? load_count<T>(to, lanes) : Vec<T>{};
      for (std::size_t i = 0; i < g.rows; ++i) {
        sum = fma(splat(dz[i * s.columns()]), load_count(wave + i * s.waves() + c, lanes), sum);
      }
      store_count(to, sum, lanes);
    });
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
