// How many threads train: as many as are wanted, or fewer where fewer are faster.
//
// Cores may be shared with other work: then rank 0 waits most of the time. Or they lie far apart, and what small steps
// send from one to the other takes longer than what it saves. The number of threads does not change the bits.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

#include "runtime/team.h"

namespace prelunet {

// One team's time at work.
class Shift {
 public:
  using Clock = std::chrono::steady_clock;

  // It ends at `until`, or after `batches` that count; the first `cold` ones do not, which find their data in other
  // cores' caches.
  Shift(int size, Clock::time_point until, int batches, int cold)
      : size_(size), until_(until), batches_(batches), cold_(cold) {}

  // The team meets; rank 0 notes how long it waited.
  void meet(Team& team) {
    if (size_ == 1 || team.rank() != 0) return team.barrier();
    const Clock::time_point arrived = Clock::now();
    team.barrier();
    waited_ += Clock::now() - arrived;
  }

  // By rank 0 at the end of a batch: whether another team should go on.
  void judge() {
    const Clock::time_point now = Clock::now();
    if (++batch_ == cold_) counted_from_ = now;
    last_ = now;
    if (now - watched_ >= kWatch) {
      crowded_ = size_ > 1 && waited_ > kMostWaiting * (now - watched_);
      watched_ = now;
      waited_ = {};
    }
    if (crowded_ || now >= until_ || counted() >= batches_) leave_.store(true, std::memory_order_relaxed);
  }
  // By every thread once the team has met since.
  bool leaves() const { return leave_.load(std::memory_order_relaxed); }

  // After the team has gone.
  int size() const { return size_; }
  bool crowded() const { return crowded_; }
  int counted() const { return std::max(0, batch_ - cold_); }
  double seconds() const { return counted() == 0 ? 0.0 : std::chrono::duration<double>(last_ - counted_from_).count(); }

 private:
  static constexpr Clock::duration kWatch = std::chrono::milliseconds(5);
  static constexpr double kMostWaiting = 0.6;  // above a half, half the threads need less time

  const int size_;
  const Clock::time_point until_;
  const int batches_, cold_;
  int batch_ = 0;
  bool crowded_ = false;
  Clock::time_point watched_ = Clock::now(), counted_from_ = watched_, last_ = watched_;
  Clock::duration waited_{};
  std::atomic<bool> leave_{false};
};

// The size of the teams of all shifts, from run to run. Where steps are small, half of the threads are tried now and
// then, for a few batches, and where half of them are at work, twice as many: whoever is faster goes on.
class TeamSize {
 public:
  using Clock = Shift::Clock;

  // At the beginning of a run: `wanted` threads at most; `small`: so little work that fewer might need less time.
  void want(int wanted, bool small) {
    if (wanted != wanted_) *this = TeamSize(wanted);
    small_ = small;
  }
  TeamSize() : TeamSize(1) {}

  Shift next() {
    const Clock::time_point now = Clock::now();
    if (trial_size_ == 0 && usual_.batches >= kEnough && now >= next_trial_) trial_size_ = other();
    const int size = trial_size_ != 0 ? trial_size_ : size_;
    const int cold = size == last_size_ ? 0 : kCold;
    last_size_ = size;
    const bool settled = trial_size_ == 0 && (usual_.batches >= kEnough || other() == 0);
    const bool until_trial = settled && other() != 0;
    return {size, until_trial ? next_trial_ : Clock::time_point::max(), settled ? kAll : kEnough, cold};
  }

  void add(const Shift& shift) {
    if (shift.crowded()) return settle(std::max(1, shift.size() / 2), {});
    Pace& pace = trial_size_ != 0 ? trial_ : usual_;
    pace.batches += shift.counted();
    pace.seconds += shift.seconds();
    if (trial_size_ == 0) return usual_.forget();
    if (trial_.batches < kEnough) return;
    const bool faster = trial_.of_one() < kFaster * usual_.of_one();
    upwards_ = faster == (trial_size_ > size_);
    settle(faster ? trial_size_ : size_, faster ? trial_ : usual_);
  }

 private:
  struct Pace {
    int batches = 0;
    double seconds = 0.0;
    double of_one() const { return seconds / batches; }
    void forget() {
      constexpr int kMost = 256;
      if (batches < kMost) return;
      batches /= 2;
      seconds /= 2;
    }
  };
  static constexpr int kEnough = 8;  // batches, for a pace
  static constexpr int kCold = 2;
  static constexpr int kAll = 1 << 30;
  static constexpr double kFaster = 0.95;
  static constexpr Clock::duration kBetweenTrials = std::chrono::milliseconds(250);

  explicit TeamSize(int wanted) : wanted_(wanted), size_(wanted) {}

  // The size to try next, or 0.
  int other() const {
    const int up = size_ < wanted_ ? std::min(wanted_, 2 * size_) : 0, down = small_ ? size_ / 2 : 0;
    return up != 0 && (upwards_ || down == 0) ? up : down;
  }
  void settle(int size, Pace pace) {
    size_ = size;
    usual_ = pace;
    trial_size_ = 0;
    trial_ = {};
    next_trial_ = Clock::now() + kBetweenTrials;
  }

  int wanted_, size_;
  bool small_ = false;
  bool upwards_ = false;  // where both ways are open
  Pace usual_, trial_;
  int trial_size_ = 0;  // while it is tried
  int last_size_ = 0;
  Clock::time_point next_trial_{};
};

}  // namespace prelunet
