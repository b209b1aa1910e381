// The order in which an epoch visits rows: a function of the seed and the epoch's number only.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "network/philox.h"

namespace prelunet {

// A random permutation of 0 .. order.size() - 1 (Fisher and Yates; Durstenfeld 1964). Draw i is word i % 4 of
// philox({epoch, i / 4, 0, 1}, seed, 0), scaled to a range by its upper bits: the bias is at most one part in 2^64 / n.
// Dropout's counters end in 0, so that the two streams are disjoint.
inline void row_order(std::uint64_t seed, std::uint64_t epoch, std::vector<std::int64_t>& order) {
  const std::size_t rows = order.size();
  for (std::size_t i = 0; i < rows; ++i) order[i] = static_cast<std::int64_t>(i);
  PhiloxWords words{};
  for (std::size_t draw = 0; draw + 1 < rows; ++draw) {
    if (draw % 4 == 0) words = philox({epoch, draw / 4, 0, 1}, seed, 0);
    const std::size_t left = rows - draw;
    const auto scaled = static_cast<unsigned __int128>(words[draw % 4]) * left;
    std::swap(order[left - 1], order[static_cast<std::size_t>(scaled >> 64)]);
  }
}

}  // namespace prelunet
