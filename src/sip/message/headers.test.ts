import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from './errors.ts';
import { Allow, CallId, Contact, CSeq, Route, Supported, Via } from './fields/index.ts';
import { Headers } from './headers.ts';

const lines = (headers: Headers) => [...headers.entries()].map(([name, value]) => `${name}: ${value}`);

describe('finding header fields', () => {
  const headers = new Headers([
    ['v', 'SIP/2.0/UDP a, SIP/2.0/TCP b;x="y,z"'],
    ['VIA', 'SIP/2.0/UDP c'],
    ['X-Own', '1'],
    ['k', ''],
    ['Supported', 'a,, b'],
  ]);

  test('in any case, by the compact or the long name (RFC 3261 section 7.3)', () => {
    expect(headers.get('via')).toBe('SIP/2.0/UDP a, SIP/2.0/TCP b;x="y,z"');
    expect(headers.getAll('V')).toHaveLength(2);
    expect(headers.get('x-OWN')).toBe('1');
    expect(headers.has('From')).toBe(false);
    expect(headers.get('From')).toBeUndefined();
  });

  test('values of all lines in order, lists split at commas outside of quotes (section 7.3.1)', () => {
    expect(headers.all(Via).map((via) => via.host)).toEqual(['a', 'b', 'c']);
    expect(headers.first(Via)?.host).toBe('a');
    expect(headers.all(Supported)).toEqual(['a', 'b']);
    expect(headers.first(Supported)).toBe('a');
    expect(headers.all(Route)).toEqual([]);
  });

  test('a comma in angle brackets separates nothing', () => {
    const contacts = new Headers([['Contact', '<sip:a,b@h>, "x, y" <sip:c@h>,sip:d@h']]).all(Contact);
    expect(contacts.map((contact) => contact !== '*' && contact.uri.kind === 'sip' && contact.uri.user)).toEqual([
      'a,b',
      'c',
      'd',
    ]);
  });

  test('values are read once', () => {
    expect(headers.first(Via)).toBe(headers.first(Via));
    expect(headers.all(Via)).toBe(headers.all(Via));
  });

  test('a malformed or missing value is a SipSyntaxError that names the header', () => {
    const bad = new Headers([['CSeq', 'x']]);
    expect(() => bad.first(CSeq)).toThrow('bad CSeq');
    expect(() => bad.first(CSeq)).toThrow(SipSyntaxError);
    expect(() => bad.require(CallId)).toThrow('no Call-ID');
    expect(bad.first(CallId)).toBeUndefined();
  });
});

describe('changing header fields', () => {
  const some = () =>
    new Headers([
      ['Via', 'SIP/2.0/UDP a'],
      ['i', 'x'],
      ['Via', 'SIP/2.0/UDP b'],
      ['To', '<sip:t@h>'],
    ]);

  test('set replaces all lines at the place of the first', () => {
    expect(lines(some().set('Call-ID', 'y').set('via', 'SIP/2.0/UDP z'))).toEqual([
      'via: SIP/2.0/UDP z',
      'Call-ID: y',
      'To: <sip:t@h>',
    ]);
    expect(lines(some().set('Subject', 's')).at(-1)).toBe('Subject: s');
  });

  test('setAll writes one line a value, and none for none', () => {
    const headers = some();
    headers.setAll(Via, [...headers.all(Via), ...headers.all(Via)]);
    expect(headers.getAll('Via')).toHaveLength(4);
    expect(lines(headers)[0]).toBe('Via: SIP/2.0/UDP a');
    expect(headers.setAll(Via, []).has('Via')).toBe(false);
  });

  test('add appends, prepend puts before the first of the name or of all', () => {
    const headers = some().add('To', '2').prepend('Call-ID', '0').prepend('Route', '<sip:r>').addValue(Allow, 'BYE');
    expect(lines(headers)).toEqual([
      'Route: <sip:r>',
      'Via: SIP/2.0/UDP a',
      'Call-ID: 0',
      'i: x',
      'Via: SIP/2.0/UDP b',
      'To: <sip:t@h>',
      'To: 2',
      'Allow: BYE',
    ]);
  });

  test('what was read before a change is not given out after it', () => {
    const headers = some();
    const [a] = headers.all(Via);
    headers.prependValue(Via, { ...a!, host: 'new' });
    expect(headers.all(Via).map((via) => via.host)).toEqual(['new', 'a', 'b']);
    expect(headers.first(Via)?.host).toBe('new');
    headers.delete('v');
    expect(headers.all(Via)).toEqual([]);
    headers.setValue(CSeq, { number: 1, method: 'ACK' });
    expect(headers.get('CSeq')).toBe('1 ACK');
    expect(headers.first(CSeq)).toEqual({ number: 1, method: 'ACK' });
  });

  test('removeFirst removes one value: an element of a list, or a line', () => {
    const headers = new Headers([
      ['Via', 'SIP/2.0/UDP a;x="," , SIP/2.0/UDP b'],
      ['Via', 'SIP/2.0/UDP c'],
      ['To', 'Bell, Alexander <sip:t@h>'],
    ]);
    headers.removeFirst('v');
    expect(headers.getAll('Via')).toEqual(['SIP/2.0/UDP b', 'SIP/2.0/UDP c']);
    headers.removeFirst('Via');
    expect(headers.getAll('Via')).toEqual(['SIP/2.0/UDP c']);
    headers.removeFirst('To');
    headers.removeFirst('From');
    expect(lines(headers)).toEqual(['Via: SIP/2.0/UDP c']);
  });

  test('a clone changes on its own', () => {
    const headers = some();
    headers.clone().set('To', 'other').removeFirst('Via');
    expect(lines(headers)).toEqual(lines(some()));
  });

  test.each(['a\r\nVia: x', 'a\nb', 'a\rb', 'a\0b'])('a value with CR, LF or NUL is a defect: %j', (value) => {
    const headers = some();
    for (const write of [headers.set, headers.add, headers.prepend]) {
      expect(() => write.call(headers, 'Subject', value)).toThrow(Error);
      expect(() => write.call(headers, 'Subject', value)).not.toThrow(SipSyntaxError);
    }
    expect(() => headers.setValue(CallId, value)).toThrow(Error);
    expect(lines(headers)).toEqual(lines(some()));
  });

  test('a name that is no token is a defect', () => {
    expect(() => some().set('Sub ject', 'x')).toThrow(Error);
    expect(() => some().add('', 'x')).toThrow(Error);
  });
});
