import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createResponse, type SipRequest } from '../../src/sip/message/index.ts';
import { ca } from '../support/tls-files.ts';
import { openWebSocket } from '../support/websocket-client.ts';
import { requestText, TransportWorld, webSocketKinds } from './transport-world.ts';

describe.each(webSocketKinds)('every WebSocket: $title', (kind) => {
  test('a message is whole without Content-Length, and its body is all that came (RFC 7118 §4.2)', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText({ length: false, body: 'hello' }));
    await world.until(() => server.heard.length === 1);
    expect(Buffer.from(server.heard[0]!.message.body).toString()).toBe('hello');
  });

  test('what is no message spoils nothing: the connection goes on', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    for (const garbage of ['hello', '', requestText().slice(0, 60), Uint8Array.of(0xff, 0xfe, 0)]) client.send(garbage);
    client.send(requestText({ body: 'hello' }).replace('Content-Length: 5', 'Content-Length: 50'));
    await world.until(() => client.received().includes('\r\n\r\n'));
    expect(client.received()).toMatch(/^SIP\/2\.0 400 /);
    client.send(`\r\n\r\n${requestText({ callId: 'b' })}`);
    await world.until(() => server.heard.length === 1);
    expect(server.heard[0]!.message.callId).toBe('b');
    expect(client.closed()).toBe(false);
  });

  test('a peer may be silent after its handshake as long as any', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send('\r\n\r\n');
    await world.until(() => client.received() === '\r\n');
    world.clock.advance(179_999);
    expect(server.layer.flowTo(kind.name, client.address)?.closed).toBe(false);
    world.clock.advance(1);
    await world.until(() => client.closed());
  });

  test('nobody is connected to: there is a way to a peer while its connection is open', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    expect(server.layer.flowTo(kind.name, { address: kind.peer, port: 5060 })).toBeNull();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { flow } = server.heard[0]!;
    expect(server.layer.flowTo(kind.name, client.address)).toBe(flow);
    client.close();
    await world.until(() => flow.closed);
    expect(server.layer.flowTo(kind.name, client.address)).toBeNull();
  });

  test('a peer that is there no more is found out within 45 s, although its connection is held', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party({ limits: { ping: 30_000 } });
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { flow } = server.heard[0]!;
    flow.hold();
    let told = false;
    flow.onClose(() => {
      told = true;
    });
    client.stopReading();
    world.clock.advance(44_999);
    expect(flow.closed).toBe(false);
    world.clock.advance(1);
    expect(flow.closed).toBe(true);
    await world.until(() => told);
  });

  test('whoever is heard within that time is there', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party({ limits: { ping: 30_000 } });
    const client = await world.client(server.address);
    for (let times = 1; times <= 3; times++) {
      client.send(requestText());
      await world.until(() => server.heard.length === times);
      server.heard[0]!.flow.hold();
      world.clock.advance(44_000);
    }
    expect(server.heard[2]!.flow.closed).toBe(false);
  });
});

const socketKinds = webSocketKinds.filter(({ memory, server }) => !memory && server === '127.0.0.1');

