// Chooses the number of threads that train: all allowed threads, or fewer if fewer are faster.
//
// If other processes use the cores, rank 0 waits most of the time. In small steps, moving data between distant cores
// may take longer than the second core saves. Concurrent calls share the threads, so a team is replaced if the share
// of its call changes. The number of threads does not change the bits.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

#include "runtime/team.h"
#include "runtime/threads.h"

namespace prelunet {

// The number of batches that a team trained, and the minimum time of a batch. The minimum excludes batches with cold
// caches or late threads.
struct Timing {
  int batches = 0;
  std::chrono::steady_clock::duration least = std::chrono::steady_clock::duration::max();

  void add(const Timing& other) {
    batches += other.batches;
    least = std::min(least, other.least);
  }
};

// One team's run of batches.
class Trial {
 public:
  using Clock = std::chrono::steady_clock;

  // Ends at `until`, or after `batches` timed batches. The first `cold` batches are not timed, because their data are
  // in the caches of other cores. `share` is the call's share of `threads`.
  Trial(int size, int threads, int share, Clock::time_point now, Clock::time_point until, int batches, int cold)
      : size_(size),
        threads_(threads),
        share_(share),
        until_(until),
        batches_(batches),
        began_(now),
        cold_(cold),
        watched_(now),
        last_(now) {}

  // A barrier that measures how long rank 0 waits.
  void barrier(Team& team) {
    if (size_ == 1 || team.rank() != 0) return team.barrier();
    const Clock::time_point arrived = Clock::now();
    team.barrier();
    waited_ += Clock::now() - arrived;
  }

  // Called by rank 0 at the end of a batch. Decides whether the trial ends. `whole` is false for the last batch of an
  // epoch if it is shorter.
  void end_batch(bool whole) {
    const Clock::time_point now = Clock::now();
    if (cold_ > 0) {
      --cold_;
    } else if (whole) {
      timing_.add({1, now - last_});
    }
    last_ = now;
    ++done_;
    if (now - watched_ >= kWatch) {
      share_changed_ = thread_share(threads_) != share_;
      // Threads of a call that has just begun may be the reason for waiting.
      crowded_ = !share_changed_ && size_ > 1 && waited_ > kMostWaiting * (now - watched_);
      watched_ = now;
      waited_ = {};
    }
    if (share_changed_ || crowded_ || now >= until_ || timing_.batches >= batches_) {
      ended_.store(true, std::memory_order_relaxed);
    }
  }
  // Called by every thread after the next barrier.
  bool ended() const { return ended_.load(std::memory_order_relaxed); }

  // Called after the trial.
  int size() const { return size_; }
  bool crowded() const { return crowded_; }
  // If the run ended before enough batches were timed, the mean time of all batches, including the team's start.
  Timing timing() const {
    if (timing_.batches == 0 || timing_.batches >= batches_) return timing_;
    return {timing_.batches, (Clock::now() - began_) / done_};
  }

 private:
  static constexpr Clock::duration kWatch = std::chrono::milliseconds(5);  // between two checks of waiting and share
  static constexpr double kMostWaiting = 0.6;  // share of rank 0's time; above 0.5, half the threads would be faster

  const int size_, threads_, share_;
  const Clock::time_point until_;
  const int batches_;
  const Clock::time_point began_;
  int cold_;
  int done_ = 0;  // batches, timed or not
  Timing timing_;
  bool crowded_ = false, share_changed_ = false;
  Clock::time_point watched_, last_;
  Clock::duration waited_{};
  std::atomic<bool> ended_{false};
};

// Chooses the size of the next team, over successive runs. If steps are small, it sometimes tries half as many threads,
// and later twice as many. To compare two sizes, the usual team trains a few batches, then the other team, and the
// faster one continues. Timings of earlier comparisons are discarded, because they may be old. A run may be as short as
// one batch.
class ThreadTuner {
 public:
  using Clock = Trial::Clock;

