// Says when a thread with real-time priority takes too much of its core, and when it may have the priority back.
#pragma once

#include <cstdint>

namespace relay {

class LoadWatch {
 public:
  enum class Advice { nothing, giveBack, takeAgain };

  static constexpr int64_t second = 1'000'000'000;

  // Times in ns: monotonic, and of the CPU that the thread has used.
  void begin(int64_t now, int64_t used) {
    lookedAt_ = now;
    usedThen_ = used;
  }

  // Whether it is time to look again.
  bool due(int64_t now) const { return now - lookedAt_ >= second; }

  // What to do, from what the thread has used since it looked last, and for how long it had nothing to do. Several such
  // threads may share a core, or a virtual machine may not have it for itself: then each uses less than all of it, and
  // still leaves nothing to others.
  Advice look(int64_t now, int64_t used, int64_t idle, bool realTime) {
    const double time = static_cast<double>(now - lookedAt_);
    const double share = static_cast<double>(used - usedThen_) / time;
    begin(now, used);
    if (realTime && static_cast<double>(idle) < (1 - overload) * time) {
      takeAgainAt_ = now + restTime;
      return Advice::giveBack;
    }
    return !realTime && share < relaxed && now >= takeAgainAt_ ? Advice::takeAgain : Advice::nothing;
  }

 private:
  static constexpr double overload = 0.9;
  static constexpr double relaxed = 0.7;
  static constexpr int64_t restTime = 10 * second;

  int64_t lookedAt_ = 0;
  int64_t usedThen_ = 0;
  int64_t takeAgainAt_ = 0;
};

}  // namespace relay
