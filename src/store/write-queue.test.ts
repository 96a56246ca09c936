import { setImmediate as settled } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { silentLog, VirtualClock } from '../base/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';
import type { Backend, RejectedEntry } from './backend.ts';
import type { Spill } from './spill.ts';
import type { StoreEntry } from './store-entry.ts';
import { WriteQueue } from './write-queue.ts';

/** Writes down what it is told; fails or waits when told to. */
class RecordingBackend implements Backend {
  readonly commits: string[] = [];
  readonly tries: number[] = [];
  readonly syncs: number[] = [];
  failing = false;
  rejects: string | null = null;
  gate: Promise<void> | null = null;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async commit(entries: readonly StoreEntry[]): Promise<readonly RejectedEntry[]> {
    this.tries.push(this.#clock.now());
    await this.gate;
    if (this.failing) throw new Error('disk full');
    this.commits.push(entries.map(short).join(' '));
    return entries
      .filter((entry) => short(entry) === this.rejects)
      .map(({ kind }) => ({ kind, reason: 'no such row' }));
  }

  async sync(): Promise<void> {
    this.syncs.push(this.#clock.now());
  }

  loadBindings = async () => [];
  loadWebhooks = async () => [];
  loadExtensions = async () => [];
  loadBans = async () => [];
  secret = async (_: string, fresh: Uint8Array) => fresh;
  close = async () => {};
}

/** A spill in a list. */
class ListSpill implements Spill {
  readonly entries: StoreEntry[] = [];
  readonly dropped = 0;
  readonly failure = null;
  get empty() {
    return this.entries.length === 0;
  }
  add(entries: readonly StoreEntry[]) {
    this.entries.push(...entries);
  }
  async replay(
    commit: (entries: readonly StoreEntry[]) => Promise<void>,
    takeBack: (entries: readonly StoreEntry[]) => void,
  ) {
    while (this.entries.length > 0) {
      const count = this.entries.length;
      await commit(this.entries.slice(0, count));
      this.entries.splice(0, count);
    }
    takeBack([]);
  }
  async settle() {}
}

const save = (key: string, cseq = 1): StoreEntry => ({
  kind: 'save binding',
  row: { aor: 'a', key, cseq } as unknown as Binding,
});
const remove = (key: string): StoreEntry => ({ kind: 'remove binding', row: { aor: 'a', key } });
const add = (id: string): StoreEntry => ({
  kind: 'add webhook',
  row: { id, url: 'u', orderKey: 'o', body: '{}', sequence: 1, createdAt: 0 },
});
const done = (id: string): StoreEntry => ({ kind: 'remove webhook', row: { id, url: 'u' } });

/** `+a1` binding a saved with CSeq 1, `-a` removed, `+w` webhook w added, `-w` removed. */
function short(entry: StoreEntry): string {
  switch (entry.kind) {
    case 'save binding':
      return `+${entry.row.key}${entry.row.cseq}`;
    case 'remove binding':
      return `-${entry.row.key}`;
    case 'add webhook':
      return `+${entry.row.id}`;
    case 'remove webhook':
      return `-${entry.row.id}`;
    default:
      return entry.kind;
  }
}

function setUp({ limit = 100, spill = new ListSpill() as ListSpill | null } = {}) {
  const clock = new VirtualClock();
  const backend = new RecordingBackend(clock);
  const queue = new WriteQueue({ backend, clock, log: silentLog, spill, limit });
  /** Moves time in steps, so that what is not done by timers has its turn. */
  const pass = async (ms: number, step = 50) => {
    for (let passed = 0; passed < ms; passed += step) {
      clock.advance(Math.min(step, ms - passed));
      await settled();
    }
  };
  return { clock, backend, queue, spill, pass };
}

describe('batches', () => {
  test('entries are committed together and in their order, 50 ms after the first', async () => {
    const { backend, queue, pass } = setUp();
    queue.push(save('a'));
    await pass(49, 49);
    queue.push(add('w'));
    queue.push(remove('b'));
    expect(backend.commits).toEqual([]);
    await pass(1);
    expect(backend.commits).toEqual(['+a1 +w -b']);
  });

  test('500 entries are committed without waiting', async () => {
    const { backend, queue } = setUp({ limit: 1000 });
    for (let i = 0; i < 500; i++) queue.push(save(`k${i}-`));
    await settled();
    expect(backend.commits.map((commit) => commit.split(' ').length)).toEqual([500]);
    expect(queue.state()).toMatchObject({ healthy: true, queued: 0, dropped: 0 });
  });

  test('a later entry takes the place of an earlier one of the same key that still waits', async () => {
    const { backend, queue, pass } = setUp();
    queue.push(save('a', 1));
    queue.push(save('b', 1));
    queue.push(save('a', 2));
    queue.push(add('w'));
    queue.push(done('w'));
    await pass(50);
    expect(backend.commits).toEqual(['+b1 +a2 -w']);
  });

  test('commits are made safe against a loss of power within a second of the first, once', async () => {
    const { backend, queue, pass } = setUp();
    queue.push(save('a'));
    await pass(500);
    queue.push(save('b'));
    await pass(5000);
    expect(backend.syncs).toEqual([950]);
  });

  test('a commit that lands while the last ones are being made safe is made safe too', async () => {
    const { clock, backend, queue, pass } = setUp();
    queue.push(save('a'));
    await pass(900);
    queue.push(save('b'));
    await pass(50); // both the sync and the commit of b
    expect(backend.commits).toEqual(['+a1', '+b1']);
    await pass(2000);
    expect(backend.syncs).toEqual([950, 1850]);
    expect(clock.pending).toBe(0);
  });

  test('an entry that the backend refuses is counted and holds nothing up', async () => {
    const { backend, queue, pass } = setUp();
    backend.rejects = '+a1';
    queue.push(save('a'));
    await pass(50);
    queue.push(save('b'));
    await pass(50);
    expect(backend.commits).toEqual(['+a1', '+b1']);
    expect(queue.state()).toMatchObject({ healthy: true, dropped: 1 });
  });
});

describe('a store that fails', () => {
  test('keeps its batch and is tried again at growing intervals, then goes on in order', async () => {
    const { backend, queue, pass } = setUp();
    backend.failing = true;
    queue.push(save('a'));
    await pass(50);
    queue.push(save('b'));
    await pass(1550);
    expect(backend.tries).toEqual([50, 150, 350, 750, 1550]);
    expect(queue.state()).toMatchObject({
      healthy: false,
      reason: 'the store fails: disk full',
      queued: 2,
      dropped: 0,
    });
    backend.failing = false;
    await pass(2000);
    expect(backend.commits).toEqual(['+a1', '+b1']);
    expect(queue.state()).toMatchObject({ healthy: true, reason: null, queued: 0 });
  });

  test('is tried every 5 s at last', async () => {
    const { backend, queue, pass } = setUp();
    backend.failing = true;
    queue.push(save('a'));
    await pass(60_000, 50);
    const [last, before] = backend.tries.toReversed();
    expect(last! - before!).toBe(5000);
  });

  test('makes flush reject', async () => {
    const { backend, queue } = setUp();
    backend.failing = true;
    queue.push(save('a'));
    await expect(queue.flush()).rejects.toThrow('disk full');
  });

  test('shows as stalled when a commit takes longer than 5 s, without a commit being lost', async () => {
    const { backend, queue, pass } = setUp();
    const gate = Promise.withResolvers<void>();
    backend.gate = gate.promise;
    queue.push(save('a'));
    await pass(5000);
    expect(queue.state()).toMatchObject({ healthy: true });
    await pass(50);
    expect(queue.state()).toMatchObject({ healthy: false, reason: 'the store does not answer', queued: 1 });
    gate.resolve();
    await settled();
    expect(queue.state()).toMatchObject({ healthy: true, queued: 0 });
    expect(backend.commits).toEqual(['+a1']);
  });
});

describe('a full queue', () => {
  /** A queue with room for two whose store fails: one entry is in the batch that is tried again. */
  async function full() {
    const world = setUp({ limit: 2 });
    world.backend.failing = true;
    world.queue.push(save('first'));
    await world.pass(50);
    return world;
  }

  test('loses the oldest bindings and counts them', async () => {
    const { backend, queue, pass } = await full();
    for (const key of ['a', 'b', 'c', 'd']) queue.push(save(key));
    expect(queue.state()).toMatchObject({ healthy: false, queued: 3, dropped: 2 });
    backend.failing = false;
    await pass(200);
    expect(backend.commits).toEqual(['+first1', '+c1 +d1']);
  });

  test('spills events before a binding is lost, and replays them after those that waited', async () => {
    const { backend, queue, spill, pass } = await full();
    queue.push(add('w'));
    queue.push(save('a'));
    queue.push(save('b'));
    queue.push(add('x'));
    expect(spill?.entries.map(short)).toEqual(['+w', '+x']);
    expect(queue.state()).toMatchObject({ queued: 3, dropped: 0 });
    backend.failing = false;
    await pass(200);
    expect(backend.commits[0]).toBe('+first1');
    expect(backend.commits.toSorted()).toEqual(['+a1 +b1', '+first1', '+w +x']);
    expect(spill?.empty).toBe(true);
  });

  test("does not let an event's removal overtake the event in the spill", async () => {
    const { backend, queue, spill, pass } = await full();
    queue.push(save('a'));
    queue.push(save('b'));
    queue.push(add('w'));
    backend.failing = false;
    queue.push(done('w'));
    expect(spill?.entries.map(short)).toEqual(['+w', '-w']);
    await pass(200);
    queue.push(done('x'));
    await pass(50);
    expect(backend.commits.filter((commit) => /[wx]/.test(commit))).toEqual(['+w -w', '-x']);
  });

  test('does not replay an event before an older one that still fails', async () => {
    const { backend, queue, spill, pass } = setUp({ limit: 2 });
    backend.failing = true;
    queue.push(add('old'));
    await pass(50);
    for (const id of ['w', 'x', 'y']) queue.push(add(id));
    queue.push(done('old'));
    expect(spill?.entries.map(short)).toEqual(['+w', '+x', '+y', '-old']);
    await pass(3000);
    backend.failing = false;
    await pass(6000);
    expect(backend.commits).toEqual(['+old', '+w +x +y -old']);
  });

  test('without a spill loses the oldest entries of any kind', async () => {
    const { backend, queue, pass } = setUp({ limit: 2, spill: null });
    for (const id of ['w', 'x', 'y']) queue.push(add(id));
    await pass(50);
    expect(backend.commits).toEqual(['+x +y']);
    expect(queue.state().dropped).toBe(1);
  });
});

describe('closing', () => {
  test('commits what waits and leaves no timer', async () => {
    const { clock, backend, queue } = setUp();
    queue.push(save('a'));
    await queue.close();
    expect(backend.commits).toEqual(['+a1']);
    expect(clock.pending).toBe(0);
  });

  test('spills the events that a failing store does not take, and counts the bindings as lost', async () => {
    const { clock, backend, queue, spill } = setUp();
    backend.failing = true;
    queue.push(save('a'));
    queue.push(add('w'));
    await queue.close();
    expect(spill?.entries.map(short)).toEqual(['+w']);
    expect(queue.state()).toMatchObject({ queued: 0, dropped: 1 });
    expect(clock.pending).toBe(0);
  });

  test('waits 5 s for a store that does not answer', async () => {
    const { clock, backend, queue, spill } = setUp();
    backend.gate = new Promise(() => {});
    queue.push(add('w'));
    const closing = queue.close();
    clock.advance(5000);
    await closing;
    expect(spill?.entries.map(short)).toEqual(['+w']);
    expect(clock.pending).toBe(0);
  });

  test('replays the spill first where the store takes it', async () => {
    const { backend, queue, spill } = setUp({ limit: 1 });
    queue.push(add('w'));
    queue.push(add('x'));
    expect(spill?.empty).toBe(false);
    await queue.close();
    expect(backend.commits).toEqual(['+w +x']);
    expect(queue.state().dropped).toBe(0);
  });

  test('what is pushed afterwards is counted as lost', async () => {
    const { backend, queue, pass } = setUp();
    await queue.close();
    queue.push(save('a'));
    await pass(100);
    expect(backend.commits).toEqual([]);
    expect(queue.state().dropped).toBe(1);
  });
});
