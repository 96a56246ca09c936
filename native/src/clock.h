// The relay's monotonic time in ms, on the scale of the Clock that JavaScript uses.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

namespace relay {

class Clock {
 public:
  // `now`: what the JavaScript clock says at this moment. A frozen clock moves only by `advance`, for tests.
  Clock(double now, bool frozen) : frozen_(frozen), offset_(toNanoseconds(now) - (frozen ? 0 : monotonic())) {}

  double now() const {
    const int64_t offset = offset_.load(std::memory_order_acquire);
    return static_cast<double>(frozen_ ? offset : monotonic() + offset) / 1e6;
  }

  void advance(double ms) { offset_.fetch_add(toNanoseconds(ms), std::memory_order_acq_rel); }

  static int64_t monotonic() { return read(CLOCK_MONOTONIC); }
  // CPU time that the calling thread has used, in ns.
  static int64_t threadTime() { return read(CLOCK_THREAD_CPUTIME_ID); }

 private:
  static int64_t toNanoseconds(double ms) { return static_cast<int64_t>(ms * 1e6); }
  static int64_t read(clockid_t id) {
    timespec time{};
    clock_gettime(id, &time);
    return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  }

  const bool frozen_;
  std::atomic<int64_t> offset_;
};

}  // namespace relay
