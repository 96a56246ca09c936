import { randomBytes } from 'node:crypto';
import type { MediaEngine, MediaLeg, MediaSession, MediaSummary, PortPair } from '../../src/media/index.ts';
import type { Carrier, Door, Phone } from './carrier.ts';
import { codecs } from './codecs.ts';
import { type OpenEngine, openEngine } from './engines.ts';

const suite = 'AES_CM_128_HMAC_SHA1_80';

interface StartedCall {
  readonly session: MediaSession;
  readonly ports: readonly PortPair[];
  readonly doors: readonly [Door, Door];
}

/** The exchange's own media engine, as calls use it. */
export class OwnEngine implements Carrier {
  readonly media: readonly number[];
  readonly control: readonly number[];
  readonly #engine: MediaEngine;
  readonly #address: string;
  readonly #calls: StartedCall[] = [];

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
    const started = calls.map((phones) => this.#begin(phones));
    this.#calls.push(...started);
    // A worker does one thing after the other: when this one has ended, all the others are carried.
    const last = this.#begin(calls[0]!);
    await endOf(last.session);
    for (const pair of last.ports) this.#engine.release(pair);
    return started.map(({ doors }) => doors);
  }

  async end(): Promise<{ readonly counted: Readonly<Record<string, number>>; readonly portsInUse: number }> {
    const counted: Record<string, number> = {};
    for (const { session, ports } of this.#calls.splice(0)) {
      for (const { counters } of (await endOf(session)).legs) {
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

  #begin(phones: readonly [Phone, Phone]): StartedCall {
    const first = this.#lease();
    const ports = [first, this.#lease(first)] as const;
    const keys = [newKey(phones[0]), newKey(phones[1])] as const;
    const leg = (side: 0 | 1): MediaLeg => {
      const { address, port, key, codec } = phones[side];
      const send = keys[side];
      return {
        port: ports[side],
        remote: { address, port, rtcpPort: 0 },
        signalling: null,
        send: true,
        codecs: [{ ...codecs[codec], receivedAs: codecs[codec].payloadType }],
        ptime: 20,
        srtp:
          key === null || send === null
            ? null
            : { receive: { suite, key: Buffer.from(key, 'hex') }, send: { suite, key: send } },
      };
    };
    const spec = { id: `${ports[0].port}`, legs: [leg(0), leg(1)] as const, idleTimeout: 60_000, answered: true };
    const session = this.#engine.start(spec, { onIdle: () => {} });
    const door = (side: 0 | 1): Door => ({ port: ports[side].port, key: keys[side]?.toString('hex') ?? null });
    return { session, ports, doors: [door(0), door(1)] };
  }

  #lease(near?: PortPair): PortPair {
    const pair = this.#engine.lease(this.#address, near);
    if (pair === null) throw new Error('no port is left');
    return pair;
  }
}

function endOf(session: MediaSession): Promise<MediaSummary> {
  return new Promise((resolve) => session.end(resolve));
}

function newKey({ key }: Phone): Buffer | null {
  return key === null ? null : randomBytes(key.length / 2);
}
