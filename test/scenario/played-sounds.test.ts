import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDecoder } from '../../src/codec/index.ts';
import { chunk, waveFile, waveFormat } from '../support/wave-file.ts';
import type { Phone } from '../world/phone.ts';
import { talk } from '../world/talk.ts';
import { talkTogether, threeUsers, transferring } from '../world/transfer-talk.ts';
import { World } from '../world/world.ts';

/** Lets sounds be there that need no file. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const decoder = createDecoder({ name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null });

/** What a phone has heard since it was last asked, packet by packet, as samples. */
function heardBy({ media }: Phone): Int16Array[] {
  return media.received.splice(0).map(({ bytes }) => decoder.decode(bytes.subarray(12)).slice());
}

const loudest = (packets: readonly Int16Array[]) =>
  packets.reduce((most, packet) => Math.max(most, ...packet.map(Math.abs)), 0);

test.each(['caller', 'callee'] as const)(
  'who is held by the %s hears that the line lives, until the call goes on',
  async (side) => {
    await using world = await World.start();
    const { alice, bob, call, answered } = await talk(world);
    const [holder, held, heldPhone, holdingPhone] =
      side === 'caller' ? [call, answered, bob, alice] : [answered, call, alice, bob];
    holder.reinvite({ direction: 'sendonly' });
    world.run(100);
    await settled();
    heardBy(heldPhone);
    world.run(5000);
    const heard = heardBy(heldPhone);
    expect(heard.length).toBeGreaterThan(245);
    expect(heard.length).toBeLessThan(255);
    expect(loudest(heard)).toBeGreaterThan(500);
    expect(heardBy(holdingPhone)).toEqual([]);

    holder.reinvite();
    world.run(100);
    heardBy(heldPhone);
    world.run(1000);
    expect(heardBy(heldPhone)).toEqual([]);
    // Nothing of it is left beside what the phones say.
    holdingPhone.media.say('back again', holder.remoteSdp ?? '');
    heldPhone.media.say('at last', held.remoteSdp ?? '');
    world.run(20);
    expect([heldPhone.media.heardText, holdingPhone.media.heardText]).toEqual([['back again'], ['at last']]);
    call.hangUp();
    world.run(100);
    world.settles();
  },
);

test('moh.wav of the prompts folder is what is heard, over and over', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prompts-'));
  try {
    const music = new Int16Array(4000).fill(1884);
    await writeFile(join(folder, 'moh.wav'), waveFile(waveFormat({}), chunk('data', new Uint8Array(music.buffer))));
    await using world = await World.start({ config: { media: { prompts: folder } } });
    const { bob, call } = await talk(world);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    // Reading a file takes its time; reading it again, next to none.
    const isPlayed = (): boolean => {
      world.run(20);
      return loudest(heardBy(bob)) > 0;
    };
    await expect.poll(isPlayed, { interval: 5 }).toBe(true);
    world.run(2000);
    const heard = heardBy(bob);
    expect(heard.length).toBeGreaterThan(95);
    expect(heard.every((packet) => packet.every((sample) => sample === 1884))).toBe(true);
    call.hangUp();
    world.settles();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a phone that sends music of its own on hold is relayed byte for byte, and ours is silent as long', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await talk(world);
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  await settled();
  world.run(100);
  heardBy(bob);
  for (let i = 0; i < 100; i++) {
    alice.media.say(`music ${i}`, call.remoteSdp ?? '');
    world.run(20);
  }
  const { heardText } = bob.media;
  expect(heardText.slice(1)).toEqual(Array.from({ length: 100 }, (_, i) => `music ${i}`).slice(-heardText.length + 1));
  expect(heardText.length).toBeGreaterThanOrEqual(100);
  expect(heardText.length).toBeLessThan(103);
  heardBy(bob);
  // It has stopped: ours goes on, as another source.
  world.run(1000);
  const ours = bob.media.received;
  expect(ours.length).toBeGreaterThan(20);
  expect(new Set(ours.map(({ bytes }) => bytes.subarray(8, 12).join())).size).toBe(1);
  call.hangUp();
  world.settles();
});

test('who is held by a phone with another codec hears it in its own', async () => {
  await using world = await World.start();
  const { bob, call } = await talk(world, { bob: { codecs: [[8, 'PCMA/8000']] } });
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  await settled();
  bob.media.received.length = 0;
  world.run(1000);
  expect(bob.media.received.length).toBeGreaterThan(45);
  expect(new Set(bob.media.received.map(({ bytes }) => (bytes[1] ?? 0) & 0x7f))).toEqual(new Set([8]));
  call.hangUp();
  world.settles();
});

test('a phone that is held with inactive has been told that nothing comes, and nothing does', async () => {
  await using world = await World.start();
  const { bob, call } = await talk(world);
  call.reinvite({ direction: 'inactive' });
  world.run(100);
  await settled();
  bob.media.received.length = 0;
  world.run(2000);
  expect(bob.media.received).toEqual([]);
  call.hangUp();
  world.settles();
});

test('two that hold each other hear nothing', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  answered.reinvite({ direction: 'inactive' });
  world.run(100);
  await settled();
  for (const { media } of [alice, bob]) media.received.length = 0;
  world.run(2000);
  expect([alice.media.received, bob.media.received]).toEqual([[], []]);
  call.hangUp();
  world.settles();
});

test('who waits for the answer to a transfer, left alone, hears that it rings', async () => {
  await using world = await World.start(threeUsers);
  const { alice, bob, carol, call, answered } = await transferring(world);
  answered.hangUp();
  world.run(100);
  await settled();
  heardBy(alice);
  world.run(5000);
  const heard = heardBy(alice);
  expect(heard.length).toBeGreaterThan(245);
  // One second in five.
  const loud = heard.filter((packet) => loudest([packet]) > 3000).length;
  expect(loud).toBeGreaterThan(48);
  expect(loud).toBeLessThan(54);

  carol.lastCall.answer(200);
  world.run(200);
  heardBy(alice);
  world.run(1000);
  expect(heardBy(alice)).toEqual([]);
  expect(talkTogether(world, alice, call, carol, carol.lastCall)).toEqual(['alice', 'bob']);
  expect(heardBy(bob)).toEqual([]);
  call.hangUp();
  world.run(100);
  world.settles();
});

test('who waits for the answer to a transfer hears the phone that sends something before it', async () => {
  await using world = await World.start(threeUsers);
  const { alice, carol, call, answered } = await transferring(world);
  answered.hangUp();
  world.run(500);
  await settled();
  carol.lastCall.answer(183, { sdp: carol.media.describe() });
  world.run(200);
  alice.media.received.length = 0;
  carol.media.say('please wait', carol.lastCall.remoteSdp ?? '');
  world.run(1000);
  expect(alice.media.heardText).toEqual(['please wait']);
  call.hangUp();
  world.run(100);
  world.settles();
});
