import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../src/base/index.ts';
import { Live } from '../live.ts';
import type { Phones } from '../phones.ts';
import type { Carrier, Door, Phone } from './carrier.ts';

/** How long a call may take to be set up, and all of them to be taken down, in ms. */
const patience = 10_000;

type Side = 'caller' | 'callee';

/** The whole exchange as `npm start` runs it: its calls are set up by SIP, with records and a log. */
export class LiveExchange implements Carrier {
  readonly media: readonly number[];
  readonly control: readonly number[];
  readonly #live: Live;
  readonly #hangUps: (() => void)[] = [];
  #phones: Phones | null = null;
  /** Of the call that is being set up: where the phones receive, and where they are to send. */
  #receives: Readonly<Record<Side, Address>> | null = null;
  readonly #sends = new Map<Side, number>();

  private constructor(live: Live) {
    this.#live = live;
    this.media = live.workers();
    this.control = [live.pid];
  }

  static async open(address: string): Promise<LiveExchange> {
    return new LiveExchange(await Live.start('none', address));
  }

  async start(calls: readonly (readonly [Phone, Phone])[]): Promise<readonly (readonly [Door, Door])[]> {
    const phones = await this.#live.phones({
      media: (as) => this.#receives![as],
      onAnswer: (hangUp) => this.#hangUps.push(hangUp),
      onMedia: (as, port) => this.#sends.set(as, port),
    });
    this.#phones = phones;
    phones.register('1002');
    await until(() => phones.counts.registered === 1, 'the phone is not registered');
    const doors: (readonly [Door, Door])[] = [];
    for (const [caller, callee] of calls) {
      if (caller.key !== null || callee.key !== null) throw new Error('the phones of the bench do not encrypt');
      this.#receives = { caller, callee };
      this.#sends.clear();
      phones.call();
      await until(() => this.#sends.size === 2, 'a call is not answered');
      const door = (side: Side): Door => ({ port: this.#sends.get(side)!, key: null });
      doors.push([door('caller'), door('callee')]);
    }
    return doors;
  }

  async end(): Promise<{ readonly counted: Readonly<Record<string, number>>; readonly portsInUse: number }> {
    const counts = this.#phones?.counts;
    for (const hangUp of this.#hangUps.splice(0)) {
      hangUp();
      await sleep(1);
    }
    await until(() => counts?.ended === counts?.begun, 'not every call has ended');
    // Workers tell their sums once a second.
    await sleep(1500);
    const counted: Record<string, number> = { calls: counts?.ended ?? 0 };
    for (const name of ['rtp_packets_received', 'rtp_packets_sent', 'rtp_packets_lost', 'cdr_written_total']) {
      counted[name] = await this.#live.metric(name);
    }
    return { counted, portsInUse: await this.#live.portsInUse() };
  }

  async close(): Promise<void> {
    await this.#live[Symbol.asyncDispose]();
  }
}

/** Throws where it does not become true in time. */
async function until(isTrue: () => boolean, otherwise: string): Promise<void> {
  for (let waited = 0; !isTrue(); waited++) {
    if (waited > patience) throw new Error(otherwise);
    await sleep(1);
  }
}
