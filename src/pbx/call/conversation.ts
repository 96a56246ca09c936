import type { Log } from '../../base/index.ts';
import { offerFor, type SessionDescription } from '../../sdp/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import { ContentType, SipError, type SipResponse } from '../../sip/message/index.ts';
import type { Failure, ServerTransaction } from '../../sip/transaction/index.ts';
import type { Ending } from '../events/index.ts';
import { Attempt } from './attempt.ts';
import { presentableWithin } from './best-response.ts';
import type { CallContext } from './call-context.ts';
import type { CallMedia } from './call-media.ts';
import { broken, hungUp } from './ending.ts';
import { type KeyPress, keyPressOf } from './key-press.ts';
import { KeyRelay } from './key-relay.ts';
import { sdpBody, sdpOf } from './session-body.ts';
import { answerHere, checkOfferAllowed, pending, SessionChange } from './session-change.ts';
import { takeAnswer } from './session-refresh.ts';
import { follow, type Side } from './side.ts';

/** Methods that a dialog of ours answers, besides ACK and CANCEL. */
export const dialogMethods = ['INVITE', 'BYE', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK', 'MESSAGE', 'REFER'] as const;

/** Fields of a relayed INFO or MESSAGE that belong to its body. */
const aboutTheBody = ['Info-Package', 'Content-Disposition'];

/** What the two sides of an answered call ask of each other, and how it is passed on. */
export class Conversation {
  readonly caller: Side;
  readonly callee: Side;
  readonly #context: CallContext;
  readonly #media: CallMedia;
  readonly #end: (ending: Ending) => void;
  readonly #refer: (from: Side, remaining: Side, transaction: ServerTransaction) => void;
  readonly #changes = new Set<SessionChange>();
  readonly #attempts = new Set<Attempt>();
  /** INFO and MESSAGE that wait for the other phone's answer. */
  readonly #relayed = new Set<ServerTransaction>();
  /** Keys on their way to each side. */
  readonly #keys: Readonly<Record<Side['party'], KeyRelay>>;

  constructor(options: {
    readonly caller: Side;
    readonly callee: Side;
    readonly context: CallContext;
    readonly media: CallMedia;
    readonly log: Log;
    /** Ends the call. The side that `ending` names has hung up itself. */
    readonly end: (ending: Ending) => void;
    /** A phone wants the other to be connected with somebody else. */
    readonly refer: (from: Side, remaining: Side, transaction: ServerTransaction) => void;
  }) {
    this.caller = options.caller;
    this.callee = options.callee;
    this.#context = options.context;
    this.#media = options.media;
    this.#end = options.end;
    this.#refer = options.refer;
    const keysTo = (side: Side): KeyRelay => new KeyRelay(side, options.context, options.log);
    this.#keys = { caller: keysTo(this.caller), callee: keysTo(this.callee) };
  }

  /** Answers or passes on a request of one side. Throws SipError to refuse it. */
  onRequest(party: 'caller' | 'callee', transaction: ServerTransaction): void {
    const { userAgent } = this.#context;
    const from = this[party];
    switch (transaction.request.method) {
      case 'BYE':
        transaction.respond(userAgent.response(transaction, 200));
        from.dialog.end();
        return this.#end(hungUp(from.party));
      case 'INVITE':
        return this.#change(from, transaction);
      case 'UPDATE':
        if (transaction.request.body.length > 0) return this.#change(from, transaction);
        return answerWithin(userAgent, from.dialog, transaction);
      case 'INFO':
        if (!this.#press(from, transaction)) this.#relay(from, transaction);
        return;
      case 'MESSAGE':
        return this.#relay(from, transaction);
      case 'REFER':
        return this.#refer(from, this.#other(from), transaction);
      default:
        return answerWithin(userAgent, from.dialog, transaction);
    }
  }

  /** The side that asked for a change has thought better of it. */
  onRequestCancelled(invite: ServerTransaction): void {
    for (const change of this.#changes) if (change.transaction === invite) change.cancel();
  }

  /** A phone is elsewhere now: its media may come from there, and it may have to be told another address of ours. */
  onMoved(party: 'caller' | 'callee', dialog: Dialog): void {
    const { leg, dialog: own } = this[party];
    if (dialog !== own) return;
    leg.follow(dialog.flow);
    if (this.#media.connected) this.connect();
  }

  /** Lets packets flow as the two legs have agreed. */
  connect(): void {
    for (const { leg, dialog, report } of [this.caller, this.callee]) {
      leg.signalling = dialog.flow.remote.address;
      report.update({ onHold: leg.onHold });
    }
    this.#media.connect(this.caller.leg, this.callee.leg, true);
    for (const { leg, party } of [this.caller, this.callee]) {
      if (leg.negotiation.remote) this.#keys[party].check();
    }
  }

  /** A key of one side was heard as a telephone event, which the other knows nothing of. */
  onKey(party: Side['party'], key: KeyPress): void {
    this.#keys[this.#other(this[party]).party].pass(key);
  }

  /**
   * Offers one side anew what the other can do, so that both agree and nobody is on hold, and tells it whom it speaks to.
   * `then` runs when it has agreed or refused; when the phone has lost the call, that ends.
   */
  renegotiate(party: 'caller' | 'callee', then: () => void = () => {}): void {
    const side = this[party];
    const other = this.#other(side);
    const over = (): void => {
      if (attempt) this.#attempts.delete(attempt);
      then();
    };
    let attempt: Attempt | null = null;
    const started = new Attempt({
      method: 'INVITE',
      side,
      context: this.#context,
      // A phone that has joined by an INVITE without an offer says what it can do in its ACK.
      ready: () => other.leg.negotiation.remote !== null,
      request: () => ({
        ...sdpBody(offerFor(other.leg.negotiation, side.leg.negotiation)),
        headers: this.#context.assertedIdentity(other, side.dialog.flow),
      }),
      user: {
        onAgreed: (response) => {
          side.dialog.ack(response.cseq.number);
          if (takeAnswer(side, response)) this.connect();
          over();
        },
        onRefused: ({ status }: SipResponse) => {
          if (status === 481) side.dialog.end();
          if (status === 481 || status === 408) return this.#end(lost(side.party));
          over();
        },
        onFailure: (failure: Failure) => {
          if (failure === 'timeout') return this.#end(lost(side.party));
          over();
        },
        onHopeless: over,
        onUnsayable: over,
      },
    });
    attempt = started;
    if (!started.over) this.#attempts.add(started);
  }

  /** Answers what is still unanswered when the call ends, or one of the sides leaves it. */
  close(): void {
    for (const change of this.#changes) change.close();
    for (const attempt of this.#attempts) attempt.close();
    for (const keys of Object.values(this.#keys)) keys.close();
    for (const transaction of this.#relayed) transaction.respond(this.#context.userAgent.response(transaction, 487));
    this.#relayed.clear();
  }

  #other(side: Side): Side {
    return side === this.caller ? this.callee : this.caller;
  }

  #change(from: Side, transaction: ServerTransaction): void {
    const to = this.#other(from);
    const offer = sdpOf(transaction.request);
    // A refresh: the other side has nothing to say to it (RFC 4028 §7.4).
    if (offer && from.leg.negotiation.phase === 'stable' && from.leg.negotiation.repeats(offer)) {
      answerHere(from, to, transaction, offer);
      return this.connect();
    }
    this.#relayChange(from, to, transaction, offer);
  }

  #relayChange(from: Side, to: Side, transaction: ServerTransaction, offer: SessionDescription | null): void {
    // The other side has a change of its own on its way to this one: they would wait for each other.
    for (const change of this.#changes) if (change.from === to) throw new SipError(491);
    // The answer to an INVITE without an offer is to be one.
    checkOfferAllowed(from, transaction.request.method, this.#context);
    if (this.#changes.size > 0) throw pending(this.#context.random);
    const change = new SessionChange({
      transaction,
      from,
      to,
      context: this.#context,
      onAgreed: () => this.connect(),
      onOver: () => this.#changes.delete(change),
      onBroken: this.#end,
    });
    this.#changes.add(change);
    try {
      change.start(offer);
    } catch (error) {
      this.#changes.delete(change);
      throw error;
    }
  }

  /** A key in an INFO of a phone that knows no telephone events becomes one for a phone that does (RFC 4733). */
  #press(from: Side, transaction: ServerTransaction): boolean {
    const to = this.#other(from);
    if (from.leg.takesEvents || !to.leg.takesEvents) return false;
    const key = keyPressOf(transaction.request);
    if (key === null || !this.#media.press(to.party, key)) return false;
    transaction.respond(this.#context.userAgent.response(transaction, 200));
    return true;
  }

  /** INFO and MESSAGE are the two phones' affair: the body is passed on as it is, and so is the answer. */
  #relay(from: Side, transaction: ServerTransaction): void {
    const { request } = transaction;
    const { userAgent } = this.#context;
    const to = this.#other(from);
    follow(to, this.#context.dialPlan);
    const type = request.headers.first(ContentType);
    const headers: Record<string, string> = {};
    for (const name of aboutTheBody) {
      const value = request.headers.get(name);
      if (value !== undefined) headers[name] = value;
    }
    const body =
      request.body.length > 0 && type
        ? { body: request.body, contentType: request.headers.get('Content-Type') ?? '' }
        : {};
    this.#relayed.add(transaction);
    to.dialog.request(
      request.method,
      { ...body, headers },
      {
        onResponse: (response) => {
          if (response.status < 200) return;
          if (response.status >= 300 && keyPressOf(request)) this.#keys[to.party].refused(response.status);
          const waiting = this.#relayed.delete(transaction);
          if (waiting && response.status === 481) transaction.respond(userAgent.response(transaction, 481));
          // Whichever call the phone is in by now.
          if (response.status === 481) return to.dialog.lose();
          if (!waiting) return;
          // What the phone takes instead, only it can say (RFC 3261 §21.4.13).
          const accept = response.status === 415 ? response.headers.get('Accept') : undefined;
          const said = accept === undefined ? {} : { Accept: accept };
          transaction.respond(userAgent.response(transaction, presentableWithin(response.status), said));
        },
        onFailure: (failure) => {
          // At a timeout whoever asked has given up as well (RFC 4320 §4.2): what comes next finds out who is gone.
          if (this.#relayed.delete(transaction) && failure === 'transport error')
            transaction.respond(userAgent.response(transaction, 500));
        },
      },
    );
  }
}

/** The phone of that side knows nothing of the call any more, or is silent. */
export function lost(party: Side['party']): Ending {
  return broken(41, `The ${party}'s phone has lost the call`, party);
}

/** What a phone hears that asks for what only an answered call can do. */
export function notYet(): SipError {
  return new SipError(500, 'Not Answered Yet', { headers: { 'Retry-After': '5' } });
}

/** Answers what a dialog of ours can always answer by itself; refuses the rest, for now or for ever. */
export function answerWithin(
  userAgent: CallContext['userAgent'],
  dialog: Dialog,
  transaction: ServerTransaction,
): void {
  const { method, body } = transaction.request;
  if (method === 'OPTIONS') return transaction.respond(userAgent.optionsResponse(transaction));
  // A refresh of the Contact or of a session timer.
  if (method === 'UPDATE' && body.length === 0) {
    return dialog.acceptUpdate(transaction, {});
  }
  if (dialogMethods.some((known) => known === method)) throw notYet();
  throw new SipError(405, 'Method Not Allowed', { headers: { Allow: userAgent.capabilities['Allow'] ?? '' } });
}
