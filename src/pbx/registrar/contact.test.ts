import { expect, test } from 'vitest';
import { startRegistrar } from '../../../test/support/registration.ts';
import { formatUri } from '../../sip/message/index.ts';
import { contactOf } from './index.ts';

function addressed(contact: string, headers: readonly string[] = []) {
  const { register, registrar } = startRegistrar();
  register({ contacts: [contact], headers });
  const { uri, route } = contactOf(registrar.all()[0]!);
  return { uri: formatUri(uri), route: route.map((hop) => formatUri(hop.uri)) };
}

test('a request is addressed to the Contact as the phone gave it', () => {
  const contact = 'sip:1001@198.51.100.7:5060;transport=udp;ob;rinstance=AbC';
  expect(addressed(`<${contact}>`).uri).toBe(contact);
});

test('browsers have names that exist nowhere, and are contacts like any other (RFC 7118 §5)', () => {
  expect(addressed('<sip:x7@df7jal23ls0d.invalid;transport=ws>').uri).toBe('sip:x7@df7jal23ls0d.invalid;transport=ws');
});

test('headers and method have no place in a Request-URI (RFC 3261 §19.1.1)', () => {
  expect(addressed('<sip:1001@198.51.100.7;method=INVITE;ob?Subject=hi>').uri).toBe('sip:1001@198.51.100.7;ob');
});

test('Path is its route set, the nearest to us first (RFC 3327 §5.3)', () => {
  const path = ['Path: <sip:near.example;lr>', 'Path: <sip:far.example;lr>'];
  expect(addressed('<sip:1001@198.51.100.7>', path).route).toEqual(['sip:near.example;lr', 'sip:far.example;lr']);
});
