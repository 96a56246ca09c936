import { describe, expect, test } from 'vitest';
import { type Log, type LogFields, silentLog } from '../../src/base/index.ts';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { linesOf, type PhoneEncryption } from '../world/phone-srtp.ts';
import { called, directionIn, forked, heardWhenBothSpeak, talk } from '../world/talk.ts';
import { talkBesideCarol, talkTogether, threeUsers } from '../world/transfer-talk.ts';
import { passwordOf, World } from '../world/world.ts';

const demanding: PhoneEncryption = { profile: 'RTP/SAVP' };
const willing: PhoneEncryption = { profile: 'RTP/AVP', suites: ['AEAD_AES_256_GCM', 'AES_CM_128_HMAC_SHA1_32'] };
const byGcm: PhoneEncryption = { profile: 'RTP/SAVP', suites: ['AEAD_AES_128_GCM'] };
const plain = {};

/** A configuration in which these extensions have a policy of their own. */
const withPolicies = (policies: Readonly<Record<string, string>>) => ({
  config: {
    extensions: ['1001', '1002', '1003'].map((number) => ({
      number,
      password: passwordOf(number),
      srtp: policies[number] ?? null,
    })),
  },
});

const profileIn = (sdp: string | null) => /^m=audio \d+ (\S+)/m.exec(sdp ?? '')?.[1];
const suitesIn = (sdp: string | null) => linesOf(sdp ?? '').map(({ suite }) => suite);
const keysIn = (sdp: string | null) => linesOf(sdp ?? '').map(({ key }) => key);

/** Whether what arrived at a phone could be read on the way. */
const readable = ({ media }: Phone) =>
  media.datagrams.some((datagram) => Buffer.from(datagram).toString('latin1').includes('this is'));

describe('a call between phones that encrypt and phones that do not', () => {
  test.each([
    ['demanded by the caller', { encryption: demanding }, plain, [true, false]],
    ['offered by the caller beside plain media', { encryption: willing }, plain, [true, false]],
    ['offered to a callee over TLS', plain, { encryption: willing, transport: 'tls' }, [false, true]],
    ['offered to a callee over TLS that knows nothing of it', plain, { transport: 'tls' }, [false, false]],
    ['known to a callee over UDP, where keys could be read', plain, { encryption: willing }, [false, false]],
    [
      'on both sides, in different ways',
      { encryption: willing },
      { encryption: byGcm, transport: 'tls' },
      [true, true],
    ],
  ] as const)('encryption %s: both are heard', async (_, alice, bob, encrypted) => {
    await using world = await World.start();
    const talking = await talk(world, { alice, bob });
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    expect([readable(talking.alice), readable(talking.bob)]).toEqual(encrypted.map((yes) => !yes));
    talking.call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([
      { status: 'completed', rtp: { caller: { packets_received: 1 }, callee: { packets_received: 1 } } },
    ]);
  });

  test('no key of one side crosses to the other', async () => {
    await using world = await World.start();
    const { alice, bob, call, answered } = await talk(world, {
      alice: { encryption: demanding },
      bob: { encryption: willing, transport: 'tls' },
    });
    expect(suitesIn(answered.remoteSdp)).toEqual([
      'AES_CM_128_HMAC_SHA1_80',
      'AEAD_AES_128_GCM',
      'AES_CM_128_HMAC_SHA1_32',
    ]);
    expect(suitesIn(call.remoteSdp)).toEqual(['AES_CM_128_HMAC_SHA1_80']);
    const ours = [...keysIn(call.remoteSdp), ...keysIn(answered.remoteSdp)];
    const theirs = [alice, bob].flatMap(({ media }) => keysIn(media.describe()));
    expect(new Set([...ours, ...theirs]).size).toBe(ours.length + theirs.length);
    call.hangUp();
    world.settles();
  });

  test('a caller that is asked to offer (an INVITE without SDP) is told the keys in our offer', async () => {
    await using world = await World.start({ config: { media: { srtp: 'required' } } });
    const talking = await talk(world, {
      offer: null,
      alice: { encryption: demanding },
      bob: { encryption: byGcm },
    });
    expect(profileIn(talking.call.remoteSdp)).toBe('RTP/SAVP');
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    expect([readable(talking.alice), readable(talking.bob)]).toEqual([false, false]);
    talking.call.hangUp();
    world.settles();
  });
});

