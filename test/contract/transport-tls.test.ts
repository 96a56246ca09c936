import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { type Address, type Log, silentLog, VirtualClock } from '../../src/base/index.ts';
import { type TlsOptions, TlsTransport } from '../../src/sip/transport/index.ts';
import { tlsFile } from '../support/tls-files.ts';
import { requestText } from './transport-world.ts';

const deaf = { onBytes: () => {}, onUnframable: () => {} };
const message = Buffer.from(requestText());

/** A TLS transport on a free port with a certificate of its own in a folder of its own. */
async function open(options: Partial<TlsOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'sip-pbx-tls-'));
  const certificate = join(folder, 'certificate.pem');
  const privateKey = join(folder, 'key.pem');
  const install = async (name: string) => {
    await copyFile(tlsFile(`${name}.pem`), certificate);
    await copyFile(tlsFile(`${name}.key`), privateKey);
  };
  await install('server');
  const clock = new VirtualClock();
  const logged: string[] = [];
  const log: Log = {
    ...silentLog,
    info: (message) => logged.push(message),
    warning: (message) => logged.push(message),
  };
  const transport = new TlsTransport({
    listen: { address: '127.0.0.1', port: 0 },
    certificate,
    privateKey,
    ca: tlsFile('server.pem'),
    clock,
    log,
    ...options,
  });
  const received: Uint8Array[] = [];
  await transport.listen({ ...deaf, onBytes: (bytes) => received.push(bytes) });
  return {
    transport,
    received,
    clock,
    logged,
    certificate,
    privateKey,
    install,
    address: transport.addresses[0]!,
    until: async (condition: () => boolean) => {
      while (!condition()) {
        clock.advance(0);
        await turn();
      }
    },
    async [Symbol.asyncDispose]() {
      await transport.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** The name in the certificate that the listener shows now, and the connection. */
async function shown({ address, port }: Address) {
  const socket: TLSSocket = connectTls({ host: address, port, rejectUnauthorized: false });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return { socket, name: socket.getPeerCertificate().subject.CN };
}

describe('the TLS transport', () => {
  test('shows a replaced certificate to new connections and keeps the open ones', async () => {
    await using server = await open();
    const before = await shown(server.address);
    await server.install('other');
    expect(await server.transport.reload()).toBe(true);
    const after = await shown(server.address);
    expect([before.name, after.name]).toEqual(['sip-pbx test', 'sip-pbx test, replaced']);
    before.socket.write('\r\n\r\n');
    const [pong] = await once(before.socket, 'data');
    expect(pong.toString()).toBe('\r\n');
    before.socket.destroy();
    after.socket.destroy();
  });

  test('says when the first certificate of its chain ends, also of a replaced one', async () => {
    await using server = await open();
    const [whole, brief] = await Promise.all(
      ['server.pem', 'brief.pem'].map((name) => readFile(tlsFile(name), 'utf8')),
    );
    expect(server.transport.certificateEnds).toBe(Date.UTC(2126, 0, 1));
    await writeFile(server.certificate, `${whole}${brief}`);
    expect(await server.transport.reload()).toBe(true);
    expect(server.transport.certificateEnds).toBe(Date.UTC(2030, 0, 1));
  });

  test('notices by itself within a minute that the files have changed', async () => {
    await using server = await open();
    await server.install('other');
    server.clock.advance(60_000);
    await server.until(() => server.logged.includes('certificate replaced'));
    const { socket, name } = await shown(server.address);
    socket.destroy();
    expect(name).toBe('sip-pbx test, replaced');
    expect(await server.transport.reload()).toBe(false);
  });

  test('keeps the old certificate when the new files are broken, and warns once', async () => {
    await using server = await open();
    await copyFile(tlsFile('other.pem'), server.certificate);
    expect(await server.transport.reload()).toBe(false);
    expect(await server.transport.reload()).toBe(false);
    expect(server.logged).toEqual(['new certificate not usable, the old one stays']);
    const { socket, name } = await shown(server.address);
    socket.destroy();
    expect(name).toBe('sip-pbx test');
    await server.install('other');
    expect(await server.transport.reload()).toBe(true);
  });

  test('a certificate that can not be read is an error that names the file', async () => {
    await using server = await open();
    await writeFile(server.certificate, 'not a certificate');
    const { clock, certificate, privateKey } = server;
    const listen = { address: '127.0.0.1', port: 0 };
    const broken = new TlsTransport({ listen, certificate, privateKey, clock, log: silentLog });
    await expect(broken.listen(deaf)).rejects.toThrow(/cannot listen on tls 127\.0\.0\.1:0: .*certificate\.pem/);
    const missing = new TlsTransport({ listen, certificate: '/nowhere.pem', privateKey, clock, log: silentLog });
    await expect(missing.listen(deaf)).rejects.toThrow(/nowhere\.pem/);
    await broken.close();
    await missing.close();
  });

  test('a server whose certificate nobody vouches for is not spoken to', async () => {
    await using server = await open();
    await using client = await open({ ca: tlsFile('other.pem') });
    const errors: string[] = [];
    client.transport.flowTo(server.address)!.send(message, (error) => errors.push(error.message));
    await client.until(() => errors.length === 1);
    expect(errors[0]).toMatch(/self-signed certificate/);
    expect(server.received).toEqual([]);
  });

  test('a server whose certificate nobody vouches for is spoken to where that is asked for', async () => {
    await using server = await open();
    await using client = await open({ ca: tlsFile('other.pem'), verifyServer: false });
    client.transport.flowTo(server.address)!.send(message);
    await client.until(() => server.received.length === 1);
  });

  test('where client certificates are asked for, a client with one is heard and one without is refused', async () => {
    await using server = await open({ verifyClient: true });
    const stranger = connectTls({ host: '127.0.0.1', port: server.address.port, rejectUnauthorized: false });
    let refused = false;
    stranger.on('error', () => {});
    stranger.on('close', () => {
      refused = true;
    });
    stranger.write(message);
    await server.until(() => refused);
    expect(server.received).toEqual([]);
    await using client = await open();
    client.transport.flowTo(server.address)!.send(message);
    await client.until(() => server.received.length === 1);
  });

  test('a connection without a handshake is cut off after 10 s', async () => {
    await using server = await open();
    const socket = connect(server.address.port, '127.0.0.1');
    await once(socket, 'connect');
    let closed = false;
    socket.on('error', () => {});
    socket.on('close', () => {
      closed = true;
    });
    socket.write(Uint8Array.of(22, 3, 1));
    const local = { address: '127.0.0.1', port: socket.localPort! };
    await server.until(() => server.transport.findFlow(local) !== null);
    server.clock.advance(9_999);
    expect(server.transport.findFlow(local)).not.toBeNull();
    server.clock.advance(1);
    await server.until(() => closed);
  });

  test('a server that never finishes the handshake fails what waits after 5 s', async () => {
    await using client = await open();
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const flow = client.transport.flowTo({ address: '127.0.0.1', port })!;
    const errors: Error[] = [];
    flow.send(Buffer.from('x'), (error) => errors.push(error));
    client.clock.advance(4_999);
    expect(flow.closed).toBe(false);
    client.clock.advance(1);
    expect(flow.closed).toBe(true);
    await client.until(() => errors.length === 1);
    silent.close();
  });
});
