import { expect, test } from 'vitest';
import { type Log, silentLog, VirtualClock } from '../base/index.ts';
import { CertificateWatch } from './certificate-watch.ts';

const day = 86_400_000;

function watching(ends: () => number | null) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const say =
    (level: string): Log['warning'] =>
    (message, fields) =>
      said.push(`day ${Math.round(clock.now() / day)}, ${level}: ${message}, ${fields?.['days_left']} left`);
  const log: Log = { ...silentLog, warning: say('warning'), error: say('error') };
  return { clock, said, watch: new CertificateWatch({ clock, log, path: 'a.pem', ends }) };
}

test('the end of a certificate is said 21, 7 and 1 days before, and when it has come, once each', () => {
  const start = new VirtualClock().wall();
  const { clock, said, watch } = watching(() => start + 30 * day);
  clock.advance(40 * day);
  expect(said).toEqual([
    'day 9, warning: the certificate is about to end, 21 left',
    'day 23, warning: the certificate is about to end, 7 left',
    'day 29, warning: the certificate is about to end, 1 left',
    'day 30, error: the certificate has ended: phones refuse it, 0 left',
  ]);
  watch[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});

test('one that ends soon is said so at the start; one that takes its place is watched anew', () => {
  const start = new VirtualClock().wall();
  let ends: number | null = start + 3 * day;
  const { clock, said, watch } = watching(() => ends);
  expect(said).toEqual(['day 0, warning: the certificate is about to end, 3 left']);
  ends = start + 90 * day;
  clock.advance(60 * day);
  expect(said).toHaveLength(1);
  clock.advance(10 * day);
  expect(said).toHaveLength(2);
  watch[Symbol.dispose]();
});

test('where there is no certificate nothing is said', () => {
  const { clock, said, watch } = watching(() => null);
  clock.advance(100 * day);
  expect(said).toEqual([]);
  watch[Symbol.dispose]();
});
