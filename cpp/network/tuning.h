// Constants of training and inference, chosen by measurement. Those of the kernels are in kernels/tuning.h.
#pragma once

#include <cstddef>

namespace prelunet {

// ---- blocks of rows ----
// Rows of a training block, a multiple of kChunkRows. A larger batch is processed block by block, so that memory does
// not grow with the batch. Each block reads all weights and adds to all gradients. If they exceed the caches, blocks
// have kLargeBlockRows rows.
inline constexpr std::size_t kBlockRows = 256;
inline constexpr std::size_t kLargeBlockRows = 1024;
inline constexpr std::size_t kLargeParameterBytes = std::size_t{16} << 20;
// Rows that a thread processes at a time in predict and evaluate. Their activations stay in its cache.
inline constexpr std::size_t kPredictBlockRows = 64;

// The same in a network with a layer in bfloat16, whose weights a thread reads once for each block.
inline constexpr std::size_t kBfloat16PredictBlockRows = 256;

// Maximum bytes of a block of compressed rows that are made dense, because the first step does not read them as they
// are.
inline constexpr std::size_t kDenseBlockBytes = std::size_t{32} << 20;

// ---- weights in panels (weight_panels.h) ----
// Minimum steps of a run for which it pays to move a weight to its panels and back.
inline constexpr std::size_t kMinStepsInPanels = 8;
// Minimum columns of a weight for which a second product pays. It computes the gradient of the rows that cannot be
// updated in the layout of the panels.
inline constexpr std::size_t kMinTransposedColumns = 64;

// ---- bfloat16 (bfloat16_dense.h) ----
// Minimum features and units of a Dense layer in bfloat16. The bits depend on it. A step of 64-64-64-10 on
// 32 rows is up to 27% faster than in float32 on AMX, a step of 32-32-32-10 14% slower.
inline constexpr std::size_t kBfloat16MinWidth = 64;
// Minimum rows of a batch whose gradients are computed in bfloat16. The bits depend on it. On one thread with AMX,
// steps on 8 rows were 10% to 25% slower than in float32, and steps on 16 rows between 4% slower and 29% faster.
inline constexpr std::size_t kBfloat16MinRows = 16;
// Elements of a weight that are updated before they are packed. They stay in cache in between.
inline constexpr std::size_t kBfloat16UpdatedElements = std::size_t{1} << 14;

// ---- training over MPI (batch_share.cpp) ----
// Elements of a part of a weight's gradient that one process passes on to the next.
inline constexpr std::size_t kSharePartElements = std::size_t{1} << 16;

// ---- threads (engine.cpp, thread_tuner.h) ----
// A call with fewer multiply-adds runs on the calling thread. One thread needs some ten microseconds for them.
inline constexpr double kSmallCall = 1e6;
// A training step with fewer multiply-adds runs on one thread. It takes a microsecond or two.
inline constexpr double kTinyStep = 1e4;
// In a training step with fewer multiply-adds, fewer threads are tried, and Ctrl-C is polled only between steps.
inline constexpr double kSmallStep = 3e7;

}  // namespace prelunet
