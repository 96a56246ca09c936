import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConfigFault, Origin } from './config-faults.ts';
import { type ConfigKey, configKeys, formatPath, type KeyPath, rootShape, type Shape } from './config-keys.ts';
import { nearest } from './nearest.ts';

/** A value that takes the place of whatever the file says at `path`. */
export interface Override {
  readonly path: KeyPath;
  readonly value: unknown;
  readonly origin: Origin;
}

export interface EnvironmentValues {
  readonly overrides: readonly Override[];
  readonly faults: readonly ConfigFault[];
}

const prefix = 'SIP_PBX_';
const byVariable = new Map(configKeys.map((key) => [key.variable, key]));

/**
 * The overrides among the variables of `env`: `SIP_PBX_<SECTION>_<KEY>`, or `..._FILE` with the name of a file
 * (relative to `cwd`) that holds the value.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>, cwd: string): EnvironmentValues {
  const overrides: Override[] = [];
  const faults: ConfigFault[] = [];
  const fault = (variable: string, key: string | null, reason: string) =>
    faults.push({ key, origin: { from: 'environment', variable }, reason });

  for (const variable of Object.keys(env).sort()) {
    const text = env[variable];
    if (text === undefined || !isOurs(variable, text)) continue;
    const key = byVariable.get(variable);
    const fileKey = variable.endsWith('_FILE') ? byVariable.get(variable.slice(0, -'_FILE'.length)) : undefined;
    const origin: Origin = { from: 'environment', variable };
    if (key) {
      add(key, text, origin);
    } else if (!fileKey) {
      // SIP_PBX_SIP: a section, which has no variable of its own.
      const below = configKeys.find((one) => one.variable.startsWith(`${variable}_`));
      const meant = below
        ? `its keys have one each, like ${below.variable}`
        : `did you mean ${nearest(variable, byVariable.keys())}?`;
      fault(variable, null, `unknown name; ${meant}`);
    } else if (env[fileKey.variable] !== undefined) {
      fault(variable, formatPath(fileKey.path), `${fileKey.variable} is set too; only one of them may be`);
    } else {
      const content = readText(resolve(cwd, text));
      if (typeof content === 'string') add(fileKey, content, origin);
      else fault(variable, formatPath(fileKey.path), `the file ${text} cannot be read (${content.code})`);
    }
  }
  return { overrides, faults };

  function add(key: ConfigKey, text: string, origin: Origin & { from: 'environment' }): void {
    const { path, shape } = key;
    const value = typedValue(text, shape);
    if (value === undefined) fault(origin.variable, formatPath(path), 'must be valid JSON');
    else overrides.push({ path, value, origin });
  }
}

/** Whether the variable is meant for us: a name of a known section, and not one that Kubernetes makes for a Service. */
function isOurs(variable: string, text: string): boolean {
  if (!variable.startsWith(prefix)) return false;
  const rest = variable.slice(prefix.length).toLowerCase();
  const known = [...rootShape.keys.keys()].some((section) => rest === section || rest.startsWith(`${section}_`));
  return known && !isServiceVariable(variable, text);
}

/**
 * Kubernetes describes every Service of the namespace in each container's environment: a Service `sip-pbx-monitoring-prometheus`
 * makes a SIP_PBX_MONITORING_PROMETHEUS_PORT of the value `tcp://10.0.0.9:9090`.
 */
function isServiceVariable(variable: string, text: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$/.test(variable)) return true;
  if (/_PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$/.test(variable)) return true;
  return variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//i.test(text);
}

/**
 * The value that `text` stands for where `shape` is wanted; undefined when JSON is wanted and it is none. Text that is not of the wanted
 * kind stays text, and the schema says what is wrong with it.
 */
export function typedValue(text: string, shape: Shape): unknown {
  if (text === '' && shape.nullable) return null;
  if (shape.kind === 'section' || (shape.kind === 'list' && shape.items?.kind === 'section'))
    return ofJson(text, shape);
  if (shape.kind === 'list') {
    const items = text.split(',').map((item) => item.trim());
    return items.filter((item) => item !== '');
  }
  const trimmed = text.trim();
  if (shape.forms.has('integer') && /^-?\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  if (shape.forms.has('boolean')) {
    if (/^(true|yes|on|1)$/i.test(trimmed)) return true;
    if (/^(false|no|off|0)$/i.test(trimmed)) return false;
  }
  return text;
}

function ofJson(text: string, shape: Shape): unknown {
  if (text.trim() === '') return shape.kind === 'list' ? [] : undefined;
  try {
    return withText(JSON.parse(text), shape);
  } catch {
    return undefined; // the parser's own words would show passwords
  }
}

/** Numbers become text where text is wanted, as in the file: `{"number":1001}`. */
function withText(value: unknown, shape: Shape | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => withText(item, shape?.items));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, withText(item, shape?.keys.get(name))]),
    );
  }
  return typeof value === 'number' && shape?.forms.has('string') && !shape.forms.has('integer') ? String(value) : value;
}

function readText(file: string): string | { readonly code: string } {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unreadable' };
  }
}
