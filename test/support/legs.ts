import type { LegFacts } from '../../src/pbx/events/index.ts';
import type { World } from '../world/world.ts';

/** Says that a phone's end of a call is in this state: of 1002, whom 1001 (Alice) calls, unless told otherwise. */
export function leg(world: World, state: LegFacts['state'], facts: Partial<LegFacts> = {}): void {
  world.exchange.events.publish({
    type: 'leg.changed',
    at: world.clock.wall(),
    leg: {
      legId: 'leg1',
      callId: 'call1',
      extension: '1002',
      direction: 'recipient',
      state,
      dialog: { sipCallId: 'abc@pbx', ourTag: 'ours', phoneTag: 'phones' },
      remote: { number: '1001', displayName: 'Alice' },
      onHold: false,
      ...facts,
    },
  });
}
