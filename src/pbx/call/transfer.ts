import { canTalk } from '../../sdp/index.ts';
import { ReferSubscription } from '../../sip/dialog/index.ts';
import {
  formatNameAddress,
  ReferredBy,
  ReferTo,
  Replaces,
  type ReplacesValue,
  SipError,
  type SipRequest,
  SipSyntaxError,
  sipUri,
  type Uri,
  uriHeader,
} from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Ending } from '../events/index.ts';
import type { CallHost, FoundDialog } from './calls.ts';
import { hungUp, refused } from './ending.ts';
import { shownAddress, shownAs } from './identity.ts';
import { follow, moved, type Side } from './side.ts';
import { TransferredCaller } from './transferred-caller.ts';

/** How long a phone that has transferred its call may take to answer the last NOTIFY before it is hung up on, in ms. */
const farewellPatience = 4000;

/**
 * A REFER of one phone of a call (RFC 3515, RFC 5589): the other is to be connected with somebody else. Done by us: whom
 * to call is decided by routing, and the phone that is transferred hears of it only by a re-INVITE. When it fails, the
 * call is as it was.
 */
export class Transfer {
  readonly referrer: 'caller' | 'callee';
  readonly #call: CallHost;
  readonly #from: Side;
  readonly #remaining: Side;
  readonly #transaction: ServerTransaction;
  readonly #target: { readonly uri: Uri; readonly replaces: ReplacesValue | null };
  readonly #subscription: ReferSubscription;
  #attempt: { readonly call: CallHost; readonly caller: TransferredCaller } | null = null;

