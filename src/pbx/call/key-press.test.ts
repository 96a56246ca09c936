import { describe, expect, test } from 'vitest';
import { Headers, SipRequest } from '../../sip/message/index.ts';
import { keyPressBody, keyPressOf } from './key-press.ts';

function info(contentType: string, body: string): SipRequest {
  const headers = new Headers();
  headers.add('Content-Type', contentType);
  return new SipRequest({ method: 'INFO', uri: 'sip:bob@example.com', headers, body: new TextEncoder().encode(body) });
}

const relay = 'application/dtmf-relay';

describe('a key in an INFO', () => {
  test.each<[contentType: string, body: string, digit: string, durationMs: number]>([
    [relay, 'Signal=5\r\nDuration=160\r\n', '5', 160],
    ['Application/DTMF-Relay;charset=utf-8', 'signal = #\nduration = 100', '#', 100],
    [relay, 'Signal= *\r\nDuration= 250', '*', 250],
    [relay, 'Duration=160\r\nSignal=a\r\n', 'A', 160],
    [relay, 'Signal: 7\r\nDuration: 90\r\n', '7', 90],
    // By the codes of RFC 4733.
    [relay, 'Signal=10\r\n', '*', 250],
    [relay, 'Signal=11\r\n', '#', 250],
    ['application/dtmf', '3', '3', 250],
    ['application/dtmf', ' # \r\n', '#', 250],
    ['application/dtmf', 'Signal=9\r\nDuration=70\r\n', '9', 70],
    // What is not heard everywhere, or would be heard for ever.
    [relay, 'Signal=1\r\nDuration=1\r\n', '1', 50],
    [relay, 'Signal=1\r\nDuration=99999999\r\n', '1', 5000],
    [relay, 'Signal=1\r\nDuration=long\r\n', '1', 250],
  ])('%s: %j is %s for %d ms', (contentType, body, digit, durationMs) => {
    expect(keyPressOf(info(contentType, body))).toEqual({ digit, durationMs });
  });

  test.each([
    ['another type', 'application/json', '{"Signal":"5"}'],
    ['a type that can not be read', ';', 'Signal=5'],
    ['a flash of the hook', relay, 'Signal=16\r\nDuration=100'],
    ['a flash by its other name', relay, 'Signal=!\r\nDuration=100'],
    ['no signal', relay, 'Duration=160\r\n'],
    ['nothing', relay, ''],
    ['what is no key', relay, 'Signal=E\r\n'],
    ['several at once', 'application/dtmf', '123'],
    ['no code', relay, 'Signal=99\r\n'],
  ])('%s is none', (_, contentType, body) => {
    expect(keyPressOf(info(contentType, body))).toBeNull();
  });

  test('none is in an INFO without a type', () => {
    expect(keyPressOf(new SipRequest({ method: 'INFO', uri: 'sip:bob@example.com' }))).toBeNull();
  });

  test('reads as it was written', () => {
    for (const digit of '0123456789*#ABCD') {
      const { body, contentType } = keyPressBody({ digit, durationMs: 120.4 });
      expect(keyPressOf(info(contentType, new TextDecoder().decode(body)))).toEqual({ digit, durationMs: 120 });
    }
  });
});
