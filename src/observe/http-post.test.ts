import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { HttpPoster } from './http-post.ts';

async function receiver(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const poster = new HttpPoster();
  return {
    poster,
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      await poster.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('the body and the headers arrive, and credentials of the URL as Basic authorization', async () => {
  const heard: unknown[] = [];
  await using hook = await receiver(async (request, response) => {
    const body = await request.toArray();
    heard.push([
      request.method,
      request.url,
      request.headers['webhook-id'],
      request.headers.authorization,
      body.join(''),
    ]);
    response.writeHead(202).end('thanks');
  });
  const url = `http://al%40ice:pw@${hook.host}/hook?x=1`;
  const status = await hook.poster.post(url, { 'webhook-id': 'evt_1' }, '{"a":1}', new AbortController().signal);
  expect(status).toBe(202);
  expect(heard).toEqual([['POST', '/hook?x=1', 'evt_1', `Basic ${btoa('al@ice:pw')}`, '{"a":1}']]);
});

test('a redirect is not followed', async () => {
  const paths: unknown[] = [];
  await using hook = await receiver((request, response) => {
    paths.push(request.url);
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  expect(await hook.poster.post(`http://${hook.host}/`, {}, '{}', new AbortController().signal)).toBe(307);
  expect(paths).toEqual(['/']);
});

test('a request is given up when its signal is aborted', async () => {
  const controller = new AbortController();
  await using hook = await receiver(() => controller.abort());
  await expect(hook.poster.post(`http://${hook.host}/`, {}, '{}', controller.signal)).rejects.toThrow(/abort/i);
});

test('no connection is an error', async () => {
  let host = '';
  {
    await using hook = await receiver(() => {});
    host = hook.host;
  }
  const poster = new HttpPoster();
  await expect(poster.post(`http://${host}/`, {}, '{}', new AbortController().signal)).rejects.toThrow();
  await poster.close();
});
