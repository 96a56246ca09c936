// The digest is used as it is, without what would allocate for each packet.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "srtp.h"

#include <algorithm>
#include <cstring>

#include "rtp.h"

namespace relay {

namespace {

constexpr size_t rtcpHeaderLength = 8;
constexpr size_t rtcpIndexLength = 4;
constexpr uint32_t rtcpIndexMask = 0x7fff'ffff;
constexpr uint32_t encrypted = 0x8000'0000;
constexpr int64_t cycle = 65'536;
constexpr size_t authenticationKeyLength = 20;
constexpr size_t rtcpTagLength = 10;
constexpr size_t gcmVectorLength = 12;

struct SuiteLengths {
  size_t key;
  size_t salt;
  size_t tag;
};

constexpr SuiteLengths lengths[] = {{16, 14, 10}, {16, 14, 4}, {16, 12, 16}, {32, 12, 16}};

const SuiteLengths& lengthsOf(SrtpSuite suite) { return lengths[static_cast<size_t>(suite)]; }

bool isGcm(SrtpSuite suite) { return suite >= SrtpSuite::gcm128; }

void write32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

// The packet index that lies nearest to the highest so far (RFC 3711 section 3.3.1), never below 0.
int64_t indexOf(const ReplayWindow& window, uint16_t sequence) {
  if (window.highest() < 0) return sequence;
  const int64_t highestSequence = window.highest() % cycle;
  const int64_t index = window.highest() - highestSequence + sequence;
  if (sequence - highestSequence > cycle / 2 && index >= cycle) return index - cycle;
  return highestSequence - sequence > cycle / 2 ? index + cycle : index;
}

uint32_t rolloversOf(int64_t index) { return static_cast<uint32_t>(index / cycle); }

// RFC 3711 section 4.3, RFC 7714 section 11. Whether it has succeeded.
bool derive(const SrtpKey& key, uint8_t label, uint8_t* to, size_t size) {
  const auto& [keyLength, saltLength, _] = lengthsOf(key.suite);
  uint8_t counter[16] = {};
  std::copy_n(key.bytes.data() + keyLength, saltLength, counter);
  counter[7] ^= label;
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  std::fill_n(to, size, uint8_t{0});
  int written = 0;
  const bool derived =
      EVP_EncryptInit_ex(context, keyLength == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), nullptr, key.bytes.data(),
                         counter) == 1 &&
      EVP_EncryptUpdate(context, to, &written, to, static_cast<int>(size)) == 1;
  EVP_CIPHER_CTX_free(context);
  OPENSSL_cleanse(counter, sizeof counter);
  return derived;
}

// Where a packet is decrypted before it is known to be genuine.
uint8_t* scratch() {
  static thread_local const auto memory = std::make_unique<uint8_t[]>(65'536);
  return memory.get();
}

}  // namespace

size_t srtpKeyLength(SrtpSuite suite) { return lengthsOf(suite).key + lengthsOf(suite).salt; }

bool ReplayWindow::isNew(int64_t index) const {
  if (index > highest_) return true;
  if (index + size <= highest_) return false;
  return (bits_[(index >> 5) & (words - 1)] & (1u << (index & 31))) == 0;
}

void ReplayWindow::add(int64_t index) {
  if (index > highest_) {
    const int64_t block = index >> 5;
    const int64_t ahead = highest_ < 0 ? words : block - (highest_ >> 5);
    for (int64_t i = std::min<int64_t>(ahead, words) - 1; i >= 0; i--) bits_[(block - i) & (words - 1)] = 0;
    highest_ = index;
  }
  bits_[(index >> 5) & (words - 1)] |= 1u << (index & 31);
}

ReplayWindow* SrtpSources::find(uint32_t ssrc) {
  for (auto& source : sources_) {
    if (source.usedAt == 0 || source.ssrc != ssrc) continue;
    source.usedAt = ++uses_;
    return &source.window;
  }
  return nullptr;
}

ReplayWindow& SrtpSources::add(uint32_t ssrc) {
  auto& oldest = *std::min_element(sources_.begin(), sources_.end(),
                                   [](const Source& a, const Source& b) { return a.usedAt < b.usedAt; });
  oldest = {ssrc, ++uses_, {}};
  return oldest.window;
}

SrtpCipher::SrtpCipher(const SrtpKey& key, uint8_t label, bool encrypting)
    : gcm_(isGcm(key.suite)),
      tagLength_(label == 3 && !gcm_ ? rtcpTagLength : lengthsOf(key.suite).tag),
      cipher_(EVP_CIPHER_CTX_new()) {
  const auto& [keyLength, saltLength, _] = lengthsOf(key.suite);
  uint8_t encryption[32];
  usable_ = derive(key, label, encryption, keyLength) && derive(key, label + 2, salt_, saltLength);
  const EVP_CIPHER* type = keyLength == 32 ? EVP_aes_256_gcm() : gcm_ ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
  usable_ &= EVP_CipherInit_ex(cipher_.get(), type, nullptr, encryption, nullptr, encrypting || !gcm_ ? 1 : 0) == 1;
  OPENSSL_cleanse(encryption, sizeof encryption);
  if (gcm_) return;
  // RFC 2104: what HMAC does with its key, done once.
  uint8_t block[SHA_CBLOCK] = {};
  usable_ &= derive(key, label + 1, block, authenticationKeyLength);
  for (auto& byte : block) byte ^= 0x36;
  SHA1_Init(&inner_);
  SHA1_Update(&inner_, block, sizeof block);
  for (auto& byte : block) byte ^= 0x36 ^ 0x5c;
  SHA1_Init(&outer_);
  SHA1_Update(&outer_, block, sizeof block);
  OPENSSL_cleanse(block, sizeof block);
}

SrtpCipher::~SrtpCipher() {
  OPENSSL_cleanse(salt_, sizeof salt_);
  OPENSSL_cleanse(&inner_, sizeof inner_);
  OPENSSL_cleanse(&outer_, sizeof outer_);
}

size_t SrtpCipher::protectRtp(uint8_t* packet, size_t size, size_t header, uint32_t rollovers) {
  if (gcm_) {
    if (!rtpVector(packet, rollovers)) return 0;
    if (!sealGcm(packet + header, size - header, packet, header, nullptr, packet + size)) return 0;
  } else {
    if (!crypt(packet + header, size - header, ssrc(packet), rollovers, sequenceNumber(packet))) return 0;
    uint8_t word[4];
    write32(word, rollovers);
    authenticate(packet, size, word, packet + size);
  }
  return size + tagLength_;
}

size_t SrtpCipher::protectRtcp(uint8_t* packet, size_t size, uint32_t index) {
  uint8_t word[rtcpIndexLength];
  write32(word, index | encrypted);
  uint8_t* const body = packet + rtcpHeaderLength;
  if (gcm_) {
    if (!rtcpVector(packet, index)) return 0;
    if (!sealGcm(body, size - rtcpHeaderLength, packet, rtcpHeaderLength, word, packet + size)) return 0;
    std::copy_n(word, sizeof word, packet + size + tagLength_);
  } else {
    if (!crypt(body, size - rtcpHeaderLength, read32(packet + 4), index >> 16, static_cast<uint16_t>(index))) return 0;
    std::copy_n(word, sizeof word, packet + size);
    authenticate(packet, size + sizeof word, nullptr, packet + size + sizeof word);
  }
  return size + tagLength_ + rtcpIndexLength;
}

bool SrtpCipher::unprotectRtp(uint8_t* packet, size_t& size, size_t header, uint32_t rollovers) {
  if (size < header + tagLength_) return false;
  const size_t length = size - tagLength_;
  if (gcm_) {
    if (!rtpVector(packet, rollovers)) return false;
    if (!openGcm(packet + header, length - header, packet, header, nullptr, packet + length)) return false;
  } else {
    uint8_t word[4];
    uint8_t tag[SHA_DIGEST_LENGTH];
    write32(word, rollovers);
    authenticate(packet, length, word, tag);
    if (CRYPTO_memcmp(tag, packet + length, tagLength_) != 0) return false;
    if (!crypt(packet + header, length - header, ssrc(packet), rollovers, sequenceNumber(packet))) return false;
  }
  size = length;
  return true;
}

bool SrtpCipher::unprotectRtcp(uint8_t* packet, size_t& size) {
  uint8_t* const body = packet + rtcpHeaderLength;
  const size_t length = size - tagLength_ - rtcpIndexLength;
  const uint8_t* const word = gcm_ ? packet + size - rtcpIndexLength : packet + length;
  const uint32_t index = read32(word) & rtcpIndexMask;
  const bool readable = (read32(word) & encrypted) == 0;
  if (gcm_) {
    if (!rtcpVector(packet, index)) return false;
    // Not encrypted: all of it is authenticated, the index behind it (RFC 7714 section 9.3).
    const size_t head = readable ? length : rtcpHeaderLength;
    if (!openGcm(packet + head, length - head, packet, head, word, packet + length)) return false;
  } else {
    uint8_t tag[SHA_DIGEST_LENGTH];
    authenticate(packet, length + rtcpIndexLength, nullptr, tag);
    if (CRYPTO_memcmp(tag, packet + length + rtcpIndexLength, tagLength_) != 0) return false;
    if (!readable &&
        !crypt(body, length - rtcpHeaderLength, read32(packet + 4), index >> 16, static_cast<uint16_t>(index))) {
      return false;
    }
  }
  size = length;
  return true;
}

int64_t SrtpCipher::rtcpIndex(const uint8_t* packet, size_t size) const {
  if (size < rtcpHeaderLength + tagLength_ + rtcpIndexLength) return -1;
  return read32(packet + size - rtcpIndexLength - (gcm_ ? 0 : tagLength_)) & rtcpIndexMask;
}

bool SrtpCipher::crypt(uint8_t* bytes, size_t size, uint32_t ssrc, uint32_t high, uint16_t low) {
  uint8_t counter[16] = {};
  std::copy_n(salt_, sizeof salt_, counter);
  uint8_t packet[10];
  write32(packet, ssrc);
  write32(packet + 4, high);
  packet[8] = static_cast<uint8_t>(low >> 8);
  packet[9] = static_cast<uint8_t>(low);
  for (size_t i = 0; i < sizeof packet; i++) counter[4 + i] ^= packet[i];
  int written = 0;
  return setVector(counter) &&
         (size == 0 || EVP_CipherUpdate(cipher_.get(), bytes, &written, bytes, static_cast<int>(size)) == 1);
}

void SrtpCipher::authenticate(const uint8_t* packet, size_t size, const uint8_t* word, uint8_t* tag) const {
  uint8_t digest[SHA_DIGEST_LENGTH];
  SHA_CTX hash = inner_;
  SHA1_Update(&hash, packet, size);
  if (word != nullptr) SHA1_Update(&hash, word, 4);
  SHA1_Final(digest, &hash);
  hash = outer_;
  SHA1_Update(&hash, digest, sizeof digest);
  SHA1_Final(digest, &hash);
  std::copy_n(digest, tagLength_, tag);
}

bool SrtpCipher::setVector(const uint8_t* vector) {
  return usable_ && EVP_CipherInit_ex(cipher_.get(), nullptr, nullptr, nullptr, vector, -1) == 1;
}

// RFC 7714 section 8.1.
bool SrtpCipher::rtpVector(const uint8_t* packet, uint32_t rollovers) {
  uint8_t vector[gcmVectorLength] = {};
  std::copy_n(packet + 8, 4, vector + 2);
  write32(vector + 6, rollovers);
  std::copy_n(packet + 2, 2, vector + 10);
  for (size_t i = 0; i < sizeof vector; i++) vector[i] ^= salt_[i];
  return setVector(vector);
}

// RFC 7714 section 9.1.
bool SrtpCipher::rtcpVector(const uint8_t* packet, uint32_t index) {
  uint8_t vector[gcmVectorLength] = {};
  std::copy_n(packet + 4, 4, vector + 2);
  write32(vector + 8, index);
  for (size_t i = 0; i < sizeof vector; i++) vector[i] ^= salt_[i];
  return setVector(vector);
}

// `more`: four bytes that are authenticated behind those that stay readable.
bool SrtpCipher::sealGcm(uint8_t* from, size_t size, const uint8_t* readable, size_t readableSize, const uint8_t* more,
                         uint8_t* tag) {
  int written = 0;
  EVP_CipherUpdate(cipher_.get(), nullptr, &written, readable, static_cast<int>(readableSize));
  if (more != nullptr) EVP_CipherUpdate(cipher_.get(), nullptr, &written, more, rtcpIndexLength);
  if (size > 0 && EVP_CipherUpdate(cipher_.get(), from, &written, from, static_cast<int>(size)) != 1) return false;
  return EVP_CipherFinal_ex(cipher_.get(), from + size, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher_.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tagLength_), tag) == 1;
}

