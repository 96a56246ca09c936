import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MediaSession, PortPair } from '../../src/media/index.ts';
import { codec, workersOverMemory } from './engine-stage.ts';

/** Every pair of the pool. */
const pairs = 24;
const workers = 3;
const addresses = ['192.0.2.10', '192.0.2.11'];

/** What may happen, each with numbers that choose among what there is. */
const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('lease' as const), address: fc.nat(1), near: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('release' as const), which: fc.nat(50) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('start' as const), a: fc.nat(50), b: fc.nat(50) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('update' as const), which: fc.nat(50), a: fc.nat(50), b: fc.nat(50) }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('end' as const), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('die' as const), which: fc.nat(workers - 1) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('steal' as const), which: fc.nat(pairs - 1) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(1, 60, 500, 3000) }) },
);

describe('ports of several workers', () => {
  // Whatever happens, each number is leased once at a time and is there again in the end, and each end is told once.
  test('none is leased twice, and none is lost, whoever dies when', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 20, maxLength: 120 }), async (story) => {
        const ground = workersOverMemory(pairs, workers);
        const { engine, clock, settle, sockets, started } = ground;
        const leased: PortPair[] = [];
        const running = new Set<{ session: MediaSession; ports: readonly number[] }>();
        let ended = 0;
        let told = 0;
        const isFree = (pair: PortPair): boolean => ![...running].some(({ ports }) => ports.includes(pair.port));
        const specOf = (a: PortPair, b: PortPair) => ({
          id: 'call',
          legs: [a, b].map((port) => ({
            port,
            remote: null,
            signalling: null,
            send: true,
            codecs: [codec('PCMU', 0)],
            ptime: null,
          })) as never,
          idleTimeout: null,
          answered: false,
        });
        const end = (call: { session: MediaSession; ports: readonly number[] }): void => {
          running.delete(call);
          ended++;
          call.session.end(() => told++);
        };
        for (const event of story) {
          switch (event.type) {
            case 'lease': {
              const near = leased[event.near];
              const pair = near ? engine.lease(near.address, near) : engine.lease(addresses[event.address]!);
              if (pair === null) break;
              expect(leased.map(({ port }) => port)).not.toContain(pair.port);
              leased.push(pair);
              break;
            }
            case 'release': {
              const [pair] = leased.splice(event.which, 1);
              if (pair) engine.release(pair);
              // A leg may go before its session has ended.
              for (const call of running) if (pair && call.ports.includes(pair.port)) end(call);
              break;
            }
            case 'start': {
              const [a, b] = [leased[event.a], leased[event.b]];
              if (!a || !b || a === b || !isFree(a) || !isFree(b)) break;
              const session = engine.start(specOf(a, b), { onIdle: () => {} });
              running.add({ session, ports: [a.port, b.port] });
              break;
            }
            case 'update': {
              const call = [...running][event.which];
              const [a, b] = [leased[event.a], leased[event.b]];
              if (!call || !a || !b || a === b) break;
              const own = { ports: [a.port, b.port], session: call.session };
              running.delete(call);
              if (isFree(a) && isFree(b)) {
                call.session.update(specOf(a, b));
                running.add(own);
              } else running.add(call);
              break;
            }
            case 'end': {
              const call = [...running][event.which];
              if (call) end(call);
              break;
            }
            case 'die':
              started.at(-1 - event.which)?.die();
              await settle();
              break;
            case 'steal': {
              // Another program has the port for a moment.
              const thief = sockets.open({ address: addresses[0]!, port: 10_000 + 2 * event.which }, () => {});
              await settle();
              thief?.close();
              break;
            }
            case 'pass':
              clock.advance(event.ms);
              await settle();
              break;
            default:
              event satisfies never;
          }
          const { total, inUse } = engine.usage();
          expect(total).toBe(2 * pairs);
          expect(inUse).toBeGreaterThanOrEqual(2 * leased.length);
          expect(inUse).toBeLessThanOrEqual(total);
        }
        for (const call of [...running]) end(call);
        for (const pair of leased.splice(0)) engine.release(pair);
        for (let n = 0; n < 60; n++) {
          clock.advance(1000);
          await settle();
        }
        expect(told).toBe(ended);
        expect(engine.usage().inUse).toBe(0);
        expect(engine.workers().map(({ state, sessions }) => [state, sessions])).toEqual(
          new Array(workers).fill(['running', 0]),
        );
        const again = new Set<number | undefined>();
        for (let n = 0; n < pairs; n++) {
          again.add(engine.lease(addresses[n % 2]!)?.port);
          await settle();
        }
        expect(again.size).toBe(pairs);
        expect(again).not.toContain(undefined);
        const messages = started.flatMap(({ heard }) => heard);
        const count = (type: string) => messages.filter((message) => message === type).length;
        expect(count('end')).toBeLessThanOrEqual(count('start'));
        await engine.close();
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
