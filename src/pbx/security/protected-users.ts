import { type Address, type Clock, sameAddress } from '../../base/index.ts';
import type { Flow, TransportName } from '../../sip/transport/index.ts';
import { sourceOf } from './source.ts';

/** Who is registered, and where its phone is. */
export interface Registration {
  readonly user: string;
  readonly transport: TransportName;
  readonly source: Address;
}

/** How long what was found among the registrations is believed, in ms: banned peers must not make us look at each datagram. */
const freshness = 1000;

/** The users with a live registration at a banned source: nobody bans them from where they are. */
export class ProtectedUsers {
  readonly #clock: Clock;
  readonly #registrations: () => Iterable<Registration>;
  readonly #isBanned: (source: string) => boolean;
  #found = new Map<string, Map<string, Registration[]>>();
  #foundAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, registrations: () => Iterable<Registration>, isBanned: (source: string) => boolean) {
    this.#clock = clock;
    this.#registrations = registrations;
    this.#isBanned = isBanned;
  }

  /** Whether anybody is registered at this banned source. */
  anyAt(source: string): boolean {
    return this.#fresh().has(source);
  }

  has(source: string, user: string): boolean {
    return this.#fresh().get(source)?.has(user) ?? false;
  }

  /** Whether `user` has registered over this very flow. */
  usesFlow(source: string, user: string, { transport, remote }: Flow): boolean {
    const registrations = this.#fresh().get(source)?.get(user) ?? [];
    return registrations.some((one) => one.transport === transport && sameAddress(one.source, remote));
  }

  /** Looks again at the next question: another source is banned. */
  refresh(): void {
    this.#foundAt = Number.NEGATIVE_INFINITY;
  }

  #fresh(): ReadonlyMap<string, ReadonlyMap<string, readonly Registration[]>> {
    const now = this.#clock.now();
    if (now - this.#foundAt < freshness) return this.#found;
    this.#foundAt = now;
    this.#found = new Map();
    for (const registration of this.#registrations()) {
      const source = sourceOf(registration.source.address);
      if (!this.#isBanned(source)) continue;
      const users = this.#found.get(source) ?? new Map<string, Registration[]>();
      this.#found.set(source, users);
      users.set(registration.user, [...(users.get(registration.user) ?? []), registration]);
    }
    return this.#found;
  }
}
