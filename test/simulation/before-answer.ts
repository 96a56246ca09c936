import type { SipResponse } from '../../src/sip/message/index.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { type Actor, fewerCodecs, nonsense, otherCodecs } from './actor.ts';

type Answer = NonNullable<Parameters<PhoneCall['answer']>[1]>;

const refusals = [
  302, 400, 401, 403, 404, 407, 408, 410, 415, 480, 481, 482, 484, 486, 486, 487, 488, 491, 500, 503, 504, 600, 603,
  606,
] as const;

/** What a phone does with a call that has no answer yet: as the one that is called, and as the one that calls. */
export class BeforeAnswer {
  readonly #actor: Actor;
  readonly #acknowledged = new Set<SipResponse>();

  constructor(actor: Actor) {
    this.#actor = actor;
  }

  get #chance() {
    return this.#actor.stage.chance;
  }

  get #media() {
    return this.#actor.phone.media;
  }

  // --- as the one that is called ---

  greet(call: PhoneCall): void {
    const chance = this.#chance;
    const reliable = wants100rel(call) ? 8 : chance.happens(0.05) ? 1 : 0;
    chance.weighted([
      [1, () => {}],
      [3, () => this.#ring(call)],
      [1, () => this.#answerLater(call, 0)],
      [9, () => this.#ringAndAnswer(call)],
      [2, () => this.#playAndAnswer(call)],
      [2, () => this.#fork(call, reliable > 0)],
      [4, () => this.#refuseLater(call)],
      [reliable, () => this.#ringReliably(call)],
    ])();
  }

  #ring(call: PhoneCall): void {
    const chance = this.#chance;
    this.#respond(call, chance.pick([180, 180, 180, 183, 181, 182, 199]));
    if (chance.happens(0.15)) this.#later(chance.between(0, 3000), call, () => this.#askEarly(call));
    if (chance.happens(0.2)) this.#later(chance.between(0, 3000), call, () => this.#ring(call));
  }

  /** What a phone may ask before it has answered, and what it must not (RFC 3261 §15). */
  #askEarly(call: PhoneCall): void {
    if (call.state === 'trying') call.request(this.#chance.pick(['OPTIONS', 'UPDATE', 'INFO', 'REFER', 'BYE']));
  }

  #ringAndAnswer(call: PhoneCall): void {
    this.#ring(call);
    this.#answerLater(call, 8000);
  }

  #playAndAnswer(call: PhoneCall): void {
    const sdp = this.#media.describe();
    this.#respond(call, 183, { sdp });
    const chance = this.#chance;
    const final = chance.weighted([
      [4, sdp],
      [2, null],
      [1, this.#media.describe({ codecs: fewerCodecs })],
    ]);
    this.#later(chance.between(0, 8000), call, () => this.#pickUp(call, { sdp: final }));
  }

  /** Says once or more that it rings, so that this must be acknowledged; changes what was agreed; picks up, or not. */
  #ringReliably(call: PhoneCall): void {
    const chance = this.#chance;
    const described = chance.happens(0.7);
    const sdp = chance.weighted<string>([
      [12, this.#media.describe()],
      [1, this.#media.describe({ codecs: otherCodecs })],
      [1, nonsense],
    ]);
    this.#respond(call, chance.pick([180, 183, 183]), { sdp: described ? sdp : null, reliable: true });
    for (let count = chance.between(0, 2); count > 0; count--) {
      this.#later(chance.between(0, 4000), call, () => this.#sayMore(call));
    }
    if (chance.happens(0.15)) return this.#refuseLater(call);
    const final = chance.weighted<string | null | undefined>([
      [8, described ? null : undefined],
      [1, described ? sdp : undefined],
    ]);
    this.#later(chance.between(0, 9000), call, () => this.#pickUp(call, final === undefined ? {} : { sdp: final }));
  }

  #sayMore(call: PhoneCall): void {
    const acknowledged = call.requests.some(({ method }) => method === 'PRACK');
    const chance = this.#chance;
    // Most phones wait for the PRACK before they say more.
    if (!acknowledged && chance.happens(0.8)) return;
    chance.weighted([
      [2, () => this.#respond(call, 180, { reliable: true })],
      [2, () => this.#respond(call, 183, {})],
      [5, () => this.#change(call)],
    ])();
  }

  /** An UPDATE before the answer (RFC 3311 §5.1), by either side. */
  #change(call: PhoneCall): void {
    if (call.state !== 'trying') return;
    const chance = this.#chance;
    chance.weighted([
      [3, () => call.update()],
      [2, () => call.update({ direction: chance.pick(['sendonly', 'inactive', 'recvonly']) })],
      [1, () => call.update({ sdp: null })],
      [1, () => call.update({ sdp: this.#media.describe({ codecs: chance.pick([fewerCodecs, otherCodecs]) }) })],
    ])();
  }

  /** As a proxy that forks does: several early dialogs, several answers, late ones too. */
  #fork(call: PhoneCall, reliably: boolean): void {
    const chance = this.#chance;
    for (const branch of ['fork-a', 'fork-b', 'fork-c']) {
      const tag = call.localTag + branch;
      const sdp = chance.happens(0.4) ? this.#media.describe(chance.happens(0.5) ? { codecs: fewerCodecs } : {}) : null;
      let number = chance.between(1, 1000);
      for (let count = chance.pick([1, 1, 2]); count > 0; count--) {
        const reliable = reliably && chance.happens(0.7);
        this.#later(chance.between(0, 2000), call, () =>
          this.#respond(call, 183, { tag, sdp, ...(reliable ? { reliable: number++ } : {}) }),
        );
      }
      if (chance.happens(0.3)) continue;
      this.#later(chance.between(1000, 9000), call, () => this.#pickUp(call, { tag }, true));
    }
  }

  #answerLater(call: PhoneCall, most: number): void {
    const chance = this.#chance;
    const sdp = chance.weighted<string | null | undefined>([
      [20, undefined],
      [1, null],
      [1, nonsense],
      [1, this.#media.describe({ codecs: otherCodecs })],
      [1, this.#media.describe({ direction: 'inactive' })],
    ]);
    const answer = () => this.#pickUp(call, sdp === undefined ? {} : { sdp });
    if (most === 0) answer();
    else this.#later(chance.between(0, most), call, answer);
  }

  #pickUp(call: PhoneCall, options: Answer, again = false): void {
    if (call.state !== 'trying' && !(again && call.state === 'talking')) return;
    call.answer(200, this.#signed(options));
    this.#actor.stage.provoke('answer');
    this.#actor.answered();
  }

  #refuseLater(call: PhoneCall): void {
    const chance = this.#chance;
    if (chance.happens(0.5)) this.#ring(call);
    const status = chance.pick(refusals);
    const target = chance.pick(['1001@10.0.0.1', '1002@10.0.0.1', '1003@10.0.0.1', 'x@203.0.113.9', '1001@[::1]']);
    const headers: Record<string, string> =
      status === 302
        ? { Contact: `<sip:${target}>` }
        : status === 401
          ? { 'WWW-Authenticate': 'Digest realm="phone", nonce="1"' }
          : {};
    this.#later(chance.between(0, 4000), call, () => this.#respond(call, status, { headers }));
  }

  #respond(call: PhoneCall, status: number, options: Answer = {}): void {
    if (call.state === 'trying') call.answer(status, this.#signed(options));
  }

  /** With what the phone says of itself in every response. */
  #signed(options: Answer): Answer {
    const { allow } = this.#actor.setting;
    return allow === null ? options : { ...options, headers: { Allow: allow, ...options.headers } };
  }

  // --- as the one that calls ---

  /** Looks at what it has heard of a call that it has made. */
  hear(call: PhoneCall): void {
    const { phone } = this.#actor;
    for (const response of call.responses) {
      if (this.#acknowledged.has(response)) continue;
      this.#acknowledged.add(response);
      if (response.status === 100 || response.status >= 200 || call.state !== 'trying') continue;
      const chance = this.#chance;
      if (chance.happens(0.12)) this.#later(chance.between(0, 2000), call, () => this.#change(call));
      if (response.headers.has('RSeq') && !phone.habits.pracks) this.#acknowledgeByHand(call, response);
    }
  }

  /** Late, with an offer of its own, or not at all. */
  #acknowledgeByHand(call: PhoneCall, response: SipResponse): void {
    const chance = this.#chance;
    if (chance.happens(0.15)) return;
    const offer = chance.happens(0.4) ? this.#media.describe() : undefined;
    this.#later(chance.pick([0, 0, 200, 2000, 20_000]), call, () => {
      if (call.state === 'trying') call.prack(response, offer);
    });
  }

  #later(ms: number, call: PhoneCall, action: () => void): void {
    this.#actor.later(ms, call, action);
  }
}

function wants100rel({ invite }: PhoneCall): boolean {
  return ['Supported', 'Require'].some((name) => invite.headers.get(name)?.includes('100rel'));
}