bool SrtpCipher::openGcm(uint8_t* from, size_t size, const uint8_t* readable, size_t readableSize, const uint8_t* more,
                         const uint8_t* tag) {
  uint8_t* const plain = scratch();
  int written = 0;
  EVP_CIPHER_CTX_ctrl(cipher_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tagLength_), const_cast<uint8_t*>(tag));
  EVP_CipherUpdate(cipher_.get(), nullptr, &written, readable, static_cast<int>(readableSize));
  if (more != nullptr) EVP_CipherUpdate(cipher_.get(), nullptr, &written, more, rtcpIndexLength);
  if (size > 0) EVP_CipherUpdate(cipher_.get(), plain, &written, from, static_cast<int>(size));
  if (EVP_CipherFinal_ex(cipher_.get(), plain + size, &written) != 1) return false;
  std::copy_n(plain, size, from);
  return true;
}

size_t SrtpSender::protectRtp(uint8_t* packet, size_t size) {
  const size_t header = rtpHeader(packet, size);
  if (header == 0) return 0;
  ReplayWindow* window = sources_.find(ssrc(packet));
  if (window == nullptr) window = &sources_.add(ssrc(packet));
  const int64_t index = indexOf(*window, sequenceNumber(packet));
  if (!window->isNew(index)) return 0;
  window->add(index);
  return rtp_.protectRtp(packet, size, header, rolloversOf(index));
}