  /**
   * Throws SipError 400, 405 or 416 for a REFER that can't be read or that refers to something else than a call, 503 where
   * it asks for a call too many.
   */
  constructor(options: {
    readonly call: CallHost;
    readonly from: Side;
    readonly remaining: Side;
    readonly transaction: ServerTransaction;
  }) {
    const { transaction, from } = options;
    this.#transaction = transaction;
    this.#target = referToOf(transaction.request);
    // An attended one makes one call of two.
    if (!this.#target.replaces) options.call.calls.checkRoom();
    this.#call = options.call;
    this.#from = from;
    this.referrer = from.party;
    this.#remaining = options.remaining;
    this.#subscription = new ReferSubscription(from.dialog, transaction.request, {
      silent: wantsNoReports(transaction),
      beforeReport: () => follow(from, options.call.context.dialPlan),
    });
  }

  /** Answers the REFER with 202, does what it asks for, and reports what comes of it. */
  start(): void {
    const { uri, replaces } = this.#target;
    const transaction = this.#transaction;
    const headers: Readonly<Record<string, string>> = wantsNoReports(transaction) ? { 'Refer-Sub': 'false' } : {};
    transaction.respond(this.#from.dialog.respondable(transaction, 202, undefined, { headers }));
    this.#subscription.report(100);
    const { log, record, id } = this.#call;
    log.info('transfer asked for', { by: this.#from.extension, attended: replaces !== null });
    record.linkWith(record.facts.linkedId ?? id);
    if (replaces) this.#attended(replaces);
    else this.#blind(uri);
  }

  /** Whether somebody is still being called. */
  get pending(): boolean {
    return this.#attempt?.caller.waiting ?? false;
  }

  /** The side that goes on when the call ends like this: the phone that asked for the transfer has hung up, too early. */
  remaining({ party, status }: Ending): 'caller' | 'callee' | null {
    return this.pending && party === this.referrer && status === 'completed' ? this.#remaining.party : null;
  }

  /** The call has ended; `kept` is the side that was not hung up on. */
  callOver({ party }: Ending, kept: Side | null): void {
    if (!this.pending || !this.#attempt) return;
    if (kept) return this.#attempt.caller.adopt(kept);
    const by = party === this.#remaining.party ? 'caller' : 'system';
    this.#attempt.call.end(refused(by, 487, 'The call that was to be transferred has ended'));
  }

  /** Runs `bye`, which hangs up on the referrer, when it has heard what became of the transfer (RFC 5589 §6.1). */
  farewell(bye: () => void): void {
    const timer = this.#call.context.clock.after(farewellPatience, () => {
      this.#subscription.conclude();
      done();
    });
    let over = false;
    const done = (): void => {
      timer.cancel();
      if (!over) bye();
      over = true;
    };
    this.#subscription.whenTold(done);
  }

  #blind(uri: Uri): void {
    const { context } = this.#call;
    const plan = context.dialPlan.plan(uri);
    const remaining = this.#remaining;
    const call = this.#call.calls.open(this.#factsOf(plan.callee));
    const caller = new TransferredCaller({
      from: this.#call,
      to: call,
      side: remaining,
      referrer: this.referrer,
      subscription: this.#subscription,
    });
    this.#attempt = { call, caller };
    const host = context.identityHost(remaining.dialog.flow);
    const referredBy = shownAddress({ ...this.#from, displayName: null }, host);
    const { extension, displayName, anonymous } = remaining;
    const parties = { caller: extension, callerName: displayName, anonymous, callee: plan.callee };
    call.ringFor(caller, parties, plan, { [ReferredBy.name]: formatNameAddress(referredBy) });
  }

  #attended(replaces: ReplacesValue): void {
    const found = this.#call.calls.find(replaces);
    // Nobody disposes of the calls of others.
    if (!found || found.call === this.#call || found.extension !== this.#from.extension) {
      return this.#subscription.report(481);
    }
    if (found.early) return this.#halfAttended(found);
    const { conversation } = found.call;
    if (!conversation) return this.#subscription.report(481);
    const target = found.party === 'caller' ? conversation.callee : conversation.caller;
    if (!canTalk(this.#remaining.leg.negotiation, target.leg.negotiation)) return this.#subscription.report(488);
    const joined = this.#call.calls.open(this.#factsOf(target.extension));
    found.call.record.linkWith(joined.facts.linkedId ?? this.#call.id);
    const ending = (party: 'caller' | 'callee', to: Side): Ending =>
      hungUp(party, 'normal', `Transferred to ${shownAs(to).number}`);
    const caller = this.#call.handOver(this.#remaining.party, ending(this.referrer, target));
    const callee = found.call.handOver(target.party, ending(found.party, this.#remaining));
    join(joined, caller, callee);
    this.#subscription.report(200);
  }

  /** The phone to be transferred to still rings: it is given up as the referrer's call, and called for the other. */
  #halfAttended({ call, party }: FoundDialog): void {
    if (party !== 'caller') return this.#subscription.report(481);
    const number = call.facts.callee;
    call.end(refused('caller', 487, 'Transferred while it rang'));
    this.#blind(sipUri({ user: number, ...this.#call.context.identityHost(this.#from.dialog.flow) }));
  }

  #factsOf(callee: string) {
    const { extension, dialog } = this.#remaining;
    return {
      caller: extension,
      callee,
      callerSipCallId: dialog.state.callId,
      callerIp: dialog.flow.remote.address,
      linkedId: this.#call.facts.linkedId,
    };
  }
}

/** Two phones that were in calls with others talk to each other from now on, and are told to whom. */
function join(call: CallHost, caller: Side, callee: Side): void {
  call.record.started();
  call.connected(moved(caller, 'caller', call, callee), moved(callee, 'callee', call, caller));
  call.answered();
  call.conversation?.renegotiate('caller', () => call.conversation?.renegotiate('callee'));
}

/** RFC 4488 §4 */
function wantsNoReports({ request }: ServerTransaction): boolean {
  return request.headers.get('Refer-Sub')?.trim().toLowerCase() === 'false';
}

/** Whom a REFER refers to, and whose dialog is to be taken over. Throws SipError. */
function referToOf({ headers }: SipRequest): { readonly uri: Uri; readonly replaces: ReplacesValue | null } {
  if (headers.getAll(ReferTo.name).length !== 1) throw new SipError(400, 'One Refer-To Expected');
  const { uri } = headers.require(ReferTo);
  if (uri.kind === 'other') throw new SipError(416);
  const method = uri.params.get('method') ?? 'INVITE';
  if (method.toUpperCase() !== 'INVITE') throw new SipError(405);
  const text = uriHeader(uri, Replaces.name);
  try {
    const replaces = text === null ? null : Replaces.parse(text);
    return { uri: uri.kind === 'sip' ? { ...uri, headers: null } : uri, replaces };
  } catch (error) {
    if (error instanceof SipSyntaxError) throw new SipError(400, `Bad Replaces (${error.message})`);
    throw error;
  }
}
