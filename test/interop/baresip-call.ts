import { expect } from 'vitest';
import { Baresip, type BaresipOptions } from './baresip.ts';
import { type ExchangeProcess, loopback } from './exchange-process.ts';
import { eventually, pause } from './program.ts';
import { measure } from './sound.ts';

/** Expects that the whole of what a phone has heard is a tone of this many Hz. */
export async function expectTone(phone: Pick<Baresip, 'heard'>, frequency: number): Promise<void> {
  const sound = await measure(phone.heard());
  expect(sound.seconds).toBeGreaterThan(0.5);
  expect(sound.loudness).toBeGreaterThan(0.1);
  expect(Math.abs(sound.frequency - frequency) / frequency).toBeLessThan(0.1);
}

/** Two that have answered talk for a second, the caller holds the call and comes back, and they talk again. */
export async function talkHoldAndTalk(caller: Baresip, callee: Baresip): Promise<void> {
  await Promise.all([caller.event('CALL_RTPESTAB'), callee.event('CALL_RTPESTAB')]);
  await pause(1000);
  caller.hold();
  await caller.event('CALL_REMOTE_SDP', 2);
  await pause(500);
  caller.resume();
  await caller.event('CALL_REMOTE_SDP', 3);
  await pause(1000);
}

type Party = Pick<BaresipOptions, 'number' | 'password' | 'address' | 'codec'>;

/** Two phones register by `protocol`, one calls the other, and for a second each must hear the tone of the other. */
export async function expectToHearEachOther(
  exchange: ExchangeProcess,
  caller: Party,
  callee: Party,
  protocol: 'udp' | 'tcp' = 'udp',
): Promise<void> {
  const phone = ({ address = loopback, ...party }: Party) => {
    const server = exchange.sip(protocol, address).text;
    return { ...party, address, folder: exchange.folder, exchange: server, protocol };
  };
  await using calling = await Baresip.start({ ...phone(caller), tone: 440 });
  await using called = await Baresip.start({ ...phone(callee), tone: 1000, answers: true });
  await eventually('both are registered', async () => (await exchange.status()).registrations >= 2);
  calling.dial(callee.number);
  await Promise.all([calling.event('CALL_RTPESTAB'), called.event('CALL_RTPESTAB')]);
  await pause(1000);
  calling.hangUp();
  await called.event('CALL_CLOSED');
  await exchange.cdrsOfCaller(caller.number);
  await expectTone(called, 440);
  await expectTone(calling, 1000);
}
