import { type Figure, rounded } from '../figures.ts';
import { type Contender, type Run, run } from './run.ts';
import { Unmeasurable } from './server-process.ts';
import type { Site } from './site.ts';
import { micros } from './tables.ts';

export interface MatrixOptions {
  readonly site: Site;
  readonly calls: readonly number[];
  readonly contenders: readonly Contender[];
  readonly seconds: number;
}

/** Everybody in turn at each number of calls, so that what else the machine does meets all alike. */
export async function matrix({ site, calls, contenders, seconds }: MatrixOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const count of calls) {
    for (const contender of contenders) {
      const measure = async (): Promise<Figure> =>
        asFigure(site.name, contender, count, await run({ site, contender, calls: count, seconds }));
      figures.push(...(await told(nameOf(site.name, contender, count), measure)));
    }
  }
  return figures;
}

/** `native, 500 calls, loopback`. */
export function nameOf(where: string, { name }: Contender, calls: number): string {
  return `${name}, ${calls} calls, ${where}`;
}

/** Says what is being measured, and what came of it; no figure where it can't be measured here. */
export async function told(name: string, measure: () => Promise<Figure>): Promise<readonly Figure[]> {
  process.stdout.write(`  ${name} ...`);
  try {
    const figure = await measure();
    process.stdout.write(` ${rounded(figure.value)} ${figure.unit}; ${figure.settings}\n`);
    return [figure];
  } catch (error) {
    if (!(error instanceof Unmeasurable)) throw error;
    process.stdout.write(` not measured: ${error.message}\n`);
    return [];
  }
}

/**
 * CPU time for each packet that has come through; without an engine, that of the generator itself. `busy`: other programs
 * are meant to run beside it.
 */
export function asFigure(where: string, contender: Contender, calls: number, run: Run, busy = false): Figure {
  const { sent, lost, received, seconds, latency, lateness } = run;
  const direct = contender.engine === null;
  const cpu = direct ? run.ownCpuSeconds : run.mediaCpuSeconds;
  const cores = (cpuSeconds: number): string => (cpuSeconds / seconds).toFixed(2);
  const bytesPerCall = run.held === null ? null : (run.held.during.bytes - run.held.before.bytes) / calls;
  const doubts = doubtsAbout(run, busy);
  const words = [
    `${lost} of ${sent} lost`,
    `one way p50 ${micros(latency.p50)}, p99 ${micros(latency.p99)}`,
    direct ? 'the generator to itself' : `${cores(cpu)} cores, generator ${cores(run.ownCpuSeconds)}`,
    ...(bytesPerCall === null ? [] : [`${(bytesPerCall / 1e6).toFixed(3)} MB a call`]),
    ...(doubts.length > 0 ? [`NOT TO BE TRUSTED: ${doubts.join(', ')}`] : []),
  ];
  return {
    part: 'media',
    what: nameOf(where, contender, calls),
    value: (1e6 * cpu) / received,
    unit: 'µs CPU a packet',
    settings: words.join('; '),
    details: {
      where,
      contender: contender.name,
      calls,
      seconds,
      sent,
      lost,
      lost_in_warmup: run.lostBefore,
      duplicates: run.duplicates,
      reordered: run.reordered,
      wrong: run.wrong,
      latency_p50_us: latency.p50,
      latency_p99_us: latency.p99,
      latency_p999_us: latency.p999,
      latency_max_us: latency.max,
      media_cpu_s: run.mediaCpuSeconds,
      control_cpu_s: run.controlCpuSeconds,
      generator_cpu_s: run.ownCpuSeconds,
      others_cores: coresOfOthers(run),
      generator_lateness_p99_us: lateness.p99,
      generator_realtime: String(run.realtime),
      bytes_per_call: bytesPerCall,
      doubts: doubts.join(', '),
    },
  };
}

/** Why something else than what is measured may be what the figures show. */
export function doubtsAbout(run: Run, busy = false): readonly string[] {
  const { lateness, ownDrops, unsent, seconds, ownCpuSeconds } = run;
  const others = coresOfOthers(run);
  return [
    ...(others > 0.2 && !busy ? [`others used ${others.toFixed(2)} cores`] : []),
    ...(lateness.p99 > 2000 ? [`the generator was late (p99 ${micros(lateness.p99)})`] : []),
    ...(ownDrops > 0 ? [`it let ${ownDrops} packets drop`] : []),
    ...(unsent > 0 ? [`it could not send ${unsent}`] : []),
    ...(ownCpuSeconds > 0.9 * seconds ? ['it had no time to spare'] : []),
  ];
}

function coresOfOthers(run: Run): number {
  const { machineCpuSeconds, ownCpuSeconds, mediaCpuSeconds, controlCpuSeconds, seconds } = run;
  return Math.max(0, machineCpuSeconds - ownCpuSeconds - mediaCpuSeconds - controlCpuSeconds) / seconds;
}
