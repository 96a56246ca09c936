import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from '../figures.ts';
import type { CodecName } from './codecs.ts';
import { doubtsAbout, told } from './matrix.ts';
import { type Contender, type Run, run, type Side } from './run.ts';
import { loopback } from './site.ts';
import { writeSound } from './sound.ts';

/** With so many calls that one core is well used: what it costs to wake is shared then, as it is when it matters. */
const pairs: readonly (readonly [CodecName, CodecName, calls: number])[] = [
  ['Opus', 'PCMU', 80],
  ['G722', 'PCMU', 80],
  ['PCMU', 'PCMA', 150],
  ['Opus', 'G722', 50],
];

/** Calls between phones that share no codec: how many a core carries, both directions of each transcoded. */
export async function transcoding(contender: Contender, seconds: number): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sip-pbx-bench-'));
  const figures: Figure[] = [];
  try {
    for (const [one, other, calls] of pairs) {
      const name = `${one} ↔ ${other}`;
      const [a, b] = [one, other].map((codec): Side => ({ codec, sound: writeSound(join(folder, codec), codec) }));
      const options = { site: loopback, contender, calls, seconds, warmup: 3, sides: [a!, b!] } as const;
      figures.push(...(await told(name, async () => asFigure(name, contender, calls, await run(options)))));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return figures;
}

function asFigure(pair: string, contender: Contender, calls: number, run: Run): Figure {
  const { sent, received, mediaCpuSeconds, seconds } = run;
  const heard = received / sent;
  const milliseconds = (1000 * mediaCpuSeconds) / (calls * seconds);
  const doubts = [...doubtsAbout(run), ...(heard < 0.97 ? ['too little was heard'] : [])];
  return {
    part: 'media',
    what: `${pair}, ${calls} calls, ${contender.name}`,
    value: 1000 / milliseconds,
    unit: 'calls a core',
    settings: [
      `${milliseconds.toFixed(2)} ms CPU for a second of a call`,
      `${(100 * heard).toFixed(1)} % heard`,
      ...(doubts.length > 0 ? [`NOT TO BE TRUSTED: ${doubts.join(', ')}`] : []),
    ].join('; '),
    details: {
      pair,
      contender: contender.name,
      calls,
      seconds,
      sent,
      heard: received,
      media_cpu_s: mediaCpuSeconds,
      doubts: doubts.join(', '),
    },
  };
}