describe('where encryption is required', () => {
  test('of a callee, its phone is offered nothing else, whatever the caller does', async () => {
    await using world = await World.start(withPolicies({ '1002': 'required' }));
    const talking = await talk(world, { bob: { encryption: demanding } });
    expect(profileIn(talking.answered.remoteSdp)).toBe('RTP/SAVP');
    expect(profileIn(talking.call.remoteSdp)).toBe('RTP/AVP');
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    expect([readable(talking.alice), readable(talking.bob)]).toEqual([true, false]);
    talking.call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([
      { rtp: { caller: { srtp: null }, callee: { srtp: 'AES_CM_128_HMAC_SHA1_80' } } },
    ]);
  });

  test('a plain offer is refused with 488 and the reason, and nobody rings', async () => {
    await using world = await World.start({ config: { media: { srtp: 'required' } } });
    const { bob, call } = await called(world);
    expect(call.statuses).toEqual([488]);
    expect(call.last.reason).toBe('Encrypted Media Required');
    expect(bob.calls).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 488 }]);
  });

  test('a callee that refuses it is not asked for plain media: the caller hears 488', async () => {
    await using world = await World.start(withPolicies({ '1002': 'required' }));
    const { bob, call } = await called(world);
    for (let asked = 0; asked < 3 && call.statuses.length === 0; asked++) {
      expect(profileIn(bob.lastCall.remoteSdp)).toBe('RTP/SAVP');
      bob.lastCall.answer(488);
      world.run(50);
    }
    expect(call.statuses).toEqual([488]);
    world.settles();
  });

  test('a callee that answers plain media is hung up on', async () => {
    await using world = await World.start(withPolicies({ '1002': 'required' }));
    const { bob, call } = await called(world);
    bob.lastCall.answer(200);
    world.run(100);
    expect(call.statuses).toEqual([488]);
    expect(bob.log.at(-1)).toBe('BYE');
    world.settles();
  });

  test('a re-INVITE to plain media is refused, and the call goes on encrypted', async () => {
    await using world = await World.start({ config: { media: { srtp: 'required' } } });
    const talking = await talk(world, { alice: { encryption: demanding }, bob: { encryption: demanding } });
    const { alice, call } = talking;
    const sdp = alice.media
      .describe()
      .replace('RTP/SAVP', 'RTP/AVP')
      .replace(/a=crypto.*\r\n/, '');
    call.reinvite({ sdp });
    world.run(100);
    expect(call.last.status).toBe(488);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('and keys travel in the open, the log says so once', async () => {
    const warnings: [string, LogFields | undefined][] = [];
    const log: Log = {
      ...silentLog,
      warning: (message, fields) => message.includes('keys') && warnings.push([message, fields]),
      child: () => log,
    };
    await using world = await World.start({ log, config: { media: { srtp: 'required' } } });
    const { call } = await talk(world, {
      alice: { encryption: demanding, transport: 'tls' },
      bob: { encryption: demanding, transport: 'tls' },
    });
    call.hangUp();
    expect(warnings).toEqual([]);
    for (const phone of [await world.registered('1001'), await world.registered('1001')]) phone.call('1002');
    world.run(100);
    expect(warnings).toEqual([
      [expect.stringContaining('keys can be read on the way'), { extension: '1001', transport: 'udp' }],
    ]);
    world.settles();
  });
});

describe('where encryption is off', () => {
  test('an offer of nothing else is refused with 488 and the reason', async () => {
    await using world = await World.start({ config: { media: { srtp: 'off' } } });
    const { call } = await called(world, { alice: { encryption: demanding } });
    expect([call.last.status, call.last.reason]).toEqual([488, 'Encrypted Media Not Allowed']);
    world.settles();
  });

  test('keys beside plain media are passed over, and none are offered', async () => {
    await using world = await World.start({ config: { media: { srtp: 'off' } } });
    const talking = await talk(world, {
      alice: { encryption: willing },
      bob: { encryption: willing, transport: 'tls' },
    });
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    expect([readable(talking.alice), readable(talking.bob)]).toEqual([true, true]);
    talking.call.hangUp();
    world.settles();
  });
});

test('a phone that refuses keys beside plain media is asked once more without them (RFC 8643)', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world, { bob: { transport: 'tls' } });
  const first = bob.lastCall;
  expect(suitesIn(first.remoteSdp)).toHaveLength(3);
  first.answer(488);
  world.run(50);
  expect(bob.lastCall).not.toBe(first);
  expect([profileIn(bob.lastCall.remoteSdp), suitesIn(bob.lastCall.remoteSdp)]).toEqual(['RTP/AVP', []]);
  bob.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([200]);
  call.hangUp();
  world.settles();
});

