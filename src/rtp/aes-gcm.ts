import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { setUint32, uint32 } from './bytes.ts';
import { rtcpHeaderLength, rtcpIndexLength, rtcpIndexMask, type SrtpCipher } from './srtp-cipher.ts';
import type { SessionKeys } from './srtp-key.ts';

const encrypted = 0x8000_0000;

/** AES in Galois/counter mode (RFC 7714): the tag stands before the index of RTCP, and not behind it. */
export class AesGcm implements SrtpCipher {
  readonly #algorithm: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #key: KeyObject;
  readonly #salt: Uint8Array;
  readonly #tagLength: number;
  /** The initialisation vector of the packet at hand. */
  readonly #vector = new Uint8Array(12);
  /** What is authenticated and not encrypted of the RTCP packet at hand: its header and its index. */
  readonly #rtcpHead = new Uint8Array(rtcpHeaderLength + rtcpIndexLength);

  constructor({ encryption, salt, tagLength }: SessionKeys) {
    this.#algorithm = encryption.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm';
    this.#key = createSecretKey(encryption);
    this.#salt = salt;
    this.#tagLength = tagLength;
  }

  protectRtp(packet: Uint8Array, header: number, rollovers: number): Uint8Array {
    this.#setRtpVector(packet, rollovers);
    const protectedPacket = new Uint8Array(packet.length + this.#tagLength);
    this.#encrypt(packet, header, packet.subarray(0, header), protectedPacket);
    return protectedPacket;
  }

  protectRtcp(packet: Uint8Array, index: number): Uint8Array {
    const protectedPacket = new Uint8Array(packet.length + this.#tagLength + rtcpIndexLength);
    setUint32(protectedPacket, packet.length + this.#tagLength, index | encrypted);
    const head = this.#setRtcpVector(packet, index, index | encrypted);
    this.#encrypt(packet, rtcpHeaderLength, head, protectedPacket);
    return protectedPacket;
  }

  unprotectRtp(packet: Uint8Array, header: number, rollovers: number): Uint8Array | null {
    const length = packet.length - this.#tagLength;
    if (length < header) return null;
    this.#setRtpVector(packet, rollovers);
    return this.#decrypt(packet, header, length, packet.subarray(0, header));
  }

  unprotectRtcp(packet: Uint8Array): Uint8Array | null {
    const indexAt = packet.length - rtcpIndexLength;
    const length = indexAt - this.#tagLength;
    const word = uint32(packet, indexAt);
    const head = this.#setRtcpVector(packet, word & rtcpIndexMask, word);
    if (word >= encrypted) return this.#decrypt(packet, rtcpHeaderLength, length, head);
    // Not encrypted: all of it is authenticated, the index behind it (RFC 7714 section 9.3).
    const readable = new Uint8Array(length + rtcpIndexLength);
    readable.set(packet.subarray(0, length));
    setUint32(readable, length, word);
    return this.#decrypt(packet, length, length, readable);
  }

  rtcpIndex(packet: Uint8Array): number {
    const at = packet.length - rtcpIndexLength;
    return at < rtcpHeaderLength + this.#tagLength ? -1 : uint32(packet, at) & rtcpIndexMask;
  }

  /** RFC 7714 section 8.1. */
  #setRtpVector(packet: Uint8Array, rollovers: number): void {
    const vector = this.#vector;
    vector[0] = 0;
    vector[1] = 0;
    for (let i = 0; i < 4; i++) vector[2 + i] = packet[8 + i]!;
    setUint32(vector, 6, rollovers);
    vector[10] = packet[2]!;
    vector[11] = packet[3]!;
    this.#addSalt();
  }

  /** RFC 7714 section 9.1; returns what is authenticated and not encrypted of an encrypted packet (section 9.2). */
  #setRtcpVector(packet: Uint8Array, index: number, word: number): Uint8Array {
    const vector = this.#vector;
    vector.fill(0);
    for (let i = 0; i < 4; i++) vector[2 + i] = packet[4 + i]!;
    setUint32(vector, 8, index);
    this.#addSalt();
    for (let i = 0; i < rtcpHeaderLength; i++) this.#rtcpHead[i] = packet[i]!;
    setUint32(this.#rtcpHead, rtcpHeaderLength, word);
    return this.#rtcpHead;
  }

  #addSalt(): void {
    for (let i = 0; i < this.#vector.length; i++) this.#vector[i]! ^= this.#salt[i]!;
  }

  /** Writes the header, what follows it encrypted, and the tag into `to`. */
  #encrypt(packet: Uint8Array, header: number, readable: Uint8Array, to: Uint8Array): void {
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#vector);
    cipher.setAAD(readable);
    for (let i = 0; i < header; i++) to[i] = packet[i]!;
    to.set(cipher.update(packet.subarray(header)), header);
    cipher.final();
    to.set(cipher.getAuthTag(), packet.length);
  }

  /** The packet without its tag, which stands at `length`; null when it is not genuine. */
  #decrypt(packet: Uint8Array, header: number, length: number, readable: Uint8Array): Uint8Array | null {
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#vector, { authTagLength: this.#tagLength });
    decipher.setAAD(readable);
    decipher.setAuthTag(packet.subarray(length, length + this.#tagLength));
    const plain = decipher.update(packet.subarray(header, length));
    try {
      decipher.final();
    } catch {
      return null;
    }
    packet.set(plain, header);
    return packet.subarray(0, length);
  }
}
