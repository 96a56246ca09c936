import type { Address } from '../../base/index.ts';
import type { SrtpParameters } from '../../rtp/index.ts';

/** One even RTP port and the odd RTCP port above it, bound to one local address. */
export interface PortPair {
  /** The local address it is bound to. */
  readonly address: string;
  readonly port: number;
}

/** Where the far end of a leg says it receives, from its SDP. Addresses are literals, never names. */
export interface RemoteMedia {
  readonly address: string;
  /** 0 where it receives nothing. */
  readonly port: number;
  /** From `a=rtcp` (RFC 3605), else the port above; 0 where it wants no RTCP. */
  readonly rtcpPort: number;
}

/** Whether both say the same: if not, what was learned of the far end counts no longer. */
export function sameRemote(a: RemoteMedia | null, b: RemoteMedia | null): boolean {
  if (a === null || b === null) return a === b;
  return a.address === b.address && a.port === b.port && a.rtcpPort === b.rtcpPort;
}

/** What is to happen with the packets of one leg: plain data. */
export interface RelayLegSpec {
  readonly port: PortPair;
  /** Null: not known yet; then nothing but the signalling address is listened to. */
  readonly remote: RemoteMedia | null;
  /** The source IP of the leg's signalling. */
  readonly signalling: string | null;
  /** Payload type as received on this leg → type to send on the other leg: relayed, untouched but for that number. */
  readonly payloadTypes: ReadonlyMap<number, number>;
  /**
   * Payload types received on this leg that go to the user and not to the other leg. A type that is neither here nor in
   * `payloadTypes` is dropped and counted.
   */
  readonly taken?: ReadonlySet<number>;
  /** Whether the user gets a copy of what is relayed. */
  readonly copied?: boolean;
  /** Payload type as received on this leg → ticks a second, for the jitter; 8000 where it is not named. */
  readonly clockRates?: ReadonlyMap<number, number>;
  /** Whether we may send RTP to this leg: false while it does not want to receive. RTCP flows all the same. */
  readonly send: boolean;
  /**
   * Another number than before arms the latch again although the remote is the same: to be counted up with the answer
   * that follows early media, or that ends a long ringing.
   */
  readonly generation?: number;
  /** RTP and RTCP of this leg share the RTP port on both sides (RFC 5761). */
  readonly rtcpMux?: boolean;
  /** RTCP received on this leg does not go to the other leg. The user gets a copy either way. */
  readonly rtcpTaken?: boolean;
  /**
   * The keys of this leg, whose packets are then encrypted both ways, RTP and RTCP (RFC 3711); null: plain. While the
   * keys of a port stay the same, its cryptographic contexts go on, in the next session too.
   */
  readonly srtp?: SrtpParameters | null;
}

/** What has been counted on one leg since its session began. "Received" is what came from the leg's own source. */
export interface LegCounters {
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Missing in what was received (RFC 3550 appendix A.3). */
  readonly packetsLost: number;
  /** Gaps in what was received, as they appeared: with `packetsLost` the mean length of a burst of losses. */
  readonly lossEvents: number;
  /** Packets received that had come before. */
  readonly duplicates: number;
  /** Of what was received (RFC 3550 appendix A.8); null while not measured. */
  readonly jitterMs: number | null;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Dropped: RTP or RTCP from another source than the leg's. */
  readonly strangers: number;
  /** Dropped: neither RTP nor RTCP, or cut off. */
  readonly malformed: number;
  /** Dropped: received with a payload type that was not negotiated. */
  readonly unmapped: number;
  /** Dropped: was to be sent to this leg while its `send` was false. */
  readonly held: number;
  /** Dropped: was to be sent to this leg while no usable address was known, or encrypted for a second time. */
  readonly undeliverable: number;
  readonly lastStranger: Address | null;
  /** The source that the leg's media comes from, once it is known. */
  readonly latched: Address | null;
  readonly rtcpReceived: number;
  readonly rtcpSent: number;
  /** Packets for the user, taken or copied, that were dropped because it was too slow. */
  readonly tapDropped: number;
  /** Dropped: SRTP or SRTCP from the leg's own source or an expected one, under another key, or altered. */
  readonly authenticationFailures: number;
  /** Dropped: SRTP or SRTCP that has been received before, or is too old to tell. */
  readonly replayed: number;
}

