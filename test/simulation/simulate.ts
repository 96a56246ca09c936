import { createHash } from 'node:crypto';
import { SeededRandom } from '../../src/base/index.ts';
import { complainingLog } from '../support/complaining-log.ts';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { World } from '../world/world.ts';
import { numbers, type Provocation, type Stage } from './actor.ts';
import { CallBook } from './call-book.ts';
import { Chance } from './chance.ts';
import { Player } from './player.ts';
import { type Setting, settingOf } from './setting.ts';
import { Talker } from './talker.ts';
import { Witness } from './witness.ts';

export interface SimulationResult {
  readonly seed: number;
  /** What was broken of what must hold, the first fault first; empty when all is well. */
  readonly faults: readonly string[];
  /** Of every byte that arrived anywhere, and when: equal for equal seeds. */
  readonly digest: string;
  readonly calls: number;
  readonly deliveries: number;
  /** How often two were heard to speak with each other. */
  readonly conversations: number;
  /** How often music was heard on hold. */
  readonly holds: number;
  /** How often what was asked, by whom and with which answer. */
  readonly counts: ReadonlyMap<string, number>;
}

export interface SimulationOptions {
  /** Hears every message of the exchange, with the virtual time in ms. */
  readonly trace?: (line: string) => void;
}

/** All that waits for a peer gives up within 64·T1, a BYE that had to wait for an ACK within twice that; in ms. */
const settling = 3 * 32_000 + 10_000;
/** The longest that a call rings, or is silent before it is ended; in ms. */
const longestWait = 65_000;
/** What is told where a worker is made to die. */
const workerLost = 'a media worker was lost';
/** Packets of 20 ms that two say to each other, and how many of them must be heard at least. */
const said = 50;
const heard = 25;
/** How long it may take until a worker that hangs is given up, in ms, and one conversation. */
const noticing = 6000 + 1500;
/** The longest registration, in ms. */
const longestBinding = 600_000;

/**
 * Plays a random story with a whole exchange: how many phones, how bad the network, who calls whom and what goes wrong
 * follow from `seed` alone. Tells what was broken of:
 *
 * - every INVITE that arrives gets exactly one final response, within 200 ms a first one;
 * - every other request of a phone is answered, always with the same words;
 * - every call has one start, one end and one record, that agrees with what the caller was told and names the call that
 *   it came of; each end of a call goes forward only, and ends;
 * - reliable provisional responses are numbered one by one, and no 2xx overtakes what they say of the session;
 * - every transfer is reported on to its end, as long as the phone that asked for it is in the call;
 * - no answer changes inside a dialog; session id and version are as RFC 3264 §8 wants them;
 * - nothing of one side's topology comes up on the other; no message goes to a stranger;
 * - who watches is told what there is in that moment, one NOTIFY after the other;
 * - every dialog ends with a BYE, every 2xx is acknowledged, and phones hear of the end;
 * - two that have agreed on what they speak are heard by each other, whatever codec and encryption each has; on hold
 *   there is music;
 * - every recording is whole, on the disk, and over before its call;
 * - nothing throws, and nothing is left: no call, dialog, transaction, port or timer.
 */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const faults: string[] = [];
  const story = await Story.begin(seed, faults, options.trace);
  try {
    await story.play();
    await story.conclude();
  } catch (error) {
    faults.push(`something was thrown: ${error instanceof Error ? error.stack : error}`);
  }
  return story.end();
}

class Story {
  readonly #seed: number;
  readonly #setting: Setting;
  readonly #chance: Chance;
  readonly #world: World;
  readonly #players: Player[] = [];
  readonly #witness: Witness;
  readonly #calls: CallBook;
  readonly #faults: string[];
  readonly #hash = createHash('sha256');
  readonly #talkers = new Map<PhoneCall, Talker>();
  #deliveries = 0;
  #conversations = 0;
  #holds = 0;
  /** Until when a worker that hangs may not have been noticed. */
  #unheardUntil = 0;

