import type { Dialog, DialogUser, SessionEvent } from '../../sip/dialog/index.ts';
import { type SipRequest, sameUri, type Uri } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { DialPlan } from '../routing/index.ts';
import type { CallContext } from './call-context.ts';

import { type Person, shownAs } from './identity.ts';
import type { Leg } from './leg.ts';
import type { LegReport } from './leg-report.ts';
import type { Step } from './step.ts';

/** One phone's end of a call: its dialog with us, and what its media needs. */
export interface Side extends Person {
  readonly party: 'caller' | 'callee';
  readonly dialog: Dialog;
  readonly leg: Leg;
  /** What lamps show of it. */
  readonly report: LegReport;
}

/**
 * A phone whose connection was lost is asked over the one that it has registered on since, if there is one: with the
 * same Contact, or, as many choose a new port for each connection, as the only one of that host.
 */
export function follow({ extension, dialog, leg }: Side, dialPlan: DialPlan): void {
  if (!dialog.flow.closed) return;
  const known = dialog.state.remoteTarget;
  const targets = dialPlan.targetsOf(extension).filter(({ uri }) => hostOf(uri) === hostOf(known));
  const target = targets.find(({ uri }) => sameUri(uri, known)) ?? (targets.length === 1 ? targets[0] : undefined);
  if (!target) return;
  dialog.moveTo(target.flow);
  leg.follow(target.flow);
}

function hostOf(uri: Uri): string | null {
  return uri.kind === 'sip' ? uri.host : null;
}

/** The side in another call, where it speaks to `partner`; whatever its phone asks from now on is asked of that call. */
export function moved(
  side: Side,
  party: 'caller' | 'callee',
  call: RequestTaker & { readonly id: string; readonly context: CallContext },
  partner: Person | null,
): Side {
  side.dialog.user = dialogUser(party, call, call.context.userAgent);
  // What it has been asked in its first call, nobody wants to hear any more.
  side.dialog.cancelInvite();
  const remote = partner && shownAs(partner);
  side.report.update({ callId: call.id, ...(remote ? { remote } : {}) });
  return { ...side, party };
}

/** What a call makes of the requests that one of its phones sends. */
export interface RequestTaker {
  post(step: Step): void;
  onRequest(from: 'caller' | 'callee', transaction: ServerTransaction, dialog: Dialog): void;
  onRequestCancelled(invite: ServerTransaction): void;
  onMoved(from: 'caller' | 'callee', dialog: Dialog): void;
  /** The phone has never acknowledged a 2xx of ours. */
  onUnacknowledged(from: 'caller' | 'callee'): void;
  /** The phone knows nothing of the call any more. */
  onLost(from: 'caller' | 'callee'): void;
  /** The session timer of that phone's dialog has run out (RFC 4028). */
  onSession(from: 'caller' | 'callee', event: SessionEvent): void;
}

/** The ears of a dialog: each request becomes a step of the call that the phone is in. */
export function dialogUser(
  from: 'caller' | 'callee',
  taker: RequestTaker,
  userAgent: CallContext['userAgent'],
): DialogUser {
  return {
    onRequest: (transaction, dialog) =>
      taker.post({
        name: transaction.request.method,
        run: () => taker.onRequest(from, transaction, dialog),
        late: () => {
          transaction.respond(userAgent.response(transaction, lateStatus(transaction.request)));
          if (transaction.request.method === 'BYE') dialog.end();
        },
        request: {
          transaction,
          refuse: (error) => dialog.reject(transaction, userAgent.refusal(transaction, error)),
        },
      }),
    onCancel: (invite) => taker.post({ name: 'CANCEL', run: () => taker.onRequestCancelled(invite) }),
    onMoved: (dialog) => taker.post({ name: 'moved', run: () => taker.onMoved(from, dialog) }),
    onLost: () => taker.post({ name: 'lost', run: () => taker.onLost(from) }),
    onUnacknowledged: () => taker.post({ name: 'no ACK', run: () => taker.onUnacknowledged(from) }),
    onSession: (event) => taker.post({ name: `session ${event}`, run: () => taker.onSession(from, event) }),
  };
}

/** After the end a phone that hangs up too is told that this is well. */
function lateStatus({ method }: SipRequest): number {
  return method === 'BYE' ? 200 : 481;
}
