import { type CodecSpec, createDecoder, createEncoder } from '../../src/codec/index.ts';
import { rtpPayload } from '../../src/rtp/index.ts';
import { type Signal, sampled, tone } from '../support/signals.ts';
import { codec, type EngineGround, type setUp } from './engine-stage.ts';
import type { Phone } from './relay-stage.ts';

export const pcmu = codec('PCMU', 0);
export const pcma = codec('PCMA', 8);
export const g722 = codec('G722', 9);
export const opus = codec('opus', 96, { clockRate: 48_000, channels: 2, receivedAs: 97 });
export const events = codec('telephone-event', 101);
export const fastEvents = codec('telephone-event', 102, { clockRate: 48_000 });

export type Stage = Awaited<ReturnType<typeof setUp<EngineGround>>>;

/**
 * A phone says a signal for so many ms, in packets of 20 from number `first` on; how many went before the other heard
 * the first.
 */
export async function say(
  stage: Stage,
  phone: Phone,
  to: { address: string; port: number },
  spec: typeof pcmu,
  ms: number,
  signal: Signal = tone(440),
  first = 0,
): Promise<number> {
  let before = 0;
  const rate = spec.name === 'G722' || spec.name === 'opus' ? 16_000 : spec.clockRate;
  using encoder = createEncoder(spec, { sampleRate: rate });
  for (let n = first; n < first + ms / 20; n++) {
    const payload = Uint8Array.from(encoder.encode(sampled(signal, rate, rate / 50, (n * rate) / 50)));
    const fields = { payloadType: spec.receivedAs, sequenceNumber: n, timestamp: (n * spec.clockRate) / 50, payload };
    phone.speak(to, fields);
    await stage.settle();
    if (stage.bob.heard.length === 0) before++;
    stage.clock.advance(20);
  }
  await stage.settle();
  return before;
}

/** What those packets sound like, one after the other, at 8 kHz. */
export function heardAs(packets: readonly Uint8Array[], spec: CodecSpec): Int16Array {
  using decoder = createDecoder(spec, { sampleRate: 8000 });
  return Int16Array.from(packets.flatMap((packet) => [...decoder.decode(rtpPayload(packet))]));
}
