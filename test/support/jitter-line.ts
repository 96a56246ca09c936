import type { Random } from '../../src/base/index.ts';
import { formatRtp, JitterBuffer, type JitterBufferOptions } from '../../src/rtp/index.ts';

/** A packet on its way: its number tells it from all others. */
export interface Sent {
  readonly number: number;
  /** Begin of its sound at the sender, in ms; it is sent at that moment. */
  readonly time: number;
  readonly ms: number;
  readonly packet: Uint8Array;
}

export interface Arrival extends Sent {
  /** In ms. */
  readonly at: number;
}

export interface StreamOptions {
  readonly count: number;
  /** Length of packets, in ms. */
  readonly ms?: number;
  readonly clockRate?: number;
  readonly sequence?: number;
  readonly ticks?: number;
  readonly ssrc?: number;
  /** When the first is sent, in ms, and its number. */
  readonly start?: number;
  readonly number?: number;
  /** By how many parts of a million the sender's clock is fast. */
  readonly ppm?: number;
  /** Whether packet `i` is silence, which is not sent and has no sequence number. */
  readonly isSilent?: (i: number) => boolean;
}

/** The packets of one source, whose payload is their number. */
export function stream(options: StreamOptions): readonly Sent[] {
  const {
    count,
    ms = 20,
    clockRate = 8000,
    sequence = 0,
    ticks = 0,
    ssrc = 1,
    start = 0,
    number = 0,
    ppm = 0,
  } = options;
  const sent: Sent[] = [];
  for (let i = 0; i < count; i++) {
    if (options.isSilent?.(i)) continue;
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, number + sent.length);
    sent.push({
      number: number + sent.length,
      time: start + (i * ms) / (1 + ppm / 1e6),
      ms,
      packet: formatRtp({
        payloadType: 0,
        sequenceNumber: sequence + sent.length,
        timestamp: ticks + (i * ms * clockRate) / 1000,
        ssrc,
        payload,
      }),
    });
  }
  return sent;
}

/** When packets arrive that are each late by so many ms, which `lateness` says; null: lost. In the order of arrival. */
export function arrivals(sent: readonly Sent[], lateness: (packet: Sent) => number | null): readonly Arrival[] {
  return sent
    .flatMap((packet) => {
      const late = lateness(packet);
      return late === null ? [] : [{ ...packet, at: packet.time + late }];
    })
    .sort((a, b) => a.at - b.at);
}

/** A network that loses `loss` (0 to 1) of the packets and holds each back by 0 to 2 · `jitterMs`, evenly spread. */
export function evenNetwork(random: Random, loss: number, jitterMs: number): () => number | null {
  const chance = (): number => random.below(2 ** 32) / 2 ** 32;
  return () => (chance() < loss ? null : 2 * jitterMs * chance());
}

export interface Heard {
  readonly number: number;
  /** When its first sample is played, less when it was sent, in ms. */
  readonly delay: number;
  readonly at: number;
}

/** What came out of a buffer. */
export interface Run {
  readonly buffer: JitterBuffer;
  readonly heard: readonly Heard[];
  /** How much was made up, silent between packets, shortened and stretched, in ms. */
  readonly concealedMs: number;
  readonly silentMs: number;
  readonly shortenedMs: number;
  readonly stretchedMs: number;
}

export interface RunOptions extends JitterBufferOptions {
  readonly clockRate?: number;
  /** Whether what is heard at a time is silence that may be cut; never where absent. */
  readonly isSilent?: (at: number) => boolean;
  /** When the first tick is, in ms, and how long ticks go on after the last arrival. */
  readonly phase?: number;
  readonly after?: number;
  /** Told after each tick. */
  readonly onTick?: (now: number, buffer: JitterBuffer) => void;
}

/** Plays what arrives every 20 ms, in virtual time, with a receiver that can shorten and stretch by any amount. */
export function run(arriving: readonly Arrival[], options: RunOptions): Run {
  const { clockRate = 8000, isSilent = () => false, phase = 0, after = 1000, onTick } = options;
  const buffer = new JitterBuffer(options);
  const byNumber = new Map(arriving.map((packet) => [packet.number, packet]));
  const heard: Heard[] = [];
  const totals = { concealedMs: 0, silentMs: 0, shortenedMs: 0, stretchedMs: 0 };
  const end = (arriving.at(-1)?.at ?? 0) + after;
  let next = 0;
  let left = 0;
  let silent = 0;
  for (let now = phase; now <= end; now += 20) {
    for (; next < arriving.length && arriving[next]!.at <= now; next++) {
      const { packet, at } = arriving[next]!;
      buffer.push(packet, 12, packet.length, clockRate, at);
    }
    const correction = buffer.correction(isSilent(now), now);
    if (correction !== 0) buffer.corrected(correction, now);
    left -= correction;
    totals[correction > 0 ? 'shortenedMs' : 'stretchedMs'] += Math.abs(correction);
    while (left < 20) {
      const kind = buffer.next(now, Math.min(20, 20 - left));
      if (kind === 'nothing') {
        silent += 20 - left;
        left = 20;
      } else if (kind === 'lost') {
        totals.concealedMs += buffer.ms;
        left += buffer.ms;
      } else {
        const number = new DataView(buffer.payload!.buffer).getUint32(buffer.payload!.byteOffset);
        const { time, ms } = byNumber.get(number)!;
        if (heard.length > 0) totals.silentMs += silent;
        silent = 0;
        heard.push({ number, at: now, delay: now + left - time });
        buffer.lasted(ms);
        left += ms;
      }
    }
    left -= 20;
    onTick?.(now, buffer);
  }
  return { buffer, heard, ...totals };
}
