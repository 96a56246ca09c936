import { spawnSync } from 'node:child_process';
import { loadNativeAddon } from '../../src/media/index.ts';
import type { Figure } from '../figures.ts';
import { besideSignalling } from './beside-signalling.ts';
import { compileGenerator } from './generator.ts';
import { matrix } from './matrix.ts';
import type { Contender } from './run.ts';
import { Cable, loopback, noCable } from './site.ts';
import { soak } from './soak.ts';
import { tablesOf } from './tables.ts';
import { transcoding } from './transcoding.ts';

export interface MediaOptions {
  /** s that each run is measured for. */
  readonly seconds: number;
  /** Numbers of calls to try; empty: the usual ones. */
  readonly calls: readonly number[];
  /** Names of contenders; empty: all that are here. */
  readonly engines: readonly string[];
  /** s of one long run instead of many short ones; null: none. */
  readonly soak: number | null;
}

const contenders: readonly Contender[] = [
  { name: 'direct', engine: null, encrypted: 0 },
  { name: 'plain', engine: 'plain', encrypted: 0 },
  { name: 'native', engine: 'native', encrypted: 0 },
  { name: 'native-srtp', engine: 'native', encrypted: 2 },
  { name: 'rtpengine', engine: 'rtpengine', encrypted: 0 },
  { name: 'worker', engine: 'worker', encrypted: 0 },
  { name: 'exchange', engine: 'exchange', encrypted: 0 },
  { name: 'worker-srtp', engine: 'worker', encrypted: 2 },
  { name: 'plain-srtp', engine: 'plain', encrypted: 2 },
  // One leg only: where both have keys, it hands them through and packets pass as they are.
  { name: 'rtpengine-half-srtp', engine: 'rtpengine', encrypted: 1 },
];

const usualCalls = [100, 500, 1000, 1500];

/** Left out unless asked for by name. */
const extra: ReadonlySet<string> = new Set(['worker', 'exchange', 'worker-srtp', 'plain-srtp', 'rtpengine-half-srtp']);

/** Packets of many calls through each engine in turn, and transcoded calls: CPU time, losses, delay. */
export async function media(options: MediaOptions): Promise<readonly Figure[]> {
  const figures = await measured(options);
  process.stdout.write(`\n${tablesOf(figures)}`);
  return figures;
}

async function measured({ seconds, calls, engines: asked, soak: soakFor }: MediaOptions): Promise<readonly Figure[]> {
  const unknown = asked.filter((name) => !contenders.some((contender) => contender.name === name));
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no such engine; there are ${namesOf(contenders)}`);
  const problem = compileGenerator();
  if (problem !== null) {
    process.stdout.write(`  no load generator, media is not measured: ${problem}\n`);
    return [];
  }
  const here = contenders
    .filter(({ name }) => (asked.length === 0 ? !extra.has(name) : asked.includes(name)))
    .filter(isHere);
  const figures: Figure[] = [];
  if (soakFor !== null) {
    for (const contender of here) figures.push(...(await soak(contender, calls[0] ?? 1000, soakFor)));
    return figures;
  }

  const counts = calls.length > 0 ? calls : usualCalls;
  figures.push(...(await matrix({ site: loopback, calls: counts, contenders: here, seconds })));
  const why = noCable();
  if (why === null) {
    using cable = new Cable();
    figures.push(...(await matrix({ site: cable, calls: [1000], contenders: here, seconds })));
  } else {
    process.stdout.write(`  not measured between namespaces: ${why}\n`);
  }
  const engines = here.filter(({ engine, encrypted }) => engine !== null && encrypted === 0);
  figures.push(...(await besideSignalling(engines, seconds)));
  // The relay has no part in it but to hand over and to send.
  const own = here.findLast(({ engine, encrypted }) => isOwn(engine) && encrypted === 0);
  if (own) figures.push(...(await transcoding(own, seconds)));
  return figures;
}

function isOwn(engine: string | null): boolean {
  return engine !== null && engine !== 'rtpengine' && engine !== 'exchange';
}

function isHere({ name, engine }: Contender): boolean {
  const reason = whyNot(engine);
  if (reason !== null) process.stdout.write(`  ${name} is not here: ${reason}\n`);
  return reason === null;
}

function whyNot(engine: string | null): string | null {
  if (engine === 'native') {
    const loaded = loadNativeAddon();
    return loaded.addon === null ? loaded.reason : null;
  }
  const missing = engine === 'rtpengine' && spawnSync(engine, ['--version'], { stdio: 'ignore' }).error !== undefined;
  return missing ? 'apt-get install rtpengine-daemon' : null;
}

function namesOf(all: readonly Contender[]): string {
  return all.map(({ name }) => name).join(', ');
}
