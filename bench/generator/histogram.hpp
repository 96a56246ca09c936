#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <cstddef>

// Durations in ns: exact below 64, then 32 classes to each doubling, so that a percentile is true to 3 %.
class Histogram {
 public:
  void add(int64_t ns) {
    if (ns < 0) ns = 0;
    classes_[classOf(static_cast<uint64_t>(ns))]++;
    count_++;
    if (ns > max_) max_ = ns;
  }

  // What `share` of all durations lie at or below, in µs; 0 where there are none.
  double percentile(double share) const {
    uint64_t rank = static_cast<uint64_t>(share * static_cast<double>(count_));
    if (rank >= count_) return static_cast<double>(max_) / 1e3;
    uint64_t below = 0;
    for (size_t i = 0; i < classes_.size(); i++) {
      below += classes_[i];
      if (below > rank) return middleOf(i) / 1e3;
    }
    return static_cast<double>(max_) / 1e3;
  }

  double max() const { return static_cast<double>(max_) / 1e3; }

 private:
  static constexpr unsigned kBits = 5;

  static size_t classOf(uint64_t ns) {
    if (ns < 64) return ns;
    unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - kBits - 1;
    return (static_cast<size_t>(shift) << kBits) + (ns >> shift);
  }

  static double middleOf(size_t index) {
    if (index < 64) return static_cast<double>(index);
    size_t shift = (index >> kBits) - 1;
    uint64_t first = ((index & 31) | 32) << shift;
    return static_cast<double>(first) + static_cast<double>(uint64_t{1} << shift) / 2;
  }

  std::array<uint64_t, 60 << kBits> classes_{};
  uint64_t count_ = 0;
  int64_t max_ = 0;
};
