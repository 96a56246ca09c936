import { describe, expect, test } from 'vitest';
import {
  createResponse,
  formatMessage,
  parseMessage,
  type SipMessage,
  type SipRequest,
} from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import { byteStreamKinds, datagramKinds, kinds, requestText, streamKinds, TransportWorld } from './transport-world.ts';

const request = (callId = 'a', body = '') => {
  const message = parseMessage(Buffer.from(requestText({ callId })));
  message.body = Buffer.from(body);
  return message as SipRequest;
};
const callIds = (heard: readonly { readonly message: SipMessage }[]) => heard.map(({ message }) => message.callId);

describe.each(kinds)('every transport: $title', (kind) => {
  test('answers on the flow that the request came on', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const peer = await world.party({ host: kind.peer });
    const flow = peer.layer.flowTo(kind.name, server.address)!;
    peer.layer.send(request(), flow);
    await world.until(() => server.heard.length === 1);
    const [arrived] = server.heard;
    expect(arrived!.flow).toMatchObject({
      transport: kind.name,
      reliable: kind.stream,
      local: server.address,
      closed: false,
    });
    server.layer.send(createResponse(arrived!.message as SipRequest, 200, { toTag: 't' }), arrived!.flow);
    await world.until(() => peer.heard.length === 1);
    expect(peer.heard[0]!.message).toMatchObject({ kind: 'response', status: 200, callId: 'a', toTag: 't' });
    expect(peer.heard[0]!.flow.id).toBe(flow.id);
  });

  test('notes the true source in the topmost Via when rport asks for it (RFC 3581 §4)', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { message, flow } = server.heard[0]!;
    expect(flow.remote).toEqual(client.address);
    expect(message.topVia).toMatchObject({ host: '192.0.2.99', port: 5071 });
    expect(message.topVia.params.get('received')).toBe(client.address.address);
    expect(message.topVia.params.get('rport')).toBe(String(client.address.port));
    expect(parseMessage(formatMessage(message)).topVia).toEqual(message.topVia);
  });

  test('notes the source address alone when the Via names another host without rport (RFC 3261 §18.2.1)', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText({ via: 'SIP/2.0/UDP 192.0.2.99:5071;branch=z9hG4bKa, SIP/2.0/UDP other;branch=z9hG4bKb' }));
    await world.until(() => server.heard.length === 1);
    const { message } = server.heard[0]!;
    expect(message.topVia.params.get('received')).toBe(client.address.address);
    expect(message.topVia.params.has('rport')).toBe(false);
    expect(message.headers.getAll('Via').join(', ')).toContain('SIP/2.0/UDP other;branch=z9hG4bKb');
  });

  test('answers a malformed request with 400 and goes on', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText({ cseq: 'one OPTIONS', via: 'SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKbad;rport' }));
    await world.until(() => client.received().includes('\r\n\r\n'));
    expect(client.received()).toMatch(/^SIP\/2\.0 400 /);
    expect(client.received()).toContain('branch=z9hG4bKbad');
    expect(client.received()).toMatch(/\r\nTo: <sip:pbx\.example>;tag=r/);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    expect(server.layer.counters).toMatchObject({ received: 2, malformed: 1, refused: 1, sent: 1 });
  });

  test('drops what is malformed and no request, and an ACK, without an answer', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText({ cseq: 'one OPTIONS' }).replace('OPTIONS sip:pbx.example SIP/2.0', 'SIP/2.0 200 OK'));
    client.send(requestText({ cseq: 'one ACK' }).replace('OPTIONS sip', 'ACK sip'));
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    expect(server.layer.counters).toMatchObject({ received: 3, malformed: 2, refused: 0, sent: 0 });
  });

  test('goes on after its user has failed at a message', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const peer = await world.party({ host: kind.peer });
    server.heard.push = () => {
      Reflect.deleteProperty(server.heard, 'push');
      throw new Error('a defect');
    };
    const flow = peer.layer.flowTo(kind.name, server.address)!;
    peer.layer.send(request('first'), flow);
    peer.layer.send(request('second'), flow);
    await world.until(() => server.heard.length === 1);
    expect(callIds(server.heard)).toEqual(['second']);
    expect(server.layer.counters.defects).toBe(1);
  });

  test('shows a tap what comes and goes, also what is sent once more', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const peer = await world.party({ host: kind.peer });
    const seen: string[] = [];
    server.layer.tap((direction, flow, bytes) => seen.push(`${direction} ${flow.transport} ${bytes.length}`));
    server.layer.tap(() => {
      throw new Error('a broken tap');
    });
    const sent = peer.layer.send(request(), peer.layer.flowTo(kind.name, server.address)!);
    await world.until(() => server.heard.length === 1);
    const { message, flow } = server.heard[0]!;
    const bytes = server.layer.send(createResponse(message as SipRequest, 200), flow);
    server.layer.resend(bytes, flow);
    await world.until(() => peer.heard.length === 2);
    const out = `out ${kind.name} ${bytes.length}`;
    expect(seen).toEqual([`in ${kind.name} ${sent.length}`, out, out]);
  });

  test('carries messages far longer than a packet', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const peer = await world.party({ host: kind.peer });
    const body = 'x'.repeat(kind.stream ? 200_000 : 30_000);
    peer.layer.send(request('long', body), peer.layer.flowTo(kind.name, server.address)!);
    await world.until(() => server.heard.length === 1);
    expect(server.heard[0]!.message.body.length).toBe(body.length);
  });

  test('knows its own addresses', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    expect(server.layer.hears(kind.name, server.address)).toBe(true);
    expect(server.layer.hears(kind.name, { address: '192.0.2.200', port: server.address.port })).toBe(false);
    expect(server.layer.hears(kind.name === 'tls' ? 'wss' : 'tls', server.address)).toBe(false);
  });

  test('has no way to another IP family', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const other = server.address.address.includes(':') ? '192.0.2.1' : '2001:db8::1';
    expect(server.layer.flowTo(kind.name, { address: other, port: 5060 })).toBeNull();
  });

  test('tells of a message that could not leave because all is closed', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const peer = await world.party({ host: kind.peer });
    const flow = peer.layer.flowTo(kind.name, server.address)!;
    peer.layer.send(request(), flow);
    await world.until(() => server.heard.length === 1);
    const closing = peer.layer.close();
    const errors: Error[] = [];
    peer.layer.send(request(), flow, (error) => errors.push(error));
    expect(errors).toEqual([]);
    await world.until(() => errors.length === 1);
    await closing;
    expect(flow.closed).toBe(true);
    expect(peer.layer.counters.sendFailures).toBe(1);
  });

  test('an address that is taken is an error that names it, and nothing stays open', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const second = world.transport(kind.server, { port: server.address.port });
    await expect(second.listen({ onBytes: () => {}, onUnframable: () => {} })).rejects.toThrow(
      new RegExp(`cannot listen on ${kind.name} .*:${server.address.port}: the port is in use`),
    );
    await second.close();
  });
});

