import type { ServerTransaction } from '../../src/sip/transaction/index.ts';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import type { Chance } from './chance.ts';
import type { PhoneSetting } from './setting.ts';

/** What players ask of the story that they are in. */
export interface Stage {
  readonly chance: Chance;
  /** Somebody answered or hung up: another may do something about it at the same moment. */
  provoke(what: 'answer' | 'hang up'): void;
}

const refusals = [
  302, 400, 401, 403, 404, 407, 408, 410, 415, 480, 481, 482, 484, 486, 486, 487, 488, 491, 500, 503, 504, 600, 603,
  606,
] as const;

const otherCodecs = [[18, 'G729/8000']] as const;
const fewerCodecs = [[8, 'PCMA/8000']] as const;
const video = 'm=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n';
const nonsense = 'v=0\r\no=me\r\nm=what is this\r\n';

/**
 * The person at a phone, moody: rings, answers, refuses, plays early media, forks, holds, hangs up, gives up, all as
 * chance has it. It sees what arrived by looking after each delivery.
 */
export class Player {
  readonly phone: Phone;
  readonly setting: PhoneSetting;
  /** Whether its network, connection or memory has failed it: then it may not have heard of the end of a call. */
  disturbed = false;
  readonly #stage: Stage;
  readonly #met = new Set<PhoneCall>();
  readonly #talkedTo = new Set<PhoneCall>();
  readonly #cancelled = new Set<PhoneCall>();
  #wellBehaved = false;

  constructor(phone: Phone, setting: PhoneSetting, stage: Stage) {
    this.phone = phone;
    this.setting = setting;
    this.#stage = stage;
    phone.habits.agrees = false;
    phone.habits.obeysCancel = setting.obeysCancel;
    phone.habits.timer = setting.timer;
    phone.onBytes = (direction) => {
      if (direction === 'out') return;
      phone.habits.acks = this.#wellBehaved || this.#chance.happens(setting.acks);
      if (phone.watches.length > 0) phone.habits.onNotify = this.#wellBehaved ? 200 : this.#mood();
      phone.clock.after(0, () => this.#look());
    };
  }

  get #chance(): Chance {
    return this.#stage.chance;
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
    const call = this.phone.call(chance.pick(targets), { sdp });
    if (chance.happens(0.3)) this.#later(chance.between(0, 12_000), call, () => this.cancel(call));
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
    this.#stage.provoke('hang up');
  }

  /** A restart: the network is there, the calls are gone. */
  forget(): void {
    this.disturbed = true;
    this.phone.calls.length = 0;
    this.phone.watches.length = 0;
  }

  /** From now on a model phone, that ends whatever it still has. */
  wrapUp(): void {
    this.#wellBehaved = true;
    this.phone.habits.acks = true;
    this.phone.habits.agrees = true;
    this.phone.habits.obeysCancel = true;
    for (const call of this.phone.calls) {
      for (const transaction of call.waiting.splice(0)) call.agree(transaction);
      if (call.state === 'talking') call.hangUp();
      else if (call.state === 'trying' && call.direction === 'in') call.answer(486);
      else this.cancel(call);
    }
  }

  // --- what it answers ---

  #later(ms: number, call: PhoneCall, action: () => void): void {
    this.phone.clock.after(ms, () => {
      if (!this.#wellBehaved && this.phone.calls.includes(call)) action();
    });
  }