  ThreadTuner() = default;

  // Starts a run of batches of `batch_size` rows, with `first` threads at first and at most `wanted`. `small`: there is
  // so little work that fewer threads may be faster. If the batch size changes, the tuner starts anew.
  void want(int first, int wanted, std::size_t batch_size, bool small) {
    if (wanted != wanted_ || batch_size != batch_size_) *this = ThreadTuner(first, wanted, batch_size);
    small_ = small;
  }

  Trial next() {
    const Clock::time_point now = Clock::now();
    const int share = thread_share(wanted_);
    if (share != most_) limit(share);
    const bool has_other = other() != 0;
    if (has_other && now >= next_trial_) compares_ = true;
    if (compares_ && usual_.batches >= kEnough) trial_size_ = other();
    const int size = trial_size_ != 0 ? trial_size_ : size_;
    const int cold = size == last_size_ ? 0 : kCold;
    last_size_ = size;
    if (compares_) return {size, wanted_, share, now, Clock::time_point::max(), kEnough, cold};
    return {size, wanted_, share, now, has_other ? next_trial_ : Clock::time_point::max(), kAll, cold};
  }

  void add(const Trial& trial) {
    if (trial.crowded()) return settle(std::max(1, trial.size() / 2));
    if (!compares_) return;
    (trial_size_ != 0 ? trial_ : usual_).add(trial.timing());
    if (trial_.batches < kEnough) return;
    const bool up = trial_size_ > size_;
    const bool better = up ? trial_.least < kFaster * usual_.least : trial_.least <= usual_.least;
    upwards_ = better == up;
    settle(better ? trial_size_ : size_);
  }

 private:
  static constexpr int kEnough = 8;  // batches of a timing
  static constexpr int kCold = 2;    // batches after a change of size that are not timed
  static constexpr int kAll = 1 << 30;
  static constexpr double kFaster = 0.95;  // more threads are kept if they are 5% faster, fewer if they are as fast
  static constexpr Clock::duration kBetweenTrials = std::chrono::milliseconds(250);
  static constexpr Clock::duration kBeforeMore =
      std::chrono::milliseconds(25);  // so that short runs start no other threads

  ThreadTuner(int first, int wanted, std::size_t batch_size)
      : wanted_(wanted),
        most_(wanted),
        size_(first),
        batch_size_(batch_size),
        next_trial_(first < wanted ? Clock::now() + kBeforeMore : Clock::time_point{}) {}

  // The size to try next; 0: none.
  int other() const {
    const int up = size_ < most_ ? std::min(most_, 2 * size_) : 0, down = small_ ? size_ / 2 : 0;
    return up != 0 && (upwards_ || down == 0) ? up : down;
  }
  // Timings of teams beside fewer or more other calls cannot be compared. The size from before a limit returns with it,
  // unless another was chosen in between.
  void limit(int most) {
    most_ = most;
    unlimited_size_ = std::max(unlimited_size_, size_);
    size_ = std::min(unlimited_size_, most);
    stop_comparing();
  }
  void stop_comparing() {
    compares_ = false;
    trial_size_ = 0;
    usual_ = trial_ = {};
  }
  void settle(int size) {
    size_ = size;
    unlimited_size_ = 0;
    stop_comparing();
    next_trial_ = Clock::now() + kBetweenTrials;
  }

  int wanted_ = 1;
  int most_ = 1;  // the call's share of wanted_
  int size_ = 1;
  int unlimited_size_ = 0;  // the size before limits of the share; 0: size_
  std::size_t batch_size_ = 0;
  bool small_ = false;
  bool upwards_ = false;   // the next trial, if both directions are possible
  bool compares_ = false;  // two sizes are being compared
  Timing usual_, trial_;
  int trial_size_ = 0;  // of the other team, while it runs
  int last_size_ = 0;
  Clock::time_point next_trial_{};
};

}  // namespace prelunet
