import type { Address } from '../../base/index.ts';
import type { TransportName } from '../../sip/transport/index.ts';

/** One contact at which a user can be reached (RFC 3261 §10): plain data, so that it survives a restart. */
export interface Binding {
  /** `user@realm`, the same for whichever of our host names the phone used. */
  readonly aor: string;
  /** The user part of the AOR: the extension's number. */
  readonly user: string;
  /** Tells bindings of one AOR apart: the instance and reg-id where the phone gives them, else the Contact URI. */
  readonly key: string;
  /** The Contact URI as received: the Request-URI of whatever is sent to it. */
  readonly contact: string;
  /** `+sip.instance` without its angle brackets, or null. */
  readonly instance: string | null;
  /** 0 to 1000: the q value times 1000. */
  readonly q: number;
  readonly callId: string;
  readonly cseq: number;
  /** Wall time in ms. */
  readonly expiresAt: number;
  readonly registeredAt: number;
  /** Path of RFC 3327 as Route values, outermost first. */
  readonly path: readonly string[];
  readonly userAgent: string | null;
  /**
   * Where the phone is reached, which is where its REGISTER came from or another port of that host, and where the
   * REGISTER arrived: with them a UDP flow is made again after a restart.
   */
  readonly transport: TransportName;
  readonly source: Address;
  readonly local: Address;
  /** Whether the phone is behind a NAT: kept alive, and reached only on its flow. */
  readonly nat: boolean;
}

/**
 * Where bindings are kept beyond the life of the process. The registrar reads all at start and answers from
 * memory; what it tells the store afterwards is written in the order told, later, and never waited for.
 */
export interface BindingStore {
  load(): Promise<readonly Binding[]>;
  save(binding: Binding): void;
  remove(aor: string, key: string): void;
}