test('what one phone plays and what another answers are each opened with the key of that phone', async () => {
  await using world = await World.start();
  const tls = { encryption: willing, transport: 'tls' } as const;
  const { alice, desk, mobile, call } = await forked(world, {
    alice: { encryption: demanding },
    desk: tls,
    mobile: tls,
  });
  const ringing = desk.lastCall;
  ringing.answer(183, { sdp: desk.media.describe({ to: ringing.remoteSdp }) });
  world.run(50);
  desk.media.say('please wait', ringing.remoteSdp ?? '');
  world.run(50);
  expect(alice.media.heardText).toEqual(['please wait']);
  mobile.lastCall.answer(200);
  world.run(100);
  desk.media.say('still here', ringing.remoteSdp ?? '');
  expect(heardWhenBothSpeak(world, { alice, bob: mobile, call, answered: mobile.lastCall })).toEqual(['alice', 'bob']);
  expect(alice.media.heardText).toEqual(['please wait', 'this is bob']);
  call.hangUp();
  world.settles();
});

describe('while a call goes on', () => {
  const bothEncrypt = { alice: { encryption: demanding }, bob: { encryption: willing, transport: 'tls' } } as const;

  test.each(['caller', 'callee'] as const)('hold and resume by the %s keep every key', async (by) => {
    await using world = await World.start();
    const talking = await talk(world, bothEncrypt);
    const { call, answered } = talking;
    const holding = by === 'caller' ? call : answered;
    const held = by === 'caller' ? answered : call;
    const [ourKeyToHolder, ourKeyToHeld] = [keysIn(holding.remoteSdp), keysIn(held.remoteSdp)];
    holding.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(directionIn(held.remoteSdp)).toBe('sendonly');
    const keysWhileHeld = [keysIn(holding.remoteSdp), keysIn(held.remoteSdp)];
    holding.reinvite();
    world.run(100);
    for (const [toHolder, toHeld] of [keysWhileHeld, [keysIn(holding.remoteSdp), keysIn(held.remoteSdp)]] as const) {
      expect(ourKeyToHolder).toEqual(expect.arrayContaining([...toHolder!]));
      expect(ourKeyToHeld).toEqual(expect.arrayContaining([...toHeld!]));
      expect([toHolder!.length, toHeld!.length]).toEqual([1, 1]);
    }
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('a phone takes another key: it is heard, and our key to it stays', async () => {
    await using world = await World.start();
    const talking = await talk(world, bothEncrypt);
    const { alice, call } = talking;
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    const before = keysIn(call.remoteSdp);
    alice.media.srtp?.rekey();
    call.reinvite();
    world.run(100);
    expect(keysIn(call.remoteSdp)).toEqual(before);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('a session that is refreshed says the same again', async () => {
    await using world = await World.start();
    const talking = await talk(world, bothEncrypt);
    const { call } = talking;
    const [before, alice] = [call.remoteSdp, talking.alice.media.describe()];
    call.reinvite({ sdp: alice });
    world.run(100);
    call.reinvite({ sdp: alice });
    world.run(100);
    expect(call.remoteSdp).toBe(before);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });
});

describe('a transfer', () => {
  test.each([
    ['a plain phone to an encrypted one', plain, { encryption: demanding }, { encryption: byGcm, transport: 'tls' }],
    ['an encrypted phone to a plain one', { encryption: willing }, plain, plain],
    ['an encrypted phone to another', { encryption: willing }, plain, { encryption: willing, transport: 'tls' }],
  ] as const)('of %s', async (_, alice, bob, carol) => {
    await using world = await World.start(threeUsers);
    const talking = await talkBesideCarol(world, { alice, bob, carol });
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    talking.carol.habits.onInvite = 'answer';
    const before = keysIn(talking.call.remoteSdp);
    talking.answered.refer('1003');
    world.run(300);
    expect(keysIn(talking.call.remoteSdp)).toEqual(before);
    expect(together(world, talking.alice, talking.call, talking.carol)).toEqual(['alice', 'bob']);
    const encrypted = [alice, carol].map((phone) => 'encryption' in phone);
    for (const phone of [talking.alice, talking.carol]) phone.media.datagrams.length = 0;
    together(world, talking.alice, talking.call, talking.carol);
    expect([readable(talking.alice), readable(talking.carol)]).toEqual(encrypted.map((yes) => !yes));
    talking.call.hangUp();
    world.settles();
  });

  const together = (world: World, phone: Phone, call: PhoneCall, other: Phone) =>
    talkTogether(world, phone, call, other, other.lastCall);
});
