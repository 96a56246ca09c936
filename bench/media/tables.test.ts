import { expect, test } from 'vitest';
import type { Figure } from '../figures.ts';
import { tablesOf } from './tables.ts';

const packets = (contender: string, value: number, details: Figure['details'] = {}): Figure => ({
  part: 'media',
  what: contender,
  value,
  unit: 'µs CPU a packet',
  settings: '',
  details: {
    where: 'loopback',
    contender,
    calls: 500,
    sent: 1000,
    lost: 0,
    latency_p50_us: 20,
    latency_p99_us: 1500,
    bytes_per_call: 15_000,
    doubts: '',
    ...details,
  },
});

test('figures stand in tables: engines beside each other, losses named, doubtful ones with a star', () => {
  const text = tablesOf([
    packets('direct', 6, { latency_p50_us: 2, latency_p99_us: 4, bytes_per_call: null }),
    packets('native', 7.912),
    packets('plain', 12.3, { lost: 250, doubts: 'others used 1 core' }),
    packets('native', 8.1, { calls: 1000 }),
    { part: 'media', what: '', value: 131.7, unit: 'calls a core', settings: '', details: { pair: 'Opus ↔ PCMU' } },
  ]);
  expect(text).toBe(`\
| CPU time of a packet, and what is lost | native | plain |
| --- | --- | --- |
| loopback, 500 calls | 7.91 µs | 12.3 µs, 25.0 % lost * |
| loopback, 1000 calls | 8.10 µs |  |

| One way, p50 and p99 | direct | native | plain |
| --- | --- | --- | --- |
| loopback, 500 calls | 2 µs, 4 µs | 20 µs, 1.5 ms | 20 µs, 1.5 ms * |
| loopback, 1000 calls |  | 20 µs, 1.5 ms |  |

| Memory of a call | native | plain |
| --- | --- | --- |
| loopback, 500 calls | 0.015 MB | 0.015 MB * |
| loopback, 1000 calls | 0.015 MB |  |

| Transcoded | calls a core |
| --- | --- |
| Opus ↔ PCMU | 132 |
`);
});

test('where nothing came through, nothing is said of its delay', () => {
  const nothing = { lost: 1000, latency_p50_us: 0, latency_p99_us: 0 };
  expect(tablesOf([packets('plain', Number.NaN, nothing)])).toContain('| nothing comes through, 100 % lost |');
  expect(tablesOf([packets('plain', Number.NaN, nothing)])).toContain('| – |');
});
