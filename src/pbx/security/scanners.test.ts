import { describe, expect, test } from 'vitest';
import { Headers } from '../../sip/message/index.ts';
import { isFromScanner } from './scanners.ts';

const phone = { From: '"Alice" <sip:1001@pbx.example>;tag=a', To: '<sip:1002@pbx.example>' };
const request = (fields: Record<string, string>) => ({
  headers: new Headers(Object.entries({ ...phone, ...fields })),
});

describe('a scanner is known', () => {
  test.each([
    'friendly-scanner',
    'Friendly-Scanner',
    'sipvicious',
    'sipcli/v1.8',
    'sip-scan',
    'VaxSIPUserAgent/3.5',
    'VaxIPUserAgent',
    'pplsip',
    'sundayddr',
    'smap 0.6.0',
    'SIVuS_VoIP_Scanner',
    'iWar',
  ])('by its User-Agent %s', (agent) => {
    expect(isFromScanner(request({ 'User-Agent': agent }))).toBe(true);
  });

  test.each([
    ['From', '"sipvicious"<sip:100@192.0.2.1>;tag=1'],
    ['From', '"anything"<sip:100@1.1.1.1>;tag=1'],
    ['To', '"sipvicious"<sip:100@1.1.1.1>'],
    ['From', '<sip:nm@nm>;tag=root'],
    ['To', '<sip:nm2@nm2>'],
  ])('by its %s: %s', (name, value) => {
    expect(isFromScanner(request({ 'User-Agent': 'Phone 1.0', [name]: value }))).toBe(true);
  });
});

describe('no scanner is', () => {
  test.each([
    'Linphone/5.2 (belle-sip/5.2)',
    'Yealink SIP-T46S 66.86.0.15',
    'MicroSIP/3.21.3',
    'baresip v1.0.0',
    'sipsak 0.9.8',
    'Asterisk PBX 18.10.0',
    'Zoiper rv2.10',
    '',
  ])('a phone or tool that says %j', (agent) => {
    expect(isFromScanner(request({ 'User-Agent': agent }))).toBe(false);
  });

  test('a phone that says nothing, nor extension 100', () => {
    expect(isFromScanner(request({}))).toBe(false);
    for (const From of [
      '<sip:100@1.1.1.10>;tag=a',
      '<sip:100@nm.example>;tag=a',
      'sip:nm@host;tag=a',
      '<sip:nm>;tag=a',
    ]) {
      expect(isFromScanner(request({ From }))).toBe(false);
    }
  });

  test('a request without From and To', () => {
    expect(isFromScanner({ headers: new Headers() })).toBe(false);
  });
});
