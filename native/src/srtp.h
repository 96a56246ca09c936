// SRTP and SRTCP (RFC 3711, RFC 7714) by the OpenSSL that Node brings: src/rtp/srtp.ts and src/media/relay/port-srtp.ts in C++.
// A context belongs to one thread at a time; nothing is allocated for a packet.
#pragma once

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace relay {

// Positions in the list of suites of src/media/relay/native-session.ts.
enum class SrtpSuite : uint8_t { cm80, cm32, gcm128, gcm256 };

// Master key and master salt, one behind the other, as long as the suite has them.
struct SrtpKey {
  SrtpSuite suite = SrtpSuite::cm80;
  std::array<uint8_t, 44> bytes{};
  bool operator==(const SrtpKey&) const = default;

  SrtpKey() = default;
  SrtpKey(const SrtpKey&) = default;
  SrtpKey& operator=(const SrtpKey&) = default;
  // Nobody finds it in memory that is used again.
  ~SrtpKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

struct SrtpKeys {
  SrtpKey receive;
  SrtpKey send;
};

// How many bytes `SrtpKey::bytes` uses.
size_t srtpKeyLength(SrtpSuite suite);

// What has become of a packet that was to be opened.
enum class Opened { genuine, malformed, unauthentic, replayed };

// How many bytes a packet may grow by, for which there must be room behind it.
inline constexpr size_t srtpGrowth = 32;

// Which of the latest packet indices have been seen (RFC 3711 section 3.3.2).
class ReplayWindow {
 public:
  int64_t highest() const { return highest_; }
  bool isNew(int64_t index) const;
  void add(int64_t index);

 private:
  static constexpr int words = 8;
  static constexpr int64_t size = (words - 1) * 32;
  uint32_t bits_[words] = {};
  int64_t highest_ = -1;
};

// The packets of each source, by SSRC; who has been silent for longest is forgotten when there are too many.
class SrtpSources {
 public:
  ReplayWindow* find(uint32_t ssrc);
  ReplayWindow& add(uint32_t ssrc);

 private:
  struct Source {
    uint32_t ssrc = 0;
    uint64_t usedAt = 0;  // 0: nobody
    ReplayWindow window;
  };
  std::array<Source, 16> sources_;
  uint64_t uses_ = 0;
};

// Protects or opens single packets under the session keys of RTP or of RTCP, in place.
class SrtpCipher {
 public:
  // `label` of the key derivation (RFC 3711 section 4.3.1): 0 for RTP, 3 for RTCP.
  SrtpCipher(const SrtpKey& key, uint8_t label, bool encrypting);
  ~SrtpCipher();

  // The new size; 0 where it could not be encrypted.
  size_t protectRtp(uint8_t* packet, size_t size, size_t header, uint32_t rollovers);
  size_t protectRtcp(uint8_t* packet, size_t size, uint32_t index);
  // Whether it is genuine, and then its new size; else the packet is as it was.
  bool unprotectRtp(uint8_t* packet, size_t& size, size_t header, uint32_t rollovers);
  bool unprotectRtcp(uint8_t* packet, size_t& size);
  // What an SRTCP packet gives as its index, genuine or not; -1 where it is too short.
  int64_t rtcpIndex(const uint8_t* packet, size_t size) const;

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  // Encrypts or decrypts with the key stream of a packet (RFC 3711 section 4.1.1).
  bool crypt(uint8_t* bytes, size_t size, uint32_t ssrc, uint32_t high, uint16_t low);
  void authenticate(const uint8_t* packet, size_t size, const uint8_t* word, uint8_t* tag) const;
  bool setVector(const uint8_t* vector);
  bool rtpVector(const uint8_t* packet, uint32_t rollovers);
  bool rtcpVector(const uint8_t* packet, uint32_t index);
  bool openGcm(uint8_t* from, size_t size, const uint8_t* readable, size_t readableSize, const uint8_t* more,
               const uint8_t* tag);
  bool sealGcm(uint8_t* from, size_t size, const uint8_t* readable, size_t readableSize, const uint8_t* more,
               uint8_t* tag);

  const bool gcm_;
  const size_t tagLength_;
  // Whether there are keys: without, nothing is encrypted and nothing opened.
  bool usable_ = true;
  uint8_t salt_[14] = {};
  std::unique_ptr<EVP_CIPHER_CTX, Free> cipher_;
  // HMAC-SHA1 that has taken its key, inside and outside.
  SHA_CTX inner_{};
  SHA_CTX outer_{};
};

// Encrypts what we send to one phone.
class SrtpSender {
 public:
  explicit SrtpSender(const SrtpKey& key) : rtp_(key, 0, true), rtcp_(key, 3, true) {}
  // The new size; 0 where it is malformed, has been sent before or is too old to tell.
  size_t protectRtp(uint8_t* packet, size_t size);
  // 0 where it is malformed or the indices are used up.
  size_t protectRtcp(uint8_t* packet, size_t size);

 private:
  SrtpCipher rtp_;
  SrtpCipher rtcp_;
  SrtpSources sources_;
  uint32_t rtcpIndex_ = 0;
};

// Opens what one phone sends, each packet once.
class SrtpReceiver {
 public:
  // `before`: what opened this phone's packets under another key.
  SrtpReceiver(const SrtpKey& key, const SrtpReceiver* before);
  Opened unprotectRtp(uint8_t* packet, size_t& size);
  Opened unprotectRtcp(uint8_t* packet, size_t& size);

 private:
  Opened unprotectFirst(uint8_t* packet, size_t& size, size_t header, uint32_t source);

  SrtpCipher rtp_;
  SrtpCipher rtcp_;
  SrtpSources sources_;
  SrtpSources rtcpSources_;
  std::optional<SrtpSources> sourcesBefore_;
};

// The contexts of a pair of ports, which go on while the keys are the same.
class PortSrtp {
 public:
  SrtpReceiver& receiver(const SrtpKey& key);
  SrtpSender& sender(const SrtpKey& key);

 private:
  SrtpKey receiverKey_;
  SrtpKey senderKey_;
  std::unique_ptr<SrtpReceiver> receiver_;
  std::unique_ptr<SrtpSender> sender_;
};

}  // namespace relay
