import type { Clock } from '../../src/base/index.ts';
import type { PbxEvent } from '../../src/pbx/events/index.ts';
import { parseMessage, type SipMessage, type SipRequest, type SipResponse } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import { AnswerBook } from './answer-book.ts';
import { DescriptionBook } from './description-book.ts';
import { DialogBook } from './dialog-book.ts';
import { LampBook } from './lamp-book.ts';
import { LegBook } from './leg-book.ts';
import { RecordingBook } from './recording-book.ts';
import { ReferBook } from './refer-book.ts';
import { ReliableBook } from './reliable-book.ts';
import { SecretBook } from './secret-book.ts';
import { SoundBook } from './sound-book.ts';
import { Tally } from './tally.ts';

/** An INVITE that reached the exchange, and what became of it. */
interface Received {
  readonly callId: string;
  /** Whether it is outside any dialog. */
  readonly initial: boolean;
  readonly at: number;
  /** Whether anything has been said to it. */
  greeted: boolean;
  /** Status and To tag of the final response. */
  final: { readonly status: number; readonly text: string; readonly at: number } | null;
}

/** How long a final response is repeated at least, in ms (64·T1). */
const remembered = 32_000;
/** How long an INVITE may wait for its first response, in ms (RFC 3261 §17.2.1). */
const patience = 200.001;

/** Sees all that the exchange hears and says, and calls out where it breaks a rule. */
export class Witness {
  readonly #clock: Clock;
  readonly #accuse: (fault: string) => void;
  readonly #neighbours: ReadonlySet<string>;
  readonly #invites = new Map<string, Received>();
  readonly #takeovers = new Set<string>();
  readonly #descriptions: DescriptionBook;
  readonly #dialogs: DialogBook;
  readonly #secrets: SecretBook;
  readonly #lamps: LampBook;
  readonly #answers: AnswerBook;
  readonly #reliable: ReliableBook;
  readonly #transfers: ReferBook;
  readonly #legs: LegBook;
  readonly #recordings: RecordingBook;
  /** Who should hear whom. */
  readonly sound = new SoundBook();
  readonly #tally = new Tally();

  /** `neighbours`: the addresses that the exchange may speak to. */
  constructor(clock: Clock, neighbours: ReadonlySet<string>, accuse: (fault: string) => void) {
    this.#clock = clock;
    this.#accuse = accuse;
    this.#neighbours = neighbours;
    this.#descriptions = new DescriptionBook(accuse);
    this.#dialogs = new DialogBook(clock, accuse);
    this.#secrets = new SecretBook(accuse);
    this.#lamps = new LampBook(clock, accuse);
    this.#answers = new AnswerBook(clock, accuse);
    this.#reliable = new ReliableBook(accuse);
    this.#transfers = new ReferBook(accuse);
    this.#legs = new LegBook(accuse);
    this.#recordings = new RecordingBook(accuse);
  }

  see(direction: 'in' | 'out', flow: Flow, bytes: Uint8Array): void {
    const message = parseMessage(bytes, { stream: flow.transport !== 'udp' });
    this.#secrets.see(direction, message, flow.remote.address, bytes);
    this.#tally.see(direction, message);
    this.sound.see(direction, message);
    if (direction === 'in') {
      if (message.kind === 'request') this.#onRequest(message);
      this.#dialogs.hear(message, flow);
      this.#lamps.hear(message);
      this.#answers.hear(message, flow);
      this.#reliable.hear(message);
      this.#transfers.hear(message);
      return;
    }
    if (!this.#neighbours.has(flow.remote.address)) {
      this.#accuse(`${nameOf(message)} was sent to a stranger, ${flow.remote.address}`);
    }
    if (message.kind === 'response') this.#onResponse(message);
    this.#descriptions.see(message);
    this.#dialogs.say(message, bytes);
    this.#lamps.say(message, flow);
    this.#answers.say(message);
    this.#reliable.say(message, bytes);
    this.#transfers.say(message);
  }

