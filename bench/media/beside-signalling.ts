import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from '../figures.ts';
import { atRate, Live } from '../live.ts';
import { asFigure, nameOf, told } from './matrix.ts';
import { type Contender, run } from './run.ts';
import { loopback } from './site.ts';

const calls = 500;
const rate = 200;
const where = `beside ${rate} calls/s`;

/** The same while an exchange beside it sets up and tears down calls as fast as in the benchmark of calls. */
export async function besideSignalling(contenders: readonly Contender[], seconds: number): Promise<readonly Figure[]> {
  await using live = await Live.start('none');
  const phones = await live.phones({
    media: { address: '127.0.0.1', port: 4000 },
    onAnswer: (hangUp) => setTimeout(hangUp, 100),
  });
  phones.register('1002');
  await sleep(300);
  const figures: Figure[] = [];
  for (const contender of contenders) {
    const measure = async (): Promise<Figure> => {
      const [before, cpu, started] = [phones.counts.ended, await live.cpuMicros(), performance.now()];
      const result = await run({ site: loopback, contender, calls, seconds });
      const elapsed = performance.now() - started;
      const cores = ((await live.cpuMicros()) - cpu) / 1000 / elapsed;
      const done = Math.round((1000 * (phones.counts.ended - before)) / elapsed);
      const figure = asFigure(where, contender, calls, result, true);
      const settings = `${figure.settings}; exchange ${cores.toFixed(2)} cores, ${done} calls/s`;
      return { ...figure, settings, details: { ...figure.details, signalling_cores: cores, signalling_rate: done } };
    };
    const stop = new AbortController();
    const load = atRate(rate, Number.POSITIVE_INFINITY, () => phones.call(), stop.signal);
    try {
      figures.push(...(await told(nameOf(where, contender, calls), measure)));
    } finally {
      stop.abort();
      await load;
    }
  }
  return figures;
}
