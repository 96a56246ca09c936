import { expect, test } from 'vitest';
import { SipError } from './errors.ts';
import { reasonPhrase } from './status.ts';

test.each([
  [180, 'Ringing'],
  [486, 'Busy Here'],
  [199, 'Early Dialog Terminated'],
  [299, 'OK'],
  [499, 'Bad Request'],
  [799, 'Unknown'],
])('%i is %s; an unknown status has the phrase of its class (RFC 3261 section 8.1.3.2)', (status, phrase) => {
  expect(reasonPhrase(status)).toBe(phrase);
});

test('a refusal knows its status, phrase and header fields', () => {
  const error = new SipError(423, undefined, { headers: { 'Min-Expires': '60' } });
  expect(error).toMatchObject({ status: 423, reason: 'Interval Too Brief', headers: { 'Min-Expires': '60' } });
  expect(error.message).toBe('423 Interval Too Brief');
  expect(new SipError(403, 'Not You')).toMatchObject({ reason: 'Not You', headers: {} });
});
