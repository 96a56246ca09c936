import { z } from 'zod';
import { configSchema } from './config-schema.ts';
import { nearest, unlikeness } from './nearest.ts';

/** Where a value stands: names of sections and keys, and positions in lists as digits. */
export type KeyPath = readonly string[];

/** What a place in the configuration may hold, derived from the schema. */
export interface Shape {
  readonly kind: 'section' | 'list' | 'value';
  readonly nullable: boolean;
  /** The value must not be shown. */
  readonly secret: boolean;
  /** What the schema says of it; empty for sections. */
  readonly description: string;
  /** For a value: which forms of scalar it may have. */
  readonly forms: ReadonlySet<string>;
  /** For a section: what is below its keys. */
  readonly keys: ReadonlyMap<string, Shape>;
  /** For a list: what its items are. */
  readonly items: Shape | undefined;
}

/** One key, with the name of the environment variable that overrides it. */
export interface ConfigKey {
  readonly path: KeyPath;
  readonly variable: string;
  readonly shape: Shape;
}

/** The part of JSON Schema that zod writes for our schema. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly secret?: boolean;
  readonly description?: string;
}

function shapeOf(schema: JsonSchema): Shape {
  const choices = (schema.anyOf ?? [schema]).flatMap((choice) =>
    [choice.type ?? []].flat().map((type) => ({ ...choice, type })),
  );
  const section = choices.find(({ type }) => type === 'object');
  const list = choices.find(({ type }) => type === 'array');
  return {
    kind: section ? 'section' : list ? 'list' : 'value',
    nullable: choices.some(({ type }) => type === 'null'),
    secret: schema.secret ?? false,
    description: schema.description ?? '',
    forms: new Set(choices.map(({ type }) => type)),
    keys: new Map(Object.entries(section?.properties ?? {}).map(([key, below]) => [key, shapeOf(below)])),
    items: list?.items && shapeOf(list.items),
  };
}

/** The shape of the whole configuration. */
export const rootShape: Shape = shapeOf(
  z.toJSONSchema(configSchema, { io: 'output', unrepresentable: 'any' }) as JsonSchema,
);

/** The shape of what stands at `path`; undefined where the configuration has no such place. */
export function shapeAt(path: KeyPath): Shape | undefined {
  let shape: Shape | undefined = rootShape;
  for (const part of path) shape = shape && below(shape, part);
  return shape;
}

/** The shape of what stands at `part` in a place of the given shape. */
export function below(shape: Shape, part: string): Shape | undefined {
  return shape.kind === 'list' ? shape.items : shape.keys.get(part);
}

/** Every section and key; items of lists have none of their own here. */
const places: readonly ConfigKey[] = placesBelow(rootShape, []);

/** Every key that can be set by itself: values, lists, and sections that may be null. */
export const configKeys: readonly ConfigKey[] = places.filter(
  ({ shape }) => shape.kind !== 'section' || shape.nullable,
);

function placesBelow(shape: Shape, path: KeyPath): ConfigKey[] {
  return [...shape.keys].flatMap(([name, child]) => {
    const here = [...path, name];
    return [{ path: here, variable: variableOf(here), shape: child }, ...placesBelow(child, here)];
  });
}

function variableOf(path: KeyPath): string {
  return `SIP_PBX_${path.join('_').toUpperCase()}`;
}

/** A path as people write it: `sip.timers.t1`, `extensions[0].password`. */
export function formatPath(path: KeyPath): string {
  return path.reduce((text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : text ? `${text}.${part}` : part), '');
}

/** The key that somebody meant who wrote the unknown one at `path`: one beside it, or the same name elsewhere. */
export function nearestKey(path: KeyPath): string | undefined {
  const written = path.at(-1) ?? '';
  const parent = path.slice(0, -1);
  const siblings = [...(shapeAt(parent)?.keys.keys() ?? [])];
  const beside = nearest(written, siblings);
  const elsewhere = places.find((key) => unlikeness(key.path.at(-1) ?? '', written) === 0);
  const moved = elsewhere !== undefined && (beside === undefined || unlikeness(beside, written) > 1);
  if (moved) return formatPath(elsewhere.path);
  return beside && formatPath([...parent, beside]);
}
