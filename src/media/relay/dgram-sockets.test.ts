import { describe, expect, test } from 'vitest';
import { type Address, formatAddress } from '../../base/index.ts';
import { DgramSockets } from './dgram-sockets.ts';

const anyPort: Address = { address: '127.0.0.1', port: 0 };
const nobody = () => {};

describe('UDP sockets of the machine', () => {
  test('are bound when open returns, and the port is the real one', () => {
    const port = new DgramSockets().open(anyPort, nobody);
    expect(port?.local.address).toBe('127.0.0.1');
    expect(port?.local.port).toBeGreaterThan(0);
    port?.close();
  });

  test('a port that is taken opens as null, and not after the other has closed', () => {
    const sockets = new DgramSockets();
    const port = sockets.open(anyPort, nobody)!;
    expect(sockets.open(port.local, nobody)).toBeNull();
    port.close();
    const again = sockets.open(port.local, nobody);
    expect(again).not.toBeNull();
    again?.close();
  });

  test.each(['192.0.2.1', 'phone.invalid', '2001:db8::1'])('%s, which is not ours, opens as null', (address) => {
    expect(new DgramSockets().open({ address, port: 0 }, nobody)).toBeNull();
  });

  test('a datagram arrives with the address of its sender', async () => {
    const sockets = new DgramSockets();
    const heard = Promise.withResolvers<string>();
    const right = sockets.open(anyPort, (bytes, from) => heard.resolve(`${formatAddress(from)} ${bytes.join()}`))!;
    const left = sockets.open(anyPort, nobody)!;
    left.send(Uint8Array.of(1, 2, 3), right.local);
    expect(await heard.promise).toBe(`127.0.0.1:${left.local.port} 1,2,3`);
    left.close();
    right.close();
  });

  test('what cannot be sent is lost without a word', async () => {
    const sockets = new DgramSockets();
    const heard = Promise.withResolvers<number>();
    const right = sockets.open(anyPort, (bytes) => heard.resolve(bytes[0]!))!;
    const closed = sockets.open(anyPort, nobody)!;
    closed.close();
    closed.close();
    const left = sockets.open(anyPort, nobody)!;
    const nowhere: Address[] = [
      closed.local,
      { address: '127.0.0.1', port: 0 },
      { address: '127.0.0.1', port: 70_000 },
      { address: '::1', port: 9 },
      { address: 'phone.invalid', port: 9 },
      { address: '255.255.255.255', port: 9 },
    ];
    for (const to of nowhere) left.send(Uint8Array.of(1), to);
    closed.send(Uint8Array.of(2), right.local);
    left.send(new Uint8Array(70_000), right.local);
    left.send(Uint8Array.of(3), right.local);
    expect(await heard.promise).toBe(3);
    left.close();
    right.close();
  });
});
