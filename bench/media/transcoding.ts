import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from '../figures.ts';
import type { CodecName } from './codecs.ts';
import { doubtsAbout, told } from './matrix.ts';
import { type Contender, type Run, run, type Side } from './run.ts';
import { loopback } from './site.ts';
import { writeSound } from './sound.ts';

const pairs: readonly (readonly [CodecName, CodecName])[] = [
  ['Opus', 'PCMU'],
  ['G722', 'PCMU'],
  ['PCMU', 'PCMA'],
  ['Opus', 'G722'],
];
const calls = 40;

/** Calls between phones that share no codec: how many a core carries, both directions of each transcoded. */
export async function transcoding(contender: Contender, seconds: number): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sip-pbx-bench-'));
  const figures: Figure[] = [];
  try {
    for (const pair of pairs) {
      const name = pair.join(' ↔ ');
      const [a, b] = pair.map((codec): Side => ({ codec, sound: writeSound(join(folder, codec), codec) }));
      const options = { site: loopback, contender, calls, seconds, warmup: 3, sides: [a!, b!] } as const;
      figures.push(...(await told(name, async () => asFigure(name, contender, await run(options)))));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return figures;
}

function asFigure(pair: string, contender: Contender, run: Run): Figure {
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
