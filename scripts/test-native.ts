// npm run test:native [seed]: the tests of the relay in C++, built with the sanitizers for addresses and undefined
// behaviour, and once more with that for threads. What has been compiled is kept in native/build, by what it was made of.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = fileURLToPath(new URL('../native/', import.meta.url));
const kept = join(native, 'build', 'test');
const names = readdirSync(join(native, 'src'));
const headers = names.filter((file) => file.endsWith('.h')).map((file) => join(native, 'src', file));
const units = names.filter((file) => file.endsWith('.cc') && file !== 'binding.cc');
const sources = [...units.map((file) => join(native, 'src', file)), join(native, 'test', 'relay_test.cc')];
const flags = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-Wno-tsan', '-pthread', '-fno-omit-frame-pointer'];
const sanitizers = ['address,undefined', 'thread'];

const compiler = spawnSync('g++', ['--version'], { encoding: 'utf8' }).stdout ?? '';
const shared = [compiler, ...headers.map((file) => readFileSync(file, 'utf8'))];
const flagsOf = (sanitizer: string) => [...flags, `-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all'];

interface Unit {
  readonly source: string;
  readonly sanitizer: string;
  /** Its name says what it is made of. */
  readonly object: string;
}

function unit(source: string, sanitizer: string): Unit {
  const parts = [...shared, ...flagsOf(sanitizer), source, readFileSync(source, 'utf8')];
  const digest = createHash('sha256').update(parts.join('\0')).digest('hex');
  return { source, sanitizer, object: join(kept, `${digest}.o`) };
}

/** Runs a program to its end; throws where it fails. */
async function run(program: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: 'inherit', timeout: 300_000 });
  const ending = await new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (status, signal) => resolve(signal ?? status));
  });
  if (ending !== 0) throw new Error(`${program} ended with ${ending}`);
}

async function compile({ source, sanitizer, object }: Unit): Promise<void> {
  const unfinished = `${object}.${process.pid}`;
  await run('g++', ...flagsOf(sanitizer), '-c', source, '-o', unfinished);
  renameSync(unfinished, object);
}

mkdirSync(kept, { recursive: true });
const built = sanitizers.map((sanitizer) => sources.map((source) => unit(source, sanitizer)));
const waiting = built.flat().filter(({ object }) => !existsSync(object));
const compileAll = async (): Promise<void> => {
  for (let next = waiting.pop(); next; next = waiting.pop()) await compile(next);
};
await Promise.all(Array.from({ length: availableParallelism() }, compileAll));

const outcomes = await Promise.allSettled(
  sanitizers.map(async (sanitizer, index) => {
    const binary = join(kept, `relay-test-${sanitizer}`);
    const objects = built[index]!.map(({ object }) => object);
    rmSync(binary, { force: true });
    await run('g++', '-pthread', `-fsanitize=${sanitizer}`, ...objects, '-o', binary, '-lcrypto');
    await run(binary, ...process.argv.slice(2));
    console.log(`-fsanitize=${sanitizer}: passed`);
  }),
);
for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;

const used = new Set(built.flat().map(({ object }) => object));
for (const file of readdirSync(kept)) {
  if (file.endsWith('.o') && !used.has(join(kept, file))) rmSync(join(kept, file));
}
