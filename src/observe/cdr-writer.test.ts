import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endedCall } from '../../test/support/ended-call.ts';
import { type Log, SeededRandom, silentLog, VirtualClock } from '../base/index.ts';
import { cdrOf } from '../pbx/records/index.ts';
import { type CdrOptions, CdrWriter } from './cdr-writer.ts';
import { type OpenRecordFile, openRecordFile, type RecordFile } from './record-file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cdr-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const defaults: Omit<CdrOptions, 'output_dir'> = {
  filename_pattern: 'cdr-%Y-%m-%d.jsonl',
  rotation: 'daily',
  retention_days: 90,
  timezone: 'utc',
};

function setUp(options: Partial<CdrOptions> = {}, openFile: OpenRecordFile = openRecordFile) {
  const clock = new VirtualClock();
  const logged: string[] = [];
  const note = (level: string) => (message: string) => void logged.push(`${level}: ${message}`);
  const log: Log = {
    ...silentLog,
    info: note('info'),
    warning: note('warning'),
    error: note('error'),
  };
  const make = () =>
    new CdrWriter(
      { ...defaults, output_dir: join(folder, 'cdr'), ...options },
      { clock, log, spillFile: join(folder, 'spill', 'cdr.jsonl'), openFile },
    );
  const end = (writer: CdrWriter, callId: string, endedAt = clock.wall()) =>
    writer.handle({ type: 'call.ended', at: endedAt, call: endedCall({ callId, endedAt, startedAt: endedAt - 1000 }) });
  return { clock, logged, make, end };
}

const lines = async (name = 'cdr-2025-01-05.jsonl') =>
  (await readFile(join(folder, 'cdr', name), 'utf8')).split('\n').slice(0, -1);
const ids = async (name?: string) => (await lines(name)).map((line) => JSON.parse(line).call_id as string);

/** A disk that does as `verdict` says before each step. */
function faulty(verdict: () => 'well' | 'refuse' | 'short' | 'late'): OpenRecordFile {
  const step = <T>(action: () => Promise<T>) => {
    if (verdict() === 'well') return action();
    return Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
  };
  return (path) =>
    step(async () => {
      const file = await openRecordFile(path);
      const half = (bytes: Uint8Array) => file.write(bytes.subarray(0, Math.ceil(bytes.length / 2)));
      const failing: RecordFile = {
        ...file,
        size: () => step(file.size),
        truncate: (size) => step(() => file.truncate(size)),
        sync: () => step(file.sync),
        write: async (bytes) => {
          const how = verdict();
          if (how === 'well') return await file.write(bytes);
          if (how === 'short') return await half(bytes);
          if (how === 'late') await half(bytes); // some bytes land, and the error says nothing of them
          throw Object.assign(new Error('input/output error'), { code: 'EIO' });
        },
      };
      return failing;
    });
}

describe('a CDR file', () => {
  test('gets one line of JSON for an ended call, within 50 ms, and no timer stays once it is on the disk', async () => {
    const { clock, make, end } = setUp();
    const writer = make();
    await writer.open();
    end(writer, 'call-1');
    clock.advance(50);
    await writer.flush();
    const [line, ...more] = await lines();
    expect(more).toEqual([]);
    expect(JSON.parse(line!)).toEqual(
      cdrOf(endedCall({ callId: 'call-1', endedAt: clock.wall() - 50, startedAt: clock.wall() - 1050 })),
    );
    clock.advance(1000);
    await writer.flush();
    expect(clock.pending).toBe(0);
    await writer.close();
  });

  test('keeps the order of the endings, and refuses a second record of a call', async () => {
    const { logged, make, end } = setUp();
    const writer = make();
    await writer.open();
    for (const id of ['b', 'a', 'b', 'c']) end(writer, id);
    await writer.flush();
    end(writer, 'a');
    await writer.close();
    expect(await ids()).toEqual(['b', 'a', 'c']);
    expect(logged.filter((line) => line.includes('second record'))).toHaveLength(2);
    expect(writer.statistics()).toEqual({ written: 3, waiting: 0, lost: 0, failing: false });
  });

  test('holds the calls that ended on its day', async () => {
    const { make, end } = setUp();
    const writer = make();
    const midnight = Date.UTC(2025, 0, 6);
    end(writer, 'before', midnight - 1);
    end(writer, 'after', midnight);
    await writer.close();
    expect(await ids('cdr-2025-01-05.jsonl')).toEqual(['before']);
    expect(await ids('cdr-2025-01-06.jsonl')).toEqual(['after']);
  });

  test('is begun anew when someone moved it away', async () => {
    const { clock, make, end } = setUp();
    const writer = make();
    end(writer, 'first');
    await writer.flush();
    await rm(join(folder, 'cdr', 'cdr-2025-01-05.jsonl'));
    clock.advance(1000);
    await writer.flush();
    end(writer, 'second');
    await writer.close();
    expect(await ids()).toEqual(['second']);
  });
});

