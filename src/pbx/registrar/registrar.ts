import { type Address, type Clock, dateHeader, type Log, sameAddress } from '../../base/index.ts';
import {
  Contact,
  createResponse,
  Expires,
  Path,
  SipError,
  type SipRequest,
  type SipResponse,
  type SipUri,
  sameUri,
} from '../../sip/message/index.ts';
import type { Flow, TransportName } from '../../sip/transport/index.ts';
import type { EventBus, PbxEvent } from '../events/index.ts';
import { contactUri, formatContact, type RegisteredContact, readContact } from './contact.ts';
import type { Binding, BindingStore } from './location-store.ts';
import { type Entry, MemoryLocationStore } from './memory-location-store.ts';
import { isBehindNat, reachedAt } from './nat.ts';

/** Times in s. */
export interface RegistrarConfig {
  /** A shorter wish is refused with 423. */
  readonly minExpires: number;
  readonly defaultExpires: number;
  /** A longer wish is shortened to it. */
  readonly maxExpires: number;
  /** What UDP phones behind a NAT get at most, so that the NAT's mapping does not outlive itself unnoticed. */
  readonly natMaxExpires: number;
  /** Contacts of one AOR. */
  readonly maxContacts: number;
}

export interface RegistrarOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventBus;
  readonly store: BindingStore;
  readonly config: RegistrarConfig;
  readonly realm: string;
  /** Whether a host name means this exchange. */
  readonly isOwnHost: (host: string) => boolean;
  /** A phone that gave `contact` and was reached over `from` is reached over `to` now. */
  readonly onMoved?: (contact: SipUri, from: Flow, to: Flow) => void;
  readonly flows: { flowTo(transport: TransportName, remote: Address, local?: Address): Flow | null };
}

/** A binding and the way to it: whatever is sent to the phone leaves on this flow. */
export interface ReachableBinding {
  readonly binding: Binding;
  readonly flow: Flow;
}

type RemovalCause = Extract<PbxEvent, { type: 'registration.removed' }>['cause'];

/** What a REGISTER wants one binding to be. */
interface Update {
  readonly contact: RegisteredContact;
  /** s */
  readonly expires: number;
  readonly nat: boolean;
  /** Route values, outermost first. */
  readonly path: readonly string[];
  /** The bindings whose place it takes. */
  readonly replaces: readonly Entry[];
}

/**
 * Where users are: the registrar and location service of RFC 3261 §10.3, from after authentication. All is answered
 * from memory and written to the store behind the phones' backs. A binding lives until it expires, is removed or
 * replaced, its connection ends, or it stops answering.
 */
export class Registrar implements Disposable {
  readonly #options: RegistrarOptions;
  readonly #entries: MemoryLocationStore;
  readonly #natListeners = new Set<() => void>();

  constructor(options: RegistrarOptions) {
    this.#options = options;
    this.#entries = new MemoryLocationStore(options.clock, (entry) => this.#onRemoved(entry, 'expired'));
  }

  /**
   * Takes up the bindings of the last run; to be awaited before phones are heard. Those that expired meanwhile end as
   * such. Phones with a connection can't be reached until they register again.
   */
  async load(): Promise<void> {
    const { clock, store, realm, config, log } = this.#options;
    for (const binding of await store.load()) {
      const left = binding.expiresAt - clock.wall();
      const uri = readable(binding);
      if (left <= 0 || !uri || binding.aor !== `${binding.user}@${realm}`) {
        store.remove(binding.aor, binding.key);
        this.#publishRemoved(binding, 'expired');
        continue;
      }
      const deadline = clock.now() + Math.min(left, config.maxExpires * 1000);
      this.#put({ binding, uri, deadline, flow: null, released: null });
    }
    log.info('bindings loaded', { bindings: this.count });
  }

