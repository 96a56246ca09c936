import type { ServerTransaction } from '../../src/sip/transaction/index.ts';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { type Actor, nonsense, otherCodecs, type Stage } from './actor.ts';
import { BeforeAnswer } from './before-answer.ts';
import type { Chance } from './chance.ts';
import type { PhoneSetting } from './setting.ts';
import { Transferring } from './transferring.ts';
import { WithinCall } from './within-call.ts';

const video = 'm=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n';

/**
 * The person at a phone, moody: rings, answers, refuses, plays early media, forks, holds, hangs up, gives up, all as
 * chance has it. It sees what arrived by looking after each delivery.
 */
export class Player implements Actor {
  readonly phone: Phone;
  readonly setting: PhoneSetting;
  readonly stage: Stage;
  /** Whether its network, connection or memory has failed it: then it may not have heard of the end of a call. */
  disturbed = false;
  readonly #beforeAnswer: BeforeAnswer;
  readonly #within: WithinCall;
  readonly #transferring: Transferring;
  readonly #met = new Set<PhoneCall>();
  readonly #talkedTo = new Set<PhoneCall>();
  readonly #cancelled = new Set<PhoneCall>();
  #wellBehaved = false;

  constructor(phone: Phone, setting: PhoneSetting, stage: Stage) {
    this.phone = phone;
    this.setting = setting;
    this.stage = stage;
    this.#beforeAnswer = new BeforeAnswer(this);
    this.#transferring = new Transferring(this);
    this.#within = new WithinCall(this, this.#transferring);
    phone.habits.agrees = false;
    phone.habits.obeysCancel = setting.obeysCancel;
    phone.habits.timer = setting.timer;
    phone.onBytes = (direction) => {
      if (direction === 'out') return;
      phone.habits.acks = this.#wellBehaved || this.#chance.happens(setting.acks);
      phone.habits.pracks = this.#wellBehaved || this.#chance.happens(setting.pracks);
      if (phone.watches.length > 0) phone.habits.onNotify = this.#wellBehaved ? 200 : this.#mood();
      phone.clock.after(0, () => this.#look());
    };
  }

  get #chance(): Chance {
    return this.stage.chance;
  }

  // --- what it begins by itself ---

