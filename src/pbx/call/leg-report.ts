import { type Clock, type Random, randomToken } from '../../base/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import type { EventBus, LegFacts } from '../events/index.ts';
import { nobody } from './identity.ts';

/** Tells the event bus whenever something about one phone's end of a call changes, and once that it is over. */
export class LegReport implements Disposable {
  readonly #events: EventBus;
  readonly #clock: Clock;
  /** Whether lamps of the phone are not to tell to whom it speaks: it wants to be unknown to that one. */
  readonly #anonymous: boolean;
  #facts: LegFacts;

  /** The phone calls or is called from now on. */
  constructor(
    { events, clock, random }: { readonly events: EventBus; readonly clock: Clock; readonly random: Random },
    facts: Pick<LegFacts, 'callId' | 'extension' | 'direction' | 'dialog' | 'remote'>,
    anonymous = false,
  ) {
    this.#anonymous = anonymous;
    this.#events = events;
    this.#clock = clock;
    const { remote } = facts;
    this.#facts = {
      ...facts,
      remote: this.#shown(remote),
      legId: randomToken(random, 16),
      state: 'trying',
      onHold: false,
    };
    this.#publish();
  }

  get facts(): LegFacts {
    return this.#facts;
  }

  update(change: Partial<Pick<LegFacts, 'callId' | 'state' | 'remote' | 'onHold' | 'dialog'>>): void {
    if (this.#facts.state === 'terminated') return;
    const before = this.#facts;
    this.#facts = { ...before, ...change, remote: this.#shown(change.remote ?? before.remote) };
    if (!sameFacts(before, this.#facts)) this.#publish();
  }

  [Symbol.dispose](): void {
    this.update({ state: 'terminated' });
  }

  #shown(remote: LegFacts['remote']): LegFacts['remote'] {
    return this.#anonymous ? nobody : remote;
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