describe('after a start', () => {
  test.each([
    ['a torn last line is moved aside', '{"call_id":"to', ['old', 'new'], '{"call_id":"to\n'],
    ['a last line that only lacks its newline is completed', '{"call_id":"whole"}', ['old', 'whole', 'new'], null],
  ])('%s', async (_, tail, expected, torn) => {
    const { make, end } = setUp();
    const first = make();
    end(first, 'old');
    await first.close();
    await appendFile(join(folder, 'cdr', 'cdr-2025-01-05.jsonl'), tail);
    const second = make();
    await second.open();
    end(second, 'new');
    await second.close();
    expect(await ids()).toEqual(expected);
    expect(await readFile(join(folder, 'cdr', 'cdr-2025-01-05.jsonl.torn'), 'utf8').catch(() => null)).toBe(torn);
  });

  test('a record that the last file holds is not written again', async () => {
    const { make, end } = setUp();
    const first = make();
    end(first, 'same');
    await first.close();
    const second = make();
    end(second, 'same'); // before the files were looked at
    await second.open();
    end(second, 'same');
    await second.close();
    expect(await ids()).toEqual(['same']);
  });

  test('a spilled record that its file holds already is not written again, though newer files were begun since', async () => {
    const { make, end } = setUp();
    const first = make();
    end(first, 'old', Date.UTC(2025, 0, 4));
    end(first, 'new');
    await first.close();
    const [line] = await lines('cdr-2025-01-04.jsonl');
    await mkdir(join(folder, 'spill'));
    const spilled = [line, line!.replace('"old"', '"spilled"')].map((record) => `cdr-2025-01-04.jsonl\t${record}\n`);
    await writeFile(join(folder, 'spill', 'cdr.jsonl'), `${spilled.join('')}cdr-2025-01-04.jsonl\t{"call_`);
    await make().close();
    expect(await ids('cdr-2025-01-04.jsonl')).toEqual(['old', 'spilled']);
    expect(await readdir(join(folder, 'spill'))).toEqual(['cdr.jsonl.torn']);
  });

  test('files older than the retention are deleted, others are not', async () => {
    const { make } = setUp({ retention_days: 3 });
    await make().open();
    const names = [
      'cdr-2025-01-01.jsonl',
      'cdr-2025-01-02.jsonl',
      'cdr-2025-01-05.jsonl',
      'cdr-2024-12-24.jsonl.bak',
      'notes.txt',
    ];
    for (const name of names) await writeFile(join(folder, 'cdr', name), '');
    await make().open();
    expect((await readdir(join(folder, 'cdr'))).sort()).toEqual(names.slice(1).sort());
  });

  test('files whose name has no day go by their age', async () => {
    const { clock, make } = setUp({ retention_days: 3, filename_pattern: 'day-%d.jsonl' });
    await make().open();
    for (const name of ['day-01.jsonl', 'day-02.jsonl']) await writeFile(join(folder, 'cdr', name), '');
    const at = (days: number) => (clock.wall() - days * 86_400_000) / 1000;
    await utimes(join(folder, 'cdr', 'day-01.jsonl'), at(4), at(4));
    await utimes(join(folder, 'cdr', 'day-02.jsonl'), at(2), at(2));
    await make().open();
    expect(await readdir(join(folder, 'cdr'))).toEqual(['day-02.jsonl']);
  });
});

