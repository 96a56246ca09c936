import { answerOrOffer, type LegNegotiation, offerFor, type SessionDescription } from '../../sdp/index.ts';
import type { Dialog, ReferSubscription } from '../../sip/dialog/index.ts';
import { SipError, type SipResponse } from '../../sip/message/index.ts';
import type { Ending } from '../events/index.ts';
import type { Branch } from './branch.ts';
import type { CallerEnd } from './caller-end.ts';
import type { CallHost } from './calls.ts';
import { hungUp, reasonOf } from './ending.ts';
import { shownAs } from './identity.ts';
import type { Leg } from './leg.ts';
import { moved, type Side } from './side.ts';

/**
 * A phone that another has asked us to connect to somebody else: it stays in its call until that answers, or until the
 * one who asked hangs up.
 */
export class TransferredCaller implements CallerEnd {
  readonly leg: Leg;
  readonly report = { update: () => {} };
  readonly #from: CallHost;
  readonly #to: CallHost;
  readonly #side: Side;
  readonly #subscription: ReferSubscription;
  readonly #referrer: 'caller' | 'callee';
  /** The side, once it has left its first call. */
  #own: Side | null = null;
  /** Whether a phone rings, and whose early media is heard. */
  #ringing = false;
  #heard: Branch | null = null;
  #connected = false;
  #over = false;

  constructor(options: {
    /** The call that it is in. */
    readonly from: CallHost;
    /** The call that it is to be in. */
    readonly to: CallHost;
    readonly side: Side;
    readonly referrer: 'caller' | 'callee';
    readonly subscription: ReferSubscription;
  }) {
    this.#from = options.from;
    this.#to = options.to;
    this.#side = options.side;
    this.#referrer = options.referrer;
    this.#subscription = options.subscription;
    this.leg = options.side.leg;
  }

  /** Whether it waits for an answer. */
  get waiting(): boolean {
    return !this.#connected && !this.#over;
  }

  get side(): Side | null {
    return this.#own;
  }

  /** It has left its first call, whose other phone has hung up. */
  adopt(side: Side): void {
    this.#own = moved(side, 'caller', this.#to, null);
    this.#listen();
  }

  offerTo(callee: LegNegotiation): SessionDescription {
    return offerFor(this.leg.negotiation, callee);
  }

  progress(status: number, heard: Branch | null): void {
    this.#subscription.report(status);
    this.#ringing ||= status >= 180;
    // Another that only rings does not silence it.
    this.#heard = heard ?? this.#heard;
    this.#listen();
  }

  /** Once it has nobody else to listen to, it hears what the phone that rings sends, else that it rings. */
  #listen(): void {
    if (!this.#own || !this.waiting) return;
    // The phone whose early media was heard may have refused since.
    if (this.#heard && !this.#heard.leg.over) this.#to.media.connect(this.leg, this.#heard.leg, false);
    else if (this.#ringing) this.#to.media.ringBack(this.leg);
  }

  agree(branch: Branch, response: SipResponse, dialog: Dialog): void {
    dialog.ack(response.cseq.number);
    if (!branch.answered(response)) throw new SipError(488);
  }

  agreeWith(leg: Leg): SessionDescription {
    return answerOrOffer(leg.negotiation, this.leg.negotiation);
  }

  connect(callee: Side): Side {
    this.#connected = true;
    if (!this.#own) {
      const ending = hungUp(this.#referrer, 'normal', `Transferred to ${shownAs(callee).number}`);
      this.adopt(this.#from.handOver(this.#side.party, ending));
    }
    const side = this.#own!;
    side.report.update({ remote: shownAs(callee) });
    this.#subscription.report(200);
    this.#to.post({
      name: 'connected line',
      run: () => {
        this.#to.answered();
        this.#to.conversation?.renegotiate('caller');
      },
    });
    return side;
  }

  onSessionRequest(): void {
    throw new SipError(491);
  }

  onCalleeChange(): void {
    throw new SipError(491);
  }

  end(ending: Ending): void {
    if (this.#connected) return;
    this.#over = true;
    this.#subscription.report(ending.sipStatus);
    const side = this.#own;
    if (!side) return;
    if (ending.party === 'caller') side.dialog.end();
    else side.dialog.bye({ Reason: reasonOf(ending) });
  }

  release(): void {
    // Until it has left its first call, its leg is that call's.
    this.#own?.report[Symbol.dispose]();
    this.#own?.leg[Symbol.dispose]();
  }
}
