import { type Address, type Clock, type Log, type Rate, sameAddress, TokenBucket } from '../../base/index.ts';
import {
  createResponse,
  formatCompact,
  formatMessage,
  limits,
  parseMessage,
  type SipMessage,
  type SipRequest,
  SipSyntaxError,
  statelessTag,
} from '../message/index.ts';
import { isKeepalive } from './keepalive.ts';
import { markSource } from './source.ts';
import { isStun, stunAnswer } from './stun.ts';
import { type Flow, isWebSocket, type Transport, type TransportName } from './transport.ts';

/** Whom the transport layer tells what arrives. */
export interface TransportUser {
  /**
   * A message that parsed. Responses to a request leave on `flow`, which is the one it came on, except for a phone
   * over UDP that listens on another port than it sends from.
   */
  onMessage(message: SipMessage, flow: Flow): void;
}

/** What has passed since the start. Counts of messages, keepalives aside. */
export interface TransportCounters {
  readonly received: number;
  readonly sent: number;
  /** Keepalives over UDP, STUN included. */
  readonly keepalives: number;
  /** Received and not a SIP message as the grammar has it. */
  readonly malformed: number;
  /** Of these, the requests that were answered (400, 413, 505 ...); the rest was dropped. */
  readonly refused: number;
  /** Not sent, for no datagram holds them. */
  readonly tooLarge: number;
  /** Known not to have left. */
  readonly sendFailures: number;
  /** Times that the user of the layer threw at a message. */
  readonly defects: number;
  /** Connections that were refused, for there were too many. */
  readonly connectionsRefused: number;
}

/** Hears of every message that parsed and of every one that is sent for the first time. */
export type MessageWatcher = (direction: 'in' | 'out', message: SipMessage) => void;

export type TapListener = (direction: 'in' | 'out', flow: Flow, bytes: Uint8Array) => void;

/** Decides whom we hear. What it turns away is dropped without a word; connections are closed. */
export interface Gate {
  /** Whether peers at this IP address are heard: asked before anything is read of what they send. */
  accepts(address: string): boolean;
  /** Whether this message is: asked before anybody above hears of it. Never throws. */
  admits(message: SipMessage, flow: Flow): boolean;
}

export interface TransportLayerOptions {
  readonly transports: readonly Transport[];
  readonly log: Log;
  /** Absent: everybody is heard. */
  readonly gate?: Gate;
  /** Further hosts, a public address for instance, at which peers reach the ports of our listeners. */
  readonly aliases?: readonly string[];
  /** Without it as many malformed requests are answered as come. */
  readonly clock?: Clock;
}

/** How many malformed requests are answered; the others are dropped. */
const refusalRate: Rate = { perSecond: 100, burst: 500 };

/** Above this, a datagram may be fragmented on the way and lost as a whole (RFC 3261 §18.1.1). Bytes. */
const comfortableDatagram = 1_300;
/** What IPv4 can carry in one datagram. Bytes. */
const largestDatagram = 65_507;