/** Which leg of a session: the first or the second. */
export type LegIndex = 0 | 1;

export interface RelaySpec {
  /** For logs. */
  readonly id: string;
  /** The second is null while nobody is there. */
  readonly legs: readonly [RelayLegSpec, RelayLegSpec | null];
  /** After how many ms with neither RTP nor RTCP from either side the user is told; null = never (on hold). */
  readonly idleTimeout: number | null;
}

/** Hears of a session. Packets are valid during the call only; `at` is when they arrived, monotonic, in ms. */
export interface RelayUser {
  /** Neither side has been heard for `idleTimeout`. Told once, and again only after an `update`. */
  onIdle(): void;
  /** RTP from the phone of `leg`, taken or copied, decrypted, with the payload type as received. */
  onRtp?(leg: LegIndex, packet: Uint8Array, at: number): void;
  /** RTCP from the phone of `leg`, decrypted. */
  onRtcp?(leg: LegIndex, packet: Uint8Array, at: number): void;
}

/** Two legs whose packets go to each other, or to and from the user. */
export interface RelaySession {
  /**
   * Replaces both legs. A changed remote arms that leg's latch again; a changed port moves the leg there; counters go on.
   * Throws where a port is not open or serves another leg, or a key has not the length of its suite.
   */
  update(spec: RelaySpec): void;
  /**
   * Sends RTP of our own to the phone of `leg`, from the leg's port. Dropped and counted where relayed packets would be:
   * the phone does not want to receive, or nobody knows where it is. The packet is the relay's from then on.
   */
  send(leg: LegIndex, packet: Uint8Array): void;
  /** Sends RTCP of our own to the phone of `leg`. The packet is the relay's from then on. */
  sendRtcp(leg: LegIndex, packet: Uint8Array): void;
  /** Stops relaying; the ports stay open until shut. `done` may be called before `end` returns. */
  end(done: (counters: readonly [LegCounters, LegCounters]) => void): void;
  /** What has been counted so far; after the end, what had been counted by then. */
  counters(): readonly [LegCounters, LegCounters];
}

/** Packets received from the legs' own sources, packets sent, packets missing, since the engine's start. */
export interface MediaTotals {
  readonly received: number;
  readonly sent: number;
  readonly lost: number;
}

/** `taken`: another program has this port. `unusable`: the address or the process is in trouble and not the port. */
export type OpenFailure = 'taken' | 'unusable';

/** Whatever carries packets between ports, in JavaScript or below it. One contract test holds for all. */
export interface Relay {
  /** Binds both ports of a pair, at once; none where one of them cannot be had. A port number is open once, whatever the address. */
  open(pair: PortPair): 'opened' | OpenFailure;
  /** Closes both ports, even under a running session. Harmless when they are not open. */
  shut(pair: PortPair): void;
  /** Throws where a port is not open or serves another leg, or a key has not the length of its suite. */
  start(spec: RelaySpec, user: RelayUser): RelaySession;
  totals(): MediaTotals;
  /** Ends every session without a word to its user and closes every port; nothing can be opened any more. */
  close(): Promise<void>;
}

/** What was counted where nothing has happened. */
export const noCounters: LegCounters = {
  packetsReceived: 0,
  packetsSent: 0,
  packetsLost: 0,
  lossEvents: 0,
  duplicates: 0,
  jitterMs: null,
  bytesReceived: 0,
  bytesSent: 0,
  strangers: 0,
  malformed: 0,
  unmapped: 0,
  held: 0,
  undeliverable: 0,
  lastStranger: null,
  latched: null,
  rtcpReceived: 0,
  rtcpSent: 0,
  tapDropped: 0,
  authenticationFailures: 0,
  replayed: 0,
};

/** Both, one after the other: numbers add up, and of the rest the later counts. */
export function addCounters(before: LegCounters, after: LegCounters): LegCounters {
  if (before === noCounters) return after;
  const entries = Object.entries(after).map(([name, value]) => {
    const earlier = before[name as keyof LegCounters];
    if (name === 'jitterMs') return [name, value ?? earlier];
    return [name, typeof value === 'number' && typeof earlier === 'number' ? value + earlier : (value ?? earlier)];
  });
  return Object.fromEntries(entries) as unknown as LegCounters;
}
