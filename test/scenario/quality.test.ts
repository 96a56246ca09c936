import { describe, expect, test } from 'vitest';
import { type Log, type LogFields, silentLog } from '../../src/base/index.ts';
import type { PbxEvent } from '../../src/pbx/events/index.ts';
import { ntpShort, ntpTime, type ReportBlock, type RtcpPacket } from '../../src/rtp/index.ts';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { called, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

type EventOf<T extends PbxEvent['type']> = Extract<PbxEvent, { readonly type: T }>;

function eventsOf<T extends PbxEvent['type']>(world: World, type: T): readonly EventOf<T>[] {
  return world.events.filter((event): event is EventOf<T> => event.type === type);
}

/** One end of a call, and how many of each hundred of its packets are lost on their way to us. */
interface Speaker {
  readonly phone: Phone;
  readonly call: PhoneCall;
  readonly lost?: number;
}

/** Lets phones send a packet every 20 ms for `ms`. */
function speak(world: World, ms: number, ...speakers: readonly Speaker[]): void {
  for (let i = 0; i < ms / 20; i++) {
    for (const { phone, call, lost = 0 } of speakers) {
      if (i % 100 < lost) phone.media.lose(1);
      else phone.media.say('speech', call.remoteSdp ?? '');
    }
    world.run(20);
  }
}

describe('the quality of a call', () => {
  test('is told every 5 s from the answer to the end, and is in the record', async () => {
    await using world = await World.start();
    const { alice, bob, call, answered } = await talk(world);
    speak(world, 5000, { phone: alice, call }, { phone: bob, call: answered });
    speak(world, 6000, { phone: alice, call, lost: 10 }, { phone: bob, call: answered });
    const told = eventsOf(world, 'call.quality');
    expect(told).toMatchObject([
      {
        call: { caller: '1001', callee: '1002' },
        caller: { codec: 'PCMU', received: { lost: 0, lossRate: 0, meanBurst: null }, sent: null, rttMs: null },
        callee: { codec: 'PCMU', received: { lost: 0 }, sent: null, rttMs: null },
      },
      { caller: { received: { lost: expect.any(Number), meanBurst: 10 } }, callee: { received: { lost: 0 } } },
    ]);
    expect(told[0]?.caller.received?.mos).toBeCloseTo(4.41, 2);
    expect(told[0]?.caller.received?.jitterMs).toBe(0);
    expect(told[1]!.at - told[0]!.at).toBe(5000);
    call.hangUp();
    world.run(100);
    const [record] = world.cdrs;
    expect(record?.rtp).toMatchObject({
      caller: { packets_lost: 30, loss_bursts: 3, sent_mos: null, rtt_ms: null, codec: 'PCMU' },
      callee: { packets_lost: 0, loss_bursts: 0, mos: 4.41, mos_worst: 4.41, codec: 'PCMU' },
    });
    const { mos, mos_worst } = record!.rtp.caller;
    expect(mos_worst).toBeLessThan(3.5);
    expect(mos).toBeGreaterThan(3.5);
    expect(mos).toBeLessThan(4.41);
    world.settles();
  });

  test('has the round trip and what each phone says of its reception, by RTCP that passes', async () => {
    await using world = await World.start();
    const { alice, bob, call, answered } = await talk(world);
    const block = (ssrc: number, changes: Partial<ReportBlock> = {}): ReportBlock => ({
      ssrc,
      fractionLost: 0,
      cumulativeLost: 0,
      extendedHighest: 0,
      jitter: 40,
      lastSenderReport: 0,
      delaySinceLastSenderReport: 0,
      ...changes,
    });
    const senderReport = (ssrc: number, wall: number, reports: readonly ReportBlock[] = []): RtcpPacket => ({
      type: 'sender-report',
      ssrc,
      ntp: ntpTime(wall),
      rtpTimestamp: 0,
      packetCount: 0,
      octetCount: 0,
      reports,
    });
    const ofBob = (extendedHighest: number, cumulativeLost: number, lastSenderReport: number): RtcpPacket =>
      senderReport(bob.media.ssrc, 2_000_000, [
        block(alice.media.ssrc, { extendedHighest, cumulativeLost, lastSenderReport }),
      ]);

    // The clocks of the phones are their own affair.
    alice.media.report([senderReport(alice.media.ssrc, 1_000_000)], call.remoteSdp ?? '');
    speak(world, 200, { phone: alice, call }, { phone: bob, call: answered });
    bob.media.report([ofBob(1010, 0, ntpShort(ntpTime(1_000_000)))], answered.remoteSdp ?? '');
    speak(world, 4000, { phone: alice, call }, { phone: bob, call: answered });
    bob.media.report([ofBob(1210, 20, 0)], answered.remoteSdp ?? '');
    speak(world, 1000, { phone: alice, call }, { phone: bob, call: answered });
    expect(eventsOf(world, 'call.quality')).toMatchObject([
      {
        caller: { sent: null, rttMs: null },
        callee: { sent: { packets: 180, lost: 20, lossRate: 0.1, jitterMs: 5 }, rttMs: expect.closeTo(200, 0) },
      },
    ]);
    call.hangUp();
    world.run(100);
    expect(world.cdrs[0]?.rtp).toMatchObject({
      caller: { rtt_ms: null, sent_mos: null },
      callee: { rtt_ms: expect.closeTo(200, 0), sent_mos: expect.closeTo(3.3, 0) },
    });
    world.settles();
  });

  test('of a direction that is on hold is not measured', async () => {
    await using world = await World.start();
    const { alice, bob, call, answered } = await talk(world);
    speak(world, 1000, { phone: alice, call }, { phone: bob, call: answered });
    call.reinvite({ direction: 'sendonly' });
    world.run(3900);
    speak(world, 5000, { phone: alice, call });
    expect(eventsOf(world, 'call.quality')).toMatchObject([
      { caller: { received: { packets: expect.any(Number) } } },
      { caller: { received: { mos: expect.any(Number) } }, callee: { received: null } },
    ]);
    call.hangUp();
    world.settles();
  });

  test('is not measured before the answer, nor in a record of a call that had none', async () => {
    await using world = await World.start();
    const { bob, call } = await called(world);
    bob.lastCall.answer(183, { sdp: bob.media.describe() });
    world.run(100);
    speak(world, 10_000, { phone: bob, call: bob.lastCall });
    bob.lastCall.answer(486);
    world.run(100);
    expect(call.state).toBe('over');
    expect(eventsOf(world, 'call.quality')).toEqual([]);
    expect(world.cdrs[0]?.rtp.callee).toMatchObject({ packets_received: 500, mos: null, codec: null });
    world.settles();
  });
});

describe('one-way audio', () => {
  /** A log that keeps its warnings. */
  function warnings(): { readonly log: Log; readonly told: (LogFields & { readonly message: string })[] } {
    const told: (LogFields & { readonly message: string })[] = [];
    const log: Log = {
      ...silentLog,
      warning: (message, fields) => void told.push({ message, ...fields }),
      child: () => log,
    };
    return { log, told };
  }

  test('is told within 5 s of the answer, with a sentence in the log that names whose phone is not heard', async () => {
    const { log, told } = warnings();
    await using world = await World.start({ log });
    const { alice, bob, call, answered } = await talk(world);
    speak(world, 4900, { phone: alice, call });
    const named = `${bob.media.local.address}:${bob.media.local.port}`;
    expect(eventsOf(world, 'call.one_way_audio')).toMatchObject([
      {
        call: { callee: '1002' },
        audio: { silent: 'callee', reason: 'no_packets', stranger: null, named, signalling: bob.address },
      },
    ]);
    expect(told).toEqual([
      {
        message: `The caller hears nothing of the callee: its phone has sent no audio from ${named}; a firewall may be in the way, or its microphone is off`,
        leg: 'callee',
        reason: 'no_packets',
        stranger: null,
        sdp_address: named,
        signalling_ip: bob.address,
      },
    ]);
    speak(world, 20_000, { phone: alice, call }, { phone: bob, call: answered });
    expect(told).toHaveLength(1);
    call.hangUp();
    world.settles();
  });

  test('names who sends in the place of the phone', async () => {
    await using world = await World.start({ users: ['1001', '1002', '1003'] });
    const { alice, bob, call, answered } = await talk(world);
    const mallory = await world.phone('1003');
    world.run(100);
    mallory.media.say('buy now', call.remoteSdp ?? '');
    speak(world, 4900, { phone: bob, call: answered });
    const { local } = mallory.media;
    expect(eventsOf(world, 'call.one_way_audio').map(({ audio }) => audio)).toEqual([
      {
        silent: 'caller',
        reason: 'strangers',
        stranger: `${local.address}:${local.port}`,
        named: `${alice.media.local.address}:${alice.media.local.port}`,
        signalling: alice.address,
      },
    ]);
    call.hangUp();
    world.settles();
  });

  test('points to NAT where a phone announces a private address and is heard from a public one', async () => {
    const { log, told } = warnings();
    await using world = await World.start({ log });
    const alice = await world.registered('1001');
    const bob = await world.registered('1002', { address: '203.0.113.7' });
    const call = alice.call('1002');
    world.run(50);
    bob.lastCall.answer(200, { sdp: bob.media.describe({ address: '192.168.1.20' }) });
    world.run(100);
    speak(world, 4900, { phone: alice, call });
    expect(eventsOf(world, 'call.one_way_audio').map(({ audio }) => audio)).toMatchObject([
      { silent: 'callee', reason: 'private_address', signalling: '203.0.113.7' },
    ]);
    expect(told[0]?.message).toContain('announces the private address 192.168.1.20:');
    call.hangUp();
    world.settles();
  });

  test('is not looked for on hold, and anew when that ends', async () => {
    await using world = await World.start();
    const { alice, bob, call, answered } = await talk(world);
    const found = () => eventsOf(world, 'call.one_way_audio').map(({ audio }) => audio.silent);
    speak(world, 2000, { phone: alice, call });
    call.reinvite({ direction: 'sendonly' });
    speak(world, 20_000, { phone: alice, call });
    expect(found()).toEqual([]);
    call.reinvite();
    world.run(100);
    speak(world, 4900, { phone: bob, call: answered });
    expect(found()).toEqual(['caller']);
    call.hangUp();
    world.settles();
  });

  test('is no fault of who has only agreed to listen', async () => {
    await using world = await World.start();
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    const call = alice.call('1002');
    world.run(50);
    bob.lastCall.answer(200, { sdp: bob.media.describe({ direction: 'recvonly' }) });
    world.run(100);
    speak(world, 10_000, { phone: alice, call });
    expect(eventsOf(world, 'call.one_way_audio')).toEqual([]);
    call.hangUp();
    world.settles();
  });
});
