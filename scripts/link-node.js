// Part of "prepare", in plain JavaScript because any Node runs it. npm up to 10 puts the Node that we bring under
// node_modules/.bin and then removes it again, together with the packages for other platforms: have it linked once more.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const modules = new URL('../node_modules/', import.meta.url);
const platform = process.platform === 'win32' ? 'win' : process.platform;
const name = `node-${platform}-${process.arch}`;
const npm = process.env['npm_execpath'];

const linked = existsSync(new URL('.bin/node', modules)) || existsSync(new URL('.bin/node.cmd', modules));
if (!linked && npm && existsSync(new URL(name, modules))) {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  spawnSync(process.execPath, [npm, 'rebuild', '--ignore-scripts', name], { cwd, stdio: 'inherit' });
}
