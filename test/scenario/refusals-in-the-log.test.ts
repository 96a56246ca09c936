import { expect, test } from 'vitest';
import { type Log, silentLog } from '../../src/base/index.ts';
import { World } from '../world/world.ts';

test('what is refused and is no call can be found in the log at DEBUG: from where, with which status, and why', async () => {
  const lines: unknown[] = [];
  const log: Log = {
    ...silentLog,
    debug: (message, fields) => message === 'request refused' && lines.push(fields),
    child: () => log,
  };
  await using world = await World.start({ log });
  const alice = await world.registered('1001');
  const calls = [
    alice.call('**1002'),
    alice.call('1002', { headers: { Require: 'gruu' } }),
    alice.call('1002', { headers: { 'Max-Forwards': '0' } }),
    alice.call('1002', { headers: { Replaces: 'x;to-tag=y;from-tag=z' } }),
    alice.call('1002', { headers: { 'Content-Type': 'text/plain' } }),
  ];
  world.run(200);
  const refused = [480, 420, 483, 481, 415];
  expect(calls.map(({ statuses }) => statuses.at(-1))).toEqual(refused);
  const of = (i: number) =>
    lines.filter((line) => (line as { readonly sip_call_id: string }).sip_call_id === calls[i]?.callId);
  refused.forEach((status, i) => {
    const reason = expect.stringMatching(/\w/);
    expect(of(i)).toMatchObject([{ method: 'INVITE', status, remote: `${alice.address}:5060`, reason }]);
  });
  expect(of(0)).toMatchObject([{ reason: 'Nothing To Pick Up' }]);
  world.settles();
  expect(world.cdrs).toEqual([]);
});
