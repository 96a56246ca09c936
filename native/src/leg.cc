#include "leg.h"

#include <utility>

#include "rtp.h"

namespace relay {

namespace {

// The part of the room for packets to JavaScript that one leg may take.
constexpr size_t tapShare = 4;

}  // namespace

void Leg::follow(const LegRules& rules) {
  rules_ = rules;
  present_ = true;
}

void Leg::vacate(double now) {
  present_ = false;
  latch_.arm({}, {}, now);
  refresh();
}

void Leg::arm(const Remote& remote, const Address& signalling, double now) {
  latch_.arm(remote, signalling, now);
  refresh();
}

void Leg::moveTo(Pair pair) {
  if (pair_) {
    surroundings_.ownPorts.sendsTo(pair_.port, 0, 0, 0);
    surroundings_.ownPorts.sendsTo(pair_.port, 1, 0, 0);
  }
  receiver_ = nullptr;
  sender_ = nullptr;
  pair_ = std::move(pair);
  refresh();
}

void Leg::protect(const SrtpKeys* keys) {
  const bool secure = pair_ && keys != nullptr;
  receiver_ = secure ? &pair_.srtp->receiver(keys->receive) : nullptr;
  sender_ = secure ? &pair_.srtp->sender(keys->send) : nullptr;
}

void Leg::onRtpPort(uint8_t* bytes, size_t size, const Address& from, double now) {
  if (rules_.rtcpMux && rtcpKind(bytes, size) == PacketKind::media) {
    onRtcp(bytes, size, from, now);
  } else {
    onRtp(bytes, size, from, now);
  }
}

void Leg::onRtcpPort(uint8_t* bytes, size_t size, const Address& from, double now) { onRtcp(bytes, size, from, now); }

void Leg::onRtp(uint8_t* packet, size_t size, const Address& from, double now) {
  const PacketKind kind = rtpKind(packet, size);
  if (kind != PacketKind::media) {
    if (kind == PacketKind::malformed) block_.add(malformed);
    return;
  }
  if (receiver_ != nullptr && !open(receiver_->unprotectRtp(packet, size), from)) return;
  const uint8_t type = payloadType(packet);
  const int16_t action = rules_.actions[type];
  const bool accepted = latch_.acceptRtp(from, ssrc(packet), sequenceNumber(packet), action != unmappedType, now);
  if (latch_.changes() != seenChanges_) refresh();
  if (!accepted) {
    drop(from);
    return;
  }
  heard(now);
  received_.push(packet, size, now, rules_.clockRates[type]);
  received_.publish(block_);
  if (action == unmappedType) {
    block_.add(unmapped);
    return;
  }
  if (action == takenType || rules_.copied) {
    tap(false, packet, size, now);
    if (action == takenType) return;
  }
  if (action != type) setPayloadType(packet, static_cast<uint8_t>(action));
  peer_->sendRtp(packet, size);
}

void Leg::onRtcp(uint8_t* packet, size_t size, const Address& from, double now) {
  const PacketKind kind = rtcpKind(packet, size);
  if (kind != PacketKind::media) {
    if (kind == PacketKind::malformed) block_.add(malformed);
    return;
  }
  if (receiver_ != nullptr && !open(receiver_->unprotectRtcp(packet, size), from)) return;
  const bool accepted = latch_.acceptRtcp(from, now);
  if (latch_.changes() != seenChanges_) refresh();
  if (!accepted) {
    drop(from);
    return;
  }
  heard(now);
  block_.add(rtcpReceived);
  tap(true, packet, size, now);
  if (!rules_.rtcpTaken) peer_->sendRtcp(packet, size);
}

void Leg::sendRtp(uint8_t* packet, size_t size) {
  if (present_ && !rules_.send) {
    block_.add(held);
    return;
  }
  if (!pair_ || !rtp_.address.known() || comesBack(rtp_, latch_.learned().known(), 0)) {
    block_.add(undeliverable);
    return;
  }
  const size_t sent = sender_ == nullptr ? size : sender_->protectRtp(packet, size);
  if (sent == 0 || !transmit(*pair_.rtp, rtp_, packet, sent)) {
    block_.add(undeliverable);
    return;
  }
  block_.add(packetsSent);
  block_.add(bytesSent, static_cast<double>(size));
}

void Leg::sendRtcp(uint8_t* packet, size_t size) {
  const bool mux = rules_.rtcpMux;
  Target& target = mux ? rtp_ : rtcp_;
  const bool learned = mux ? latch_.learned().known() : latch_.hasLearnedRtcp();
  if (!pair_ || !target.address.known() || comesBack(target, learned, mux ? 0 : 1)) return;
  if (sender_ != nullptr) size = sender_->protectRtcp(packet, size);
  if (size == 0) return;
  if (transmit(mux ? *pair_.rtp : *pair_.rtcp, target, packet, size)) block_.add(rtcpSent);
}

bool Leg::open(Opened outcome, const Address& from) {
  if (outcome == Opened::genuine) return true;
  if (!latch_.knows(from)) {
    // Who is not expected is a stranger, whatever its packets are.
    drop(from);
  } else {
    block_.add(outcome == Opened::replayed      ? replayed
               : outcome == Opened::unauthentic ? authenticationFailures
                                                : malformed);
  }
  return false;
}

void Leg::drop(const Address& from) {
  block_.add(strangers);
  block_.tellStranger(from);
}

void Leg::tap(bool rtcp, const uint8_t* packet, size_t size, double now) {
  if (!(rtcp ? tapsRtcp_ : tapsRtp_)) return;
  const uint32_t kind = index_ | (rtcp ? 2 : 0);
  Ring& taps = surroundings_.taps;
  if (taps.head() >= tappedTo_) tapped_ = 0;
  // A phone that floods us takes no more than its share of the room from the other calls.
  const size_t needed = Ring::recordSize(size);
  if (tapped_ + needed > taps.size() / tapShare || !taps.push(session_, kind, now, packet, size)) {
    block_.add(tapDropped);
    return;
  }
  tapped_ += needed;
  tappedTo_ = taps.tail();
  surroundings_.tapped = true;
}

void Leg::refresh() {
  seenChanges_ = latch_.changes();
  aim(rtp_, latch_.rtpTarget(), 0);
  aim(rtcp_, latch_.rtcpTarget(), 1);
  block_.tellLatched(latch_.learned());
}

void Leg::aim(Target& target, const Address& address, int which) {
  target.address = address;
  if (address.known()) target.length = address.toSockaddr(target.raw);
  target.known = surroundings_.ownPorts.known();
  target.own = surroundings_.ownPorts.number(address);
  if (pair_) surroundings_.ownPorts.sendsTo(pair_.port, which, target.own, address.port);
}

// Whether what is sent there would come to one of our own ports, and perhaps go round for ever. The address is an SDP's,
// or has been learned from packets: then a phone may be there all the same, whom a NAT shows as our public address and a
// port of ours. It is one unless the leg of that port sends to us.
bool Leg::comesBack(Target& target, bool learned, int which) {
  const OwnPorts& ports = surroundings_.ownPorts;
  if (target.known != ports.known()) aim(target, Address(target.address), which);
  if (target.own == 0 || !ports.leased(target.own, target.address.port)) return false;
  return !learned || ports.points(target.address.port, pair_.port);
}

bool Leg::transmit(const Socket& socket, const Target& target, const uint8_t* packet, size_t size) {
  const auto* to = reinterpret_cast<const sockaddr*>(&target.raw);
  return sendto(socket.fd(), packet, size, MSG_DONTWAIT, to, target.length) >= 0;
}

}  // namespace relay
