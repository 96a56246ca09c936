import type { Clock, Random, Timer } from '../base/index.ts';
import { type JitterBufferOptions, payloadType, Reception } from '../rtp/index.ts';
import { isSpeech, isTelephoneEvent } from '../sdp/index.ts';
import type { LegPlan, SessionPlan } from './plan.ts';
import { Receiver } from './receiver.ts';
import type { LegIndex, RelaySession } from './relay.ts';
import { Sender } from './sender.ts';
import type { SessionSound } from './sound/session-sound.ts';

/** A frame of samples, and so the time between two turns, in ms. */
const frameMs = 20;
/** Turns that are made up for when the process has been held up; what is beyond is left out. */
const mostBehind = 5;
/** So long after its last packet, in ms, a phone is taken to send what needs no decoding. */
const lastingMs = 200;
/** So long after its last packet of speech, in ms, a phone is taken to have nothing to say to one that it holds. */
const silentMs = 500;

/** What a loop needs of its surroundings. */
export interface LoopOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly jitter: JitterBufferOptions;
}

/** Hears of a loop. */
export interface LoopUser {
  /** A key of a phone that the other is not to be told as a telephone event. */
  onDigit(leg: LegIndex, digit: string, durationMs: number): void;
  /** RTCP of our own has gone to a phone. */
  onOwnRtcp(leg: LegIndex, packet: Uint8Array): void;
}

/**
 * The part of a session that passes through samples: every 20 ms a frame of what each phone says, decoded, goes to the
 * other, encoded. It turns from the first packet on that needs it, so that a session which is only relayed costs nothing.
 */
export class MediaLoop implements Disposable {
  readonly #options: LoopOptions;
  readonly #relayed: Pick<RelaySession, 'send' | 'sendRtcp'>;
  readonly #sound: SessionSound;
  readonly #user: LoopUser;
  #plan: SessionPlan;
  readonly #legs: readonly [LoopLeg, LoopLeg] = [new LoopLeg(), new LoopLeg()];
  #timer: Timer | null = null;
  #nextTurn = 0;

  constructor(
    plan: SessionPlan,
    relayed: Pick<RelaySession, 'send' | 'sendRtcp'>,
    sound: SessionSound,
    user: LoopUser,
    options: LoopOptions,
  ) {
    this.#plan = plan;
    this.#relayed = relayed;
    this.#sound = sound;
    this.#user = user;
    this.#options = options;
    if (plan.isAtWork) this.#turn();
  }

  /** The session is like this from now on. What goes on in the same way goes on. */
  update(plan: SessionPlan): void {
    if (plan.sampleRate !== this.#plan.sampleRate) for (const leg of this.#legs) leg.startOver();
    this.#plan = plan;
    plan.legs.forEach((leg, index) => {
      this.#legs[index]!.update(leg);
    });
    if (plan.isAtWork) this.#turn();
  }

  /** A packet of the phone of `leg` that was taken, at `at` (ms, monotonic). */
  onRtp(leg: LegIndex, packet: Uint8Array, at: number): void {
    const plan = this.#plan.legs[leg];
    if (plan === null) return;
    const own = this.#legs[leg];
    const type = payloadType(packet);
    const codec = plan.codecs.find(({ receivedAs }) => receivedAs === type);
    if (codec === undefined) return;
    own.receiver ??= this.#receiver(leg, plan);
    if (isTelephoneEvent(codec)) own.keysAreRelayed = this.#plan.relay.legs[leg]?.payloadTypes.has(type) ?? false;
    own.receiver.push(packet, at);
    own.reception.push(packet, at, codec.clockRate);
    if (plan.decoded.has(type)) own.decodedAt = at;
    if (isSpeech(codec)) own.heardAt = at;
    this.#turn();
  }

  /** RTCP of the phone of `leg`. */
  onRtcp(leg: LegIndex, packet: Uint8Array, at: number): void {
    this.#legs[leg].reception.onRtcp(packet, at);
  }

  /** Sends a key to the phone of `leg`, where it has agreed to telephone events. */
  digit(leg: LegIndex, digit: string, durationMs: number): void {
    this.#sender(leg)?.digit(digit, durationMs);
    this.#turn();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const leg of this.#legs) leg.startOver();
  }

  /** Sees to it that the loop turns. */
  #turn(): void {
    if (this.#timer !== null) return;
    this.#nextTurn = this.#options.clock.now() + frameMs;
    this.#timer = this.#options.clock.after(frameMs, () => this.#tick());
  }

  #tick(): void {
    const now = this.#options.clock.now();
    // A process that was held up for long has lost that time for good.
    if (now - this.#nextTurn > mostBehind * frameMs) {
      // But not its recording, in which what follows would come too early.
      for (; this.#nextTurn + frameMs <= now; this.#nextTurn += frameMs) this.#sound.hear(null, null);
    }
    while (this.#nextTurn <= now) {
      this.#frame(now);
      this.#nextTurn += frameMs;
    }
    if (!this.#isNeeded()) return this.#rest();
    this.#timer = this.#options.clock.after(this.#nextTurn - now, () => this.#tick());
  }

  #frame(now: number): void {
    const said = [this.#legs[0].receiver?.pull(now) ?? null, this.#legs[1].receiver?.pull(now) ?? null] as const;
    this.#sound.hear(...said);
    this.#speak(0, said[1], now);
    this.#speak(1, said[0], now);
  }

  /** Sends to the phone of `leg` what it is to hear of the other. */
  #speak(leg: LegIndex, heard: Int16Array | null, now: number): void {
    const plan = this.#plan.legs[leg];
    if (plan === null) return;
    const own = this.#legs[leg];
    const other = this.#legs[leg === 0 ? 1 : 0];
    if (plan.playing && (!plan.playing.yields || now - other.heardAt >= silentMs)) {
      own.isPlayedTo = true;
      this.#sender(leg)?.frame(this.#sound.play(leg));
      return;
    }
    if (own.isPlayedTo) own.endPlaying(plan.making === 'relayed');
    const isMade = plan.making === 'transcoded' || (plan.making === 'mixed' && now - other.decodedAt < lastingMs);
    if (isMade && plan.hears) this.#sender(leg)?.frame(heard);
    else if (own.sender?.busy) own.sender.frame(null);
  }

  #isNeeded(): boolean {
    return this.#plan.isWorked || this.#legs.some(({ sender }) => sender?.busy);
  }

