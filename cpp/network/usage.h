// Guards a network, which may have any number of readers (predict, evaluate, save) or one writer. A thread may hold the
// network for several calls. For example, a fit holds it while callbacks predict and save between steps.
//
// If a process forks, only the forking thread exists in the child. A network that another thread held, but was not
// changing, is free there. A network that another thread was changing is lost: every use of it is refused.
#pragma once

#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "runtime/threads.h"

namespace prelunet {

class Usage {
 public:
  class Reading {
   public:
    Reading(Usage& usage, const char* what) : usage_(usage), forks_(usage_.read(what)) {}
    ~Reading() { usage_.stop_reading(forks_); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Usage& usage_;
    const int forks_;
  };

  class Writing {
   public:
    Writing(Usage& usage, const char* what) : usage_(usage) { usage_.write(what); }
    ~Writing() { usage_.stop_writing(); }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    Usage& usage_;
  };

  // Reserves the network for the calling thread, which may still read and write. Holdings may be nested, also within a
  // fit.
  class Holding {
   public:
    Holding(Usage& usage, const char* what) : usage_(usage) { usage_.hold(what); }
    ~Holding() { usage_.release(); }
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;

   private:
    Usage& usage_;
  };

  // A fit begins and ends on one thread, which owns the network until the fit ends.
  class Fitting {
   public:
    Fitting(Usage& usage, const char* what) : usage_(usage) { usage_.begin_fit(what); }
    ~Fitting() { usage_.end_fit(); }
    Fitting(const Fitting&) = delete;
    Fitting& operator=(const Fitting&) = delete;

   private:
    Usage& usage_;
  };

  // Called before changes that no thread may make during a fit, not even the thread of the fit. For example, the
  // targets of a fit have been checked for its loss, so the loss must not change.
  void refuse_while_fitting(const char* what) {
    const std::lock_guard lock(mutex_);
    check(what, true);
    if (fitting_) throw std::runtime_error(std::string(what) + ": the model is being fitted; do it before or after");
  }
  // Whether the network can never be used again in this process.
  bool lost() {
    const std::lock_guard lock(mutex_);
    notice_fork();
    return lost_;
  }
  // How often a thread has begun or ended holding the network. Python's own state of the network changes only while the
  // network is held. If two calls return the same number, that state did not change between them.
  std::uint64_t turns() const {
    const std::lock_guard lock(mutex_);
    return turns_;
  }
  // Called before reads that are not allowed while another thread writes. The writing thread itself may read; a Lambda
  // layer does so during a step.
  void refuse_to_other_threads(const char* what) {
    const std::lock_guard lock(mutex_);
    refuse_if_lost(what);
    const auto self = std::this_thread::get_id();
    if ((holds_ > 0 && owner_ != self) || (writing_ && writer_ != self)) throw std::runtime_error(busy(what));
  }

 private:
  // Returns the number of forks, which tells stop_reading() whether the reader was counted in this process.
  int read(const char* what) {
    const std::lock_guard lock(mutex_);
    check(what, false);
    ++readers_;
    return forks_;
  }
  void stop_reading(int forks) {
    const std::lock_guard lock(mutex_);
    if (forks == forks_) --readers_;
  }
  void write(const char* what) {
    const std::lock_guard lock(mutex_);
    check(what, true);
    writing_ = true;
    writer_ = std::this_thread::get_id();
  }
  void stop_writing() {
    const std::lock_guard lock(mutex_);
    writing_ = false;
  }
  void begin_fit(const char* what) {
    const std::lock_guard lock(mutex_);
    check(what, true);
    if (fitting_) throw std::runtime_error(std::string(what) + ": the model is already being fitted");
    fitting_ = true;
    take();
  }
  void end_fit() {
    const std::lock_guard lock(mutex_);
    fitting_ = false;
    give_back();
  }
  void hold(const char* what) {
    const std::lock_guard lock(mutex_);
    check(what, true);
    take();
  }
  void release() {
    const std::lock_guard lock(mutex_);
    give_back();
  }
  void take() {
    ++holds_;
    ++turns_;
    owner_ = std::this_thread::get_id();
  }
  void give_back() {
    --holds_;
    ++turns_;
  }
  void notice_fork() {
    if (forks_ == forks()) return;
    forks_ = forks();
    readers_ = 0;
    if (holds_ > 0 && owner_ != forking_thread()) holds_ = 0;
    if (holds_ == 0) fitting_ = false;
    lost_ = lost_ || (writing_ && writer_ != forking_thread());
  }
  void refuse_if_lost(const char* what) {
    notice_fork();
    if (!lost_) return;
    throw std::runtime_error(std::string(what) +
                             ": the process was forked while another thread trained or changed the model, so its "
                             "parameters are incomplete here; draw new ones with build, or copy the model before the "
                             "fork");
  }
  void check(const char* what, bool writes) {
    refuse_if_lost(what);
    const bool held = holds_ > 0 && owner_ != std::this_thread::get_id();
    if (held || writing_) throw std::runtime_error(busy(what));
    if (writes && readers_ > 0) {
      throw std::runtime_error(std::string(what) +
                               ": another thread is predicting or evaluating with the model; hold "
                               "one lock for the calls of both threads");
    }
  }
  static std::string busy(const char* what) {
    return std::string(what) +
           ": the model is being trained or changed by another thread; use a copy here, which the training thread "
           "updates between its calls with copy.copy_from(model), and hold one lock for each use of the copy";
  }

  mutable std::mutex mutex_;
  bool fitting_ = false;
  bool writing_ = false;
  bool lost_ = false;
  int readers_ = 0;
  int holds_ = 0;
  int forks_ = forks();
  std::uint64_t turns_ = 0;
  std::thread::id owner_;   // valid if holds_ > 0
  std::thread::id writer_;  // valid if writing_
};

}  // namespace prelunet
