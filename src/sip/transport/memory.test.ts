import { describe, expect, test } from 'vitest';
import { type Address, SeededRandom, VirtualClock } from '../../base/index.ts';
import { MemoryNetwork, type MemoryNetworkOptions, type MemoryTransportOptions } from './memory.ts';
import type { Flow, TransportName } from './transport.ts';

const alice: Address = { address: '10.0.0.1', port: 5060 };
const bob: Address = { address: '10.0.0.2', port: 5060 };

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const message = (body: string) => Buffer.from(`OPTIONS sip:x SIP/2.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
const body = (bytes: Uint8Array) => text(bytes).split('\r\n\r\n')[1]!;

async function setUp(name: TransportName, options: Partial<MemoryNetworkOptions> = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock, ...options });
  const host = async (address: Address, own: MemoryTransportOptions = {}) => {
    const transport = network.transport(name, address, own);
    const heard: string[] = [];
    const flows: Flow[] = [];
    await transport.listen({
      onBytes: (bytes, flow) => {
        heard.push(`${clock.now()} ${name === 'udp' ? text(bytes) : body(bytes)}`);
        flows.push(flow);
      },
      onUnframable: () => {},
    });
    return { transport, heard, flows };
  };
  return { clock, network, a: await host(alice), b: await host(bob), host };
}

describe('datagrams of the memory network', () => {
  test('arrive after the sender has returned, in order', async () => {
    const { clock, a, b } = await setUp('udp');
    const flow = a.transport.flowTo(bob)!;
    flow.send(Buffer.from('one'));
    flow.send(Buffer.from('two'));
    expect(b.heard).toEqual([]);
    clock.advance(0);
    expect(b.heard).toEqual(['0 one', '0 two']);
    expect(b.flows[0]).toMatchObject({ local: bob, remote: alice, advertised: bob });
  });

  test('are lost, doubled and reordered as the seed has it, the same way each time', async () => {
    const run = async () => {
      const { clock, a, b } = await setUp('udp', {
        random: new SeededRandom(7),
        loss: 0.2,
        duplicate: 0.2,
        delay: { min: 5, max: 50 },
      });
      const flow = a.transport.flowTo(bob)!;
      for (let i = 0; i < 100; i++) flow.send(Buffer.from(String(i)));
      clock.advance(1_000);
      return b.heard;
    };
    const heard = await run();
    expect(await run()).toEqual(heard);
    const order = heard.map((line) => Number(line.split(' ')[1]));
    expect(new Set(order).size).toBeLessThan(100);
    expect(order.length).toBeGreaterThan(new Set(order).size);
    expect(order).not.toEqual(order.toSorted((x, y) => x - y));
    for (const line of heard) {
      expect(Number(line.split(' ')[0])).toBeGreaterThanOrEqual(5);
      expect(Number(line.split(' ')[0])).toBeLessThanOrEqual(50);
    }
  });

  test('to nobody are kept for the test to see', async () => {
    const { clock, network, a } = await setUp('udp');
    const nowhere = { address: '10.0.0.9', port: 5060 };
    a.transport.flowTo(nowhere)!.send(Buffer.from('x'));
    clock.advance(0);
    expect(network.toNobody).toEqual([{ transport: 'udp', from: alice, to: nowhere, bytes: Buffer.from('x') }]);
  });

  test('vanish on the way to and from a host that is cut off', async () => {
    const { clock, network, a, b } = await setUp('udp', { delay: { min: 10, max: 10 } });
    a.transport.flowTo(bob)!.send(Buffer.from('under way'));
    network.partition(bob.address);
    a.transport.flowTo(bob)!.send(Buffer.from('to'));
    b.transport.flowTo(alice)!.send(Buffer.from('from'));
    clock.advance(20);
    network.heal(bob.address);
    a.transport.flowTo(bob)!.send(Buffer.from('again'));
    clock.advance(20);
    expect([a.heard, b.heard, network.toNobody]).toEqual([[], ['30 again'], []]);
  });

  test('are shown to observers as they arrive', async () => {
    const { clock, network, a } = await setUp('udp');
    const seen: unknown[] = [];
    const observing = network.onDeliver((from, to, bytes) => seen.push([from, to, text(bytes)]));
    a.transport.flowTo(bob)!.send(Buffer.from('x'));
    clock.advance(0);
    observing[Symbol.dispose]();
    a.transport.flowTo(bob)!.send(Buffer.from('y'));
    clock.advance(0);
    expect(seen).toEqual([[alice, bob, 'x']]);
  });

  test('a listener may have another address for its peers', async () => {
    const { host } = await setUp('udp');
    const advertised = { address: '203.0.113.1', port: 5060 };
    const { transport } = await host({ address: '10.0.0.3', port: 5060 }, { advertise: () => advertised });
    expect(transport.flowTo(alice)!.advertised).toEqual(advertised);
    expect(transport.advertised).toEqual([advertised]);
  });

  test('chance needs a source of it', () => {
    expect(() => new MemoryNetwork({ clock: new VirtualClock(), loss: 0.1 })).toThrow(/Random/);
  });
});

describe('connections of the memory network', () => {
  test('keep their order whatever each piece takes, and leave no timer behind', async () => {
    const { clock, a, b } = await setUp('tcp', { random: new SeededRandom(3), loss: 0.5, delay: { min: 1, max: 90 } });
    const flow = a.transport.flowTo(bob)!;
    for (let i = 0; i < 50; i++) {
      flow.send(message(String(i)));
      clock.advance(7);
    }
    clock.advance(1_000);
    expect(b.heard.map((line) => line.split(' ')[1])).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
    expect(clock.pending).toBe(0);
  });

  test('hold back what is sent to a host that is cut off, until it is back', async () => {
    const { clock, network, a, b } = await setUp('tcp');
    const flow = a.transport.flowTo(bob)!;
    flow.send(message('before'));
    clock.advance(0);
    network.partition(bob.address);
    flow.send(message('meanwhile'));
    clock.advance(100_000);
    expect(b.heard).toEqual(['0 before']);
    network.heal(bob.address);
    clock.advance(0);
    expect(b.heard).toEqual(['0 before', '100000 meanwhile']);
    expect(flow.closed).toBe(false);
  });

  test('to a host that is cut off fail after 5 s', async () => {
    const { clock, network, a } = await setUp('tcp');
    network.partition(bob.address);
    const errors: number[] = [];
    const flow = a.transport.flowTo(bob)!;
    flow.send(message('x'), () => errors.push(clock.now()));
    clock.advance(10_000);
    expect([errors, flow.closed, clock.pending]).toEqual([[5_000], true, 0]);
  });

  test('break on both sides when a host crashes', async () => {
    const { clock, network, a, b } = await setUp('tcp', { delay: { min: 10, max: 10 } });
    const flow = a.transport.flowTo(bob)!;
    flow.send(message('x'));
    clock.advance(50);
    const closed: string[] = [];
    flow.onClose(() => closed.push(`${clock.now()} a`));
    b.flows[0]!.onClose(() => closed.push(`${clock.now()} b`));
    network.disconnect(bob.address);
    clock.advance(50);
    expect(closed).toEqual(['50 b', '60 a']);
  });

  test('where nobody listens are refused, and seen by the test', async () => {
    const { clock, network, a } = await setUp('tcp');
    const nowhere = { address: '10.0.0.9', port: 5060 };
    const errors: string[] = [];
    a.transport.flowTo(nowhere)!.send(message('x'), (error) => errors.push(error.message));
    clock.advance(0);
    expect(errors).toEqual(['10.0.0.9:5060 refused the connection']);
    expect(network.toNobody).toMatchObject([{ transport: 'tcp', from: { address: alice.address }, to: nowhere }]);
  });
});
