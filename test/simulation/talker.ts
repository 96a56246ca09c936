import { type CodecSpec, createEncoder } from '../../src/codec/index.ts';
import { formatRtp } from '../../src/rtp/index.ts';
import { sampled, tone } from '../support/signals.ts';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { mediaOf } from '../world/phone-media.ts';
import { exchangeIp } from '../world/world.ts';

const frameMs = 20;
/** So many frames are said over and over. */
const phrase = 25;
/** What has been said before, by rtpmap. */
const phrases = new Map<string, readonly Uint8Array[]>();

/** One end of a call whose phone says something in the first of its codecs that the exchange has named. */
export class Talker {
  readonly #phone: Phone;
  readonly #call: PhoneCall;
  readonly #ssrc: number;
  #frame = 0;

  constructor(phone: Phone, call: PhoneCall, ssrc: number) {
    this.#phone = phone;
    this.#call = call;
    this.#ssrc = ssrc;
  }

  /** Sends the next packet. */
  speak(codecs: readonly string[]): void {
    const sdp = this.#call.remoteSdp ?? '';
    for (const map of codecs) {
      const type = new RegExp(`^a=rtpmap:(\\d+) ${map.replace('/', '\\/')}`, 'm').exec(sdp)?.[1];
      if (type === undefined || map.startsWith('telephone-event')) continue;
      const { clockRate } = specOf(map);
      const frame = this.#frame++;
      const payload = phraseIn(map)[frame % phrase]!;
      this.#phone.media.sendPacket(
        formatRtp({
          payloadType: Number(type),
          sequenceNumber: (500 + frame) & 0xffff,
          timestamp: (frame * clockRate * frameMs) / 1000,
          ssrc: this.#ssrc,
          payload,
        }),
        sdp,
      );
      return;
    }
  }

  /** How many packets of this call have arrived. */
  get heard(): number {
    const { port } = mediaOf(this.#call.remoteSdp ?? '');
    return this.#phone.media.received.filter(({ from }) => from.address === exchangeIp && from.port === port).length;
  }
}

function phraseIn(map: string): readonly Uint8Array[] {
  const known = phrases.get(map);
  if (known) return known;
  const encoder = createEncoder(specOf(map), { sampleRate: 8000 });
  const made = Array.from({ length: phrase }, (_, i) =>
    Uint8Array.from(encoder.encode(sampled(tone(400), 8000, 160, i * 160))),
  );
  phrases.set(map, made);
  return made;
}

function specOf(map: string): CodecSpec {
  const [name = '', rate, channels] = map.split('/');
  return { name, clockRate: Number(rate), channels: Number(channels ?? 1), fmtp: null };
}
