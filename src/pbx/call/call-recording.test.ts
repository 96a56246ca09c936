import { expect, test } from 'vitest';
import { type Log, silentLog, VirtualClock } from '../../base/index.ts';
import type { RecordingSummary } from '../../media/index.ts';
import { EventBus, type PbxEvent } from '../events/index.ts';
import { CallRecord } from './call-record.ts';
import { CallRecording } from './call-recording.ts';

const callId = 'abcdefghijklmnopqrstuvwxyz';
const first = `/recordings/2025-01-05/${callId}.wav`;
const second = `/recordings/2025-01-05/${callId}-2.wav`;

function setUp() {
  const clock = new VirtualClock();
  const events = new EventBus(silentLog);
  const told: PbxEvent[] = [];
  events.subscribe((event) => told.push(event));
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  const log: Log = { ...silentLog, warning: note, error: note };
  const facts = {
    callId,
    callerSipCallId: 'a',
    caller: '1001',
    callee: '1002',
    callerIp: '192.0.2.1',
    linkedId: null,
  };
  const recordings = { folder: '/recordings', areWanted: () => true };
  const context = { clock, events, recordings };
  const recording = new CallRecording(context, new CallRecord(facts, context, log), log);
  return { clock, told: () => told.map(({ type }) => type), logged, recording };
}

const summary = (file: string, changes: Partial<RecordingSummary> = {}): RecordingSummary => ({
  file,
  durationMs: 10_000,
  pausedMs: 0,
  status: 'complete',
  reason: null,
  ...changes,
});

test('there is one recording at a time; after one that failed the next has a file of its own', () => {
  const { clock, recording, told } = setUp();
  expect(recording.pause(true)).toBeNull();
  expect(recording.begin()).toEqual({ file: first, paused: false });
  expect(recording.begin()).toBeNull();
  recording.on({ type: 'started', file: first });
  expect(recording.pause(true)).toEqual({ file: first, paused: true });
  recording.on({ type: 'failed', file: first, reason: 'disk full' });
  expect(recording.pause(false)).toBeNull();
  expect(recording.begin()).toEqual({ file: second, paused: false });
  recording.on({ type: 'started', file: second });
  clock.advance(10_000);
  const failed = summary(first, { status: 'failed', durationMs: 1000, reason: 'disk full' });
  expect(recording.ended([failed, summary(second)], clock.now())).toMatchObject({ path: second, status: 'complete' });
  expect(told()).toEqual([
    'recording.started',
    'recording.failed',
    'recording.started',
    'recording.ended',
    'recording.ended',
  ]);
});

test('a recording of which nothing is heard again has failed, and that is told', () => {
  const { recording, told, logged } = setUp();
  recording.begin();
  recording.on({ type: 'started', file: first });
  expect(recording.ended([], 0)).toMatchObject({ path: first, status: 'failed', durationMs: 0 });
  expect(told()).toEqual(['recording.started', 'recording.failed', 'recording.ended']);
  expect(logged).toEqual(['recording failed']);
});

test('one that was ordered and never begun, or never ordered, is none', () => {
  const { recording, told } = setUp();
  expect(recording.ended([], 0)).toBeNull();
  recording.begin();
  expect(recording.ended([], 0)).toBeNull();
  expect(told()).toEqual([]);
});

test.each([
  ['as long as the talk', 10_000, 0, []],
  ['a little shorter', 8500, 0, []],
  ['as long with its pauses', 6000, 4000, []],
  ['much shorter', 6000, 0, ['a recording is shorter than the talk']],
])('a recording that is %s', (_, durationMs, pausedMs, expected) => {
  const { clock, recording, logged } = setUp();
  recording.begin();
  recording.on({ type: 'started', file: first });
  clock.advance(10_000);
  recording.ended([summary(first, { durationMs, pausedMs })], clock.now());
  expect(logged).toEqual(expected);
});
