// Says when a thread with real-time priority takes too much of its core, and when it may have the priority back.
#pragma once

#include <cstdint>

namespace relay {

class LoadWatch {
 public:
  enum class Advice { nothing, giveBack, takeAgain };

  static constexpr int64_t second = 1'000'000'000;

  // Times in ns: monotonic, and of the CPU that the thread has used. `queued`: for how long it has waited for a core.
  void begin(int64_t now, int64_t used, int64_t queued) {
    lookedAt_ = now;
    usedThen_ = used;
    queuedThen_ = queued;
  }

  // Whether it is time to look again.
  bool due(int64_t now) const { return now - lookedAt_ >= second; }

  // What to do, from what the thread has used since it looked last. Several such threads may share the cores: then none
  // uses all of one, and still they leave nothing to others. They are known by that they wait for each other.
  Advice look(int64_t now, int64_t used, int64_t queued, bool realTime) {
    const double time = static_cast<double>(now - lookedAt_);
    const double share = static_cast<double>(used - usedThen_) / time;
    const double wanted = share + static_cast<double>(queued - queuedThen_) / time;
    begin(now, used, queued);
    if (realTime && wanted > overload) {
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
  int64_t queuedThen_ = 0;
  int64_t takeAgainAt_ = 0;
};

}  // namespace relay
