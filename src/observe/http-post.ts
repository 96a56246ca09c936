import { Agent, request } from 'undici';
import type { WebhookPost } from './webhook-target.ts';

/** Sends webhooks over HTTP. Redirects are not followed: an event goes where the operator said, or nowhere. */
export class HttpPoster {
  readonly #agent = new Agent({ connections: 8, pipelining: 1 });

  /** Posts `body`; resolves to the status of the answer, whose body is not kept. Rejects when there was no answer. */
  readonly post: WebhookPost = async (url, headers, body, signal) => {
    const target = new URL(url);
    const { username, password } = target;
    target.username = '';
    target.password = '';
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const answer = await request(target, {
      method: 'POST',
      dispatcher: this.#agent,
      headers: {
        ...headers,
        ...(username || password ? { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } : {}),
      },
      body,
      signal,
    });
    // The status decides; a body that is cut off or never ends changes nothing.
    await answer.body.dump({ limit: 65_536 }).catch(() => {});
    return answer.statusCode;
  };

  /** Ends every connection; requests under way are rejected. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
