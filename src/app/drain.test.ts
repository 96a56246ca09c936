import { expect, test } from 'vitest';
import { silentLog, VirtualClock } from '../base/index.ts';
import { drain } from './drain.ts';

/** Calls that end only when told to, and dialogs that end with them. */
function stage(recordsAtOnce = true) {
  const clock = new VirtualClock();
  const hurry = new AbortController();
  let active = 1;
  let ended = () => {};
  const recorded = Promise.withResolvers<void>();
  const said: string[] = [];
  const calls = {
    get active() {
      return active;
    },
    drain: () =>
      new Promise<void>((resolve) => {
        ended = resolve;
      }),
    recorded: () => recorded.promise,
    shutDown: () => {
      said.push(`shut down at ${clock.now()}`);
      active = 0;
    },
  };
  const userAgent = {
    get dialogs() {
      return active;
    },
  };
  const notifier = { shutDown: () => said.push('watchers told') };
  const done = drain({ calls, notifier, userAgent, clock, log: silentLog, timeoutMs: 25_000, hurry: hurry.signal });
  return {
    clock,
    hurry,
    said,
    done,
    end: () => {
      active = 0;
      ended();
      if (recordsAtOnce) recorded.resolve();
    },
    recorded: recorded.resolve,
  };
}

test('live calls may end by themselves, and none is ended then', async () => {
  const { clock, done, end, said } = stage();
  end();
  await done;
  expect(said).toEqual([]);
  // A timer that is left would keep the process alive.
  expect(clock.pending).toBe(0);
});

test('calls that are still live after the time are ended', async () => {
  const { clock, done, said, recorded } = stage();
  recorded();
  clock.advance(24_999);
  await Promise.resolve();
  expect(said).toEqual([]);
  clock.advance(1);
  await done;
  expect(said).toEqual(['shut down at 25000', 'watchers told']);
});

test('in a hurry they are ended at once', async () => {
  const { hurry, done, said, recorded } = stage();
  hurry.abort();
  recorded();
  await done;
  expect(said).toEqual(['shut down at 0', 'watchers told']);
});

test('in a hurry too a call that is ended is waited for until it has its record', async () => {
  const { hurry, done, recorded } = stage();
  let over = false;
  void done.then(() => {
    over = true;
  });
  hurry.abort();
  await settled();
  expect(over).toBe(false);
  recorded();
  await done;
});

test('a call that has ended is waited for until it has its record, but not for ever', async () => {
  const { clock, done, end, recorded } = stage(false);
  let over = false;
  void done.then(() => {
    over = true;
  });
  end();
  await settled();
  expect(over).toBe(false);
  recorded();
  await done;
  expect(clock.pending).toBe(0);

  const late = stage(false);
  late.end();
  await settled();
  late.clock.advance(6000);
  await late.done;
});

/** Lets promises that are kept be heard of. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
