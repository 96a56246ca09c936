/**
 * From what two legs have agreed on to what is done with each packet: what the other leg has agreed to as well is
 * relayed, with its number there.
 */
import { clockRates, payloadMap } from '../sdp/index.ts';
import type { MediaLeg, MediaSessionSpec } from './engine.ts';
import type { RelayLegSpec, RelaySpec } from './relay.ts';

/** What becomes of a session. */
export interface SessionPlan {
  readonly relay: RelaySpec;
}

/** What is to be done, packet by packet, for a session to be as `spec` says. */
export function planOf({ id, legs: [a, b], idleTimeout }: MediaSessionSpec): SessionPlan {
  return { relay: { id, idleTimeout, legs: [relayed(a, b), b && relayed(b, a)] } };
}

function relayed({ codecs, ptime, expected, ...leg }: MediaLeg, to: MediaLeg | null): RelayLegSpec {
  return { ...leg, payloadTypes: payloadMap(codecs, to?.codecs ?? []), clockRates: clockRates(codecs) };
}
