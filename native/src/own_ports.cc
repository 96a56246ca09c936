#include "own_ports.h"

namespace relay {

uint32_t OwnPorts::add(const Address& ip, bool leadsToAll) {
  if (const uint32_t number = this->number(ip); number != 0) return number;
  const uint32_t number = known() + 1;
  if (number >= limit) return 0;
  addresses_[number] = ip;
  leadsToAll_[number] = leadsToAll;
  count_.store(number, std::memory_order_release);
  return number;
}

uint32_t OwnPorts::number(const Address& address) const {
  if (!address.known()) return 0;
  for (uint32_t number = known(); number > 0; number--) {
    if (addresses_[number].sameHost(address)) return number;
  }
  return 0;
}

bool OwnPorts::points(uint16_t port, uint16_t ours) const {
  const uint32_t local = pairs_[ours / 2].local.load(std::memory_order_acquire);
  for (const auto& target : pairs_[port / 2].sendsTo) {
    const uint32_t value = target.load(std::memory_order_relaxed);
    if (value != 0 && (value & 0xffff) == (ours & ~1u) && leadsTo(value >> 16, local)) return true;
  }
  return false;
}

}  // namespace relay
