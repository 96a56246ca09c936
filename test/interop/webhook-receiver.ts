import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { freePorts } from './free-ports.ts';
import { eventually } from './program.ts';

export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

/** An HTTP server that keeps what is posted to it. */
export class WebhookReceiver implements AsyncDisposable {
  readonly url: string;
  readonly received: ReceivedWebhook[] = [];
  /** What it answers. */
  status = 204;
  readonly #server: Server;

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/events`;
    this.#server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      this.received.push({ headers: request.headers, body, event: JSON.parse(body) });
      response.writeHead(this.status).end();
    });
    this.#server.listen(port, '127.0.0.1');
  }

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(await freePorts(2));
    await once(receiver.#server, 'listening');
    return receiver;
  }

  /** The types of what has come, in the order it came. */
  types(): readonly string[] {
    return this.received.map(({ event }) => event.type);
  }

  /** Waits for so many posts. */
  async count(wanted: number): Promise<void> {
    await eventually(`${wanted} webhooks, ${this.received.length} came`, () => this.received.length >= wanted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
