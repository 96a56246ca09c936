import { SystemClock, silentLog, systemRandom } from '../../src/base/index.ts';
import {
  DgramSockets,
  LocalEngine,
  type MediaEngine,
  type MediaLeg,
  type MediaSession,
  type MediaSummary,
  PlainRelay,
  type PortPair,
} from '../../src/media/index.ts';
import type { Carrier, Door, Phone } from './carrier.ts';

const pcmu = { name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null, payloadType: 0, receivedAs: 0 };

/** The exchange's own media engine, as calls use it. */
export class OwnEngine implements Carrier {
  readonly media: readonly number[] = [process.pid];
  readonly control: readonly number[] = [];
  readonly #engine: MediaEngine;
  readonly #address: string;
  readonly #calls: { readonly session: MediaSession; readonly ports: readonly PortPair[] }[] = [];

  constructor(address: string) {
    this.#address = address;
    const clock = new SystemClock();
    this.#engine = new LocalEngine({
      relay: new PlainRelay({ sockets: new DgramSockets(), clock }),
      name: 'bench',
      ports: { start: 12_000, end: 32_000 },
      clock,
      random: systemRandom,
      log: silentLog,
    });
  }

  async start(calls: readonly (readonly [Phone, Phone])[]): Promise<readonly (readonly [Door, Door])[]> {
    return calls.map(([caller, callee], index) => {
      const ports = [this.#lease(), this.#lease()] as const;
      const leg = ({ address, port }: Phone, side: 0 | 1): MediaLeg => ({
        port: ports[side],
        remote: { address, port, rtcpPort: 0 },
        signalling: null,
        send: true,
        codecs: [pcmu],
        ptime: 20,
      });
      const spec = {
        id: `${index}`,
        legs: [leg(caller, 0), leg(callee, 1)] as const,
        idleTimeout: 60_000,
        answered: true,
      };
      this.#calls.push({ session: this.#engine.start(spec, { onIdle: () => {} }), ports });
      return [
        { port: ports[0].port, key: null },
        { port: ports[1].port, key: null },
      ] as const;
    });
  }

  async end(): Promise<{ readonly counted: Readonly<Record<string, number>>; readonly portsInUse: number }> {
    const counted: Record<string, number> = {};
    for (const { session, ports } of this.#calls.splice(0)) {
      const { promise, resolve } = Promise.withResolvers<MediaSummary>();
      session.end(resolve);
      for (const { counters } of (await promise).legs) {
        for (const [name, value] of Object.entries(counters)) {
          if (typeof value === 'number' && name !== 'jitterMs') counted[name] = (counted[name] ?? 0) + value;
        }
      }
      for (const pair of ports) this.#engine.release(pair);
    }
    return { counted, portsInUse: this.#engine.usage().inUse };
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  #lease(): PortPair {
    const pair = this.#engine.lease(this.#address);
    if (pair === null) throw new Error('no port is left');
    return pair;
  }
}
