import { describe, expect, test } from 'vitest';
import type { PhoneCall } from '../world/phone-call.ts';
import { directionIn, heardWhenBothSpeak } from '../world/talk.ts';
import { talkBesideCarol, talkTogether, threeUsers, transferring } from '../world/transfer-talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

/** Bob holds alice's call and asks carol, who picks up. */
async function consultation(world: World) {
  const talking = await talkBesideCarol(world);
  talking.answered.reinvite({ direction: 'sendonly' });
  world.run(100);
  talking.carol.habits.onInvite = 'answer';
  const asking = talking.bob.call('1003');
  world.run(200);
  return { ...talking, asking, asked: talking.carol.lastCall };
}

const methods = (call: PhoneCall): readonly string[] => call.requests.map(({ method }) => method);

describe('a blind transfer (RFC 5589 section 6)', () => {
  test.each(['callee', 'caller'] as const)(
    'by the %s: the other is connected with whom it names, and told so',
    async (by) => {
      await using world = await World.start(threeUsers);
      const { alice, bob, carol, call, answered } = await talkBesideCarol(world);
      const [referrer, own, other, remaining] =
        by === 'callee' ? [bob, answered, alice, call] : [alice, call, bob, answered];
      carol.habits.onInvite = 'ring';
      own.refer('1003');
      world.run(100);
      expect(referrer.statuses('REFER')).toEqual([202]);
      expect(own.reports).toEqual(['100 Trying active', '180 Ringing active']);
      const { invite } = carol.lastCall;
      expect(invite.from.uri).toMatchObject({ user: other.number });
      expect(invite.headers.get('Referred-By')).toContain(`sip:${referrer.number}@`);
      expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);

      carol.lastCall.answer(200);
      world.run(200);
      expect(own.reports.at(-1)).toBe('200 OK terminated');
      // The last report comes before the BYE.
      expect(methods(own).slice(-2)).toEqual(['NOTIFY', 'BYE']);
      const told = remaining.requests.at(-2);
      expect(told?.method).toBe('INVITE');
      expect(told?.headers.get('P-Asserted-Identity')).toContain('sip:1003@');
      expect(talkTogether(world, other, remaining, carol, carol.lastCall)).toEqual(['alice', 'bob']);
      remaining.hangUp();
      world.run(200);
      expect(carol.log.at(-1)).toBe('BYE');
      world.settles();
      const [first, second] = world.cdrs;
      expect(world.cdrs).toHaveLength(2);
      expect(first).toMatchObject({ status: 'completed', terminated_by: by, caller: '1001', callee: '1002' });
      expect(second).toMatchObject({
        status: 'completed',
        terminated_by: 'caller',
        caller: other.number,
        callee: '1003',
      });
      expect(first?.linked_id).toBe(first?.call_id);
      expect(second?.linked_id).toBe(first?.call_id);
    },
  );

  test('of a call on hold: the one who was held talks again', async () => {
    await using world = await World.start(threeUsers);
    const { alice, carol, call, answered } = await talkBesideCarol(world);
    answered.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(directionIn(call.remoteSdp)).toBe('sendonly');
    carol.habits.onInvite = 'answer';
    answered.refer('1003');
    world.run(300);
    expect(directionIn(call.remoteSdp)).toBe('sendrecv');
    expect(talkTogether(world, alice, call, carol, carol.lastCall)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test.each([
    [486, '486 Busy Here', 'busy'],
    [603, '603 Decline', 'rejected'],
    [503, '500 Server Internal Error', 'failed'],
  ])('that fails with %i leaves the call as it was', async (status, report, record) => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call, answered } = await talkBesideCarol(world);
    carol.habits.onInvite = status;
    answered.refer('1003');
    world.run(200);
    expect(answered.reports.at(-1)).toBe(`${report} terminated`);
    expect(methods(answered)).not.toContain('BYE');
    expect(methods(call)).not.toContain('INVITE');
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);
    expect(world.cdrs).toMatchObject([{ status: record, caller: '1001', callee: '1003' }]);
    // And it can be tried again, with an id to tell it from the first.
    carol.habits.onInvite = 'answer';
    answered.refer('1003');
    world.run(300);
    expect(answered.reports.at(-1)).toBe('200 OK terminated');
    const last = answered.requests.findLast(({ method }) => method === 'NOTIFY');
    expect(last?.headers.get('Event')).toMatch(/^refer;id=\d+$/);
    call.hangUp();
    world.settles();
  });

  test.each([
    ['1009', '404 Not Found'],
    ['sip:somebody@elsewhere.example', '404 Not Found'],
    ['1001', '480'],
  ])('to %s, whom nobody can call: the last report says so', async (target, report) => {
    await using world = await World.start(threeUsers);
    const { alice, bob, call, answered } = await talkBesideCarol(world);
    if (target === '1001') alice.register({ expires: 0 });
    world.run(100);
    answered.refer(target);
    world.run(200);
    expect(answered.reports.at(-1)).toContain(report);
    expect(answered.reports.at(-1)).toContain('terminated');
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('the one who asked hangs up while it rings: the other waits for the answer', async () => {
    await using world = await World.start(threeUsers);
    const { alice, carol, call, answered } = await transferring(world);
    answered.hangUp();
    world.run(100);
    expect(alice.log).not.toContain('BYE');
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
    carol.lastCall.answer(200);
    world.run(200);
    expect(talkTogether(world, alice, call, carol, carol.lastCall)).toEqual(['alice', 'bob']);
    carol.lastCall.hangUp();
    world.run(100);
    expect(alice.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toHaveLength(2);
  });

  test('the one who asked hangs up while it rings, and nobody answers: the other is hung up on', async () => {
    await using world = await World.start(threeUsers);
    const { alice, carol, answered } = await transferring(world);
    answered.hangUp();
    world.run(100);
    carol.lastCall.answer(486);
    world.run(100);
    expect(alice.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }, { status: 'busy', callee: '1003' }]);
  });

  test('the one to be transferred hangs up while it rings: nobody rings any more, and the last report comes before the BYE', async () => {
    await using world = await World.start(threeUsers);
    const { carol, call, answered } = await transferring(world);
    call.hangUp();
    world.run(100);
    expect(carol.log.at(-1)).toBe('CANCEL');
    expect(answered.reports.at(-1)).toBe('487 Request Terminated terminated');
    expect(methods(answered).slice(-2)).toEqual(['NOTIFY', 'BYE']);
    world.settles();
    expect(world.cdrs).toMatchObject([
      { status: 'completed', terminated_by: 'caller' },
      { status: 'cancelled', callee: '1003' },
    ]);
  });

  test('the 202 is on its way before the first report, which comes before the next (RFC 3515 section 2.4.4)', async () => {
    await using world = await World.start(threeUsers);
    const { bob, carol, call, answered } = await talkBesideCarol(world);
    const wire = new Wiretap(world.network);
    carol.habits.onInvite = 'answer';
    answered.refer('1003');
    world.run(300);
    const [first, ...reports] = wire.between(exchangeIp, bob.address);
    expect(first).toBe('SIP/2.0 202 Accepted');
    expect(reports.map((line) => line.split(' ')[0])).toEqual(['NOTIFY', 'NOTIFY', 'NOTIFY', 'BYE']);
    call.hangUp();
    world.settles();
  });

  test('without reports where none are wanted (RFC 4488)', async () => {
    await using world = await World.start(threeUsers);
    const { bob, carol, call, answered } = await talkBesideCarol(world);
    carol.habits.onInvite = 'answer';
    answered.refer('1003', { headers: { 'Refer-Sub': 'false', Supported: 'norefersub' } });
    world.run(300);
    const accepted = answered.responses.find(({ cseq }) => cseq.method === 'REFER');
    expect(accepted).toMatchObject({ status: 202 });
    expect(accepted?.headers.get('Refer-Sub')).toBe('false');
    expect(answered.reports).toEqual([]);
    expect(bob.log.at(-1)).toBe('BYE');
    call.hangUp();
    world.settles();
  });

  test('a second one while the first is pending gets 491', async () => {
    await using world = await World.start(threeUsers);
    const { bob, carol, call, answered } = await transferring(world);
    answered.refer('1003');
    world.run(100);
    expect(bob.statuses('REFER')).toEqual([202, 491]);
    carol.lastCall.answer(486);
    world.run(100);
    call.hangUp();
    world.settles();
  });

  test('reports that nobody answers do not keep the call: BYE after 4 s', async () => {
    await using world = await World.start(threeUsers);
    const { bob, carol, call, answered } = await talkBesideCarol(world);
    carol.habits.onInvite = 'answer';
    bob.habits.agrees = false;
    answered.refer('1003');
    world.run(3900);
    expect(methods(answered)).not.toContain('BYE');
    world.run(400);
    // Told all the same how it ended, and before the BYE.
    expect(methods(answered).slice(-2)).toEqual(['NOTIFY', 'BYE']);
    expect(answered.reports.at(-1)).toBe('200 OK terminated');
    call.hangUp();
    world.settles();
  });

  test.each([
    [{ 'Refer-To': '<mailto:bob@example.com>' }, 416],
    [{ 'Refer-To': '<sip:1003@10.0.0.1;method=BYE>' }, 405],
    [{ 'Refer-To': '<sip:1003@10.0.0.1?Replaces=nonsense>' }, 400],
    [{ 'Refer-To': '<sip:1003' }, 400],
  ])('%o is refused', async (headers, status) => {
    await using world = await World.start(threeUsers);
    const { bob, call, answered } = await talkBesideCarol(world);
    answered.refer('1003', { headers });
    world.run(100);
    expect(bob.statuses('REFER')).toEqual([status]);
    call.hangUp();
    world.settles();
  });
});

