import { expect, test } from 'vitest';
import { DigitDetector } from './digit-detector.ts';
import { formatTelephoneEvent } from './telephone-event.ts';

interface Report {
  readonly key: number;
  readonly ticks: number;
  readonly duration: number;
  readonly end?: boolean;
  readonly ssrc?: number;
}

/** The keys that are told for reports 50 ms apart, and then silence. */
function told(reports: readonly Report[], clockRate = 8000): readonly (readonly [string, number])[] {
  const digits: (readonly [string, number])[] = [];
  const detector = new DigitDetector((digit, ms) => digits.push([digit, ms]));
  let at = 0;
  for (const { key, ticks, duration, end = false, ssrc = 1 } of reports) {
    at += 50;
    detector.check(at);
    const payload = formatTelephoneEvent({ event: key, end, volume: 10, duration });
    expect(detector.push(ssrc, ticks >>> 0, payload, clockRate, at)).toBe(true);
  }
  detector.check(at + 299);
  const before = digits.length;
  detector.check(at + 300);
  detector.check(at + 600);
  // Told by silence is at most the last one.
  expect(digits.length - before).toBeLessThanOrEqual(1);
  return digits;
}

/** A key as phones send it: while it is pressed, then its end three times. */
function key(code: number, ticks: number, total: number): readonly Report[] {
  const pressed = [total / 4, total / 2, total].map((duration) => ({ key: code, ticks, duration }));
  const ended = { key: code, ticks, duration: total, end: true };
  return [...pressed, ended, ended, ended];
}

test('a key is told once, with how long it was pressed (RFC 4733 section 2.5.1.4)', () => {
  expect(told(key(5, 1000, 800))).toEqual([['5', 100]]);
});

test('at 48000 Hz as at 8000 (RFC 4733 section 2.1)', () => {
  expect(told(key(11, 1000, 4800), 48_000)).toEqual([['#', 100]]);
});

test('two presses of one key are two, as their timestamps differ, markers or not', () => {
  expect(told([...key(1, 1000, 800), ...key(1, 4000, 1600)])).toEqual([
    ['1', 100],
    ['1', 200],
  ]);
});

test('a key whose ends are all lost is told when the next begins, else after 300 ms', () => {
  const [first, second] = [key(1, 1000, 800), key(2, 4000, 800)].map((reports) => reports.slice(0, 3));
  expect(told([...first!, ...second!])).toEqual([
    ['1', 100],
    ['2', 100],
  ]);
});

test('a key of which only an end arrives is told', () => {
  expect(told(key(9, 1000, 800).slice(5))).toEqual([['9', 100]]);
});

test('reports of a key that was told, or from before it, are no key', () => {
  const first = key(1, 0xfffffff0, 800);
  const second = key(2, 5000, 800);
  expect(told([...first, ...second.slice(0, 4), first[5]!, second[4]!, second[2]!])).toEqual([
    ['1', 100],
    ['2', 100],
  ]);
});

test('a key that is pressed for longer than a report can tell is one key (RFC 4733 section 2.5.1.3)', () => {
  const segment = (ticks: number) => [40_000, 65_535].map((duration) => ({ key: 3, ticks, duration }));
  const reports = [...segment(1000), ...segment(66_535), { key: 3, ticks: 132_070, duration: 1930, end: true }];
  expect(told(reports, 48_000)).toEqual([['3', 2771]]);
});

test('another source has other timestamps', () => {
  const again = key(4, 1000, 800).map((report) => ({ ...report, ssrc: 2 }));
  expect(told([...key(4, 3_000_000, 800), ...again])).toEqual([
    ['4', 100],
    ['4', 100],
  ]);
});

test('a source that begins its timestamps anew after a while is heard', () => {
  const digits: string[] = [];
  const detector = new DigitDetector((digit) => digits.push(digit));
  const press = (code: number, ticks: number, at: number): void => {
    detector.push(1, ticks, formatTelephoneEvent({ event: code, end: true, volume: 10, duration: 800 }), 8000, at);
  };
  press(1, 1_000_000, 0);
  press(2, 5, 3000);
  expect(digits).toEqual(['1', '2']);
});

test('events that are no keys are not told, and what is cut off is malformed', () => {
  expect(told(key(16, 1000, 800))).toEqual([]);
  expect(new DigitDetector(() => {}).push(1, 0, Uint8Array.of(1, 2, 3), 8000, 0)).toBe(false);
});
