import { expect, test } from 'vitest';
import { mediaOf, payloadTypesOf } from '../world/phone-media.ts';
import { heardWhenBothSpeak, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

const withEvents = (event: number) =>
  [
    [0, 'PCMU/8000'],
    [event, 'telephone-event/8000'],
  ] as const;

test('payload types that differ on the two sides are rewritten, DTMF among them (RFC 4733)', async () => {
  await using world = await World.start({ config: { media: { codec_priority: ['opus', 'pcmu'] } } });
  const talking = await talk(world, {
    alice: {
      codecs: [
        [111, 'opus/48000/2'],
        [0, 'PCMU/8000'],
        [101, 'telephone-event/8000'],
      ],
    },
    bob: {
      codecs: [
        [96, 'opus/48000/2'],
        [97, 'telephone-event/8000'],
      ],
    },
  });
  const { alice, bob, call, answered } = talking;
  expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([111, 101]);
  alice.media.say('speech', call.remoteSdp ?? '', 111);
  alice.media.say('digit 5', call.remoteSdp ?? '', 101);
  world.run(20);
  expect(bob.media.received.map(({ bytes }) => bytes[1])).toEqual([96, 97]);
  expect(bob.media.heardText).toEqual(['speech', 'digit 5']);

  // What we told bob, who was offered PCMU as well.
  expect(payloadTypesOf(answered.remoteSdp ?? '')).toEqual([111, 0, 101, 110]);
  bob.media.say('speech', answered.remoteSdp ?? '', 111);
  bob.media.say('not agreed', answered.remoteSdp ?? '', 0);
  bob.media.say('digit 7', answered.remoteSdp ?? '', 101);
  world.run(20);
  expect(alice.media.received.map(({ bytes }) => bytes[1])).toEqual([111, 101]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ codec: 'opus', rtp: { caller: { packets_received: 2, packets_sent: 2 } } }]);
  world.settles();
});

test('each phone sends events under the number that we told it, whatever the other calls them', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world, {
    alice: { codecs: withEvents(101) },
    bob: { codecs: withEvents(126) },
  });
  alice.media.say('5', call.remoteSdp ?? '', 101);
  bob.media.say('7', answered.remoteSdp ?? '', 101);
  world.run(20);
  expect(bob.media.received.map(({ bytes }) => bytes[1])).toEqual([126]);
  expect(alice.media.received.map(({ bytes }) => bytes[1])).toEqual([101]);
  call.hangUp();
  world.settles();
});

test('RTCP passes both ways, from and to the ports above', async () => {
  await using world = await World.start();
  const heard: string[] = [];
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const rtcp = [alice, bob].map((phone) =>
    world.sockets.open({ address: phone.address, port: 40_001 }, () => heard.push(phone.number)),
  );
  const more = 'a=rtcp:40001\r\n';
  const call = alice.call('1002', { sdp: alice.media.describe({ more }) });
  world.run(100);
  const answered = bob.lastCall;
  answered.answer(200, { sdp: bob.media.describe({ more }) });
  world.run(100);

  const report = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1);
  const above = (sdp: string | null) => ({ address: mediaOf(sdp ?? '').address, port: mediaOf(sdp ?? '').port + 1 });
  rtcp[0]?.send(report, above(call.remoteSdp));
  world.run(20);
  rtcp[1]?.send(report, above(answered.remoteSdp));
  world.run(20);
  expect(heard).toEqual(['1002', '1001']);
  for (const sdp of [call.remoteSdp, answered.remoteSdp]) expect(sdp).not.toContain('a=rtcp');
  call.hangUp();
  world.run(100);
  for (const socket of rtcp) socket?.close();
  world.settles();
});

test("strangers' packets reach nobody and are not counted", async () => {
  await using world = await World.start({ users: ['1001', '1002', '1003'] });
  const talking = await talk(world);
  const { alice, bob, call, answered } = talking;
  const mallory = await world.phone('1003');
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  for (let i = 0; i < 50; i++) {
    mallory.media.say('buy now', call.remoteSdp ?? '');
    mallory.media.say('buy now', answered.remoteSdp ?? '');
    world.run(20);
  }
  expect(bob.media.heardText).not.toContain('buy now');
  expect(alice.media.heardText).not.toContain('buy now');
  expect(mallory.media.received).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ rtp: { caller: { packets_received: 1 }, callee: { packets_received: 1 } } }]);
  world.settles();
});

test('a video line is refused with port 0, in its place, and not offered to the callee (RFC 3264 section 6)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const video = 'm=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n';
  const plain = alice.media.describe();
  const audioLine = plain.indexOf('m=audio');
  const call = alice.call('1002', { sdp: plain.slice(0, audioLine) + video + plain.slice(audioLine) });
  world.run(100);
  const mLines = (sdp: string | null) =>
    (sdp ?? '').match(/^m=\w+ \d+/gm)?.map((line) => line.replace(/[1-9]\d*/, 'n'));
  expect(mLines(bob.lastCall.remoteSdp)).toEqual(['m=audio n']);
  bob.lastCall.answer(200);
  world.run(100);
  expect(mLines(call.remoteSdp)).toEqual(['m=video 0', 'm=audio n']);
  expect(heardWhenBothSpeak(world, { alice, bob, call, answered: bob.lastCall })).toEqual(['alice', 'bob']);

  // Later offers keep the line (RFC 3264 section 8).
  bob.lastCall.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(mLines(call.remoteSdp)).toEqual(['m=video 0', 'm=audio n']);
  call.hangUp();
  world.settles();
});

