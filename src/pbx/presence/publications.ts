import { type Clock, type Log, type Random, randomToken, type Timer } from '../../base/index.ts';
import { ContentType, Event, Expires, SipError, type SipRequest } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Admit, UserAgent } from '../../sip/ua/index.ts';
import type { Directory } from '../directory/index.ts';
import { dialledNumber } from '../routing/index.ts';
import { grantedExpires } from './granted-expires.ts';
import { type PublishedState, readPublished } from './published-state.ts';

export interface PublicationsOptions {
  readonly userAgent: UserAgent;
  readonly admit: Admit;
  readonly directory: Pick<Directory, 'extension' | 'isOwnHost'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What an extension is said to do is something else now. */
  readonly onChange: (extension: string) => void;
}

interface Publication {
  /** The entity-tag of its latest state. */
  etag: string;
  state: PublishedState;
  expiry: Timer;
}

const largestBody = 16_384;

/** Of one extension; one more takes the place of the oldest, which a phone that crashed has left behind. */
const maxPublications = 8;

/**
 * What phones say of their users, as an event state compositor keeps it (RFC 3903 §6): each extension only of itself.
 * Nothing of it outlives a restart: a phone that is told 412 says it again.
 */
export class Publications implements Disposable {
  readonly #options: PublicationsOptions;
  /** Of each extension, the oldest first. */
  readonly #publications = new Map<string, Set<Publication>>();

  constructor(options: PublicationsOptions) {
    this.#options = options;
    options.userAgent.handle('PUBLISH', (transaction) => this.#onPublish(transaction));
  }

  /** What the phones of `extension` say, the oldest first. */
  of(extension: string): readonly PublishedState[] {
    return [...(this.#publications.get(extension) ?? [])].map(({ state }) => state);
  }

  /** Forgets everything. */
  [Symbol.dispose](): void {
    for (const publications of this.#publications.values()) for (const { expiry } of publications) expiry.cancel();
    this.#publications.clear();
  }

  #onPublish(transaction: ServerTransaction): void {
    const { userAgent, admit, random, onChange } = this.#options;
    const { request } = transaction;
    const user = admit(transaction);
    if (user === null) return;
    this.#checkAddress(request, user);
    if (request.headers.first(Event)?.type !== 'presence') {
      throw new SipError(489, 'Bad Event', { headers: { 'Allow-Events': 'presence' } });
    }
    const known = this.#matched(request, user);
    const seconds = grantedExpires(request.headers.first(Expires));
    const state = stateIn(request);
    if (!known && !state) throw new SipError(400, 'Nothing Published');

    const etag = randomToken(random, 16);
    if (seconds === 0) {
      if (known) this.#forget(user, known);
    } else if (known) {
      known.etag = etag;
      known.state = state ?? known.state;
      known.expiry.cancel();
      known.expiry = this.#expiry(user, known, seconds);
    } else if (state) {
      this.#add(user, state, etag, seconds);
    }
    transaction.respond(userAgent.response(transaction, 200, { 'SIP-ETag': etag, Expires: String(seconds) }));
    // A refresh changes nothing.
    if (state || seconds === 0) onChange(user);
  }

  /** RFC 3903 §6 step 1; only the user itself says what it does. */
  #checkAddress({ uri }: SipRequest, user: string): void {
    const { directory } = this.#options;
    if (uri.kind === 'sip' && !directory.isOwnHost(uri.host)) throw new SipError(404, 'Not a Domain of Ours');
    if (!directory.extension(user) || dialledNumber(uri) !== user) throw new SipError(403, "Not This User's Address");
  }

  /** The publication that SIP-If-Match means; undefined without that. Throws SipError 412 when there is none (§6 step 3). */
  #matched(request: SipRequest, user: string): Publication | undefined {
    const match = request.headers.get('SIP-If-Match');
    if (match === undefined) return undefined;
    const known = [...(this.#publications.get(user) ?? [])].find(({ etag }) => etag === match);
    if (!known) throw new SipError(412, 'Conditional Request Failed');
    return known;
  }

  #add(user: string, state: PublishedState, etag: string, seconds: number): void {
    const others = this.#publications.get(user) ?? new Set<Publication>();
    this.#publications.set(user, others);
    const [oldest] = others;
    if (oldest && others.size >= maxPublications) {
      oldest.expiry.cancel();
      others.delete(oldest);
    }
    const publication: Publication = { etag, state, expiry: { cancel: () => {} } };
    publication.expiry = this.#expiry(user, publication, seconds);
    others.add(publication);
  }

  #expiry(user: string, publication: Publication, seconds: number): Timer {
    const { clock, log, onChange } = this.#options;
    return clock.after(seconds * 1000, () => {
      log.debug('publication expired', { user });
      this.#forget(user, publication);
      onChange(user);
    });
  }

  #forget(user: string, publication: Publication): void {
    publication.expiry.cancel();
    const others = this.#publications.get(user);
    others?.delete(publication);
    if (others?.size === 0) this.#publications.delete(user);
  }
}

/** The state that a PUBLISH brings; null for a refresh, which has no body. */
function stateIn(request: SipRequest): PublishedState | null {
  const { body, headers } = request;
  if (body.length === 0) return null;
  if (body.length > largestBody) throw new SipError(413, 'Request Entity Too Large');
  const type = headers.first(ContentType);
  if (type?.type !== 'application' || type.subtype !== 'pidf+xml') {
    throw new SipError(415, 'Unsupported Media Type', { headers: { Accept: 'application/pidf+xml' } });
  }
  return readPublished(body);
}
