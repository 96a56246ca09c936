import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { ConfigFault, Origins } from './config-faults.ts';
import { below, formatPath, type KeyPath, rootShape, type Shape } from './config-keys.ts';

/** The values of a configuration file as they stand, not yet checked against the schema. */
export interface FileValues {
  readonly values: Readonly<Record<string, unknown>>;
  readonly faults: readonly ConfigFault[];
  /** The text is not YAML: what `values` holds means nothing. */
  readonly broken: boolean;
}

/** Nobody nests a configuration deeper; an alias that contains itself ends here. */
const deepest = 16;

/**
 * Reads the YAML `text` of `file` and notes the line of every key in `origins`. Where the schema wants text, an unquoted
 * number is taken as it is written (`number: 0100`); an empty section or list is one that is not there.
 */
export function readConfigText(text: string, file: string, origins: Origins): FileValues {
  return new ConfigReader(text, file, origins).read();
}

class ConfigReader {
  readonly #file: string;
  readonly #origins: Origins;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #faults: ConfigFault[] = [];

  constructor(text: string, file: string, origins: Origins) {
    this.#file = file;
    this.#origins = origins;
    // Repeated keys are found here, where their names and lines are at hand.
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
  }

  read(): FileValues {
    const { errors, warnings, contents } = this.#document;
    // A tag that nobody knows is only a warning there, and its value would be taken as it stands: !secret x.
    for (const { pos, code, message } of [...errors, ...warnings]) {
      const several = code === 'MULTIPLE_DOCS';
      this.#fault(null, pos[0], several ? 'must hold one document, another begins here' : `not valid YAML: ${message}`);
    }
    const empty = contents === null || (isScalar(contents) && contents.value === null);
    if (this.#faults.length === 0 && !empty && !isMap(contents)) {
      this.#fault(null, contents.range[0], 'must hold sections like sip: and media:');
    }
    const faults = this.#faults;
    if (faults.length > 0) return { values: {}, faults, broken: true };
    const values = isMap(contents) ? this.#section(contents, rootShape, []) : {};
    return { values, faults, broken: false };
  }

  #value(node: unknown, shape: Shape | undefined, path: KeyPath): unknown {
    if (isAlias(node)) return this.#aliased(node, shape, path);
    if (isMap(node)) return this.#section(node, shape, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const here = [...path, String(index)];
        this.#origins.add(here, this.#at(offsetOf(item)));
        return this.#value(item, shape?.items, here);
      });
    }
    return isScalar(node) ? scalar(node, shape) : null;
  }

  #section(node: YAMLMap, shape: Shape | undefined, path: KeyPath): Record<string, unknown> {
    const seen = new Map<string, number>();
    const entries: [string, unknown][] = [];
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.source ?? key.value) : String(key);
      const here = [...path, name];
      const { line } = this.#at(offsetOf(key));
      const earlier = seen.get(name);
      if (earlier !== undefined) {
        this.#fault(here, offsetOf(key), `stands here a second time; it is in line ${earlier} already`);
        continue;
      }
      seen.set(name, line);
      this.#origins.add(here, this.#at(offsetOf(key)));
      const child = shape && below(shape, name);
      const read = this.#value(value, child, here);
      const absent = read === null && child !== undefined && child.kind !== 'value' && !child.nullable;
      if (!absent) entries.push([name, read]);
    }
    return Object.fromEntries(entries); // takes names like __proto__ as names
  }

  #aliased(node: Alias, shape: Shape | undefined, path: KeyPath): unknown {
    const target = node.resolve(this.#document);
    if (!target) this.#fault(path, offsetOf(node), `nothing is named &${node.source}`);
    else if (path.length > deepest) this.#fault(path, offsetOf(node), `*${node.source} contains itself`);
    else return this.#value(target, shape, path);
    return undefined;
  }

  #at(offset: number) {
    return { from: 'file', file: this.#file, line: this.#lines.linePos(offset).line } as const;
  }

  #fault(path: KeyPath | null, offset: number, reason: string): void {
    this.#faults.push({ key: path && formatPath(path), origin: this.#at(offset), reason });
  }
}

function offsetOf(node: unknown): number {
  return (isNode(node) && node.range?.[0]) || 0;
}

function scalar({ value, source }: Scalar, shape: Shape | undefined): unknown {
  const wanted = shape?.kind === 'list' ? shape.items : shape; // one value stands for a list of one
  const takesText = wanted?.forms.has('string') && !wanted.forms.has('integer') && !wanted.forms.has('boolean');
  const isPlain = typeof value === 'number' || typeof value === 'boolean';
  return takesText && isPlain ? (source ?? value) : value;
}
