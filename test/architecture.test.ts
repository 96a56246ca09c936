import { describe, expect, test } from 'vitest';
import { resolveImport, type SourceFile, sourceFile, sourceFiles } from './support/source-files.ts';

/** What a floor may import: other floors (through their `index.ts`), modules of Node, libraries. */
interface Floor {
  readonly floors: readonly string[];
  readonly node?: readonly string[] | 'any';
  readonly libraries?: readonly string[] | 'any';
}

const sip = ['sip/message', 'sip/transport', 'sip/transaction', 'sip/dialog', 'sip/ua'];
const pbx = [
  'pbx/events',
  'pbx/records',
  'pbx/directory',
  'pbx/registrar',
  'pbx/routing',
  'pbx/call',
  'pbx/presence',
  'pbx/security',
];

/** The house, from the ground up. A floor imports only floors above it in this list: arrows point down only. */
const house: Readonly<Record<string, Floor>> = {
  base: { floors: [], node: ['crypto'] },

  // The SIP stack: bytes at the bottom, user agents at the top. To it, a body is bytes with a content type.
  'sip/message': { floors: ['base'], node: ['buffer'] },
  'sip/transport': {
    floors: ['base', 'sip/message'],
    node: ['buffer', 'crypto', 'dgram', 'fs/promises', 'http', 'net', 'os', 'stream', 'tls'],
    libraries: ['ws'],
  },
  'sip/transaction': { floors: ['base', 'sip/message', 'sip/transport'] },
  // A dialog's requests go over a flow, which is the transport floor's.
  'sip/dialog': { floors: ['base', 'sip/message', 'sip/transport', 'sip/transaction'] },
  'sip/ua': { floors: ['base', ...sip.slice(0, 4)], node: ['crypto'] },

  // Media knows nothing of SIP.
  rtp: { floors: ['base'], node: ['crypto'] },
  // The keys of SRTP travel in session descriptions.
  sdp: { floors: ['base', 'rtp'], libraries: ['sdp-transform'] },
  // Opus is in a binary, which is loaded by require.
  codec: { floors: ['base'], node: ['module'], libraries: ['@evan/opus'] },
  media: {
    floors: ['base', 'sdp', 'rtp', 'codec'],
    node: ['dgram', 'fs/promises', 'module', 'net', 'path', 'stream', 'v8'],
  },

  // The exchange.
  'pbx/events': { floors: ['base'] },
  'pbx/records': { floors: ['base', 'pbx/events'] },
  // Whom nobody listens to: stands at the transport's door, and counts who fails to prove who it is.
  'pbx/security': { floors: ['base', ...sip, 'pbx/events'] },
  'pbx/directory': { floors: ['base', 'sip/message'] },
  // A binding is a contact and the flow it came on; hence the transport floor here and in routing.
  'pbx/registrar': {
    floors: ['base', 'sip/message', 'sip/transport', 'sip/ua', 'pbx/directory', 'pbx/events'],
  },
  'pbx/routing': { floors: ['base', 'sip/message', 'sip/transport', 'pbx/directory', 'pbx/registrar'] },
  // The only place where SIP and media meet.
  'pbx/call': { floors: ['base', ...sip, 'sdp', 'media', 'pbx/events', 'pbx/directory', 'pbx/routing'] },
  // A subscription is a usage of a dialog.
  'pbx/presence': {
    floors: [
      'base',
      'sip/message',
      'sip/transaction',
      'sip/dialog',
      'sip/ua',
      'pbx/events',
      'pbx/directory',
      'pbx/routing',
    ],
    libraries: ['@xmldom/xmldom'],
  },

  // What depends on the exchange, and never the reverse.
  store: {
    floors: ['base', 'sip/message', ...pbx],
    node: ['fs', 'fs/promises', 'path', 'worker_threads'],
    libraries: ['better-sqlite3', 'kysely'],
  },
  cluster: { floors: ['base', 'sip/message', ...pbx], node: ['net', 'tls'] },
  observe: {
    floors: ['base', 'sip/message', ...pbx],
    node: ['fs', 'fs/promises', 'path'],
    libraries: ['prom-client', 'standardwebhooks', 'undici'],
  },
  http: { floors: ['base', ...pbx, 'observe'], node: ['net'], libraries: ['fastify', 'zod'] },
  app: {
    floors: ['base', ...sip, 'sdp', 'rtp', 'codec', 'media', ...pbx, 'store', 'cluster', 'observe', 'http'],
    node: 'any',
    libraries: 'any',
  },
};

/** Imports of types that close a ring inside a floor, and why they may. */
const typeRings: ReadonlySet<string> = new Set([
  // A syntax error carries the request that it refuses; the request's readers throw syntax errors.
  'src/sip/message/errors.ts → src/sip/message/message.ts',
  // A transaction tells its surroundings that it is over.
  'src/sip/transaction/transaction-context.ts → src/sip/transaction/client-transaction.ts',
  'src/sip/transaction/transaction-context.ts → src/sip/transaction/server-transaction.ts',
]);

/** Lines of one file at most: a subject that needs more is two subjects. */
const maxLines = 600;

const sources = sourceFiles('src').filter(({ path }) => !path.endsWith('.test.ts'));

