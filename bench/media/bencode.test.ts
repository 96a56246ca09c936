import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bencoded, bdecode, bencode } from './bencode.ts';

test('a request of the control protocol is written as its documentation shows', () => {
  expect(bencode({ command: 'offer', flags: ['trust-address'], 'call-id': '' })).toBe(
    'd7:command5:offer5:flagsl13:trust-addresse7:call-id0:e',
  );
});

test('an answer is read, its numbers too', () => {
  expect(bdecode('d6:result2:ok6:totalsd7:packetsi-12eee')).toEqual({ result: 'ok', totals: { packets: '-12' } });
});

const value = fc.letrec<{ value: Bencoded }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.array(tie('value')),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value;

test('whatever is written is read again', () => {
  fc.assert(
    fc.property(value, (sample) => {
      expect(bdecode(bencode(sample))).toEqual(sample);
    }),
  );
});

test.each(['', '3:ab', 'x', 'l', 'd3:abc', 'i12', '2:ok2:ok', ':', '-1:a'])('%j is refused', (text) => {
  expect(() => bdecode(text)).toThrow();
});
