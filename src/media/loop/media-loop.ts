import type { Clock, Random, Timer } from '../../base/index.ts';
import { type JitterBufferOptions, payloadType, Reception, readRtcp } from '../../rtp/index.ts';
import { type AgreedCodec, isSpeech, isTelephoneEvent } from '../../sdp/index.ts';
import type { LegIndex, RelaySession } from '../relay/relay.ts';
import type { SessionSound } from '../sound/session-sound.ts';
import type { LegPlan, SessionPlan } from './plan.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';

/** A frame of samples, and so the time between two turns, in ms. */
const frameMs = 20;
/** Turns that are made up for when the process has been held up; what is beyond is left out. */
const mostBehind = 5;
/** So long after its last packet, in ms, a phone is taken to send what needs no decoding. */
const lastingMs = 200;
/** So long after the last packet or sound, in ms, a loop rests, and how often reports are looked after meanwhile. */
const restAfterMs = 5000;
const restMs = 1000;
/** What a report of loss leaves of the one before it: what was lost once may soon be lost again. */
const lossMemory = 0.8;
/** Packets in a hundred below which loss is none. */
const leastLoss = 0.5;
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
  /** It turns no more, by a defect of ours. */
  onFailure(error: unknown): void;
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
  /** When the next frame is due, or was when the loop came to rest. */
  #nextTurn = 0;
  /** When there was last anything to be done. */
  #activeAt = 0;
  #resting = false;
  #over = false;

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
    this.#update();
  }

  /** The session is like this from now on. What goes on in the same way goes on. */
  update(plan: SessionPlan): void {
    if (plan.sampleRate !== this.#plan.sampleRate) for (const leg of this.#legs) leg.startOver();
    this.#plan = plan;
    this.#update();
  }

  #update(): void {
    const [a, b] = this.#plan.legs;
    this.#legs[0].update(a, b?.making === 'transcoded');
    this.#legs[1].update(b, a.making === 'transcoded');
    if (this.#plan.isAtWork) this.#turn();
  }

  /** A packet of the phone of `leg` that was taken, at `at` (ms, monotonic). */
  onRtp(leg: LegIndex, packet: Uint8Array, at: number): void {
    if (this.#over) return;
    try {
      this.#take(leg, packet, at);
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(leg: LegIndex, packet: Uint8Array, at: number): void {
    const plan = this.#plan.legs[leg];
    if (plan === null) return;
    const own = this.#legs[leg];
    const type = payloadType(packet);
    const codec = codecOf(plan.codecs, type);
    if (codec === null) return;
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
    this.#legs[leg].onRtcp(packet, at);
  }

  /** Sends a key to the phone of `leg`, where it has agreed to telephone events. */
  digit(leg: LegIndex, digit: string, durationMs: number): void {
    this.#sender(leg)?.digit(digit, durationMs);
    this.#turn();
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = null;
    for (const leg of this.#legs) leg.startOver();
  }

  /** Sees to it that the loop turns. */
  #turn(): void {
    const now = this.#options.clock.now();
    this.#activeAt = now;
    if (this.#over || (this.#timer !== null && !this.#resting)) return;
    this.#timer?.cancel();
    if (this.#resting) this.#restUntil(now);
    else this.#nextTurn = now + frameMs;
    this.#resting = false;
    this.#timer = this.#options.clock.after(this.#nextTurn - now, () => this.#tick());
  }

  #tick(): void {
    const now = this.#options.clock.now();
    try {
      // A process that was held up for long has lost that time for good.
      if (now - this.#nextTurn > mostBehind * frameMs) this.#leaveOut(Math.floor((now - this.#nextTurn) / frameMs));
      while (this.#nextTurn <= now && !this.#over) {
        this.#frame(now);
        this.#nextTurn += frameMs;
      }
    } catch (error) {
      this.#fail(error);
    }
    if (this.#over) return;
    if (this.#isNeeded(now)) this.#timer = this.#options.clock.after(this.#nextTurn - now, () => this.#tick());
    else this.#rest();
  }

  /** A defect ends the call that it happened in, and none beside it. */
  #fail(error: unknown): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#user.onFailure(error);
  }

  /** So many frames are left out, but time goes on: what is said and recorded afterwards must not come too early. */
  #leaveOut(frames: number): void {
    for (let n = 0; n < frames; n++) this.#sound.hear(null, null);
    for (const { sender } of this.#legs) sender?.skip(frames * frameMs);
    this.#nextTurn += frames * frameMs;
  }

  #frame(now: number): void {
    const a = this.#legs[0].receiver?.pull(now) ?? null;
    const b = this.#legs[1].receiver?.pull(now) ?? null;
    if (a !== null || b !== null) this.#activeAt = now;
    this.#sound.hear(a, b);
    this.#speak(0, b, now);
    this.#speak(1, a, now);
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
    else own.sender?.skip(frameMs);
  }

  #isNeeded(now: number): boolean {
    if (this.#plan.isAtWork || this.#legs[0].sender?.busy || this.#legs[1].sender?.busy) return true;
    const isWorked = this.#plan.isWorked || this.#legs[0].sender !== null || this.#legs[1].sender !== null;
    return isWorked && now - this.#activeAt < restAfterMs;
  }

  /** Nothing passes for now but what is relayed. Who hears us, and nobody else, goes on to get reports. */
  #rest(): void {
    this.#resting = true;
    this.#timer = null;
    for (const leg of this.#legs) leg.rest();
    if (this.#legs[0].sender === null && this.#legs[1].sender === null) return;
    this.#timer = this.#options.clock.after(restMs, () => {
      this.#restUntil(this.#options.clock.now());
      this.#rest();
    });
  }

  /** The time from the last frame to `now` has passed in silence. */
  #restUntil(now: number): void {
    const frames = Math.max(0, Math.ceil((now - this.#nextTurn) / frameMs));
    for (const { sender } of this.#legs) sender?.skip(frames * frameMs);
    this.#nextTurn += frames * frameMs;
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
        const report = own.isTakenWhole ? own.reception.report(clock.now()) : null;
        return report ? [report] : [];
      },
    });
    own.clockRate = format.codec.clockRate;
    return own.sender;
  }
}

/** What a loop has of one leg. */
class LoopLeg {
  receiver: Receiver | null = null;
  sender: Sender | null = null;
  reception = new Reception();
  /** Whether all that its phone sends passes here: then we can tell it how we receive it. */
  isTakenWhole = false;
  /** Whether its phone hears us instead of the other, always or at times. */
  #isMade = false;
  /** The clock of what we send. */
  clockRate = 0;
  /** Packets in a hundred that its phone loses of what we send. */
  #loss = 0;
  /** When a packet last came that had to be decoded. */
  decodedAt = -Infinity;
  /** When speech last came, decoded or relayed. */
  heardAt = -Infinity;
  /** Whether the last key that came is relayed as it is. */
  keysAreRelayed = false;
  /** Whether the last frame to its phone was of a sound. */
  isPlayedTo = false;

  /** The phone is another, or has agreed to other things. `isTakenWhole`: nothing of what it sends is relayed. */
  update(plan: LegPlan | null, isTakenWhole: boolean): void {
    // What was relayed in between is not lost.
    if (isTakenWhole && !this.isTakenWhole) this.reception = new Reception();
    this.isTakenWhole = isTakenWhole;
    if (plan === null) return this.startOver();
    this.receiver?.update(plan.codecs);
    const wasMade = this.#isMade;
    this.#isMade = plan.making !== 'relayed';
    // Where the phone hears the other now, our stream is over. One source has one clock (RFC 7160 §4.1).
    if (wasMade && !this.#isMade && !this.sender?.busy && !this.isPlayedTo) this.#dropSender();
    if (plan.format?.codec.clockRate === this.clockRate) this.sender?.update(plan.format);
    else this.#dropSender();
  }

  /** RTCP of the phone, which came at `at`. */
  onRtcp(packet: Uint8Array, at: number): void {
    this.reception.onRtcp(packet, at);
    const { sender } = this;
    if (sender === null) return;
    for (const part of readRtcp(packet)) {
      if (part.type !== 'sender-report' && part.type !== 'receiver-report') continue;
      for (const { ssrc, fractionLost } of part.reports)
        if (ssrc === sender.ssrc) this.#hearOfLoss(sender, fractionLost);
    }
  }

  /** `fractionLost`: in 256ths. */
  #hearOfLoss(sender: Sender, fractionLost: number): void {
    const loss = Math.max((fractionLost * 100) / 256, lossMemory * this.#loss);
    this.#loss = loss < leastLoss ? 0 : loss;
    sender.expectLoss(this.#loss);
  }

  /** Its phone hears the other again: where that is relayed, our own stream is over, and the next one is another. */
  endPlaying(isRelayed: boolean): void {
    this.isPlayedTo = false;
    if (isRelayed) this.#dropSender();
  }

  startOver(): void {
    this.#dropReceiver();
    this.#dropSender();
  }

  /** For now nothing is heard or said. */
  rest(): void {
    this.#dropReceiver();
    if (!this.#isMade) this.#dropSender();
  }

  #dropReceiver(): void {
    this.receiver?.[Symbol.dispose]();
    this.receiver = null;
  }

  #dropSender(): void {
    this.sender?.[Symbol.dispose]();
    this.sender = null;
    this.#loss = 0;
  }
}

function codecOf(codecs: readonly AgreedCodec[], receivedAs: number): AgreedCodec | null {
  for (const codec of codecs) if (codec.receivedAs === receivedAs) return codec;
  return null;
}
