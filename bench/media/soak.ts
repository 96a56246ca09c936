import type { Figure } from '../figures.ts';
import { asFigure } from './matrix.ts';
import { type Contender, run } from './run.ts';
import { loopback } from './site.ts';

/** Seconds between two looks at what the engine holds. */
const each = 10;

/** One engine, many calls, a long time: what is lost, and what is left behind. */
export async function soak(contender: Contender, calls: number, seconds: number): Promise<readonly Figure[]> {
  let elapsed = 0;
  const memory: number[] = [];
  const result = await run({
    site: loopback,
    contender,
    calls,
    seconds,
    report: each,
    onProgress: ({ sent, lost }, server) => {
      elapsed += each;
      const bytes = server?.memory() ?? 0;
      memory.push(bytes);
      const parts = [`${elapsed} s`, `${sent} sent`, `${lost} not back yet`, `${megabytes(bytes)} MB`];
      process.stdout.write(`  ${parts.join(', ')}, ${server?.descriptors() ?? 0} descriptors\n`);
    },
  });
  const figure = asFigure(`for ${seconds} s`, contender, calls, result);
  const { held, portsInUse, counted } = result;
  if (held === null) return [figure];
  const first = memory[0] ?? held.during.bytes;
  const kept = [
    `${megabytes(held.before.bytes)} MB before, ${megabytes(first)} after ${each} s, ${megabytes(held.during.bytes)} at the end`,
    `${held.before.descriptors} descriptors before, ${held.during.descriptors} with all calls, ${held.after.descriptors} after`,
    portsInUse === null ? 'ports unknown' : `${portsInUse} ports still in use`,
    ...('cdr_written_total' in counted ? [`${counted['cdr_written_total']} records`] : []),
  ];
  return [
    {
      ...figure,
      settings: [figure.settings, ...kept].join('; '),
      details: {
        ...figure.details,
        bytes_before: held.before.bytes,
        bytes_first: first,
        bytes_last: held.during.bytes,
        bytes_after: held.after.bytes,
        descriptors_before: held.before.descriptors,
        descriptors_during: held.during.descriptors,
        descriptors_after: held.after.descriptors,
        ports_in_use: portsInUse,
        ...counted,
      },
    },
  ];
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
