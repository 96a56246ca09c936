#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#if __has_include(<openssl/evp.h>)
// SHA-1 states that can be copied cost a third of what the newer interface asks for.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>
#define WITH_SRTP 1
#else
#define WITH_SRTP 0
#endif

constexpr int kTag = 10;

// One direction of one phone: AES_CM_128_HMAC_SHA1_80 of RFC 3711 by OpenSSL's primitives, where they were there when
// this was compiled; "-" instead of a key is plain. Written apart from what it measures, so that it checks that too.
class Crypt {
 public:
  // `key`: master key (16 bytes) and salt (14) in hexadecimal.
  void open(const std::string& key) {
    if (key == "-") return;
#if WITH_SRTP
    if (key.size() != 60) fail("an SRTP key and salt are 30 bytes");
    uint8_t master[16], masterSalt[16] = {};
    for (size_t i = 0; i < 30; i++) {
      const uint8_t byte = static_cast<uint8_t>(std::stoul(key.substr(2 * i, 2), nullptr, 16));
      if (i < 16) master[i] = byte;
      else masterSalt[i - 16] = byte;
    }
    uint8_t cipherKey[16], authKey[64] = {};
    derive(master, masterSalt, 0, cipherKey, 16);
    derive(master, masterSalt, 1, authKey, 20);
    derive(master, masterSalt, 2, salt_, 14);
    cipher_ = EVP_CIPHER_CTX_new();
    if (EVP_EncryptInit_ex(cipher_, EVP_aes_128_ctr(), nullptr, cipherKey, salt_) != 1) fail("OpenSSL refuses AES");
    for (auto [state, pad] : {std::pair{&inner_, 0x36}, std::pair{&outer_, 0x5c}}) {
      uint8_t block[64];
      for (int i = 0; i < 64; i++) block[i] = static_cast<uint8_t>(authKey[i] ^ pad);
      SHA1_Init(state);
      SHA1_Update(state, block, sizeof block);
    }
#else
    fail("compiled without OpenSSL");
#endif
  }

  // In place, as the packet's `index` (RFC 3711 section 3.3.1); the new length.
  int protect(uint8_t* packet, int length, uint64_t index) {
#if WITH_SRTP
    if (!cipher_) return length;
    crypt(packet, length, index);
    uint8_t tag[SHA_DIGEST_LENGTH];
    authenticate(packet, length, index, tag);
    memcpy(packet + length, tag, kTag);
    return length + kTag;
#else
    (void)packet, (void)index;
    return length;
#endif
  }

  // In place; the new length, or -1 where the packet is not authentic.
  int unprotect(uint8_t* packet, int length) {
#if WITH_SRTP
    if (!cipher_) return length;
    length -= kTag;
    if (length < 12) return -1;
    const uint64_t index = indexOf(static_cast<uint16_t>(packet[2] << 8 | packet[3]));
    uint8_t tag[SHA_DIGEST_LENGTH];
    authenticate(packet, length, index, tag);
    if (memcmp(packet + length, tag, kTag) != 0) return -1;
    crypt(packet, length, index);
    if (index > highest_) highest_ = index;
#else
    (void)packet;
#endif
    return length;
  }

 private:
  [[noreturn]] static void fail(const char* why) {
    fprintf(stderr, "generator: %s\n", why);
    exit(1);
  }

#if WITH_SRTP
  // Section 4.3, with a key derivation rate of 0.
  static void derive(const uint8_t* master, const uint8_t* salt, uint8_t label, uint8_t* out, int length) {
    uint8_t start[16];
    memcpy(start, salt, 16);
    start[7] ^= label;
    EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
    uint8_t zeros[32] = {}, stream[32];
    int written = 0;
    EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), nullptr, master, start);
    EVP_EncryptUpdate(cipher, stream, &written, zeros, sizeof zeros);
    EVP_CIPHER_CTX_free(cipher);
    memcpy(out, stream, static_cast<size_t>(length));
  }

  // Section 4.1.1: the counter begins with salt, SSRC and index. Headers here are always 12 bytes long.
  void crypt(uint8_t* packet, int length, uint64_t index) {
    uint8_t start[16];
    memcpy(start, salt_, 16);
    for (int i = 0; i < 4; i++) start[4 + i] ^= packet[8 + i];
    for (int i = 0; i < 6; i++) start[8 + i] ^= static_cast<uint8_t>(index >> (8 * (5 - i)));
    int written = 0;
    EVP_EncryptInit_ex(cipher_, nullptr, nullptr, nullptr, start);
    EVP_EncryptUpdate(cipher_, packet + 12, &written, packet + 12, length - 12);
  }

  // Section 4.2: over the packet and the rollover counter.
  void authenticate(const uint8_t* packet, int length, uint64_t index, uint8_t* tag) const {
    uint8_t rollover[4];
    for (int i = 0; i < 4; i++) rollover[i] = static_cast<uint8_t>(index >> (16 + 8 * (3 - i)));
    SHA_CTX state = inner_;
    SHA1_Update(&state, packet, static_cast<size_t>(length));
    SHA1_Update(&state, rollover, sizeof rollover);
    SHA1_Final(tag, &state);
    state = outer_;
    SHA1_Update(&state, tag, SHA_DIGEST_LENGTH);
    SHA1_Final(tag, &state);
  }

  uint64_t indexOf(uint16_t sequence) const {
    const uint64_t guess = (highest_ & ~uint64_t{0xffff}) | sequence;
    if (guess + 0x8000 < highest_) return guess + 0x10000;
    if (guess > highest_ + 0x8000 && guess >= 0x10000) return guess - 0x10000;
    return guess;
  }

  EVP_CIPHER_CTX* cipher_ = nullptr;
  uint8_t salt_[16] = {};
  SHA_CTX inner_;
  SHA_CTX outer_;
  uint64_t highest_ = 0;
#endif
};
