// One side of a session: takes what arrives on its ports, if it comes from the leg's source, and has the other side send
// it: src/media/relay/plain-leg.ts in C++. It belongs to one relay thread.
#pragma once

#include <cstdint>
#include <memory>

#include "address.h"
#include "counters.h"
#include "latch.h"
#include "own_ports.h"
#include "ring.h"
#include "socket.h"
#include "srtp.h"
#include "statistics.h"

namespace relay {

// What becomes of a payload type, where it is not sent on as another number (0 to 127).
inline constexpr int16_t unmappedType = -1;
inline constexpr int16_t takenType = -2;

// What is to happen with the packets of a leg.
struct LegRules {
  bool send = false;
  bool copied = false;
  bool rtcpMux = false;
  bool rtcpTaken = false;
  int16_t actions[128];
  uint32_t clockRates[128];
};

// An open pair of ports.
struct Pair {
  uint16_t port = 0;
  // The number of its address in OwnPorts.
  uint32_t local = 0;
  std::shared_ptr<Socket> rtp;
  std::shared_ptr<Socket> rtcp;
  std::shared_ptr<PortSrtp> srtp;

  explicit operator bool() const { return rtp != nullptr; }
};

// What a leg uses of its thread.
struct Surroundings {
  OwnPorts& ownPorts;
  // Packets for JavaScript.
  Ring& taps;
  bool tapped = false;
};

class Leg {
 public:
  Leg(Surroundings& surroundings, LegBlock& block, uint32_t session, int index)
      : surroundings_(surroundings), block_(block), session_(session), index_(static_cast<uint32_t>(index)) {}

  void connect(Leg& peer) { peer_ = &peer; }
  // Whether JavaScript wants to hear RTP and RTCP.
  void listen(bool rtp, bool rtcp) { tapsRtp_ = rtp, tapsRtcp_ = rtcp; }
  void follow(const LegRules& rules);
  // Nobody is there.
  void vacate(double now);
  void arm(const Remote& remote, const Address& signalling, double now);
  void expectSignalling(const Address& signalling) { latch_.expectSignalling(signalling); }
  // Sends from there from now on, in the clear.
  void moveTo(Pair pair);
  // Encrypts from now on; null: no longer.
  void protect(const SrtpKeys* keys);
  const Pair& pair() const { return pair_; }

  // What has arrived; the bytes may be changed, and those behind them too, as far as `srtpGrowth`.
  void onRtpPort(uint8_t* bytes, size_t size, const Address& from, double now);
  void onRtcpPort(uint8_t* bytes, size_t size, const Address& from, double now);

  // To the leg's phone; the same holds for these bytes.
  void sendRtp(uint8_t* packet, size_t size);
  void sendRtcp(uint8_t* packet, size_t size);

 private:
  // Where to send, as the kernel wants it.
  struct Target {
    Address address;
    sockaddr_storage raw{};
    socklen_t length = 0;
    // The number of the address among our own, as of `known` of them.
    uint32_t own = 0;
    uint32_t known = 0;
  };

  void onRtp(uint8_t* packet, size_t size, const Address& from, double now);
  void onRtcp(uint8_t* packet, size_t size, const Address& from, double now);
  void heard(double now) { block_.set(heardAt, now); }
  // Whether the packet is one of the phone's, which is then in the clear; nothing is learned from another.
  bool open(Opened outcome, const Address& from);
  void drop(const Address& from);
  void tap(bool rtcp, const uint8_t* packet, size_t size, double now);
  // To be called where the latch may have changed its mind.
  void refresh();
  void aim(Target& target, const Address& address, int which);
  bool comesBack(Target& target, bool learned, int which);
  bool transmit(const Socket& socket, const Target& target, const uint8_t* packet, size_t size);

  Surroundings& surroundings_;
  LegBlock& block_;
  const uint32_t session_;
  const uint32_t index_;
  Leg* peer_ = nullptr;
  bool present_ = false;
  bool tapsRtp_ = false;
  bool tapsRtcp_ = false;
  // What of the leg's waits for JavaScript, in bytes, and where in the ring the last of it ends.
  size_t tapped_ = 0;
  uint64_t tappedTo_ = 0;
  LegRules rules_{};
  Latch latch_;
  uint32_t seenChanges_ = 0;
  StreamStatistics received_;
  Pair pair_;
  // Null where the leg is plain.
  SrtpReceiver* receiver_ = nullptr;
  SrtpSender* sender_ = nullptr;
  Target rtp_;
  Target rtcp_;
};

}  // namespace relay