  static async begin(seed: number, faults: string[], trace: ((line: string) => void) | undefined): Promise<Story> {
    // Seeds that follow each other would begin alike.
    const chance = new Chance(new SeededRandom(Math.imul(seed ^ 0x5eed, 0x9e37_79b1) >>> 0));
    const setting = settingOf(seed, chance);
    let now = () => 0;
    const log = complainingLog((text) => {
      if (!setting.mortal || !text.startsWith(workerLost)) faults.push(`${now()} ms: an error was logged: ${text}`);
    });
    const world = await World.start({ ...setting.world, log });
    now = () => world.clock.now();
    const story = new Story(seed, setting, chance, world, faults, trace);
    for (const each of setting.phones) {
      const { number, transport, contact, codecs, encryption } = each;
      const phone = await world.phone(number, {
        transport,
        codecs,
        ...(contact === null ? {} : { contact }),
        ...(encryption === null ? {} : { encryption }),
      });
      story.#players.push(new Player(phone, each, story.#stage));
    }
    return story;
  }

  private constructor(
    seed: number,
    setting: Setting,
    chance: Chance,
    world: World,
    faults: string[],
    trace: ((line: string) => void) | undefined,
  ) {
    this.#seed = seed;
    this.#setting = setting;
    this.#chance = chance;
    this.#world = world;
    this.#faults = faults;
    const { clock, network, exchange } = world;
    const accuse = (fault: string): void => {
      faults.push(`${clock.now()} ms: ${fault}`);
    };
    const hosts = new Set(setting.phones.map((_, index) => `10.0.0.${11 + index}`));
    this.#witness = new Witness(clock, hosts, accuse);
    this.#calls = new CallBook(accuse);
    exchange.events.subscribe((event) => {
      this.#calls.hear(event);
      this.#witness.happen(event);
      trace?.(`${clock.now().toFixed(3)} ** ${event.type} ${'call' in event ? event.call.callId : ''}\n`);
    });
    exchange.transport.tap((direction, flow, bytes) => {
      const arrow = direction === 'in' ? '<-' : '->';
      trace?.(
        `${clock.now().toFixed(3)} ${arrow} ${flow.transport} ${flow.remote.address}\n${new TextDecoder().decode(bytes)}`,
      );
      this.#witness.see(direction, flow, bytes);
    });
    network.onDeliver((from, to, bytes) => {
      this.#deliveries++;
      this.#hash.update(`${clock.now()} ${from.address}:${from.port} ${to.address}:${to.port}\n`).update(bytes);
    });
  }

