import { describe, expect, test } from 'vitest';
import type { Gate } from '../../src/sip/transport/index.ts';
import { kinds, requestText, streamKinds, TransportWorld } from './transport-world.ts';

/** Hears everybody until `banned`, and messages whose Call-ID does not begin with `bad`. */
class TestGate implements Gate {
  banned = false;
  readonly asked: string[] = [];

  accepts(address: string): boolean {
    this.asked.push(address);
    return !this.banned;
  }

  admits(message: { readonly callId: string }): boolean {
    return !message.callId.startsWith('bad');
  }
}

const callIds = (heard: readonly { readonly message: { readonly callId: string } }[]) =>
  heard.map(({ message }) => message.callId);

describe.each(kinds)('the gate of a transport layer: $title', (kind) => {
  test('a message that is not admitted is dropped without a word, also one that would be answered with 400', async () => {
    await using world = new TransportWorld(kind);
    const gate = new TestGate();
    const server = await world.party({ gate });
    const client = await world.client(server.address);
    client.send(requestText({ callId: 'bad' }));
    client.send(requestText({ callId: 'bad-too', cseq: 'nonsense' }));
    client.send(requestText({ callId: 'good' }));
    await world.until(() => server.heard.length === 1);
    expect(callIds(server.heard)).toEqual(['good']);
    expect(client.received()).toBe('');
    expect(gate.asked).toContain(client.address.address);
  });

  test('what a peer that is not accepted sends is not read', async () => {
    await using world = new TransportWorld(kind);
    const gate = new TestGate();
    const server = await world.party({ gate });
    const client = await world.client(server.address);
    client.send(requestText({ callId: 'before' }));
    await world.until(() => server.heard.length === 1);
    gate.banned = true;
    const { length } = gate.asked;
    client.send(requestText({ callId: 'banned' }));
    client.send('\r\n\r\n');
    await world.until(() => (kind.stream ? client.closed() : gate.asked.length === length + 2));
    expect(callIds(server.heard)).toEqual(['before']);
    expect(server.layer.counters).toMatchObject({ received: 1, malformed: 0, keepalives: 0, sent: 0 });
    expect(client.received()).toBe('');
  });
});

describe.each(streamKinds)('the gate of a transport layer: $title', (kind) => {
  test('a peer that is not accepted can not connect', async () => {
    await using world = new TransportWorld(kind);
    const gate = new TestGate();
    const server = await world.party({ gate });
    gate.banned = true;
    const client = await world.client(server.address).catch(() => null);
    client?.send(requestText());
    await world.until(() => client === null || client.closed());
    expect(server.heard).toEqual([]);
    expect(server.layer.counters.received).toBe(0);
  });

  test('open connections are hung up on, those that are asked for and no others', async () => {
    await using world = new TransportWorld(kind);
    const server = await world.party();
    const first = await world.client(server.address);
    first.send(requestText({ callId: 'first' }));
    await world.until(() => server.heard.length === 1);
    const second = await world.client(server.address);
    second.send(requestText({ callId: 'second' }));
    await world.until(() => server.heard.length === 2);
    const { flow } = server.heard[0]!;
    flow.hold();
    server.layer.hangUp((open) => open === flow);
    await world.until(() => first.closed());
    expect(flow.closed).toBe(true);
    second.send(requestText({ callId: 'third' }));
    await world.until(() => server.heard.length === 3);
    expect(second.closed()).toBe(false);
  });
});
