// The shuffles of NumPy's RandomState, whose stream NumPy has frozen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace prelunet {

// MT19937 (Matsumoto and Nishimura 1998) over a state of RandomState: 624 words, and the place of the next one.
class Twister {
 public:
  static constexpr std::size_t kWords = 624;

  // `state`: kWords + 1 numbers, which shuffle() advances.
  explicit Twister(std::uint32_t* state) : words_(state), place_(state[kWords]) {}

  // RandomState.shuffle: Fisher and Yates, with numbers above the bound rejected.
  void shuffle(std::span<std::int64_t> values) {
    for (std::size_t i = values.size(); i-- > 1;) std::swap(values[i], values[up_to(static_cast<std::uint32_t>(i))]);
  }

 private:
  std::uint32_t up_to(std::uint32_t most) {
    std::uint32_t mask = most;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    std::uint32_t value = next() & mask;
    while (value > most) value = next() & mask;
    return value;
  }

  std::uint32_t next() {
    if (place_ >= kWords) refill();
    std::uint32_t word = words_[place_++];
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680U;
    word ^= (word << 15) & 0xefc60000U;
    return word ^ (word >> 18);
  }

  void refill() {
    constexpr std::size_t kMiddle = 397;
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uint32_t bits = (words_[i] & 0x80000000U) | (words_[(i + 1) % kWords] & 0x7fffffffU);
      words_[i] = words_[(i + kMiddle) % kWords] ^ (bits >> 1) ^ ((bits & 1U) * 0x9908b0dfU);
    }
    place_ = 0;
  }

  std::uint32_t* words_;
  std::uint32_t& place_;
};

}  // namespace prelunet
