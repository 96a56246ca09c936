import { expect, test } from 'vitest';
import { MemoryDisk } from '../../test/support/memory-disk.ts';
import { type Clock, SeededRandom, VirtualClock } from '../base/index.ts';
import { MediaLoop } from './media-loop.ts';
import { planOf } from './plan.ts';
import type { RecordingSummary } from './sound/recorder.ts';
import { SessionSound } from './sound/session-sound.ts';

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
    { onDigit: () => {}, onOwnRtcp: () => {} },
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
