// Knows where a leg's packets come from and so where to send (RFC 7362): src/media/relay/latch.ts in C++, rule for rule.
#pragma once

#include <cstdint>

#include "address.h"

namespace relay {

// Where the far end says that it receives. An IP that is none has family 0.
struct Remote {
  bool known = false;
  Address ip;
  uint16_t port = 0;
  uint16_t rtcpPort = 0;
};

class Latch {
 public:
  // A new description of the far end: whatever was learned counts no longer. Times are monotonic, in ms.
  void arm(const Remote& remote, const Address& signalling, double now);
  void expectSignalling(const Address& signalling) { signallingIp_ = signalling; }

  bool acceptRtp(const Address& from, uint32_t ssrc, uint16_t sequence, bool negotiated, double now);
  bool acceptRtcp(const Address& from, double now);

  // Whether a packet from this IP may be taken for the leg's although it proves nothing.
  bool knows(const Address& from) const { return (learned_.known() && from.sameHost(learned_)) || expects(from); }

  const Address& learned() const { return learned_; }
  const Address& rtpTarget() const { return learned_.known() ? learned_ : sdp_; }
  const Address& rtcpTarget() const;
  bool hasLearnedRtcp() const { return learnedRtcp_.known() || besideLearned_.known(); }
  // Another number than before: a target may be another.
  uint32_t changes() const { return changes_; }

 private:
  enum Trust : uint8_t { unknown, proven, former, expected, named };

  struct Candidate {
    Address from;
    uint32_t ssrc = 0;
    uint16_t next = 0;
    uint16_t count = 0;
  };

  bool expects(const Address& from) const;
  Trust trustIn(const Address& from) const;
  void learn(const Address& from, Trust trust, double now);
  bool proves(const Address& from, uint32_t ssrc, uint16_t sequence, double now);

  static constexpr int candidateLimit = 4;

  Address sdp_;
  Address sdpRtcp_;
  Address sdpIp_;
  uint16_t sdpPort_ = 0;
  Address signallingIp_;
  double armedAt_ = 0;

  Address learned_;
  Trust trust_ = unknown;
  double heardAt_ = 0;
  Address former_;
  Candidate candidates_[candidateLimit];
  int candidateCount_ = 0;

  Address learnedRtcp_;
  double rtcpHeardAt_ = 0;
  Address besideLearned_;
  uint32_t changes_ = 0;
};

}  // namespace relay