describe('an attended transfer (RFC 5589 section 7)', () => {
  test.each(['first', 'second'] as const)(
    'asked for in the %s call: the two others talk, both calls of the one between end',
    async (which) => {
      await using world = await World.start(threeUsers);
      const { alice, bob, carol, call, answered, asking, asked } = await consultation(world);
      if (which === 'first') answered.refer('1003', { replacing: asking });
      else asking.refer('1001', { replacing: answered });
      world.run(500);
      const referred = which === 'first' ? answered : asking;
      expect(bob.statuses('REFER')).toEqual([202]);
      expect(referred.reports.at(-1)).toBe('200 OK terminated');
      expect(methods(referred).slice(-2)).toEqual(['NOTIFY', 'BYE']);
      expect(answered.state).toBe('over');
      expect(asking.state).toBe('over');
      expect(directionIn(call.remoteSdp)).toBe('sendrecv');
      const identities = [call, asked].map(({ requests }) =>
        requests.findLast(({ method }) => method === 'INVITE')?.headers.get('P-Asserted-Identity'),
      );
      expect(identities).toEqual(['<sip:1003@10.0.0.1>', '<sip:1001@10.0.0.1>']);
      expect(talkTogether(world, alice, call, carol, asked)).toEqual(['alice', 'bob']);
      asked.hangUp();
      world.run(100);
      expect(alice.log.at(-1)).toBe('BYE');
      world.settles();
      expect(world.cdrs).toHaveLength(3);
      expect(new Set(world.cdrs.map(({ linked_id }) => linked_id)).size).toBe(1);
      expect(world.cdrs.every(({ status }) => status === 'completed')).toBe(true);
    },
  );

  test('while the third still rings: it is called for the one who is transferred', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call, answered } = await talkBesideCarol(world);
    carol.habits.onInvite = 'ring';
    const asking = bob.call('1003');
    world.run(100);
    answered.refer('1003', { replacing: asking });
    world.run(200);
    expect(asking.statuses.at(-1)).toBe(487);
    expect(carol.calls).toHaveLength(2);
    carol.lastCall.answer(200);
    world.run(200);
    expect(answered.reports.at(-1)).toBe('200 OK terminated');
    expect(talkTogether(world, alice, call, carol, carol.lastCall)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('to a dialog that is not there, or is not his: 481 in the last report, and the call goes on', async () => {
    await using world = await World.start({ users: ['1001', '1002', '1003', '1004'] });
    const { alice, bob, carol, call, answered } = await talkBesideCarol(world);
    answered.refer('sip:1003@10.0.0.1?Replaces=unknown%3Bto-tag%3D1%3Bfrom-tag%3D2');
    world.run(100);
    expect(answered.reports.at(-1)).toBe('481 Call/Transaction Does Not Exist terminated');
    const dave = await world.registered('1004');
    dave.habits.onInvite = 'answer';
    const others = carol.call('1004');
    world.run(200);
    answered.refer('1003', { replacing: others });
    world.run(100);
    expect(answered.reports.at(-1)).toBe('481 Call/Transaction Does Not Exist terminated');
    expect(others.state).toBe('talking');
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);
    call.hangUp();
    others.hangUp();
    world.settles();
  });

  test('to a phone that speaks a codec that we can not transcode: 488 in the last report, both calls go on', async () => {
    await using world = await World.start({ ...threeUsers, config: { media: { codec_priority: ['*'] } } });
    const ulaw = [[0, 'PCMU/8000']] as const;
    const g729 = [[18, 'G729/8000']] as const;
    const bob = { codecs: [...ulaw, ...g729] };
    const wishes = { alice: { codecs: ulaw }, bob, carol: { codecs: g729 } };
    const { alice, bob: phone, carol, call, answered } = await talkBesideCarol(world, wishes);
    carol.habits.onInvite = 'answer';
    const asking = phone.call('1003');
    world.run(200);
    answered.refer('1003', { replacing: asking });
    world.run(200);
    expect(answered.reports.at(-1)).toBe('488 Not Acceptable Here terminated');
    expect(heardWhenBothSpeak(world, { alice, bob: phone, call, answered })).toEqual(['alice', 'bob']);
    call.hangUp();
    asking.hangUp();
    world.settles();
  });
});
