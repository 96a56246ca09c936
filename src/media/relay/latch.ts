import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Address } from '../../base/index.ts';
import type { RemoteMedia } from './relay.ts';

/** Silence after which a source that has been learned may be replaced by its like, in ms. */
const silence = 3000;
/** How long after arming an unexpected source may prove itself, in ms, and by how many packets in a row. */
const proofTime = 5000;
const proofPackets = 5;
/** How many unexpected sources are looked at side by side. */
const candidateLimit = 4;

// How much a source is trusted. More trust takes over at once; as much trust has to wait for silence.
const unknown = 0;
const proven = 1; // by packets in a row
const former = 2; // an expected IP, but the very source from before the latch was armed: perhaps its last packets
const expected = 3; // the IP of the SDP or of the signalling
const named = 4; // exactly what the SDP says

interface Candidate extends Address {
  ssrc: number;
  next: number;
  count: number;
}

/**
 * Knows where a leg's packets come from and so where to send (RFC 7362, "latching"): the address in the SDP until a
 * source has been learned, then that source. A pure function of what it is told; times are monotonic, in ms.
 */
export class Latch {
  #sdp: Address | null = null;
  #sdpRtcp: Address | null = null;
  #sdpIp: string | null = null;
  #signallingIp: string | null = null;
  #armedAt = 0;

  #learned: Address | null = null;
  #trust = unknown;
  #heardAt = 0;
  #former: Address | null = null;
  readonly #candidates: Candidate[] = [];

  #learnedRtcp: Address | null = null;
  #rtcpHeardAt = 0;
  /** The port above the learned one, where RTCP is expected to be. */
  #besideLearned: Address | null = null;

  /** The source that media comes from, once learned. */
  get learned(): Address | null {
    return this.#learned;
  }

  /** Where RTP is to be sent; null where nothing usable is known. */
  get rtpTarget(): Address | null {
    return this.#learned ?? this.#sdp;
  }

  /** Where RTCP is to be sent: the source of RTCP, else beside the source of RTP, else as the SDP says. */
  get rtcpTarget(): Address | null {
    return this.#learnedRtcp ?? this.#besideLearned ?? this.#sdpRtcp;
  }

  /** Whether `rtcpTarget` follows from packets, not from the SDP alone. */
  get hasLearnedRtcp(): boolean {
    return this.#learnedRtcp !== null || this.#besideLearned !== null;
  }

  /** A new description of the far end: whatever was learned counts no longer. */
  arm(remote: RemoteMedia | null, signalling: string | null, now: number): void {
    const ip = remote && canonicalIp(remote.address);
    this.#sdpIp = ip;
    this.#sdp = remote && target(ip, remote.port);
    this.#sdpRtcp = remote && target(ip, remote.rtcpPort);
    this.expectSignalling(signalling);
    this.#armedAt = now;
    this.#former = this.#learned ?? this.#former;
    this.#learned = null;
    this.#trust = unknown;
    this.#candidates.length = 0;
    this.#learnedRtcp = null;
    this.#besideLearned = null;
  }

  /** The signalling comes from another address now; what was learned stays. */
  expectSignalling(signalling: string | null): void {
    this.#signallingIp = signalling && canonicalIp(signalling);
  }

  /** Whether an RTP packet from there is the leg's; `negotiated`: its payload type is one that was agreed. */
  acceptRtp(from: Address, ssrc: number, sequence: number, negotiated: boolean, now: number): boolean {
    const learned = this.#learned;
    if (learned !== null && learned.port === from.port && learned.address === from.address) {
      this.#heardAt = now;
      return true;
    }
    const trust = this.#trustIn(from);
    if (learned !== null) {
      const silent = now - this.#heardAt >= silence;
      const takesOver = trust > this.#trust || (silent && (trust > unknown || from.address === learned.address));
      if (takesOver) this.#learn(from, trust === unknown ? proven : trust, now);
      return takesOver;
    }
    if (trust > unknown) this.#learn(from, trust, now);
    else if (negotiated && this.#proves(from, ssrc, sequence, now)) this.#learn(from, proven, now);
    return this.#learned !== null;
  }

  /** Whether an RTCP packet from there is the leg's. */
  acceptRtcp(from: Address, now: number): boolean {
    const learned = this.#learnedRtcp;
    if (learned !== null && learned.port === from.port && learned.address === from.address) {
      this.#rtcpHeardAt = now;
      return true;
    }
    if (!this.knows(from) || (learned !== null && now - this.#rtcpHeardAt < silence)) return false;
    this.#learnedRtcp = { address: from.address, port: from.port };
    this.#rtcpHeardAt = now;
    return true;
  }

  /** Whether a packet from this IP may be taken for the leg's although it proves nothing. */
  knows({ address }: Address): boolean {
    return address === this.#learned?.address || this.#expects(address);
  }

  #trustIn(from: Address): number {
    if (!this.#expects(from.address)) return unknown;
    if (from.port === this.#sdp?.port && bareIp(from.address) === this.#sdpIp) return named;
    if (from.port === this.#former?.port && from.address === this.#former.address) return former;
    return expected;
  }

  #expects(address: string): boolean {
    const ip = bareIp(address);
    return ip === this.#sdpIp || ip === this.#signallingIp;
  }

  #learn(from: Address, trust: number, now: number): void {
    // RTCP of another machine than the one that media comes from is a leftover.
    if (this.#learnedRtcp !== null && this.#learnedRtcp.address !== from.address) this.#learnedRtcp = null;
    this.#learned = { address: from.address, port: from.port };
    this.#trust = trust;
    this.#heardAt = now;
    this.#candidates.length = 0;
    // A far end that sends from where its SDP says receives RTCP where its SDP says.
    this.#besideLearned = trust === named ? this.#sdpRtcp : target(from.address, from.port + 1);
  }

  /** Counts packets in a row of one SSRC and one source; true with the one that completes the proof. */
  #proves(from: Address, ssrc: number, sequence: number, now: number): boolean {
    if (this.#sdpIp === null || now - this.#armedAt > proofTime) return false;
    let candidate: Candidate | undefined;
    for (const known of this.#candidates) {
      if (known.port === from.port && known.address === from.address) candidate = known;
    }
    if (candidate === undefined) {
      if (this.#candidates.length === candidateLimit) this.#candidates.shift();
      candidate = { address: from.address, port: from.port, ssrc, next: sequence, count: 0 };
      this.#candidates.push(candidate);
    }
    const inRow = candidate.ssrc === ssrc && candidate.next === sequence;
    candidate.ssrc = ssrc;
    candidate.next = (sequence + 1) & 0xffff;
    candidate.count = inRow ? candidate.count + 1 : 1;
    return candidate.count >= proofPackets;
  }
}

/** An IP as the kernel writes it, null where it is no IP. */
function canonicalIp(address: string): string | null {
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return null;
  return new SocketAddress({ address: bareIp(address), family: 'ipv6' }).address;
}

/** Without the zone that the kernel appends to link-local addresses. */
function bareIp(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

/** An address that media may be sent to: a known port of a single machine. */
function target(ip: string | null, port: number): Address | null {
  if (ip === null || port < 1 || port > 65_535 || ip === '::' || ip.startsWith('ff')) return null;
  if (isIPv4(ip)) {
    const first = Number.parseInt(ip, 10);
    if (first === 0 || first >= 224) return null;
  }
  return { address: ip, port };
}
