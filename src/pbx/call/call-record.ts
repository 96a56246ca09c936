import type { Log } from '../../base/index.ts';
import type { QualityReport } from '../../media/index.ts';
import type { CallFacts, EndedCall, Ending, OneWayAudio } from '../events/index.ts';
import type { CallContext } from './call-context.ts';

/** The phone that a record names beside the caller's. */
export interface CalledPhone {
  readonly sipCallId: string;
  /** Its IP address. */
  readonly address: string;
}

/** A moment by both hands of the clock, in ms. */
interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

/** What is known of one call, told as events and log lines when it happens; its end makes the call's record. */
export class CallRecord {
  #facts: CallFacts;
  readonly #context: Pick<CallContext, 'clock' | 'events'>;
  readonly #log: Log;
  readonly #startedAt: number;
  #ringingAt: number | null = null;
  #setupMs: number | null = null;
  #answeredAt: Moment | null = null;
  #overAt: Moment | null = null;

  constructor(facts: Omit<CallFacts, 'startedAt'>, context: Pick<CallContext, 'clock' | 'events'>, log: Log) {
    this.#context = context;
    this.#log = log;
    this.#startedAt = context.clock.now();
    this.#facts = { ...facts, startedAt: context.clock.wall() };
  }

  get facts(): CallFacts {
    return this.#facts;
  }

  /** Notes that this call and others belong together, by the id of the first of them. */
  linkWith(callId: string): void {
    this.#facts = { ...this.#facts, linkedId: callId };
  }

  get hasAnswer(): boolean {
    return this.#answeredAt !== null;
  }

  started(): void {
    const { events, clock } = this.#context;
    const { caller, callee, callerSipCallId } = this.facts;
    events.publish({ type: 'call.started', at: clock.wall(), call: this.facts });
    this.#log.info('call started', { leg: 'caller', caller, callee, sip_call_id: callerSipCallId });
  }

  /** A phone rings; only the first counts. */
  rang(): void {
    if (this.#ringingAt !== null) return;
    const { events, clock } = this.#context;
    this.#ringingAt = clock.wall();
    this.#noteSetUp();
    events.publish({ type: 'call.ringing', at: this.#ringingAt, call: this.facts });
    this.#log.info('callee rings', { leg: 'callee' });
  }

  answered(codec: string | null): void {
    const { events } = this.#context;
    const setupMs = this.#noteSetUp();
    this.#answeredAt = this.#now();
    events.publish({ type: 'call.answered', at: this.#answeredAt.wall, call: this.facts, codec, setupMs });
    this.#log.info('call answered', { codec });
  }

  /** How the two legs have been for the last seconds. */
  quality({ legs: [caller, callee] }: QualityReport): void {
    const { events, clock } = this.#context;
    events.publish({ type: 'call.quality', at: clock.wall(), call: this.facts, caller, callee });
  }

  /** A phone is not heard though it should be. */
  oneWay(audio: OneWayAudio): void {
    const { events, clock } = this.#context;
    events.publish({ type: 'call.one_way_audio', at: clock.wall(), call: this.facts, audio });
    const { silent: leg, reason, stranger, named: sdp_address, signalling: signalling_ip } = audio;
    this.#log.warning(silenceInWords(audio), { leg, reason, stranger, sdp_address, signalling_ip });
  }

  /**
   * The phones hear no more of each other: what is still to be found out for the record makes the call no longer. Returns
   * when that was, by the monotonic clock.
   */
  over(): number {
    this.#overAt ??= this.#now();
    return this.#overAt.monotonic;
  }

  /** `callee` is the phone that answered, else the first that was called; `codec` that of the caller's leg. */
  ended(
    ending: Ending,
    callee: CalledPhone | null,
    codec: string | null,
    media: Pick<EndedCall, 'media' | 'recording'>,
  ): void {
    const { events } = this.#context;
    const { wall, monotonic } = this.#overAt ?? this.#now();
    const call: EndedCall = {
      ...this.facts,
      calleeSipCallId: callee?.sipCallId ?? null,
      calleeIp: callee?.address ?? null,
      ringingAt: this.#ringingAt,
      answeredAt: this.#answeredAt?.wall ?? null,
      endedAt: wall,
      setupMs: this.#setupMs,
      durationMs: monotonic - this.#startedAt,
      billMs: this.#answeredAt ? monotonic - this.#answeredAt.monotonic : 0,
      codec: this.#answeredAt ? codec : null,
      ending,
      ...media,
    };
    events.publish({ type: 'call.ended', at: call.endedAt, call });
    const { status, reason, party: by, sipStatus: sip_status, text } = ending;
    this.#log.info('call ended', { status, reason, by, sip_status, text });
  }

  #now(): Moment {
    const { clock } = this.#context;
    return { wall: clock.wall(), monotonic: clock.now() };
  }

  /** ms from the INVITE to the first sign of the callee. */
  #noteSetUp(): number {
    this.#setupMs ??= this.#context.clock.now() - this.#startedAt;
    return this.#setupMs;
  }
}

/** What an administrator is told of a phone that is not heard. */
function silenceInWords({ silent, reason, stranger, named, signalling }: OneWayAudio): string {
  const other = silent === 'caller' ? 'callee' : 'caller';
  const heard = `The ${other} hears nothing of the ${silent}: `;
  switch (reason) {
    case 'srtp_mismatch':
      return `${heard}its phone encrypts audio with other keys than it has agreed to`;
    case 'strangers':
      return `${heard}audio came from ${stranger}, not from ${named} as its phone has announced, and was dropped`;
    case 'private_address':
      return `${heard}its phone announces the private address ${named} but is behind NAT at ${signalling}, and has sent no audio`;
    case 'no_packets':
      return `${heard}its phone has sent no audio from ${named}; a firewall may be in the way, or its microphone is off`;
  }
}
