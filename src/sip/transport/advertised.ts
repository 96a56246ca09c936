import { type Address, sameAddress } from '../../base/index.ts';
import type { Advertise } from './transport.ts';

/** What peers were told about where a listener is, and remembers it: these addresses are ours too. */
export class Advertised {
  readonly #advertise: Advertise;
  readonly #known: Address[] = [];

  /** Without `advertise`, peers are told the listener's own address. */
  constructor(advertise: Advertise = (local) => local) {
    this.#advertise = advertise;
  }

  /** Every address told so far that is not the listener's own. */
  get known(): readonly Address[] {
    return this.#known;
  }

  /** The address that `remote` is told for the listener at `local`. */
  address(local: Address, remote: Address): Address {
    const address = this.#advertise(local, remote);
    if (!sameAddress(address, local) && !this.#known.some((known) => sameAddress(known, address))) {
      this.#known.push(address);
    }
    return address;
  }
}
