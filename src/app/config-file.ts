import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { ConfigFault, Origin, Origins } from './config-faults.ts';
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
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const faults: ConfigFault[] = [];
  const at = (offset: number): Origin => ({ from: 'file', file, line: lines.linePos(offset).line });

  const mapping = (node: Node, shape: Shape | undefined, path: KeyPath): unknown => {
    if (path.length > deepest) return undefined;
    if (isAlias(node)) {
      const target = node.resolve(document);
      return target && mapping(target, shape, [...path]);
    }
    if (isMap(node)) return ofMap(node.items, shape, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const here = [...path, String(index)];
        origins.add(here, at((item as Node).range?.[0] ?? 0));
        return mapping(item as Node, shape?.items, here);
      });
    }
    return isScalar(node) ? scalar(node, shape) : undefined;
  };

  const ofMap = (pairs: readonly { key: unknown; value: unknown }[], shape: Shape | undefined, path: KeyPath) => {
    const seen = new Map<string, Origin & { from: 'file' }>();
    const entries = pairs.map(({ key, value }): [string, unknown] => {
      const name = isScalar(key) ? String(key.source ?? key.value) : String(key);
      const here = [...path, name];
      const origin = at((key as Node | null)?.range?.[0] ?? 0) as Origin & { from: 'file' };
      const earlier = seen.get(name);
      if (earlier) {
        faults.push({
          key: formatPath(here),
          origin,
          reason: `stands here a second time; it is in line ${earlier.line} already`,
        });
        return [name, undefined];
      }
      seen.set(name, origin);
      origins.add(here, origin);
      const child = shape && below(shape, name);
      const read = value === null ? null : mapping(value as Node, child, here);
      const absent = read === null && child !== undefined && child.kind !== 'value' && !child.nullable;
      return [name, absent ? undefined : read];
    });
    // A repeated key keeps its first value, and fromEntries takes names like __proto__ as names.
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  };

  for (const { pos, message } of document.errors)
    faults.push({ key: null, origin: at(pos[0]), reason: `not valid YAML: ${firstLine(message)}` });
  if (faults.length > 0) return { values: {}, faults, broken: true };

  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null))
    return { values: {}, faults, broken: false };
  if (!isMap(contents)) {
    faults.push({ key: null, origin: at(contents.range?.[0] ?? 0), reason: 'must hold sections like sip: and media:' });
    return { values: {}, faults, broken: true };
  }
  return { values: mapping(contents, rootShape, []) as Record<string, unknown>, faults, broken: false };
}

function scalar(node: { value: unknown; source?: string; type?: string }, shape: Shape | undefined): unknown {
  const { value, source } = node;
  const wanted = shape?.kind === 'list' ? shape.items : shape; // one value stands for a list of one
  const takesText = wanted?.forms.has('string') && !wanted.forms.has('integer') && !wanted.forms.has('boolean');
  const isNumeric = typeof value === 'number' || typeof value === 'boolean';
  return takesText && isNumeric && source !== undefined ? source : value;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
