// npm test: every test that this machine can run. Further arguments go to Vitest (`npm test -- test/scenario`).
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { howToInstall, missingTools, tools } from '../test/interop/tools.ts';

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const asked = process.argv.slice(2);

process.exitCode = main();

function main(): number {
  const missing = missingTools(tools);
  if (missing.length > 0) {
    process.stderr.write(`${howToInstall(missing)}\n`);
    if (process.env['CI'] === 'true') {
      process.stderr.write('CI=true: tests that are skipped for a missing tool are failures.\n');
      return 1;
    }
  }
  const started = performance.now();
  for (const project of ['unit', 'interop']) {
    // Arguments that name no test of one of the two projects are no fault.
    const options = asked.length > 0 ? ['--passWithNoTests', ...asked] : [];
    const { status, error } = spawnSync(process.execPath, [vitest, 'run', '--project', project, ...options], {
      stdio: 'inherit',
    });
    if (error) throw error;
    if (status !== 0) {
      process.stderr.write(`The ${project} tests have failed.\n`);
      return status ?? 1;
    }
  }
  process.stdout.write(`All tests passed in ${((performance.now() - started) / 1000).toFixed(0)} s.\n`);
  return 0;
}
