import { expect, test } from 'vitest';
import { type LogFields, SeededRandom, silentLog, VirtualClock } from '../base/index.ts';
import { formatRtp } from '../rtp/index.ts';
import type { AgreedCodec } from '../sdp/index.ts';
import { MediaSessions } from './media-sessions.ts';
import { MemorySockets } from './relay/memory-sockets.ts';
import { PlainRelay } from './relay/plain-relay.ts';
import type { RelaySession, RelaySpec, RelayUser } from './relay/relay.ts';

const codec = (name: string, payloadType: number): AgreedCodec => ({
  name,
  clockRate: 8000,
  channels: 1,
  fmtp: null,
  payloadType,
  receivedAs: payloadType,
});

/** A relay with a defect in one call: it throws at what is to be sent there. */
class FaultyRelay extends PlainRelay {
  override start(spec: RelaySpec, user: RelayUser): RelaySession {
    const session = super.start(spec, user);
    if (spec.id !== 'faulty') return session;
    return {
      update: (next) => session.update(next),
      send: () => {
        throw new Error('a defect');
      },
      sendRtcp: () => {},
      end: (done) => session.end(done),
      counters: () => session.counters(),
    };
  }
}

test('a defect in the sound of one call loses that call, is logged, and harms no other', () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const sockets = new MemorySockets(clock, random);
  const relay = new FaultyRelay({ sockets, clock });
  const logged: [string, LogFields | undefined][] = [];
  const log = { ...silentLog, error: (message: string, fields?: LogFields) => void logged.push([message, fields]) };
  const sessions = new MediaSessions({ relay, clock, random, jitter: { minMs: 20, maxMs: 200 }, log });
  const address = '192.0.2.10';
  const phone = '198.51.100.1';
  const calls = ['faulty', 'sound'].map((id, n) => {
    const ports = [10_000 + 4 * n, 10_002 + 4 * n].map((port) => ({ address, port }));
    for (const port of ports) relay.open(port);
    let heard = 0;
    const lost: string[] = [];
    const socket = sockets.open({ address: phone, port: 4000 + 2 * n }, () => heard++)!;
    const [a, b] = ports.map((port, leg) => ({
      port,
      remote: { ...socket.local, rtcpPort: 0 },
      signalling: null,
      send: true,
      codecs: [leg === 0 ? codec('PCMU', 0) : codec('PCMA', 8)],
      ptime: null,
    }));
    const session = sessions.start(
      { id, legs: [a!, b!], idleTimeout: null, answered: false },
      { onIdle: () => {}, onLost: (reason) => lost.push(reason) },
    );
    return { session, socket, port: ports[0]!, lost, heard: () => heard };
  });
  for (let n = 0; n < 20; n++) {
    for (const { socket, port } of calls) {
      const fields = { payloadType: 0, sequenceNumber: n, timestamp: n * 160, ssrc: 1, payload: new Uint8Array(160) };
      socket.send(formatRtp(fields), port);
    }
    clock.advance(20);
  }
  expect(calls.map(({ lost }) => lost)).toEqual([['the sound of the call failed'], []]);
  expect(logged).toEqual([['the sound of a call failed', { call_id: 'faulty', error: new Error('a defect') }]]);
  expect(calls[1]!.heard()).toBeGreaterThan(10);
  for (const { session } of calls) session.end(() => {});
  expect(sessions.count).toBe(0);
  clock.advance(0);
  expect(clock.pending).toBe(0);
});
