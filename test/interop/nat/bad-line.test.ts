import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pause } from '../program.ts';
import { canHaveNetworks, phoneAt, Street } from './street.ts';

const calls = 10;

describe.runIf(canHaveNetworks())('lines that lose 5 % of all packets, both ways', () => {
  let street: Street;

  beforeAll(async () => {
    street = await Street.open();
  });

  afterAll(async () => {
    await street?.[Symbol.asyncDispose]();
  });

  test('ten calls over UDP, one after the other: every one is answered, heard and ended', async () => {
    const [one, other] = [await street.home(), await street.home()];
    const machines = [await one.machine(), await other.machine()] as const;
    const delays = await Promise.all([one, other].map(({ nat }) => nat.worsenLine(5, 20)));
    if (delays.includes(false))
      process.stderr.write('The kernel has no netem: lines lose packets but do not delay them.\n');
    await using caller = await phoneAt(street.exchange, machines[0], { tone: 440 });
    await using callee = await phoneAt(street.exchange, machines[1], { tone: 1000, answers: true });
    for (let call = 1; call <= calls; call++) {
      caller.dial(callee.number);
      await Promise.all([caller.event('CALL_ESTABLISHED', call), callee.event('CALL_ESTABLISHED', call)]);
      await pause(500);
      caller.hangUp();
      await callee.event('CALL_CLOSED', call);
      await street.exchange.cdrsOfCaller(caller.number, call);
    }
    const cdrs = await street.exchange.cdrsOfCaller(caller.number, calls);
    expect(cdrs.map(({ status }) => status)).toEqual(Array(calls).fill('completed'));
    for (const { rtp } of cdrs) {
      for (const leg of [rtp.caller, rtp.callee]) expect(leg.packets_received).toBeGreaterThan(0);
    }
    const lost = cdrs.map(({ rtp }) => (rtp.caller.packets_lost ?? 0) + (rtp.callee.packets_lost ?? 0));
    expect(lost.reduce((sum, packets) => sum + packets, 0)).toBeGreaterThan(0);
  });
});
