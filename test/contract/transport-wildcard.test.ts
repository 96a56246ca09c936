import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { silentLog, VirtualClock } from '../../src/base/index.ts';
import {
  type Flow,
  TcpTransport,
  TlsTransport,
  type Transport,
  type TransportReceiver,
  UdpTransport,
} from '../../src/sip/transport/index.ts';
import { tlsFile } from '../support/tls-files.ts';

const clock = new VirtualClock();
const common = { clock, log: silentLog };
const files = { certificate: tlsFile('server.pem'), privateKey: tlsFile('server.key') };
const deaf: TransportReceiver = { onBytes: () => {}, onUnframable: () => {} };

const machine = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
const ours = (family: 'IPv4' | 'IPv6') => [
  ...new Set(
    machine
      .filter((entry) => entry.family === family && !(entry.family === 'IPv6' && entry.scopeid !== 0))
      .map(({ address }) => address),
  ),
];

async function listening(transport: Transport, receiver = deaf) {
  await transport.listen(receiver);
  return { transport, [Symbol.asyncDispose]: () => transport.close() };
}

const listen = { address: '0.0.0.0', port: 0 };
const wildcards: [string, () => Transport][] = [
  ['udp', () => new UdpTransport({ ...common, listen })],
  ['tcp', () => new TcpTransport({ ...common, listen })],
  ['tls', () => new TlsTransport({ ...common, ...files, listen })],
];

describe.each(wildcards)('a wildcard listener over %s', (_, create) => {
  test('is at every IPv4 address of the machine, on one port', async () => {
    await using opened = await listening(create());
    const { addresses } = opened.transport;
    expect(new Set(addresses.map(({ address }) => address))).toEqual(new Set(ours('IPv4')));
    expect(new Set(addresses.map(({ port }) => port)).size).toBe(1);
  });

  test('names the address of ours that the way to a peer leads out of', async () => {
    await using opened = await listening(create());
    const { port } = opened.transport.addresses[0]!;
    const flow = opened.transport.flowTo({ address: '127.0.0.1', port: 9 })!;
    expect(flow.local).toEqual({ address: '127.0.0.1', port });
    expect(flow.advertised).toEqual({ address: '127.0.0.1', port });
  });

  test('reaches no IPv6 address', async () => {
    await using opened = await listening(create());
    expect(opened.transport.flowTo({ address: '::1', port: 9 })).toBeNull();
    expect(opened.transport.flowTo({ address: 'phone.example', port: 9 })).toBeNull();
  });
});

describe('UDP on a wildcard', () => {
  test.each(ours('IPv4'))('an answer leaves from where the request arrived: %s', async (address) => {
    const arrived: Flow[] = [];
    await using opened = await listening(new UdpTransport({ ...common, listen }), {
      ...deaf,
      onBytes: (bytes: Uint8Array, flow: Flow) => {
        arrived.push(flow);
        flow.send(bytes);
      },
    });
    const { port } = opened.transport.addresses[0]!;
    const peer = createSocket('udp4');
    peer.send('a request', port, address);
    const [answer, from] = await once(peer, 'message');
    peer.close();
    expect([answer.toString(), from.address, from.port]).toEqual(['a request', address, port]);
    expect(arrived[0]!.local).toEqual({ address, port });
    expect(opened.transport.flowTo({ address, port: 9 }, { address, port })!.local).toEqual({ address, port });
  });

  test.runIf(ours('IPv6').length > 0)('IPv4 and IPv6 share a port', async () => {
    await using four = await listening(new UdpTransport({ ...common, listen }));
    const { port } = four.transport.addresses[0]!;
    await using six = await listening(new UdpTransport({ ...common, listen: { address: '::', port } }));
    expect(six.transport.addresses).toEqual(ours('IPv6').map((address) => ({ address, port })));
  });

  test('an error in sending is told to the sender and to nobody else', async () => {
    await using opened = await listening(new UdpTransport({ ...common, listen: { address: '127.0.0.1', port: 0 } }));
    const errors: Error[] = [];
    const flow = opened.transport.flowTo({ address: '127.0.0.1', port: 9 })!;
    flow.send(new Uint8Array(70_000));
    flow.send(new Uint8Array(70_000), (error) => errors.push(error));
    expect(errors).toEqual([]);
    while (errors.length === 0) await turn();
    expect(errors[0]!.message).toMatch(/EMSGSIZE/);
  });
});

describe('what peers are told', () => {
  test('is the address that the transport is given for them, and counts as one of ours', async () => {
    const publicAddress = { address: '203.0.113.5', port: 5060 };
    const transport = new UdpTransport({
      ...common,
      listen: { address: '127.0.0.1', port: 0 },
      advertise: (local, remote) => (remote.address.startsWith('127.') ? local : publicAddress),
    });
    await using opened = await listening(transport);
    const [local] = opened.transport.addresses;
    expect(opened.transport.flowTo({ address: '127.0.0.9', port: 5060 })!.advertised).toEqual(local);
    expect(opened.transport.advertised).toEqual([]);
    expect(opened.transport.flowTo({ address: '198.51.100.7', port: 5060 })!.advertised).toEqual(publicAddress);
    expect(opened.transport.advertised).toEqual([publicAddress]);
  });
});