/** All transports as one: bytes become messages here and messages bytes. */
export class TransportLayer {
  readonly #transports: readonly Transport[];
  readonly #log: Log;
  readonly #gate: Gate | null;
  readonly #aliases: ReadonlySet<string>;
  readonly #taps = new Set<{ readonly listener: TapListener; failed: boolean }>();
  readonly #counters: { -readonly [K in keyof TransportCounters]: TransportCounters[K] } = {
    received: 0,
    sent: 0,
    keepalives: 0,
    malformed: 0,
    refused: 0,
    tooLarge: 0,
    sendFailures: 0,
    defects: 0,
    connectionsRefused: 0,
  };
  readonly #watchers: MessageWatcher[] = [];
  readonly #refusals: TokenBucket | null;
  #user: TransportUser | null = null;

  constructor({ transports, log, gate, aliases = [], clock }: TransportLayerOptions) {
    this.#transports = transports;
    this.#log = log;
    this.#gate = gate ?? null;
    this.#aliases = new Set(aliases);
    this.#refusals = clock ? new TokenBucket(clock, refusalRate) : null;
  }

  /** Always the present figures, in the same object. */
  get counters(): TransportCounters {
    return this.#counters;
  }

  /** What is listened on. */
  get addresses(): readonly { readonly transport: TransportName; readonly address: Address }[] {
    return this.#transports.flatMap(({ name, addresses }) =>
      addresses.map((address) => ({ transport: name, address })),
    );
  }

  /** Opens all listeners. When one can't be had the others are closed again and its error is thrown. */
  async start(user: TransportUser): Promise<void> {
    this.#user = user;
    const gate = this.#gate;
    const receiver = {
      ...(gate && { accepts: (address: string) => gate.accepts(address) }),
      onBytes: (bytes: Uint8Array, flow: Flow) => this.#receive(bytes, flow),
      onUnframable: (error: Error, flow: Flow) => this.#refuse(error, flow),
      onConnectionRefused: () => {
        this.#counters.connectionsRefused++;
      },
    };
    const outcomes = await Promise.allSettled(this.#transports.map((transport) => transport.listen(receiver)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (!failed) return;
    await this.close();
    throw failed.reason;
  }

  /**
   * Writes the message and sends it; gives the bytes, for `resend`. Over UDP a message that is too long for most
   * paths is written with compact names and without what can be spared. `onError` is called at most once, later.
   * Throws a plain Error for a message that can't be written.
   */
  send(message: SipMessage, flow: Flow, onError?: (error: Error) => void): Uint8Array {
    let bytes = formatMessage(message);
    if (flow.transport === 'udp' && bytes.length > comfortableDatagram) bytes = formatCompact(message);
    for (const watcher of this.#watchers) watcher('out', message);
    this.resend(bytes, flow, onError);
    return bytes;
  }

  /** Sends what `send` gave once more. */
  resend(bytes: Uint8Array, flow: Flow, onError?: (error: Error) => void): void {
    // It goes down all the same: the socket refuses it, and its error comes in the way errors do.
    if (flow.transport === 'udp' && bytes.length > largestDatagram) this.#counters.tooLarge++;
    this.#counters.sent++;
    if (this.#taps.size > 0) this.#tell('out', flow, bytes);
    flow.send(bytes, (error) => {
      this.#counters.sendFailures++;
      this.#log.debug('message not sent', { flow: flow.id, error });
      onError?.(error);
    });
  }

  /**
   * The way to `remote`: an open connection where there is one, else a new one; for UDP from the socket of `local`
   * where that is ours. `null` when no listener of that transport can reach it.
   */
  flowTo(transport: TransportName, remote: Address, local?: Address): Flow | null {
    const able = this.#transports.filter(({ name }) => name === transport);
    for (const candidate of able) {
      const open = candidate.findFlow(remote);
      if (open) return open;
    }
    const preferred = local && able.find(({ addresses }) => addresses.some(({ address }) => address === local.address));
    if (preferred) able.unshift(preferred);
    for (const candidate of able) {
      const flow = candidate.flowTo(remote, local);
      if (flow) return flow;
    }
    return null;
  }

  /** Whether what is sent there comes back to us: an address that we listen on, have advertised, or an alias of it. */
  hears(transport: TransportName, address: Address): boolean {
    return this.#transports.some(
      ({ name, addresses, advertised }) =>
        name === transport &&
        (addresses.some((own) => sameAddress(own, address)) ||
          advertised.some((own) => sameAddress(own, address)) ||
          (this.#aliases.has(address.address) && addresses.some(({ port }) => port === address.port))),
    );
  }

  /** Shows every message on its way in and out, before it is parsed or sent. What the listener throws is logged once. */
  tap(listener: TapListener): Disposable {
    const entry = { listener, failed: false };
    this.#taps.add(entry);
    return { [Symbol.dispose]: () => this.#taps.delete(entry) };
  }

  /** Tells `watcher` of messages, without their bytes: for counting. It must not throw nor change them. */
  watch(watcher: MessageWatcher): void {
    this.#watchers.push(watcher);
  }

  /** Closes the connections that `which` names, at once. */
  hangUp(which: (flow: Flow) => boolean): void {
    for (const transport of this.#transports) transport.hangUp(which);
  }

  /** Stops listening and closes all connections. */
  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
  }

  #receive(bytes: Uint8Array, flow: Flow): void {
    if (flow.transport === 'udp') {
      // Connections were judged before they were read from.
      if (this.#gate?.accepts(flow.remote.address) === false) return;
      if (this.#absorbed(bytes, flow)) return;
    }
    this.#counters.received++;
    if (this.#taps.size > 0) this.#tell('in', flow, bytes);
    let message: SipMessage;
    try {
      message = parseMessage(bytes, framingOf(flow));
      if (message.kind === 'request') flow = this.#replyFlow(message, flow);
    } catch (error) {
      this.#refuse(error, flow);
      return;
    }
    try {
      if (this.#gate?.admits(message, flow) === false) return;
      for (const watcher of this.#watchers) watcher('in', message);
      this.#user?.onMessage(message, flow);
    } catch (error) {
      // Fields are read when they are asked for, so some faults show only now.
      if (error instanceof SipSyntaxError) return this.#refuse(withRequest(error, message), flow);
      // A defect; the next message must not suffer from it.
      this.#counters.defects++;
      this.#log.error('a message was not handled', { flow: flow.id, error });
    }
  }

  /** Keepalives, which are no messages. */
  #absorbed(bytes: Uint8Array, flow: Flow): boolean {
    const stun = isStun(bytes);
    if (!stun && !isKeepalive(bytes)) return false;
    this.#counters.keepalives++;
    const answer = stun ? stunAnswer(bytes, flow.remote) : null;
    if (answer) flow.send(answer);
    return true;
  }

  /** Notes the source in the request and gives the flow for its responses. */
  #replyFlow(request: SipRequest, flow: Flow): Flow {
    const remote = markSource(request, flow.remote);
    if (flow.transport !== 'udp' || remote === flow.remote) return flow;
    return this.flowTo('udp', remote, flow.local) ?? flow;
  }

  /** What is no message: a request that can be answered is, by what its error says; the rest is dropped. */
  #refuse(error: unknown, flow: Flow): void {
    if (!(error instanceof SipSyntaxError)) {
      this.#counters.defects++;
      this.#log.error('a message was not parsed', { flow: flow.id, error });
      return;
    }
    this.#counters.malformed++;
    this.#log.debug('malformed message', { flow: flow.id, error: error.message });
    const { request, status } = error;
    if (!request || request.method === 'ACK' || this.#gate?.admits(request, flow) === false) return;
    if (this.#refusals?.take() === false) return;
    try {
      const way = this.#replyFlow(request, flow);
      const response = createResponse(request, status, { toTag: statelessTag(request) });
      this.send(response, way);
      this.#counters.refused++;
    } catch (failure) {
      // Too broken to be answered after all.
      this.#log.debug('malformed request not answered', { flow: flow.id, error: failure });
    }
  }

  #tell(direction: 'in' | 'out', flow: Flow, bytes: Uint8Array): void {
    for (const tap of this.#taps) {
      try {
        tap.listener(direction, flow, bytes);
      } catch (error) {
        if (!tap.failed) this.#log.error('a tap failed', { error });
        tap.failed = true;
      }
    }
  }
}

/** A WebSocket frames messages by itself (RFC 7118 §4.2), so only TCP and TLS need the Content-Length. */
function framingOf({ transport }: Flow): Parameters<typeof parseMessage>[1] {
  return isWebSocket(transport) ? { maxBytes: limits.streamBytes } : { stream: transport !== 'udp' };
}

/** The fault with the request that it was found in; that of a response is never answered. */
function withRequest(error: SipSyntaxError, message: SipMessage): SipSyntaxError {
  const { status } = error;
  const request = message.kind === 'request' ? message : null;
  return new SipSyntaxError(error.message, { status, request, cause: error });
}
