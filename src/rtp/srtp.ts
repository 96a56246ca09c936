import { AesCm } from './aes-cm.ts';
import { AesGcm } from './aes-gcm.ts';
import { uint32 } from './bytes.ts';
import { headerLength, sequenceNumber, ssrc } from './packet.ts';
import { ReplayWindow } from './replay-window.ts';
import { rtcpHeaderLength, rtcpIndexMask, type SrtpCipher } from './srtp-cipher.ts';
import { deriveSessionKeys, type SessionKeys, type SrtpKey } from './srtp-key.ts';

/** Why a packet was not opened: `unauthentic` is a wrong key, or an altered packet. */
export type SrtpRefusal = 'malformed' | 'unauthentic' | 'replayed';

/** How many sources of one phone are remembered: after each transfer or restart there may be another. */
const maximumSources = 16;
const cycle = 65_536;

/**
 * Encrypts what we send to one phone (RFC 3711, RFC 7714). One context a source, made with its first packet; what the
 * sequence numbers say before that is nobody's business, as the rollover counter begins with 0 (RFC 4568 section 6.4).
 */
export class SrtpSender {
  readonly #rtp: SrtpCipher;
  readonly #rtcp: SrtpCipher;
  readonly #sources = new Sources();
  #rtcpIndex = 0;

  /** @throws Error when the key has not the length of its suite */
  constructor(key: SrtpKey) {
    const { rtp, rtcp } = deriveSessionKeys(key);
    this.#rtp = cipherOf(rtp);
    this.#rtcp = cipherOf(rtcp);
  }

  /**
   * The packet encrypted, in bytes of its own; null when it is malformed, has been sent before, or is too old to tell:
   * one key stream never encrypts two packets (RFC 3711 section 9.1), and who receives it would refuse it.
   */
  protectRtp(packet: Uint8Array): Uint8Array | null {
    const header = headerLength(packet);
    if (header < 0) return null;
    const source = ssrc(packet);
    const window = this.#sources.find(source) ?? this.#sources.add(source);
    const index = indexOf(window, sequenceNumber(packet));
    if (!window.isNew(index)) return null;
    window.add(index);
    return this.#rtp.protectRtp(packet, header, Math.floor(index / cycle));
  }

  /** The compound packet encrypted, in bytes of its own; null when it is malformed or the indices are used up. */
  protectRtcp(packet: Uint8Array): Uint8Array | null {
    if (packet.length < rtcpHeaderLength || this.#rtcpIndex > rtcpIndexMask) return null;
    return this.#rtcp.protectRtcp(packet, this.#rtcpIndex++);
  }
}

/** Opens what one phone sends (RFC 3711, RFC 7714), each packet once. */
export class SrtpReceiver {
  readonly #rtp: SrtpCipher;
  readonly #rtcp: SrtpCipher;
  readonly #sources = new Sources();
  readonly #rtcpSources = new Sources();
  readonly #sourcesBefore: Sources | null;

  /**
   * `before`: what opened this phone's packets under another key. A source begins its count of rollovers anew with a
   * new key (RFC 4568 section 6.4), or goes on with the one that it had (RFC 3711 section 3.3.1): both are understood.
   * @throws Error when the key has not the length of its suite
   */
  constructor(key: SrtpKey, before: SrtpReceiver | null = null) {
    const { rtp, rtcp } = deriveSessionKeys(key);
    this.#rtp = cipherOf(rtp);
    this.#rtcp = cipherOf(rtcp);
    this.#sourcesBefore = before === null ? null : before.#sources;
  }

  /** The RTP packet, decrypted in the given bytes; else they are as they were. */
  unprotectRtp(packet: Uint8Array): Uint8Array | SrtpRefusal {
    const header = headerLength(packet);
    if (header < 0) return 'malformed';
    const source = ssrc(packet);
    const window = this.#sources.find(source);
    if (window === null) return this.#unprotectFirst(packet, header, source);
    const index = indexOf(window, sequenceNumber(packet));
    if (!window.isNew(index)) return 'replayed';
    const plain = this.#rtp.unprotectRtp(packet, header, Math.floor(index / cycle));
    if (plain === null) return 'unauthentic';
    window.add(index);
    return plain;
  }

  /** The compound RTCP packet, decrypted in the given bytes; else they are as they were. */
  unprotectRtcp(packet: Uint8Array): Uint8Array | SrtpRefusal {
    const index = this.#rtcp.rtcpIndex(packet);
    if (index < 0) return 'malformed';
    const source = uint32(packet, 4);
    const window = this.#rtcpSources.find(source);
    if (window !== null && !window.isNew(index)) return 'replayed';
    const plain = this.#rtcp.unprotectRtcp(packet);
    if (plain === null) return 'unauthentic';
    (window ?? this.#rtcpSources.add(source)).add(index);
    return plain;
  }

  /** Only who has the key becomes a source: strangers can't fill the table. */
  #unprotectFirst(packet: Uint8Array, header: number, source: number): Uint8Array | SrtpRefusal {
    for (const rollovers of this.#startingPoints(source)) {
      const plain = this.#rtp.unprotectRtp(packet, header, rollovers);
      if (plain === null) continue;
      this.#sources.add(source).add(rollovers * cycle + sequenceNumber(packet));
      return plain;
    }
    return 'unauthentic';
  }

  /** A source may have been lost until its first wrap: phones begin with any number, and send before they are heard. */
  #startingPoints(source: number): readonly number[] {
    const highest = this.#sourcesBefore?.find(source)?.highest;
    return highest === undefined ? [0, 1] : [0, Math.floor(highest / cycle), Math.floor(highest / cycle) + 1];
  }
}

/** The packets of each source, by SSRC; who has been silent for longest is forgotten when there are too many. */
class Sources {
  readonly #windows = new Map<number, ReplayWindow>();
  #lastSource = -1;
  #last: ReplayWindow | null = null;

  find(source: number): ReplayWindow | null {
    if (source === this.#lastSource) return this.#last;
    const window = this.#windows.get(source);
    if (window === undefined) return null;
    this.#windows.delete(source);
    this.#windows.set(source, window);
    return this.#use(source, window);
  }

  add(source: number): ReplayWindow {
    const window = new ReplayWindow();
    this.#windows.set(source, window);
    if (this.#windows.size > maximumSources) {
      const [oldest] = this.#windows.keys();
      this.#windows.delete(oldest!);
    }
    return this.#use(source, window);
  }

  #use(source: number, window: ReplayWindow): ReplayWindow {
    this.#lastSource = source;
    this.#last = window;
    return window;
  }
}

function cipherOf(keys: SessionKeys): SrtpCipher {
  return keys.cipher === 'AES-CM' ? new AesCm(keys) : new AesGcm(keys);
}

/** The packet index that lies nearest to the highest so far (RFC 3711 section 3.3.1), never below 0. */
function indexOf(window: ReplayWindow, sequence: number): number {
  const { highest } = window;
  if (highest < 0) return sequence;
  const highestSequence = highest % cycle;
  const index = highest - highestSequence + sequence;
  if (sequence - highestSequence > cycle / 2 && index >= cycle) return index - cycle;
  return highestSequence - sequence > cycle / 2 ? index + cycle : index;
}
