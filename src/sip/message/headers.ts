import { SipSyntaxError } from './errors.ts';
import { assertOneLine, endOfElement, isToken, splitList, trimmed } from './grammar.ts';
import type { HeaderType } from './header-type.ts';
import { canonicalName, headerName } from './names.ts';

/** One header line. It never changes, so copies of a message share it and what has been read out of it. */
export class HeaderLine {
  /** As received. */
  readonly name: string;
  /** The canonical name. */
  readonly key: string;
  /** Unfolded and trimmed. */
  readonly value: string;
  #type: HeaderType<unknown> | null = null;
  #values: readonly unknown[] = [];

  constructor(name: string, key: string, value: string) {
    this.name = name;
    this.key = key;
    this.value = value;
  }

  /** A line whose value is known already. */
  static of<T>(type: HeaderType<T>, value: T): HeaderLine {
    const line = checkedLine(type.name, type.format(value));
    line.#type = type;
    line.#values = [value];
    return line;
  }

  /** The values of the line, read when first asked for. Throws SipSyntaxError that names the header. */
  values<T>(type: HeaderType<T>): readonly T[] {
    if (this.#type !== type) {
      this.#values = this.#read(type);
      this.#type = type;
    }
    return this.#values as readonly T[];
  }

  #read<T>(type: HeaderType<T>): readonly T[] {
    try {
      return type.list ? splitList(this.value).map((element) => type.parse(element)) : [type.parse(this.value)];
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      throw new SipSyntaxError(`bad ${type.name}: ${error.message}`, { status: error.status });
    }
  }
}

function checkedLine(name: string, value: string): HeaderLine {
  if (!isToken(name)) throw new Error(`"${name}" is no header name`);
  assertOneLine(value);
  return new HeaderLine(name, canonicalName(name), trimmed(value));
}

/**
 * The header fields of a message in their order. Names are found in any case, long or compact; they are kept as received.
 * Values are read when asked for by type, and kept. Every writing method throws Error for a value that holds CR, LF or NUL.
 */
export class Headers {
  #lines: HeaderLine[];
  /** What `all` has gathered from several lines; null after a change. */
  #gathered: Map<HeaderType<unknown>, readonly unknown[]> | null = null;

  constructor(entries: Iterable<readonly [name: string, value: string]> = []) {
    this.#lines = [];
    for (const [name, value] of entries) this.add(name, value);
  }

  /** Headers of lines already made; takes the array over. */
  static of(lines: HeaderLine[]): Headers {
    const headers = new Headers();
    headers.#lines = lines;
    return headers;
  }

  /** For the writer of messages. */
  get lines(): readonly HeaderLine[] {
    return this.#lines;
  }

  /** The first raw value. */
  get(name: string): string | undefined {
    return this.#find(canonicalName(name))?.value;
  }

  /** The raw values, one a line. */
  getAll(name: string): readonly string[] {
    const key = canonicalName(name);
    const values: string[] = [];
    for (const line of this.#lines) if (line.key === key) values.push(line.value);
    return values;
  }

  has(name: string): boolean {
    return this.#find(canonicalName(name)) !== undefined;
  }

  /** The first value. Throws SipSyntaxError when it cannot be read. */
  first<T>(type: HeaderType<T>): T | undefined {
    const key = canonicalName(type.name);
    for (const line of this.#lines) {
      if (line.key !== key) continue;
      const values = line.values(type);
      if (values.length > 0) return values[0];
    }
    return undefined;
  }

  /** The first value. Throws SipSyntaxError when it is missing or cannot be read. */
  require<T>(type: HeaderType<T>): T {
    const value = this.first(type);
    if (value === undefined) throw new SipSyntaxError(`no ${type.name}`);
    return value;
  }

  /** All values of all lines. Throws SipSyntaxError when one cannot be read. */
  all<T>(type: HeaderType<T>): readonly T[] {
    const known = this.#gathered?.get(type);
    if (known) return known as readonly T[];
    const key = canonicalName(type.name);
    let values: readonly T[] | null = null;
    for (const line of this.#lines) {
      if (line.key === key) values = values === null ? line.values(type) : [...values, ...line.values(type)];
    }
    values ??= [];
    this.#gathered ??= new Map();
    this.#gathered.set(type, values);
    return values;
  }

  /** Replaces all lines of `name` by one, at the place of the first. */
  set(name: string, value: string): this {
    return this.#replace(canonicalName(name), [checkedLine(name, value)]);
  }

  setValue<T>(type: HeaderType<T>, value: T): this {
    return this.#replace(canonicalName(type.name), [HeaderLine.of(type, value)]);
  }

  /** Replaces all lines by one line a value. */
  setAll<T>(type: HeaderType<T>, values: readonly T[]): this {
    const lines = values.map((value) => HeaderLine.of(type, value));
    return this.#replace(canonicalName(type.name), lines);
  }

  /** Appends a line. */
  add(name: string, value: string): this {
    return this.#insert(this.#lines.length, checkedLine(name, value));
  }

  addValue<T>(type: HeaderType<T>, value: T): this {
    return this.#insert(this.#lines.length, HeaderLine.of(type, value));
  }

  /** Puts a line before the first of that name, or before all. */
  prepend(name: string, value: string): this {
    return this.#insert(this.#place(canonicalName(name)), checkedLine(name, value));
  }

  prependValue<T>(type: HeaderType<T>, value: T): this {
    return this.#insert(this.#place(canonicalName(type.name)), HeaderLine.of(type, value));
  }

  /** Removes the first value: of a comma-separated list its first element, else the first line. */
  removeFirst(name: string): void {
    const key = canonicalName(name);
    const index = this.#lines.findIndex((line) => line.key === key);
    const line = this.#lines[index];
    if (!line) return;
    const rest = headerName(key)?.list ? trimmed(line.value, endOfElement(line.value, 0) + 1) : '';
    if (rest === '') this.#lines.splice(index, 1);
    else this.#lines[index] = new HeaderLine(line.name, key, rest);
    this.#gathered = null;
  }

  delete(name: string): void {
    const key = canonicalName(name);
    this.#lines = this.#lines.filter((line) => line.key !== key);
    this.#gathered = null;
  }

  /** A copy that changes on its own. */
  clone(): Headers {
    return Headers.of(this.#lines.slice());
  }

  /** Names as received and raw values, in order. */
  *entries(): Generator<readonly [name: string, value: string]> {
    for (const line of this.#lines) yield [line.name, line.value];
  }

  #find(key: string): HeaderLine | undefined {
    for (const line of this.#lines) if (line.key === key) return line;
    return undefined;
  }

  #place(key: string): number {
    return Math.max(
      0,
      this.#lines.findIndex((line) => line.key === key),
    );
  }

  #insert(index: number, line: HeaderLine): this {
    if (index === this.#lines.length) this.#lines.push(line);
    else this.#lines.splice(index, 0, line);
    this.#gathered = null;
    return this;
  }

  #replace(key: string, lines: readonly HeaderLine[]): this {
    let index = this.#lines.findIndex((line) => line.key === key);
    if (index < 0) index = this.#lines.length;
    else this.#lines = this.#lines.filter((line) => line.key !== key);
    this.#lines.splice(index, 0, ...lines);
    this.#gathered = null;
    return this;
  }
}