describe('the house', () => {
  test('is read at all', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(300);
  });

  test('has no folder outside the plan', () => {
    expect(sources.filter(({ path }) => floorOf(path) === null).map(({ path }) => path)).toEqual([]);
  });

  test('lists its floors from the ground up', () => {
    const names = Object.keys(house);
    const wrong = names.flatMap((name, height) =>
      house[name]!.floors.filter((below) => !names.slice(0, height).includes(below)).map(
        (up) => `${name} imports ${up}`,
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('lets a floor import only what stands below it, by the front door, with the libraries it may use', () => {
    expect(sources.flatMap(offences)).toEqual([]);
  });

  test('has no cycle of files, types counted', () => {
    expect(cycles(sources, typeRings)).toEqual([]);
  });

  test('still needs every ring that it allows', () => {
    const needless = [...typeRings].filter(
      (ring) => cycles(sources, new Set([...typeRings].filter((other) => other !== ring))).length === 0,
    );
    expect(needless).toEqual([]);
  });

  test(`has no file of more than ${maxLines} lines`, () => {
    const files = sourceFiles('src', 'test', 'bench', 'scripts');
    expect(files.filter(({ lines }) => lines > maxLines).map(({ path, lines }) => `${path}: ${lines}`)).toEqual([]);
  });
});

describe('the guard of the house', () => {
  test.each([
    ['src/sip/message/a.ts', "import { connect } from 'node:net';", 'sip/message may not use node:net'],
    ['src/pbx/call/a.ts', "import { z } from 'zod';", 'pbx/call may not use the library zod'],
    ['src/media/a.ts', "import type { Flow } from '../sip/transport/index.ts';", 'media may not import sip/transport'],
    ['src/pbx/call/a.ts', "import {\n  x,\n} from '../../sdp/codecs.ts';", 'sdp is entered through its index.ts only'],
    ['src/base/a.ts', "const world = await import('../../test/world/world.ts');", 'test/world/world.ts is no source'],
    ['src/store/a.ts', "export * from '../observe/index.ts';", 'store may not import observe'],
  ])('%s: %s', (path, text, offence) => {
    expect(offences(sourceFile(path, text))).toEqual([`${path}: ${offence}`]);
  });

  test('allows siblings, and libraries and floors of the table; comments are no imports', () => {
    const text = [
      "import { Kysely } from 'kysely';",
      "import { Migrator } from 'kysely/migration';",
      "import { join } from 'node:path';",
      "import type { Log } from '../base/index.ts';",
      "import { tables } from './tables.ts';",
      "// import { x } from '../app/main.ts';",
    ].join('\n');
    expect(offences(sourceFile('src/store/a.ts', text))).toEqual([]);
  });

  test('finds a cycle and names its files', () => {
    const files = [
      sourceFile('src/rtp/a.ts', "import { b } from './b.ts';"),
      sourceFile('src/rtp/b.ts', "import type { C } from './c.ts';"),
      sourceFile('src/rtp/c.ts', "export { a } from './a.ts';"),
    ];
    expect(cycles(files)).toEqual(['src/rtp/a.ts → src/rtp/b.ts → src/rtp/c.ts → src/rtp/a.ts']);
  });
});

/** The floor that a file of `src` stands on. */
function floorOf(path: string): string | null {
  return Object.keys(house).find((name) => path.startsWith(`src/${name}/`)) ?? null;
}

/** Every import of a file that the table forbids. */
function offences({ path, imports }: SourceFile): readonly string[] {
  const name = floorOf(path);
  if (name === null) return [];
  return imports.flatMap((imported) => {
    const offence = offenceOf(name, path, imported);
    return offence === null ? [] : [`${path}: ${offence}`];
  });
}

function offenceOf(name: string, path: string, imported: string): string | null {
  const { floors, node = [], libraries = [] } = house[name]!;
  if (imported.startsWith('node:')) {
    const allowed = node === 'any' || node.includes(imported.slice('node:'.length));
    return allowed ? null : `${name} may not use ${imported}`;
  }
  if (!imported.startsWith('.')) {
    const library = imported.split('/', imported.startsWith('@') ? 2 : 1).join('/');
    const allowed = libraries === 'any' || libraries.includes(library);
    return allowed ? null : `${name} may not use the library ${library}`;
  }
  const target = resolveImport(path, imported);
  const other = floorOf(target);
  if (other === null) return `${target} is no source`;
  if (other === name) return null;
  if (!floors.includes(other)) return `${name} may not import ${other}`;
  return target === `src/${other}/index.ts` ? null : `${other} is entered through its index.ts only`;
}

/** Rings of files that import each other, each told once; `allowed` imports ("from → to") count for nothing. */
function cycles(files: readonly SourceFile[], allowed: ReadonlySet<string> = new Set()): readonly string[] {
  const importsOf = new Map(
    files.map(({ path, imports }) => [
      path,
      imports
        .filter((name) => name.startsWith('.'))
        .map((name) => resolveImport(path, name))
        .filter((target) => !allowed.has(`${path} → ${target}`)),
    ]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(' → '));
    if (start >= 0 || done.has(path)) return;
    for (const imported of importsOf.get(path) ?? []) visit(imported, [...trail, path]);
    done.add(path);
  };
  for (const path of importsOf.keys()) visit(path, []);
  return found;
}