  call(targets: readonly string[]): void {
    const chance = this.#chance;
    const { media } = this.phone;
    const sdp = chance.weighted([
      [24, media.describe()],
      [4, null],
      [1, media.describe({ codecs: otherCodecs })],
      [1, media.describe({ more: video })],
      [1, nonsense],
    ]);
    const call = this.phone.call(chance.pick(targets), { sdp, headers: this.#capabilities() });
    if (chance.happens(0.3)) this.later(chance.between(0, 12_000), call, () => this.cancel(call));
  }

  /** What it says of itself in an INVITE: reliable provisional responses, session timers, UPDATE. */
  #capabilities(): Readonly<Record<string, string>> {
    const { reliable, timer, allow } = this.setting;
    const supported = [...(reliable === 'no' ? [] : ['100rel']), ...(timer ? ['timer'] : [])];
    return {
      ...(supported.length > 0 ? { Supported: supported.join(', ') } : {}),
      ...(reliable === 'required' ? { Require: '100rel' } : {}),
      ...(allow === null ? {} : { Allow: allow }),
    };
  }

  /** Takes a call that is somebody else's. */
  pickUp(): void {
    this.#transferring.pickUp();
  }

  /** Writes to somebody. */
  write(targets: readonly string[]): void {
    const chance = this.#chance;
    this.phone.habits.onMessage = this.#mood();
    this.phone.send('MESSAGE', `sip:${chance.pick(targets)}@${this.phone.server}`, {
      headers: { 'Content-Type': 'text/plain' },
      body: 'are you there?',
    });
  }

  register(): void {
    const chance = this.#chance;
    this.phone.register({
      expires: chance.weighted([
        [6, 600],
        [2, 60],
        [1, 10],
        [2, 0],
      ]),
    });
  }

  /** Watches somebody, asks again, or has enough of it. None lives longer than 90 s after the last question. */
  watch(targets: readonly string[]): void {
    const chance = this.#chance;
    const { watches } = this.phone;
    if (watches.length > 0 && chance.happens(0.5)) {
      return chance.pick(watches).subscribe({ expires: chance.pick([60, 90, 0, 5]) });
    }
    const event = chance.weighted([
      [6, 'dialog'],
      [2, 'presence'],
      [1, 'message-summary'],
      [1, 'weather'],
    ]);
    this.phone.subscribe(chance.pick(targets), event, { expires: chance.pick([60, 60, 90, 0]) });
  }

  /** Says something of its user, for a minute. */
  publish(): void {
    const basic = this.#chance.pick(['open', 'closed', 'perhaps']);
    this.phone.send('PUBLISH', `sip:${this.phone.number}@${this.phone.server}`, {
      headers: { Event: 'presence', Expires: '60', 'Content-Type': 'application/pidf+xml' },
      body: `<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple id="t"><status><basic>${basic}</basic></status></tuple></presence>`,
    });
  }

  /** How it takes the next NOTIFY. */
  #mood(): number | 'silent' {
    return this.#chance.weighted<number | 'silent'>([
      [12, 200],
      [2, 'silent'],
      [1, 503],
      [1, 481],
    ]);
  }

  /** A request that belongs to nothing. */
  wander(): void {
    const chance = this.#chance;
    const uri = `sip:${chance.pick(['1001', '1002', 'nobody'])}@${this.phone.server}`;
    const method = chance.pick(['OPTIONS', 'BYE', 'INFO', 'MESSAGE', 'SUBSCRIBE', 'FROBNICATE', 'UPDATE']);
    this.phone.send(method, uri, chance.happens(0.5) ? { to: `<${uri}>;tag=never-heard-of` } : {});
  }

  cancel(call: PhoneCall): void {
    if (call.direction !== 'out' || this.#cancelled.has(call) || call.state !== 'trying') return;
    this.#cancelled.add(call);
    if (this.#chance.happens(0.15) && this.#leaveEarly(call)) return;
    call.cancel(this.#chance.happens(0.3) ? { Reason: 'SIP;cause=487;text="Changed my mind"' } : {});
  }

  /** BYE instead of CANCEL, in the early dialog if there is one (RFC 3261 §15). */
  #leaveEarly(call: PhoneCall): boolean {
    const tag = call.responses.at(-1)?.toTag ?? null;
    if (tag === null) return false;
    call.remoteTag = tag;
    call.hangUp();
    return true;
  }

  hangUp(call: PhoneCall): void {
    if (call.state !== 'talking') return;
    call.hangUp();
    this.stage.provoke('hang up');
  }

  /** A restart: the network is there, the calls are gone. */
  forget(): void {
    this.disturbed = true;
    this.phone.reboot();
    this.phone.watches.length = 0;
  }

  /** From now on a model phone, that ends whatever it still has. */
  wrapUp(): void {
    this.#wellBehaved = true;
    this.phone.habits.acks = true;
    this.phone.habits.pracks = true;
    this.phone.habits.onMessage = 200;
    this.phone.habits.obeysCancel = true;
    for (const call of this.phone.calls) {
      for (const transaction of call.waiting.splice(0)) this.#reply(call, transaction);
      if (call.state === 'talking') call.hangUp();
      else if (call.state === 'trying' && call.direction === 'in') call.answer(486);
      else this.cancel(call);
      if (call.state === 'over') call.timer.stop();
    }
  }

  // --- what it answers ---

  later(ms: number, call: PhoneCall, action: () => void): void {
    this.phone.clock.after(ms, () => {
      if (!this.#wellBehaved && this.phone.calls.includes(call)) action();
    });
  }

  answered(): void {
    this.#look();
  }

  /** Changes the session of a call, as another may do at the same moment. */
  change(call: PhoneCall): void {
    this.#within.change(call);
  }

  #look(): void {
    for (const call of this.phone.calls) {
      if (!this.#met.has(call)) {
        this.#met.add(call);
        if (call.direction === 'in') this.#greet(call);
      }
      if (call.direction === 'out') this.#beforeAnswer.hear(call);
      if (call.state === 'talking' && !this.#talkedTo.has(call)) {
        this.#talkedTo.add(call);
        this.#within.begin(call);
        if (this.#cancelled.has(call)) this.later(this.#chance.between(0, 500), call, () => this.hangUp(call));
      }
      for (const transaction of call.waiting.splice(0)) this.#reply(call, transaction);
    }
  }

  #reply(call: PhoneCall, transaction: ServerTransaction): void {
    // It has hung up; the other side may not have heard of it.
    const gone = call.state === 'over' && transaction.request.method !== 'BYE';
    if (gone) call.agree(transaction, { status: 481 });
    else if (this.#wellBehaved) call.agree(transaction);
    else this.#within.reply(call, transaction);
  }

  #greet(call: PhoneCall): void {
    if (call.state !== 'trying') return;
    if (this.#wellBehaved) call.answer(486);
    else this.#beforeAnswer.greet(call);
  }
}
