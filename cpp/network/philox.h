// Philox4x64-10 (Salmon et al. 2011): four random words from a counter and a key, without state.
#pragma once

#include <array>
#include <cstdint>

namespace prelunet {

using PhiloxWords = std::array<std::uint64_t, 4>;

inline PhiloxWords philox(PhiloxWords counter, std::uint64_t key_0, std::uint64_t key_1) {
  constexpr std::uint64_t kMultiplier0 = 0xD2E7470EE14C6C93, kMultiplier1 = 0xCA5A826395121157;
  constexpr std::uint64_t kWeyl0 = 0x9E3779B97F4A7C15, kWeyl1 = 0xBB67AE8584CAA73B;
  for (int round = 0; round < 10; ++round) {
    const auto product_0 = static_cast<unsigned __int128>(kMultiplier0) * counter[0];
    const auto product_1 = static_cast<unsigned __int128>(kMultiplier1) * counter[2];
    counter = {static_cast<std::uint64_t>(product_1 >> 64) ^ counter[1] ^ key_0, static_cast<std::uint64_t>(product_1),
               static_cast<std::uint64_t>(product_0 >> 64) ^ counter[3] ^ key_1, static_cast<std::uint64_t>(product_0)};
    key_0 += kWeyl0;
    key_1 += kWeyl1;
  }
  return counter;
}

}  // namespace prelunet
