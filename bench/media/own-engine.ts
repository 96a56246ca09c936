import { randomBytes } from 'node:crypto';
import type { MediaEngine, MediaLeg, MediaSession, MediaSummary, PortPair } from '../../src/media/index.ts';
import type { Carrier, Door, Phone } from './carrier.ts';
import { codecs } from './codecs.ts';
import { type OpenEngine, openEngine } from './engines.ts';

const suite = 'AES_CM_128_HMAC_SHA1_80';

/** The exchange's own media engine, as calls use it. */
export class OwnEngine implements Carrier {
  readonly media: readonly number[];
  readonly control: readonly number[];
  readonly #engine: MediaEngine;
  readonly #address: string;
  readonly #calls: { readonly session: MediaSession; readonly ports: readonly PortPair[] }[] = [];

  private constructor({ engine, media, control }: OpenEngine, address: string) {
    this.#engine = engine;
    this.media = media;
    this.control = control;
    this.#address = address;
  }

  /** Throws where there is no such engine. */
  static async open(name: string, address: string): Promise<OwnEngine> {
    return new OwnEngine(await openEngine(name), address);
  }

  async start(calls: readonly (readonly [Phone, Phone])[]): Promise<readonly (readonly [Door, Door])[]> {
    return calls.map(([caller, callee], index) => {
      const first = this.#lease();
      const ports = [first, this.#lease(first)] as const;
      const keys = [newKey(caller), newKey(callee)] as const;
      const leg = ({ address, port, key, codec }: Phone, side: 0 | 1): MediaLeg => ({
        port: ports[side],
        remote: { address, port, rtcpPort: 0 },
        signalling: null,
        send: true,
        codecs: [{ ...codecs[codec], receivedAs: codecs[codec].payloadType }],
        ptime: 20,
        srtp:
          key === null ? null : { receive: { suite, key: Buffer.from(key, 'hex') }, send: { suite, key: keys[side]! } },
      });
      const spec = {
        id: `${index}`,
        legs: [leg(caller, 0), leg(callee, 1)] as const,
        idleTimeout: 60_000,
        answered: true,
      };
      this.#calls.push({ session: this.#engine.start(spec, { onIdle: () => {} }), ports });
      const door = (side: 0 | 1): Door => ({ port: ports[side].port, key: keys[side]?.toString('hex') ?? null });
      return [door(0), door(1)] as const;
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

  #lease(near?: PortPair): PortPair {
    const pair = this.#engine.lease(this.#address, near);
    if (pair === null) throw new Error('no port is left');
    return pair;
  }
}

function newKey({ key }: Phone): Buffer | null {
  return key === null ? null : randomBytes(key.length / 2);
}
