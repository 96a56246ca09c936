import type { Log } from '../../base/index.ts';
import type { ReplacesValue } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { CallFacts, Ending } from '../events/index.ts';
import type { Plan } from '../routing/index.ts';
import type { CallContext } from './call-context.ts';
import type { CallMedia } from './call-media.ts';
import type { CallRecord } from './call-record.ts';
import type { CallerEnd, LastWords } from './caller-end.ts';
import type { Conversation } from './conversation.ts';
import type { Person } from './identity.ts';
import type { RequestTaker, Side } from './side.ts';

/** Who calls whom, as phones are shown it. */
export interface Parties {
  /** The number of the authenticated extension. */
  readonly caller: string;
  readonly callerName: string | null;
  /** Whether the caller wants to be unknown to whom it calls. */
  readonly anonymous: boolean;
  readonly callee: string;
}

/** What the parts of a call, and other calls, ask of it. */
export interface CallHost extends RequestTaker {
  readonly id: string;
  readonly context: CallContext;
  readonly log: Log;
  readonly record: CallRecord;
  readonly media: CallMedia;
  readonly facts: CallFacts;
  /** From the answer on. */
  readonly conversation: Conversation | null;
  /** All calls, this one among them. */
  readonly calls: Calls;
  /** A phone rings. */
  rings(): void;
  /** The two sides are the call's from now on. */
  connected(caller: Side, callee: Side): void;
  /** The caller has been told that a phone has answered. */
  answered(): void;
  end(ending: Ending, words?: LastWords): void;
  /** Calls the phones of `plan` for somebody who is in another call; their INVITEs carry `headers`. */
  ringFor(caller: CallerEnd, parties: Parties, plan: Plan, headers: Readonly<Record<string, string>>): void;
  /** Ends, but for one side, which is handed to whoever asks. Only a call that has been answered can do that. */
  handOver(party: 'caller' | 'callee', ending: Ending): Side;
  /** An INVITE that takes the place of one of this call's phones; `party` is the one that is replaced. */
  replace(party: 'caller' | 'callee', transaction: ServerTransaction, person: Person): void;
  /** Begins as a call between whoever sends an INVITE and one side of another call, which it takes over. */
  joinBy(transaction: ServerTransaction, person: Person, from: CallHost, party: 'caller' | 'callee'): void;
  /** Somebody picks up by an INVITE what rings in this call. */
  pickUp(transaction: ServerTransaction, person: Person): void;
}

/** A dialog of a call. */
export interface FoundDialog {
  readonly call: CallHost;
  readonly party: 'caller' | 'callee';
  readonly extension: string;
  /** Whether it has not been answered. */
  readonly early: boolean;
}

/** All calls of the exchange, as one of them sees them. */
export interface Calls {
  /** A further call, between people who have a call already. */
  open(facts: Pick<CallFacts, 'caller' | 'callee' | 'callerSipCallId' | 'callerIp' | 'linkedId'>): CallHost;
  /** The call that a Replaces names, with tags as either end writes them; null when there is none. */
  find(dialog: ReplacesValue): FoundDialog | null;
  /** Throws SipError 503 when there are as many calls as there may be. */
  checkRoom(): void;
}

/** Whether `replaces` names the dialog with this Call-ID and these tags, whichever end it was written from. */
export function names(
  { callId, toTag, fromTag }: ReplacesValue,
  dialog: { readonly sipCallId: string; readonly ourTag: string | null; readonly phoneTag: string | null },
): boolean {
  if (callId !== dialog.sipCallId) return false;
  const { ourTag, phoneTag } = dialog;
  return (toTag === ourTag && fromTag === phoneTag) || (toTag === phoneTag && fromTag === ourTag);
}
