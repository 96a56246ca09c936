import { describe, expect, test } from 'vitest';
import { sameUri } from './same-uri.ts';
import { parseUri } from './uri.ts';

const same = (a: string, b: string) => {
  const there = sameUri(parseUri(a), parseUri(b));
  expect(sameUri(parseUri(b), parseUri(a))).toBe(there);
  return there;
};

describe('SIP URIs are compared by RFC 3261 section 19.1.4', () => {
  test.each([
    ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'],
    ['sip:carol@chicago.com;newparam=5', 'sip:carol@chicago.com;security=on'],
    [
      'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
      'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
    ],
    [
      'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
      'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    ],
    ['sip:a@h;%6C%72;n%61me=v%61lue%25%34%31', 'sip:a@h;lr;name=value%2541'],
  ])('%s is %s', (a, b) => {
    expect(same(a, b)).toBe(true);
  });

  test.each([
    ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
    ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4'],
    ['sip:bob@biloxi.com', 'sips:bob@biloxi.com'],
    ['sip:bob@biloxi.com', 'sip:biloxi.com'],
    ['sip:bob:a@biloxi.com', 'sip:bob:b@biloxi.com'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;maddr=192.0.2.1'],
    ['sip:bob@biloxi.com;x=1', 'sip:bob@biloxi.com;x=2'],
    ['sip:%00@biloxi.com', 'sip:%00%00@biloxi.com'],
    ['sip:+1@h', 'tel:+1'],
    ['tel:+1', 'urn:1'],
  ])('%s is not %s', (a, b) => {
    expect(same(a, b)).toBe(false);
  });
});

describe('telephone numbers are compared by RFC 3966 section 4', () => {
  test.each([
    ['tel:+1-201-555-0123', 'tel:+1(201)555.0123', true],
    ['tel:7042;phone-context=+1-914-555', 'tel:7042;phone-context=+1914555', true],
    ['tel:1;a=x;b=Y', 'tel:1;b=y;a=X', true],
    ['tel:7042;phone-context=+1-914-555', 'tel:7042', false],
    ['tel:+1', 'tel:1', false],
    ['tel:1;ext=1-2', 'tel:1;ext=12', true],
  ])('%s and %s: %s', (a, b, expected) => {
    expect(same(a, b)).toBe(expected);
  });
});

test('other URIs are the same when their texts are, whatever the case of the scheme', () => {
  expect(same('URN:service:sos', 'urn:service:sos')).toBe(true);
  expect(same('urn:service:sos', 'urn:service:SOS')).toBe(false);
});
