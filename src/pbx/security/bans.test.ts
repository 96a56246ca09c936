import { describe, expect, test } from 'vitest';
import { type LogFields, silentLog, VirtualClock } from '../../base/index.ts';
import { EventBus, type PbxEvent } from '../events/index.ts';
import type { Ban, BanStore } from './ban-store.ts';
import { Bans } from './bans.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

function setUp({ durationMs = 10 * minute, clock = new VirtualClock(), kept = new Map<string, Ban>() } = {}) {
  const lines: (readonly [string, LogFields | undefined])[] = [];
  const log = {
    ...silentLog,
    info: (message: string, fields?: LogFields) => void lines.push([message, fields]),
    warning: (message: string, fields?: LogFields) => void lines.push([message, fields]),
  };
  const events = new EventBus(silentLog);
  const heard: PbxEvent[] = [];
  events.subscribe((event) => heard.push(event));
  const store: BanStore = {
    load: async () => [...kept.values()],
    save: (ban) => void kept.set(ban.source, ban),
    remove: (source) => void kept.delete(source),
  };
  return { clock, kept, lines, heard, bans: new Bans({ clock, log, events, store, durationMs }) };
}

test('a ban has a beginning and an end, each with an event, a log line and an entry in the store', () => {
  const { clock, kept, lines, heard, bans } = setUp();
  const bannedAt = clock.wall();
  bans.add('192.0.2.66', '1001@sip-pbx', 10);
  const ban = {
    source: '192.0.2.66',
    aor: '1001@sip-pbx',
    failures: 10,
    repetition: 1,
    bannedAt,
    until: bannedAt + 10 * minute,
  };
  expect(heard).toEqual([{ type: 'ban.added', at: bannedAt, ban }]);
  expect([...kept.values()]).toEqual([ban]);
  expect(lines[0]).toMatchObject(['source banned', { source: '192.0.2.66', aor: '1001@sip-pbx', failures: 10 }]);
  clock.advance(10 * minute - 1);
  expect([bans.has('192.0.2.66'), bans.has('192.0.2.67'), bans.active]).toEqual([true, false, 1]);
  clock.advance(1);
  expect([bans.has('192.0.2.66'), bans.active, bans.total]).toEqual([false, 0, 1]);
  expect(heard.at(-1)).toEqual({ type: 'ban.lifted', at: bannedAt + 10 * minute, ban, cause: 'expired' });
  expect(lines.at(-1)).toEqual(['ban lifted', { source: '192.0.2.66', cause: 'expired' }]);
  expect(kept.size).toBe(0);
  expect(clock.pending).toBe(0);
});

test('each further ban is twice as long, up to a day; a day of peace after the last makes the next a first one', () => {
  const { clock, heard, bans } = setUp();
  const lengths: number[] = [];
  const banAgain = () => {
    bans.add('192.0.2.66', '', 10);
    const added = heard.findLast((event) => event.type === 'ban.added');
    const length = added ? added.ban.until - added.ban.bannedAt : 0;
    lengths.push(length / minute);
    clock.advance(length);
  };
  for (let i = 0; i < 10; i++) banAgain();
  expect(lengths).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
  clock.advance(day - 1);
  banAgain();
  expect(lengths.at(-1)).toBe(1440);
  clock.advance(day);
  banAgain();
  expect(lengths.at(-1)).toBe(10);
});

test('a configured duration of more than a day stays as it is', () => {
  const { heard, bans } = setUp({ durationMs: 3 * day });
  bans.add('192.0.2.66', '', 10);
  expect(heard).toMatchObject([{ ban: { until: heard[0]!.at + 3 * day } }]);
});

test('bans of different ends are lifted one by one, by one timer', () => {
  const { clock, heard, bans } = setUp();
  for (const source of ['a', 'b', 'c']) {
    bans.add(source, '', 10);
    clock.advance(minute);
  }
  expect(clock.pending).toBe(1);
  clock.advance(8 * minute);
  expect(heard.slice(3)).toMatchObject([
    { type: 'ban.lifted', ban: { source: 'a' } },
    { type: 'ban.lifted', ban: { source: 'b' } },
  ]);
  bans[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});

test('ten thousand bans stand at one time: one more displaces the oldest', () => {
  const { heard, bans } = setUp();
  for (let i = 0; i <= 10_000; i++) bans.add(`source ${i}`, '', 10);
  expect(bans.active).toBe(10_000);
  expect(bans.has('source 0')).toBe(false);
  expect(bans.has('source 10000')).toBe(true);
  expect(heard.filter(({ type }) => type === 'ban.lifted')).toMatchObject([
    { ban: { source: 'source 0' }, cause: 'displaced' },
  ]);
});

describe('after a restart', () => {
  test('a ban goes on to its end, and what it repeats is remembered', async () => {
    const first = setUp();
    first.bans.add('192.0.2.66', '1001@sip-pbx', 10);
    first.bans[Symbol.dispose]();
    first.clock.advance(4 * minute);
    const { bans, heard, clock } = setUp(first);
    await bans.load(() => false);
    expect([bans.has('192.0.2.66'), bans.total, heard.length]).toEqual([true, 0, 0]);
    clock.advance(6 * minute);
    expect(bans.has('192.0.2.66')).toBe(false);
    expect(heard).toMatchObject([{ type: 'ban.lifted', ban: { source: '192.0.2.66' }, cause: 'expired' }]);
    bans.add('192.0.2.66', '', 10);
    expect(heard.at(-1)).toMatchObject({ type: 'ban.added', ban: { repetition: 2 } });
  });

  test('one that ended meanwhile, or is allowed now, is lifted', async () => {
    const first = setUp();
    first.bans.add('192.0.2.66', '', 10);
    first.bans[Symbol.dispose]();
    first.clock.advance(5 * minute);
    const second = setUp(first);
    await second.bans.load(() => false);
    second.bans.add('192.0.2.67', '', 10);
    second.bans[Symbol.dispose]();
    first.clock.advance(5 * minute);
    const { bans, heard, kept } = setUp(first);
    await bans.load((source) => source === '192.0.2.67');
    expect(bans.active).toBe(0);
    expect(heard).toMatchObject([
      { type: 'ban.lifted', ban: { source: '192.0.2.66' }, cause: 'expired' },
      { type: 'ban.lifted', ban: { source: '192.0.2.67' }, cause: 'allowed' },
    ]);
    expect(kept.size).toBe(0);
  });
});
