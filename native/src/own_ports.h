// Our own media ports, for every relay thread: which are leased, and where the leg on each sends to. So that nothing is
// sent to ourselves, and no packet goes round for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "address.h"

namespace relay {

class OwnPorts {
 public:
  OwnPorts() : pairs_(std::make_unique<Pair[]>(32'768)) {}

  // Of the thread that leases: the number of an address of ours, 1 and up; 0 where there are too many.
  uint32_t add(const Address& ip, bool leadsToAll);
  void lease(uint16_t port, uint32_t local) { pairs_[port / 2].local.store(local, std::memory_order_release); }

  // How many addresses are known: where it has changed, what `number` said may be out of date.
  uint32_t known() const { return count_.load(std::memory_order_acquire); }
  // The number of an address where it is one of ours, else 0.
  uint32_t number(const Address& address) const;

  // Of the thread that serves the pair: where its leg sends RTP (0) and RTCP (1), in our numbers; none: address 0.
  void sendsTo(uint16_t port, int which, uint32_t number, uint16_t target) {
    const uint32_t value = number == 0 ? 0 : number << 16 | (target & ~1u);
    pairs_[port / 2].sendsTo[which].store(value, std::memory_order_relaxed);
  }

  // Whether a port of ours is leased there; `number` is that of the address.
  bool leased(uint32_t number, uint16_t port) const {
    const uint32_t local = pairs_[port / 2].local.load(std::memory_order_acquire);
    return local != 0 && leadsTo(number, local);
  }
  // Whether the leg of the pair at `port` sends to the pair at `ours`.
  bool points(uint16_t port, uint16_t ours) const;

 private:
  static constexpr uint32_t limit = 1024;

  struct Pair {
    std::atomic<uint32_t> local{0};
    std::atomic<uint32_t> sendsTo[2]{};
  };

  bool leadsTo(uint32_t number, uint32_t local) const { return number == local || leadsToAll_[number]; }

  std::unique_ptr<Pair[]> pairs_;
  Address addresses_[limit];
  bool leadsToAll_[limit] = {};
  std::atomic<uint32_t> count_{0};
};

}  // namespace relay
