import fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { Log } from '../base/index.ts';
import { sendProblem } from './problem.ts';

/** A Fastify instance with our limits and errors, listening nowhere yet; routes are added by the caller. */
export function pageServer(log: Log): FastifyInstance {
  const known = new Set<string>();
  const app = fastify({
    logger: false,
    bodyLimit: 65_536,
    connectionTimeout: 30_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 15_000,
    forceCloseConnections: true, // a stop doesn't wait for scrapers that keep their connection
    routerOptions: { maxParamLength: 1024 },
    // What Fastify refuses before any route: a path that is no path.
    frameworkErrors: (_error, _request, reply) => sendProblem(reply, 400, 'This is no valid path.'),
  });
  app.server.maxConnections = 1000;

  app.addHook('onRoute', ({ url }) => void known.add(url));
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });
  // No page takes a body: whatever comes is bytes that nobody looks at.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    if (!known.has(path)) return sendProblem(reply, 404, 'There is nothing at this path.');
    return sendProblem(reply.header('allow', 'GET, HEAD'), 405, 'This path can only be read.');
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 400 && status < 500) return sendProblem(reply, status, error.message);
    log.error('a page failed', { path: request.routeOptions.url, error });
    return sendProblem(reply, 500, 'The exchange could not make this page; its log says why.');
  });
  return app;
}
