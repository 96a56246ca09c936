import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { roundTrips } from '../../../test/contract/relay-stage.ts';
import { builtAddon } from '../../../test/support/native-addon.ts';
import { silentLog, VirtualClock } from '../../base/index.ts';
import { formatRtp, type SrtpParameters, SrtpSender } from '../../rtp/index.ts';
import { DgramSockets } from './dgram-sockets.ts';
import { NativeRelay } from './native-relay.ts';
import { PlainRelay } from './plain-relay.ts';
import type { Relay, RelayLegSpec, RelaySession, RelaySpec, RemoteMedia } from './relay.ts';

const addon = builtAddon();
const here = '127.0.0.1';
/** Also leads to our ports. */
const ourOther = '127.0.0.2';
/** Two machines of which each has two sockets, and a stranger. */
const phones = ['127.0.0.11', '127.0.0.11', '127.0.0.21', '127.0.0.21', '127.0.0.66'];
const pairCount = 3;

const keys = (suite: SrtpParameters['send']['suite'], length: number, fill: number): SrtpParameters => ({
  receive: { suite, key: new Uint8Array(length).fill(fill) },
  send: { suite, key: new Uint8Array(length).fill(fill + 1) },
});
const crypto = [keys('AES_CM_128_HMAC_SHA1_80', 30, 1), keys('AEAD_AES_256_GCM', 44, 3)] as const;

const mostly = <Value>(usual: Value, ...others: readonly Value[]): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));

const packetStep = fc.record({
  kind: fc.constant('packet' as const),
  // The phone of that pair, or any.
  from: mostly(null, 0, 1, 2, 3, 4),
  pair: fc.constantFrom(0, 0, 1, 1, 2),
  toRtcpPort: mostly(false, true),
  what: mostly('rtp' as const, 'rtcp' as const, 'rtcp' as const, 'the last once more' as const, 'junk' as const),
  type: mostly(0, 8, 101, 34),
  ahead: mostly(1, 0, 2, -1, -200, 30_000),
  ssrc: mostly(1, 2),
  key: fc.constantFrom(null, 0, 1),
  // Which byte arrives altered.
  altered: mostly(null, null, null, 0, 1, 3, 20, 60),
  size: mostly(48, 0, 1200),
});

const legStep = fc.record({
  pair: fc.option(fc.nat(pairCount - 1), { freq: 1, nil: null }),
  remote: fc.constantFrom('none', 'phone', 'phone', 'phone', 'phone', 'other phone', 'ours', 'our other', 'nowhere'),
  signalling: fc.constantFrom(null, '127.0.0.11', '127.0.0.21', ourOther, 'x'),
  send: mostly(true, false),
  copied: mostly(false, true),
  taken: mostly(false, true),
  rtcpMux: mostly(false, true),
  rtcpTaken: mostly(false, true),
  generation: mostly(0, 1),
  key: fc.constantFrom(null, 0, 1),
});

const step = fc.oneof(
  { weight: 12, arbitrary: packetStep },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('update' as const), legs: fc.tuple(legStep, fc.option(legStep)) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(20, 2999, 3000, 5001) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      leg: fc.constantFrom(0 as const, 1 as const),
      rtcp: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('shut' as const), pair: fc.nat(pairCount - 1), open: fc.boolean() }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
type LegStep = typeof legStep extends fc.Arbitrary<infer Value> ? Value : never;

/** One of the two relays, and what it has said and sent. */
class Twin {
  readonly relay: Relay;
  /** The RTP ports of its pairs. */
  readonly ports: number[] = [];
  said: string[] = [];
  #session: RelaySession | null = null;

  constructor(relay: Relay) {
    this.relay = relay;
    for (let port = 30_000; this.ports.length < pairCount; port += 2) {
      if (relay.open({ address: here, port }) === 'opened') this.ports.push(port);
    }
  }

  get session(): RelaySession {
    return this.#session!;
  }

  /** Tells it what the session is from now on; one line where that is refused. */
  place(legs: readonly [LegStep, LegStep | null], addresses: readonly RemoteMedia[]): void {
    const spec: RelaySpec = {
      id: 'twin',
      legs: [this.#leg(0, legs[0], addresses), legs[1] && this.#leg(1, legs[1], addresses)],
      idleTimeout: 4000,
    };
    try {
      if (this.#session) this.#session.update(spec);
      else {
        this.#session = this.relay.start(spec, {
          onIdle: () => this.said.push('idle'),
          onRtp: (leg, packet, at) => this.said.push(`RTP ${leg} ${at} ${Buffer.from(packet).toString('hex')}`),
          onRtcp: (leg, packet, at) => this.said.push(`RTCP ${leg} ${at} ${Buffer.from(packet).toString('hex')}`),
        });
      }
    } catch {
      this.said.push('refused');
    }
  }

  /** Notes what has come to a phone, where it is from one of these ports. */
  hear(phone: number, port: number, bytes: Uint8Array): void {
    const pair = this.ports.indexOf(port & ~1);
    if (pair >= 0) this.said.push(`${pair}.${port & 1} to ${phone}: ${Buffer.from(bytes).toString('hex')}`);
  }

  /** What has been said and counted since it was asked last. */
  tell(): unknown {
    const said = this.said.sort();
    this.said = [];
    return { said, counters: this.session.counters().map((leg) => ({ ...leg, jitterMs: leg.jitterMs?.toFixed(9) })) };
  }

