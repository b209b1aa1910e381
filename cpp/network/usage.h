// Who is using a network: any number of readers (predict, evaluate), or one writer; and while a fit is under way only
// its own thread, whose callbacks may predict between its steps.
#pragma once

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

  // A fit begins and ends on one thread; until it ends the network is that thread's alone.
  void begin_fit() {
    const std::lock_guard lock(mutex_);
    check("fit", true);
    if (fitting_) throw std::runtime_error("fit: the model is already being fitted");
    fitting_ = true;
    owner_ = std::this_thread::get_id();
  }
  // For what a fit holds on to, such as targets checked for one loss: not even its own thread may change it.
  void refuse_while_fitting(const char* what) {
    const std::lock_guard lock(mutex_);
    check(what, true);
    if (fitting_) throw std::runtime_error(std::string(what) + ": the model is being fitted; do it before or after");
  }
  void end_fit() {
    const std::lock_guard lock(mutex_);
    fitting_ = false;
  }

 private:
  void enter(const char* what, bool writes) {
    const std::lock_guard lock(mutex_);
    check(what, writes);
    if (writes) {
      writing_ = true;
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
  void check(const char* what, bool writes) const {
    const bool foreign_fit = fitting_ && owner_ != std::this_thread::get_id();
    if (foreign_fit || writing_) {
      throw std::runtime_error(std::string(what) + ": the model is being trained or changed by another thread");
    }
    if (writes && readers_ > 0) {
      throw std::runtime_error(std::string(what) + ": another thread is predicting or evaluating with the model");
    }
  }

  std::mutex mutex_;
  bool fitting_ = false;
  bool writing_ = false;
  int readers_ = 0;
  std::thread::id owner_;
};

}  // namespace prelunet
