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
}

/** Keeps extensions that are not in the configuration. Read at start; writes are not waited for. */
export interface ExtensionStore {
  load(): Promise<readonly Extension[]>;
  save(extension: Extension): void;
  remove(number: string): void;
}
