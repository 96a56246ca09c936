import { expect, test } from 'vitest';
import { LogSink } from './log-sink.ts';

function setUp() {
  const world = { written: '', told: [] as string[], waited: 0, room: Number.POSITIVE_INFINITY, code: 'ENOSPC' };
  const sink = new LogSink(
    {
      write: (bytes) => {
        if (world.room === 0) throw Object.assign(new Error(world.code), { code: world.code });
        const taken = Math.min(world.room, bytes.length, 4);
        world.room -= taken;
        world.written += Buffer.from(bytes.subarray(0, taken)).toString('latin1');
        return taken;
      },
      wait: (ms) => {
        world.waited += ms;
      },
    },
    (error) => world.told.push(`lost: ${error.message}`),
    (lines) => world.told.push(`recovered: ${lines}`),
  );
  return { sink, world };
}

test('a line that is taken piece by piece is whole', () => {
  const { sink, world } = setUp();
  sink.write('one two three\n');
  expect(world).toMatchObject({ written: 'one two three\n', told: [] });
});

test('a full disk costs lines and nothing else: told of once, and counted when there is room again', () => {
  const { sink, world } = setUp();
  world.room = 3;
  sink.write('first\n');
  sink.write('second\n');
  sink.write('third\n');
  expect(world.told).toEqual(['lost: ENOSPC']);
  world.room = Number.POSITIVE_INFINITY;
  sink.write('fourth\n');
  sink.write('fifth\n');
  expect(world.written).toBe('fir\nfourth\nfifth\n');
  expect(world.told).toEqual(['lost: ENOSPC', 'recovered: 3']);
});

test('a reader that does not keep up is waited for a while, once', () => {
  const { sink, world } = setUp();
  world.room = 0;
  world.code = 'EAGAIN';
  sink.write('first\n');
  expect(world).toMatchObject({ waited: 50, told: ['lost: EAGAIN'] });
  for (let line = 0; line < 100; line++) sink.write('more\n');
  expect(world.waited).toBe(50);
});
