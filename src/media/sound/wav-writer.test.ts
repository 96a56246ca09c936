import { expect, test } from 'vitest';
import { channelsOf, MemoryDisk } from '../../../test/support/memory-disk.ts';
import { WavWriter } from './wav-writer.ts';

const path = '/recordings/a.wav';

test('a file is full at 4 GiB, and what was written until then is kept', async () => {
  const disk = new MemoryDisk();
  const failures: string[] = [];
  const writer = WavWriter.open({
    path,
    sampleRate: 8000,
    create: disk.create,
    onFailure: (reason) => failures.push(reason),
  });
  writer.append(new Uint8Array(400).fill(1));
  // More than may ever wait: each is dropped, but has its place.
  const large = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 4095; i++) writer.append(large);
  expect(failures).toEqual([]);
  writer.append(large);
  expect(failures).toEqual(['a WAV file holds no more than 4 GiB']);
  const written = await new Promise((resolve) => writer.end(resolve));
  expect(written).toEqual({ bytes: 400, missed: 4095 * large.length, failure: failures[0] });
  expect(channelsOf(disk.files.get(path)!).left).toHaveLength(100);
});
