// What is counted of a leg, in memory that JavaScript reads at any time. Each field has one writer, the relay thread of
// the session, and is read whole; the two addresses stand behind a number that is odd while they are written.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "address.h"

namespace relay {

// Positions in `values`; src/media/relay/native-counters.ts names the same.
enum Counter : int {
  packetsReceived,
  packetsSent,
  packetsLost,
  jitterMs,  // NaN: not measured
  bytesReceived,
  bytesSent,
  strangers,
  malformed,
  unmapped,
  held,
  undeliverable,
  rtcpReceived,
  rtcpSent,
  lossEvents,
  duplicates,
  authenticationFailures,
  replayed,
  tapDropped,
  heardAt,  // ms, of the last packet of the leg's own source; 0: none
  counterCount = 20,
};

// An address in words of 32 bits.
struct SharedAddress {
  uint32_t family;
  uint32_t port;
  uint32_t scope;
  uint32_t ip[4];
};

struct alignas(8) LegBlock {
  double values[counterCount];
  uint32_t version;
  // The number of the last command that this leg has obeyed.
  uint32_t applied;
  SharedAddress latched;
  SharedAddress stranger;
  uint32_t spare[8];

  void clear() {
    *this = {};
    values[jitterMs] = std::numeric_limits<double>::quiet_NaN();
  }
  double get(Counter counter) { return std::atomic_ref(values[counter]).load(std::memory_order_relaxed); }
  void set(Counter counter, double value) {
    std::atomic_ref(values[counter]).store(value, std::memory_order_relaxed);
  }
  void add(Counter counter, double by = 1) { set(counter, get(counter) + by); }
  void obey(uint32_t command) { std::atomic_ref(applied).store(command, std::memory_order_release); }
  void tellLatched(const Address& address) { write(latched, address); }
  void tellStranger(const Address& address) { write(stranger, address); }

 private:
  void write(SharedAddress& to, const Address& address) {
    std::atomic_ref shared(version);
    const uint32_t before = shared.load(std::memory_order_relaxed);
    shared.store(before + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    put(to.family, address.family);
    put(to.port, address.port);
    put(to.scope, address.scope);
    for (int i = 0; i < 4; i++) {
      const uint8_t* at = address.ip + 4 * i;
      put(to.ip[i], static_cast<uint32_t>(at[0]) << 24 | at[1] << 16 | at[2] << 8 | at[3]);
    }
    shared.store(before + 2, std::memory_order_release);
  }
  static void put(uint32_t& to, uint32_t value) { std::atomic_ref(to).store(value, std::memory_order_relaxed); }
};

static_assert(sizeof(LegBlock) == 256);

struct SessionBlock {
  LegBlock legs[2];
};

}  // namespace relay