  #look(): void {
    for (const call of this.phone.calls) {
      if (!this.#met.has(call)) {
        this.#met.add(call);
        if (call.direction === 'in') this.#greet(call);
      }
      if (call.state === 'talking' && !this.#talkedTo.has(call)) {
        this.#talkedTo.add(call);
        this.#talk(call);
      }
      for (const transaction of call.waiting.splice(0)) this.#reply(call, transaction);
    }
  }

  #greet(call: PhoneCall): void {
    if (this.#wellBehaved) return call.answer(486);
    const chance = this.#chance;
    chance.weighted([
      [1, () => {}],
      [3, () => this.#ring(call)],
      [1, () => this.#answerLater(call, 0)],
      [9, () => this.#ringAndAnswer(call)],
      [2, () => this.#playAndAnswer(call)],
      [1, () => this.#fork(call)],
      [4, () => this.#refuseLater(call)],
    ])();
  }

  #ring(call: PhoneCall): void {
    this.#respond(call, this.#chance.pick([180, 180, 180, 183, 181, 182, 199]));
    if (this.#chance.happens(0.15)) this.#later(this.#chance.between(0, 3000), call, () => this.#askEarly(call));
    if (this.#chance.happens(0.2)) this.#later(this.#chance.between(0, 3000), call, () => this.#ring(call));
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
    const { media } = this.phone;
    const sdp = media.describe();
    if (call.state === 'trying') call.answer(183, { sdp });
    const chance = this.#chance;
    const final = chance.weighted([
      [4, sdp],
      [2, null],
      [1, media.describe({ codecs: fewerCodecs })],
    ]);
    this.#later(chance.between(0, 8000), call, () => this.#pickUp(call, { sdp: final }));
  }

  /** As a proxy that forks does: several early dialogs, several answers, late ones too. */
  #fork(call: PhoneCall): void {
    const chance = this.#chance;
    const { media } = this.phone;
    for (const tag of ['fork-a', 'fork-b', 'fork-c']) {
      const sdp = chance.happens(0.4) ? media.describe(chance.happens(0.5) ? { codecs: fewerCodecs } : {}) : null;
      this.#later(chance.between(0, 2000), call, () => this.#respond(call, 183, { tag: call.localTag + tag, sdp }));
      if (chance.happens(0.3)) continue;
      this.#later(chance.between(1000, 9000), call, () => this.#pickUp(call, { tag: call.localTag + tag }, true));
    }
  }

  #answerLater(call: PhoneCall, most: number): void {
    const chance = this.#chance;
    const { media } = this.phone;
    const sdp = chance.weighted<string | null | undefined>([
      [20, undefined],
      [1, null],
      [1, nonsense],
      [1, media.describe({ codecs: otherCodecs })],
      [1, media.describe({ direction: 'inactive' })],
    ]);
    const answer = () => this.#pickUp(call, sdp === undefined ? {} : { sdp });
    if (most === 0) answer();
    else this.#later(chance.between(0, most), call, answer);
  }

  #pickUp(call: PhoneCall, options: Parameters<PhoneCall['answer']>[1], again = false): void {
    if (call.state !== 'trying' && !(again && call.state === 'talking')) return;
    call.answer(200, options);
    this.#stage.provoke('answer');
    this.#look();
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

  #respond(call: PhoneCall, status: number, options: Parameters<PhoneCall['answer']>[1] = {}): void {
    if (call.state === 'trying') call.answer(status, options);
  }

  // --- what it does in a call ---

  #talk(call: PhoneCall): void {
    const chance = this.#chance;
    for (let count = chance.between(0, 5); count > 0; count--) {
      this.#later(chance.between(0, 30_000), call, () => this.#fidget(call));
    }
    if (this.#cancelled.has(call)) this.#later(chance.between(0, 500), call, () => this.hangUp(call));
    else if (chance.happens(0.8)) {
      this.#later(chance.pick([0, 300, 5000, 20_000, 70_000]), call, () => this.hangUp(call));
    }
  }

  #fidget(call: PhoneCall): void {
    if (call.state !== 'talking') return;
    const chance = this.#chance;
    const { media } = this.phone;
    chance.weighted([
      [3, () => call.reinvite({ direction: chance.pick(['sendonly', 'inactive', 'sendrecv', 'recvonly']) })],
      [1, () => call.reinvite({ sdp: null })],
      [1, () => call.reinvite({ sdp: media.describe({ codecs: chance.pick([fewerCodecs, otherCodecs]) }) })],
      [1, () => call.reinvite({ sdp: nonsense })],
      [1, () => this.#changeItsMind(call)],
      [2, () => call.request('INFO', { body: 'Signal=1\r\n', contentType: 'application/dtmf-relay' })],
      [1, () => call.request(chance.pick(['OPTIONS', 'UPDATE', 'MESSAGE', 'REFER', 'FROBNICATE', 'PRACK']))],
      [1, () => call.request('UPDATE', { body: media.describe(), contentType: 'application/sdp' })],
      [
        1,
        () => call.responses.length > 0 && call.last.status < 300 && call.last.cseq.method === 'INVITE' && call.ack(),
      ],
      [3, () => call.remoteSdp?.includes('m=audio ') && media.say('hello', call.remoteSdp)],
    ])();
  }

  /** A re-INVITE that is cancelled. */
  #changeItsMind(call: PhoneCall): void {
    const invite = call.reinvite({ direction: 'sendonly' });
    this.#later(this.#chance.between(0, 500), call, () => this.phone.transactions.cancel(invite));
  }

  #reply(call: PhoneCall, transaction: ServerTransaction): void {
    const chance = this.#chance;
    const { method } = transaction.request;
    const slowly = (): void => this.#later(chance.between(0, 5000), call, () => call.agree(transaction));
    const refuse = (): void => {
      call.agree(transaction, { status: chance.pick([488, 488, 491, 500, 415, 603, 481, 408]) });
    };
    chance.weighted([
      [14, () => call.agree(transaction)],
      [3, slowly],
      [method === 'BYE' ? 0 : 2, refuse],
      [1, () => {}],
    ])();
  }
}
