import type { EventBus, LegFacts, PbxEvent } from '../events/index.ts';

/** What has changed of an extension, named after the event package that tells it. */
export type Aspect = 'dialog' | 'presence';

/** What every extension is doing, as the events tell it: the calls of its phones, and whether it has any phone. */
export class ExtensionStates implements Disposable {
  /** Of extensions that have calls, their phones' ends of them by leg id. */
  readonly #legs = new Map<string, Map<string, LegFacts>>();
  readonly #isRegistered: (extension: string) => boolean;
  readonly #listeners: ((extension: string, aspect: Aspect) => void)[] = [];
  readonly #subscription: Disposable;

  constructor(events: EventBus, isRegistered: (extension: string) => boolean) {
    this.#isRegistered = isRegistered;
    this.#subscription = events.subscribe((event) => this.#on(event));
  }

  /** Calls `listener` when something has changed. */
  onChange(listener: (extension: string, aspect: Aspect) => void): void {
    this.#listeners.push(listener);
  }

  /** Extensions that have calls. */
  get busy(): number {
    return this.#legs.size;
  }

  /** The live calls of the extension's phones, in the order in which they began. */
  dialogsOf(extension: string): readonly LegFacts[] {
    return [...(this.#legs.get(extension)?.values() ?? [])];
  }

  /** Whether somebody there speaks, or is calling: a phone that only rings is not spoken on. */
  onThePhone(extension: string): boolean {
    return this.dialogsOf(extension).some(({ state, direction }) => state === 'confirmed' || direction === 'initiator');
  }

  isRegistered(extension: string): boolean {
    return this.#isRegistered(extension);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #on(event: PbxEvent): void {
    switch (event.type) {
      case 'leg.changed':
        return this.#onLeg(event.leg);
      case 'registration.added':
        return this.#tell(event.registration.user, 'presence');
      case 'registration.removed':
        // The binding that takes its place comes next; between the two the extension is not gone.
        if (event.cause === 'replaced' || this.#isRegistered(event.registration.user)) return;
        this.#tell(event.registration.user, 'presence');
    }
  }

  #onLeg(leg: LegFacts): void {
    const { extension, legId, state } = leg;
    const talking = this.onThePhone(extension);
    const legs = this.#legs.get(extension) ?? new Map<string, LegFacts>();
    if (state === 'terminated') legs.delete(legId);
    else legs.set(legId, leg);
    if (legs.size > 0) this.#legs.set(extension, legs);
    else this.#legs.delete(extension);
    this.#tell(extension, 'dialog');
    if (talking !== this.onThePhone(extension)) this.#tell(extension, 'presence');
  }

  #tell(extension: string, aspect: Aspect): void {
    for (const listener of this.#listeners) listener(extension, aspect);
  }
}
