import { describe, expect, test } from 'vitest';
import { type Log, type LogFields, silentLog } from '../../src/base/index.ts';
import type { MediaSessionUser } from '../../src/media/index.ts';
import { endsOf, type Talk, talk } from '../world/talk.ts';
import { World, type WorldOptions } from '../world/world.ts';

// Keys between a phone that knows telephone events (RFC 4733) and one that does not. What the media plane hears and
// sends stands here as calls of its interface.

const plain = [[0, 'PCMU/8000']] as const;
const withEvents = [...plain, [101, 'telephone-event/8000']] as const;
const five = 'Signal=5\r\nDuration=160\r\n';

/** A world that notes which keys the media plane is to send to which leg, and lets it hear some. */
async function start(options: WorldOptions = {}) {
  const pressed: unknown[] = [];
  const complaints: LogFields[] = [];
  const log: Log = {
    ...silentLog,
    warning: (message, fields = {}) => message.startsWith('keys do not reach') && complaints.push(fields),
    child: () => log,
  };
  const world = await World.start({ ...options, log });
  let user: MediaSessionUser = { onIdle: () => {} };
  const begin = world.media.start.bind(world.media);
  world.media.start = (spec, given) => {
    user = given;
    return Object.assign(begin(spec, given), { digit: (...key: unknown[]) => pressed.push(key) });
  };
  return { world, pressed, complaints, hear: (leg: 0 | 1, digit: string) => user.onDigit?.(leg, digit, 120) };
}

const infosTo = ({ requests }: Talk['call']) => requests.filter(({ method }) => method === 'INFO');
const bodies = (call: Talk['call']) => infosTo(call).map(({ body }) => new TextDecoder().decode(body));

describe.each([
  ['caller', 1],
  ['callee', 0],
] as const)('a key in an INFO of the %s', (side, leg) => {
  test('becomes an event for a phone that knows events: 200, and nothing is passed on', async () => {
    const { world, pressed } = await start();
    await using _ = world;
    const [own, other] = side === 'caller' ? ['alice', 'bob'] : ['bob', 'alice'];
    const talking = await talk(world, { [own!]: { codecs: plain }, [other!]: { codecs: withEvents } });
    const [from, to] = endsOf(talking, side);
    from.call.request('INFO', { body: five, contentType: 'application/dtmf-relay' });
    from.call.request('INFO', { body: '#', contentType: 'application/dtmf' });
    world.run(50);
    expect(from.phone.statuses('INFO')).toEqual([200, 200]);
    expect(infosTo(to.call)).toEqual([]);
    expect(pressed).toEqual([
      [leg, '5', 160],
      [leg, '#', 250],
    ]);
    talking.call.hangUp();
    world.settles();
  });
});

describe('is passed on as it is', () => {
  test.each([
    ['from a phone that knows events itself', withEvents, withEvents, five],
    ['where neither knows events', plain, plain, five],
    ['where it is no key of a telephone', plain, withEvents, 'Signal=!\r\nDuration=100\r\n'],
  ])('%s', async (_what, alice, bob, body) => {
    const { world, pressed } = await start();
    await using _ = world;
    const { call, answered } = await talk(world, { alice: { codecs: alice }, bob: { codecs: bob } });
    call.request('INFO', { body, contentType: 'application/dtmf-relay' });
    world.run(50);
    expect(bodies(answered)).toEqual([body]);
    expect(call.last.status).toBe(200);
    expect(pressed).toEqual([]);
    call.hangUp();
    world.settles();
  });
});

