import { expect, test } from 'vitest';
import { FakeFlow, registerRequest, startRegistrar } from '../../../test/support/registration.ts';
import { SeededRandom, silentLog } from '../../base/index.ts';
import { NatKeepalive } from './index.ts';

function setUp(alive: (user: string) => boolean = () => true) {
  const { clock, registrar, heard } = startRegistrar({ config: { natMaxExpires: 600 } });
  const sent: { at: number; user: string; to: string }[] = [];
  const keepalive = new NatKeepalive({
    clock,
    random: new SeededRandom(1),
    log: silentLog,
    registrar,
    interval: 25,
    sendOptions: (binding, flow, onOutcome) => {
      sent.push({ at: clock.now(), user: binding.user, to: flow.id });
      clock.after(alive(binding.user) ? 10 : 32_000, () => onOutcome(alive(binding.user)));
    },
  });
  const register = (user: string, host: string, { transport = 'udp' as const, cseq = 1 } = {}) => {
    const request = registerRequest({ user, cseq, contacts: [`<sip:${user}@${host}>`] });
    registrar.register(request, new FakeFlow(transport, '203.0.113.9', 40_000), user);
  };
  return { clock, registrar, heard, sent, keepalive, register };
}

test('a UDP phone behind NAT gets an OPTIONS every interval, on its flow', () => {
  const { clock, sent, register } = setUp();
  register('1001', '10.0.0.5');
  clock.advance(500_000);
  expect(sent).toHaveLength(20);
  expect(sent[0]!.at).toBeLessThanOrEqual(26_000);
  expect(new Set(sent.slice(1).map(({ at }, i) => at - sent[i]!.at))).toEqual(new Set([25_000]));
  expect(sent[0]!.to).toBe('udp:203.0.113.9:40000');
});

test('nobody else gets one, and then no timer runs', () => {
  const { clock, sent, register } = setUp();
  register('1001', '203.0.113.9');
  expect(clock.pending).toBe(1);
  clock.advance(100_000);
  expect(sent).toEqual([]);
});

test('many phones are spread over the interval', () => {
  const { clock, sent, register } = setUp();
  for (let i = 0; i < 250; i++) register(`${i}`, '10.0.0.5');
  clock.advance(26_000);
  const perSecond = Map.groupBy(sent, ({ at }) => at);
  expect(perSecond.size).toBeGreaterThan(20);
  expect(Math.max(...[...perSecond.values()].map((some) => some.length))).toBeLessThan(30);
});

test('three silences in a row end the binding', () => {
  const { clock, registrar, heard, sent, register } = setUp(() => false);
  register('1001', '10.0.0.5');
  clock.advance(26_000);
  const [first] = sent;
  clock.advance(first!.at + 2 * 25_000 + 32_000 - clock.now() - 1);
  expect(registrar.registered('1001')).toBe(true);
  clock.advance(1);
  expect(registrar.registered('1001')).toBe(false);
  expect(heard.at(-1)).toBe('- sip:1001@10.0.0.5 unreachable');
});

test('one sign of life clears two silences', () => {
  let silences = 0;
  const { clock, registrar, register } = setUp(() => silences++ % 6 >= 4);
  register('1001', '10.0.0.5');
  clock.advance(500_000);
  expect(silences).toBeGreaterThan(30);
  expect(registrar.registered('1001')).toBe(true);
});

test('a phone that registers again begins without its past silence', () => {
  const { clock, registrar, register } = setUp(() => false);
  for (let cseq = 1; cseq < 8; cseq++) {
    register('1001', '10.0.0.5', { cseq });
    clock.advance(60_000);
  }
  expect(registrar.registered('1001')).toBe(true);
});

test('the timer rests when the last phone is gone, and when disposed', () => {
  const { clock, keepalive, register } = setUp();
  register('1001', '10.0.0.5');
  clock.advance(601_000);
  clock.advance(2_000);
  expect(clock.pending).toBe(0);
  register('1001', '10.0.0.5');
  keepalive[Symbol.dispose]();
  expect(clock.pending).toBe(1);
  register('1002', '10.0.0.5');
  expect(clock.pending).toBe(1);
});
