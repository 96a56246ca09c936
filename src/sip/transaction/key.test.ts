import { describe, expect, test } from 'vitest';
import { type IncomingParts, incomingRequest } from '../../../test/support/transaction-bench.ts';
import { createResponse } from '../message/index.ts';
import { clientKeyOf, mergeKeyOf, serverKeyOf } from './key.ts';

const keyOf = (parts: IncomingParts, method = 'INVITE') => serverKeyOf(incomingRequest(method, parts));

describe('two requests with a branch of RFC 3261 are the same transaction (§17.2.3)', () => {
  const branch = 'z9hG4bK1';
  const key = keyOf({ branch });

  test('when branch, sent-by and method are the same, whatever else differs', () => {
    expect(keyOf({ branch, uri: 'sip:carol@192.0.2.1', fromTag: 'x', toTag: 'y', callId: 'z', cseq: 2 })).toBe(key);
  });

  test('when the port that a sent-by leaves out is the default one', () => {
    expect(keyOf({ branch, sentBy: '192.0.2.2' })).toBe(key);
  });

  test.each([
    ['branch', { branch: 'z9hG4bK2' }, 'INVITE'],
    ['host of the sent-by', { sentBy: '192.0.2.3:5060' }, 'INVITE'],
    ['port of the sent-by', { sentBy: '192.0.2.2:5062' }, 'INVITE'],
    ['method', {}, 'OPTIONS'],
  ] as const)('not when another %s says otherwise', (_, parts, method) => {
    expect(keyOf({ branch, ...parts }, method)).not.toBe(key);
  });

  test('an ACK is the INVITE that it acknowledges', () => {
    expect(keyOf({ branch, toTag: 'ours' }, 'ACK')).toBe(key);
  });

  test('a CANCEL is a transaction of its own, and names the INVITE that it means (§9.2)', () => {
    const cancel = incomingRequest('CANCEL', { branch });
    expect(serverKeyOf(cancel)).not.toBe(key);
    expect(serverKeyOf(cancel, 'INVITE')).toBe(key);
  });
});

describe.each([
  ['no branch', null],
  ['a branch of RFC 2543', '1234'],
  ['a branch that is nothing but the cookie', 'z9hG4bK'],
])('two requests with %s are the same transaction (RFC 3261 §17.2.3)', (_, branch) => {
  const key = keyOf({ branch });

  test('when Request-URI, From tag, Call-ID, CSeq and topmost Via are', () => {
    expect(keyOf({ branch })).toBe(key);
  });

  test.each([
    ['Request-URI', { uri: 'sip:carol@192.0.2.1' }, 'INVITE'],
    ['From tag', { fromTag: 'alice2' }, 'INVITE'],
    ['Call-ID', { callId: 'call-2' }, 'INVITE'],
    ['CSeq number', { cseq: 2 }, 'INVITE'],
    ['sent-by', { sentBy: '192.0.2.3:5060' }, 'INVITE'],
    ['branch', { branch: '5678' }, 'INVITE'],
    ['method', {}, 'OPTIONS'],
  ] as const)('not when the %s differs', (_, parts, method) => {
    expect(keyOf({ branch, ...parts }, method)).not.toBe(key);
  });

  test('an ACK is the INVITE that it acknowledges, with the To tag that we gave', () => {
    expect(keyOf({ branch, toTag: 'ours' }, 'ACK')).toBe(key);
  });

  test('a CANCEL names the INVITE that it means', () => {
    expect(serverKeyOf(incomingRequest('CANCEL', { branch }), 'INVITE')).toBe(key);
  });

  test('a request from before tags has a key too', () => {
    expect(keyOf({ branch, fromTag: null })).toBe(keyOf({ branch, fromTag: null }));
  });
});

test('a request and a copy of it that came by another way have one merge key (RFC 3261 §8.2.2.2)', () => {
  const mergeKey = (parts: IncomingParts, method = 'INVITE') => mergeKeyOf(incomingRequest(method, parts));
  const key = mergeKey({});
  expect(mergeKey({ branch: 'z9hG4bKother', uri: 'sip:carol@192.0.2.1', sentBy: '192.0.2.9' })).toBe(key);
  expect(mergeKey({ callId: 'call-2' })).not.toBe(key);
  expect(mergeKey({ fromTag: 'other' })).not.toBe(key);
  expect(mergeKey({ cseq: 2 })).not.toBe(key);
  expect(mergeKey({}, 'OPTIONS')).not.toBe(key);
});

test('a response names its request by the branch of the topmost Via and the method of its CSeq (RFC 3261 §17.1.3)', () => {
  const keyOfResponse = (parts: IncomingParts, method = 'INVITE') =>
    clientKeyOf(createResponse(incomingRequest(method, parts), 200));
  const key = keyOfResponse({});
  expect(keyOfResponse({ callId: 'call-2', fromTag: 'other', cseq: 2 })).toBe(key);
  expect(keyOfResponse({ branch: 'z9hG4bKother' })).not.toBe(key);
  expect(keyOfResponse({}, 'CANCEL')).not.toBe(key);
});
