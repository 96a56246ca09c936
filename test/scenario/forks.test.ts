import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { alaw, PhoneMedia, payloadTypesOf } from '../world/phone-media.ts';
import { answerTo, called, forked, heardWhenBothSpeak } from '../world/talk.ts';
import { World } from '../world/world.ts';

// One INVITE, several answers: phones that we call at once, and forks of a proxy behind one of them.

const rel = (number: number) => ({ Require: '100rel', RSeq: String(number) });
const toTags = (phone: Phone, method: string) =>
  phone.heard.flatMap((message) => (message.kind === 'request' && message.method === method ? [message.toTag] : []));

describe('behind a proxy', () => {
  test('early media is that of the latest early dialog, in which the caller is heard too (RFC 3960 §3.1)', async () => {
    await using world = await World.start();
    const { alice, bob: first, call } = await called(world);
    const second = new PhoneMedia(world.sockets, '10.0.0.77');
    const branch = first.lastCall;
    const says = (media: PhoneMedia, text: string) => media.say(text, branch.remoteSdp ?? '');
    branch.answer(183, { tag: 'one', sdp: first.media.describe() });
    world.run(20);
    says(first.media, 'first');
    world.run(20);
    branch.answer(183, { tag: 'two', sdp: second.describe() });
    world.run(20);
    says(second, 'second');
    says(first.media, 'the first goes on');
    alice.media.say('hello', call.remoteSdp ?? '');
    world.run(20);
    expect(alice.media.heardText).toEqual(['first', 'second']);
    expect([first.media.heardText, second.heardText]).toEqual([[], ['hello']]);
    // The earlier one says something again, and is the latest then.
    branch.answer(183, { tag: 'one', sdp: first.media.describe() });
    world.run(20);
    says(first.media, 'first again');
    world.run(20);
    expect(alice.media.heardText.at(-1)).toBe('first again');
    branch.answer(200, { tag: 'two', sdp: null });
    world.run(20);
    says(second, 'picked up');
    world.run(20);
    expect(alice.media.heardText.at(-1)).toBe('picked up');
    call.hangUp();
    world.settles();
  });

  test('200s of several forks that cross our CANCEL are each acknowledged and hung up', async () => {
    await using world = await World.start({ network: { delay: { min: 10, max: 10 } } });
    const { bob: proxy, call } = await called(world);
    world.run(100);
    for (const tag of ['one', 'two', 'three']) proxy.lastCall.answer(180, { tag });
    world.run(50);
    call.cancel();
    world.run(5);
    for (const tag of ['one', 'two', 'three']) proxy.lastCall.answer(200, { tag });
    world.run(100);
    expect(call.statuses.filter((status) => status >= 200)).toEqual([487]);
    for (const method of ['ACK', 'BYE']) expect(toTags(proxy, method).toSorted()).toEqual(['one', 'three', 'two']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'cancelled' }]);
  });

  test('a 200 in a dialog of which the description can not be used is hung up; the caller hears 488 once', async () => {
    await using world = await World.start();
    const { bob: proxy, call } = await called(world);
    proxy.lastCall.answer(200, { tag: 'one', sdp: 'nonsense' });
    world.run(20);
    proxy.lastCall.answer(200, { tag: 'two' });
    world.run(50);
    expect(call.statuses).toEqual([488]);
    for (const method of ['ACK', 'BYE']) expect(toTags(proxy, method)).toEqual(['one', 'two']);
    world.settles();
  });

  test.each([486, 603, 480])('%i of the proxy ends all its early dialogs', async (status) => {
    await using world = await World.start();
    const { bob: proxy, call } = await called(world);
    for (const [index, tag] of ['one', 'two'].entries()) {
      proxy.lastCall.answer(183, { tag, headers: rel(10 + index), sdp: proxy.media.describe() });
    }
    world.run(20);
    expect(world.exchange.userAgent.dialogs).toBe(3);
    proxy.lastCall.answer(status);
    world.run(20);
    expect(call.statuses.at(-1)).toBe(status);
    expect(world.exchange.userAgent.dialogs).toBe(0);
    world.settles();
  });
});

