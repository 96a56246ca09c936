import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localPortsWarning } from './local-ports.ts';

test.each([
  [10_000, 20_000, false],
  [30_000, 32_768, false],
  [30_000, 32_770, true],
  [40_000, 50_000, true],
  [60_998, 61_002, true],
  [61_000, 62_000, false],
])(
  'media ports from %i to before %i are warned of where the system gives them away: %s',
  async (start, end, warned) => {
    const folder = await mkdtemp(join(tmpdir(), 'sip-pbx-ports-'));
    const file = join(folder, 'ip_local_port_range');
    await writeFile(file, '32768\t60999\n');
    const said = await localPortsWarning({ start, end }, file);
    if (warned) expect(said).toContain(`(${start} to ${end - 1}) overlaps`);
    else expect(said).toBeNull();
    await rm(folder, { recursive: true });
  },
);

test('a system that does not say which ports it gives away is not warned of', async () => {
  expect(await localPortsWarning({ start: 40_000, end: 50_000 }, '/nowhere')).toBeNull();
  expect(await localPortsWarning({ start: 40_000, end: 50_000 }, '/dev/null')).toBeNull();
});
