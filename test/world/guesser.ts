import { SeededRandom } from '../../src/base/index.ts';
import type { SipResponse } from '../../src/sip/message/index.ts';
import type { TransportName } from '../../src/sip/transport/index.ts';
import { answerChallenge } from '../../src/sip/ua/index.ts';
import { RawPeer } from './raw-peer.ts';
import { exchangeIp, type World } from './world.ts';

/** What a guesser sends, beside who it says to be. */
export interface Guess {
  readonly method?: string;
  /** The nonce to answer; that of a challenge asked for just before by default. */
  readonly challenges?: readonly string[];
  readonly headers?: readonly string[];
}

/** Somebody who tries users and passwords, at any address, also one that is a phone's. */
export class Guesser implements AsyncDisposable {
  readonly peer: RawPeer;
  readonly #world: World;
  readonly #random = new SeededRandom(7);
  /** Begins its branches and Call-IDs. */
  readonly #mark: string;
  #sent = 0;

  private constructor(world: World, peer: RawPeer, transport: TransportName) {
    this.#world = world;
    this.peer = peer;
    this.#mark = `${transport}-${peer.address.address}-${peer.address.port}`;
  }

  static async open(
    world: World,
    { address = '10.0.0.66', port = 5070, transport = 'udp' as TransportName } = {},
  ): Promise<Guesser> {
    return new Guesser(world, await RawPeer.open(world, address, port, transport), transport);
  }

  /** Statuses that it heard, in order, without 100. */
  get statuses(): readonly number[] {
    return this.#responses.map(({ status }) => status).filter((status) => status > 100);
  }

  /** Sends a request without credentials, and gives what it is answered at once; null when that is nothing. */
  ask(user: string, { method = 'REGISTER', headers = [] }: Guess = {}): SipResponse | null {
    this.#send(user, method, headers);
    return this.#answered();
  }

  /** Tries a password; gives the answer, if it comes at once. Without a challenge nothing is tried. */
  guess(user: string, password: string, { method = 'REGISTER', challenges, headers = [] }: Guess = {}) {
    const answered = challenges ?? this.ask(user, { method, headers })?.headers.getAll('WWW-Authenticate') ?? [];
    const account = { username: user, password };
    const credentials = answerChallenge(answered, { method, uri: `sip:${exchangeIp}` }, account, this.#random);
    if (credentials === null) return null;
    this.#send(user, method, [...headers, `Authorization: ${credentials}`]);
    return this.#answered();
  }

  /** Tries `times` wrong passwords, each as soon as the one before is answered or 10 s have passed. */
  guesses(user: string, times: number, options: Guess = {}): void {
    for (let i = 0; i < times; i++) {
      const before = this.statuses.length;
      this.guess(user, `wrong ${i}`, options);
      for (let waited = 0; waited < 10_000 && this.statuses.length < before + 2; waited += 100) this.#world.run(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
  }

  get #responses(): readonly SipResponse[] {
    return this.peer.heard.filter((message) => message.kind === 'response');
  }

  #send(user: string, method: string, headers: readonly string[]): void {
    const { address, port } = this.peer.address;
    const number = ++this.#sent;
    const id = `${this.#mark}-${String(number).padStart(5, '0')}`;
    this.peer.send([
      `${method} sip:${exchangeIp} SIP/2.0`,
      `Via: SIP/2.0/UDP ${address}:${port};branch=z9hG4bK-${id};rport`,
      'Max-Forwards: 70',
      `From: <sip:${user}@${exchangeIp}>;tag=from`,
      `To: <sip:${user}@${exchangeIp}>`,
      `Call-ID: ${id}`,
      `CSeq: ${10_000 + number} ${method}`,
      `Contact: <sip:${user}@${address}:${port}>`,
      ...headers,
    ]);
  }

  /** The response to what was sent just now. */
  #answered(): SipResponse | null {
    const before = this.#responses.length;
    this.#world.run(1);
    return this.#responses.slice(before).findLast(({ status }) => status > 100) ?? null;
  }
}
