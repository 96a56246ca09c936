import { dialogStates } from '../support/dialog-info.ts';
import { leg } from '../support/legs.ts';
import type { PhoneWatch, WatchWishes } from './phone-watch.ts';
import type { World } from './world.ts';

type PhoneWishes = NonNullable<Parameters<World['phone']>[1]>;

/** A phone of 1001 that watches the calls of 1002 and has been told once that there is none. */
export async function lamp(world: World, options: PhoneWishes & WatchWishes = {}): Promise<PhoneWatch> {
  const { expires = 600, headers = {}, ...phone } = options;
  const alice = await world.phone('1001', phone);
  const watch = alice.subscribe('1002', 'dialog', { expires, headers });
  world.run(100);
  if (watch.notifications.length !== 1) throw new Error(`1001 heard ${alice.log.join(' ')}`);
  return watch;
}

/** Gives a subscription up, so that nothing is left of it. */
export function unsubscribe(world: World, watch: PhoneWatch): void {
  watch.subscribe({ expires: 0 });
  world.run(100);
}

/** The call of 1002 that a lamp shows ends; some time later the subscription does, and nothing is left of either. */
export function callEnds(world: World, watch: PhoneWatch, facts: Parameters<typeof leg>[2] = {}): void {
  leg(world, 'terminated', facts);
  world.run(2000);
  unsubscribe(world, watch);
  world.settles();
}

/** The states that the NOTIFYs have told, in order, one text each. */
export const story = (watch: PhoneWatch): readonly string[] =>
  watch.notifications.map(({ body }) => dialogStates(body));
