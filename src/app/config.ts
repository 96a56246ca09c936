import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Override, readEnvironment, typedValue } from './config-environment.ts';
import { type ConfigFault, faultsOf, type Issue, Origins, rulePartners } from './config-faults.ts';
import { readConfigText } from './config-file.ts';
import { folderWarnings, unreadableFiles } from './config-files.ts';
import { formatPath, type KeyPath, shapeAt } from './config-keys.ts';
import { type Config, configSchema } from './config-schema.ts';
import { configWarnings, unbuiltCapabilities } from './config-warnings.ts';

/** A key set on the command line: its path (`sip.listen_port`), the text given, and the option that gave it (`--port`). */
export interface CommandLineValue {
  readonly key: string;
  readonly text: string;
  readonly option: string;
}

export interface ConfigSources {
  /** The file that `--config` names; without it `config/config.yaml` is read where it exists. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides?: readonly CommandLineValue[];
  /** The folder that file names are relative to. */
  readonly cwd: string;
}

export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      /** The file that was read; null when there was none. */
      readonly file: string | null;
      readonly origins: Origins;
      /** What should be said at start, a line each. */
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly faults: readonly ConfigFault[] };

export { type ConfigFault, formatFault } from './config-faults.ts';
export type { Config } from './config-schema.ts';

const usualFile = join('config', 'config.yaml');

/** Reads and checks the configuration: default < file < environment < command line. Either it is all right or every fault is named. */
export function loadConfig({ file, env, overrides = [], cwd }: ConfigSources): LoadedConfig {
  const origins = new Origins();
  const chosen = file ?? (existsSync(resolve(cwd, usualFile)) ? usualFile : null);
  const fromFile = chosen === null ? nothing : readConfigFile(chosen, cwd, origins);
  const fromEnvironment = readEnvironment(env, cwd);

  let values: unknown = fromFile.values;
  for (const { path, value, origin } of [...fromEnvironment.overrides, ...overrides.map(fromCommandLine)]) {
    values = withValue(values, path, value);
    origins.replace(path, origin);
  }
  // Of a file that cannot be read nobody knows what it sets: rules between keys are not asked then.
  const checked = check(values, origins, !fromFile.broken);
  const unreadable = unreadableFiles((path) => valueAt(values, path), cwd).map(({ path, reason }) => ({
    key: formatPath(path),
    origin: origins.of(path),
    reason,
  }));
  const faults = inOrder([...fromFile.faults, ...fromEnvironment.faults, ...checked.faults, ...unreadable]);
  if (faults.length > 0 || !checked.config) return { ok: false, faults };
  const warnings = [
    ...configWarnings(checked.config),
    ...folderWarnings(checked.config, cwd),
    ...unbuiltCapabilities(checked.config),
  ];
  return { ok: true, config: checked.config, file: chosen, origins, warnings };
}

const nothing = { values: {}, faults: [] as ConfigFault[], broken: false };

function readConfigFile(file: string, cwd: string, origins: Origins) {
  try {
    return readConfigText(readFileSync(resolve(cwd, file), 'utf8'), file, origins);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    const reason = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`;
    return {
      values: {},
      faults: [{ key: null, origin: { from: 'file', file, line: 0 } as const, reason }],
      broken: true,
    };
  }
}

function fromCommandLine({ key, text, option }: CommandLineValue): Override {
  const path = key.split('.');
  const shape = shapeAt(path);
  if (!shape) throw new Error(`the command line sets ${key}, which is no key`);
  return { path, value: typedValue(text, shape), origin: { from: 'command line', option } };
}

/**
 * Checks `values` against the schema. The rules between keys can only be asked of a configuration whose values are sound by themselves,
 * so what is faulty is taken out (its default stands in) and the rest is checked again; rules that depend on what was taken out are left aside.
 */
function check(values: unknown, origins: Origins, askRules: boolean): { config?: Config; faults: ConfigFault[] } {
  const faults: ConfigFault[] = [];
  const removed: KeyPath[] = [];
  for (let rest = values; ; ) {
    const result = configSchema.safeParse(rest);
    if (result.success) return faults.length > 0 ? { faults } : { config: result.data, faults };
    const issues = result.error.issues as readonly Issue[];
    const ofValues = issues.filter((issue) => !rulePartners(issue));
    if (ofValues.length === 0) {
      const depends = (issue: Issue) => [issue.path.map(String), ...(rulePartners(issue) ?? [])];
      const asked = askRules ? issues.filter((issue) => !depends(issue).some((path) => isWithin(path, removed))) : [];
      return { faults: [...faults, ...asked.flatMap((issue) => faultsOf(issue, undefined, origins))] };
    }
    const before = rest;
    for (const issue of ofValues) {
      faults.push(...faultsOf(issue, valueAt(values, issue.path.map(String)), origins));
      for (const path of faultyPaths(issue)) {
        const gone = removable(path, before);
        rest = withValue(rest, gone, undefined);
        removed.push(gone);
      }
    }
  }
}

function faultyPaths({ path, keys }: Issue): KeyPath[] {
  const here = path.map(String);
  return keys ? keys.map((key) => [...here, key]) : [here];
}

/** What to take out so that the schema does not complain of `path` again: whole lists, and the section of a key that is missing. */
function removable(path: KeyPath, values: unknown): KeyPath {
  const inList = path.findIndex((part) => /^\d+$/.test(part));
  const outside = inList < 0 ? path : path.slice(0, inList);
  return inList < 0 && valueAt(values, outside) === undefined ? outside.slice(0, -1) : outside;
}

function isWithin(path: KeyPath, places: readonly KeyPath[]): boolean {
  return places.some((place) => place.every((part, index) => path[index] === part));
}

function valueAt(values: unknown, path: KeyPath): unknown {
  let value: unknown = values;
  for (const part of path) {
    if (typeof value === 'object' && value !== null)
      value = Object.hasOwn(value, part) ? value[part as never] : undefined;
    else if (part !== '0') return undefined; // a single value stands for a list of one
  }
  return value;
}

/** A copy of `values` with `value` at `path` (undefined takes the key out). Where a section should be and something else is, nothing changes. */
function withValue(values: unknown, path: KeyPath, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (values === undefined && value === undefined) return undefined;
  if (values !== undefined && values !== null && (typeof values !== 'object' || Array.isArray(values))) return values;
  const section = (values ?? {}) as Record<string, unknown>;
  const changed = withValue(Object.hasOwn(section, key) ? section[key] : undefined, rest, value);
  const others = Object.entries(section).filter(([name]) => name !== key);
  return Object.fromEntries(changed === undefined ? others : [...others, [key, changed]]);
}

const rank = { file: 0, environment: 1, 'command line': 2, default: 3 } as const;

/** Faults of the file first, from top to bottom; each once. */
function inOrder(faults: readonly ConfigFault[]): ConfigFault[] {
  const line = ({ origin }: ConfigFault) => (origin.from === 'file' ? origin.line : 0);
  const once = new Map(faults.map((fault) => [`${fault.key} ${fault.reason}`, fault]));
  return [...once.values()].sort((a, b) => rank[a.origin.from] - rank[b.origin.from] || line(a) - line(b));
}
