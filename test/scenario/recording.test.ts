import { expect, test } from 'vitest';
import { createEncoder } from '../../src/codec/index.ts';
import { channelsOf, diskFull } from '../support/memory-disk.ts';
import type { PhoneMedia } from '../world/phone-media.ts';
import { called, talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

const recorded = { recording: { enabled: true, directory: '/recordings' } };
/** Loud enough to be told from silence, and exact in µ-law. */
const aliceLevel = 988;
const bobLevel = -1884;

/** Lets what the disk has promised come true. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const encoder = createEncoder({ name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null });
const speech = (level: number) => encoder.encode(new Int16Array(160).fill(level)).slice();

/** Both phones speak for so many packets of 20 ms. */
function speak(world: World, packets: number, ...lines: (readonly [PhoneMedia, string | null, number])[]): void {
  for (let i = 0; i < packets; i++) {
    for (const [media, sdp, level] of lines) media.send(speech(level), sdp ?? '');
    world.run(20);
  }
}

async function recordedTalk(config: Record<string, unknown> = recorded) {
  const world = await World.start({ config });
  const talking = await talk(world);
  const { alice, bob, call, answered } = talking;
  const aliceSpeaks = [alice.media, call.remoteSdp, aliceLevel] as const;
  const bobSpeaks = [bob.media, answered.remoteSdp, bobLevel] as const;
  const started = world.events.find(({ type }) => type === 'call.started');
  if (started?.type !== 'call.started') throw new Error('no call');
  const id = started.call.callId;
  const file = `/recordings/2025-01-05/${id}.wav`;
  return {
    ...talking,
    world,
    id,
    file,
    aliceSpeaks,
    bobSpeaks,
    speak: (packets: number) => speak(world, packets, aliceSpeaks, bobSpeaks),
    hangUp: async () => {
      call.hangUp();
      world.run(100);
      await settled();
    },
    channels: () => channelsOf(world.disk.files.get(file)!),
    told: () => world.events.filter(({ type }) => type.startsWith('recording.')),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

const share = (samples: Int16Array, level: number) =>
  samples.filter((sample) => sample === level).length / samples.length;

test('a call that is relayed has both voices in its recording, the caller’s on the left, in step', async () => {
  await using recording = await recordedTalk();
  const { world, alice, bob, file } = recording;
  recording.speak(500);
  // Both say the same at the same time.
  const burst = (level: number) => {
    alice.media.send(speech(level), recording.call.remoteSdp ?? '');
    bob.media.send(speech(level), recording.answered.remoteSdp ?? '');
  };
  burst(20_000);
  world.run(20);
  recording.speak(100);
  await recording.hangUp();

  const { sampleRate, left, right } = recording.channels();
  expect(sampleRate).toBe(8000);
  expect(share(left, aliceLevel)).toBeGreaterThan(0.95);
  expect(share(right, bobLevel)).toBeGreaterThan(0.95);
  const loud = [left, right].map((channel) => channel.findIndex((sample) => sample > 15_000));
  expect(loud[0]).toBeGreaterThan(0);
  expect(Math.abs(loud[0]! - loud[1]!)).toBeLessThanOrEqual(160);
  // What was relayed is what was said, byte for byte.
  expect(bob.media.received.at(-1)?.bytes.subarray(12)).toEqual(speech(aliceLevel));
  expect(bob.media.received).toHaveLength(601);

  const [cdr] = world.cdrs;
  expect(cdr?.recording).toEqual({ path: file, duration: 12, status: 'complete' });
  expect(recording.told()).toMatchObject([
    { type: 'recording.started', path: file },
    { type: 'recording.ended', recording: { path: file, status: 'complete', pausedMs: 0, reason: null } },
  ]);
  expect(world.events.at(-1)?.type).toBe('call.ended');
  world.settles();
});

test('a call that nobody wants recorded is not, and its record says null', async () => {
  await using recording = await recordedTalk({});
  recording.speak(10);
  await recording.hangUp();
  expect([...recording.world.disk.files.keys()]).toEqual([]);
  expect(recording.world.cdrs).toMatchObject([{ recording: null }]);
  expect(recording.told()).toEqual([]);
});

test.each([
  ['the caller wants it', false, true, null, true],
  ['the callee wants it', false, null, true, true],
  ['one does not want it', true, null, false, false],
  ['one wants it and one does not', true, true, false, false],
  ['neither says anything', true, null, null, true],
])('an extension may say otherwise: %s', async (_, enabled, alice, bob, isRecorded) => {
  await using world = await World.start({
    config: {
      recording: { enabled },
      extensions: [
        { number: '1001', password: 'pw1001', recording: alice },
        { number: '1002', password: 'pw1002', recording: bob },
      ],
    },
  });
  const { call } = await talk(world);
  world.run(1000);
  call.hangUp();
  world.run(100);
  await settled();
  expect(world.disk.files.size).toBe(isRecorded ? 1 : 0);
});

test('a recording begins, pauses and goes on when the API asks', async () => {
  await using recording = await recordedTalk({ recording: { directory: '/recordings' } });
  const { world, id } = recording;
  const { calls } = world.exchange;
  expect([calls.pauseRecording(id), calls.resumeRecording(id), calls.record('unknown')]).toEqual([false, false, false]);
  recording.speak(50);
  expect([calls.record(id), calls.record(id)]).toEqual([true, false]);
  recording.speak(100);
  expect([calls.pauseRecording(id), calls.pauseRecording(id)]).toEqual([true, true]);
  recording.speak(50);
  expect(calls.resumeRecording(id)).toBe(true);
  recording.speak(100);
  await recording.hangUp();
  expect(calls.record(id)).toBe(false);
  const { left } = recording.channels();
  expect(left.length).toBeGreaterThanOrEqual(4 * 8000);
  expect(left.length).toBeLessThan(4.3 * 8000);
  expect(recording.told().at(-1)).toMatchObject({ recording: { pausedMs: 1000, status: 'complete' } });
  world.settles();
});

test('a full disk ends the recording and not the call', async () => {
  await using recording = await recordedTalk();
  const { world, bob, file } = recording;
  world.disk.verdict = (step, position) => {
    if (step === 'write' && position > 44) throw diskFull();
  };
  for (let second = 0; second < 4; second++) {
    recording.speak(50);
    await settled();
  }
  expect(recording.told().map(({ type }) => type)).toEqual(['recording.started', 'recording.failed']);
  const heard = bob.media.received.length;
  recording.speak(50);
  expect(bob.media.received.length - heard).toBe(50);
  expect(world.exchange.calls.byState()).toMatchObject({ ACTIVE: 1 });
  // What was written before is a whole file; there is room again, and somebody asks for another.
  world.disk.verdict = () => {};
  expect(recording.channels().left).toHaveLength(8000);
  expect(world.exchange.calls.record(recording.id)).toBe(true);
  recording.speak(50);
  await recording.hangUp();
  expect([...world.disk.files.keys()]).toEqual([file, file.replace('.wav', '-2.wav')]);
  expect(world.cdrs).toMatchObject([{ status: 'completed', recording: { status: 'complete', duration: 1 } }]);
  expect(recording.told().map(({ type }) => type)).toEqual([
    'recording.started',
    'recording.failed',
    'recording.started',
    'recording.ended',
    'recording.ended',
  ]);
  world.settles();
});

test('a disk that never answers delays the record of the call by five seconds, and makes the call no longer', async () => {
  await using recording = await recordedTalk();
  const { world } = recording;
  world.disk.verdict = () => new Promise(() => {});
  recording.speak(100);
  await recording.hangUp();
  expect(world.leftovers()).toMatchObject({ calls: 0, 'media ports': 0 });
  expect(world.cdrs).toEqual([]);
  world.run(5000);
  const [cdr] = world.cdrs;
  expect(cdr).toMatchObject({ status: 'completed', billsec: 2, recording: { status: 'failed', duration: 0 } });
  expect(Date.parse(cdr!.end_time) - Date.parse(cdr!.answer_time!)).toBeLessThan(2500);
  world.settles();
});

test('on hold the recording goes on, with silence from who does not speak', async () => {
  await using recording = await recordedTalk();
  const { world, call } = recording;
  recording.speak(50);
  call.reinvite({ direction: 'sendonly' });
  world.run(1000);
  call.reinvite();
  world.run(100);
  recording.speak(50);
  await recording.hangUp();
  const { left, right } = recording.channels();
  expect(left.length).toBeGreaterThan(3 * 8000);
  // The music that bob hears is no voice of the call's.
  const middle = [left, right].map((channel) => channel.subarray(1.5 * 8000, 2 * 8000));
  expect(middle).toEqual([new Int16Array(4000), new Int16Array(4000)]);
  expect([share(left, aliceLevel) > 0.4, share(right, bobLevel) > 0.4]).toEqual([true, true]);
});

test('a call is recorded that another answers than the one whose early media was heard', async () => {
  await using world = await World.start({ users: ['1001', '1002', '1003'], config: recorded });
  const carol = await world.registered('1003');
  const { alice, bob, call } = await called(world);
  bob.lastCall.answer(183, { sdp: bob.media.describe({ to: bob.lastCall.remoteSdp }) });
  world.run(50);
  bob.media.say('one moment', bob.lastCall.remoteSdp ?? '');
  world.run(50);
  expect(alice.media.heardText).toEqual(['one moment']);
  bob.lastCall.answer(302, { headers: { Contact: `<sip:1003@${exchangeIp}>` } });
  world.run(50);
  const answered = carol.lastCall;
  answered.answer(200);
  world.run(50);
  speak(
    world,
    100,
    [alice.media, call.remoteSdp, aliceLevel] as const,
    [carol.media, answered.remoteSdp, bobLevel] as const,
  );
  call.hangUp();
  world.run(100);
  await settled();
  world.settles();
  const [cdr] = world.cdrs;
  expect(cdr).toMatchObject({ status: 'completed', recording: { status: 'complete' } });
  const { left, right } = channelsOf(world.disk.files.get(cdr?.recording?.path ?? '')!);
  expect(share(left, aliceLevel)).toBeGreaterThan(0.9);
  expect(share(right, bobLevel)).toBeGreaterThan(0.9);
});

test('a call that is over before its worker has told of the recording has one in its record', async () => {
  await using world = await World.start({ config: recorded, workers: 1 });
  await world.live(100);
  const { call } = await talk(world);
  call.hangUp();
  await world.live(200);
  const [cdr] = world.cdrs;
  expect([...world.disk.files.keys()]).toEqual([cdr?.recording?.path]);
  expect(world.events.map(({ type }) => type).filter((type) => type.startsWith('recording.'))).toEqual([
    'recording.started',
    'recording.ended',
  ]);
});
