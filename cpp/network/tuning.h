// Constants of training and inference that measurements chose; those of the kernels are in kernels/tuning.h.
#pragma once

#include <cstddef>

namespace prelunet {

// ---- blocks of rows ----
// Rows of a training block, a multiple of kChunkRows. A larger batch is processed block by block, so that memory does
// not grow with it. Each block reads all weights and adds to all gradients: if these exceed the caches, blocks have
// kLargeBlockRows.
inline constexpr std::size_t kBlockRows = 256;
inline constexpr std::size_t kLargeBlockRows = 1024;
inline constexpr std::size_t kLargeParameterBytes = std::size_t{16} << 20;
// Rows that a thread processes at a time in predict and evaluate: their activations stay in its cache.
inline constexpr std::size_t kPredictBlockRows = 64;

// ---- weights in panels (weight_panels.h) ----
// Steps of a run from which on moving a weight to its panels and back pays.
inline constexpr std::size_t kMinStepsInPanels = 8;
// Columns of a weight from which on a second product, for the rows that cannot be transposed, pays.
inline constexpr std::size_t kMinTransposedColumns = 64;

// ---- threads (engine.cpp, thread_tuner.h) ----
// Multiply-adds of a call below which it runs on the calling thread: some ten microseconds of one thread.
inline constexpr double kSmallWork = 1e6;
// Multiply-adds of a training step below which one thread trains: a step of a microsecond or two.
inline constexpr double kTinyStep = 1e4;
// Multiply-adds of a training step below which fewer threads are tried, and Ctrl-C is polled only between steps.
inline constexpr double kSmallStep = 3e7;

}  // namespace prelunet
