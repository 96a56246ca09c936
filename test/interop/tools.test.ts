import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { allThere, howToInstall, missingTools } from './tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'tools-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'sipp'), '');
chmodSync(join(folder, 'sipp'), 0o755);
writeFileSync(join(folder, 'sox'), '');
chmodSync(join(folder, 'sox'), 0o644);
const path = ['/nowhere', folder].join(delimiter);

describe('tools of others', () => {
  test('are there when a folder of the path has a program of that name', () => {
    expect(missingTools(['sipp', 'baresip'], { path, ci: false })).toEqual(['baresip']);
    expect(allThere(['sipp'], { path, ci: true })).toBe(true);
  });

  test.skipIf(process.platform === 'win32')('are not there when the file of that name is no program', () => {
    expect(missingTools(['sox'], { path, ci: false })).toEqual(['sox']);
  });

  test('are missed in one line with the command that installs them', () => {
    expect(howToInstall(['sipp', 'baresip'])).toBe(
      'sipp, baresip not found, the tests that need it are skipped: apt-get install sip-tester baresip',
    );
  });

  test('skip their tests on a machine without them, and fail with CI=true', () => {
    expect(allThere(['sipp', 'baresip'], { path, ci: false })).toBe(false);
    expect(() => allThere(['sipp', 'baresip'], { path, ci: true })).toThrow('apt-get install baresip');
  });
});
