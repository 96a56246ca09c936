import { describe, expect, test } from 'vitest';
import { type Address, silentLog, VirtualClock } from '../../base/index.ts';
import { Contact, SipRequest } from '../message/index.ts';
import { MemoryNetwork } from './memory.ts';
import { TransportLayer } from './transport-layer.ts';

const at = (address: string, port = 5060): Address => ({ address, port });
const deaf = { onMessage: () => {} };

const setUp = () => {
  const clock = new VirtualClock();
  return { clock, network: new MemoryNetwork({ clock }) };
};

describe('several transports in one layer', () => {
  test('when one listener can not be had, the others are closed and the error is thrown', async () => {
    const { network } = setUp();
    const create = () =>
      new TransportLayer({
        transports: [network.transport('udp', at('10.0.0.1')), network.transport('tcp', at('10.0.0.1'))],
        log: silentLog,
      });
    const taken = network.transport('tcp', at('10.0.0.1'));
    await taken.listen({ onBytes: () => {}, onUnframable: () => {} });
    await expect(create().start(deaf)).rejects.toThrow('cannot listen on tcp 10.0.0.1:5060: the port is in use');
    await taken.close();
    await create().start(deaf);
  });

  test('a way to a peer begins at the address asked for, or at one of its family', async () => {
    const { network } = setUp();
    const transports = [at('10.0.0.1'), at('10.0.0.2'), at('2001:db8::1')].map((address) =>
      network.transport('udp', address),
    );
    const layer = new TransportLayer({ transports, log: silentLog });
    await layer.start(deaf);
    expect(layer.flowTo('udp', at('10.0.0.9'))!.local).toEqual(at('10.0.0.1'));
    expect(layer.flowTo('udp', at('10.0.0.9'), at('10.0.0.2'))!.local).toEqual(at('10.0.0.2'));
    expect(layer.flowTo('udp', at('2001:db8::9'))!.local).toEqual(at('2001:db8::1'));
    expect(layer.flowTo('tcp', at('10.0.0.9'))).toBeNull();
  });

  test('an open connection is used whichever listener it belongs to', async () => {
    const { clock, network } = setUp();
    const peer = network.transport('tcp', at('10.0.0.9'));
    await peer.listen({ onBytes: () => {}, onUnframable: () => {} });
    const transports = [at('10.0.0.1'), at('10.0.0.2')].map((address) => network.transport('tcp', address));
    const layer = new TransportLayer({ transports, log: silentLog });
    await layer.start(deaf);
    const flow = layer.flowTo('tcp', at('10.0.0.9'), at('10.0.0.2'))!;
    clock.advance(0);
    expect(flow.local).toEqual(at('10.0.0.2'));
    expect(layer.flowTo('tcp', at('10.0.0.9'))).toBe(flow);
  });

  test('hears what is sent to its listeners, to what they advertise and to its aliases', async () => {
    const { network } = setUp();
    const advertised = at('203.0.113.1', 5080);
    const transport = network.transport('udp', at('10.0.0.1'), { advertise: () => advertised });
    const layer = new TransportLayer({ transports: [transport], log: silentLog, aliases: ['203.0.113.2'] });
    await layer.start(deaf);
    expect(layer.flowTo('udp', at('10.0.0.9'))!.advertised).toEqual(advertised);
    expect(layer.hears('udp', at('10.0.0.1'))).toBe(true);
    expect(layer.hears('udp', advertised)).toBe(true);
    expect(layer.hears('udp', at('203.0.113.2'))).toBe(true);
    expect(layer.hears('udp', at('203.0.113.2', 5061))).toBe(false);
    expect(layer.hears('tcp', at('10.0.0.1'))).toBe(false);
    expect(layer.addresses).toEqual([{ transport: 'udp', address: at('10.0.0.1') }]);
  });

  test('a tap that fails is logged once and hides nothing', async () => {
    const { clock, network } = setUp();
    const logged: string[] = [];
    const layer = new TransportLayer({
      transports: [network.transport('udp', at('10.0.0.1'))],
      log: { ...silentLog, error: (message) => logged.push(message) },
    });
    await layer.start(deaf);
    layer.tap(() => {
      throw new Error('broken');
    });
    const request = new SipRequest({ method: 'OPTIONS', uri: 'sip:x' });
    const flow = layer.flowTo('udp', at('10.0.0.9'))!;
    const bytes = layer.send(request, flow);
    layer.resend(bytes, flow);
    clock.advance(0);
    expect(logged).toEqual(['a tap failed']);
    expect(network.toNobody.length).toBe(2);
  });
});

describe('a fault that shows only when a field is asked for', () => {
  const exchange = async (text: string) => {
    const { clock, network } = setUp();
    const layer = new TransportLayer({ transports: [network.transport('udp', at('10.0.0.1'))], log: silentLog });
    await layer.start({ onMessage: (message) => void message.headers.all(Contact) });
    const heard: string[] = [];
    const peer = network.transport('udp', at('10.0.0.9'));
    await peer.listen({ onBytes: (bytes) => heard.push(new TextDecoder().decode(bytes)), onUnframable: () => {} });
    const fields = 'From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nContact: <<\r\n';
    peer.flowTo(at('10.0.0.1'))?.send(new TextEncoder().encode(`${text}\r\n${fields}\r\n`));
    clock.advance(10);
    return { heard, counters: layer.counters };
  };
  const via = 'Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1';

  test('in a request is answered with 400 and is no defect of ours', async () => {
    const { heard, counters } = await exchange(`INVITE sip:c@d SIP/2.0\r\n${via}\r\nCSeq: 1 INVITE`);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toMatch(/^SIP\/2\.0 400 /);
    expect(counters).toMatchObject({ malformed: 1, refused: 1, defects: 0 });
  });

  test.each([
    ['an ACK', `ACK sip:c@d SIP/2.0\r\n${via}\r\nCSeq: 1 ACK`],
    ['a response', `SIP/2.0 200 OK\r\n${via}\r\nCSeq: 1 INVITE`],
  ])('in %s is only counted', async (_name, text) => {
    const { heard, counters } = await exchange(text);
    expect(heard).toEqual([]);
    expect(counters).toMatchObject({ malformed: 1, refused: 0, defects: 0 });
  });
});
