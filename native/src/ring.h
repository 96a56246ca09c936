// A bounded queue of records from one thread to one other, without a lock and without allocation. What does not fit is
// refused: whoever writes goes on and counts it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace relay {

struct RecordHeader {
  uint32_t length;  // of the bytes that follow; `wrap`: the next record is at the beginning of the memory
  uint32_t session;
  uint32_t kind;  // bit 0: which leg; bit 1: RTCP
  uint32_t unused;
  double at;
};

class Ring {
 public:
  static constexpr uint32_t wrap = 0xffffffff;

  // `size` is rounded up to a power of two.
  explicit Ring(size_t size) {
    while (size_ < size) size_ *= 2;
    memory_ = std::make_unique<uint8_t[]>(size_);
  }

  // Of the writer: false where it is full.
  bool push(uint32_t session, uint32_t kind, double at, const uint8_t* bytes, size_t length) {
    const size_t needed = recordSize(length);
    uint64_t tail = tail_.load(std::memory_order_relaxed);
    const uint64_t head = head_.load(std::memory_order_acquire);
    const size_t toEnd = size_ - (tail & (size_ - 1));
    const size_t skipped = needed > toEnd ? toEnd : 0;
    if (tail + skipped + needed - head > size_) return false;
    if (skipped > 0) {
      // Every record is a multiple of eight bytes, so there is room for the length at least.
      std::memcpy(at_(tail), &wrap, sizeof wrap);
      tail += skipped;
    }
    const RecordHeader header{static_cast<uint32_t>(length), session, kind, 0, at};
    std::memcpy(at_(tail), &header, sizeof header);
    std::memcpy(at_(tail) + sizeof header, bytes, length);
    tail_.store(tail + needed, std::memory_order_release);
    return true;
  }

  // Up to where the reader has taken them.
  uint64_t head() const { return head_.load(std::memory_order_acquire); }
  size_t size() const { return size_; }

  // Up to where records are ready.
  uint64_t tail() const { return tail_.load(std::memory_order_acquire); }

  // Of the reader: hands each record up to `end` to `take(header, bytes)`, while that returns true.
  template <class Take>
  void read(uint64_t end, Take take) {
    uint64_t head = head_.load(std::memory_order_relaxed);
    while (head != end) {
      uint32_t length;
      std::memcpy(&length, at_(head), sizeof length);
      if (length == wrap) {
        head += size_ - (head & (size_ - 1));
      } else {
        RecordHeader header;
        std::memcpy(&header, at_(head), sizeof header);
        if (!take(header, at_(head) + sizeof header)) break;
        head += recordSize(length);
      }
    }
    head_.store(head, std::memory_order_release);
  }

  static size_t recordSize(size_t length) { return sizeof(RecordHeader) + ((length + 7) & ~size_t{7}); }

 private:
  uint8_t* at_(uint64_t position) { return memory_.get() + (position & (size_ - 1)); }

  size_t size_ = 4096;
  std::unique_ptr<uint8_t[]> memory_;
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace relay
