import { expect, test } from 'vitest';
import { MemoryDisk } from '../../../test/support/memory-disk.ts';
import { type Clock, SeededRandom, VirtualClock } from '../../base/index.ts';
import { formatRtp, formatTelephoneEvent, marker, timestamp } from '../../rtp/index.ts';
import type { RecordingSummary } from '../sound/recorder.ts';
import { SessionSound } from '../sound/session-sound.ts';
import { MediaLoop } from './media-loop.ts';
import { planOf } from './plan.ts';

const legAt = (port: number) => ({
  port: { address: '192.0.2.10', port },
  remote: null,
  signalling: null,
  send: true,
  codecs: [{ name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null, payloadType: 0, receivedAs: 0 }],
  ptime: null,
});
const recording = { file: '/a.wav', paused: false };
const plain = { id: 'call-1', legs: [legAt(1000), legAt(1002)], idleTimeout: null, answered: true } as const;

/** A loop in a process that can be held up: its timers then fire late. */
function setUp() {
  const virtual = new VirtualClock();
  let behind = 0;
  const clock: Clock = {
    now: () => virtual.now() + behind,
    wall: () => virtual.wall() + behind,
    after: (ms, action) => virtual.after(ms, action),
  };
  const sounds = { samples: async () => null };
  const sound = new SessionSound({ clock, sounds, createRecording: new MemoryDisk().create }, {});
  const recorded = { ...plain, recording };
  sound.update(recorded, 8000);
  const loop = new MediaLoop(
    planOf(recorded),
    { send: () => {}, sendRtcp: () => {} },
    sound,
    { onDigit: () => {}, onOwnRtcp: () => {}, onFailure: () => {} },
    { clock, random: new SeededRandom(1), jitter: { minMs: 20, maxMs: 200 } },
  );
  return {
    virtual,
    loop,
    holdUp: (ms: number) => {
      behind += ms;
    },
    end: () => new Promise<readonly RecordingSummary[]>((resolve) => sound.end(resolve)),
  };
}

test.each([60, 5000])(
  'a process that was held up for %i ms loses what was said, but no time of a recording',
  async (ms) => {
    const { virtual, holdUp, end } = setUp();
    virtual.advance(1000);
    holdUp(ms);
    virtual.advance(1000);
    expect(await end()).toMatchObject([{ durationMs: 2000 + ms, status: 'complete' }]);
  },
);

const coded = (name: string, payloadType: number, changes: object = {}) => ({
  ...legAt(2000 + payloadType).codecs[0]!,
  name,
  payloadType,
  receivedAs: payloadType,
  ...changes,
});

/** A loop between a phone with PCMU and one with PCMA, what it sends to that, and what its clock says. */
function transcoding(onDigit: () => void = () => {}, keys = false) {
  const virtual = new VirtualClock();
  const sent: Uint8Array[] = [];
  const failures: unknown[] = [];
  const fault = { error: null as Error | null };
  let behind = 0;
  const clock: Clock = {
    now: () => virtual.now() + behind,
    wall: () => virtual.wall() + behind,
    after: (ms, action) => virtual.after(ms, action),
  };
  const sources = { clock, sounds: { samples: async () => null }, createRecording: new MemoryDisk().create };
  const events = keys ? [coded('telephone-event', 101)] : [];
  const legs = [
    { ...legAt(1000), codecs: [coded('PCMU', 0), ...events] },
    { ...legAt(1002), codecs: [coded('PCMA', 8)] },
  ] as const;
  const loop: MediaLoop = new MediaLoop(
    planOf({ ...plain, legs }),
    {
      send: (leg, packet) => {
        if (fault.error) throw fault.error;
        if (leg === 1) sent.push(Uint8Array.from(packet));
      },
      sendRtcp: () => {},
    },
    new SessionSound(sources, {}),
    { onDigit, onOwnRtcp: () => {}, onFailure: (error) => failures.push(error) },
    { clock, random: new SeededRandom(1), jitter: { minMs: 20, maxMs: 200 } },
  );
  let sequenceNumber = 0;
  return {
    virtual,
    loop,
    sent,
    failures,
    fault,
    holdUp: (ms: number) => {
      behind += ms;
    },
    say: (packets: number) => {
      for (let n = 0; n < packets; n++) {
        const timestamp = clock.now() * 8;
        const payload = new Uint8Array(160);
        loop.onRtp(
          0,
          formatRtp({ payloadType: 0, sequenceNumber: sequenceNumber++, timestamp, ssrc: 1, payload }),
          clock.now(),
        );
        virtual.advance(20);
      }
    },
    press: () => {
      const payload = formatTelephoneEvent({ event: 1, end: true, volume: 10, duration: 800 });
      loop.onRtp(0, formatRtp({ payloadType: 101, sequenceNumber, timestamp: 5, ssrc: 1, payload }), clock.now());
    },
  };
}

test('a process that was held up goes on at the time that it has become', () => {
  const { virtual, sent, holdUp, say } = transcoding();
  say(50);
  const before = sent.length;
  holdUp(3010);
  virtual.advance(20);
  say(50);
  const times = sent.map((packet) => (timestamp(packet) - timestamp(sent[0]!)) >>> 0);
  const steps = times.slice(1).map((time, n) => time - times[n]!);
  expect(steps.filter((step) => step !== 160)).toEqual([160 + 150 * 160]);
  expect(sent.flatMap((packet, n) => (marker(packet) ? [n] : []))).toEqual([0, steps.indexOf(160 + 150 * 160) + 1]);
  expect(sent.length).toBeGreaterThan(before + 45);
});

test('a defect is told once, and nothing turns any more', () => {
  const { loop, virtual, say, sent, failures, fault } = transcoding();
  say(20);
  const before = sent.length;
  fault.error = new Error('a defect');
  say(20);
  fault.error = null;
  say(20);
  expect(failures).toEqual([new Error('a defect')]);
  expect(sent.length).toBe(before);
  expect(virtual.pending).toBe(0);
  loop[Symbol.dispose]();
});

test('who ends the session when a key is told leaves nothing behind', () => {
  const { loop, virtual, press }: ReturnType<typeof transcoding> = transcoding(() => loop[Symbol.dispose](), true);
  press();
  virtual.advance(2000);
  expect(virtual.pending).toBe(0);
});

test('a loop rests when nothing is to be recorded, played or coded any more', () => {
  const { virtual, loop } = setUp();
  virtual.advance(100);
  expect(virtual.pending).toBe(1);
  loop.update(planOf(plain));
  virtual.advance(40);
  expect(virtual.pending).toBe(0);
  loop.update(planOf({ ...plain, recording }));
  expect(virtual.pending).toBe(1);
});