describe.each(socketKinds)('a WebSocket between sockets: $title', (kind) => {
  async function opened(world: TransportWorld, limits = {}) {
    const server = await world.party({ limits });
    const socket = await openWebSocket(kind.name, server.address, { ca });
    const raw: Socket = Reflect.get(socket, '_socket');
    let code: number | null = null;
    socket.on('close', (status) => {
      code = status;
    });
    return { server, socket, raw, code: () => code };
  }

  test('text and binary messages are heard alike (RFC 7118 §4.2)', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket } = await opened(world);
    socket.send(requestText({ callId: 'text' }));
    socket.send(Buffer.from(requestText({ callId: 'binary' })), { binary: true });
    await world.until(() => server.heard.length === 2);
    expect(server.heard.map(({ message }) => message.callId)).toEqual(['text', 'binary']);
    socket.terminate();
  });

  test('a message in fragments, each in single bytes, with a ping between, is one', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket, raw } = await opened(world);
    const write = raw.write.bind(raw) as (chunk: Uint8Array) => boolean;
    raw.write = (chunk: string | Uint8Array) => {
      for (const byte of Buffer.from(chunk)) write(Uint8Array.of(byte));
      return true;
    };
    const text = requestText({ body: 'hello' });
    socket.send(text.slice(0, 40), { fin: false });
    socket.ping('still there');
    socket.send(text.slice(40), { fin: true });
    await world.until(() => server.heard.length === 1);
    expect(Buffer.from(server.heard[0]!.message.body).toString()).toBe('hello');
    socket.terminate();
  });

  test('what we send is text; binary where it is no UTF-8', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket } = await opened(world);
    const kinds: string[] = [];
    socket.on('message', (_data, isBinary) => kinds.push(isBinary ? 'binary' : 'text'));
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { message, flow } = server.heard[0]!;
    const answer = (body: Uint8Array) => server.layer.send(createResponse(message as SipRequest, 200, { body }), flow);
    answer(new TextEncoder().encode('Grüße'));
    answer(Uint8Array.of(0xff, 0, 0xfe));
    await world.until(() => kinds.length === 2);
    expect(kinds).toEqual(['text', 'binary']);
    socket.terminate();
  });

  test.each([30_000, 5_000])(
    'a silent peer is pinged every %i ms, and one that answers stays (RFC 7118 §6)',
    async (ping) => {
      await using world = new TransportWorld(kind);
      const { server, socket, code } = await opened(world, { ping });
      let answers = 0;
      socket.on('ping', () => {
        answers++;
      });
      socket.send(requestText());
      await world.until(() => server.heard.length === 1);
      server.heard[0]!.flow.hold();
      for (let round = 1; round <= 4; round++) {
        world.clock.advance(ping);
        await world.until(() => answers === round);
        // What is written to a loopback address has arrived: it is read within a turn or two.
        for (let turns = 0; turns < 5; turns++) await turn();
      }
      expect(server.heard[0]!.flow.closed).toBe(false);
      expect(code()).toBeNull();
      socket.terminate();
    },
  );

  test('to be there is not enough: a connection that nobody holds ends after 180 s without a message', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket, code } = await opened(world, { ping: 30_000 });
    let answers = 0;
    socket.on('ping', () => {
      answers++;
    });
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    for (let round = 1; round <= 5; round++) {
      world.clock.advance(30_000);
      await world.until(() => answers === round);
      for (let turns = 0; turns < 5; turns++) await turn();
    }
    world.clock.advance(30_000);
    await world.until(() => code() !== null);
    expect(code()).toBe(1001);
  });

  test("a peer's own pings are answered, and keep its connection", async () => {
    await using world = new TransportWorld(kind);
    const { server, socket } = await opened(world);
    let answered = false;
    socket.on('pong', () => {
      answered = true;
    });
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    world.clock.advance(100_000);
    socket.ping();
    await world.until(() => answered);
    world.clock.advance(100_000);
    expect(server.heard[0]!.flow.closed).toBe(false);
    socket.terminate();
  });

  test('a message that is not whole after 15 s ends the connection, whatever pings come between', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket, raw, code } = await opened(world);
    let answers = 0;
    socket.on('pong', () => {
      answers++;
    });
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { flow } = server.heard[0]!;
    flow.hold();
    socket.ping();
    await world.until(() => answers === 1);
    // Nothing is on its way now, for as long as it likes.
    world.clock.advance(1_000_000);
    expect(flow.closed).toBe(false);
    for (let second = 1; second <= 14; second++) {
      // A fragment of one byte and a ping, in one packet.
      raw.cork();
      socket.send('x', { fin: false });
      socket.ping();
      raw.uncork();
      await world.until(() => answers === 1 + second);
      world.clock.advance(1_000);
    }
    expect(flow.closed).toBe(false);
    world.clock.advance(1_000);
    await world.until(() => code() !== null);
    expect(server.heard).toHaveLength(1);
  });

  test.each([
    ['one far too large', 1009, (raw: Socket) => raw.write(frame(0x82, 600_000))],
    ['one that is not masked', 1002, (raw: Socket) => raw.write(Uint8Array.of(0x81, 1, 65))],
    ['text that is no UTF-8', 1007, (raw: Socket) => raw.write(Uint8Array.of(0x81, 0x81, 0, 0, 0, 0, 0xff))],
    [
      'one that is cut into 300 fragments',
      1008,
      (raw: Socket) => raw.write(Buffer.concat(Array(300).fill(frame(0, 0)))),
    ],
  ] as const)('a frame that can not be, %s: it is closed with %i', async (_which, status, send) => {
    await using world = new TransportWorld(kind);
    const { server, socket, raw, code } = await opened(world);
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    if (status === 1008) socket.send('x', { fin: false });
    send(raw);
    await world.until(() => code() !== null);
    expect(code()).toBe(status);
    await world.until(() => server.heard[0]!.flow.closed);
    expect(server.layer.counters).toMatchObject({ malformed: 1, refused: 0, defects: 0 });
  });

  test('a peer that sends pings and reads no answer is cut off', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket, raw } = await opened(world);
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    socket.pause();
    const pings = Buffer.concat(Array(1_000).fill(frame(0x89, 125, true)));
    while (!server.heard[0]!.flow.closed) {
      if (raw.writableLength < 1_000_000) raw.write(pings);
      await world.until(() => true);
      await turn();
    }
    socket.terminate();
  });

  test('a peer that closes by the book ends the flow', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket, code } = await opened(world);
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    socket.close(1000);
    await world.until(() => server.heard[0]!.flow.closed && code() !== null);
    expect(code()).toBe(1000);
  });

  test('one that is asked to close and does not is cut off after 2 s', async () => {
    await using world = new TransportWorld(kind);
    const { server, socket, raw } = await opened(world);
    socket.send(requestText());
    await world.until(() => server.heard.length === 1);
    socket.pause();
    world.clock.advance(180_000);
    expect(server.heard[0]!.flow.closed).toBe(true);
    world.clock.advance(2_000);
    raw.on('error', () => {});
    await world.until(() => {
      raw.write('x');
      return raw.destroyed;
    });
  });
});

/** The head of a masked frame, and its payload where that is wanted: zeros, so that the mask does not matter. */
function frame(opcode: number, length: number, payload = false): Uint8Array {
  const size =
    length < 126 ? [0x80 | length] : [0xff, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.of(opcode, ...size, 0, 0, 0, 0), new Uint8Array(payload ? length : 0)]);
}
