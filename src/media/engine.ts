import type { AgreedCodec } from '../sdp/index.ts';
import type { LegQualitySummary, QualityReport } from './quality/quality-monitor.ts';
import type { OneWayFinding } from './quality/silence-watch.ts';
import type { LegCounters, LegIndex, MediaTotals, PortPair, RelayLegSpec } from './relay/relay.ts';
import type { RecordingSummary } from './sound/recorder.ts';
import type { SoundUser, SoundWishes } from './sound/session-sound.ts';

/** One end of a session, as its dialog has agreed on it: plain data. */
export interface MediaLeg
  extends Pick<RelayLegSpec, 'port' | 'remote' | 'signalling' | 'send' | 'generation' | 'rtcpMux' | 'srtp'> {
  /** What was agreed with the phone, the codec to expect first; events and comfort noise are among them. */
  readonly codecs: readonly AgreedCodec[];
  /** ms of audio in a packet that the phone wants to receive; null: it has not said. */
  readonly ptime: number | null;
  /** Whether the phone is to send: false while its direction is recvonly or inactive; it is where nothing is said. */
  readonly expected?: boolean;
}

/** What is to happen with the media of one call: plain data. */
export interface MediaSessionSpec extends SoundWishes {
  /** For logs. */
  readonly id: string;
  /** The second is null while nobody is there. */
  readonly legs: readonly [MediaLeg, MediaLeg | null];
  /** After how many ms with neither RTP nor RTCP from either side the user is told; null = never (on hold). */
  readonly idleTimeout: number | null;
  /** Whether the call has been answered: from then on its quality is measured, and silence of one side is a fault. */
  readonly answered: boolean;
}

/** Hears of a session. */
export interface MediaSessionUser extends SoundUser {
  /** Neither side has been heard for `idleTimeout`. Told once, and again only after an `update`. */
  onIdle(): void;
  /** A telephone event of `leg`'s phone that the other leg can't take: the key (`0`-`9`, `*`, `#`, `A`-`D`) and how long it was pressed. */
  onDigit?(leg: LegIndex, digit: string, durationMs: number): void;
  /** What carried it has died: nothing more is heard of this session, and it is to be ended. */
  onLost?(reason: string): void;
  /** How both legs were, every 5 s from the answer to the end. */
  onQuality?(report: QualityReport): void;
  /** A phone is not heard though it should be: told some seconds after the answer, or after a change of the session. */
  onOneWay?(finding: OneWayFinding): void;
}

/** What is known of one leg at the end. */
export interface LegSummary {
  readonly counters: LegCounters;
  /** Null where the call was not answered. */
  readonly quality: LegQualitySummary | null;
}

/** What is known of a session at its end. */
export interface MediaSummary {
  readonly legs: readonly [LegSummary, LegSummary];
  readonly recordings: readonly RecordingSummary[];
}

/** The media of one call: two legs whose phones hear each other. */
export interface MediaSession {
  /**
   * Replaces both legs. A changed remote arms that leg's latch again; a changed port moves the leg there; counters go on.
   * Throws where a port is not leased or serves another leg.
   */
  update(spec: MediaSessionSpec): void;
  /** Sends a key to the phone of `leg` as a telephone event (RFC 4733), where it has agreed to such. */
  digit(leg: LegIndex, digit: string, durationMs: number): void;
  /** Ends it; the ports stay leased until released. `done` may be called before `end` returns. */
  end(done: (summary: MediaSummary) => void): void;
  /** What has been counted so far, as far as is known; after the end, what had been counted by then. */
  counters(): readonly [LegCounters, LegCounters];
}

/** One of those that carry media, as the status page shows it. */
export interface MediaWorker {
  readonly name: string;
  readonly state: 'running' | 'starting' | 'down';
  readonly sessions: number;
  /** How often it has been started again. */
  readonly restarts: number;
}

/** What calls know of media, in this process or in others. One contract test holds for all. */
export interface MediaEngine {
  /**
   * A pair of ports on a local address, at once; null when none is left or the address cannot be bound. `near`: a pair of
   * the same call, to be carried by the same worker.
   */
  lease(address: string, near?: PortPair): PortPair | null;
  /** Gives a pair back: closed at once, used again as late as possible. Harmless when it is not leased. */
  release(pair: PortPair): void;
  /** Throws where a port is not leased or serves another leg. */
  start(spec: MediaSessionSpec, user: MediaSessionUser): MediaSession;
  /** In ports, two to a pair; ports in quarantine are not in use. */
  usage(): { readonly total: number; readonly inUse: number };
  totals(): MediaTotals;
  workers(): readonly MediaWorker[];
  /** Ends every session without a word to its user and closes every port. */
  close(): Promise<void>;
}
