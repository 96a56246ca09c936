import { once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/base/index.ts';
import { silentLog, VirtualClock } from '../../src/base/index.ts';
import { WssTransport } from '../../src/sip/transport/index.ts';
import { ca, tlsFile } from '../support/tls-files.ts';
import { openWebSocket } from '../support/websocket-client.ts';
import { requestText, TransportWorld, webSocketKinds } from './transport-world.ts';

/** What a browser's handshake says (RFC 6455 §4.1), with other fields where a test wants them. */
function handshake(fields: Readonly<Record<string, string | null>> = {}, line = 'GET / HTTP/1.1'): string {
  const all: Record<string, string | null> = {
    Host: 'pbx.example',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': 'sip',
    Origin: 'https://elsewhere.example',
    ...fields,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  return `${[line, ...lines].join('\r\n')}\r\n\r\n`;
}

/** A connection without a WebSocket yet. */
async function connected(name: string, { address: host, port }: Address) {
  const socket: Socket = name === 'wss' ? connectTls({ host, port, ca }) : connectTcp({ host, port });
  let received = '';
  let closed = false;
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  await once(socket, name === 'wss' ? 'secureConnect' : 'connect');
  return { socket, received: () => received, closed: () => closed };
}

const socketKinds = webSocketKinds.filter(({ memory, server }) => !memory && server === '127.0.0.1');

describe.each(socketKinds)('the handshake of a WebSocket: $title', (kind) => {
  test('the subprotocol sip is agreed on, whatever else is offered (RFC 7118 §4.1)', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const { socket, received } = await connected(kind.name, server.address);
    socket.write(handshake({ 'Sec-WebSocket-Protocol': 'xmpp, sip' }, 'GET /any/path?with=query HTTP/1.1'));
    await world.until(() => received().includes('\r\n\r\n'));
    expect(received()).toMatch(/^HTTP\/1\.1 101 /);
    expect(received()).toContain('\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    expect(received()).toContain('\r\nSec-WebSocket-Protocol: sip\r\n');
    expect(received()).not.toContain('Sec-WebSocket-Extensions');
    socket.destroy();
  });

  test('a message that comes in one packet with the handshake is heard', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const { socket } = await connected(kind.name, server.address);
    const text = Buffer.from(requestText());
    const head = Uint8Array.of(0x81, 0x80 | 126, text.length >> 8, text.length & 0xff, 0, 0, 0, 0);
    socket.write(Buffer.concat([Buffer.from(handshake()), head, text]));
    await world.until(() => server.heard.length === 1);
    socket.destroy();
  });

  test.each([
    ['without a subprotocol', handshake({ 'Sec-WebSocket-Protocol': null }), 400],
    ['for another subprotocol', handshake({ 'Sec-WebSocket-Protocol': 'xmpp, sipx' }), 400],
    ['of another version', handshake({ 'Sec-WebSocket-Version': '12' }), 400],
    ['without a key', handshake({ 'Sec-WebSocket-Key': null }), 400],
    ['for another protocol', handshake({ Upgrade: 'h2c' }), 400],
    ['by another method', handshake({}, 'PUT / HTTP/1.1'), 400],
    ['that is none: a browser that was led here', 'GET / HTTP/1.1\r\nHost: pbx.example\r\n\r\n', 426],
    ['that is none: a form', 'POST / HTTP/1.1\r\nHost: pbx.example\r\nContent-Length: 1000000\r\n\r\nx', 426],
    ['that is none: SIP', requestText(), 400],
    ['far too long', handshake({ Cookie: 'x'.repeat(20_000) }), 431],
  ])('a request %s is refused, and the connection closed', async (_how, text, status) => {
    await using world = new TransportWorld(kind);
    // Only one connection fits, so that those that are refused must be counted out again.
    const server = await world.party({ limits: { connectionsPerSource: 1 } });
    const { socket, received, closed } = await connected(kind.name, server.address);
    socket.write(text);
    await world.until(closed);
    expect(received()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (status === 426) expect(received()).toMatch(/\r\nUpgrade: websocket\r\n/);
    if (text.includes('Version: 12')) expect(received()).toMatch(/\r\nSec-WebSocket-Version: 13\r\n/);
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
  });

  test('one that is not over after 10 s ends the connection, however busy it is', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const { socket, closed } = await connected(kind.name, server.address);
    const { localAddress, localPort } = socket;
    const there = () => server.layer.flowTo(kind.name, { address: localAddress!, port: localPort! }) !== null;
    await world.until(there);
    socket.write(handshake().slice(0, 50));
    world.clock.advance(9_000);
    socket.write('X-Busy: yes\r\n');
    world.clock.advance(999);
    expect(there()).toBe(true);
    world.clock.advance(1);
    expect(there()).toBe(false);
    await world.until(closed);
  });

  test('what is sent to a peer before its handshake is over fails', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const { socket, received } = await connected(kind.name, server.address);
    const remote = { address: socket.localAddress!, port: socket.localPort! };
    await world.until(() => server.layer.flowTo(kind.name, remote) !== null);
    const errors: Error[] = [];
    server.layer.flowTo(kind.name, remote)!.send(Buffer.from('x'), (error) => errors.push(error));
    expect(errors).toEqual([]);
    await world.until(() => errors.length === 1);
    expect(received()).toBe('');
    socket.destroy();
  });

  test('one that is refused is no message, and none is counted', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const { socket, closed } = await connected(kind.name, server.address);
    socket.write(requestText());
    await world.until(closed);
    expect(server.layer.counters).toMatchObject({ received: 0, malformed: 0, sent: 0, defects: 0 });
  });
});

describe('a secure WebSocket', () => {
  test('shows a replaced certificate to new connections and keeps the open ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sip-pbx-wss-'));
    const [certificate, privateKey] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
    const install = async (name: string) => {
      await copyFile(tlsFile(`${name}.pem`), certificate);
      await copyFile(tlsFile(`${name}.key`), privateKey);
    };
    await install('server');
    const listen = { address: '127.0.0.1', port: 0 };
    const transport = new WssTransport({ listen, certificate, privateKey, clock: new VirtualClock(), log: silentLog });
    const received: string[] = [];
    const heard = Promise.withResolvers<void>();
    await transport.listen({
      onBytes: (bytes) => {
        received.push(Buffer.from(bytes).toString());
        heard.resolve();
      },
      onUnframable: () => {},
    });
    const address = transport.addresses[0]!;
    const open = await openWebSocket('wss', address, { ca });
    await install('other');
    expect(await transport.reload()).toBe(true);
    const other: TLSSocket = connectTls({ host: address.address, port: address.port, rejectUnauthorized: false });
    await once(other, 'secureConnect');
    expect(other.getPeerCertificate().subject.CN).toBe('sip-pbx test, replaced');
    other.destroy();
    open.send(requestText());
    await heard.promise;
    expect(received).toEqual([requestText()]);
    open.terminate();
    await transport.close();
    await rm(folder, { recursive: true });
  });
});
