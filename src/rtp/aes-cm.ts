import { createCipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { setUint32, uint32 } from './bytes.ts';
import { rtcpHeaderLength, rtcpIndexLength, rtcpIndexMask, type SrtpCipher } from './srtp-cipher.ts';
import type { SessionKeys } from './srtp-key.ts';

const blockLength = 16;
/** What is authenticated behind the packet: the rollover counter, or the index of RTCP. */
const wordLength = 4;
const encrypted = 0x8000_0000;

/** Counter blocks by their number, written anew for each packet: all ciphers share them, up to what a packet needs. */
const counters = new Array<Uint8Array | undefined>(128).fill(undefined);

/**
 * AES in counter mode with HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1). The key stream comes from one block cipher
 * kept open: to create a cipher in counter mode for each packet costs three times as much.
 */
export class AesCm implements SrtpCipher {
  readonly #blocks: ReturnType<typeof createCipheriv>;
  readonly #salt: Uint8Array;
  readonly #authenticationKey: KeyObject;
  readonly #tagLength: number;
  /** The tag of a packet while the rollover counter stands in its place. */
  readonly #tag: Uint8Array;

  constructor({ encryption, authentication, salt, tagLength }: SessionKeys) {
    this.#blocks = createCipheriv(`aes-${encryption.length * 8}-ecb`, encryption, null).setAutoPadding(false);
    this.#salt = salt;
    this.#authenticationKey = createSecretKey(authentication);
    this.#tagLength = tagLength;
    this.#tag = new Uint8Array(tagLength);
  }

  protectRtp(packet: Uint8Array, header: number, rollovers: number): Uint8Array {
    const sequence = (packet[2]! << 8) | packet[3]!;
    return this.#protect(packet, header, uint32(packet, 8), rollovers, sequence, rollovers, 0);
  }

  protectRtcp(packet: Uint8Array, index: number): Uint8Array {
    const word = index | encrypted;
    return this.#protect(packet, rtcpHeaderLength, uint32(packet, 4), index >>> 16, index, word, rtcpIndexLength);
  }

  unprotectRtp(packet: Uint8Array, header: number, rollovers: number): Uint8Array | null {
    const length = packet.length - this.#tagLength;
    if (length < header) return null;
    for (let i = 0; i < this.#tagLength; i++) this.#tag[i] = packet[length + i]!;
    // The counter is authenticated behind the packet, and does not travel: its place is where the tag was.
    setUint32(packet, length, rollovers);
    const genuine = this.#verify(packet, length + wordLength);
    packet.set(this.#tag, length);
    if (!genuine) return null;
    this.#decrypt(packet, header, length, uint32(packet, 8), rollovers, (packet[2]! << 8) | packet[3]!);
    return packet.subarray(0, length);
  }

  unprotectRtcp(packet: Uint8Array): Uint8Array | null {
    const authenticated = packet.length - this.#tagLength;
    for (let i = 0; i < this.#tagLength; i++) this.#tag[i] = packet[authenticated + i]!;
    if (!this.#verify(packet, authenticated)) return null;
    const length = authenticated - rtcpIndexLength;
    const index = this.rtcpIndex(packet);
    if (packet[length]! >= 0x80) {
      this.#decrypt(packet, rtcpHeaderLength, length, uint32(packet, 4), index >>> 16, index);
    }
    return packet.subarray(0, length);
  }

  rtcpIndex(packet: Uint8Array): number {
    const at = packet.length - this.#tagLength - rtcpIndexLength;
    return at < rtcpHeaderLength ? -1 : uint32(packet, at) & rtcpIndexMask;
  }

  /** `kept`: how many bytes of `word`, which is authenticated behind the packet, are part of what is sent. */
  #protect(
    packet: Uint8Array,
    header: number,
    ssrc: number,
    high: number,
    low: number,
    word: number,
    kept: number,
  ): Uint8Array {
    // What the block cipher returns becomes the packet: blocks for the header, the key stream, room for word and tag.
    const lead = (header + blockLength - 1) & -blockLength;
    const start = lead - header;
    const end = start + packet.length;
    const bytes = this.#keyStream(ssrc, high, low, lead, end + wordLength + this.#tagLength);
    for (let i = 0; i < header; i++) bytes[start + i] = packet[i]!;
    for (let i = header; i < packet.length; i++) bytes[start + i]! ^= packet[i]!;
    setUint32(bytes, end, word);
    const tag = this.#authenticate(bytes.subarray(start, end + wordLength));
    const tagAt = end + kept;
    for (let i = 0; i < this.#tagLength; i++) bytes[tagAt + i] = tag[i]!;
    // No Buffer, whose slice() would be no copy.
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, tagAt + this.#tagLength - start);
  }

  #decrypt(packet: Uint8Array, from: number, to: number, ssrc: number, high: number, low: number): void {
    const stream = this.#keyStream(ssrc, high, low, 0, to - from);
    for (let i = from; i < to; i++) packet[i]! ^= stream[i - from]!;
  }

  /**
   * The key stream of one packet, from `from` (whole blocks) up to `length` at least, in bytes of its own. The index is
   * `high` · 2^16 + the low 16 bits of `low`.
   */
  #keyStream(ssrc: number, high: number, low: number, from: number, length: number): Uint8Array {
    const count = (length + blockLength - 1) >>> 4;
    if (count === 0) return this.#salt;
    let blocks = counters[count];
    if (blocks === undefined) {
      blocks = new Uint8Array(count * blockLength);
      if (count < counters.length) counters[count] = blocks;
    }
    const salt = this.#salt;
    for (let i = 0; i < 14; i++) blocks[i] = salt[i]!;
    setUint32(blocks, 4, ssrc ^ uint32(salt, 4));
    setUint32(blocks, 8, high ^ uint32(salt, 8));
    blocks[12] = (low >>> 8) ^ salt[12]!;
    blocks[13] = low ^ salt[13]!;
    for (let at = blockLength; at < blocks.length; at++) blocks[at] = blocks[at - blockLength]!;
    for (let block = 0; block < count; block++) {
      const counter = block - (from >>> 4);
      blocks[block * blockLength + 14] = counter >>> 8;
      blocks[block * blockLength + 15] = counter;
    }
    return this.#blocks.update(blocks);
  }

  #verify(packet: Uint8Array, length: number): boolean {
    const tag = this.#authenticate(packet.subarray(0, length));
    // All bytes are looked at, so that the time says nothing of how many were right.
    let difference = 0;
    for (let i = 0; i < this.#tagLength; i++) difference |= tag[i]! ^ this.#tag[i]!;
    return difference === 0;
  }

  #authenticate(bytes: Uint8Array): Uint8Array {
    return createHmac('sha1', this.#authenticationKey).update(bytes).digest();
  }
}