  #leg(index: number, leg: LegStep, addresses: readonly RemoteMedia[]): RelayLegSpec {
    const own = this.ports[2 - index]!;
    const remotes: Record<LegStep['remote'], RemoteMedia | null> = {
      none: null,
      phone: addresses[2 * index]!,
      'other phone': addresses[2 - 2 * index]!,
      ours: { address: here, port: own, rtcpPort: own + 1 },
      'our other': { address: ourOther, port: own, rtcpPort: own },
      nowhere: { address: '0.0.0.0', port: 4000, rtcpPort: 0 },
    };
    return {
      port: { address: here, port: this.ports[leg.pair ?? index]! },
      remote: remotes[leg.remote],
      signalling: leg.signalling,
      payloadTypes: new Map([
        [0, 0],
        [8, 96],
      ]),
      taken: new Set(leg.taken ? [0, 101] : [101]),
      clockRates: new Map([[8, 16_000]]),
      send: leg.send,
      copied: leg.copied,
      rtcpMux: leg.rtcpMux,
      rtcpTaken: leg.rtcpTaken,
      generation: leg.generation,
      srtp: leg.key === null ? null : crypto[leg.key]!,
    };
  }
}

const usual: LegStep = {
  pair: null,
  remote: 'phone',
  signalling: null,
  send: true,
  copied: false,
  taken: false,
  rtcpMux: false,
  rtcpTaken: false,
  generation: 0,
  key: null,
};

/** The datagrams of the phones: both relays get the same. */
class Speech {
  #sequence = 0;
  #last = new Uint8Array();
  readonly #senders = crypto.map(({ receive }) => new SrtpSender(receive));

  next({ what, type, ahead, ssrc, key, altered, size }: Extract<Step, { kind: 'packet' }>): Uint8Array {
    if (what === 'the last once more') return this.#last;
    const bytes = Uint8Array.from(this.#protected(this.#plain(what, type, ahead, ssrc, size), what, key));
    this.#last = bytes;
    if (altered !== null && altered < bytes.length) bytes[altered]! ^= 0x41;
    return bytes;
  }

  #plain(what: string, payloadType: number, ahead: number, ssrc: number, size: number): Uint8Array {
    if (what === 'junk') return new Uint8Array(size).fill(0x80);
    if (what === 'rtcp') return Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, ssrc);
    this.#sequence = (this.#sequence + ahead) & 0xffff;
    const timestamp = 160 * this.#sequence;
    return formatRtp({ payloadType, sequenceNumber: this.#sequence, timestamp, ssrc, payload: new Uint8Array(size) });
  }

  #protected(packet: Uint8Array, what: string, key: number | null): Uint8Array {
    const sender = key === null ? undefined : this.#senders[key];
    if (what === 'rtp') return sender?.protectRtp(packet) ?? packet;
    return what === 'rtcp' ? (sender?.protectRtcp(packet) ?? packet) : packet;
  }
}

describe.skipIf(addon === null)('the native relay and the plain one', () => {
  test('say, send and count the same, whatever comes and whatever they are told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), async (steps) => {
        const clock = new VirtualClock();
        const sockets = new DgramSockets();
        const plain = new Twin(new PlainRelay({ sockets, clock, ownAddresses: [ourOther] }));
        const options = { addon: addon!, clock, log: silentLog, frozen: true, realTime: false };
        const relay = new NativeRelay({ ...options, ownAddresses: [ourOther] });
        const native = new Twin(relay);
        const twins = [plain, native];
        const opened = phones.map(
          (address, phone) =>
            sockets.open({ address, port: 0 }, (bytes, from) => {
              for (const twin of twins) twin.hear(phone, from.port, bytes);
            })!,
        );
        const addresses = opened.map(({ local }, i) => ({
          ...local,
          rtcpPort: opened[(i ^ 1) % opened.length]!.local.port,
        }));
        const speech = new Speech();
        for (const twin of twins) twin.place([usual, usual], addresses);
        try {
          for (const each of steps) {
            if (each.kind === 'packet') {
              const bytes = speech.next(each);
              for (const { ports } of twins) {
                const port = ports[each.pair]! + (each.toRtcpPort ? 1 : 0);
                opened[each.from ?? (2 * each.pair) % phones.length]!.send(Uint8Array.from(bytes), {
                  address: here,
                  port,
                });
              }
            } else if (each.kind === 'update') {
              for (const twin of twins) twin.place(each.legs, addresses);
            } else if (each.kind === 'wait') {
              relay.advance(each.ms);
              clock.advance(each.ms);
            } else if (each.kind === 'say') {
              for (const { session } of twins) {
                if (each.rtcp) session.sendRtcp(each.leg, Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 9));
                else session.send(each.leg, formatRtp({ ...speechOfOurs, sequenceNumber: steps.indexOf(each) }));
              }
            } else {
              for (const twin of twins) {
                const pair = { address: here, port: twin.ports[each.pair]! };
                if (each.open) twin.relay.open(pair);
                else twin.relay.shut(pair);
              }
            }
            await relay.settle();
            await roundTrips(sockets, 3);
            await relay.settle();
            expect(native.tell()).toEqual(plain.tell());
          }
        } finally {
          for (const twin of twins) await twin.relay.close();
          for (const socket of opened) socket.close();
        }
      }),
      { numRuns: 100 },
    );
  });
});

const speechOfOurs = { payloadType: 0, timestamp: 0, ssrc: 77, payload: Uint8Array.of(1, 2, 3) };
