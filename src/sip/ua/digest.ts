import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type Clock, type Random, randomToken } from '../../base/index.ts';
import { Authorization, type Credentials, type SipRequest, Via, WwwAuthenticate } from '../message/index.ts';
import { knowsOnlyMd5 } from './md5-only-phones.ts';
import { NonceCounts } from './nonce-counts.ts';

/** The hash functions of digest that we offer (RFC 8760 §2.1), as the configuration names them. */
export type DigestAlgorithm = 'sha-256' | 'md5';

/** H(user:realm:password) in lower-case hexadecimal, one for each algorithm. */
export interface DigestSecretsLike {
  readonly md5: string;
  readonly sha256: string;
}

export interface DigestOptions {
  /** The protection domain: what phones show beside the password box. */
  readonly realm: string;
  readonly algorithms: readonly DigestAlgorithm[];
  /** Secret; kept in the store, so that the nonces of the last run are still known after a restart. */
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  /** ms that a nonce is good for; 300,000 when not said. */
  readonly nonceLifetimeMs?: number;
  /** What is known of a user; `undefined` for a stranger. Also asked with the bare user of `1001@realm`. */
  secretsOf(username: string): DigestSecretsLike | undefined;
}

/** The two header fields that carry credentials: to a UAS and registrar, and to a proxy (RFC 3261 §22.2, §22.3). */
export type CredentialsHeader = 'Authorization' | 'Proxy-Authorization';

/**
 * What came of a look at a request's credentials. Only `failed` speaks of a wrong user or password and is to be
 * counted against the sender; `stale` asks an honest phone for one more try with the new nonce.
 */
export type AuthOutcome =
  | { readonly kind: 'accepted'; readonly username: string }
  | {
      readonly kind: 'challenged';
      readonly reason: 'no credentials' | 'stale' | 'failed';
      /** As the credentials say, without a `@domain`; `null` without usable credentials. */
      readonly username: string | null;
      /** The `response` that was wrong, so that a repetition can be told from another try; `null` where none was. */
      readonly response: string | null;
      /** Values for WWW-Authenticate or Proxy-Authenticate, one for each algorithm, strongest first (RFC 8760 §2.3). */
      readonly challenges: readonly string[];
    };

const hashNames = { 'sha-256': 'sha256', md5: 'md5' } as const;
const wireNames = { 'sha-256': 'SHA-256', md5: 'MD5' } as const;
const strongestFirst: readonly DigestAlgorithm[] = ['sha-256', 'md5'];

const digest = (algorithm: DigestAlgorithm, text: string) => hash(hashNames[algorithm], text, 'hex');

/** The secret half of the password: H(user:realm:password) in lower-case hexadecimal (RFC 7616 §3.4.2). */
export function ha1(algorithm: DigestAlgorithm, user: string, realm: string, password: string): string {
  return digest(algorithm, `${user}:${realm}:${password}`);
}

/** Both secrets of a user: all that has to be kept of a password. */
export function digestSecrets(user: string, realm: string, password: string): DigestSecretsLike {
  return { md5: ha1('md5', user, realm, password), sha256: ha1('sha-256', user, realm, password) };
}

export interface DigestInput {
  readonly algorithm: DigestAlgorithm;
  readonly ha1: string;
  readonly method: string;
  /** The digest-uri as the credentials write it. */
  readonly uri: string;
  readonly nonce: string;
  /** `null` for the form without qop of RFC 2069. `nc` as written: eight hexadecimal digits. */
  readonly qop: { readonly nc: string; readonly cnonce: string } | null;
}

/** The value of `response`, for `qop=auth` or none (RFC 7616 §3.4.1). */
export function digestResponse({ algorithm, ha1, method, uri, nonce, qop }: DigestInput): string {
  const ha2 = digest(algorithm, `${method}:${uri}`);
  const middle = qop ? `${nonce}:${qop.nc}:${qop.cnonce}:auth` : nonce;
  return digest(algorithm, `${ha1}:${middle}:${ha2}`);
}

/** Credentials that we can judge. */
interface DigestCredentials extends Omit<DigestInput, 'ha1' | 'method'> {
  readonly username: string;
  readonly response: string;
}

/** timestamp (12 hexadecimal digits, ms) and 12 random ones, so that two phones never share a nonce; then the seal. */
const sealedLength = 24;
const nonceLength = 56;

/**
 * Challenges and verifies (RFC 7616, RFC 8760): SHA-256 and MD5 with `qop=auth`. Nonces are not remembered: each
 * carries its time and is sealed together with the address it was given to. Only those in use have an entry, for
 * their nonce counts. Unknown users and wrong passwords get the same answer after the same work.
 */