describe.each(streamKinds)('every stream: $title', (kind) => {
  test('a ping is answered with a single line end (RFC 5626 §4.4.1)', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send('\r\n\r\n');
    await world.until(() => client.received() !== '');
    expect(client.received()).toBe('\r\n');
    expect(server.layer.counters).toMatchObject({ received: 0, sent: 0 });
  });

  test('a message of more than 256 KiB is answered with 513, and the connection closed', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText({ body: 'x'.repeat(300_000) }));
    await world.until(() => client.closed());
    expect(server.heard).toEqual([]);
    expect(server.layer.counters).toMatchObject({ malformed: 1, refused: 1 });
  });

  test('a closed connection tells its holders, once, and refuses what is sent', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { flow } = server.heard[0]!;
    let told = 0;
    flow.hold();
    flow.onClose(() => {
      told++;
    });
    flow
      .onClose(() => {
        told += 100;
      })
      [Symbol.dispose]();
    client.close();
    await world.until(() => told > 0);
    expect(flow.closed).toBe(true);
    const errors: Error[] = [];
    server.layer.send(request(), flow, (error) => errors.push(error));
    await world.until(() => errors.length > 0);
    let late = false;
    flow.onClose(() => {
      late = true;
    });
    await world.until(() => late);
    expect([told, errors.length]).toEqual([1, 1]);
    expect(server.layer.flowTo(kind.name, client.address)?.id).not.toBe(flow.id);
  });

  test('an idle connection is closed after 180 s; one that is held is not until it is released', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { flow } = server.heard[0]!;
    const hold = flow.hold();
    world.clock.advance(1_000_000);
    expect(flow.closed).toBe(false);
    hold[Symbol.dispose]();
    hold[Symbol.dispose]();
    world.clock.advance(179_999);
    expect(flow.closed).toBe(false);
    world.clock.advance(1);
    expect(flow.closed).toBe(true);
    await world.until(() => client.closed());
  });

  test('a keepalive counts as life', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    world.clock.advance(100_000);
    client.send('\r\n\r\n');
    await world.until(() => client.received() === '\r\n');
    world.clock.advance(100_000);
    expect(server.heard[0]!.flow.closed).toBe(false);
  });

  test('the open connection is used again, from both ends', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const peer = await world.party({ host: kind.peer });
    const flow = peer.layer.flowTo(kind.name, server.address)!;
    expect(peer.layer.flowTo(kind.name, server.address)).toBe(flow);
    peer.layer.send(request(), flow);
    await world.until(() => server.heard.length === 1);
    const back = server.layer.flowTo(kind.name, server.heard[0]!.flow.remote)!;
    expect(back).toBe(server.heard[0]!.flow);
    server.layer.send(request('back'), back);
    await world.until(() => peer.heard.length === 1);
    expect(peer.heard[0]!.flow).toBe(flow);
    expect(flow.advertised).toEqual(peer.address);
  });

  test('a connection that is refused fails what waited for it, and is closed', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const peer = await world.party({ host: kind.peer });
    await server.layer.close();
    const flow = peer.layer.flowTo(kind.name, server.address)!;
    const errors: Error[] = [];
    let closed = false;
    flow.onClose(() => {
      closed = true;
    });
    peer.layer.send(request('a'), flow, (error) => errors.push(error));
    peer.layer.send(request('b'), flow, (error) => errors.push(error));
    expect(errors).toEqual([]);
    await world.until(() => errors.length === 2 && closed);
    expect(flow.closed).toBe(true);
    expect(peer.layer.flowTo(kind.name, server.address)).not.toBe(flow);
  });

  test('when too many connections are open, the one silent for longest goes, unless it is held', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party({ limits: { connectionsPerSource: 2 } });
    const open = async (callId: string) => {
      const client = await world.client(server.address);
      client.send(requestText({ callId }));
      return client;
    };
    const first = await open('first');
    await world.until(() => server.heard.length === 1);
    const hold = server.heard[0]!.flow.hold();
    world.clock.advance(1_000);
    const second = await open('second');
    await world.until(() => server.heard.length === 2);
    await open('third');
    await world.until(() => second.closed());
    await world.until(() => server.heard.length === 3);
    expect(first.closed()).toBe(false);
    server.heard[2]!.flow.hold();
    const refused = await open('fourth').catch(() => null);
    await world.until(() => refused === null || refused.closed());
    expect(callIds(server.heard)).toEqual(['first', 'second', 'third']);
    hold[Symbol.dispose]();
    await open('fifth');
    await world.until(() => server.heard.length === 4);
  });

  test('a peer that does not read is cut off when 1 MiB waits for it', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { flow } = server.heard[0]!;
    client.stopReading();
    const errors: Error[] = [];
    const response = createResponse(server.heard[0]!.message as SipRequest, 200, { body: new Uint8Array(100_000) });
    while (!flow.closed) {
      server.layer.send(response, flow, (error) => errors.push(error));
      await world.until(() => true);
      world.clock.advance(1);
    }
    await world.until(() => errors.length > 0);
  });
});