  /**
   * Does what a REGISTER of the authenticated `user`, come over `flow`, asks for, and makes the 200 that lists the
   * user's bindings. `toTag` is the tag of the response. Nothing is changed by a REGISTER that is refused.
   *
   * Throws SipError 400 (a `*` or Contact that can't be), 403 (another user's AOR, or one contact more than
   * `maxContacts`: the phone is to give up, where 503 would make it and its proxies avoid the whole exchange), 404
   * (To is no AOR of ours), 423 with Min-Expires, 500 (out of order); SipSyntaxError for fields that can't be read.
   *
   * Path is stored and echoed whether or not the phone says `Supported: path`; RFC 3327 §5.3 leaves that to us.
   */
  register(request: SipRequest, flow: Flow, user: string, toTag: string | null = null): SipResponse {
    this.#checkAddressOfRecord(request, user);
    this.#entries.clear(user);
    const contacts = request.headers.all(Contact);
    if (contacts.includes('*')) this.#removeAll(request, user, contacts.length);
    else if (contacts.length > 0) {
      this.#update(request, flow, user, contacts.filter((contact) => contact !== '*').map(readContact));
    }
    return this.#answer(request, user, toTag);
  }

  /** The ways to `user`, the preferred first (q, then the youngest). Empty when the user can't be reached. */
  lookup(user: string): readonly ReachableBinding[] {
    const reachable: ReachableBinding[] = [];
    for (const entry of this.#entries.entriesOf(user)) {
      const flow = this.#flowOf(entry);
      if (flow) reachable.push({ binding: entry.binding, flow });
    }
    return reachable.sort((a, b) => b.binding.q - a.binding.q || b.binding.registeredAt - a.binding.registeredAt);
  }

  /** Whether `user` is registered, reachable at this moment or not: a phone may have to connect again after a restart. */
  knows(user: string): boolean {
    return this.#entries.entriesOf(user).length > 0;
  }

  /** Whether `user` can be reached. */
  registered(user: string): boolean {
    return this.#entries.entriesOf(user).some((entry) => this.#flowOf(entry) !== null);
  }

  /** How many bindings there are, of all users; those that wait for a connection after a restart included. */
  get count(): number {
    return this.#entries.size;
  }

  all(): readonly Binding[] {
    return this.#entries.all().map(({ binding }) => binding);
  }

  /** UDP phones behind a NAT, whose mapping must be kept alive. */
  natBindings(): readonly ReachableBinding[] {
    const found: ReachableBinding[] = [];
    for (const entry of this.#entries.all()) {
      const flow = isKeptAlive(entry.binding) ? this.#flowOf(entry) : null;
      if (flow) found.push({ binding: entry.binding, flow });
    }
    return found;
  }

  /** Calls `listener` whenever a binding comes or is refreshed that belongs to `natBindings`. */
  onNatBinding(listener: () => void): Disposable {
    this.#natListeners.add(listener);
    return { [Symbol.dispose]: () => this.#natListeners.delete(listener) };
  }

  /** Removes a binding that answers no more; nothing happens when it was refreshed or replaced meanwhile. */
  removeUnreachable(binding: Binding): void {
    const entry = this.#entries.get(binding.user, binding.key);
    if (entry?.binding === binding) this.#drop(entry, 'unreachable');
  }

  /** Lets go of connections and timer. The store keeps the bindings for the next run. */
  [Symbol.dispose](): void {
    this.#entries[Symbol.dispose]();
  }

  /** RFC 3261 §10.3 steps 4 and 5. */
  #checkAddressOfRecord({ to: { uri } }: SipRequest, user: string): void {
    if (uri.kind === 'sip' && uri.user !== user) throw new SipError(403, "Not This User's Address");
    if (uri.kind !== 'sip' || !this.#options.isOwnHost(uri.host)) throw new SipError(404, 'Not a Domain of Ours');
  }

  /** `Contact: *` (RFC 3261 §10.3 step 6). */
  #removeAll(request: SipRequest, user: string, contacts: number): void {
    if (contacts > 1 || request.headers.first(Expires) !== 0) throw new SipError(400, 'Contact * Needs Expires 0');
    const entries = this.#entries.entriesOf(user);
    if (isRepetition(request, entries)) return;
    for (const entry of entries) this.#drop(entry, 'unregistered');
  }

