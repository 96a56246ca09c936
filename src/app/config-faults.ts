import { formatPath, type KeyPath, nearestKey, shapeAt } from './config-keys.ts';
import { nearestLike } from './nearest.ts';

/** Where a value came from. */
export type Origin =
  | { readonly from: 'default' }
  | { readonly from: 'file'; readonly file: string; readonly line: number }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'command line'; readonly option: string };

/** Something wrong with the configuration, in words for the person who can put it right. */
export interface ConfigFault {
  /** `sip.listen_port`; null where no key is concerned (a file that is not YAML). */
  readonly key: string | null;
  readonly origin: Origin;
  readonly reason: string;
}

/** One line: `config/config.yaml:3: sip.listen_prot: unknown key; did you mean sip.listen_port?` */
export function formatFault({ key, origin, reason }: ConfigFault): string {
  return [formatOrigin(origin), key, reason].filter(Boolean).join(': ');
}

function formatOrigin(origin: Origin): string {
  switch (origin.from) {
    case 'default':
      return '';
    case 'file':
      return origin.line > 0 ? `${origin.file}:${origin.line}` : origin.file;
    case 'environment':
      return origin.variable;
    case 'command line':
      return origin.option;
  }
}

/** The origins of what has been set, by place. What lies below a place comes from where that place does, unless it says otherwise. */
export class Origins {
  readonly #set = new Map<string, Origin>();

  /** Says that the value at `path`, with all that is below, comes from `origin`. */
  replace(path: KeyPath, origin: Origin): void {
    const below = `${formatPath(path)}`;
    for (const key of this.#set.keys())
      if (key.startsWith(`${below}.`) || key.startsWith(`${below}[`)) this.#set.delete(key);
    this.add(path, origin);
  }

  /** Says that the value at `path` comes from `origin` and leaves alone what is below. */
  add(path: KeyPath, origin: Origin): void {
    this.#set.set(formatPath(path), origin);
  }

  /** Whether the value at exactly this place was set. */
  has(path: KeyPath): boolean {
    return this.#set.has(formatPath(path));
  }

  /** Where the value at `path` comes from; for a key that is not set, its section's place, or the default. */
  of(path: KeyPath): Origin {
    for (let length = path.length; length > 0; length--) {
      const origin = this.#set.get(formatPath(path.slice(0, length)));
      if (origin) return origin;
    }
    return { from: 'default' };
  }
}

/** What zod says of a value, as far as it matters here. */
export interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly expected?: string;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly values?: readonly unknown[];
  readonly keys?: readonly string[];
  readonly params?: { readonly with?: readonly KeyPath[] } | Record<string, unknown>;
}

/** The faults that `issue` tells of; `value` is what was written at its path. */
export function faultsOf(issue: Issue, value: unknown, origins: Origins): ConfigFault[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((name) => unknownKey([...path, name], origins.of([...path, name])));
  }
  const others = rulePartners(issue);
  // A rule between keys is best shown where somebody wrote one of them.
  const place = origins.has(path) ? path : (others?.find((other) => origins.has(other)) ?? path);
  const reason = others ? issue.message : reasonOf(issue, value, shapeAt(path)?.secret ?? false);
  return [{ key: formatPath(path), origin: origins.of(place), reason }];
}

/** The other keys that a broken rule depends on; undefined when the issue is of one value alone. */
export function rulePartners(issue: Issue): readonly KeyPath[] | undefined {
  const partners = issue.params?.with;
  return Array.isArray(partners) ? (partners as readonly KeyPath[]) : undefined;
}

function unknownKey(path: KeyPath, origin: Origin): ConfigFault {
  const meant = nearestKey(path);
  return { key: formatPath(path), origin, reason: meant ? `unknown key; did you mean ${meant}?` : 'unknown key' };
}

function reasonOf(issue: Issue, value: unknown, secret: boolean): string {
  if (value === undefined) return 'must be set';
  if (value === null && issue.code === 'invalid_type') return `has no value; it ${demandOf(issue)}`;
  const demand = demandOf(issue);
  const shown = !secret && (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean');
  const got = shown ? `${demand}, got ${typeof value === 'string' ? JSON.stringify(value) : value}` : demand;
  const meant =
    issue.code === 'invalid_value' && typeof value === 'string'
      ? nearestLike(value, (issue.values ?? []).map(String))
      : undefined;
  return meant && !secret ? `${got}; did you mean ${meant}?` : got;
}

/** What the value should have been. */
function demandOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nameOf(issue.expected)}`;
    case 'invalid_value':
      return `must be ${listed((issue.values ?? []).map(String))}`;
    case 'too_small':
    case 'too_big':
      return sizeDemand(issue);
    default:
      return issue.message;
  }
}

function sizeDemand(issue: Issue & { readonly origin?: string }): string {
  if (issue.origin === 'string') return 'must not be empty';
  if (issue.origin === 'array') return 'must name at least one';
  return issue.code === 'too_small' ? `must be at least ${issue.minimum}` : `must be at most ${issue.maximum}`;
}

function nameOf(expected: string | undefined): string {
  switch (expected) {
    case 'int':
    case 'number':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'text';
    case 'array':
      return 'a list';
    default:
      return 'a section with keys below it';
  }
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `one of ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
