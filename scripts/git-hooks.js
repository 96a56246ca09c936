// npm runs this after an install ("prepare"), under whatever Node there is: plain JavaScript without dependencies.
// In a git checkout it makes git use .githooks; anywhere else, and where hooks are set already, it does nothing.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What a git command prints; empty where it fails, or where there is no git. */
function git(...args) {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

if (existsSync(new URL('../.git', import.meta.url)) && process.env.CI !== 'true') {
  if (git('config', 'core.hooksPath') === '') git('config', 'core.hooksPath', '.githooks');
}