  /** Packets are only relayed for now. */
  #rest(): void {
    this.#timer = null;
    for (const leg of this.#legs) leg.dropReceiver();
  }

  #receiver(leg: LegIndex, { codecs }: LegPlan): Receiver {
    const { jitter } = this.#options;
    const other: LegIndex = leg === 0 ? 1 : 0;
    return new Receiver({
      codecs,
      sampleRate: this.#plan.sampleRate,
      jitter,
      onDigit: (digit, durationMs) => {
        if (this.#legs[leg].keysAreRelayed) return;
        if (this.#plan.legs[other]?.format?.events) this.digit(other, digit, durationMs);
        else this.#user.onDigit(leg, digit, durationMs);
      },
    });
  }

  /** Null where the phone has agreed to nothing that we can speak. */
  #sender(leg: LegIndex): Sender | null {
    const format = this.#plan.legs[leg]?.format;
    if (!format) return null;
    const own = this.#legs[leg];
    const { clock, random } = this.#options;
    own.sender ??= new Sender({
      ...format,
      sampleRate: this.#plan.sampleRate,
      random,
      clock,
      send: (packet) => this.#relayed.send(leg, packet),
      sendRtcp: (packet) => {
        this.#user.onOwnRtcp(leg, packet);
        this.#relayed.sendRtcp(leg, packet);
      },
      reports: () => {
        const report = own.reception.report(clock.now());
        return report ? [report] : [];
      },
    });
    return own.sender;
  }
}

/** What a loop has of one leg. */
class LoopLeg {
  receiver: Receiver | null = null;
  sender: Sender | null = null;
  readonly reception = new Reception();
  /** When a packet last came that had to be decoded. */
  decodedAt = -Infinity;
  /** When speech last came, decoded or relayed. */
  heardAt = -Infinity;
  /** Whether the last key that came is relayed as it is. */
  keysAreRelayed = false;
  /** Whether the last frame to its phone was of a sound. */
  isPlayedTo = false;

  /** The phone is another, or has agreed to other things. */
  update(plan: LegPlan | null): void {
    if (plan === null) return this.startOver();
    this.receiver?.update(plan.codecs);
    if (plan.format) this.sender?.update(plan.format);
    else this.#dropSender();
  }

  /** Its phone hears the other again: where that is relayed, our own stream is over, and the next one is another. */
  endPlaying(isRelayed: boolean): void {
    this.isPlayedTo = false;
    if (isRelayed) this.#dropSender();
  }

  startOver(): void {
    this.dropReceiver();
    this.#dropSender();
  }

  dropReceiver(): void {
    this.receiver?.[Symbol.dispose]();
    this.receiver = null;
  }

  #dropSender(): void {
    this.sender?.[Symbol.dispose]();
    this.sender = null;
  }
}
