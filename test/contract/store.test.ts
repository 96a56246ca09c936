import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom, silentLog, VirtualClock } from '../../src/base/index.ts';
import type { Extension } from '../../src/pbx/directory/index.ts';
import type { WebhookDelivery } from '../../src/pbx/records/index.ts';
import type { Binding } from '../../src/pbx/registrar/index.ts';
import type { Ban } from '../../src/pbx/security/index.ts';
import { MemoryDisk, memoryStore, openStore, type Store } from '../../src/store/index.ts';

/** A kind of store, on something that outlives it. */
interface World {
  readonly clock: VirtualClock;
  /** Opens the store; a second time: as after a restart. */
  open(queueLimit?: number): Promise<Store>;
  /** From now on commits take for ever, until the function returned is called. */
  stall(): () => void;
}

const random = new SeededRandom(1);
const binding = (key: string, changes: Partial<Binding> = {}): Binding => ({
  aor: '1001@sip-pbx',
  user: '1001',
  key,
  contact: `sip:1001@192.0.2.7:5060;ob`,
  instance: 'urn:uuid:00000000-0000-1000-8000-000A95A0E128',
  q: 700,
  callId: 'a@phone',
  cseq: 4_294_967_295,
  expiresAt: 1_736_071_200_000,
  registeredAt: 1_736_067_600_000,
  path: ['<sip:edge.example.com;lr>', '<sip:inner.example.com;lr>'],
  userAgent: 'Telefon "Grün"',
  transport: 'udp',
  source: { address: '2001:db8::7', port: 5060 },
  local: { address: '2001:db8::1', port: 5062 },
  nat: true,
  ...changes,
});
const delivery = (id: string, sequence: number): WebhookDelivery => ({
  id,
  url: 'http://hook.example/',
  orderKey: 'call-1',
  body: '{"type":"call.started"}',
  sequence,
  createdAt: 1_736_067_600_000,
});
const extension = (number: string, displayName: string | null = null): Extension => ({
  number,
  displayName,
  secrets: { md5: 'd41d8cd98f00b204e9800998ecf8427e', sha256: 'e3b0c442' },
});

const ban = (source: string, changes: Partial<Ban> = {}): Ban => ({
  source,
  aor: '1001@sip-pbx',
  failures: 10,
  repetition: 2,
  bannedAt: 1_736_067_600_000,
  until: 1_736_068_200_000,
  ...changes,
});

let opened: Store[] = [];
let released: (() => void)[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sip-pbx-store-'));
});
afterEach(async () => {
  for (const release of released) release();
  await Promise.all(opened.map((store) => store.close()));
  opened = [];
  released = [];
  await rm(folder, { recursive: true, force: true });
});

function owned(store: Store): Store {
  opened.push(store);
  return store;
}

/** A release that happens once, at the end of the test at the latest. */
function releaseOnce(release: () => void): () => void {
  let due = true;
  const run = () => {
    if (due) release();
    due = false;
  };
  released.push(run);
  return run;
}

function memoryWorld(): World {
  const clock = new VirtualClock();
  const disk = new MemoryDisk();
  return {
    clock,
    open: async (queueLimit = 1000) => owned(memoryStore({ clock, log: silentLog, disk, queueLimit })),
    stall: () => {
      disk.commitDelay = 1e9;
      return releaseOnce(() => {
        disk.commitDelay = 0;
        clock.advance(1e9);
      });
    },
  };
}

const url = 'sqlite:data/sip-pbx.db';
const databaseFile = () => join(folder, 'data/sip-pbx.db');
const openSqlite = async (clock: VirtualClock, queueLimit = 1000) =>
  owned(await openStore({ url, directory: folder, clock, log: silentLog, queueLimit }));

