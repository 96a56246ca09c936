import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contactsOf, registrarConfig, startRegistrar } from '../../../test/support/registration.ts';
import { SipError } from '../../sip/message/index.ts';

// The invariant: after any sequence of REGISTERs and pauses, answers, bindings, store and events are those of the
// plain reading of RFC 3261 §10.3 below.

interface Known {
  readonly callId: string;
  readonly cseq: number;
  readonly until: number;
}

interface Step {
  readonly pause: number;
  readonly callId: string;
  readonly cseq: number;
  /** `*`, or some contacts by host with their seconds. */
  readonly contacts: '*' | readonly (readonly [host: string, expires: number | null])[];
}

type Outcome = readonly [status: number, bindings: ReadonlyMap<string, Known>];

const { minExpires, defaultExpires, maxExpires, maxContacts } = registrarConfig;

function expected(before: ReadonlyMap<string, Known>, { callId, cseq, contacts }: Step, now: number): Outcome {
  const cseqOf = (known: Known | undefined) => (known?.callId === callId ? known.cseq : 0);
  if (contacts === '*') {
    const newest = Math.max(0, ...[...before.values()].map(cseqOf));
    if (cseq < newest) return [500, before];
    return [200, cseq === newest ? before : new Map()];
  }
  const after = new Map(before);
  for (const [host, wish] of contacts) {
    const newest = cseqOf(before.get(host));
    if (cseq < newest) return [500, before];
    if (cseq === newest) return [200, before];
    const expires = wish ?? defaultExpires;
    after.delete(host);
    if (expires === 0) continue;
    if (expires < minExpires) return [423, before];
    after.set(host, { callId, cseq, until: now + Math.min(expires, maxExpires) * 1000 });
  }
  return after.size > maxContacts && after.size > before.size ? [403, before] : [200, after];
}

const contact = fc.tuple(
  fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  fc.constantFrom(0, 0, 30, 60, 90, 600, 99_999, null),
);
const step: fc.Arbitrary<Step> = fc.record({
  pause: fc.nat(80_000),
  callId: fc.constantFrom('call-1', 'call-1', 'call-2'),
  cseq: fc.integer({ min: 1, max: 12 }),
  contacts: fc.oneof(
    { weight: 9, arbitrary: fc.uniqueArray(contact, { selector: ([host]) => host, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant('*' as const) },
  ),
});

test('any sequence of REGISTERs ends as RFC 3261 §10.3 says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { clock, register, registrar, store, heard } = startRegistrar({ config: { natMaxExpires: maxExpires } });
      let bindings: ReadonlyMap<string, Known> = new Map();
      for (const one of steps) {
        clock.advance(one.pause);
        const now = clock.now();
        bindings = new Map([...bindings].filter(([, { until }]) => until > now));
        const [status, after] = expected(bindings, one, now);
        bindings = after;
        expect(statusOf(() => register(partsOf(one)))).toBe(status);

        const listed = contactsOf(register({ callId: 'query' })).sort();
        const hosts = [...bindings.keys()].sort();
        const secondsLeft = (host: string) => Math.ceil((bindings.get(host)!.until - now) / 1000);
        expect(listed).toEqual(hosts.map((host) => `sip:1001@${host};expires=${secondsLeft(host)}`));
        expect(registrar.lookup('1001')).toHaveLength(hosts.length);
        expect([...store.bindings.values()].map((binding) => binding.contact).sort()).toEqual(
          hosts.map((host) => `sip:1001@${host}`),
        );
        expect(balance(heard)).toEqual(hosts.map((host) => `sip:1001@${host}`));
      }
      // What has expired is unseen at once and cleared away at most a second later.
      clock.advance(maxExpires * 1000 + 1000);
      expect([registrar.count, store.bindings.size, clock.pending, balance(heard).length]).toEqual([0, 0, 0, 0]);
    }),
    {
      numRuns: 200,
      // Two that expire within a second of each other.
      examples: [
        [
          [
            { pause: 0, callId: 'call-1', cseq: 1, contacts: [['a', 99_999]] },
            { pause: 1, callId: 'call-1', cseq: 1, contacts: [['b', 99_999]] },
          ],
        ],
      ],
    },
  );
});

function partsOf({ callId, cseq, contacts }: Step) {
  if (contacts === '*') return { callId, cseq, contacts: ['*'], headers: ['Expires: 0'] };
  const values = contacts.map(([host, wish]) => `<sip:1001@${host}>${wish === null ? '' : `;expires=${wish}`}`);
  return { callId, cseq, contacts: values };
}

function statusOf(action: () => { readonly status: number }): number {
  try {
    return action().status;
  } catch (error) {
    if (error instanceof SipError) return error.status;
    throw error;
  }
}

/** The contacts added and not removed, by the events; no contact is added or removed twice. */
function balance(heard: readonly string[]): string[] {
  const there = new Set<string>();
  for (const line of heard) {
    const [sign, contact = ''] = line.split(' ');
    expect(there.has(contact)).toBe(sign === '-');
    if (sign === '+') there.add(contact);
    else there.delete(contact);
  }
  return [...there].sort();
}
