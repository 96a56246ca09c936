import { describe, expect, test } from 'vitest';
import { Headers, type SipError, SipRequest } from '../message/index.ts';
import { type AskedSession, agreedAsUac, agreedAsUas, askedIn, checkInterval } from './session-rules.ts';

const rules = { interval: 1800, minimum: 120 };

const asked = (more: Partial<AskedSession> = {}): AskedSession => ({
  interval: null,
  refresher: null,
  minimum: 90,
  supported: true,
  ...more,
});

describe('as UAS (RFC 4028 section 9, table 2)', () => {
  test.each([
    // A peer that knows no session timers; one that asks for one all the same, for a proxy has, cannot refresh.
    [{ supported: false }, null, 1800],
    [{ supported: false, interval: 600 }, 'us', 600],
    [{ supported: false, interval: 600, refresher: 'uac' }, 'us', 600],
    [{ supported: false, interval: 600, refresher: 'uas' }, 'us', 600],
    // One that does chooses, or we do.
    [{ interval: 600 }, 'us', 600],
    [{ interval: 600, refresher: 'uac' }, 'peer', 600],
    [{ interval: 600, refresher: 'uas' }, 'us', 600],
    [{}, 'us', 1800],
    // Never more than was asked for, nor less than the peer's least.
    [{ interval: 7200 }, 'us', 1800],
    [{ interval: 7200, minimum: 3600 }, 'us', 3600],
    [{ minimum: 3600 }, 'us', 3600],
    [{ interval: 1800, minimum: 1800 }, 'us', 1800],
    // Who cannot be refused is given our least (erratum 1687).
    [{ supported: false, interval: 1 }, 'us', 120],
  ] as const)('%j is answered with %s refreshing every %d s', (wish, refresher, interval) => {
    expect(agreedAsUas(asked(wish), null, rules)).toEqual({ refresher, interval });
  });

  test.each([
    [{}, 'peer', 600],
    [{ interval: 600 }, 'peer', 600],
    [{ interval: 600, refresher: 'uas' }, 'us', 600],
    [{ interval: 300 }, 'peer', 300],
    [{ interval: 900 }, 'peer', 600],
    [{ supported: false }, null, 1800],
  ] as const)(
    '%j of a peer that refreshes every 600 s leaves %s refreshing every %d s',
    (wish, refresher, interval) => {
      expect(agreedAsUas(asked(wish), { refresher: 'peer', interval: 600 }, rules)).toEqual({ refresher, interval });
    },
  );
});

describe('as UAC (RFC 4028 section 7.2)', () => {
  test.each([
    [{}, null, 1800],
    [{ supported: false }, null, 1800],
    [{ interval: 600, refresher: 'uac' }, 'us', 600],
    [{ interval: 600, refresher: 'uas' }, 'peer', 600],
    [{ interval: 600, refresher: 'uas', supported: false }, 'peer', 600],
    // It must not be left out, but phones do.
    [{ interval: 600 }, 'us', 600],
    // Nor may it be so short: the phone is refreshed in time, but is waited for no less than a minute.
    [{ interval: 60, refresher: 'uac' }, 'us', 60],
    [{ interval: 1, refresher: 'uac' }, 'us', 20],
    [{ interval: 1, refresher: 'uas' }, 'peer', 90],
  ] as const)('%j means that %s refreshes every %d s', (answer, refresher, interval) => {
    expect(agreedAsUac(asked(answer), rules)).toEqual({ refresher, interval });
  });
});

test.each([
  [{ interval: 119 }, 422],
  [{ interval: 1 }, 422],
  [{ interval: 120 }, null],
  [{}, null],
  // A 422 would be the end of its call (RFC 4028 section 8.1).
  [{ interval: 119, supported: false }, null],
] as const)('%j is refused with %s where 120 s are the least', (wish, status) => {
  let refusal: SipError | null = null;
  try {
    checkInterval(asked(wish), rules);
  } catch (error) {
    refusal = error as SipError;
  }
  expect(refusal?.status ?? null).toBe(status);
  if (status) expect(refusal?.headers).toEqual({ 'Min-SE': '120' });
});

test('nothing is refused where there are no session timers', () => {
  expect(() => checkInterval(asked({ interval: 1 }), { interval: 0, minimum: 90 })).not.toThrow();
});

const readings: readonly [[string, string][], Partial<AskedSession>][] = [
  [[['Session-Expires', '600;refresher=uac']], { interval: 600, refresher: 'uac', supported: false }],
  [
    [
      ['x', '600 ; Refresher=UAS'],
      ['k', '100rel, Timer'],
    ],
    { interval: 600, refresher: 'uas' },
  ],
  [
    [
      ['Require', 'timer'],
      ['Min-SE', '300'],
    ],
    { minimum: 300 },
  ],
  [
    [
      ['Supported', 'timer'],
      ['Min-SE', '30'],
    ],
    { minimum: 90 },
  ],
  [
    [
      ['Supported', 'timer'],
      ['Session-Expires', '600;refresher=me'],
    ],
    { interval: 600 },
  ],
  // What can't be read is passed over.
  [
    [
      ['Supported', 'timer'],
      ['Session-Expires', 'soon'],
      ['Min-SE', '?'],
    ],
    {},
  ],
];

test.each(readings)('%j is read', (fields, expected) => {
  const headers = new Headers(fields);
  const request = new SipRequest({ method: 'INVITE', uri: 'sip:1002@example.com', headers });
  expect(askedIn(request)).toEqual(asked(expected));
});