describe.each(byteStreamKinds)('every byte stream: $title', (kind) => {
  test('messages may come in single bytes, and several at once', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    for (const byte of Buffer.from(requestText({ callId: 'slow', body: 'hello' }))) client.send(Uint8Array.of(byte));
    client.send(
      `${requestText({ callId: 'b' })}\r\n${requestText({ callId: 'c', body: 'x' })}${requestText({ callId: 'd' })}`,
    );
    await world.until(() => server.heard.length === 4);
    expect(callIds(server.heard)).toEqual(['slow', 'b', 'c', 'd']);
  });

  test('a request without Content-Length is answered with 400, and the connection closed', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText({ length: false }) + requestText());
    await world.until(() => client.closed());
    expect(client.received()).toMatch(/^SIP\/2\.0 400 /);
    expect(server.heard).toEqual([]);
  });

  test('a peer that sends no whole message within 15 s is cut off, however busy it is', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send('\r\n\r\n');
    await world.until(() => client.received() === '\r\n');
    world.clock.advance(14_000);
    client.send(`\r\n\r\n${requestText().slice(0, 100)}`);
    await world.until(() => client.received() === '\r\n\r\n');
    world.clock.advance(1_000);
    await world.until(() => client.closed());
  });

  test('a message that is not whole after 15 s ends the connection, even one that is held', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    server.heard[0]!.flow.hold();
    world.clock.advance(1_000_000);
    const [head, tail] = [requestText({ callId: 'b' }).slice(0, 100), requestText({ callId: 'b' }).slice(100)];
    client.send(`\r\n\r\n${head}`);
    await world.until(() => client.received() === '\r\n');
    world.clock.advance(14_999);
    client.send(tail + head);
    await world.until(() => server.heard.length === 2);
    world.clock.advance(14_999);
    expect(server.heard[0]!.flow.closed).toBe(false);
    world.clock.advance(1);
    await world.until(() => client.closed());
  });
});

