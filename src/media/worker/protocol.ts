/**
 * What the control process and a media worker say to each other. A call costs three messages: `start`, `update` when it
 * is answered (and for each later change), `end`; ports go in batches for all calls.
 */
import type { MediaSessionSpec, MediaSessionUser, MediaSummary } from '../engine.ts';
import type { LegCounters, LegIndex, MediaTotals, OpenFailure, PortPair } from '../relay/relay.ts';

/** What a session's user may be told, by name; each is passed on as it is. */
export const userEvents: { readonly [Event in keyof MediaSessionUser]-?: true } = {
  onIdle: true,
  onDigit: true,
  onLost: true,
  onQuality: true,
  onOneWay: true,
  onRecording: true,
  onPlayed: true,
};

/** A call of a session's user. */
export type UserEvent = {
  readonly [Event in keyof MediaSessionUser]-?: {
    readonly event: Event;
    readonly args: Parameters<NonNullable<MediaSessionUser[Event]>>;
  };
}[keyof MediaSessionUser];

export type ToWorker =
  /** Shuts first, then opens. */
  | { readonly type: 'ports'; readonly shut: readonly PortPair[]; readonly open: readonly PortPair[] }
  | { readonly type: 'start' | 'update'; readonly session: number; readonly spec: MediaSessionSpec }
  | {
      readonly type: 'digit';
      readonly session: number;
      readonly leg: LegIndex;
      readonly digit: string;
      readonly durationMs: number;
    }
  | { readonly type: 'end'; readonly session: number }
  | { readonly type: 'ping' };

export type FromWorker =
  /** It is there; `name` is what carries packets in it. */
  | { readonly type: 'ready'; readonly name: string }
  /** Answers each `ports`: what was to be shut is, too. */
  | { readonly type: 'opened'; readonly results: readonly (readonly [PortPair, 'opened' | OpenFailure])[] }
  | ({ readonly type: 'told'; readonly session: number } & UserEvent)
  | { readonly type: 'ended'; readonly session: number; readonly summary: MediaSummary }
  /** What has been counted by now, in all and in some of the sessions. */
  | {
      readonly type: 'figures';
      readonly totals: MediaTotals;
      readonly sessions: readonly (readonly [session: number, counters: readonly [LegCounters, LegCounters]])[];
    }
  | { readonly type: 'pong' }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warning' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
