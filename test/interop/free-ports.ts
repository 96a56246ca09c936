import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Ports handed out before: what is free now may have been promised to a phone that has not started yet. */
const promised = new Set<number>();
/** Below what the system gives to sockets without a port of their own, so that none of those comes in the way. */
const first = 20_000;
const last = 32_000;
let next = first + (process.pid % 100) * 100;

/** The first of `count` neighbouring ports, even, each free for UDP and TCP on the loopback addresses. */
export async function freePorts(count = 2): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    if (next + count > last) next = first;
    const start = next;
    next += count + (count % 2);
    const ports = Array.from({ length: count }, (_, index) => start + index);
    if (ports.some((port) => promised.has(port))) continue;
    if ((await Promise.all(ports.map(isFree))).includes(false)) continue;
    for (const port of ports) promised.add(port);
    return start;
  }
  throw new Error(`no ${count} free ports between ${first} and ${last}`);
}

async function isFree(port: number): Promise<boolean> {
  const tcp = createServer();
  const udp = createSocket('udp4');
  try {
    tcp.listen(port, '127.0.0.1');
    await once(tcp, 'listening');
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    tcp.close();
    try {
      udp.close();
    } catch {
      // It was never open.
    }
  }
}
