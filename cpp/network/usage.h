// Guards a network, which may have any number of readers (predict, evaluate, save) or one writer. A thread may hold the
// network for several calls. For example, a fit holds it while callbacks predict and save between steps.
#pragma once

#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace prelunet {

class Usage {
 public:
  class Reading {
   public:
    Reading(Usage& usage, const char* what) : usage_(usage) { usage_.enter(what, false); }
    ~Reading() { usage_.leave(false); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Usage& usage_;
  };

  class Writing {
   public:
    Writing(Usage& usage, const char* what) : usage_(usage) { usage_.enter(what, true); }
    ~Writing() { usage_.leave(true); }
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
  void begin_fit() {
    const std::lock_guard lock(mutex_);
    check("fit", true);
    if (fitting_) throw std::runtime_error("fit: the model is already being fitted");
    fitting_ = true;
    take();
  }
  // Called before changes that no thread may make during a fit, not even the thread of the fit. For example, the
  // targets of a fit have been checked for its loss, so the loss must not change.
  void refuse_while_fitting(const char* what) {
    const std::lock_guard lock(mutex_);
    check(what, true);
    if (fitting_) throw std::runtime_error(std::string(what) + ": the model is being fitted; do it before or after");
  }
  void end_fit() {
    const std::lock_guard lock(mutex_);
    fitting_ = false;
    give_back();
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
    const auto self = std::this_thread::get_id();
    if ((holds_ > 0 && owner_ != self) || (writing_ && writer_ != self)) throw std::runtime_error(busy(what));
  }

 private:
  void enter(const char* what, bool writes) {
    const std::lock_guard lock(mutex_);
    check(what, writes);
    if (writes) {
      writing_ = true;
      writer_ = std::this_thread::get_id();
    } else {
      ++readers_;
    }
  }
  void leave(bool writes) {
    const std::lock_guard lock(mutex_);
    if (writes) {
      writing_ = false;
    } else {
      --readers_;
    }
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
  void check(const char* what, bool writes) const {
    const bool held = holds_ > 0 && owner_ != std::this_thread::get_id();
    if (held || writing_) throw std::runtime_error(busy(what));
    if (writes && readers_ > 0) {
      throw std::runtime_error(std::string(what) + ": another thread is predicting or evaluating with the model");
    }
  }
  static std::string busy(const char* what) {
    return std::string(what) + ": the model is being trained or changed by another thread";
  }

  mutable std::mutex mutex_;
  bool fitting_ = false;
  bool writing_ = false;
  int readers_ = 0;
  int holds_ = 0;
  std::uint64_t turns_ = 0;
  std::thread::id owner_;   // valid if holds_ > 0
  std::thread::id writer_;  // valid if writing_
};

}  // namespace prelunet
