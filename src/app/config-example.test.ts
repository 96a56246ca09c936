import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { Origins } from './config-faults.ts';
import { readConfigText } from './config-file.ts';
import { configKeys, formatPath, rootShape, type Shape } from './config-keys.ts';
import { configSchema, defaultConfig } from './config-schema.ts';

const text = readFileSync(new URL('../../config/config.example.yaml', import.meta.url), 'utf8');

test('the example is valid, and what stands in it uncommented is the default', () => {
  const { values, faults } = readConfigText(text, 'config.example.yaml', new Origins());
  expect(faults).toEqual([]);
  expect(configSchema.parse(values)).toEqual(defaultConfig);
  expect(values).toEqual(defaultConfig);
});

test('the example shows every key', () => {
  const origins = new Origins();
  readConfigText(text, 'config.example.yaml', origins);
  const hidden = configKeys.filter(({ path }) => !origins.has(path));
  expect(hidden.map(({ path }) => formatPath(path))).toEqual(['api.tls.certificate', 'api.tls.private_key']);
});

test('what stands in comments is valid too, and shows the keys that only exist where somebody sets them', () => {
  const block = (pattern: RegExp) => {
    const lines = text.match(pattern)?.[0] ?? '';
    return parse(lines.replace(/^( *)# /gm, '$1')) as Record<string, unknown>;
  };
  const { extensions } = block(/^# extensions:\n(# {3}.*\n)+/m) as { extensions: Record<string, unknown>[] };
  const { tls } = block(/^ {2}# tls:\n( {2}# {3}.*\n)+/m) as { tls: Record<string, unknown> };
  expect(configSchema.safeParse({ extensions, api: { tls } }).success).toBe(true);
  expect(Object.keys(extensions[0] ?? {})).toEqual([...(rootShape.keys.get('extensions')?.items?.keys.keys() ?? [])]);
  expect(Object.keys(tls)).toEqual([...(rootShape.keys.get('api')?.keys.get('tls')?.keys.keys() ?? [])]);
});

test('every key of the schema says what it is', () => {
  const silent: string[] = [];
  const visit = (shape: Shape, path: readonly string[]) => {
    if (shape.kind !== 'section' && !shape.description) silent.push(formatPath(path));
    for (const [name, child] of (shape.items ?? shape).keys) visit(child, [...path, name]);
  };
  visit(rootShape, []);
  expect(silent).toEqual([]);
});
