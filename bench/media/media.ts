import { spawnSync } from 'node:child_process';
import type { Figure } from '../figures.ts';
import { besideSignalling } from './beside-signalling.ts';
import { compileGenerator } from './generator.ts';
import { matrix } from './matrix.ts';
import type { Contender } from './run.ts';
import { Cable, loopback, noCable } from './site.ts';
import { soak } from './soak.ts';

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
  { name: 'rtpengine', engine: 'rtpengine', encrypted: 0 },
  // One leg only: where both have keys, it hands them through and packets pass as they are.
  { name: 'rtpengine-half-srtp', engine: 'rtpengine', encrypted: 1 },
];

const usualCalls = [100, 500, 1000, 1500];

/** Left out unless asked for by name. */
const extra: ReadonlySet<string> = new Set(['rtpengine-half-srtp']);

/** Packets of many calls through each engine in turn: CPU time, losses, delay. */
export async function media({ seconds, calls, engines, soak: soakFor }: MediaOptions): Promise<readonly Figure[]> {
  const unknown = engines.filter((name) => !contenders.some((contender) => contender.name === name));
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no such engine; there are ${namesOf(contenders)}`);
  const problem = compileGenerator();
  if (problem !== null) {
    process.stdout.write(`  no load generator, media is not measured: ${problem}\n`);
    return [];
  }
  const here = contenders
    .filter(({ name }) => (engines.length === 0 ? !extra.has(name) : engines.includes(name)))
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
  figures.push(...(await besideSignalling(here, seconds)));
  return figures;
}

function isHere({ name, engine }: Contender): boolean {
  if (engine !== 'rtpengine' || spawnSync(engine, ['--version'], { stdio: 'ignore' }).error === undefined) return true;
  process.stdout.write(`  ${name} is not here: apt-get install rtpengine-daemon\n`);
  return false;
}

function namesOf(all: readonly Contender[]): string {
  return all.map(({ name }) => name).join(', ');
}