size_t SrtpSender::protectRtcp(uint8_t* packet, size_t size) {
  if (size < rtcpHeaderLength || rtcpIndex_ > rtcpIndexMask) return 0;
  return rtcp_.protectRtcp(packet, size, rtcpIndex_++);
}

SrtpReceiver::SrtpReceiver(const SrtpKey& key, const SrtpReceiver* before) : rtp_(key, 0, false), rtcp_(key, 3, false) {
  if (before != nullptr) sourcesBefore_ = before->sources_;
}

Opened SrtpReceiver::unprotectRtp(uint8_t* packet, size_t& size) {
  const size_t header = rtpHeader(packet, size);
  if (header == 0) return Opened::malformed;
  ReplayWindow* const window = sources_.find(ssrc(packet));
  if (window == nullptr) return unprotectFirst(packet, size, header, ssrc(packet));
  const int64_t index = indexOf(*window, sequenceNumber(packet));
  if (!window->isNew(index)) return Opened::replayed;
  if (!rtp_.unprotectRtp(packet, size, header, rolloversOf(index))) return Opened::unauthentic;
  window->add(index);
  return Opened::genuine;
}

Opened SrtpReceiver::unprotectRtcp(uint8_t* packet, size_t& size) {
  const int64_t index = rtcp_.rtcpIndex(packet, size);
  if (index < 0) return Opened::malformed;
  const uint32_t source = read32(packet + 4);
  ReplayWindow* window = rtcpSources_.find(source);
  if (window != nullptr && !window->isNew(index)) return Opened::replayed;
  if (!rtcp_.unprotectRtcp(packet, size)) return Opened::unauthentic;
  if (window == nullptr) window = &rtcpSources_.add(source);
  window->add(index);
  return Opened::genuine;
}