describe('while the disk fails', () => {
  test('records are kept and tried again; the log says so once, and once that it is over', async () => {
    let broken = true;
    const { clock, logged, make, end } = setUp(
      {},
      faulty(() => (broken ? 'refuse' : 'well')),
    );
    const writer = make();
    end(writer, 'one');
    await writer.flush();
    end(writer, 'two');
    for (let tries = 0; tries < 5; tries++) {
      clock.advanceToNext();
      await writer.flush();
    }
    expect(writer.statistics()).toEqual({ written: 0, waiting: 2, lost: 0, failing: true });
    broken = false;
    clock.advanceToNext();
    await writer.flush();
    expect(await ids()).toEqual(['one', 'two']);
    expect(logged.map((line) => line.split(':')[0])).toEqual(['warning', 'info']);
    await writer.close();
  });

  // Root may write everywhere.
  test.skipIf(process.getuid?.() === 0)('the start tells of a folder that is not ours to write', async () => {
    await mkdir(join(folder, 'cdr'), { mode: 0o555 });
    const { logged, make } = setUp();
    const writer = make();
    await writer.open();
    expect(logged).toEqual(['warning: CDR files can not be written; records are kept and tried again']);
    await writer.close();
  });

  test('what too many calls leave in memory is spilled, and written first when the disk is back', async () => {
    let broken = true;
    const { make, end } = setUp(
      {},
      faulty(() => (broken ? 'refuse' : 'well')),
    );
    const writer = make();
    await writer.open();
    const expected = Array.from({ length: 10_050 }, (_, i) => `call-${i}`);
    end(writer, expected[0]!);
    await writer.flush();
    for (const id of expected.slice(1, 10_010)) end(writer, id);
    await writer.flush();
    for (const id of expected.slice(10_010)) end(writer, id);
    const spilled = (await readFile(join(folder, 'spill', 'cdr.jsonl'), 'utf8')).split('\n').length - 1;
    expect(spilled).toBeGreaterThan(9000);
    expect(writer.statistics().waiting).toBe(expected.length);
    broken = false;
    await writer.flush();
    expect(await ids()).toEqual(expected);
    expect(await readdir(join(folder, 'spill'))).toEqual([]);
    expect(writer.statistics()).toEqual({ written: expected.length, waiting: 0, lost: 0, failing: false });
    await writer.close();
  });

  test('a stop spills what waits, and the next start writes it', async () => {
    let broken = true;
    const { make, end } = setUp(
      {},
      faulty(() => (broken ? 'late' : 'well')),
    );
    const first = make();
    for (const id of ['one', 'two', 'three']) end(first, id);
    await first.close();
    broken = false;
    const second = make();
    await second.open();
    end(second, 'four');
    await second.close();
    expect(await ids()).toEqual(['one', 'two', 'three', 'four']);
  });

  test('a record that can be kept nowhere stands in the log', async () => {
    const { logged, make, end } = setUp(
      {},
      faulty(() => 'refuse'),
    );
    await writeFile(join(folder, 'spill'), 'a file where a folder should be');
    const writer = make();
    end(writer, 'one');
    await writer.close();
    expect(writer.statistics().lost).toBe(1);
    expect(logged).toContain('error: a CDR could not be kept');
  });
});

test('whatever writes fail and however, and whenever the exchange restarts, every record stands in the files exactly once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.array(fc.constantFrom('call', 'call', 'call', 'flush', 'flush', 'wait', 'restart'), {
        minLength: 10,
        maxLength: 60,
        size: 'max',
      }),
      async (seed, steps) => {
        await rm(folder, { recursive: true, force: true });
        const random = new SeededRandom(seed);
        let healed = false;
        const verdicts = ['well', 'well', 'well', 'well', 'well', 'refuse', 'short', 'late', 'late'] as const;
        const { clock, make, end } = setUp(
          {},
          faulty(() => (healed ? 'well' : verdicts[random.below(verdicts.length)]!)),
        );
        const expected: string[] = [];
        let writer = make();
        for (const step of steps) {
          if (step === 'flush') await writer.flush();
          else if (step === 'wait') clock.advanceToNext();
          else if (step === 'restart') {
            await writer.close();
            writer = make();
          } else {
            expected.push(`call-${expected.length}`);
            end(writer, expected.at(-1)!, Date.UTC(2025, 0, 5, 12));
          }
        }
        healed = true;
        await writer.close();
        const last = make();
        await last.close();
        expect(expected.length === 0 ? [] : await ids()).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
});
