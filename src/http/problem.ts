import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { problemSchema } from './schemas.ts';

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Answers with an error as JSON (RFC 9457); `detail` is one sentence for people. */
export function sendProblem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  const problem: z.output<typeof problemSchema> = {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    detail,
  };
  return reply.code(status).type('application/problem+json; charset=utf-8').send(JSON.stringify(problem));
}
