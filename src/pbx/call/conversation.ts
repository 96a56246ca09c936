import type { Dialog } from '../../sip/dialog/index.ts';
import { ContentType, SipError, sameUri, type Uri } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Ending } from '../events/index.ts';
import type { DialPlan } from '../routing/index.ts';
import { presentableWithin } from './best-response.ts';
import type { CallContext } from './call-context.ts';
import type { CallMedia } from './call-media.ts';
import { broken, hungUp } from './ending.ts';
import type { Leg } from './leg.ts';
import { RelayedInvite } from './relayed-invite.ts';

/** One side of an answered call. */
export interface Side {
  readonly party: 'caller' | 'callee';
  /** The number of the extension whose phone it is. */
  readonly extension: string;
  readonly dialog: Dialog;
  readonly leg: Leg;
}

/** Methods that a dialog of ours answers, besides ACK and CANCEL. */
export const dialogMethods = ['INVITE', 'BYE', 'OPTIONS', 'INFO'] as const;

/** What the two sides of an answered call ask of each other, and how it is passed on. */
export class Conversation {
  readonly caller: Side;
  readonly callee: Side;
  readonly #context: CallContext;
  readonly #media: CallMedia;
  readonly #end: (ending: Ending) => void;
  readonly #relayed = new Set<RelayedInvite>();

  constructor(options: {
    readonly caller: Side;
    readonly callee: Side;
    readonly context: CallContext;
    readonly media: CallMedia;
    /** Ends the call. The side that `ending` names has hung up itself. */
    readonly end: (ending: Ending) => void;
  }) {
    this.caller = options.caller;
    this.callee = options.callee;
    this.#context = options.context;
    this.#media = options.media;
    this.#end = options.end;
  }

  /** Answers or passes on a request of one side. Throws SipError to refuse it. */
  onRequest(from: Side, transaction: ServerTransaction): void {
    const { userAgent } = this.#context;
    switch (transaction.request.method) {
      case 'BYE':
        transaction.respond(userAgent.response(transaction, 200));
        from.dialog.end();
        return this.#end(hungUp(from.party));
      case 'INVITE':
        return this.#relayInvite(from, transaction);
      case 'INFO':
        return this.#relayInfo(from, transaction);
      default:
        return answerWithin(userAgent, from.dialog, transaction);
    }
  }

  /** The side that asked for a change has thought better of it. */
  onRequestCancelled(invite: ServerTransaction): void {
    for (const relayed of this.#relayed) if (relayed.transaction === invite) relayed.cancel();
  }

  /** Answers what is still unanswered when the call ends. */
  close(): void {
    for (const relayed of this.#relayed) relayed.close();
  }

  #connect(): void {
    for (const { leg, dialog } of [this.caller, this.callee]) leg.signalling = dialog.flow.remote.address;
    this.#media.connect(this.caller.leg, this.callee.leg, true);
  }

  #other(side: Side): Side {
    return side === this.caller ? this.callee : this.caller;
  }

  #relayInvite(from: Side, transaction: ServerTransaction): void {
    const to = this.#other(from);
    follow(to, this.#context.dialPlan);
    const relayed = new RelayedInvite({
      transaction,
      from,
      to,
      context: this.#context,
      onAgreed: () => this.#connect(),
      onOver: () => this.#relayed.delete(relayed),
      onBroken: (ending) => this.#end(ending),
    });
    this.#relayed.add(relayed);
    try {
      relayed.start();
    } catch (error) {
      this.#relayed.delete(relayed);
      throw error;
    }
  }

  #relayInfo(from: Side, transaction: ServerTransaction): void {
    const { request } = transaction;
    const { userAgent } = this.#context;
    const to = this.#other(from);
    follow(to, this.#context.dialPlan);
    const type = request.headers.first(ContentType);
    const headers: Record<string, string> = {};
    for (const name of ['Info-Package', 'Content-Disposition']) {
      const value = request.headers.get(name);
      if (value !== undefined) headers[name] = value;
    }
    const body =
      request.body.length > 0 && type
        ? { body: request.body, contentType: request.headers.get('Content-Type') ?? '' }
        : {};
    to.dialog.request(
      'INFO',
      { ...body, headers },
      {
        onResponse: (response) => {
          if (response.status < 200) return;
          if (response.status === 481) return this.#lost(to, transaction);
          // What the phone takes instead, only it can say (RFC 3261 §21.4.13).
          const accept = response.status === 415 ? response.headers.get('Accept') : undefined;
          const said = accept === undefined ? {} : { Accept: accept };
          transaction.respond(userAgent.response(transaction, presentableWithin(response.status), said));
        },
        onFailure: (failure) => {
          // At a timeout whoever asked has given up as well (RFC 4320 §4.2): what comes next finds out who is gone.
          if (failure === 'transport error') transaction.respond(userAgent.response(transaction, 500));
        },
      },
    );
  }

  /** The phone of `side` knows nothing of the call any more (RFC 3261 §12.2.1.2). */
  #lost(side: Side, transaction: ServerTransaction): void {
    transaction.respond(this.#context.userAgent.response(transaction, 481));
    side.dialog.end();
    this.#end(broken(41, `The ${side.party}'s phone has lost the call`, side.party));
  }
}

/**
 * A phone whose connection was lost is asked over the one that it has registered on since, if there is one: with the
 * same Contact, or, as many choose a new port for each connection, as the only one of that host.
 */
export function follow({ extension, dialog }: Side, dialPlan: DialPlan): void {
  if (!dialog.flow.closed) return;
  const known = dialog.state.remoteTarget;
  const targets = dialPlan.targetsOf(extension).filter(({ uri }) => hostOf(uri) === hostOf(known));
  const target = targets.find(({ uri }) => sameUri(uri, known)) ?? (targets.length === 1 ? targets[0] : undefined);
  if (target) dialog.moveTo(target.flow);
}

function hostOf(uri: Uri): string | null {
  return uri.kind === 'sip' ? uri.host : null;
}

/** Answers what a dialog of ours can always answer by itself; refuses the rest, for now or for ever. */
export function answerWithin(
  userAgent: CallContext['userAgent'],
  dialog: Dialog,
  transaction: ServerTransaction,
): void {
  const { method, body } = transaction.request;
  if (method === 'OPTIONS') return transaction.respond(userAgent.optionsResponse(transaction));
  // A refresh of the Contact or of a session timer; one that offers media is not taken yet and so not in Allow.
  if (method === 'UPDATE' && body.length === 0) {
    return transaction.respond(dialog.respondable(transaction, 200, undefined, {}));
  }
  if (dialogMethods.some((known) => known === method)) {
    throw new SipError(500, 'Not Answered Yet', { headers: { 'Retry-After': '5' } });
  }
  throw new SipError(405, 'Method Not Allowed', { headers: { Allow: userAgent.capabilities['Allow'] ?? '' } });
}