  /** RFC 3261 §10.3 step 7: first all is checked, then all is done. */
  #update(request: SipRequest, flow: Flow, user: string, contacts: readonly RegisteredContact[]): void {
    const { config } = this.#options;
    const before = this.#entries.entriesOf(user);
    const header = request.headers.first(Expires) ?? null;
    const path = request.headers.all(Path).map((value) => Path.format(value));
    const kept = new Set(before);
    const updates = new Map<string, Update>();
    const removed = new Set<Entry>();

    for (const contact of contacts) {
      const replaces = before.filter((entry) => isSame(entry, contact));
      if (isRepetition(request, replaces)) return;
      for (const entry of replaces) kept.delete(entry);
      const expires = wanted(contact, header, config);
      if (expires === 0) {
        for (const entry of replaces) removed.add(entry);
        updates.delete(contact.key);
        continue;
      }
      if (expires < config.minExpires) {
        const headers = { 'Min-Expires': String(config.minExpires) };
        throw new SipError(423, 'Interval Too Brief', { headers });
      }
      const nat = isBehindNat(request, contact.uri, flow);
      const longest =
        nat && flow.transport === 'udp' ? Math.min(config.natMaxExpires, config.maxExpires) : config.maxExpires;
      updates.set(contact.key, { contact, expires: Math.min(expires, longest), nat, path, replaces });
    }
    const size = kept.size + updates.size;
    if (size > config.maxContacts && size > before.length) throw new SipError(403, 'Too Many Contacts');
    // A connection that ended while its REGISTER was judged can't carry a binding; nobody will hear the answer.
    if (flow.reliable && flow.closed && updates.size > 0) throw new SipError(503, 'Connection Lost');

