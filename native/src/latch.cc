#include "latch.h"

#include <algorithm>

namespace relay {

namespace {

constexpr double silence = 3000;
constexpr double proofTime = 5000;
constexpr int proofPackets = 5;

Address withPort(Address address, uint32_t port) {
  if (port > 65'535) return {};
  address.port = static_cast<uint16_t>(port);
  return address.asTarget();
}

}  // namespace

const Address& Latch::rtcpTarget() const {
  if (learnedRtcp_.known()) return learnedRtcp_;
  return besideLearned_.known() ? besideLearned_ : sdpRtcp_;
}

void Latch::arm(const Remote& remote, const Address& signalling, double now) {
  sdpIp_ = remote.known ? remote.ip : Address{};
  sdpIp_.port = 0;
  sdp_ = withPort(sdpIp_, remote.port);
  sdpPort_ = sdp_.port;
  sdpRtcp_ = withPort(sdpIp_, remote.rtcpPort);
  expectSignalling(signalling);
  armedAt_ = now;
  if (learned_.known()) former_ = learned_;
  learned_ = {};
  trust_ = unknown;
  candidateCount_ = 0;
  learnedRtcp_ = {};
  besideLearned_ = {};
  changes_++;
}

bool Latch::acceptRtp(const Address& from, uint32_t ssrc, uint16_t sequence, bool negotiated, double now) {
  if (learned_.known() && learned_ == from) {
    heardAt_ = now;
    return true;
  }
  const Trust trust = trustIn(from);
  if (learned_.known()) {
    const bool silent = now - heardAt_ >= silence;
    const bool takesOver = trust > trust_ || (silent && (trust > unknown || from.sameHost(learned_)));
    if (takesOver) learn(from, trust == unknown ? proven : trust, now);
    return takesOver;
  }
  if (trust > unknown) {
    learn(from, trust, now);
  } else if (negotiated && proves(from, ssrc, sequence, now)) {
    learn(from, proven, now);
  }
  return learned_.known();
}

bool Latch::acceptRtcp(const Address& from, double now) {
  if (learnedRtcp_.known() && learnedRtcp_ == from) {
    rtcpHeardAt_ = now;
    return true;
  }
  if (!knows(from) || (learnedRtcp_.known() && now - rtcpHeardAt_ < silence)) return false;
  learnedRtcp_ = from;
  rtcpHeardAt_ = now;
  changes_++;
  return true;
}

Latch::Trust Latch::trustIn(const Address& from) const {
  if (!expects(from)) return unknown;
  if (sdp_.known() && from.port == sdpPort_ && from.sameIp(sdpIp_)) return named;
  return former_.known() && from == former_ ? former : expected;
}

bool Latch::expects(const Address& from) const {
  return (sdpIp_.known() && from.sameIp(sdpIp_)) || (signallingIp_.known() && from.sameIp(signallingIp_));
}

void Latch::learn(const Address& from, Trust trust, double now) {
  // RTCP of another machine than the one that media comes from is a leftover.
  if (learnedRtcp_.known() && !learnedRtcp_.sameHost(from)) learnedRtcp_ = {};
  learned_ = from;
  trust_ = trust;
  heardAt_ = now;
  candidateCount_ = 0;
  // A far end that sends from where its SDP says receives RTCP where its SDP says.
  besideLearned_ = trust == named ? sdpRtcp_ : withPort(from, static_cast<uint32_t>(from.port) + 1);
  changes_++;
}

bool Latch::proves(const Address& from, uint32_t ssrc, uint16_t sequence, double now) {
  if (!sdpIp_.known() || now - armedAt_ > proofTime) return false;
  Candidate* const end = candidates_ + candidateCount_;
  Candidate* candidate = std::find_if(candidates_, end, [&](const Candidate& known) { return known.from == from; });
  if (candidate == end) {
    if (candidateCount_ == candidateLimit) {
      std::move(candidates_ + 1, end, candidates_);
      candidate--;
    } else {
      candidateCount_++;
    }
    *candidate = {from, ssrc, sequence, 0};
  }
  const bool inRow = candidate->ssrc == ssrc && candidate->next == sequence;
  candidate->ssrc = ssrc;
  candidate->next = static_cast<uint16_t>(sequence + 1);
  candidate->count = inRow ? static_cast<uint16_t>(candidate->count + 1) : 1;
  return candidate->count >= proofPackets;
}

}  // namespace relay
