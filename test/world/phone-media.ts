import type { Address } from '../../src/base/index.ts';
import type { DatagramPort, MemorySockets } from '../../src/media/index.ts';
import { formatRtcp, type RtcpPacket } from '../../src/rtp/index.ts';
import { type PhoneEncryption, PhoneSrtp } from './phone-srtp.ts';

const defaultCodecs = [
  [0, 'PCMU/8000'],
  [8, 'PCMA/8000'],
  [101, 'telephone-event/8000'],
] as const;

/** All that a phone can do that knows A-law only. */
export const alaw = [[8, 'PCMA/8000']] as const;

/** What the exchange knows nothing of. */
export const speex = [[97, 'speex/8000']] as const;

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** The phone's RTP socket and, once it is used, the RTCP socket above, what it heard, and the session descriptions that name it. */
export class PhoneMedia {
  readonly #address: string;
  readonly #codecs: readonly (readonly [number, string])[];
  readonly #port: DatagramPort | null;
  readonly #sockets: MemorySockets;
  #rtcpPort: DatagramPort | null = null;
  readonly #sessionId: string;
  /** Null: it knows plain media only. */
  readonly srtp: PhoneSrtp | null;
  #version = 0;
  #sequence = 1000;
  /** RTP packets that arrived and could be understood, with where from; decrypted. */
  readonly received: { readonly bytes: Uint8Array; readonly from: Address }[] = [];
  /** Datagrams that arrived, as they were. */
  readonly datagrams: Uint8Array[] = [];

  constructor(
    sockets: MemorySockets,
    address: string,
    codecs: readonly (readonly [number, string])[] = defaultCodecs,
    encryption: PhoneEncryption | null = null,
  ) {
    this.#sockets = sockets;
    this.#address = address;
    this.#codecs = codecs;
    const host = Number(address.split('.').at(-1));
    this.#sessionId = String(1000 + host);
    this.srtp = encryption && new PhoneSrtp(encryption, host);
    this.#port = sockets.open({ address, port: 0 }, (bytes, from) => {
      this.datagrams.push(Uint8Array.from(bytes));
      const packet = this.srtp ? this.srtp.open(bytes, from) : Uint8Array.from(bytes);
      if (packet) this.received.push({ bytes: packet, from });
    });
  }

  get local(): Address {
    return this.#port?.local ?? { address: this.#address, port: 0 };
  }

  /** The source that its packets name. */
  get ssrc(): number {
    return 0x1234_0000 + this.local.port;
  }

  /** Payloads that arrived, as text. */
  get heardText(): readonly string[] {
    return this.received.map(({ bytes }) => new TextDecoder().decode(bytes.subarray(12)));
  }

  /** A session description of this phone; further lines (a video stream, say) may follow. */
  describe(
    options: {
      readonly direction?: Direction;
      readonly codecs?: readonly (readonly [number, string])[];
      readonly more?: string;
      readonly address?: string;
      /** The offer that it answers, whose order its codecs are in then (RFC 3264 §6.1). */
      readonly to?: string | null;
    } = {},
  ): string {
    const { direction = 'sendrecv', more = '', address = this.#address, to = null } = options;
    const codecs = inOrderOf(to ?? '', options.codecs ?? this.#codecs);
    const { profile, lines: crypto } = this.srtp?.describe(to) ?? { profile: 'RTP/AVP', lines: [] };
    this.#version++;
    const lines = [
      'v=0',
      `o=phone ${this.#sessionId} ${this.#version} IN IP4 ${address}`,
      's=call',
      `c=IN IP4 ${address}`,
      't=0 0',
      `m=audio ${this.local.port} ${profile} ${codecs.map(([type]) => type).join(' ')}`,
      ...codecs.map(([type, map]) => `a=rtpmap:${type} ${map}`),
      ...crypto,
      `a=${direction}`,
    ];
    return `${lines.join('\r\n')}\r\n${more}`;
  }

  /** Sends one RTP packet with a text as payload to where a session description says. */
  say(text: string, sdp: string, payloadType = 0): void {
    this.send(new TextEncoder().encode(text), sdp, payloadType);
  }

  /** As `say`, with bytes as payload; each call stands for 20 ms at 8000 Hz. */
  send(payload: Uint8Array, sdp: string, payloadType = 0): void {
    const packet = new Uint8Array(12 + payload.length);
    const view = new DataView(packet.buffer);
    packet[0] = 0x80;
    packet[1] = payloadType;
    view.setUint16(2, ++this.#sequence & 0xffff);
    view.setUint32(4, this.#sequence * 160);
    view.setUint32(8, this.ssrc);
    packet.set(payload, 12);
    this.sendPacket(packet, sdp);
  }

  /** Sends a whole packet to where a session description says. */
  sendPacket(packet: Uint8Array, sdp: string): void {
    this.#port?.send(this.srtp?.protect(packet, sdp) ?? packet, mediaOf(sdp));
  }

  /** The next packets are lost on the way: their numbers are missing. */
  lose(count: number): void {
    this.#sequence += count;
  }

  /** Sends RTCP to the port above the one that a session description names. */
  report(packets: readonly RtcpPacket[], sdp: string): void {
    const { address, port } = mediaOf(sdp);
    this.#rtcpPort ??= this.#sockets.open({ address: this.#address, port: this.local.port + 1 }, () => {});
    this.#rtcpPort?.send(formatRtcp(packets), { address, port: port + 1 });
  }

  close(): void {
    this.#port?.close();
    this.#rtcpPort?.close();
  }
}

/** Those that are in an offer in its order, before the others. */
function inOrderOf(offer: string, codecs: readonly (readonly [number, string])[]) {
  const offered = [...offer.matchAll(/^a=rtpmap:\d+ (\S+)/gm)].map(([, map]) => map);
  const place = ([, map]: readonly [number, string]) => (offered.includes(map) ? offered.indexOf(map) : offered.length);
  return codecs.toSorted((one, other) => place(one) - place(other));
}

/** Where a session description wants its first stream. */
export function mediaOf(sdp: string): Address {
  const address = /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1];
  const port = /^m=audio (\d+)/m.exec(sdp)?.[1];
  if (!address || !port) throw new Error(`no audio in ${sdp}`);
  return { address, port: Number(port) };
}

/** The payload types on the audio line. */
export function payloadTypesOf(sdp: string): readonly number[] {
  return (/^m=audio \d+ \S+ (.*)$/m.exec(sdp)?.[1] ?? '').trim().split(' ').map(Number);
}