describe.each(datagramKinds)('every datagram transport: $title', (kind) => {
  test('without rport, responses go to the port that the Via names (RFC 3261 §18.2.2)', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const sending = await world.client(server.address);
    const flows: Flow[] = [];
    sending.send(requestText({ via: `SIP/2.0/UDP phone.example:5098;branch=z9hG4bKa` }));
    await world.until(() => server.heard.length === 1);
    flows.push(server.heard[0]!.flow);
    sending.send(requestText({ via: 'SIP/2.0/UDP phone.example;branch=z9hG4bKb;maddr=192.0.2.66' }));
    await world.until(() => server.heard.length === 2);
    flows.push(server.heard[1]!.flow);
    expect(flows.map(({ remote, local }) => ({ remote, local }))).toEqual([
      { remote: { address: kind.peer, port: 5098 }, local: server.address },
      { remote: { address: kind.peer, port: 5060 }, local: server.address },
    ]);
  });

  test('keepalives are no messages', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    for (const keepalive of ['', '\r\n', '\r\n\r\n', '\0\0\0\0', 'jaK\0']) client.send(keepalive);
    client.send(requestText());
    await world.until(() => server.heard.length === 1 && server.layer.counters.keepalives === 5);
    expect(server.layer.counters).toMatchObject({ received: 1, malformed: 0, sent: 0 });
  });

  test('a STUN Binding request is told its address (RFC 5626 §4.4.2)', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(Buffer.from('000100002112a442000102030405060708090a0b', 'hex'));
    await world.until(() => client.received() !== '');
    expect(server.layer.counters).toMatchObject({ keepalives: 1, received: 0 });
  });

  test('a message over 1,300 bytes is written with compact names', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const client = await world.client(server.address);
    client.send(requestText());
    await world.until(() => server.heard.length === 1);
    const { message, flow } = server.heard[0]!;
    server.layer.send(createResponse(message as SipRequest, 200, { body: new Uint8Array(1_300).fill(65) }), flow);
    await world.until(() => client.received() !== '');
    expect(client.received()).toContain('\r\nv:SIP/2.0/UDP');
  });

  test('a message that fits no datagram fails', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const flow = server.layer.flowTo('udp', { address: kind.peer, port: 5099 })!;
    const errors: Error[] = [];
    server.layer.send(request('a', 'x'.repeat(66_000)), flow, (error) => errors.push(error));
    expect(errors).toEqual([]);
    await world.until(() => errors.length === 1);
    expect(server.layer.counters.tooLarge).toBe(1);
  });
});