function sqliteWorld(): World {
  const clock = new VirtualClock();
  return {
    clock,
    open: (queueLimit) => openSqlite(clock, queueLimit),
    stall: () => {
      // Somebody else writes: SQLite waits for them.
      const other = new Database(databaseFile());
      other.exec('begin immediate');
      return releaseOnce(() => other.close());
    },
  };
}

/** Closes a store as time goes by. */
async function closeInTime(store: Store, clock: VirtualClock): Promise<void> {
  let closed = false;
  const closing = store.close().then(() => {
    closed = true;
  });
  while (!closed) {
    clock.advance(500);
    await turn();
  }
  await closing;
}

describe.each([
  ['memory', memoryWorld],
  ['sqlite', sqliteWorld],
])('every store: %s', (_, makeWorld) => {
  test('what was saved is loaded after a restart, field by field', async () => {
    const world = makeWorld();
    const store = await world.open();
    const plain = binding('plain', { instance: null, userAgent: null, path: [], nat: false, transport: 'tls' });
    store.bindings.save(binding('full'));
    store.bindings.save(plain);
    store.webhooks.add(delivery('w1', 1));
    store.extensions.save(extension('1001', 'Zoë'));
    store.extensions.save(extension('1002'));
    store.bans.save(ban('192.0.2.66'));
    await store.close();

    const again = await world.open();
    expect(await again.bindings.load()).toEqual([binding('full'), plain]);
    expect(await again.webhooks.load()).toEqual([delivery('w1', 1)]);
    expect(await again.extensions.load()).toEqual([extension('1001', 'Zoë'), extension('1002')]);
    expect(await again.bans.load()).toEqual([ban('192.0.2.66')]);
  });

  test('a new store is empty and healthy', async () => {
    const store = await makeWorld().open();
    expect(await store.bindings.load()).toEqual([]);
    expect(await store.webhooks.load()).toEqual([]);
    expect(await store.extensions.load()).toEqual([]);
    expect(await store.bans.load()).toEqual([]);
    expect(store.state()).toEqual({ healthy: true, reason: null, queued: 0, dropped: 0, lastCommitAt: null });
  });

  test('bindings come oldest registration first, webhooks by sequence, extensions by number', async () => {
    const store = await makeWorld().open();
    for (const [key, registeredAt] of [
      ['b', 3],
      ['c', 1],
      ['a', 3],
      ['d', 2],
    ] as const) {
      store.bindings.save(binding(key, { registeredAt }));
    }
    for (const [id, sequence] of [
      ['x', 10],
      ['y', 9],
      ['z', 11],
    ] as const)
      store.webhooks.add(delivery(id, sequence));
    for (const number of ['200', '1001', '30']) store.extensions.save(extension(number));
    await store.flush();
    expect((await store.bindings.load()).map(({ key }) => key)).toEqual(['c', 'd', 'a', 'b']);
    expect((await store.webhooks.load()).map(({ id }) => id)).toEqual(['y', 'x', 'z']);
    expect((await store.extensions.load()).map(({ number }) => number)).toEqual(['1001', '200', '30']);
  });

  test('what is saved again replaces what was there, before and after it has been committed', async () => {
    const store = await makeWorld().open();
    for (const cseq of [1, 2]) store.bindings.save(binding('a', { cseq }));
    store.bindings.save(binding('b'));
    store.extensions.save(extension('1001'));
    await store.flush();
    store.bindings.save(binding('a', { cseq: 3 }));
    store.extensions.save(extension('1001', 'Alice'));
    await store.flush();
    expect(await store.bindings.load()).toEqual([binding('a', { cseq: 3 }), binding('b')]);
    expect(await store.extensions.load()).toEqual([extension('1001', 'Alice')]);
  });

  test('bindings of two users and deliveries to two URLs are told apart', async () => {
    const store = await makeWorld().open();
    store.bindings.save(binding('a'));
    store.bindings.save(binding('a', { aor: '1002@sip-pbx' }));
    store.webhooks.add(delivery('w', 1));
    store.webhooks.add({ ...delivery('w', 2), url: 'http://other.example/' });
    await store.flush();
    store.bindings.remove('1001@sip-pbx', 'a');
    store.webhooks.remove('w', 'http://hook.example/');
    await store.flush();
    expect((await store.bindings.load()).map(({ aor }) => aor)).toEqual(['1002@sip-pbx']);
    expect((await store.webhooks.load()).map(({ url }) => url)).toEqual(['http://other.example/']);
  });

  test('bans come oldest first, one for each source, and may be lost like bindings', async () => {
    const { clock, open, stall } = makeWorld();
    const store = await open(3);
    store.bans.save(ban('192.0.2.2', { bannedAt: 3 }));
    store.bans.save(ban('2001:db8::/64', { bannedAt: 2 }));
    await store.flush();
    store.bans.save(ban('192.0.2.2', { bannedAt: 1 }));
    store.bans.save(ban('192.0.2.3', { bannedAt: 3 }));
    store.bans.remove('192.0.2.3');
    await store.flush();
    expect((await store.bans.load()).map(({ source }) => source)).toEqual(['192.0.2.2', '2001:db8::/64']);
    const goOn = stall();
    store.bans.save(ban('192.0.2.4'));
    clock.advance(50);
    for (const source of ['192.0.2.5', '192.0.2.6', '192.0.2.7', '192.0.2.8']) store.bans.save(ban(source));
    expect(store.state().dropped).toBe(1);
    goOn();
    await store.flush();
  });

  test('what is removed is gone, and what nobody has is removed without complaint', async () => {
    const store = await makeWorld().open();
    store.bindings.save(binding('a'));
    store.webhooks.add(delivery('w', 1));
    store.extensions.save(extension('1001'));
    await store.flush();
    store.bindings.remove('1001@sip-pbx', 'a');
    store.webhooks.remove('w', 'http://hook.example/');
    store.extensions.remove('1001');
    store.extensions.remove('9999');
    await store.flush();
    expect(await store.bindings.load()).toEqual([]);
    expect(await store.webhooks.load()).toEqual([]);
    expect(await store.extensions.load()).toEqual([]);
    expect(store.state()).toMatchObject({ healthy: true, dropped: 0 });
  });

  test('changes are committed 50 ms after the first without being asked for', async () => {
    const { clock, open } = makeWorld();
    const store = await open();
    store.bindings.save(binding('a'));
    expect(await store.bindings.load()).toEqual([]);
    expect(store.state().queued).toBe(1);
    clock.advance(50);
    expect(await store.bindings.load()).toEqual([binding('a')]);
    await turn();
    expect(store.state()).toMatchObject({ queued: 0, lastCommitAt: clock.wall() });
  });

  test('a secret is made at its first use and the same ever after', async () => {
    const world = makeWorld();
    const store = await world.open();
    const [key, other] = await Promise.all([
      store.secrets.secret('nonce-key', 32, random),
      store.secrets.secret('other', 16, random),
    ]);
    expect(key.length).toBe(32);
    expect(other.length).toBe(16);
    expect(await store.secrets.secret('nonce-key', 32, random)).toEqual(key);
    await store.close();
    const again = await world.open();
    expect(await again.secrets.secret('nonce-key', 32, random)).toEqual(key);
    expect(await again.secrets.secret('other', 16, random)).toEqual(other);
  });

  test('a store that stalls holds nobody up and takes everything once it goes on', async () => {
    const { clock, open, stall } = makeWorld();
    const store = await open();
    const goOn = stall();
    store.bindings.save(binding('a'));
    clock.advance(50);
    store.bindings.save(binding('b'));
    clock.advance(6000);
    expect(store.state()).toMatchObject({ healthy: false, reason: 'the store does not answer', queued: 2, dropped: 0 });
    goOn();
    await store.flush();
    expect((await store.bindings.load()).map(({ key }) => key)).toEqual(['a', 'b']);
    expect(store.state()).toMatchObject({ healthy: true, queued: 0 });
  });

  test('events that find the queue full are spilled and replayed, those delivered meanwhile excepted; bindings are lost, the oldest first', async () => {
    const { clock, open, stall } = makeWorld();
    const store = await open(3);
    const goOn = stall();
    store.bindings.save(binding('under way'));
    clock.advance(50);
    for (const sequence of [1, 2, 3, 4, 5, 6]) store.webhooks.add(delivery(`w${sequence}`, sequence));
    for (const key of ['a', 'b', 'c', 'd']) store.bindings.save(binding(key));
    store.webhooks.remove('w2', 'http://hook.example/');
    expect(store.state()).toMatchObject({ healthy: false, queued: 4, dropped: 1 });
    goOn();
    await store.flush();
    expect((await store.webhooks.load()).map(({ id }) => id)).toEqual(['w1', 'w3', 'w4', 'w5', 'w6']);
    expect((await store.bindings.load()).map(({ key }) => key)).toEqual(['b', 'c', 'd', 'under way']);
    expect(store.state()).toMatchObject({ healthy: true, queued: 0, dropped: 1 });
  });

  test('events that the store could not take before the end are there after the restart', async () => {
    const world = makeWorld();
    const store = await world.open(3);
    const goOn = world.stall();
    for (const sequence of [1, 2, 3, 4, 5]) store.webhooks.add(delivery(`w${sequence}`, sequence));
    store.webhooks.remove('w4', 'http://hook.example/');
    await closeInTime(store, world.clock);
    goOn();
    const again = await world.open();
    expect((await again.webhooks.load()).map(({ id }) => id)).toEqual(['w1', 'w2', 'w3', 'w5']);
  });

  test('closing leaves no timer, may be repeated, and what comes later is counted as lost', async () => {
    const { clock, open } = makeWorld();
    const store = await open();
    store.bindings.save(binding('a'));
    await Promise.all([store.close(), store.close()]);
    expect(clock.pending).toBe(0);
    store.bindings.save(binding('b'));
    expect(store.state().dropped).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe('the store in a SQLite file', () => {
  const clock = new VirtualClock();
  const posix = process.platform !== 'win32';

  test.runIf(posix)('is readable by its owner only, its journal and its folder too', async () => {
    await openSqlite(clock);
    const mode = async (name: string) => ((await stat(join(folder, name))).mode & 0o777).toString(8);
    expect(await mode('data')).toBe('700');
    for (const name of await readdir(join(folder, 'data')))
      expect([name, await mode(`data/${name}`)]).toEqual([name, '600']);
  });

  test.runIf(posix)('that others could read is closed to them', async () => {
    await mkdir(join(folder, 'data'));
    await writeFile(databaseFile(), '', { mode: 0o644 });
    await openSqlite(clock);
    expect((await stat(databaseFile())).mode & 0o777).toBe(0o600);
  });

  test('that is no database is one clear error', async () => {
    await mkdir(join(folder, 'data'));
    await writeFile(databaseFile(), 'this is a letter to my aunt, and not a database at all'.repeat(100));
    await expect(openSqlite(clock)).rejects.toThrow(
      `cannot open the store ${databaseFile()}: it is damaged (file is not a database); move it away, or put back a copy`,
    );
    expect(clock.pending).toBe(0);
  });

  test('that is damaged inside is one clear error', async () => {
    const store = await openSqlite(clock);
    for (let i = 0; i < 200; i++) store.bindings.save(binding(`key ${i}`));
    await store.close();
    const { size } = await stat(databaseFile());
    await writeFile(databaseFile(), Buffer.alloc(8192, 0x5a), { flag: 'r+' }).catch(() => {});
    expect((await stat(databaseFile())).size).toBe(size);
    await expect(openSqlite(clock)).rejects.toThrow(/^cannot open the store .*: it is damaged \(.*\); move it away/);
  });

  test('that a newer version wrote is one clear error, and is left as it is', async () => {
    await (await openSqlite(clock)).close();
    const newer = new Database(databaseFile());
    newer.pragma('user_version = 99');
    newer.close();
    await expect(openSqlite(clock)).rejects.toThrow(
      /a newer version wrote it \(schema 99, this version knows up to \d+\)/,
    );
    const after = new Database(databaseFile());
    expect(after.pragma('user_version', { simple: true })).toBe(99);
    after.close();
  });

  test('that another exchange has open is one clear error, and it stays with that one', async () => {
    const store = await openSqlite(clock);
    store.bindings.save(binding('a'));
    await expect(openSqlite(clock)).rejects.toThrow(
      `cannot open the store ${databaseFile()}: another sip-pbx is running on it`,
    );
    await store.close();
    expect((await (await openSqlite(clock)).bindings.load()).map(({ key }) => key)).toEqual(['a']);
  });

  test('that cannot be made is one clear error', async () => {
    await writeFile(join(folder, 'data'), '');
    await expect(openSqlite(clock)).rejects.toThrow(/data/);
  });

  test('takes the good entries of a batch with a bad one', async () => {
    const store = await openSqlite(clock);
    store.bindings.save(binding('a'));
    store.bindings.save(binding('bad', { cseq: Number.NaN }));
    store.bindings.save(binding('b'));
    await store.flush();
    expect((await store.bindings.load()).map(({ key }) => key)).toEqual(['a', 'b']);
    expect(store.state()).toMatchObject({ healthy: true, dropped: 1 });
  });

  test('keeps what was committed when the process is killed', async () => {
    const program = `
      import { openStore } from ${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)};
      import { silentLog, SystemClock } from ${JSON.stringify(new URL('../../src/base/index.ts', import.meta.url).href)};
      const clock = new SystemClock();
      const store = await openStore({ url: '${url}', directory: process.argv[1], clock, log: silentLog });
      store.webhooks.add(${JSON.stringify(delivery('w', 1))});
      const look = () => store.state().lastCommitAt === null ? clock.after(1, look) : process.kill(process.pid, 'SIGKILL');
      look();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, folder], { stdio: 'inherit' });
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');
    await access(`${databaseFile()}-wal`);
    expect(await (await openSqlite(clock)).webhooks.load()).toEqual([delivery('w', 1)]);
  });

  test('may have an absolute name', async () => {
    const file = join(folder, 'elsewhere.db');
    await owned(await openStore({ url: `sqlite:${file}`, directory: '/nowhere', clock, log: silentLog })).close();
    await owned(await openStore({ url: `sqlite://${file}`, directory: '/nowhere', clock, log: silentLog })).close();
    expect(await readdir(folder)).toEqual(['elsewhere.db', 'elsewhere.db.lock']);
  });
});

describe('the URL of the store', () => {
  const clock = new VirtualClock();
  const open = (address: string) => openStore({ url: address, directory: folder, clock, log: silentLog });

  test('sqlite::memory: touches no disk', async () => {
    const store = owned(await open('sqlite::memory:'));
    store.extensions.save(extension('1001'));
    await store.flush();
    expect(await store.extensions.load()).toEqual([extension('1001')]);
    expect(await readdir(folder)).toEqual([]);
  });

  test('PostgreSQL is refused in words that keep the password to themselves', async () => {
    const error = await open('postgres://pbx:s3cret@db/pbx').catch((reason: Error) => reason);
    expect((error as Error).message).toBe('storage.url: PostgreSQL is not in this release; use sqlite:FILE');
  });

  test('anything else is refused', async () => {
    await expect(open('mysql://db')).rejects.toThrow('must be sqlite:FILE');
    await expect(open('sqlite:')).rejects.toThrow('must be sqlite:FILE');
  });
});
