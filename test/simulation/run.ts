import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';

const usage = `npm run simulate -- --seeds N [--from K]     plays N stories, the first with seed K (1)
    --counts                                 and tells how often phones and exchange asked what, and what was answered
npm run simulate -- --seed K [--verbose]     plays one, with every message of the exchange
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    counts: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(usage);
} else {
  const from = Number(values.seed ?? values.from);
  const count = values.seed === undefined ? Number(values.seeds ?? '1000') : 1;
  if (!Number.isInteger(from) || !Number.isInteger(count)) {
    process.stderr.write(usage);
    process.exitCode = 2;
  } else {
    await play(from, count);
  }
}

async function play(from: number, count: number): Promise<void> {
  const began = performance.now();
  const trace = values.verbose ? { trace: (line: string) => process.stdout.write(`${line}\n`) } : {};
  let failed = 0;
  let calls = 0;
  let deliveries = 0;
  let conversations = 0;
  let holds = 0;
  const counts = new Map<string, number>();
  for (let seed = from; seed < from + count; seed++) {
    const result = await simulate(seed, trace);
    calls += result.calls;
    deliveries += result.deliveries;
    conversations += result.conversations;
    holds += result.holds;
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    const played = seed - from + 1;
    if (played % 1000 === 0 && played < count) process.stderr.write(`${played} of ${count} played, ${failed} failed\n`);
    if (result.faults.length === 0) continue;
    failed++;
    process.stdout.write(`seed ${seed} (npm run simulate -- --seed ${seed} --verbose):\n`);
    for (const fault of result.faults.slice(0, 5)) process.stdout.write(`  ${fault}\n`);
  }
  if (values.counts) {
    for (const what of [...counts.keys()].toSorted()) process.stdout.write(`${counts.get(what)} ${what}\n`);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(
    `seeds ${from} to ${from + count - 1}: ${failed} failed; ${calls} calls, ${conversations} conversations, ${holds} holds with music, ${deliveries} deliveries, ${seconds} s\n`,
  );
  if (failed > 0) process.exitCode = 1;
}
