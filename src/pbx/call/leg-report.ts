import { type Clock, type Random, randomToken } from '../../base/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import type { EventBus, LegFacts } from '../events/index.ts';

/** Tells the event bus whenever something about one phone's end of a call changes, and once that it is over. */
export class LegReport implements Disposable {
  readonly #events: EventBus;
  readonly #clock: Clock;
  #facts: LegFacts;

  /** The phone calls or is called from now on. */
  constructor(
    { events, clock, random }: { readonly events: EventBus; readonly clock: Clock; readonly random: Random },
    facts: Pick<LegFacts, 'callId' | 'extension' | 'direction' | 'dialog' | 'remote'>,
  ) {
    this.#events = events;
    this.#clock = clock;
    this.#facts = { ...facts, legId: randomToken(random, 16), state: 'trying', onHold: false };
    this.#publish();
  }

  get facts(): LegFacts {
    return this.#facts;
  }

  update(change: Partial<Pick<LegFacts, 'callId' | 'state' | 'remote' | 'onHold' | 'dialog'>>): void {
    if (this.#facts.state === 'terminated') return;
    const before = this.#facts;
    this.#facts = { ...before, ...change };
    if (!sameFacts(before, this.#facts)) this.#publish();
  }

  [Symbol.dispose](): void {
    this.update({ state: 'terminated' });
  }

  #publish(): void {
    this.#events.publish({ type: 'leg.changed', at: this.#clock.wall(), leg: this.#facts });
  }
}

/** What tells a dialog from all others. */
export function dialogFacts({ state }: Dialog): LegFacts['dialog'] {
  return { sipCallId: state.callId, ourTag: state.localTag, phoneTag: state.remoteTag };
}

function sameFacts(a: LegFacts, b: LegFacts): boolean {
  return (
    a.state === b.state &&
    a.onHold === b.onHold &&
    a.callId === b.callId &&
    a.dialog.ourTag === b.dialog.ourTag &&
    a.dialog.phoneTag === b.dialog.phoneTag &&
    a.remote.number === b.remote.number &&
    a.remote.displayName === b.remote.displayName
  );
}
