import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { formatAddress, silentLog, VirtualClock } from '../base/index.ts';
import { type HttpOptions, HttpServer, type HttpSources } from './server.ts';

const sources: HttpSources = {
  readiness: () => ({ status: 'ready', reason: null, activeCalls: 0 }),
  status: () => {
    throw new Error('not asked for');
  },
  stats: () => {
    throw new Error('not asked for');
  },
  metrics: async () => ({ contentType: 'text/plain', text: 'up 1\n' }),
  apiAllows: () => true,
};

function serve(options: Partial<HttpOptions> = {}) {
  const server = new HttpServer(
    { listen_ip: '127.0.0.1', health_check_port: 0, prometheus_port: 0, ...options },
    sources,
    {
      clock: new VirtualClock(),
      log: silentLog,
    },
  );
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() });
}

/** A port that somebody holds until disposed. */
async function takenPort() {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as { port: number };
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => holder.close(() => resolve())) };
}

test('health and metrics are served on their own ports, and each only its own pages', async () => {
  await using server = serve();
  await server.listen();
  const { health, metrics } = server.addresses;
  expect(health!.port).not.toBe(metrics!.port);
  const get = async (base: typeof health, path: string) =>
    (await fetch(`http://${formatAddress(base!)}${path}`)).status;
  expect(await get(health, '/health')).toBe(200);
  expect(await get(health, '/metrics')).toBe(404);
  expect(await get(metrics, '/metrics')).toBe(200);
  expect(await get(metrics, '/health')).toBe(404);
});

test('both are served on one port where the ports are the same', async () => {
  let port = 0;
  {
    await using taken = await takenPort();
    port = taken.port; // free again in a moment, and known
  }
  await using server = serve({ health_check_port: port, prometheus_port: port });
  await server.listen();
  expect(server.addresses.health).toEqual({ address: '127.0.0.1', port });
  for (const path of ['/health', '/metrics']) {
    expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200);
  }
});

test.each(['health_check_port', 'prometheus_port'] as const)(
  'a %s that is taken is one line with address and key, and no port stays open',
  async (key) => {
    await using taken = await takenPort();
    await using server = serve({ [key]: taken.port });
    await expect(server.listen()).rejects.toThrow(
      `monitoring.${key}: can't listen on 127.0.0.1:${taken.port}: another program uses this port`,
    );
    const health = server.addresses.health;
    if (health) await expect(fetch(`http://${formatAddress(health)}/health`)).rejects.toThrow();
  },
);

test('a stop does not wait for connections that are kept alive', async () => {
  await using server = serve();
  await server.listen();
  const answer = await fetch(`http://${formatAddress(server.addresses.health!)}/health`);
  await answer.text();
  await server.close(); // else this test would run into its time limit
});
