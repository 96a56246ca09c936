import type { ServerTransaction } from '../../src/sip/transaction/index.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { type Actor, fewerCodecs, nonsense, otherCodecs } from './actor.ts';
import type { Transferring } from './transferring.ts';

/** What a phone does in a call that has been answered, and how it answers the other side. */
export class WithinCall {
  readonly #actor: Actor;
  readonly #transferring: Transferring;

  constructor(actor: Actor, transferring: Transferring) {
    this.#actor = actor;
    this.#transferring = transferring;
  }

  get #chance() {
    return this.#actor.stage.chance;
  }

  /** The call begins. */
  begin(call: PhoneCall): void {
    const chance = this.#chance;
    for (let count = chance.between(0, 5); count > 0; count--) {
      this.#later(chance.between(0, 30_000), call, () => this.#fidget(call));
    }
    if (chance.happens(0.3)) this.#later(chance.between(0, 8000), call, () => this.#transferring.begin(call));
    if (chance.happens(0.8)) {
      this.#later(chance.pick([0, 300, 5000, 20_000, 70_000]), call, () => this.#actor.hangUp(call));
    }
  }

  /** Changes the session somehow. */
  change(call: PhoneCall): void {
    if (call.state !== 'talking') return;
    const chance = this.#chance;
    const { media } = this.#actor.phone;
    chance.weighted([
      [3, () => call.reinvite({ direction: chance.pick(['sendonly', 'inactive', 'sendrecv', 'recvonly']) })],
      [1, () => this.#hold(call)],
      [1, () => call.reinvite({ sdp: null })],
      [1, () => call.reinvite({ sdp: media.describe({ codecs: chance.pick([fewerCodecs, otherCodecs]) }) })],
      [1, () => call.reinvite({ sdp: nonsense })],
      [1, () => this.#changeItsMind(call)],
      [2, () => this.#refresh(call)],
      [2, () => call.update({ direction: chance.pick(['sendonly', 'inactive', 'sendrecv', 'recvonly']) })],
      [1, () => call.update({ sdp: null })],
    ])();
    this.#actor.stage.provoke('change');
  }

  #fidget(call: PhoneCall): void {
    if (call.state !== 'talking') return;
    const chance = this.#chance;
    const { media } = this.#actor.phone;
    chance.weighted([
      [11, () => this.change(call)],
      [2, () => call.request('INFO', { body: 'Signal=1\r\n', contentType: 'application/dtmf-relay' })],
      [1, () => call.request(chance.pick(['OPTIONS', 'MESSAGE', 'REFER', 'FROBNICATE', 'PRACK', 'NOTIFY']))],
      [
        1,
        () => call.responses.length > 0 && call.last.status < 300 && call.last.cseq.method === 'INVITE' && call.ack(),
      ],
      [3, () => call.remoteSdp?.includes('m=audio ') && media.say('hello', call.remoteSdp)],
    ])();
  }

  /** As old phones hold, and then again as it was (RFC 3264 §8.4). */
  #hold(call: PhoneCall): void {
    const chance = this.#chance;
    const { media } = this.#actor.phone;
    call.reinvite({
      sdp: media.describe({ address: '0.0.0.0', direction: chance.pick(['sendrecv', 'sendonly', 'inactive']) }),
    });
    this.#later(chance.between(0, 6000), call, () => {
      if (call.state === 'talking') call.reinvite();
    });
  }

  /** The same words twice: a session timer does that, or a phone that checks whether the other is there. */
  #refresh(call: PhoneCall): void {
    const chance = this.#chance;
    const sdp = this.#actor.phone.media.describe();
    const send = (): void => {
      if (call.state !== 'talking') return;
      if (chance.happens(0.6)) call.reinvite({ sdp });
      else call.update({ sdp });
    };
    send();
    for (let count = chance.between(1, 2); count > 0; count--) this.#later(chance.between(100, 6000), call, send);
  }

  /** A re-INVITE that is cancelled. */
  #changeItsMind(call: PhoneCall): void {
    const invite = call.reinvite({ direction: 'sendonly' });
    this.#later(this.#chance.between(0, 500), call, () => this.#actor.phone.transactions.cancel(invite));
  }

  /** Answers a request of the other side, in time, late, with a refusal, or not. */
  reply(call: PhoneCall, transaction: ServerTransaction): void {
    const chance = this.#chance;
    const { method } = transaction.request;
    const slowly = (): void => this.#later(chance.between(0, 5000), call, () => call.agree(transaction));
    const refuse = (): void => {
      const status = chance.pick([488, 488, 491, 491, 500, 500, 415, 603, 481, 408]);
      const patient = status === 500 && chance.happens(0.6);
      call.agree(transaction, { status, headers: patient ? { 'Retry-After': String(chance.between(0, 9)) } : {} });
    };
    chance.weighted([
      [16, () => call.agree(transaction)],
      [3, slowly],
      [method === 'BYE' ? 0 : 2, refuse],
      [1, () => {}],
    ])();
  }

  #later(ms: number, call: PhoneCall, action: () => void): void {
    this.#actor.later(ms, call, action);
  }
}
