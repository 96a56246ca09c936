import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from '../problem.ts';

const paths = ['/api/v1', '/api/v1/*', '/api/docs', '/api/docs/*', '/api/openapi.json'];

/** The door of the REST API: it knows nobody's credential yet, and peers outside of `api.allow` don't get that far. */
export function apiRoutes(app: FastifyInstance, allows: (peer: string) => boolean): void {
  const refuse = async (request: FastifyRequest, reply: FastifyReply) => {
    // The peer of the connection: X-Forwarded-For is whatever the peer likes.
    if (!allows(request.socket.remoteAddress ?? '')) {
      return sendProblem(reply, 403, 'This address is not in api.allow.');
    }
    return sendProblem(reply.header('www-authenticate', 'Bearer realm="sip-pbx"'), 401, 'This needs a credential.');
  };
  // Refused at once: nobody without a credential makes us read a body.
  const unreachable = () => Promise.reject(new Error('the API has no routes yet'));
  for (const path of paths) app.all(path, { onRequest: refuse }, unreachable);
}
