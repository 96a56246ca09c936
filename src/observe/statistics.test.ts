import { expect, test } from 'vitest';
import { endedCall } from '../../test/support/ended-call.ts';
import { VirtualClock } from '../base/index.ts';
import type { EndedCall } from '../pbx/events/index.ts';
import { Statistics } from './statistics.ts';

function setUp() {
  const clock = new VirtualClock();
  const statistics = new Statistics(clock, () => 4, { usage: () => ({ total: 10_000, inUse: 16 }) });
  const end = (facts: Partial<EndedCall>) => statistics.handle({ type: 'call.ended', at: 0, call: endedCall(facts) });
  return { clock, statistics, end };
}
const ending = (status: 'failed' | 'busy' | 'completed') =>
  ({ party: 'callee', status, reason: 'error', sipStatus: 500, q850: 41, text: '' }) as const;

test('before the first call the success rate is 100 and the average duration is not measured', () => {
  const { clock, statistics } = setUp();
  clock.advance(61_999);
  expect(statistics.read()).toEqual({
    active_calls: 4,
    total_calls: 0,
    failed_calls: 0,
    success_rate: 100,
    average_call_duration: null,
    port_pool: { total: 10_000, in_use: 16, utilization: 0.16 },
    uptime_seconds: 61,
  });
});

test('only calls of status failed are failures, and only answered calls have a duration', () => {
  const { statistics, end } = setUp();
  end({ durationMs: 10_000, ending: ending('completed') });
  end({ durationMs: 25_000, ending: ending('failed') }); // answered, then its media died
  end({ durationMs: 60_000, answeredAt: null, ending: ending('busy') });
  expect(statistics.read()).toMatchObject({
    total_calls: 3,
    failed_calls: 1,
    success_rate: 66.67,
    average_call_duration: 17.5,
  });
});
