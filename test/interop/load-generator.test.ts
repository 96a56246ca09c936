import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SoundFile } from '../../bench/media/codecs.ts';
import { compileGenerator, Generator, type Result, type Target } from '../../bench/media/generator.ts';
import { loopback } from '../../bench/media/site.ts';
import { needs } from './tools.ts';

const exchange = loopback.exchange;
const key = (byte: string) => byte.repeat(30);

/** What a line does with the packet it has got, the nth of its way: what it passes on, in this order. */
type Line = (packet: Buffer, n: number) => readonly Buffer[];

/** Calls of half a second over lines that treat both ways alike. */
async function callsOver(line: Line, sounds: readonly [SoundFile, SoundFile] | null = null): Promise<Result> {
  const calls = 2;
  await using generator = await Generator.start({
    site: loopback,
    direct: false,
    calls,
    warmup: 0,
    seconds: 0.5,
    sounds,
  });
  await using lines = new AsyncDisposableStack();
  const targets: (readonly [Target, Target])[] = [];
  for (let call = 0; call < calls; call++) {
    const sockets = [await open(lines), await open(lines)] as const;
    sockets.forEach((socket, side) => {
      const to = 1 - side;
      let n = 0;
      socket.on('message', (packet) => {
        for (const passed of line(packet, ++n)) {
          sockets[to]!.send(passed, generator.ports[to]![call]!, loopback.phones[to]!);
        }
      });
    });
    targets.push([targetAt(sockets[0]), targetAt(sockets[1])]);
  }
  return await generator.run(targets, [process.pid]);
}

async function open(owner: AsyncDisposableStack): Promise<Socket> {
  const socket = createSocket('udp4');
  owner.defer(() => void socket.close());
  socket.bind(0, exchange);
  await once(socket, 'listening');
  return socket;
}

function targetAt(socket: Socket): Target {
  return { address: exchange, port: socket.address().port, sendKey: null, receiveKey: null };
}

/** One call from phone to phone, encrypted: what each sends with, what the other expects. */
async function encrypted(sent: string, expected: string): Promise<Result> {
  await using generator = await Generator.start({ site: loopback, direct: true, calls: 1, warmup: 0, seconds: 0.5 });
  const [[a = 0], [b = 0]] = generator.ports;
  return await generator.run(
    [
      [
        { address: exchange, port: b, sendKey: sent, receiveKey: key('02') },
        { address: loopback.phones[0], port: a, sendKey: key('02'), receiveKey: expected },
      ],
    ],
    [],
  );
}

describe.runIf(process.platform === 'linux' && needs('g++'))('the load generator of the media bench', () => {
  beforeAll(() => {
    expect(compileGenerator()).toBeNull();
  }, 60_000);

  test('sends a packet each 20 ms from both ends of each call, and finds nothing wrong with a good line', async () => {
    const result = await callsOver((packet) => [packet]);
    expect(result).toMatchObject({
      received: result.sent,
      lost: 0,
      duplicates: 0,
      reordered: 0,
      wrong: 0,
      unsent: 0,
      ownDrops: 0,
    });
    // 4 ends, 25 packets each.
    expect(result.sent).toBe(100);
    expect(result.latency.max).toBeGreaterThan(0);
    expect(result.watched).toEqual([{ pid: process.pid, cpuSeconds: expect.any(Number) }]);
  });

  test('counts what is lost', async () => {
    const result = await callsOver((packet, n) => (n % 5 === 0 ? [] : [packet]));
    expect(result).toMatchObject({ sent: 100, received: 80, lost: 20, duplicates: 0, wrong: 0 });
  });

  test('counts what comes twice, and not as received', async () => {
    const result = await callsOver((packet, n) => (n % 5 === 0 ? [packet, packet] : [packet]));
    expect(result).toMatchObject({ sent: 100, received: 100, lost: 0, duplicates: 20, wrong: 0 });
  });

  test('counts what is changed, in the header or in the sound, and what is cut off', async () => {
    const changed = (packet: Buffer, at: number) => {
      const copy = Buffer.from(packet);
      copy[at]! ^= 1;
      return copy;
    };
    const result = await callsOver((packet, n) => {
      if (n === 3) return [changed(packet, 3)];
      if (n === 7) return [changed(packet, 171)];
      if (n === 9) return [packet.subarray(0, 100)];
      return [packet];
    });
    expect(result).toMatchObject({ sent: 100, received: 88, lost: 12, wrong: 12 });
  });

  test('counts what comes after a later one', async () => {
    const kept = new Map<number, Buffer>();
    const result = await callsOver((packet, n) => {
      const ssrc = packet.readUInt32BE(8);
      if (n === 10) kept.set(ssrc, packet);
      if (n === 10) return [];
      return n === 12 ? [packet, kept.get(ssrc)!] : [packet];
    });
    expect(result).toMatchObject({ sent: 100, received: 100, lost: 0, reordered: 4 });
  });

  test('sends sound in other codecs, frame by frame, and hears how much comes of it', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'sounds-'));
    const file = (name: string, frames: readonly string[], payloadType: number, step: number): SoundFile => {
      const path = join(folder.path, name);
      writeFileSync(
        path,
        Buffer.concat(frames.map((frame) => Buffer.from(`\0${String.fromCharCode(frame.length)}${frame}`))),
      );
      return { path, payloadType, step };
    };
    const heard = new Map<number, Buffer[]>();
    const result = await callsOver(
      (packet) => {
        const type = packet.readUInt8(1);
        heard.set(type, [...(heard.get(type) ?? []), packet]);
        return [packet];
      },
      [file('a', ['one', 'another'], 9, 160), file('b', ['x'], 111, 960)],
    );
    expect(result).toMatchObject({ sent: 100, wrong: 0 });
    // What is on its way when the time is over is not counted.
    expect(result.received).toBeGreaterThan(50);
    expect([...heard.keys()].sort()).toEqual([9, 111].sort());
    const [first, second] = heard
      .get(111)!
      .filter((packet) => packet.readUInt32BE(8) === heard.get(111)![0]!.readUInt32BE(8));
    expect(second!.readUInt32BE(4) - first!.readUInt32BE(4)).toBe(960);
    const payloads = new Set(heard.get(9)!.map((packet) => packet.toString('latin1', 12)));
    expect([...payloads].sort()).toEqual(['another', 'one']);
  });

  test('hears what is encrypted with the key that it knows, and nothing else', async () => {
    expect(await encrypted(key('01'), key('01'))).toMatchObject({ sent: 50, received: 50, wrong: 0 });
    expect(await encrypted(key('01'), key('03'))).toMatchObject({ sent: 50, received: 25, wrong: 25 });
  });
});
