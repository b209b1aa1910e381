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

// The batches of one size that a team has done, and the least time that one of them took: what a cold cache or a late
// thread added to others says little.
struct Pace {
  int batches = 0;
  std::chrono::steady_clock::duration least = std::chrono::steady_clock::duration::max();

  void add(const Pace& other) {
    batches += other.batches;
    least = std::min(least, other.least);
  }
};

// One team's time at work.
class Shift {
 public:
  using Clock = std::chrono::steady_clock;

  // It begins now and ends at `until`, or after `batches` that count; the first `cold` ones do not, which find their
  // data in other cores' caches.
  Shift(int size, Clock::time_point now, Clock::time_point until, int batches, int cold)
      : size_(size), until_(until), batches_(batches), began_(now), cold_(cold), watched_(now), last_(now) {}

  // The team meets; rank 0 notes how long it waited.
  void meet(Team& team) {
    if (size_ == 1 || team.rank() != 0) return team.barrier();
    const Clock::time_point arrived = Clock::now();
    team.barrier();
    waited_ += Clock::now() - arrived;
  }

  // By rank 0 at the end of a batch, `whole` unless it was an epoch's last and shorter: whether another team should go
  // on.
  void judge(bool whole) {
    const Clock::time_point now = Clock::now();
    if (cold_ > 0) {
      --cold_;
    } else if (whole) {
      pace_.add({1, now - last_});
    }
    last_ = now;
    ++done_;
    if (now - watched_ >= kWatch) {
      crowded_ = size_ > 1 && waited_ > kMostWaiting * (now - watched_);
      watched_ = now;
      waited_ = {};
    }
    if (crowded_ || now >= until_ || pace_.batches >= batches_) leave_.store(true, std::memory_order_relaxed);
  }
  // By every thread once the team has met since.
  bool leaves() const { return leave_.load(std::memory_order_relaxed); }

  // After the team has gone.
  int size() const { return size_; }
  bool crowded() const { return crowded_; }
  // Where the run ended before there were batches enough, the team's coming and going are part of what they took.
  Pace pace() const {
    if (pace_.batches == 0 || pace_.batches >= batches_) return pace_;
    return {pace_.batches, (Clock::now() - began_) / done_};
  }

 private:
  static constexpr Clock::duration kWatch = std::chrono::milliseconds(5);
  static constexpr double kMostWaiting = 0.6;  // above a half, half the threads need less time

  const int size_;
  const Clock::time_point until_;
  const int batches_;
  const Clock::time_point began_;
  int cold_;
  int done_ = 0;  // batches, of whatever kind
  Pace pace_;
  bool crowded_ = false;
  Clock::time_point watched_, last_;
  Clock::duration waited_{};
  std::atomic<bool> leave_{false};
};

// The size of the teams of all shifts, from run to run. Where steps are small, half of the threads are tried now and
// then, and where half of them are at work, twice as many: a few batches by the usual team, a few by the other, and
// whoever is faster goes on. (Paces from before say little: batches may have come in long runs, and come one by one.)
class TeamSize {
 public:
  using Clock = Shift::Clock;

  TeamSize() = default;

  // At the beginning of a run of batches of so many rows: `first` threads to begin with, `wanted` at most; `small`: so
  // little work that fewer than all might need less time. Paces of other batches say nothing of these.
  void want(int first, int wanted, std::size_t batch_size, bool small) {
    if (wanted != wanted_ || batch_size != batch_size_) *this = TeamSize(first, wanted, batch_size);
    small_ = small;
  }

  Shift next() {
    const Clock::time_point now = Clock::now();
    const bool has_other = other() != 0;
    if (has_other && now >= next_trial_) compares_ = true;
    if (compares_ && usual_.batches >= kEnough) trial_size_ = other();
    const int size = trial_size_ != 0 ? trial_size_ : size_;
    const int cold = size == last_size_ ? 0 : kCold;
    last_size_ = size;
    if (compares_) return {size, now, Clock::time_point::max(), kEnough, cold};
    return {size, now, has_other ? next_trial_ : Clock::time_point::max(), kAll, cold};
  }

  void add(const Shift& shift) {
    if (shift.crowded()) return settle(std::max(1, shift.size() / 2));
    if (!compares_) return;
    (trial_size_ != 0 ? trial_ : usual_).add(shift.pace());
    if (trial_.batches < kEnough) return;
    const bool up = trial_size_ > size_;
    const bool better = up ? trial_.least < kFaster * usual_.least : trial_.least <= usual_.least;
    upwards_ = better == up;
    settle(better ? trial_size_ : size_);
  }

 private:
  static constexpr int kEnough = 8;  // batches, for a pace
  static constexpr int kCold = 2;
  static constexpr int kAll = 1 << 30;
  static constexpr double kFaster = 0.95;  // the time of more threads, that they go on; fewer need only be as fast
  static constexpr Clock::duration kBetweenTrials = std::chrono::milliseconds(250);
  static constexpr Clock::duration kBeforeMore = std::chrono::milliseconds(25);  // so that a short life wakes no others

  TeamSize(int first, int wanted, std::size_t batch_size)
      : wanted_(wanted),
        size_(first),
        batch_size_(batch_size),
        next_trial_(first < wanted ? Clock::now() + kBeforeMore : Clock::time_point{}) {}

  // The size to try next, or 0.
  int other() const {
    const int up = size_ < wanted_ ? std::min(wanted_, 2 * size_) : 0, down = small_ ? size_ / 2 : 0;
    return up != 0 && (upwards_ || down == 0) ? up : down;
  }
  void settle(int size) {
    size_ = size;
    compares_ = false;
    trial_size_ = 0;
    usual_ = trial_ = {};
    next_trial_ = Clock::now() + kBetweenTrials;
  }

  int wanted_ = 1, size_ = 1;
  std::size_t batch_size_ = 0;
  bool small_ = false;
  bool upwards_ = false;  // where both ways are open
  bool compares_ = false;
  Pace usual_, trial_;  // while teams are compared
  int trial_size_ = 0;  // the other team's, while it is at work
  int last_size_ = 0;
  Clock::time_point next_trial_{};
};

}  // namespace prelunet