describe('phones of one extension', () => {
  test('each has its reliable responses acknowledged, one is heard', async () => {
    await using world = await World.start();
    const { alice, desk, mobile, call } = await forked(world, { headers: { Supported: '100rel' } });
    for (const phone of [desk, mobile]) {
      phone.lastCall.answer(183, { headers: rel(5), sdp: phone.media.describe() });
      world.run(20);
    }
    for (const phone of [desk, mobile]) expect(phone.count('PRACK')).toBe(1);
    expect(call.statuses).toEqual([183, 200]);
    desk.media.say('desk', desk.lastCall.remoteSdp ?? '');
    mobile.media.say('mobile', mobile.lastCall.remoteSdp ?? '');
    world.run(20);
    expect(alice.media.heardText).toEqual(['desk']);
    mobile.lastCall.answer(200, { sdp: null });
    world.run(50);
    expect(heardWhenBothSpeak(world, { alice, bob: mobile, call, answered: mobile.lastCall })).toEqual([
      'alice',
      'bob',
    ]);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: mobile.address }]);
  });

  test('without an offer, both offer reliably: the caller is offered what one has, and in a new dialog what the winner has', async () => {
    await using world = await World.start();
    const { alice, desk, mobile, call } = await forked(world, {
      offer: null,
      headers: { Supported: '100rel' },
      mobile: { codecs: alaw },
    });
    for (const phone of [desk, mobile]) {
      phone.lastCall.answer(183, { headers: rel(5), sdp: phone.media.describe() });
      world.run(20);
    }
    const early = call.responses.find(({ status }) => status === 183);
    expect(payloadTypesOf(new TextDecoder().decode(early?.body))[0]).toBe(0);
    mobile.lastCall.answer(200, { sdp: null });
    world.run(50);
    const answer = answerTo(call);
    expect(answer?.toTag).not.toBe(early?.toTag);
    expect(payloadTypesOf(new TextDecoder().decode(answer?.body))[0]).toBe(8);
    alice.media.say('hello', call.remoteSdp ?? '', 8);
    mobile.media.say('hi', mobile.lastCall.remoteSdp ?? '', 8);
    world.run(20);
    expect([mobile.media.heardText, alice.media.heardText]).toEqual([['hello'], ['hi']]);
    call.hangUp();
    world.settles();
  });

  test('the one that is heard has said what it has, goes, and the other is heard', async () => {
    await using world = await World.start();
    const { alice, desk, mobile, call } = await forked(world, { headers: { Supported: '100rel' } });
    desk.lastCall.answer(183, { headers: rel(5), sdp: desk.media.describe() });
    world.run(20);
    desk.lastCall.answer(486);
    world.run(20);
    mobile.lastCall.answer(183, { headers: rel(5), sdp: mobile.media.describe() });
    world.run(20);
    mobile.media.say('mobile', mobile.lastCall.remoteSdp ?? '');
    world.run(20);
    expect(alice.media.heardText).toEqual(['mobile']);
    mobile.lastCall.answer(200, { sdp: null });
    world.run(50);
    expect(call.state).toBe('talking');
    call.hangUp();
    world.settles();
  });
});

describe('the best of three responses (RFC 3261 §16.7)', () => {
  test.each([
    [[486, 404, 500], 486],
    [[500, 503, 480], 480],
    [[503, 503, 503], 500],
    [[401, 503, 407], 500],
    [[302, 302, 404], 404],
    [[408, 503, 500], 408],
    [[415, 480, 404], 415],
    [[488, 486, 484], 486],
    [[415, 486, 488], 486],
    [[487, 481, 420], 480],
    [[404, 410, 403], 404],
    [[503, 600, 404], 600],
    [[606, 603, 486], 606],
    [[501, 502, 503], 500],
    [[502, 501, 504], 501],
  ])('of %j the caller hears %i', async (said, heard) => {
    // Less can not be offered, so that a phone that refuses it is not asked again.
    await using world = await World.start({ config: { media: { codec_priority: ['pcmu', 'pcma'] } } });
    const { desk, mobile, call } = await forked(world);
    const phones = [desk, mobile];
    const third = await world.registered('1002');
    call.cancel();
    for (const phone of phones) phone.lastCall.answer(180);
    world.run(50);
    const again = world.phones[0]!.call('1002');
    world.run(50);
    for (const [index, phone] of [...phones, third].entries()) {
      if (phone.lastCall.state !== 'over') phone.lastCall.answer(said[index]!);
      world.run(20);
    }
    expect(again.statuses).toEqual([heard]);
    expect(again.last.headers.has('WWW-Authenticate')).toBe(false);
    expect(again.last.headers.has('Retry-After')).toBe(false);
    world.settles();
  });
});