    for (const entry of removed) this.#drop(entry, 'unregistered');
    for (const update of updates.values()) this.#bind(request, flow, user, update);
  }

  #bind(request: SipRequest, flow: Flow, user: string, { contact, expires, nat, path, replaces }: Update): void {
    const { clock, realm, store, log, flows } = this.#options;
    const source = reachedAt(request, contact.uri, flow);
    const known = replaces.find((entry) => this.#entries.holds(entry) && sameUri(entry.uri, contact.uri));
    const binding: Binding = {
      aor: `${user}@${realm}`,
      user,
      key: contact.key,
      contact: contact.text,
      instance: contact.instance,
      q: contact.q,
      callId: request.callId,
      cseq: request.cseq.number,
      expiresAt: clock.wall() + expires * 1000,
      registeredAt: known?.binding.registeredAt ?? clock.wall(),
      path,
      userAgent: request.headers.get('User-Agent')?.slice(0, 256) ?? null,
      transport: flow.transport,
      source,
      local: flow.local,
      nat,
    };
    const entry: Entry = {
      binding,
      uri: contact.uri,
      deadline: clock.now() + expires * 1000,
      flow: sameAddress(source, flow.remote) ? flow : flows.flowTo(flow.transport, source, flow.local),
      // The new hold is taken before the old one is let go, so that the connection is never idle between.
      released: flow.reliable ? this.#keep(flow, () => this.#drop(entry, 'flow_lost')) : null,
    };

    for (const old of replaces) {
      if (!sameUri(old.uri, contact.uri)) this.#drop(old, 'replaced');
      else if (this.#entries.take(old) && old.binding.key !== binding.key) store.remove(binding.aor, old.binding.key);
    }
    this.#put(entry);
    store.save(binding);
    for (const { uri, flow: before } of replaces) {
      if (before && entry.flow && before.id !== entry.flow.id) this.#options.onMoved?.(uri, before, entry.flow);
    }
    if (known) return;
    log.info('binding added', { user, contact: binding.contact, transport: binding.transport, nat });
    this.#options.events.publish({ type: 'registration.added', at: clock.wall(), registration: factsOf(binding) });
  }

  #keep(flow: Flow, onClose: () => void): Disposable {
    const stack = new DisposableStack();
    stack.use(flow.hold());
    stack.use(flow.onClose(onClose));
    return stack;
  }

  /** RFC 3261 §10.3 step 8, RFC 3327 §5.3. */
  #answer(request: SipRequest, user: string, toTag: string | null): SipResponse {
    const { clock } = this.#options;
    const response = createResponse(request, 200, { toTag });
    for (const { binding, uri, deadline } of this.#entries.entriesOf(user)) {
      response.headers.add('Contact', formatContact(binding, uri, Math.ceil((deadline - clock.now()) / 1000)));
    }
    for (const value of request.headers.getAll('Path')) response.headers.add('Path', value);
    response.headers.set('Date', dateHeader(clock.wall()));
    return response;
  }

  #flowOf(entry: Entry): Flow | null {
    if (entry.flow && !entry.flow.closed) return entry.flow;
    const { transport, source, local } = entry.binding;
    if (transport === 'udp') entry.flow = this.#options.flows.flowTo('udp', source, local);
    return transport === 'udp' ? entry.flow : null;
  }

  #put(entry: Entry): void {
    this.#entries.put(entry);
    if (isKeptAlive(entry.binding)) for (const listener of this.#natListeners) listener();
  }

  #drop(entry: Entry, cause: RemovalCause): void {
    if (this.#entries.take(entry)) this.#onRemoved(entry, cause);
  }

  #onRemoved({ binding }: Entry, cause: RemovalCause): void {
    this.#options.store.remove(binding.aor, binding.key);
    this.#publishRemoved(binding, cause);
  }

  #publishRemoved(binding: Binding, cause: RemovalCause): void {
    const { events, clock, log } = this.#options;
    log.info('binding removed', { user: binding.user, contact: binding.contact, cause });
    events.publish({ type: 'registration.removed', at: clock.wall(), registration: factsOf(binding), cause });
  }
}

/**
 * Whether a held binding and a contact are one: the same instance and reg-id, or, where one of them has no instance,
 * equal URIs (RFC 3261 §19.1.4). The equality is not transitive, so a contact may be one with several.
 */
function isSame({ binding, uri }: Entry, contact: RegisteredContact): boolean {
  if (binding.key === contact.key) return true;
  return (binding.instance === null || contact.instance === null) && sameUri(uri, contact.uri);
}

/**
 * Whether `request` was done already: it repeats the CSeq that made one of `entries`. Throws SipError 500 when it
 * is older than that (RFC 3261 §10.3 steps 6 and 7). REGISTERs with another Call-ID know no order.
 */
function isRepetition(request: SipRequest, entries: readonly Entry[]): boolean {
  const ordered = entries.filter(({ binding }) => binding.callId === request.callId);
  const cseq = request.cseq.number;
  if (ordered.some(({ binding }) => cseq < binding.cseq)) throw new SipError(500, 'CSeq Out of Order');
  return ordered.some(({ binding }) => cseq === binding.cseq);
}

/** The interval asked for, in s; an `expires` that can't be read counts as none given (RFC 3261 §20.10). */
function wanted(contact: RegisteredContact, header: number | null, config: RegistrarConfig): number {
  if (contact.expires === 'malformed') return config.defaultExpires;
  return contact.expires ?? header ?? config.defaultExpires;
}

const isKeptAlive = ({ nat, transport }: Binding) => nat && transport === 'udp';

/** The Contact URI of a stored binding; `null` where the store has gone bad. */
function readable(binding: Binding): SipUri | null {
  try {
    return contactUri(binding.contact);
  } catch {
    return null;
  }
}

function factsOf({ aor, user, contact, transport, source, userAgent, expiresAt }: Binding) {
  return { aor, user, contact, transport, sourceIp: source.address, userAgent, expiresAt };
}