describe('an event for a phone that knows none', () => {
  const wishes = { alice: { codecs: withEvents }, bob: { codecs: plain } };

  test('becomes an INFO, one after the other', async () => {
    const { world, hear, complaints } = await start();
    await using _ = world;
    const talking = await talk(world, wishes);
    const { bob, call, answered } = talking;
    bob.habits.agrees = false;
    for (const digit of '1#A') hear(0, digit);
    world.run(50);
    expect(bodies(answered)).toEqual(['Signal=1\r\nDuration=120\r\n']);
    expect(infosTo(answered)[0]?.headers.get('Content-Type')).toBe('application/dtmf-relay');
    bob.habits.agrees = true;
    answered.agree(answered.waiting.pop()!);
    world.run(50);
    expect(bodies(answered).map((body) => body.slice(0, 8))).toEqual(['Signal=1', 'Signal=#', 'Signal=A']);
    expect(complaints).toEqual([]);
    call.hangUp();
    world.settles();
  });

  test('of the callee goes to the caller', async () => {
    const { world, hear } = await start();
    await using _ = world;
    const { call, answered } = await talk(world, { alice: { codecs: plain }, bob: { codecs: withEvents } });
    hear(1, '9');
    world.run(50);
    expect(bodies(call)).toEqual(['Signal=9\r\nDuration=120\r\n']);
    expect(infosTo(answered)).toEqual([]);
    answered.hangUp();
    world.settles();
  });

  test.each([
    [415, 1],
    [500, 3],
  ])('is refused with %i: said once, and of three %i are sent', async (status, sent) => {
    const { world, hear, complaints } = await start();
    await using _ = world;
    const { bob, call, answered } = await talk(world, wishes);
    bob.habits.agrees = false;
    for (const digit of '123') hear(0, digit);
    for (let answers = 0; answers < sent; answers++) {
      world.run(50);
      answered.agree(answered.waiting.pop()!, { status });
    }
    world.run(50);
    expect(infosTo(answered)).toHaveLength(sent);
    expect(complaints).toEqual([{ leg: 'callee', status }]);
    bob.habits.agrees = true;
    call.hangUp();
    world.settles();
  });

  test('goes nowhere when the phone takes no INFO: that is said once, at the answer', async () => {
    const { world, hear, complaints } = await start();
    await using _ = world;
    const { call, answered } = await talk(world, { ...wishes, answerHeaders: { Allow: 'INVITE, ACK, BYE, CANCEL' } });
    expect(complaints).toEqual([{ leg: 'callee' }]);
    hear(0, '1');
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(infosTo(answered)).toEqual([]);
    expect(complaints).toHaveLength(1);
    call.hangUp();
    world.settles();
  });

  test('is 481 to a phone that has lost the call, which ends', async () => {
    const { world, hear } = await start();
    await using _ = world;
    const { alice, bob, answered } = await talk(world, wishes);
    bob.habits.agrees = false;
    hear(0, '1');
    world.run(50);
    answered.agree(answered.waiting.pop()!, { status: 481 });
    world.run(50);
    expect(alice.log.at(-1)).toBe('BYE');
    world.settles();
  });

  test('is not sent once the call is over, and one that is never answered holds nothing up', async () => {
    const { world, hear, complaints } = await start();
    await using _ = world;
    const { bob, call, answered } = await talk(world, wishes);
    bob.habits.agrees = false;
    hear(0, '1');
    hear(0, '2');
    world.run(33_000);
    expect(bodies(answered).map((body) => body.slice(0, 8))).toEqual(['Signal=1', 'Signal=2']);
    expect(complaints).toEqual([{ leg: 'callee', failure: 'timeout' }]);
    hear(0, '3');
    bob.habits.agrees = true;
    call.hangUp();
    world.run(50);
    for (const info of answered.waiting.splice(0)) answered.agree(info);
    hear(0, '4');
    world.settles();
    expect(infosTo(answered)).toHaveLength(2);
  });
});

test('an INFO with a key that is refused, between phones that know no events, is said in the log', async () => {
  const { world, complaints } = await start();
  await using _ = world;
  const { bob, call, answered } = await talk(world, { alice: { codecs: plain }, bob: { codecs: plain } });
  bob.habits.agrees = false;
  for (const _key of [1, 2]) {
    call.request('INFO', { body: five, contentType: 'application/dtmf-relay' });
    world.run(50);
    answered.agree(answered.waiting.pop()!, { status: 415 });
    world.run(50);
    expect(call.last.status).toBe(415);
  }
  expect(complaints).toEqual([{ leg: 'callee', status: 415 }]);
  bob.habits.agrees = true;
  call.hangUp();
  world.settles();
});