export class DigestAuthenticator {
  readonly #options: DigestOptions;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #lifetime: number;
  readonly #counts = new NonceCounts();
  readonly #key: KeyObject;
  readonly #startedAt: number;
  /** What strangers are compared with. */
  readonly #nobody: DigestSecretsLike;

  constructor(options: DigestOptions) {
    this.#options = options;
    this.#key = createSecretKey(options.key);
    this.#algorithms = strongestFirst.filter((algorithm) => options.algorithms.includes(algorithm));
    this.#lifetime = options.nonceLifetimeMs ?? 300_000;
    this.#startedAt = options.clock.wall() - options.clock.now();
    this.#nobody = digestSecrets('', options.realm, randomToken(options.random, 32));
  }

  /**
   * Judges the credentials of `request`, which came from `sourceIp`. Never throws: credentials that can't be read,
   * of another scheme, realm or algorithm count as none.
   *
   * The digest-uri is taken as the phone wrote it and not compared with the Request-URI (RFC 7616 §3.4.6 asks for
   * equivalence): phones put the realm, their outbound proxy or a form without port there. What it would guard
   * against, credentials moved to another request, is what the nonce count and the source address prevent.
   */
  authenticate(request: SipRequest, sourceIp: string, header: CredentialsHeader): AuthOutcome {
    const credentials = this.#credentialsOf(request, header);
    if (!credentials) return this.#challenge('no credentials', null, request, sourceIp);
    const { nonce, qop } = credentials;
    const username = bareUser(credentials.username);

    const issuedAt = this.#issuedAt(nonce, sourceIp);
    const count = qop ? Number.parseInt(qop.nc, 16) : null;
    if (issuedAt === null || !this.#counts.isFresh(nonce, issuedAt, count)) {
      return this.#challenge('stale', username, request, sourceIp);
    }

    const { secretsOf } = this.#options;
    const known = secretsOf(credentials.username) ?? secretsOf(username);
    const secrets = known ?? this.#nobody;
    const expected = digestResponse({
      ...credentials,
      method: request.method,
      ha1: credentials.algorithm === 'md5' ? secrets.md5 : secrets.sha256,
    });
    const right = sameText(expected, credentials.response.toLowerCase());
    if (!right || !known) return this.#challenge('failed', username, request, sourceIp, credentials.response);

    this.#counts.use(nonce, issuedAt, count, this.#time() - this.#lifetime);
    return { kind: 'accepted', username };
  }

