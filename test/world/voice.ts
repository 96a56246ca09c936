import { type AudioEncoder, type CodecSpec, createDecoder, createEncoder } from '../../src/codec/index.ts';
import { formatRtp, formatTelephoneEvent, payloadType, rtpPayload } from '../../src/rtp/index.ts';
import { type Measure, measure, sampled, tone } from '../support/signals.ts';
import type { PhoneCall } from './phone-call.ts';
import type { World } from './world.ts';

/** A frame, and so the time between two packets, in ms. */
const frameMs = 20;
/** Of the samples that are encoded and heard, in Hz. */
const rate = 8000;

/** One end of a call that says a tone of its own in a codec, as a telephone does. */
export class Voice {
  readonly #call: PhoneCall;
  readonly #codec: CodecSpec;
  readonly #payloadType: number;
  readonly #hz: number;
  readonly #encoder: AudioEncoder;
  #frames = 0;
  #sequence = 100;

  /** `payloadType` is the one that the exchange has told it for its codec, and the one that it wants to receive. */
  constructor(call: PhoneCall, codec: Omit<CodecSpec, 'fmtp'>, payloadType: number, hz: number) {
    this.#call = call;
    this.#codec = { ...codec, fmtp: null };
    this.#payloadType = payloadType;
    this.#hz = hz;
    this.#encoder = createEncoder(this.#codec, { sampleRate: rate });
  }

  /** Says the next frame. */
  speak(): void {
    const count = (rate * frameMs) / 1000;
    const payload = this.#encoder.encode(sampled(tone(this.#hz), rate, count, this.#frames++ * count));
    this.#send(this.#payloadType, this.#timestamp, payload);
  }

  /** Presses a key: the packets of a telephone event of 100 ms with the clock of its codec, all at once. */
  press(event: number, payloadType: number): void {
    for (const share of [0.2, 0.6, 1, 1, 1]) {
      const duration = (share * this.#codec.clockRate) / 10;
      const payload = formatTelephoneEvent({ event, end: share === 1, volume: 10, duration });
      this.#send(payloadType, this.#timestamp, payload);
    }
  }

  /** How much of a tone is in the last `ms` of what has arrived in its codec. */
  hears(hz: number, ms: number): Measure {
    using decoder = createDecoder(this.#codec, { sampleRate: rate });
    const packets = this.#call.phone.media.received.map(({ bytes }) => bytes);
    const own = packets.filter((packet) => payloadType(packet) === this.#payloadType);
    const samples = Int16Array.from(own.flatMap((packet) => [...decoder.decode(rtpPayload(packet))]));
    return measure(tone(hz), samples.subarray(-(ms * rate) / 1000), rate, 1000 / hz, 0);
  }

  get #timestamp(): number {
    return (this.#frames * this.#codec.clockRate * frameMs) / 1000;
  }

  #send(type: number, timestamp: number, payload: Uint8Array): void {
    const { media } = this.#call.phone;
    const packet = { payloadType: type, sequenceNumber: this.#sequence++, timestamp, ssrc: media.local.port, payload };
    media.sendPacket(formatRtp(packet), this.#call.remoteSdp ?? '');
  }
}

/** Both speak for `ms`. */
export function converse(world: World, voices: readonly Voice[], ms: number): void {
  for (let passed = 0; passed < ms; passed += frameMs) {
    for (const voice of voices) voice.speak();
    world.run(frameMs);
  }
}