  /** Takes note of what the exchange says has happened. */
  happen(event: PbxEvent): void {
    this.#lamps.happen(event);
    this.#legs.happen(event);
    this.#recordings.happen(event);
    this.sound.happen(event);
  }

  /** The final response to each INVITE outside a dialog, by Call-ID, but for challenges. */
  finals(): ReadonlyMap<string, number> {
    const finals = new Map<string, number>();
    for (const { callId, initial, final } of this.#invites.values()) {
      if (initial && final && final.status !== 401 && !finals.has(callId)) finals.set(callId, final.status);
    }
    return finals;
  }

  /** How often what was asked. */
  get counts(): ReadonlyMap<string, number> {
    return this.#tally.counts;
  }

  /** The Call-IDs of INVITEs that were to take a call which is there already. */
  takeovers(): ReadonlySet<string> {
    return this.#takeovers;
  }

  /** To be asked when all should be over; `calls`: the ids of all calls that there were; `files`: what is on the disk. */
  conclude(calls: ReadonlySet<string>, files: Iterable<string>): void {
    for (const [key, { callId, final }] of this.#invites) {
      if (!final) this.#accuse(`the INVITE ${key} (Call-ID ${callId}) got no final response`);
    }
    this.#dialogs.conclude();
    this.#answers.conclude();
    this.#transfers.conclude();
    this.#legs.conclude(calls);
    this.#recordings.conclude(files);
  }

  #onRequest(request: SipRequest): void {
    if (request.method !== 'INVITE') return;
    const key = transactionOf(request);
    const known = this.#invites.get(key);
    // A repetition that the network has kept for so long that its answer is forgotten begins anew.
    const forgotten = known?.final && this.#clock.now() - known.final.at >= remembered;
    if (known && !forgotten) return;
    const received: Received = {
      callId: request.callId,
      initial: request.toTag === null,
      at: this.#clock.now(),
      greeted: false,
      final: null,
    };
    this.#invites.set(key, received);
    const pickUp = request.uri.kind === 'sip' && request.uri.user?.startsWith('**');
    if (pickUp || request.headers.has('Replaces')) this.#takeovers.add(request.callId);
  }

  #onResponse(response: SipResponse): void {
    if (response.status > 100 && response.toTag === null) this.#accuse(`${nameOf(response)} has no To tag`);
    if (response.cseq.method !== 'INVITE') return;
    const invite = this.#invites.get(transactionOf(response));
    if (!invite) return this.#accuse(`${nameOf(response)} answers an INVITE that never arrived`);
    if (!invite.greeted && this.#clock.now() - invite.at > patience) {
      this.#accuse(`the INVITE of ${invite.callId} waited ${this.#clock.now() - invite.at} ms for a response`);
    }
    invite.greeted = true;
    const final = `${response.status} with tag ${response.toTag}`;
    if (response.status < 200) {
      if (invite.final) this.#accuse(`${final} follows ${invite.final.text} to the INVITE of ${invite.callId}`);
      return;
    }
    // A challenge is forgotten at once: a repetition of its INVITE may find the exchange full.
    const challenged = invite.final?.text.startsWith('401 ') && response.status === 503;
    const now = this.#clock.now();
    if (invite.final && invite.final.text !== final && !challenged && now - invite.final.at < remembered) {
      this.#accuse(`the INVITE of ${invite.callId} got ${invite.final.text} and then ${final}`);
    }
    invite.final ??= { status: response.status, text: final, at: now };
  }
}

function nameOf(message: SipMessage): string {
  const { cseq, callId } = message;
  return `${message.kind === 'request' ? message.method : message.status} (CSeq ${cseq.number} ${cseq.method}, Call-ID ${callId})`;
}

function transactionOf(message: SipMessage): string {
  const { host, params } = message.topVia;
  return `${params.get('branch')} from ${host}`;
}
