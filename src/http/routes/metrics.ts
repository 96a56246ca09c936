import type { FastifyInstance } from 'fastify';

/** Makes the Prometheus page and names its media type. */
export type MetricsPage = () => Promise<{ readonly contentType: string; readonly text: string }>;

/** `GET /metrics` */
export function metricsRoute(app: FastifyInstance, page: MetricsPage): void {
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await page();
    return reply.type(contentType).send(text);
  });
}
