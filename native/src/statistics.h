// What is counted of the packets that arrive on one leg: src/rtp/sequence.ts and src/rtp/statistics.ts in C++.
#pragma once

#include <algorithm>
#include <bitset>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "counters.h"
#include "rtp.h"

namespace relay {

// Follows the sequence numbers of one source (RFC 3550 appendices A.1 and A.3), without probation.
class SequenceTracker {
 public:
  void push(uint16_t sequence) {
    if (!begun_) {
      begin(sequence);
      return;
    }
    const uint16_t ahead = static_cast<uint16_t>(sequence - highest_);
    if (ahead != 0 && ahead < maxDropout) {
      if (sequence < highest_) cycles_ += cycle;
      if (ahead > 1) gap(ahead);
      highest_ = sequence;
    } else if (ahead != 0 && ahead <= cycle - maxMisorder) {
      // A jump that no loss explains. Two packets in a row behind it: the source has restarted without telling.
      if (sequence != restart_) {
        restart_ = static_cast<uint16_t>(sequence + 1);
        return;
      }
      startOver();
      begin(static_cast<uint16_t>(sequence - 1));
      highest_ = sequence;
      if (sequence == 0) cycles_ = cycle;
    } else if (seen_[sequence % recent]) {
      restart_ = -1;
      duplicates_++;
      return;
    } else if (cycles_ + highest_ - (cycle - ahead) < base_) {
      // Sent before the first that came: it was not expected, and must not stand for one that was.
      restart_ = -1;
      return;
    }
    restart_ = -1;
    seen_.set(sequence % recent);
    received_++;
  }

  // Another source takes over: what is missing so far is kept.
  void startOver() {
    lostBefore_ += lostNow();
    begun_ = false;
    received_ = 0;
    restart_ = -1;
  }

  int64_t lost() const { return lostBefore_ + lostNow(); }
  // Gaps in the numbers, as they appeared.
  int64_t lossEvents() const { return lossEvents_; }
  // Packets that had come before.
  int64_t duplicates() const { return duplicates_; }

 private:
  static constexpr int64_t cycle = 65'536;
  static constexpr int64_t maxDropout = 3000;
  static constexpr int64_t maxMisorder = 100;
  // How many numbers back from the highest it is known which have come.
  static constexpr int recent = 128;

  void begin(uint16_t sequence) {
    begun_ = true;
    base_ = sequence;
    highest_ = sequence;
    cycles_ = 0;
    received_ = 1;
    seen_.reset();
    seen_.set(sequence % recent);
  }

  void gap(uint16_t ahead) {
    lossEvents_++;
    for (int skipped = 1; skipped < ahead && skipped <= recent; skipped++) seen_.reset((highest_ + skipped) % recent);
  }

  int64_t lostNow() const {
    return begun_ ? std::max<int64_t>(0, cycles_ + highest_ - base_ + 1 - received_) : 0;
  }

  bool begun_ = false;
  uint16_t base_ = 0;
  uint16_t highest_ = 0;
  int64_t cycles_ = 0;
  // Without those that came twice.
  int64_t received_ = 0;
  // The number that would prove a restart; -1 while nothing hints at it.
  int32_t restart_ = -1;
  int64_t lostBefore_ = 0;
  int64_t lossEvents_ = 0;
  int64_t duplicates_ = 0;
  std::bitset<recent> seen_;
};

class StreamStatistics {
 public:
  // Takes an RTP packet that arrived at `at` (ms, monotonic).
  void push(const uint8_t* packet, size_t size, double at, uint32_t clockRate) {
    packets_++;
    bytes_ += static_cast<double>(size);
    const uint32_t source = ssrc(packet);
    const bool sameSource = hasSource_ && source == source_;
    if (hasSource_ && !sameSource) sequence_.startOver();
    hasSource_ = true;
    source_ = source;
    sequence_.push(sequenceNumber(packet));
    measureJitter(timestamp(packet), at, clockRate, sameSource);
  }

  void publish(LegBlock& block) const {
    block.set(packetsReceived, packets_);
    block.set(bytesReceived, bytes_);
    block.set(packetsLost, static_cast<double>(sequence_.lost()));
    block.set(relay::lossEvents, static_cast<double>(sequence_.lossEvents()));
    block.set(relay::duplicates, static_cast<double>(sequence_.duplicates()));
    if (measured_) block.set(jitterMs, jitter_);
  }

 private:
  // A step between arrival and timestamp that is a new timeline of the sender and no jitter, in ms.
  static constexpr double newTimeline = 3000;

  void measureJitter(uint32_t ticks, double at, uint32_t clockRate, bool sameSource) {
    const bool comparable = sameSource && clockRate == lastRate_;
    // The packets of one telephone event repeat its start (RFC 4733 section 2.5.1.2) and say nothing of the network.
    if (comparable && ticks == lastTimestamp_) return;
    if (comparable) {
      const double sent = static_cast<double>(static_cast<int32_t>(ticks - lastTimestamp_)) * 1000 / clockRate;
      const double difference = std::abs(at - lastArrival_ - sent);
      if (difference < newTimeline) {
        jitter_ += (difference - jitter_) / 16;
        measured_ = true;
      }
    }
    lastArrival_ = at;
    lastTimestamp_ = ticks;
    lastRate_ = clockRate;
  }

  SequenceTracker sequence_;
  double packets_ = 0;
  double bytes_ = 0;
  bool hasSource_ = false;
  uint32_t source_ = 0;
  double lastArrival_ = 0;
  uint32_t lastTimestamp_ = 0;
  uint32_t lastRate_ = 0;
  double jitter_ = 0;
  bool measured_ = false;
};

}  // namespace relay
