import { canonicalHost } from './host.ts';

/** H(user:realm:password) in lower-case hexadecimal, one for each digest algorithm (RFC 7616 §3.4.2). */
export interface DigestSecrets {
  readonly md5: string;
  readonly sha256: string;
}

/** Somebody who can be called and who can register. */
export interface Extension {
  readonly number: string;
  readonly displayName: string | null;
  readonly secrets: DigestSecrets;
  /** Whether its calls are recorded; null or absent: as all others. */
  readonly recording?: boolean | null;
}

/** Keeps extensions that are not in the configuration. Read at start; writes are not waited for. */
export interface ExtensionStore {
  load(): Promise<readonly Extension[]>;
  save(extension: Extension): void;
  remove(number: string): void;
}

/** An extension as the configuration or the first start gives it: with its password. */
export interface NewExtension {
  readonly number: string;
  readonly displayName: string | null;
  readonly password: string;
  /** As in `Extension`. */
  readonly recording?: boolean | null;
}

export interface DirectoryOptions {
  readonly realm: string;
  /** Further host names that are ours, beside the realm. */
  readonly domains: readonly string[];
  /** Extensions of the configuration. */
  readonly extensions: readonly NewExtension[];
  readonly store: ExtensionStore;
  /** Makes the secrets of a user in our realm (the digest functions belong to a floor that this one can't see). */
  readonly secretsFor: (user: string, password: string) => DigestSecrets;
}

/**
 * Who exists: the extensions of the configuration and of the store, and which host names mean us. All answers come
 * from memory. What the configuration says of a number wins over the store. Passwords are not kept.
 */
export class Directory {
  readonly #store: ExtensionStore;
  readonly #secretsFor: DirectoryOptions['secretsFor'];
  readonly #configured = new Map<string, Extension>();
  /** Secrets of user names that phones make of a configured number and a domain: `1001@sip-pbx`. */
  readonly #longSecrets = new Map<string, DigestSecrets>();
  readonly #stored = new Map<string, Extension>();
  readonly #names: ReadonlySet<string>;
  #addresses: ReadonlySet<string> = new Set();

  constructor({ realm, domains, extensions, store, secretsFor }: DirectoryOptions) {
    this.#store = store;
    this.#secretsFor = secretsFor;
    this.#names = new Set([realm, ...domains].map(canonicalHost));
    for (const extension of extensions) {
      this.#configured.set(extension.number, this.#withSecrets(extension));
      for (const domain of [realm, ...domains]) {
        const long = `${extension.number}@${domain}`;
        this.#longSecrets.set(long, secretsFor(long, extension.password));
      }
    }
  }

  /** Reads the extensions of the store; to be awaited before phones are heard. */
  async load(): Promise<void> {
    for (const extension of await this.#store.load()) this.#stored.set(extension.number, extension);
  }

  extension(number: string): Extension | undefined {
    return this.#configured.get(number) ?? this.#stored.get(number);
  }

  /** Every extension once, those of the configuration first. */
  all(): readonly Extension[] {
    const others = [...this.#stored.values()].filter(({ number }) => !this.#configured.has(number));
    return [...this.#configured.values(), ...others];
  }

  /**
   * What credentials with this user name are verified with. A number with a domain has secrets of its own where the
   * password is in the configuration, because phones hash the name as they send it.
   */
  secretsOf(username: string): DigestSecrets | undefined {
    return this.extension(username)?.secrets ?? this.#longSecrets.get(username);
  }

  /** Adds an extension or changes one of the store, and saves it. Throws when the configuration has that number. */
  add(extension: Extension): void {
    if (this.#configured.has(extension.number)) {
      throw new Error(`extension ${extension.number} is in the configuration and can only be changed there`);
    }
    this.#stored.set(extension.number, extension);
    this.#store.save(extension);
  }

  /** As `add`, from a password, of which only the secrets are kept. */
  enrol(extension: NewExtension): void {
    this.add(this.#withSecrets(extension));
  }

  /** Forgets an extension of the store; false when it has none of that number. */
  remove(number: string): boolean {
    const known = this.#stored.delete(number);
    if (known) this.#store.remove(number);
    return known;
  }

  /** Says at which addresses (and names) we listen or are reached, beside realm and domains; replaces what was said before. */
  setOwnHosts(hosts: Iterable<string>): void {
    this.#addresses = new Set([...hosts].map(canonicalHost));
  }

  /** Whether a URI's host means this exchange. Upper and lower case and the ways to write an IPv6 address are one. */
  isOwnHost(host: string): boolean {
    const canonical = canonicalHost(host);
    return this.#names.has(canonical) || this.#addresses.has(canonical);
  }

  #withSecrets({ password, ...extension }: NewExtension): Extension {
    return { ...extension, secrets: this.#secretsFor(extension.number, password) };
  }
}