  async play(): Promise<void> {
    const { clock } = this.#world;
    const { duration, incidents } = this.#setting;
    for (const player of this.#players) clock.after(this.#chance.between(0, 500), () => player.phone.register());
    for (let i = 0; i < incidents; i++) clock.after(this.#chance.between(2000, duration), () => this.#incident());
    for (let at = 2000; at < duration; at += 1500) clock.after(at, () => this.#converse());
    await this.#world.live(duration + 1000, this.#setting.world.workers ? 20 : 50);
    await this.#wrapUp();
  }

  /** Whether all is over, and as it should be. */
  async conclude(): Promise<void> {
    const { exchange, network, clock, sockets } = this.#world;
    const disturbed = this.#players.some((player) => player.disturbed);
    if (exchange.calls.active > 0 && !disturbed) this.#accuse(`${exchange.calls.active} calls go on without anybody`);
    if (exchange.calls.active > 0) {
      exchange.calls.shutDown();
      await this.#pass(settling);
    }
    this.#checkNothingIsLeft();
    this.#witness.conclude(this.#calls.ids, this.#world.disk.files.keys());
    this.#calls.conclude(this.#witness.finals(), this.#witness.takeovers());
    this.#checkPhones();
    if (exchange.transport.counters.defects > 0) this.#accuse(`${exchange.transport.counters.defects} defects`);
    for (const { to } of network.toNobody)
      this.#accuse(`something was sent to ${to.address}:${to.port}, where nobody is`);
    await this.#pass(longestBinding);
    if (exchange.registrar.count > 0) this.#accuse(`${exchange.registrar.count} bindings have outlived their time`);
    await this.#pass(settling);
    this.#checkNothingIsLeft();
    // Workers are kept alive, and ports open in advance, until then.
    await this.#world.media.close();
    if (clock.pending > 0) this.#accuse(`${clock.pending} timers are left`);
    if (sockets.size !== this.#players.length) this.#accuse(`${sockets.size} media sockets are left`);
  }

  async end(): Promise<SimulationResult> {
    await this.#world[Symbol.asyncDispose]();
    return {
      seed: this.#seed,
      faults: this.#faults,
      digest: this.#hash.digest('hex'),
      calls: this.#calls.calls,
      deliveries: this.#deliveries,
      conversations: this.#conversations,
      holds: this.#holds,
      counts: this.#witness.counts,
    };
  }

  #accuse(fault: string): void {
    this.#faults.push(`${this.#world.clock.now()} ms: ${fault}`);
  }

  /** Time in which nothing of interest happens. */
  async #pass(ms: number): Promise<void> {
    await this.#world.live(ms, 250);
  }

  // --- what happens ---

  #incident(): void {
    const chance = this.#chance;
    if (this.#players.length === 0) return;
    const player = chance.pick(this.#players);
    const trouble = this.#setting.troubled ? 1 : 0;
    chance.weighted([
      [20, () => player.call(chance.happens(0.9) ? numbers : oddities)],
      [this.#setting.mortal ? 2 : 0, () => this.#killWorker()],
      [2, () => player.register()],
      [4, () => player.watch(numbers)],
      [1, () => player.publish()],
      [1, () => player.write(numbers)],
      [4, () => player.pickUp()],
      [1, () => player.wander()],
      [trouble, () => this.#cutOff(player)],
      [trouble, () => this.#disconnect(player)],
      [trouble, () => player.forget()],
      [2 * trouble, () => this.#crash(player)],
    ])();
  }

  /** Two say something to each other and are heard, or one holds and the other hears music; unless the call changes meanwhile. */
  #converse(): void {
    const ends = this.#players.flatMap(({ phone, setting }) =>
      phone.calls
        .filter(({ state }) => state === 'talking')
        .map((call) => ({ phone, call, codecs: setting.codecs.map(([, map]) => map) })),
    );
    const { sound } = this.#witness;
    const pairs = ends.flatMap((one) => {
      const partner = sound.partnerOf(one.call.callId);
      const other = ends.find(({ call }) => call.callId === partner);
      return other ? [[one, other] as const] : [];
    });
    if (pairs.length === 0) return;
    const pair = this.#chance.pick(pairs);
    const roles = pair.map(({ call, codecs }) => sound.roleOf(call.callId, codecs, call.remoteSdp)).join(' and ');
    if (roles !== 'talks and talks' && roles !== 'holds and listens') return;
    const isOnHold = roles === 'holds and listens';
    const ids = pair.map(({ call }) => call.callId);
    const changes = (): string =>
      `${sound.partnerOf(ids[0]!)} ${ids.map((id) => sound.changesOf(id))} ${pair.map(({ call }) => call.state)}`;
    const before = changes();
    const talkers = pair.map((end) => ({ ...end, talker: this.#talkerOf(end.phone, end.call) }));
    const heardBefore = talkers.map(({ talker }) => talker.heard);
    const { clock } = this.#world;
    for (let i = 0; i < said && !isOnHold; i++) {
      clock.after(20 * i, () => {
        for (const { talker, codecs } of talkers) talker.speak(codecs);
      });
    }
    clock.after(20 * said + 300, () => {
      if (changes() !== before || clock.now() < this.#unheardUntil) return;
      if (isOnHold) this.#holds++;
      else this.#conversations++;
      talkers.forEach(({ phone, call, talker }, index) => {
        if (isOnHold && index === 0) return;
        const count = talker.heard - heardBefore[index]!;
        if (count < heard) {
          this.#accuse(`${phone.number} hears ${count} of ${said} packets in ${call.callId} from ${ids[1 - index]}`);
        }
      });
    });
  }

  #talkerOf(phone: Phone, call: PhoneCall): Talker {
    const known = this.#talkers.get(call) ?? new Talker(phone, call, this.#chance.between(1, 0x7fff_ffff));
    this.#talkers.set(call, known);
    return known;
  }

  /** What carries the media of some calls dies, or goes on without a word. */
  #killWorker(): void {
    const { workers } = this.#world;
    const worker = this.#chance.pick(workers.slice(-(this.#setting.world.workers ?? 1)));
    if (this.#chance.happens(0.7)) worker.die();
    else {
      worker.hang();
      this.#unheardUntil = this.#world.clock.now() + noticing;
    }
  }

  /** A phone loses its power, and is there again later, as if nothing had been. */
  #crash(player: Player): void {
    const { network, clock } = this.#world;
    const { address } = player.phone;
    player.forget();
    network.partition(address);
    network.disconnect(address);
    clock.after(this.#chance.pick([100, 2000, 20_000]), () => {
      network.heal(address);
      player.forget();
      if (this.#chance.happens(0.8)) player.register();
    });
  }

  #cutOff(player: Player): void {
    const { network, clock } = this.#world;
    const { address } = player.phone;
    player.disturbed = true;
    network.partition(address);
    clock.after(this.#chance.pick([300, 3000, 20_000, 60_000]), () => network.heal(address));
  }

  #disconnect(player: Player): void {
    player.disturbed ||= player.setting.transport !== 'udp';
    this.#world.network.disconnect(player.phone.address);
    if (this.#chance.happens(0.7)) this.#world.clock.after(this.#chance.between(0, 3000), () => player.register());
  }

  get #stage(): Stage {
    return { chance: this.#chance, provoke: (what) => this.#provoke(what), anyCall: () => this.#anyCall() };
  }

  #anyCall(): PhoneCall | null {
    const calls = this.#players.flatMap(({ phone }) => phone.calls.filter(({ state }) => state !== 'over'));
    return calls.length > 0 ? this.#chance.pick(calls) : null;
  }

  /** What crosses what another does: within the time that a datagram takes. */
  #provoke(what: Provocation): void {
    const chance = this.#chance;
    if (!chance.happens(0.2)) return;
    const able = (call: PhoneCall) =>
      what === 'answer' ? call.direction === 'out' && call.state === 'trying' : call.state === 'talking';
    const candidates = this.#players.flatMap((player) =>
      player.phone.calls.filter(able).map((call) => ({ player, call })),
    );
    if (candidates.length === 0) return;
    const { player, call } = chance.pick(candidates);
    player.later(chance.between(0, this.#setting.longestDelay), call, () => {
      if (what === 'answer') player.cancel(call);
      else if (what === 'change') player.change(call);
      else if (call.state === 'talking') call.hangUp();
    });
  }

  async #wrapUp(): Promise<void> {
    const { network, exchange } = this.#world;
    if (this.#setting.ending === 'drain') void exchange.calls.drain();
    if (this.#setting.ending === 'shutdown') exchange.calls.shutDown();
    for (let round = 0; round < 2; round++) {
      for (const { phone } of this.#players) network.heal(phone.address);
      for (const player of this.#players) player.wrapUp();
      await this.#pass(longestWait);
    }
    await this.#pass(settling);
  }

  // --- what must be ---

  #checkNothingIsLeft(): void {
    // A phone behind a NAT is sent OPTIONS for as long as it is registered.
    const pulse = this.#world.exchange.registrar.natBindings().length > 0;
    for (const [what, count] of Object.entries(this.#world.leftovers())) {
      if (count > 0 && !(pulse && what === 'client transactions')) this.#accuse(`${count} ${what} are left`);
    }
  }

  #checkPhones(): void {
    for (const { phone, disturbed } of this.#players) {
      if (disturbed) continue;
      for (const call of phone.calls) {
        const unheard = call.direction === 'in' && !call.requests.some(({ method }) => method === 'ACK');
        if (call.state !== 'over' && !unheard) {
          this.#accuse(`${phone.number} at ${phone.address} is still ${call.state} in ${call.callId}`);
        }
      }
    }
  }
}

const oddities = ['1099', 'tel:+1002', 'tel:1003', 'sip:1001@198.51.100.7', 'sip:10.0.0.1', 'urn:service:sos'];
