import type { Clock, Log, Random } from '../../base/index.ts';
import type { MediaEngine } from '../../media/index.ts';
import type { SrtpPolicy } from '../../sdp/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { UserAgent } from '../../sip/ua/index.ts';
import type { EventBus } from '../events/index.ts';
import type { DialPlan } from '../routing/index.ts';
import type { Person } from './identity.ts';

/** What calls are bounded by. Times in ms; 0 = no bound. */
export interface CallLimits {
  /** How long phones ring. */
  readonly inviteTimeout: number;
  readonly maxCallDuration: number;
  /** How long neither side may be heard. */
  readonly rtpTimeout: number;
}

/** What every call needs of the exchange. */
export interface CallContext {
  readonly userAgent: UserAgent;
  readonly media: MediaEngine;
  readonly dialPlan: DialPlan;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: CallLimits;
  readonly codecPriority: readonly string[];
  /** Names, in small letters, of the codecs that `media` can transcode to one another. */
  readonly transcodable: readonly string[];
  /** Whether the media of this extension's phone on `flow` is to be encrypted. */
  srtpPolicy(extension: string, flow: Pick<Flow, 'secure' | 'transport'>): SrtpPolicy;
  readonly recordings: {
    /** Where they go. */
    readonly folder: string;
    /** Whether a call between these two is recorded without anybody asking for it. */
    areWanted(caller: string, callee: string): boolean;
  };
  /** The address for media that the peer of `flow` is told. */
  mediaAddress(flow: Pick<Flow, 'local' | 'remote'>): string;
  /** The name of an extension, null where it has none. */
  displayName(extension: string): string | null;
  /** The fields that tell the phone of `flow` whom it speaks to (RFC 3325, RFC 5876); none where that wants to be unknown. */
  assertedIdentity(person: Person, flow: Flow): Readonly<Record<string, string>>;
  /** The host in From and To that the peer of `flow` sees. */
  identityHost(flow: Flow): { readonly host: string; readonly port: number | null };
}
