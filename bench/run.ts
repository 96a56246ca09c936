// npm run bench [-- part ...]: what things cost here, in CPU time. For media: [--seconds N] [--calls N,N] [--engine
// NAME,NAME] [--soak SECONDS].
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { callInMemory } from './call.ts';
import { codec } from './codec.ts';
import { type Figure, print } from './figures.ts';
import { jitter } from './jitter.ts';
import { media } from './media/media.ts';
import { callOverUdp, registration, relay } from './over-udp.ts';
import { parser } from './parser.ts';
import { transactions } from './transactions.ts';

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '3' },
    calls: { type: 'string', default: '' },
    engine: { type: 'string', default: '' },
    soak: { type: 'string' },
  },
});

const parts: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  parser: async () => parser(),
  transactions,
  call: async () => [...(await callInMemory()), ...(await callOverUdp())],
  registration,
  relay,
  codec: async () => codec(),
  jitter: async () => jitter(),
  media: () =>
    media({
      seconds: Number(values.seconds),
      calls: listed(values.calls).map(Number),
      engines: listed(values.engine),
      soak: values.soak === undefined ? null : Number(values.soak),
    }),
};

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

function listed(text: string): readonly string[] {
  return text.split(',').filter((word) => word !== '');
}
