import { type Address, formatAddress } from '../../src/base/index.ts';
import { parseMessage, type SipMessage, SipRequest, type SipResponse } from '../../src/sip/message/index.ts';
import type { Flow, Transport, TransportName } from '../../src/sip/transport/index.ts';
import { exchangeIp, exchangePorts, type World } from './world.ts';

/**
 * A peer without a stack: sends the text it is given and keeps what arrives. For what other people's stacks say and
 * ours, which the phones are made of, never would.
 */
export class RawPeer implements AsyncDisposable {
  /** Every message that arrived, in order. */
  readonly heard: SipMessage[] = [];
  /** How many bytes each of them has. */
  readonly sizes: number[] = [];
  readonly address: Address;
  readonly #transport: Transport;
  readonly #server: Address;

  private constructor(transport: Transport, address: Address) {
    this.#transport = transport;
    this.address = address;
    this.#server = { address: exchangeIp, port: exchangePorts[transport.name] };
  }

  /** Listens at `address`, `10.0.0.50:5060` unless said otherwise. */
  static async open(world: World, address = '10.0.0.50', port = 5060, transport: TransportName = 'udp') {
    const peer = new RawPeer(world.network.transport(transport, { address, port }), { address, port });
    await peer.#transport.listen({
      onBytes: (bytes) => {
        peer.heard.push(parseMessage(bytes));
        peer.sizes.push(bytes.length);
      },
      onUnframable: (error) => {
        throw error;
      },
    });
    return peer;
  }

  /** `10.0.0.50:5060` */
  get host(): string {
    return formatAddress(this.address);
  }

  /** Sends a message of these header lines; the first is the start line. Content-Length is added. */
  send(lines: readonly string[], body = ''): void {
    this.sendText(`${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  }

  /** Sends this, byte for byte: one datagram, or the next of a stream. */
  sendText(text: string): void {
    this.#flow.send(new TextEncoder().encode(text));
  }

  /** Answers the last request of `method` with its own Vias, From, Call-ID and CSeq. */
  answer(method: string, status: string, lines: readonly string[] = [], body = ''): void {
    const { headers } = this.request(method);
    const copied = ['Via', 'From', 'Call-ID', 'CSeq'].flatMap((name) =>
      headers.getAll(name).map((value) => `${name}: ${value}`),
    );
    const to = lines.some((line) => line.startsWith('To:')) ? [] : [`To: ${headers.get('To')};tag=raw`];
    this.send([`SIP/2.0 ${status}`, ...copied, ...to, ...lines], body);
  }

  /** The last request of this method. Throws when none has arrived. */
  request(method: string): SipRequest {
    const found = this.heard.findLast((message) => message instanceof SipRequest && message.method === method);
    if (found?.kind !== 'request') throw new Error(`no ${method} among ${this.log.join(' ')}`);
    return found;
  }

  /** The last response. Throws when none has arrived. */
  get response(): SipResponse {
    const found = this.heard.findLast((message) => message.kind === 'response');
    if (found?.kind !== 'response') throw new Error(`no response among ${this.log.join(' ')}`);
    return found;
  }

  /** Methods of requests and statuses of responses that arrived, in order. */
  get log(): readonly (string | number)[] {
    return this.heard.map((message) => (message.kind === 'request' ? message.method : message.status));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
  }

  get #flow(): Flow {
    const flow = this.#transport.flowTo(this.#server, this.address);
    if (!flow) throw new Error('no way to the exchange');
    return flow;
  }
}

/** A session description of `address` with G.711 alone. */
export function plainSdp(address: string, port = 40_000): string {
  return [
    'v=0',
    `o=- 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0 8`,
    '',
  ].join('\r\n');
}