// Only who has the key becomes a source. It may have been lost until its first wrap, or go on under another key.
Opened SrtpReceiver::unprotectFirst(uint8_t* packet, size_t& size, size_t header, uint32_t source) {
  uint32_t startingPoints[3] = {0, 1, 0};
  size_t count = 2;
  if (const ReplayWindow* before = sourcesBefore_ ? sourcesBefore_->find(source) : nullptr; before != nullptr) {
    startingPoints[1] = rolloversOf(before->highest());
    startingPoints[2] = startingPoints[1] + 1;
    count = 3;
  }
  for (size_t i = 0; i < count; i++) {
    if (!rtp_.unprotectRtp(packet, size, header, startingPoints[i])) continue;
    sources_.add(source).add(startingPoints[i] * cycle + sequenceNumber(packet));
    return Opened::genuine;
  }
  return Opened::unauthentic;
}

SrtpReceiver& PortSrtp::receiver(const SrtpKey& key) {
  if (receiver_ == nullptr || receiverKey_ != key) {
    receiver_ = std::make_unique<SrtpReceiver>(key, receiver_.get());
    receiverKey_ = key;
  }
  return *receiver_;
}

SrtpSender& PortSrtp::sender(const SrtpKey& key) {
  if (sender_ == nullptr || senderKey_ != key) {
    sender_ = std::make_unique<SrtpSender>(key);
    senderKey_ = key;
  }
  return *sender_;
}

}  // namespace relay
