// Part of "prepare" and, with --strict, "npm run build:native": compiles what is in native/ against the headers of the
// Node that the repository brings. Nothing is downloaded. In an install a failure is one line and no more: what is
// written in TypeScript takes over. Plain JavaScript, because any Node runs it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const strict = process.argv.includes('--strict');
const modules = new URL('../node_modules/', import.meta.url);
const platform = process.platform === 'win32' ? 'win' : process.platform;
const headers = fileURLToPath(new URL(`node-${platform}-${process.arch}/`, modules));
const gyp = fileURLToPath(new URL('node-gyp/bin/node-gyp.js', modules));

/** Why nothing can be compiled here, null where nothing stands in the way. */
function obstacle() {
  if (!existsSync(gyp)) return 'node-gyp is not installed';
  if (!existsSync(new URL('include/node/node_api.h', `file://${headers}`))) return 'there are no headers of Node here';
  if (process.platform === 'win32') return null;
  for (const tool of [process.env.CXX ?? 'g++', process.env.MAKE ?? 'make', 'python3']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) return `${tool} is not installed`;
  }
  return null;
}

/** Compiles; null when all went well, otherwise why not. */
function build() {
  const reason = obstacle();
  if (reason !== null) return reason;
  const native = fileURLToPath(new URL('../native', import.meta.url));
  // Without the node-gyp options of npm: they would name the headers of the Node that npm runs on.
  const args = [gyp, 'configure', 'build', '--directory', native, '--nodedir', headers, '--loglevel', 'warn'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (strict) process.stdout.write(`${stdout}${stderr}`);
  if (status === 0) return null;
  return (
    `${stderr}`.split('\n').find((line) => /error/i.test(line) && !line.startsWith('gyp ERR! stack')) ??
    'the compiler failed'
  );
}

const failure = build();
if (failure !== null) {
  console.log(`native: not built (${failure.trim()}); the plain relay takes over. More by: npm run build:native`);
  if (strict) process.exitCode = 1;
}
