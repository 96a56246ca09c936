// npm run test:native [seed]: the tests of the relay in C++, built with the sanitizers for addresses and undefined
// behaviour, and once more with that for threads.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = fileURLToPath(new URL('../native/', import.meta.url));
const sources = readdirSync(join(native, 'src')).filter((file) => file.endsWith('.cc') && file !== 'binding.cc');
const files = [...sources.map((file) => join(native, 'src', file)), join(native, 'test', 'relay_test.cc')];
const flags = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-Wno-tsan', '-pthread', '-fno-omit-frame-pointer'];

/** Runs a program to its end; throws where it fails. */
function run(program: string, ...args: readonly string[]): void {
  const { status, signal } = spawnSync(program, args, { stdio: 'inherit', timeout: 300_000 });
  if (status !== 0) throw new Error(`${program} ended with ${signal ?? status}`);
}

const folder = mkdtempSync(join(tmpdir(), 'relay-test-'));
try {
  for (const sanitizers of ['address,undefined', 'thread']) {
    console.log(`-fsanitize=${sanitizers}`);
    const binary = join(folder, 'relay-test');
    run('g++', ...flags, `-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all', ...files, '-o', binary, '-lcrypto');
    run(binary, ...process.argv.slice(2));
  }
} finally {
  rmSync(folder, { recursive: true });
}
