import { describe, expect, test } from 'vitest';
import { alaw, PhoneMedia, payloadTypesOf } from '../world/phone-media.ts';
import { answerTo, called, forked } from '../world/talk.ts';
import { World } from '../world/world.ts';

// What has been agreed on with one early dialog, by PRACK or UPDATE, when another is the one that picks up.

const Allow = 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE';
const headers = { Supported: '100rel', Allow };
const rel = (number: number) => ({ Require: '100rel', RSeq: String(number), Allow });
const textOf = (body: Uint8Array | undefined) => new TextDecoder().decode(body);

/** Two early dialogs of one branch, each agreed reliably, of which the first is heard. */
async function behindProxy(world: World, offer?: null) {
  const { alice, bob: proxy, call } = await called(world, { headers, ...(offer === null ? { offer } : {}) });
  const second = new PhoneMedia(world.sockets, '10.0.0.77', alaw);
  const branch = proxy.lastCall;
  branch.answer(183, { tag: 'one', headers: rel(1), sdp: proxy.media.describe() });
  world.run(20);
  return { alice, proxy, call, second, branch, early: call.responses.find(({ status }) => status === 183)! };
}

test.each(['rings', 'does not ring'])(
  'without an offer: the second fork %s before it answers: what it offers goes into a new dialog',
  async (how) => {
    await using world = await World.start();
    const { alice, call, second, branch, early } = await behindProxy(world, null);
    expect(payloadTypesOf(textOf(early.body))[0]).toBe(0);
    const rings = how === 'rings';
    if (rings) branch.answer(183, { tag: 'two', headers: rel(1), sdp: second.describe() });
    world.run(20);
    branch.answer(200, { tag: 'two', sdp: rings ? null : second.describe() });
    world.run(50);
    const offer = rings ? call.responses.filter(({ status }) => status === 183).at(-1) : answerTo(call);
    expect(offer?.toTag).not.toBe(early.toTag);
    expect(payloadTypesOf(textOf(offer?.body))[0]).toBe(8);
    expect(answerTo(call)?.toTag).toBe(offer?.toTag);
    // Agreed by 183 and PRACK, it is not said again.
    expect(answerTo(call)?.body.length === 0).toBe(rings);
    alice.media.say('hello', call.remoteSdp ?? '', 8);
    second.say('hi', branch.remoteSdp ?? '', 8);
    world.run(20);
    expect([second.heardText, alice.media.heardText]).toEqual([['hello'], ['hi']]);
    call.hangUp();
    world.settles();
  },
);

describe.each(['the caller', 'the callee'])('changed by UPDATE of %s in one early dialog', (who) => {
  test.each(['done', 'still pending'])(
    'the change is %s when another fork answers: a new dialog, with its answer',
    async (when) => {
      await using world = await World.start();
      const { alice, proxy, call, second, branch, early } = await behindProxy(world);
      const [asker, asked, phone] = who === 'the caller' ? [call, branch, proxy] : [branch, call, alice];
      branch.remoteTag ??= branch.invite.fromTag;
      if (when === 'still pending') phone.habits.agrees = false;
      if (who === 'the caller') call.update({ direction: 'sendonly' });
      else branch.update({ direction: 'sendonly', headers: { From: `<sip:1002@10.0.0.1>;tag=one` } });
      world.run(20);
      expect(asked.waiting).toHaveLength(when === 'done' ? 0 : 1);
      branch.answer(200, { tag: 'two', sdp: second.describe() });
      world.run(20);
      phone.habits.agrees = true;
      for (const transaction of asked.waiting.splice(0)) asked.agree(transaction);
      world.run(50);
      expect(asker.responses.filter(({ status, cseq }) => cseq.method === 'UPDATE' && status >= 200)).toHaveLength(1);
      expect(answerTo(call)?.toTag).not.toBe(early.toTag);
      expect(payloadTypesOf(textOf(answerTo(call)?.body))).toEqual([8, 101]);
      const sdp = textOf(answerTo(call)?.body);
      alice.media.say('hello', sdp, 8);
      second.say('hi', branch.remoteSdp ?? '', 8);
      world.run(20);
      expect([second.heardText, alice.media.heardText]).toEqual([['hello'], ['hi']]);
      call.hangUp();
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMA' }]);
    },
  );

  test.each(['done', 'still pending'])(
    'the change is %s when another phone answers: a new dialog, with its answer',
    async (when) => {
      await using world = await World.start();
      const { alice, desk, mobile, call } = await forked(world, { headers, mobile: { codecs: alaw } });
      desk.lastCall.answer(183, { headers: rel(1), sdp: desk.media.describe() });
      world.run(20);
      const early = call.responses.find(({ status }) => status === 183)!;
      const [asker, asked, phone] = who === 'the caller' ? [call, desk.lastCall, desk] : [desk.lastCall, call, alice];
      if (when === 'still pending') phone.habits.agrees = false;
      asker.update({ direction: 'sendonly' });
      world.run(20);
      expect(asked.waiting).toHaveLength(when === 'done' ? 0 : 1);
      mobile.lastCall.answer(200);
      world.run(20);
      phone.habits.agrees = true;
      for (const transaction of asked.waiting.splice(0)) asked.agree(transaction);
      world.run(50);
      expect(asker.responses.filter(({ status, cseq }) => cseq.method === 'UPDATE' && status >= 200)).toHaveLength(1);
      expect(answerTo(call)?.toTag).not.toBe(early.toTag);
      const sdp = textOf(answerTo(call)?.body);
      expect(payloadTypesOf(sdp)).toEqual([8, 101]);
      alice.media.say('hello', sdp, 8);
      mobile.media.say('hi', mobile.lastCall.remoteSdp ?? '', 8);
      world.run(20);
      expect([mobile.media.heardText, alice.media.heardText]).toEqual([['hello'], ['hi']]);
      expect(desk.log.at(-1)).toBe('CANCEL');
      call.hangUp();
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: mobile.address }]);
    },
  );
});
