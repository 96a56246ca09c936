import type { LegFacts, PbxEvent } from '../../src/pbx/events/index.ts';

const order: readonly LegFacts['state'][] = ['trying', 'early', 'confirmed', 'terminated'];

/** The ends of calls as the exchange reports them: each goes forward only, stays what it is, and ends. */
export class LegBook {
  readonly #accuse: (fault: string) => void;
  readonly #legs = new Map<string, LegFacts>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  happen(event: PbxEvent): void {
    if (event.type !== 'leg.changed') return;
    const { leg } = event;
    const before = this.#legs.get(leg.legId);
    this.#legs.set(leg.legId, leg);
    if (!before) return;
    if (before.state === 'terminated' || order.indexOf(leg.state) < order.indexOf(before.state)) {
      this.#accuse(`leg ${leg.legId} goes from ${before.state} to ${leg.state}`);
    }
    for (const fact of ['extension', 'direction'] as const) {
      if (leg[fact] !== before[fact]) this.#accuse(`leg ${leg.legId} has ${fact} ${before[fact]}, then ${leg[fact]}`);
    }
    if (leg.dialog.sipCallId !== before.dialog.sipCallId) this.#accuse(`leg ${leg.legId} is another dialog`);
  }

  conclude(calls: ReadonlySet<string>): void {
    for (const { legId, state, callId } of this.#legs.values()) {
      if (state !== 'terminated') this.#accuse(`leg ${legId} of call ${callId} is ${state} at the end`);
      if (!calls.has(callId)) this.#accuse(`leg ${legId} is of call ${callId}, which there never was`);
    }
  }
}
