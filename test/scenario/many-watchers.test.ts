import { describe, expect, test } from 'vitest';
import { drain } from '../../src/app/drain.ts';
import { silentLog } from '../../src/base/index.ts';
import { leg } from '../support/legs.ts';
import { lamp } from '../world/lamp.ts';
import type { PhoneWatch } from '../world/phone-watch.ts';
import { World } from '../world/world.ts';

const watchers = 5000;
/** The state that a document with one dialog tells; five thousand are not parsed in full. */
const stateIn = (body: string): string | undefined => /<state>(\w+)</.exec(body)?.[1];

const users = Array.from({ length: 50 }, (_, index) => String(1001 + index));

/** The greatest number of NOTIFYs that left within 100 ms. */
function busiest(times: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const time of times) counts.set(Math.floor(time / 100), (counts.get(Math.floor(time / 100)) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

/** A world in which 50 phones have 100 subscriptions each to the calls of 1002. */
async function crowd(): Promise<{
  readonly world: World;
  readonly watches: readonly PhoneWatch[];
  readonly sent: number[];
}> {
  const world = await World.start({ users, config: { registrar: { auth: 'none' } } });
  const watches: PhoneWatch[] = [];
  for (const number of users) {
    const phone = await world.phone(number);
    for (let index = 0; index < watchers / users.length; index++) watches.push(phone.subscribe('1002', 'dialog'));
    world.run(10);
  }
  world.run(1000);
  const sent: number[] = [];
  world.exchange.transport.watch((direction, message) => {
    if (direction === 'out' && message.kind === 'request') sent.push(world.clock.now());
  });
  return { world, watches, sent };
}

describe(`${watchers} watchers of one extension`, { timeout: 120_000 }, () => {
  test('are told in turn, at most 1,000 a second, each the state of its moment; nothing is left when all have expired', async () => {
    const { world, watches, sent } = await crowd();
    await using _ = world;
    expect(world.exchange.notifier.count).toBe(watchers);
    expect([...world.exchange.notifier.byPackage()]).toContainEqual(['dialog', watchers]);
    leg(world, 'early');
    world.run(2000);
    expect(busiest(sent)).toBeLessThanOrEqual(100);
    expect(sent.length).toBeLessThanOrEqual(2020);
    leg(world, 'confirmed');
    world.run(6000);
    const stories = watches.map(({ notifications }) => notifications.map(({ body }) => stateIn(body)).slice(1));
    expect(stories.every((story) => story.at(-1) === 'confirmed')).toBe(true);
    // Who had not been told that it rings was told at once that it is answered.
    expect(stories.filter((story) => story.length === 1).length).toBeGreaterThan(2900);
    expect(busiest(sent)).toBeLessThanOrEqual(100);
    leg(world, 'terminated');
    world.run(6000);
    expect(sent).toHaveLength(stories.flat().length + watchers);
    world.run(600_000);
    expect(watches.every(({ last }) => last.state === 'terminated')).toBe(true);
    expect([...world.exchange.notifier.byPackage().values()].every((count) => count === 0)).toBe(true);
    world.settles();
  });

  test('are told in turn that the exchange stops, as long as there is time for it', async () => {
    const { world, watches, sent } = await crowd();
    await using _ = world;
    world.exchange.notifier.shutDown();
    expect(world.exchange.notifier.count).toBe(0);
    world.run(1990);
    expect(sent.length).toBeGreaterThan(1900);
    expect(busiest(sent)).toBeLessThanOrEqual(100);
    const told = watches.filter(({ last }) => last.state === 'terminated');
    expect(told.every(({ last }) => last.reason === 'deactivated')).toBe(true);
    expect(told.length).toBeGreaterThan(1900);
    world.run(5000);
    world.settles();
  });
});

test('while the exchange stops, nobody begins to watch: 503 with Retry-After', async () => {
  await using world = await World.start();
  const watch = await lamp(world);
  const stopped = drain({
    calls: world.exchange.calls,
    notifier: world.exchange.notifier,
    userAgent: world.exchange.userAgent,
    clock: world.clock,
    log: silentLog,
    timeoutMs: 1000,
    hurry: new AbortController().signal,
  });
  await Promise.resolve();
  for (let turn = 0; turn < 20; turn++) {
    world.run(20);
    await Promise.resolve();
  }
  await stopped;
  expect(watch.last).toMatchObject({ state: 'terminated', reason: 'deactivated' });
  const late = watch.phone.subscribe('1002', 'dialog');
  world.run(100);
  expect(late.statuses).toEqual([503]);
  expect(late.response?.headers.get('Retry-After')).toBe('60');
  world.settles();
});