test('a phone that talks RTP/AVPF hears one that knows RTP/AVP alone, each in its own profile (RFC 4585 section 5)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const withFeedback = `${alice.media.describe().replace('RTP/AVP', 'RTP/AVPF')}a=rtcp-fb:* trr-int 1000\r\n`;
  const call = alice.call('1002', { sdp: withFeedback });
  world.run(100);
  bob.lastCall.answer(200);
  world.run(100);
  const profile = (sdp: string | null) => /^m=audio \d+ (\S+)/m.exec(sdp ?? '')?.[1];
  const talking = { alice, bob, call, answered: bob.lastCall };
  expect([profile(call.remoteSdp), profile(bob.lastCall.remoteSdp)]).toEqual(['RTP/AVPF', 'RTP/AVP']);
  expect(bob.lastCall.remoteSdp).not.toContain('rtcp-fb');
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);

  // A change keeps the profile of each side, whoever asks for it.
  bob.lastCall.reinvite({ direction: 'sendrecv' });
  world.run(100);
  call.reinvite({ sdp: withFeedback });
  world.run(100);
  expect([profile(call.remoteSdp), profile(bob.lastCall.remoteSdp)]).toEqual(['RTP/AVPF', 'RTP/AVP']);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
});

test('the callee is offered the codecs in the order of codec_priority, the caller answered in that of its offer', async () => {
  await using world = await World.start({ config: { media: { codec_priority: ['pcma', 'g722', 'pcmu'] } } });
  const { call, answered } = await talk(world, {
    alice: {
      codecs: [
        [0, 'PCMU/8000'],
        [3, 'GSM/8000'],
        [9, 'G722/8000'],
        [8, 'PCMA/8000'],
      ],
    },
    bob: {
      codecs: [
        [8, 'PCMA/8000'],
        [0, 'PCMU/8000'],
      ],
    },
  });
  expect(payloadTypesOf(answered.remoteSdp ?? '')).toEqual([8, 9, 0, 101]);
  expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([0, 8]);
  call.hangUp();
  world.settles();
});

test('nothing of one side crosses to the other: no address, candidate, key or extension', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const more = [
    'a=candidate:1 1 UDP 2130706431 192.168.5.5 9 typ host',
    'a=ice-ufrag:abcd',
    'a=ssrc:1 cname:alice@home',
    'a=extmap:1 urn:x',
    'a=rtcp-mux',
    'a=setup:active',
    'a=fingerprint:sha-256 00:11',
    'b=AS:64',
    '',
  ].join('\r\n');
  const call = alice.call('1002', { sdp: alice.media.describe({ more }) });
  world.run(100);
  bob.lastCall.answer(200, { sdp: bob.media.describe({ more }) });
  world.run(100);
  for (const sdp of [call.remoteSdp, bob.lastCall.remoteSdp]) {
    expect(sdp).toContain('c=IN IP4 10.0.0.1');
    expect(sdp).not.toMatch(/candidate|ice-|ssrc|extmap|rtcp:|setup|fingerprint|^b=|192\.168|10\.0\.0\.1[1-9]/m);
  }
  // Who offers to have RTP and RTCP on one port may have that of us (RFC 5761); it is between the two.
  expect([call.remoteSdp, bob.lastCall.remoteSdp].map((sdp) => sdp?.includes('a=rtcp-mux'))).toEqual([true, false]);
  call.hangUp();
  world.settles();
});

test('ports go back to the pool, rest there for 2 s, and a refusal is the last resort', async () => {
  const ports = { start: 10_000, end: 10_008 };
  await using world = await World.start({ users: ['1001', '1002', '1003'], config: { media: { port_pool: ports } } });
  const first = await talk(world);
  const used = [first.call, first.answered].map(({ remoteSdp }) => mediaOf(remoteSdp ?? '').port);
  expect(world.media.usage()).toEqual({ total: 8, inUse: 4 });
  first.call.hangUp();
  world.run(100);
  expect(world.media.usage()).toEqual({ total: 8, inUse: 0 });

  // The next call gets the ports that have rested longest.
  const carol = await world.registered('1003');
  const second = carol.call('1001');
  world.run(100);
  first.alice.lastCall.answer(200);
  world.run(100);
  const others = [second, first.alice.lastCall].map(({ remoteSdp }) => mediaOf(remoteSdp ?? '').port);
  for (const port of others) expect(used).not.toContain(port);

  // Quarantine is cut short before a call is refused; with all ports in use there is a clean 503.
  const third = first.bob.call('1003');
  world.run(100);
  carol.lastCall.answer(200);
  world.run(100);
  expect(third.statuses).toEqual([200]);
  expect(world.media.usage()).toEqual({ total: 8, inUse: 8 });
  const refused = first.bob.call('1001');
  world.run(100);
  expect(refused.statuses).toEqual([503]);
  expect(refused.last.headers.has('Retry-After')).toBe(true);
  second.hangUp();
  third.hangUp();
  world.run(100);
  expect(world.media.usage()).toEqual({ total: 8, inUse: 0 });
  world.settles();
});
