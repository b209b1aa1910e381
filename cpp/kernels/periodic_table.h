// Arguments of the kernels of periodic embeddings. Equations: periodic.h.
#pragma once

#include "kernels/table.h"

namespace prelunet {

// The sizes of the periodic embeddings of a row of features.
struct PeriodicShape {
  std::size_t features, frequencies;
  std::size_t terms;      // waves of a feature: `frequencies` cosines; in PLR, then as many sines
  std::size_t outputs;    // of a feature's linear map
  std::size_t embedding;  // numbers that a feature becomes: `outputs`, and in PBLD the feature itself
  bool plr;

  std::size_t waves() const { return features * terms; }
  std::size_t units() const { return features * outputs; }
  std::size_t columns() const { return features * embedding; }
};

template <class T>
struct PeriodicForward {
  std::size_t rows;
  PeriodicShape shape;
  const T* x;               // (rows, features)
  const T* frequency;       // (features, frequencies)
  const T* phase;           // (features, frequencies), in radians; null in PLR
  const T* weight;          // (features, outputs, terms)
  const T* bias;            // (features, outputs)
  T* wave;                  // (rows, features, terms)
  std::size_t wave_stride;  // of a row; 0: the rows share one buffer
  T* y;                     // (rows, features, embedding)

  PeriodicForward at(std::size_t row, std::size_t count) const {
    PeriodicForward part = *this;
    part.rows = count;
    part.x += row * shape.features;
    part.wave += row * wave_stride;
    part.y += row * shape.columns();
    return part;
  }
};

// Row c of a partial holds the sums of chunk c.
template <class T>
struct PeriodicBackward {
  std::size_t rows;
  PeriodicShape shape;
  const T* x;
  const T* y;
  const T* frequency;
  const T* phase;
  const T* weight;
  const T* wave;         // (rows, features, terms)
  T* grad_y;             // in PLR it is multiplied by the derivative of ReLU, in place
  T* grad_x;             // or null
  T* frequency_partial;  // (chunks, features * frequencies); null: none of the three
  T* phase_partial;      // (chunks, features * frequencies); not used in PLR
  T* bias_partial;       // (chunks, features * outputs)

  // `row` is a multiple of kChunkRows.
  PeriodicBackward at(std::size_t row, std::size_t count) const {
    PeriodicBackward part = *this;
    part.rows = count;
    part.x += row * shape.features;
    part.y += row * shape.columns();
    part.wave += row * shape.waves();
    part.grad_y += row * shape.columns();
    part.grad_x = moved(grad_x, row * shape.features);
    const std::size_t chunk = row / kChunkRows;
    part.frequency_partial = moved(frequency_partial, chunk * shape.features * shape.frequencies);
    part.phase_partial = moved(phase_partial, chunk * shape.features * shape.frequencies);
    part.bias_partial = moved(bias_partial, chunk * shape.units());
    return part;
  }
};

}  // namespace prelunet