  #challenge(
    reason: 'no credentials' | 'stale' | 'failed',
    username: string | null,
    request: SipRequest,
    sourceIp: string,
    response: string | null = null,
  ): AuthOutcome {
    const nonce = this.#makeNonce(sourceIp);
    const challenges = this.#offeredTo(request).map((algorithm) => {
      const params = new Map<string, string | null>([
        ['realm', this.#options.realm],
        ['nonce', nonce],
        ['algorithm', wireNames[algorithm]],
        ['qop', 'auth'],
      ]);
      if (reason === 'stale') params.set('stale', 'true');
      return WwwAuthenticate.format({ scheme: 'Digest', params });
    });
    return { kind: 'challenged', reason, username, response, challenges };
  }

  /** What we offer; where MD5 is among it, some phones must not see the rest. */
  #offeredTo(request: SipRequest): readonly DigestAlgorithm[] {
    if (!this.#algorithms.includes('md5')) return this.#algorithms;
    // The last Via is the phone's own, however many proxies stand between.
    const via = request.headers.all(Via).at(-1);
    return knowsOnlyMd5(request.headers.get('User-Agent'), via) ? ['md5'] : this.#algorithms;
  }

  /** Those of our realm; of several the strongest, since a phone may answer each challenge (RFC 8760 §2.4). */
  #credentialsOf(request: SipRequest, header: CredentialsHeader): DigestCredentials | null {
    let best: DigestCredentials | null = null;
    for (const text of request.headers.getAll(header)) {
      const credentials = this.#read(text);
      if (credentials && (!best || (best.algorithm === 'md5' && credentials.algorithm !== 'md5'))) best = credentials;
    }
    return best;
  }

  #read(text: string): DigestCredentials | null {
    const parsed = parseOrNull(text);
    if (parsed?.scheme.toLowerCase() !== 'digest') return null;
    const { params } = parsed;
    const username = params.get('username');
    const nonce = params.get('nonce');
    const uri = params.get('uri');
    const response = params.get('response');
    // Phones send empty ones with their first REGISTER to announce who they are (RFC 3310 does so too): no failure.
    if (!username || !nonce || !uri || !response || params.get('realm') !== this.#options.realm) return null;

    // An absent algorithm is MD5 (RFC 7616 §3.4); -sess and hashed user names were not offered.
    const algorithm = (params.get('algorithm') ?? 'md5').toLowerCase() as DigestAlgorithm;
    if (!this.#algorithms.includes(algorithm) || params.get('userhash')?.toLowerCase() === 'true') return null;

    const protection = params.get('qop')?.toLowerCase();
    if (protection === undefined) {
      return algorithm === 'md5' ? { username, algorithm, nonce, uri, response, qop: null } : null;
    }
    const nc = params.get('nc');
    const cnonce = params.get('cnonce');
    if (protection !== 'auth' || !nc || !cnonce || !/^[0-9a-f]{1,8}$/i.test(nc)) return null;
    return { username, algorithm, nonce, uri, response, qop: { nc, cnonce } };
  }

  /** Wall time in ms that goes on evenly when somebody sets the clock, so that nonces neither die nor revive. */
  #time(): number {
    return Math.round(this.#startedAt + this.#options.clock.now());
  }

  #makeNonce(sourceIp: string): string {
    const time = this.#time().toString(16).padStart(12, '0').slice(-12);
    const sealed = time + Buffer.from(this.#options.random.bytes(6)).toString('hex');
    return sealed + this.#seal(sealed, sourceIp);
  }

  /** When this nonce was made, by `#time`; `null` when we did not make it, not for this address, or too long ago. */
  #issuedAt(nonce: string, sourceIp: string): number | null {
    if (nonce.length !== nonceLength) return null;
    const sealed = nonce.slice(0, sealedLength);
    if (!sameText(this.#seal(sealed, sourceIp), nonce.slice(sealedLength))) return null;
    const issuedAt = Number.parseInt(sealed.slice(0, 12), 16);
    const age = this.#time() - issuedAt;
    return age >= 0 && age < this.#lifetime ? issuedAt : null;
  }

  #seal(sealed: string, sourceIp: string): string {
    const mac = createHmac('sha256', this.#key).update(`${sealed} ${sourceIp}`).digest('hex');
    return mac.slice(0, nonceLength - sealedLength);
  }
}

export interface ChallengedRequest {
  readonly method: string;
  /** The Request-URI as it is sent. */
  readonly uri: string;
}

/**
 * The credentials that answer the first of `challenges` that we understand (RFC 7616 §3.4, RFC 8760 §2.4), as the
 * value of Authorization or Proxy-Authorization; `null` when there is none. `nonceCount` is how often its nonce has
 * been used, this time included.
 */
export function answerChallenge(
  challenges: readonly string[],
  request: ChallengedRequest,
  account: { readonly username: string; readonly password: string },
  random: Random,
  nonceCount = 1,
): string | null {
  for (const text of challenges) {
    const { scheme, params } = parseOrNull(text) ?? {};
    const realm = params?.get('realm');
    const nonce = params?.get('nonce');
    const algorithm = (params?.get('algorithm') ?? 'md5').toLowerCase() as DigestAlgorithm;
    if (scheme?.toLowerCase() !== 'digest' || realm == null || !nonce || !Object.hasOwn(hashNames, algorithm)) continue;
    const offered = params?.get('qop')?.toLowerCase().split(',');
    if (offered && !offered.some((one) => one.trim() === 'auth')) continue;

    const qop = offered ? { nc: nonceCount.toString(16).padStart(8, '0'), cnonce: randomToken(random, 20) } : null;
    const secret = ha1(algorithm, account.username, realm, account.password);
    const answer = new Map<string, string | null>([
      ['username', account.username],
      ['realm', realm],
      ['nonce', nonce],
      ['uri', request.uri],
      ['response', digestResponse({ algorithm, ha1: secret, method: request.method, uri: request.uri, nonce, qop })],
    ]);
    if (params?.has('algorithm')) answer.set('algorithm', wireNames[algorithm]);
    if (qop) answer.set('cnonce', qop.cnonce).set('qop', 'auth').set('nc', qop.nc);
    const opaque = params?.get('opaque');
    if (opaque != null) answer.set('opaque', opaque);
    return Authorization.format({ scheme: 'Digest', params: answer });
  }
  return null;
}

/** The users, without a `@domain`, whose digest credentials a request bears, right or wrong. */
export function claimedUsers({ headers }: SipRequest): readonly string[] {
  const users: string[] = [];
  for (const text of [...headers.getAll('Authorization'), ...headers.getAll('Proxy-Authorization')]) {
    const username = parseOrNull(text)?.params.get('username');
    if (username) users.push(bareUser(username));
  }
  return users;
}

function parseOrNull(text: string): Credentials | null {
  try {
    return Authorization.parse(text);
  } catch {
    return null;
  }
}

/** `1001` of `1001@sip-pbx`, which some phones send. */
function bareUser(username: string): string {
  const at = username.indexOf('@');
  return at > 0 ? username.slice(0, at) : username;
}

/** Compares without telling by its time where the texts differ. */
function sameText(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
