import type { PhoneCall } from '../world/phone-call.ts';
import { type Actor, numbers } from './actor.ts';

/** Numbers and addresses that nobody can be transferred to, or not as one thinks. */
const oddTargets: readonly string[] = [
  '1099',
  'tel:+1002',
  'sip:1001@198.51.100.7',
  '*97',
  '**1002',
  'urn:service:sos',
];

/** How a phone transfers a call, and how it takes the calls of others. */
export class Transferring {
  readonly #actor: Actor;

  constructor(actor: Actor) {
    this.#actor = actor;
  }

  get #chance() {
    return this.#actor.stage.chance;
  }

  /** Asks for the other side to be connected with somebody else. */
  begin(call: PhoneCall): void {
    if (call.state !== 'talking') return;
    const chance = this.#chance;
    chance.weighted([
      [5, () => this.#blind(call)],
      [5, () => this.#attended(call)],
      [1, () => this.#mixedUp(call)],
    ])();
  }

  #blind(call: PhoneCall): void {
    const chance = this.#chance;
    const target = chance.happens(0.05)
      ? `sip:${chance.pick(numbers)}@${this.#actor.phone.server};method=BYE`
      : this.#target();
    call.refer(target, { headers: this.#headers() });
    if (chance.happens(0.2)) {
      this.#later(chance.between(0, 3000), call, () => {
        if (call.state === 'talking') call.refer(this.#target(), { headers: this.#headers() });
      });
    }
    this.#leave(call);
  }

  /** Asks whom it is to be transferred to, and does not always wait for the answer. */
  #attended(call: PhoneCall): void {
    const chance = this.#chance;
    const { phone } = this.#actor;
    if (chance.happens(0.6)) call.reinvite({ direction: chance.pick(['sendonly', 'inactive']) });
    const asking = phone.call(this.#target());
    this.#later(chance.pick([100, 3000, 9000, 15_000]), call, () => {
      if (call.state !== 'talking' || (asking.state === 'over' && chance.happens(0.9))) return;
      if (chance.happens(0.15)) asking.refer(this.#target(), { replacing: call });
      else call.refer(this.#target(), { replacing: asking, headers: this.#headers() });
      this.#leave(chance.happens(0.5) ? call : asking);
    });
  }

  /** Refers to another call than it has, or to the same. */
  #mixedUp(call: PhoneCall): void {
    const { phone, stage } = this.#actor;
    const replacing = this.#chance.pick([stage.anyCall(), phone.lastCall, call]);
    if (replacing) call.refer(this.#target(), { replacing });
  }

  /** Hangs up in the middle of it. */
  #leave(call: PhoneCall): void {
    const chance = this.#chance;
    if (!chance.happens(0.4)) return;
    this.#later(chance.pick([0, 50, 1000, 5000]), call, () => this.#actor.hangUp(call));
  }

  #target(): string {
    const chance = this.#chance;
    return chance.weighted<string>([
      [12, chance.pick(numbers)],
      [2, chance.pick(oddTargets)],
      [1, this.#actor.phone.number],
    ]);
  }

  #headers(): Readonly<Record<string, string>> {
    return this.#chance.happens(0.2) ? { 'Refer-Sub': 'false' } : {};
  }

  // --- as somebody who takes a call ---

  /** Picks up what rings elsewhere: by number, or as a phone does that has seen the call in a lamp. */
  pickUp(): void {
    const chance = this.#chance;
    const { phone } = this.#actor;
    const sdp = chance.happens(0.15) ? null : phone.media.describe();
    const call = this.#actor.stage.anyCall();
    if (chance.happens(0.4)) {
      const number = call && chance.happens(0.7) ? call.phone.number : chance.pick(numbers);
      phone.call(`**${number}`, { sdp });
      return;
    }
    if (!call) return;
    const replaces = chance.happens(0.1) ? `${call.callId};to-tag=a;from-tag=b` : call.replaces('us');
    const early = chance.happens(0.2) ? ';early-only' : '';
    phone.call(chance.pick(numbers), {
      sdp,
      headers: { Replaces: replaces + early, ...(chance.happens(0.5) ? { Require: 'replaces' } : {}) },
    });
  }

  #later(ms: number, call: PhoneCall, action: () => void): void {
    this.#actor.later(ms, call, action);
  }
}
