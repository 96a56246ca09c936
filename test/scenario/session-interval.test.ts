import { describe, expect, test } from 'vitest';
import { fieldsOf, news, refreshes, requestsTo, start, timedTalk, timers, twoPhones } from '../world/timed-talk.ts';

describe('an interval that is too short (RFC 4028 sections 6 and 7.3)', () => {
  test('for us is refused with 422 before any phone rings, and is no call; asked for again with Min-SE, all is well', async () => {
    await using world = await start(timers(1800, 120));
    const { alice, call } = await timedTalk(world, { alice: { interval: 90, refresher: 'phone' }, bob: null });
    expect(call.statuses).toEqual([422, 200]);
    expect(call.responses.find(({ status }) => status === 422)?.headers.get('Min-SE')).toBe('120');
    expect(call.timer.interval).toBe(120);
    expect(world.phones[1]?.count('INVITE')).toBe(1);
    world.run(61_000);
    expect(refreshes(world, 'phone')).toBe(1);
    expect(alice.statuses('UPDATE')).toEqual([200]);
    call.hangUp();
    world.run(100);
    expect(world.events.filter(({ type }) => type === 'call.started')).toHaveLength(1);
    expect(world.cdrs).toHaveLength(1);
    world.settles();
  });

  test('for the callee is asked for again with its Min-SE, as long as that grows; the caller notices nothing', async () => {
    await using world = await start(timers(600));
    const { alice, bob } = await twoPhones(world, {});
    const call = alice.call('1002');
    world.run(50);
    for (const least of ['900', '1200']) {
      bob.lastCall.answer(422, { headers: { 'Min-SE': least } });
      world.run(50);
    }
    const [first, second, third] = requestsTo(bob, 'INVITE');
    expect([first, second, third].map((invite) => invite && fieldsOf(invite))).toEqual([
      { 'Session-Expires': '600' },
      { 'Session-Expires': '900', 'Min-SE': '900' },
      { 'Session-Expires': '1200', 'Min-SE': '1200' },
    ]);
    expect(third).toMatchObject({ callId: first?.callId, fromTag: first?.fromTag });
    expect(third?.cseq.number).toBe((first?.cseq.number ?? 0) + 2);
    expect(third?.body).toEqual(first?.body);
    bob.lastCall.answer(180);
    world.run(50);
    bob.habits.timer = { interval: 1200 };
    bob.lastCall.answer(200);
    world.run(100);
    expect(call.statuses).toEqual([180, 200]);
    world.run(601_000);
    const update = requestsTo(bob, 'UPDATE')[0];
    expect(update && fieldsOf(update)).toEqual({ 'Session-Expires': '1200;refresher=uac', 'Min-SE': '1200' });
    call.hangUp();
    world.settles();
  });

  test.each([
    ['that never stops growing', (tries: number) => ({ 'Min-SE': String(2000 + tries) }), 4],
    ['that does not grow', () => ({ 'Min-SE': '1800' }), 1],
    ['that is missing', () => ({}), 1],
  ])('a Min-SE of the callee %s is the end of it', async (_what, fields, tries) => {
    await using world = await start();
    const { alice, bob } = await twoPhones(world, {});
    const call = alice.call('1002');
    for (let answers = 0; answers < 6; answers++) {
      world.run(50);
      if (bob.lastCall.state === 'trying') bob.lastCall.answer(422, { headers: fields(answers) });
    }
    expect(requestsTo(bob, 'INVITE')).toHaveLength(tries);
    expect(call.statuses).toEqual([480]);
    world.settles();
  });

  test('the INVITE that is sent again is the one that is cancelled', async () => {
    await using world = await start();
    const { alice, bob } = await twoPhones(world, {});
    const call = alice.call('1002');
    world.run(50);
    bob.lastCall.answer(422, { headers: { 'Min-SE': '3600' } });
    world.run(50);
    bob.lastCall.answer(180);
    // The first INVITE is forgotten meanwhile.
    world.run(40_000);
    call.cancel();
    world.run(100);
    expect(requestsTo(bob, 'CANCEL').map(({ cseq }) => cseq.number)).toEqual([bob.lastCall.invite.cseq.number]);
    expect(call.statuses).toEqual([180, 487]);
    world.settles();
  });

  test('the INVITE that is sent again is given up for good when a phone ignores the CANCEL', async () => {
    await using world = await start();
    const { alice, bob } = await twoPhones(world, {});
    bob.habits.obeysCancel = false;
    const call = alice.call('1002');
    world.run(50);
    bob.lastCall.answer(422, { headers: { 'Min-SE': '3600' } });
    world.run(50);
    bob.lastCall.answer(180);
    world.run(20_000);
    call.cancel();
    world.settles();
  });

  test('for the phone in a refresh of ours is asked for again at once', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await timedTalk(world, { bob: { interval: 600 } });
    bob.habits.timer = { interval: 900, minimum: 900 };
    news(answered);
    world.run(301_000);
    const updates = answered.requests.filter(({ method }) => method === 'UPDATE');
    expect(updates.map(fieldsOf)).toEqual([
      { 'Session-Expires': '600;refresher=uac' },
      { 'Session-Expires': '900;refresher=uac', 'Min-SE': '900' },
    ]);
    news(answered);
    world.run(448_000);
    expect(news(answered)).toEqual([]);
    world.run(2000);
    expect(news(answered)).toEqual(['UPDATE']);
    call.hangUp();
    world.settles();
  });

  test.each(['UPDATE', 'INVITE'] as const)(
    'for us in an %s of the phone is refused, and what was agreed goes on',
    async (method) => {
      await using world = await start(timers(600, 120));
      const { alice, call, answered } = await timedTalk(world, { alice: { interval: 300, refresher: 'exchange' } });
      call.timer.stop();
      alice.habits.timer = null;
      const headers = { 'Session-Expires': '100;refresher=uac', Supported: 'timer' };
      const body = call.phone.media.describe();
      news(answered);
      if (method === 'UPDATE') call.update({ sdp: null, headers });
      else call.request('INVITE', { headers, body, contentType: 'application/sdp' });
      world.run(50);
      expect(call.last.status).toBe(422);
      expect(call.last.headers.get('Min-SE')).toBe('120');
      expect(news(answered)).toEqual([]);
      world.run(150_000);
      expect(news(call)).toEqual(['UPDATE']);
      call.hangUp();
      world.settles();
    },
  );
});
