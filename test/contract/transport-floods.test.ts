import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SystemClock, silentLog } from '../../src/base/index.ts';
import { createResponse, type SipRequest } from '../../src/sip/message/index.ts';
import { TransportLayer, UdpTransport } from '../../src/sip/transport/index.ts';
import { byteStreamKinds, requestText, streamKinds, TransportWorld } from './transport-world.ts';

describe.each(streamKinds)('on $title', (kind) => {
  test('a peer that sends without a pause lets others have their turn, and all of it is heard in order', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const [greedy, modest] = [await world.client(server.address), await world.client(server.address)];
    for (const client of [greedy, modest]) client.send(requestText({ callId: 'hello' }));
    await world.until(() => server.heard.length === 2);
    for (let i = 0; i < 40; i++) {
      const some = Array.from({ length: 50 }, (_, j) => requestText({ callId: `g${i * 50 + j}` }));
      if (kind.webSocket) for (const text of some) greedy.send(text);
      else greedy.send(some.join(''));
    }
    modest.send(requestText({ callId: 'm' }));
    await world.until(() => server.heard.length === 2_003);
    const callIds = server.heard.slice(2).map(({ message }) => message.callId);
    // The memory network knows no pause of a WebSocket: it hands over what has come.
    if (!(kind.memory && kind.webSocket)) expect(callIds.indexOf('m')).toBeLessThan(2_000);
    expect(callIds.filter((id) => id !== 'm')).toEqual(Array.from({ length: 2_000 }, (_, i) => `g${i}`));
  });

  test('when too much waits for peers that do not read, those that nobody holds are cut off', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party({ limits: { keptBytes: 500_000, queueBytes: 100_000_000 } });
    const clients = [await world.client(server.address), await world.client(server.address)];
    for (const [i, client] of clients.entries()) {
      client.send(requestText());
      await world.until(() => server.heard.length === i + 1);
    }
    for (const client of clients) client.stopReading();
    const [held, other] = server.heard.map(({ flow }) => flow);
    using _hold = held!.hold();
    const response = createResponse(server.heard[0]!.message as SipRequest, 200, { body: new Uint8Array(100_000) });
    const errors: Error[] = [];
    for (let i = 0; i < 60 || !other!.closed; i++) {
      for (const flow of [held!, other!])
        if (!flow.closed) server.layer.send(response, flow, (error) => errors.push(error));
      await turn();
      world.clock.advance(100);
    }
    await world.until(() => errors.length > 0);
    expect([held!.closed, other!.closed]).toEqual([false, true]);
  });
});

describe.each(byteStreamKinds)('on $title', (kind) => {
  test('when too many messages are not whole, those of connections that nobody holds are given up', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party({ limits: { keptBytes: 150_000, message: Number.POSITIVE_INFINITY } });
    const half = (callId: string) => requestText({ callId, body: 'x'.repeat(200_000) }).slice(0, 100_000);
    const held = await world.client(server.address);
    held.send(requestText());
    await world.until(() => server.heard.length === 1);
    using _hold = server.heard[0]!.flow.hold();
    const strangers = [await world.client(server.address), await world.client(server.address)];
    for (const client of [held, ...strangers]) client.send(half('half'));
    while (!strangers.some((client) => client.closed())) {
      for (const client of strangers) client.send('x');
      world.clock.advance(100);
      await turn();
    }
    expect([held, ...strangers].filter((client) => client.closed())).toHaveLength(1);
    expect(held.closed()).toBe(false);
  });

  test('connections beyond the bound are refused and counted', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party({ limits: { connectionsPerSource: 1 } });
    const first = await world.client(server.address);
    first.send(requestText());
    await world.until(() => server.heard.length === 1);
    using _hold = server.heard[0]!.flow.hold();
    for (let i = 0; i < 3; i++) void world.client(server.address).catch(() => {});
    await world.until(() => server.layer.counters.connectionsRefused === 3);
    expect(first.closed()).toBe(false);
  });

  test('connections that come and go leave nothing behind', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party({ limits: { connectionsPerSource: 5 } });
    for (let i = 0; i < 30; i++) {
      const client = await world.client(server.address);
      if (i % 3 === 0) client.send('INVITE sip:');
      client.close();
      await world.until(() => client.closed());
      for (let j = 0; j < 5; j++) await turn();
    }
    const last = await world.client(server.address);
    last.send(requestText());
    await world.until(() => server.heard.length === 1);
    expect(server.layer.counters.connectionsRefused).toBe(0);
  });
});

describe('UDP', () => {
  test('reads no more than 64 datagrams before timers and others have their turn', async () => {
    const transport = new UdpTransport({
      listen: { address: '127.0.0.1', port: 0 },
      clock: new SystemClock(),
      log: silentLog,
    });
    let [heard, inTurn, most] = [0, 0, 0];
    await transport.listen({
      onBytes: () => {
        heard++;
        most = Math.max(most, ++inTurn);
      },
      onUnframable: () => {},
    });
    const flood = createSocket('udp4');
    flood.bind(0, '127.0.0.1');
    await once(flood, 'listening');
    flood.connect(transport.addresses[0]!.port, '127.0.0.1');
    await once(flood, 'connect');
    for (let i = 0; i < 500; i++) flood.send(requestText());
    while (heard < 500) {
      await turn();
      inTurn = 0;
    }
    expect(most).toBeLessThanOrEqual(64);
    flood.close();
    await transport.close();
  });

  test('sends no more when too much waits to be sent', async () => {
    const transport = new UdpTransport({
      listen: { address: '127.0.0.1', port: 0 },
      clock: new SystemClock(),
      log: silentLog,
      queueBytes: 200,
    });
    const layer = new TransportLayer({ transports: [transport], log: silentLog });
    await layer.start({ onMessage: () => {} });
    const flow = transport.flowTo({ address: '127.0.0.1', port: 9 })!;
    const error = await new Promise<Error>((resolve) => flow.send(new Uint8Array(201), resolve));
    expect(error.message).toBe('too much waits to be sent');
    await layer.close();
  });
});
