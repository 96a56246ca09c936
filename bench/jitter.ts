import { SeededRandom } from '../src/base/index.ts';
import { arrivals, evenNetwork, type Run, run, stream } from '../test/support/jitter-line.ts';
import { type Figure, microsPer } from './figures.ts';

const losses = [0, 1, 5, 10];
const jitters = [0, 10, 20, 40, 80];
const buffers: readonly (readonly [name: string, minMs: number, maxMs: number])[] = [
  ['adaptive 20 to 200 ms', 20, 200],
  ['fixed 60 ms', 60, 60],
  ['fixed 120 ms', 120, 120],
];
/** Five minutes of 20 ms each; the first ten seconds, in which the delay is being found, do not count. */
const count = 15_000;
const settled = 500;

/**
 * Delay against concealment: packets of 20 ms, speech without a pause, a share of them lost at random, each held back by
 * 0 to twice the jitter. Virtual time, from a seed.
 */
export function jitter(): readonly Figure[] {
  const head = ['loss', 'jitter', ...buffers.map(([name]) => name)];
  const lines = [head, head.map(() => '---')];
  for (const loss of losses) {
    for (const ms of jitters) {
      const cells = buffers.map(([, minMs, maxMs]) => cell(play(loss, ms, minMs, maxMs)));
      lines.push([`${loss} %`, `${ms} ms`, ...cells]);
    }
  }
  for (const line of lines) process.stdout.write(`| ${line.join(' | ')} |\n`);

  const arriving = arrivals(stream({ count: 1000 }), evenNetwork(new SeededRandom(1), 0.01, 20));
  return [
    {
      part: 'jitter',
      what: 'a packet through the jitter buffer',
      value: microsPer(() => run(arriving, { minMs: 20, maxMs: 200 }), 1500, 1) / arriving.length,
      unit: 'µs',
      settings: '1 % loss, 20 ms jitter, with the model that plays it',
    },
  ];
}

function play(loss: number, jitterMs: number, minMs: number, maxMs: number): Run {
  const network = evenNetwork(new SeededRandom(4), loss / 100, jitterMs);
  return run(arrivals(stream({ count }), network), { minMs, maxMs, phase: 7, after: 0 });
}

/** Mean delay behind the fastest packet, and the share of sound that was not played. */
function cell({ heard }: Run): string {
  const after = heard.filter(({ number }) => number >= settled);
  const delay = after.reduce((sum, packet) => sum + packet.delay, 0) / after.length;
  const concealed = 1 - after.length / (count - settled);
  return `${delay.toFixed(0)} ms, ${(100 * concealed).toFixed(1)} %`;
}
