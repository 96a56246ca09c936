import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog, VirtualClock } from '../base/index.ts';
import { FileSpill } from './file-spill.ts';
import type { StoreEntry } from './store-entry.ts';

let parent: string;
let folder: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'sip-pbx-spill-'));
  folder = join(parent, 'spill');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const clock = new VirtualClock();
const open = (limit = 10_000) => FileSpill.open({ folder, clock, log: silentLog, limit });
const add = (id: string): StoreEntry => ({
  kind: 'add webhook',
  row: { id, url: 'u', orderKey: 'o', body: '{}', sequence: 1, createdAt: 0 },
});
const idOf = ({ row }: StoreEntry) => ('id' in row ? row.id : '?');

/** Replays all of `spill`; gives the ids in the order they came, those taken back after a `|`. */
async function replayed(spill: FileSpill): Promise<string[]> {
  const ids: string[] = [];
  await spill.replay(
    async (entries) => void ids.push(...entries.map(idOf)),
    (entries) => void ids.push(...entries.map((entry) => `|${idOf(entry)}`)),
  );
  return ids;
}

describe('a spill in files', () => {
  test('keeps entries over a restart, in their order, readable by their owner only', async () => {
    const spill = await open();
    expect(spill.empty).toBe(true);
    spill.add([add('a'), add('b')]);
    spill.add([add('c')]);
    await spill.settle();
    const again = await open();
    again.add([add('d')]);
    await again.settle();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'store-000001.jsonl'))).mode & 0o777).toBe(0o600);

    const last = await open();
    expect(last.empty).toBe(false);
    expect(await replayed(last)).toEqual(['a', 'b', 'c', 'd']);
    expect(last.empty).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  test('hands out many entries in parts and leaves none out', async () => {
    const spill = await open();
    const ids = Array.from({ length: 1234 }, (_, at) => `w${at}`);
    spill.add(ids.map(add));
    await spill.settle();
    const parts: number[] = [];
    const seen: string[] = [];
    await spill.replay(
      async (entries) => {
        parts.push(entries.length);
        seen.push(...entries.map(idOf));
      },
      () => {},
    );
    expect(parts).toEqual([500, 500, 234]);
    expect(seen).toEqual(ids);
  });

  test('keeps what the store does not take for the next replay', async () => {
    const spill = await open();
    spill.add([add('a'), add('b')]);
    await spill.settle();
    const failing = spill.replay(
      async () => {
        throw new Error('disk full');
      },
      () => {},
    );
    await expect(failing).rejects.toThrow('disk full');
    spill.add([add('c')]);
    expect(spill.empty).toBe(false);
    expect(await replayed(spill)).toEqual(['a', 'b', 'c']);
  });

  test('comes to an end while entries keep arriving, and loses none of them', async () => {
    const spill = await open();
    spill.add([add('a')]);
    await spill.settle();
    const seen: string[] = [];
    let arriving = 0;
    await spill.replay(
      async (entries) => {
        seen.push(...entries.map(idOf));
        spill.add([add(`n${arriving++}`)]);
      },
      (entries) => {
        seen.push(...entries.map(idOf));
        expect(spill.empty).toBe(true);
      },
    );
    expect(seen).toEqual(['a', ...Array.from({ length: arriving }, (_, at) => `n${at}`)]);
    expect(await readdir(folder)).toEqual([]);
  });

  test('a line torn by the death of the process is left out, the others are not', async () => {
    const spill = await open();
    spill.add([add('a'), add('b')]);
    await spill.settle();
    const file = join(folder, 'store-000001.jsonl');
    await appendFile(file, '{"kind":"add webhook","row":{"id":"to');
    const again = await open();
    again.add([add('c')]);
    await again.settle();
    expect(await replayed(again)).toEqual(['a', 'b', 'c']);
  });

  test('leaves the files of others alone', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'cdr.jsonl'), 'not ours\n');
    const spill = await open();
    expect(spill.empty).toBe(true);
    spill.add([add('a')]);
    await spill.settle();
    expect(await replayed(spill)).toEqual(['a']);
    expect(await readFile(join(folder, 'cdr.jsonl'), 'utf8')).toBe('not ours\n');
  });
});

describe('a disk that does not take the spill', () => {
  /** A file stands where the folder should be. */
  const breakDisk = () => writeFile(folder, '');

  test('entries stay in memory, are said to be unsafe, and come back to the caller when the store works', async () => {
    const spill = await open();
    await breakDisk();
    spill.add([add('a'), add('b')]);
    await expect(spill.settle()).rejects.toThrow('entries cannot be spilled');
    expect(spill.failure).toContain('entries cannot be spilled');
    expect(spill.empty).toBe(false);
    expect(await replayed(spill)).toEqual(['|a', '|b']);
    expect(spill).toMatchObject({ empty: true, failure: null, dropped: 0 });
  });

  test('the oldest are lost beyond the limit, and counted', async () => {
    const spill = await open(2);
    await breakDisk();
    spill.add([add('a')]);
    await spill.settle().catch(() => {});
    spill.add([add('b'), add('c'), add('d')]);
    expect(spill.dropped).toBe(2);
    await spill.settle().catch(() => {});
    expect(await replayed(spill)).toEqual(['|c', '|d']);
  });

  test('entries are written when the disk works again', async () => {
    const spill = await open();
    await breakDisk();
    spill.add([add('a')]);
    await spill.settle().catch(() => {});
    await rm(folder);
    clock.advance(1000);
    spill.add([add('b')]);
    await spill.settle();
    expect(spill.failure).toBe(null);
    expect(await replayed(await open())).toEqual(['a', 'b']);
  });
});
