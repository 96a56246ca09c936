import type { SessionDescription } from '../../sdp/index.ts';
import { SdpError } from '../../sdp/index.ts';
import { SipError, type SipRequest } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { CallHost } from './calls.ts';
import { broken } from './ending.ts';
import { type Person, shownAs } from './identity.ts';
import { Leg } from './leg.ts';
import { dialogFacts, LegReport } from './leg-report.ts';
import { refusalOfMedia, sdpBody, sdpOf } from './session-body.ts';
import { dialogUser, type Side } from './side.ts';

/**
 * Answers an INVITE at once with 200, as a side of a call that is going on already: one that picks it up, or takes the
 * place of another. `agree` says what the phone is told, which has offered or is to be offered.
 * Throws SipError or SipSyntaxError to refuse it, before anything has been said.
 */
export function answerInvite(options: {
  readonly call: CallHost;
  readonly party: 'caller' | 'callee';
  readonly transaction: ServerTransaction;
  readonly person: Person;
  /** Whom it speaks to. */
  readonly remote: Person;
  /** The leg that it is to be connected with. */
  readonly other: Leg;
  readonly agree: (leg: Leg) => SessionDescription;
}): Side {
  const { call, party, transaction, person, remote } = options;
  const { context } = call;
  const offer = sdpOf(transaction.request);
  const leg = new Leg(context, { flow: transaction.flow, extension: person.extension, near: options.other });
  try {
    if (offer) leg.negotiation.receiveOffer(offer);
    const body = sdpBody(options.agree(leg));
    const invite = context.userAgent.receiveInvite(transaction, shownAs(remote).number, {
      onCancel: () => {},
      onUnacknowledged: () => {},
      dialog: dialogUser(party, call, context.userAgent),
    });
    const facts = {
      callId: call.id,
      extension: person.extension,
      direction: 'initiator',
      dialog: dialogFacts(invite.dialog),
      remote: shownAs(remote),
    } as const;
    const report = new LegReport(context, facts, person.anonymous);
    report.update({ state: 'confirmed' });
    invite.accept(body, {
      onAck: (ack) => call.post({ name: 'ACK', run: () => takeAnswer(call, leg, ack) }),
    });
    return { party, ...person, dialog: invite.dialog, leg, report };
  } catch (error) {
    leg[Symbol.dispose]();
    throw refusalOfMedia(error);
  }
}

/** The answer in the ACK, where the offer was ours. */
function takeAnswer(call: CallHost, { negotiation }: Leg, ack: SipRequest): void {
  if (negotiation.phase !== 'local-offer') return;
  try {
    const answer = sdpOf(ack);
    if (!answer) throw new SdpError('the ACK carries no answer');
    negotiation.receiveAnswer(answer);
    call.conversation?.connect();
  } catch (error) {
    const refusal = refusalOfMedia(error);
    if (!(refusal instanceof SipError)) throw error;
    call.end(broken(88, `The answer could not be used: ${refusal.message}`));
  }
}
