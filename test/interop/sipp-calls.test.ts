import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExchangeProcess } from './exchange-process.ts';
import { eventually } from './program.ts';
import { Sipp } from './sipp.ts';
import { callerSipp, play, type Story } from './sipp-call.ts';
import { needs } from './tools.ts';

const password = 'sipp-password';
const stories = 16;

// SIPp of Debian 12 knows digest by MD5 only, and is built without TLS: for that see the phones behind Kamailio.
describe.runIf(needs('sipp'))('calls between two SIPp', () => {
  let exchange: ExchangeProcess;
  let nextNumber = 1000;

  beforeAll(async () => {
    const numbers = Array.from({ length: stories * 2 }, (_, index) => String(1000 + index));
    exchange = await ExchangeProcess.start({
      config: {
        // Short timers: a caller without an ACK is hung up on after 64·T1.
        sip: { timers: { t1: 50 } },
        extensions: numbers.map((number) => ({ number, password })),
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  /** A call between two extensions that no other story uses. */
  function story(calling: string, called: string, options: Pick<Story, 'transport' | 'calls'> = {}) {
    const [caller, callee] = [String(nextNumber++), String(nextNumber++)];
    return play(exchange, {
      ...{ caller: { number: caller, password }, callee: { number: callee, password }, calling, called },
      ...options,
    });
  }

  describe.concurrent.each(['udp', 'tcp'] as const)('by a caller over %s', (transport) => {
    test('a call is answered, both hear each other, and the caller hangs up', async () => {
      const [cdr] = await story('caller-talks', 'callee-answers', { transport });
      expect(cdr).toMatchObject({
        status: 'completed',
        termination_reason: 'normal',
        terminated_by: 'caller',
        sip_status: 200,
        q850_cause: 16,
        codec: 'PCMU',
      });
      const { caller, callee } = cdr!.rtp;
      // A second of packets of 20 ms, with room for a busy machine.
      for (const leg of [caller, callee]) {
        expect(leg.packets_received).toBeGreaterThan(25);
        expect(leg.packets_lost).toBe(0);
      }
      expect(caller.packets_sent).toBe(callee.packets_received);
      expect(callee.packets_sent).toBe(caller.packets_received);
    });

    test('the callee hangs up', async () => {
      const [cdr] = await story('caller-is-hung-up-on', 'callee-hangs-up', { transport });
      expect(cdr).toMatchObject({ status: 'completed', termination_reason: 'normal', terminated_by: 'callee' });
    });

    test('a busy callee', async () => {
      const [cdr] = await story('caller-hears-busy', 'callee-is-busy', { transport });
      expect(cdr).toMatchObject({ status: 'busy', termination_reason: 'busy', sip_status: 486, q850_cause: 17 });
    });

    test('the caller gives up while it rings', async () => {
      const [cdr] = await story('caller-cancels', 'callee-rings', { transport });
      expect(cdr).toMatchObject({ status: 'cancelled', termination_reason: 'cancelled', sip_status: 487, billsec: 0 });
    });

    test('a caller that never acknowledges is hung up on, and so is the callee (RFC 3261 section 13.3.1.4)', async () => {
      const [cdr] = await story('caller-never-acknowledges', 'callee-answers', { transport });
      expect(cdr).toMatchObject({ status: 'failed', termination_reason: 'error', terminated_by: 'system' });
    });

    test('the caller puts the callee on hold and takes it back (RFC 3264 section 8.4)', async () => {
      const [cdr] = await story('caller-holds', 'callee-is-held', { transport });
      expect(cdr).toMatchObject({ status: 'completed', terminated_by: 'caller' });
    });

    test('a key pressed by INFO reaches the callee (RFC 6086)', async () => {
      const [cdr] = await story('caller-sends-info', 'callee-hears-info', { transport });
      expect(cdr).toMatchObject({ status: 'completed', terminated_by: 'caller' });
    });
  });

  test('a wrong password is refused, and the log says whose', async () => {
    await using phone = await Sipp.run('register', {
      ...callerSipp(exchange, { number: '1000', password: 'wrong' }, '1000'),
      patience: 5,
    });
    await expect(phone.succeeded()).rejects.toThrow(/401 Unauthorized/);
    await eventually('a line in the log', () =>
      exchange.log().some(({ level, user, method }) => level === 'WARNING' && user === '1000' && method === 'REGISTER'),
    );
  });

  test('fifty calls, ten a second: every one succeeds, and all counters agree', async () => {
    const before = await exchange.stats();
    const cdrs = await story('caller-talks', 'callee-answers', { calls: 50 });
    expect(cdrs.map(({ status }) => status)).toEqual(Array(50).fill('completed'));
    expect(new Set(cdrs.map(({ call_id }) => call_id)).size).toBe(50);

    const lines = exchange.cdrs();
    const failed = lines.filter(({ status }) => status === 'failed').length;
    const stats = await exchange.stats();
    expect(stats).toMatchObject({ active_calls: 0, total_calls: before.total_calls + 50, failed_calls: failed });
    expect(stats.total_calls).toBe(lines.length);
    expect(stats.success_rate).toBeCloseTo((100 * (lines.length - failed)) / lines.length, 1);
    expect(stats.port_pool.in_use).toBe(0);

    const metrics = await exchange.metrics();
    expect(metrics.get('sip_total_calls')).toBe(lines.length);
    expect(metrics.get('sip_active_calls')).toBe(0);
    expect(metrics.get('cdr_written_total')).toBe(lines.length);
    const received = lines.map(({ rtp }) => (rtp.caller.packets_received ?? 0) + (rtp.callee.packets_received ?? 0));
    const sum = received.reduce((total, packets) => total + packets, 0);
    // Media workers tell what they have counted once a second.
    await eventually(
      `${sum} packets are counted`,
      async () => (await exchange.metrics()).get('rtp_packets_received') === sum,
    );
  });

  test('nothing was worth an error in the log', () => {
    expect(exchange.log().filter(({ level }) => level === 'ERROR')).toEqual([]);
  });
});
