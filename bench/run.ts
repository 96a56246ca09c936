// npm run bench [-- part ...]: what things cost here, in CPU time.
import { availableParallelism, cpus } from 'node:os';
import { callInMemory } from './call.ts';
import { type Figure, print } from './figures.ts';
import { jitter } from './jitter.ts';
import { callOverUdp, registration, relay } from './over-udp.ts';
import { parser } from './parser.ts';
import { transactions } from './transactions.ts';

const parts: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  parser: async () => parser(),
  transactions,
  call: async () => [...(await callInMemory()), ...(await callOverUdp())],
  registration,
  relay,
  jitter: async () => jitter(),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  process.stderr.write(`${unknown.join(', ')}: no such part; there are ${Object.keys(parts).join(', ')}\n`);
  process.exit(2);
}
process.stdout.write(`Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim()}\n`);
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stdout.write(`${name} ...\n`);
  figures.push(...(await measure()));
}
print(figures);
